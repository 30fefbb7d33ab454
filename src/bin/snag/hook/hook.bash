# Notices how the commands you watch end. Made by: snag hook bash
# Nothing but those commands leaves this shell, and no process is started for any other one.
if [[ $- == *i* ]] && ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)) && [[ -z ${_snag_line+x} ]]; then
    _snag_line='' _snag_at=0 _snag_seen=0 _snag_job=''

    # Before each simple command. The line is not known here, only its commands one by one, so they
    # are counted: as in other shells the first is the one that is looked at.
    _snag_before() {
        [[ $BASH_COMMAND != _snag_after ]] || return 0
        _snag_seen=$((_snag_seen + 1))
        ((_snag_seen == 1)) || return 0
        case $BASH_COMMAND in
        @PATTERNS@) _snag_line=$BASH_COMMAND _snag_at=${EPOCHREALTIME/[^0-9]/} _snag_job=${!-} ;;
        esac
    }

    # Before each prompt. bash gives back $? and PIPESTATUS by itself to what comes after.
    _snag_after() {
        local status=$? all=("${PIPESTATUS[@]}")
        if [[ -n $_snag_line ]]; then
            local line=$_snag_line took=$(((${EPOCHREALTIME/[^0-9]/} - _snag_at) / 1000)) part=part
            _snag_line=''
            # As many commands as statuses: it was the first of a pipeline, or alone; and no job.
            [[ $_snag_seen != "${#all[@]}" || $_snag_job != "${!-}" ]] || part=whole
            (SNAG_LINE=$line command snag heard "${all[0]}" "$took" "$part" </dev/null >/dev/null 2>&1 &)
        fi
        _snag_seen=0
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
