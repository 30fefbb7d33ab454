# Completes snag's command line in bash. Made by: snag completions bash
# What it completes comes from the running snagd; without one it says nothing.
_snag() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == $'\tfiles' ]]; then
            compopt -o default 2>/dev/null
        elif [[ $line == $'\tprograms' ]]; then
            mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
        else
            COMPREPLY+=("${line%%$'\t'*}")
        fi
    done < <(command snag complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -o nosort -F _snag snag 2>/dev/null || complete -F _snag snag
