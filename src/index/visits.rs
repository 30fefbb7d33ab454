//! Who was where, kept in memory once somebody asks for coverage: to know it, every day there is has to
//! be read, which takes long.

use std::sync::{Mutex, PoisonError, TryLockError};

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
    /// What came to cells while a coverage was told what is known, which may take a while: who records
    /// does not wait for that.
    came: Mutex<Vec<CellKey>>,
    /// One reads every day at a time; who asks meanwhile waits for what that one learns, if it is kept.
    reading: Mutex<()>,
}

impl KnownVisits {
    /// Adds what came to cells.
    pub(super) fn add<'a>(&self, keys: impl IntoIterator<Item = &'a CellKey>) {
        let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = match self.known.try_lock() {
            Ok(known) => known,
            Err(TryLockError::Poisoned(known)) => known.into_inner(),
            Err(TryLockError::WouldBlock) => return came.extend(keys.into_iter().cloned()),
        };
        if let Some(visits) = &mut *known {
            came.iter().for_each(|key| visits.add(key.into()));
            keys.into_iter().for_each(|key| visits.add(key.into()));
            known.take_if(|visits| MOST < visits.bytes());
        }
        came.clear();
    }

    pub(super) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.came.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Tells a coverage what is known; false where nothing is.
    fn tell(&self, coverage: &mut Coverage<'_>) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(visits) = &mut *known else { return false };
        let came = std::mem::take(&mut *self.came.lock().unwrap_or_else(PoisonError::into_inner));
        for key in &came {
            visits.add(key.into());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Actor, Day, Place};
    use crate::hotspot::{Cell, Question, Window};

    const TODAY: Day = Day(20_000);

    fn met(ago: i32) -> CellKey {
        CellKey {
            day: TODAY.plus(-ago),
            place: Place::parse("web").unwrap(),
            person: "ana".into(),
            actor: Actor::Human,
            kind: None,
            version: None,
        }
    }

    /// Whether ana, who used it today, is told to do so for the first time.
    fn is_first_time(known: &KnownVisits) -> bool {
        let question = Question::over(Window::ending(TODAY, 1));
        let mut coverage = Coverage::new(&question, [met(0).place]);
        coverage.add(&met(0), &Cell { uses: 1, ..Cell::default() });
        assert!(known.tell(&mut coverage));
        coverage.finish().0[0].first_timers == 1
    }

    #[test]
    fn who_records_waits_for_nobody_who_is_told_and_nothing_is_missed() {
        let known = KnownVisits::default();
        known.keep(Visits::default());
        {
            let _told = known.known.lock().unwrap();
            known.add(&[met(3)]);
        }
        assert!(!is_first_time(&known));
    }

    #[test]
    fn what_came_before_all_was_forgotten_is_forgotten_too() {
        let known = KnownVisits::default();
        {
            let _told = known.known.lock().unwrap();
            known.add(&[met(3)]);
        }
        known.forget();
        known.keep(Visits::default());
        assert!(is_first_time(&known));
        known.add(&[met(3)]);
        assert!(!is_first_time(&known));
    }
}
