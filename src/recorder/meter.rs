//! What the recorder did since its start, in numbers.
//!
//! Atomic counters: counting waits for nobody, and reading them waits for nobody either. Places
//! and people are never told apart here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Recorded, Refusal};
use crate::event::{Source, Word};

/// What became of an event that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on disk and visible.
    Accepted,
    /// It was recorded before.
    Duplicate,
    /// Its id belongs to another event.
    Conflict,
    /// It cannot be recorded as it is, said a door.
    Rejected,
    /// There was no room for it, or the disk failed.
    Refused,
    /// A signal, and its person had as many in that hour as are kept.
    OverLimit,
}

impl Fate {
    /// Every fate.
    pub const ALL: [Self; 6] = [
        Self::Accepted,
        Self::Duplicate,
        Self::Conflict,
        Self::Rejected,
        Self::Refused,
        Self::OverLimit,
    ];

    /// The word it is counted under.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
            Self::OverLimit => "over_limit",
        }
    }
}

impl From<&Recorded> for Fate {
    fn from(recorded: &Recorded) -> Self {
        match recorded {
            Recorded::New { .. } => Self::Accepted,
            Recorded::Known(_) => Self::Duplicate,
            Recorded::Conflict(_) | Recorded::Lost(_) => Self::Conflict,
        }
    }
}

/// The recorder's numbers.
#[derive(Debug, Default)]
pub struct Meter {
    events: [[AtomicU64; Fate::ALL.len()]; Source::ALL.len()],
    /// How long a job took, from the queue's end until it is answered.
    pub ingest: Histogram,
    /// How long a batch took to be on disk: one write and one `fdatasync`.
    pub flush: Histogram,
}

impl Meter {
    /// Counts one event.
    pub fn count(&self, source: Source, fate: Fate) {
        self.events[source as usize][fate as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many events of a source met with a fate.
    pub fn events(&self, source: Source, fate: Fate) -> u64 {
        self.events[source as usize][fate as usize].load(Ordering::Relaxed)
    }

    /// Counts the events of a job by its answer.
    pub(super) fn count_job(&self, sources: &[Source], answer: &Result<Vec<Recorded>, Refusal>) {
        match answer {
            Ok(recorded) => {
                for (source, recorded) in sources.iter().zip(recorded) {
                    self.count(*source, recorded.into());
                }
            }
            Err(_) => sources.iter().for_each(|source| self.count(*source, Fate::Refused)),
        }
    }
}

/// The upper bounds of the buckets, in microseconds: from a write that met no disk to one that met
/// a busy one.
const BOUNDS: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000,
];

/// Durations, counted in buckets.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    beyond: AtomicU64,
    nanos: AtomicU64,
    /// Of the last one, and one more, so that none is 0.
    last: AtomicU64,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let at = BOUNDS.partition_point(|bound| Duration::from_micros(*bound) < took);
        self.buckets.get(at).unwrap_or(&self.beyond).fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        self.last.store(nanos.saturating_add(1), Ordering::Relaxed);
    }

    /// How long the last one took; none before the first.
    pub fn last(&self) -> Option<Duration> {
        self.last.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_nanos)
    }

    /// How many took at most so long, for each bound; then all of them, and their sum.
    pub fn read(&self) -> (Vec<(Duration, u64)>, u64, Duration) {
        let mut count = 0;
        let mut up_to = |bucket: &AtomicU64| {
            count += bucket.load(Ordering::Relaxed);
            count
        };
        let buckets = BOUNDS.iter().zip(&self.buckets);
        let buckets: Vec<_> =
            buckets.map(|(bound, bucket)| (Duration::from_micros(*bound), up_to(bucket))).collect();
        let all = up_to(&self.beyond);
        (buckets, all, Duration::from_nanos(self.nanos.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        assert_eq!(histogram.last(), None);
        for micros in [100, 101, 2_500_000, 2_500_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let (buckets, all, sum) = histogram.read();
        let counts: Vec<u64> = buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]);
        assert_eq!((all, sum), (4, Duration::from_micros(5_000_202)));
        assert_eq!(histogram.last(), Some(Duration::from_micros(2_500_001)));
    }

    #[test]
    fn events_are_counted_by_source_and_fate() {
        let meter = Meter::default();
        let job = [Source::Cli, Source::Http];
        meter.count_job(&job, &Err(Refusal::NoRoom));
        let new = || Recorded::New { json: Vec::new(), is_new_place: false };
        meter.count_job(&job, &Ok(vec![new(), new()]));
        meter.count(Source::Http, Fate::Rejected);
        let http = Fate::ALL.map(|fate| meter.events(Source::Http, fate));
        assert_eq!(http, [1, 0, 0, 1, 1, 0]);
        let total: u64 = Source::ALL
            .iter()
            .flat_map(|source| Fate::ALL.map(|fate| meter.events(*source, fate)))
            .sum();
        assert_eq!(total, 5);
    }
}
