# Notices how the commands you watch end. Made by: snag hook zsh
# Nothing but those commands leaves this shell, and no process is started for any other one.
if [[ -o interactive && -z ${_snag_line+x} ]] && zmodload zsh/datetime; then
    typeset -g _snag_line='' _snag_at=0

    _snag_before() {
        emulate -L zsh
        case $1 in
        (@PATTERNS@) _snag_line=$1 _snag_at=$EPOCHREALTIME ;;
        (*) _snag_line='' ;;
        esac
    }

    _snag_after() {
        local -a all=("${pipestatus[@]}")
        emulate -L zsh
        [[ -n $_snag_line ]] || return 0
        local line=$_snag_line
        local -i took='(EPOCHREALTIME - _snag_at) * 1000'
        _snag_line=''
        (SNAG_LINE=$line command snag heard "$all[1]" "$took" whole </dev/null >/dev/null 2>&1 &)
        return 0
    }

    autoload -Uz add-zsh-hook
    add-zsh-hook preexec _snag_before
    # The first to be asked knows how the command ended, whatever the others do.
    precmd_functions=(_snag_after $precmd_functions)
fi
