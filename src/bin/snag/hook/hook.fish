# Notices how the commands you watch end. Made by: snag hook fish
# Nothing but those commands leaves this shell, and no process is started for any other one.
if status is-interactive; and not functions -q _snag_after
    function _snag_after --on-event fish_postexec
        set -l all $pipestatus
        set -l took $CMD_DURATION
        set -q fish_private_mode; and return
        set -l last $last_pid
        switch "$argv[1]"
            case @PATTERNS@
                SNAG_LINE="$argv[1]" command snag heard $all[1] $took whole </dev/null >/dev/null 2>&1 &
                disown $last_pid 2>/dev/null
                # It is the user's, and may be about to be waited for.
                set -g last_pid $last
        end
    end
end
