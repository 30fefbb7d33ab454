//! Whether a backup may take the place of the one before, and how many records go with that one.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::path::Path;

use super::manifest::{Listed, Manifest, checksum};
use super::{BackupError, Kept};
use crate::event::Record;
use crate::journal::{Damage, Part, Parts};

/// The segments of a journal.
pub(super) fn parts_of(journal: &Path) -> Result<Parts, BackupError> {
    if !journal.is_dir() {
        return Err(BackupError::NoJournal(journal.parent().unwrap_or(journal).to_owned()));
    }
    Ok(Parts::of(journal)?)
}

/// Refuses a backup that has no record in common with the journal: it would be replaced. Unless all
/// that it has was forgotten, so that its numbers are of nothing else.
pub(super) fn refuse_another(journal: &Path, old: &Kept) -> Result<(), BackupError> {
    if old.listed().iter().all(|entry| entry.last < entry.first) {
        return Ok(());
    }
    let mut parts = parts_of(journal)?;
    let (firsts, mut is_forgotten) = (parts.firsts(), None);
    for entry in old.listed().iter().filter(|entry| firsts.contains(&entry.first)) {
        let ours = parts.read(entry.first)?;
        // Whatever became of it, that is what was there.
        if checksum(&ours.bytes) == entry.blake3 {
            return Ok(());
        }
        let Ok(Some(theirs)) = old.read_part(&entry.file) else { continue };
        let (ours, theirs) = (records(&ours), records(&theirs));
        if !ours.is_disjoint(&theirs) {
            return Ok(());
        }
        let given: HashSet<u64> = ours.iter().map(|(at, _)| *at).collect();
        let is_spent = theirs.iter().all(|(at, _)| !given.contains(at));
        is_forgotten = Some(is_forgotten.unwrap_or(true) && is_spent);
    }
    if is_forgotten == Some(true) { Ok(()) } else { Err(BackupError::Another(old.path.clone())) }
}

/// Refuses one that is less: what the backup before has and this one lacks may be gone only because it
/// was forgotten, or dropped for its age. Then its number stays spent, and nothing there is damaged.
pub(super) fn refuse_less(
    old: &Kept,
    new: &Kept,
    manifest: &Manifest,
    damage: &[Damage],
) -> Result<(), BackupError> {
    let last = |parts: &[Listed]| parts.iter().map(|part| part.last).max();
    let had = |missing: &Range<u64>| {
        let mut whole = old.listed().iter().filter(|part| part.bad_places == 0);
        whole.any(|part| part.first < missing.end && missing.start <= part.last)
    };
    let is_less = last(&manifest.parts) < last(old.listed())
        || damage.iter().any(|place| had(&place.missing))
        || has_another_past(old, new, manifest)?;
    if is_less { Err(BackupError::WouldLose(old.path.clone())) } else { Ok(()) }
}

/// Whether numbers are of other records than in the backup before: a journal that lost its end, or was
/// restored from an older backup, gives them again.
fn has_another_past(old: &Kept, new: &Kept, manifest: &Manifest) -> Result<bool, BackupError> {
    for gone in old.listed().iter().filter(|entry| !manifest.parts.contains(entry)) {
        // What cannot be read there any more has nothing to lose.
        let Ok(Some(theirs)) = old.read_part(&gone.file) else { continue };
        let mut records = BTreeMap::new();
        theirs.read_records(|sequence, record| drop(records.insert(sequence, record.to_owned())));
        let beside = |entry: &&Listed| entry.first <= gone.last && gone.first <= entry.last;
        for entry in manifest.parts.iter().filter(beside) {
            let ours = new.read_part(&entry.file).map_err(BackupError::unusable(&new.path))?;
            let mut is_another = false;
            let mut compare = |sequence: u64, record: &[u8]| {
                let other = records.get(&sequence).filter(|other| *other != record);
                is_another |= other.is_some_and(|other| !tell_of_the_same(other, record));
            };
            if let Some(part) = ours {
                part.read_records(&mut compare);
            }
            if is_another {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether one record can be what forgetting left of the other: names and references go, what it
/// tells of stays.
fn tell_of_the_same(one: &[u8], other: &[u8]) -> bool {
    match (Record::decode(one), Record::decode(other)) {
        (Ok(Record::Event(one)), Ok(Record::Event(other))) => one.id == other.id,
        (Ok(Record::Retraction(one)), Ok(Record::Retraction(other))) => {
            (one.id, one.at) == (other.id, other.at)
        }
        (Ok(Record::Decided(one)), Ok(Record::Decided(other))) => {
            (one.id, one.decision.at) == (other.id, other.decision.at)
        }
        (Ok(Record::Muting(one)), Ok(Record::Muting(other))) => {
            (one.place, one.signal, one.at) == (other.place, other.signal, other.at)
        }
        _ => false,
    }
}

/// How many records of a backup are not in the one after it, which lacks none for any damage.
pub(super) fn removed(old: &Kept, new: &Kept, manifest: &Manifest) -> Result<u64, BackupError> {
    let last = old.listed().iter().map(|part| part.last).max().unwrap_or(0);
    let mut left = 0;
    for entry in manifest.parts.iter().filter(|entry| entry.first <= last) {
        if entry.last <= last {
            left += entry.records;
        } else {
            // It has grown since.
            let part = new.read_part(&entry.file).map_err(BackupError::unusable(&new.path))?;
            let old = |part: Part| records(&part).iter().filter(|(at, _)| *at <= last).count();
            left += part.map_or(0, old) as u64;
        }
    }
    let had: u64 = old.listed().iter().map(|part| part.records).sum();
    Ok(had.saturating_sub(left))
}

fn records(part: &Part) -> HashSet<(u64, blake3::Hash)> {
    let mut records = HashSet::new();
    part.read_records(|sequence, record| {
        records.insert((sequence, blake3::hash(record)));
    });
    records
}
