//! From the journal to the index: catching up after a stop, and rebuilding from nothing.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use uuid::Uuid;

use super::met::Met;
use super::writing::{GROUP_BYTES, GROUP_EVENTS};
use crate::event::{Event, Record};
use crate::hotspot::fingerprint;
use crate::index::{Fresh, Index, IndexError, Position, Sum};
use crate::journal::{Damage, Entry, JournalError, Reader, Records};

/// How far catching up is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The journal sequence reached.
    pub done: u64,
    /// The last one there is.
    pub of: u64,
}

/// What catching up came upon.
#[derive(Debug, Default)]
pub struct CaughtUp {
    /// Records applied.
    pub applied: u64,
    /// Stretches of the journal that do not read.
    pub damage: Vec<Damage>,
    /// Records that read but make no sense to this snag.
    pub unknown: u64,
}

/// Why catching up ended.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    /// The journal could not be read.
    #[error("the journal could not be read")]
    Journal(#[source] JournalError),
    /// The index could not be written.
    #[error("the index could not be written")]
    Index(#[from] IndexError),
}

/// Opens the index in a directory; what was said is read from the journal.
pub fn open_index(dir: &Path, journal: &Reader) -> Result<Index, IndexError> {
    let journal = journal.clone();
    let read = move |sequence| match journal.get(sequence) {
        Ok(Some(entry)) => Ok(entry.payload),
        Ok(None) => Err(IndexError::Lost { sequence, run: sequence..sequence + 1, source: None }),
        Err(JournalError::Damaged(damage)) => {
            // A copy also tells the next opening to look there. Without room it is made later.
            let _ = journal.set_aside(&damage);
            let run = damage.missing.clone();
            let source = Some(JournalError::Damaged(damage).into());
            Err(IndexError::Lost { sequence, run, source })
        }
        Err(error) => Err(IndexError::Unread { sequence, source: error.into() }),
    };
    Index::open(dir, Box::new(read))
}

/// Applies what the journal holds beyond the index's position; on an empty index, all of it.
pub fn catch_up(
    index: &Index,
    journal: &Reader,
    progress: impl FnMut(Progress),
) -> Result<CaughtUp, CatchUpError> {
    catch_up_to(index, journal, u64::MAX, progress)
}

/// The same, up to a sequence.
pub fn catch_up_to(
    index: &Index,
    journal: &Reader,
    until: u64,
    mut progress: impl FnMut(Progress),
) -> Result<CaughtUp, CatchUpError> {
    let mut replay = Replay::new(index, journal, until);
    while replay.step(index)? {
        progress(Progress { done: index.position().sequence, of: journal.last().min(until) });
    }
    Ok(replay.caught_up)
}

/// What the journal holds and the index has not seen, a group of records at a time.
#[derive(Debug)]
pub(super) struct Replay {
    records: Records,
    until: u64,
    group: Group,
    /// The ids of an index that began with nothing.
    met: Option<Met>,
    pub(super) caught_up: CaughtUp,
}

impl Replay {
    /// What follows the index's position, up to a sequence.
    pub(super) fn new(index: &Index, journal: &Reader, until: u64) -> Self {
        let reached = index.position().sequence;
        let met = (reached == 0).then(|| Met::nothing(journal.last()));
        let (records, group) = (journal.from(reached + 1), Group::default());
        Self { records, until, group, met, caught_up: CaughtUp::default() }
    }

    /// Applies the next group; says whether there may be more.
    pub(super) fn step(&mut self, index: &Index) -> Result<bool, CatchUpError> {
        while self.group.events.len() < GROUP_EVENTS && self.group.bytes < GROUP_BYTES {
            let entry = match self.records.next() {
                Some(Ok(entry)) if entry.sequence <= self.until => entry,
                None | Some(Ok(_)) => {
                    self.group.apply(index)?;
                    return Ok(false);
                }
                Some(Err(JournalError::Damaged(damage))) => {
                    self.caught_up.damage.push(damage);
                    continue;
                }
                Some(Err(error)) => return Err(CatchUpError::Journal(error)),
            };
            self.take(index, entry)?;
        }
        self.group.apply(index)?;
        Ok(true)
    }

    fn take(&mut self, index: &Index, entry: Entry) -> Result<(), CatchUpError> {
        let position = Position { sequence: entry.sequence, batch: entry.batch };
        match Record::decode(&entry.payload) {
            Ok(Record::Event(event)) => {
                let is_surely_new = self.met.as_mut().is_some_and(|met| !met.note(event.id));
                let is_known = !is_surely_new && index.recorded_at(event.id)?.is_some();
                self.group.add(entry, *event, is_known);
            }
            Ok(decision) => {
                self.group.apply(index)?;
                decide(index, &decision, position)?;
            }
            Err(_) => self.caught_up.unknown += 1,
        }
        self.caught_up.applied += 1;
        Ok(())
    }
}

/// Applies what people decided; events come in groups.
pub(super) fn decide(index: &Index, record: &Record, position: Position) -> Result<(), IndexError> {
    match record {
        Record::Event(_) => Ok(()),
        Record::Retraction(retraction) => index.retract(retraction.id, position),
        Record::Decided(decided) => index.decide(decided, position),
        Record::Muting(muting) => index.mute(muting, position),
    }
}

/// Events read but not applied yet.
#[derive(Debug, Default)]
struct Group {
    events: Vec<(Entry, Event)>,
    ids: HashSet<Uuid>,
    bytes: usize,
    /// The last record looked at, whether anything of it is applied or not.
    reached: Option<Position>,
}

impl Group {
    /// Adds an event, unless its id was recorded before: the first record of an id counts.
    fn add(&mut self, entry: Entry, event: Event, is_known: bool) {
        self.reached = Some(Position { sequence: entry.sequence, batch: entry.batch });
        if !is_known && self.ids.insert(event.id) {
            self.bytes += entry.payload.len();
            self.events.push((entry, event));
        }
    }

    fn apply(&mut self, index: &Index) -> Result<(), IndexError> {
        let Some(position) = self.reached else { return Ok(()) };
        let fresh: Vec<Fresh<'_>> =
            self.events.iter().map(|(entry, event)| Fresh::of(entry, event)).collect();
        index.apply(&fresh, position)?;
        *self = Self::default();
        Ok(())
    }
}

impl<'a> Fresh<'a> {
    fn of(entry: &'a Entry, event: &'a Event) -> Self {
        let fingerprint = event.words().map_or(0, fingerprint);
        Self { sequence: entry.sequence, event, fingerprint }
    }
}

/// Whether the journal holds the very record the index says it reached.
pub fn holds(journal: &Reader, position: Position) -> Result<bool, JournalError> {
    if position.sequence == 0 {
        return Ok(true);
    }
    match journal.from(position.sequence).next() {
        Some(Ok(entry)) => Ok(entry.sequence == position.sequence && entry.batch == position.batch),
        None | Some(Err(JournalError::Damaged(_))) => Ok(false),
        Some(Err(error)) => Err(error),
    }
}

/// Whether index and journal hold the same ids, segment by segment. Reads both whole.
pub fn agrees(
    index: &Index,
    journal: &Reader,
    mut progress: impl FnMut(Progress),
) -> Result<bool, CatchUpError> {
    let segments: Vec<u64> = journal.segments().iter().map(|segment| segment.first).collect();
    let position = index.position().sequence;
    // While an index was rebuilt an id may have been taken twice; the first record counts. Few that are not
    // seem met, so the index is asked: one that says wrongly where an id was first agrees no more.
    let mut met = Met::nothing(journal.last());
    let mut sums: BTreeMap<u64, Sum> = BTreeMap::new();
    for entry in journal.from(1) {
        let entry = match entry {
            Ok(entry) if position < entry.sequence => break,
            Ok(entry) => entry,
            // What the journal lost, the index may still hold: then they do not agree, and the
            // index is rebuilt to what can be vouched for.
            Err(JournalError::Damaged(_)) => continue,
            Err(error) => return Err(CatchUpError::Journal(error)),
        };
        progress(Progress { done: entry.sequence, of: position });
        if let Ok(Record::Event(event)) = Record::decode(&entry.payload) {
            if met.note(event.id) {
                match index.recorded_at(event.id) {
                    Ok(Some(first)) if first < entry.sequence => continue,
                    Ok(_) => {}
                    Err(IndexError::Damaged(_)) => return Ok(false),
                    Err(error) => return Err(error.into()),
                }
            }
            let behind = segments.partition_point(|first| *first <= entry.sequence);
            let segment = behind.checked_sub(1).map_or(0, |at| segments[at]);
            sums.entry(segment).or_default().add(event.id);
        }
    }
    match index.sums(&segments) {
        Ok(found) => Ok(found == sums),
        Err(IndexError::Damaged(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Arrival, Draft, Sender, Source};
    use crate::journal;

    fn event(id: u128) -> Event {
        let arrival = Arrival {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            fresh_id: uuid::Uuid::from_u128(id),
            sender: Sender::Owner { name: "ana".to_owned() },
            source: Source::Http,
            original: None,
        };
        Draft::parse(br#"{"place":"web/a","note":"x"}"#).unwrap().admit(&arrival).unwrap()
    }

    #[test]
    fn of_two_records_of_an_id_the_first_counts() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = journal::open(&dir.path().join("journal"), 0).unwrap();
        let many = 2 * GROUP_EVENTS as u128;
        // Once more within a group, and in another.
        let ids = (1..=many).chain([many, 1]);
        let records: Vec<_> = ids.map(|id| Record::of_event(&event(id))).collect();
        journal.writer.append(&records).unwrap();
        let index = open_index(&dir.path().join("index"), &journal.reader).unwrap();
        let caught_up = catch_up(&index, &journal.reader, |_| {}).unwrap();
        assert_eq!((caught_up.applied, u128::from(index.events())), (records.len() as u64, many));
        assert_eq!(index.position().sequence, records.len() as u64);
        assert!(agrees(&index, &journal.reader, |_| {}).unwrap(), "the first ones are there");
    }

    #[test]
    fn an_index_that_lost_an_event_does_not_agree() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = journal::open(&dir.path().join("journal"), 0).unwrap();
        let records: Vec<_> =
            (1..=4).map(|id| Record::Event(Box::new(event(id))).encode()).collect();
        let appended = journal.writer.append(&records).unwrap();
        let position = Position { sequence: appended.last, batch: appended.batch };

        let whole = open_index(&dir.path().join("whole"), &journal.reader).unwrap();
        let caught_up = catch_up(&whole, &journal.reader, |_| {}).unwrap();
        assert_eq!((caught_up.applied, whole.events(), whole.position()), (4, 4, position));
        assert!(agrees(&whole, &journal.reader, |_| {}).unwrap());
        assert!(holds(&journal.reader, position).unwrap());
        let beyond = Position { sequence: 5, ..position };
        assert!(!holds(&journal.reader, beyond).unwrap());
        let of_another = Position { batch: 7, ..position };
        assert!(!holds(&journal.reader, of_another).unwrap());

        let torn = open_index(&dir.path().join("torn"), &journal.reader).unwrap();
        for id in [1, 2, 4] {
            let event = event(id);
            let sequence = u64::try_from(id).unwrap();
            let fresh = Fresh { sequence, event: &event, fingerprint: 0 };
            torn.apply(&[fresh], position).unwrap();
        }
        assert!(!agrees(&torn, &journal.reader, |_| {}).unwrap());
    }
}
