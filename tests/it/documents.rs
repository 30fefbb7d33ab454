//! What is kept beyond the terminal: CSV, Markdown, exact times.

use serde_json::json;

use crate::harness::{Snagd, bare_shell};

const HEADER: &str = "id,class,at,received_at,at_clamped,place,person,";

fn told() -> Snagd {
    let snagd = Snagd::start();
    for (person, note, severity) in
        [("ana", "=1+1 | `rm` @ben <b>", "major"), ("ben", "two\nlines, \"quoted\"", "minor")]
    {
        let event = json!({"place": "web/a", "note": note, "person": person, "severity": severity,
            "at": "2026-10-20T10:00:00Z"});
        snagd.post(&event.to_string()).is(201);
    }
    snagd
}

#[test]
fn csv_is_nothing_but_a_table() {
    let snagd = told();
    let until = ["--until", "2026-10-25"];
    let rows = |args: &[&str]| {
        let said = snagd.snag(&[args, &until].concat()).ok();
        assert_eq!(said.stderr, "", "{said:#?}");
        let reader =
            csv::ReaderBuilder::new().has_headers(false).from_reader(said.stdout.as_bytes());
        reader.into_records().map(Result::unwrap).collect::<Vec<_>>()
    };
    let events = rows(&["events", "--csv"]);
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|row| row.len() == HEADER.matches(',').count() + 28), "{events:#?}");
    let notes: Vec<&str> = events.iter().map(|row| &row[10]).collect();
    assert!(notes.contains(&"'=1+1 | `rm` @ben <b>"), "{notes:#?}");
    assert!(notes.contains(&"two\nlines, \"quoted\""), "{notes:#?}");
    let ranked = rows(&["hotspots", "--csv"]);
    assert_eq!((&ranked[1][0], &ranked[1][1], ranked.len()), ("web/a", "13", 2));
    assert_eq!(&rows(&["--csv", "hotspots", "--by", "kind"])[1][0], "unexpected");
    let why = rows(&["why", "web/a", "--csv"]);
    assert_eq!(
        why[1].iter().collect::<Vec<_>>()[2..],
        ["2026-10-20", "10", "major report", "10", "10"]
    );
    let none = snagd.snag(&["events", "--csv", "--under", "cli"]).ok();
    assert!(
        none.stdout.starts_with(HEADER) && none.stdout.ends_with("decision.note\r\n"),
        "{none:#?}"
    );
    let said_like_the_field = snagd.snag(&["events", "--csv", "--place", "cli"]).ok();
    assert_eq!(said_like_the_field.stdout, none.stdout);
    let more = snagd.snag(&["events", "--csv", "--limit", "1"]).ok();
    assert!(more.stderr.contains("--cursor"), "what is no data goes to stderr: {more:#?}");
}

#[test]
fn markdown_is_ready_to_paste() {
    let snagd = told();
    for args in [&["hotspots"][..], &["why", "web/a"], &["events"]] {
        let said = snagd.snag(&[args, &["--markdown", "--until", "2026-10-25"]].concat()).ok();
        assert_eq!(said.stderr, "", "{said:#?}");
        assert!(said.stdout.contains("=1+1 \\| \\`rm\\` @\u{200b}ben \\<b\\>"), "{said:#?}");
        assert!(said.stdout.contains("2026-10-2"), "exact days: {said:#?}");
    }
}

#[test]
fn one_format_at_a_time_and_where_there_is_one() {
    let snagd = told();
    for args in [
        &["--json", "events", "--csv"][..],
        &["events", "--csv", "--markdown"],
        &["--json", "--markdown"],
    ] {
        let said = snagd.snag(args).ended(2);
        assert!(said.stderr.contains("say one") && said.stdout.is_empty(), "{said:#?}");
    }
    for args in
        [&["status", "--csv"][..], &["export", "--csv"], &["log", "web/a", "x", "--markdown"]]
    {
        let said = snagd.snag(args).ended(2);
        assert!(said.stderr.contains("hotspots, why and events"), "{said:#?}");
    }
    assert_eq!(snagd.events().len(), 2, "nothing was recorded");
}

#[test]
fn on_a_terminal_a_document_is_as_harmless_as_text() {
    let snagd = Snagd::start();
    let note = "\u{1b}[2J\u{9b}31m\u{202e}txet\r\nend";
    snagd.post(&json!({"place": "web/a", "note": note, "person": "ana"}).to_string()).is(201);
    for format in ["--csv", "--markdown"] {
        let mut shell = bare_shell(snagd.dir.path());
        shell.arg(format!("script -qec 'snag events {format}' /dev/null"));
        shell.env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
        let text = String::from_utf8(shell.output().unwrap().stdout).unwrap();
        assert!(text.contains("web/a") && text.contains("end"), "{text}");
        let is_raw = |letter: &char| letter.is_control() && !matches!(letter, '\n' | '\r');
        assert_eq!(
            text.chars().find(|letter| is_raw(letter) || *letter == '\u{202e}'),
            None,
            "{text:?}"
        );
    }
}

#[test]
fn with_utc_no_time_depends_on_when_it_is_read() {
    let snagd = told();
    let said = snagd.snag(&["events", "--utc"]).ok();
    assert!(
        said.stdout.contains("2026-10-20T10:00:00Z") && !said.stdout.contains(" ago"),
        "{said:#?}"
    );
    let said = snagd.snag(&["--utc", "why", "web/a", "--until", "2026-10-25"]).ok();
    assert!(said.stdout.contains("minor · 2026-10-20"), "{said:#?}");
}
