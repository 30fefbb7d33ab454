# Completes snag's command line in fish. Made by: snag completions fish
# What it completes comes from the running snagd; without one it says nothing.
function __snag_complete
    set -l words (commandline -opc)
    while set -q words[1]; and string match -q '*=*' -- $words[1]
        set -e words[1]
    end
    set -l current (commandline -ct)
    for line in (command snag complete fish $words[2..] "$current" 2>/dev/null)
        if test "$line" = \tfiles
            __fish_complete_path "$current"
        else if test "$line" = \tprograms
            complete -C "$current"
        else
            echo -- $line
        end
    end
end
complete -c snag -e
complete -c snag -f -k -a '(__snag_complete)'
