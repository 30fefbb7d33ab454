//! What the daemon logs: levels, modules, formats, and never a control character of somebody else's.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::harness::{Dir, Snagd, until};
use crate::life::ends;

/// Starts a daemon that logs so, and drops a file whose name is an attack on whoever reads the log.
fn attacked(args: &[&str]) -> Snagd {
    let mut snagd = Snagd::start_with(Dir::new(), args);
    let name = b"evil\n\x1b]0;gone\x07\x1b[2J\xc2\x9b\xe2\x80\xae\x7f.json";
    let temporary = snagd.drop_dir().join(".evil");
    fs::write(&temporary, "{\"place\":\"\u{1b}[2J\"}").unwrap();
    fs::rename(temporary, snagd.drop_dir().join(OsStr::from_bytes(name))).unwrap();
    until("the bad file is told of", || snagd.log().contains("rejected/"));
    snagd.stop();
    snagd
}

/// Printable characters and line breaks only.
fn assert_harmless(log: &str) {
    let harmful = |letter: char| letter != '\n' && (letter.is_control() || letter == '\u{202e}');
    assert!(!log.contains(harmful), "{log:?}");
}

#[test]
fn text_is_a_line_an_event() {
    let snagd = attacked(&["--log-format", "text"]);
    let log = snagd.log();
    assert_harmless(&log);
    assert_eq!(log.lines().count(), 4, "{log}");
    let told = log.lines().nth(1).unwrap();
    assert!(told.contains(" WARN ") && told.contains("evil\\n"), "{told}");
}

#[test]
fn json_is_an_object_a_line() {
    let snagd = attacked(&["--log-format", "json"]);
    let log = snagd.log();
    assert_harmless(&log);
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    assert_eq!(lines.len(), 4, "{log}");
    for line in &lines {
        for key in ["timestamp", "level", "target", "message"] {
            assert!(line[key].is_string(), "{key} of {line}");
        }
    }
    assert_eq!(lines[1]["level"], "WARN");
    assert!(lines[1]["message"].as_str().unwrap().contains("evil"), "{}", lines[1]);
    assert_eq!(lines[3]["message"], "stopped");
}

#[test]
fn a_module_may_say_more_than_the_rest() {
    let mut snagd = Snagd::start_with(Dir::new(), &["--log", "warn,snag::doors::drop=debug"]);
    let event = "{\"place\":\"a\",\"note\":\"dropped\"}";
    fs::write(snagd.drop_dir().join(".one"), event).unwrap();
    fs::rename(snagd.drop_dir().join(".one"), snagd.drop_dir().join("one")).unwrap();
    until("the file is told of", || snagd.log().contains("took dropped files"));
    snagd.stop();
    assert_eq!(snagd.log().lines().count(), 1, "{}", snagd.log());
}

#[test]
fn what_makes_no_sense_is_a_usage_error_that_says_what_does() {
    let dir = Dir::new();
    let bad: [(&[&str], &str); 4] = [
        (&["--log", "inf"], "did you mean `info`?"),
        (&["--log", "info,snag::doors"], "`snag::doors` is no level"),
        (&["--log", "tokio=debug"], "`tokio` is no module of snag"),
        (&["--log-format", "jsn"], "auto, text, json, journal"),
    ];
    for (args, told) in bad {
        let said = ends(&dir, args).ended(2);
        assert!(said.stderr.contains(told), "{said:#?}");
    }
}
