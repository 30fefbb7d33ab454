//! UTC calendar days, the grain of every count.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

/// A UTC calendar day, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// A day that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no day: write it as year-month-day, like 2026-11-20")]
pub struct DayError(String);

const SECONDS: i64 = 86_400;

impl Day {
    /// The day an instant falls on.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        // jiff's instants span years -9999 to 9999: 3.7 million days either way.
        Self(i32::try_from(at.as_second().div_euclid(SECONDS)).unwrap_or(i32::MAX))
    }

    /// The day written `year-month-day`.
    pub fn parse(text: &str) -> Result<Self, DayError> {
        let date: Date = text.parse().map_err(|_| DayError(text.to_owned()))?;
        // jiff also reads whole date-times as dates; a day is exactly ten characters.
        if text.len() != 10 {
            return Err(DayError(text.to_owned()));
        }
        let start = date
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map_err(|_| DayError(text.to_owned()))?
            .timestamp();
        Ok(Self::of(start))
    }

    /// The day `days` later, or earlier where negative.
    #[must_use]
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The first instant of the day.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp::from_second(i64::from(self.0) * SECONDS).unwrap_or(Timestamp::MAX)
    }

    /// Days from `earlier` to this one.
    #[must_use]
    pub fn since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", jiff::tz::TimeZone::UTC.to_datetime(self.start()).date())
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_print_as_they_are_read() {
        for text in ["1970-01-01", "2024-02-29", "2026-11-20", "1969-12-31"] {
            assert_eq!(Day::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_day_starts_at_midnight_utc() {
        let day = Day::of("2026-11-20T23:59:59.999Z".parse().unwrap());
        assert_eq!(day.to_string(), "2026-11-20");
        assert_eq!(day.plus(1).start().to_string(), "2026-11-21T00:00:00Z");
        assert_eq!(Day::of("2026-11-21T00:30:00+01:00".parse().unwrap()), day);
    }

    #[test]
    fn what_is_no_day_is_refused_with_an_example() {
        for text in ["", "2026-13-01", "yesterday", "2026-11-20T10:00:00Z"] {
            let error = Day::parse(text).unwrap_err().to_string();
            assert!(error.contains("like 2026-11-20"), "{error}");
        }
    }
}
