//! Whether index and journal tell of the same events.
//!
//! After a power cut sled may have lost pages without noticing. The ids it holds are counted and
//! hashed per journal segment and compared with the same sums made from the journal. Who has more
//! time compares every key with an index built anew.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Index, IndexError, key};

/// A count and a hash of ids that does not depend on their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// The exclusive or of a hash of each.
    pub hash: u64,
}

impl Sum {
    /// Adds one id.
    pub fn add(&mut self, id: Uuid) {
        // Ids are often sequential, so their bits are mixed before they are combined.
        let hash = blake3::hash(id.as_bytes());
        let first = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        self.count += 1;
        self.hash ^= u64::from_le_bytes(first);
    }
}

impl Index {
    /// The sums of the ids it holds, by the first sequence of the segment they lie in.
    ///
    /// `segments` are those first sequences, ascending.
    pub fn sums(&self, segments: &[u64]) -> Result<BTreeMap<u64, Sum>, IndexError> {
        let mut sums = BTreeMap::new();
        for entry in self.store.beginning_with(&[key::ID]) {
            let (key, value) = entry?;
            let id = key::read_id(&key)?;
            let (_, sequence) = key::read_id_value(&value)?;
            let segment = segments.partition_point(|first| *first <= sequence);
            let segment = segment.checked_sub(1).map_or(0, |position| segments[position]);
            sums.entry(segment).or_insert_with(Sum::default).add(id);
        }
        Ok(sums)
    }

    /// The first thing of which two indexes of the same records do not say the same, in words;
    /// reads both whole.
    pub fn first_difference(&self, other: &Self) -> Result<Option<String>, IndexError> {
        let all = |index: &Self| index.store.beginning_with(&[]);
        let (mut ours, mut theirs) = (all(self), all(other));
        loop {
            let (our, their) = (ours.next().transpose()?, theirs.next().transpose()?);
            if our == their {
                if our.is_none() {
                    return Ok(None);
                }
                continue;
            }
            let key = our.into_iter().chain(their).map(|(key, _)| key).min();
            return Ok(key.map(|key| key::describe(&key)));
        }
    }
}
