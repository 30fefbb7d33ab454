//! One look at the directory: everything that can be taken is taken.
//!
//! Blocks, and so runs on a thread of its own. Many small files become few jobs for the recorder,
//! a large file several; no more than one such group is in memory.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::FileType;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::bell::{Bell, Ear};
use super::dir::{Dir, is_for_us};
use super::file::{self, Found, Stamp, Unfit};
use super::left::{Left, Why};
use super::line;
use super::reject::{REJECTED, Rejected};
use super::sheet::Sheet;
use crate::doors::{Desk, DropCounts, lost_before};
use crate::event::{Event, Sender};
use crate::recorder::{Recorded, Refusal};

/// A group of files grows up to this many events or files,
const GROUP_EVENTS: usize = 256;
/// or this many bytes of files.
const GROUP_BYTES: usize = 1024 * 1024;

/// How long to wait for the next scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    UntilItRings,
    /// The recorder could not take what lies there.
    Refused,
}

/// Takes files, scan after scan.
pub(super) struct Taker {
    desk: Arc<Desk>,
    path: PathBuf,
    ear: Ear,
    runtime: Handle,
    stop: CancellationToken,
    left: Left,
    /// What was warned of and still holds.
    is_deaf: bool,
    is_unusable: bool,
    is_full: bool,
    refused: Option<Refusal>,
}

impl Taker {
    pub(super) fn new(
        desk: Arc<Desk>,
        path: PathBuf,
        bell: Arc<Bell>,
        runtime: Handle,
        stop: CancellationToken,
    ) -> Self {
        let ear = Ear::new(path.clone(), bell);
        Self {
            desk,
            path,
            ear,
            runtime,
            stop,
            left: Left::default(),
            is_deaf: false,
            is_unusable: false,
            is_full: false,
            refused: None,
        }
    }

    /// Takes what is there.
    pub(super) fn scan(&mut self) -> Pause {
        let dir = match self.open() {
            Ok(dir) => dir,
            Err(error) => {
                if !self.is_unusable {
                    tracing::warn!(dir = ?self.path, %error, "the drop directory cannot be opened or made: dropped files wait until it can");
                }
                self.is_unusable = true;
                return Pause::UntilItRings;
            }
        };
        self.is_unusable = false;
        self.left.start();
        match Scan::new(self, dir).run() {
            Ok(true) => self.left.forget_unseen(),
            Ok(false) => {}
            Err(refusal) => {
                if self.refused != Some(refusal) {
                    tracing::warn!(reason = %refusal, "dropped files wait: they are tried again every few seconds");
                }
                self.refused = Some(refusal);
                return Pause::Refused;
            }
        }
        Pause::UntilItRings
    }

    /// Opens the directory that is there now, listening to it first: what comes while it is being
    /// read is told by the bell.
    fn open(&mut self) -> io::Result<Dir> {
        let (_, was_gone) = Dir::open_or_make(&self.path)?;
        if was_gone {
            tracing::warn!(dir = ?self.path, "the drop directory was gone: made it again, for its owner alone");
        }
        match self.ear.listen() {
            Ok(()) => self.is_deaf = false,
            Err(error) => {
                if !self.is_deaf {
                    tracing::warn!(%error, "the kernel does not tell when files are dropped: looking every 30 s instead");
                }
                self.is_deaf = true;
            }
        }
        Dir::open(&self.path)
    }
}

/// One scan.
struct Scan<'a> {
    taker: &'a mut Taker,
    dir: Dir,
    rejected: Option<Rejected>,
    senders: HashMap<u32, Sender>,
    group: Group,
    recorded: usize,
    has_removed: bool,
}

/// What goes to the recorder in one job.
#[derive(Default)]
struct Group {
    /// Files of which all lines are in this group, or were in earlier ones.
    sheets: Vec<Sheet>,
    events: Vec<Event>,
    /// Of each event: where it comes from.
    origins: Vec<Origin>,
    bytes: usize,
}

struct Origin {
    /// The position in `sheets`; one past the end for the file that is being read.
    sheet: usize,
    line: usize,
    has_our_id: bool,
}

impl<'a> Scan<'a> {
    fn new(taker: &'a mut Taker, dir: Dir) -> Self {
        Self {
            taker,
            dir,
            rejected: None,
            senders: HashMap::new(),
            group: Group::default(),
            recorded: 0,
            has_removed: false,
        }
    }

    /// Whether everything was looked at.
    fn run(mut self) -> Result<bool, Refusal> {
        let taken = self.take_all();
        if self.has_removed
            && let Err(error) = self.dir.sync()
        {
            tracing::warn!(%error, "the drop directory could not be synced: after a power cut files may be back, and are recognised");
        }
        if 0 < self.recorded {
            tracing::debug!(events = self.recorded, "took dropped files");
        }
        taken
    }

    fn take_all(&mut self) -> Result<bool, Refusal> {
        let names = match self.dir.names() {
            Ok(names) => names,
            Err(error) => {
                tracing::warn!(%error, "the drop directory cannot be listed");
                return Ok(false);
            }
        };
        for name in names {
            if self.taker.stop.is_cancelled() {
                self.flush(None)?;
                return Ok(false);
            }
            match name {
                Ok(name) if is_for_us(name.to_bytes()) => self.look_at(name)?,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the drop directory cannot be listed to its end");
                    break;
                }
            }
        }
        self.flush(None)?;
        Ok(true)
    }

    fn look_at(&mut self, name: CString) -> Result<(), Refusal> {
        let seen = match file::look(&self.dir, &name) {
            Ok(Some(seen)) => seen,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::warn!(file = ?shown(&name), %error, "a dropped file cannot be looked at");
                return Ok(());
            }
        };
        let stamp = Stamp::of(&seen);
        if name.as_c_str() == REJECTED {
            if !FileType::from_raw_mode(seen.st_mode).is_dir()
                && let Err(error) = self.rejected()
            {
                self.leave(&name, stamp, &error, "it has the name of our own directory");
            }
            return Ok(());
        }
        match self.taker.left.why(&name, stamp) {
            Some(Why::Recorded) => {
                self.remove(&name, stamp);
                return Ok(());
            }
            Some(Why::Full) if self.is_full() => return Ok(()),
            _ => {}
        }
        match file::take(&self.dir, &name, &seen) {
            Ok(Found::Plain(file)) => self.read(Sheet::new(name, file))?,
            Ok(Found::Unfit(unfit)) => self.move_away(&name, stamp, file::size(&seen), unfit),
            Ok(Found::NotNow) => {}
            Err(error) => self.leave(&name, stamp, &error, "it cannot be read"),
        }
        Ok(())
    }

    /// Puts the lines of a file into the group, which is recorded whenever it is full.
    fn read(&mut self, mut sheet: Sheet) -> Result<(), Refusal> {
        let owner = sheet.file.owner;
        let desk = self.taker.desk.clone();
        let sender =
            self.senders.entry(owner).or_insert_with(|| desk.rules().owner.sender(owner)).clone();
        for position in 0..sheet.lines.len() {
            let line = &sheet.lines[position];
            let json = &sheet.file.bytes[line.span.clone()];
            let id = || line::id_of(&sheet.file, sheet.name.to_bytes(), line);
            match line::admit(&desk, &sender, json, id) {
                // Counted, and nothing that anybody has to mend.
                Ok(admitted) if desk.is_over_limit(&admitted.event) => {}
                Ok(admitted) => {
                    let sheet = self.group.sheets.len();
                    let has_our_id = admitted.has_our_id;
                    self.group.bytes += json.len();
                    self.group.events.push(admitted.event);
                    self.group.origins.push(Origin { sheet, line: position, has_our_id });
                }
                Err(reason) => sheet.refuse(position, reason),
            }
            if self.group.is_full() {
                self.flush(Some(&mut sheet))?;
            }
        }
        self.group.bytes += sheet.file.bytes.len();
        self.group.sheets.push(sheet);
        if self.group.is_full() {
            self.flush(None)?;
        }
        Ok(())
    }

    /// Records the group, then settles its files; `open` is the one still being read.
    fn flush(&mut self, mut open: Option<&mut Sheet>) -> Result<(), Refusal> {
        let Group { mut sheets, events, origins, .. } = std::mem::take(&mut self.group);
        if !events.is_empty() {
            let recording = self.taker.desk.recorder.record(events);
            let answers = self.taker.runtime.block_on(recording)?;
            if self.taker.refused.take().is_some() {
                tracing::info!("dropped files are taken again");
            }
            for (origin, recorded) in origins.iter().zip(answers) {
                let sheet = sheets.get_mut(origin.sheet).or(open.as_deref_mut());
                self.note(origin, &recorded, sheet);
            }
        }
        for sheet in sheets {
            self.settle(sheet);
        }
        Ok(())
    }

    fn note(&mut self, origin: &Origin, recorded: &Recorded, sheet: Option<&mut Sheet>) {
        let wrong = match recorded {
            Recorded::New { .. } => {
                self.recorded += 1;
                DropCounts::add(&self.taker.desk.drops.events, 1);
                return;
            }
            Recorded::Known(_) => return,
            // An id made of the content stands for this content, whatever we made of it then.
            Recorded::Conflict(_) if origin.has_our_id => return,
            Recorded::Conflict(id) => format!(
                "the id {id} belongs to another event, which stays as it is: give this one an id of its own, or none"
            ),
            Recorded::Lost(id) => lost_before(*id),
        };
        if let Some(sheet) = sheet {
            sheet.refuse(origin.line, format!("/id: {wrong}"));
        }
    }

    /// All good lines are recorded: keeps the bad ones, then removes the file.
    fn settle(&mut self, mut sheet: Sheet) {
        let (bad, stamp) = (sheet.bad(), sheet.file.stamp);
        if bad == 0 {
            return self.remove(&sheet.name, stamp);
        }
        if self.is_full() {
            return self.leave_for_want_of_room(&sheet.name, stamp);
        }
        let (lines, reasons) = sheet.confess();
        let put = self.rejected().and_then(|rejected| rejected.put(&sheet.name, &lines, &reasons));
        match put {
            Ok(kept) => {
                // In the message, because the journal shows no fields unless it is asked to.
                let file = shown(&sheet.name);
                tracing::warn!(
                    lines = bad,
                    rejected = kept,
                    "{file:?} was dropped and has lines that cannot be recorded: they lie in rejected/ with the reasons"
                );
                DropCounts::add(&self.taker.desk.drops.rejected, 1);
                self.remove(&sheet.name, stamp);
            }
            Err(error) => self.leave(&sheet.name, stamp, &error, "rejected/ cannot be written"),
        }
    }

    fn move_away(&mut self, name: &CStr, stamp: Stamp, size: u64, unfit: Unfit) {
        if self.is_full() {
            return self.leave_for_want_of_room(name, stamp);
        }
        let reason = format!("this is {unfit}");
        // Borrowed apart: `rejected` is opened from the directory, and moves things out of it.
        let moved = self.rejected().map(drop).and_then(|()| match &mut self.rejected {
            Some(rejected) => rejected.move_in(&self.dir, name, size, &reason),
            None => Err(io::ErrorKind::NotFound.into()),
        });
        match moved {
            Ok(kept) => {
                tracing::warn!(file = ?shown(name), reason = %unfit, rejected = kept, "what was dropped is not taken and lies in rejected/");
                DropCounts::add(&self.taker.desk.drops.rejected, 1);
                self.has_removed = true;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.leave(name, stamp, &error, reason),
        }
    }

    fn remove(&mut self, name: &CStr, stamp: Stamp) {
        match self.dir.remove(name, stamp) {
            Ok(()) => self.has_removed = true,
            Err(error) => {
                if self.taker.left.note(name, stamp, Why::Recorded) {
                    tracing::warn!(file = ?shown(name), %error, "a dropped file is recorded and cannot be removed: remove it");
                }
            }
        }
    }

    /// The file stays, and is tried again; told once.
    fn leave(
        &mut self,
        name: &CStr,
        stamp: Stamp,
        error: &io::Error,
        reason: impl std::fmt::Display,
    ) {
        if self.taker.left.note(name, stamp, Why::Stuck) {
            tracing::warn!(file = ?shown(name), %reason, %error, "what was dropped can neither be taken nor moved to rejected/: remove it");
        }
    }

    /// The bad file stays; told once for all of them.
    fn leave_for_want_of_room(&mut self, name: &CStr, stamp: Stamp) {
        self.taker.left.note(name, stamp, Why::Full);
        if !self.taker.is_full {
            tracing::warn!(dir = ?self.taker.path, "rejected/ in the drop directory is full: look through it and empty it; until then bad files stay where they are");
        }
        self.taker.is_full = true;
    }

    fn is_full(&mut self) -> bool {
        let is_full = self.rejected().is_ok_and(|rejected| rejected.is_full());
        // Once there is room again, the next time is told of again.
        self.taker.is_full &= is_full;
        is_full
    }

    /// `rejected/`, opened when it is first needed.
    fn rejected(&mut self) -> io::Result<&mut Rejected> {
        let rejected = match self.rejected.take() {
            Some(rejected) => rejected,
            None => Rejected::open(&self.dir)?,
        };
        Ok(self.rejected.insert(rejected))
    }
}

impl Group {
    fn is_full(&self) -> bool {
        GROUP_EVENTS <= self.events.len().max(self.sheets.len()) || GROUP_BYTES <= self.bytes
    }
}

/// A name as it may be logged, with `{:?}`.
pub(super) fn shown(name: &CStr) -> &OsStr {
    OsStr::from_bytes(name.to_bytes())
}
