//! Keeping and forgetting: what goes is gone to the last byte, what stays answers as before.

use std::fs;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Answer, Dir, PATIENCE, Said, Snagd, snagd, until};

/// Days of two people, ana's words easy to find again.
fn of_two() -> Snagd {
    let snagd = Snagd::start();
    let line = |n: usize| {
        let person = ["ana", "bob"][n % 2];
        json!({
            "id": format!("00000000-0000-7000-8000-{n:012x}"), "person": person,
            "place": format!("web/p{}", n % 3), "note": format!("{person}-says-{n}"),
            "at": format!("2026-11-{:02}T10:00:00Z", 1 + n % 20),
        })
        .to_string()
    };
    let lines: Vec<String> = (0..200).map(line).collect();
    snagd.post_as("application/x-ndjson", lines.join("\n").as_bytes()).is(200);
    snagd.delete("/v1/events/00000000-0000-7000-8000-000000000002").is(204);
    snagd
}

/// Files below a directory that hold these bytes.
pub(crate) fn found(dir: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(self::found(&path, needle));
        } else if let Ok(bytes) = fs::read(&path)
            && String::from_utf8_lossy(&bytes).contains(needle)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

pub(crate) fn verify(daemon: &Snagd) -> Said {
    let mut command = snagd(daemon.dir.path());
    command.arg("verify").arg("--state-dir").arg(daemon.state());
    Said::new(&mut command, &["verify"])
}

fn of_bob(daemon: &Snagd) -> Vec<Value> {
    daemon.events().into_iter().filter(|event| event["person"] == "bob").collect()
}

#[test]
fn who_is_forgotten_is_gone_to_the_last_byte() {
    let mut daemon = of_two();
    fs::write(daemon.drop_dir().join("bad.json"), r#"{"person":"ana","note":"no place"}"#).unwrap();
    until("the file is rejected", || daemon.drop_dir().join("rejected/bad.json").exists());
    let bobs = of_bob(&daemon);
    let looked = daemon.snag(&["forget", "--person", "ana", "--dry-run"]).ok();
    let rejected = daemon.drop_dir().join("rejected");
    let [file, reason] = ["bad.json", "bad.json.why"].map(|name| rejected.join(name));
    let would = format!(
        "would forget 100 events of 1 person at 3 places, and 2 files beside the journal\n  {}\n  {}\n",
        file.display(),
        reason.display()
    );
    assert_eq!(looked.stdout, would);
    assert_eq!(daemon.events().len(), 199);
    let refused = daemon.snag(&["forget", "--person", "ana"]).ended(2);
    assert!(refused.stderr.contains("--yes"), "{refused:#?}");

    let done = daemon.snag(&["forget", "--person", "ana", "--yes"]).ok();
    assert_eq!(
        done.stdout,
        "forgotten: 100 events of 1 person at 3 places, and 2 files beside the journal\n"
    );
    let left: Vec<_> = fs::read_dir(daemon.drop_dir().join("rejected")).unwrap().collect();
    assert!(left.is_empty(), "the reason goes with the file: {left:?}");
    until("the index is whole", || daemon.get("/v1/status").header("snag-behind").is_none());
    assert_eq!(of_bob(&daemon), bobs);
    assert_eq!(daemon.events().len(), bobs.len());
    for needle in ["ana-says", "\"ana\""] {
        assert_eq!(found(&daemon.state(), needle), [""; 0], "{needle}");
    }
    let why = daemon.get("/v1/why?place=web/p1&until=2026-11-20").json();
    assert_eq!(why["people"].as_array().unwrap().len(), 1, "{why}");
    // Recording goes on, and the next start finds all as it should be.
    daemon.post(r#"{"place":"web/p1","note":"on"}"#).is(201);
    // Who is not known is no reason to do all that again.
    let started = daemon.get("/v1/status").json()["started_at"].take();
    for args in [&["forget", "--person", "ana"][..], &["forget", "--place", "pos", "--dry-run"]] {
        let nothing = daemon.snag(args).ok();
        assert!(nothing.stdout.starts_with("nothing to forget"), "{nothing:#?}");
    }
    assert_eq!(daemon.get("/v1/status").json()["started_at"], started);
    fs::create_dir_all(daemon.drop_dir().join("rejected")).unwrap();
    fs::write(daemon.drop_dir().join("rejected/late.json"), r#"{"person":"ana"}"#).unwrap();
    // A user's own daemon has the session that runs beside its journal.
    let session = daemon.state().join("session.json");
    fs::write(&session, r#"{"person":"ana","steps":[{"note":"what ana met"}]}"#).unwrap();
    let cut_short = daemon.drop_dir().join(".one.json.018f.tmp");
    fs::write(&cut_short, r#"{"person":"ana","note":"cut sh"#).unwrap();
    let others = daemon.drop_dir().join("rejected/others.json");
    fs::write(&others, r#"{"person":"anabel","nte":"what ana had said"}"#).unwrap();
    let done = daemon.snag(&["forget", "--person", "ana", "--yes"]).ok();
    assert_eq!(done.stdout, "forgotten: no event, and 3 files beside the journal\n");
    assert!(!session.exists() && !cut_short.exists());
    assert!(!daemon.drop_dir().join("rejected/late.json").exists());
    assert!(others.exists(), "it is about somebody else");
    let nobody = daemon.snag(&["forget", "--person", "", "--yes"]).ended(2);
    assert!(nobody.stderr.contains("`person` is empty"), "{nobody:#?}");
    until("the index is whole", || daemon.get("/v1/status").header("snag-behind").is_none());
    daemon.stop();
    let said = verify(&daemon).ok();
    assert!(said.stdout.contains("as the journal has them"), "{said:#?}");
    daemon.restart();
    assert_eq!(daemon.events().len(), bobs.len() + 1);
}

/// What `snag` keeps beside the journal of its user's own daemon.
#[test]
fn what_another_daemon_refused_is_forgotten_and_what_waits_for_it_is_its_own() {
    let daemon = Snagd::start();
    let outbox = daemon.state().join("outbox/hub");
    fs::create_dir_all(outbox.join("rejected")).unwrap();
    let [refused, waits] = ["rejected/one.json", "two.json"].map(|name| outbox.join(name));
    for path in [&refused, &waits] {
        fs::write(path, r#"{"person":"ana","note":"for the hub"}"#).unwrap();
    }
    let noticed = daemon.state().join("noticed");
    fs::write(&noticed, "1 00 failed acme cli/acme 7 {\"person\":\"ana\"}\n").unwrap();
    let done = daemon.snag(&["forget", "--person", "ana", "--yes"]).ok();
    assert_eq!(done.stdout, "forgotten: no event, and 2 files beside the journal\n");
    assert!(!refused.exists() && !noticed.exists() && waits.exists());
}

#[test]
fn who_agreed_with_what_is_forgotten_is_still_heard_and_goes_into_another_store() {
    let daemon = Snagd::start();
    let id = "01938a5e-7c3b-7d4e-9f00-8a1b4be19c07";
    let first = format!(r#"{{"id":"{id}","place":"web/pay","note":"it hung","severity":"major"}}"#);
    daemon.post(&first).is(201);
    daemon.snag(&["me-too", "web/pay", "--person", "bob"]).ok();
    daemon.snag(&["forget", "--id", id, "--yes"]).ok();
    let events = daemon.events();
    assert_eq!((events.len(), &events[0]["person"]), (1, &"bob".into()), "{events:#?}");
    let shown = daemon.snag(&["show", events[0]["id"].as_str().unwrap()]).ok().stdout;
    assert!(shown.contains("an event that was forgotten"), "{shown}");
    let file = daemon.path("export.ndjson");
    fs::write(&file, daemon.snag(&["export"]).ok().stdout).unwrap();
    let other = Snagd::start();
    let said = other.snag(&["import", file.to_str().unwrap()]).ok().stdout;
    assert!(said.starts_with("imported 1,") && said.contains("rejected 0"), "{said}");
}

#[test]
fn who_cannot_look_for_copies_does_not_say_that_there_are_none() {
    let daemon = of_two();
    fs::write(daemon.state().join("journal/aside"), "no directory").unwrap();
    for how in ["--dry-run", "--yes"] {
        let unseen = daemon.snag(&["forget", "--person", "bob", how]);
        assert!(unseen.code != 0 && unseen.stderr.contains("nothing was forgotten"), "{unseen:#?}");
        assert!(unseen.stderr.contains("read and write the state"), "{unseen:#?}");
    }
    assert_eq!(daemon.events().len(), 199);
}

#[test]
fn forgetting_that_was_cut_short_is_finished_at_the_next_start() {
    let mut daemon = of_two();
    let before = daemon.events().len();
    daemon.kill();
    // Written down, and then the power went.
    fs::write(daemon.state().join("forget.json"), r#"{"place":"web/p1"}"#).unwrap();
    daemon.restart();
    assert!(!daemon.state().join("forget.json").exists());
    let left = daemon.events();
    assert!(left.iter().all(|event| event["place"] != "web/p1"), "{left:?}");
    assert!(!left.is_empty() && left.len() < before);
    assert_eq!(found(&daemon.state(), "web/p1"), [""; 0]);
}

#[test]
fn only_the_owner_has_something_forgotten() {
    let daemon = of_two();
    let body = r#"{"person":"ana"}"#;
    let request = format!(
        "POST /v1/forget HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        daemon.address(),
        daemon.token(),
        body.len()
    );
    daemon.ask_tcp(&request).tells(403, "over the unix socket");
    let said = daemon.snag(&["forget", "--yes"]).ended(2);
    assert!(said.stderr.contains("--person NAME"), "{said:#?}");
    assert_eq!(daemon.events().len(), 199);
}

/// Regression: the others were told that the disk had failed.
#[test]
fn of_several_who_forget_at_once_one_is_heard_and_the_others_are_told() {
    let daemon = of_two();
    let body = r#"{"person":"ana"}"#;
    let request = format!(
        "POST /v1/forget HTTP/1.1\r\nHost: snag\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answers: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    let stream = UnixStream::connect(daemon.socket()).ok()?;
                    Some(Answer::of(stream, request.as_bytes()))
                })
            })
            .collect();
        asking.into_iter().filter_map(|it| it.join().unwrap()).collect()
    });
    for answer in &answers {
        match answer.status {
            // Away, or back with nothing of ana left.
            0 | 200 | 202 => {}
            _ => {
                assert!(answer.text().contains("say it again once it is back"), "{answer:?}");
                assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
            }
        }
    }
    assert!(answers.iter().any(|answer| answer.status == 202), "{answers:?}");
    until("it is done", || daemon.log().contains("forgotten"));
}

/// Enough events for a segment and a half.
fn fill(daemon: &Snagd, day: &str, name: &str) {
    let note = "many words ".repeat(300);
    for batch in 0..5 {
        let line = |n| {
            json!({"place": "web/a", "note": format!("{name} {batch} {n} {note}"), "at": format!("{day}T10:00:00Z")}).to_string()
        };
        let lines: Vec<String> = (0..600).map(line).collect();
        daemon.post_as("application/x-ndjson", lines.join("\n").as_bytes()).is(200);
    }
}

#[test]
fn what_is_older_than_anybody_wants_goes_and_the_rest_answers_as_before() {
    let mut daemon = Snagd::start();
    fill(&daemon, "2024-01-10", "old");
    fill(&daemon, "2026-11-20", "new");
    let answer = |daemon: &Snagd| {
        until("the index is whole", || daemon.get("/v1/status").header("snag-behind").is_none());
        let mut rows = daemon.get("/v1/hotspots?until=2026-11-23").json()["rows"].take();
        for row in rows.as_array_mut().unwrap() {
            // Whatever is outside the window may go.
            row["first_seen"].take();
        }
        rows
    };
    let before = answer(&daemon);
    let segments = daemon.get("/v1/status").json()["journal"]["segments"].as_u64().unwrap();
    assert!(2 < segments, "{segments}");
    daemon.stop();
    let config = daemon.path("snagd.toml");
    fs::write(&config, "retention = \"12 months\"\n").unwrap();
    let args = ["--config", config.to_str().unwrap()];
    let daemon = Snagd::start_with(std::mem::replace(&mut daemon.dir, Dir::new()), &args);
    assert!(daemon.log().contains("what is older than"), "{}", daemon.log());
    let left = daemon.get("/v1/status").json()["journal"]["segments"].as_u64().unwrap();
    assert!(left < segments, "{left} of {segments}");
    assert_eq!(answer(&daemon), before);
    let events = daemon.events();
    assert_eq!(events.iter().filter(|event| event["at"] == "2026-11-20T10:00:00Z").count(), 3000);
    assert!(events.len() < 6000, "{}", events.len());
}

#[test]
fn a_shorter_retention_counts_at_once() {
    let dir = Dir::new();
    let config = dir.path().join("snagd.toml");
    fs::write(&config, "").unwrap();
    let daemon = Snagd::start_with(dir, &["--config", config.to_str().unwrap()]);
    fill(&daemon, "2024-01-10", "old");
    fs::write(&config, "retention = \"12 months\"\n").unwrap();
    until("what is over has gone", || daemon.log().contains("what is older than"));
}

#[test]
fn an_index_of_an_earlier_format_is_made_anew() {
    let mut daemon = of_two();
    let before = daemon.events();
    daemon.stop();
    let index = sled::open(daemon.state().join("index")).unwrap();
    for pair in index.iter() {
        let (key, value) = pair.unwrap();
        index.insert(key, [&[1], &value[1..]].concat()).unwrap();
    }
    drop(index);
    let looked = verify(&daemon).ok();
    assert!(looked.stdout.contains("of an earlier snagd"), "nothing is wrong: {looked:#?}");
    daemon.restart();
    assert_eq!(daemon.events(), before);
    let log = daemon.log();
    assert!(log.contains("an earlier snagd made the index") && !log.contains("ERROR"), "{log}");
    assert!(!daemon.state().join("index.set-aside-1").exists(), "it is of no use to anybody");
    assert!(!daemon.state().join("index.new").exists());
}

#[test]
fn verify_looks_and_repair_mends() {
    let mut daemon = of_two();
    let running = verify(&daemon).ok();
    assert!(running.stdout.contains("in use by a running snagd"), "{running:#?}");
    daemon.stop();
    let good = verify(&daemon).ok();
    assert!(good.stdout.contains("index    199 events, as the journal has them"), "{good:#?}");
    let db = daemon.state().join("index/db");
    let whole = fs::read(&db).unwrap();
    let mut bytes = whole.clone();
    bytes.iter_mut().step_by(53).for_each(|byte| *byte ^= 0x20);
    fs::write(&db, &bytes).unwrap();
    let bad = verify(&daemon).ended(1);
    assert!(bad.stdout.contains("run `snagd repair`"), "{bad:#?}");
    assert!(fs::read(&db).unwrap() == bytes, "looking changes nothing");
    let mut command = snagd(daemon.dir.path());
    command.arg("repair").arg("--state-dir").arg(daemon.state());
    let mended = Said::new(&mut command, &["repair"]).ok();
    assert!(mended.stdout.starts_with("repaired: 199 events"), "{mended:#?}");
    verify(&daemon).ok();
    daemon.restart();
    assert_eq!(daemon.events().len(), 199);
}

#[test]
fn the_number_of_what_was_forgotten_last_is_no_record_to_come() {
    let mut daemon = Snagd::start();
    for place in ["web/a", "web/b"] {
        daemon.post(&json!({"place": place, "note": "x"}).to_string()).is(201);
    }
    daemon.snag(&["forget", "--place", "web/b", "--yes"]).ok();
    let status = daemon.get("/v1/status").json();
    assert_eq!((&status["journal"]["last"], &status["index"]["behind"]), (&json!(2), &json!(0)));
    let said = daemon.snag(&["status"]).ok();
    assert!(
        said.stdout.contains("up to date") && said.stdout.contains("2 records so far"),
        "{said:#?}"
    );
    daemon.snag(&["doctor"]).ok();
    daemon.stop();
    let good = verify(&daemon).ok();
    assert!(good.stdout.contains("journal  1 record in "), "{good:#?}");
    assert!(good.stdout.ends_with("index    1 event, as the journal has them\n"), "{good:#?}");
}

#[test]
fn a_repair_tells_of_copies_only_where_there_are_some() {
    let mut daemon = Snagd::start();
    let full = daemon.state().join("journal/00000000000000000001.pak");
    until("a segment is packed", || {
        let note = "x".repeat(4000);
        let line =
            json!({"place": "web/a", "expected": note, "got": note, "note": note}).to_string();
        let lines = vec![line; 80].join("\n");
        daemon.post_as("application/x-ndjson", lines.as_bytes()).is(200);
        full.exists()
    });
    daemon.stop();
    fs::remove_file(full).unwrap();
    let mut command = snagd(daemon.dir.path());
    command.arg("repair").arg("--state-dir").arg(daemon.state());
    let mended = Said::new(&mut command, &["repair"]).ok();
    assert!(mended.stdout.contains("the journal has 1 bad place, and"), "{mended:#?}");
    assert!(!mended.stdout.contains("aside"), "{mended:#?}");
    assert!(!daemon.state().join("journal/aside").exists());
    let looked = verify(&daemon).ended(1);
    assert!(looked.stdout.contains("damaged: before segment 0000"), "{looked:#?}");
}

/// A daemon that has stopped, of whose three records the second is damaged; and the segment of them.
fn of_three_with_a_flipped_bit() -> (Snagd, PathBuf) {
    let mut daemon = Snagd::start();
    for place in ["web/a", "web/b", "web/c"] {
        daemon.post(&json!({"place": place, "note": "the one and only words"}).to_string()).is(201);
    }
    daemon.stop();
    let segment = daemon.state().join("journal/00000000000000000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(5).position(|window| window == b"web/b").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    (daemon, segment)
}

#[test]
fn a_damaged_journal_is_not_rewritten_unasked() {
    let (mut daemon, _) = of_three_with_a_flipped_bit();
    let looked = verify(&daemon).ended(1);
    assert!(looked.stdout.contains("record 2 is missing"), "{looked:#?}");
    daemon.restart();
    assert!(daemon.log().contains("the journal is damaged"), "{}", daemon.log());
    assert_eq!(daemon.events().len(), 2, "what the journal lost is lost");
    assert!(daemon.log().contains("`snagd verify` says"), "{}", daemon.log());
    let refused = daemon.snag(&["forget", "--place", "web/a", "--yes"]).ended(2);
    assert!(refused.stderr.contains("--lose-damaged"), "{refused:#?}");
    assert_eq!(daemon.events().len(), 2);
    daemon.snag(&["forget", "--place", "web/a", "--yes", "--lose-damaged"]).ok();
    let left: Vec<_> = daemon.events().iter().map(|event| event["place"].clone()).collect();
    assert_eq!(left, ["web/c"]);
}

/// Regression: it stayed where nothing else in its segment changed, and what was aside came back.
#[test]
fn what_is_damaged_goes_where_nothing_else_does() {
    let (mut daemon, segment) = of_three_with_a_flipped_bit();
    daemon.restart();
    assert!(daemon.state().join("journal/aside").exists());
    daemon.snag(&["forget", "--place", "nowhere", "--yes", "--lose-damaged"]).ok();
    assert!(!segment.exists() && !daemon.state().join("journal/aside").exists());
    assert_eq!(daemon.get("/v1/status").json()["journal"]["damaged"], 0);
    assert_eq!(daemon.events().len(), 2);
    daemon.stop();
    let looked = verify(&daemon).ok();
    assert!(looked.stdout.contains("as the journal has them"), "{looked:#?}");
}

#[test]
fn a_look_that_is_ended_leaves_nothing_and_who_starts_meanwhile_waits_for_that() {
    let mut daemon = of_two();
    daemon.stop();
    // Opening this waits for somebody to write to it.
    let waits = daemon.state().join("index/waits");
    assert!(Command::new("mkfifo").arg(&waits).status().unwrap().success());
    let scratch = daemon.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let copies = || fs::read_dir(&scratch).unwrap().count();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut command = snagd(daemon.dir.path());
        command.arg("verify").arg("--state-dir").arg(daemon.state()).env("TMPDIR", &scratch);
        daemon.child = command.spawn().unwrap();
        until("it copies the index", || copies() == 1);
        let notified = UnixDatagram::bind(daemon.path(signal)).unwrap();
        notified.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut starts = daemon.command();
        let mut starting = starts.env("NOTIFY_SOCKET", daemon.path(signal)).spawn().unwrap();
        let hears = |what: &str| {
            until(what, || {
                let mut said = [0; 4096];
                let received = notified.recv(&mut said);
                let length = received.unwrap_or_else(|error| panic!("no `{what}`: {error}"));
                String::from_utf8_lossy(&said[..length]).contains(what)
            });
        };
        hears("EXTEND_TIMEOUT_USEC=60000000\nWATCHDOG=1\nSTATUS=waits until `snagd verify`");
        daemon.signal(signal);
        assert_eq!(daemon.wait().code(), Some(code));
        assert_eq!(copies(), 0, "it holds what people told");
        hears("READY=1");
        assert_eq!(daemon.log().matches("`snagd verify` looks at ").count(), 1, "{}", daemon.log());
        fs::remove_file(daemon.path("log")).unwrap();
        starting.kill().unwrap();
        starting.wait().unwrap();
    }
    fs::remove_file(waits).unwrap();
    verify(&daemon).ok();
}

#[test]
fn a_segment_that_is_packed_while_somebody_looks_is_not_missing() {
    let daemon = of_two();
    let segment = daemon.state().join("journal/00000000000000000001.seg");
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-P"]).arg(segment);
    command.args(["-e", "trace=openat", "-e", "inject=openat:error=ENOENT:when=1"]);
    command.arg(env!("CARGO_BIN_EXE_snagd")).arg("verify").arg("--state-dir").arg(daemon.state());
    let said = Said::new(&mut command, &["verify"]).ok();
    assert!(said.stdout.contains("journal  201 records"), "{said:#?}");
}

#[test]
fn where_there_is_nothing_nothing_is_made() {
    let dir = Dir::new();
    for command in ["verify", "repair"] {
        let args = [command, "--state-dir", "/nonexistent/snag"];
        let said = Said::new(snagd(dir.path()).args(args), &args).ended(2);
        assert!(said.stderr.contains("there is no journal in /nonexistent/snag"), "{said:#?}");
    }
}
