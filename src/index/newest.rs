//! Which cells the newest day has, so that those it has not need not be looked for.
//!
//! Nearly all that is recorded is of today, and much of it opens a cell. To look for one in sled is to
//! wait while sled takes a batch.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::store::Store;
use super::{IndexError, key};
use crate::event::Day;

/// With more cells than this, each is looked for.
const MOST: usize = 128 * 1024;

/// The cells of the newest day, by the hashes of their keys.
#[derive(Default)]
pub(super) struct Newest {
    day: Option<Day>,
    cells: HashSet<u64>,
}

impl Newest {
    /// Notes a cell of that day and key; says whether there may have been one before.
    pub(super) fn note(&mut self, day: Day, key: &[u8], store: &Store) -> Result<bool, IndexError> {
        if self.day < Some(day) {
            let cells = store.beginning_with(&key::cells_of(day));
            self.cells = cells
                .take(MOST)
                .map(|cell| Ok(hash(&cell?.0)))
                .collect::<Result<_, IndexError>>()?;
            self.day = Some(day);
        }
        if self.day != Some(day) || MOST <= self.cells.len() {
            return Ok(true);
        }
        Ok(!self.cells.insert(hash(key)))
    }
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_what_the_newest_day_has_not() {
        let store = Store::new(sled::Config::new().temporary(true).open().unwrap());
        let key = |day: i32, n: u8| [key::cells_of(Day(day)), vec![n]].concat();
        store.write([4, 5].map(|day| (key(day, 1), Some([1].as_slice().into()))).into());
        store.settle().unwrap();
        let mut newest = Newest::default();
        let mut may_have = |day, n| newest.note(Day(day), &key(day, n), &store).unwrap();
        assert!(may_have(5, 1), "sled holds it");
        assert!(!may_have(5, 2) && may_have(5, 2), "it came just now");
        assert!(may_have(4, 1) && may_have(4, 2), "nobody knows of an earlier day");
        assert!(!may_have(6, 1) && may_have(6, 1), "a new day begins with nothing");
        assert!(may_have(5, 3), "which is an earlier one now");
    }
}
