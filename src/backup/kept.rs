//! A backup that was made, in a directory or in one file.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::manifest::{self, Listed, Manifest};
use super::tar::{self, Place};
use super::{BackupError, MANIFEST};
use crate::journal::Part;

/// Nothing that belongs to a backup is larger, except its manifest.
const MOST: u64 = 1 << 30;

/// A backup, open for reading.
#[derive(Debug)]
pub struct Kept {
    pub(super) path: PathBuf,
    files: Files,
    /// Nobody writes to a directory as long as it is open.
    _lock: Option<File>,
    pub(super) manifest: Option<Manifest>,
    /// Why there is no manifest.
    pub(super) is_manifest_missing: bool,
}

#[derive(Debug)]
enum Files {
    /// A directory, and the names in it.
    Dir(Vec<String>),
    /// An archive.
    Tar { archive: File, places: BTreeMap<String, Place> },
}

impl Kept {
    /// Opens a backup, as far as there is one.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let unusable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                BackupError::NoBackup(path.to_owned())
            }
            _ => BackupError::unusable(path)(source),
        };
        let file = File::open(path).map_err(unusable)?;
        if !file.metadata().map_err(unusable)?.is_dir() {
            return Self::of_archive(file, path);
        }
        if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return Err(BackupError::Busy(path.to_owned()));
        }
        Self::look(path, Files::Dir(names(path).map_err(unusable)?), Some(file))
    }

    /// Opens the backup in an archive, whatever that is called.
    pub fn of_archive(archive: File, name: &Path) -> Result<Self, BackupError> {
        let places = tar::list(&archive).map_err(BackupError::unusable(name))?;
        Self::look(name, Files::Tar { places, archive }, None)
    }

    /// Opens the backup in a directory that is locked.
    pub(super) fn of_dir(dir: &Path) -> Result<Self, BackupError> {
        Self::look(dir, Files::Dir(names(dir).map_err(BackupError::unusable(dir))?), None)
    }

    fn look(path: &Path, files: Files, lock: Option<File>) -> Result<Self, BackupError> {
        let mut kept = Self {
            path: path.to_owned(),
            files,
            _lock: lock,
            manifest: None,
            is_manifest_missing: true,
        };
        if let Some(json) = kept.read(MANIFEST).map_err(BackupError::unusable(path))? {
            kept.is_manifest_missing = false;
            kept.manifest = match Manifest::decode(&json) {
                manifest::Read::Whole(manifest) => Some(*manifest),
                manifest::Read::Damaged => None,
                manifest::Read::Newer(version) => {
                    return Err(BackupError::Newer { path: path.to_owned(), version });
                }
            };
        }
        if kept.is_manifest_missing && kept.parts().next().is_none() {
            return Err(BackupError::NoBackup(path.to_owned()));
        }
        Ok(kept)
    }

    /// The parts that the manifest names.
    pub(super) fn listed(&self) -> &[Listed] {
        self.manifest.as_ref().map_or(&[], |manifest| &manifest.parts)
    }

    /// The file of keys that lay beside the journal, if one did.
    #[must_use]
    pub fn keys(&self) -> Option<&str> {
        self.manifest.as_ref()?.keys.as_deref()
    }

    /// The files that can be parts, in order.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        let names: Vec<&str> = match &self.files {
            Files::Dir(names) => names.iter().map(String::as_str).collect(),
            Files::Tar { places, .. } => places.keys().map(String::as_str).collect(),
        };
        names.into_iter().filter(|name| manifest::read_name(name).is_some())
    }

    /// A part, as far as it goes; none where there is no such file.
    pub(super) fn read_part(&self, file: &str) -> io::Result<Option<Part>> {
        let Some((first, _, is_packed)) = manifest::read_name(file) else { return Ok(None) };
        let bytes = self.read(file)?;
        Ok(bytes.map(|bytes| Part { first, is_packed, bytes }))
    }

    /// The bytes of a file, as far as it goes; none where there is no such file.
    pub(super) fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        match &self.files {
            Files::Dir(_) => match fs::read(self.path.join(file)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                read => read.map(Some),
            },
            Files::Tar { archive, places } => {
                let Some(place) = places.get(file).filter(|place| place.bytes < MOST) else {
                    return Ok(None);
                };
                let there = archive.metadata()?.len().saturating_sub(place.offset);
                let mut bytes = vec![0; usize::try_from(place.bytes.min(there)).unwrap_or(0)];
                archive.read_exact_at(&mut bytes, place.offset)?;
                Ok(Some(bytes))
            }
        }
    }
}

/// The names in a directory, in order.
pub(super) fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for item in fs::read_dir(dir)? {
        names.push(item?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
