//! Whether a line that was typed below a command is meant for the shell.
//!
//! Who types on does not always see that something is asked. What reads like a command is no
//! report before its writer says so: it may hold what nobody wants to tell.

use std::env;
use std::path::Path;

/// What shells can do without a program.
const BUILTINS: [&str; 15] = [
    ".", "alias", "bg", "cd", "eval", "exec", "exit", "export", "fg", "history", "jobs", "popd",
    "pushd", "set", "source",
];

/// Whether it reads like a command; `ran` is the program that ran before.
pub(super) fn is_for_the_shell(line: &str, ran: &str) -> bool {
    is_for_shell_with(line, ran, is_program)
}

fn is_for_shell_with(line: &str, ran: &str, is_program: impl Fn(&str) -> bool) -> bool {
    let mut words = line.split_whitespace();
    let Some(first) = words.next() else { return false };
    let name = Path::new(ran).file_name().unwrap_or_default();
    let is_alone = first.is_ascii() && line.trim() == first;
    let is_sign = |word: &str| 1 < word.len() && word.starts_with(['-', '|', '&', '>', '$']);
    first == "snag"
        || first == ran
        || *first == *name
        || BUILTINS.contains(&first)
        || first.contains(['/', '='])
        // An alias has no program.
        || is_alone
        || words.any(|word| is_sign(word) || word == "|")
        || is_program(first)
}

fn is_program(word: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(word).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_like_a_command_is_told_from_a_sentence() {
        let is_command =
            |line: &str| is_for_shell_with(line, "/opt/acme", |word| ["ls", "git"].contains(&word));
        for line in [
            "ls -la",
            "ll",
            "git push origin main",
            "snag undo",
            "acme deploy --token t0ken",
            "/opt/acme x",
            "./run it",
            "A=1 x y",
            "cd web",
            "k get pods | less",
            "k get pods -n web",
        ] {
            assert!(is_command(line), "{line}");
        }
        for line in ["it hangs", "the total - again - is hidden", "日本語", "", "List is empty"]
        {
            assert!(!is_command(line), "{line}");
        }
    }
}
