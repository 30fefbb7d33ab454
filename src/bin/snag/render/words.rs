//! Figures in words: ages, plurals, bytes, chances.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use snag::event::{Day, Word};
use snag::hotspot::{Rate, Window};
use uuid::Uuid;

use super::Look;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
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
        match self.today.since(day) {
            _ if self.utc => day.to_string(),
            ..0 => format!("on {day}"),
            0 => "today".to_owned(),
            1 => "yesterday".to_owned(),
            days => format!("{} days ago", number(u64::from(days.unsigned_abs()))),
        }
    }

    /// A day as `Nov 12`, or with its year where that is another one.
    pub(super) fn day(&self, day: Day) -> String {
        let date = |day: Day| TimeZone::UTC.to_datetime(day.start()).date();
        let (asked, today) = (date(day), date(self.today));
        let month = usize::try_from(asked.month() - 1).ok().and_then(|at| MONTHS.get(at));
        match month {
            Some(month) if asked.year() == today.year() && !self.utc => {
                format!("{month} {}", asked.day())
            }
            _ => day.to_string(),
        }
    }
}

/// An instant, exactly.
pub(super) fn exactly(at: Timestamp) -> String {
    let text = at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
    format!("{} UTC", text.strip_suffix(".000").unwrap_or(&text))
}

/// A window in plain words.
pub(super) fn window(window: Window) -> String {
    match window.days() {
        1 => format!("1 day, {}", window.until),
        days => format!("{} days to {}", number(days as u64), window.until),
    }
}

/// A number with commas.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 person`, `3 people`.
pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// A word of a closed list as people write it: `worked around`.
pub(super) fn human(word: impl Word) -> String {
    word.word().replace('-', " ")
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

/// Minutes as hours and minutes.
pub(super) fn minutes(minutes: u64) -> String {
    match (minutes / 60, minutes % 60) {
        (0, rest) => format!("{rest} min"),
        (hours, 0) => format!("{} h", number(hours)),
        (hours, rest) => format!("{} h {rest} min", number(hours)),
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

/// How often something of this probability happens.
pub(super) fn chance(p: f64) -> String {
    if p < 1e-9 {
        return "less than 1 time in a billion".to_owned();
    }
    if 0.095 <= p {
        return match whole(p * 10.0) {
            10 => "almost every time".to_owned(),
            1 => "1 time in 10".to_owned(),
            times => format!("{times} times in 10"),
        };
    }
    let odds = whole(1.0 / p);
    let mut unit = 1;
    while 100 * unit <= odds {
        unit *= 10;
    }
    format!("1 time in {}", number((odds + unit / 2) / unit * unit))
}

/// How often using something hurts, with the 95 % interval: `9 of 31 uses hurt (29 %, 16-47 %), 4 of
/// 6 people`.
pub(super) fn rate(rate: &Rate) -> String {
    let people =
        format!("{} of {}", rate.people_hurt, plural(rate.people as u64, "person", "people"));
    format!(
        "{} of {} uses hurt ({}), {people}",
        number(rate.hurt),
        number(rate.uses),
        interval(rate)
    )
}

/// The same where there is little room: `9 of 31 (29 %, 16-47 %)`.
pub(super) fn short_rate(rate: &Rate) -> String {
    format!("{} of {} ({})", number(rate.hurt), number(rate.uses), interval(rate))
}

/// `29 %, 16-47 %`.
fn interval(rate: &Rate) -> String {
    let low = percent(rate.low);
    let low = low.trim_end_matches(" %");
    format!("{}, {low}-{}", percent(rate.rate), percent(rate.high))
}

/// A share as a percentage.
pub(super) fn percent(share: f64) -> String {
    if share < 0.1 {
        format!("{:.1} %", share * 100.0)
    } else {
        format!("{} %", whole(share * 100.0))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, as it should"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// The last eight digits of an id: what people see and type.
pub(super) fn id_tail(id: Uuid) -> String {
    let digits = id.simple().to_string();
    digits[digits.len() - 8..].to_owned()
}

/// A word for a command line that somebody will paste: quoted unless it is plainly harmless.
pub(crate) fn shell(word: &str) -> String {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "._/-+@:".contains(letter);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
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
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(plural(1, "person", "people"), "1 person");
        assert_eq!(plural(0, "person", "people"), "0 people");
        assert_eq!(
            [0, 1023, 1024, 12_897_484].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "12.2 MiB"]
        );
        assert_eq!(bytes(1024 * 1024 * 200), "200 MiB");
        assert_eq!([5, 60, 85].map(minutes), ["5 min", "1 h", "1 h 25 min"]);
        assert_eq!([-1, 59, 3_600, 90_000].map(span)[..2], ["less than a minute"; 2]);
        assert_eq!([3_600, 86_400, 180_000].map(span), ["1 h", "1 day", "2 days 2 h"]);
        assert_eq!([0.062, 0.125].map(percent), ["6.2 %", "13 %"]);
    }

    #[test]
    fn chances() {
        assert_eq!(chance(0.000_292), "1 time in 3,400");
        assert_eq!(chance(0.005), "1 time in 200");
        assert_eq!(chance(0.033), "1 time in 30");
        assert_eq!(
            [0.1, 0.34, 0.99].map(chance),
            ["1 time in 10", "3 times in 10", "almost every time"]
        );
        assert_eq!(chance(0.0), "less than 1 time in a billion");
    }

    #[test]
    fn commands_are_safe_to_paste() {
        assert_eq!(shell("web/checkout/pay"), "web/checkout/pay");
        assert_eq!(shell("ada's; rm -rf ~"), r"'ada'\''s; rm -rf ~'");
        assert_eq!([shell("-x"), shell("")], ["'-x'", "''"]);
    }

    #[test]
    fn instants() {
        assert_eq!(exactly("2026-11-20T17:00:00Z".parse().unwrap()), "2026-11-20 17:00:00 UTC");
        assert_eq!(
            exactly("2026-11-20T17:00:00.5Z".parse().unwrap()),
            "2026-11-20 17:00:00.500 UTC"
        );
    }
}
