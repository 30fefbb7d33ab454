//! The shell hook, in the real shells on a real terminal.

use std::fs;
use std::process::Command;

use crate::harness::{Dir, Said, Snagd, bare_shell, snag, until};
use crate::run::{install, noticed};
use crate::terminal::Terminal;

/// A product with a command line: `acme exit 3`, `acme kill SEGV`.
const ACME: &str = r#"#!/bin/sh
case $1 in
exit) exit "$2" ;;
kill) kill -"$2" $$ ;;
esac
"#;

/// How each shell is started with a configuration of the test's.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "exec bash --noprofile --rcfile rc -i"),
    ("zsh", "ZDOTDIR=$PWD exec zsh -d -i"),
    ("fish", "exec fish -i -C 'source rc'"),
];

/// A shell with the hook, watching `acme`, between what a user has before and after it.
fn shell(snagd: &Snagd, name: &str, before: &str, after: &str) -> Terminal {
    let (_, start) = SHELLS.iter().find(|(shell, _)| *shell == name).unwrap();
    start_shell(snagd, name, start, before, after)
}

fn start_shell(snagd: &Snagd, name: &str, start: &str, before: &str, after: &str) -> Terminal {
    let config = snagd.path("home/.config/snag");
    fs::create_dir_all(&config).unwrap();
    fs::write(
        config.join("snagd.toml"),
        "watch = ['acme', 'acme *', 'acme exit *', 'acme kill *', 'acme pipe']\n",
    )
    .unwrap();
    // Where there are none yet, fish makes completions of all manuals, in processes of its own.
    fs::create_dir_all(snagd.path("home/.local/share/fish/generated_completions")).unwrap();
    install(&snagd.path("bin"), "acme", ACME);
    install(&snagd.path("bin"), "man", "#!/bin/sh\necho manual\n");
    let hook = match name {
        "fish" => "snag hook fish | source".to_owned(),
        name => format!("eval \"$(snag hook {name})\""),
    };
    let rc = format!("PS1='$ '\n{before}\n{hook}\n{after}\n");
    let rc = if name == "fish" {
        rc.replace("PS1='$ '", "function fish_prompt; echo '$ '; end")
    } else {
        rc
    };
    for file in ["rc", ".zshrc"] {
        fs::write(snagd.path(file), &rc).unwrap();
    }
    let mut shell = bare_shell(snagd.dir.path());
    let path = shell.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path);
    let path = format!("{}:{}", snagd.path("bin").display(), path.unwrap().to_str().unwrap());
    shell.env("PATH", path).env("XDG_RUNTIME_DIR", snagd.dir.path()).arg(start);
    shell.env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
    shell.env("SNAG_DROP", snagd.drop_dir()).current_dir(snagd.dir.path());
    let terminal = Terminal::run(&shell);
    terminal.shows("$ ");
    terminal
}

/// Types a line; what is shown until the shell has run it.
fn types(terminal: &mut Terminal, number: &mut u32, line: &str) -> String {
    *number += 1;
    let from = terminal.screen().len();
    terminal.press(&format!("{line}\r"));
    terminal.press(&format!("echo \"do\"ne-{number}-\r"));
    terminal.shows_after(from, &format!("done-{number}-"));
    terminal.screen()[from..].to_owned()
}

fn notices(name: &str) {
    let snagd = Snagd::start();
    let mut terminal = shell(&snagd, name, "", "");
    let mut number = 0;
    let mut step = |line: &str| types(&mut terminal, &mut number, line);
    let status = if name == "fish" { "$status" } else { "$?" };
    step("acme exit 0 s3cr3t");
    let uses = |place: &str, uses: usize| {
        until(&format!("{uses} uses of {place} are recorded in {name}"), || {
            noticed(&snagd, place).1 == uses
        });
    };
    uses("cli/acme/exit", 1);
    step("acme exit 3 s3cr3t");
    uses("cli/acme/exit", 2);
    step("man acme");
    until("the manual is an answer to the failure", || {
        noticed(&snagd, "cli/acme/exit").0 == ["failure", "help-after-error"]
    });
    for uses_now in [3, 4] {
        step("acme exit 3 s3cr3t");
        uses("cli/acme/exit", uses_now);
    }
    let signals = |place: &str, expected: &[&str]| {
        until(&format!("{name} notices {expected:?} at {place}"), || {
            noticed(&snagd, place).0 == expected
        });
    };
    let failed = ["failure", "failure", "failure", "help-after-error", "rerun"];
    signals("cli/acme/exit", &failed);
    step("acme kill SEGV");
    uses("cli/acme/kill", 1);
    signals("cli/acme/kill", &["crash"]);
    // Of a pipeline, its first status; of other commands on the line, none.
    step("acme pipe | cat; true");
    step("acme exit 4 | cat");
    uses("cli/acme/exit", 5);
    step("acme exit 5; true");
    uses("cli/acme/exit", 6);
    uses("cli/acme/pipe", 1);
    signals("cli/acme/exit", &[&["failure"], &failed[..]].concat());
    let screen = step(&format!("acme exit 7; echo code {status}"));
    assert!(screen.contains("code 7"), "{screen}");
    uses("cli/acme/exit", 7);
    // Nothing else is noticed, and no job is talked of.
    for line in
        ["true; acme later", "false | acme later", "acmeish; echo acme; false", " acme hidden"]
    {
        step(line);
    }
    assert!(!terminal.screen().contains("[1]"), "{}", terminal.screen());
    // How it ended in the background is not known.
    types(&mut terminal, &mut number, "acme exit 8 &");
    uses("cli/acme/exit", 8);
    signals("cli/acme/exit", &[&["failure"], &failed[..]].concat());
    tells_of_nothing_else(&snagd);
}

/// Lines that are kept private by a blank, and an alias, whatever the shell does with its history.
fn looks_at_what_is_typed(name: &str, history: &str) {
    let snagd = Snagd::start();
    let before = format!("{history}\nalias other='acme commit'; alias acme='acme --bare'");
    let mut terminal = shell(&snagd, name, &before, "");
    let mut number = 0;
    let lines = [
        "acme deploy",
        " acme deploy 1",
        "acme deploy",
        " acme fetch",
        "other",
        "command acme fetch",
        "acme  deploy",
    ];
    for line in lines {
        types(&mut terminal, &mut number, line);
    }
    // The same at once again, and with a blank that hides it.
    terminal.press("acme  deploy\r acme deploy 2\r");
    types(&mut terminal, &mut number, "true");
    let places = || {
        let events = snagd.events();
        let places = events.iter().map(|event| event["place"].as_str().unwrap().to_owned());
        places.collect::<Vec<_>>()
    };
    until(&format!("{name} with {history:?} tells of four"), || 4 <= places().len());
    assert_eq!(places(), ["cli/acme/deploy"; 4], "{name} with {history:?}");
}

#[test]
fn a_blank_hides_a_line_and_an_alias_is_what_was_typed() {
    for history in ["HISTCONTROL=", "HISTCONTROL=ignorespace", "HISTCONTROL=ignoreboth:erasedups"] {
        looks_at_what_is_typed("bash", history);
    }
    for history in ["", "setopt hist_ignore_space hist_ignore_dups"] {
        looks_at_what_is_typed("zsh", history);
    }
    looks_at_what_is_typed("fish", "");
}

/// All that is there is of `acme`, and no argument.
fn tells_of_nothing_else(snagd: &Snagd) {
    let others = snagd.events().into_iter().filter(|event| {
        !event["place"].as_str().is_some_and(|place| place.starts_with("cli/acme/"))
    });
    assert_eq!(others.count(), 0);
    let sources = snagd.events();
    assert!(sources.iter().all(|event| event["source"] == "hook"), "{sources:#?}");
    let mut grep = Command::new("grep");
    let kept = grep.args(["-rl", "s3cr3t"]).args([snagd.state(), snagd.path("snag.noticed")]);
    assert_eq!(
        String::from_utf8_lossy(&kept.output().unwrap().stdout),
        "",
        "an argument is stored"
    );
}

#[test]
fn bash_notices_what_is_watched() {
    notices("bash");
}

#[test]
fn zsh_notices_what_is_watched() {
    notices("zsh");
}

#[test]
fn fish_notices_what_is_watched() {
    notices("fish");
}

/// What a user has of their own before and after the hook, and lines with what they have to show.
fn leaves_alone(name: &str, before: &str, after: &str, lines: &[(&str, &str)]) {
    let snagd = Snagd::start();
    let mut terminal = shell(&snagd, name, before, after);
    let mut number = 0;
    for (line, shown) in lines {
        let screen = types(&mut terminal, &mut number, line);
        assert!(screen.contains(shown), "{name}: {line} does not show {shown}: {screen}");
    }
    types(&mut terminal, &mut number, "acme exit 3");
    until(&format!("{name} still notices"), || !noticed(&snagd, "cli/acme/exit").0.is_empty());
}

#[test]
fn bash_keeps_what_is_the_users() {
    let before = "mine() { echo \"before:$?:${PIPESTATUS[*]}\"; }; PROMPT_COMMAND=mine\ntrap ': $((traps += 1)) \"$_\"' DEBUG";
    let after = "PROMPT_COMMAND+=('echo \"after:$?:${PIPESTATUS[*]}\"')\nset -u";
    leaves_alone(
        "bash",
        before,
        after,
        &[
            ("acme exit 3 | (exit 4)", "before:4:3 4"),
            ("acme exit 5", "after:5:5"),
            ("false | true", "after:0:1 0"),
            ("acme exit 6; echo st=$?", "st=6"),
            ("acme exit 0 last; echo arg=$_", "arg=last"),
            ("((0 < traps)) && echo trapped", "trapped"),
            ("set -e; acme exit 0; ! true", "after:1:"),
            ("set +e; sleep 0.1 & wait $!; echo back=$?", "back=0"),
            ("sleep 0.1 & mine=$!; echo begun=$?", "begun=0"),
            ("acme exit 7; echo st=$?", "st=7"),
            ("[ $! = $mine ]; echo same=$?", "same=0"),
        ],
    );
}

#[test]
fn zsh_keeps_what_is_the_users() {
    let before =
        "precmd() { print \"before:$?:${pipestatus[*]}\" }; preexec() { print \"runs:$1\" }";
    let after = "mine() { print \"after:$?:${pipestatus[*]}\" }; precmd_functions+=(mine)\nsetopt nounset ksh_arrays sh_word_split";
    leaves_alone(
        "zsh",
        before,
        after,
        &[
            ("acme exit 3 | (exit 4)", "before:4:3 4"),
            ("acme exit 5", "after:5:5"),
            ("false | true", "after:0:1 0"),
            ("acme exit 6; echo st=$?", "st=6"),
            ("echo runs it", "runs:echo runs it"),
            ("set -e; acme exit 0; ! true", "after:1:"),
            ("set +e; sleep 0.1 & wait $!; echo back=$?", "back=0"),
            ("sleep 0.1 & mine=$!; echo begun=$?", "begun=0"),
            ("acme exit 7; echo st=$?", "st=7"),
            ("[ $! = $mine ]; echo same=$?", "same=0"),
        ],
    );
}

#[test]
fn fish_keeps_what_is_the_users() {
    let before = "function mine --on-event fish_postexec; echo \"before:$status:$pipestatus\"; end";
    let after = "function other --on-event fish_postexec; echo \"after:$status:$pipestatus\"; end";
    leaves_alone(
        "fish",
        before,
        after,
        &[
            ("acme exit 3 | acme exit 4", "before:4:3 4"),
            ("acme exit 5", "after:5:5"),
            ("false | true", "after:0:1 0"),
            ("acme exit 6; echo st=$status", "st=6"),
            ("sleep 0.1 &; set -g mine $last_pid; echo begun=$status", "begun=0"),
            ("acme exit 7; echo st=$status", "st=7"),
            ("test $last_pid = $mine; echo same=$status", "same=0"),
        ],
    );
}

#[test]
fn what_is_not_watched_starts_no_process() {
    for (name, start) in SHELLS {
        let snagd = Snagd::start();
        let strace = "exec strace -f -qq -e trace=fork,vfork,clone,clone3 -o trace ";
        let mut terminal = start_shell(&snagd, name, &start.replace("exec ", strace), "", "");
        // Threads are no processes.
        let made = || {
            let trace = fs::read_to_string(snagd.path("trace")).unwrap();
            let is_call = |line: &&str| line.contains("clone") || line.contains("fork");
            let is_rest = |line: &str| line.contains("CLONE_THREAD") || line.contains("resumed");
            trace.lines().filter(is_call).filter(|line| !is_rest(line)).count()
        };
        let mut number = 0;
        types(&mut terminal, &mut number, "echo begun");
        let before = made();
        for line in ["echo acme", "true", "set -q nothing", "cd /"] {
            types(&mut terminal, &mut number, line);
        }
        assert_eq!(made(), before, "{name}");
        types(&mut terminal, &mut number, "acme exit 0");
        assert!(before + 2 <= made(), "{name}: the command and what tells of it are processes");
    }
}

/// Regression: an older bash was told nothing, and noticed nothing.
#[test]
fn a_bash_that_is_too_old_says_so_once() {
    let snagd = Snagd::start();
    // The numbers of a shell cannot be changed, so the hook is.
    let old = "eval \"$(snag hook bash | sed 's/BASH_VERSINFO.0./4/g')\"";
    let mut terminal = shell(&snagd, "bash", &format!("{old}\n{old}"), "");
    types(&mut terminal, &mut 0, "acme exit 0");
    let screen = terminal.screen();
    assert_eq!(screen.matches("the hook needs bash 5.1 or later").count(), 1, "{screen}");
    assert_eq!(noticed(&snagd, "cli/acme/exit").1, 0);
}

#[test]
fn a_shell_is_told_what_is_missing() {
    let dir = Dir::new();
    let hook = |args: &[&str]| Said::new(snag(dir.path()).args(args), args);
    let said = hook(&["hook", "bash"]).ended(2);
    assert!(said.stderr.contains("watch = [\"acme\", \"acme *\"]"), "{said:#?}");
    assert!(said.stdout.is_empty());
    let config = dir.path().join("home/.config/snag");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("snagd.toml"), "watch = [\"acme; rm\"]\n").unwrap();
    assert!(hook(&["hook", "zsh"]).ended(2).stderr.contains("snagd.toml:1: `watch`"));
    // What only a hook says is never answered.
    for words in [&["heard", "1", "2", "whole"][..], &["heard", "x"], &["heard"]] {
        let said = hook(words);
        assert!(said.stdout.is_empty(), "{said:#?}");
    }
}
