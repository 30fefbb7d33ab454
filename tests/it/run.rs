//! `snag run`: the command is untouched, whatever happens to us, and what stands out is recorded.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::harness::{Dir, Snagd, bare_shell, until, wait};
use crate::not_tried::not_tried;
use crate::terminal::Terminal;

/// A product with a command line: `acme exit 3`, `acme kill SEGV`, `acme run '…'`.
const ACME: &str = r#"#!/bin/sh
[ "$1" = run ] || echo "acme $1"
case $1 in
exit) exit "$2" ;;
kill) kill -"$2" $$ ;;
run) eval "$2" ;;
esac
"#;

/// A shell that has `acme` and `snag`, and knows the daemon.
pub(crate) fn shell(snagd: &Snagd, script: &str) -> Command {
    let mut shell = with_acme(&snagd.dir);
    shell.arg(script).env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
    shell.env("SNAG_DROP", snagd.drop_dir());
    shell
}

/// A shell that has `acme` and `snag`.
fn with_acme(dir: &Dir) -> Command {
    let bin = dir.path().join("bin");
    install(&bin, "acme", ACME);
    let config = dir.path().join("home/.config/snag");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("snagd.toml"), "watch = ['acme exit *', 'acme kill *']\n").unwrap();
    let mut shell = bare_shell(dir.path());
    let path = shell.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path);
    let path = format!("{}:{}", bin.display(), path.unwrap().to_str().unwrap());
    shell.env("PATH", path).env("XDG_RUNTIME_DIR", dir.path()).current_dir(dir.path());
    shell
}

pub(crate) fn install(bin: &Path, name: &str, script: &str) {
    fs::create_dir_all(bin).unwrap();
    let program = bin.join(name);
    if !program.exists() {
        // Written under another name: a program that is being written cannot be run.
        let draft = bin.join(format!(".{name}"));
        fs::write(&draft, script).unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(draft, program).unwrap();
    }
}

/// The names of the signals at a place, and how many uses.
pub(crate) fn noticed(snagd: &Snagd, place: &str) -> (Vec<String>, usize) {
    let events = snagd.events().into_iter().filter(|event| event["place"] == place);
    let (uses, others): (Vec<Value>, Vec<_>) = events.partition(|event| event["class"] == "use");
    let name = |event: &Value| event["signal"]["name"].as_str().unwrap_or("report").to_owned();
    let mut names: Vec<_> = others.iter().map(name).collect();
    names.sort();
    (names, uses.len())
}

fn same(with: &Output, without: &Output, what: &str) {
    let told = |output: &Output| {
        (output.status.code(), output.status.signal(), output.stdout.clone(), output.stderr.clone())
    };
    assert_eq!(told(with), told(without), "{what}: {with:#?}\n{without:#?}");
}

#[test]
fn the_command_ends_and_says_what_it_does_without_us() {
    let snagd = Snagd::start();
    let commands = [
        "acme exit 0",
        "acme exit 3",
        "acme exit 255",
        "acme kill SEGV",
        "acme kill KILL",
        "acme kill TERM",
        "acme kill USR1",
        "acme run 'printf \"a\\0b\\377\"; echo e >&2'",
        "acme run 'cat; echo \"$0 $#\"' < in",
        "acme -- --json --help -h",
        // But for the two that the C library ignores in whatever it starts.
        "acme run 'grep -E \"^Sig(Blk|Ign|Cgt)\" /proc/self/status | sed \"s/:........./:/\"'",
        "acme run 'ls -l /proc/self/fd | grep -c \" 9 \"' 9< in",
        "acme run 'ulimit -n; umask; pwd; env -u _ -u SHLVL | sort'",
    ];
    let exec = |prefix: &str, command: &str| {
        let mut shell = shell(&snagd, &format!("exec {prefix} {command}"));
        fs::write(snagd.path("in"), b"line\nbytes \xff\x00\n").unwrap();
        shell.output().unwrap()
    };
    for command in commands {
        same(&exec("snag run --", command), &exec("", command), command);
    }
    same(
        &exec("snag run", "acme exit 4 --at x"),
        &exec("", "acme exit 4 --at x"),
        "without dashes",
    );
    // What was ignored stays ignored.
    let ignoring = "trap '' HUP INT QUIT USR1;";
    let look = "acme run 'grep -o SigIgn.* /proc/self/status | cut -c 17-'";
    let run =
        |prefix: &str| shell(&snagd, &format!("{ignoring} {prefix} {look}")).output().unwrap();
    same(&run("snag run --"), &run(""), "ignored signals");
}

#[test]
fn a_command_that_is_not_there_ends_as_in_a_shell() {
    let snagd = Snagd::start();
    let run = |command: &str| shell(&snagd, command).output().unwrap();
    fs::write(snagd.path("plain"), "exit 5\n").unwrap();
    assert_eq!(run("snag run -- nosuchcommand").status.code(), Some(127));
    assert_eq!(run("snag run -- ./plain").status.code(), Some(126));
    assert_eq!(run("chmod +x plain; snag run -- ./plain").status.code(), Some(5), "no first line");
    // Found in PATH, not here, where no shell looks for it.
    fs::write(snagd.path("bin/listed"), "exit 6\n").unwrap();
    fs::write(snagd.path("listed"), "exit 7\n").unwrap();
    assert_eq!(run("chmod +x bin/listed; snag run -- listed").status.code(), Some(6));
    assert_eq!(run("snag run").status.code(), Some(2));
    assert_eq!(run("snag run --at web/../x -- touch touched").status.code(), Some(2));
    assert!(!snagd.path("touched").exists());
}

#[test]
fn a_use_is_recorded_and_what_failed_is_a_signal() {
    let snagd = Snagd::start();
    let run = |command: &str| shell(&snagd, command).output().unwrap();
    run("snag run -- acme exit 0 --token s3cr3t-argument");
    run("for n in 1 2 3; do snag run -- acme exit 7 s3cr3t-argument; done");
    run("snag run -- acme kill ABRT");
    run("snag run -- acme kill PIPE; snag run -- acme kill TERM");
    run("snag run --at web/Checkout/ -- acme exit 1");
    run("snag run -- acme exit --help");
    // On a busy machine some of it comes by the drop directory.
    until("all of it is recorded", || noticed(&snagd, "web/checkout").1 == 1);
    until("the last is recorded", || noticed(&snagd, "cli/acme/exit").1 == 5);
    let (signals, _) = noticed(&snagd, "cli/acme/exit");
    // The help came right after a failure elsewhere in acme, and is told there.
    assert_eq!(signals, ["failure", "failure", "failure", "rerun"]);
    assert_eq!(noticed(&snagd, "web/checkout").0, ["failure", "help-after-error"]);
    until("the deaths are recorded", || noticed(&snagd, "cli/acme/kill").1 == 3);
    assert_eq!(noticed(&snagd, "cli/acme/kill").0, ["crash"]);
    let failed =
        snagd.events().into_iter().find(|event| event["signal"]["name"] == "rerun").unwrap();
    assert_eq!(failed["source"], "run");
    assert_eq!(failed["signal"]["rule"], "3 runs of the same failing command within 60 s");
    assert_eq!(failed["evidence"]["command"], "acme exit");
    assert_eq!(failed["evidence"]["exit_code"], 7);
    let kept = Command::new("grep").args(["-rl", "s3cr3t"]).arg(snagd.dir.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "", "an argument is stored");
}

/// `docker exec` begins no session inside: there, the one we belong to has no number.
#[test]
fn in_a_container_entered_from_outside_it_is_recorded_as_well() {
    let within = |user: &[&'static str]| {
        let mut words = vec!["unshare"];
        words.extend(user);
        words.extend(["--pid", "--fork", "--mount-proc"]);
        words
    };
    let can = |words: &[&str]| {
        Command::new(words[0]).args(&words[1..]).arg("true").output().unwrap().status.success()
    };
    let ways = [within(&[]), within(&["--user", "--map-root-user"])];
    let Some(way) = ways.iter().find(|way| can(way)) else {
        return not_tried("a container entered from outside", "nobody may make a namespace here");
    };
    let snagd = Snagd::start();
    let script = format!("exec {} snag run -- acme exit 3", way.join(" "));
    let said = shell(&snagd, &script).output().unwrap();
    assert_eq!(said.status.code(), Some(3), "{said:?}");
    until("it is recorded", || noticed(&snagd, "cli/acme/exit").1 == 1);
    assert_eq!(noticed(&snagd, "cli/acme/exit").0, ["failure"]);
}

#[test]
fn whatever_is_wrong_with_us_the_command_is_untouched() {
    let snagd = Snagd::start();
    let bare = shell(&snagd, "exec acme exit 3").output().unwrap();
    let with = |wrong: &str| {
        let script = format!("{wrong} exec snag run -- acme exit 3");
        same(&shell(&snagd, &script).output().unwrap(), &bare, wrong);
    };
    for wrong in [
        "SNAG_URL=nonsense",
        "SNAG_URL=http://127.0.0.1:1 HOME=/nowhere",
        "SNAG_URL=unix:/nowhere SNAG_DROP=/proc/nowhere HOME=/proc XDG_RUNTIME_DIR=/proc",
        "SNAG_PERSON=$'a\\e'",
        "XDG_RUNTIME_DIR=relative",
        "mkdir -p x/snag.noticed; XDG_RUNTIME_DIR=$PWD/x",
        "mkfifo full; SNAG_URL=unix:$PWD/full",
        "unset SNAG_URL SNAG_DROP HOME XDG_RUNTIME_DIR;",
        "ulimit -f 0;",
        "TZ=nonsense LANG=nonsense COLUMNS=x",
        "exec <&-;",
    ] {
        with(wrong);
    }
    let closed = shell(&snagd, "snag run -- acme exit 3 <&- >&- 2>&-").output().unwrap();
    assert_eq!(closed.status.code(), Some(3));
    snagd.signal("STOP");
    with("");
    snagd.signal("CONT");
    until("what the daemon was too slow for is recorded", || {
        noticed(&snagd, "cli/acme/exit").1 != 0
    });
}

#[test]
fn what_is_sent_to_us_reaches_the_command() {
    let snagd = Snagd::start();
    for (signal, code) in [("TERM", 15), ("INT", 2), ("HUP", 1), ("USR1", 10)] {
        let script = format!(
            "exec snag run -- acme run 'trap \"echo got; exit {code}\" {signal}; echo ready; while :; do sleep 0.05; done'"
        );
        let mut shell = shell(&snagd, &script);
        let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let kill =
            Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let status = wait(&mut child).expect("it ends");
        assert_eq!(status.code(), Some(code), "{signal}");
        line.clear();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "got\n");
    }
}

/// A shell blocks no signals; what starts it may.
#[test]
fn where_the_end_of_a_command_is_not_told_it_runs_without_us() {
    let snagd = Snagd::start();
    let blocked = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD]); os.execvp(sys.argv[1], sys.argv[1:])";
    let script = format!("exec python3 -c '{blocked}' snag run -- acme exit 3");
    let mut child = shell(&snagd, &script).stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(wait(&mut child).expect("it ends").code(), Some(3));
}

#[test]
fn what_is_stopped_and_continued_alone_keeps_nobody_waiting() {
    let snagd = Snagd::start();
    let script = "exec setsid snag run -- acme run 'echo $$; read line; exit 4'";
    let mut shell = shell(&snagd, script);
    let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let command = line.trim();
    let state = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().and_then(|rest| rest.trim().chars().next())
    };
    let kill = |signal: &str| {
        assert!(Command::new("kill").args([signal, command]).status().unwrap().success());
    };
    kill("-STOP");
    until("it is stopped", || state(command) == Some('T'));
    kill("-CONT");
    drop(child.stdin.take());
    assert_eq!(wait(&mut child).expect("it ends").code(), Some(4));
}

#[test]
fn on_a_terminal_a_key_confirms_and_a_sentence_is_a_report() {
    let snagd = Snagd::start();
    let ask = |keys: &str| {
        let mut terminal =
            Terminal::run(&shell(&snagd, "snag run -- acme exit 3; echo \"code $?\""));
        terminal.shows("snag noted: failed");
        terminal.press(keys);
        let (_, screen) = terminal.wait();
        assert!(screen.contains("code 3"), "{screen}");
        screen
    };
    // The daemon makes a report of the signal; where it was too slow, a report stands beside it.
    let reports = || {
        let confirmed = |event: &Value| match event["class"].as_str() {
            Some("report") => Some(event["note"].to_string()),
            _ if event["decision"]["verdict"] == "confirmed" => {
                Some(event["decision"]["note"].to_string())
            }
            _ => None,
        };
        let mut reports: Vec<_> = snagd.events().iter().filter_map(confirmed).collect();
        reports.sort();
        reports
    };
    let screen = ask("\r");
    let asked = "\r\u{1b}[K\u{1b}[2msnag noted: failed — [Enter] skip, [c] confirm, or type what happened\u{1b}[0m";
    assert!(screen.contains(asked), "{screen:?}");
    assert!(screen.ends_with("\r\u{1b}[Kcode 3\r\n"), "it is gone: {screen:?}");
    ask("\u{3}");
    assert!(reports().is_empty());
    ask("card form cleareds\u{7f} itself\r");
    // It is the third failure in a minute: with the rerun, those it is made of are confirmed.
    let all = ["\"card form cleared itself\"", "null", "null", "null"];
    until("the sentence is recorded", || reports() == all);
    ask("c");
    until("the key is recorded", || reports().len() == 5);
    // Left alone, it goes.
    let screen = ask("");
    assert!(screen.ends_with("\r\u{1b}[Kcode 3\r\n"), "{screen:?}");
    assert_eq!(reports().len(), 5);
}

#[test]
fn nothing_is_asked_of_a_pipe_nor_in_the_background_nor_when_all_is_well() {
    let snagd = Snagd::start();
    for script in [
        "snag run -- acme exit 3 | cat",
        "snag run -- acme exit 3 2> err",
        "snag run -- acme exit 3 < /dev/null",
        "set -m; snag run -- acme exit 3 & wait",
        "snag run -- acme exit 0",
        "TERM=dumb snag run -- acme exit 3",
    ] {
        let (_, screen) = Terminal::run(&shell(&snagd, script)).wait();
        assert!(!screen.contains("noted"), "{script}: {screen}");
        assert!(screen.contains("acme exit"), "{script}: {screen}");
    }
}

/// Makes a pipe that a command of the test waits for.
fn gate(snagd: &Snagd) -> std::path::PathBuf {
    let gate = snagd.path("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    gate
}

#[test]
fn what_is_typed_ahead_is_for_the_shell() {
    let snagd = Snagd::start();
    let gate = gate(&snagd);
    let mut terminal = Terminal::run(&shell(
        &snagd,
        "snag run -- acme run 'echo ready; read -r _ < gate; exit 3'; read -r line; echo \"got $line\"",
    ));
    terminal.shows("ready");
    terminal.press("ls -l\r");
    terminal.shows("ls -l");
    fs::write(gate, "\n").unwrap();
    let (_, screen) = terminal.wait();
    assert!(screen.contains("got ls -l") && !screen.contains("noted"), "{screen}");
}

#[test]
fn the_keys_of_a_terminal_do_what_they_do_without_us() {
    let snagd = Snagd::start();
    let bash = "exec env PS1='$ ' bash --norc --noprofile -i";
    let mut terminal = Terminal::run(&shell(&snagd, bash));
    terminal.shows("$ ");
    // It begins no process while it waits: a shell whose child is stopped between vfork and exec cannot
    // be stopped itself, with snag or without.
    let waiting = "snag run -- acme run 'sleep 1000 & trap \"kill $!; echo; echo broken off; exit 130\" INT; trap \"stty size\" WINCH; trap \"printf contin%s ued\" CONT; echo rea''dy; while :; do wait; done'\r";
    terminal.press(waiting);
    terminal.shows("ready");
    terminal.resize(77);
    terminal.shows("40 77");
    terminal.press("\u{1a}");
    terminal.shows("Stopped");
    terminal.press("jobs; echo at''once\r");
    terminal.shows("atonce");
    let resumed = terminal.screen().len();
    terminal.press("fg\r");
    terminal.shows_after(resumed, "continued");
    terminal.press("\u{3}");
    terminal.shows("broken off");
    terminal.press("echo code $?\r");
    terminal.shows("code 130");
    let since = terminal.shows_after(resumed, "continued");
    assert_eq!(since.matches("broken off").count(), 1, "once: {since}");
    // Who has waited less than ten seconds has not waited.
    assert!(!terminal.screen().contains("noted"));
    terminal.press("snag run -- acme run 'echo sle''eps; exec sleep 1000'\r");
    terminal.shows("sleeps");
    terminal.press("\u{3}");
    terminal.press("echo then $?\r");
    terminal.shows("then 130");
}

#[test]
fn what_only_failed_is_not_said_to_hurt_never() {
    let snagd = Snagd::start();
    shell(&snagd, "for n in 1 2 3 4 5; do snag run --at rate/f -- false; done").output().unwrap();
    let coverage = || snagd.snag(&["coverage", "--under", "rate"]).ok().stdout;
    // Five failures, and that three of them were the same.
    until("all of it is recorded", || coverage().contains("6 signals wait"));
    let coverage = coverage();
    assert!(coverage.contains("1 of 1 known place was touched"), "{coverage}");
    assert!(coverage.contains("Noticed, and nobody said yet"), "{coverage}");
    assert!(!coverage.contains("0.0 %") && !coverage.contains("1 hurt"), "{coverage}");
    let why = snagd.snag(&["why", "rate/f"]).ok().stdout;
    assert!(why.contains("5 uses are known. How often they hurt is open"), "{why}");
}

/// What was decided about each signal at a place, the first told first: name, verdict and note.
pub(crate) fn decisions(snagd: &Snagd, place: &str) -> Vec<String> {
    let mut events = snagd.events();
    events.retain(|event| event["place"] == place && event["class"] != "use");
    let say = |event: &Value| {
        let decision = &event["decision"];
        format!("{} {} {}", event["signal"]["name"], decision["verdict"], decision["note"])
    };
    let mut said: Vec<_> = events.iter().map(say).collect();
    said.sort();
    said
}

#[test]
fn a_confirmation_is_about_all_that_stood_out() {
    let snagd = Snagd::start();
    let failing = "snag run --at a/b -- false";
    let script =
        format!("snag log a/other mine; for n in 1 2; do {failing} > out; done; {failing}");
    let mut terminal = Terminal::run(&shell(&snagd, &script));
    terminal.shows("snag noted: failed 3 times");
    terminal.press("it fails\r");
    terminal.wait();
    let failure = "\"failure\" \"confirmed\" null".to_owned();
    let rerun = "\"rerun\" \"confirmed\" \"it fails\"".to_owned();
    let all = [failure.clone(), failure.clone(), failure, rerun];
    until("all are decided", || decisions(&snagd, "a/b") == all);
    // And taken back, with nothing that was told before.
    let undone = shell(&snagd, "snag undo").output().unwrap();
    let undone = String::from_utf8_lossy(&undone.stdout).into_owned();
    assert_eq!(undone.matches("open again  a/b").count(), 4, "{undone}");
    until("what was told stays", || noticed(&snagd, "a/other").0 == ["report"]);
}

#[test]
fn where_the_daemon_hangs_a_confirmation_is_kept_with_its_signal() {
    let snagd = Snagd::start();
    snagd.signal("STOP");
    let mut terminal = Terminal::run(&shell(&snagd, "snag run --at a/b -- false"));
    terminal.shows("snag noted: failed");
    terminal.press("it fails\r");
    let (_, screen) = terminal.wait();
    snagd.signal("CONT");
    assert!(screen.contains("kept  a/b  it fails"), "{screen}");
    let failure = "\"failure\" \"confirmed\" \"it fails\"".to_owned();
    until("it is decided", || decisions(&snagd, "a/b") == [failure.clone()]);
    assert_eq!(noticed(&snagd, "a/b").1, 1);
}

#[test]
fn where_the_daemon_hangs_the_failures_before_a_rerun_are_confirmed_as_well() {
    let snagd = Snagd::start();
    let failing = "snag run --at a/b -- false > out";
    snagd.signal("STOP");
    let script = format!("{failing}; {failing}; snag run --at a/b -- false");
    let mut terminal = Terminal::run(&shell(&snagd, &script));
    terminal.shows("snag noted: failed 3 times");
    terminal.press("c");
    let (_, screen) = terminal.wait();
    snagd.signal("CONT");
    assert!(screen.contains("kept  a/b"), "{screen}");
    let failure = "\"failure\" \"confirmed\" null".to_owned();
    let rerun = "\"rerun\" \"confirmed\" null".to_owned();
    let all = [failure.clone(), failure.clone(), failure, rerun];
    until("all are decided", || decisions(&snagd, "a/b") == all);
    assert_eq!(snagd.get("/v1/status").json()["drop"]["rejected"], 0);
}

#[test]
fn the_numbers_of_the_rules_are_the_configurations() {
    let snagd = Snagd::start();
    let mut shell = shell(&snagd, "for n in 1 2; do snag run --at a/b -- false; done; true");
    let config = snagd.path("home/.config/snag/snagd.toml");
    fs::write(config, "rules = [\"rerun 2 600\"]\n").unwrap();
    assert!(shell.status().unwrap().success());
    assert_eq!(noticed(&snagd, "a/b").0, ["failure", "failure", "rerun"]);
    let why = snagd.get("/v1/why?place=a/b").json();
    assert_eq!(why["rules"]["rerun"], "2 runs of the same failing command within 600 s");
}
