//! From whatever the last stop left behind to a journal and an index that agree.
//!
//! The journal is what happened; the index is rebuilt from it whenever there is doubt. An index
//! that is put out of the way is renamed; the last few are kept. One of an earlier format is removed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;

use super::forget;
use super::open::{OpenError, existing_journal, lock, unusable};
use super::owner::hand_over;
use super::paths::Paths;
use super::retain::Retention;
use super::systemd::Start;
use crate::doors::{chain, now};
use crate::index::{Index, IndexError};
use crate::journal;
use crate::recorder::{
    CatchUpError, CaughtUp, Progress, Room, agrees, catch_up, checkpoint_if_room, holds,
    open_index, tell_of_damage,
};

/// Journal and index, agreeing.
pub(super) struct Recovered {
    pub(super) journal: journal::Opened,
    pub(super) index: Arc<Index>,
    /// Damaged stretches of the journal.
    pub(super) damaged: u64,
    /// Whether the index still has much to catch up with, which it does while events are recorded.
    pub(super) is_behind: bool,
    /// Whether something is still to be forgotten, for which there is no room.
    pub(super) waits_to_forget: bool,
}

/// More records than this are caught up with while the daemon already records.
const MUCH: u64 = 20_000;

/// What a repair came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Events in the index, taken-back ones aside.
    pub events: u64,
    /// The last record of the journal.
    pub last: u64,
    /// Damaged stretches of the journal: what was in them is gone.
    pub damaged: u64,
    /// Segments of which bad bytes are kept in `journal/aside`.
    pub aside: usize,
}

/// Mends the tail of the journal and builds the index anew, whatever the old one is like; that one
/// is set aside.
pub fn repair(state_dir: &Path) -> Result<Repaired, OpenError> {
    let (dir, _) = existing_journal(state_dir)?;
    let _lock = lock(state_dir)?;
    let repaired = mend(state_dir, dir);
    hand_over(state_dir)?;
    repaired
}

fn mend(state_dir: &Path, dir: PathBuf) -> Result<Repaired, OpenError> {
    // What this snagd cannot read is left as it is, the index too.
    journal::Reader::open(&dir, 0)
        .map_err(|source| OpenError::Journal { dir: dir.clone(), source })?;
    let room = Room::of(state_dir).map_err(unusable(state_dir))?;
    set_aside(&state_dir.join("index"))?;
    let recovered = recover(&Paths::in_state_dir(state_dir), Retention::default(), &room)?;
    let Recovered { journal, index, damaged, .. } = recovered;
    let mut logged = 0;
    let rest = catch_up(&index, &journal.reader, |Progress { done, of }| {
        if logged + LOG_EVERY <= done {
            logged = done;
            tracing::info!("the index is at {done} of {of} records");
        }
    })?;
    index.checkpoint()?;
    mark_stopped(state_dir).map_err(unusable(state_dir))?;
    let is_news = |damage: &&journal::Damage| index.note_lost(damage.missing.clone());
    let damaged = damaged + rest.damage.iter().filter(is_news).count() as u64;
    let aside = journal.reader.aside().map_err(|source| OpenError::Journal { dir, source })?;
    Ok(Repaired { events: index.events(), last: journal.reader.last(), damaged, aside })
}

/// A progress line is logged each time so many more events were applied.
const LOG_EVERY: u64 = 100_000;

/// Opens both, finishes what is to go, checks what may be wrong after the last stop, and catches up.
pub(super) fn recover(
    paths: &Paths,
    retention: Retention,
    room: &Room,
) -> Result<Recovered, OpenError> {
    let state_dir = paths.state_dir.as_path();
    let dir = state_dir.join("journal");
    let unreadable = |source| OpenError::Journal { dir: dir.clone(), source };
    let index_dir = state_dir.join("index");
    let mut known = Index::noted(&index_dir);
    let (mut journal, waits_to_forget) = open_journal(paths, room, known)?;
    retention.enforce(state_dir, &mut journal, now()).map_err(unreadable)?;
    let is_suspect = was_cut_off(state_dir);
    // From here on a power cut is noticed by the next start.
    let boot = boot_id();
    mark_running(state_dir, if is_suspect { "" } else { &boot })?;
    let up = bring_up(&index_dir, &journal.reader, room, is_suspect, &mut known)?;
    if let Some(lost) = journal.writer.go_behind(known).map_err(unreadable)? {
        journal.findings.damage.push(lost);
    }
    let (index, caught_up) = if let Some(up) = up {
        up
    } else {
        set_aside(&index_dir)?;
        let index = begin_anew(&index_dir, &journal.reader)?;
        let caught_up = catch_up_if_little(&index, &journal.reader, room)?;
        (index, caught_up)
    };
    let findings = &journal.findings;
    let found = caught_up.damage.iter().chain(&findings.damage);
    let found: BTreeMap<(u64, u64), &journal::Damage> =
        found.map(|damage| ((damage.segment, damage.offset), damage)).collect();
    for damage in found.values() {
        tell_of_damage(damage);
        journal.reader.set_aside(damage).map_err(unreadable)?;
        index.note_lost(damage.missing.clone());
    }
    if 0 < caught_up.unknown {
        tracing::error!(
            records = caught_up.unknown,
            "the journal holds records this snagd does not know: install the version that wrote them"
        );
    }
    let is_behind = is_much(&index, &journal.reader);
    mark_running(state_dir, &boot)?;
    let damaged = found.len() as u64 + acknowledged(findings, known);
    journal.writer.prepare().map_err(unreadable)?;
    Ok(Recovered { journal, index: Arc::new(index), damaged, is_behind, waits_to_forget })
}

/// Opens the journal and does what is to be forgotten; says whether that has to wait for room.
fn open_journal(
    paths: &Paths,
    room: &Room,
    known: u64,
) -> Result<(journal::Opened, bool), OpenError> {
    let dir = paths.state_dir.join("journal");
    let open = || {
        journal::open(&dir, known).map_err(|source| OpenError::Journal { dir: dir.clone(), source })
    };
    let mut journal = open()?;
    for torn in &journal.findings.torn {
        tracing::warn!(
            torn = torn.place(),
            "cut an unfinished batch off the journal, as a stop amid writing leaves one; its bytes are in journal/aside"
        );
    }
    let finished = forget::finish(&paths.state_dir, &paths.drop_dir, room, &mut journal)?;
    if finished == forget::Finished::Done {
        // What was found wrong with it before may be gone, and must not be kept again.
        let torn = journal.findings.torn;
        drop((journal.writer, journal.packer));
        journal = open()?;
        journal.findings.torn = torn;
    }
    Ok((journal, finished == forget::Finished::Waits))
}

/// The index, up to date; none if it cannot be trusted, however that shows. `known` becomes the last
/// sequence it knew of, if it knew more.
fn bring_up(
    dir: &Path,
    journal: &journal::Reader,
    room: &Room,
    is_suspect: bool,
    known: &mut u64,
) -> Result<Option<(Index, CaughtUp)>, OpenError> {
    let attempt = || -> Result<Option<(Index, CaughtUp)>, OpenError> {
        let index = open_index(dir, journal)?;
        *known = index.position().sequence.max(*known);
        if !is_trustworthy(&index, journal, is_suspect)? {
            return Ok(None);
        }
        let caught_up = catch_up_if_little(&index, journal, room)?;
        Ok(Some((index, caught_up)))
    };
    // sled panics where it meets what it does not expect.
    let brought = catch_unwind(AssertUnwindSafe(attempt));
    match brought {
        Err(_) => {
            tracing::error!("the index made sled panic: it is set aside and rebuilt");
            Ok(None)
        }
        Ok(Err(OpenError::Index(IndexError::Outdated))) => {
            tracing::info!("an earlier snagd made the index: it is made anew");
            Index::remove(dir).map_err(unusable(dir))?;
            Ok(None)
        }
        Ok(Err(OpenError::Index(error))) if error.is_no_room() => {
            tracing::error!(%error, "there is no room to open the index: it is removed, which gives some, and built anew");
            Index::remove(dir).map_err(unusable(dir))?;
            Ok(None)
        }
        Ok(Err(error)) if is_damage(&error) => {
            tracing::error!(error = %chain(&error), "the index is broken: it is set aside and rebuilt");
            Ok(None)
        }
        Ok(done) => done,
    }
}

/// An empty index. Those that were set aside take the room that it may lack.
fn begin_anew(dir: &Path, journal: &journal::Reader) -> Result<Index, OpenError> {
    match open_index(dir, journal) {
        Err(error) if error.is_no_room() => {
            tracing::warn!("there is no room for an index: those that were set aside are removed");
            let state_dir = dir.parent().unwrap_or(dir);
            forget::remove_indexes(state_dir).map_err(unusable(state_dir))?;
            Ok(open_index(dir, journal)?)
        }
        opened => Ok(opened?),
    }
}

fn is_damage(error: &OpenError) -> bool {
    match error {
        OpenError::Index(error) | OpenError::CatchUp(CatchUpError::Index(error)) => {
            error.is_damage()
        }
        _ => false,
    }
}

/// How many of the batches that were cut off were acknowledged: the index, which is further than it
/// noted, had seen them.
fn acknowledged(findings: &journal::Findings, known: u64) -> u64 {
    let was = |torn: &&journal::Damage| !torn.missing.is_empty() && torn.missing.start <= known;
    let torn = findings.torn.iter().filter(was);
    torn.inspect(|torn| tracing::error!(torn = torn.place(), "this batch was acknowledged: look into the disk, and restore a backup if these records matter")).count() as u64
}

fn is_trustworthy(
    index: &Index,
    journal: &journal::Reader,
    is_suspect: bool,
) -> Result<bool, OpenError> {
    if !holds(journal, index.position()).map_err(CatchUpError::Journal)? {
        tracing::error!(
            "the index knows of events that the journal does not hold: it is set aside and rebuilt"
        );
        return Ok(false);
    }
    if !is_suspect {
        return Ok(true);
    }
    tracing::info!(
        "the last stop may have cost the index something: comparing it with the journal"
    );
    let mut start = Start::default();
    let agree = agrees(index, journal, |progress| {
        start.goes_on("comparing the index with the journal", progress);
    })?;
    if !agree {
        tracing::error!("index and journal do not agree: the index is set aside and rebuilt");
    }
    Ok(agree)
}

fn catch_up_if_little(
    index: &Index,
    journal: &journal::Reader,
    room: &Room,
) -> Result<CaughtUp, OpenError> {
    if index.position().sequence == 0 && 0 < journal.last() {
        tracing::info!(up_to = journal.last(), "building the index from the journal");
    }
    if is_much(index, journal) {
        tracing::info!(
            "the index has to catch up with the journal: that goes on while events are recorded, and answers are incomplete until then"
        );
        return Ok(CaughtUp::default());
    }
    let mut start = Start::default();
    let caught_up = catch_up(index, journal, |progress| start.goes_on("recovering", progress))?;
    checkpoint_if_room(index, room)?;
    if 0 < caught_up.applied {
        tracing::info!(
            records = caught_up.applied,
            events = index.events(),
            "the index caught up with the journal"
        );
    }
    Ok(caught_up)
}

fn is_much(index: &Index, journal: &journal::Reader) -> bool {
    MUCH < journal.last().saturating_sub(index.position().sequence)
}

/// So many indexes are kept aside, since they take room. A disk that broke so many is not cured by
/// another.
const MOST_ASIDE: usize = 3;

/// Waits until the index is found to be damaged, and may be built anew for that.
pub(super) async fn doubted(state_dir: &Path, doubt: &Notify) {
    doubt.notified().await;
    if MOST_ASIDE <= aside(state_dir).unwrap_or_default().len() {
        tracing::error!(
            "the index is damaged again, so it is the disk that is bad: answers may lack events; look into the disk, remove what lies in index.set-aside-…, and start snagd again"
        );
        return std::future::pending().await;
    }
    tracing::error!(
        "the index is damaged: it is built anew from the journal, and answers are incomplete until then"
    );
}

/// The indexes that were set aside, the oldest first.
fn aside(state_dir: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut found = BTreeMap::new();
    for item in fs::read_dir(state_dir)? {
        let path = item?.path();
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let number = name.strip_prefix("index.set-aside-").and_then(|number| number.parse().ok());
        if let Some(number) = number {
            found.insert(number, path);
        }
    }
    Ok(found)
}

/// Renames an index directory to one nobody has, if there is one. The oldest that was set aside goes
/// where there are many.
pub(super) fn set_aside(dir: &Path) -> Result<(), OpenError> {
    let unusable = unusable(dir);
    if !dir.try_exists().map_err(unusable)? {
        return Ok(());
    }
    let state_dir = dir.parent().unwrap_or(dir);
    let mut before = aside(state_dir).map_err(unusable)?;
    let number = before.last_key_value().map_or(1, |(last, _)| last + 1);
    while MOST_ASIDE <= before.len() {
        let Some((_, oldest)) = before.pop_first() else { break };
        fs::remove_dir_all(oldest).map_err(unusable)?;
    }
    let free = dir.with_file_name(format!("index.set-aside-{number}"));
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

fn mark_running(state_dir: &Path, boot: &str) -> Result<(), OpenError> {
    let path = running(state_dir);
    let written = fs::write(&path, boot).and_then(|()| File::open(&path)?.sync_all());
    let synced = written.and_then(|()| File::open(state_dir)?.sync_all());
    synced.map_err(|source| OpenError::Unusable { path, source })
}

/// Says that the daemon stopped with everything on disk.
pub(super) fn mark_stopped(state_dir: &Path) -> io::Result<()> {
    fs::remove_file(running(state_dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_indexes_that_were_set_aside_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("index");
        set_aside(&index).unwrap();
        for _ in 0..5 {
            fs::create_dir(&index).unwrap();
            set_aside(&index).unwrap();
        }
        let kept: Vec<u64> = aside(dir.path()).unwrap().into_keys().collect();
        assert_eq!(kept, [3, 4, 5]);
    }
}
