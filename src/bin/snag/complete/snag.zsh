#compdef snag
# Completes snag's command line in zsh. Made by: snag completions zsh
# What it completes comes from the running snagd; without one it says nothing.
_snag() {
    local line word
    local -a found
    while IFS= read -r line; do
        if [[ $line == $'\tfiles' ]]; then
            compset -P '*='
            _files
            return
        fi
        if [[ $line == $'\tprograms' ]]; then
            _command_names -e
            return
        fi
        word=${line%%$'\t'*}
        found+=("${${word//\\/\\\\}//:/\\:}${${line#"$word"}/$'\t'/:}")
    done < <(command snag complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    # A part of each segment is enough: w/ch/p completes web/checkout/pay.
    (( $#found )) && _describe -V snag found -M 'r:|/=* r:|=*'
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _snag "$@"
elif (( $+functions[compdef] )); then
    compdef _snag snag
fi
