//! A walk through the pairs of leaves, while others may be cut.

use std::mem::take;
use std::ops::Bound::{Excluded, Included};

use sled::IVec;

use super::IndexError;
use super::key::Short;
use super::layers::{Pair, Span};
use super::leaf::{Reader, holding, within};
use super::order::Order;

type Leaves = Box<dyn Iterator<Item = sled::Result<Pair>>>;

/// The walk.
pub(super) struct Pairs {
    tree: sled::Db,
    leaves: Leaves,
    /// The name of the first leaf that may hold something of the span.
    first: Short,
    span: Span,
    order: Order,
    held: Held,
    /// The name of the leaf that was met last.
    before: Option<IVec>,
    /// The last key met in the leaves before it: what was cut off one of them meanwhile is met once more.
    last: Option<Short>,
}

/// What is left of a leaf.
enum Held {
    /// The first pair first: each is read when it is asked for, since whoever wants a page stops soon.
    Onwards(Open),
    /// The last pair first: a pair leans on the one before it, so all are read.
    Backwards(std::vec::IntoIter<Pair>),
}

/// A leaf of which so much was read.
struct Open {
    leaf: IVec,
    read: usize,
    /// The key of the pair read last.
    key: Short,
}

/// The pairs of a span: the first first, or the last.
pub(super) fn range(tree: &sled::Db, span: Span, order: Order) -> Result<Pairs, IndexError> {
    let held = holding(tree, span.start())?;
    let first = Short::from_slice(held.as_ref().map_or(span.start(), |(name, _)| name));
    let mut pairs = Pairs {
        tree: tree.clone(),
        leaves: Box::new(std::iter::empty()),
        first,
        span,
        order,
        held: Held::nothing(),
        before: None,
        last: None,
    };
    if let (Order::Oldest, Some((name, leaf))) = (order, held) {
        pairs.open(&name, leaf)?;
    }
    pairs.walk_on();
    Ok(pairs)
}

impl Pairs {
    /// Begins to walk where the leaf before ended.
    fn walk_on(&mut self) {
        let first = self.first.clone();
        self.leaves = match (self.order, &self.before) {
            // The first is read already.
            (Order::Oldest, _) => {
                let behind = (Excluded(first), Included(self.span.end().clone()));
                Box::new(self.tree.range::<Short, _>(behind))
            }
            (Order::Newest, None) => {
                Box::new(self.tree.range(first..=self.span.end().clone()).rev())
            }
            (Order::Newest, Some(name)) => {
                Box::new(self.tree.range(first..Short::from_slice(name)).rev())
            }
        };
    }

    /// Whether a leaf now lies between this one and the one before that did not when that was met.
    /// A leaf that is cut gives pairs to a later one: who walks backwards has passed that already.
    fn was_cut(&self, name: &IVec) -> Result<bool, IndexError> {
        if self.order == Order::Oldest {
            return Ok(false);
        }
        let Some((next, _)) = self.tree.get_gt(name)? else { return Ok(false) };
        Ok(match &self.before {
            Some(before) => next < *before,
            None => next.as_ref() <= self.span.end().as_slice(),
        })
    }

    fn open(&mut self, name: &IVec, leaf: IVec) -> Result<(), IndexError> {
        // Also where it does not read: whoever walks on walks behind it.
        self.before = Some(name.clone());
        let reader = Reader::of(name, &leaf)?;
        self.held = match self.order {
            Order::Oldest => {
                let (read, key) = (leaf.len() - reader.rest.len(), reader.key);
                Held::Onwards(Open { leaf, read, key })
            }
            Order::Newest => Held::Backwards(self.all_of(reader)?.into_iter()),
        };
        Ok(())
    }

    /// The pairs of a leaf, the last first.
    fn all_of(&mut self, mut reader: Reader<'_>) -> Result<Vec<Pair>, IndexError> {
        let mut pairs = Vec::<Pair>::new();
        while let Some(value) = reader.next()? {
            if within(&self.span, &reader.key) && self.order.is_new(self.last.as_ref(), &reader.key)
            {
                pairs.push((reader.key.as_slice().into(), value.into()));
            }
        }
        if let Some((first, _)) = pairs.first() {
            self.last = Some(Short::from_slice(first));
        }
        pairs.reverse();
        Ok(pairs)
    }

    /// The next pair of the leaf that is held.
    fn next_held(&mut self) -> Result<Option<Pair>, IndexError> {
        let open = match &mut self.held {
            Held::Backwards(pairs) => return Ok(pairs.next()),
            Held::Onwards(open) => open,
        };
        while let Some(value) = open.next()? {
            let key = open.key.as_slice();
            if within(&self.span, key) && self.order.is_new(self.last.as_ref(), key) {
                return Ok(Some((key.into(), value)));
            }
            if self.span.end().as_slice() < key {
                break;
            }
        }
        let met = take(&mut open.key);
        self.held = Held::nothing();
        if self.last.as_ref() < Some(&met) {
            self.last = Some(met);
        }
        Ok(None)
    }
}

impl Order {
    /// Whether a key was not met yet, where the last one was this.
    fn is_new(self, last: Option<&Short>, key: &[u8]) -> bool {
        last.is_none_or(|last| self.is_before(last.as_slice(), key))
    }
}

impl Iterator for Pairs {
    type Item = Result<Pair, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(pair) = self.next_held().transpose() {
                return Some(pair);
            }
            let read = self.leaves.next()?.map_err(IndexError::from).and_then(|(name, leaf)| {
                if self.was_cut(&name)? {
                    self.walk_on();
                    return Ok(());
                }
                self.open(&name, leaf)
            });
            if let Err(error) = read {
                return Some(Err(error));
            }
        }
    }
}

impl Held {
    fn nothing() -> Self {
        Self::Backwards(Vec::new().into_iter())
    }
}

impl Open {
    /// The value of the next pair. Nothing is read behind what does not read.
    fn next(&mut self) -> Result<Option<IVec>, IndexError> {
        let rest = &self.leaf[self.read..];
        let mut reader = Reader { key: take(&mut self.key), rest };
        self.read = self.leaf.len();
        let value = reader.next()?.map(IVec::from);
        self.read -= reader.rest.len();
        self.key = reader.key;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::FORMAT;

    #[test]
    fn a_leaf_that_does_not_read_is_told_once_and_the_others_are_read() {
        let tree = sled::Config::new().temporary(true).open().unwrap();
        // Leaves of one pair each: nothing shared, a key of no more bytes than the name, a value of one.
        for name in *b"abcd" {
            tree.insert([name], [FORMAT, 1, 0, 1, name].as_slice()).unwrap();
        }
        for bad in [[0].as_slice(), &[FORMAT, 1, 0, 9]] {
            tree.insert(b"c", bad).unwrap();
            for (order, expected) in [(Order::Oldest, *b"abd"), (Order::Newest, *b"dba")] {
                let span = Short::from_slice(b"a")..=Short::from_slice(b"z");
                let met: Vec<_> = range(&tree, span, order).unwrap().take(9).collect();
                let read: Vec<u8> = met.iter().flatten().map(|(key, _)| key[0]).collect();
                assert_eq!(read, expected, "{order:?}");
                assert_eq!(met.len(), 4, "{order:?}: one is no pair, and told once");
            }
        }
    }
}
