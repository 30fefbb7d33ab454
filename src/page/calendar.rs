//! The calendar: friction and use by day, so that a week without living with the product shows.
//!
//! Squares are marks on a line, since a year has many of them. Over those of friction lie links, each
//! of which tells all that is known of its day, or of each day of its week.

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
/// The most days of which each leads on by itself; of more, each week does.
const MOST_BY_DAY: usize = 126;
/// The sides of the squares, from nothing to the most, on that of a day.
const SIDES: [u64; 5] = [4, 6, 9, 11, 14];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Every day of a window, of which these are the ones on which anything happened.
#[must_use]
pub fn calendar(visit: &Visit, window: Window, days: &BTreeMap<Day, DaySum>) -> String {
    let is_by_day = window.days() <= MOST_BY_DAY;
    let view = html! {
        h1 { "By day" }
        (filters(visit, WINDOWS, window, false))
        p.lead { (summary(window, days)) }
        div.calendars.year[MOST_WEEKS_ABREAST < weeks(window).len()].weeks[!is_by_day] {
            (heat(window, days, &FRICTION, |span, y| friction(visit, span, days, y)))
            (heat(window, days, &USE, |span, y| used(span, days, visit.today, y)))
        }
        p.dim {
            "The larger a square, the more; an empty one is a day on which nobody told or used anything. A day’s friction is the points of the worst thing each person met on it, added up; "
            @if is_by_day { "it leads to what hurt on that day." } @else { "its week leads to what hurt in it." }
            " Days are UTC."
        }
    };
    frame(visit, "By day", &view)
}

/// How many days and weeks nobody told or used anything.
fn summary(window: Window, days: &BTreeMap<Day, DaySum>) -> String {
    // Delight is told, and no friction.
    let hurt = days.values().filter(|day| day.points != 0).count() as u64;
    let used = days.values().filter(|day| day.uses != 0).count() as u64;
    let all = window.days() as u64;
    if days.is_empty() {
        return format!("Nothing was told or used on these {} days.", number(all));
    }
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
        number(hurt),
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

/// A measure of days, and what its chart is called: by people, by the style, and by its marks.
struct Measure {
    title: &'static str,
    class: &'static str,
    mark: char,
    of: fn(&DaySum) -> u64,
}

const FRICTION: Measure =
    Measure { title: "Friction", class: "friction", mark: 'f', of: |day| day.points };
const USE: Measure = Measure { title: "Use", class: "use", mark: 'u', of: |day| day.uses };

/// One measure of every day: the larger its square, the more. What lies over the squares of a span
/// is drawn by `over`, at that height.
fn heat(
    window: Window,
    days: &BTreeMap<Day, DaySum>,
    measure: &Measure,
    over: impl Fn(Window, u64) -> Markup,
) -> Markup {
    let weeks = weeks(window);
    let width = LEFT + weeks.len() as u64 * SIDE;
    let x = |column: usize| LEFT + column as u64 * SIDE;
    html! {
        section.calendar {
            h2 { (measure.title) }
            svg class={ "heat " (measure.class) } viewBox=(format!("0 0 {width} {}", TOP + 7 * SIDE)) role="group" aria-label={ (measure.title) " by day" } {
                @for (row, name) in WEEKDAYS.iter().enumerate().filter(|(row, _)| row % 2 == 0) {
                    text x="0" y=(TOP + row as u64 * SIDE + 12) { (name) }
                }
                @for (column, monday) in weeks.iter().enumerate() {
                    @if let Some(month) = month_begins(*monday, column, window.until) {
                        // Behind the last week there is no room for a name.
                        @if column + 1 == weeks.len() { text x=(width) y="11" text-anchor="end" { (month) } }
                        @else { text x=(x(column)) y="11" { (month) } }
                    }
                }
                (squares(window, days, measure))
                @for (column, monday) in weeks.iter().enumerate() {
                    g transform=(format!("translate({})", x(column) + 1)) {
                        @for span in spans(window, *monday) {
                            @if days.range(span.since..=span.until).next().is_some() {
                                (over(span, above(window, *monday, span) + 1))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The days of a week that are told of together.
fn spans(window: Window, monday: Day) -> Vec<Window> {
    let (since, until) = (window.since.max(monday), window.until.min(monday.plus(6)));
    if MOST_BY_DAY < window.days() {
        return vec![Window { since, until }];
    }
    (since.0..=until.0).map(|day| Window { since: Day(day), until: Day(day) }).collect()
}

/// Where the squares of a span begin; a week takes its column, whatever of it is asked about.
fn above(window: Window, monday: Day, span: Window) -> u64 {
    let row = if MOST_BY_DAY < window.days() { 0 } else { span.since.since(monday) };
    TOP + u64::from(row.unsigned_abs()) * SIDE
}

/// The squares of all days: of each size there is one mark, and one line with a corner in the middle
/// of each day that has it. A line has no mark on its ends.
fn squares(window: Window, days: &BTreeMap<Day, DaySum>, measure: &Measure) -> Markup {
    let highest = days.values().map(measure.of).max().unwrap_or(0).max(1);
    let most = SIDES.len() as u64 - 1;
    let level = |day| days.get(&day).map(|sum| ((measure.of)(sum) * most).div_ceil(highest));
    let first = window.since.plus(-weekday(window.since));
    let line = |wanted: Option<u64>| {
        let all = (window.since.0..=window.until.0).map(Day).filter(|day| level(*day) == wanted);
        let corners = all.map(|day| {
            let at = u64::from(day.since(first).unsigned_abs());
            format!("{} {} ", LEFT + at / 7 * SIDE + SIDE / 2, TOP + at % 7 * SIDE + SIDE / 2)
        });
        format!("0 0 {}0 0", corners.collect::<String>())
    };
    let mark = measure.mark;
    let sized = (0..).zip(SIDES).map(|(level, side)| (Some(level), format!("{mark}{level}"), side));
    html! {
        @for (level, mark, side) in sized.chain([(None, mark.to_string(), 0)]) {
            marker id=(mark) overflow="visible" markerUnits="userSpaceOnUse" {
                @if let Some(level) = level { (square("day", 14)) (square(&format!("l{level}"), side)) }
                @else { (square("", 14)) }
            }
            polyline marker-mid={ "url(#" (mark) ")" } points=(line(level)) {}
        }
    }
}

/// A square around a corner of a line.
fn square(class: &str, side: u64) -> Markup {
    let corner = format!("-{}{}", side / 2, if side % 2 == 1 { ".5" } else { "" });
    html! { rect class=[(!class.is_empty()).then_some(class)] x=(corner) y=(corner) width=(side) height=(side) rx="2" {} }
}

/// The name of the month that begins in a week, up to the last day shown.
fn month_begins(monday: Day, column: usize, until: Day) -> Option<String> {
    let name = |day: Day| words::day(day, day).split(' ').next().unwrap_or_default().to_owned();
    let (now, before) = (name(until.min(monday.plus(6))), name(monday.plus(-1)));
    // The month that is there from the start has no room for its name where the next one begins
    // a week later.
    let is_first = column == 0 && now == name(monday.plus(13));
    (is_first || now != before).then_some(now)
}

/// All that is known of a span, which leads to what hurt in it.
fn friction(visit: &Visit, span: Window, days: &BTreeMap<Day, DaySum>, y: u64) -> Markup {
    let since = format!("{}d", span.days());
    let list = visit.address.at(HOME).with("since", &since);
    html! {
        a href=(list.with("until", &span.until.to_string())) {
            title { (told(span, days, visit.today)) }
            (over(y))
        }
    }
}

/// How much use is known of a span.
fn used(span: Window, days: &BTreeMap<Day, DaySum>, today: Day, y: u64) -> Markup {
    let told = match (span.days(), days.get(&span.since)) {
        (1, Some(sum)) => plural(sum.uses, "use", "uses"),
        _ => format!("{} uses", by_day(span, days, USE.of)),
    };
    html! { g { title { (name(span, today)) ": " (told) } (over(y)) } }
}

/// What shows nothing, and is met by a mouse: its size is given by the style.
fn over(y: u64) -> Markup {
    PreEscaped(format!("<rect y=\"{y}\"/>"))
}

fn told(span: Window, days: &BTreeMap<Day, DaySum>, today: Day) -> String {
    let name = name(span, today);
    let Some(sum) = days.get(&span.since).filter(|_| span.days() == 1) else {
        let [points, uses] = [FRICTION, USE].map(|measure| by_day(span, days, measure.of));
        return format!("{name}: {points} points; {uses} uses");
    };
    let signals = match sum.signals {
        0 => String::new(),
        signals => format!(", {}", plural(signals, "signal", "signals")),
    };
    format!(
        "{name}: {} of {}, {}{signals}, {}",
        plural(sum.points, "point", "points"),
        plural(sum.hurt.into(), "person", "people"),
        plural(sum.reports, "report", "reports"),
        plural(sum.uses, "use", "uses"),
    )
}

fn name(span: Window, today: Day) -> String {
    let day = |day| words::day(day, today);
    match span.days() {
        1 => day(span.since),
        _ => format!("{} to {}", day(span.since), day(span.until)),
    }
}

/// A figure of each day, or a dash where nobody told or used anything.
fn by_day(span: Window, days: &BTreeMap<Day, DaySum>, of: fn(&DaySum) -> u64) -> String {
    let figure =
        |day| days.get(&Day(day)).map_or_else(|| "–".to_owned(), |sum: &DaySum| number(of(sum)));
    (span.since.0..=span.until.0).map(figure).collect::<Vec<_>>().join(" · ")
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
        let mut days = BTreeMap::from([(day("2026-11-10"), hurt), (day("2026-11-20"), used)]);
        let address = Address::read(super::super::CALENDAR, "under=web");
        let visit = Visit { address, today: day("2026-11-20"), seen: 7, behind: None };
        let drawn = heat(window, &days, &FRICTION, |span, y| friction(&visit, span, &days, y));
        assert_snapshot!(drawn.0.replace("><", ">\n<"));
        assert_eq!(
            summary(window, &days),
            "Friction was met on 1 of 12 days, and use is known of 1."
        );
        days.insert(day("2026-11-12"), DaySum { reports: 1, people: 1, ..DaySum::default() });
        let sum = summary(window, &days);
        assert!(sum.starts_with("Friction was met on 1 of 12 days"), "delight is none: {sum}");
    }

    #[test]
    fn a_year_is_told_of_by_week() {
        let day = |text| Day::parse(text).unwrap();
        let window = Window::ending(day("2026-11-20"), 365);
        let [first, last] = ["2025-11-17", "2026-11-16"].map(|monday| spans(window, day(monday)));
        assert_eq!((first.len(), first[0].days(), last[0].days()), (1, 3, 5), "cut as it is asked");
        let hurt = DaySum { points: 1033, hurt: 60, reports: 70, uses: 2, ..DaySum::default() };
        let days = BTreeMap::from([(day("2026-11-16"), hurt), (day("2026-11-18"), hurt)]);
        assert_eq!(
            told(last[0], &days, day("2026-11-20")),
            "Nov 16 to Nov 20: 1,033 · – · 1,033 · – · – points; 2 · – · 2 · – · – uses"
        );
        assert_eq!(spans(Window::ending(window.until, 126), day("2026-11-16")).len(), 5);
    }

    #[test]
    fn names_of_months_do_not_touch() {
        let until = Day::parse("2026-11-30").unwrap();
        let begins = |monday, column| month_begins(Day::parse(monday).unwrap(), column, until);
        assert_eq!(begins("2025-11-24", 0).as_deref(), None, "Dec begins a week later");
        assert_eq!(begins("2025-12-01", 1).as_deref(), Some("Dec"));
        assert_eq!(begins("2025-12-29", 5).as_deref(), Some("Jan"), "a new year has its January");
        assert_eq!(begins("2026-11-09", 0).as_deref(), Some("Nov"));
        assert_eq!(begins("2026-11-16", 1).as_deref(), None);
        assert_eq!(begins("2026-11-30", 3).as_deref(), None, "Dec has not begun");
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
