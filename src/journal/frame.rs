//! Frames: bytes to records and back. Pure; the format is at the head of [`super`].

use super::MAX_PAYLOAD;

/// The bytes before a payload.
pub(super) const HEAD: usize = 36;
/// The smallest frame. No sequence number takes less room in a segment, voids included.
pub(super) const MIN_SPAN: usize = 40;
/// Frames start at multiples of this.
pub(super) const ALIGN: usize = 8;

const RECORD: [u8; 4] = [0xff, b's', b'n', b'1'];
const VOID: [u8; 4] = [0xff, b's', b'n', b'0'];
/// Numbers from here on are nobody's: whoever says one is no frame, and to count on is always safe.
pub(super) const MAX_NUMBER: u64 = 1 << 62;
/// No void is longer: it covers part of a segment.
const MAX_VOID: usize = 64 * 1024 * 1024;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A payload.
    Record,
    /// Nothing: it withdraws `count` sequence numbers.
    Void,
}

/// A frame without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) length: usize,
    pub(super) sequence: u64,
    pub(super) batch: u64,
    pub(super) index: u32,
    pub(super) count: u32,
}

impl Head {
    /// The sequence that follows this frame.
    pub(super) fn next(&self) -> u64 {
        let numbers = if self.kind == Kind::Record { 1 } else { u64::from(self.count) };
        self.sequence.saturating_add(numbers)
    }

    /// How many records of its batch should follow.
    pub(super) fn left(&self) -> u64 {
        match self.kind {
            Kind::Record => u64::from(self.count - self.index - 1),
            Kind::Void => 0,
        }
    }

    /// How far it is to the next frame.
    pub(super) fn span(&self) -> usize {
        span(self.length)
    }
}

/// What a frame must be to follow what was read before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Floor {
    /// The sequence that is due.
    pub(super) sequence: u64,
    /// The batch read last.
    pub(super) batch: u64,
    /// The sequence that no frame here reaches.
    pub(super) end: u64,
}

impl Floor {
    /// Whether a frame may come here.
    pub(super) fn admits(&self, head: &Head) -> bool {
        self.sequence <= head.sequence && head.next() <= self.end && self.batch <= head.batch
    }

    /// The floor behind an admitted frame.
    pub(super) fn after(self, head: &Head) -> Self {
        Self { sequence: head.next(), batch: head.batch, end: self.end }
    }
}

/// The room a payload takes with all that is around it.
pub(super) fn span(length: usize) -> usize {
    (HEAD + length).next_multiple_of(ALIGN)
}

/// Adds a frame to a buffer.
pub(super) fn encode(buffer: &mut Vec<u8>, head: &Head, payload: &[u8]) {
    let start = buffer.len();
    buffer.extend_from_slice(if head.kind == Kind::Record { &RECORD } else { &VOID });
    buffer.extend_from_slice(&(u32::try_from(payload.len()).unwrap_or(u32::MAX)).to_le_bytes());
    buffer.extend_from_slice(&head.sequence.to_le_bytes());
    buffer.extend_from_slice(&head.batch.to_le_bytes());
    buffer.extend_from_slice(&head.index.to_le_bytes());
    buffer.extend_from_slice(&head.count.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&buffer[start..]), payload);
    buffer.extend_from_slice(&crc.to_le_bytes());
    buffer.extend_from_slice(payload);
    buffer.resize(start + span(payload.len()), 0);
}

/// A void frame that covers `span` bytes, a multiple of [`ALIGN`] and at least [`MIN_SPAN`].
pub(super) fn void(sequence: u64, count: u32, batch: u64, span: usize) -> Vec<u8> {
    let length = span.saturating_sub(HEAD);
    let head = Head { kind: Kind::Void, length, sequence, batch, index: 0, count };
    let mut buffer = Vec::with_capacity(span);
    encode(&mut buffer, &head, &vec![0; length]);
    buffer
}

/// What a frame at the start of `bytes` says of itself, if it can be one; its checksum is not
/// looked at.
pub(super) fn peek(bytes: &[u8]) -> Option<Head> {
    let (kind, max) = match *bytes.first_chunk()? {
        RECORD => (Kind::Record, MAX_PAYLOAD),
        VOID => (Kind::Void, MAX_VOID),
        _ => return None,
    };
    let head = Head {
        kind,
        length: usize::try_from(u32_at(bytes, 4)?).ok()?,
        sequence: u64_at(bytes, 8)?,
        batch: u64_at(bytes, 16)?,
        index: u32_at(bytes, 24)?,
        count: u32_at(bytes, 28)?,
    };
    let can_be = head.length <= max
        && head.sequence.max(head.batch) < MAX_NUMBER
        && (kind == Kind::Void || head.index < head.count);
    can_be.then_some(head)
}

/// The good frame at the start of `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let head = peek(bytes)?;
    let payload = bytes.get(HEAD..HEAD + head.length)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..32]), payload);
    (u32_at(bytes, 32)? == crc).then_some((head, payload))
}

/// The first good frame from `at` on that the floor admits, and where it is.
pub(super) fn find(bytes: &[u8], at: usize, floor: &Floor) -> Option<(usize, Head)> {
    (at..bytes.len()).step_by(ALIGN).find_map(|at| {
        peek(&bytes[at..]).filter(|head| floor.admits(head))?;
        decode(&bytes[at..]).map(|(head, _)| (at, head))
    })
}

/// A stretch of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A good frame.
    Frame {
        /// Where.
        at: usize,
        /// What.
        head: Head,
    },
    /// Bytes, or none, where frames should be; the last piece if only zeros follow.
    Hole {
        /// Where.
        at: usize,
        /// How many, a multiple of [`ALIGN`].
        bytes: usize,
        /// The sequence that should be there.
        due: u64,
    },
}

/// Cuts a segment into its pieces, from `at` on.
pub(super) fn scan(bytes: &[u8], mut at: usize, mut floor: Floor) -> Vec<Piece> {
    let mut pieces = Vec::new();
    while let Some((found, head)) = find(bytes, at, &floor) {
        if at < found || floor.sequence < head.sequence {
            pieces.push(Piece::Hole { at, bytes: found - at, due: floor.sequence });
        }
        pieces.push(Piece::Frame { at: found, head });
        at = found + head.span();
        floor = floor.after(&head);
    }
    let rest = used(bytes.get(at..).unwrap_or_default());
    if 0 < rest {
        pieces.push(Piece::Hole { at, bytes: rest, due: floor.sequence });
    }
    pieces
}

/// The bytes up to the last that is not zero, rounded up to a multiple of [`ALIGN`].
pub(super) fn used(bytes: &[u8]) -> usize {
    let last = bytes.iter().rposition(|byte| *byte != 0);
    last.map_or(0, |last| (last + 1).next_multiple_of(ALIGN))
}

/// The number at an offset.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

/// The number at an offset.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}
