//! Looking at a state directory whole, and changing nothing in it.
//!
//! The journal is read record by record. The index is compared with one that is built from the
//! journal just now, key by key: sled repairs and forgets as it opens, so it is a copy that is
//! opened. Copy and new index lie in a directory of the caller's choice meanwhile.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::forget::remove_dir;
use super::open::{OpenError, existing_journal, unusable};
use super::owner;
use crate::doors::chain;
use crate::event::Record;
use crate::index::IndexError;
use crate::journal::{Damage, JournalError, Reader};
use crate::recorder::{CatchUpError, Progress, catch_up_to, holds, open_index};

/// What there is, and what is wrong with it.
#[derive(Debug)]
pub struct Verdict {
    /// Records of the journal that read.
    pub records: u64,
    /// Segments of the journal.
    pub segments: usize,
    /// Bad places of the journal.
    pub damage: Vec<Damage>,
    /// A batch that was cut short, which the next start puts aside: it was never acknowledged.
    pub torn: Vec<Damage>,
    /// Records that a newer snagd wrote.
    pub unknown: u64,
    /// The index.
    pub index: IndexVerdict,
}

/// How the index stands to the journal.
#[derive(Debug, PartialEq, Eq)]
pub enum IndexVerdict {
    /// It says what the journal says, up to the record it reached; the next start catches up.
    Agrees {
        /// Events in it.
        events: u64,
        /// Records it has not seen yet.
        behind: u64,
    },
    /// There is none; the next start builds it.
    Missing,
    /// It knows of events that the journal does not hold; the next start builds it anew.
    Ahead,
    /// An earlier snagd made it; the next start builds it anew.
    Outdated,
    /// A running daemon has it.
    InUse,
    /// It cannot be trusted; `snagd repair` builds it anew.
    Bad {
        /// What shows that.
        reason: String,
    },
}

impl Verdict {
    /// Whether nothing is wrong: neither damage, nor records nobody can read, nor a bad index.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let is_bad = matches!(self.index, IndexVerdict::Bad { .. } | IndexVerdict::Ahead);
        self.damage.is_empty() && self.unknown == 0 && !is_bad
    }
}

/// Looks at everything; `progress` is told how far the journal is read, twice where there is an
/// index to compare. What that takes lies in `scratch`, which is made where it is needed and goes in
/// the end; who ends the process before removes it.
pub fn verify(
    state_dir: &Path,
    scratch: &Path,
    mut progress: impl FnMut(Progress),
) -> Result<Verdict, OpenError> {
    let (dir, known) = existing_journal(state_dir)?;
    owner::check(state_dir)?;
    let unreadable = |source| OpenError::Journal { dir: dir.clone(), source };
    let (journal, findings) = Reader::open(&dir, known).map_err(unreadable)?;
    let mut verdict = Verdict {
        records: 0,
        segments: journal.segments().len(),
        damage: findings.damage,
        torn: findings.torn,
        unknown: 0,
        index: IndexVerdict::InUse,
    };
    for entry in journal.from(1) {
        match entry {
            Ok(entry) => {
                verdict.records += 1;
                verdict.unknown += u64::from(Record::decode(&entry.payload).is_err());
                progress(Progress { done: entry.sequence, of: journal.last() });
            }
            Err(JournalError::Damaged(damage)) => {
                let place = (damage.segment, damage.offset);
                // Opening sees some of it already.
                verdict.damage.retain(|known| (known.segment, known.offset) != place);
                verdict.damage.push(damage);
            }
            Err(error) => return Err(unreadable(error)),
        }
    }
    // The file is not made where it is not there; anybody may remove it, so the directory tells as well.
    let open = |path: PathBuf| match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some).map_err(unusable(&path)),
    };
    let held = [open(state_dir.join("lock"))?, open(state_dir.to_owned())?];
    // Shared, so that a daemon that starts meanwhile knows that it is none that has it.
    let is_taken = |it: &File| matches!(it.try_lock_shared(), Err(TryLockError::WouldBlock));
    if !held.iter().flatten().any(is_taken) {
        verdict.index = judge(&state_dir.join("index"), scratch, &journal, progress)?;
    }
    Ok(verdict)
}

fn judge(
    index: &Path,
    scratch: &Path,
    journal: &Reader,
    progress: impl FnMut(Progress),
) -> Result<IndexVerdict, OpenError> {
    if !index.exists() {
        return Ok(IndexVerdict::Missing);
    }
    let scratch = Scratch::new(scratch)?;
    let copy = scratch.0.join("index");
    copy_dir(index, &copy).map_err(unusable(&copy))?;
    let checkpoint = index.with_extension("checkpoint");
    if checkpoint.exists() {
        fs::copy(checkpoint, copy.with_extension("checkpoint")).map_err(unusable(&copy))?;
    }
    let attempt = || compare(&copy, &scratch.0.join("anew"), journal, progress);
    Ok(match catch_unwind(AssertUnwindSafe(attempt)) {
        Err(_) => IndexVerdict::Bad { reason: "it makes sled panic".to_owned() },
        Ok(Err(OpenError::Index(IndexError::Outdated))) => IndexVerdict::Outdated,
        Ok(Err(OpenError::Index(IndexError::Damaged(what)))) => {
            IndexVerdict::Bad { reason: what.to_owned() }
        }
        Ok(Err(OpenError::Index(error))) if error.is_damage() => {
            IndexVerdict::Bad { reason: chain(&error) }
        }
        Ok(done) => done?,
    })
}

fn compare(
    copy: &Path,
    anew: &Path,
    journal: &Reader,
    progress: impl FnMut(Progress),
) -> Result<IndexVerdict, OpenError> {
    let index = open_index(copy, journal)?;
    let position = index.position();
    if !holds(journal, position).map_err(CatchUpError::Journal)? {
        return Ok(IndexVerdict::Ahead);
    }
    let built = open_index(anew, journal)?;
    catch_up_to(&built, journal, position.sequence, progress)?;
    Ok(match index.first_difference(&built)? {
        Some(what) => {
            IndexVerdict::Bad { reason: format!("it differs from the journal in {what}") }
        }
        None => IndexVerdict::Agrees {
            events: index.events(),
            // Numbers of what was forgotten are no records.
            behind: journal.from(position.sequence + 1).flatten().count() as u64,
        },
    })
}

/// A directory of one's own that goes when it is dropped.
struct Scratch<'a>(&'a Path);

impl<'a> Scratch<'a> {
    fn new(path: &'a Path) -> Result<Self, OpenError> {
        DirBuilder::new().mode(0o700).create(path).map_err(unusable(path))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        if let Err(error) = remove_dir(self.0) {
            tracing::warn!(%error, path = %self.0.display(), "cannot be removed: remove it by hand");
        }
    }
}

fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for item in fs::read_dir(from)? {
        let item = item?;
        let target = to.join(item.file_name());
        if item.file_type()?.is_dir() {
            copy_dir(&item.path(), &target)?;
        } else {
            fs::copy(item.path(), target)?;
        }
    }
    Ok(())
}
