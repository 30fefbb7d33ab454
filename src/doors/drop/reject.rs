//! `rejected/`: what could not be recorded, and why.
//!
//! Beside `NAME` lies `NAME.why`, one line for each bad line of it. Both are written whole or not
//! at all, the reasons first. The directory belongs to the daemon's user alone, and nobody else
//! writes here.

use std::ffi::{CStr, CString};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::dir::Dir;
use super::file;

/// The directory, in the drop directory.
pub(super) const REJECTED: &CStr = c"rejected";
/// It holds so many things at most (reasons not counted),
pub(super) const MOST_FILES: usize = 1000;
/// and so many bytes.
pub(super) const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// What is being written; one at a time.
const WRITING: &CStr = c".writing";
const WHY: &str = ".why";
/// The longest part of a name that is kept; ours come on top.
const LONGEST_NAME: usize = 120;

/// The directory, open.
#[derive(Debug)]
pub(super) struct Rejected {
    fd: OwnedFd,
    files: usize,
    bytes: u64,
}

impl Rejected {
    /// Opens it, or makes it; whatever else has its name is renamed.
    pub(super) fn open(dir: &Dir) -> io::Result<Self> {
        let fd = match open_ours(dir) {
            Ok(Some(fd)) => fd,
            Ok(None) => {
                make_way(dir)?;
                make(dir)?
            }
            Err(Errno::NOENT) => make(dir)?,
            Err(error) => return Err(error.into()),
        };
        let mut rejected = Self { fd, files: 0, bytes: 0 };
        rejected.count()?;
        Ok(rejected)
    }

    fn count(&mut self) -> io::Result<()> {
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_bytes().starts_with(b".") {
                continue;
            }
            if !is_reason(name.to_bytes()) {
                self.files += 1;
            }
            if let Some(stat) = self.look(name)? {
                // What is larger was moved here and takes no room that it did not take before.
                self.bytes += file::size(&stat).min(file::MOST_BYTES);
            }
        }
        Ok(())
    }

    /// Whether nothing more is put here.
    pub(super) fn is_full(&self) -> bool {
        MOST_FILES <= self.files || MOST_BYTES <= self.bytes
    }

    /// Writes bad lines and their reasons; says under which name.
    pub(super) fn put(&mut self, name: &CStr, lines: &str, reasons: &str) -> io::Result<String> {
        let (name, is_here) = self.free_name(name, Some((lines, reasons)))?;
        if is_here {
            // A crash came between this and the removal of the file.
            return Ok(name);
        }
        self.write(&format!("{name}{WHY}"), reasons)?;
        self.write(&name, lines)?;
        rustix::fs::fsync(&self.fd)?;
        self.files += 1;
        self.bytes += (lines.len() + reasons.len()) as u64;
        Ok(name)
    }

    /// Moves something here as it is, unopened; says under which name.
    pub(super) fn move_in(
        &mut self,
        dir: &Dir,
        name: &CStr,
        size: u64,
        reason: &str,
    ) -> io::Result<String> {
        let (free, _) = self.free_name(name, None)?;
        let why = format!("{free}{WHY}");
        self.write(&why, &format!("{reason}\n"))?;
        if let Err(error) = rustix::fs::renameat(dir, name, &self.fd, free.as_str()) {
            // Reasons without a thing would puzzle.
            let _ = rustix::fs::unlinkat(&self.fd, why.as_str(), AtFlags::empty());
            return Err(error.into());
        }
        rustix::fs::fsync(&self.fd)?;
        self.files += 1;
        self.bytes += size.min(file::MOST_BYTES);
        Ok(free)
    }

    /// A name that is free, or one that holds the very same already.
    fn free_name(&self, name: &CStr, texts: Option<(&str, &str)>) -> io::Result<(String, bool)> {
        let safe = safe_name(name.to_bytes());
        let mut candidate = safe.clone();
        for number in 1.. {
            let c_name = CString::new(candidate.as_str())?;
            if self.look(&c_name)?.is_none() {
                break;
            }
            if let Some((lines, reasons)) = texts
                && self.holds(&candidate, lines)
                && self.holds(&format!("{candidate}{WHY}"), reasons)
            {
                return Ok((candidate, true));
            }
            candidate = format!("{safe}~{number}");
        }
        Ok((candidate, false))
    }

    fn look(&self, name: &CStr) -> io::Result<Option<rustix::fs::Stat>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether that is what the file says. What cannot be read does not.
    fn holds(&self, name: &str, text: &str) -> bool {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(&self.fd, name, flags, Mode::empty()) else {
            return false;
        };
        let mut found = Vec::new();
        let most = text.len() as u64 + 1;
        File::from(file).take(most).read_to_end(&mut found).is_ok() && found == text.as_bytes()
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let written = self
            .write_aside(text)
            .and_then(|()| Ok(rustix::fs::renameat(&self.fd, WRITING, &self.fd, name)?));
        if written.is_err() {
            // Where the disk is full, half a file helps nobody.
            let _ = rustix::fs::unlinkat(&self.fd, WRITING, AtFlags::empty());
        }
        written
    }

    fn write_aside(&self, text: &str) -> io::Result<()> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.fd, WRITING, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(file);
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

/// The directory that is there, if it is one and ours; closed to others if it was not.
fn open_ours(dir: &Dir) -> Result<Option<OwnedFd>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(dir, REJECTED, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => return Ok(None),
        Err(error) => return Err(error),
    };
    let stat = rustix::fs::fstat(&fd)?;
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Ok(None);
    }
    if stat.st_mode & 0o077 != 0 {
        rustix::fs::fchmod(&fd, Mode::RWXU)?;
    }
    Ok(Some(fd))
}

fn make(dir: &Dir) -> io::Result<OwnedFd> {
    rustix::fs::mkdirat(dir, REJECTED, Mode::RWXU)?;
    rustix::fs::fsync(dir)?;
    open_ours(dir)?.ok_or_else(|| io::Error::other("somebody else took the name `rejected`"))
}

/// Renames what somebody else put in our place; the next scan deals with it.
fn make_way(dir: &Dir) -> io::Result<()> {
    let names = (1..=MOST_FILES).map(|number| format!("rejected~{number}"));
    for name in names {
        let is_free = rustix::fs::statat(dir, name.as_str(), AtFlags::SYMLINK_NOFOLLOW);
        if matches!(is_free, Err(Errno::NOENT)) {
            return Ok(rustix::fs::renameat(dir, REJECTED, dir, name.as_str())?);
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

/// Whether the name is that of reasons.
pub(super) fn is_reason(name: &[u8]) -> bool {
    name.ends_with(WHY.as_bytes())
}

/// A name without anything that a shell, a terminal or we ourselves would take for something else.
fn safe_name(name: &[u8]) -> String {
    let mut safe = String::new();
    for (position, byte) in name.iter().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric()
            || *byte == b'_'
            || (matches!(byte, b'-' | b'.') && position != 0);
        if is_plain {
            safe.push(char::from(*byte));
        } else {
            // Writing to memory does not fail.
            let _ = write!(safe, "%{byte:02X}");
        }
        if LONGEST_NAME <= safe.len() {
            break;
        }
    }
    if is_reason(safe.as_bytes()) {
        safe.push('_');
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_safe() {
        assert_eq!(safe_name(b"a-b_1.json"), "a-b_1.json");
        assert_eq!(safe_name(b"-rf"), "%2Drf");
        assert_eq!(safe_name(b"a\n\x1b[31m\xff~"), "a%0A%1B%5B31m%FF%7E");
        assert_eq!(safe_name(b"x.why"), "x.why_");
        assert!(safe_name(&[0xff; 255]).len() < 125);
    }
}
