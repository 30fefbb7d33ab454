//! The answers: a view of the journal that can always be rebuilt.
//!
//! # Promises
//!
//! - A batch becomes visible whole or not at all, and reaches sled together with the journal
//!   position it stands for: after any crash, replaying the journal from [`Index::position`] gives
//!   the same answers as if nothing had happened.
//! - Nothing is kept here that the journal does not hold. Deleting the directory costs a rebuild.
//! - What was said is not kept here at all: an event is read from the journal, by its sequence.
//! - A query of hotspots reads counts, never events; its cost grows with people, places and days.
//!
//! # Layout
//!
//! One sled tree, so that one batch is one atom. The first byte of a key says what it is; numbers
//! are big-endian, instants are milliseconds with the sign bit flipped, so that keys sort as what
//! they mean. sled holds many pairs in one of its own: see `leaf`.
//!
//! | key | value |
//! |---|---|
//! | `m` `position` | the last journal entry applied: sequence and batch, u64 |
//! | `m` `events` | events recorded and not retracted, and when the last one was received, u64 |
//! | `i` id | flags (1: retracted), journal sequence |
//! | `p` place `0` band at id, the latest first | actor and has words, kind and signal (half a byte each), tags of person and version, note fingerprint, sequence |
//! | `n` place | the day of its first event |
//! | `c` day place `0` person `0` actor kind version | a cell, as varints |
//! | `d` id | the latest decision about a signal, JSON |
//! | `u` place `0` signal | whether the rule is muted there: the latest word on it, JSON |
//!
//! Bands are reports and confirmed signals from blocker to cosmetic (0 to 3), open signals (4), uses
//! (5) and dismissed signals (6): the strongest quote of a place is the first entry of its first
//! band. Ids lie in their own order, which for v7 is that of time: what is new lies together, and
//! sled need not fetch old pages to write it. Which events there are on a day, its cells tell. A tag
//! is a short hash: an event whose tag differs is not the one asked for, and need not be read to know
//! it.

mod added;
mod apply;
mod ask;
mod cells;
mod check;
mod coverage;
mod decide;
mod error;
mod key;
mod known;
mod layers;
mod leaf;
mod list;
mod lost;
mod newest;
mod note;
mod order;
mod pairs;
mod quotes;
mod ranking;
mod signals;
mod store;
mod tidy;
mod varint;
mod visits;
mod walk;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::retry_on_intr;
use uuid::Uuid;

use crate::event::{Day, Event, Place, Record};
use decide::Mutings;
use lost::Lost;
use newest::Newest;
use note::Note;
use ranking::Rankings;
use store::Store;
use visits::KnownVisits;

pub use apply::Fresh;
pub use ask::{HotspotsAnswer, Land, WhyAnswer};
pub use check::Sum;
pub use coverage::CoverageAnswer;
pub use error::IndexError;
pub use known::Known;
pub use list::{Cursor, Filter, Page};
pub use order::Order;
pub use signals::{SignalGroup, SignalsAnswer};

/// Every leaf starts with it. A directory written in another format is rebuilt.
const FORMAT: u8 = 4;

/// What sled keeps in memory, as it counts: it may be eight times as much until it lets go. Four times
/// this made nothing faster but a load in no order, by a fifth.
const CACHE: u64 = 4 * 1024 * 1024;
/// What sled may write beside what it is given: it fills buffers and begins segments.
const RESERVE: u64 = 2 * 1024 * 1024;
/// It writes pages anew for some of the keys, and moves others to make room.
const AMPLIFIED: u64 = 4;
/// How often sled is opened while it is locked.
const MOST_TRIES: usize = 1000;
/// How long one that is locked is left alone.
const PAUSE: Duration = Duration::from_millis(5);

/// Reads a record of the journal by its sequence.
pub type ReadRecord = Box<dyn Fn(u64) -> Result<Vec<u8>, IndexError> + Send + Sync>;

/// A view of the journal.
pub struct Index {
    store: Store,
    /// Where the events themselves are.
    records: ReadRecord,
    dir: PathBuf,
    /// Readers load the cells of a day under it, so that they never see half a batch.
    gate: RwLock<()>,
    /// Every place with the day of its first event; a small copy of the `n` keys.
    places: RwLock<BTreeMap<Place, Day>>,
    rankings: Rankings,
    visits: KnownVisits,
    /// The decoded cells of the days that queries read.
    days: cells::Days,
    newest: Mutex<Newest>,
    /// What is muted where, or was; a small copy of the `u` keys.
    mutings: RwLock<Mutings>,
    position: Mutex<Position>,
    events: AtomicU64,
    /// When the event recorded last was received; 0 before the first.
    last_received: AtomicU64,
    /// How large its file was when it was last copied; 0 before.
    copied_bytes: AtomicU64,
    is_dirty: AtomicBool,
    /// Whether the checkpointer was woken since the last checkpoint.
    is_told: AtomicBool,
    /// What lies on disk was found broken: the next start must not believe it.
    is_broken: AtomicBool,
    /// One note at a time: a later one knows what an earlier one knew.
    noting: Mutex<()>,
    /// What the journal has lost.
    lost: Mutex<Lost>,
}

/// An entry of the journal, named so that it cannot be mistaken for another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Its sequence; 0 before the first.
    pub sequence: u64,
    /// The batch it was written in.
    pub batch: u64,
}

/// An event as the journal holds it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The event.
    pub event: Event,
    /// Whether it was taken back.
    pub is_retracted: bool,
    /// The bytes of its record.
    pub bytes: usize,
}

impl Index {
    /// Opens the index, or makes an empty one, of the journal whose records are read by `records`.
    ///
    /// A sled that panics at open counts as one that does not open, and so does one that came up
    /// behind its last checkpoint: sled drops a damaged tail without a word.
    pub fn open(dir: &Path, records: ReadRecord) -> Result<Self, IndexError> {
        let is_new = !dir.exists();
        let noted = Note::read(dir);
        let unopenable = |reason: String| IndexError::Unopenable { dir: dir.to_owned(), reason };
        tidy::remove_unfinished(dir);
        let tree = catch_unwind(AssertUnwindSafe(|| open_tree(dir)))
            .map_err(|_| unopenable("it panicked".to_owned()))?
            .map_err(|error| match IndexError::from(error) {
                error if error.is_damage() => unopenable(error.to_string()),
                error => error,
            })?;
        // What was found broken is looked into rather than removed.
        if !noted.is_broken && leaf::is_outdated(&tree, key::POSITION)? {
            return Err(IndexError::Outdated);
        }
        let store = Store::new(tree);
        let [position, (events, last_received)] =
            [read_pair(&store, key::POSITION)?, read_pair(&store, key::EVENTS)?];
        let index = Self {
            records,
            position: Mutex::new(Position { sequence: position.0, batch: position.1 }),
            events: AtomicU64::new(events),
            last_received: AtomicU64::new(last_received),
            places: RwLock::new(read_places(&store)?),
            rankings: Rankings::default(),
            visits: KnownVisits::default(),
            mutings: RwLock::new(Mutings::read(&store)?),
            store,
            dir: dir.to_owned(),
            gate: RwLock::new(()),
            days: cells::Days::default(),
            newest: Mutex::default(),
            copied_bytes: AtomicU64::new(0),
            is_dirty: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
            is_broken: AtomicBool::new(false),
            noting: Mutex::default(),
            lost: Mutex::default(),
        };
        if is_new {
            Self::note_nothing(dir).map_err(IndexError::Checkpoint)?;
        } else if noted.is_broken {
            return Err(IndexError::Damaged("something in it was found broken"));
        } else if index.position().sequence < noted.reached {
            return Err(IndexError::Damaged("it lost events it had on disk"));
        }
        Ok(index)
    }

    /// The last journal entry applied.
    pub fn position(&self) -> Position {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many events it holds, retracted ones aside.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Every place an event was recorded at.
    pub fn places(&self) -> Vec<Place> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        places.keys().cloned().collect()
    }

    /// The day of the first event at a place.
    pub fn first_seen(&self, place: &Place) -> Option<Day> {
        self.places.read().unwrap_or_else(PoisonError::into_inner).get(place).copied()
    }

    /// The event of an id.
    pub fn event(&self, id: Uuid) -> Result<Option<Stored>, IndexError> {
        let Some(value) = self.store.get(&key::id(id))? else { return Ok(None) };
        let (is_retracted, sequence) = key::read_id_value(&value)?;
        let (event, bytes) = self.event_of(sequence)?;
        Ok(Some(Stored { event, is_retracted, bytes }))
    }

    /// The journal sequence that an id was recorded at, if it ever was.
    pub fn recorded_at(&self, id: Uuid) -> Result<Option<u64>, IndexError> {
        let value = self.store.get(&key::id(id))?;
        Ok(value.map(|value| key::read_id_value(&value)).transpose()?.map(|(_, sequence)| sequence))
    }

    /// When the event recorded last was received, even if it was taken back since.
    pub fn last_received(&self) -> Option<Timestamp> {
        let millis = self.last_received.load(Ordering::Relaxed);
        let millis = i64::try_from(millis).ok().filter(|millis| 0 < *millis)?;
        Timestamp::from_millisecond(millis).ok()
    }

    /// Whether all that was put into it is there; none where something moved towards disk meanwhile.
    /// Reads it whole, without a word of the journal, and keeps nobody waiting.
    pub fn is_whole(&self) -> Result<Option<bool>, IndexError> {
        self.store.is_whole()
    }

    /// Runs of records that answers were found to lack, beside those it was told of.
    pub fn lost_runs(&self) -> u64 {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).met()
    }

    /// How many records the journal is known to have lost.
    pub fn lost_records(&self) -> u64 {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).records()
    }

    /// Tells it of a run of records that was found to be lost; says whether that is news.
    pub fn meet_lost(&self, run: Range<u64>) -> bool {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).meet(run)
    }

    /// Tells it what the journal is known to have lost, so that it need not look for that. Says
    /// whether it is news.
    pub fn note_lost(&self, run: Range<u64>) -> bool {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).add(run)
    }

    /// The event of a sequence; none if the journal has lost it: that is told once for each run of
    /// lost records, the next start builds the index anew, and whoever asks for many is answered
    /// with what is left.
    fn event_if_left(&self, sequence: u64) -> Result<Option<(Event, usize)>, IndexError> {
        if self.lost.lock().unwrap_or_else(PoisonError::into_inner).has(sequence) {
            self.distrust();
            return Ok(None);
        }
        match self.event_of(sequence) {
            Err(IndexError::Lost { sequence, run, source }) => {
                if self.meet_lost(run.clone()) {
                    let error: &dyn Error = &IndexError::Lost { sequence, run, source };
                    tracing::error!(error, "answers lack events");
                }
                self.distrust();
                Ok(None)
            }
            found => found.map(Some),
        }
    }

    /// The event of a journal sequence, and how many bytes its record has.
    fn event_of(&self, sequence: u64) -> Result<(Event, usize), IndexError> {
        let record = (self.records)(sequence)?;
        match Record::decode(&record) {
            Ok(Record::Event(event)) => {
                let decision = self.decision(&event)?;
                Ok((event.decided(decision), record.len()))
            }
            Ok(_) => Err(IndexError::Damaged("what it takes for an event is none")),
            Err(error) => {
                let run = sequence..sequence + 1;
                Err(IndexError::Lost { sequence, run, source: Some(error.into()) })
            }
        }
    }

    /// Every id that ends with these hexadecimal digits; at most `most`.
    ///
    /// Short of a whole id, every id is looked at: some 40 ms at a million events.
    pub fn ids_ending(&self, digits: &str, most: usize) -> Result<Vec<Uuid>, IndexError> {
        let Some(ending) = key::Ending::parse(digits) else { return Ok(Vec::new()) };
        if let Some(id) = ending.whole() {
            let found = self.store.get(&key::id(id))?;
            return Ok(found.map(|_| id).into_iter().collect());
        }
        let suits = |key: &[u8]| key::read_id(key).map_or(true, |id| ending.fits(id));
        let keys = self.store.keys(&store::beginning_with(&[key::ID]), most, suits)?;
        keys.iter().map(|key| key::read_id(key)).collect()
    }

    /// Whether there is news for whoever makes checkpoints: the first change since the last one, or
    /// more gathered than should wait.
    pub fn is_worth_telling(&self) -> bool {
        !self.is_told.swap(true, Ordering::AcqRel) || self.store.holds_much()
    }

    /// Whether anything changed since the last checkpoint; the next change is worth telling again.
    pub fn has_news(&self) -> bool {
        // In this order: whoever makes it dirty now tells so.
        self.is_told.swap(false, Ordering::AcqRel);
        self.is_dirty.load(Ordering::Acquire)
    }

    /// Says whether there is ample room on the disk, so that more may gather in memory before it is
    /// moved towards disk.
    pub fn gather(&self, is_ample: bool) {
        self.store.gather(is_ample);
    }

    /// The journal sequence up to which the index in `dir` was on disk, as noted beside it, even where
    /// the index is gone since; 0 where nobody noted it. The journal had it on disk before.
    #[must_use]
    pub fn noted(dir: &Path) -> u64 {
        Note::read(dir).reached
    }

    /// Notes that nothing is on disk.
    pub fn note_nothing(dir: &Path) -> io::Result<()> {
        Note::default().write(dir)
    }

    /// Makes the next start set it aside and rebuild it: something in it was found broken.
    pub fn distrust(&self) {
        if self.is_broken.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.note_checkpoint(self.position().sequence) {
            tracing::error!(%error, "could not note that the index is broken: delete its directory before the next start");
        }
    }

    /// Makes sure of room on the disk for what was applied so far and is not there yet, so that
    /// nobody else can take it before sled does: after one failed write sled takes no more.
    pub fn reserve(&self) -> io::Result<()> {
        let bytes = self.needs();
        let file = File::options().write(true).open(self.dir.join("db"))?;
        let end = file.metadata()?.len();
        retry_on_intr(|| fallocate(&file, FallocateFlags::KEEP_SIZE, end, bytes))?;
        Ok(())
    }

    /// How much of that is not made yet.
    pub fn lacks(&self) -> u64 {
        let reserved = fs::metadata(self.dir.join("db"))
            .map_or(0, |file| (file.blocks() * 512).saturating_sub(file.len()));
        self.needs().saturating_sub(reserved)
    }

    /// How much room that is.
    pub fn needs(&self) -> u64 {
        RESERVE + AMPLIFIED * self.store.weight(self.size_bytes())
    }

    /// Puts everything applied so far on disk. Takes milliseconds: never on the way of an answer.
    pub fn checkpoint(&self) -> Result<(), IndexError> {
        self.is_told.store(false, Ordering::Release);
        if !self.is_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let reached = self.position().sequence;
        self.store.settle()?;
        self.store.tree().flush()?;
        // sled's flush stops at sync_file_range, which a power cut does not respect.
        File::open(self.dir.join("db"))
            .and_then(|file| file.sync_data())
            .map_err(IndexError::Checkpoint)?;
        match self.note_checkpoint(reached) {
            // The room made is sled's. The note before stays: it claims less, and that is true.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                ) =>
            {
                Ok(())
            }
            noted => noted.map_err(IndexError::Checkpoint),
        }
    }

    /// Moves what was applied towards disk before its time, if much has gathered.
    pub fn settle_if_much(&self) -> Result<(), IndexError> {
        if self.store.holds_much() { self.store.settle() } else { Ok(()) }
    }

    /// The same, if so much has gathered that whoever applies more must. Makes sure of the room for it
    /// first, which nobody else did; without room more may gather, but not for ever.
    fn settle_if_too_much(&self) -> Result<(), IndexError> {
        let is_due = self.store.holds_too_much()
            && (self.reserve().is_ok() || self.store.holds_far_too_much());
        if is_due { self.store.settle() } else { Ok(()) }
    }

    fn note_checkpoint(&self, reached: u64) -> io::Result<()> {
        let _alone = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
        Note { reached, is_broken: self.is_broken.load(Ordering::Acquire) }.write(&self.dir)
    }

    /// Bytes on disk.
    pub fn size_bytes(&self) -> u64 {
        fs::metadata(self.dir.join("db")).map_or(0, |file| file.len())
    }
}

/// Opens sled. One that was closed a moment ago in this process may hold its lock still, until a thread
/// of it is done: that is waited for, as nobody else opens what our own lock keeps.
fn open_tree(dir: &Path) -> sled::Result<sled::Db> {
    for _ in 1..MOST_TRIES {
        match try_open_tree(dir) {
            Err(error) if is_locked(&error) => thread::sleep(PAUSE),
            opened => return opened,
        }
    }
    try_open_tree(dir)
}

/// Whether sled is open elsewhere; it has no other name for that.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.kind() == io::ErrorKind::Other)
}

fn try_open_tree(dir: &Path) -> sled::Result<sled::Db> {
    sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(None)
        .open()
}

fn read_pair(store: &Store, key: &[u8]) -> Result<(u64, u64), IndexError> {
    store.get(key)?.map_or(Ok((0, 0)), |value| key::read_pair(&value))
}

fn read_places(store: &Store) -> Result<BTreeMap<Place, Day>, IndexError> {
    store.beginning_with(&[key::NAME]).map(|entry| key::read_place(&entry?)).collect()
}

#[cfg(test)]
mod tests;
