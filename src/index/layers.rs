//! Several layers read as one: where two have a key, the upper counts.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound::{self, Excluded, Included};
use std::ops::RangeInclusive;
use std::sync::Arc;

use sled::IVec;

use super::IndexError;
use super::key::Short;
use super::order::Order;

/// A key and its value.
pub(super) type Pair = (IVec, IVec);

/// Keys from the first to the last, both included.
pub(super) type Span = RangeInclusive<Short>;

/// What becomes of each key, none removing it.
pub(super) type Changes = BTreeMap<Short, Option<IVec>>;

/// A layer's keys, in some order, and what becomes of each.
pub(super) type Layer = Box<dyn Iterator<Item = Result<(IVec, Option<IVec>), IndexError>>>;

/// Lays one layer over another; both are in this order.
pub(super) fn over(upper: Layer, lower: Layer, order: Order) -> Layer {
    Box::new(Over { upper: upper.peekable(), lower: lower.peekable(), order })
}

/// The changes of a span, if there are any; each is looked for when it is asked for, since whoever wants
/// a page of a list stops soon.
pub(super) fn walk(changes: Arc<Changes>, span: &Span, order: Order) -> Option<Layer> {
    changes.range(span.clone()).next()?;
    let left = (Included(span.start().clone()), Included(span.end().clone()));
    Some(Box::new(Walk { changes, left, order }))
}

struct Over {
    upper: Peekable<Layer>,
    lower: Peekable<Layer>,
    order: Order,
}

impl Iterator for Over {
    type Item = Result<(IVec, Option<IVec>), IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        match (self.upper.peek(), self.lower.peek()) {
            (Some(Ok((upper, _))), Some(Ok((lower, _)))) => {
                if self.order.is_before(lower, upper) {
                    return self.lower.next();
                }
                if lower == upper {
                    // Out of date.
                    self.lower.next();
                }
                self.upper.next()
            }
            (None, _) | (_, Some(Err(_))) => self.lower.next(),
            (Some(_), _) => self.upper.next(),
        }
    }
}

struct Walk {
    changes: Arc<Changes>,
    left: (Bound<Short>, Bound<Short>),
    order: Order,
}

impl Iterator for Walk {
    type Item = Result<(IVec, Option<IVec>), IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let left = (self.left.0.as_ref(), self.left.1.as_ref());
        let mut left = self.changes.range::<Short, _>(left);
        let (key, change) = match self.order {
            Order::Oldest => left.next()?,
            Order::Newest => left.next_back()?,
        };
        match self.order {
            Order::Oldest => self.left.0 = Excluded(Short::from_slice(key)),
            Order::Newest => self.left.1 = Excluded(Short::from_slice(key)),
        }
        Some(Ok((key.as_slice().into(), change.clone())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn changes() -> impl Strategy<Value = Changes> {
        let key = proptest::collection::vec(0_u8..4, 0..3).prop_map(Short::from);
        let value = proptest::option::of((0_u8..9).prop_map(|n| IVec::from(&[n])));
        proptest::collection::btree_map(key, value, 0..12)
    }

    proptest! {
        #[test]
        fn the_upper_counts_in_either_order(
            (lower, upper) in (changes(), changes()),
            (from, to) in (proptest::collection::vec(0_u8..4, 0..3), 0_u8..5),
        ) {
            let span = Short::from(from)..=Short::from(vec![to]);
            prop_assume!(!span.is_empty());
            let mut both = lower.clone();
            both.extend(upper.clone());
            let mut expected: Vec<_> = both.range(span.clone()).map(|(k, v)| (k.as_slice().into(), v.clone())).collect();
            for order in [Order::Oldest, Order::Newest] {
                let layer = |changes: &Changes| walk(Arc::new(changes.clone()), &span, order);
                let found: Vec<(IVec, Option<IVec>)> = match (layer(&upper), layer(&lower)) {
                    (Some(upper), Some(lower)) => over(upper, lower, order).map(Result::unwrap).collect(),
                    (upper, lower) => upper.or(lower).into_iter().flatten().map(Result::unwrap).collect(),
                };
                prop_assert_eq!(&found, &expected);
                expected.reverse();
            }
        }
    }
}
