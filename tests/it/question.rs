//! What people are asked on a terminal, by `snag run` and `snag log`, and what they type instead of an
//! answer.

use crate::harness::{Snagd, until};
use crate::run::{decisions, shell};
use crate::terminal::Terminal;

/// A command that failed, and a shell that reads a line behind it.
fn ask(snagd: &Snagd) -> Terminal {
    let script = "snag run --at a/b -- acme exit 3; echo gone; read -r line; echo \"read <$line>\"";
    let terminal = Terminal::run(&shell(snagd, script));
    terminal.shows("snag noted");
    terminal
}

#[test]
fn keys_that_are_no_letters_leave_nothing_for_the_shell() {
    let snagd = Snagd::start();
    for key in
        ["\u{1b}[A", "\u{1b}[H", "\u{1b}[15~", "\u{1b}OP", "\u{1b}b", "\u{1b}[1;5C", "\u{1b}"]
    {
        let mut terminal = ask(&snagd);
        terminal.press(key);
        terminal.shows("gone");
        terminal.press("ok\n");
        let (_, screen) = terminal.wait();
        assert!(screen.contains("read <ok>"), "{key:?}: {screen:?}");
    }
    assert!(decisions(&snagd, "a/b").iter().all(|said| !said.contains("confirmed")));
}

#[test]
fn a_command_that_is_typed_is_no_report_unless_its_writer_says_so() {
    let snagd = Snagd::start();
    for (line, then) in [("ls -la", "\r"), ("snag run -- acme exit 3", "\u{3}"), ("acme x", "ls\r")]
    {
        let mut terminal = ask(&snagd);
        terminal.press(&format!("{line}\r"));
        terminal.shows("reads like a command, which was not run");
        terminal.press(then);
        terminal.shows("gone");
        terminal.press("ok\n");
        let (_, screen) = terminal.wait();
        assert!(screen.contains("read <ok>"), "{line}: {screen:?}");
    }
    assert!(decisions(&snagd, "a/b").iter().all(|said| !said.contains("confirmed")));
    let mut terminal = ask(&snagd);
    terminal.press("ls shows nothing\r");
    terminal.shows("`ls` reads like a command");
    terminal.press("c");
    terminal.shows("gone");
    terminal.press("\n");
    terminal.wait();
    let said = "\"ls shows nothing\"";
    until("it is recorded", || decisions(&snagd, "a/b").iter().any(|it| it.ends_with(said)));
}

#[test]
fn on_a_narrow_terminal_the_question_keeps_what_was_noted() {
    let snagd = Snagd::start();
    let mut command = shell(&snagd, "snag run --at a/b -- acme exit 3");
    command.env("COLUMNS", "60");
    let mut terminal = Terminal::run(&command);
    let shown = terminal.shows("snag noted: failed");
    terminal.press("\r");
    terminal.wait();
    let line = shown.split('\u{1b}').next().unwrap();
    assert_eq!(line.chars().count(), 59, "{shown:?}");
}

#[test]
fn whoever_logs_may_mistype_and_stop_answering() {
    let snagd = Snagd::start();
    let mut terminal = Terminal::run(&shell(&snagd, "snag log"));
    let answers: [(&str, &[u8]); 4] = [
        ("Where?", b"web/a\n"),
        ("What happened?", b"caf\xe9\n"),
        ("no UTF-8", b"it hung\n"),
        ("What did you do?", b"frustrated\n"),
    ];
    for (asked, answer) in answers {
        terminal.shows(asked);
        terminal.press_bytes(answer);
    }
    terminal.shows("a feeling goes with --felt");
    terminal.press("\u{4}");
    let (status, screen) = terminal.wait();
    assert!(status.success(), "{screen}");
    until("it is recorded", || snagd.events().iter().any(|event| event["note"] == "it hung"));
    let mut terminal = Terminal::run(&shell(&snagd, "snag log"));
    terminal.shows("Where?");
    terminal.press("\u{4}");
    assert_eq!(terminal.wait().0.code(), Some(2));
}
