//! Files that are damaged: bits flipped, cut short, emptied, overwritten with zeros or rubbish,
//! deleted; of the journal and of the index, one by one and together.
//!
//! The daemon starts, or says what is wrong and what to run. What the journal still has is there,
//! byte for byte. What is missing is counted or told of: nothing is lost in silence.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::acknowledged::{event, fresh_id, post};
use super::{Dice, copy, rounds};
use crate::harness::{Dir, Snagd, until};

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    FlipABit,
    FlipMany,
    CutShort,
    ZeroesWithin,
    Rubbish,
    Empty,
    Delete,
}

const HARMS: [Harm; 7] = [
    Harm::FlipABit,
    Harm::FlipMany,
    Harm::CutShort,
    Harm::ZeroesWithin,
    Harm::Rubbish,
    Harm::Empty,
    Harm::Delete,
];

#[test]
fn whatever_is_damaged_nothing_is_lost_in_silence() {
    let mut sound = Snagd::start();
    let all = fill(&sound);
    sound.kill();
    let cases = rounds(6);
    let (mut lossy, mut refused) = (0, 0);
    for seed in 0..cases {
        match suffer(&sound.state(), &all, seed) {
            Some(0) => {}
            Some(_) => lossy += 1,
            None => refused += 1,
        }
    }
    eprintln!(
        "{cases} cases: {lossy} lost something and said so, {refused} did not start and said why"
    );
    assert!(lossy < cases, "nothing survived");
}

/// Records a packed segment and the beginning of another, and single events at the end.
fn fill(snagd: &Snagd) -> BTreeMap<String, Value> {
    let full = snagd.state().join("journal/00000000000000000001.pak");
    until("a segment is packed", || {
        let events: Vec<String> = (0..40).map(|_| event(&fresh_id(), 30_000)).collect();
        post(&snagd.socket(), &format!("[{}]", events.join(","))).is(200);
        full.exists()
    });
    for _ in 0..20 {
        post(&snagd.socket(), &event(&fresh_id(), 300)).is(201);
    }
    by_id(snagd)
}

fn by_id(snagd: &Snagd) -> BTreeMap<String, Value> {
    let events = snagd.events().into_iter();
    events.map(|event| (event["id"].as_str().unwrap().to_owned(), event)).collect()
}

/// Damages a copy of a state directory, and starts a daemon on it. How many events it lacks; none
/// if it does not start.
fn suffer(sound: &Path, all: &BTreeMap<String, Value>, seed: u64) -> Option<usize> {
    let mut dice = Dice::new(seed);
    let dir = Dir::new();
    let state = dir.path().join("state");
    copy(sound, &state);
    let (journal, index) = (files(&state.join("journal")), files(&state.join("index")));
    let beside = ["index.checkpoint", "running", "lock"].map(|name| state.join(name)).to_vec();
    // One of them, or the journal and the index at once.
    let targets = match dice.below(4) {
        0 => vec![journal],
        1 => vec![index],
        2 => vec![beside],
        _ => vec![journal, index],
    };
    for files in targets {
        let file = dice.one_of(&files).clone();
        let harm = *dice.one_of(&HARMS);
        eprintln!("seed {seed}: {harm:?} of {}", file.strip_prefix(&state).unwrap().display());
        inflict(&mut dice, harm, &file);
    }
    if dice.below(3) == 0 {
        // As if the machine had been switched off as well.
        fs::write(state.join("running"), "another boot\n").unwrap();
    }
    let mut snagd = Snagd::new(dir);
    if let Err(status) = snagd.try_restart() {
        assert!(matches!(status.code(), Some(73 | 74)), "seed {seed}: {status}\n{}", snagd.log());
        assert!(snagd.log().contains(&state.display().to_string()), "it names the file");
        return None;
    }
    if !answers(&snagd) {
        // It met damage as it read: it says so, and the next start builds the index anew.
        assert!(snagd.log().contains("the index is damaged"), "seed {seed}:\n{}", snagd.log());
        snagd.kill();
        snagd.restart();
    }
    let lacking = check(&snagd, all, seed);
    // And it goes on, and stays what it is, also if all is built anew.
    post(&snagd.socket(), &event(&fresh_id(), 300)).is(201);
    let before = by_id(&snagd);
    snagd.stop();
    if dice.below(2) == 0 {
        let _ = fs::remove_dir_all(state.join("index"));
    }
    snagd.restart();
    let after = by_id(&snagd);
    let gone: Vec<_> = before.keys().filter(|id| !after.contains_key(*id)).collect();
    // What only the index still had goes with it, and is damage of the journal that is told then.
    assert!(gone.is_empty() || is_told(&snagd), "seed {seed}: {gone:?}\n{}", snagd.log());
    Some(lacking)
}

/// Whether every event can be read.
fn answers(snagd: &Snagd) -> bool {
    let mut path = "/v1/events?limit=1000".to_owned();
    loop {
        let page = snagd.get(&path);
        if page.status != 200 {
            assert_eq!(page.status, 500, "{}", page.text());
            return false;
        }
        match page.json()["next"].as_str() {
            None => return true,
            Some(next) => path = format!("/v1/events?limit=1000&cursor={next}"),
        }
    }
}

/// What is there is as it was; what is not is told of.
fn check(snagd: &Snagd, all: &BTreeMap<String, Value>, seed: u64) -> usize {
    let found = by_id(snagd);
    for (id, event) in &found {
        assert_eq!(all.get(id), Some(event), "seed {seed}: never another content");
    }
    let lacking = all.len() - found.len();
    assert!(
        lacking == 0 || is_told(snagd),
        "seed {seed}: {lacking} lost in silence\n{}",
        snagd.log()
    );
    lacking
}

/// Whether the daemon says that something is missing.
fn is_told(snagd: &Snagd) -> bool {
    snagd.get("/v1/status").json()["journal"]["damaged"] != 0
        || snagd.log().contains("cut an unfinished batch off the journal")
}

/// The plain files of a directory, in the order of their names.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn inflict(dice: &mut Dice, harm: Harm, path: &Path) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    // Where there is something: a segment is zeros behind its last frame.
    let bytes = fs::read(path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
    let at = dice.below(used);
    let length = 1 + dice.below(used - at).min(100_000);
    match harm {
        Harm::FlipABit => {
            let byte = bytes.get(at).copied().unwrap_or(0) ^ (1 << dice.below(8));
            file.write_all_at(&[byte], at as u64).unwrap();
        }
        Harm::FlipMany => {
            for _ in 0..20 {
                file.write_all_at(&[dice.below(256).try_into().unwrap()], dice.below(used) as u64)
                    .unwrap();
            }
        }
        Harm::CutShort => file.set_len(at as u64).unwrap(),
        Harm::ZeroesWithin => file.write_all_at(&vec![0; length], at as u64).unwrap(),
        Harm::Rubbish => {
            let rubbish: Vec<u8> =
                (0..length).map(|_| dice.below(256).try_into().unwrap()).collect();
            file.write_all_at(&rubbish, at as u64).unwrap();
        }
        Harm::Empty => file.set_len(0).unwrap(),
        Harm::Delete => fs::remove_file(path).unwrap(),
    }
}
