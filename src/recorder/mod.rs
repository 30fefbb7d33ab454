//! The one writer: bounded queue → batch → journal → index → answer.
//!
//! # Promises
//!
//! - Whatever waits becomes one batch: one append, one `fdatasync`, then it is visible (many events
//!   some hundred at a time), then every answer. Nobody is told yes before both. sled follows in the
//!   background.
//! - What is sent in one job is recorded whole or not at all.
//! - The queue is bounded in jobs and in bytes. [`Recorder::record_or_refuse`] says no at once,
//!   [`Recorder::record_within`] after a while, [`Recorder::record`] waits.
//! - An id is recorded once. The same again is answered with the first record; other content
//!   under the same id is a conflict, and the first stays.
//! - An id whose first record does not read any more is told so, and stops nobody else.
//! - When the last [`Recorder`] is dropped, or told to [end](Recorder::end), the writer finishes what
//!   it accepted and returns.
//! - What became of each event is counted ([`Meter`]), whether anybody waits for the answer or not.

mod inspection;
mod keeping;
mod met;
mod meter;
mod replay;
mod room;
mod share;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use uuid::Uuid;

use crate::event::{Decided, Event, Record, Source};
use crate::hotspot::fingerprint;
use crate::index::Index;
use crate::journal::Writer;

pub use inspection::{Inspection, tell_of_damage};
pub use keeping::{checkpoint_if_room, keep_until_dropped};
pub use meter::{Fate, Histogram, Meter};
pub use replay::{
    CatchUpError, CaughtUp, Progress, agrees, catch_up, catch_up_to, holds, open_index,
};
pub use room::Room;
pub(crate) use share::PROCESSORS;
pub use share::to_each;
pub use writing::{Writing, WritingError};

/// Jobs that may wait.
const MOST_JOBS: usize = 4096;
/// What waiting jobs may weigh together, in KiB.
const MOST_KIB: usize = 32 * 1024;

/// What became of one event of a job.
#[derive(Debug)]
pub enum Recorded {
    /// It is on disk and visible.
    New {
        /// The event as JSON.
        json: Vec<u8>,
        /// Nothing was ever recorded at its place before.
        is_new_place: bool,
    },
    /// It was recorded before; this is the first record.
    Known(Box<Event>),
    /// Its id, this one, belongs to another event.
    Conflict(Uuid),
    /// Its id was recorded before, but that record does not read any more.
    Lost(Uuid),
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The queue is full; nothing was recorded.
    #[error(
        "snagd has more waiting than it can write at the moment, and nothing was recorded: send it again in a second, with the same id"
    )]
    Full,
    /// The disk is full; nothing was recorded.
    #[error(
        "the disk is full, and nothing was recorded: make room where snagd stores and send it again, with the same id"
    )]
    NoRoom,
    /// The events of one job do not fit the journal together; nothing was recorded.
    #[error("that is too much at once, and nothing was recorded: send fewer events in one request")]
    TooLarge,
    /// The disk failed, and snagd stops.
    #[error(
        "snagd could not write to its disk and stops: whether this was recorded shows when it is back; send it again then, with the same id, which is harmless"
    )]
    Failed,
}

/// How far the index is behind the journal, while it catches up.
#[derive(Debug, Default)]
pub struct Lag {
    is_behind: AtomicBool,
    /// Damaged stretches of the journal met meanwhile.
    damaged: AtomicU64,
}

impl Lag {
    /// Whether the index is still catching up, so that answers are incomplete.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Acquire)
    }

    /// Damaged stretches of the journal met while catching up.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }
}

/// A handle to the writer's queue. Cheap to clone.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Job>,
    /// What may wait, in KiB.
    weight: Arc<Semaphore>,
    visible: watch::Receiver<u64>,
    room: Arc<Room>,
    meter: Arc<Meter>,
}

enum Job {
    Record(Vec<Parcel>, Reply),
    /// What somebody decided: no event.
    Decide(Box<Record>, Reply),
    /// Answered with the time of the event received last.
    Probe(oneshot::Sender<Option<Timestamp>>),
    /// What came before is written, and nothing more.
    End,
}

struct Reply {
    answer: oneshot::Sender<Result<Vec<Recorded>, Refusal>>,
    meter: Arc<Meter>,
    /// Where the events of the job came in, one for each.
    sources: Vec<Source>,
    since: Instant,
    /// Given back when the job is answered.
    _weight: OwnedSemaphorePermit,
}

/// An event, the bytes of its record and the fingerprint of its words, made off the writer's thread.
struct Parcel {
    event: Event,
    /// What was decided about it in the store it comes from: a record of its own.
    decided: Option<Decided>,
    record: Vec<u8>,
    fingerprint: u64,
}

impl Recorder {
    /// A recorder, and the writing that its caller must run on a thread of its own.
    pub fn new(journal: Writer, index: Arc<Index>, room: Arc<Room>) -> (Self, Writing) {
        let (queue, jobs) = mpsc::channel(MOST_JOBS);
        let (shown, visible) = watch::channel(journal.last());
        let (meter, weight) = (Arc::<Meter>::default(), Arc::new(Semaphore::new(MOST_KIB)));
        let writing = Writing::new(jobs, journal, index, room.clone(), shown, meter.clone());
        (Self { queue, weight, visible, room, meter }, writing)
    }

    /// The last sequence that is on disk and visible, for whoever follows the journal.
    ///
    /// It wakes its receivers, but it is no queue: what happened is read from the journal.
    #[must_use]
    pub fn visible(&self) -> watch::Receiver<u64> {
        self.visible.clone()
    }

    /// Records events, one outcome for each; refuses at once when the queue is full.
    pub async fn record_or_refuse(&self, events: Vec<Event>) -> Result<Vec<Recorded>, Refusal> {
        let (parcels, kib) = pack(events).await;
        let sources = sources(&parcels);
        let refuse = |refusal| {
            self.meter.count_job(&sources, &Err(refusal));
            refusal
        };
        let weight = self.weight.clone().try_acquire_many_owned(kib);
        let weight = weight.map_err(|_| refuse(Refusal::Full))?;
        let slot = self.queue.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => refuse(Refusal::Full),
            mpsc::error::TrySendError::Closed(()) => refuse(Refusal::Failed),
        })?;
        self.hand_over((slot, weight), sources, |reply| Job::Record(parcels, reply)).await
    }

    /// Records events, one outcome for each; waits while the queue is full.
    pub async fn record(&self, events: Vec<Event>) -> Result<Vec<Recorded>, Refusal> {
        let (parcels, kib) = pack(events).await;
        self.send(kib, sources(&parcels), |reply| Job::Record(parcels, reply)).await
    }

    /// Records events, one outcome for each; while the queue is full it waits for room, at most so
    /// long.
    pub async fn record_within(
        &self,
        patience: Duration,
        events: Vec<Event>,
    ) -> Result<Vec<Recorded>, Refusal> {
        let (parcels, kib) = pack(events).await;
        let sources = sources(&parcels);
        let room = tokio::time::timeout(patience, self.wait_for_room(kib)).await;
        let room = room.unwrap_or(Err(Refusal::Full)).inspect_err(|refusal| {
            self.meter.count_job(&sources, &Err(*refusal));
        });
        self.hand_over(room?, sources, |reply| Job::Record(parcels, reply)).await
    }

    /// Records what somebody decided. The caller has made sure that they may, and that it is no
    /// event.
    pub async fn decide(&self, decision: Record) -> Result<(), Refusal> {
        let decision = Box::new(decision);
        self.send(8, Vec::new(), |reply| Job::Decide(decision, reply)).await.map(drop)
    }

    /// What became of events since the start.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Jobs that wait, and what they weigh with those in the writer's hands, in KiB.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        (MOST_JOBS - self.queue.capacity(), MOST_KIB - self.weight.available_permits())
    }

    /// Whether nothing is recorded until there is room on the disk again.
    #[must_use]
    pub fn is_out_of_room(&self) -> bool {
        self.room.is_short()
    }

    /// Goes the way of an event without being one: through the queue to the writer, to the
    /// journal's disk and to the index. Says when the last event was received.
    pub async fn probe(&self) -> Result<Option<Timestamp>, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Job::Probe(answer)).await.map_err(|_| Refusal::Failed)?;
        answered.await.map_err(|_| Refusal::Failed)
    }

    /// Ends the writing once what waits is written, whoever else might still record something.
    pub async fn end(&self) {
        // If nobody listens it has ended.
        let _ = self.queue.send(Job::End).await;
    }

    /// Whether an event would be recorded now.
    pub async fn check(&self) -> Result<(), Refusal> {
        self.probe().await?;
        let room = self.room.clone();
        match tokio::task::spawn_blocking(move || room.is_enough()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::NoRoom),
            Err(_) => Err(Refusal::Failed),
        }
    }

    async fn send(
        &self,
        kib: u32,
        sources: Vec<Source>,
        job: impl FnOnce(Reply) -> Job,
    ) -> Result<Vec<Recorded>, Refusal> {
        let slot = self.wait_for_room(kib).await?;
        self.hand_over(slot, sources, job).await
    }

    async fn wait_for_room(&self, kib: u32) -> Result<Slot<'_>, Refusal> {
        let weight = self.weight.clone().acquire_many_owned(kib).await;
        let weight = weight.map_err(|_| Refusal::Failed)?;
        let slot = self.queue.reserve().await.map_err(|_| Refusal::Failed)?;
        Ok((slot, weight))
    }

    /// Puts a job into its slot of the queue, and waits for what becomes of it.
    async fn hand_over(
        &self,
        (slot, weight): Slot<'_>,
        sources: Vec<Source>,
        job: impl FnOnce(Reply) -> Job,
    ) -> Result<Vec<Recorded>, Refusal> {
        let (answer, answered) = oneshot::channel();
        let (meter, since) = (self.meter.clone(), Instant::now());
        slot.send(job(Reply { answer, meter, sources, since, _weight: weight }));
        answered.await.unwrap_or(Err(Refusal::Failed))
    }
}

/// A slot of the queue, and room for what a job weighs.
type Slot<'a> = (mpsc::Permit<'a, Job>, OwnedSemaphorePermit);

impl Reply {
    fn say(self, answer: Result<Vec<Recorded>, Refusal>) {
        if !self.sources.is_empty() {
            self.meter.count_job(&self.sources, &answer);
            self.meter.ingest.observe(self.since.elapsed());
        }
        // Nobody may be listening any more; what is on disk stays.
        let _ = self.answer.send(answer);
    }
}

fn sources(parcels: &[Parcel]) -> Vec<Source> {
    parcels.iter().map(|parcel| parcel.event.source).collect()
}

/// Encodes events, and says how many KiB they weigh.
async fn pack(events: Vec<Event>) -> (Vec<Parcel>, u32) {
    let parcels = to_each(events, Parcel::of).await;
    let bytes: usize = parcels.iter().map(|parcel| parcel.record.len()).sum();
    let kib = (bytes / 1024 + 1).min(MOST_KIB);
    (parcels, u32::try_from(kib).unwrap_or(u32::MAX))
}

impl Parcel {
    fn of(mut event: Event) -> Self {
        let decision = event.decision.take();
        Self {
            record: Record::of_event(&event),
            fingerprint: event.words().map_or(0, fingerprint),
            decided: decision.map(|decision| Decided::about(&event, decision)),
            event,
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::event::{Arrival, Draft, Sender};
    use crate::journal;

    fn bench() -> (TempDir, Recorder, Writing) {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal::open(&dir.path().join("journal"), 0).unwrap();
        let index = Arc::new(open_index(&dir.path().join("index"), &journal.reader).unwrap());
        let room = Arc::new(Room::of(dir.path()).unwrap());
        let (recorder, writing) = Recorder::new(journal.writer, index, room);
        (dir, recorder, writing)
    }

    fn event() -> Event {
        let arrival = Arrival {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            fresh_id: Uuid::from_u128(7),
            sender: Sender::Owner { name: "ana".to_owned() },
            source: Source::Http,
            original: None,
        };
        Draft::parse(br#"{"place":"web/a","note":"x"}"#).unwrap().admit(&arrival).unwrap()
    }

    /// Says no, at once and after a while, and takes no room for what it refused.
    async fn is_full(recorder: &Recorder) {
        const WHILE: Duration = Duration::from_secs(3);
        let (before, begun) = (recorder.waiting(), tokio::time::Instant::now());
        let refused = recorder.record_or_refuse(vec![event()]).await.unwrap_err();
        assert_eq!((refused, begun.elapsed()), (Refusal::Full, Duration::ZERO));
        let refused = recorder.record_within(WHILE, vec![event()]).await.unwrap_err();
        assert_eq!((refused, begun.elapsed().as_secs()), (Refusal::Full, WHILE.as_secs()));
        assert_eq!(recorder.waiting(), before);
        let waits = tokio::time::timeout(WHILE, recorder.record(vec![event()]));
        assert!(waits.await.is_err(), "whoever waits for room gets none yet");
        assert_eq!(recorder.waiting(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_room_in_the_queue_is_refused_and_takes_none() {
        let (_dir, recorder, writing) = bench();
        let all = u32::try_from(MOST_KIB).unwrap();
        let heavy = recorder.weight.clone().try_acquire_many_owned(all).unwrap();
        is_full(&recorder).await;
        drop(heavy);
        let many = recorder.queue.try_reserve_many(MOST_JOBS).unwrap();
        is_full(&recorder).await;
        drop(many);
        assert_eq!(recorder.waiting(), (0, 0));
        assert_eq!(recorder.meter().events(Source::Http, Fate::Refused), 4);
        let running = std::thread::spawn(move || writing.run());
        let became = recorder.record_or_refuse(vec![event()]).await.unwrap();
        assert!(matches!(became[..], [Recorded::New { .. }]), "{became:?}");
        drop(recorder);
        running.join().unwrap().unwrap();
    }

    #[tokio::test]
    async fn it_ends_although_somebody_might_still_record_something() {
        let (_dir, recorder, writing) = bench();
        let running = std::thread::spawn(move || writing.run());
        let late = recorder.clone();
        recorder.probe().await.unwrap();
        recorder.end().await;
        running.join().unwrap().unwrap();
        assert_eq!(late.probe().await, Err(Refusal::Failed));
        late.end().await;
    }
}
