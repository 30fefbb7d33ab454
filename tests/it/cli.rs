//! `snag` as people and scripts meet it: transcripts, exit codes, streams.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{Dir, Said, Snagd, redact, snag};

/// A daemon with a few events of fixed days.
fn with_events() -> Snagd {
    let snagd = Snagd::start();
    let event = |n: u32, place: &str, person: &str, day: u32, more: Value| {
        let mut event = json!({
            "id": format!("01938a5e-0000-7000-8000-0000{n:08x}"),
            "place": place, "person": person, "at": format!("2026-10-{day:02}T10:00:00Z"),
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event.to_string()
    };
    let lines = [
        event(
            1,
            "web/checkout/pay",
            "ana",
            20,
            json!({"note": "form cleared itself", "outcome": "abandoned", "feeling": "frustrated", "version": "1.4.2"}),
        ),
        event(
            2,
            "web/checkout/pay",
            "ben",
            21,
            json!({"note": "form cleared itself again", "outcome": "retried", "version": "1.4.2"}),
        ),
        event(
            3,
            "cli/deploy",
            "ana",
            22,
            json!({"expected": "a progress bar", "got": "silence for 40 s", "kind": "slow"}),
        ),
        event(
            4,
            "cli/deploy",
            "ben",
            22,
            json!({"class": "signal", "signal": {"name": "crash", "rule": "exit by signal 11"}}),
        ),
        event(5, "cli/deploy", "ben", 22, json!({"class": "use", "count": 9})),
        event(
            6,
            "docs/install",
            "chi",
            23,
            json!({"note": "loved the first page", "kind": "delight"}),
        ),
        event(7, "api/orders", "bot", 23, json!({"note": "404 for /orders", "actor": "agent"})),
    ];
    snagd.post_as("application/x-ndjson", lines.join("\n").as_bytes()).is(200);
    snagd
}

fn transcript(snagd: &Snagd, commands: &[&[&str]]) -> String {
    let mut text = String::new();
    for args in commands {
        // So wide that nothing is cut where ages grow longer with the days.
        let wide = args[0] == "events" || args[0] == "show";
        let said = snagd.snag_with(args, |command| {
            command.env("COLUMNS", if wide { "200" } else { "100" });
        });
        write!(text, "$ snag {}\n{}", args.join(" "), said.stdout).unwrap();
        for line in said.stderr.lines() {
            writeln!(text, "2> {line}").unwrap();
        }
        if said.code != 0 {
            writeln!(text, "[exit {}]", said.code).unwrap();
        }
        text.push('\n');
    }
    redact(&text)
}

#[test]
fn a_session_of_asking() {
    let snagd = with_events();
    insta::assert_snapshot!(transcript(
        &snagd,
        &[
            &["hotspots", "--until", "2026-10-25"],
            &["hotspots", "--until", "2026-10-25", "--by", "version"],
            &["hotspots", "--until", "2026-10-25", "--sort", "name"],
            &["hotspots", "--until", "2026-10-25", "--actor", "agent"],
            &["hotspots", "--until", "2026-10-25", "--flat", "--top", "1", "--fail-over", "22"],
            &["hotspots", "--until", "2026-10-25", "--fail-over", "23"],
            &["hotspots", "--until", "2026-09-01"],
            &["why", "cli/deploy", "--until", "2026-10-25"],
            &["events", "--until", "2026-10-25", "--limit", "3"],
            &["events", "--class", "use"],
            &["show", "00000003"],
        ],
    ));
}

#[test]
fn a_session_of_mistakes() {
    let snagd = with_events();
    insta::assert_snapshot!(transcript(
        &snagd,
        &[
            &["log"],
            &["log", "web/a"],
            &["log", "the form cleared itself"],
            &["log", "web/../a", "x"],
            &["log", "web/a", "x", "--felt", "angry", "--did", "abandond"],
            &["log", "web/a", "x", "--lost", "ages"],
            &["log", "web/a", "x", "--at", "noon"],
            &["log", "web/a", "x", "--at", "2099-01-01"],
            &["log", "web/a", "x", "--tag", "browser"],
            &["log", "web/a", "x", "--tag", "a=b", "--tag", "a=c"],
            &["log", "web/a", "form", "cleared", "itself"],
            &["log", "web/a", "--at yesterday is refused"],
            &["log", "web/a", "x", "--flet", "calm"],
            &["log", "web/a", "x", "--kind"],
            &["log", "web/a", "x", "--kind", "slow", "--kind", "error"],
            &["lgo", "web/a", "x"],
            &["web/a", "it hangs"],
            &["the form cleared itself"],
            &["--byy", "kind"],
            &["hotspots", "--flat", "--depth", "2"],
            &["hotspots", "--sort", "pian"],
            &["hotspots", "--sort", "people", "--fail-over", "5"],
            &["--color", "red"],
            &["why"],
            &["completions", "tcsh"],
            &["help", "exit"],
            &["hotspots", "--since", "soon"],
            &["hotspots", "--kind", "slo"],
            &["hotspots", "--fail-over", "lots"],
            &["why", "web/chekout"],
            &["why", "web/../x"],
            &["show", "ffffffff"],
            &["show", "zz"],
            &["show", ""],
            &["undo"],
            &["me-too", "web/nowhere"],
            &["me-too", "12345678"],
            &["import", "no-such-file"],
            &["events", "--cursor", "7"],
            &["status", "--url", "localhost:7624"],
            &["status", "--url", "https://hub.acme.example"],
        ],
    ));
    assert_eq!(snagd.events().len(), 7, "nothing was recorded");
}

#[test]
fn help_is_a_page_worth_reading() {
    let dir = Dir::new();
    let mut pages = String::new();
    let pages_of: [&[&str]; 5] = [
        &["--help"],
        &["log", "--help"],
        &["hotspots", "--help"],
        &["help", "exit-codes"],
        &["help", "environment"],
    ];
    for args in pages_of {
        let said = Said::new(snag(dir.path()).args(args), args).ok();
        writeln!(pages, "$ snag {}\n{}", args.join(" "), said.stdout).unwrap();
    }
    insta::assert_snapshot!(pages);
    let same = |one: &[&str], other: &[&str]| {
        let [one, other] = [one, other].map(|args| Said::new(snag(dir.path()).args(args), args));
        assert_eq!(one.ok().stdout, other.ok().stdout);
    };
    same(&["help"], &["--help"]);
    same(&["help"], &["-h"]);
    same(&["help", "log"], &["log", "--help"]);
    let coloured = ["--color", "always", "help"];
    let said = Said::new(snag(dir.path()).args(coloured), &coloured).ok();
    assert!(said.stdout.contains("\u{1b}[1m"), "{said:#?}");
}

#[test]
fn without_a_command_it_is_hotspots_with_its_flags() {
    let snagd = with_events();
    let flags = ["--until", "2026-10-25", "--by", "kind"];
    let bare = snagd.snag(&flags).ok();
    assert_eq!(bare.stdout, snagd.snag(&[&["hotspots"], &flags[..]].concat()).ok().stdout);
    assert!(bare.stdout.contains("kind") && bare.stderr.is_empty(), "{bare:#?}");
    // An empty variable names no daemon; a wrong one is told of by its name.
    let with_url = |url: &'static str| {
        snagd.snag_with(&["status"], |command| {
            command.env("SNAG_URL", url);
        })
    };
    assert!(with_url("").ended(69).stderr.contains("start one with `snagd`"));
    assert!(with_url("nonsense").ended(2).stderr.contains("SNAG_URL: `nonsense` names no snagd"));
}

#[test]
fn a_session_of_telling() {
    let snagd = Snagd::start();
    // Patience is 50 ms; on a busy machine the event may go by the drop directory, so wait for it.
    let tell = |args: &[&str]| {
        let before = snagd.events().len();
        let said = snagd.snag(args).ok();
        crate::harness::until("the event is recorded", || snagd.events().len() == before + 1);
        said
    };
    let said = tell(&[
        "log",
        "Web//Checkout/pay/42",
        "form cleared itself",
        "--felt",
        "frustrated",
        "--did",
        "worked-around",
        "--kind",
        "error",
        "--severity",
        "major",
        "--expected",
        "a receipt",
        "--got",
        "an empty form",
        "--workaround",
        "a second tab",
        "--lost",
        "1h15m",
        "--version",
        "1.4.2",
        "--task",
        "buy",
        "--tag",
        "browser=firefox",
        "--tag",
        "os=linux",
        "--at",
        "2026-11-20T14:30:00+01:00",
        "--person",
        "ana",
        "--agent",
    ]);
    assert!(said.stdout.contains("web/checkout/pay/_"), "{said:#?}");
    let event = snagd.events().remove(0);
    let expected = json!({
        "class": "report", "at": "2026-11-20T13:30:00Z", "place": "web/checkout/pay/_", "person": "ana",
        "person_verified": true, "actor": "agent", "note": "form cleared itself", "expected": "a receipt",
        "got": "an empty form", "workaround": "a second tab", "feeling": "frustrated",
        "outcome": "worked-around", "lost_minutes": 75, "kind": "error", "severity": "major",
        "version": "1.4.2", "task": "buy", "source": "cli", "tags": {"browser": "firefox", "os": "linux"},
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&event[field], value, "{field}");
    }
}

#[test]
fn me_too_and_undo() {
    let snagd = with_events();
    let id = "01938a5e-0000-7000-8000-000000000001";
    let tell = |args: &[&str]| {
        let before = snagd.events().len();
        snagd.snag(args).ok();
        crate::harness::until("the event is recorded", || snagd.events().len() == before + 1);
    };
    tell(&["me-too", &id[28..], "same here", "--person", "ben"]);
    let me_too = snagd.events().remove(0);
    assert_eq!((&me_too["same_as"], &me_too["severity"]), (&json!(id), &json!("blocker")));
    let above = snagd.snag(&["me-too", "web", "--person", "chi"]).ended(2);
    assert!(above.stderr.contains("nobody met anything at web itself"), "{above:#?}");
    tell(&["me-too", "web/checkout/pay", "--person", "chi"]);
    snagd.snag(&["undo"]).ok();
    assert_eq!(snagd.events().len(), 8);
    let again = snagd.snag(&["undo"]).ended(2);
    assert!(again.stderr.contains("nothing was logged"), "{again:#?}");
    let id = me_too["id"].as_str().unwrap();
    let of_another = snagd.snag(&["undo", id]).ok();
    assert!(of_another.stdout.starts_with("taken back"), "{of_another:#?}");
    let gone = snagd.snag(&["me-too", id]).ended(2);
    assert!(gone.stderr.contains("taken back"), "{gone:#?}");
}

#[test]
fn text_comes_from_stdin_too() {
    let snagd = Snagd::start();
    let mut child = snag(snagd.dir.path())
        .args(["log", "web/a", "-"])
        .env("SNAG_URL", format!("unix:{}", snagd.socket().display()))
        .env("SNAG_DROP", snagd.drop_dir())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"first line\nsecond line\n").unwrap();
    assert!(child.wait().unwrap().success());
    crate::harness::until("the event is recorded", || snagd.events().len() == 1);
    assert_eq!(snagd.events()[0]["note"], "first line\nsecond line");
}

#[test]
fn on_a_terminal_it_asks_three_questions_at_most() {
    let snagd = Snagd::start();
    let mut shell = crate::harness::bare_shell(snagd.dir.path());
    // `script` gives the command a terminal.
    let answers = "printf 'web/a\\nit hangs\\na\\n' | script -qec 'snag log' /dev/null";
    shell.arg(answers).env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
    shell.env("SNAG_DROP", snagd.drop_dir());
    let said = Said::of("snag log".to_owned(), &shell.output().unwrap()).ok();
    assert_eq!(said.stdout.matches("? ").count(), 3, "{said:#?}");
    crate::harness::until("the event is recorded", || snagd.events().len() == 1);
    let event = snagd.events().remove(0);
    assert_eq!((&event["place"], &event["outcome"]), (&json!("web/a"), &json!("abandoned")));
}

#[test]
fn bare_snag_is_hotspots_and_an_empty_store_says_what_to_do() {
    let snagd = Snagd::start();
    let said = snagd.snag(&[]).ok();
    assert!(said.stdout.contains("snag log") && said.stderr.is_empty(), "{said:#?}");
    let json = snagd.snag(&["--json"]).ok().json();
    assert_eq!((&json["v"], &json["rows"]), (&json!(1), &json!([])));
}

#[test]
fn without_a_daemon_reading_says_what_to_do() {
    let dir = Dir::new();
    for args in [
        vec![],
        vec!["why", "web/a"],
        vec!["events"],
        vec!["status"],
        vec!["export"],
        vec!["tail"],
        vec!["me-too", "web/a"],
    ] {
        let said = Said::new(snag(dir.path()).args(&args), &args).ended(69);
        assert!(said.stderr.contains("start one with `snagd`"), "{said:#?}");
        assert!(said.stdout.is_empty(), "{said:#?}");
    }
}

#[test]
fn without_a_daemon_telling_keeps_the_event() {
    let dir = Dir::new();
    let args = ["log", "web/a", "nobody listens"];
    let said = Said::new(snag(dir.path()).args(args), &args).ok();
    let kept = dir.path().join("home/.local/state/snag/drop");
    assert!(said.stderr.contains(&kept.display().to_string()), "{said:#?}");
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 1);
    let args = ["undo"];
    let said = Said::new(snag(dir.path()).args(args), &args).ok();
    assert!(said.stdout.contains("before snagd saw it"), "{said:#?}");
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 0);
    let args = ["log", "web/a", "x", "--felt", "angry"];
    Said::new(snag(dir.path()).args(args), &args).ended(2);
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 0, "bad input is not kept");
    let args = ["log", "web/a", "for a script", "--json"];
    let kept_one = Said::new(snag(dir.path()).args(args), &args).ok().json();
    assert_eq!((&kept_one["kept"], &kept_one["received_at"]), (&json!(true), &Value::Null));
}

#[test]
fn over_tcp_reading_needs_the_token_and_telling_does_not() {
    let snagd = with_events();
    let url = format!("http://{}", snagd.address());
    let over_tcp = |args: &[&str], token: &str| {
        snagd.snag_with(args, |command| {
            command.env("SNAG_URL", &url).env("SNAG_TOKEN", token);
        })
    };
    let said = over_tcp(&["hotspots"], "").ended(77);
    assert!(said.stderr.contains("needs the token"), "{said:#?}");
    over_tcp(&["hotspots"], &snagd.token()).ok();
    over_tcp(&["hotspots"], "snag_wrong").ended(77);
    over_tcp(&["log", "web/tcp", "over tcp", "--person", "dora"], "").ok();
    crate::harness::until("the event is recorded", || snagd.events().len() == 8);
    let event = snagd.events().into_iter().find(|event| event["place"] == "web/tcp").unwrap();
    assert_eq!(event["person"], "dora");
}

#[test]
fn stdout_carries_data_only_and_a_closed_one_is_no_error() {
    let snagd = with_events();
    let events = snagd.snag(&["events", "--json", "--limit", "2"]).ok();
    assert_eq!(events.stdout.lines().count(), 2);
    for line in events.stdout.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["id"].is_string());
    }
    assert!(events.stderr.contains("--cursor"), "{events:#?}");
    let mut shell = crate::harness::bare_shell(snagd.dir.path());
    shell.arg("snag export | head -n 1; echo ${PIPESTATUS[0]}");
    shell.env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
    let output = shell.output().unwrap();
    let said = Said::of("snag export | head".to_owned(), &output);
    assert!(said.stderr.is_empty() && said.stdout.ends_with("}\n0\n"), "{said:#?}");
}

#[test]
fn what_is_recorded_is_recorded_whoever_reads_the_answer() {
    let snagd = Snagd::start();
    let mut shell = crate::harness::bare_shell(snagd.dir.path());
    shell.arg("snag log web/a x > /dev/full");
    shell.env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
    shell.env("SNAG_DROP", snagd.drop_dir());
    let said = Said::of("snag log > /dev/full".to_owned(), &shell.output().unwrap()).ok();
    assert!(said.stderr.contains("the event is safe"), "{said:#?}");
    crate::harness::until("the event is recorded", || snagd.events().len() == 1);
    let mut shell = crate::harness::bare_shell(snagd.dir.path());
    shell.arg("snag hotspots > /dev/full");
    shell.env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
    let said = Said::of("snag hotspots > /dev/full".to_owned(), &shell.output().unwrap());
    assert!(said.ended(74).stderr.contains("the answer cannot be written"));
}

#[test]
fn colour_is_where_it_is_wanted_and_nowhere_else() {
    let snagd = with_events();
    let is_coloured = |command: &str, variables: &[(&str, &str)]| {
        let mut shell = crate::harness::bare_shell(snagd.dir.path());
        shell.arg(command).env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
        shell.env("TERM", "xterm").envs(variables.iter().copied());
        Said::of(command.to_owned(), &shell.output().unwrap()).ok().stdout.contains('\u{1b}')
    };
    // Help is printed before the arguments are known; it has to agree all the same.
    for words in ["hotspots --until 2026-10-25", "help", "why --help"] {
        let piped = format!("snag {words}");
        let on_terminal = format!("script -qec 'snag {words}' /dev/null");
        assert!(!is_coloured(&piped, &[]) && is_coloured(&on_terminal, &[]), "{words}");
        assert!(is_coloured(&piped, &[("CLICOLOR_FORCE", "1")]), "{words}");
        assert!(is_coloured(&format!("{piped} --color always"), &[]), "{words}");
        for variable in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
            assert!(!is_coloured(&on_terminal, &[variable]), "{words} {variable:?}");
        }
        let never = format!("script -qec 'snag {words} --color never' /dev/null");
        assert!(!is_coloured(&never, &[]), "{words}");
    }
}

#[test]
fn hostile_text_reaches_no_terminal_raw() {
    let snagd = Snagd::start();
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}txet\u{7f}\u{2028}end";
    let event = json!({"place": "web/a", "note": hostile, "person": "ana", "tags": {"k": hostile}, "task": hostile,
        "outcome": "abandoned", "evidence": {"log": hostile}});
    let id = snagd.post(&event.to_string()).is(201).json()["id"].as_str().unwrap().to_owned();
    let views: [&[&str]; 7] = [
        &["hotspots"],
        &["why", "web/a"],
        &["events"],
        &["show", &id],
        &["show", &id, "--raw"],
        &["hotspots", "--json"],
        &["export"],
    ];
    for args in views {
        // On a terminal, where it matters.
        let mut shell = crate::harness::bare_shell(snagd.dir.path());
        shell.arg(format!("script -qec 'snag {}' /dev/null", args.join(" ")));
        shell.env("SNAG_URL", format!("unix:{}", snagd.socket().display())).env("NO_COLOR", "1");
        let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();
        let mut text = String::new();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        let status = child.wait().unwrap();
        assert!(status.success() && status.signal().is_none(), "{args:?}: {text}");
        assert!(text.contains("end") || text.contains("web/a"), "{args:?}: {text}");
        let raw = text.chars().find(|letter| {
            let is_layout = matches!(letter, '\n' | '\r');
            !is_layout && (letter.is_control() || matches!(letter, '\u{202e}' | '\u{2028}'))
        });
        assert_eq!(raw, None, "{args:?}: {text:?}");
    }
}

#[test]
fn import_takes_good_lines_and_names_bad_ones() {
    let snagd = Snagd::start();
    let file = snagd.path("import.ndjson");
    let line = |n: u32| {
        json!({"place": "web/a", "note": format!("n{n}"), "person": format!("p{n}")}).to_string()
    };
    let text =
        format!("{}\n\nnonsense\n{}\n{{\"place\":\"web/a\"}}\n{}", line(1), line(1), line(2));
    std::fs::write(&file, text).unwrap();
    let path = file.display().to_string();
    let said = snagd.snag(&["import", &path]).ended(2);
    assert!(said.stdout.starts_with("imported 3, known before 0, rejected 2"), "{said:#?}");
    assert!(
        said.stderr.contains("line 3:") && said.stderr.contains("line 5: `note` is missing"),
        "{said:#?}"
    );
    let again = snagd.snag(&["import", &path, "--json"]).ended(2).json();
    assert_eq!((&again["accepted"], &again["duplicate"]), (&json!(0), &json!(3)));
    assert_eq!(snagd.events().len(), 3);
    assert_eq!(snagd.events()[0]["source"], "import");
}
