//! Backups: copies of the journal from which everything else can be built.
//!
//! # Promises
//!
//! - What was acknowledged before a backup began is in it, whatever the daemon does meanwhile; it
//!   needs no lock and is never waited for.
//! - Whatever interrupts a backup, the one before it is still there, whole. The next finishes it.
//!   One that is refused leaves nothing.
//! - What was forgotten, or dropped for its age, before a backup began is in no file of it.
//! - What is damaged is found: which file, which records. The rest can be restored, and the next
//!   backup into the same directory writes it anew.
//! - A backup of another journal, or of a newer snag, is left as it is.
//!
//! # Format, version 1 or, with keys, 2
//!
//! A directory, or a tar archive of one named `snag-backup`, the manifest last:
//!
//! ```text
//! 00000000000000000001-0f3a97c2d1e45b68.pak  a segment of the journal, by the sequence of its first
//! 00000000000000021733-9b1c02f4a7e86d53.pak  record and the first digits of its checksum
//! 00000000000000043011-51d0c8b7aa0e93f2.seg  one that cannot be packed, because it is damaged
//! manifest.json                              what belongs to it; files beside it are of no backup
//! ```
//!
//! The segments are those of [`crate::journal`], the last as far as it went. A segment that changes
//! gets another name, so that two backups can lie side by side until the manifest names the second;
//! what it does not name goes then. The manifest is JSON: [`Manifest`] says what is in it. The file of
//! keys beside the journal is small, and a part of it. Token, configuration and what waits in `drop` are
//! in no backup.

mod examine;
mod kept;
mod make;
mod manifest;
mod replace;
mod tar;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

pub use examine::{Fault, Report, Span};
pub use kept::Kept;
pub use make::{Made, to_dir, to_file, to_stream};
pub use manifest::{Listed, Manifest};

use crate::journal::JournalError;

/// The manifest's file.
const MANIFEST: &str = "manifest.json";

/// Why a backup cannot be made or read: one variant for each thing to do next.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no journal to back up.
    #[error("there is no journal in {}: name the state directory with `--state-dir`", .0.display())]
    NoJournal(PathBuf),
    /// The journal cannot be read.
    #[error("the journal cannot be backed up")]
    Journal(#[source] JournalError),
    /// It is being rewritten, over and over.
    #[error("the journal was rewritten while it was read: run the backup again")]
    Rewritten,
    /// What is there is no backup.
    #[error("{} holds something else than a backup, like {name:?}: name a directory of its own", .dir.display())]
    Foreign {
        /// The directory.
        dir: PathBuf,
        /// A name in it.
        name: String,
    },
    /// What is there is a backup of something else.
    #[error("{} has no record of this journal: it is of another one, or all that it has was dropped for its age since. Name another directory, or remove this one first", .0.display())]
    Another(PathBuf),
    /// It has what the journal has lost since.
    #[error("{} still has records that the journal has lost, and is left as it is: restore it with `snag restore`, or back up what is left into another place", .0.display())]
    WouldLose(PathBuf),
    /// Somebody else writes to it.
    #[error("a backup goes into {} at this moment: wait for it", .0.display())]
    Busy(PathBuf),
    /// There is no backup.
    #[error("there is no backup at {}: name its directory or its file", .0.display())]
    NoBackup(PathBuf),
    /// The manifest of a backup that is to be continued cannot be read.
    #[error("{} is damaged: restore what is left with `snag restore --lose-damaged`, or remove that file to have the backup made anew", .0.display())]
    BadManifest(PathBuf),
    /// A snag of the future made it.
    #[error("{} is of format {version}, newer than this snag: install a newer one", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: u32,
    },
    /// A file or directory cannot be read or written.
    #[error("cannot use {}: check the path, its owner and the disk", .path.display())]
    Unusable {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl From<JournalError> for BackupError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Newer { path, version } => Self::Newer { path, version },
            other => Self::Journal(other),
        }
    }
}

impl BackupError {
    fn unusable(path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |source| Self::Unusable { path: path.to_owned(), source }
    }
}
