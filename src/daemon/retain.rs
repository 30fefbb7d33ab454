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

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde::Deserialize;
use tokio::sync::watch;

use super::settings::Sources;
use crate::doors::{Rules, now};
use crate::event::{Day, Record};
use crate::journal::{JournalError, Reader};

/// So many days on which something was recorded say together what time it is, at least.
const VOUCHING: usize = 3;

/// No pass drops more than this part of the full segments for their age, but one in any case.
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
        let aged = self.aged(journal, now)?;
        let mut begins = aged;
        if aged.is_some() {
            begins = self.aged(journal, vouched(journal)?.map_or(now, |then| then.min(now)))?;
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
        Ok(begins)
    }

    /// The sequence to begin with at an instant, for the age alone.
    fn aged(self, journal: &Reader, now: Timestamp) -> Result<Option<u64>, JournalError> {
        let (segments, mut begins) = (journal.segments(), None);
        let Some(cutoff) = self.age.before(now) else { return Ok(None) };
        let most = segments.len().saturating_sub(1).div_ceil(MOST_AT_ONCE);
        for (segment, next) in segments.iter().zip(segments.iter().skip(1)).take(most) {
            if !is_over(journal, segment.first, next.first, cutoff)? {
                break;
            }
            begins = Some(next.first);
        }
        Ok(begins)
    }
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
    let entries = journal.from(from);
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
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::event::{Arrival, Draft, Sender, Source};
    use crate::journal::{self, Opened};

    /// A day of 2026, or of a year far from it.
    fn day(number: i64) -> Timestamp {
        "2026-01-01T12:00:00Z".parse::<Timestamp>().unwrap()
            + SignedDuration::from_hours(24 * number)
    }

    /// Records what happened on one day and was told on another, as a segment of its own.
    fn tell(journal: &mut Opened, at: Timestamp, told: Timestamp) {
        let draft = format!(r#"{{"place":"web/a","note":"x","at":"{at}"}}"#);
        let arrival = Arrival {
            now: told,
            fresh_id: Uuid::nil(),
            sender: Sender::Owner { name: "ana".to_owned() },
            source: Source::Http,
            original: None,
        };
        let event = Draft::parse(draft.as_bytes()).unwrap().admit(&arrival).unwrap();
        journal.writer.append(&[Record::Event(Box::new(event)).encode()]).unwrap();
        journal.writer.seal().unwrap();
    }

    fn ninety_days() -> Retention {
        Retention { age: "90 days".parse().unwrap(), size: Size(None) }
    }

    #[test]
    fn what_is_old_goes_a_tenth_at_once_where_three_days_say_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = journal::open(dir.path(), 0).unwrap();
        (0..20).for_each(|number| tell(&mut journal, day(number), day(number)));
        let due = |journal: &Opened, today| ninety_days().due(&journal.reader, day(today)).unwrap();
        assert_eq!(due(&journal, 500), None, "nobody told anything since");
        for (number, begins) in [(200, None), (201, None), (201, None), (202, Some(4))] {
            tell(&mut journal, day(number), day(number));
            assert_eq!(due(&journal, number), begins, "day {number}");
            assert_eq!(due(&journal, 90), None, "the clock that is right says otherwise");
        }
        assert_eq!(due(&journal, 10_000), Some(4), "a clock far ahead says nothing more");
    }

    /// Days by which a clock is off.
    fn off() -> impl Strategy<Value = i64> {
        prop_oneof![3 => 100..4000_i64, 1 => -2000..0_i64]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_clock_that_is_wrong_on_two_days_costs_nothing_that_is_wanted(
            told in prop::collection::vec((0..40_i64, 0..100_i64), 1..5),
            // On how many of the last days too, by how much, and how often.
            wrong in prop::collection::vec((0..2_usize, off(), 1..3), 0..=2),
            clock in off(),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut journal = journal::open(dir.path(), 0).unwrap();
            let (mut today, mut known) = (0, HashSet::new());
            for (nth, (later, late)) in told.iter().enumerate() {
                today += later;
                known.insert((day(today - late), day(today)));
                tell(&mut journal, day(today - late), day(today));
                for (_, off, times) in wrong.iter().filter(|(last, ..)| nth + last + 1 == told.len()) {
                    (0..*times).for_each(|_| tell(&mut journal, day(today + off), day(today + off)));
                }
            }
            let due = ninety_days().due(&journal.reader, day(today + clock)).unwrap();
            for record in records(&journal.reader, 1, due.unwrap_or(1)) {
                let Some(Record::Event(event)) = record.unwrap() else { panic!() };
                // What was told while the clock was wrong is of no day that is known.
                let is_known = known.contains(&(event.at, event.received_at));
                prop_assert!(!is_known || event.at < day(today - 90), "{}", event.at);
            }
        }
    }

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
