//! The writer's loop.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::replay::{self, CatchUpError, Replay};
use super::{Job, Lag, Meter, Parcel, Recorded, Refusal, Reply, Room, tell_of_damage};
use crate::event::{Decided, Event, Place, Record};
use crate::index::{Fresh, Index, IndexError, Position};
use crate::journal::{Appended, JournalError, Reader, Writer};

/// A group of jobs grows up to this many events,
pub(super) const GROUP_EVENTS: usize = 256;
/// or this many bytes; the index is given no more at once, either.
pub(super) const GROUP_BYTES: usize = 1024 * 1024;
/// A line is logged each time a backlog is so many records shorter.
const LOG_EVERY: u64 = 100_000;

/// An index that finds no room to catch up looks for some so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why writing ended before its time. What was acknowledged is on disk all the same.
#[derive(Debug, thiserror::Error)]
pub enum WritingError {
    /// The journal could not be written.
    #[error("the journal could not be written: check the disk, then start snagd again")]
    Journal(#[source] JournalError),
    /// The index could not be read or written.
    #[error("the index failed: start snagd again, it catches up from the journal")]
    Index(#[source] IndexError),
}

/// The one writer.
pub struct Writing {
    jobs: mpsc::Receiver<Job>,
    journal: Writer,
    index: Arc<Index>,
    room: Arc<Room>,
    /// The last sequence on disk and visible.
    shown: watch::Sender<u64>,
    meter: Arc<Meter>,
    /// What the index has to catch up with before it can be given what is new.
    backlog: Option<Backlog>,
    /// Tells the checkpointer that something changed; dropped, that nothing will any more.
    changed: Option<SyncSender<()>>,
}

impl Writing {
    pub(super) fn new(
        jobs: mpsc::Receiver<Job>,
        journal: Writer,
        index: Arc<Index>,
        room: Arc<Room>,
        shown: watch::Sender<u64>,
        meter: Arc<Meter>,
    ) -> Self {
        Self { jobs, journal, index, room, shown, meter, backlog: None, changed: None }
    }

    /// Lets the index catch up with the journal while events are recorded.
    ///
    /// Until it has, what is recorded is on disk but not visible; an id that the index has not
    /// reached yet is not known again, and its first record counts in the end.
    pub fn catch_up_meanwhile(&mut self, journal: Reader, lag: Arc<Lag>) {
        lag.is_behind.store(true, Ordering::Release);
        let replay = Replay::new(&self.index, &journal, u64::MAX);
        self.backlog = Some(Backlog { replay, journal, lag, logged: 0, waits: false });
    }

    /// What to hand to [`keep_until_dropped`](super::keep_until_dropped) on a thread of its own.
    pub fn changes(&mut self) -> Receiver<()> {
        let (sender, receiver) = sync_channel(1);
        self.changed = Some(sender);
        receiver
    }

    /// Writes what arrives until every recorder is gone or the disk fails. Blocks.
    pub fn run(mut self) -> Result<(), WritingError> {
        let mut waiting = None;
        while let Some(job) = self.next(&mut waiting)? {
            let is_change = !matches!(job, Job::Probe(_));
            let (replies, done) = match job {
                Job::End => {
                    self.jobs.close();
                    continue;
                }
                Job::Probe(answer) => {
                    let done = self.probe().map(|last| {
                        // Nobody may be listening any more.
                        let _ = answer.send(last);
                        Vec::new()
                    });
                    (Vec::new(), done)
                }
                Job::Decide(decision, reply) => {
                    let done = self.decide(&decision);
                    (vec![reply], done.map(|()| vec![Vec::new()]))
                }
                Job::Record(parcels, reply) => {
                    let mut group = vec![(parcels, reply)];
                    waiting = self.gather(&mut group);
                    let (parcels, replies) = group.into_iter().unzip();
                    (replies, self.record(parcels))
                }
            };
            if is_change {
                self.tell_checkpointer();
            }
            if let Err(Failure::Broken(WritingError::Index(error))) = &done
                && error.is_damage()
            {
                self.index.distrust();
            }
            answer(replies, done)?;
        }
        Ok(())
    }

    /// The next job; while there is a backlog, a step of it is taken before each.
    fn next(&mut self, waiting: &mut Option<Job>) -> Result<Option<Job>, WritingError> {
        while let Some(backlog) = &mut self.backlog {
            if !backlog.has_room(&self.index, &self.room)? {
                let job = waiting.take().map(|job| Poll::Ready(Some(job)));
                match job.unwrap_or_else(|| self.next_within(LOOK_EVERY)) {
                    Poll::Ready(job) => return Ok(job),
                    Poll::Pending => continue,
                }
            }
            if !backlog.step(&self.index)? {
                self.backlog = None;
            }
            self.tell_checkpointer();
            match waiting.take().map_or_else(|| self.jobs.try_recv(), Ok) {
                Ok(job) => return Ok(Some(job)),
                Err(mpsc::error::TryRecvError::Empty) => {}
                Err(mpsc::error::TryRecvError::Disconnected) => return Ok(None),
            }
        }
        Ok(waiting.take().or_else(|| self.jobs.blocking_recv()))
    }

    /// The next job, if there is one within a while.
    fn next_within(&mut self, patience: Duration) -> Poll<Option<Job>> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let job = self.jobs.poll_recv(&mut context);
        if job.is_pending() {
            thread::park_timeout(patience);
            return self.jobs.poll_recv(&mut context);
        }
        job
    }

    /// Wakes the checkpointer, which costs two switches of threads on the way of an answer: so only
    /// for the first change after a checkpoint, and when much has gathered.
    fn tell_checkpointer(&self) {
        if let Some(changed) = &self.changed
            && self.index.is_worth_telling()
        {
            // Full means that it was told and has not looked yet.
            let _ = changed.try_send(());
        }
    }

    /// Adds the jobs that wait already to the group; gives back the first that does not fit.
    fn gather(&mut self, group: &mut Vec<(Vec<Parcel>, Reply)>) -> Option<Job> {
        let weigh = |parcels: &[Parcel]| -> usize { parcels.iter().map(|p| p.record.len()).sum() };
        let mut events = group[0].0.len();
        let mut bytes = weigh(&group[0].0);
        while events < GROUP_EVENTS {
            match self.jobs.try_recv().ok()? {
                Job::Record(parcels, reply) if bytes + weigh(&parcels) <= GROUP_BYTES => {
                    events += parcels.len();
                    bytes += weigh(&parcels);
                    group.push((parcels, reply));
                }
                job => return Some(job),
            }
        }
        None
    }

    /// Touches everything an answer waits for.
    fn probe(&mut self) -> Result<Option<Timestamp>, Failure> {
        self.journal.sync()?;
        Ok(self.index.last_received())
    }

    fn decide(&mut self, decision: &Record) -> Result<(), Failure> {
        let appended = self.append(&[decision.encode()])?;
        if self.backlog.is_none() {
            let position = Position { sequence: appended.last, batch: appended.batch };
            replay::decide(&self.index, decision, position)?;
        }
        self.shown.send_replace(appended.last);
        Ok(())
    }

    /// Sorts out what is new, puts it on disk, makes it visible, and says what became of each.
    fn record(&mut self, jobs: Vec<Vec<Parcel>>) -> Result<Vec<Vec<Recorded>>, Failure> {
        let events = jobs.iter().map(Vec::len).sum();
        let mut fresh = Vec::with_capacity(events);
        let mut decided = Vec::new();
        let mut ids = HashMap::with_capacity(events);
        let mut judged: Vec<Vec<Judged>> = Vec::with_capacity(jobs.len());
        for parcels in jobs {
            // Not collected, which would keep the room of the parcels.
            let mut job = Vec::with_capacity(parcels.len());
            for mut parcel in parcels {
                let decision = parcel.decided.take();
                let found = self.judge(parcel, &mut fresh, &mut ids)?;
                decided.extend(decision.filter(|decision| found.leaves_to_say(decision)));
                job.push(found);
            }
            judged.push(job);
        }
        let new_places = self.new_places(&fresh);
        if !fresh.is_empty() || !decided.is_empty() {
            self.write(&fresh, decided)?;
        }
        let mut tell = |found| match found {
            Judged::Known(event) => Recorded::Known(event),
            Judged::Conflict(id) => Recorded::Conflict(id),
            Judged::Lost(id) => Recorded::Lost(id),
            Judged::Again(nth) => Recorded::Known(Box::new(fresh[nth].event.clone())),
            Judged::Clash(nth) => Recorded::Conflict(fresh[nth].event.id),
            Judged::Fresh(nth) => {
                let mut json = std::mem::take(&mut fresh[nth].record);
                // What is in front of it says how it is kept.
                json.remove(0);
                Recorded::New { json, is_new_place: new_places.contains(&nth) }
            }
        };
        Ok(judged.into_iter().map(|job| job.into_iter().map(&mut tell).collect()).collect())
    }

    /// Puts new events and what was decided about events on disk, and makes them visible.
    fn write(&mut self, fresh: &[Parcel], decided: Vec<Decided>) -> Result<(), Failure> {
        let decided: Vec<Record> =
            decided.into_iter().map(|decided| Record::Decided(Box::new(decided))).collect();
        let decisions = decided.iter().map(|record| Cow::Owned(record.encode()));
        let records = fresh.iter().map(|parcel| Cow::Borrowed(parcel.record.as_slice()));
        let records: Vec<Cow<'_, [u8]>> = records.chain(decisions).collect();
        let appended = self.append(&records)?;
        // While there is a backlog, the journal is where the index gets it from.
        if self.backlog.is_none() {
            if !fresh.is_empty() {
                self.show(fresh, &appended)?;
            }
            for (sequence, record) in (appended.first + fresh.len() as u64..).zip(&decided) {
                let position = Position { sequence, batch: appended.batch };
                replay::decide(&self.index, record, position)?;
            }
        }
        self.shown.send_replace(appended.last);
        Ok(())
    }

    /// Puts a batch on disk, unless there is no room.
    fn append(&mut self, records: &[impl AsRef<[u8]>]) -> Result<Appended, Failure> {
        if !self.room.is_enough() {
            return Err(Failure::Refused(Refusal::NoRoom));
        }
        let began = Instant::now();
        let appended = self.journal.append(records);
        match &appended {
            Ok(_) => self.meter.flush.observe(began.elapsed()),
            Err(JournalError::NoRoom(_)) => self.room.release(),
            Err(_) => {}
        }
        Ok(appended?)
    }

    /// What a parcel is, given the index and the parcels of the same group before it.
    fn judge(
        &self,
        parcel: Parcel,
        fresh: &mut Vec<Parcel>,
        ids: &mut HashMap<Uuid, usize>,
    ) -> Result<Judged, IndexError> {
        let id = parcel.event.id;
        if let Some(nth) = ids.get(&id).copied() {
            let is_same = fresh[nth].event.tells_the_same_as(&parcel.event);
            return Ok(if is_same { Judged::Again(nth) } else { Judged::Clash(nth) });
        }
        match self.index.event(id) {
            Ok(Some(stored)) => {
                let first = Box::new(stored.event);
                let is_same = first.tells_the_same_as(&parcel.event);
                return Ok(if is_same { Judged::Known(first) } else { Judged::Conflict(id) });
            }
            Ok(None) => {}
            // One record that does not read is no reason to take no others.
            Err(IndexError::Lost { .. } | IndexError::Unread { .. }) => {
                return Ok(Judged::Lost(id));
            }
            Err(error) => return Err(error),
        }
        ids.insert(id, fresh.len());
        fresh.push(parcel);
        Ok(Judged::Fresh(fresh.len() - 1))
    }

    /// Which of the parcels are the first at their place.
    fn new_places(&self, fresh: &[Parcel]) -> HashSet<usize> {
        if self.backlog.is_some() {
            return HashSet::new();
        }
        let mut places: HashSet<&Place> = HashSet::new();
        let mut is_first = |place| self.index.first_seen(place).is_none() && places.insert(place);
        (0..fresh.len()).filter(|nth| is_first(&fresh[*nth].event.place)).collect()
    }

    /// Applies parcels to the index, in batches small enough for it.
    fn show(&self, parcels: &[Parcel], appended: &Appended) -> Result<(), IndexError> {
        let at = |sequence| Position { sequence, batch: appended.batch };
        let mut batch = Vec::new();
        for (sequence, parcel) in (appended.first..).zip(parcels) {
            if batch.len() == GROUP_EVENTS {
                self.index.apply(&batch, at(sequence - 1))?;
                batch.clear();
            }
            let Parcel { event, fingerprint, .. } = parcel;
            batch.push(Fresh { sequence, event, fingerprint: *fingerprint });
        }
        let last = appended.first + parcels.len() as u64 - 1;
        self.index.apply(&batch, at(last))
    }
}

/// An index that has to catch up while events are recorded.
struct Backlog {
    replay: Replay,
    journal: Reader,
    lag: Arc<Lag>,
    /// The last record that a line of the log was about.
    logged: u64,
    /// Whether it was said that there is no room.
    waits: bool,
}

/// Wakes a thread that waits for a job.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Backlog {
    /// Whether there is room to apply more. Where it is scarce, no more gathers than is easily put into sled.
    fn has_room(&mut self, index: &Index, room: &Room) -> Result<bool, WritingError> {
        if room.is_scarce_for(index) {
            index.settle_if_much().map_err(WritingError::Index)?;
        }
        if room.is_for_a_copy(index) {
            // Whoever makes checkpoints makes one once nothing changes any more.
            return Ok(false);
        }
        let has_room = room.allows_catching_up(index);
        if !has_room && !std::mem::replace(&mut self.waits, true) {
            tracing::warn!(
                "there is no room for the index to catch up: answers are incomplete until there is; make some where snagd stores, and it goes on by itself"
            );
        }
        Ok(has_room)
    }

    /// Applies some of it; says whether there may be more.
    fn step(&mut self, index: &Index) -> Result<bool, WritingError> {
        let more = self.replay.step(index);
        let (done, of) = (index.position().sequence, self.journal.last());
        if self.logged + LOG_EVERY <= done {
            self.logged = done;
            tracing::info!("the index is at {done} of {of} records");
        }
        for damage in self.replay.caught_up.damage.drain(..) {
            self.journal.set_aside(&damage).map_err(WritingError::Journal)?;
            // Opening the journal has told of some of it.
            if index.note_lost(damage.missing.clone()) {
                tell_of_damage(&damage);
                self.lag.damaged.fetch_add(1, Ordering::Relaxed);
            }
        }
        let more = more.map_err(|error| match error {
            CatchUpError::Journal(error) => WritingError::Journal(error),
            CatchUpError::Index(error) => {
                if error.is_damage() {
                    index.distrust();
                }
                WritingError::Index(error)
            }
        })?;
        if !more {
            self.lag.is_behind.store(false, Ordering::Release);
            tracing::info!(events = index.events(), "the index caught up with the journal");
        }
        Ok(more)
    }
}

/// What a parcel turned out to be; numbers are positions among the new parcels of the group.
enum Judged {
    Fresh(usize),
    Again(usize),
    Clash(usize),
    Known(Box<Event>),
    Conflict(Uuid),
    Lost(Uuid),
}

impl Judged {
    /// Whether a decision that came with an event is news about it.
    fn leaves_to_say(&self, decided: &Decided) -> bool {
        match self {
            Self::Fresh(_) | Self::Again(_) => true,
            Self::Known(first) => {
                first.decision.as_ref().is_none_or(|known| *known < decided.decision)
            }
            Self::Clash(_) | Self::Conflict(_) | Self::Lost(_) => false,
        }
    }
}

/// Why a group was not recorded.
enum Failure {
    Refused(Refusal),
    Broken(WritingError),
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::NoRoom(_) => Self::Refused(Refusal::NoRoom),
            JournalError::TooLarge { .. } => Self::Refused(Refusal::TooLarge),
            error => Self::Broken(WritingError::Journal(error)),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        // What is in the journal is caught up with at the next start.
        Self::Broken(WritingError::Index(error))
    }
}

/// Answers every job of a group; the writing ends where the disk failed.
fn answer(
    replies: Vec<Reply>,
    done: Result<Vec<Vec<Recorded>>, Failure>,
) -> Result<(), WritingError> {
    match done {
        Ok(recorded) => {
            for (reply, recorded) in replies.into_iter().zip(recorded) {
                reply.say(Ok(recorded));
            }
            Ok(())
        }
        Err(Failure::Refused(refusal)) => {
            for reply in replies {
                reply.say(Err(refusal));
            }
            Ok(())
        }
        Err(Failure::Broken(error)) => {
            for reply in replies {
                reply.say(Err(Refusal::Failed));
            }
            Err(error)
        }
    }
}
