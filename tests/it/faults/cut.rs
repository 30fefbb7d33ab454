//! The power goes. What a daemon does to its files is recorded while it is told things; then a disk
//! is made as it may be found after a cut at any moment of that, and the real daemon started on it.
//!
//! From such a recording, too: an answer of 201 comes after its event was written and synced.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use super::acknowledged::{Acknowledged, event, fresh_id, post};
use super::disk::Disk;
use super::trace::{self, Op, What};
use super::{Dice, rounds};
use crate::harness::{Dir, Snagd, until};

/// What was recorded of a daemon's life.
struct Recording {
    /// The daemon, dead.
    snagd: Snagd,
    ops: Vec<Op>,
    /// What was acknowledged, and when that began.
    told: Vec<(usize, Vec<String>)>,
}

#[test]
fn cut_off_at_any_moment_it_keeps_what_it_acknowledged() {
    let recording = record(80);
    let told: usize = recording.told.iter().map(|(_, ids)| ids.len()).sum();
    assert!(200 < told, "only {told} events were acknowledged");
    let mut compared = 0;
    for seed in 0..rounds(6) {
        compared += usize::from(cut(&recording, seed));
    }
    // A cut may come before there is anything to compare.
    assert_ne!(compared, 0, "no start noticed that it came after a cut");
}

#[test]
fn every_answer_comes_after_its_sync() {
    let recording = record(0);
    let mut answers = 0;
    for (nth, op) in recording.ops.iter().enumerate() {
        let What::Say { text } = &op.what else { continue };
        let Some(id) = recorded(text) else { continue };
        answers += 1;
        let before = &recording.ops[..nth];
        let written = before.iter().find(|op| writes(op, &id));
        let written = written.unwrap_or_else(|| panic!("{id} was answered before it was written"));
        let is_synced = before.iter().any(|sync| match (&sync.what, &written.what) {
            (What::Sync { path }, What::Write { path: segment, .. }) => {
                path == segment && written.ended < sync.began && sync.ended < op.began
            }
            _ => false,
        });
        assert!(is_synced, "{id} was answered before it was synced");
    }
    assert_eq!(answers, SINGLES, "each answer was looked at");
}

/// Events that are posted one by one.
const SINGLES: usize = 120;

fn writes(op: &Op, id: &str) -> bool {
    match &op.what {
        What::Write { path, bytes, .. } => {
            path.extension().is_some_and(|extension| extension == "seg")
                && bytes.windows(id.len()).any(|window| window == id.as_bytes())
        }
        _ => false,
    }
}

/// The id in an answer that says that an event was recorded.
fn recorded(answer: &str) -> Option<String> {
    let body = answer.strip_prefix("HTTP/1.1 201")?.split_once("\"id\":\"")?.1;
    Some(body.split('"').next()?.to_owned())
}

/// Records a daemon from its first start on: single events, files, and batches, enough of which
/// fill a segment; sled writes by itself all the while.
fn record(batches: usize) -> Recording {
    let mut snagd = Snagd::new(Dir::new());
    let log = snagd.path("strace");
    snagd.run_by(trace::watching(&log));
    snagd.restart();
    let markers: BTreeMap<String, Vec<String>> = thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..SINGLES {
                assert_eq!(post(&snagd.socket(), &event(&fresh_id(), 300)).status, 201);
            }
        });
        scope.spawn(|| {
            for _ in 0..30 {
                drop_file(&snagd.drop_dir());
            }
        });
        (0..batches).map(|_| post_batch(&snagd)).collect()
    });
    until("every file is taken", || snagd.get("/v1/status").json()["drop"]["waiting"] == 0);
    until("the full segment is packed", || {
        batches == 0 || snagd.state().join("journal/00000000000000000001.pak").exists()
    });
    snagd.kill();
    until("strace has told the daemon's end", || {
        fs::read(&log).unwrap().ends_with(b"+++ killed by SIGKILL +++\n")
    });
    let ops = trace::read(&log);
    let told = ops.iter().filter_map(|op| Some((op.began, told_by(op, &markers)?))).collect();
    Recording { snagd, ops, told }
}

fn drop_file(dir: &Path) {
    let id = fresh_id();
    let hidden = dir.join(format!(".{id}"));
    fs::write(&hidden, event(&id, 300)).unwrap();
    fs::rename(&hidden, dir.join(format!("{id}.json"))).unwrap();
}

/// Posts a batch, whose answer names no ids, and then an event that stands for it: once that one is
/// acknowledged, all of them were before.
fn post_batch(snagd: &Snagd) -> (String, Vec<String>) {
    let ids: Vec<String> = (0..4).map(|_| fresh_id()).collect();
    let events: Vec<String> = ids.iter().map(|id| event(id, 28_000)).collect();
    let answer = post(&snagd.socket(), &format!("[{}]", events.join(","))).is(200);
    assert_eq!(answer.json()["accepted"], 4, "{}", answer.text());
    let marker = fresh_id();
    assert_eq!(post(&snagd.socket(), &event(&marker, 100)).status, 201);
    (marker, ids)
}

/// What a call acknowledges: an answer its event, the end of a file the event in it.
fn told_by(op: &Op, markers: &BTreeMap<String, Vec<String>>) -> Option<Vec<String>> {
    match &op.what {
        What::Say { text } => {
            let id = recorded(text)?;
            let batch = markers.get(&id).cloned().unwrap_or_default();
            Some([batch, vec![id]].concat())
        }
        What::Remove { path } if path.extension()? == "json" => {
            Some(vec![path.file_stem()?.to_str()?.to_owned()])
        }
        _ => None,
    }
}

/// Cuts the power once, and starts the daemon on what the disk shows. Whether it noticed that the
/// machine went down.
fn cut(recording: &Recording, seed: u64) -> bool {
    let mut dice = Dice::new(seed);
    let at = recording.ops[dice.below(recording.ops.len())].began;
    eprintln!("power cut of seed {seed} at line {at}");
    let disk = Disk::after(&recording.snagd.state(), &recording.ops, at);
    let dir = Dir::new();
    let state = dir.path().join("state");
    fs::create_dir(&state).unwrap();
    disk.show(&mut dice, &state);
    if state.join("running").exists() {
        fs::write(state.join("running"), "another boot\n").unwrap();
    }
    let told = Acknowledged::default();
    let before = recording.told.iter().filter(|(began, _)| *began < at);
    told.add(before.flat_map(|(_, ids)| ids.clone()));
    let mut snagd = Snagd::new(dir);
    snagd.restart();
    told.check(&snagd);
    assert_eq!(told.post(&snagd, 300), 201);
    // And once more, killed at once: what it mended must stay mended.
    snagd.kill();
    snagd.restart();
    told.check(&snagd);
    assert_eq!(snagd.get("/v1/status").json()["journal"]["damaged"], 0, "{}", snagd.log());
    snagd.log().contains("comparing it with the journal")
}
