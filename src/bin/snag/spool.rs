//! Events that become files: whole or not at all, and there after a power cut.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// For the drop directory: the group is the daemon's where the directory is the system's.
pub(crate) const FOR_THE_DAEMON: u32 = 0o640;
/// For whatever is nobody else's.
pub(crate) const FOR_OURSELVES: u32 = 0o600;

/// Leaves an event in a directory, which is made where there is none.
pub(crate) fn keep(dir: &Path, id: Uuid, body: &[u8], mode: u32) -> io::Result<PathBuf> {
    make_dir(dir)?;
    let path = dir.join(format!("{id}.json"));
    write(&path, body, mode)?;
    Ok(path)
}

/// Makes a directory for its owner alone.
pub(crate) fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    dir.ancestors().skip(1).take(2).try_for_each(sync_dir)
}

/// Writes a file: to a temporary name, fsync, rename, fsync. Nothing is left of one that fails.
pub(crate) fn write(path: &Path, body: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", Uuid::now_v7().simple()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    let written = fill(&mut file, body, mode).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        // What cannot be removed either is no better told than what failed first.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    path.parent().map_or(Ok(()), sync_dir)
}

fn fill(file: &mut File, body: &[u8], mode: u32) -> io::Result<()> {
    // Whatever the umask.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(body)?;
    file.sync_all()
}

/// Makes names in a directory stay after a power cut.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    // What a relative path begins in has no name in it.
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    match File::open(dir) {
        Ok(dir) => dir.sync_all(),
        // The system's drop directory cannot be read by those who write to it, nor opened.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_what_cannot_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let taken = dir.path().join("taken");
        fs::create_dir(&taken).unwrap();
        write(&taken, b"what somebody said", FOR_OURSELVES).unwrap_err();
        let names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["taken"]);
    }
}
