//! Why the journal did not do what it was asked: one variant for each thing a caller may do next.

use std::io;
use std::path::{Path, PathBuf};

use super::recover::Damage;

/// Why the journal did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Nothing was written; a later append may succeed, without reopening.
    #[error("no room for the journal: free some disk space or raise the quota")]
    NoRoom(#[source] io::Error),
    /// A write or its sync failed, nobody knows what is on disk, and every later append answers
    /// the same: reopen.
    #[error("{doing} failed, so the journal takes no more: check the disk, then restart")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A payload or a batch is beyond the limit; nothing was written.
    #[error("{bytes} bytes are too large for the journal: send at most {limit}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A snag of the future wrote this segment.
    #[error("{} is of format {version}, newer than this snag: install a newer one", .path.display())]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Its format version.
        version: u32,
    },
    /// A file or directory could not be opened, read, or made.
    #[error("cannot use {}: check the path, its owner and the disk", .path.display())]
    Unusable {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Records are missing; reading goes on behind them.
    #[error("{0}: look into the disk, and restore a backup if they matter")]
    Damaged(Damage),
}

impl JournalError {
    /// Wraps an error about a path.
    pub(super) fn unusable(path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |source| Self::Unusable { path: path.to_owned(), source }
    }
}

/// Whether an error says that there is no room, which may change.
#[must_use]
pub fn is_no_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
