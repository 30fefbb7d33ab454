//! Looking over what was on disk at the start, once, a piece at a time: what has rotted there is told
//! of before anybody misses it.
//!
//! The index has a sum of all that is in it, which is made anew; the packed segments of the journal
//! have checksums. Opening has read the others.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::index::Index;
use crate::journal::{Damage, Reader};

/// Says what a bad place of the journal means.
pub fn tell_of_damage(damage: &Damage) {
    if damage.bytes == 0 {
        tracing::error!(%damage, "the journal is damaged: it does not hold what it held; look into the disk, and restore a backup if these records matter");
    } else {
        tracing::error!(%damage, "the journal is damaged: what can be read was recovered; bad bytes stay where they are, and a copy of them goes to journal/aside; `snagd verify` says what is missing");
    }
}

/// The index is begun with so often: what is put into it meanwhile changes its sum.
const ATTEMPTS: u32 = 5;

/// What is still to be looked at.
pub struct Inspection {
    journal: Reader,
    segments: std::vec::IntoIter<u64>,
    /// How often the index may still be begun with.
    attempts: u32,
    doubted: Box<dyn Fn() + Send>,
}

impl Inspection {
    /// Of what is there now. `doubted` is called where the index turns out to be damaged.
    pub fn new(journal: Reader, doubted: impl Fn() + Send + 'static) -> Self {
        let segments: Vec<u64> = journal.segments().iter().map(|segment| segment.first).collect();
        let segments = segments.into_iter();
        Self { journal, segments, attempts: ATTEMPTS, doubted: Box::new(doubted) }
    }

    /// Looks at the next piece; says whether there was one.
    pub(super) fn step(&mut self, index: &Index) -> bool {
        if let Some(left) = self.attempts.checked_sub(1) {
            let is_looked_at = self.look_at_index(index);
            self.attempts = if is_looked_at { 0 } else { left };
            if !is_looked_at && left == 0 {
                tracing::debug!("the index was not looked at: it changed each time");
            }
            return true;
        }
        let Some(first) = self.segments.next() else { return false };
        self.look_at_segment(first, index);
        true
    }

    /// Says whether it could be looked at as it stood.
    fn look_at_index(&self, index: &Index) -> bool {
        // sled panics where it meets what it does not expect.
        let is_whole = match catch_unwind(AssertUnwindSafe(|| index.is_whole())) {
            Ok(Ok(None)) => return false,
            Ok(Ok(Some(is_whole))) => is_whole,
            Ok(Err(error)) => !error.is_damage(),
            Err(_) => false,
        };
        if !is_whole {
            index.distrust();
            (self.doubted)();
        }
        true
    }

    fn look_at_segment(&self, first: u64, index: &Index) {
        match self.journal.examine(first) {
            Ok(found) => {
                for damage in found {
                    // Without room the copy is made later.
                    let _ = self.journal.set_aside(&damage);
                    if index.meet_lost(damage.missing.clone()) {
                        tell_of_damage(&damage);
                    }
                }
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "a segment of the journal could not be looked at");
            }
        }
    }
}
