//! Bytes that were cut off or found damaged, kept for whoever wants to look into them.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::replace::replace;
use super::segment::sync_dir;

/// Why bytes are kept: the ending of the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Cut off the end.
    Torn,
    /// Found damaged; they are still where they were.
    Damaged,
}

/// One copy at a time: several may come upon the same bytes at once.
static KEEPING: Mutex<()> = Mutex::new(());

/// Keeps a copy, durably, unless there is one already. Says whether it made one.
pub(super) fn keep(
    dir: &Path,
    segment: u64,
    offset: u64,
    bytes: &[u8],
    why: Why,
) -> io::Result<bool> {
    let _alone = KEEPING.lock().unwrap_or_else(PoisonError::into_inner);
    let aside = dir.join("aside");
    match DirBuilder::new().mode(0o700).create(&aside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => sync_dir(dir)?,
    }
    let ending = if why == Why::Torn { "torn" } else { "damaged" };
    let mut name = aside.join(format!("{segment:020}-{offset}.{ending}"));
    let mut copies = 1;
    while let Some(kept) = read_if_any(&name)? {
        if kept == bytes {
            // It may have been made just before a crash.
            File::open(&name)?.sync_all()?;
            sync_dir(&aside)?;
            return Ok(false);
        }
        copies += 1;
        name = aside.join(format!("{segment:020}-{offset}-{copies}.{ending}"));
    }
    replace(&name, bytes)?;
    sync_dir(&aside)?;
    Ok(true)
}

/// The segments of which bytes were kept because they were damaged.
pub(super) fn suspects(dir: &Path) -> io::Result<BTreeSet<u64>> {
    let names = match fs::read_dir(dir.join("aside")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        names => names?,
    };
    let mut suspects = BTreeSet::new();
    for item in names {
        let name = item?.file_name();
        let kept = name.to_str().and_then(|name| name.strip_suffix(".damaged")?.get(..20));
        suspects.extend(kept.and_then(|first| first.parse::<u64>().ok()));
    }
    Ok(suspects)
}

fn read_if_any(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn of_several_who_come_upon_the_same_one_keeps_it() {
        const SEVERAL: usize = 8;
        let dir = tempfile::tempdir().unwrap();
        for offset in 0..20 {
            let (bytes, together) = (vec![7; 100_000], Barrier::new(SEVERAL));
            let keeps = || {
                together.wait();
                keep(dir.path(), 1, offset, &bytes, Why::Damaged).unwrap()
            };
            let made = thread::scope(|scope| {
                let all: Vec<_> = (0..SEVERAL).map(|_| scope.spawn(keeps)).collect();
                all.into_iter().map(|one| one.join().unwrap()).filter(|made| *made).count()
            });
            assert_eq!(made, 1, "at {offset}");
        }
        assert_eq!(fs::read_dir(dir.path().join("aside")).unwrap().count(), 20);
    }
}
