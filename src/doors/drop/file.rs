//! One thing in the directory: what it is, and what it says if it is a plain file.
//!
//! Whoever may write here may put anything here. So: look first, open only plain files, look again
//! at what was opened, and follow nothing.

use std::ffi::CStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::dir::Dir;

/// The largest file that is read, in bytes.
pub(super) const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// What tells one version of one file from any other.
#[cfg_attr(fuzzing, derive(Default))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: i64,
    /// When it was last written, in nanoseconds since 1970.
    pub(super) modified: i128,
    changed: i128,
}

/// What lies under a name.
#[derive(Debug)]
pub(super) enum Found {
    /// A plain file, read whole.
    Plain(Plain),
    /// Something that is not read.
    Unfit(Unfit),
    /// Nothing any more, or something that is still being written.
    NotNow,
}

/// A plain file, read whole.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) owner: u32,
    pub(super) stamp: Stamp,
    pub(super) bytes: Vec<u8>,
}

/// Why something is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Symlink,
    Directory,
    Fifo,
    Socket,
    Device,
    HardLink,
    Large,
    Unreadable,
    Empty,
}

impl Stamp {
    pub(super) fn of(stat: &Stat) -> Self {
        const SECOND: i128 = 1_000_000_000;
        let modified = i128::from(stat.st_mtime) * SECOND + i128::from(stat.st_mtime_nsec);
        let changed = i128::from(stat.st_ctime) * SECOND + i128::from(stat.st_ctime_nsec);
        let size = stat.st_size;
        Self { device: stat.st_dev, inode: stat.st_ino, size, modified, changed }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Symlink => "a symbolic link, which is never followed: drop the file itself",
            Self::Directory => "a directory: drop the files in it, one by one",
            Self::Fifo => "a FIFO: drop a plain file",
            Self::Socket => "a socket: drop a plain file",
            Self::Device => "a device: drop a plain file",
            Self::HardLink => "a file with more than one name (hard link): drop a copy",
            Self::Large => "a file of more than 4 MiB, which was not read: split it",
            Self::Unreadable => {
                "a file that snagd may not read: drop it readable for snagd's user or group (umask 027)"
            }
            Self::Empty => "a file that says nothing: drop one with a JSON object in it",
        })
    }
}

/// Looks without opening; none where there is nothing any more.
pub(super) fn look(dir: &Dir, name: &CStr) -> io::Result<Option<Stat>> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads what was looked at, if it is a plain file; never blocks on what is not.
pub(super) fn take(dir: &Dir, name: &CStr, seen: &Stat) -> io::Result<Found> {
    if let Some(unfit) = unfit(seen) {
        return Ok(Found::Unfit(unfit));
    }
    // All of these still matter: the name may stand for something else by now.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(dir, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(Found::NotNow),
        Err(Errno::LOOP) => return Ok(Found::Unfit(Unfit::Symlink)),
        Err(Errno::NXIO) => return Ok(Found::Unfit(Unfit::Socket)),
        Err(Errno::ACCESS | Errno::PERM) => return Ok(Found::Unfit(Unfit::Unreadable)),
        Err(error) => return Err(error.into()),
    };
    let opened = rustix::fs::fstat(&file)?;
    if let Some(unfit) = unfit(&opened) {
        return Ok(Found::Unfit(unfit));
    }
    read(&file, &opened)
}

fn read(file: &File, opened: &Stat) -> io::Result<Found> {
    let stamp = Stamp::of(opened);
    let mut bytes = Vec::with_capacity(usize::try_from(opened.st_size).unwrap_or(0) + 1);
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if MOST_BYTES < bytes.len() as u64 {
        return Ok(Found::Unfit(Unfit::Large));
    }
    // Whoever writes in place is not done yet; when they are, the bell rings.
    if Stamp::of(&rustix::fs::fstat(file)?) != stamp {
        return Ok(Found::NotNow);
    }
    if bytes.trim_ascii().is_empty() {
        return Ok(Found::Unfit(Unfit::Empty));
    }
    Ok(Found::Plain(Plain { owner: opened.st_uid, stamp, bytes }))
}

fn unfit(stat: &Stat) -> Option<Unfit> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if stat.st_nlink != 1 => Some(Unfit::HardLink),
        FileType::RegularFile if MOST_BYTES < size(stat) => Some(Unfit::Large),
        FileType::RegularFile => None,
        FileType::Symlink => Some(Unfit::Symlink),
        FileType::Directory => Some(Unfit::Directory),
        FileType::Fifo => Some(Unfit::Fifo),
        FileType::Socket => Some(Unfit::Socket),
        _ => Some(Unfit::Device),
    }
}

/// The size of a file; no file has a negative one.
pub(super) fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}
