//! Completions as the real shells have them: bash, zsh and fish, each driven without a person.

use std::process::Command;

use serde_json::json;

use crate::harness::{Dir, Said, Snagd, bare_shell, until};

/// Prints what bash would complete, a word a line.
const BASH: &str = r#"
eval "$(snag completions bash)" && COMP_LINE=$LINE COMP_POINT=${#LINE} && _snag
printf '%s\n' "${COMPREPLY[@]}"
"#;
/// Prints what fish would complete.
const FISH: &str = "fish --no-config -c 'snag completions fish | source; complete -C $LINE'";
/// Types the line and a Tab into a real zsh, and prints what the line is then.
const ZSH: &str = r#"
cat >type.zsh <<'END'
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1= PS2=; autoload -Uz compinit; compinit -u -D; source <(snag completions zsh)'
zpty -w z 'probe() { zle expand-or-complete; print -r -- "$BUFFER" >typed; exit }'
zpty -w z 'zle -N probe; bindkey "^X" probe'
zpty -w -n z "$LINE"$'\C-x'
while zpty -r z line; do print -rn -- "$line" >>screen; done
END
zsh -f type.zsh && cat typed
"#;

/// A daemon with names to complete.
fn with_names() -> Snagd {
    let snagd = Snagd::start();
    let told = [
        json!({"place": "web/checkout/pay", "person": "ana", "version": "1.4.2"}),
        json!({"place": "web/checkout/address", "person": "ada b's", "version": "1.10.0"}),
        json!({"place": "cli/deploy", "person": "-x", "version": "--version"}),
    ];
    for mut event in told {
        event["note"] = json!("x");
        snagd.post(&event.to_string()).is(201);
    }
    snagd
}

/// What a shell makes of a line at a Tab.
fn tab(snagd: &Snagd, script: &str, line: &str) -> Said {
    let mut shell = bare_shell(snagd.dir.path());
    shell.arg(script).env("LINE", line).current_dir(snagd.dir.path());
    shell.env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
    let said = Said::of(line.to_owned(), &shell.output().unwrap()).ok();
    assert!(said.stderr.is_empty(), "{said:#?}");
    said
}

/// What is completed; on a busy machine an answer may come too late, and then there is none.
fn completes(snagd: &Snagd, script: &str, line: &str, expected: &str) {
    until(&format!("{line} completes to {expected:?}"), || {
        let said = tab(snagd, script, line);
        let is_right = said.stdout.trim_end() == expected;
        // Shown by a failing test only.
        if !is_right {
            eprintln!("{line} completes to {:?}", said.stdout.trim_end());
        }
        is_right
    });
}

#[test]
fn bash_completes_what_the_daemon_knows() {
    let snagd = with_names();
    completes(&snagd, BASH, "snag why web/", "web/checkout/address\nweb/checkout/pay");
    completes(&snagd, BASH, "snag log x --version ", "1.10.0\n1.4.2");
    completes(
        &snagd,
        BASH,
        "snag log x --person ",
        r"ada\ b\'s
ana",
    );
    completes(&snagd, BASH, "snag log x --person 'ad", r"ada b'\''s");
    completes(&snagd, BASH, "snag hotspots --under=c", "cli/deploy");
    completes(&snagd, BASH, "snag log x --kind=sl", "slow");
    completes(&snagd, BASH, "snag hot", "hotspots");
    // It may lie in several directories of PATH.
    let words = "COMP_WORDS=(snag run -- run-par) COMP_CWORD=3";
    let words = format!("{words}; ({BASH}) | sort -u");
    completes(&snagd, &words, "snag run -- run-par", "run-parts");
    let elsewhere = format!("snag --url unix:{} why cl", snagd.socket().display());
    completes(&snagd, &format!("SNAG_URL=unix:/nowhere; {BASH}"), &elsewhere, "cli/deploy");
}

#[test]
fn zsh_completes_what_the_daemon_knows() {
    let snagd = with_names();
    completes(&snagd, ZSH, "snag why web/checkout/p", "snag why web/checkout/pay");
    completes(&snagd, ZSH, "snag why w/ch/ad", "snag why web/checkout/address");
    completes(&snagd, ZSH, "snag log x --version 1.1", "snag log x --version 1.10.0");
    completes(&snagd, ZSH, "snag log x --person ad", r"snag log x --person ada\ b\'s");
    completes(&snagd, ZSH, "snag log x --kind=sl", "snag log x --kind=slow");
    completes(&snagd, ZSH, "snag import type.z", "snag import type.zsh");
    completes(&snagd, ZSH, "snag run -- run-par", "snag run -- run-parts");
    completes(&snagd, ZSH, "snag hot", "snag hotspots");
}

#[test]
fn fish_completes_what_the_daemon_knows() {
    let snagd = with_names();
    completes(&snagd, FISH, "snag why web/", "web/checkout/address\nweb/checkout/pay");
    completes(&snagd, FISH, "snag log x --version ", "1.10.0\n1.4.2");
    completes(&snagd, FISH, "snag log x --person ad", "ada b's");
    completes(&snagd, FISH, "A=1 snag log x --kind=sl", "--kind=slow");
    // What fish says of it depends on the manual pages there are.
    let names = format!("{FISH} | cut -f 1");
    completes(&snagd, &names, "snag run -- run-par", "run-parts");
    completes(&snagd, FISH, "snag hot", "hotspots\tRank the places that hurt most");
}

/// Prints what the last word of the line means to bash once its last letter is completed and its quotes
/// are closed.
const BASH_WORD: &str = r#"
eval "$(snag completions bash)" && COMP_LINE=$LINE COMP_POINT=${#LINE} && _snag
quote=${LINE: -2:1}
eval "set -- ${LINE%?}${COMPREPLY[0]}${quote% }"
printf '%s' "${@: -1}"
"#;

#[test]
fn what_somebody_told_runs_in_no_shell() {
    let snagd = Snagd::start();
    let names = ["y $(touch ran) `touch ran`", "z'; touch ran; '", "x\"; touch ran; \"\\"];
    for (name, place) in names.iter().zip(["a", "b", "c"]) {
        let told = json!({"place": place, "note": "x", "person": name, "version": name});
        snagd.post(&told.to_string()).is(201);
    }
    let zsh = r#"eval "set -- $(cat typed)" 2>/dev/null; printf '%s' "${@: -1}""#;
    let zsh = ZSH.replace("cat typed", zsh);
    for name in names {
        for quote in ["", "\"", "'"] {
            let begin = &name[..1];
            completes(&snagd, BASH_WORD, &format!("snag hotspots --person {quote}{begin}"), name);
            completes(&snagd, &zsh, &format!("snag hotspots --version {quote}{begin}"), name);
        }
    }
    assert!(!snagd.dir.path().join("ran").exists());
}

/// Asks as the scripts do, whatever the environment.
fn complete(dir: &Dir, words: &[&str], adapt: impl FnOnce(&mut Command)) -> Said {
    let mut command = crate::harness::snag(dir.path());
    command.arg("complete").args(words);
    adapt(&mut command);
    let said = Said::new(&mut command, words).ok();
    assert!(said.stderr.is_empty(), "{said:#?}");
    said
}

#[test]
fn files_are_left_to_the_shell() {
    let dir = Dir::new();
    for words in [&["bash", "snag import s", ""][..], &["fish", "demo", "--dir", "x"]] {
        assert_eq!(complete(&dir, words, |_| ()).stdout, "\tfiles\n");
    }
}

#[test]
fn without_a_daemon_nothing_is_said() {
    let dir = Dir::new();
    for url in ["", "unix:/nowhere", "nonsense", "http://127.0.0.1:1", "http://no.such.host:1"] {
        for words in [
            &["bash", "snag why web/", ""][..],
            &["zsh", "log", "x", "--person", ""],
            &["fish", "log", "x", "--version", "1"],
            &["bash"],
            &["fish", "why", "--nonsense", "--", "-", "'"],
        ] {
            let said = complete(&dir, words, |command| {
                command.env("SNAG_URL", url);
            });
            let is_root = words.len() == 1;
            assert_eq!(said.stdout.is_empty(), !is_root, "{url}: {said:#?}");
        }
    }
}

#[test]
fn a_daemon_that_hangs_holds_no_prompt() {
    let snagd = with_names();
    snagd.signal("STOP");
    let said = tab(&snagd, BASH, "snag why web/");
    snagd.signal("CONT");
    assert_eq!(said.stdout.trim(), "", "{said:#?}");
}
