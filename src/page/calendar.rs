//! The calendar: friction and use by day, so that a week without living with the product shows.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};

use super::HOME;
use super::filters::{Windows, filters};
use super::frame::{Visit, frame};
use crate::event::Day;
use crate::hotspot::{DaySum, Window};
use crate::words::{self, number, plural};

/// Windows offered; the first is what is shown unless said.
const WINDOWS: &Windows = &[("126d", "18 weeks"), ("365d", "a year")];
/// A day's square, and the room for the names of weekdays and months.
const SIDE: u64 = 16;
const LEFT: u64 = 30;
const TOP: u64 = 18;
/// Weeks of which two calendars fit side by side with letters that can be read.
const MOST_WEEKS_ABREAST: usize = 30;
/// The steps of a scale, beside nothing.
const STEPS: u64 = 4;
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Every day of a window, of which these are the ones on which anything happened.
#[must_use]
pub fn calendar(visit: &Visit, window: Window, days: &BTreeMap<Day, DaySum>) -> String {
    let points = |day: &DaySum| day.points;
    let uses = |day: &DaySum| day.uses;
    let view = html! {
        h1 { "By day" }
        (filters(visit, WINDOWS, window, false))
        p.lead { (summary(window, days)) }
        div.calendars.year[MOST_WEEKS_ABREAST < weeks(window).len()] {
            (heat(visit, window, days, "Friction", "friction", points))
            (heat(visit, window, days, "Use", "use", uses))
        }
        p.dim { "The larger a square, the more; an empty one is a day on which nobody told or used anything. A day’s friction is the points of the worst thing each person met on it, added up. Days are UTC." }
    };
    frame(visit, "By day", &view)
}

/// How many days and weeks nobody told or used anything.
fn summary(window: Window, days: &BTreeMap<Day, DaySum>) -> String {
    let told = days.values().filter(|day| day.reports + day.signals != 0).count() as u64;
    let used = days.values().filter(|day| day.uses != 0).count() as u64;
    let all = window.days() as u64;
    // Before anything was told there was nobody to be silent.
    let begins = days.keys().next().copied().unwrap_or(window.until);
    let is_silent = |monday: &&Day| {
        let sunday = monday.plus(6);
        begins < **monday
            && sunday <= window.until
            && days.range(**monday..=sunday).next().is_none()
    };
    let silent = weeks(window).iter().filter(is_silent).count() as u64;
    let silence = match silent {
        0 => String::new(),
        weeks => format!(" In {} nobody told or used anything.", plural(weeks, "week", "weeks")),
    };
    format!(
        "Friction was met on {} of {} days, and use is known of {}.{silence}",
        number(told),
        number(all),
        number(used)
    )
}

/// The Mondays of the weeks that a window touches.
fn weeks(window: Window) -> Vec<Day> {
    let first = window.since.plus(-weekday(window.since));
    (first.0..=window.until.0).step_by(7).map(Day).collect()
}

/// Days since Monday; day 0, 1970-01-01, was a Thursday.
fn weekday(day: Day) -> i32 {
    (day.0 + 3).rem_euclid(7)
}

/// One measure of every day: the larger its square, the more.
fn heat(
    visit: &Visit,
    window: Window,
    days: &BTreeMap<Day, DaySum>,
    title: &str,
    class: &str,
    measure: impl Fn(&DaySum) -> u64,
) -> Markup {
    let weeks = weeks(window);
    let highest = days.values().map(&measure).max().unwrap_or(0);
    let width = LEFT + weeks.len() as u64 * SIDE;
    html! {
        section.calendar {
            h2 { (title) }
            svg class={ "heat " (class) } viewBox=(format!("0 0 {width} {}", TOP + 7 * SIDE)) role="group" aria-label={ (title) " by day" } {
                @for (row, name) in WEEKDAYS.iter().enumerate().filter(|(row, _)| row % 2 == 0) {
                    text x="0" y=(TOP + row as u64 * SIDE + 12) { (name) }
                }
                @for (column, monday) in weeks.iter().enumerate() {
                    @let x = LEFT + column as u64 * SIDE;
                    @if let Some(month) = month_begins(*monday, column) { text x=(x) y="11" { (month) } }
                    g transform=(format!("translate({})", x + 1)) {
                        @for row in 0..7 {
                            @let day = monday.plus(row);
                            @if window.contains(day) {
                                (square(visit, day, days.get(&day), TOP + u64::from(row.unsigned_abs()) * SIDE, highest, &measure))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The name of the month that begins in a week.
fn month_begins(monday: Day, column: usize) -> Option<String> {
    let name = |day: Day| words::day(day, day).split(' ').next().unwrap_or_default().to_owned();
    let (now, before) = (name(monday.plus(6)), name(monday.plus(-1)));
    // The month that is there from the start has no room for its name where the next one begins
    // a week later.
    let is_first = column == 0 && now == name(monday.plus(13));
    (is_first || now != before).then_some(now)
}

fn square(
    visit: &Visit,
    day: Day,
    sum: Option<&DaySum>,
    y: u64,
    highest: u64,
    measure: impl Fn(&DaySum) -> u64,
) -> Markup {
    let Some(sum) = sum else {
        return PreEscaped(format!("<rect y=\"{}\"/>", y + 1));
    };
    let level = (measure(sum) * STEPS).div_ceil(highest.max(1)).min(STEPS);
    let side = if level == 0 { 4 } else { 4 + level * 5 / 2 };
    let inset = (SIDE - side) / 2;
    let that_day = visit.address.at(HOME).with("since", &day.to_string());
    let told = told(day, sum, visit.today);
    html! {
        a href=(that_day.with("until", &day.to_string())) {
            title { (told) }
            (rect("day", 0, y + 1))
            (rect(&format!("l{level}"), inset - 1, y + inset))
        }
    }
}

/// A square of a day with something to tell, its size given by its class in the style. A year has
/// many squares: where one stands sideways its week says, and an empty one has no class.
fn rect(class: &str, x: u64, y: u64) -> Markup {
    PreEscaped(format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\"/>"))
}

fn told(day: Day, sum: &DaySum, today: Day) -> String {
    let signals = match sum.signals {
        0 => String::new(),
        signals => format!(", {}", plural(signals, "signal", "signals")),
    };
    format!(
        "{}: {} of {}, {}{signals}, {}",
        words::day(day, today),
        plural(sum.points, "point", "points"),
        plural(sum.hurt.into(), "person", "people"),
        plural(sum.reports, "report", "reports"),
        plural(sum.uses, "use", "uses"),
    )
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::page::Address;

    #[test]
    fn two_weeks() {
        let day = |text| Day::parse(text).unwrap();
        let window = Window::ending(day("2026-11-20"), 12);
        let hurt = DaySum { points: 33, hurt: 2, people: 3, reports: 4, signals: 1, uses: 0 };
        let used = DaySum { uses: 9, people: 1, ..DaySum::default() };
        let days = BTreeMap::from([(day("2026-11-10"), hurt), (day("2026-11-20"), used)]);
        let address = Address::read(super::super::CALENDAR, "under=web");
        let visit = Visit { address, today: day("2026-11-20"), seen: 7, behind: None };
        let drawn = heat(&visit, window, &days, "Friction", "friction", |day| day.points);
        assert_snapshot!(drawn.0.replace("><", ">\n<"));
        assert_eq!(
            summary(window, &days),
            "Friction was met on 1 of 12 days, and use is known of 1."
        );
    }

    #[test]
    fn names_of_months_do_not_touch() {
        let begins = |monday, column| month_begins(Day::parse(monday).unwrap(), column);
        assert_eq!(begins("2025-11-24", 0).as_deref(), None, "Dec begins a week later");
        assert_eq!(begins("2025-12-01", 1).as_deref(), Some("Dec"));
        assert_eq!(begins("2025-12-29", 5).as_deref(), Some("Jan"), "a new year has its January");
        assert_eq!(begins("2026-11-09", 0).as_deref(), Some("Nov"));
        assert_eq!(begins("2026-11-16", 1).as_deref(), None);
    }

    #[test]
    fn weeks_of_silence_are_counted_once_something_was_told() {
        let window = Window::ending(Day(400), 126);
        let some = DaySum { reports: 1, ..DaySum::default() };
        let days = BTreeMap::from([(Day(340), some), (Day(390), some)]);
        assert!(
            summary(window, &days).ends_with("In 6 weeks nobody told or used anything."),
            "{}",
            summary(window, &days)
        );
        assert!(!summary(window, &BTreeMap::new()).contains("nobody"));
        assert_eq!(weekday(Day::parse("2026-11-23").unwrap()), 0);
    }
}
