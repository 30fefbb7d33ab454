//! Who was where, kept in memory once somebody asks for coverage: to know it, every day there is has to
//! be read, which takes long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::{Index, IndexError, key};
use crate::hotspot::{CellKey, Coverage, Visits};

/// With visits that take more memory than this, in bytes, every day is read each time: some eight million,
/// of thousands of people at thousands of places.
const MOST: usize = 160 * 1024 * 1024;

/// Who was where, once somebody asked for it.
#[derive(Debug, Default)]
pub(super) struct KnownVisits {
    /// None once more happened than that something came. Nobody holds this for long.
    known: Mutex<Option<Arc<Known>>>,
    /// One reads every day at a time; who asks meanwhile waits for what that one learns, if it is kept.
    reading: Mutex<()>,
}

/// What is known of all days up to the batch applied last.
#[derive(Debug, Default)]
struct Known {
    visits: Mutex<Visits>,
    /// What came to cells while a coverage was told what is known, which may take a while: who records
    /// does not wait for that.
    came: Mutex<Vec<CellKey>>,
}

impl KnownVisits {
    /// Adds what came to cells.
    pub(super) fn add<'a>(&self, keys: impl IntoIterator<Item = &'a CellKey>) {
        if let Some(known) = self.get()
            && known.add(keys).is_some_and(|bytes| MOST < bytes)
        {
            self.forget();
        }
    }

    pub(super) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Tells a coverage what is known; false where nothing is.
    fn tell(&self, coverage: &mut Coverage<'_>) -> bool {
        let Some(known) = self.get() else { return false };
        let mut visits = known.visits.lock().unwrap_or_else(PoisonError::into_inner);
        known.catch_up(&mut visits);
        coverage.look_back(&visits);
        true
    }

    fn keep(&self, visits: Visits) {
        let known = Known { visits: Mutex::new(visits), ..Known::default() };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(known));
    }

    fn get(&self) -> Option<Arc<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Known {
    /// Adds what came to cells; says how many bytes it is now, unless somebody is told.
    fn add<'a>(&self, keys: impl IntoIterator<Item = &'a CellKey>) -> Option<usize> {
        let mut visits = match self.visits.try_lock() {
            Ok(visits) => visits,
            Err(TryLockError::Poisoned(visits)) => visits.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.came().extend(keys.into_iter().cloned());
                return None;
            }
        };
        self.catch_up(&mut visits);
        for key in keys {
            visits.add(key.into());
        }
        Some(visits.bytes())
    }

    fn catch_up(&self, visits: &mut Visits) {
        for key in &std::mem::take(&mut *self.came()) {
            visits.add(key.into());
        }
    }

    fn came(&self) -> MutexGuard<'_, Vec<CellKey>> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
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
            if visits.bytes() <= MOST {
                self.visits.keep(visits);
            }
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

    /// Nobody was anywhere, and that is known.
    fn known() -> (KnownVisits, Arc<Known>) {
        let visits = KnownVisits::default();
        visits.keep(Visits::default());
        let known = visits.get().unwrap();
        (visits, known)
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
        let (visits, known) = known();
        {
            let _told = known.visits.lock().unwrap();
            visits.add(&[met(3)]);
        }
        assert!(!is_first_time(&visits));
    }

    #[test]
    fn who_takes_something_back_waits_for_nobody_who_is_told_and_all_is_forgotten() {
        let (visits, known) = known();
        let told = known.visits.lock().unwrap();
        visits.add(&[met(3)]);
        visits.forget();
        assert!(visits.get().is_none());
        visits.keep(Visits::default());
        assert!(is_first_time(&visits));
        drop(told);
        visits.add(&[met(3)]);
        assert!(!is_first_time(&visits));
    }
}
