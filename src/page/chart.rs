//! Small charts: rows in, SVG out.
//!
//! Lengths along the days are in per cent and heights in pixels, so a chart is as wide as its place
//! and its letters keep their size. What a chart shows stands beside it in words as well.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};

use crate::event::Day;
use crate::hotspot::Window;
use crate::words;

/// The most steps of a small chart, and its height in pixels. It is as wide as so many steps, which
/// the style makes seven pixels each.
pub(super) const STEPS: usize = 28;
const HEIGHT: u64 = 24;

/// The steps of a row's days, small: `highest` is the value of a full height. A list has many of these, so
/// it is one path, each step of which goes on from the one before, drawn upside down and turned over
/// by the style.
pub(super) fn spark(steps: &[u64], highest: u64) -> Markup {
    let mut path = String::new();
    let last = steps.len().saturating_sub(1).max(1);
    let (mut before, mut top) = (0, 0);
    for (at, &points) in steps.iter().enumerate().filter(|(_, points)| **points != 0) {
        let height = (points * HEIGHT).div_ceil(highest.max(1)).clamp(2, HEIGHT);
        let x = at * 10 * (STEPS - 1) / last;
        // Writing to a string cannot fail.
        let _ = write!(path, "m{}-{top}v{height}", tenths(x - before));
        (before, top) = (x, height);
    }
    html! { svg { (drawn("path", "d", &path)) } }
}

fn tenths(of: usize) -> String {
    if of.is_multiple_of(10) { (of / 10).to_string() } else { format!("{}.{}", of / 10, of % 10) }
}

/// An element of a drawing that has nothing in it: shorter than with an end of its own.
fn drawn(element: &str, attribute: &str, value: &str) -> Markup {
    PreEscaped(format!("<{element} {attribute}=\"{value}\"/>"))
}

/// A bar of a share of its place.
pub(super) fn bar(count: u64, highest: u64) -> Markup {
    html! { svg.bar { (drawn("rect", "width", &percent(count, highest.max(1)))) } }
}

/// The same for a row, which is as light as can be.
pub(super) fn share(count: u64, highest: u64) -> Markup {
    let share = (count * 100).div_ceil(highest.max(1));
    html! { svg { (drawn("rect", "width", &format!("{share}%"))) } }
}

/// A share with its interval: a line from `low` to `high`, a dot at `rate`; all from 0 to 1.
pub(super) fn interval(low: f64, rate: f64, high: f64) -> Markup {
    let at = |share: f64| format!("{:.1}%", share * 100.0);
    html! {
        svg.interval aria-hidden="true" {
            line.axis x1="0" x2="100%" y1="8" y2="8" {}
            line.range x1=(at(low)) x2=(at(high)) y1="8" y2="8" {}
            circle cx=(at(rate)) cy="8" r="5" {}
        }
    }
}

/// A release that a chart over time marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// What it is called there: harmless.
    pub(super) name: String,
    /// The first day it was met on.
    pub(super) day: Day,
}

/// The most columns of a chart over time.
const MOST_COLUMNS: usize = 120;
/// Heights of the chart over time: the names of releases, or none, then the bars, then the days.
const NAMES: u64 = 48;
const NO_NAMES: u64 = 20;
const BARS: u64 = 120;
const DAYS: u64 = 22;

/// Points by day, with releases marked.
pub(super) fn timeline(days: &[u32], window: Window, releases: &[Release], today: Day) -> Markup {
    let length = days.len().div_ceil(MOST_COLUMNS).max(1);
    let columns = words::steps(days, MOST_COLUMNS);
    let highest = columns.iter().copied().max().unwrap_or(0).max(1);
    let count = columns.len() as u64;
    let top = if releases.is_empty() { NO_NAMES } else { NAMES };
    let bottom = top + BARS;
    let x = |at: u64| percent(at, count);
    // The last column ends on the last day, whatever is left over stands at the start.
    let first = window.until.plus(1 - as_days(columns.len() * length));
    let day_of = |at: usize| first.plus(as_days(at * length));
    let span_of = |at: usize| {
        let (from, to) = (day_of(at).max(window.since), day_of(at + 1).plus(-1));
        match words::day(to, today) {
            last if from < to => format!("{} to {last}", words::day(from, today)),
            day => day,
        }
    };
    let unit = if length == 1 { String::new() } else { format!(" in {length} days") };
    html! {
        svg.time height=(bottom + DAYS) role="img" aria-label=(summary(days, window, today)) {
            line.axis x1="0" x2="100%" y1=(bottom) y2=(bottom) {}
            line.grid x1="0" x2="100%" y1=(top) y2=(top) {}
            @for (at, points) in columns.iter().enumerate().filter(|(_, points)| **points != 0) {
                @let height = (points * BARS).div_ceil(highest).max(2);
                rect x=(x(at as u64)) y=(bottom - height) width=(percent(4, count * 5)) height=(height) rx="1" {
                    title { (span_of(at)) ": " (words::plural(*points, "point", "points")) }
                }
            }
            @for (at, release) in releases.iter().enumerate() {
                @let days = u64::try_from(release.day.since(window.since)).unwrap_or(0);
                @let is_near = releases.get(at + 2).is_some_and(|next| is_near(release, next, window));
                (mark(release, days, window.days() as u64, at, is_near))
            }
            text.tick x="0" y=(top - 6) { (words::plural(highest, "point", "points")) (unit) }
            text.tick x="0" y=(bottom + 16) { (words::day(window.since, today)) }
            text.tick.end x="100%" y=(bottom + 16) { (words::day(window.until, today)) }
        }
    }
}

/// Whether a phone has no room for a name beside the next one of the same height.
fn is_near(release: &Release, next: &Release, window: Window) -> bool {
    let letters = release.name.chars().count().max(next.name.chars().count());
    let days = usize::try_from(next.day.since(release.day)).unwrap_or(0);
    days * LETTERS < letters * window.days()
}

/// A dashed line with a name; names take turns in height, so that neighbours can be read. Where a
/// phone has no room for it, there is only the line.
fn mark(release: &Release, days: u64, of: u64, turn: usize, is_near: bool) -> Markup {
    let x = percent(days, of);
    let is_late = of < 2 * days;
    let y = if turn.is_multiple_of(2) { 12 } else { 26 };
    html! {
        line.release x1=(x) x2=(x) y1=(y) y2=(NAMES + BARS) {}
        svg x=(x) overflow="visible" {
            text.name.end[is_late].wide[is_near] x=(if is_late { -4 } else { 4 }) y=(y) { (release.name) }
        }
    }
}

fn summary(days: &[u32], window: Window, today: Day) -> String {
    let day = |day| words::day(day, today);
    let span = format!("Points by day from {} to {}", day(window.since), day(window.until));
    let worst = days.iter().enumerate().max_by_key(|&(at, points)| (points, std::cmp::Reverse(at)));
    match worst {
        Some((at, &points)) if points != 0 => {
            let at = window.since.plus(as_days(at));
            format!("{span}; the worst was {} with {points}", day(at))
        }
        _ => format!("{span}: none"),
    }
}

fn as_days(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Letters of a name that a phone has room for from one end of a chart to the other.
const LETTERS: usize = 36;

/// A share in per cent, in tenths.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let tenths = (part * 1000 + whole / 2) / whole.max(1);
    match tenths % 10 {
        0 => format!("{}%", tenths / 10),
        rest => format!("{}.{rest}%", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    /// One element a line, for a reader.
    fn lines(markup: &Markup) -> String {
        markup.0.replace("><", ">\n<")
    }

    fn window(days: i32) -> Window {
        Window::ending(Day::parse("2026-11-20").unwrap(), days)
    }

    #[test]
    fn a_row_of_days() {
        assert_snapshot!(lines(&spark(&[0, 1, 30, 0, 60], 60)));
        assert_eq!(spark(&[60], 60).0, "<svg><path d=\"m0-0v24\"/></svg>");
    }

    #[test]
    fn days_with_releases() {
        let day = |text| Day::parse(text).unwrap();
        let releases = [
            Release { name: "1.4.1".to_owned(), day: day("2026-11-14") },
            Release { name: "<2>".to_owned(), day: day("2026-11-19") },
        ];
        let days = [0, 3, 0, 0, 33, 1, 0];
        assert_snapshot!(lines(&timeline(&days, window(7), &releases, window(1).until)));
    }

    #[test]
    fn a_name_that_a_phone_has_no_room_for_is_not_shown_there() {
        let days = ["10-21", "11-10", "11-15"].map(|day| format!("2026-{day}"));
        let release = |day: &String| Release { name: day.clone(), day: Day::parse(day).unwrap() };
        let releases = days.each_ref().map(release);
        let left_out = |length: i32| {
            let drawn = timeline(&[1; 56], window(length), &releases, Day(0)).0;
            days.each_ref().map(|day| drawn.contains(&format!("wide\" x=\"-4\" y=\"12\">{day}")))
        };
        assert_eq!(left_out(365), [true, false, false], "the latest is named");
        assert_eq!(left_out(56), [false; 3], "there is room");
    }

    #[test]
    fn a_year_has_no_more_columns_than_a_quarter() {
        let days = vec![1; 365];
        let drawn = timeline(&days, window(365), &[], window(1).until).0;
        assert_eq!(drawn.matches("<rect").count(), 365_usize.div_ceil(365_usize.div_ceil(120)));
        assert!(drawn.contains("<title>Nov 17 to Nov 20: 4 points</title>"), "{drawn}");
        assert!(drawn.contains(">4 points in 4 days<"), "{drawn}");
        // What is left over stands at the start.
        assert!(drawn.contains("<title>2025-11-21: 1 point</title>"), "{drawn}");
    }

    #[test]
    fn shares() {
        assert_eq!([percent(1, 3), percent(2, 4), percent(0, 0)], ["33.3%", "50%", "0%"]);
        assert_snapshot!(lines(&interval(0.16, 0.29, 0.47)));
        assert_snapshot!(lines(&bar(3, 12)));
    }
}
