//! An ordered map: sled, under a thin layer of what is not in it yet.
//!
//! A write goes into memory, where every read sees it at once; [`Store::settle`] moves what has
//! gathered into sled as one atomic batch. sled takes 5 to 25 µs a key, and a
//! counter that changed a hundred times is written once: so nobody waits for it. What is lost with
//! the layer when the process dies lies in the journal, behind the position that sled holds.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sled::IVec;

use super::IndexError;
use super::list::Order;

/// Changes by key; none removes it.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<IVec>>;
pub(super) type Pair = (IVec, IVec);

/// Keys from the first to the last, both included.
pub(super) type Span = RangeInclusive<Vec<u8>>;

/// The layer is settled before its time when it holds so many keys: reads wait while sled takes a
/// batch, so batches are small;
pub(super) const MANY: usize = 512;
/// whoever makes it larger than this must settle it.
pub(super) const TOO_MANY: usize = 32 * 1024;

pub(super) struct Store {
    tree: sled::Db,
    fresh: RwLock<Layers>,
    /// One settling at a time.
    settling: Mutex<()>,
}

#[derive(Default)]
struct Layers {
    /// What was written since the last settling began.
    open: Changes,
    /// What is on its way into sled.
    closing: Arc<Changes>,
}

impl Store {
    pub(super) fn new(tree: sled::Db) -> Self {
        Self { tree, fresh: RwLock::default(), settling: Mutex::default() }
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        {
            let fresh = self.fresh.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(change) = fresh.open.get(key).or_else(|| fresh.closing.get(key)) {
                return Ok(change.clone());
            }
        }
        Ok(self.tree.get(key)?)
    }

    /// The pairs of a span: the first first, or the last.
    pub(super) fn range(&self, span: Span, order: Order) -> Merged {
        if span.is_empty() {
            return Merged::nothing(order);
        }
        // First the layers, then sled: what moves down in between is seen twice, not never.
        let mut fresh: Changes = BTreeMap::new();
        {
            let layers = self.fresh.read().unwrap_or_else(PoisonError::into_inner);
            for layer in [&*layers.closing, &layers.open] {
                let changes = layer.range(span.clone());
                fresh.extend(changes.map(|(key, change)| (key.clone(), change.clone())));
            }
        }
        let pairs = self.tree.range(span);
        let (fresh, settled): (FreshPairs, SettledPairs) = match order {
            Order::Oldest => (Box::new(fresh.into_iter()), Box::new(pairs)),
            Order::Newest => (Box::new(fresh.into_iter().rev()), Box::new(pairs.rev())),
        };
        Merged { fresh: fresh.peekable(), settled: settled.peekable(), order }
    }

    /// Every pair whose key begins with `prefix`; keys are at most 32 bytes longer, or text.
    pub(super) fn beginning_with(&self, prefix: &[u8]) -> Merged {
        let end = [prefix, &[0xff; 32]].concat();
        self.range(prefix.to_vec()..=end, Order::Oldest)
    }

    /// Makes changes visible, all at once.
    pub(super) fn write(&self, changes: Changes) {
        self.fresh.write().unwrap_or_else(PoisonError::into_inner).open.extend(changes);
    }

    /// Whether at least so many keys have gathered.
    pub(super) fn holds(&self, many: usize) -> bool {
        many <= self.fresh.read().unwrap_or_else(PoisonError::into_inner).open.len()
    }

    /// How many bytes have gathered.
    pub(super) fn weight(&self) -> u64 {
        let fresh = self.fresh.read().unwrap_or_else(PoisonError::into_inner);
        let bytes = |(key, change): (&Vec<u8>, &Option<IVec>)| {
            key.len() + change.as_ref().map_or(0, |value| value.len())
        };
        fresh.open.iter().map(bytes).sum::<usize>() as u64
    }

    /// Moves what has gathered into sled, as one atom.
    pub(super) fn settle(&self) -> Result<(), IndexError> {
        let _alone = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let closing = {
            let mut fresh = self.fresh.write().unwrap_or_else(PoisonError::into_inner);
            fresh.closing = Arc::new(std::mem::take(&mut fresh.open));
            fresh.closing.clone()
        };
        let mut batch = sled::Batch::default();
        for (key, change) in &*closing {
            match change {
                Some(value) => batch.insert(key.as_slice(), value),
                None => batch.remove(key.as_slice()),
            }
        }
        self.tree.apply_batch(batch)?;
        self.fresh.write().unwrap_or_else(PoisonError::into_inner).closing = Arc::default();
        Ok(())
    }

    pub(super) fn tree(&self) -> &sled::Db {
        &self.tree
    }
}

type FreshPairs = Box<dyn Iterator<Item = (Vec<u8>, Option<IVec>)>>;
type SettledPairs = Box<dyn Iterator<Item = sled::Result<Pair>>>;

/// What is settled, with what is not laid over it.
pub(super) struct Merged {
    fresh: Peekable<FreshPairs>,
    settled: Peekable<SettledPairs>,
    order: Order,
}

impl Merged {
    fn nothing(order: Order) -> Self {
        let (fresh, settled): (FreshPairs, SettledPairs) =
            (Box::new(std::iter::empty()), Box::new(std::iter::empty()));
        Self { fresh: fresh.peekable(), settled: settled.peekable(), order }
    }
}

impl Iterator for Merged {
    type Item = Result<Pair, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((key, _)) = self.fresh.peek() else {
                return Some(self.settled.next()?.map_err(IndexError::from));
            };
            if let Some(Ok((settled, _))) = self.settled.peek() {
                if self.order.is_before(settled.as_ref(), key.as_slice()) {
                    return Some(self.settled.next()?.map_err(IndexError::from));
                }
                if settled == key {
                    // Out of date.
                    self.settled.next();
                }
            }
            if let (key, Some(value)) = self.fresh.next()? {
                return Some(Ok((key.into(), value)));
            }
        }
    }
}
