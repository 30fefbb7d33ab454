//! Rings when something may have come.
//!
//! Whatever the kernel tells means no more than "look soon": the scan finds out what it was. A
//! bell that is deaf costs up to 30 seconds, never a file.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, ModifyKind, RemoveKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::dir::is_for_us;

/// Rung from the watcher's thread, heard by the door. Rung often is rung once.
#[derive(Debug, Default)]
pub(super) struct Bell(Notify);

impl Bell {
    pub(super) fn ring(&self) {
        self.0.notify_one();
    }

    /// Returns once it was rung, be it before this was called.
    pub(super) async fn rung(&self) {
        self.0.notified().await;
    }
}

/// Rings a bell for one directory.
pub(super) struct Ear {
    dir: PathBuf,
    bell: Arc<Bell>,
    watcher: Option<RecommendedWatcher>,
}

impl Ear {
    pub(super) fn new(dir: PathBuf, bell: Arc<Bell>) -> Self {
        Self { dir, bell, watcher: None }
    }

    /// Makes sure that it listens to the directory that is there now.
    ///
    /// Asked for before every scan: what is watched already stays so, and a directory that was
    /// deleted and made again is a new one to the kernel.
    pub(super) fn listen(&mut self) -> notify::Result<()> {
        let mut watcher = match self.watcher.take() {
            Some(watcher) => watcher,
            None => self.make()?,
        };
        watcher.watch(&self.dir, RecursiveMode::NonRecursive)?;
        // Not kept after a failure: the next one starts afresh.
        self.watcher = Some(watcher);
        Ok(())
    }

    fn make(&self) -> notify::Result<RecommendedWatcher> {
        let (bell, dir) = (self.bell.clone(), self.dir.clone());
        notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.map_or(true, |event| is_worth_a_look(&event, &dir)) {
                bell.ring();
            }
        })
    }
}

/// Leaves out what we do ourselves, and what is written to names that are not for us.
fn is_worth_a_look(event: &Event, dir: &Path) -> bool {
    if event.need_rescan() || event.paths.is_empty() {
        return true;
    }
    let is_of_dir = event.paths.iter().any(|path| path == dir);
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
        EventKind::Access(_) => return false,
        EventKind::Remove(RemoveKind::File)
        | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => return is_of_dir,
        _ => {}
    }
    let names = event.paths.iter().filter_map(|path| path.file_name());
    is_of_dir || names.map(OsStr::as_encoded_bytes).any(is_for_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, path: &str) -> Event {
        Event::new(kind).add_path(PathBuf::from(path))
    }

    #[test]
    fn our_own_doings_do_not_ring() {
        let dir = Path::new("/d");
        let renamed = |mode| EventKind::Modify(ModifyKind::Name(mode));
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let rings = [
            event(renamed(RenameMode::To), "/d/a.json"),
            event(closed, "/d/a.json"),
            event(EventKind::Create(notify::event::CreateKind::Any), "/d/fifo"),
            event(EventKind::Remove(RemoveKind::Folder), "/d"),
            event(EventKind::Remove(RemoveKind::File), "/d"),
            event(renamed(RenameMode::From), "/d"),
            Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan),
        ];
        let silent = [
            event(opened, "/d"),
            event(opened, "/d/a.json"),
            event(EventKind::Remove(RemoveKind::File), "/d/a.json"),
            event(renamed(RenameMode::From), "/d/a.json"),
            event(closed, "/d/.a.json"),
            event(closed, "/d/a.tmp"),
        ];
        for event in rings {
            assert!(is_worth_a_look(&event, dir), "{event:?}");
        }
        for event in silent {
            assert!(!is_worth_a_look(&event, dir), "{event:?}");
        }
    }
}
