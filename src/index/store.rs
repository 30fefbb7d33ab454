//! An ordered map: sled, under a thin layer of what is not in it yet.
//!
//! A write goes into memory, where every read sees it at once; [`Store::settle`] moves what has
//! gathered into sled as one atomic batch. sled takes 5 to 25 µs a key, and a
//! counter that changed a hundred times is written once: so nobody waits for it. What is lost with
//! the layer when the process dies lies in the journal, behind the position that sled holds.
//!
//! While sled takes a batch it answers nobody. So what moved down last stays in memory as well: the
//! writer, who counts on where it left off, seldom has to ask sled.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::{empty, once};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sled::IVec;
use smallvec::smallvec;

use super::key::Short;
use super::layers::{self, Changes, Layer, Pair, Span};
use super::order::Order;
use super::{IndexError, key, leaf, pairs};

/// What becomes of a key; none removes it.
pub(super) type Change = (Short, Option<IVec>);

/// The layer is settled before its time when it holds so many keys. sled writes a leaf whole for each
/// batch that touches it, so large batches cost less; but reads wait meanwhile, tens of ms.
const MANY: usize = 32 * 1024;
/// How many where room is scarce: the room for what sled may write is taken before.
const MANY_WHERE_SCARCE: usize = MANY / 32;
/// Whoever makes it so many times as large should settle it, where there is room for that.
const TOO_MANY_TIMES: usize = 4;
/// Whoever makes it as large as this must settle it.
const TOO_MANY: usize = TOO_MANY_TIMES * MANY;
/// sled is made to let go of pages after so many looks: that takes tens of ms of a processor.
const LOOKS: usize = 2048;
/// How many ids are looked at to find one that tells a time.
const FEW: usize = 64;

pub(super) struct Store {
    tree: RwLock<sled::Db>,
    fresh: RwLock<Layers>,
    /// One settling at a time.
    settling: Mutex<()>,
    /// How many began.
    settlings: AtomicU64,
    /// So many keys are settled before their time.
    many: AtomicUsize,
    /// About how many pages sled may have read since it let go of some.
    looks: AtomicUsize,
}

#[derive(Default)]
struct Layers {
    /// What was written since the last settling began,
    open: Changes,
    /// and the bytes of it, what was written over included.
    bytes: u64,
    /// What is on its way into sled, or got there last.
    closing: Arc<Changes>,
    /// Beside that, sled holds nothing about an id that tells a later time than this.
    latest: u64,
}

impl Store {
    pub(super) fn new(tree: sled::Db) -> Self {
        let fresh = Layers { latest: latest(&tree), ..Layers::default() };
        Self {
            tree: RwLock::new(tree),
            fresh: RwLock::new(fresh),
            settling: Mutex::default(),
            settlings: AtomicU64::new(0),
            // Where nobody says, nobody else settles it.
            many: AtomicUsize::new(MANY),
            looks: AtomicUsize::new(0),
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        {
            let fresh = self.fresh.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(change) = fresh.open.get(key).or_else(|| fresh.closing.get(key)) {
                return Ok(change.clone());
            }
            // Most ids are new, and tell so.
            if key::time(key).is_some_and(|time| fresh.latest < time) {
                return Ok(None);
            }
        }
        self.looks.fetch_add(1, Ordering::Relaxed);
        leaf::get(&self.tree(), key)
    }

    /// The pairs of a span: the first first, or the last.
    pub(super) fn range(
        &self,
        span: Span,
        order: Order,
    ) -> impl Iterator<Item = Result<Pair, IndexError>> + use<> {
        let all = if span.is_empty() { Box::new(empty()) } else { self.layers(span, order) };
        all.filter_map(|change| match change {
            Ok((key, value)) => Some(Ok((key, value?))),
            Err(error) => Some(Err(error)),
        })
    }

    /// All that becomes of the keys of a span that is not empty.
    fn layers(&self, span: Span, order: Order) -> Layer {
        // First the layers, then sled: what moves down in between is seen twice, not never.
        let (open, closing) = {
            let layers = self.fresh.read().unwrap_or_else(PoisonError::into_inner);
            let open = layers.open.range(span.clone());
            let copy = |(key, change): (&Short, &Option<IVec>)| {
                Ok((key.as_slice().into(), change.clone()))
            };
            // It is written to meanwhile.
            (open.map(copy).collect::<Vec<_>>(), layers.closing.clone())
        };
        let closing = layers::walk(closing, &span, order);
        self.looks.fetch_add(1, Ordering::Relaxed);
        let mut all: Layer = match pairs::range(&self.tree(), span, order) {
            Ok(found) => Box::new(found.map(|pair| pair.map(|(key, value)| (key, Some(value))))),
            Err(error) => Box::new(once(Err(error))),
        };
        if let Some(closing) = closing {
            all = layers::over(closing, all, order);
        }
        if open.is_empty() {
            return all;
        }
        let open: Layer = match order {
            Order::Oldest => Box::new(open.into_iter()),
            Order::Newest => Box::new(open.into_iter().rev()),
        };
        layers::over(open, all, order)
    }

    /// Every pair whose key begins with `prefix`.
    pub(super) fn beginning_with(
        &self,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<Pair, IndexError>> + use<> {
        self.range(beginning_with(prefix), Order::Oldest)
    }

    /// The keys of a span that suit, the first first and at most `most`. Passes over their values.
    pub(super) fn keys(
        &self,
        span: &Span,
        most: usize,
        suits: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<Short>, IndexError> {
        if span.is_empty() {
            return Ok(Vec::new());
        }
        let mut fresh = BTreeMap::new();
        {
            let layers = self.fresh.read().unwrap_or_else(PoisonError::into_inner);
            for layer in [&*layers.closing, &layers.open] {
                let suiting = layer.range(span.clone()).filter(|(key, _)| suits(key));
                fresh.extend(
                    suiting.map(|(key, change)| (Short::from_slice(key), change.is_some())),
                );
            }
        }
        let mut settled = BTreeSet::new();
        self.looks.fetch_add(LOOKS, Ordering::Relaxed);
        leaf::keys(&self.tree(), span, &suits, |key| {
            if !fresh.contains_key(key) {
                settled.insert(Short::from_slice(key));
            }
            if settled.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        settled.extend(fresh.into_iter().filter_map(|(key, is_there)| is_there.then_some(key)));
        Ok(settled.into_iter().take(most).collect())
    }

    /// Makes changes visible, all at once; of two of one key the later counts.
    pub(super) fn write(&self, changes: Vec<Change>) {
        let bytes =
            |(key, value): &Change| key.len() + value.as_ref().map_or(0, |value| value.len());
        let bytes = changes.iter().map(bytes).sum::<usize>() as u64;
        let mut fresh = self.fresh.write().unwrap_or_else(PoisonError::into_inner);
        fresh.open.extend(changes);
        fresh.bytes += bytes;
    }

    /// Says whether there is ample room on the disk, so that more may gather.
    pub(super) fn gather(&self, is_ample: bool) {
        self.many.store(if is_ample { MANY } else { MANY_WHERE_SCARCE }, Ordering::Relaxed);
    }

    /// Whether so much has gathered that it should be settled before its time.
    pub(super) fn holds_much(&self) -> bool {
        self.many.load(Ordering::Relaxed) <= self.gathered()
    }

    /// Whether so much has gathered that whoever adds to it should settle it.
    pub(super) fn holds_too_much(&self) -> bool {
        TOO_MANY_TIMES * self.many.load(Ordering::Relaxed) <= self.gathered()
    }

    /// Whether so much has gathered that whoever adds to it must settle it.
    pub(super) fn holds_far_too_much(&self) -> bool {
        TOO_MANY <= self.gathered()
    }

    /// Whether so much has gathered that whoever keeps it from settling should end.
    pub(super) fn is_waited_for(&self) -> bool {
        TOO_MANY_TIMES / 2 * self.many.load(Ordering::Relaxed) <= self.gathered()
    }

    fn gathered(&self) -> usize {
        self.fresh.read().unwrap_or_else(PoisonError::into_inner).open.len()
    }

    /// How many bytes of leaves what has gathered may change, where `held` bytes hold all of them.
    pub(super) fn weight(&self, held: u64) -> u64 {
        let fresh = self.fresh.read().unwrap_or_else(PoisonError::into_inner);
        held.min((fresh.open.len() * leaf::MOST) as u64) + fresh.bytes
    }

    /// Forgets what moved down last, which is in sled as well, has sled let go of what it read, and does
    /// something while sled writes nothing.
    pub(super) fn rest(&self, meanwhile: impl FnOnce()) -> Result<(), IndexError> {
        let _alone = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        self.close(|_| Changes::new());
        let tree = self.tree();
        tree.flush()?;
        if LOOKS <= self.looks.load(Ordering::Relaxed) {
            self.looks.store(0, Ordering::Relaxed);
            leaf::let_go(&tree)?;
        }
        meanwhile();
        Ok(())
    }

    /// Moves what has gathered into sled, as one atom.
    pub(super) fn settle(&self) -> Result<(), IndexError> {
        let _alone = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        self.settlings.fetch_add(1, Ordering::AcqRel);
        let closing = self.close(|fresh| {
            fresh.bytes = 0;
            std::mem::take(&mut fresh.open)
        });
        self.looks.fetch_add(closing.len(), Ordering::Relaxed);
        let tree = self.tree();
        tree.apply_batch(leaf::change(&tree, closing.iter())?)?;
        Ok(())
    }

    /// Forgets what moved down last, and keeps what moves down now in its place.
    fn close(&self, take: impl FnOnce(&mut Layers) -> Changes) -> Arc<Changes> {
        // Nobody waits while tens of thousands of keys are looked at or freed.
        let closed = self.fresh.read().unwrap_or_else(PoisonError::into_inner).closing.clone();
        let times = [key::ID, key::DECISION].into_iter().flat_map(|kind| {
            closed.range(smallvec![kind]..smallvec![kind + 1]).filter_map(|(key, _)| key::time(key))
        });
        let latest = times.max().unwrap_or(0);
        let mut fresh = self.fresh.write().unwrap_or_else(PoisonError::into_inner);
        fresh.latest = fresh.latest.max(latest);
        fresh.closing = Arc::new(take(&mut fresh));
        fresh.closing.clone()
    }

    /// Whether sled holds what was put into it; none where something was settled meanwhile, which does not
    /// wait for this. Reads all of it, and keeps nothing of that.
    pub(super) fn is_whole(&self) -> Result<Option<bool>, IndexError> {
        let begun = {
            let _alone = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
            self.settlings.load(Ordering::Acquire)
        };
        let tree = self.tree();
        let is_still = || self.settlings.load(Ordering::Acquire) == begun;
        let is_whole = leaf::is_whole(&tree, is_still)?;
        leaf::let_go(&tree)?;
        Ok(is_whole)
    }

    /// Goes on with another sled that holds the same, if there is one; none is written to until it is
    /// there. Says whether it does.
    pub(super) fn go_on_with(
        &self,
        other: impl FnOnce(&sled::Db) -> Result<Option<sled::Db>, IndexError>,
    ) -> Result<bool, IndexError> {
        let _alone = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(other) = other(&self.tree())? else { return Ok(false) };
        self.settlings.fetch_add(1, Ordering::AcqRel);
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = other;
        Ok(true)
    }

    /// A handle.
    pub(super) fn tree(&self) -> sled::Db {
        self.tree.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The span of what begins with `prefix`; keys are at most 32 bytes longer, or text.
pub(super) fn beginning_with(prefix: &[u8]) -> Span {
    let first = Short::from_slice(prefix);
    let mut last = Short::from_slice(prefix);
    last.extend_from_slice(&[0xff; 32]);
    first..=last
}

/// The latest time that an id in sled tells; the end of time where none of the last few tells one.
fn latest(tree: &sled::Db) -> u64 {
    let latest = |kind| latest_of(tree, kind).unwrap_or(u64::MAX);
    latest(key::ID).max(latest(key::DECISION))
}

/// The same of one kind of key; none where the last few do not tell.
fn latest_of(tree: &sled::Db, kind: u8) -> Option<u64> {
    let newest =
        pairs::range(tree, smallvec![kind]..=smallvec![kind, key::TELLING], Order::Newest).ok()?;
    let mut looked_at = 0;
    for pair in newest.take(FEW) {
        if let Some(time) = key::time(&pair.ok()?.0) {
            return Some(time);
        }
        looked_at += 1;
    }
    (looked_at < FEW).then_some(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cases::cases;

    fn store() -> Store {
        Store::new(sled::Config::new().temporary(true).open().unwrap())
    }

    /// A key of one of a few lists, some of which begin like others; or about an id, which may tell a
    /// time.
    fn key(n: u16) -> Short {
        if n.is_multiple_of(3) {
            let builder = match n % 4 {
                0 => uuid::Builder::from_random_bytes([n.to_be_bytes()[1]; 16]),
                _ => uuid::Builder::from_unix_timestamp_millis(u64::from(n / 5), &[1; 10]),
            };
            let id = builder.into_uuid();
            return if n.is_multiple_of(2) { key::id(id) } else { key::decision(id) };
        }
        let list = ["", "a", "ab", "web/checkout/pay"][usize::from(n) % 4];
        [list.as_bytes(), &n.to_be_bytes()].concat().into()
    }

    fn all(store: &Store, span: Span, order: Order) -> Vec<(Short, Vec<u8>)> {
        let pairs = store.range(span, order).map(Result::unwrap);
        pairs.map(|(key, value)| (key.as_ref().into(), value.to_vec())).collect()
    }

    proptest! {
        #![proptest_config(cases(24))]

        #[test]
        fn it_is_an_ordered_map(
            rounds in proptest::collection::vec(
                (proptest::collection::vec((0_u16..800, 0_usize..60), 1..300), any::<bool>()),
                1..8,
            ),
            (from, to) in (0_u16..800, 0_u16..800),
        ) {
            let (store, mut model) = (store(), BTreeMap::new());
            for (changes, settles) in rounds {
                let changed: Vec<Change> = changes
                    .into_iter()
                    // A third of them removes.
                    .map(|(n, length)| (key(n), (20 <= length).then(|| vec![1; length].into())))
                    .collect();
                for (key, change) in &changed {
                    match change {
                        Some(value) => model.insert(key.clone(), value.to_vec()),
                        None => model.remove(key),
                    };
                }
                store.write(changed);
                if settles {
                    store.settle().unwrap();
                    prop_assert_eq!(store.is_whole().unwrap(), Some(true));
                }
                for span in [smallvec![]..=smallvec![0xff], key(from)..=key(to)] {
                    let expected: Vec<_> = if span.is_empty() {
                        Vec::new()
                    } else {
                        model.range(span.clone()).map(|(k, v)| (k.clone(), v.clone())).collect()
                    };
                    prop_assert_eq!(&all(&store, span.clone(), Order::Oldest), &expected);
                    let mut last_first = all(&store, span.clone(), Order::Newest);
                    last_first.reverse();
                    prop_assert_eq!(&last_first, &expected);
                    let suits = |key: &[u8]| key.last().is_some_and(|last| last % 4 == 1);
                    let suiting: Vec<_> =
                        expected.into_iter().map(|(key, _)| key).filter(|key| suits(key)).collect();
                    for most in [2, 1000] {
                        let some = &suiting[..most.min(suiting.len())];
                        prop_assert_eq!(store.keys(&span, most, suits).unwrap(), some);
                    }
                }
                let opened_again = settles.then(|| Store::new(store.tree()));
                for store in [Some(&store), opened_again.as_ref()].into_iter().flatten() {
                    for n in 0..800 {
                        let found = store.get(&key(n)).unwrap().map(|value| value.to_vec());
                        prop_assert_eq!(found.as_ref(), model.get(&key(n)));
                    }
                }
            }
        }
    }

    #[test]
    fn a_leaf_that_is_gone_or_another_is_missed() {
        let store = store();
        store.write((0..4000).map(|n| (key(n), Some(vec![1; 40].into()))).collect());
        store.settle().unwrap();
        let tree = store.tree();
        for nth in [0, 7, 20] {
            let (name, leaf) = tree.iter().nth(nth).unwrap().unwrap();
            tree.remove(&name).unwrap();
            assert_eq!(store.is_whole().unwrap(), Some(false), "leaf {nth} is gone");
            tree.insert(&name, tree.iter().nth(nth + 1).unwrap().unwrap().1).unwrap();
            assert_eq!(store.is_whole().unwrap(), Some(false), "leaf {nth} is another");
            tree.insert(name, leaf).unwrap();
            assert_eq!(store.is_whole().unwrap(), Some(true));
        }
        // One that was made before there was a sum.
        tree.remove(tree.iter().next_back().unwrap().unwrap().0).unwrap();
        store.write([(key(1), None)].into());
        store.settle().unwrap();
        assert_eq!(store.is_whole().unwrap(), Some(true), "nobody can tell");
    }

    #[test]
    fn what_moves_down_is_seen_once_meanwhile() {
        let store = store();
        let some = |from: u16| -> Vec<Change> {
            (from..4000).step_by(7).map(|n| (key(n), Some(vec![1; 40].into()))).collect()
        };
        store.write(some(0));
        store.settle().unwrap();
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                for from in 1..7 {
                    store.write(some(from));
                    store.settle().unwrap();
                }
            });
            while !writing.is_finished() {
                for order in [Order::Oldest, Order::Newest] {
                    let mut keys: Vec<_> = store
                        .range(smallvec![]..=smallvec![0xff], order)
                        .map(|pair| pair.unwrap().0)
                        .collect();
                    if order == Order::Newest {
                        keys.reverse();
                    }
                    let wrong = keys.windows(2).find(|two| two[1] <= two[0]);
                    assert!(wrong.is_none(), "{order:?}, none twice: {wrong:?}");
                    let is_there = |key: &Short| keys.binary_search(&key.as_slice().into()).is_ok();
                    assert!(
                        some(0).iter().all(|(key, _)| is_there(key)),
                        "what was there before is there"
                    );
                }
            }
        });
    }

    #[test]
    fn what_is_settled_meanwhile_waits_for_no_look_and_is_no_damage() {
        let store = store();
        let some = |n: u16| -> Vec<Change> {
            (n..n + 400).map(|n| (key(n), Some(vec![1; 50].into()))).collect()
        };
        store.write(some(0));
        store.settle().unwrap();
        assert_eq!(leaf::is_whole(&store.tree(), || false).unwrap(), None);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                for n in 1..40 {
                    store.write(some(n * 10));
                    store.settle().unwrap();
                }
            });
            while !writing.is_finished() {
                assert_ne!(store.is_whole().unwrap(), Some(false));
            }
        });
        assert_eq!(store.is_whole().unwrap(), Some(true));
    }
}
