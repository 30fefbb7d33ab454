//! How long what was recorded is kept, and how much of it.
//!
//! The oldest segments of the journal go, whole ones and in order, once every event in them is older
//! than anybody wants; the index is then built anew from what is left, which also gives its room
//! back. Nothing that is still wanted changes.
//!
//! # What time it is
//!
//! A clock that is years ahead would make everything old, so it is not believed alone. The age of an
//! event is counted back from the clock or from the days on which something was recorded last,
//! whichever is earlier: of the last [`VOUCHING`] of them, the earliest. A clock that is wrong on
//! fewer days than that costs nothing; one that stays wrong costs a tenth of the journal a day. The
//! price is that nothing goes from a daemon that nobody tells anything.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::Deserialize;
use tokio::sync::watch;

use super::settings::Sources;
use super::{forget, systemd};
use crate::doors::{Rules, now};
use crate::event::{Day, Muting, Place, Record, SignalName};
use crate::journal::{JournalError, Opened, Reader};

/// So many days on which something was recorded say together what time it is, at least.
const VOUCHING: usize = 3;

/// No pass drops more than this part of the full segments for their age, but one in any case.
const MOST_AT_ONCE: usize = 10;

/// So many records are written at once.
const AT_ONCE: usize = 256;

/// How often it is looked at.
const EVERY: Duration = Duration::from_hours(24);

/// A time back from now, like `18 months`; none is `off`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Age(Option<Span>);

/// A number of bytes, like `2 GiB`; none is `off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(Option<u64>);

const OFF: &str = "off";

/// A text that is no age or no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetentionError {
    /// No age.
    #[error(
        "`{0}` is no time to keep events for: write it like \"18 months\", \"90 days\" or \"off\""
    )]
    Age(String),
    /// No size.
    #[error(
        "`{0}` is no size for the journal: write it like \"2 GiB\" (32 MiB at least) or \"off\""
    )]
    Size(String),
}

/// Sizes below this are a mistake: the journal grows by segments of 8 MiB.
const LEAST_SIZE: u64 = 32 * 1024 * 1024;
const UNITS: [(&str, u64); 3] = [("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

impl FromStr for Age {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == OFF {
            return Ok(Self(None));
        }
        let wrong = || RetentionError::Age(text.to_owned());
        let age = Self(Some(text.trim().parse().map_err(|_| wrong())?));
        // Less than a day is nothing that anybody can mean.
        let yesterday = Timestamp::UNIX_EPOCH - SignedDuration::from_hours(24);
        let then = age.before(Timestamp::UNIX_EPOCH).filter(|then| *then <= yesterday);
        then.map(|_| age).ok_or_else(wrong)
    }
}

impl Age {
    /// The instant so long before another; months and years are those of the calendar, in UTC.
    fn before(self, now: Timestamp) -> Option<Timestamp> {
        Some(now.to_zoned(TimeZone::UTC).checked_sub(self.0?).ok()?.timestamp())
    }
}

impl PartialEq for Age {
    fn eq(&self, other: &Self) -> bool {
        self.0.map(Span::fieldwise) == other.0.map(Span::fieldwise)
    }
}

impl Eq for Age {}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(span) => write!(f, "{span:#}"),
            None => f.write_str(OFF),
        }
    }
}

impl FromStr for Size {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || RetentionError::Size(text.to_owned());
        let trimmed = text.trim();
        if trimmed == OFF {
            return Ok(Self(None));
        }
        let unit =
            UNITS.iter().find_map(|(unit, bytes)| Some((trimmed.strip_suffix(unit)?, *bytes)));
        let (number, bytes) = unit.ok_or_else(wrong)?;
        let number: u64 = number.trim().parse().map_err(|_| wrong())?;
        let size = number.checked_mul(bytes).filter(|size| LEAST_SIZE <= *size);
        size.map(|size| Self(Some(size))).ok_or_else(wrong)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(size) = self.0 else { return f.write_str(OFF) };
        let fits = UNITS.iter().rev().find(|(_, bytes)| size.is_multiple_of(*bytes));
        let (unit, bytes) = fits.unwrap_or(&UNITS[0]);
        write!(f, "{} {unit}", size / bytes)
    }
}

macro_rules! reads_as_text {
    ($($kind:ty),+) => {$(
        impl TryFrom<String> for $kind {
            type Error = RetentionError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    )+};
}
reads_as_text!(Age, Size);

/// What is to go.
#[derive(Clone, Copy, Debug)]
struct Due {
    /// The sequence the journal should begin with, later than it does.
    begins: u64,
    /// Whether more is over than goes at once.
    leaves_more: bool,
}

/// What is to be kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retention {
    pub(super) age: Age,
    pub(super) size: Size,
}

impl Retention {
    /// Drops what is not to be kept, and before it the index: that may hold nothing that the journal does
    /// not. Without room for what must be written first, nothing goes.
    pub(super) fn enforce(
        self,
        state_dir: &Path,
        journal: &mut Opened,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let Some(Due { begins, leaves_more }) = self.due_once_packed(journal, now)? else {
            return Ok(());
        };
        match keep_muted(journal, begins) {
            Err(JournalError::NoRoom(error)) => {
                tracing::warn!(%error, "there is no room to let go of what is not to be kept: make some where snagd stores, and it goes at a later start");
                return Ok(());
            }
            kept => kept?,
        }
        tracing::info!(
            before = begins,
            "what is older than `retention` says, or more than `retention_size`, goes"
        );
        if leaves_more {
            tracing::info!("more is as old: it goes with the next pass, in a day");
        }
        forget::remove_indexes(state_dir)
            .map_err(|source| JournalError::Unusable { path: state_dir.to_owned(), source })?;
        journal.packer.drop_before(begins)
    }

    /// What is due where full segments are packed, as they soon would be: until then they are many times
    /// as large.
    fn due_once_packed(
        self,
        journal: &mut Opened,
        now: Timestamp,
    ) -> Result<Option<Due>, JournalError> {
        let due = self.due(&journal.reader, now)?;
        if due.is_none() || self.size == Size(None) {
            return Ok(due);
        }
        loop {
            systemd::alive();
            match journal.packer.pack_next() {
                Ok(Some(_)) => {}
                // What is damaged stays as large as it is.
                Ok(None) => return self.due(&journal.reader, now),
                Err(error) => {
                    tracing::warn!(%error, "full segments cannot be packed, so that nothing goes for `retention_size`: make room where snagd stores, and it is looked at again at the next start");
                    return Self { size: Size(None), ..self }.due(&journal.reader, now);
                }
            }
        }
    }

    /// What is to go, if anything is.
    ///
    /// Reads a segment until it meets an event that is still wanted: mostly its first.
    fn due(self, journal: &Reader, now: Timestamp) -> Result<Option<Due>, JournalError> {
        let (aged, mut leaves_more) = self.aged(journal, now)?;
        let mut begins = aged;
        if aged.is_some() {
            let now = vouched(journal)?.map_or(now, |then| then.min(now));
            (begins, leaves_more) = self.aged(journal, now)?;
        }
        if begins < aged {
            tracing::info!(
                before = aged,
                "by the clock, this is older than `retention` says; it is kept until something was recorded on {VOUCHING} days since"
            );
        }
        if let Size(Some(most)) = self.size {
            let (segments, mut bytes) = (journal.segments(), journal.size_bytes());
            for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
                if bytes <= most {
                    break;
                }
                bytes -= segment.bytes;
                begins = begins.max(Some(next.first));
            }
        }
        Ok(begins.map(|begins| Due { begins, leaves_more }))
    }

    /// The sequence to begin with at an instant, for the age alone, and whether more is over than goes at
    /// once.
    fn aged(self, journal: &Reader, now: Timestamp) -> Result<(Option<u64>, bool), JournalError> {
        let (segments, mut begins) = (journal.segments(), None);
        let Some(cutoff) = self.age.before(now) else { return Ok((None, false)) };
        let most = segments.len().saturating_sub(1).div_ceil(MOST_AT_ONCE);
        for (nth, (segment, next)) in segments.iter().zip(segments.iter().skip(1)).enumerate() {
            if !is_over(journal, segment.first, next.first, cutoff)? {
                break;
            }
            if nth == most {
                return Ok((begins, true));
            }
            begins = Some(next.first);
        }
        Ok((begins, false))
    }
}

/// Records once more the latest word on each rule that was said before a sequence: else it would be
/// forgotten, and none or an earlier one would count. When and by whom stays.
fn keep_muted(journal: &mut Opened, sequence: u64) -> Result<(), JournalError> {
    let mut latest: BTreeMap<(Place, SignalName), Muting> = BTreeMap::new();
    for record in records(&journal.reader, 1, sequence) {
        let Some(Record::Muting(muting)) = record? else { continue };
        let known = latest.entry((muting.place.clone(), muting.signal)).or_insert(muting.clone());
        if *known < muting {
            *known = muting;
        }
    }
    // That a rule is heard again, too: an earlier copy of its muting may lie behind.
    let said: Vec<_> = latest.into_values().map(|muting| Record::Muting(muting).encode()).collect();
    said.chunks(AT_ONCE).try_for_each(|some| journal.writer.append(some).map(drop))
}

/// The time it is at least: the earliest of the last days on which something was recorded.
fn vouched(journal: &Reader) -> Result<Option<Timestamp>, JournalError> {
    let (mut days, mut earliest, mut end) = (HashSet::new(), None, u64::MAX);
    for segment in journal.segments().iter().rev() {
        let mut recorded: Vec<Timestamp> = Vec::new();
        for record in records(journal, segment.first, end) {
            let Some(Record::Event(event)) = record? else { continue };
            match recorded.last_mut() {
                Some(last) if Day::of(*last) == Day::of(event.received_at) => {
                    *last = event.received_at;
                }
                _ => recorded.push(event.received_at),
            }
        }
        for at in recorded.into_iter().rev() {
            if days.insert(Day::of(at)) {
                earliest = earliest.map_or(Some(at), |earliest: Timestamp| Some(earliest.min(at)));
            }
            if days.len() == VOUCHING {
                return Ok(earliest);
            }
        }
        end = segment.first;
    }
    Ok(earliest)
}

/// The records from one sequence up to another that can be read; none in place of one that a newer
/// snagd wrote.
fn records(
    journal: &Reader,
    from: u64,
    to: u64,
) -> impl Iterator<Item = Result<Option<Record>, JournalError>> {
    let mut looked_at = 0_u64;
    let entries = journal.from(from).inspect(move |_| {
        looked_at += 1;
        if looked_at.is_multiple_of(forget::ALIVE_EVERY) {
            systemd::alive();
        }
    });
    let entries = entries.take_while(move |it| it.as_ref().map_or(true, |it| it.sequence < to));
    entries
        .filter(|entry| !matches!(entry, Err(JournalError::Damaged(_))))
        .map(|entry| Ok(Record::decode(&entry?.payload).ok()))
}

/// Waits until something is to go: then the daemon has to start anew. Whoever changes what is kept
/// need not wait.
pub(super) async fn wait(
    sources: &Sources,
    journal: &Reader,
    mut rules: watch::Receiver<Arc<Rules>>,
) {
    loop {
        if let Ok(Err(_)) = tokio::time::timeout(EVERY, rules.changed()).await {
            // Nobody can change anything any more: the daemon stops.
            std::future::pending::<()>().await;
        }
        // A mistake in the file is told by whoever follows it.
        let Ok(settings) = sources.read() else { continue };
        let (journal, retention) = (journal.clone(), settings.retention());
        let due = tokio::task::spawn_blocking(move || retention.due(&journal, now())).await;
        if matches!(due, Ok(Ok(Some(_)))) {
            return;
        }
    }
}

/// Whether everything from one sequence up to another happened before an instant.
fn is_over(journal: &Reader, from: u64, to: u64, cutoff: Timestamp) -> Result<bool, JournalError> {
    for record in records(journal, from, to) {
        let at = match record? {
            Some(Record::Event(event)) => event.at,
            Some(Record::Retraction(retraction)) => retraction.at,
            Some(Record::Decided(decided)) => decided.decision.at,
            Some(Record::Muting(muting)) => muting.at,
            // Somebody may still want what this snagd cannot read.
            None => return Ok(false),
        };
        if cutoff <= at {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
