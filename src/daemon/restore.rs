//! Putting a backup where a daemon finds it.
//!
//! The journal is written beside its place and gets its name last, so that there is all of it or
//! nothing. The index is built from it at the next start. What an interrupted restore leaves goes at
//! the next start, or with the next restore.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::forget::remove_dir;
use super::open::{OpenError, lock, make_dir, unusable};
use super::owner::hand_over;
use super::paths::Paths;
use super::recover::set_aside;
use crate::backup::{BackupError, Kept, Report};
use crate::index::Index;
use crate::journal::{self, JournalError, Reader};

/// The journal that is not whole yet.
const NEW: &str = "journal.new";

/// What to do where a backup is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damaged {
    /// Leave everything as it is.
    Refuse,
    /// Restore what is left.
    Lose,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup cannot be read.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// There is something already.
    #[error("{} is not empty: its journal goes up to record {last}; name another directory with `--state-dir`, or move this one away first", .dir.display())]
    NotEmpty {
        /// The state directory.
        dir: PathBuf,
        /// The last number that its journal gave.
        last: u64,
    },
    /// A daemon runs there.
    #[error("a snagd runs on {}: stop it first", .0.display())]
    Runs(PathBuf),
    /// The backup is damaged, and nobody said to go on.
    #[error(
        "the backup is damaged, and nothing was restored: add `--lose-damaged` to restore the rest"
    )]
    Damaged(Box<Report>),
    /// The state directory cannot be used.
    #[error(transparent)]
    Open(OpenError),
}

impl From<OpenError> for RestoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Taken(dir) => Self::Runs(dir),
            other => Self::Open(other),
        }
    }
}

/// Restores a backup into a state directory that has no journal, or one without a record. Where it
/// does not, it leaves nothing behind.
pub fn restore(kept: &Kept, state_dir: &Path, damaged: Damaged) -> Result<Report, RestoreError> {
    let lock_file = state_dir.join("lock");
    let own: Vec<&Path> = lock_file.ancestors().take_while(|path| !path.exists()).collect();
    make_dir(state_dir)?;
    let _lock = lock(state_dir)?;
    let restored = put(kept, state_dir, damaged);
    if restored.is_err() {
        // While the lock is held nobody else can have begun there.
        let _ = own.iter().try_for_each(|path| {
            if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }
        });
    }
    restored
}

/// Removes what is left of a restore that was interrupted: who holds the lock knows that none runs.
pub(super) fn clear_unfinished(state_dir: &Path) -> Result<(), OpenError> {
    let new = state_dir.join(NEW);
    if new.try_exists().map_err(unusable(&new))? {
        tracing::warn!(path = %new.display(), "a restore was not finished, and what there was of it is removed: stop snagd and run `snag restore` again before anything is recorded");
        remove_dir(&new).map_err(unusable(&new))?;
    }
    Ok(())
}

fn put(kept: &Kept, state_dir: &Path, damaged: Damaged) -> Result<Report, RestoreError> {
    let journal = state_dir.join("journal");
    refuse_records(state_dir, &journal)?;
    let new = state_dir.join(NEW);
    remove_dir(&new).map_err(unusable(&new))?;
    let written = write(kept, state_dir, &new).and_then(|report| {
        if report.damaged.is_empty() || damaged == Damaged::Lose {
            return Ok(report);
        }
        Err(RestoreError::Damaged(Box::new(report)))
    });
    let report = match written {
        Ok(report) => report,
        Err(error) => {
            // Gives the room back; the next one removes it anyway.
            let _ = remove_dir(&new);
            return Err(error);
        }
    };
    let index = state_dir.join("index");
    set_aside(&index)?;
    // What was there before is no measure of what is restored.
    Index::note_nothing(&index).map_err(unusable(&index))?;
    restore_keys(kept, state_dir)?;
    hand_over(state_dir)?;
    remove_dir(&journal).map_err(unusable(&journal))?;
    let named = fs::rename(&new, &journal).and_then(|()| File::open(state_dir)?.sync_all());
    named.map_err(unusable(&journal))?;
    Ok(report)
}

/// Keys that are there already stay.
fn restore_keys(kept: &Kept, state_dir: &Path) -> Result<(), OpenError> {
    let path = Paths::in_state_dir(state_dir).keys();
    let Some(keys) = kept.keys().filter(|_| !path.exists()) else { return Ok(()) };
    journal::replace(&path, keys.as_bytes()).map_err(unusable(&path))
}

/// A daemon that was started once leaves a journal without a record.
fn refuse_records(state_dir: &Path, journal: &Path) -> Result<(), RestoreError> {
    if !journal.exists() {
        return Ok(());
    }
    let journal_error = |source| OpenError::Journal { dir: journal.to_owned(), source };
    let (reader, _) = Reader::open(journal, 0).map_err(journal_error)?;
    match reader.last() {
        0 => Ok(()),
        last => Err(RestoreError::NotEmpty { dir: state_dir.to_owned(), last }),
    }
}

fn write(kept: &Kept, state_dir: &Path, new: &Path) -> Result<Report, RestoreError> {
    let journal_error = |source: JournalError| OpenError::Journal { dir: new.to_owned(), source };
    journal::make_dir(new).map_err(journal_error)?;
    // Whoever finds it unfinished must be able to remove it.
    hand_over(state_dir)?;
    let report = kept.examine(|part| part.write(new))?;
    journal::begin_with(new, report.begins).map_err(journal_error)?;
    Ok(report)
}
