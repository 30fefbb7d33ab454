//! What the index could not do: one variant for each thing a caller may do next.

use std::error::Error;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

/// What the index could not do.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It does not open: set it aside and rebuild.
    #[error("the index in {dir} does not open ({reason})")]
    Unopenable {
        /// Its directory.
        dir: PathBuf,
        /// sled's own words.
        reason: String,
    },
    /// A read or a write failed; sled refuses writes from then on: stop, and replay at the start.
    #[error("the index could not be read or written")]
    Storage(#[source] sled::Error),
    /// The checkpoint's fdatasync failed: what is on disk is unknown, so stop.
    #[error("the index could not be put on disk")]
    Checkpoint(#[source] io::Error),
    /// It is of an earlier format: remove it and rebuild.
    #[error("an earlier snagd made the index")]
    Outdated,
    /// A value does not read back: set it aside and rebuild.
    #[error("the index is damaged: {0}")]
    Damaged(&'static str),
    /// The journal lost a record that it knows of: set it aside and rebuild, to know what is left.
    #[error(
        "the journal has lost record {sequence}: `snagd verify` says where, and a backup may have it"
    )]
    Lost {
        /// The record.
        sequence: u64,
        /// All that is lost with it, itself included.
        run: Range<u64>,
        /// How it was lost, where there is a trace of it.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A record of the journal could not be read this time.
    #[error("record {sequence} of the journal could not be read")]
    Unread {
        /// The record.
        sequence: u64,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl IndexError {
    /// Whether what lies on the disk is to blame, so that a rebuild cures it; if not, it is the
    /// disk itself, and a rebuild would only meet the same.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            // What sled makes up itself is of these kinds, and nothing that the system reports is.
            // (Nor has that always its number: sled retells it as text.)
            Self::Storage(sled::Error::Io(error)) => {
                matches!(error.kind(), io::ErrorKind::Other | io::ErrorKind::UnexpectedEof)
            }
            Self::Checkpoint(_) | Self::Unread { .. } => false,
            Self::Outdated
            | Self::Unopenable { .. }
            | Self::Damaged(_)
            | Self::Lost { .. }
            | Self::Storage(_) => true,
        }
    }

    /// Whether there was no room on the disk.
    #[must_use]
    pub fn is_no_room(&self) -> bool {
        match self {
            Self::Storage(sled::Error::Io(error)) | Self::Checkpoint(error) => {
                matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }
}

impl From<sled::Error> for IndexError {
    fn from(error: sled::Error) -> Self {
        Self::Storage(error)
    }
}
