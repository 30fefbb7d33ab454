//! Room on the disk, and a reserve of it for when there is none.
//!
//! # Promises
//!
//! - A file of zeros, the **ballast**, keeps room that nobody else can take. It goes when room runs
//!   out, so that what was recorded can still be settled, read and taken along at a clean stop.
//! - Without ballast nothing is recorded: the room it gave back is not for new events. As soon as
//!   there is room for it again it is made again, and recording goes on by itself.
//!
//! sled is never asked to write where there is no room: after one failed write it refuses all others
//! until it is opened again. So the room it may need is made its own before. As it opens it writes a
//! file of its own, a list of its pages: where nothing else is left, that room is given back for it. An
//! index that catches up can wait: it takes no room that recording may need next.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::{Errno, retry_on_intr};

use crate::index::Index;
use crate::journal::{SEGMENT_BYTES, is_no_room};

/// The ballast is this large, or a hundredth of the file system where that is less,
const MOST: u64 = 16 * 1024 * 1024;
/// but no less than this: sled does not open with less room than half a MiB.
const LEAST: u64 = 2 * 1024 * 1024;
/// Beside the ballast there is to be room for this: a checkpoint of what gathers in a second or so.
const CHECKPOINT: u64 = 4 * 1024 * 1024;
/// With so much, a checkpoint may be many times as large: 1 GiB is taken for the most that may gather.
const AMPLE: u64 = 2 * 1024 * 1024 * 1024;
/// What an index that catches up leaves: the journal's next segment, and what it may itself reserve meanwhile.
const LEFT: u64 = SEGMENT_BYTES + 2 * CHECKPOINT;
/// Logged once, when the disk fills.
const FULL: &str = "the disk is full: nothing is recorded until there is room again";

/// The room of one state directory.
#[derive(Debug)]
pub struct Room {
    path: PathBuf,
    size: u64,
    /// Whether the ballast is gone.
    is_short: AtomicBool,
    /// One change of the ballast at a time.
    changing: Mutex<()>,
}

impl Room {
    /// The room around a state directory: keeps the ballast there, or, where there is no room for
    /// it, gives back what is left of it.
    pub fn of(state_dir: &Path) -> io::Result<Self> {
        let stat = statvfs(state_dir)?;
        let size = (stat.f_blocks * stat.f_frsize / 100).clamp(LEAST, MOST);
        let path = state_dir.join("ballast");
        let held = fs::metadata(&path).map_or(0, |found| found.len());
        let is_short = AtomicBool::new(held != size);
        let room = Self { path, size, is_short, changing: Mutex::default() };
        if held != size || room.free() < CHECKPOINT {
            room.remove();
            Index::give_room(&state_dir.join("index"));
            if !room.restore() {
                tracing::warn!("{FULL}");
            }
        }
        Ok(room)
    }

    /// Whether nothing is recorded until there is room again.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Acquire)
    }

    /// Bytes that this process may still write here.
    #[must_use]
    pub fn free(&self) -> u64 {
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        statvfs(dir).map_or(0, |stat| stat.f_bavail * stat.f_frsize)
    }

    /// Whether that is so much that nobody need be careful with it.
    #[must_use]
    pub fn is_ample(&self) -> bool {
        AMPLE <= self.free()
    }

    /// How much of that may be taken for a while: as if the ballast were yet to be made.
    #[must_use]
    pub fn spare(&self) -> u64 {
        self.free().saturating_sub(self.size + CHECKPOINT)
    }

    /// Whether so many bytes can be had at once. It is tried, since a quota shows in no figure.
    #[must_use]
    pub fn takes(&self, bytes: u64) -> bool {
        if self.free() < bytes {
            return false;
        }
        let path = self.path.with_file_name("room");
        let tried = File::create(&path).and_then(|file| {
            // Without a name it is gone with us, whatever happens.
            fs::remove_file(&path)?;
            reserve(file, bytes)
        });
        tried.is_ok()
    }

    /// Whether there is room to record: the ballast is there, or could be made again just now.
    pub fn is_enough(&self) -> bool {
        if !self.is_short() {
            return true;
        }
        let is_back = self.restore();
        if is_back {
            tracing::info!("there is room on the disk again: recording goes on");
        }
        is_back
    }

    /// Makes the ballast again if there is room for it.
    fn restore(&self) -> bool {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        // Beside it there must be room for what it is a reserve of, or it would come and go.
        let made = self.size + CHECKPOINT <= self.free() && fill(&self.path, self.size).is_ok();
        self.is_short.store(!made, Ordering::Release);
        made
    }

    /// Gives the ballast back: there is no room left.
    pub fn release(&self) {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_short.swap(true, Ordering::AcqRel) {
            tracing::warn!("{FULL}");
        }
        self.remove();
    }

    fn remove(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(%error, path = %self.path.display(), "the ballast cannot be removed: remove it by hand to make room");
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Whether the index may be put on disk now; without room for that, the ballast goes first.
    pub fn allows_checkpoint(&self, index: &Index) -> bool {
        if self.holds(index) {
            return true;
        }
        self.release();
        self.holds(index)
    }

    /// Whether an index may catch up further, which never costs the ballast.
    pub fn allows_catching_up(&self, index: &Index) -> bool {
        let fits = || index.lacks() + LEFT <= self.free() && self.holds(index);
        self.is_enough() && (self.is_ample() || fits())
    }

    /// Whether an index that catches up should wait until it is copied: that gives room back, and a little
    /// later there would be none for the copy.
    pub fn is_for_a_copy(&self, index: &Index) -> bool {
        let (spare, copy) = (self.spare(), index.size_bytes());
        copy <= spare && spare < copy + index.lacks() + LEFT && index.is_loose()
    }

    /// Whether what gathered in the index would take more of the room than should be taken at once, and
    /// may be put into sled now.
    pub fn is_scarce_for(&self, index: &Index) -> bool {
        !self.is_ample() && self.free() / 4 < index.needs() && self.holds(index)
    }

    fn holds(&self, index: &Index) -> bool {
        match index.reserve().map_err(|error| (Errno::from_io_error(&error), error)) {
            Ok(()) => true,
            // Not every file system can reserve.
            Err((Some(Errno::OPNOTSUPP | Errno::NOSYS), _)) => CHECKPOINT <= self.free(),
            // Whatever else is wrong shows when it is written.
            Err((_, error)) => !is_no_room(&error),
        }
    }
}

/// Makes the ballast, or leaves nothing behind.
fn fill(path: &Path, size: u64) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    let made = file.and_then(|file| reserve(file, size));
    if made.is_err() {
        let _ = fs::remove_file(path);
    }
    made
}

fn reserve(mut file: File, size: u64) -> io::Result<()> {
    match retry_on_intr(|| fallocate(&file, FallocateFlags::empty(), 0, size)) {
        Ok(()) => Ok(()),
        // Not every file system can reserve.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            io::copy(&mut io::repeat(0).take(size), &mut file).map(drop)
        }
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ballast_comes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let ballast = dir.path().join("ballast");
        let room = Room::of(dir.path()).unwrap();
        let index = Index::open(&dir.path().join("index"), Box::new(|_| Ok(Vec::new()))).unwrap();
        assert!(room.is_enough() && room.allows_checkpoint(&index));
        assert!((LEAST..=MOST).contains(&fs::metadata(&ballast).unwrap().len()));
        assert!(room.takes(LEAST) && !room.takes(u64::MAX));
        assert!(!dir.path().join("room").exists(), "what was tried leaves nothing");
        room.release();
        assert!(!ballast.exists());
        assert!(room.is_enough(), "there is room, so it is made again");
        assert!(ballast.exists());
        drop(room);
        // One that another file system had, or that was cut short, is made anew.
        fs::write(&ballast, "short").unwrap();
        assert!(Room::of(dir.path()).unwrap().is_enough());
        assert!(LEAST <= fs::metadata(&ballast).unwrap().len());
    }
}
