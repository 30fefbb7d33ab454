//! Windows: the UTC days a question is about, both ends included.
//!
//! What people write (`28d`, `yesterday`, `2026-11-01`) is read against a day the caller calls
//! today, so that nothing here looks at a clock.

use serde::{Deserialize, Serialize};

use crate::event::Day;

/// The days a question is about when it does not say.
const DEFAULT_DAYS: i32 = 28;
/// The longest window, in days: ten years.
const MAX_DAYS: i32 = 3650;

/// UTC days from `since` to `until`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The first day.
    pub since: Day,
    /// The last day.
    pub until: Day,
}

/// Why a window could not be read. Each message says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// `since` is neither a day nor a length.
    #[error(
        "`{0}` is no start of a window: write a day like 2026-11-20, `today` or `yesterday`, or a length like `28d` or `4w`"
    )]
    Since(String),
    /// `until` is no day.
    #[error("`{0}` is no end of a window: write a day like 2026-11-20, `today` or `yesterday`")]
    Until(String),
    /// A length of nothing or of more than ten years.
    #[error(
        "the window is not between 1 and {MAX_DAYS} days long: write a length like `28d` or `4w`"
    )]
    Length,
    /// The end lies before the start.
    #[error(
        "the window starts on {since}, after its end on {until}: let `since` be the earlier day"
    )]
    Backwards {
        /// The day it would start on.
        since: Day,
        /// The day it would end on.
        until: Day,
    },
}

impl Window {
    /// The `days` (at least one) up to and including `until`.
    #[must_use]
    pub fn ending(until: Day, days: i32) -> Self {
        Self { since: until.plus(1 - days.max(1)), until }
    }

    /// Reads what somebody wrote; what is absent is the 28 days up to `today`.
    ///
    /// A length counts back from `until`, which it includes: `1d` is that day alone. `today` and
    /// `yesterday` are relative to `today` in both places.
    pub fn read(since: Option<&str>, until: Option<&str>, today: Day) -> Result<Self, WindowError> {
        let until = match until {
            None => today,
            Some(text) => day(text, today).ok_or_else(|| WindowError::Until(text.to_owned()))?,
        };
        let Some(text) = since else { return Ok(Self::ending(until, DEFAULT_DAYS)) };
        if let Some(since) = day(text, today) {
            return Self { since, until }.checked();
        }
        match length(text.trim()) {
            None => Err(WindowError::Since(text.to_owned())),
            Some(days @ 1..=MAX_DAYS) => Ok(Self::ending(until, days)),
            Some(_) => Err(WindowError::Length),
        }
    }

    /// Whether a day lies in it.
    #[must_use]
    pub fn contains(&self, day: Day) -> bool {
        self.since <= day && day <= self.until
    }

    /// How many days it has.
    #[must_use]
    pub fn days(&self) -> usize {
        usize::try_from(self.until.since(self.since)).map_or(0, |days| days + 1)
    }

    fn checked(self) -> Result<Self, WindowError> {
        let Self { since, until } = self;
        if until < since {
            return Err(WindowError::Backwards { since, until });
        }
        if MAX_DAYS <= until.since(since) {
            return Err(WindowError::Length);
        }
        Ok(self)
    }
}

fn day(text: &str, today: Day) -> Option<Day> {
    match text.trim() {
        "today" => Some(today),
        "yesterday" => Some(today.plus(-1)),
        written => Day::parse(written).ok(),
    }
}

/// The days of `Nd` or `Nw`; a number too large to hold is as wrong as one too large to allow.
fn length(text: &str) -> Option<i32> {
    let (digits, days) = text
        .strip_suffix('d')
        .map(|rest| (rest, 1))
        .or(text.strip_suffix('w').map(|rest| (rest, 7)))?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().map_or(i32::MAX, |n: i32| n.saturating_mul(days)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(since: Option<&str>, until: Option<&str>) -> Result<String, String> {
        Window::read(since, until, Day::parse("2026-11-20").unwrap())
            .map(|window| format!("{}..{}", window.since, window.until))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn both_ends_are_included() {
        assert_eq!(read(None, None).unwrap(), "2026-10-24..2026-11-20");
        assert_eq!(read(Some("28d"), None).unwrap(), "2026-10-24..2026-11-20");
        assert_eq!(read(Some("1d"), None).unwrap(), "2026-11-20..2026-11-20");
        assert_eq!(read(Some("2w"), Some("yesterday")).unwrap(), "2026-11-06..2026-11-19");
        assert_eq!(read(Some("yesterday"), Some("today")).unwrap(), "2026-11-19..2026-11-20");
        assert_eq!(read(Some("2026-11-01"), Some("2026-11-01")).unwrap(), "2026-11-01..2026-11-01");
        assert_eq!(read(None, Some("2024-02-29")).unwrap(), "2024-02-02..2024-02-29");
    }

    #[test]
    fn what_is_no_window_says_what_to_write() {
        for since in ["", "d", "-1d", "1.5d", "28", "28h", "2026-13-01", "soon", "d28"] {
            assert!(read(Some(since), None).unwrap_err().contains("like `28d`"), "{since}");
        }
        for since in ["0d", "3651d", "0w", "522w", "99999999999d", "0001-01-01"] {
            assert!(read(Some(since), None).unwrap_err().contains("3650 days"), "{since}");
        }
        assert!(read(None, Some("28d")).unwrap_err().contains("no end of a window"));
        assert!(read(Some("today"), Some("yesterday")).unwrap_err().contains("earlier day"));
        assert_eq!(read(Some("3650d"), None).unwrap(), "2016-11-23..2026-11-20");
    }

    #[test]
    fn it_serialises_as_two_days() {
        let window = Window::read(None, None, Day::parse("2026-11-20").unwrap()).unwrap();
        let json = serde_json::to_string(&window).unwrap();
        assert_eq!(json, r#"{"since":"2026-10-24","until":"2026-11-20"}"#);
        assert_eq!(serde_json::from_str::<Window>(&json).unwrap(), window);
        assert_eq!(window.days(), 28);
    }
}
