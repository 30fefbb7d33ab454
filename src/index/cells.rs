//! The decoded cells of the days that queries read.
//!
//! A query of the default window reads 63 days; all but today rarely change. So a day is decoded
//! once, kept, and forgotten when a batch touches it. What is muted at a place is left out there, so
//! that no figure knows of it and hearing it again brings all of it back.
//!
//! Whoever asks for years reads for a second, and the writer waits for nobody so long: it may write
//! between two days, and the days it wrote to are read again in the end.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Index, IndexError, key};
use crate::event::{Day, Place};
use crate::hotspot::{Cell, CellKey};

/// One day's cells.
pub(super) type DayCells = Arc<Vec<(CellKey, Cell)>>;

/// The cells of several days, those that have any, as of one moment between two batches.
pub(super) struct Span {
    pub(super) days: Vec<DayCells>,
    /// The number of the batch that is not counted in them: see [`super::added`].
    pub(super) next: u64,
}

/// The days kept; two default windows, so that looking back does not throw today out.
const MOST: usize = 130;

#[derive(Default)]
pub(super) struct Days {
    kept: Mutex<BTreeMap<Day, DayCells>>,
    changes: Mutex<Changed>,
    names: Mutex<Names>,
}

/// When days changed, by the number of the change.
#[derive(Default)]
struct Changed {
    last: u64,
    /// The last change of each day that changed since the start,
    days: BTreeMap<Day, u64>,
    /// and of all of them.
    all: u64,
}

impl Changed {
    fn since(&self, day: Day, change: u64) -> bool {
        change < self.all || self.days.get(&day).is_some_and(|last| change < *last)
    }
}

/// Every name once: a ranking compares the names of tens of thousands of cells, and finds them in
/// the processor's cache if they are the same few bytes.
#[derive(Default)]
struct Names {
    places: HashSet<Place>,
    others: HashSet<Arc<str>>,
}

impl Names {
    fn share(&mut self, key: &mut CellKey) {
        match self.places.get(&key.place) {
            Some(known) => key.place = known.clone(),
            None => {
                self.places.insert(key.place.clone());
            }
        }
        for name in [Some(&mut key.person), key.version.as_mut()].into_iter().flatten() {
            match self.others.get(name) {
                Some(known) => *name = known.clone(),
                None => {
                    self.others.insert(name.clone());
                }
            }
        }
    }
}

impl Days {
    pub(super) fn forget(&self, days: BTreeSet<Day>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = self.changed();
        changes.last += 1;
        let change = changes.last;
        for day in days {
            kept.remove(&day);
            changes.days.insert(day, change);
        }
    }

    pub(super) fn forget_all(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut changes = self.changed();
        changes.last += 1;
        changes.all = changes.last;
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, day: Day) -> Option<DayCells> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&day).cloned()
    }

    fn keep(&self, day: Day, cells: DayCells) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(day, cells);
        while MOST < kept.len() {
            // Days to come have nothing, and must not throw out those that were.
            match kept.last_entry() {
                Some(last) if last.get().is_empty() => drop(last.remove()),
                _ => drop(kept.pop_first()),
            }
        }
    }
}

impl Index {
    /// The cells of a span of days, both ends included, as of one moment between two batches.
    pub(super) fn cells(&self, since: Day, until: Day) -> Result<Vec<DayCells>, IndexError> {
        Ok(self.cells_and_next(since, until)?.days)
    }

    /// The same, and which moment it is.
    pub(super) fn cells_and_next(&self, since: Day, until: Day) -> Result<Span, IndexError> {
        let mut read = Vec::new();
        for day in (since.0..=until.0).map(Day) {
            let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
            let change = self.days.changed().last;
            read.push((day, change, self.day(day)?));
        }
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let next = self.rankings.added.lock().unwrap_or_else(PoisonError::into_inner).next();
        let mut days = Vec::new();
        for (day, change, cells) in read {
            let has_changed = self.days.changed().since(day, change);
            let cells = if has_changed { self.day(day)? } else { cells };
            if !cells.is_empty() {
                days.push(cells);
            }
        }
        Ok(Span { days, next })
    }

    fn day(&self, day: Day) -> Result<DayCells, IndexError> {
        self.days.get(day).map_or_else(|| self.read_day(day), Ok)
    }

    /// The first day that something counts on.
    pub fn first_day(&self) -> Result<Option<Day>, IndexError> {
        let first = self.store.beginning_with(&[key::CELL]).next();
        first.map(|entry| Ok(key::read_cell(&entry?.0)?.day)).transpose()
    }

    fn read_day(&self, day: Day) -> Result<DayCells, IndexError> {
        let entries = self.store.beginning_with(&key::cells_of(day));
        let mutings = self.mutings.read().unwrap_or_else(PoisonError::into_inner);
        let mut names = self.days.names.lock().unwrap_or_else(PoisonError::into_inner);
        let cells = entries.map(|entry| {
            let (cell, counts) = entry?;
            let mut cell = key::read_cell(&cell)?;
            names.share(&mut cell);
            let mut counts = key::read_cell_value(&counts)?;
            mutings.silence(&cell.place, &mut counts);
            Ok((cell, counts))
        });
        let cells: DayCells = Arc::new(cells.collect::<Result<_, IndexError>>()?);
        self.days.keep(day, cells.clone());
        Ok(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Actor;

    #[test]
    fn days_that_have_something_are_kept_whatever_is_asked() {
        let key = |day| CellKey {
            day,
            place: Place::parse("web").unwrap(),
            person: "ana".into(),
            actor: Actor::Human,
            kind: None,
            version: None,
        };
        let (days, most) = (Days::default(), i32::try_from(MOST).unwrap());
        let full = |day| Arc::new(vec![(key(Day(day)), Cell::default())]);
        (0..2 * most).for_each(|day| days.keep(Day(day), full(day)));
        (2 * most..9 * most).for_each(|day| days.keep(Day(day), DayCells::default()));
        let kept = (0..9 * most).filter(|day| days.get(Day(*day)).is_some());
        assert!(kept.eq(most..2 * most), "the latest that have something");
    }
}
