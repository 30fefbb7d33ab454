//! Where in a segment a record lies, so that one can be read without those before it.
//!
//! Each segment has marks, a stretch of frames apart: at this place begins the frame of that
//! sequence. Who wants a record reads from the last mark before it. The marks of a packed segment
//! are its blocks; those of another are made by walking along it, each stretch once. They are made
//! when a segment is first looked into, which takes milliseconds, and have a thousandth of its size.
//!
//! Nothing here judges: what does not lie where it should is not found, and a cursor says why.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::frame::{self, HEAD, Kind};
use super::packed::Block;
use super::reader::{Entry, Window};
use super::segment::{self, HEADER};
use super::source::{PackedFile, Source};

/// How far apart the marks of a segment that is not packed are, at least.
const STRETCH: usize = 16 * 1024;
/// Stretches kept in memory: what is asked for together often lies together.
const MOST_KEPT: usize = 32;
/// Records kept in memory: the same notes are shown again and again, each from a stretch of its own,
const MOST_RECORDS: usize = 2048;
/// if they are no larger than this.
const SMALL: usize = 2048;

/// The marks of the segments that were looked into, and a few stretches and records of them.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    marks: Mutex<BTreeMap<u64, Marks>>,
    /// The latest at the end.
    kept: Mutex<VecDeque<Stretch>>,
    records: Mutex<Records>,
}

/// Records that were read, by their sequence.
#[derive(Debug, Default)]
struct Records {
    /// Each with its segment.
    by_sequence: HashMap<u64, (u64, Entry)>,
    /// The latest at the end.
    order: VecDeque<u64>,
}

impl Records {
    fn keep(&mut self, segment: u64, entry: &Entry) {
        if SMALL < entry.payload.len() {
            return;
        }
        if self.by_sequence.insert(entry.sequence, (segment, entry.clone())).is_none() {
            self.order.push_back(entry.sequence);
        }
        while MOST_RECORDS < self.order.len() {
            let oldest = self.order.pop_front();
            oldest.map(|sequence| self.by_sequence.remove(&sequence));
        }
    }

    fn forget(&mut self, segment: u64) {
        self.by_sequence.retain(|_, (of, _)| *of != segment);
        let Self { by_sequence, order } = self;
        order.retain(|sequence| by_sequence.contains_key(sequence));
    }
}

/// A piece of a segment that begins with a frame.
#[derive(Clone, Debug)]
struct Stretch {
    segment: u64,
    at: usize,
    bytes: Arc<[u8]>,
}

/// A place in a segment where the frame of a sequence begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    sequence: u64,
    at: usize,
}

/// The marks of a segment.
#[derive(Clone, Debug)]
struct Marks {
    list: Arc<Vec<Mark>>,
    /// Where the frames that were walked along end, and the next sequence.
    end: Mark,
    /// The blocks, where it is packed.
    blocks: Option<Arc<[Block]>>,
}

impl Lookup {
    /// The record of a sequence that is durable, if it lies in this segment where it should.
    pub(super) fn find(
        &self,
        dir: &Path,
        segment: u64,
        sequence: u64,
    ) -> io::Result<Option<Entry>> {
        let records = || self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = records().by_sequence.get(&sequence) {
            return Ok(Some(known.clone()));
        }
        let found = self.read(dir, segment, sequence)?;
        if let Some(entry) = &found {
            records().keep(segment, entry);
        }
        Ok(found)
    }

    fn read(&self, dir: &Path, segment: u64, sequence: u64) -> io::Result<Option<Entry>> {
        let marks = self.marks(dir, segment, sequence)?;
        let behind = marks.list.partition_point(|mark| mark.sequence <= sequence);
        let Some(from) = behind.checked_sub(1).map(|nth| marks.list[nth].at) else {
            return Ok(None);
        };
        let next = marks.list.get(behind);
        let to = next.map_or(marks.end.at, |mark| mark.at);
        if let Some(bytes) = self.kept(segment, from) {
            return Ok(record(&bytes, sequence));
        }
        let mut bytes = vec![0; to.saturating_sub(from)];
        let read = marks.open(dir, segment)?.read_around(&mut bytes, from as u64)?;
        bytes.truncate(read);
        let found = record(&bytes, sequence);
        // What is still being written to is not kept.
        if found.is_some() && (next.is_some() || marks.blocks.is_some()) {
            self.keep(Stretch { segment, at: from, bytes: bytes.into() });
        }
        Ok(found)
    }

    /// Forgets what it knows of a segment: it changed.
    pub(super) fn forget(&self, segment: u64) {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).remove(&segment);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|stretch| stretch.segment != segment);
        self.records.lock().unwrap_or_else(PoisonError::into_inner).forget(segment);
    }

    /// The marks of a segment, at least up to a sequence.
    fn marks(&self, dir: &Path, segment: u64, sequence: u64) -> io::Result<Marks> {
        let mut all = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let marks = match all.get_mut(&segment) {
            Some(marks) => marks,
            None => all.entry(segment).or_insert(Marks::begin(dir, segment)?),
        };
        if marks.end.sequence <= sequence {
            marks.walk(dir, segment, sequence)?;
        }
        Ok(marks.clone())
    }

    fn kept(&self, segment: u64, at: usize) -> Option<Arc<[u8]>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().rev().find(|it| it.segment == segment && it.at == at);
        found.map(|stretch| stretch.bytes.clone())
    }

    fn keep(&self, stretch: Stretch) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if MOST_KEPT <= kept.len() {
            kept.pop_front();
        }
        kept.push_back(stretch);
    }
}

impl Marks {
    fn begin(dir: &Path, segment: u64) -> io::Result<Self> {
        let start = Mark { sequence: segment, at: HEADER };
        let Source::Packed(mut packed) = Source::open(dir, segment)? else {
            return Ok(Self { list: Arc::new(vec![start]), end: start, blocks: None });
        };
        let (blocks, mut marks) = (packed.blocks.clone(), Vec::new());
        for block in &*blocks {
            let frames = packed.unpack(*block)?;
            // The first block holds the segment's header as well.
            let at = block.at.max(HEADER);
            let first = frames.get(at - block.at..).and_then(frame::peek);
            marks.extend(first.map(|head| Mark { sequence: head.sequence, at }));
        }
        let end = Mark { sequence: u64::MAX, at: blocks.last().map_or(0, Block::end) };
        Ok(Self { list: Arc::new(marks), end, blocks: Some(blocks) })
    }

    /// Goes on along the frames until one lies behind a sequence, or what follows is no frame.
    fn walk(&mut self, dir: &Path, segment: u64, sequence: u64) -> io::Result<()> {
        let (mut source, mut window) = (self.open(dir, segment)?, Window::default());
        let marks = Arc::make_mut(&mut self.list);
        while self.end.sequence <= sequence {
            let head = frame::peek(window.get(&mut source, self.end.at as u64, HEAD)?);
            let Some(head) = head.filter(|head| head.sequence == self.end.sequence) else { break };
            if marks.last().is_none_or(|mark| STRETCH <= self.end.at - mark.at) {
                marks.push(self.end);
            }
            self.end = Mark { sequence: head.next(), at: self.end.at + head.span() };
        }
        Ok(())
    }

    fn open(&self, dir: &Path, segment: u64) -> io::Result<Source> {
        match &self.blocks {
            None => File::open(segment::path(dir, segment)).map(Source::Raw),
            Some(blocks) => {
                let path = segment::packed_path(dir, segment);
                PackedFile::open_known(&path, blocks.clone()).map(Source::Packed)
            }
        }
    }
}

/// The record of a sequence among frames.
fn record(mut frames: &[u8], sequence: u64) -> Option<Entry> {
    loop {
        let head = frame::peek(frames)?;
        if head.sequence == sequence && head.kind == Kind::Record {
            let (head, payload) = frame::decode(frames)?;
            return Some(Entry { sequence, batch: head.batch, payload: payload.to_vec() });
        }
        frames = frames.get(head.span()..)?;
    }
}
