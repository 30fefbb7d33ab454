//! Coverage: what hurts, what is good because it is used and quiet, and what nobody touched.

use std::cmp::Reverse;

use snag::hotspot::{Crowd, PersonCoverage, PlaceCoverage, Quiet, Quote};
use snag::index::CoverageAnswer;

use super::Look;
use super::line::{Page, Tone};
use super::table::{Column, GAP, Give, Table};
use super::words::{number, plural, shell, short_rate, window};
use crate::query::Query;

/// From here on a table says how often using a place hurts.
const WIDE: usize = 80;
/// Quotes of first days: the latest of them.
const MOST_FIRST_WORDS: usize = 10;
/// Untouched places listed by name.
const MOST_UNTOUCHED: usize = 20;

/// Who used what, and what nobody touched.
pub(crate) fn coverage(answer: &CoverageAnswer, asked: &Query, look: &Look) -> String {
    let mut page = look.page();
    page.push(look.line().bold("Coverage").space(GAP).dim(window(answer.window)));
    page.prose(0, Tone::Plain, &crowd(answer.crowd, &answer.places));
    let sections = [
        (Quiet::Hurts, true, "Hurts"),
        (Quiet::Hurts, false, "Noticed, and nobody said yet whether it hurts"),
        (Quiet::Good, true, "Used, and nobody was hurt"),
        (Quiet::Thin, true, "Used too little to say"),
    ];
    for (quiet, is_said, title) in sections {
        let is_here = |at: &&PlaceCoverage| {
            at.quiet == quiet && (quiet != Quiet::Hurts || (at.hurting != 0) == is_said)
        };
        let places: Vec<_> = answer.places.iter().filter(is_here).collect();
        if !places.is_empty() {
            page.blank();
            page.push(look.line().bold(title));
            table(&places, &mut page, look);
        }
    }
    first_words(&answer.first_words, &mut page, look);
    untouched(&answer.places, &mut page, look);
    people(&answer.people, &mut page, look);
    page.blank();
    let hurts = answer.places.iter().find(|at| at.quiet == Quiet::Hurts);
    match hurts {
        Some(at) => {
            let why = format!("snag why {}", shell(at.place.as_str()));
            page.next("what hurts there:", &why);
        }
        None => {
            if let Some(wider) = asked.further_back("snag coverage", answer.window, &[]) {
                page.next("look further back:", &wider);
            }
        }
    }
    page.finish()
}

fn crowd(crowd: Crowd, places: &[PlaceCoverage]) -> String {
    let touched = places.iter().filter(|at| at.quiet != Quiet::Untouched).count();
    let people = plural(crowd.used as u64, "person", "people");
    let all = plural(places.len() as u64, "known place", "known places");
    let told = number(crowd.told as u64);
    let were = if touched == 1 || places.len() == 1 { "was" } else { "were" };
    format!("{people} used something, {told} said something; {touched} of {all} {were} touched.")
}

fn table(places: &[&PlaceCoverage], page: &mut Page, look: &Look) {
    let has_rates = WIDE <= look.width && places.iter().any(|at| !rate(at).is_empty());
    let mut columns = vec![
        Column::words(look, "place", Give::Start(7)),
        Column::figures(look, "uses"),
        Column::figures(look, "people"),
        Column::figures(look, "told"),
        Column::words(look, "first time", Give::End(4)),
    ];
    if has_rates {
        columns.push(Column::words(look, "hurt per use", Give::End(8)));
    }
    let mut table = Table::new(look, GAP, columns);
    for at in places {
        let mut cells = vec![
            (Tone::Bold, look.safe(at.place.as_str())),
            (Tone::Plain, look.safe(number(at.uses))),
            (Tone::Plain, look.safe(number(at.users as u64))),
            (Tone::Plain, look.safe(number(at.told as u64))),
            (Tone::Plain, look.safe(first_time(at))),
        ];
        if has_rates {
            cells.push((Tone::Plain, look.safe(rate(at))));
        }
        table.row(cells);
    }
    page.extend(table.lines());
}

/// How often it hurts, and what nobody decided about, which may make it more.
fn rate(at: &PlaceCoverage) -> String {
    let wait = plural(at.signals, "signal waits", "signals wait");
    match (&at.hurt_per_use, at.signals) {
        (None, 0) => String::new(),
        (None, _) => wait,
        (Some(rate), 0) => short_rate(rate),
        (Some(rate), _) => format!("{}; {wait}", short_rate(rate)),
    }
}

fn first_time(at: &PlaceCoverage) -> String {
    match (at.first_timers, at.first_timers_hurt) {
        (0, _) => String::new(),
        (all, 0) => number(all as u64),
        (all, hurt) => format!("{hurt} of {all} hurt"),
    }
}

/// What fresh eyes saw, which nobody sees again.
fn first_words(said: &[Quote], page: &mut Page, look: &Look) {
    if said.is_empty() {
        return;
    }
    page.blank();
    page.push(look.line().bold("Said on somebody's first day there"));
    let mut latest: Vec<&Quote> = said.iter().collect();
    latest.sort_by_key(|quote| Reverse(quote.at));
    for Quote { place, text, .. } in latest.into_iter().take(MOST_FIRST_WORDS) {
        let most = look.measure(GAP);
        let said = look.cut(&look.safe(format!("{place}  “{}”", text.trim())), 3 * most);
        for line in look.wrap(&said, most) {
            page.push(look.line().space(GAP).plain(line));
        }
    }
    if let Some(more @ 1..) = said.len().checked_sub(MOST_FIRST_WORDS) {
        let more = number(more as u64);
        page.prose(
            GAP,
            Tone::Dim,
            &format!("and {more} earlier ones: --under PLACE asks for fewer"),
        );
    }
}

fn untouched(places: &[PlaceCoverage], page: &mut Page, look: &Look) {
    let untouched: Vec<_> = places.iter().filter(|at| at.quiet == Quiet::Untouched).collect();
    if untouched.is_empty() {
        return;
    }
    page.blank();
    page.push(look.line().bold("Nobody touched"));
    let mut table = Table::new(
        look,
        GAP,
        vec![Column::words(look, "", Give::Start(7)), Column::words(look, "", Give::Never)],
    );
    for at in untouched.iter().take(MOST_UNTOUCHED) {
        let last = at.last_day.map(|day| format!("last {}", look.ago_day(day)));
        table.row(vec![
            (Tone::Plain, look.safe(at.place.as_str())),
            (Tone::Dim, look.safe(last.unwrap_or_default())),
        ]);
    }
    page.extend(table.lines());
    if let Some(more) = untouched.len().checked_sub(MOST_UNTOUCHED).filter(|more| *more != 0) {
        page.prose(GAP, Tone::Dim, &format!("and {} more", number(more as u64)));
    }
}

fn people(people: &[PersonCoverage], page: &mut Page, look: &Look) {
    if people.is_empty() {
        return;
    }
    page.blank();
    page.push(look.line().bold("People").space(GAP).dim("by name, not by count"));
    let columns = vec![
        Column::words(look, "person", Give::End(6)),
        Column::figures(look, "places"),
        Column::figures(look, "uses"),
        Column::figures(look, "told"),
        Column::figures(look, "first times"),
    ];
    let mut table = Table::new(look, GAP, columns);
    for of in people {
        table.row(vec![
            (Tone::Bold, look.safe(&of.person)),
            (Tone::Plain, look.safe(number(of.places as u64))),
            (Tone::Plain, look.safe(number(of.uses))),
            (Tone::Plain, look.safe(number(of.reports))),
            (Tone::Plain, look.safe(number(of.first_times as u64))),
        ]);
    }
    page.extend(table.lines());
}

#[cfg(test)]
mod tests {
    use snag::event::{Day, Place};

    use super::*;
    use crate::render::sample::look;

    #[test]
    fn the_latest_of_what_was_said_on_first_days_is_quoted() {
        let quote = |day: i32| Quote {
            id: uuid::Uuid::nil(),
            place: Place::parse("web/pay").unwrap(),
            severity: None,
            at: Day(day).start(),
            text: format!("of day {day}"),
        };
        let shown = |days: i32| {
            let mut page = look(80).page();
            first_words(&(0..days).map(quote).collect::<Vec<_>>(), &mut page, &look(80));
            page.finish()
        };
        assert!(shown(10).contains("of day 0”") && !shown(10).contains("and "), "{}", shown(10));
        let of_more = shown(12);
        assert!(of_more.find("of day 11”") < of_more.find("of day 2”"), "{of_more}");
        assert!(
            !of_more.contains("of day 1”") && of_more.contains("and 2 earlier ones"),
            "{of_more}"
        );
    }
}
