//! Where the cells of a map lie.
//!
//! # Promises
//!
//! - Every row is in exactly one cell, its own or one of several.
//! - A cell is as high as its pain, or as its label where that is higher.
//! - A place none of whose parts is worth a label is one cell of several.
//! - Strips are the map from top to bottom, and no label is in two of them.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use crate::hotspot::{Hotspot, TrendWord};

/// A cell has at least the height of its label.
pub(super) const NAMED: u64 = 22;
/// A map is so high that its cells are this high on average, within limits.
const A_CELL: u64 = 64;
const CELLS: RangeInclusive<u64> = 2..=25;
/// A strip has at most this height, unless there is no place to end it before; and a cell is cut in
/// two only where it is too high for half a sheet.
const STRIP: u64 = 200;
const HALF_A_SHEET: u64 = 400;
/// No strip ends so near below the top of a row, or of a place above, whose label takes more lines.
const LABEL: u64 = 48;
const LABEL_ABOVE: u64 = 120;
/// Columns at most: places lie up to eight deep, and the deeper ones share the last.
const MOST_COLUMNS: u64 = 4;
/// Cells that a map has at least of its first column, if there are as many.
const FIRST: usize = 24;

/// Trends, the most alarming first.
pub(super) const TRENDS: [TrendWord; 5] =
    [TrendWord::Worse, TrendWord::New, TrendWord::Unclear, TrendWord::Unknown, TrendWord::Better];

/// What rows come to together.
#[derive(Clone, Default)]
pub(super) struct Total {
    pub(super) pain: u64,
    pub(super) rows: u64,
    pub(super) uses: u64,
    /// Rows and their pain by trend, as [`TRENDS`] are.
    pub(super) by: [(u64, u64); TRENDS.len()],
}

impl Total {
    fn of(row: &Hotspot) -> Self {
        let pain = row.figures.pain;
        let by = TRENDS.map(|word| if word == row.trend.word { (1, pain) } else { (0, 0) });
        Self { pain, rows: 1, uses: row.uses, by }
    }

    fn add(&mut self, other: &Self) {
        self.pain += other.pain;
        self.rows += other.rows;
        self.uses += other.uses;
        for (mine, other) in self.by.iter_mut().zip(other.by) {
            *mine = (mine.0 + other.0, mine.1 + other.1);
        }
    }
}

/// A place with what lies below it.
#[derive(Default)]
pub(super) struct Node<'a> {
    row: Option<&'a Hotspot>,
    total: Total,
    below: BTreeMap<&'a str, Node<'a>>,
}

impl<'a> Node<'a> {
    /// The tree of rows that lie below a place of depth `base`.
    pub(super) fn grow(rows: &'a [Hotspot], base: usize) -> Self {
        let mut root = Self::default();
        for row in rows {
            let Some(place) = row.key.place() else { continue };
            let own = Total::of(row);
            let mut node = &mut root;
            node.total.add(&own);
            for (end, _) in place.as_str().match_indices('/').chain([(place.as_str().len(), "")]) {
                let above = &place.as_str()[..end];
                if above.split('/').count() <= base {
                    continue;
                }
                node = node.below.entry(above).or_default();
                node.total.add(&own);
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
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// A row, with its name below the cell to its left.
    Row(&'a Hotspot),
    /// A place that is only what lies below it, which is drawn beside it.
    Above(&'a str),
    /// The same, where nothing below it is worth a label.
    Whole(&'a str),
    /// Rows too small to be named.
    Small,
}

pub(super) struct Cell<'a> {
    pub(super) what: What<'a>,
    /// The place of the cell to its left.
    pub(super) within: &'a str,
    pub(super) total: Total,
    pub(super) column: u64,
    pub(super) y: u64,
    pub(super) height: u64,
}

impl Cell<'_> {
    pub(super) fn is_in(&self, strip: &Range<u64>) -> bool {
        self.y < strip.end && strip.start < self.y + self.height
    }

    /// Whether it has nothing to its right.
    pub(super) fn is_last(&self) -> bool {
        !matches!(self.what, What::Above(_))
    }
}

/// The cells of a map, its columns and its height.
pub(super) struct Layout<'a> {
    pub(super) cells: Vec<Cell<'a>>,
    pub(super) columns: u64,
    pub(super) height: u64,
}

impl<'a> Layout<'a> {
    /// The highest map whose cells are not too large.
    pub(super) fn of(root: &Node<'a>, within: &'a str) -> Self {
        let at = |cells: u64| Self::scaled(root, within, cells * A_CELL);
        let is_filled = |(cells, layout): &(u64, Self)| {
            let drawn = layout.cells.iter().filter(|cell| !matches!(cell.what, What::Above(_)));
            *cells <= drawn.count() as u64
        };
        let tried = CELLS.rev().map(|cells| (cells, at(cells))).find(is_filled);
        tried.map_or_else(|| at(*CELLS.start()), |(_, layout)| layout)
    }

    /// A map whose pain is so high in all, and some labels more.
    pub(super) fn scaled(root: &Node<'a>, within: &'a str, height: u64) -> Self {
        let mut cells = Vec::new();
        let depth = root.depth().clamp(1, MOST_COLUMNS);
        let scale = Scale { height, pain: root.total.pain.max(1), depth };
        let height = scale.fill(root, Spot { within, column: 0, y: 0 }, &mut cells);
        let columns = cells.iter().map(|cell| cell.column + 1).max().unwrap_or(1);
        Self { cells, columns, height }
    }

    /// What a sheet of paper has room for, from top to bottom: each ends where a cell does, or within
    /// one that is higher than a strip.
    pub(super) fn strips(&self) -> Vec<Range<u64>> {
        let ends = self.cells.iter().filter(|cell| cell.is_last()).map(|cell| cell.y + cell.height);
        let (mut strips, mut start, mut last) = (Vec::new(), 0, 0);
        for end in ends.filter(|end| self.is_free(*end)) {
            if STRIP < end - start && start < last {
                strips.push(start..last);
                start = last;
            }
            while HALF_A_SHEET + LABEL < end - start && self.is_free(start + HALF_A_SHEET) {
                strips.push(start..start + HALF_A_SHEET);
                start += HALF_A_SHEET;
            }
            last = end;
        }
        strips.push(start..self.height);
        strips
    }

    /// Whether no label lies across a height.
    fn is_free(&self, y: u64) -> bool {
        let is_across = |cell: &Cell| {
            let label = if cell.is_last() { LABEL } else { LABEL_ABOVE };
            cell.y < y && y < cell.y + label.min(cell.height)
        };
        !self.cells.iter().any(is_across)
    }
}

/// Where what lies below a node begins.
#[derive(Clone, Copy)]
struct Spot<'a> {
    within: &'a str,
    column: u64,
    y: u64,
}

/// One of the parts that a node's height is shared among.
struct Part<'a, 'n> {
    place: &'a str,
    what: What<'a>,
    total: Total,
    below: Option<&'n Node<'a>>,
}

/// So much height for so much pain, and how many columns there may be.
#[derive(Clone, Copy)]
struct Scale {
    height: u64,
    pain: u64,
    depth: u64,
}

impl Scale {
    fn of(&self, pain: u64) -> u64 {
        (pain * self.height + self.pain / 2) / self.pain
    }

    /// Puts what lies below a node one below the other, the most pain first: where it ends.
    fn fill<'a>(&self, node: &Node<'a>, spot: Spot<'a>, cells: &mut Vec<Cell<'a>>) -> u64 {
        let Spot { within, column, mut y } = spot;
        let mut named = self.parts(node, within, column);
        let small = named.split_off(self.named(&named, column));
        for Part { place, what, total, below } in named {
            let mut beside = Vec::new();
            let bottom = below
                .filter(|below| self.named(&self.parts(below, place, column + 1), column + 1) != 0)
                .map(|below| {
                    self.fill(below, Spot { within: place, column: column + 1, y }, &mut beside)
                });
            let height = bottom.map_or_else(|| self.of(total.pain).max(NAMED), |bottom| bottom - y);
            let what = match what {
                What::Above(place) if bottom.is_none() => What::Whole(place),
                what => what,
            };
            cells.push(Cell { what, within, total, column, y, height });
            cells.append(&mut beside);
            y += height;
        }
        if !small.is_empty() {
            let mut total = Total::default();
            for part in &small {
                total.add(&part.total);
            }
            let height = self.of(total.pain).max(NAMED);
            cells.push(Cell { what: What::Small, within, total, column, y, height });
            y += height;
        }
        y
    }

    /// How many parts are named: one alone that is too small is, since it has room as several have.
    fn named(&self, parts: &[Part], column: u64) -> usize {
        let named = parts.iter().take_while(|part| NAMED <= self.of(part.total.pain)).count();
        let named = if column == 0 { named.max(FIRST).min(parts.len()) } else { named };
        if named + 1 == parts.len() { parts.len() } else { named }
    }

    fn parts<'a, 'n>(&self, node: &'n Node<'a>, within: &'a str, column: u64) -> Vec<Part<'a, 'n>> {
        let row = |(place, row): (&'a str, &'a Hotspot)| Part {
            place,
            what: What::Row(row),
            total: Total::of(row),
            below: None,
        };
        let mut parts: Vec<_> = if self.depth <= column + 1 {
            node.rows().into_iter().map(row).collect()
        } else {
            let own = node.row.map(|own| row((within, own)));
            let below = node.below.iter().map(|(place, node)| match node.row {
                Some(own) if node.below.is_empty() => row((place, own)),
                _ => {
                    let (what, total) = (What::Above(place), node.total.clone());
                    Part { place, what, total, below: Some(node) }
                }
            });
            own.into_iter().chain(below).collect()
        };
        parts.sort_by(|a, b| b.total.pain.cmp(&a.total.pain).then_with(|| a.place.cmp(b.place)));
        parts
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Actor, Day, Kind, Place};
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
        rank(&question, cells.iter().map(|(key, cell)| (key, cell)), &BTreeMap::new())
    }

    fn told(layout: &Layout) -> String {
        let told = layout.cells.iter().map(|cell| {
            let what = match cell.what {
                What::Row(row) => row.key.name().unwrap().to_owned(),
                What::Above(place) => format!("{place}/"),
                What::Whole(place) => format!("{place}, {} in one", cell.total.rows),
                What::Small => format!("{} small in {}/", cell.total.rows, cell.within),
            };
            let (pain, y, height) = (cell.total.pain, cell.y, cell.height);
            format!("{what:24} pain {pain:4}  from {y:4}, {height:4} high, column {}", cell.column)
        });
        told.collect::<Vec<_>>().join("\n")
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
        assert_snapshot!(told(&Layout::of(&Node::grow(&rows, 0), "")));
    }

    #[test]
    fn a_thousand_places_are_told_by_the_places_above() {
        let thing = |at: usize| (format!("area{}/part{}/thing{at}", at % 10, at / 10 % 20), 1);
        let rows = rows(&(0..1190).map(thing).collect::<Vec<_>>());
        let all = Layout::of(&Node::grow(&rows, 0), "");
        assert_snapshot!(told(&all));
        let area: Vec<_> = rows
            .iter()
            .filter(|row| row.key.name().unwrap().starts_with("area6/"))
            .cloned()
            .collect();
        assert_snapshot!(told(&Layout::of(&Node::grow(&area, 1), "area6")));
    }

    fn places() -> impl Strategy<Value = Vec<(String, u8)>> {
        let place = "[ab](/[abc]){0,5}";
        prop::collection::vec((place, 0..4_u8), 1..80)
    }

    proptest! {
        #[test]
        fn each_row_is_in_one_cell_and_as_large_as_its_pain(places in places(), height in 128..1600_u64) {
            let rows = rows(&places);
            let all: u64 = rows.iter().map(|row| row.figures.pain).sum();
            let layout = Layout::scaled(&Node::grow(&rows, 0), "", height);
            let (mut drawn, mut pain, mut y) = (0, 0, 0);
            for cell in layout.cells.iter().filter(|cell| !matches!(cell.what, What::Above(_))) {
                let own = cell.total.pain;
                drawn += cell.total.rows;
                pain += own;
                prop_assert_eq!(cell.height, ((own * height + all / 2) / all).max(NAMED));
                prop_assert_eq!(cell.y, y, "cells lie one below the other");
                y += cell.height;
                let shares = cell.total.by.iter().fold((0, 0), |sum, by| (sum.0 + by.0, sum.1 + by.1));
                prop_assert_eq!(shares, (cell.total.rows, own));
            }
            prop_assert_eq!((drawn, pain, y), (rows.len() as u64, all, layout.height));
            let strips = layout.strips();
            let ends = std::iter::once(0).chain(strips.iter().map(|strip| strip.end));
            prop_assert!(strips.iter().map(|strip| strip.start).eq(ends.take(strips.len())));
            prop_assert_eq!(strips.last().map(|strip| strip.end), Some(layout.height));
            for strip in &strips[..strips.len() - 1] {
                prop_assert!(strip.start < strip.end && layout.is_free(strip.end), "{:?}", strip);
            }
        }
    }
}
