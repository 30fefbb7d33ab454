//! Files that stay where they are: each is told of once, and none is worked through again and again.

use std::collections::HashMap;
use std::ffi::{CStr, CString};

use super::file::Stamp;

/// So many are remembered; more are left and not told of.
const MOST_LEFT: usize = 10_000;

/// Files that stay where they are, so that each is told of once.
#[derive(Debug, Default)]
pub(super) struct Left {
    files: HashMap<CString, LeftFile>,
    scan: u64,
}

#[derive(Debug)]
struct LeftFile {
    stamp: Stamp,
    why: Why,
    /// The last scan that saw it.
    seen: u64,
}

/// Why a file stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It is recorded and could not be removed.
    Recorded,
    /// It is bad, and `rejected/` takes no more.
    Full,
    /// It could not be read or moved.
    Stuck,
}

impl Left {
    /// Begins a scan.
    pub(super) fn start(&mut self) {
        self.scan += 1;
    }

    /// Notes that a file stays; says whether that is news.
    pub(super) fn note(&mut self, name: &CStr, stamp: Stamp, why: Why) -> bool {
        let file = LeftFile { stamp, why, seen: self.scan };
        if MOST_LEFT <= self.files.len() && !self.files.contains_key(name) {
            return false;
        }
        let before = self.files.insert(name.to_owned(), file);
        before.is_none_or(|before| before.why != why)
    }

    /// Why this very file was left, if it was.
    pub(super) fn why(&mut self, name: &CStr, stamp: Stamp) -> Option<Why> {
        let file = self.files.get_mut(name).filter(|file| file.stamp == stamp)?;
        file.seen = self.scan;
        Some(file.why)
    }

    /// Forgets files that this scan, a whole one, did not come across.
    pub(super) fn forget_unseen(&mut self) {
        self.files.retain(|_, file| file.seen == self.scan);
    }
}
