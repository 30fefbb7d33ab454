# Notices how the commands you watch end. Made by: snag hook bash
# Nothing but those commands leaves this shell, and no process is started for any other one.
if [[ $- == *i* && -n ${BASH_VERSION-} ]] && ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 501)) && [[ -z ${_snag_line+x} ]]; then
    _snag_line=''
    echo "snag: the hook needs bash 5.1 or later, and this is $BASH_VERSION: in this shell only snag run notices anything" >&2
fi
if [[ $- == *i* ]] && ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)) && [[ -z ${_snag_line+x} ]]; then
    _snag_line='' _snag_at=0 _snag_seen=0 _snag_job='' _snag_number='' _snag_is_new=''

    _snag_watches() {
        case $1 in
        @PATTERNS@) return 0 ;;
        esac
        return 1
    }

    # Before each simple command. The line is not known here, only its commands one by one, so they
    # are counted: as in other shells the first is the one that is looked at.
    _snag_before() {
        [[ $BASH_COMMAND != _snag_after ]] || return 0
        _snag_seen=$((_snag_seen + 1))
        ((_snag_seen == 1)) && _snag_watches "$BASH_COMMAND" || return 0
        # At the prompt HISTCMD was what it is now if the line is a new one in the history.
        [[ $HISTCMD == "$_snag_number" ]] && _snag_is_new=1 || _snag_is_new=''
        _snag_line=$BASH_COMMAND _snag_at=${EPOCHREALTIME/[^0-9]/} _snag_job=${!-}
    }

    # In a process of its own, beside the next prompt: as in other shells, what was typed counts, not
    # what an alias makes of it, and nothing that begins with a blank. Only the history tells, and what
    # it was not given is not ours to see: a line that is no new one there is the last one again, or was
    # held back.
    _snag_tell() {
        local typed name
        typed=$(HISTTIMEFORMAT='' builtin history 1)
        typed=${typed#*[0-9][* ] }
        if [[ -z $_snag_is_new ]]; then
            name=${typed%%[[:space:]]*}
            name=${BASH_ALIASES[${name:-.}]-$name}${typed#"$name"}
            [[ ${name//[[:space:]\\]/} == "${1//[[:space:]\\]/}"* ]] || return 0
        fi
        ! _snag_watches "$typed" || SNAG_LINE=$typed command snag heard "${@:2}"
    }

    # Before each prompt. bash gives back $? and PIPESTATUS by itself to what comes after.
    _snag_after() {
        local status=$? all=("${PIPESTATUS[@]}")
        if [[ -n $_snag_line ]]; then
            local line=$_snag_line took=$(((${EPOCHREALTIME/[^0-9]/} - _snag_at) / 1000)) part=part
            _snag_line=''
            # As many commands as statuses: it was the first of a pipeline, or alone; and no job.
            [[ $_snag_seen != "${#all[@]}" || $_snag_job != "${!-}" ]] || part=whole
            (_snag_tell "$line" "${all[0]}" "$took" "$part" </dev/null >/dev/null 2>&1 &)
        fi
        _snag_seen=0 _snag_number=$HISTCMD
        # Where a failure would end the shell, it has not got here.
        [[ $- == *e* ]] || return "$status"
    }

    _snag_others=$(trap -p DEBUG)
    _snag_others=${_snag_others#"trap -- '"}
    _snag_others=${_snag_others%"' DEBUG"}
    # The argument gives back $_.
    trap "_snag_before \"\$_\"${_snag_others:+; ${_snag_others//"'\\''"/"'"}}" DEBUG
    unset -v _snag_others
    PROMPT_COMMAND=(_snag_after "${PROMPT_COMMAND[@]}")
    # Once a line was read: what ran for the prompt is none of it.
    PS0=${PS0-}'${_snag_job:$((_snag_seen = 0)):0}'
fi
