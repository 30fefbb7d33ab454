//! System calls that fail: once and for ever, while the daemon runs and at each step of its start.
//!
//! Nothing is acknowledged that is not there afterwards. Where it cannot go on it ends with 74 and
//! never with a panic; where there is only no room it answers 507 and goes on by itself.

use std::fs;
use std::path::{Path, PathBuf};

use super::acknowledged::{Acknowledged, fresh_id};
use super::strace::{self, Strace};
use super::{rounds, start_on_copy};
use crate::harness::{Dir, Snagd, until};
use snag::event::{Arrival, Draft, Sender, Source};

/// What the daemon is to do about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Ends with 74, for its supervisor to start it again.
    Ends,
    /// Answers 507 while it lasts, then goes on.
    Refuses,
    /// Goes on.
    GoesOn,
}
use Then::{Ends, GoesOn, Refuses};

/// A call, its error, the file below the state directory, and what follows.
type Fault = (&'static str, &'static str, &'static str, Then);

const SEGMENT: &str = "journal/00000000000000000001.seg";

/// Lets a daemon suffer a fault; `when` is the call it strikes first, with a `+` for ever after.
fn suffer(mut snagd: Snagd, fault: Fault, when: &str) {
    let (call, error, file, then) = fault;
    let told = Acknowledged::default();
    assert_eq!(told.post(&snagd, 300), 201);
    let inject = format!("{call}:error={error}:when={when}");
    let mut strace = Strace::inject(&snagd, &inject, &[snagd.state().join(file)]);
    let mut refused = 0;
    until(&format!("{inject} on {file} strikes: {then:?}"), || {
        match told.post(&snagd, 3000) {
            507 => refused += 1,
            // Away: the supervisor's turn.
            0 | 503 if then == Ends => {}
            status => assert_eq!(status, 201, "{inject} on {file}"),
        }
        let struck = 0 < strace.injected();
        match then {
            Ends => snagd.child.try_wait().unwrap().is_some(),
            Refuses => struck && 0 < refused,
            GoesOn => struck,
        }
    });
    assert_ne!(strace.injected(), 0, "{inject} on {file} never struck");
    if then == Ends {
        let status = snagd.wait();
        assert_eq!(status.code(), Some(74), "{inject} on {file}: {status}\n{}", snagd.log());
    } else {
        strace.detach();
        until("it records again", || told.post(&snagd, 300) == 201);
        told.check_each(&snagd);
        snagd.kill();
    }
    assert!(!snagd.log().contains("panicked"), "{inject} on {file}\n{}", snagd.log());
    snagd.restart();
    told.check_each(&snagd);
    snagd.stop();
}

/// Each fault on a daemon of its own: at the first call, once or for ever after by turns; in a
/// campaign both, and at later calls, too.
fn suffer_all(faults: &[Fault], start: impl Fn() -> Snagd) {
    for (nth, fault) in faults.iter().enumerate() {
        let whens: &[&str] = match (rounds(1), nth % 2) {
            (1, 0) => &["1"],
            (1, _) => &["1+"],
            _ => &["1", "1+", "2", "2+", "3"],
        };
        for when in whens {
            suffer(start(), *fault, when);
        }
    }
}

#[test]
fn a_journal_that_cannot_be_written() {
    let faults = [
        ("pwrite64", "EIO", SEGMENT, Ends),
        ("pwrite64", "ENOSPC", SEGMENT, Refuses),
        ("pwrite64", "EROFS", SEGMENT, Ends),
        ("fdatasync", "EIO", SEGMENT, Ends),
        ("fdatasync", "ENOSPC", SEGMENT, Ends),
    ];
    suffer_all(&faults, Snagd::start);
}

#[test]
fn a_segment_that_cannot_be_made() {
    let new = "journal/00000000000000000170.seg.new";
    let faults = [
        ("fallocate", "ENOSPC", new, Refuses),
        ("fallocate", "EIO", new, Ends),
        ("openat", "ENOSPC", new, Refuses),
        ("openat", "EIO", new, Ends),
        ("pwrite64", "ENOSPC", new, Refuses),
        ("pwrite64", "EIO", new, Ends),
        ("fsync", "EIO", new, Ends),
        ("rename", "ENOSPC", new, Refuses),
        ("rename", "EIO", new, Ends),
        ("fsync", "EIO", "journal", Ends),
        // The segment has its name already: what follows must not go on behind the old one.
        ("fsync", "ENOSPC", "journal", Refuses),
    ];
    let full = nearly_full();
    suffer_all(&faults, || start_on_copy(&full.state()));
}

#[test]
fn an_index_that_cannot_be_written() {
    let faults = [
        ("pwrite64", "EIO", "index/db", Ends),
        ("pwrite64", "ENOSPC", "index/db", Ends),
        ("sync_file_range", "EIO", "index/db", Ends),
        ("fdatasync", "EIO", "index/db", Ends),
        ("openat", "EIO", "index.checkpoint.new", Ends),
        ("rename", "EIO", "index.checkpoint.new", Ends),
        // The note of the checkpoint before claims less, and that is true.
        ("openat", "ENOSPC", "index.checkpoint.new", GoesOn),
        ("rename", "ENOSPC", "index.checkpoint.new", GoesOn),
    ];
    suffer_all(&faults, Snagd::start);
}

#[test]
fn a_segment_that_cannot_be_packed_stays_as_it_is() {
    let packed = "journal/00000000000000000001.pak.new";
    let faults = [
        ("openat", "EIO", packed, GoesOn),
        ("write", "ENOSPC", packed, GoesOn),
        ("fsync", "EIO", packed, GoesOn),
        ("rename", "EIO", packed, GoesOn),
        ("unlink", "EIO", SEGMENT, GoesOn),
    ];
    let full = nearly_full();
    suffer_all(&faults, || start_on_copy(&full.state()));
}

#[test]
fn a_start_that_fails_at_any_of_its_steps() {
    let calls =
        ["pwrite64", "write", "fdatasync", "fsync", "fallocate", "rename", "openat", "unlink"];
    let mut snagd = Snagd::start();
    let told = Acknowledged::default();
    for _ in 0..20 {
        assert_eq!(told.post(&snagd, 3000), 201);
    }
    snagd.kill();
    let mut tried = 0;
    for call in calls {
        for step in 1..=rounds(2) {
            let mut struck = false;
            let whens = [step.to_string(), format!("{step}+")];
            // By turns, but for a campaign.
            let usual = usize::try_from(tried % 2).unwrap();
            let whens = if rounds(2) == 2 { &whens[usual..=usual] } else { &whens };
            for when in whens {
                let error = if (step + tried) % 2 == 0 { "EIO" } else { "ENOSPC" };
                let inject = format!("{call}:error={error}:when={when}");
                struck |= start_hindered(&mut snagd, &inject);
                // One fault after the other on the same directory: they must not add up either.
                snagd.restart();
                assert_eq!(told.post(&snagd, 3000), 201, "after {inject}");
                told.check(&snagd);
                snagd.kill();
            }
            tried += u64::from(struck);
            if !struck {
                break;
            }
        }
    }
    assert!(6 < tried, "only {tried} steps were hindered");
    assert!(!snagd.log().contains("panicked"), "{}", snagd.log());
}

#[test]
fn an_index_without_the_room_to_open_is_built_anew() {
    let mut snagd = Snagd::start();
    let told = Acknowledged::default();
    for _ in 0..20 {
        assert_eq!(told.post(&snagd, 3000), 201);
    }
    snagd.stop();
    let log = snagd.path("strace");
    let db = [snagd.state().join("index/db")];
    hinder(&mut snagd, &log, "openat:error=ENOSPC:when=1", &db);
    snagd.restart();
    assert_eq!(strace::injected(&log), 1);
    assert!(snagd.log().contains("there is no room to open the index"), "{}", snagd.log());
    told.check(&snagd);
    assert_eq!(told.post(&snagd, 300), 201);
    snagd.kill();
}

/// Until they were compared, the next start has to compare them, however often this one is killed.
#[test]
fn a_comparison_with_the_journal_that_is_cut_short_is_made_again() {
    let mut snagd = Snagd::start();
    let told = Acknowledged::default();
    for _ in 0..5 {
        assert_eq!(told.post(&snagd, 300), 201);
    }
    snagd.kill();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let (running, log) = ([snagd.state().join("running")], snagd.path("strace"));
    let compared = |snagd: &Snagd| snagd.log().matches("comparing it with the journal").count();
    let mut again = 0;
    for nth in 1..20 {
        fs::write(&running[0], "another boot\n").unwrap();
        hinder(&mut snagd, &log, &format!("openat:signal=KILL:when={nth}"), &running);
        let was_killed = snagd.try_restart().is_err();
        snagd.kill();
        if !was_killed {
            break;
        }
        // Only the last thing that is noted calls them compared.
        if fs::read_to_string(&running[0]).unwrap() == boot {
            continue;
        }
        snagd.run_by(Vec::new());
        let before = compared(&snagd);
        snagd.restart();
        assert_eq!(compared(&snagd), before + 1, "killed at step {nth}\n{}", snagd.log());
        told.check(&snagd);
        snagd.kill();
        again += 1;
    }
    assert_eq!(again, 4, "before it is read, emptied, synced, and written over");
}

/// Makes calls of the next start fail.
fn hinder(snagd: &mut Snagd, log: &Path, inject: &str, files: &[PathBuf]) {
    let _ = fs::remove_file(log);
    snagd.run_by(strace::around(log, inject, files));
}

/// Starts a daemon some of whose calls fail; whether any did.
fn start_hindered(snagd: &mut Snagd, inject: &str) -> bool {
    let log = snagd.path("strace");
    let files = files(&snagd.state());
    hinder(snagd, &log, inject, &files);
    let started = snagd.try_restart();
    match started {
        Ok(()) => snagd.kill(),
        Err(status) => {
            let is_told = matches!(status.code(), Some(73 | 74));
            assert!(is_told, "{inject}: {status}\n{}", snagd.log());
            assert!(snagd.log().lines().last().is_some_and(|line| line.contains("ERROR")));
        }
    }
    snagd.run_by(Vec::new());
    until("strace has told the daemon's end", || {
        let told = fs::read_to_string(&log).unwrap_or_default();
        let pid = format!("{} ", snagd.child.id());
        told.lines().any(|line| line.starts_with(&pid) && line.contains("+++"))
    });
    0 < strace::injected(&log)
}

/// What a start touches.
fn files(state: &Path) -> Vec<PathBuf> {
    let below = [
        "lock",
        "token",
        "ballast",
        "running",
        "drop",
        "journal",
        SEGMENT,
        "index",
        "index/db",
        "index/conf",
        "index/blobs",
        "index.checkpoint",
        "index.checkpoint.new",
    ];
    below.iter().map(|name| state.join(name)).chain([state.to_owned()]).collect()
}

/// A stopped daemon whose journal has room for two more small events in its segment.
fn nearly_full() -> Snagd {
    const EVENTS: u64 = 168;
    let dir = Dir::new();
    let mut journal = snag::journal::open(&dir.path().join("state/journal"), 0).unwrap();
    let mut room = snag::journal::SEGMENT_BYTES - 40;
    for left in (0..EVENTS).rev() {
        let most = if left == 0 { room - 1500 } else { 49_900 };
        let record = record(usize::try_from(most).unwrap());
        room -= (36 + record.len() as u64).next_multiple_of(8);
        journal.writer.append(&[record]).unwrap();
    }
    let mut snagd = Snagd::new(dir);
    snagd.restart();
    snagd.stop();
    snagd
}

/// A record of so many bytes.
fn record(bytes: usize) -> Vec<u8> {
    let words = "x".repeat(4000);
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    let sender = Sender::Owner { name: "ana".to_owned() };
    let arrival =
        Arrival { now, fresh_id: uuid::Uuid::nil(), sender, source: Source::Http, original: None };
    let draft = format!(
        r#"{{"id":"{}","place":"web/a","note":"{words}","expected":"{words}","got":"{words}","workaround":"{words}","evidence":{{"log":""}}}}"#,
        fresh_id()
    );
    let event = Draft::parse(draft.as_bytes()).unwrap().admit(&arrival).unwrap();
    let json = String::from_utf8(event.to_json()).unwrap();
    let bulk = "x".repeat(bytes - json.len() - 1);
    let json = json.replace(r#""log":"""#, &format!(r#""log":"{bulk}""#));
    [b"\x01", json.as_bytes()].concat()
}
