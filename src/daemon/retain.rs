//! How long what was recorded is kept, and how much of it.
//!
//! The oldest segments of the journal go, whole ones and in order, once every event in them is older
//! than anybody wants; the index is then built anew from what is left, which also gives its room
//! back. Nothing that is still wanted changes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::Deserialize;

use super::settings::Sources;
use crate::doors::now;
use crate::event::Record;
use crate::journal::{JournalError, Reader};

/// No pass drops more than this part of the segments for their age: a clock that is years ahead for
/// a day costs little, and is noticed.
const MOST_AT_ONCE: usize = 10;

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

/// What is to be kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retention {
    pub(super) age: Age,
    pub(super) size: Size,
}

impl Retention {
    /// The sequence the journal should begin with, where that is later than it does.
    ///
    /// Reads a segment until it meets an event that is still wanted: mostly its first.
    pub(super) fn due(self, journal: &Reader, now: Timestamp) -> Result<Option<u64>, JournalError> {
        let segments = journal.segments();
        let Some((_, full)) = segments.split_last() else { return Ok(None) };
        let mut begins = None;
        if let Some(cutoff) = self.age.before(now) {
            let most = full.len().div_ceil(MOST_AT_ONCE);
            for (segment, next) in segments.iter().zip(&segments[1..]).take(most) {
                if !is_over(journal, segment.first, next.first, cutoff)? {
                    break;
                }
                begins = Some(next.first);
            }
        }
        if let Size(Some(most)) = self.size {
            let mut bytes = journal.size_bytes();
            for (segment, next) in segments.iter().zip(&segments[1..]) {
                if bytes <= most {
                    break;
                }
                bytes -= segment.bytes;
                begins = begins.max(Some(next.first));
            }
        }
        Ok(begins)
    }
}

/// Waits until something is to go: then the daemon has to start anew.
pub(super) async fn wait(sources: &Sources, journal: Reader) {
    loop {
        tokio::time::sleep(EVERY).await;
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
    for entry in journal.from(from) {
        let at = match entry {
            Ok(entry) if to <= entry.sequence => break,
            Ok(entry) => match Record::decode(&entry.payload) {
                Ok(Record::Event(event)) => event.at,
                Ok(Record::Retraction(retraction)) => retraction.at,
                Ok(Record::Decided(decided)) => decided.decision.at,
                Ok(Record::Muting(muting)) => muting.at,
                // Somebody may still want what this snagd cannot read.
                Err(_) => return Ok(false),
            },
            Err(JournalError::Damaged(_)) => continue,
            Err(error) => return Err(error),
        };
        if cutoff <= at {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_read_as_people_write_them() {
        let now: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
        let before = |text: &str| text.parse::<Age>().unwrap().before(now).unwrap().to_string();
        assert_eq!(before("18 months"), "2025-05-24T00:00:00Z");
        assert_eq!(before("90d"), "2026-08-26T00:00:00Z");
        for wrong in ["", "soon", "12 hours", "-3 months", "18"] {
            let error = wrong.parse::<Age>().unwrap_err().to_string();
            assert!(error.contains("18 months"), "{error}");
        }
        for off in ["off", "18 months", "90 days"] {
            let age: Age = off.parse().unwrap();
            assert_eq!(age.to_string().parse::<Age>().unwrap(), age);
        }
        assert_eq!("2 GiB".parse::<Size>().unwrap(), Size(Some(2 << 30)));
        assert_eq!("100MiB".parse::<Size>().unwrap().to_string(), "100 MiB");
        for wrong in ["", "2", "2 GB", "1 MiB", "-1 GiB", "99999999999999 TiB"] {
            let error = wrong.parse::<Size>().unwrap_err().to_string();
            assert!(error.contains("2 GiB"), "{error}");
        }
    }
}
