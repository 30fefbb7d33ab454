//! Reading, also while the writer appends: cursors that see what is durable and go on later.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::aside::{self, Why};
use super::error::{JournalError, is_no_room};
use super::frame::{self, Floor, HEAD, Head, Kind};
use super::lookup::Lookup;
use super::packed::{PackedHeader, is_whole};
use super::recover::{self, Damage, Findings};
use super::segment::{self, Form, HEADER};
use super::source::{Source, read_packed};
use super::{SEGMENT_BYTES, reached};

/// Read ahead this much.
const WINDOW: usize = 64 * 1024;

/// What the writer tells the readers.
#[derive(Debug)]
pub(super) struct Shared {
    dir: PathBuf,
    /// The last durable sequence. Whoever sees a number here finds its bytes in the file.
    last: AtomicU64,
    /// The sequence the journal begins with.
    begins: AtomicU64,
    /// The segments, in order.
    segments: RwLock<Vec<Segment>>,
    lookup: Lookup,
}

/// What is known of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The sequence of its first record.
    pub(super) first: u64,
    /// The bytes it takes on disk.
    pub(super) bytes: u64,
    pub(super) form: Form,
}

impl Shared {
    pub(super) fn new(dir: &Path, begins: u64, segments: Vec<Segment>) -> Self {
        Self {
            dir: dir.to_owned(),
            last: AtomicU64::new(0),
            begins: AtomicU64::new(begins),
            segments: RwLock::new(segments),
            lookup: Lookup::default(),
        }
    }

    pub(super) fn begin_with(&self, sequence: u64) {
        self.begins.store(sequence, Ordering::Release);
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.retain(|segment| sequence <= segment.first);
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn publish(&self, last: u64) {
        self.last.store(last, Ordering::Release);
    }

    pub(super) fn add_segment(&self, first: u64, bytes: u64) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        // One that was made but could not be used is made anew.
        segments.retain(|segment| segment.first != first);
        segments.push(Segment { first, bytes, form: Form::Raw });
    }

    /// Notes that a segment is packed now.
    pub(super) fn note_packed(&self, first: u64, bytes: u64) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = segments.iter_mut().find(|segment| segment.first == first) {
            *segment = Segment { first, bytes, form: Form::Packed };
        }
        self.lookup.forget(first);
    }

    pub(super) fn read_segments<T>(&self, read: impl FnOnce(&[Segment]) -> T) -> T {
        read(&self.segments.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The segment that should hold a sequence, and the first sequence of the one behind it.
    fn segment_of(&self, sequence: u64) -> (Option<u64>, Option<u64>) {
        self.read_segments(|segments| {
            let behind = segments.partition_point(|segment| segment.first <= sequence);
            let first = |at: usize| segments.get(at).map(|segment| segment.first);
            (behind.checked_sub(1).and_then(first), first(behind))
        })
    }
}

/// A record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number: later records have greater ones.
    pub sequence: u64,
    /// The number of the append that wrote it.
    pub batch: u64,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// A segment, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// The sequence of its first record.
    pub first: u64,
    /// Its size on disk.
    pub bytes: u64,
}

/// A handle for reading; cheap to clone, good on any thread.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Looks at a journal as it is, changing nothing, and never sees more than is there now. `known`
    /// is the last sequence of which the caller knows that it was durable, or 0.
    pub fn open(dir: &Path, known: u64) -> Result<(Self, Findings), JournalError> {
        // First, since what is added meanwhile is not missing; again, where what is listed is packed by then.
        let known = known.max(reached::read(dir));
        for _ in 0..4 {
            match Self::look(dir, known) {
                Err(JournalError::Unusable { source, .. })
                    if source.kind() == io::ErrorKind::NotFound => {}
                done => return done,
            }
        }
        Self::look(dir, known)
    }

    fn look(dir: &Path, known: u64) -> Result<(Self, Findings), JournalError> {
        let listing = segment::list(dir).map_err(JournalError::unusable(dir))?;
        let survey = recover::survey(dir, &listing, SEGMENT_BYTES, known)?;
        let last = survey.last();
        let shared = Shared::new(dir, listing.begins, survey.segments);
        shared.publish(last);
        Ok((Self::new(Arc::new(shared)), survey.findings))
    }

    /// The last durable sequence, or 0.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.shared.last.load(Ordering::Acquire)
    }

    /// The sequence the journal begins with: 1, or later where what was old enough was dropped.
    #[must_use]
    pub fn begins(&self) -> u64 {
        self.shared.begins.load(Ordering::Acquire)
    }

    /// The record of a sequence, wherever in the journal it is: microseconds. None if there is none.
    ///
    /// [`JournalError::Damaged`] tells of all that is missing with it.
    pub fn get(&self, sequence: u64) -> Result<Option<Entry>, JournalError> {
        if sequence < self.begins() || self.last() < sequence {
            return Ok(None);
        }
        let segment = self.shared.segment_of(sequence).0;
        if let Some(segment) = segment {
            let found = self.shared.lookup.find(self.shared.dir(), segment, sequence);
            if let Ok(Some(entry)) = found {
                return Ok(Some(entry));
            }
            // It is not where it should be, or was packed at this very moment: a cursor can tell.
            self.shared.lookup.forget(segment);
        }
        for found in self.from(segment.unwrap_or(0)) {
            match found {
                Ok(entry) if entry.sequence < sequence => {}
                Ok(entry) => return Ok(Some(entry).filter(|entry| entry.sequence == sequence)),
                Err(JournalError::Damaged(damage)) if damage.missing.end <= sequence => {}
                Err(JournalError::Damaged(damage)) if sequence < damage.missing.start => break,
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// A cursor whose first record is the first one not before `sequence`.
    #[must_use]
    pub fn from(&self, sequence: u64) -> Records {
        let begins = self.begins();
        let wanted = sequence.max(begins);
        // Who starts in the middle of a segment reads it from its start.
        let next = self.shared.segment_of(wanted).0.unwrap_or(begins);
        Records {
            shared: Arc::clone(&self.shared),
            wanted,
            next,
            seen: 0,
            batch: 0,
            stalled: false,
            place: None,
            window: Window::default(),
        }
    }

    /// All segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.shared.read_segments(|segments| {
            let info = |&Segment { first, bytes, .. }: &Segment| SegmentInfo { first, bytes };
            segments.iter().map(info).collect()
        })
    }

    /// The room the segments take on disk.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.shared.read_segments(|segments| segments.iter().map(|segment| segment.bytes).sum())
    }

    /// Of how many segments bad bytes are kept in `aside/`.
    pub fn aside(&self) -> Result<usize, JournalError> {
        let dir = self.shared.dir();
        let suspects = aside::suspects(dir).map_err(JournalError::unusable(&dir.join("aside")))?;
        Ok(suspects.len())
    }

    /// Looks over the segment that begins with a sequence, if it is packed: opening has read the others.
    pub fn examine(&self, first: u64) -> Result<Vec<Damage>, JournalError> {
        let path = segment::packed_path(self.shared.dir(), first);
        let packed = match read_packed(self.shared.dir(), first) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            packed => packed.map_err(JournalError::unusable(&path))?,
        };
        if is_whole(&packed, first) {
            return Ok(Vec::new());
        }
        let behind = self.shared.segment_of(first).1.unwrap_or(u64::MAX);
        let mut found = Vec::new();
        for entry in self.from(first) {
            match entry {
                Ok(entry) if behind <= entry.sequence => break,
                Err(JournalError::Damaged(damage)) if behind <= damage.missing.start => break,
                Ok(_) => {}
                Err(JournalError::Damaged(damage)) => found.push(damage),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Copies the bytes of a bad place to `aside/`, unless they are there already; of a packed
    /// segment, all of it. Says whether it did: a place that is new should be told of louder than
    /// one that is known. Of what is missing between two segments there is nothing to copy; without room
    /// a later opening makes the copy.
    pub fn set_aside(&self, damage: &Damage) -> Result<bool, JournalError> {
        if damage.missing.end <= damage.segment && !damage.missing.is_empty() {
            return Ok(false);
        }
        let dir = self.shared.dir();
        let path = segment::path(dir, damage.segment);
        let length = usize::try_from(damage.bytes.min(SEGMENT_BYTES)).unwrap_or(0);
        let mut source =
            Source::open(dir, damage.segment).map_err(JournalError::unusable(&path))?;
        let (offset, bytes) = match source {
            Source::Packed(_) => {
                let packed = read_packed(dir, damage.segment);
                let packed = packed.map_err(JournalError::unusable(&path))?;
                if let PackedHeader::Good(extent) = PackedHeader::decode(&packed, damage.segment)
                    && !damage.missing.is_empty()
                    && extent.next <= damage.missing.start
                {
                    return Ok(false);
                }
                (0, packed)
            }
            Source::Raw(_) if length == 0 => return Ok(false),
            Source::Raw(_) => {
                let mut bytes = vec![0; length];
                let read = source.read_around(&mut bytes, damage.offset);
                bytes.truncate(read.map_err(JournalError::unusable(&path))?);
                (damage.offset, bytes)
            }
        };
        match aside::keep(dir, damage.segment, offset, &bytes, Why::Damaged) {
            Err(error) if is_no_room(&error) => Ok(false),
            kept => kept.map_err(JournalError::unusable(&dir.join("aside"))),
        }
    }
}

/// A cursor over the records, in order.
///
/// `None` means: no more yet. Ask again when more has become durable. After
/// [`JournalError::Damaged`] it goes on behind the damage. After any other error it stands where
/// it was: the next answer is `None`, so that loops end, and asking later tries again.
#[derive(Debug)]
pub struct Records {
    shared: Arc<Shared>,
    /// Records before this are passed over.
    wanted: u64,
    /// The sequence that is due.
    next: u64,
    /// The last durable sequence when the window was filled: bytes behind it were not yet true.
    seen: u64,
    /// The batch read last.
    batch: u64,
    /// Whether the last answer was an error that may repeat itself.
    stalled: bool,
    place: Option<Place>,
    window: Window,
}

#[derive(Debug)]
struct Place {
    segment: u64,
    source: Source,
    offset: u64,
}

/// What a step of the cursor came upon.
enum Step {
    Record(Entry),
    Void,
    Missing(Damage),
}

impl Iterator for Records {
    type Item = Result<Entry, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.seen < self.next {
                self.seen = self.shared.last.load(Ordering::Acquire);
                self.window = Window::default();
            }
            if self.seen < self.next || std::mem::take(&mut self.stalled) {
                return None;
            }
            match self.step() {
                Ok(Step::Record(entry)) if self.wanted <= entry.sequence => return Some(Ok(entry)),
                Ok(Step::Missing(mut damage)) if self.wanted < damage.missing.end => {
                    damage.missing.start = damage.missing.start.max(self.wanted);
                    return Some(Err(JournalError::Damaged(damage)));
                }
                Ok(_) => {}
                Err(error) => {
                    self.stalled = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Records {
    fn step(&mut self) -> Result<Step, JournalError> {
        let (segment, behind) = self.shared.segment_of(self.next);
        let Some(segment) = segment else {
            let (at, end) = behind.map_or((self.next, self.seen + 1), |first| (first, first));
            return Ok(self.skip_to(end, at, 0, 0));
        };
        let path = segment::path(self.shared.dir(), segment);
        // No frame here reaches beyond this, whatever it says.
        let end = behind.unwrap_or(u64::MAX).min(self.seen + 1);
        let floor = Floor { sequence: self.next, batch: self.batch, end };
        self.enter(segment).map_err(JournalError::unusable(&path))?;
        let read = self.read_frame().map_err(JournalError::unusable(&path))?;
        match read {
            Some((head, payload)) if head.sequence == self.next && floor.admits(&head) => {
                Ok(self.pass(&head, payload))
            }
            _ => self.search(&floor).map_err(JournalError::unusable(&path)),
        }
    }

    fn enter(&mut self, segment: u64) -> io::Result<()> {
        if self.place.as_ref().is_none_or(|place| place.segment != segment) {
            let source = Source::open(self.shared.dir(), segment)?;
            self.place = Some(Place { segment, source, offset: HEADER as u64 });
            self.window = Window::default();
        }
        Ok(())
    }

    /// The frame at the cursor, if a good one can be read there.
    fn read_frame(&mut self) -> io::Result<Option<(Head, Vec<u8>)>> {
        let Some(Place { source, offset, .. }) = &mut self.place else { return Ok(None) };
        let read = self.window.frame(source, *offset);
        read.or_else(|error| if segment::is_bad_sector(&error) { Ok(None) } else { Err(error) })
    }

    fn pass(&mut self, head: &Head, payload: Vec<u8>) -> Step {
        self.next = head.next();
        self.batch = head.batch;
        if let Some(place) = &mut self.place {
            place.offset += head.span() as u64;
        }
        match head.kind {
            Kind::Void => Step::Void,
            Kind::Record => {
                Step::Record(Entry { sequence: head.sequence, batch: head.batch, payload })
            }
        }
    }

    /// Looks for the next good frame behind a bad one.
    fn search(&mut self, floor: &Floor) -> io::Result<Step> {
        let Some(place) = &mut self.place else { return Ok(Step::Void) };
        let offset = place.offset;
        let length = place.source.len()?.saturating_sub(offset);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let read = place.source.read_around(&mut bytes, offset)?;
        bytes.truncate(read);
        let (bad, next) = match frame::find(&bytes, 0, floor) {
            Some((at, head)) => {
                place.offset += at as u64;
                (at, head.sequence)
            }
            // Nothing here is left. What the next segment does not have either is missing; in
            // the last one, the writer's next frame will be found from here.
            None => (frame::used(&bytes).min(bytes.len()), floor.end),
        };
        let segment = place.segment;
        // What was found is read from these very bytes: a disk that fails now and then must not
        // send the cursor back and forth.
        self.window = Window { start: offset, bytes };
        Ok(self.skip_to(next, segment, offset, bad))
    }

    /// Goes on at a sequence; what is passed over is missing.
    fn skip_to(&mut self, next: u64, segment: u64, offset: u64, bytes: usize) -> Step {
        let missing = self.next..next;
        self.next = next;
        if missing.is_empty() {
            return Step::Void;
        }
        Step::Missing(Damage { segment, offset, bytes: bytes as u64, missing })
    }
}

/// A piece of a file, held so that small frames cost no system call each.
#[derive(Debug, Default)]
pub(super) struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn frame(&mut self, source: &mut Source, offset: u64) -> io::Result<Option<(Head, Vec<u8>)>> {
        let Some(head) = frame::peek(self.get(source, offset, HEAD)?) else { return Ok(None) };
        let bytes = self.get(source, offset, HEAD + head.length)?;
        Ok(frame::decode(bytes).map(|(head, payload)| (head, payload.to_vec())))
    }

    /// The bytes at an offset; fewer where the file ends.
    pub(super) fn get(
        &mut self,
        source: &mut Source,
        offset: u64,
        length: usize,
    ) -> io::Result<&[u8]> {
        let skip = |start: u64| usize::try_from(offset.checked_sub(start)?).ok();
        let held = skip(self.start).filter(|skip| skip + length <= self.bytes.len());
        let skip = if let Some(skip) = held {
            skip
        } else {
            let room = length.max(WINDOW);
            if self.bytes.len() != room {
                self.bytes = vec![0; room];
            }
            self.start = offset;
            let read = source.read_around(&mut self.bytes, offset)?;
            self.bytes.truncate(read);
            0
        };
        let end = (skip + length).min(self.bytes.len());
        Ok(&self.bytes[skip..end])
    }
}
