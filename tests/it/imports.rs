//! `snag import` of a sheet, as somebody brings it from a spreadsheet or another tracker.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Said, Snagd};

fn import(snagd: &Snagd, name: &str, text: &str) -> Said {
    let path = snagd.path(name);
    fs::write(&path, text).unwrap();
    snagd.snag(&["import", &path.display().to_string()])
}

/// The events there are, the oldest first, each as the fields named.
fn fields(snagd: &Snagd, names: &[&str]) -> Vec<Vec<Value>> {
    let mut events = snagd.events();
    events.sort_by_key(|event| event["at"].as_str().unwrap().to_owned());
    events.iter().map(|event| names.iter().map(|name| event[*name].clone()).collect()).collect()
}

#[test]
fn markdown_that_is_no_friction_log_is_refused() {
    let snagd = Snagd::start();
    for text in ["# Notes\n\n- buy milk\n", "# Friction log: x\n\n## Steps\n\nIt was hidden.\n"] {
        let said = import(&snagd, "notes.md", text).ended(2);
        assert!(said.stderr.contains("under \"## Steps\""), "{said:#?}");
        assert_eq!(said.stdout, "");
    }
    let said = import(&snagd, "log.md", "## Steps\n- hidden\n## Context\n- Place: web/shop\n").ok();
    assert_eq!(said.stdout, "imported 1, known before 0, rejected 0\n");
}

#[test]
fn what_is_not_taken_of_a_friction_log_is_said() {
    let snagd = Snagd::start();
    let log = "## Context\n- Place: web/shop\n## Steps\n- the total\n  is hidden\n### Payment\n- asked twice\n## Links\n- x\n";
    let said = import(&snagd, "log.md", log).ok();
    assert_eq!(said.stdout, "imported 2, known before 0, rejected 0\n");
    assert!(said.stderr.contains("1 line was not taken, line 9 first"), "{said:#?}");
    let mut notes = fields(&snagd, &["note"]).concat();
    notes.sort_by_key(Value::to_string);
    assert_eq!(notes, ["asked twice", "the total is hidden"]);
    let path = snagd.path("latin-1.md");
    fs::write(&path, b"## Context\n- Place: web/shop\n## Steps\n- caf\xe9\n").unwrap();
    let said = snagd.snag(&["import", &path.display().to_string()]).ended(2);
    assert!(said.stderr.contains("save it as UTF-8"), "{said:#?}");
}

#[test]
fn json_for_people_is_read_as_well() {
    let snagd = Snagd::start();
    let event = |note: &str| json!({"place": "web/shop", "note": note, "tags": {"a": "[1]"}});
    let list = json!([event("one"), event("two"), {"place": "web/shop"}]);
    let said = import(&snagd, "list.json", &serde_json::to_string_pretty(&list).unwrap()).ended(2);
    assert_eq!(said.stdout, "imported 2, known before 0, rejected 1\n");
    assert!(said.stderr.contains("line 16: "), "{said:#?}");
    let one = serde_json::to_string_pretty(&event("one")).unwrap();
    let three = serde_json::to_string_pretty(&event("three")).unwrap();
    let said = import(&snagd, "objects", &format!("{one}\n{three}\n")).ok();
    assert_eq!(said.stdout, "imported 1, known before 1, rejected 0\n");
    let said = import(&snagd, "broken.json", "[\n  {\"place\": \"a\",}\n]").ended(2);
    assert!(said.stderr.contains("line 2: what begins here is no JSON"), "{said:#?}");
}

#[test]
fn a_sheet_of_a_spreadsheet_becomes_events_once() {
    let snagd = Snagd::start();
    let sheet = "\u{feff}Place;Person;At;Severity;Outcome;Note;tags.browser;;\r\n\
        web/pay;ana;2026-11-03;P1;Worked around;\"cleared itself;\r\nagain\";firefox;;\r\n\
        ;;;;;;;;\r\n\
        web/pay;bob;2026-11-04T09:30:00+01:00;low;;'=SUM(A1) in the total;;;\r\n";
    let said = import(&snagd, "friction.csv", sheet).ok();
    assert_eq!(said.stdout, "imported 2, known before 0, rejected 0\n");
    let names = ["place", "person", "at", "severity", "outcome", "note", "tags", "source"];
    let expected = [
        json!(["web/pay", "ana", "2026-11-03T12:00:00Z", "major", "worked-around",
            "cleared itself;\r\nagain", {"browser": "firefox"}, "import"]),
        json!([
            "web/pay",
            "bob",
            "2026-11-04T08:30:00Z",
            "cosmetic",
            null,
            "=SUM(A1) in the total",
            null,
            "import"
        ]),
    ];
    assert_eq!(json!(fields(&snagd, &names)), json!(expected));
    // The same rows from another program, with one more below.
    let longer = sheet.replace('\r', "").replace(';', "\t").replace("itself\t\n", "itself;\r\n")
        + "web/cart\teve\t2026-11-05\t\t\tempty\t\t\t\n";
    let said = import(&snagd, "friction.tsv", &longer).ok();
    assert_eq!(said.stdout, "imported 1, known before 2, rejected 0\n");
}

#[test]
fn a_file_full_of_faults_does_not_flood_the_terminal() {
    let snagd = Snagd::start();
    let alike = "web/a,b,sloow\n".repeat(30);
    let said = import(&snagd, "alike.csv", &format!("place,note,kind\n{alike}")).ended(2);
    let told: Vec<&str> = said.stderr.lines().filter(|line| line.contains("sloow")).collect();
    assert_eq!(told.len(), 5, "{said:#?}");
    assert!(told[0].contains("line 2: ") && told[4].contains("line 6: "), "{told:?}");
    let rest = "25 more lines were rejected, for such reasons";
    assert!(said.stderr.contains(rest), "{said:#?}");
    let mut different = vec!["place,note,kind".to_owned()];
    different.extend((0..150).map(|n| format!("web/a,b,sloow-{n}")));
    let said = import(&snagd, "different.csv", &different.join("\n")).ended(2);
    assert_eq!(said.stderr.lines().filter(|line| line.contains("sloow-")).count(), 100);
    assert!(said.stderr.contains("50 more lines were rejected, for such reasons"), "{said:#?}");
    assert_eq!(said.stdout, "imported 0, known before 0, rejected 150\n");
}

#[test]
fn bad_rows_are_named_by_their_line_and_the_others_recorded() {
    let snagd = Snagd::start();
    let sheet = "place,note,at,kind,lost_minutes\n\
        web/a,\"two\nlines\",,,\n\
        web/a,b,03.11.2026,,\n\
        web/a,c,,sloow,\n\
        web/a,,,,\n\
        web/a,d,,,5\n";
    let said = import(&snagd, "-bad.csv", sheet).ended(2);
    assert_eq!(said.stdout, "imported 2, known before 0, rejected 3\n");
    for told in [
        "line 4: `at` cannot be `03.11.2026`: write a day like 2026-11-20, or",
        "line 5: `kind` cannot be `sloow`: did you mean `slow`?",
        "line 6: `note` is missing",
        "some lines were rejected, the others are recorded: mend these and import the file again",
    ] {
        assert!(said.stderr.contains(told), "{told}: {said:#?}");
    }
    // Mended, what was recorded before is known.
    let mended = sheet.replace("03.11.2026", "2026-11-03").replace("sloow", "slow");
    let said = import(&snagd, "-bad.csv", &mended).ended(2);
    assert_eq!(said.stdout, "imported 2, known before 2, rejected 1\n");
}

#[test]
fn a_wrong_header_sends_nothing() {
    let snagd = Snagd::start();
    let said = import(&snagd, "a.csv", "place,note,sevrity\nweb/a,b,low\n").ended(2);
    assert!(said.stderr.contains("no column `sevrity`: did you mean `severity`?"), "{said:#?}");
    let said = import(&snagd, "b.csv", "\u{feff}").ok();
    assert_eq!(said.stdout, "imported 0, known before 0, rejected 0\n");
    fs::write(snagd.path("c.csv"), b"\xff\xfep\0l\0a\0c\0e\0").unwrap();
    let path = snagd.path("c.csv").display().to_string();
    let said = snagd.snag(&["import", &path]).ended(2);
    assert!(said.stderr.contains("UTF-16: save it as UTF-8"), "{said:#?}");
    assert_eq!(snagd.events(), Vec::<Value>::new());
}

#[test]
fn severities_are_translated_in_lines_of_json_too_and_nowhere_else() {
    let snagd = Snagd::start();
    let line = r#"{"place":"web/a","note":"b","person":"ana","severity":"P0"}"#;
    import(&snagd, "a.ndjson", line).ok();
    assert_eq!(snagd.events()[0]["severity"], "blocker");
    snagd.post(line).tells(422, "`severity` cannot be `P0`");
}

#[test]
fn a_row_is_known_by_its_content_whatever_the_clock_made_of_it() {
    let (snagd, other) = (Snagd::start(), Snagd::start());
    let sheet = "place,note,at\nweb/a,b,2026-11-03\n";
    import(&snagd, "a.csv", sheet).ok();
    // As if the first import had been in the morning of that day.
    let mut event = snagd.events().remove(0);
    event["at"] = json!("2026-11-03T10:00:00Z");
    other.post(&event.to_string()).is(201);
    let said = import(&other, "a.csv", sheet).ok();
    assert_eq!(said.stdout, "imported 0, known before 1, rejected 0\n");
}

#[test]
fn a_row_is_known_wherever_it_stands_and_met_twice_where_it_stands_twice() {
    let snagd = Snagd::start();
    let first = import(&snagd, "a.csv", "place,note\nweb/a,one\nweb/a,\nweb/a,three\nweb/a,one\n");
    assert_eq!(first.ended(2).stdout, "imported 3, known before 0, rejected 1\n");
    let mended =
        import(&snagd, "a.csv", "place,note\nweb/a,new\nweb/a,three\nweb/a,one\nweb/a,one\n");
    assert_eq!(mended.ok().stdout, "imported 1, known before 3, rejected 0\n");
    let lines = |text: &str| import(&snagd, "a.ndjson", text).ok().stdout;
    let [one, two] = ["one", "two"].map(|note| json!({"place": "web/b", "note": note}));
    assert_eq!(lines(&format!("{one}\n")), "imported 1, known before 0, rejected 0\n");
    assert_eq!(lines(&format!("{two}\n{one}\n")), "imported 1, known before 1, rejected 0\n");
    let log = |steps: &str| {
        let text = format!("# Buy\n## Context\n- Place: web/c\n## Steps\n{steps}");
        import(&snagd, "log.md", &text).ok().stdout
    };
    assert_eq!(log("- one\n"), "imported 1, known before 0, rejected 0\n");
    assert_eq!(log("- two\n- one\n"), "imported 1, known before 1, rejected 0\n");
}

#[test]
fn what_snag_prints_as_csv_it_takes_back_as_it_was() {
    let (snagd, other) = (Snagd::start(), Snagd::start());
    let events = [
        json!({"place": "web/a", "note": "=HYPERLINK(\"x\")\nand, more", "person": "ana", "tags": {"a": "+1", "b": "x;y"}}),
        json!({"place": "web/b", "expected": "-", "got": "'=SUM(A1)", "outcome": "abandoned", "lost_minutes": 5, "version": "1.10"}),
        json!({"place": "web/c", "class": "signal", "kind": "error", "signal": {"name": "crash", "count": 3, "rule": "exit by signal 11"}, "evidence": {"exit_code": 139}}),
        json!({"place": "web/c", "class": "use", "count": 7}),
    ];
    for event in &events {
        snagd.post(&event.to_string()).is(201);
    }
    let csv = snagd.snag(&["events", "--csv"]).ok().stdout;
    let path = other.path("events.csv");
    fs::write(&path, csv).unwrap();
    let path = path.display().to_string();
    assert_eq!(
        other.snag(&["import", &path]).ok().stdout,
        "imported 4, known before 0, rejected 0\n"
    );
    let without_receipt = |snagd: &Snagd| {
        let mut events = snagd.events();
        for event in &mut events {
            event.as_object_mut().unwrap().remove("received_at");
        }
        events.sort_by_key(|event| event["id"].as_str().unwrap().to_owned());
        events
    };
    assert_eq!(without_receipt(&other), without_receipt(&snagd));
    assert_eq!(
        snagd.snag(&["import", &path]).ok().stdout,
        "imported 0, known before 4, rejected 0\n"
    );
}

#[test]
fn a_quote_left_open_swallows_nothing_unsaid() {
    let snagd = Snagd::start();
    let sheet = "place,note\nweb/a,\"fine, and\nclosed\"\nweb/b,a 5\" screen\nweb/c,\"never closed\nweb/d,second\n";
    let said = import(&snagd, "open.csv", sheet).ended(2);
    assert_eq!(said.stdout, "imported 2, known before 0, rejected 1\n");
    assert!(said.stderr.contains("line 5: opens a quote that is never closed"), "{said:#?}");
}
