//! The directory itself: opened once a scan, everything else relative to it.

use std::ffi::{CStr, CString};
use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::file::Stamp;

/// The drop directory, open.
#[derive(Debug)]
pub(super) struct Dir(OwnedFd);

impl Dir {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::openat(CWD, path, flags, Mode::empty())?))
    }

    /// Opens it; makes it, for its owner alone, where there is none. Tells whether it did.
    pub(super) fn open_or_make(path: &Path) -> io::Result<(Self, bool)> {
        match Self::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path)?;
                Ok((Self::open(path)?, true))
            }
            opened => Ok((opened?, false)),
        }
    }

    /// The names in it, as they come: however many there are, they need no memory.
    pub(super) fn names(&self) -> io::Result<impl Iterator<Item = io::Result<CString>> + use<>> {
        let entries = rustix::fs::Dir::read_from(&self.0)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_owned()));
        Ok(names
            .filter(|name| !matches!(name.as_ref().map(|name| name.to_bytes()), Ok(b"." | b".."))))
    }

    /// Removes the file, unless another one has taken its name since it was read.
    pub(super) fn remove(&self, name: &CStr, stamp: Stamp) -> io::Result<()> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if Stamp::of(&stat) == stamp => {
                Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
            }
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes what was removed stay so after a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether a name says that its file is complete.
pub(super) fn is_for_us(name: &[u8]) -> bool {
    !name.starts_with(b".") && !name.ends_with(b".tmp")
}
