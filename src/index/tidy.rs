//! Giving room back to the disk, and memory.
//!
//! sled writes anew rather than over, and after a busy time its file is several times as large as
//! what is in it, and stays so, as does what it keeps in memory. So when nothing happens the index is
//! copied, leaf by leaf, to a file that takes the place of the old one in one step: at every moment
//! one of them is there, whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::{Index, IndexError, open_tree};

/// A file is not copied below this size,
const SMALL: u64 = 16 * 1024 * 1024;
/// nor if it has no more bytes an event,
const BYTES_AN_EVENT: u64 = 300;
/// nor before it has grown by half since it was copied.
const fn grown(copied: u64) -> u64 {
    copied / 2 * 3
}

/// Whoever copies looks after so many leaves whether somebody waits.
const LOOK_EVERY: usize = 1024;

/// Where the copy is made, and the old file is left until it goes.
pub(super) fn beside(dir: &Path) -> PathBuf {
    dir.with_extension("new")
}

/// Removes what was begun and not finished: a copy, and a list of pages, which sled writes as it
/// opens and the next time takes for a whole one.
pub(super) fn remove_unfinished(dir: &Path) {
    let _ = fs::remove_dir_all(beside(dir));
    for item in fs::read_dir(dir).into_iter().flatten().flatten() {
        if Path::new(&item.file_name()).extension().is_some_and(|end| end == "generating") {
            let _ = fs::remove_file(item.path());
        }
    }
}

impl Index {
    /// Removes an index that nobody has open: all of it, whenever that is cut short.
    pub fn remove(dir: &Path) -> io::Result<()> {
        let beside = beside(dir);
        remove_unfinished(dir);
        fs::rename(dir, &beside)?;
        // What is left of it the next opening removes.
        let _ = fs::remove_dir_all(beside);
        Ok(())
    }

    /// Gives the room back that an index nobody has open holds for nothing, and what it reserved
    /// behind the end of its file: sled opens that, but writes a file of its own before.
    pub fn give_room(dir: &Path) {
        remove_unfinished(dir);
        give_reserved(dir);
    }

    /// Gives back memory and room that only busy times need, and copies itself if that gives much
    /// room back and takes no more than `spare` bytes meanwhile; says how many there were and are.
    /// Blocks, for seconds where there is much; answers go on, what is recorded waits in memory.
    pub fn tidy(&self, spare: u64) -> Result<Option<(u64, u64)>, IndexError> {
        self.store.rest(|| give_reserved(&self.dir))?;
        let from = self.size_bytes();
        if spare < from || !self.is_loose() {
            return Ok(None);
        }
        if !self.copy()? {
            return Ok(None);
        }
        let to = self.size_bytes();
        self.copied_bytes.store(to, Ordering::Relaxed);
        Ok(Some((from, to)))
    }

    /// Whether a copy of it would be much smaller.
    pub fn is_loose(&self) -> bool {
        let copied = self.copied_bytes.load(Ordering::Relaxed);
        SMALL.max(self.events() * BYTES_AN_EVENT).max(grown(copied)) < self.size_bytes()
    }

    /// Copies itself, and goes on with the copy. Whichever is not gone on with goes. Says whether it did:
    /// not where so much is recorded meanwhile that somebody would soon wait for it.
    pub(super) fn copy(&self) -> Result<bool, IndexError> {
        // What is in memory only goes to the old one, so that it is on disk, whatever happens.
        self.checkpoint()?;
        let new = beside(&self.dir);
        let _ = fs::remove_dir_all(&new);
        let copied = self.store.go_on_with(|old| {
            let copy = open_tree(&new)?;
            for (nth, leaf) in old.iter().enumerate() {
                if nth.is_multiple_of(LOOK_EVERY) && self.store.is_waited_for() {
                    return Ok(None);
                }
                let (name, leaf) = leaf?;
                copy.insert(name, leaf)?;
            }
            copy.flush()?;
            // Opened anew it holds nothing in memory yet; and what it may write as it closes is synced.
            drop(copy);
            sync_all(&new).map_err(IndexError::Checkpoint)?;
            let exchanged = renameat_with(CWD, &new, CWD, &self.dir, RenameFlags::EXCHANGE);
            exchanged.map_err(|error| IndexError::Checkpoint(error.into()))?;
            // Else we go on with one whose place another has: the next start believes neither.
            Ok(Some(open_tree(&self.dir).inspect_err(|_| self.distrust())?))
        });
        let removed = fs::remove_dir_all(&new).map_err(IndexError::Checkpoint);
        copied.and_then(|is_copied| removed.map(|()| is_copied))
    }
}

/// Gives back what was reserved behind the end of sled's file, while nobody writes to it.
fn give_reserved(dir: &Path) {
    let file = File::options().write(true).open(dir.join("db"));
    // What goes wrong here shows when it is written or opened.
    let _ = file.and_then(|file| file.set_len(file.metadata()?.len()));
}

/// Makes the files of a directory durable.
fn sync_all(dir: &Path) -> io::Result<()> {
    for item in fs::read_dir(dir)? {
        File::open(item?.path())?.sync_all()?;
    }
    File::open(dir)?.sync_all()
}
