//! Who was where, kept in memory once somebody asks for coverage: to know it, every day there is has to
//! be read, which takes long.

use std::sync::{Mutex, PoisonError};

use super::{Index, IndexError, key};
use crate::hotspot::{CellKey, Earlier, Question, Visits};

/// With more people at places than this, which take up to 30 MiB, every day is read each time.
const MOST: usize = 500_000;

/// What is known of all days up to the batch applied last; none until somebody asks, and once more
/// happened than that something came.
#[derive(Debug, Default)]
pub(super) struct KnownVisits(Mutex<Option<Visits>>);

impl KnownVisits {
    /// Adds what came to cells.
    pub(super) fn add<'a>(&self, keys: impl IntoIterator<Item = &'a CellKey>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(visits) = &mut *known {
            keys.into_iter().for_each(|key| visits.add(key));
            known.take_if(|visits| MOST < visits.many());
        }
    }

    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn told<T>(&self, of: impl FnOnce(&Visits) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(of)
    }

    fn keep(&self, visits: Visits) {
        let kept = Some(visits).filter(|visits| visits.many() <= MOST);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }
}

impl Index {
    /// Who was where before the window of a question, as [`Visits::before`] tells it.
    pub(super) fn visits_before(
        &self,
        question: &Question,
    ) -> Result<Option<Vec<Earlier>>, IndexError> {
        if let Some(before) = self.visits.told(|visits| visits.before(question)) {
            return Ok(before);
        }
        let told = || self.rankings.added.lock().unwrap_or_else(PoisonError::into_inner);
        let next = told().next();
        let mut visits = Visits::default();
        for entry in self.store.beginning_with(&[key::CELL]) {
            let (cell, _) = entry?;
            // Nearly all were there before: nothing has to be copied for them.
            if visits.add_known(key::read_visit(&cell)?) {
                continue;
            }
            let mut key = key::read_cell(&cell)?;
            self.days.share_names(&mut key);
            visits.add(&key);
        }
        let before = visits.before(question);
        // Nothing comes as long as this is held; what came meanwhile was met or was not.
        let told = told();
        if let Some(batches) = told.between(next, told.next()) {
            let came = batches.iter().flat_map(|batch| batch.iter());
            came.for_each(|(key, _)| visits.add(key));
            self.visits.keep(visits);
        }
        Ok(before)
    }
}
