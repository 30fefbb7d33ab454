//! Making a backup.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::kept::{Kept, names};
use super::manifest::{Listed, Manifest, checksum, file_name, read_name};
use super::replace::{parts_of, refuse_another, refuse_less, removed};
use super::{BackupError, MANIFEST, tar};
use crate::journal::{Damage, JournalError, replace};

/// How often it is begun again because the journal was rewritten meanwhile.
const TRIES: usize = 5;

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What belongs to it.
    pub manifest: Manifest,
    /// How many parts had to be written,
    pub new_parts: usize,
    /// and how large they are.
    pub new_bytes: u64,
    /// The files among them that were there already, but damaged.
    pub healed: Vec<String>,
    /// How many records the backup before had that are in this one no more: they were forgotten, or
    /// dropped for their age.
    pub removed: u64,
    /// Bad places of the journal; the backup has what is left.
    pub damage: Vec<Damage>,
}

/// Backs a journal up into a directory; what lies there already, whole, is not written again.
pub fn to_dir(journal: &Path, dir: &Path, now: Timestamp) -> Result<Made, BackupError> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.exists()).collect();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    let made = made.map_err(BackupError::unusable(dir)).and_then(|()| fill(journal, dir, now));
    if made.is_err() {
        // What was begun stays, for the next one to finish.
        let _ = missing.iter().try_for_each(fs::remove_dir);
    }
    made
}

fn fill(journal: &Path, dir: &Path, now: Timestamp) -> Result<Made, BackupError> {
    let lock = File::open(dir).map_err(BackupError::unusable(dir))?;
    if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(BackupError::Busy(dir.to_owned()));
    }
    let unusable = BackupError::unusable(dir);
    let old = before(dir)?;
    if let Some(old) = &old {
        refuse_another(journal, old)?;
    }
    let mut known = old.as_ref().map_or_else(Vec::new, |old| old.listed().to_owned());
    let (mut new_parts, mut new_bytes, mut healed) = (0, 0, Vec::new());
    let (manifest, damage) = settle(|| {
        let taken = take(journal, now, &mut known, |part, bytes| {
            let path = dir.join(&part.file);
            // Its name says what is in it, and what became of it since is looked at each time: one
            // that cannot be read is as good as damaged.
            match fs::read(&path) {
                Ok(there) if checksum(&there) == part.blake3 => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => healed.push(part.file.clone()),
            }
            (new_parts, new_bytes) = (new_parts + 1, new_bytes + part.bytes);
            replace(&path, bytes)
        });
        taken.map_err(|error| error.at(dir))
    })?;
    let mut gone = 0;
    if let Some(old) = &old {
        // Both lie in the one directory.
        if let Err(error) = refuse_less(old, old, &manifest, &damage) {
            remove_others(dir, old.listed()).map_err(unusable)?;
            return Err(error);
        }
        gone = removed(old, old, &manifest)?;
    }
    lock.sync_all().map_err(unusable)?;
    replace(&dir.join(MANIFEST), &manifest.encode()).map_err(unusable)?;
    lock.sync_all().map_err(unusable)?;
    remove_others(dir, &manifest.parts).and_then(|()| lock.sync_all()).map_err(unusable)?;
    Ok(Made { manifest, new_parts, new_bytes, healed, removed: gone, damage })
}

/// Backs a journal up into one file, which is replaced whole.
pub fn to_file(journal: &Path, path: &Path, now: Timestamp) -> Result<Made, BackupError> {
    let unusable = BackupError::unusable(path);
    let new = new_name(path);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = alone(&new).map_err(unusable)?.ok_or_else(|| BackupError::Busy(path.to_owned()))?;
    let made = old_file(path).and_then(|old| pack(journal, old.as_ref(), (&new, &file), now));
    if made.is_err() {
        // Gives the room back; the next one overwrites it anyway.
        let _ = fs::remove_file(&new);
    }
    let made = made?;
    let named = fs::rename(&new, path).and_then(|()| File::open(dir)?.sync_all());
    named.map_err(unusable)?;
    Ok(made)
}

/// The backup that is in a file; what is none is replaced as any file is.
fn old_file(path: &Path) -> Result<Option<Kept>, BackupError> {
    match Kept::open(path) {
        Err(BackupError::NoBackup(_)) => Ok(None),
        Ok(old) if old.manifest.is_none() => Err(BackupError::BadManifest(path.to_owned())),
        old => old.map(Some),
    }
}

/// Writes the archive that is to take the place of an old one.
fn pack(
    journal: &Path,
    old: Option<&Kept>,
    (new, file): (&Path, &File),
    now: Timestamp,
) -> Result<Made, BackupError> {
    let unusable = BackupError::unusable(new);
    if let Some(old) = old {
        refuse_another(journal, old)?;
    }
    settle(|| {
        file.set_len(0).and_then(|()| (&*file).rewind()).map_err(unusable)?;
        let mut out = BufWriter::new(file);
        let made = to_stream(journal, &mut out, now);
        out.into_inner().map_err(|error| unusable(error.into_error()))?;
        file.sync_all().map_err(unusable)?;
        let made = made?;
        let Some(old) = old else { return Ok(made) };
        let new = Kept::open(new)?;
        refuse_less(old, &new, &made.manifest, &made.damage)?;
        let removed = removed(old, &new, &made.manifest)?;
        Ok(Made { removed, ..made })
    })
}

/// Backs a journal up into a stream, as the archive it would be as a file.
pub fn to_stream(
    journal: &Path,
    out: &mut impl Write,
    now: Timestamp,
) -> Result<Made, BackupError> {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let stream = Path::new("the archive");
    let taken = take(journal, now, &mut Vec::new(), |part, bytes| {
        tar::append(out, &part.file, bytes, seconds)
    });
    let (manifest, damage) = taken.map_err(|error| error.at(stream))?;
    let ended = tar::append(out, MANIFEST, &manifest.encode(), seconds)
        .and_then(|()| tar::finish(out))
        .and_then(|()| out.flush());
    ended.map_err(BackupError::unusable(stream))?;
    let (new_parts, new_bytes) = (manifest.parts.len(), manifest.bytes());
    Ok(Made { manifest, new_parts, new_bytes, healed: Vec::new(), removed: 0, damage })
}

/// Why not all parts were taken.
enum TakeError {
    Backup(BackupError),
    Write(io::Error),
}

impl TakeError {
    fn at(self, path: &Path) -> BackupError {
        match self {
            Self::Backup(error) => error,
            Self::Write(source) => BackupError::unusable(path)(source),
        }
    }
}

impl From<JournalError> for TakeError {
    fn from(error: JournalError) -> Self {
        match error {
            // Dropped for its age since it was found.
            JournalError::Unusable { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Self::Backup(BackupError::Rewritten)
            }
            other => Self::Backup(other.into()),
        }
    }
}

/// Begins again as long as the journal is rewritten meanwhile.
fn settle<T>(mut attempt: impl FnMut() -> Result<T, BackupError>) -> Result<T, BackupError> {
    for _ in 1..TRIES {
        match attempt() {
            Err(BackupError::Rewritten) => {}
            done => return done,
        }
    }
    attempt()
}

/// Takes the parts of a journal one by one; of those that are known, what is in them need not be
/// counted again.
fn take(
    journal: &Path,
    now: Timestamp,
    known: &mut Vec<Listed>,
    mut put: impl FnMut(&Listed, &[u8]) -> io::Result<()>,
) -> Result<(Manifest, Vec<Damage>), TakeError> {
    let mut parts = parts_of(journal).map_err(TakeError::Backup)?;
    let (mut listed, mut damage, mut due) = (Vec::new(), Vec::new(), parts.begins());
    for first in parts.firsts() {
        let part = parts.read(first)?;
        if due < first {
            damage.push(Damage { segment: first, offset: 0, bytes: 0, missing: due..first });
        }
        let file = file_name(&part, &checksum(&part.bytes));
        let known = known.iter().find(|entry| entry.file == file && entry.bad_places == 0);
        let (entry, bad) =
            known.map_or_else(|| Listed::new(&part), |known| (known.clone(), Vec::new()));
        damage.extend(bad);
        due = entry.last + 1;
        // A segment that was just made has nothing in it yet.
        if entry.last < entry.first && part.is_packed {
            continue;
        }
        put(&entry, &part.bytes).map_err(TakeError::Write)?;
        listed.push(entry);
    }
    known.clone_from(&listed);
    if !parts.still_hold()? {
        return Err(TakeError::Backup(BackupError::Rewritten));
    }
    let keys = keys_beside(journal).map_err(TakeError::Backup)?;
    Ok((Manifest::new(now, parts.begins(), listed, keys), damage))
}

/// The file of keys beside a journal, if there is one.
fn keys_beside(journal: &Path) -> Result<Option<String>, BackupError> {
    let path = journal.with_file_name("keys");
    match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // What snagd does not read is no reason not to back up the rest.
        bytes => {
            Ok(Some(String::from_utf8_lossy(&bytes.map_err(BackupError::unusable(&path))?).into()))
        }
    }
}

/// The backup that is in a directory, if any is.
fn before(dir: &Path) -> Result<Option<Kept>, BackupError> {
    let names = names(dir).map_err(BackupError::unusable(dir))?;
    if names.iter().all(|name| name != MANIFEST) {
        // One that was interrupted before there was any leaves nothing but its own files, and a
        // file system of its own begins with a directory of its own.
        let is_foreign =
            |name: &&String| read_name(name).is_none() && !is_half(name) && *name != "lost+found";
        return match names.iter().find(is_foreign) {
            None => Ok(None),
            Some(name) => Err(BackupError::Foreign { dir: dir.to_owned(), name: name.clone() }),
        };
    }
    let old = Kept::of_dir(dir)?;
    if old.manifest.is_none() {
        return Err(BackupError::BadManifest(dir.join(MANIFEST)));
    }
    Ok(Some(old))
}

/// Removes what belongs to no backup: parts of the one before, and what was never finished.
fn remove_others(dir: &Path, parts: &[Listed]) -> io::Result<()> {
    for name in names(dir)? {
        let is_part = read_name(&name).is_some();
        let is_named = parts.iter().any(|part| part.file == name);
        if is_half(&name) || (is_part && !is_named) {
            fs::remove_file(dir.join(name))?;
        }
    }
    Ok(())
}

/// Whether a file is one of ours that was never finished.
fn is_half(name: &str) -> bool {
    name.strip_suffix(".new").is_some_and(|name| name == MANIFEST || read_name(name).is_some())
}

fn new_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// The file of this name, for nobody else to write; none while somebody else does.
fn alone(path: &Path) -> io::Result<Option<File>> {
    loop {
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {}
        }
        // Whoever had it may have given it its name just now, or removed it.
        match fs::metadata(path) {
            Ok(named) if named.ino() == file.metadata()?.ino() => return Ok(Some(file)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::event::{Record, Retraction};
    use crate::journal::{self, Damaged, Fate, Opened};

    /// A journal with a full segment.
    fn journal(dir: &Path) -> Opened {
        let mut journal = journal::open(dir, 0).unwrap();
        for nth in 1..=40 {
            let (id, at, by) = (Uuid::from_u128(nth), Timestamp::UNIX_EPOCH, "ana".to_owned());
            let record = Record::Retraction(Retraction { id, at, by });
            journal.writer.append(&[record.encode()]).unwrap();
        }
        journal.writer.seal().unwrap();
        journal
    }

    /// How often it is begun, and what it comes to, where this many of the first attempts are disturbed.
    fn attempts(disturbed: usize) -> (usize, Result<u64, BackupError>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut journal = journal(&path);
        let (mut begun, mut forgotten) = (0, 0);
        let taken = settle(|| {
            begun += 1;
            let taken = take(&path, Timestamp::UNIX_EPOCH, &mut Vec::new(), |_, _| {
                if begun <= disturbed {
                    forgotten += 1;
                    let fate = |at, _: &[u8]| if at == forgotten { Fate::Drop } else { Fate::Keep };
                    journal.packer.rewrite(Damaged::Stays, fate).unwrap();
                }
                Ok(())
            });
            taken.map_err(|error| error.at(&path))
        });
        let records = taken.map(|(manifest, damage)| {
            assert_eq!(damage, []);
            manifest.parts.iter().map(|part| part.records).sum::<u64>() + forgotten
        });
        (begun, records)
    }

    #[test]
    fn what_is_rewritten_meanwhile_is_begun_again_but_not_for_ever() {
        for disturbed in 0..TRIES {
            let (begun, records) = attempts(disturbed);
            assert_eq!((begun, records.unwrap()), (disturbed + 1, 40));
        }
        let (begun, taken) = attempts(TRIES);
        assert_eq!(begun, TRIES);
        assert!(matches!(taken, Err(BackupError::Rewritten)), "{taken:?}");
    }
}
