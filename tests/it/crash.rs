//! SIGKILL, deleted and damaged indexes: what was acknowledged is there, and counted right.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::faults::strace;
use crate::harness::{Snagd, until};

/// Rounds of the bounded test; `.ci/long` runs more, by `SNAG_ROUNDS`.
const ROUNDS: u64 = 30;

#[test]
fn killed_at_random_moments_under_load_it_keeps_what_it_acknowledged() {
    let rounds = std::env::var("SNAG_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let mut snagd = Snagd::start();
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let serial = Arc::new(AtomicU64::new(0));
    for round in 0..rounds.unwrap_or(ROUNDS) {
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let (stop, serial) = (stop.clone(), serial.clone());
                let (acknowledged, socket) = (acknowledged.clone(), snagd.socket());
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        match post(&socket, sender, serial.fetch_add(1, Ordering::Relaxed)) {
                            Some(id) => acknowledged.lock().unwrap().insert(id),
                            None => return,
                        };
                    }
                })
            })
            .collect();
        // A moment that differs each round, from a sequence without chance.
        thread::sleep(Duration::from_millis(1 + round * 37 % 120));
        snagd.kill();
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().unwrap();
        }
        snagd.restart();
    }
    let events = snagd.events();
    let found: BTreeSet<String> = events.iter().map(|event| text(event, "id")).collect();
    let acknowledged = acknowledged.lock().unwrap();
    assert!(100 < acknowledged.len(), "only {} events: the test tries nothing", acknowledged.len());
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
    assert_eq!(events.len(), found.len(), "an id is recorded once");
    check_counts(&snagd, &events);
    rebuild_changes_nothing(&mut snagd);
}

/// Posts one event; its id if it was acknowledged.
fn post(socket: &Path, sender: u64, serial: u64) -> Option<String> {
    let id = format!("00000000-0000-7000-8000-{serial:012x}");
    let class = if serial.is_multiple_of(5) {
        r#""class":"use","count":2"#
    } else {
        r#""note":"it broke","outcome":"retried""#
    };
    let body = format!(
        r#"{{"id":"{id}","place":"web/p{}","person":"s{sender}","at":"2026-11-{:02}T10:00:00Z",{class}}}"#,
        serial % 7,
        1 + serial % 20,
    );
    let mut stream = UnixStream::connect(socket).ok()?;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 201").then_some(id)
}

/// The figures are those of the events that are there, counted by hand.
fn check_counts(snagd: &Snagd, events: &[Value]) {
    let path = "/v1/hotspots?flat=true&since=2026-11-01&until=2026-11-20&top=100";
    let rows = snagd.get(path).is(200).json();
    let rows = rows["rows"].as_array().unwrap();
    let of_reports = events.iter().filter(|event| event["class"] == "report");
    let places: BTreeSet<_> = of_reports.map(|event| text(event, "place")).collect();
    assert_eq!(rows.iter().map(|row| text(row, "place")).collect::<BTreeSet<_>>(), places);
    assert_eq!(rows.len(), places.len(), "a place has one row");
    for row in rows {
        let here = || events.iter().filter(|event| event["place"] == row["place"]);
        let reports = || here().filter(|event| event["class"] == "report");
        let uses: u64 = here().filter_map(|event| event["count"].as_u64()).sum();
        assert_eq!(row["reports"], reports().count(), "{row}");
        assert_eq!(row["uses"], uses, "{row}");
        let days: BTreeSet<_> = reports().map(|e| (text(e, "person"), text(e, "at"))).collect();
        assert_eq!(row["person_days"], days.len(), "{row}");
    }
}

fn text(event: &Value, field: &str) -> String {
    event[field].as_str().unwrap().to_owned()
}

/// Every answer a reader can get.
fn answers(snagd: &Snagd) -> Vec<Value> {
    let paths = [
        "/v1/events?limit=1000",
        "/v1/hotspots?until=2026-11-20&top=100",
        "/v1/hotspots?until=2026-11-20&flat=true&top=100",
        "/v1/hotspots?until=2026-11-20&by=kind",
        "/v1/hotspots?until=2026-11-20&by=version",
        "/v1/why?place=web/p1&until=2026-11-20",
    ];
    paths.iter().map(|path| snagd.get(path).is(200).json()).collect()
}

fn rebuild_changes_nothing(snagd: &mut Snagd) {
    let before = answers(snagd);
    snagd.stop();
    fs::remove_dir_all(snagd.state().join("index")).unwrap();
    snagd.restart();
    assert!(snagd.log().contains("building the index from the journal"), "{}", snagd.log());
    // After a campaign there is so much that it is built while questions are answered.
    until("the index is whole", || snagd.get("/v1/status").header("snag-behind").is_none());
    for (after, before) in answers(snagd).iter().zip(&before) {
        assert_eq!(after, before);
    }
}

/// A daemon with some history, a retraction among it.
fn with_history() -> Snagd {
    let snagd = Snagd::start();
    let lines: Vec<String> = (0..600)
        .map(|n| {
            let day = 1 + n % 20;
            let severity = ["cosmetic", "minor", "major", "blocker"][n % 4];
            let body = json!({
                "id": format!("00000000-0000-7000-8000-{n:012x}"),
                "place": format!("web/p{}/q{}", n % 3, n % 5), "person": format!("p{}", n % 6),
                "note": format!("it took {n} seconds"), "version": format!("1.{}.0", n % 3),
                "severity": severity,
                "at": format!("2026-11-{day:02}T10:00:00Z"),
            });
            body.to_string()
        })
        .collect();
    snagd.post_as("application/x-ndjson", lines.join("\n").as_bytes()).is(200);
    snagd.delete("/v1/events/00000000-0000-7000-8000-000000000007").is(204);
    snagd
}

#[test]
fn a_deleted_index_is_rebuilt_to_the_same_answers() {
    let mut snagd = with_history();
    rebuild_changes_nothing(&mut snagd);
    // And goes on from there.
    snagd.post(r#"{"place":"web/p1","note":"more"}"#).is(201);
    snagd.kill();
    snagd.restart();
    assert_eq!(snagd.events().len(), 600);
}

#[test]
fn an_index_that_does_not_open_is_set_aside_and_rebuilt() {
    let mut snagd = with_history();
    let before = answers(&snagd);
    snagd.stop();
    let db = snagd.state().join("index/db");
    for (round, damage) in [0_usize, 1, 2].into_iter().enumerate() {
        let mut bytes = fs::read(&db).unwrap();
        match damage {
            0 => bytes.iter_mut().step_by(97).for_each(|byte| *byte ^= 0x55),
            1 => bytes.fill(0),
            _ => bytes.truncate(10),
        }
        fs::write(&db, bytes).unwrap();
        snagd.restart();
        let aside = snagd.state().join(format!("index.set-aside-{}", round + 1));
        assert!(aside.exists(), "round {round}: never deleted\n{}", snagd.log());
        assert_eq!(answers(&snagd), before, "round {round}");
        snagd.stop();
    }
}

#[test]
fn an_index_of_another_journal_is_not_believed() {
    let mut snagd = with_history();
    snagd.stop();
    fs::remove_dir_all(snagd.state().join("journal")).unwrap();
    snagd.restart();
    assert!(snagd.log().contains("does not hold"), "{}", snagd.log());
    assert!(snagd.events().is_empty());
    assert!(snagd.state().join("index.set-aside-1").exists());
}

#[test]
fn after_a_power_cut_index_and_journal_are_compared() {
    let mut snagd = with_history();
    let before = answers(&snagd);
    snagd.kill();
    // As if the machine had been switched off: another boot, and no clean stop.
    fs::write(snagd.state().join("running"), "another boot\n").unwrap();
    snagd.restart();
    assert!(snagd.log().contains("comparing it with the journal"), "{}", snagd.log());
    assert!(!snagd.state().join("index.set-aside-1").exists(), "{}", snagd.log());
    assert_eq!(answers(&snagd), before);
}

#[test]
fn a_damaged_journal_costs_the_damaged_record_and_says_so() {
    let mut snagd = Snagd::start();
    for n in 0..10 {
        snagd
            .post(&json!({"place": "web/a", "note": format!("number {n} of ten")}).to_string())
            .is(201);
    }
    snagd.stop();
    let segment = snagd.state().join("journal/00000000000000000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(11).position(|window| window == b"number 4 of").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    fs::remove_dir_all(snagd.state().join("index")).unwrap();
    snagd.restart();
    assert_eq!(snagd.events().len(), 9);
    assert!(snagd.log().contains("the journal is damaged"), "{}", snagd.log());
    assert_eq!(snagd.get("/v1/status").json()["journal"]["damaged"], 1);
    assert_eq!(fs::read_dir(snagd.state().join("journal/aside")).unwrap().count(), 1);
    snagd.post(r#"{"place":"web/a","note":"and on it goes"}"#).is(201);
}

/// More records than are caught up with before the daemon is ready.
#[test]
fn a_long_rebuild_goes_on_while_events_are_recorded() {
    let mut snagd = Snagd::start();
    for batch in 0..24 {
        let line = |n| json!({"place": format!("web/p{}", n % 7), "note": format!("{batch} {n}"), "at": "2026-11-10T10:00:00Z"});
        let lines: Vec<String> = (0..1000).map(|n| line(n).to_string()).collect();
        snagd.post_as("application/x-ndjson", lines.join("\n").as_bytes()).is(200);
    }
    let before = answers(&snagd);
    snagd.kill();
    fs::remove_dir_all(snagd.state().join("index")).unwrap();
    // Slowly, or a quick machine would be through before it is asked anything.
    let segments = fs::read_dir(snagd.state().join("journal")).unwrap();
    let segments: Vec<_> = segments.map(|file| file.unwrap().path()).collect();
    snagd.run_by(strace::around(&snagd.path("strace"), "pread64:delay_enter=30000", &segments));
    snagd.restart();
    let body =
        json!({"id": "00000000-0000-7000-8000-00000000abcd", "place": "web/p1", "note": "x"});
    let told = snagd.post(&body.to_string()).is(201);
    let behind = told.header("snag-behind").unwrap_or_else(|| panic!("{}", told.text()));
    assert!(behind.ends_with("/24001") || behind.ends_with("/24000"), "{behind}");
    let said = snagd.snag(&["hotspots"]).ok();
    assert!(said.stderr.contains("until then this is incomplete"), "{said:#?}");
    let early = snagd.get("/v1/events/00000000-0000-7000-8000-00000000abcd").is(503);
    assert!(early.header("retry-after").is_some(), "{}", early.text());
    assert!(early.text().contains("ask again once"), "{}", early.text());
    let status = snagd.get("/v1/status").json();
    assert!(4_000 < status["index"]["behind"].as_u64().unwrap(), "{status}");
    let partial = snagd.snag(&["export"]).ended(69);
    assert!(partial.stdout.is_empty() && partial.stderr.contains("of its records"), "{partial:#?}");
    let unknown = snagd.snag(&["hotspots", "--fail-over", "1000"]).ended(69);
    assert!(unknown.stderr.contains("says that it is up to date"), "{unknown:#?}");
    let healthy = snagd.snag(&["doctor"]).ok();
    assert!(healthy.stdout.contains("being built: "), "{healthy:#?}");
    // Not known yet, so recorded again: the first record counts in the end.
    snagd.post(&body.to_string()).is(201);
    strace::let_go(&snagd);
    snagd.run_by(Vec::new());
    until("the index has caught up", || {
        snagd.get("/v1/status").is(200).header("snag-behind").is_none()
    });
    snagd.post(&body.to_string()).is(200);
    snagd.get("/v1/events/00000000-0000-7000-8000-00000000abcd").is(200);
    assert_eq!(snagd.events().len(), 24_001);
    assert!(snagd.log().contains("answers are incomplete until then"), "{}", snagd.log());
    snagd.delete("/v1/events/00000000-0000-7000-8000-00000000abcd").is(204);
    assert_eq!(answers(&snagd), before);
    // What was taken twice is no disagreement after a power cut.
    snagd.kill();
    fs::write(snagd.state().join("running"), "another boot\n").unwrap();
    snagd.restart();
    assert!(!snagd.log().contains("do not agree"), "{}", snagd.log());
    assert_eq!(answers(&snagd), before);
}
