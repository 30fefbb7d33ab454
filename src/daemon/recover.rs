//! From whatever the last stop left behind to a journal and an index that agree.
//!
//! The journal is what happened; the index is rebuilt from it whenever there is doubt. An index
//! that is put out of the way is renamed, never deleted.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::open::OpenError;
use crate::doors::http::problem::chain;
use crate::index::{Index, IndexError};
use crate::journal;
use crate::recorder::{CaughtUp, Progress, agrees, catch_up, holds};

/// Journal and index, agreeing.
pub(super) struct Recovered {
    pub(super) journal: journal::Opened,
    pub(super) index: Arc<Index>,
    /// Damaged stretches of the journal.
    pub(super) damaged: u64,
}

/// A progress line is logged each time so many more events were applied.
const LOG_EVERY: u64 = 100_000;

/// Opens both, checks what may be wrong after the last stop, and catches up.
pub(super) fn recover(state_dir: &Path) -> Result<Recovered, OpenError> {
    let dir = state_dir.join("journal");
    let journal = journal::open(&dir).map_err(|source| OpenError::Journal { dir, source })?;
    let findings = &journal.findings;
    for torn in &findings.torn {
        tracing::warn!(%torn, "cut an unfinished batch off the journal: it was never acknowledged; its bytes are in journal/aside");
    }
    let dir = state_dir.join("index");
    let is_suspect = was_cut_off(state_dir);
    let index = if let Some(index) = open_index(&dir, &journal.reader, is_suspect)? {
        index
    } else {
        set_aside(&dir)?;
        Index::open(&dir)?
    };
    let caught_up = catch_up_loudly(&index, &journal.reader)?;
    for damage in &caught_up.damage {
        tracing::error!(%damage, "the journal is damaged: what can be read was recovered, the damaged bytes stay where they are and are copied to journal/aside");
        journal
            .reader
            .set_aside(damage)
            .map_err(|source| OpenError::Journal { dir: dir.clone(), source })?;
    }
    if 0 < caught_up.unknown {
        tracing::error!(
            records = caught_up.unknown,
            "the journal holds records this snagd does not know: install the version that wrote them"
        );
    }
    mark_running(state_dir)?;
    let stretches = findings.damage.iter().chain(&caught_up.damage);
    let damaged: HashSet<(u64, u64)> =
        stretches.map(|found| (found.segment, found.offset)).collect();
    let damaged = damaged.len() as u64;
    Ok(Recovered { journal, index: Arc::new(index), damaged })
}

/// The index, if it can be trusted.
fn open_index(
    dir: &Path,
    journal: &journal::Reader,
    is_suspect: bool,
) -> Result<Option<Index>, OpenError> {
    let index = match Index::open(dir) {
        Ok(index) => index,
        Err(error @ (IndexError::Unopenable { .. } | IndexError::Damaged(_))) => {
            tracing::error!(error = %chain(&error), "the index does not open: it is set aside and rebuilt");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let unreadable = |source| OpenError::Journal { dir: dir.to_owned(), source };
    if !holds(journal, index.position()).map_err(unreadable)? {
        tracing::error!(
            "the index knows of events that the journal does not hold: it is set aside and rebuilt"
        );
        return Ok(None);
    }
    if is_suspect {
        tracing::info!(
            "the last stop was not a clean one and the machine was restarted since: comparing index and journal"
        );
        if !agrees(&index, journal)? {
            tracing::error!("index and journal do not agree: the index is set aside and rebuilt");
            return Ok(None);
        }
    }
    Ok(Some(index))
}

fn catch_up_loudly(index: &Index, journal: &journal::Reader) -> Result<CaughtUp, OpenError> {
    let start = index.position().sequence;
    let missing = journal.last().saturating_sub(start);
    if LOG_EVERY <= missing || (start == 0 && 0 < missing) {
        tracing::info!(records = missing, "building the index from the journal");
    }
    let mut logged = start;
    let caught_up = catch_up(index, journal, |Progress { done, of }| {
        if logged + LOG_EVERY <= done {
            logged = done;
            tracing::info!("the index is at {done} of {of} records");
        }
    })?;
    index.checkpoint()?;
    if 0 < caught_up.applied {
        tracing::info!(
            records = caught_up.applied,
            events = index.events(),
            "the index caught up with the journal"
        );
    }
    Ok(caught_up)
}

/// Renames an index directory to one nobody has, if there is one.
fn set_aside(dir: &Path) -> Result<(), OpenError> {
    let unusable = |source| OpenError::Unusable { path: dir.to_owned(), source };
    if !dir.try_exists().map_err(unusable)? {
        return Ok(());
    }
    let mut names =
        (1..).map(|number: u32| dir.with_file_name(format!("index.set-aside-{number}")));
    let free = names.find(|name| !name.exists()).unwrap_or_else(|| dir.with_extension("set-aside"));
    fs::rename(dir, &free).map_err(unusable)?;
    tracing::warn!(to = %free.display(), "set the index aside: delete it once you are sure nobody wants to look at it");
    Ok(())
}

/// The file that says a daemon runs; what it holds is the boot it runs in.
fn running(state_dir: &Path) -> PathBuf {
    state_dir.join("running")
}

/// An id of this boot; empty where the kernel does not tell.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// Whether the last daemon neither stopped cleanly nor ran in this boot: SIGKILL alone loses
/// nothing that was written, a power cut may.
fn was_cut_off(state_dir: &Path) -> bool {
    match fs::read_to_string(running(state_dir)) {
        Ok(boot) => boot.is_empty() || boot != boot_id(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn mark_running(state_dir: &Path) -> Result<(), OpenError> {
    let path = running(state_dir);
    let written = fs::write(&path, boot_id()).and_then(|()| File::open(&path)?.sync_all());
    let synced = written.and_then(|()| File::open(state_dir)?.sync_all());
    synced.map_err(|source| OpenError::Unusable { path, source })
}

/// Says that the daemon stopped with everything on disk.
pub(super) fn mark_stopped(state_dir: &Path) -> io::Result<()> {
    fs::remove_file(running(state_dir))
}
