//! Figures in words: the same sentences in a terminal and on the page.
//!
//! # Promises
//!
//! - Pure, and nothing is rounded so far that it says something else.

mod verdict;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::event::{Day, SignalName, Word};
use crate::hotspot::{CAP, FEWEST_USES, NoteGroup, POINTS, Rate, Sort, Why, Window, signal_points};

pub use verdict::{TEST, sentences};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How long ago a day was.
#[must_use]
pub fn ago(day: Day, today: Day) -> String {
    match today.since(day) {
        ..0 => format!("on {day}"),
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{} days ago", number(u64::from(days.unsigned_abs()))),
    }
}

/// A day as `Nov 12`, or with its year where that is another one than today's.
#[must_use]
pub fn day(day: Day, today: Day) -> String {
    let date = |day: Day| TimeZone::UTC.to_datetime(day.start()).date();
    let (asked, today) = (date(day), date(today));
    let month = usize::try_from(asked.month() - 1).ok().and_then(|at| MONTHS.get(at));
    match month {
        Some(month) if asked.year() == today.year() => format!("{month} {}", asked.day()),
        _ => day.to_string(),
    }
}

/// An instant, exactly.
#[must_use]
pub fn exactly(at: Timestamp) -> String {
    let text = at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
    format!("{} UTC", text.strip_suffix(".000").unwrap_or(&text))
}

/// A window in plain words.
#[must_use]
pub fn window(window: Window) -> String {
    match window.days() {
        1 => format!("1 day, {}", window.until),
        days => format!("{} days to {}", number(days as u64), window.until),
    }
}

/// The days of a ranking, and what it is sorted by where that is not pain.
#[must_use]
pub fn ranked(days: Window, sort: Sort) -> String {
    let days = window(days);
    match sort {
        Sort::Pain => days,
        sort => format!("{days}, sorted by {}", sort.word()),
    }
}

/// How pain is reckoned over a window.
#[must_use]
pub fn rule(window: Window) -> String {
    let days = match window.days() {
        1 => "on that day".to_owned(),
        days => format!("on each of these {} days", number(days as u64)),
    };
    let [cosmetic, minor, major, blocker] = POINTS;
    let noticed = [SignalName::Crash, SignalName::Failure, SignalName::Rerun].map(signal_points);
    let [crash, failure, other] = noticed;
    format!(
        "Pain is a sum over people. Each adds the points of the worst thing they met here {days} \
         (cosmetic {cosmetic}, minor {minor}, major {major}, blocker {blocker}; noticed: crash \
         {crash}, failure {failure}, else {other}), but nobody adds more than {CAP}."
    )
}

/// A number with commas.
#[must_use]
pub fn number(number: u64) -> String {
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
#[must_use]
pub fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// Days added up in steps of equal length, so that there are at most `most`: what a small chart has
/// room for. The last step ends on the last day; the first may be shorter.
#[must_use]
pub fn steps(days: &[u32], most: usize) -> Vec<u64> {
    let length = days.len().div_ceil(most.max(1)).max(1);
    let sum = |step: &[u32]| step.iter().map(|&points| u64::from(points)).sum();
    let mut steps: Vec<u64> = days.rchunks(length).map(sum).collect();
    steps.reverse();
    steps
}

/// A word of a closed list as people write it: `worked around`.
#[must_use]
pub fn human(word: impl Word) -> String {
    word.word().replace('-', " ")
}

/// Minutes as hours and minutes.
#[must_use]
pub fn minutes(minutes: u64) -> String {
    match (minutes / 60, minutes % 60) {
        (0, rest) => format!("{rest} min"),
        (hours, 0) => format!("{} h", number(hours)),
        (hours, rest) => format!("{} h {rest} min", number(hours)),
    }
}

/// How often something of this probability happens.
#[must_use]
pub fn chance(p: f64) -> String {
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
    if (190..210).contains(&odds) {
        // Near the threshold of a change neither side may be told as the other.
        return format!("1 time in {}", whole((1.0 / p).floor()));
    }
    let mut unit = 1;
    while 100 * unit <= odds {
        unit *= 10;
    }
    format!("1 time in {}", number((odds + unit / 2) / unit * unit))
}

/// How often using something hurts, with the 95 % interval: `9 of 31 uses hurt (29 %, 16-47 %), 4 of
/// 6 people`.
#[must_use]
pub fn rate(rate: &Rate) -> String {
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
#[must_use]
pub fn short_rate(rate: &Rate) -> String {
    format!("{} of {} ({})", number(rate.hurt), number(rate.uses), interval(rate))
}

/// Why it is not said how often using something hurts.
#[must_use]
pub fn no_rate(why: &Why) -> String {
    let uses = plural(why.uses, "use is", "uses are");
    if why.uses < FEWEST_USES {
        return format!(
            "{uses} known, too few to say how often it hurts: that takes {FEWEST_USES}."
        );
    }
    let wait = plural(why.signals.values().copied().map(u64::from).sum(), "signal", "signals");
    format!(
        "{uses} known. How often they hurt is open: nobody said so or confirmed one of the {wait}."
    )
}

/// `29 %, 16-47 %`. Ends that would round to never or always are rounded away from the middle.
fn interval(rate: &Rate) -> String {
    let low = match hundredths(rate.low) {
        low if low == "100.0" => "99.9".to_owned(),
        low => low,
    };
    let high = match hundredths(rate.high) {
        high if high == "100.0" => "100".to_owned(),
        high if high == "0.0" && 0.0 < rate.high => "0.1".to_owned(),
        high => high,
    };
    format!("{}, {low}-{high} %", percent(rate.rate))
}

/// How many notes these groups hold: `3 notes`, or `the latest 400 notes` where there may be older ones.
#[must_use]
pub fn count_of_notes(groups: &[NoteGroup], older_notes: bool) -> String {
    let count: usize = groups.iter().map(|group| group.count).sum();
    let count = plural(count as u64, "note", "notes");
    if older_notes { format!("the latest {count}") } else { count }
}

/// A share as a percentage, which says neither never nor always of what is not.
#[must_use]
pub fn percent(share: f64) -> String {
    match hundredths(share).as_str() {
        "0.0" if 0.0 < share => "under 0.1 %".to_owned(),
        "100.0" => "over 99.9 %".to_owned(),
        hundredths => format!("{hundredths} %"),
    }
}

/// A share in hundredths; near both ends in tenths of them, so that only all of it is `100`.
fn hundredths(share: f64) -> String {
    if (0.0995..0.995).contains(&share) || 1.0 <= share {
        whole(share * 100.0).to_string()
    } else {
        format!("{:.1}", share * 100.0)
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
#[must_use]
pub fn id_tail(id: Uuid) -> String {
    let digits = id.simple().to_string();
    digits[digits.len() - 8..].to_owned()
}

/// A word for a command line that somebody will paste: quoted unless it is plainly harmless.
#[must_use]
pub fn shell(word: &str) -> String {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "._/-+@:".contains(letter);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn the(day: &str) -> Day {
        Day::parse(day).unwrap()
    }

    #[test]
    fn days() {
        let day = |text: &str| super::day(the(text), the("2026-11-20"));
        assert_eq!(day("2026-01-02"), "Jan 2");
        assert_eq!(day("2026-11-12"), "Nov 12");
        assert_eq!(day("2025-12-31"), "2025-12-31");
        assert_eq!(ago(the("2026-11-20"), the("2026-11-20")), "today");
        assert_eq!(ago(the("2020-01-01"), the("2026-11-20")), "2,515 days ago");
    }

    #[test]
    fn figures() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(plural(1, "person", "people"), "1 person");
        assert_eq!(plural(0, "person", "people"), "0 people");
        assert_eq!([5, 60, 85].map(minutes), ["5 min", "1 h", "1 h 25 min"]);
        assert_eq!([0.062, 0.125].map(percent), ["6.2 %", "13 %"]);
    }

    #[test]
    fn days_become_steps_that_end_on_the_last() {
        assert_eq!(steps(&[1, 2, 3, 4, 5], 5), [1, 2, 3, 4, 5]);
        assert_eq!(steps(&[1, 2, 3, 4, 5], 4), [1, 5, 9]);
        assert_eq!(steps(&[], 4), [0_u64; 0]);
    }

    #[test]
    fn never_and_always_are_said_of_nothing_else() {
        let shares = [0.0, 0.0001, 0.0006, 0.0994, 0.0996, 0.994, 0.9951, 0.9994, 0.9999, 1.0];
        let said = shares.map(percent);
        let expected = [
            "0.0 %",
            "under 0.1 %",
            "0.1 %",
            "9.9 %",
            "10 %",
            "99 %",
            "99.5 %",
            "99.9 %",
            "over 99.9 %",
            "100 %",
        ];
        assert_eq!(said, expected);
        let of = |hurt| short_rate(&Rate::of(hurt, 10_000, (1, 1)).unwrap());
        assert_eq!(of(1), "1 of 10,000 (under 0.1 %, 0.0-0.1 %)");
        assert_eq!(of(9_999), "9,999 of 10,000 (over 99.9 %, 99.9-100 %)");
        assert_eq!(of(10_000), "10,000 of 10,000 (100 %, 99.9-100 %)");
    }

    #[test]
    fn chances() {
        assert_eq!(chance(0.000_292), "1 time in 3,400");
        assert_eq!(chance(0.005), "1 time in 200");
        let near = [0.0052, 0.005_01, 0.004_99, 0.0048].map(chance);
        assert_eq!(near, ["192", "199", "200", "208"].map(|odds| format!("1 time in {odds}")));
        assert_eq!(chance(0.033), "1 time in 30");
        assert_eq!(
            [0.1, 0.34, 0.99].map(chance),
            ["1 time in 10", "3 times in 10", "almost every time"]
        );
        assert_eq!(chance(0.0), "less than 1 time in a billion");
    }

    #[test]
    fn instants() {
        assert_eq!(exactly("2026-11-20T17:00:00Z".parse().unwrap()), "2026-11-20 17:00:00 UTC");
        assert_eq!(
            exactly("2026-11-20T17:00:00.5Z".parse().unwrap()),
            "2026-11-20 17:00:00.500 UTC"
        );
    }

    #[test]
    fn commands_are_safe_to_paste() {
        assert_eq!(shell("web/checkout/pay"), "web/checkout/pay");
        assert_eq!(shell("ada's; rm -rf ~"), r"'ada'\''s; rm -rf ~'");
        assert_eq!([shell("-x"), shell("")], ["'-x'", "''"]);
    }
}
