//! What side doors did since the start, in numbers for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

/// The items that are told apart.
pub const ITEMS: [&str; 7] =
    ["event", "feedback", "user_report", "session", "sessions", "client_report", "other"];

/// The most that a sender says at once it dropped: a sum must not run over.
pub(super) const MOST_AT_ONCE: u64 = 1_000_000;

/// What becomes of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemFate {
    /// It became an event or a figure.
    Kept,
    /// It is of a kind that is not kept.
    Dropped,
    /// It could not be read.
    Malformed,
    /// There were too many of its person's signals in the hour.
    OverLimit,
}

impl ItemFate {
    /// Every fate.
    pub const ALL: [Self; 4] = [Self::Kept, Self::Dropped, Self::Malformed, Self::OverLimit];

    /// The word it is counted under.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Dropped => "dropped",
            Self::Malformed => "malformed",
            Self::OverLimit => "over_limit",
        }
    }
}

/// What the browser door did since the start.
#[derive(Debug, Default)]
pub struct BrowserCounts {
    /// Signals that pages did not send, because they had told of 20 since they were loaded.
    pub beyond_load: AtomicU64,
    /// Signals that were not kept, because 60 of their person were in that hour.
    pub beyond_hour: AtomicU64,
    /// Requests that a key made too many.
    pub limited: AtomicU64,
}

/// What the Sentry door did.
#[derive(Debug, Default)]
pub struct SentryCounts {
    items: [[AtomicU64; ItemFate::ALL.len()]; ITEMS.len()],
    /// Requests that a key made too many.
    pub limited: AtomicU64,
    /// Events that SDKs say they had to drop themselves.
    pub lost: AtomicU64,
}

impl SentryCounts {
    /// Counts an item.
    pub fn count(&self, item: &str, fate: ItemFate) {
        let at = ITEMS.iter().position(|known| *known == item).unwrap_or(ITEMS.len() - 1);
        self.items[at][fate as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what an SDK says it had to drop.
    pub fn lose(&self, events: u64) {
        self.lost.fetch_add(events.min(MOST_AT_ONCE), Ordering::Relaxed);
    }

    /// How many items, by kind and fate.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, ItemFate, u64)> {
        ITEMS.iter().zip(&self.items).flat_map(|(item, counts)| {
            let counts = ItemFate::ALL.into_iter().zip(counts);
            counts.map(|(fate, count)| (*item, fate, count.load(Ordering::Relaxed)))
        })
    }
}
