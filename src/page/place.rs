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
use crate::hotspot::Why;
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
            (chart::timeline(&row.spark, why.window, &releases(why), why.window.until))
        }
        div.sections {
            @if why.figures.pain != 0 { (figures::bill(why)) }
            (figures::trend(why))
            (figures::versions(visit, why))
            (words::told(why))
            (words::hindered(why))
            (figures::signals(answer))
            (figures::cost(why))
            (words::notes(&answer.notes, why.window.until))
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

/// The versions that were first met here after an earlier one; several of one day are one mark.
fn releases(why: &Why) -> Vec<Release> {
    let mut days: BTreeMap<Day, Vec<&str>> = BTreeMap::new();
    for line in &why.versions {
        if let (Some(version), Some(day)) = (&line.version, line.first_day) {
            days.entry(day).or_default().push(version);
        }
    }
    let later = days.into_iter().skip(1);
    let name = |versions: &[&str]| match versions {
        [version] => text::short(version, NAME),
        versions => plural(versions.len() as u64, "version", "versions"),
    };
    later.map(|(day, versions)| Release { name: name(&versions), day }).collect()
}
