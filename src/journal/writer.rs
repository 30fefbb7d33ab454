//! The one writer: a batch, one write, one `fdatasync`.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::aside::Why;
use super::error::{JournalError, is_no_room};
use super::frame::{self, Head, Kind};
use super::packer::Packer;
use super::reached::{self, Mark};
use super::reader::Shared;
use super::recover::{self, Cut, Damage, Patch};
use super::segment::{self, HEADER};
use super::{MAX_PAYLOAD, Opened, Reader, aside, rewrite};

/// Appends to a journal. There is one, and it is not `Clone`.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    reached: Mark,
    /// The size of new segments.
    pub(super) size: u64,
    /// The segment that is written to; none before the first append.
    pub(super) tail: Option<Tail>,
    /// The sequence of the next record.
    next: u64,
    /// The batch number given last.
    batch: u64,
    /// What opening found but had no room to mend.
    patches: Vec<Patch>,
    /// Where to go on, if the end is lost and there was no room for it.
    cut: Option<Cut>,
    /// Why nothing is written any more.
    broken: Option<Broken>,
    buffer: Vec<u8>,
}

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Tail {
    first: u64,
    pub(super) file: File,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// How long the file is. Short ones are made whole before anything is appended.
    bytes: u64,
}

/// The sequences of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Of its first record.
    pub first: u64,
    /// Of its last record; one less than `first` if the batch was empty.
    pub last: u64,
    /// The batch's number.
    pub batch: u64,
}

/// An [`io::Error`] can be told once only; this can be told again.
#[derive(Clone, Copy, Debug)]
struct Broken {
    doing: &'static str,
    code: Option<i32>,
    kind: io::ErrorKind,
}

impl From<Broken> for JournalError {
    fn from(broken: Broken) -> Self {
        let source = match broken.code {
            Some(code) => io::Error::from_raw_os_error(code),
            None => broken.kind.into(),
        };
        Self::Failed { doing: broken.doing, source }
    }
}

/// Opens a journal whose new segments have `size` bytes, and which is known to have held a sequence.
pub(super) fn open(dir: &Path, size: u64, known: u64) -> Result<Opened, JournalError> {
    segment::create_dir(dir)?;
    let listing = segment::list(dir).map_err(JournalError::unusable(dir))?;
    // A segment may have been named just before a crash.
    segment::sync_dir(dir).map_err(JournalError::unusable(dir))?;
    let known = known.max(reached::read(dir));
    let mut survey = recover::survey(dir, &listing, size, known)?;
    for stray in listing.strays {
        // In the way of nothing: making a segment truncates it.
        let _ = fs::remove_file(stray);
    }
    let shared = Arc::new(Shared::new(dir, listing.begins, std::mem::take(&mut survey.segments)));
    let mut writer = Writer::new(Arc::clone(&shared), size);
    writer.next = listing.begins;
    let readable = survey.last();
    if let Some(tail) = survey.tail.take() {
        writer.adopt(tail)?;
    } else if let Some((next, batch)) = survey.resume {
        (writer.next, writer.batch) = (next, batch);
    }
    shared.publish(readable);
    if let Some(cut) = survey.cut.take() {
        writer.leave_for(cut);
    }
    match writer.mend() {
        Ok(()) | Err(JournalError::NoRoom(_)) => {}
        Err(error) => return Err(error),
    }
    let (packer, reader) = (Packer::new(Arc::clone(&shared)), Reader::new(shared));
    for damage in &survey.findings.damage {
        // The bytes are still in place; without room, a later opening copies them.
        let _ = reader.set_aside(damage);
    }
    Ok(Opened { writer, reader, packer, findings: survey.findings })
}

impl Writer {
    fn new(shared: Arc<Shared>, size: u64) -> Self {
        let (patches, buffer) = (Vec::new(), Vec::new());
        let (tail, cut, broken) = (None, None, None);
        let reached = Mark::open(shared.dir());
        Self { shared, reached, size, tail, next: 1, batch: 0, patches, cut, broken, buffer }
    }

    /// Makes a batch durable: all of it, or none.
    ///
    /// It is one write and one `fdatasync`, after which readers see it.
    pub fn append(&mut self, payloads: &[impl AsRef<[u8]>]) -> Result<Appended, JournalError> {
        self.refuse_if_broken()?;
        self.refuse_too_large(payloads)?;
        let first = self.next;
        if payloads.is_empty() {
            return Ok(Appended { first, last: first - 1, batch: self.batch });
        }
        self.mend()?;
        self.encode(payloads);
        self.make_room()?;
        self.write()?;
        let last = first + payloads.len() as u64 - 1;
        self.next = last + 1;
        self.reached.note(last);
        self.shared.publish(last);
        Ok(Appended { first, last, batch: self.batch })
    }

    /// Makes the first segment if there is none, so that the first append need not wait for it.
    /// Without room for one, that append tries again.
    pub fn prepare(&mut self) -> Result<(), JournalError> {
        let made = self.mend().and_then(|()| match self.tail {
            Some(_) => Ok(()),
            None => self.begin_segment(self.batch),
        });
        match made {
            Err(JournalError::NoRoom(_)) => Ok(()),
            done => done,
        }
    }

    /// Asks the disk whether it still takes what is written, by making durable what is.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.refuse_if_broken()?;
        match self.tail.as_ref().map(|tail| tail.file.sync_data()) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(self.give_up("making the journal durable", &error)),
        }
    }

    /// Goes on behind a sequence that turns out to have been durable, where the journal ends before
    /// it; says what is lost.
    pub fn go_behind(&mut self, known: u64) -> Result<Option<Damage>, JournalError> {
        self.refuse_if_broken()?;
        let Some(cut) = Cut::behind(known, self.next, self.batch) else { return Ok(None) };
        let (segment, offset) =
            self.tail.as_ref().map_or((cut.first, 0), |tail| (tail.first, tail.end));
        let lost = Damage { segment, offset, bytes: 0, missing: self.next..cut.first };
        self.leave_for(cut);
        match self.mend() {
            Ok(()) | Err(JournalError::NoRoom(_)) => Ok(Some(lost)),
            Err(error) => Err(error),
        }
    }

    /// Closes the last segment, if anything is in it: from then on it is full.
    pub fn seal(&mut self) -> Result<(), JournalError> {
        self.refuse_if_broken()?;
        self.mend()?;
        let is_closed = match &self.tail {
            Some(tail) => HEADER as u64 == tail.end,
            // The last segment may be packed: then it is full once another follows.
            None => self.shared.read_segments(<[_]>::is_empty),
        };
        if is_closed { Ok(()) } else { self.begin_segment(self.batch) }
    }

    /// The last sequence that was given, or 0.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.next - 1
    }

    fn refuse_if_broken(&self) -> Result<(), JournalError> {
        self.broken.map_or(Ok(()), |broken| Err(broken.into()))
    }

    fn refuse_too_large(&self, payloads: &[impl AsRef<[u8]>]) -> Result<(), JournalError> {
        let lengths = || payloads.iter().map(|payload| payload.as_ref().len());
        let largest = lengths().max().unwrap_or(0);
        if MAX_PAYLOAD < largest {
            return Err(JournalError::TooLarge { bytes: largest, limit: MAX_PAYLOAD });
        }
        let bytes = lengths().map(frame::span).sum();
        let limit = usize::try_from(self.size).unwrap_or(usize::MAX) - HEADER;
        if limit < bytes {
            return Err(JournalError::TooLarge { bytes, limit });
        }
        Ok(())
    }

    fn encode(&mut self, payloads: &[impl AsRef<[u8]>]) {
        // Given even if the attempt fails: what it may leave behind must not pass for a part of
        // a later one.
        self.batch += 1;
        self.buffer.clear();
        let count = u32::try_from(payloads.len()).unwrap_or(u32::MAX);
        for (index, (payload, sequence)) in (0..count).zip(payloads.iter().zip(self.next..)) {
            let payload = payload.as_ref();
            let (kind, length, batch) = (Kind::Record, payload.len(), self.batch);
            let head = Head { kind, length, sequence, batch, index, count };
            frame::encode(&mut self.buffer, &head, payload);
        }
    }

    /// Goes on to a new segment if the batch does not fit.
    fn make_room(&mut self) -> Result<(), JournalError> {
        let bytes = self.buffer.len() as u64;
        if self.tail.as_ref().is_some_and(|tail| tail.end + bytes <= tail.bytes) {
            return Ok(());
        }
        // The batch in the header must not be that of the frames to come.
        self.begin_segment(self.batch - 1)
    }

    fn begin_segment(&mut self, batch: u64) -> Result<(), JournalError> {
        let (first, bytes) = (self.next, self.size);
        let made = segment::create(self.shared.dir(), first, batch, bytes);
        let file = made.map_err(|error| {
            if !matches!(segment::path(self.shared.dir(), first).try_exists(), Ok(false)) {
                // Its name is there, and the next start would look in it for what went on behind the old.
                self.tail = None;
            }
            self.fail("making a segment", error)
        })?;
        self.shared.add_segment(first, bytes);
        self.tail = Some(Tail { first, file, end: HEADER as u64, bytes });
        Ok(())
    }

    fn write(&mut self) -> Result<(), JournalError> {
        let Some(tail) = &mut self.tail else { return Ok(()) };
        if let Err((written, error)) = write_counted(&tail.file, &self.buffer, tail.end) {
            if is_no_room(&error) {
                self.take_back(written)?;
            }
            return Err(self.fail("writing to the journal", error));
        }
        match tail.file.sync_data() {
            Ok(()) => {
                tail.end += self.buffer.len() as u64;
                Ok(())
            }
            Err(error) => Err(self.give_up("making the journal durable", &error)),
        }
    }

    /// Makes sure that what was written of a batch that found no room will never be read.
    pub(super) fn take_back(&mut self, written: usize) -> Result<(), JournalError> {
        let Some(tail) = self.tail.as_ref().filter(|_| 0 < written) else { return Ok(()) };
        let zeroed = segment::write_zeros(&tail.file, tail.end, tail.end + written as u64)
            .and_then(|()| tail.file.sync_data());
        zeroed.map_err(|error| self.give_up("taking back half a batch", &error))
    }

    /// No room may change; after anything else the writer is broken.
    fn fail(&mut self, doing: &'static str, error: io::Error) -> JournalError {
        if is_no_room(&error) { JournalError::NoRoom(error) } else { self.give_up(doing, &error) }
    }

    /// After a failed sync the kernel may have dropped what it could not write: trying again
    /// would prove nothing.
    fn give_up(&mut self, doing: &'static str, error: &io::Error) -> JournalError {
        let broken = Broken { doing, code: error.raw_os_error(), kind: error.kind() };
        self.broken = Some(broken);
        broken.into()
    }

    /// Takes over the last segment and makes sure that what was read of it is on disk.
    ///
    /// It need not be: a killed process leaves unsynced pages that read well, and after a failed
    /// sync they even count as written. So the last batch is written once more, and synced.
    fn adopt(&mut self, found: recover::Tail) -> Result<(), JournalError> {
        let path = segment::path(self.shared.dir(), found.first);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.map_err(JournalError::unusable(&path))?;
        let (at, bytes) = &found.last_batch;
        match file.write_all_at(bytes, *at) {
            Err(error) if !is_no_room(&error) => {
                return Err(self.give_up("writing the last batch again", &error));
            }
            // No room to overwrite (on a file system that copies): the sync alone must do.
            Ok(()) | Err(_) => {}
        }
        file.sync_data().map_err(|error| self.give_up("making the journal durable", &error))?;
        let (end, bytes) = (found.end as u64, found.bytes);
        self.tail = Some(Tail { first: found.first, file, end, bytes });
        self.next = found.next;
        self.batch = found.batch;
        self.patches = found.patches;
        Ok(())
    }

    /// Leaves the last segment as it is.
    fn leave_for(&mut self, cut: Cut) {
        (self.tail, self.next, self.batch) = (None, cut.first, cut.batch);
        self.patches.clear();
        self.cut = Some(cut);
    }

    /// Begins the segment behind a lost end, if that is still to be done. Numbers that may have been
    /// given without anybody knowing of them are withdrawn in it.
    fn begin_behind(&mut self) -> Result<(), JournalError> {
        let Some(Cut { first, next, batch }) = self.cut else { return Ok(()) };
        self.begin_segment(batch)?;
        self.cut = None;
        self.shared.publish(first - 1);
        let mut void = Vec::new();
        if first < next {
            self.batch += 1;
            rewrite::withdraw(&mut void, first, next, self.batch);
        }
        self.next = next;
        if let Some(tail) = &mut self.tail {
            tail.end += void.len() as u64;
            let (at, old, why) = (HEADER as u64, Vec::new(), Why::Torn);
            self.patches.push(Patch { at, old, why, new: void });
        }
        Ok(())
    }

    /// Mends what opening found at the end of the last segment, if that is still to be done.
    fn mend(&mut self) -> Result<(), JournalError> {
        self.begin_behind()?;
        let Some(tail) = &mut self.tail else { return Ok(()) };
        if self.patches.is_empty() && self.size <= tail.bytes {
            return Ok(());
        }
        let mended = apply(self.shared.dir(), tail, &self.patches, self.size);
        mended.map_err(|error| self.fail("mending the journal", error))?;
        self.patches.clear();
        self.shared.publish(self.next - 1);
        Ok(())
    }
}

/// Copies aside, overwrites, makes the file whole, syncs. Can be done again from the start.
fn apply(dir: &Path, tail: &mut Tail, patches: &[Patch], size: u64) -> io::Result<()> {
    for patch in patches {
        if patch.old.iter().any(|byte| *byte != 0) {
            aside::keep(dir, tail.first, patch.at, &patch.old, patch.why)?;
        }
    }
    let bytes = tail.file.metadata()?.len();
    if bytes < size {
        segment::extend(&tail.file, bytes, size)?;
    }
    for patch in patches {
        tail.file.write_all_at(&patch.new, patch.at)?;
    }
    tail.file.sync_all()?;
    tail.bytes = bytes.max(size);
    Ok(())
}

/// Writes all of a buffer, or says how much of it, at most, is in the file.
fn write_counted(file: &File, buffer: &[u8], at: u64) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while written < buffer.len() {
        match file.write_at(&buffer[written..], at + written as u64) {
            Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}
