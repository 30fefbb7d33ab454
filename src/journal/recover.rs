//! What a journal found on disk turns out to be, and what would mend its tail. Writes nothing:
//! the writer applies the patches.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use super::SEGMENT_BYTES;
use super::aside::{self, Why};
use super::error::JournalError;
use super::frame::{self, Floor, Head, Kind, MIN_SPAN, Piece};
use super::packed::{Extent, PACKED_HEADER, PackedHeader};
use super::reader::Segment;
use super::segment::{self, Form, HEADER, Header, Listing};
use super::source::{Source, read_packed};

/// A bad place in a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The first sequence of the segment: its name.
    pub segment: u64,
    /// Where in the segment.
    pub offset: u64,
    /// How many bytes are bad; none where records are missing without a trace.
    pub bytes: u64,
    /// The sequences that are missing; empty if only a header or spare room is bad.
    pub missing: Range<u64>,
}

impl Damage {
    /// Where it is. Of what is torn nobody knows how many records it is, only how many at most.
    #[must_use]
    pub fn place(&self) -> String {
        let Self { segment, offset, bytes, missing } = self;
        // The name of its file, whether that is packed or not.
        match (bytes, offset) {
            (0, 0) if missing.is_empty() => format!("segment {segment:020} is empty"),
            (0, 0) => format!("before segment {segment:020}"),
            (0, _) => format!("at {offset} of segment {segment:020}"),
            (1, _) => format!("1 bad byte at {offset} of segment {segment:020}"),
            _ => format!("{bytes} bad bytes at {offset} of segment {segment:020}"),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { missing, .. } = self;
        f.write_str(&self.place())?;
        match missing.end.saturating_sub(missing.start) {
            0 => Ok(()),
            1 => write!(f, ", record {} is missing", missing.start),
            _ => write!(f, ", records {} to {} are missing", missing.start, missing.end - 1),
        }
    }
}

/// What opening a journal found wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Bad places of the last, unfinished batch. `missing` are the numbers withdrawn: no fewer
    /// than there were records. The next opening no longer finds them.
    pub torn: Vec<Damage>,
    /// Bad headers, bad places of the last segment and of those that are not packed or were found
    /// damaged before, and what is missing between two segments or behind the last. Found again at
    /// each opening, except a bad header of the last segment, which is mended.
    pub damage: Vec<Damage>,
}

/// A change that mends the last segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Patch {
    /// Where.
    pub(super) at: u64,
    /// What is there, to be copied aside.
    pub(super) old: Vec<u8>,
    /// Why it goes.
    pub(super) why: Why,
    /// What comes there.
    pub(super) new: Vec<u8>,
}

/// What a look at the journal showed.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// All segments.
    pub(super) segments: Vec<Segment>,
    /// What is wrong.
    pub(super) findings: Findings,
    /// The last segment, if it can be written to.
    pub(super) tail: Option<Tail>,
    /// The next sequence and the batch given last, where the last segment is packed.
    pub(super) resume: Option<(u64, u64)>,
    /// Where the journal goes on, if it has lost its end.
    pub(super) cut: Option<Cut>,
}

/// Where a journal goes on that has lost its end: in a segment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The first sequence of that segment: the one behind what is known to have been there.
    pub(super) first: u64,
    /// The next sequence; the numbers up to it may have been given as well.
    pub(super) next: u64,
    /// A batch number that is not before any that may have been given.
    pub(super) batch: u64,
}

impl Cut {
    /// Behind the known end of a journal of which this sequence is next, and that gave this batch
    /// number last; none where it goes that far.
    pub(super) fn behind(known: u64, next: u64, batch: u64) -> Option<Self> {
        let first = known + 1;
        // A batch takes one number or more.
        (next < first).then(|| Self { first, next: first, batch: batch + first - next })
    }
}

impl Survey {
    /// The last sequence that can be read, or 0.
    pub(super) fn last(&self) -> u64 {
        let tail = self.tail.as_ref().map(|tail| tail.readable);
        tail.or(self.resume.map(|(next, _)| next)).map_or(0, |next| next - 1)
    }
}

/// The last segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Its first sequence.
    pub(super) first: u64,
    /// Its size in bytes.
    pub(super) bytes: u64,
    /// The sequence behind the last frame, before mending.
    pub(super) readable: u64,
    /// The sequence the next record gets, once mended.
    pub(super) next: u64,
    /// The batch number given last.
    pub(super) batch: u64,
    /// Where the next frame goes, once mended.
    pub(super) end: usize,
    /// Where the last batch is, and its bytes.
    pub(super) last_batch: (u64, Vec<u8>),
    /// What mends it.
    pub(super) patches: Vec<Patch>,
}

/// Looks at each header, at whether the segments follow one another, and at the whole last segment.
pub(super) fn survey(
    dir: &Path,
    Listing { segments, begins, .. }: &Listing,
    size: u64,
    known: u64,
) -> Result<Survey, JournalError> {
    let mut survey = Survey::default();
    let suspects = aside::suspects(dir).map_err(JournalError::unusable(dir))?;
    let last = segments.last_key_value().map(|(first, _)| *first);
    for (&first, &form) in segments {
        let Front { bytes, is_good, extent } = read_front(dir, first, form)?;
        survey.segments.push(Segment { first, bytes, form });
        if !is_good && (form == Form::Packed || last != Some(first)) {
            survey.findings.damage.push(bad_header(first, bytes));
        }
        let next = segments.range(first + 1..).next().map(|(next, _)| *next);
        let next = next.or(extent.map(|extent| extent.next.max(known + 1)));
        let lacks = match (extent.filter(|_| !suspects.contains(&first)), next) {
            (Some(extent), _) => lacks_behind(first, extent, next),
            (None, Some(next)) => lacks_within(first, &read(dir, first)?, next),
            // It is written to.
            (None, None) => Vec::new(),
        };
        survey.findings.damage.extend(lacks);
    }
    let Some((&first, &form)) = segments.last_key_value() else {
        survey.cut = Cut::behind(known, *begins, 0);
        survey.findings.damage.extend(lacks_before(*begins, known + 1));
        return Ok(survey);
    };
    survey.findings.damage.extend(segments.keys().next().and_then(|it| lacks_before(*begins, *it)));
    let bytes = read(dir, first)?;
    let before = match last_batch(first, &bytes) {
        Some(batch) => batch,
        // Nothing left to go by: skip as many numbers as the segment may have used.
        None => batch_before(dir, segments.range(..first))? + size / MIN_SPAN as u64,
    };
    match form {
        Form::Raw => {
            let tail = diagnose(first, &bytes, (size, before), known, &mut survey.findings);
            let cut = Cut::behind(known, tail.readable, tail.batch);
            survey.cut = cut.map(|cut| Cut { next: tail.next.max(cut.next), ..cut });
            survey.tail = Some(tail);
        }
        Form::Packed => {
            let (next, batch) = resume(dir, first, &bytes, before)?;
            survey.resume = Some((next, batch));
            survey.cut = Cut::behind(known, next, batch);
        }
    }
    Ok(survey)
}

fn read(dir: &Path, first: u64) -> Result<Vec<u8>, JournalError> {
    let path = segment::path(dir, first);
    let source = Source::open(dir, first).and_then(|mut source| source.read_whole());
    source.map_err(JournalError::unusable(&path))
}

/// What is missing before the first segment.
fn lacks_before(begins: u64, first: u64) -> Option<Damage> {
    (begins < first).then_some(Damage {
        segment: first,
        offset: 0,
        bytes: 0,
        missing: begins..first,
    })
}

/// What is missing between the end of a packed segment and the next one.
fn lacks_behind(first: u64, extent: Extent, next: Option<u64>) -> Vec<Damage> {
    let missing = extent.next..next.unwrap_or(extent.next);
    let lacks = Damage { segment: first, offset: extent.bytes, bytes: 0, missing };
    if lacks.missing.is_empty() { Vec::new() } else { vec![lacks] }
}

/// What is missing in a segment that is not written to any more, and between its end and the next
/// one.
fn lacks_within(first: u64, bytes: &[u8], next: u64) -> Vec<Damage> {
    let (mut lacks, mut due, mut end, mut hole) = (Vec::new(), first, HEADER, None);
    let mut miss = |(at, bad): (usize, usize), missing: Range<u64>| {
        if !missing.is_empty() {
            let (offset, bytes) = (at as u64, bad as u64);
            lacks.push(Damage { segment: first, offset, bytes, missing });
        }
    };
    for piece in pieces(first, bytes) {
        match piece {
            Piece::Hole { at, bytes, .. } => hole = Some((at, bytes)),
            Piece::Frame { at, head } => {
                miss(hole.take().unwrap_or((at, 0)), due..head.sequence);
                (due, end) = (head.next(), at + head.span());
            }
        }
    }
    miss(hole.unwrap_or((end, 0)), due..next);
    lacks
}

/// What the start of a segment's file tells.
struct Front {
    /// The size of the file.
    bytes: u64,
    /// Whether its header is whole.
    is_good: bool,
    /// How far it goes, where it is packed and says so.
    extent: Option<Extent>,
}

fn read_front(dir: &Path, first: u64, form: Form) -> Result<Front, JournalError> {
    let path = segment::file(dir, first, form);
    let mut head = [0; PACKED_HEADER];
    let file = File::open(&path).map_err(JournalError::unusable(&path))?;
    let bytes = file.metadata().map_err(JournalError::unusable(&path))?.len();
    segment::read_at(&file, &mut head, 0).map_err(JournalError::unusable(&path))?;
    let newer = match form {
        Form::Raw => match Header::decode(&head, first) {
            Header::Newer { version } => version,
            header => {
                return Ok(Front { bytes, is_good: header != Header::Bad, extent: None });
            }
        },
        Form::Packed => match PackedHeader::decode(&head, first) {
            PackedHeader::Newer { version } => version,
            PackedHeader::Bad => return Ok(Front { bytes, is_good: false, extent: None }),
            PackedHeader::Good(extent) => {
                return Ok(Front { bytes, is_good: true, extent: Some(extent) });
            }
        },
    };
    Err(JournalError::Newer { path, version: newer })
}

/// Where writing goes on behind a packed segment: no number that it may have given is given again.
fn resume(dir: &Path, first: u64, unpacked: &[u8], batch: u64) -> Result<(u64, u64), JournalError> {
    let packed = read_packed(dir, first);
    let packed = packed.map_err(JournalError::unusable(&segment::packed_path(dir, first)))?;
    if let PackedHeader::Good(extent) = PackedHeader::decode(&packed, first) {
        return Ok((extent.next, extent.batch));
    }
    let next = frames(&pieces(first, unpacked)).last().map_or(first, |(_, head)| head.next());
    let most = SEGMENT_BYTES / MIN_SPAN as u64;
    Ok((next.max(first + most), batch + most))
}

fn bad_header(first: u64, bytes: u64) -> Damage {
    Damage { segment: first, offset: 0, bytes: bytes.min(HEADER as u64), missing: first..first }
}

/// The last batch number of the older segments.
fn batch_before<'a>(
    dir: &Path,
    older: impl DoubleEndedIterator<Item = (&'a u64, &'a Form)>,
) -> Result<u64, JournalError> {
    for (&first, _) in older.rev() {
        if let Some(batch) = last_batch(first, &read(dir, first)?) {
            return Ok(batch);
        }
    }
    Ok(0)
}

/// The last batch number that a segment knows of.
fn last_batch(first: u64, bytes: &[u8]) -> Option<u64> {
    let last = frames(&pieces(first, bytes)).last().map(|(_, head)| head.batch);
    last.or(match Header::decode(bytes, first) {
        Header::Good { batch } => Some(batch),
        Header::Newer { .. } | Header::Bad => None,
    })
}

/// Cuts the bytes of a segment into its pieces.
pub(super) fn pieces(first: u64, bytes: &[u8]) -> Vec<Piece> {
    // A file that was cut short counts as whole: else the same frames would mean something else once
    // it is mended.
    let room = SEGMENT_BYTES.max(bytes.len() as u64);
    let end = first.saturating_add(room / MIN_SPAN as u64);
    frame::scan(bytes, HEADER, Floor { sequence: first, batch: 0, end })
}

fn frames(pieces: &[Piece]) -> impl DoubleEndedIterator<Item = (usize, Head)> {
    pieces.iter().filter_map(|piece| match *piece {
        Piece::Frame { at, head } => Some((at, head)),
        Piece::Hole { .. } => None,
    })
}

/// What the last segment is, and what mends it; nothing does where records are lost behind its end.
fn diagnose(
    first: u64,
    bytes: &[u8],
    (size, batch): (u64, u64),
    known: u64,
    findings: &mut Findings,
) -> Tail {
    let pieces = pieces(first, bytes);
    let last = frames(&pieces).next_back();
    let readable = last.map_or(first, |(_, head)| head.next());
    let mut tail = Tail {
        first,
        bytes: bytes.len() as u64,
        readable,
        next: readable,
        batch,
        end: last.map_or(HEADER, |(at, head)| at + head.span()),
        last_batch: bytes_of_last_batch(bytes, &pieces),
        patches: Vec::new(),
    };
    if Header::decode(bytes, first) == Header::Bad {
        findings.damage.push(bad_header(first, tail.bytes));
        let before = frames(&pieces).next().map_or(batch, |(_, head)| head.batch.saturating_sub(1));
        tail.patch(bytes, 0, HEADER, Why::Damaged, segment::header(first, before));
    }
    if readable <= known {
        findings.damage.extend(lacks_within(first, bytes, known + 1));
        tail.next += tail.may_hold(bytes, &pieces, size) as u64;
        tail.batch += tail.next - readable;
        tail.patches.clear();
        return tail;
    }
    tail.judge_holes(bytes, &pieces, known, findings);
    tail.judge_end(bytes, &pieces, size, findings);
    tail
}

/// The bytes of the last batch with records, up to the end.
fn bytes_of_last_batch(bytes: &[u8], pieces: &[Piece]) -> (u64, Vec<u8>) {
    let Some((at, head)) = frames(pieces).next_back() else { return (0, Vec::new()) };
    let end = (at + head.span()).min(bytes.len());
    let start = frames(pieces).find(|(_, other)| other.batch == head.batch).map_or(at, |it| it.0);
    (start as u64, bytes.get(start..end).unwrap_or_default().to_vec())
}

/// How many bad bytes are behind the last good frame, and how many records its batch lacks there.
fn behind_the_end(pieces: &[Piece]) -> (usize, u64) {
    let bad = match pieces.last() {
        Some(Piece::Hole { bytes, .. }) => *bytes,
        _ => 0,
    };
    (bad, frames(pieces).next_back().map_or(0, |(_, head)| head.left()))
}

impl Tail {
    fn patch(&mut self, bytes: &[u8], at: usize, len: usize, why: Why, new: Vec<u8>) {
        let end = (at + len).min(bytes.len());
        let old = bytes.get(at..end).unwrap_or_default().to_vec();
        self.patches.push(Patch { at: at as u64, old, why, new });
    }

    /// Tells torn from damaged where good frames follow.
    fn judge_holes(&mut self, bytes: &[u8], pieces: &[Piece], known: u64, findings: &mut Findings) {
        let mut records = frames(pieces).filter(|(_, head)| head.kind == Kind::Record);
        let Some((_, last)) = records.next_back() else { return };
        for pair in pieces.windows(2) {
            let &[Piece::Hole { at, bytes: len, due }, Piece::Frame { head, .. }] = pair else {
                continue;
            };
            let missing = head.sequence - due;
            let place = Damage {
                segment: self.first,
                offset: at as u64,
                bytes: len as u64,
                missing: due..head.sequence,
            };
            // All that is missing was of the last batch, and there is room to say so.
            let torn = known < due
                && head.kind == Kind::Record
                && head.batch == last.batch
                && missing <= u64::from(head.index)
                && missing.max(1) * MIN_SPAN as u64 <= place.bytes;
            if torn {
                let count = u32::try_from(missing).unwrap_or(u32::MAX);
                self.patch(bytes, at, len, Why::Torn, frame::void(due, count, head.batch, len));
                findings.torn.push(place);
            } else {
                findings.damage.push(place);
            }
        }
    }

    /// So many numbers at most were given to what is behind the last good frame.
    fn may_hold(&self, bytes: &[u8], pieces: &[Piece], size: u64) -> usize {
        let (bad, left) = behind_the_end(pieces);
        let room = usize::try_from(size).unwrap_or(usize::MAX).max(bytes.len());
        let room = room.saturating_sub(self.end);
        let numbers = bad.div_ceil(MIN_SPAN).max(usize::try_from(left).unwrap_or(usize::MAX));
        numbers.min(room / MIN_SPAN)
    }

    /// Cuts off what is behind the last good frame, and withdraws the numbers it may have had.
    fn judge_end(&mut self, bytes: &[u8], pieces: &[Piece], size: u64, findings: &mut Findings) {
        let (bad, left) = behind_the_end(pieces);
        if bad == 0 && left == 0 {
            return;
        }
        let numbers = self.may_hold(bytes, pieces, size);
        let missing = self.next..self.next + numbers as u64;
        findings.torn.push(Damage {
            segment: self.first,
            offset: self.end as u64,
            bytes: bad as u64,
            missing: missing.clone(),
        });
        self.batch += 1;
        self.next = missing.end;
        if numbers == 0 {
            self.patch(bytes, self.end, bad, Why::Torn, vec![0; bad]);
            return;
        }
        let span = bad.max(numbers * MIN_SPAN);
        let count = u32::try_from(numbers).unwrap_or(u32::MAX);
        let void = frame::void(missing.start, count, self.batch, span);
        self.patch(bytes, self.end, bad, Why::Torn, void);
        self.end += span;
    }
}
