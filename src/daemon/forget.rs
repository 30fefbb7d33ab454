//! Forgetting, to the last byte, and finishing what was begun.
//!
//! What is to be forgotten is written down first and worked off while nothing else runs, at a start:
//! the index goes, the journal is rewritten, whatever was ever set aside goes, and only then the note
//! of it. Whoever is interrupted begins again at the next start. What was told after it was asked for
//! stays, however long that had to wait.
//!
//! A segment is replaced by a new one beside it, so that takes room. Where there is none, nothing is
//! written down. Where it is gone by the start, the daemon runs as before, and starts anew once there
//! is room.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use uuid::Uuid;

use super::beside;
use super::open::{OpenError, unusable};
use super::paths::Paths;
use super::systemd::{self, Start};
use crate::doors::{Granted, Wish};
use crate::event::{Forget, Record, Remains};
use crate::journal::{self, Damaged, Fate, JournalError, Opened, Reader, SEGMENT_BYTES};
use crate::recorder::Room;

/// The watchdog hears of it each time so many records were looked at.
pub(super) const ALIVE_EVERY: u64 = 10_000;

/// What a rewrite takes at most: a new last segment, and another one while it is replaced.
const TAKES: u64 = 2 * SEGMENT_BYTES;
/// It is begun where there is more than that: stopping and starting take some, too.
const MARGIN: u64 = 4 * 1024 * 1024;
/// What waits for room looks for it so often.
const EVERY: Duration = Duration::from_secs(10);

/// What is written down.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    #[serde(flatten)]
    forget: Forget,
    /// The last record when it was asked for. An earlier snagd did not say.
    until: Option<u64>,
    /// Whether what is damaged of the journal goes as well.
    #[serde(default)]
    loses_damaged: bool,
}

/// What came of what was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finished {
    /// There was nothing.
    Nothing,
    /// There is no room for it.
    Waits,
    /// It is done, and the journal is another.
    Done,
}

/// Where it is written down.
fn note(state_dir: &Path) -> PathBuf {
    state_dir.join("forget.json")
}

/// Waits until somebody wants something forgotten, and writes that down: then the daemon has to
/// start anew. Where there is nothing of it, nothing is done.
pub(super) async fn wait(
    paths: &Paths,
    room: &Room,
    journal: &Reader,
    mut wished: mpsc::Receiver<Wish>,
) {
    while let Some(wish) = wished.recv().await {
        let Wish { forget, is_recorded, loses_damaged, is_dry, answer } = wish;
        // It reads files, and this thread serves connections.
        let granted = block_in_place(|| {
            let copies = copies(paths, &forget)?;
            let is_written = !is_dry && (is_recorded || !copies.is_empty());
            if is_written {
                let note = Note { forget, until: Some(journal.last()), loses_damaged };
                note_down(&paths.state_dir, room, &note)?;
            }
            Ok(Granted { copies, is_written })
        });
        let is_written = granted.as_ref().is_ok_and(|granted| granted.is_written);
        // Whoever asked may be gone; what is written down is done all the same.
        let _ = answer.send(granted);
        if is_written {
            return;
        }
    }
}

/// Waits until there is room for what is written down and found none at the start, if anything is.
pub(super) async fn wait_for_room(state_dir: &Path, room: &Room, waits: bool) {
    if !waits {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(EVERY).await;
        if has_room(state_dir, room) {
            return;
        }
    }
}

/// Whether there is room to rewrite the journal, and for the index to be built anew: while it is, it may
/// take twice what it has, or more.
fn has_room(state_dir: &Path, room: &Room) -> bool {
    room.takes(needed(state_dir))
}

fn needed(state_dir: &Path) -> u64 {
    let index = fs::metadata(state_dir.join("index/db")).map_or(0, |db| db.len());
    TAKES + MARGIN + index
}

/// Writes down what is to be forgotten at the next start, where there is room for it.
fn note_down(state_dir: &Path, room: &Room, what: &Note) -> io::Result<()> {
    let path = note(state_dir);
    // What waits for room already is not to be forgotten over this.
    if path.exists() || !has_room(state_dir, room) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    journal::replace(&path, serde_json::to_string(what)?.as_bytes())?;
    File::open(state_dir)?.sync_all()
}

/// Does what is written down, if anything is.
pub(super) fn finish(
    state_dir: &Path,
    drop_dir: &Path,
    room: &Room,
    journal: &mut Opened,
) -> Result<Finished, OpenError> {
    let path = note(state_dir);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Finished::Nothing),
        text => text.map_err(unusable(&path))?,
    };
    let Ok(note) = serde_json::from_str::<Note>(&text) else {
        // Written whole or not at all, so somebody else wrote it.
        tracing::error!(path = %path.display(), "what is to be forgotten cannot be read: remove the file and say it again");
        return Ok(Finished::Nothing);
    };
    tracing::info!("forgetting: the journal is rewritten, then the index is built anew");
    let dir = state_dir.join("journal");
    let rewritten = make_way(state_dir, room, journal).and_then(|()| rewrite(&note, journal));
    let records = match rewritten {
        Err(JournalError::NoRoom(error)) => {
            tracing::error!(%error, needed = needed(state_dir), "there is no room to forget: make some where snagd stores, and it is done then or at the next start");
            return Ok(Finished::Waits);
        }
        done => done.map_err(|source| OpenError::Journal { dir, source })?,
    };
    sweep(state_dir, drop_dir, &note.forget).map_err(unusable(state_dir))?;
    fs::remove_file(&path).map_err(unusable(&path))?;
    File::open(state_dir).and_then(|dir| dir.sync_all()).map_err(unusable(state_dir))?;
    tracing::info!(records, "forgotten");
    Ok(Finished::Done)
}

/// Ends the last segment, and makes sure that there is room to replace any before the index goes:
/// that may hold nothing that the journal does not.
fn make_way(state_dir: &Path, room: &Room, journal: &mut Opened) -> Result<(), JournalError> {
    journal.writer.seal()?;
    if !room.takes(SEGMENT_BYTES) {
        return Err(JournalError::NoRoom(io::ErrorKind::StorageFull.into()));
    }
    remove_indexes(state_dir)
        .map_err(|source| JournalError::Unusable { path: state_dir.to_owned(), source })
}

fn rewrite(note: &Note, journal: &mut Opened) -> Result<u64, JournalError> {
    let (needle, mut looked_at, mut later) = (note.forget.needle(), 0_u64, HashSet::new());
    let damaged = if note.loses_damaged { Damaged::Goes } else { Damaged::Stays };
    journal.packer.rewrite(damaged, |sequence, payload| {
        looked_at += 1;
        if looked_at.is_multiple_of(ALIVE_EVERY) {
            systemd::alive();
        }
        // Most records have nothing to do with it, and need not be read for that.
        if !str::from_utf8(payload).is_ok_and(|text| text.contains(&needle)) {
            return Fate::Keep;
        }
        let record = Record::decode(payload);
        match record.map(|record| note.remains_of(sequence, record, &mut later)) {
            Ok(Remains::All) | Err(_) => Fate::Keep,
            Ok(Remains::Nothing) => Fate::Drop,
            Ok(Remains::Changed(record)) => Fate::Replace(record.encode()),
        }
    })
}

impl Note {
    /// What becomes of a record. What was told after it was asked for stays, and what was decided about
    /// that: `later` are the events of that kind so far, which come before what was decided.
    fn remains_of(&self, sequence: u64, record: Record, later: &mut HashSet<Uuid>) -> Remains {
        let is_later = self.until.is_some_and(|until| until < sequence);
        // An event stays the same, whenever it is told again.
        if !is_later || matches!(self.forget, Forget::Id(_)) {
            return self.forget.remains_of(record);
        }
        match record {
            Record::Event(event) if self.forget.covers(&event) => {
                later.insert(event.id);
                Remains::All
            }
            Record::Decided(decided) if !later.contains(&decided.id) => {
                match self.forget.remains_of(Record::Decided(decided)) {
                    Remains::Nothing => Remains::Nothing,
                    Remains::All | Remains::Changed(_) => Remains::All,
                }
            }
            _ => Remains::All,
        }
    }
}

/// Removes whatever else may hold a copy: what was set aside of the journal, rejected files and notes
/// that name it.
fn sweep(state_dir: &Path, drop_dir: &Path, forget: &Forget) -> io::Result<()> {
    remove_dir(&state_dir.join("journal/aside"))?;
    let mut start = Start::default();
    let looks = || start.goes_on_with("forgetting: looking through what lies beside the journal");
    let paths = notes_of(state_dir, drop_dir, forget, looks)?;
    beside::remove(&paths, &note(state_dir))
}

/// Rejected files, with the reasons, files that nobody finished, the session and notes that name it;
/// `looks` is called for each that is looked through. What waits in an outbox is another daemon's, which
/// was promised it.
fn notes_of(
    state_dir: &Path,
    drop_dir: &Path,
    forget: &Forget,
    mut looks: impl FnMut(),
) -> io::Result<Vec<PathBuf>> {
    let mut names_it = |path: &Path| {
        looks();
        beside::names(path, forget)
    };
    let is_reason = |path: &Path| path.extension().is_some_and(|ending| ending == "why");
    let mut paths = rejected(drop_dir)?;
    paths.append(&mut entries(&state_dir.join("last"))?);
    paths.append(&mut unfinished(drop_dir)?);
    paths.append(&mut unfinished(state_dir)?);
    for outbox in entries(&state_dir.join("outbox"))?.iter().filter(|path| path.is_dir()) {
        paths.append(&mut entries(&outbox.join("rejected"))?);
        paths.append(&mut unfinished(outbox)?);
    }
    let ours = ["session.json", "noticed"].map(|name| state_dir.join(name));
    paths.extend(ours.into_iter().filter(|path| path.exists()));
    paths.retain(|path| names_it(path) || (is_reason(path) && names_it(&path.with_extension(""))));
    Ok(paths)
}

/// What was not taken. Where others may write to the drop directory, a link may have the name of ours.
fn rejected(drop_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let dir = drop_dir.join("rejected");
    if dir.is_symlink() { Ok(Vec::new()) } else { entries(&dir) }
}

/// Files that somebody writes, or was interrupted in writing.
fn unfinished(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = entries(dir)?;
    paths.retain(|path| beside::is_unfinished(path) && beside::is_plain(path));
    Ok(paths)
}

/// What beside the journal names it, or may: what was set aside is damaged, and nobody can tell what is
/// in it.
fn copies(paths: &Paths, forget: &Forget) -> io::Result<Vec<PathBuf>> {
    let state_dir = &paths.state_dir;
    let mut copies = notes_of(state_dir, &paths.drop_dir, forget, || {})?;
    copies.append(&mut entries(&state_dir.join("journal/aside"))?);
    copies.extend(indexes(state_dir)?.into_iter().filter(|dir| *dir != state_dir.join("index")));
    copies.sort();
    Ok(copies)
}

/// Removes the index and those that were set aside, durably: what the journal loses behind it must not come
/// back with one of them.
pub(super) fn remove_indexes(state_dir: &Path) -> io::Result<()> {
    indexes(state_dir)?.iter().try_for_each(|dir| remove_dir(dir))?;
    match File::open(state_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        dir => dir?.sync_all(),
    }
}

fn indexes(state_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = entries(state_dir)?;
    paths.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let is_one = |name: &str| ["index", "index.new"].contains(&name);
        name.is_some_and(|it| is_one(&it) || it.starts_with("index.set-aside-"))
    });
    Ok(paths)
}

/// What is in a directory; nothing where there is none.
fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.path())).collect(),
    }
}

/// Removes a directory with all that is in it, if there is one.
pub(super) fn remove_dir(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Arrival, Decided, Decision, Draft, Event, Sender, Source, Verdict};

    #[test]
    fn it_reads_as_it_is_written_also_by_an_earlier_snagd() {
        let note: Note = serde_json::from_str(r#"{"person":"ana"}"#).unwrap();
        assert_eq!((note.until, note.loses_damaged), (None, false));
        for forget in [r#"{"person":"ana"}"#, r#"{"id":"00000000-0000-0000-0000-000000000007"}"#] {
            let forget: Forget = serde_json::from_str(forget).unwrap();
            let note = Note { forget, until: Some(7), loses_damaged: true };
            let text = serde_json::to_string(&note).unwrap();
            let read: Note = serde_json::from_str(&text).unwrap();
            assert_eq!((read.forget, read.until, read.loses_damaged), (note.forget, Some(7), true));
        }
    }

    #[test]
    fn a_link_with_the_name_of_ours_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let ana = Forget::Person("ana".to_owned());
        let [drop, other] = ["drop", "other"].map(|name| dir.path().join(name));
        for it in [&drop, &other] {
            fs::create_dir(it).unwrap();
            fs::write(it.join("bad.json"), r#"{"person":"ana"}"#).unwrap();
        }
        fs::write(drop.join(".torn.tmp"), r#"{"person":"ana""#).unwrap();
        std::os::unix::fs::symlink(&other, drop.join("rejected")).unwrap();
        std::os::unix::fs::symlink(other.join("bad.json"), drop.join(".link")).unwrap();
        let mut looked_at = 0;
        let found = notes_of(&dir.path().join("state"), &drop, &ana, || looked_at += 1).unwrap();
        assert_eq!((found, looked_at), (vec![drop.join(".torn.tmp")], 1));
    }

    fn told(id: u128, person: &str) -> Event {
        let json = format!(r#"{{"place":"web/a","note":"x","person":"{person}"}}"#);
        let arrival = Arrival {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            fresh_id: Uuid::from_u128(id),
            sender: Sender::Owner { name: "root".to_owned() },
            source: Source::Http,
            original: None,
        };
        Draft::parse(json.as_bytes()).unwrap().admit(&arrival).unwrap()
    }

    fn decided(about: &Event, by: &str) -> Record {
        let (at, by) = (about.at, by.to_owned());
        let verdict = Verdict::Dismissed;
        let decision = Decision { at, verdict, by, severity: None, note: None };
        Record::Decided(Box::new(Decided::about(about, decision)))
    }

    #[test]
    fn what_was_told_later_stays() {
        let record = |event: &Event| Record::Event(Box::new(event.clone()));
        let (old, new, bobs) = (told(1, "ana"), told(2, "ana"), told(3, "bob"));
        let records = [
            (record(&old), Remains::Nothing),
            (record(&bobs), Remains::All),
            (record(&new), Remains::All),
            // It names her, and its event is gone.
            (decided(&old, "bob"), Remains::Nothing),
            (decided(&new, "bob"), Remains::All),
            (decided(&bobs, "ana"), Remains::All),
        ];
        let forget = Forget::Person("ana".to_owned());
        let note = Note { forget, until: Some(2), loses_damaged: false };
        let mut later = HashSet::new();
        for (sequence, (record, remains)) in (1..).zip(records) {
            assert_eq!(note.remains_of(sequence, record, &mut later), remains, "{sequence}");
        }
        let note = Note { forget: Forget::Id(new.id), ..note };
        assert_eq!(note.remains_of(3, record(&new), &mut later), Remains::Nothing);
        let note = Note { forget: Forget::Person("ana".to_owned()), until: None, ..note };
        assert_eq!(note.remains_of(3, record(&new), &mut later), Remains::Nothing);
    }
}
