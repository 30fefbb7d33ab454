//! Figures in words: what [`snag::words`] has, and what only a terminal needs.

use jiff::Timestamp;
use snag::event::Day;

use super::Look;

pub(super) use snag::words::{
    count_of_notes, exactly, human, id_tail, minutes, no_rate, number, ranked, rate, short_rate,
    steps, window,
};
pub(crate) use snag::words::{plural, shell};

/// An event may lie so far ahead: clocks differ.
const AHEAD_SECONDS: i64 = 300;

impl Look {
    /// How long ago an instant was.
    pub(super) fn ago(&self, at: Timestamp) -> String {
        if self.utc {
            return at.to_string();
        }
        match self.now.as_second() - at.as_second() {
            ..0 if AHEAD_SECONDS < at.as_second() - self.now.as_second() => {
                format!("on {}", Day::of(at))
            }
            ..60 => "just now".to_owned(),
            seconds @ 60..3_600 => format!("{} min ago", seconds / 60),
            seconds @ 3_600..86_400 => format!("{} h ago", seconds / 3_600),
            _ => self.ago_day(Day::of(at)),
        }
    }

    /// How long ago a day was.
    pub(super) fn ago_day(&self, day: Day) -> String {
        if self.utc { day.to_string() } else { snag::words::ago(day, self.today) }
    }

    /// A day as `Nov 12`, or with its year where that is another one.
    pub(super) fn day(&self, day: Day) -> String {
        if self.utc { day.to_string() } else { snag::words::day(day, self.today) }
    }
}

/// Bytes in the unit that suits them.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths of a unit, so that whole numbers are enough.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while 10_240 <= tenths && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if tenths < 1_000 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", tenths / 10, UNITS[unit])
    }
}

/// A span of seconds in its two largest units.
pub(super) fn span(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    match (seconds / 86_400, seconds % 86_400 / 3_600) {
        (0, 0) if seconds < 60 => "less than a minute".to_owned(),
        (0, _) => minutes(seconds / 60),
        (days, 0) => plural(days, "day", "days"),
        (days, hours) => format!("{} {hours} h", plural(days, "day", "days")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample::look;

    #[test]
    fn ages() {
        let ago = |at: &str| look(80).ago(at.parse().unwrap());
        assert_eq!(ago("2026-11-20T16:59:59Z"), "just now");
        assert_eq!(ago("2026-11-20T17:04:00Z"), "just now");
        assert_eq!(ago("2026-11-20T18:00:00Z"), "on 2026-11-20");
        assert_eq!(ago("2026-11-20T16:59:00Z"), "1 min ago");
        assert_eq!(ago("2026-11-20T16:00:01Z"), "59 min ago");
        assert_eq!(ago("2026-11-20T14:00:00Z"), "3 h ago");
        assert_eq!(ago("2026-11-19T17:00:01Z"), "23 h ago");
        assert_eq!(ago("2026-11-19T16:00:00Z"), "yesterday");
        assert_eq!(ago("2026-11-18T23:00:00Z"), "2 days ago");
        assert_eq!(ago("2020-01-01T00:00:00Z"), "2,515 days ago");
    }

    #[test]
    fn days() {
        let day = |text: &str| look(80).day(Day::parse(text).unwrap());
        assert_eq!(day("2026-01-02"), "Jan 2");
        assert_eq!(day("2026-11-12"), "Nov 12");
        assert_eq!(day("2025-12-31"), "2025-12-31");
        assert_eq!(look(80).ago_day(look(80).today), "today");
    }

    #[test]
    fn exact_times() {
        let look = Look { utc: true, ..look(80) };
        let at = |text: &str| look.ago(text.parse().unwrap());
        assert_eq!(at("2026-11-20T16:59:59Z"), "2026-11-20T16:59:59Z");
        assert_eq!(at("2026-11-20T17:59:59.12+01:00"), "2026-11-20T16:59:59.12Z");
        assert_eq!(
            (look.ago_day(look.today), look.day(look.today)),
            ("2026-11-20".into(), "2026-11-20".into())
        );
    }

    #[test]
    fn figures() {
        assert_eq!(
            [0, 1023, 1024, 12_897_484].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "12.2 MiB"]
        );
        assert_eq!(bytes(1024 * 1024 * 200), "200 MiB");
        assert_eq!([-1, 59, 3_600, 90_000].map(span)[..2], ["less than a minute"; 2]);
        assert_eq!([3_600, 86_400, 180_000].map(span), ["1 h", "1 day", "2 days 2 h"]);
    }
}
