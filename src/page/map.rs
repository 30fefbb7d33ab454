//! The map: the tree of places, each row of the ranking as large as its pain.
//!
//! # Promises
//!
//! - The cells are the rows of the list: nothing is counted in two of them. A place above is as
//!   large as what lies below it and is no figure.
//! - The area of a row is its pain: all rows are as wide. Rows too small to be named are one cell
//!   together.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::chart::percent;
use super::filters::{RANKED, filters};
use super::frame::{Visit, frame};
use super::{HOME, WHY, tell};
use crate::event::Place;
use crate::hotspot::{Hotspot, TrendWord};
use crate::index::HotspotsAnswer;
use crate::words::{number, plural};

/// How much of the width a column of places above has; the rows have the rest.
const ABOVE: u64 = 22;
/// A row is named from this height on, and told of in a second line from the other on.
const NAMED: u64 = 20;
const TOLD: u64 = 42;
/// Columns at most: places lie up to eight deep, and the deeper ones share the last.
const MOST_COLUMNS: u64 = 4;
/// The height of a map: so much a row, within limits.
const A_ROW: u64 = 64;
const HEIGHT: std::ops::RangeInclusive<u64> = 128..=640;

/// The map of a ranking by place.
#[must_use]
pub fn map(visit: &Visit, answer: &HotspotsAnswer) -> String {
    let under = visit.address.get("under").and_then(|under| Place::parse(under).ok());
    let title = under.as_ref().map_or_else(|| "Map".to_owned(), |under| format!("Map of {under}"));
    let view = html! {
        h1 { (way(visit, under.as_ref())) }
        (filters(visit, RANKED, answer.window, false))
        @if answer.rows.is_empty() {
            section.empty {
                h2 { "Nothing hurt here in these days" }
                p { a.button href=(HOME) { "See the list" } }
            }
        } @else {
            (icicle(visit, under.as_ref(), &answer.rows))
            (legend(answer))
        }
    };
    frame(visit, &title, &view)
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

fn legend(answer: &HotspotsAnswer) -> Markup {
    use TrendWord::{Better, New, Unclear, Worse};
    html! {
        ul.legend {
            @for word in [Worse, New, Unclear, Better] {
                @let (class, sign, name) = tell::trend(word);
                li { span class={ "key " (class) } aria-hidden="true" { (sign) } (name) }
            }
            li { span.key.unused aria-hidden="true" {} "no use known" }
            li.dim { "The larger, the more pain." @if answer.more != 0 { " " (plural(answer.more as u64, "row is", "rows are")) " too small to be drawn." } }
        }
    }
}

/// A place with what lies below it.
#[derive(Default)]
struct Node<'a> {
    row: Option<&'a Hotspot>,
    pain: u64,
    below: BTreeMap<&'a str, Node<'a>>,
}

impl<'a> Node<'a> {
    fn grow(rows: &'a [Hotspot], base: usize) -> Self {
        let mut root = Self::default();
        for row in rows {
            let Some(place) = row.key.place() else { continue };
            let mut node = &mut root;
            node.pain += row.figures.pain;
            for (end, _) in place.as_str().match_indices('/').chain([(place.as_str().len(), "")]) {
                let above = &place.as_str()[..end];
                if above.split('/').count() <= base {
                    continue;
                }
                node = node.below.entry(above).or_default();
                node.pain += row.figures.pain;
            }
            node.row = Some(row);
        }
        root
    }

    /// Every row at or below it, by its place.
    fn rows(&self) -> Vec<(&'a str, &'a Hotspot)> {
        let own = self.row.and_then(|row| Some((row.key.name()?, row)));
        own.into_iter().chain(self.below.values().flat_map(Node::rows)).collect()
    }

    fn depth(&self) -> u64 {
        self.below.values().map(|node| 1 + node.depth()).max().unwrap_or(0)
    }
}

/// What a cell stands for.
enum What<'a> {
    /// A row, with its name below the cell to its left.
    Row(&'a Hotspot),
    /// A place that is only what lies below it.
    Above(&'a str),
    /// So many rows too small to be named.
    Small(usize),
}

struct Cell<'a> {
    what: What<'a>,
    /// The place of the cell to its left.
    within: &'a str,
    pain: u64,
    column: u64,
    y: u64,
    height: u64,
}

/// Places from left to right, each as high as what hurts in it.
fn icicle(visit: &Visit, under: Option<&Place>, rows: &[Hotspot]) -> Markup {
    let root = Node::grow(rows, under.map_or(0, Place::depth));
    let columns = root.depth().clamp(1, MOST_COLUMNS);
    let height = (rows.len() as u64 * A_ROW).clamp(*HEIGHT.start(), *HEIGHT.end());
    let mut cells = Vec::new();
    let within = under.map_or("", Place::as_str);
    fill(&root, Span { within, column: 0, columns, top: 0, height }, &mut cells);
    html! {
        svg.map height=(height) role="group" aria-label="Places by pain" {
            defs {
                pattern #hatch width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect width="2" height="7" {}
                }
            }
            @for cell in &cells { (draw(visit, cell, columns)) }
        }
    }
}

/// What a node's span of height is shared among.
fn parts<'a, 'n>(node: &'n Node<'a>, within: &'a str, is_last: bool) -> Vec<Part<'a, 'n>> {
    let row = |(place, row): (&'a str, &'a Hotspot)| Part {
        place,
        pain: row.figures.pain,
        what: What::Row(row),
        below: None,
    };
    let mut parts: Vec<_> = if is_last {
        node.rows().into_iter().map(row).collect()
    } else {
        let own = node.row.map(|own| row((within, own)));
        let below = node.below.iter().map(|(place, node)| match node.row {
            Some(own) if node.below.is_empty() => row((place, own)),
            _ => Part { place, pain: node.pain, what: What::Above(place), below: Some(node) },
        });
        own.into_iter().chain(below).collect()
    };
    parts.sort_by(|a, b| b.pain.cmp(&a.pain).then_with(|| a.place.cmp(b.place)));
    parts
}

struct Part<'a, 'n> {
    place: &'a str,
    pain: u64,
    what: What<'a>,
    below: Option<&'n Node<'a>>,
}

/// Where what lies below a node is drawn.
#[derive(Clone, Copy)]
struct Span<'a> {
    within: &'a str,
    column: u64,
    columns: u64,
    top: u64,
    height: u64,
}

/// Shares a span of height among what lies below a node, the most pain first.
fn fill<'a>(node: &Node<'a>, span: Span<'a>, cells: &mut Vec<Cell<'a>>) {
    let Span { within, column, columns, top, height } = span;
    let parts = parts(node, within, column + 1 == columns);
    let (mut sum, mut y, count) = (0, top, parts.len());
    for (at, Part { place, pain, what, below }) in parts.into_iter().enumerate() {
        let before = sum;
        sum += pain;
        // Ends are rounded, not heights, so that they add up.
        let end = top + (sum * height + node.pain / 2) / node.pain.max(1);
        if end - y < NAMED && at + 1 < count {
            let (pain, height) = (node.pain - before, top + height - y);
            cells.push(Cell { what: What::Small(count - at), within, pain, column, y, height });
            return;
        }
        let height = end - y;
        cells.push(Cell { what, within, pain, column, y, height });
        if let Some(below) = below {
            let span = Span { within: place, column: column + 1, columns, top: y, height };
            fill(below, span, cells);
        }
        y = end;
    }
}

fn draw(visit: &Visit, cell: &Cell, columns: u64) -> Markup {
    let address = &visit.address;
    // What is above reaches behind what is below it.
    let left = match cell.what {
        What::Above(_) => cell.column * ABOVE,
        What::Row(_) | What::Small(_) => (columns - 1) * ABOVE,
    };
    let (class, name, second, told, link) = match cell.what {
        What::Row(row) => {
            let (class, sign, word) = tell::trend(row.trend.word);
            let place = row.key.name().unwrap_or_default();
            let people = plural(row.figures.people.into(), "person", "people");
            let pain = number(cell.pain);
            (
                class,
                format!("{sign} {}", below(place, cell.within)),
                format!("pain {pain} · {people} · {word}"),
                format!("{} pain {pain} · {people} · {word}, {place}", below(place, cell.within)),
                address.at(WHY).with("place", place),
            )
        }
        What::Above(place) => (
            "above",
            last(place).to_owned(),
            String::new(),
            format!("{}: what lies below {place}", last(place)),
            address.with("under", place),
        ),
        What::Small(count) => {
            let smaller = plural(count as u64, "smaller one", "smaller ones");
            let told = format!("{smaller}: pain {} together", number(cell.pain));
            let is_here = address.get("under").unwrap_or_default() == cell.within;
            let view = if is_here { address.at(HOME) } else { address.clone() };
            let link = if cell.within.is_empty() { view } else { view.with("under", cell.within) };
            ("small", smaller, String::new(), told, link)
        }
    };
    let is_unused = matches!(cell.what, What::Row(row) if row.uses == 0);
    html! {
        a href=(link) aria-label=(told) {
            svg class={ "cell " (class) } x=(percent(left, 100)) y=(cell.y)
                width=(percent(100 - left, 100)) height=(cell.height) {
                rect.box width="100%" height="100%" {}
                @if is_unused { rect.hatch width="100%" height="100%" fill="url(#hatch)" {} }
                @if 14 <= cell.height {
                    text {
                        tspan.label x="10" y=(if cell.height < TOLD { cell.height.div_ceil(2) + 5 } else { 20 }) { (name) }
                        @if TOLD <= cell.height { " " tspan.second x="10" y="37" { (second) } }
                    }
                }
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Actor, Day, Kind};
    use crate::hotspot::{CellKey, Question, Shape, Window, rank};

    /// Rows of places, each with the points of one person's day.
    fn rows(places: &[(String, u8)]) -> Vec<Hotspot> {
        let day = Day(100);
        let cells: Vec<_> = (0..)
            .zip(places)
            .map(|(person, (place, severity)): (u32, _)| {
                let mut cell = crate::hotspot::Cell::default();
                cell.reports[usize::from(*severity)] = 1;
                let key = CellKey {
                    day,
                    place: Place::parse(place).unwrap(),
                    person: person.to_string().into(),
                    actor: Actor::Human,
                    kind: Some(Kind::Slow),
                    version: None,
                };
                (key, cell)
            })
            .collect();
        let question = Question { shape: Shape::Flat, ..Question::over(Window::ending(day, 28)) };
        rank(&question, cells.iter().map(|(key, cell)| (key, cell)), |_| Some(day))
    }

    /// The cells of a map `height` high.
    fn cells(rows: &[Hotspot], height: u64) -> Vec<(String, u64, u64, u64)> {
        let root = Node::grow(rows, 0);
        let columns = root.depth().clamp(1, MOST_COLUMNS);
        let mut cells = Vec::new();
        fill(&root, Span { within: "", column: 0, columns, top: 0, height }, &mut cells);
        let told = cells.iter().map(|cell| {
            let what = match cell.what {
                What::Row(row) => row.key.name().unwrap().to_owned(),
                What::Above(place) => format!("{place}/"),
                What::Small(count) => format!("{count} small in {}/", cell.within),
            };
            (what, cell.pain, cell.y, cell.height)
        });
        told.collect()
    }

    #[test]
    fn a_tree() {
        let places = [
            ("web/pay", 3),
            ("web/pay", 3),
            ("web/cart/add", 2),
            ("web", 1),
            ("cli", 2),
            ("web/cart/x", 0),
        ];
        let rows = rows(&places.map(|(place, severity)| (place.to_owned(), severity)));
        let told = cells(&rows, 200).into_iter().map(|(what, pain, y, height)| {
            format!("{what:20} pain {pain:3}  from {y:3}, {height:3} high")
        });
        assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
    }

    fn places() -> impl Strategy<Value = Vec<(String, u8)>> {
        let place = "[ab](/[abc]){0,5}";
        prop::collection::vec((place, 0..4_u8), 1..80)
    }

    proptest! {
        #[test]
        fn each_row_is_drawn_once_and_as_large_as_its_pain(places in places(), height in 128..640_u64) {
            let rows = rows(&places);
            let all: u64 = rows.iter().map(|row| row.figures.pain).sum();
            let cells = cells(&rows, height);
            let rows_and_small = cells.iter().filter(|(what, ..)| !what.ends_with('/') || what.contains(" small "));
            let (mut drawn, mut pain, mut covered) = (0, 0, 0);
            for (what, own, _, high) in rows_and_small {
                drawn += what.split_once(" small ").map_or(1, |(count, _)| count.parse().unwrap());
                pain += own;
                covered += high;
                // A share is rounded once for each place above.
                let exact = own * height / all;
                prop_assert!(exact.abs_diff(*high) <= 6, "{} {} of {}", what, high, exact);
            }
            prop_assert!(drawn <= rows.len(), "{} of {}", drawn, rows.len());
            prop_assert_eq!((pain, covered), (all, height));
        }
    }
}
