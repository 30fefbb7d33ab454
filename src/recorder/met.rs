//! Which ids were met: surely not, or perhaps.
//!
//! A Bloom filter ("Space/time trade-offs in hash coding with allowable errors", 1970), each id in one
//! word of it. To look for an id in an index takes microseconds, and those that tell no time, as hashes do,
//! are looked for all over it; in a journal hardly any comes twice.

use std::hash::{BuildHasher, RandomState};

use uuid::Uuid;

/// Ids to a word; of so many, one in thirty seems to have been met that was not.
const IDS: usize = 8;
/// The most words: 16 MiB. Beyond, more and more ids seem to have been met.
const MOST: usize = 2 * 1024 * 1024;
/// Bits of a word that an id sets.
const BITS: u32 = 4;

/// The ids that were met.
#[derive(Debug)]
pub(super) struct Met {
    words: Vec<u64>,
    hashes: RandomState,
}

impl Met {
    /// Nothing was met yet; about so many ids will be.
    pub(super) fn nothing(ids: u64) -> Self {
        let words = usize::try_from(ids).unwrap_or(usize::MAX) / IDS + 1;
        Self { words: vec![0; words.min(MOST)], hashes: RandomState::new() }
    }

    /// Notes an id; false if it was surely not noted before.
    pub(super) fn note(&mut self, id: Uuid) -> bool {
        let hash = self.hashes.hash_one(id);
        let bits = (0..BITS).fold(0, |bits, nth| bits | 1 << (hash >> (6 * nth) & 63));
        // The other half of the hash, as a share of the words.
        let at = ((hash >> 32) * self.words.len() as u64) >> 32;
        let word = &mut self.words[usize::try_from(at).unwrap_or(0)];
        let may_be_there = *word & bits == bits;
        *word |= bits;
        may_be_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_known_and_little_else_seems_so() {
        for many in [0, 1, 10_000] {
            let mut met = Met::nothing(many);
            let wrongly = (0..many).filter(|n| met.note(Uuid::from_u128((*n).into()))).count();
            assert!(wrongly as u64 <= many / 20, "{wrongly} of {many}");
            assert!((0..many).all(|n| met.note(Uuid::from_u128(n.into()))));
        }
    }
}
