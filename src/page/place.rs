//! Why a place ranks where it does: every figure behind its rank, and what people said.

mod figures;
mod words;

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::{self, Release};
use super::filters::{RANKED, filters, further};
use super::frame::{Visit, frame};
use super::{MAP, RECORD, WHY, tell, text};
use crate::event::{Day, Event, Place};
use crate::hotspot::{VersionLine, Why};
use crate::index::WhyAnswer;
use crate::words::{number, plural};

/// Everything behind a place's rank, and its latest events.
#[must_use]
pub fn place(visit: &Visit, answer: &WhyAnswer, latest: &[Event]) -> String {
    let why = &answer.why;
    let view = html! {
        h1.place { (way(visit, &why.place)) }
        (filters(visit, RANKED, why.window, false))
        @if why.figures.pain != 0 || why.below.is_empty() { (headline(why)) }
        (standing(visit, why))
        @if let Some(row) = &why.hotspot {
            (chart::timeline(&row.spark, why.window, &releases(&why.versions, why.window.since), why.window.until))
        }
        div.sections {
            @if why.figures.pain != 0 { (figures::bill(why)) }
            (figures::trend(why))
            (figures::versions(visit, why))
            (words::told(why))
            (words::hindered(why))
            (figures::signals(answer))
            (figures::cost(why))
            (words::notes(answer))
            (words::events(visit, why, latest))
        }
        p.after {
            a.button href=(visit.address.at(RECORD).with("place", why.place.as_str())) {
                @if why.figures.pain == 0 { "Record a friction here" } @else { "It happened to me too" }
            }
        }
    };
    frame(visit, why.place.as_str(), &view)
}

/// The way down the tree: each place above as a link.
fn way(visit: &Visit, place: &Place) -> Markup {
    html! {
        @for depth in 1..=place.depth() {
            @let above = place.cut(depth);
            @let last = above.as_str().rsplit('/').next().unwrap_or_default();
            @if above == *place { bdi { (last) } }
            @else {
                a href=(visit.address.at(WHY).with("place", above.as_str())) { (last) }
                span.dim { "/" } wbr;
            }
        }
    }
}

/// Pain, rank, people and trend, large.
fn headline(why: &Why) -> Markup {
    let figures = &why.figures;
    html! {
        div.headline {
            p { b { (number(figures.pain)) } " pain" }
            @if let Some(rank) = why.rank { p { b { (rank) } " of " (number(why.of as u64)) " in rank" } }
            p { b { (number(figures.people.into())) } @if figures.people == 1 { " person" } @else { " people" } }
            @if let Some(row) = &why.hotspot { p { (tell::badge(row, why.window.until)) } }
        }
    }
}

/// Why there is a row, or none, where that needs saying.
fn standing(visit: &Visit, why: &Why) -> Markup {
    let link = |place: &Place| {
        html! { a href=(visit.address.at(WHY).with("place", place.as_str())) { (place.as_str()) } }
    };
    let others: Vec<_> = why.places.iter().filter(|other| **other != why.place).collect();
    html! {
        @if let Some(row) = &why.hotspot {
            @if !others.is_empty() {
                p.lead {
                    @if let Some(folded) = &row.folded { "The pain is " (folded) ", so this row" } @else { "This row also" }
                    " counts what happened at "
                    @for (at, other) in others.iter().take(12).enumerate() { @if at != 0 { ", " } (link(other)) }
                    @if 12 < others.len() { " and " (plural((others.len() - 12) as u64, "other", "others")) } "."
                }
            }
        } @else if let Some(above) = &why.counted_in {
            p.lead { "It has no row of its own: what was filed here is counted in " (link(above)) ". What follows is about this place alone." }
        } @else if !why.below.is_empty() {
            p.lead {
                "Nothing was filed here itself in these days, but below it. "
                a href=(visit.address.at(MAP).with("under", why.place.as_str())) { "See it on the map" } "."
            }
            ul.below { @for child in &why.below { li { (link(&child.place)) " " b { (number(child.pain)) } } } }
        } @else if why.figures.pain == 0 {
            p.lead {
                "Nothing hurt here in these days."
                @if let Some(further) = further(&visit.address, why.window) {
                    " " a href=(further) { "Look further back" } "."
                }
            }
        }
    }
}

/// Letters of a release's name over a chart.
const NAME: usize = 16;

/// The versions that were first met here in these days, and are later than all met before; several of one
/// day are one mark. `versions` are in their order, the earliest first.
fn releases(versions: &[VersionLine], since: Day) -> Vec<Release> {
    let mut days: BTreeMap<Day, Vec<(usize, &VersionLine)>> = BTreeMap::new();
    for (at, line) in versions.iter().enumerate().filter(|(_, line)| line.version.is_some()) {
        if let Some(day) = line.first_day {
            days.entry(day).or_default().push((at, line));
        }
    }
    let (mut latest, mut releases) = (None, Vec::new());
    for (day, met) in days {
        // What was met first was there before, and so was what is known of earlier days.
        let is_new = |(at, line): &(usize, &VersionLine)| {
            latest.is_some_and(|latest| latest < *at) && Some(since) <= line.first_seen
        };
        let new =
            met.iter().copied().filter(is_new).filter_map(|(_, line)| line.version.as_deref());
        releases.extend(named(&new.collect::<Vec<_>>()).map(|name| Release { name, day }));
        latest = latest.max(met.iter().map(|(at, _)| *at).max());
    }
    releases
}

/// What the mark of some versions says.
fn named(versions: &[&str]) -> Option<String> {
    match versions {
        [] => None,
        [version] => Some(text::short(version, NAME)),
        versions => Some(plural(versions.len() as u64, "version", "versions")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hotspot::Pain;

    #[test]
    fn a_release_is_later_than_all_that_was_met_before() {
        let line = |version: &str, first_seen, first_day| VersionLine {
            version: Some(version.to_owned()),
            figures: Pain::default(),
            reports: 1,
            first_day: Some(Day(first_day)),
            last_day: Some(Day(first_day)),
            first_seen: Some(Day(first_seen)),
        };
        let marked = |lines: &[VersionLine]| {
            let releases = releases(lines, Day(100)).into_iter();
            releases.map(|at| format!("{} {}", at.day.0, at.name)).collect::<Vec<_>>()
        };
        let (old, new) = (line("1.0", 120, 120), line("2.0", 105, 105));
        assert_eq!(marked(&[old, new.clone()]), [""; 0], "an old one that comes back");
        let old = line("1.0", 101, 101);
        assert_eq!(marked(&[old.clone(), new.clone()]), ["105 2.0"]);
        assert_eq!(marked(&[old.clone(), new.clone(), line("2.1", 105, 105)]), ["105 2 versions"]);
        assert_eq!(marked(&[old, line("2.0", 90, 105)]), [""; 0], "known from before");
        let old = line("1.0", 90, 103);
        assert_eq!(marked(&[old, new]), ["105 2.0"], "one known from before is earlier");
    }
}
