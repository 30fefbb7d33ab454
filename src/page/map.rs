//! The map: the tree of places, each row of the ranking as large as its pain.
//!
//! # Promises
//!
//! - The cells are the rows of the list: nothing is counted in two of them. What a place above
//!   comes to is its rows' pain added up, is told as a sum, and is not that place's pain.
//! - The area of a cell is its pain: all are as wide, and none is lower than its label.
//! - Where there is no room for the rows of a place, it is one cell, whose colours have the shares
//!   of that pain that their trends have.
//! - On paper a sheet ends between two strips of it and never within a label; what goes on on the
//!   next one is named there again.

mod layout;

use std::collections::BTreeMap;
use std::ops::Range;

use maud::{Markup, html};

use super::chart::percent;
use super::filters::{RANKED, filters, further};
use super::frame::{Visit, frame};
use super::{Address, HOME, WHY, tell};
use crate::event::Place;
use crate::hotspot::{Hotspot, TrendWord};
use crate::index::Land;
use crate::words::{number, plural};
use layout::{Cell, Layout, NAMED, Node, TRENDS, Total, What};

/// How much of the width a column of places above has, and all of them together at most; the rows
/// have the rest.
const ABOVE: u64 = 22;
const ALL_ABOVE: u64 = 64;
/// A cell is told of in a second line from this height on.
const TOLD: u64 = 44;
/// And a place above on a phone of whom it hurts, which takes lines of its own there.
const TOLD_NARROW: u64 = 92;
/// How far a cell that began above a strip reaches out of it, so that its border does not show there.
const BEYOND: u64 = 9;
/// Rows of the list that a cell of small ones leads to.
const LISTED: &str = "1000";
/// Places named that hurt nobody, of each sort.
const MOST_PAINLESS: usize = 60;

/// The map of a question by place.
#[must_use]
pub fn map(visit: &Visit, land: &Land) -> String {
    let under = visit.address.get("under").and_then(|under| Place::parse(under).ok());
    let title = under.as_ref().map_or_else(|| "Map".to_owned(), |under| format!("Map of {under}"));
    let view = html! {
        h1 { (way(visit, under.as_ref())) }
        (filters(visit, RANKED, land.window, false))
        @if land.rows.is_empty() {
            section.empty {
                h2 { "Nothing hurt here in these days" }
                p { "A place has an area here once somebody says what got in their way, as large as its pain." }
                p {
                    @if let Some(further) = further(&visit.address, land.window) {
                        a.button href=(further) { "Look further back" } " "
                    }
                    a.button href=(HOME) { "See the list" }
                }
            }
        } @else {
            (icicle(visit, under.as_ref(), land))
            (legend())
        }
        (painless(visit, &land.painless))
    };
    frame(visit, &title, &view)
}

/// Places without an area: what is used and hurts nobody, and what nobody was at.
fn painless(visit: &Visit, places: &BTreeMap<Place, u64>) -> Markup {
    let (used, unused): (Vec<_>, Vec<_>) = places.iter().partition(|(_, uses)| **uses != 0);
    let groups = [
        ("Used, and nothing hurt", "chip quiet", used),
        ("Nothing hurt, and no use known", "chip unused", unused),
    ];
    html! {
        @for (title, class, places) in groups.iter().filter(|(_, _, places)| !places.is_empty()) {
            section.painless {
                h2 { (title) " " span.dim { (number(places.len() as u64)) } }
                p.plain {
                    @for (place, uses) in places.iter().take(MOST_PAINLESS) {
                        a class=(class) href=(visit.address.at(WHY).with("place", place.as_str())) {
                            (place) @if **uses != 0 { span.dim { " " (plural(**uses, "use", "uses")) } }
                        } " "
                    }
                    @if let Some(more @ 1..) = places.len().checked_sub(MOST_PAINLESS) {
                        span.dim { "and " (number(more as u64)) " more: " code { "snag coverage" } " tells of each" }
                    }
                }
            }
        }
    }
}

/// The way to where the map is, each step a link.
fn way(visit: &Visit, under: Option<&Place>) -> Markup {
    let all = visit.address.without("under");
    let Some(under) = under else { return html! { "Map" } };
    html! {
        a href=(all) { "Map" }
        @for depth in 1..=under.depth() {
            @let above = under.cut(depth);
            span.dim { " / " }
            @if above == *under { (last(above.as_str())) }
            @else { a href=(all.with("under", above.as_str())) { (last(above.as_str())) } }
        }
    }
}

fn legend() -> Markup {
    use TrendWord::{Better, New, Unclear, Unknown, Worse};
    html! {
        ul.legend {
            @for word in [Worse, New, Unclear, Unknown, Better] {
                @let (class, sign, name) = tell::trend(word);
                li { span class={ "key " (class) } aria-hidden="true" { (sign) } (name) }
            }
            li { span.key.unused aria-hidden="true" {} "no use known" }
            li.dim { "The larger, the more pain. Σ is the pain of several rows added up, coloured by its shares." }
        }
    }
}

/// Places from left to right, each as high as what hurts in it.
fn icicle(visit: &Visit, under: Option<&Place>, land: &Land) -> Markup {
    let root = Node::grow(&land.rows, under.map_or(0, Place::depth));
    let layout = Layout::of(&root, under.map_or("", Place::as_str));
    html! {
        div.map role="group" aria-label="Places by pain" {
            @for (at, strip) in layout.strips().into_iter().enumerate() {
                svg height=(strip.end - strip.start) {
                    @if at == 0 { (hatch()) }
                    @for cell in layout.cells.iter().filter(|cell| cell.is_in(&strip)) {
                        (draw(visit, cell, &strip, layout.columns, &land.parts))
                    }
                }
            }
        }
    }
}

fn hatch() -> Markup {
    html! {
        defs {
            pattern #hatch width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                rect width="2" height="7" {}
            }
        }
    }
}

/// What a cell says, and where it leads.
struct Said {
    class: &'static str,
    name: String,
    pain: String,
    /// What there may be no room for, and what there is none for on a phone.
    rest: String,
    trend: &'static str,
    /// What else whoever does not see the cell is told.
    told: String,
    link: Address,
}

impl Said {
    fn of(visit: &Visit, cell: &Cell, parts: &[Hotspot]) -> Self {
        match cell.what {
            What::Row(row) => Self::row(visit, cell, row),
            What::Above(place) => Self::above(visit, cell, place, parts),
            What::Whole(place) => {
                let rows = plural(cell.total.rows, "place", "places");
                let link = visit.address.with("under", place);
                let said = Self::sum(cell, last(place).to_owned(), link);
                let part = parts.iter().find(|part| part.key.name() == Some(place));
                let people = part.map(|part| format!(" · {}", people(part))).unwrap_or_default();
                Self { rest: format!("{rows}{people} · {}", said.rest), ..said }
            }
            What::Small => {
                let name = format!("{} more places", number(cell.total.rows));
                let said = Self::sum(cell, name, leads_on(&visit.address, cell.within));
                Self { class: "small", ..said }
            }
        }
    }

    fn row(visit: &Visit, cell: &Cell, row: &Hotspot) -> Self {
        let (class, sign, word) = tell::trend(row.trend.word);
        let place = row.key.name().unwrap_or_default();
        let (name, pain) = (below(place, cell.within), format!("pain {}", number(cell.total.pain)));
        let rest = people(row);
        Self {
            class,
            name: format!("{sign} {name}"),
            told: place.to_owned(),
            pain,
            rest,
            trend: word,
            link: visit.address.at(WHY).with("place", place),
        }
    }

    /// A place above: where it is a part of what is asked about, also whom it hurts and its trend.
    fn above(visit: &Visit, cell: &Cell, place: &str, parts: &[Hotspot]) -> Self {
        let said = Self::sum(cell, last(place).to_owned(), visit.address.with("under", place));
        let Some(part) = parts.iter().find(|part| part.key.name() == Some(place)) else {
            return Self { class: "above", rest: String::new(), ..said };
        };
        let (_, sign, word) = tell::trend(part.trend.word);
        let rest = format!("{} {sign}\u{a0}{word}", people(part));
        Self { class: "above", rest, ..said }
    }

    /// Several rows as one.
    fn sum(cell: &Cell, name: String, link: Address) -> Self {
        let (total, pain) = (&cell.total, number(cell.total.pain));
        let signs = by_trend(total, |(_, sign, _), rows| format!("{sign} {}", number(rows)));
        let words = by_trend(total, |(_, _, word), rows| format!("{} {word}", number(rows)));
        let told = format!("together: {}", words.join(", "));
        Self {
            class: "",
            name,
            pain: format!("Σ {pain}"),
            rest: signs.join("  "),
            trend: "",
            told,
            link,
        }
    }
}

fn people(row: &Hotspot) -> String {
    plural(row.figures.people.into(), "person", "people")
}

/// Where more places of one are to be seen: on a map of their own, or in the list if that is here.
fn leads_on(address: &Address, within: &str) -> Address {
    let is_here = address.get("under").unwrap_or_default() == within;
    let view = if is_here { address.at(HOME).with("top", LISTED) } else { address.clone() };
    if within.is_empty() { view } else { view.with("under", within) }
}

/// What of a cell is in a strip. Where it began in one above, only paper names it again: to a reader
/// of the screen, and to the keyboard, it is one.
fn draw(visit: &Visit, cell: &Cell, strip: &Range<u64>, columns: u64, parts: &[Hotspot]) -> Markup {
    let Said { class, name, pain, rest, trend, told, link } = Said::of(visit, cell, parts);
    let goes_on = cell.y < strip.start;
    let (y, height) = if goes_on {
        (format!("-{BEYOND}"), cell.y + cell.height + BEYOND - strip.start)
    } else {
        ((cell.y - strip.start).to_string(), cell.height)
    };
    let above = ABOVE.min(ALL_ABOVE / columns);
    // What is above reaches behind what is below it.
    let is_above = matches!(cell.what, What::Above(_));
    let left = if is_above { cell.column * above } else { (columns - 1) * above };
    let named = if is_above { percent(above, 100 - left) } else { "100%".to_owned() };
    let all_told = (!goes_on).then(|| format!("{name} {pain} {rest} {trend}, {told}"));
    html! {
        a href=(link) aria-label=[all_told] tabindex=[goes_on.then_some(-1)] aria-hidden=[goes_on.then_some("true")] {
            svg class={ "cell " (class) } x=(percent(left, 100)) y=(y)
                width=(percent(100 - left, 100)) height=(height) {
                @if !is_above { (shares(&cell.total)) }
                rect.box width="100%" height="100%" {}
                @if !is_above && cell.total.uses == 0 { rect.hatch width="100%" height="100%" fill="url(#hatch)" {} }
                @if goes_on {
                    foreignObject.again y=(BEYOND) width=(named) height=(NAMED) { div.low { b { "… " (name) } } }
                } @else {
                    foreignObject width=(named) height=(height) {
                        div.low[height < TOLD].mid[height < TOLD_NARROW] {
                            b { (name) } " "
                            span {
                                (pain)
                                @if !rest.is_empty() { " " i { (rest) } }
                                @if !trend.is_empty() { " " i.wide { (trend) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The colours of a cell: each as wide as its trend's share of the pain.
fn shares(total: &Total) -> Markup {
    let ends = total.by.iter().scan(0, |end, (_, pain)| {
        *end += pain;
        Some(*end)
    });
    let shares = TRENDS.iter().zip(total.by).zip(ends).filter(|((_, (_, pain)), _)| *pain != 0);
    html! {
        @for ((word, (_, pain)), end) in shares {
            rect class={ "share " (tell::trend(*word).0) } x=(percent(end - pain, total.pain))
                width=(percent(pain, total.pain)) height="100%" {}
        }
    }
}

/// Of each trend that there is, how many rows have it.
fn by_trend(
    total: &Total,
    told: impl Fn((&'static str, &'static str, &'static str), u64) -> String,
) -> Vec<String> {
    let by = TRENDS.iter().zip(total.by).filter(|(_, (rows, _))| *rows != 0);
    by.map(|(word, (rows, _))| told(tell::trend(*word), rows)).collect()
}

/// A place as seen from one above it.
fn below<'a>(place: &'a str, above: &str) -> &'a str {
    let rest = place.strip_prefix(above).map(|rest| rest.trim_start_matches('/'));
    match rest {
        Some("") => "itself",
        Some(rest) => rest,
        None => place,
    }
}

fn last(place: &str) -> &str {
    place.rsplit('/').next().unwrap_or(place)
}
