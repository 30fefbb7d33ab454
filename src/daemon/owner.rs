//! Whose a state directory is. What root does in it must not lock out whoever has it.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::open::{OpenError, unusable};
use crate::doors::person::login;

/// Gives what root made in a state directory to whoever has that. What waits in `drop` stays whose it
/// is: that says who told it.
pub(super) fn hand_over(state_dir: &Path) -> Result<(), OpenError> {
    let given = fs::metadata(state_dir).and_then(|owner| {
        if !geteuid().is_root() || owner.uid() == 0 {
            return Ok(());
        }
        let items = fs::read_dir(state_dir)?
            .filter(|item| item.as_ref().map_or(true, |item| item.file_name() != "drop"));
        give(items, (owner.uid(), owner.gid()))
    });
    given.map_err(unusable(state_dir))
}

fn give(
    items: impl Iterator<Item = io::Result<fs::DirEntry>>,
    (uid, gid): (u32, u32),
) -> io::Result<()> {
    for item in items {
        let item = item?;
        let data = item.metadata()?;
        // One with several names may be a file of elsewhere.
        if data.uid() == 0 && (data.is_dir() || data.nlink() == 1) {
            lchown(item.path(), Some(uid), Some(gid))?;
        }
        if data.is_dir() {
            give(fs::read_dir(item.path())?, (uid, gid))?;
        }
    }
    Ok(())
}

/// Refuses a journal or an index in which something is not ours to read.
pub(super) fn check(state_dir: &Path) -> Result<(), OpenError> {
    let denied = ["journal", "index"].iter().find_map(|name| first_denied(&state_dir.join(name)));
    let Some(path) = denied else { return Ok(()) };
    let (us, owner) = (geteuid().as_raw(), fs::metadata(&path).map_err(unusable(&path))?.uid());
    let source = if owner == us {
        io::ErrorKind::PermissionDenied.into()
    } else {
        let (us, owner, dir) = (login(us), login(owner), state_dir.display());
        let why = format!("it is {owner}'s: give it back with `chown -R {us}: {dir}`");
        io::Error::new(io::ErrorKind::PermissionDenied, why)
    };
    Err(OpenError::Unusable { path, source })
}

fn first_denied(path: &Path) -> Option<PathBuf> {
    let is_dir = path.is_dir();
    let wanted = if is_dir { Access::READ_OK | Access::EXEC_OK } else { Access::READ_OK };
    if access(path, wanted) == Err(Errno::ACCESS) {
        return Some(path.to_owned());
    }
    if !is_dir {
        return None;
    }
    // What is gone since is nobody's.
    fs::read_dir(path).ok()?.flatten().find_map(|item| first_denied(&item.path()))
}
