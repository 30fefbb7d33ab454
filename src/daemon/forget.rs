//! Forgetting, to the last byte, and finishing what was begun.
//!
//! What is to be forgotten is written down first and worked off while nothing else runs, at a start:
//! the index goes, the journal is rewritten, whatever was ever set aside goes, and only then the note
//! of it. Whoever is interrupted begins again at the next start.
//!
//! A segment is replaced by a new one beside it, so that takes room. Where there is none, nothing is
//! written down. Where it is gone by the start, the daemon runs as before, and starts anew once there
//! is room.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::block_in_place;

use super::open::{OpenError, unusable};
use super::paths::Paths;
use super::systemd;
use crate::doors::{Granted, Wish};
use crate::event::{Forget, Record, Remains};
use crate::journal::{Fate, JournalError, Opened, SEGMENT_BYTES};
use crate::recorder::Room;

/// The watchdog hears of it each time so many records were looked at.
const ALIVE_EVERY: u64 = 10_000;

/// What a rewrite takes at most: a new last segment, and another one while it is replaced.
const TAKES: u64 = 2 * SEGMENT_BYTES;
/// It is begun where there is more than that: stopping and starting take some, too.
const MARGIN: u64 = 4 * 1024 * 1024;
/// What waits for room looks for it so often.
const EVERY: Duration = Duration::from_secs(10);

/// The note of what is to be forgotten.
fn note(state_dir: &Path) -> PathBuf {
    state_dir.join("forget.json")
}

/// Waits until somebody wants something forgotten, and writes that down: then the daemon has to
/// start anew. Where there is nothing of it, nothing is done.
pub(super) async fn wait(paths: &Paths, room: &Room, mut wished: mpsc::Receiver<Wish>) {
    while let Some(Wish { forget, is_recorded, is_dry, answer }) = wished.recv().await {
        // It reads files, and this thread serves connections.
        let granted = block_in_place(|| {
            let copies = copies(paths, &forget)?;
            let is_written = !is_dry && (is_recorded || !copies.is_empty());
            if is_written {
                note_down(&paths.state_dir, room, &forget)?;
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
pub(super) async fn wait_for_room(room: &Room, waits: bool) {
    if !waits {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(EVERY).await;
        if has_room(room) {
            return;
        }
    }
}

fn has_room(room: &Room) -> bool {
    room.takes(TAKES + MARGIN)
}

/// Writes down what is to be forgotten at the next start, where there is room for it.
fn note_down(state_dir: &Path, room: &Room, forget: &Forget) -> io::Result<()> {
    let path = note(state_dir);
    // What waits for room already is not to be forgotten over this.
    if path.exists() || !has_room(room) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    let new = path.with_extension("json.new");
    let mut file = File::create(&new)?;
    file.write_all(serde_json::to_string(forget)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)?;
    File::open(state_dir)?.sync_all()
}

/// Does what is written down, if anything is; says whether that has to wait for room.
pub(super) fn finish(
    state_dir: &Path,
    drop_dir: &Path,
    room: &Room,
    journal: &mut Opened,
) -> Result<bool, OpenError> {
    let path = note(state_dir);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        text => text.map_err(unusable(&path))?,
    };
    let Ok(forget) = serde_json::from_str::<Forget>(&text) else {
        // Written whole or not at all, so somebody else wrote it.
        tracing::error!(path = %path.display(), "what is to be forgotten cannot be read: remove the file and say it again");
        return Ok(false);
    };
    tracing::info!("forgetting: the journal is rewritten, then the index is built anew");
    let dir = state_dir.join("journal");
    let rewritten = make_way(state_dir, room, journal).and_then(|()| rewrite(&forget, journal));
    let records = match rewritten {
        Err(JournalError::NoRoom(error)) => {
            tracing::error!(%error, needed = TAKES + MARGIN, "there is no room to forget: make some where snagd stores, and it is done then or at the next start");
            return Ok(true);
        }
        done => done.map_err(|source| OpenError::Journal { dir, source })?,
    };
    sweep(state_dir, drop_dir, &forget).map_err(unusable(state_dir))?;
    fs::remove_file(&path).map_err(unusable(&path))?;
    File::open(state_dir).and_then(|dir| dir.sync_all()).map_err(unusable(state_dir))?;
    tracing::info!(records, "forgotten");
    Ok(false)
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

fn rewrite(forget: &Forget, journal: &mut Opened) -> Result<u64, JournalError> {
    let (needle, mut looked_at) = (forget.needle(), 0_u64);
    journal.packer.rewrite(|payload| {
        looked_at += 1;
        if looked_at.is_multiple_of(ALIVE_EVERY) {
            systemd::alive();
        }
        // Most records have nothing to do with it, and need not be read for that.
        if !str::from_utf8(payload).is_ok_and(|text| text.contains(&needle)) {
            return Fate::Keep;
        }
        match Record::decode(payload).map(|record| forget.remains_of(record)) {
            Ok(Remains::All) | Err(_) => Fate::Keep,
            Ok(Remains::Nothing) => Fate::Drop,
            Ok(Remains::Changed(record)) => Fate::Replace(record.encode()),
        }
    })
}

/// Removes whatever else may hold a copy: what was set aside of the journal, rejected files and notes
/// that name it.
fn sweep(state_dir: &Path, drop_dir: &Path, forget: &Forget) -> io::Result<()> {
    remove_dir(&state_dir.join("journal/aside"))?;
    notes_of(state_dir, drop_dir, forget)?.iter().try_for_each(fs::remove_file)
}

/// Rejected files, with the reasons, files that nobody finished, the session and notes that name it.
fn notes_of(state_dir: &Path, drop_dir: &Path, forget: &Forget) -> io::Result<Vec<PathBuf>> {
    let names_it = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_default();
        forget.is_named_in(&String::from_utf8_lossy(&bytes))
    };
    let is_reason = |path: &Path| path.extension().is_some_and(|ending| ending == "why");
    let mut paths = entries(&drop_dir.join("rejected"))?;
    paths.append(&mut entries(&state_dir.join("last"))?);
    paths.append(&mut unfinished(drop_dir)?);
    paths.append(&mut unfinished(state_dir)?);
    paths.extend([state_dir.join("session.json")].into_iter().filter(|path| path.exists()));
    paths.retain(|path| names_it(path) || (is_reason(path) && names_it(&path.with_extension(""))));
    Ok(paths)
}

/// Files that somebody writes, or was interrupted in writing.
fn unfinished(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = entries(dir)?;
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        (name.starts_with(b".") || name.ends_with(b".tmp")) && path.is_file()
    });
    Ok(paths)
}

/// What beside the journal names it, or may: what was set aside is damaged, and nobody can tell what is
/// in it.
fn copies(paths: &Paths, forget: &Forget) -> io::Result<Vec<PathBuf>> {
    let state_dir = &paths.state_dir;
    let mut copies = notes_of(state_dir, &paths.drop_dir, forget)?;
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
