//! What came to cells lately, batch by batch: what was made of the cells before is brought up to date
//! with it, and need not read them again.
//!
//! Only what adds to the counts can be told so. Whatever else happens to them breaks it off, and what was
//! made before is to be made anew.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::hotspot::{Cell, CellKey};

/// Cells and what came to them; what is muted left out, as in the cells that queries read.
pub(super) type Batch = Arc<Vec<(CellKey, Cell)>>;

/// So many cells of batches are kept. To read all anew is soon as fast.
const MOST: usize = 4096;

/// The batches applied last.
#[derive(Debug, Default)]
pub(super) struct Added {
    /// The number of the first batch that is kept.
    first: u64,
    batches: VecDeque<Batch>,
    /// How many cells they have.
    cells: usize,
}

impl Added {
    /// The number of the batch that comes next.
    pub(super) fn next(&self) -> u64 {
        self.first + self.batches.len() as u64
    }

    pub(super) fn add(&mut self, batch: Vec<(CellKey, Cell)>) {
        if batch.is_empty() {
            return;
        }
        self.cells += batch.len();
        self.batches.push_back(Arc::new(batch));
        while MOST < self.cells
            && let Some(oldest) = self.batches.pop_front()
        {
            self.cells -= oldest.len();
            self.first += 1;
        }
    }

    /// Says that something else happened to the counts.
    pub(super) fn break_off(&mut self) {
        // What is of now, or of any time before, is of before the first.
        *self = Self { first: self.next() + 1, ..Self::default() };
    }

    /// The batches from one number up to another; none where some are not kept.
    pub(super) fn between(&self, from: u64, until: u64) -> Option<Vec<Batch>> {
        let skipped = usize::try_from(from.checked_sub(self.first)?).ok()?;
        let wanted = usize::try_from(until.saturating_sub(from)).ok()?;
        Some(self.batches.iter().skip(skipped).take(wanted).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Actor, Day, Place};

    fn batch(cells: usize) -> Vec<(CellKey, Cell)> {
        let key = |day| CellKey {
            day: Day(day),
            place: Place::parse("web").unwrap(),
            person: "ana".into(),
            actor: Actor::Human,
            kind: None,
            version: None,
        };
        (0..).take(cells).map(|day| (key(day), Cell::default())).collect()
    }

    #[test]
    fn what_came_since_is_known_unless_it_is_much_or_something_else_happened() {
        let mut added = Added::default();
        let start = added.next();
        let since = |added: &Added, from| {
            let batches = added.between(from, added.next())?;
            Some(batches.iter().map(|batch| batch.len()).collect::<Vec<_>>())
        };
        added.add(batch(0));
        assert_eq!(since(&added, start), Some(vec![]));
        added.add(batch(1));
        let one = added.next();
        added.add(batch(2));
        assert_eq!(since(&added, start), Some(vec![1, 2]));
        assert_eq!(since(&added, one), Some(vec![2]));
        assert_eq!(added.between(start, one).map(|batches| batches.len()), Some(1));
        added.add(batch(MOST - 2));
        assert_eq!(since(&added, start), None, "it is too much");
        assert_eq!(since(&added, one), Some(vec![2, MOST - 2]));
        let now = added.next();
        added.break_off();
        assert_eq!([start, one, now].map(|from| since(&added, from)), [None, None, None]);
        assert_eq!(since(&added, added.next()), Some(vec![]));
        added.add(batch(MOST + 1));
        assert_eq!(since(&added, now + 1), None);
    }
}
