//! Files that are damaged: bits flipped, cut short, emptied, overwritten with zeros or rubbish,
//! deleted; of the journal and of the index, one by one and together, after a kill, after a power
//! cut and after a clean stop.
//!
//! The daemon starts, or says what is wrong and what to run. What the journal still has is there,
//! byte for byte. Which records are missing is told: nothing is lost in silence, and no export that
//! lacks something ends well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use snag::event::Record;
use snag::journal::Reader;

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
    let killed = Dir::new();
    copy(&sound.state(), &killed.path().join("state"));
    sound.restart();
    sound.stop();
    let sound = Sound { killed: killed.path().join("state"), stopped: sound.state(), all };
    // Each kind of damage and each kind of end, once at least; both together in twelve.
    let cases = rounds(6);
    let (mut lossy, mut refused) = (0, 0);
    for seed in 0..cases {
        match suffer(&sound, seed) {
            Some(0) => {}
            Some(_) => lossy += 1,
            None => refused += 1,
        }
    }
    let came = format!(
        "{cases} cases: {lossy} lost something and said so, {refused} did not start and said why"
    );
    eprintln!("{came}");
    assert!(cases < 6 || (0 < lossy && 2 * refused < cases), "{came}");
}

/// State directories with the same events.
struct Sound {
    killed: PathBuf,
    stopped: PathBuf,
    all: BTreeMap<String, Value>,
}

#[test]
fn a_segment_that_is_gone_after_a_clean_stop_is_told_of_at_once() {
    let mut snagd = Snagd::start();
    // The words of a row of its own.
    post(&snagd.socket(), r#"{"place":"web/b","note":"all is lost","severity":"blocker"}"#).is(201);
    let all = fill(&snagd);
    snagd.stop();
    let (journal, second) = (snagd.state().join("journal"), second(&snagd));
    let lost = sequences(&journal).values().filter(|at| **at < second).count();
    fs::remove_file(journal.join("00000000000000000001.pak")).unwrap();
    snagd.restart();
    let journal = &snagd.get("/v1/status").json()["journal"];
    assert_eq!((&journal["damaged"], &journal["missing"]), (&json!(1), &json!(lost)));
    let missing = format!("{lost} records are missing");
    let told = ["doctor", "status"].map(|command| unwrapped(&snagd.snag(&[command]).stdout));
    assert!(told.iter().all(|told| told.contains(&missing)), "{told:#?}");
    assert!(snagd.snag(&["doctor"]).ended(1).stdout.contains("1 damaged stretch"));
    let exported = snagd.snag(&["export"]).ended(65);
    assert_eq!(exported.stdout.lines().count(), all.len() - lost);
    let lacks = format!("lacks {lost} events");
    assert!(exported.stderr.contains(&lacks), "{lacks}: {exported:#?}");
    let said = ["snagd verify", "snag restore"];
    assert!(said.iter().all(|say| exported.stderr.contains(say)), "{exported:#?}");
    assert_eq!(
        snagd.get("/v1/events?limit=1000&order=oldest").header("snag-lacks"),
        Some(&*lost.to_string())
    );
    for command in ["events", "coverage"] {
        let listed = snagd.snag(&[command, "--under", "web/b"]).ok();
        assert!(listed.stderr.contains("missing"), "{command}: {}", listed.stderr);
    }
    assert_eq!(snagd.get("/v1/hotspots").header("snag-lacks"), Some("1"));
    let unknown = snagd.snag(&["hotspots", "--fail-over", "1000"]).ended(65);
    assert!(unknown.stderr.contains("as far as can be told"), "{unknown:#?}");
    snagd.snag(&["hotspots", "--fail-over", "1"]).ended(1);
    let why = snagd.get("/v1/why?place=web/b").is(200);
    assert_eq!(why.header("snag-lacks"), Some("1"), "{}", why.text());
    let backup = snagd.path("backup");
    snagd.snag(&["backup", backup.to_str().unwrap()]).ended(65);
    snagd.snag(&["backup", "--verify", backup.to_str().unwrap()]).ended(1);
    let told = snagd.log().lines().filter(|line| line.contains("are missing")).count();
    assert_eq!(told, 1, "one line for all of them:\n{}", snagd.log());
    // The index is built anew, and knows of none of them any more.
    snagd.stop();
    snagd.restart();
    let exported = snagd.snag(&["export"]).ended(65);
    assert!(exported.stderr.contains("may lack"), "{exported:#?}");
}

#[test]
fn who_sends_a_lost_event_again_is_told_and_others_are_recorded() {
    let snagd = Snagd::start();
    let lost = r#"{"id":"00000000-0000-7000-8000-0000000000aa","place":"web/a","note":"needle"}"#;
    post(&snagd.socket(), lost).is(201);
    let segment = snagd.state().join("journal/00000000000000000001.seg");
    let bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(6).position(|window| window == b"needle").unwrap();
    let file = OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_all_at(b"N", at as u64).unwrap();
    for _ in 0..2 {
        post(&snagd.socket(), lost).tells(409, "cannot be read any more");
        post(&snagd.socket(), r#"{"place":"web/a","note":"another"}"#).is(201);
    }
    let both = format!("[{lost},{{\"place\":\"web/b\",\"note\":\"a third\"}}]");
    let tally = post(&snagd.socket(), &both).is(200).json();
    assert_eq!((&tally["accepted"], &tally["rejected"][0]["line"]), (&json!(1), &json!(1)));
}

#[test]
fn what_rots_in_a_packed_segment_is_told_before_anybody_reads_it() {
    let mut snagd = Snagd::start();
    fill(&snagd);
    snagd.stop();
    let packed = snagd.state().join("journal/00000000000000000001.pak");
    let mut bytes = fs::read(&packed).unwrap();
    // What a block in the middle holds: between blocks lies padding, which nobody misses.
    let middle = bytes.len() / 2;
    let block = bytes[middle..].windows(4).position(|four| four == b"\xffsnz").unwrap();
    bytes[middle + block + 100..][..3].copy_from_slice(b"rot");
    fs::write(&packed, bytes).unwrap();
    snagd.restart();
    until("the log tells of it", || snagd.log().lines().any(|line| missing(line).is_some()));
    assert_eq!(snagd.get("/v1/status").json()["journal"]["damaged"], 1, "{}", snagd.log());
    snagd.snag(&["export"]).ended(65);
}

/// sled may drop what it cannot read, and not say so.
#[test]
fn an_index_that_is_damaged_is_built_anew_while_it_runs() {
    let mut snagd = Snagd::start();
    for _ in 0..10 {
        let events: Vec<String> = (0..300).map(|_| event(&fresh_id(), 10)).collect();
        post(&snagd.socket(), &format!("[{}]", events.join(","))).is(200);
    }
    let all = by_id(&snagd);
    snagd.stop();
    let (sound, index) = (snagd.path("sound"), snagd.state().join("index"));
    copy(&index, &sound);
    for seed in 0..8 {
        let mut dice = Dice::new(seed);
        let _ = fs::remove_dir_all(&index);
        copy(&sound, &index);
        let file = OpenOptions::new().read(true).write(true).open(index.join("db")).unwrap();
        let length = dice.below(3000);
        let at = dice.below(usize::try_from(file.metadata().unwrap().len()).unwrap() - length);
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, at as u64).unwrap();
        for byte in &mut bytes {
            *byte ^= 0x55;
        }
        file.write_all_at(&bytes, at as u64).unwrap();
        snagd.restart();
        until("every event is there", || by_id(&snagd) == all);
        assert_eq!(snagd.get("/v1/status").json()["journal"]["damaged"], 0, "{}", snagd.log());
        snagd.stop();
        let mut verify = Command::new(env!("CARGO_BIN_EXE_snagd"));
        let looked = verify.args(["verify", "--state-dir"]).arg(snagd.state()).output().unwrap();
        assert!(looked.status.success(), "seed {seed}: {looked:#?}\n{}", snagd.log());
        for number in 1..=2 {
            let _ = fs::remove_dir_all(snagd.state().join(format!("index.set-aside-{number}")));
        }
    }
}

#[test]
fn a_torn_end_that_was_acknowledged_is_told_of_as_lost() {
    let mut snagd = Snagd::start();
    for _ in 0..3 {
        post(&snagd.socket(), &event(&fresh_id(), 300)).is(201);
    }
    snagd.stop();
    // In the middle of the last record, as if it had never been written whole.
    let segment = snagd.state().join("journal/00000000000000000001.seg");
    let end = fs::read(&segment).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
    let file = OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_all_at(&[0; 100], end as u64 - 99).unwrap();
    snagd.restart();
    assert!(snagd.log().contains(", record 3 is missing"), "{}", snagd.log());
    assert_eq!(snagd.get("/v1/status").json()["journal"]["damaged"], 1, "{}", snagd.log());
    assert_eq!(snagd.snag(&["export"]).ended(65).stdout.lines().count(), 2);
    post(&snagd.socket(), &event(&fresh_id(), 300)).is(201);
}

#[test]
fn a_journal_that_is_gone_whole_is_told_of_before_a_start_and_after_it() {
    let mut snagd = Snagd::start();
    for _ in 0..3 {
        post(&snagd.socket(), &event(&fresh_id(), 300)).is(201);
    }
    snagd.stop();
    fs::remove_dir_all(snagd.state().join("journal")).unwrap();
    for command in ["verify", "repair"] {
        let mut looks = Command::new(env!("CARGO_BIN_EXE_snagd"));
        let looked = looks.args([command, "--state-dir"]).arg(snagd.state()).output().unwrap();
        let said = String::from_utf8(looked.stderr).unwrap();
        assert_eq!(looked.status.code(), Some(65), "{command}: {said}");
        assert!(said.contains("is gone, with all of its 3 records"), "{command}: {said}");
    }
    snagd.restart();
    assert!(snagd.log().contains("records 1 to 3 are missing"), "{}", snagd.log());
    let status = unwrapped(&snagd.snag(&["status"]).ok().stdout);
    assert!(status.contains("3 records are missing"), "{status}");
}

/// A text without its line ends.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first sequence of the journal's second segment.
fn second(snagd: &Snagd) -> u64 {
    let (reader, _) = Reader::open(&snagd.state().join("journal"), 0).unwrap();
    reader.segments()[1].first
}

/// The sequence of each event, by its id.
fn sequences(journal: &Path) -> BTreeMap<String, u64> {
    let (reader, _) = Reader::open(journal, 0).unwrap();
    let events = reader.from(1).filter_map(|entry| {
        let entry = entry.unwrap();
        match Record::decode(&entry.payload) {
            Ok(Record::Event(event)) => Some((event.id.to_string(), entry.sequence)),
            _ => None,
        }
    });
    events.collect()
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
fn suffer(sound: &Sound, seed: u64) -> Option<usize> {
    let mut dice = Dice::new(seed);
    let dir = Dir::new();
    let state = dir.path().join("state");
    // After a clean stop, a kill, or as if the machine had been switched off.
    let (kind, stop) = (seed % 4, seed % 3);
    copy(if stop == 0 { &sound.stopped } else { &sound.killed }, &state);
    if stop == 2 {
        fs::write(state.join("running"), "another boot\n").unwrap();
    }
    let (journal, index) = (files(&state.join("journal")), files(&state.join("index")));
    let beside = ["index.checkpoint", "running", "lock"].map(|name| state.join(name));
    let beside = beside.into_iter().filter(|path| path.exists()).collect();
    // One of them, or the journal and the index at once.
    let spares_the_journal = kind == 1 || kind == 2;
    let targets = match kind {
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
    let lacking = check(&snagd, sound, seed);
    assert!(lacking == 0 || !spares_the_journal, "seed {seed}: the journal has them");
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
    let gone: BTreeSet<&String> = gone.into_iter().collect();
    assert_told(&snagd, sound, &gone, seed);
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
fn check(snagd: &Snagd, sound: &Sound, seed: u64) -> usize {
    let all = &sound.all;
    let found = by_id(snagd);
    for (id, event) in &found {
        assert_eq!(all.get(id), Some(event), "seed {seed}: never another content");
    }
    let lacking: BTreeSet<&String> = all.keys().filter(|id| !found.contains_key(*id)).collect();
    let exported = snagd.snag(&["export"]);
    assert_eq!(exported.stdout.lines().count(), found.len(), "seed {seed}: {}", exported.stderr);
    let damaged = snagd.get("/v1/status").json()["journal"]["damaged"].as_u64().unwrap();
    let torn = snagd.log().contains("cut an unfinished batch off the journal");
    if damaged == 0 {
        assert!(lacking.is_empty() || torn, "seed {seed}: {lacking:?}\n{}", snagd.log());
        // On a busy machine it says that it waits.
        let said = exported.ok().stderr;
        assert!(!said.contains("lack") && !said.contains("damage"), "seed {seed}: {said}");
    } else {
        let exported = exported.ended(65);
        assert!(exported.stderr.contains("snagd verify"), "seed {seed}: {exported:#?}");
    }
    assert_told(snagd, sound, &lacking, seed);
    lacking.len()
}

/// The daemon's log names each of these events' records as missing.
fn assert_told(snagd: &Snagd, sound: &Sound, lacking: &BTreeSet<&String>, seed: u64) {
    let (sequences, log) = (sequences(&sound.stopped.join("journal")), snagd.log());
    let runs: Vec<(u64, u64)> = log.lines().filter_map(missing).collect();
    let is_told = |at: u64| runs.iter().any(|(first, last)| (*first..=*last).contains(&at));
    let silent: Vec<_> =
        lacking.iter().filter(|id| sequences.get(**id).is_none_or(|at| !is_told(*at))).collect();
    assert!(silent.is_empty(), "seed {seed}: lost in silence: {silent:?}; told {runs:?}\n{log}");
}

/// The first and the last record that a line of the log says are missing.
fn missing(line: &str) -> Option<(u64, u64)> {
    let number = |text: &str| -> Option<u64> {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let behind = |what: &str| line.split_once(what).map(|(_, rest)| rest);
    if line.contains("are missing") {
        let (first, last) = behind(", records ")?.split_once(" to ")?;
        return Some((number(first)?, number(last)?));
    }
    let only = number(behind(", record ")?)?;
    line.contains("is missing").then_some((only, only))
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
