//! Each promise of the drop directory, with a real journal, index and recorder behind it.

mod rejecting;
mod taking;
mod watching;

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use tempfile::TempDir;
use tokio::runtime::{self, Runtime};

use super::*;
use crate::doors::bench;
use crate::event::{Event, Source};
use crate::index;
use crate::not_tried::not_tried;
use crate::recorder::WritingError;

/// A desk on a directory of its own, and a taker to scan with.
struct Bench {
    dir: TempDir,
    desk: Arc<Desk>,
    taker: Option<Taker>,
    runtime: Runtime,
    writing: Option<JoinHandle<Result<(), WritingError>>>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path();
        let (desk, writing) = bench::desk(state);
        let writing = std::thread::spawn(move || writing.run());
        fs::create_dir(state.join("drop")).unwrap();
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let mut bench =
            Self { dir, desk, taker: None, runtime: runtime.unwrap(), writing: Some(writing) };
        bench.restart();
        bench
    }

    /// Forgets what the taker remembers.
    fn restart(&mut self) {
        let (desk, path) = (self.desk.clone(), self.path(""));
        let handle = self.runtime.handle().clone();
        let stop = CancellationToken::new();
        self.taker = Some(Taker::new(desk, path, Arc::default(), handle, stop));
    }

    fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        let drop = self.dir.path().join("drop");
        if name.as_ref().is_empty() { drop } else { drop.join(name.as_ref()) }
    }

    fn drop_file(&self, name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let aside = self.path(".aside");
        fs::write(&aside, content).unwrap();
        fs::rename(&aside, &path).unwrap();
        path
    }

    fn scan(&mut self) -> Pause {
        self.taker.as_mut().unwrap().scan()
    }

    /// Scans until nothing more changes.
    fn scan_twice(&mut self) {
        self.scan();
        self.scan();
    }

    fn events(&self) -> Vec<Event> {
        let filter = index::Filter::default();
        self.desk.index.list(&filter, index::Order::Oldest, None, 100_000).unwrap().events
    }

    fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.events().into_iter().filter_map(|e| e.note).collect();
        notes.sort();
        notes
    }

    fn rejected(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path("rejected").join(name)).unwrap()).unwrap()
    }

    fn why(&self, name: &str) -> String {
        self.rejected(&format!("{name}.why"))
    }

    fn names(&self) -> Vec<String> {
        names_in(&self.path(""))
    }

    /// Runs the door until `act` is through; the file system or the kernel is never waited for
    /// longer than needed.
    fn watching(&self, act: impl FnOnce()) {
        let stop = CancellationToken::new();
        let watching = self.runtime.spawn(watch(self.desk.clone(), self.path(""), stop.clone()));
        act();
        stop.cancel();
        self.runtime.block_on(watching).unwrap().unwrap();
    }

    fn await_notes(&self, notes: &[&str]) {
        eventually(|| self.notes() == notes);
    }
}

impl std::ops::Drop for Bench {
    fn drop(&mut self) {
        self.taker = None;
        if std::thread::panicking() {
            return;
        }
        // The last desk goes with the bench; the writer must not have died before.
        assert!(!self.writing.take().unwrap().is_finished());
    }
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn eventually(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited 20 s");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn event(note: &str) -> String {
    format!(r#"{{"place":"web/pay","note":"{note}"}}"#)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
