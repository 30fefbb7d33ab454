//! `snag session`: a friction log from the first step to another store.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::harness::{Dir, Said, Snagd, redact, snag, until};

#[test]
fn a_walk_is_recorded_step_by_step_and_imported_elsewhere() {
    let snagd = Snagd::start();
    let said = |args: &[&str]| snagd.snag(&[&["session"], args].concat());
    said(&[]).ended(2);
    said(&["start", " "]).ended(2);
    said(&["start", "buy as a new customer"]).ok();
    let state = snagd.dir.path().join("home/.local/state/snag/session.json");
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o600);
    let placeless = said(&["note", "opened it"]).ended(2);
    assert!(placeless.stderr.contains("say where you are"), "{placeless:#?}");
    said(&["start", "again"]).ended(2);
    said(&["note", "opened the shop", "--place", "web/shop"]).ok();
    said(&["note", "it knew my address", "--felt", "delighted"]).ok();
    let hidden = ["note", "the total is hidden", "--place", "web/cart", "--felt", "confused"];
    said(&[&hidden[..], &["--did", "retried", "--expected", "a total"]].concat()).ok();
    let log = said(&["end", "--con", "no <guest> checkout", "--export", "md"]).ok().stdout;
    said(&[]).ended(2);

    // A daemon that was slow takes what was kept for it.
    until("all of it is recorded", || snagd.events().len() == 4);
    let events = snagd.events();
    let mut told: Vec<_> = events
        .iter()
        .map(|event| {
            assert_eq!(event["task"], "buy as a new customer");
            json!([event["class"], event["place"], event["kind"], event["severity"]])
        })
        .collect();
    told.sort_by_key(ToString::to_string);
    let expected = json!([
        ["report", "web/cart", "unexpected", "minor"],
        ["report", "web/cart", "unexpected", "minor"],
        ["report", "web/shop", "delight", "minor"],
        ["use", "web/shop", null, null],
    ]);
    assert_eq!(json!(told), expected);
    insta::assert_snapshot!(redact(&log));

    // The same log changes nothing here, and is the same events elsewhere.
    let path = snagd.path("log.md").display().to_string();
    fs::write(&path, &log).unwrap();
    let again = snagd.snag(&["import", &path]).ok().stdout;
    assert_eq!(again, "imported 0, known before 4, rejected 0\n");
    let other = Snagd::start();
    let new = other.snag(&["import", &path]).ok().stdout;
    assert_eq!(new, "imported 4, known before 0, rejected 0\n");
    let rows = |snagd: &Snagd| snagd.get("/v1/hotspots").json()["rows"].clone();
    assert_eq!(rows(&other), rows(&snagd));
}

#[test]
fn without_a_daemon_a_session_goes_on() {
    let dir = Dir::new();
    let said = |args: &[&str]| {
        let args = [&["session"], args].concat();
        Said::new(snag(dir.path()).args(&args), &args)
    };
    said(&["start", "deploy", "--place", "cli/deploy"]).ok();
    let kept = said(&["note", "silence for 40 s", "--felt", "anxious"]).ok();
    assert!(kept.stderr.contains("kept"), "{kept:#?}");
    let log = said(&["end", "--export", "md"]).ok().stdout;
    assert!(log.contains("1. silence for 40 s <!-- ") && log.contains("felt: anxious"), "{log}");
}

#[test]
fn what_is_taken_back_is_in_no_log_and_what_ended_goes_on_no_more() {
    let snagd = Snagd::start();
    let said = |args: &[&str]| snagd.snag(args).ok().stdout;
    said(&["session", "start", "buy", "--place", "web/shop"]);
    said(&["session", "note", "meant for another", "--felt", "confused"]);
    let taken_back = said(&["undo"]);
    assert!(taken_back.starts_with("taken back"), "{taken_back}");
    said(&["session", "note", "the total is hidden", "--felt", "confused"]);
    said(&["session", "note", "named by its last digits", "--felt", "confused"]);
    let steps = snagd.snag(&["session", "--json"]).ok().json()["steps"].take();
    let id = steps[1]["id"].as_str().unwrap();
    said(&["undo", &id[id.len() - 8..]]);
    let running = said(&["session"]);
    assert!(running.contains("1 step\n") && running.contains("snag session note"), "{running}");
    let ended = said(&["session", "end", "--con", "no guest checkout"]);
    for (words, is_there) in [
        ("the total is hidden", true),
        ("no guest checkout", true),
        ("meant for another", false),
        ("named by its last digits", false),
        ("snag session", false),
    ] {
        assert_eq!(ended.contains(words), is_there, "{words}: {ended}");
    }
}

#[test]
fn steps_told_at_once_are_all_in_the_log() {
    let snagd = Snagd::start();
    snagd.snag(&["session", "start", "buy", "--place", "web/shop"]).ok();
    std::thread::scope(|scope| {
        for step in 0..6 {
            let note = format!("step {step}");
            let snagd = &snagd;
            scope.spawn(move || snagd.snag(&["session", "note", &note]).ok());
        }
    });
    let steps = snagd.snag(&["session", "--json"]).ok().json()["steps"].take();
    assert_eq!(steps.as_array().unwrap().len(), 6, "{steps}");
}

#[test]
fn what_it_keeps_holds_no_secret() {
    let dir = Dir::new();
    let said = |args: &[&str]| Said::new(snag(dir.path()).args(args), args);
    // Assembled here, so that nobody takes this file for a leak.
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let card = "web/card/4111-1111-1111-1111";
    for args in [&["session", "start", "buy", "--place", card][..], &["run", "--at", card, "true"]]
    {
        let refused = said(args).ended(2);
        assert!(refused.stderr.contains("looks like a secret (card-number)"), "{refused:#?}");
    }
    let task = format!("log in with {token}");
    said(&["session", "start", &task, "--version", &token, "--person", &token]).ok();
    let kept = dir.path().join("home/.local/state/snag/session.json");
    let kept = fs::read_to_string(kept).unwrap();
    assert!(!kept.contains(&token), "{kept}");
    assert!(kept.contains("\"task\":\"log in with [scrubbed:github-token]\""), "{kept}");
    said(&["session", "note", "nothing there", "--place", "web/login"]).ok();
}
