//! A clock that jumps by hours and years, both ways, while the daemon runs and while it does not.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::{Timestamp, ToSpan};
use snag::doors::now;

use super::acknowledged::{Acknowledged, event, fresh_id, post};
use crate::harness::{Dir, Snagd, until};

/// Where Debian has the library that lies about the time.
fn library() -> PathBuf {
    let architectures = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut found = architectures.map(|path| path.join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.exists()).expect("faketime is installed")
}

/// A daemon whose clock a file can set, and the file.
fn with_a_clock() -> (Snagd, PathBuf) {
    let dir = Dir::new();
    let clock = dir.path().join("clock");
    set(&clock, "+0");
    let preload = format!("LD_PRELOAD={}", library().display());
    let file = format!("FAKETIME_TIMESTAMP_FILE={}", clock.display());
    let snagd = Snagd::start_around(
        dir,
        // The clock that only runs forward is the kernel's and does not jump; nor do files' times.
        &["env", &preload, &file, "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"],
    );
    (snagd, clock)
}

fn set(clock: &Path, offset: &str) {
    let new = clock.with_extension("new");
    fs::write(&new, offset).unwrap();
    fs::rename(new, clock).unwrap();
}

#[test]
fn a_clock_that_jumps_loses_and_stops_nothing() {
    let (mut snagd, clock) = with_a_clock();
    let told = Acknowledged::default();
    let jumps =
        [("+0", 0), ("+5h", 5), ("-5h", -5), ("+3y", 26280), ("-10d", -240), ("-3y", -26280)];
    for (nth, (offset, hours)) in (1..).zip(jumps) {
        set(&clock, offset);
        let id = fresh_id();
        let stored = post(&snagd.socket(), &event(&id, 300)).is(201).json();
        told.add([id.clone()]);
        // Or it was not tried.
        let received: Timestamp = stored["received_at"].as_str().unwrap().parse().unwrap();
        let expected = now() + hours.hours();
        assert!(received.duration_since(expected).abs().as_hours() < 1, "{offset}: {stored}");
        // What is told of another time keeps it, unless that is ahead of the clock.
        let later = post(&snagd.socket(), &at(&fresh_id(), now())).is(201).json();
        assert_eq!(later["at_clamped"] == true, hours < 0, "{offset}: {later}");
        told.add([later["id"].as_str().unwrap().to_owned()]);
        told.check(&snagd);
        for path in ["/v1/hotspots", "/v1/status", "/v1/why?place=web/a"] {
            snagd.get(path).is(200);
        }
        let events = snagd.snag(&["events"]).ok().stdout;
        assert!(!events.contains(" -") && !events.contains("in -"), "no negative ages\n{events}");
        until("the index is on disk", || super::limits::checkpoint(&snagd) == nth * 2);
        // And once by a start in that time.
        snagd.kill();
        snagd.restart();
        told.check(&snagd);
    }
    assert_eq!(snagd.delete("/v1/events/no-such").status, 404);
    snagd.stop();
}

fn at(id: &str, at: Timestamp) -> String {
    format!(r#"{{"id":"{id}","place":"web/a","note":"it broke","at":"{at}"}}"#)
}
