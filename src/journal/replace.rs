//! A file that is replaced whole: whoever reads it finds the one before or the one behind.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Puts bytes into the place of a file, if there is one, for its owner alone. They are on disk then; that
/// the name is, the caller sees to. What it begins is called as the file is, and `.new`.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = Path::new(&new);
    let replaced = write_new(new, bytes).and_then(|()| fs::rename(new, path));
    if replaced.is_err() {
        // Gives the room back; the next one overwrites it anyway.
        let _ = fs::remove_file(new);
    }
    replaced
}

/// Writes a file that nobody reads yet; it is on disk then, but for its name.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // No room, and a name that cannot be taken.
        let new = dir.path().join("keys.new");
        std::os::unix::fs::symlink("/dev/full", &new).unwrap();
        replace(&path, b"three").unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        fs::create_dir(dir.path().join("taken")).unwrap();
        replace(&dir.path().join("taken"), b"three").unwrap_err();
        assert!(!new.exists() && !dir.path().join("taken.new").exists());
    }
}
