//! The cells of the newest day, kept beside the store.
//!
//! Nearly all that is recorded is of today. To look for its cells in sled would be to wait while sled
//! takes a batch.

use std::collections::HashMap;

use sled::IVec;

use super::key::Short;
use super::store::{Change, Store};
use super::{IndexError, key};
use crate::event::Day;

/// With more cells than this, some 10 MiB, the store is asked for each.
const MOST: usize = 64 * 1024;

/// The newest day that something was written for, and its cells as the store has them.
#[derive(Default)]
pub(super) struct Newest {
    day: Option<Day>,
    /// None where there are too many.
    cells: Option<HashMap<Short, IVec>>,
}

impl Newest {
    /// The value of a cell, by its key.
    pub(super) fn value(
        &mut self,
        day: Day,
        key: &[u8],
        store: &Store,
    ) -> Result<Option<IVec>, IndexError> {
        if self.day < Some(day) {
            let cells = store.beginning_with(&key::cells_of(day)).take(MOST);
            let cells = cells.map(|cell| cell.map(|(key, value)| (Short::from_slice(&key), value)));
            self.cells = Some(cells.collect::<Result<_, _>>()?);
            self.day = Some(day);
        }
        match &self.cells {
            Some(cells) if self.day == Some(day) && cells.len() < MOST => {
                Ok(cells.get(key).cloned())
            }
            _ => store.get(key),
        }
    }

    /// Notes what becomes of cells.
    pub(super) fn note(&mut self, changes: &[Change]) {
        let (Some(day), Some(cells)) = (self.day, &mut self.cells) else { return };
        let prefix = key::cells_of(day);
        for (key, value) in changes.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            match value {
                Some(value) => cells.insert(Short::from_slice(key), value.clone()),
                None => cells.remove(key),
            };
        }
        if MOST <= cells.len() {
            self.cells = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_the_newest_day_and_asks_for_the_others() {
        let store = Store::new(sled::Config::new().temporary(true).open().unwrap());
        let key = |day: i32, n: u8| [&*key::cells_of(Day(day)), &[n]].concat().into();
        let value = |n: u8| Some(IVec::from(&[n]));
        store.write([4, 5].map(|day| (key(day, 1), value(1))).into());
        store.settle().unwrap();
        let mut newest = Newest::default();
        let note = |newest: &mut Newest, changes: Vec<Change>| {
            newest.note(&changes);
            store.write(changes);
        };
        let of =
            |newest: &mut Newest, day, n| newest.value(Day(day), &key(day, n), &store).unwrap();
        assert_eq!(of(&mut newest, 5, 1), value(1), "the store held it");
        note(&mut newest, vec![(key(5, 2), value(2)), (key(5, 1), None), (key(4, 2), value(3))]);
        for (day, n, expected) in
            [(5, 1, None), (5, 2, value(2)), (4, 1, value(1)), (4, 2, value(3))]
        {
            assert_eq!(of(&mut newest, day, n), expected, "{n} of {day}");
            assert_eq!(of(&mut Newest::default(), day, n), expected, "{n} of {day}, asked anew");
        }
        assert_eq!(of(&mut newest, 6, 2), None, "a new day begins with nothing");
        assert_eq!(of(&mut newest, 5, 2), value(2), "which is an earlier one now");
    }

    #[test]
    fn it_asks_for_each_where_there_are_too_many() {
        let store = Store::new(sled::Config::new().temporary(true).open().unwrap());
        let key =
            |n: usize| -> Short { [&*key::cells_of(Day(5)), &n.to_be_bytes()].concat().into() };
        let one: IVec = IVec::from(&[1]);
        let mut newest = Newest::default();
        assert_eq!(newest.value(Day(5), &key(0), &store).unwrap(), None);
        let many: Vec<Change> = (0..MOST).map(|n| (key(n), Some(one.clone()))).collect();
        newest.note(&many);
        assert!(newest.cells.is_none());
        store.write(many);
        for newest in [&mut newest, &mut Newest::default()] {
            assert_eq!(newest.value(Day(5), &key(MOST - 1), &store).unwrap(), Some(one.clone()));
            assert_eq!(newest.value(Day(5), &key(MOST), &store).unwrap(), None);
        }
    }
}
