//! A walk through time: day by day, and on each day the lists of its places merged.
//!
//! A day of a large company has thousands of lists, and to open one is to look for it in sled; but a page
//! has fifty events. So a list is opened when its hour comes: the day's cells tell which lists have
//! anything that is asked for, and of reports the hours.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::RangeInclusive;
use std::sync::PoisonError;

use smallvec::smallvec;
use uuid::Uuid;

use super::decide::Mutings;
use super::key::{self, Millis, Sieve};
use super::list::{Cursor, Filter, Spot};
use super::order::Order;
use super::{Index, IndexError};
use crate::event::{Day, Place};
use crate::hotspot::{Cell, CellKey};

type Spots = Box<dyn Iterator<Item = Result<Spot, IndexError>>>;

/// The walk.
pub(super) struct Walk<'a> {
    index: &'a Index,
    filter: &'a Filter,
    sieve: Sieve,
    order: Order,
    /// The instants asked for, both included.
    first: Millis,
    last: Millis,
    after: Option<Cursor>,
    /// The day to look at next.
    day: Day,
    heads: BinaryHeap<Head>,
}

impl<'a> Walk<'a> {
    /// A walk through what a filter may admit, behind `after`.
    pub(super) fn new(
        index: &'a Index,
        filter: &'a Filter,
        order: Order,
        after: Option<Cursor>,
    ) -> Self {
        let mut first = filter.since.map_or(Millis::MIN, |day| key::millis(day.start()));
        let mut last = filter.until.map_or(Millis::MAX, |day| key::millis(day.plus(1).start()) - 1);
        match (order, after) {
            (Order::Newest, Some(cursor)) => last = last.min(cursor.at),
            (Order::Oldest, Some(cursor)) => first = first.max(cursor.at),
            (_, None) => {}
        }
        let day = match order {
            Order::Newest => day_of(last),
            Order::Oldest => day_of(first),
        };
        let (sieve, heads) = (filter.sieve(), BinaryHeap::new());
        Self { index, filter, sieve, order, first, last, after, day, heads }
    }

    /// The next spot; none at the end.
    pub(super) fn next_spot(&mut self) -> Result<Option<Spot>, IndexError> {
        loop {
            let Some(head) = self.heads.pop() else {
                if self.begin_day()? {
                    continue;
                }
                return Ok(None);
            };
            let (sequence, rest) = match head.list {
                List::Shut { place, band, span } => {
                    self.push(self.open(&place, band, span))?;
                    continue;
                }
                List::Open { sequence, rest } => (sequence, rest),
            };
            let (at, id) = head.next;
            self.push(rest)?;
            let is_behind =
                |cursor: Cursor| self.order.is_before(&(cursor.at, cursor.id), &(at, id));
            if self.after.is_none_or(is_behind) {
                return Ok(Some(Spot { at, id, sequence }));
            }
        }
    }

    /// Gathers the lists of the next day on which anything happened; false at the end.
    fn begin_day(&mut self) -> Result<bool, IndexError> {
        let Some(day) = self.index.busy_day(self.day, self.order)? else { return Ok(false) };
        let start = key::millis(day.start());
        let end = key::millis(day.plus(1).start()) - 1;
        if end < self.first || self.last < start {
            return Ok(false);
        }
        let (first, last) = (start.max(self.first), end.min(self.last));
        let days = self.index.cells(day, day)?;
        // Later than the cells, which lack nothing that was muted since.
        let mutings = self.index.mutings.read().unwrap_or_else(PoisonError::into_inner);
        let mut heads = std::mem::take(&mut self.heads).into_vec();
        // A day's cells lie in the order of their keys, and so by place.
        for cells in
            days.iter().flat_map(|cells| cells.chunk_by(|(a, _), (b, _)| a.place == b.place))
        {
            let hours = self.hours(cells, &mutings);
            for band in self.filter.bands() {
                let hours = hours[usize::from(band)];
                let Some(span) = self.order.first_hours(hours, start, first..=last) else {
                    continue;
                };
                heads.push(Head::shut(self.order, cells[0].0.place.clone(), band, span));
            }
        }
        drop(mutings);
        self.heads = heads.into();
        self.day = day.plus(if self.order == Order::Newest { -1 } else { 1 });
        Ok(true)
    }

    /// In which hours of the day each list of a place may have something that is asked for, a bit
    /// each, as its cells tell.
    fn hours(&self, cells: &[(CellKey, Cell)], mutings: &Mutings) -> [u32; key::BANDS as usize] {
        let mut hours = [0; key::BANDS as usize];
        for (cell, counts) in cells.iter().filter(|(cell, _)| self.filter.may_be_in(cell)) {
            let reported = bits(&counts.hours);
            for (band, count) in counts.reports.iter().rev().enumerate() {
                hours[band] |= if *count == 0 { 0 } else { reported };
            }
            // Of these no hours are known; and what is muted is not counted at all.
            let has_signals =
                counts.signals.iter().any(|count| *count != 0) || mutings.know(&cell.place);
            for (band, is_any) in [
                (key::SIGNALS, has_signals),
                (key::USES, counts.uses != 0),
                (key::DISMISSED, counts.dismissed != 0),
            ] {
                hours[usize::from(band)] |= if is_any { ALL_HOURS } else { 0 };
            }
        }
        hours
    }

    fn open(&self, place: &Place, band: u8, span: RangeInclusive<Millis>) -> Spots {
        let sieve = self.sieve;
        let entries = self.index.band(place, band, self.order, *span.start(), *span.end());
        let admitted = entries
            .filter(move |found| found.as_ref().map_or(true, |(_, glance)| sieve.admits(glance)));
        Box::new(admitted.map(|found| Ok(found?.0)))
    }

    fn push(&mut self, mut rest: Spots) -> Result<(), IndexError> {
        if let Some(spot) = rest.next() {
            let Spot { at, id, sequence } = spot?;
            let list = List::Open { sequence, rest };
            self.heads.push(Head { next: (at, id), order: self.order, list });
        }
        Ok(())
    }
}

impl Index {
    /// The first day from `from` on, in this order, on which anything happened.
    fn busy_day(&self, from: Day, order: Order) -> Result<Option<Day>, IndexError> {
        let span = match order {
            Order::Oldest => {
                key::cells_of(from)..=smallvec![key::CELL, 0xff, 0xff, 0xff, 0xff, 0xff]
            }
            Order::Newest => smallvec![key::CELL]..=key::cells_of(from.plus(1)),
        };
        let found = self.store.range(span, order).next().transpose()?;
        found.map(|(key, _)| key::read_day(&key)).transpose()
    }
}

const HOUR: Millis = 3_600_000;
const ALL_HOURS: u32 = (1 << 24) - 1;

/// The hours that have a count, a bit each.
fn bits(hours: &[u32; 24]) -> u32 {
    hours.iter().rev().fold(0, |bits, count| bits << 1 | u32::from(*count != 0))
}

impl Order {
    /// What is left of a span within a day once the hours before the first of these are cut off; none
    /// where none of them is in it.
    fn first_hours(
        self,
        hours: u32,
        start: Millis,
        span: RangeInclusive<Millis>,
    ) -> Option<RangeInclusive<Millis>> {
        let (first, last) = span.into_inner();
        let hour = |at: Millis| u32::try_from((at - start) / HOUR).unwrap_or(0);
        let from_first = u32::MAX << hour(first);
        let to_last = u32::MAX >> (31 - hour(last));
        let hours = hours & from_first & to_last;
        if hours == 0 {
            return None;
        }
        Some(match self {
            Self::Newest => {
                let end = start + HOUR * Millis::from(32 - hours.leading_zeros()) - 1;
                first..=last.min(end)
            }
            Self::Oldest => first.max(start + HOUR * Millis::from(hours.trailing_zeros()))..=last,
        })
    }
}

/// The day of an instant, however far away.
fn day_of(at: Millis) -> Day {
    Day(i32::try_from(at.div_euclid(86_400_000)).unwrap_or(if at < 0 {
        FIRST_DAY
    } else {
        LAST_DAY
    }))
}

/// Days before and after any event's.
const FIRST_DAY: i32 = -5_000_000;
const LAST_DAY: i32 = 5_000_000;

/// A list, and the time and id of what comes next in it; nothing in one that is shut comes before that.
struct Head {
    next: (Millis, Uuid),
    order: Order,
    list: List,
}

enum List {
    /// One that was not looked at yet.
    Shut { place: Place, band: u8, span: RangeInclusive<Millis> },
    /// Where the next event is stored, and what comes behind it.
    Open { sequence: u64, rest: Spots },
}

impl Head {
    fn shut(order: Order, place: Place, band: u8, span: RangeInclusive<Millis>) -> Self {
        let next = match order {
            Order::Newest => (*span.end(), Uuid::max()),
            Order::Oldest => (*span.start(), Uuid::nil()),
        };
        Self { next, order, list: List::Shut { place, band, span } }
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.order {
            Order::Newest => self.next.cmp(&other.next),
            Order::Oldest => other.next.cmp(&self.next),
        }
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}
