//! Who was where, kept in memory once somebody asks for coverage: to know it, every day there is has to
//! be read, which takes long.

use std::sync::{Mutex, PoisonError};

use super::{Index, IndexError, key};
use crate::hotspot::{CellKey, Coverage, Visits};

/// With visits that take more memory than this, in bytes, every day is read each time: some eight million,
/// of thousands of people at thousands of places.
const MOST: usize = 160 * 1024 * 1024;

/// What is known of all days up to the batch applied last; none until somebody asks, and once more
/// happened than that something came.
#[derive(Debug, Default)]
pub(super) struct KnownVisits {
    known: Mutex<Option<Visits>>,
    /// One reads every day at a time; who asks meanwhile waits for what that one learns, if it is kept.
    reading: Mutex<()>,
}

impl KnownVisits {
    /// Adds what came to cells.
    pub(super) fn add<'a>(&self, keys: impl IntoIterator<Item = &'a CellKey>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(visits) = &mut *known {
            keys.into_iter().for_each(|key| visits.add(key.into()));
            known.take_if(|visits| MOST < visits.bytes());
        }
    }

    pub(super) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Tells a coverage what is known; false where nothing is.
    fn tell(&self, coverage: &mut Coverage<'_>) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(visits) = &*known else { return false };
        coverage.look_back(visits);
        true
    }

    fn keep(&self, visits: Visits) {
        let kept = Some(visits).filter(|visits| visits.bytes() <= MOST);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }
}

impl Index {
    /// Tells a coverage who was where before its window.
    pub(super) fn look_back(&self, coverage: &mut Coverage<'_>) -> Result<(), IndexError> {
        if self.visits.tell(coverage) {
            return Ok(());
        }
        let _reading = self.visits.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.visits.tell(coverage) {
            return Ok(());
        }
        let told = || self.rankings.added.lock().unwrap_or_else(PoisonError::into_inner);
        let next = told().next();
        let mut visits = Visits::default();
        for entry in self.store.beginning_with(&[key::CELL]) {
            visits.add(key::read_visit(&entry?.0)?);
        }
        coverage.look_back(&visits);
        // Nothing comes as long as this is held; what came meanwhile was met or was not.
        let told = told();
        if let Some(batches) = told.between(next, told.next()) {
            let came = batches.iter().flat_map(|batch| batch.iter());
            came.for_each(|(key, _)| visits.add(key.into()));
            self.visits.keep(visits);
        }
        Ok(())
    }
}
