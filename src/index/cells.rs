//! The decoded cells of the days that queries read.
//!
//! A query of the default window reads 63 days; all but today rarely change. So a day is decoded
//! once, kept, and forgotten when a batch touches it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Index, IndexError, key};
use crate::event::Day;
use crate::hotspot::{Cell, CellKey};

/// One day's cells.
pub(super) type DayCells = Arc<Vec<(CellKey, Cell)>>;

/// The days kept; two default windows, so that looking back does not throw today out.
const MOST: usize = 130;

#[derive(Default)]
pub(super) struct Days(Mutex<BTreeMap<Day, DayCells>>);

impl Days {
    pub(super) fn forget(&self, days: BTreeSet<Day>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for day in days {
            kept.remove(&day);
        }
    }

    fn get(&self, day: Day) -> Option<DayCells> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&day).cloned()
    }

    fn keep(&self, day: Day, cells: DayCells) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(day, cells);
        while MOST < kept.len() {
            kept.pop_first();
        }
    }
}

impl Index {
    /// The cells of a span of days, both ends included, as of one moment between two batches.
    pub(super) fn cells(&self, since: Day, until: Day) -> Result<Vec<DayCells>, IndexError> {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let mut span = Vec::new();
        for day in (since.0..=until.0).map(Day) {
            let cells = match self.days.get(day) {
                Some(cells) => cells,
                None => self.read_day(day)?,
            };
            if !cells.is_empty() {
                span.push(cells);
            }
        }
        Ok(span)
    }

    fn read_day(&self, day: Day) -> Result<DayCells, IndexError> {
        let entries = self.store.beginning_with(&key::cells_of(day));
        let cells = entries.map(|entry| {
            let (cell, counts) = entry?;
            Ok((key::read_cell(&cell)?, key::read_cell_value(&counts)?))
        });
        let cells: DayCells = Arc::new(cells.collect::<Result<_, IndexError>>()?);
        self.days.keep(day, cells.clone());
        Ok(cells)
    }
}
