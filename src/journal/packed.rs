//! Full segments, packed: bytes to bytes. Pure; the format is at the head of [`super`].
//!
//! A block holds whole frames and is checked and unpacked on its own, so that a bad place costs
//! the records of its block and no others.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use super::SEGMENT_BYTES;
use super::frame::{ALIGN, MAX_NUMBER, Piece, u32_at, u64_at};
use super::segment::HEADER;

/// The bytes before the first block.
pub(super) const PACKED_HEADER: usize = 56;
/// A block is closed once it holds this much. With twice as much a journal is an eleventh smaller, and
/// twice as much is unpacked for an event that is read by itself.
const BLOCK: usize = 16 * 1024;
/// The bytes before a block's content.
pub(super) const BLOCK_HEAD: usize = 20;
/// No segment has more bytes unpacked. One that was rewritten may have some more than one that was
/// written: a record that became another may be longer.
pub(super) const MOST: u64 = 2 * SEGMENT_BYTES;
/// How hard zstd tries. Of events in such blocks 3 takes half as long again, for a fiftieth less.
const LEVEL: i32 = 1;

const MAGIC: [u8; 8] = *b"SNAGPAK\n";
const VERSION: u32 = 1;
const BLOCK_MAGIC: [u8; 4] = [0xff, b's', b'n', b'z'];

/// What the start of a packed segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PackedHeader {
    /// It is whole.
    Good(Extent),
    /// A later version wrote it.
    Newer { version: u32 },
    /// It cannot be believed; the blocks behind it can.
    Bad,
}

/// How far a packed segment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// The sequence behind its last record.
    pub(super) next: u64,
    /// The batch of its last record.
    pub(super) batch: u64,
    /// The bytes it has unpacked.
    pub(super) bytes: u64,
}

impl PackedHeader {
    /// Reads the header of the packed segment that is named after `first`.
    pub(super) fn decode(bytes: &[u8], first: u64) -> Self {
        Self::checked(bytes, first).unwrap_or(Self::Bad)
    }

    fn checked(bytes: &[u8], first: u64) -> Option<Self> {
        let crc = crc32c::crc32c(bytes.get(..48)?);
        if !bytes.starts_with(&MAGIC) || u32_at(bytes, 48)? != crc {
            return None;
        }
        match u32_at(bytes, 8)? {
            VERSION if u64_at(bytes, 16)? == first => {
                let number = |at| u64_at(bytes, at).filter(|number| *number < MAX_NUMBER);
                let (next, batch, bytes) = (number(32)?, number(24)?, number(40)?);
                (first <= next).then_some(Self::Good(Extent { next, batch, bytes }))
            }
            0 | VERSION => None,
            version => Some(Self::Newer { version }),
        }
    }
}

fn header(first: u64, extent: Extent) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    for number in [first, extent.batch, extent.next, extent.bytes] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// Packs a segment of whole frames; none if anything in it is not as it should be, since what is
/// damaged stays as it is.
pub(super) fn pack(first: u64, segment: &[u8], pieces: &[Piece]) -> Option<Vec<u8>> {
    let mut extent = Extent { next: first, batch: 0, bytes: HEADER as u64 };
    let mut cuts = vec![0];
    let mut end = HEADER;
    for piece in pieces {
        let &Piece::Frame { at, head } = piece else { return None };
        if at - cuts.last()? >= BLOCK {
            cuts.push(at);
        }
        end = at + head.span();
        extent = Extent { next: head.next(), batch: head.batch, bytes: end as u64 };
    }
    cuts.push(end.min(segment.len()));
    let mut packed = header(first, extent);
    let mut zstd = Compressor::new(LEVEL).ok()?;
    for cut in cuts.windows(2) {
        encode_block(&mut zstd, &mut packed, cut[0], segment.get(cut[0]..cut[1])?)?;
    }
    Some(packed)
}

fn encode_block(
    zstd: &mut Compressor<'_>,
    packed: &mut Vec<u8>,
    at: usize,
    plain: &[u8],
) -> Option<()> {
    // Into memory, which does not fail.
    let content = zstd.compress(plain).ok()?;
    let start = packed.len();
    packed.extend_from_slice(&BLOCK_MAGIC);
    for number in [content.len(), plain.len(), at] {
        packed.extend_from_slice(&u32::try_from(number).ok()?.to_le_bytes());
    }
    let crc = crc32c::crc32c_append(crc32c::crc32c(&packed[start..]), &content);
    packed.extend_from_slice(&crc.to_le_bytes());
    packed.extend_from_slice(&content);
    packed.resize((start + BLOCK_HEAD + content.len()).next_multiple_of(ALIGN), 0);
    Some(())
}

/// Where a block lies in the packed file, and what it holds of the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where in the packed file its content is,
    pub(super) offset: usize,
    /// and how long.
    pub(super) length: usize,
    /// Where in the segment its bytes belong,
    pub(super) at: usize,
    /// and how many there are.
    pub(super) plain: usize,
}

impl Block {
    /// The block that stands at a place of a packed file, if it is whole.
    fn read(packed: &[u8], start: usize) -> Option<Self> {
        let bytes = packed.get(start..).filter(|bytes| bytes.starts_with(&BLOCK_MAGIC))?;
        let number = |at| u32_at(bytes, at).and_then(|number| usize::try_from(number).ok());
        let (length, plain, at) = (number(4)?, number(8)?, number(12)?);
        let content = bytes.get(BLOCK_HEAD..BLOCK_HEAD.checked_add(length)?)?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..16]), content);
        let is_whole = u32_at(bytes, 16)? == crc && at.checked_add(plain)? as u64 <= MOST;
        is_whole.then_some(Self { offset: start + BLOCK_HEAD, length, at, plain })
    }

    /// Its bytes of the segment, from its content.
    pub(super) fn unpack(&self, content: &[u8]) -> Option<Vec<u8>> {
        // Making one takes as long as unpacking a block.
        thread_local! {
            static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
        }
        let plain = UNPACKER.with_borrow_mut(|unpacker| match unpacker {
            Some(unpacker) => unpacker.decompress(content, self.plain),
            none => none.insert(Decompressor::new()?).decompress(content, self.plain),
        });
        plain.ok().filter(|it| it.len() == self.plain)
    }

    /// Where its bytes end in the segment.
    pub(super) fn end(&self) -> usize {
        self.at + self.plain
    }
}

/// Whether a packed file holds all that its header says.
pub(super) fn is_whole(packed: &[u8], first: u64) -> bool {
    let PackedHeader::Good(extent) = PackedHeader::decode(packed, first) else { return false };
    let end =
        blocks(packed).iter().try_fold(0, |end, block| (block.at == end).then(|| block.end()));
    end.is_some_and(|end| end as u64 == extent.bytes)
}

/// The blocks of a packed file that are whole, in its order.
///
/// None reaches beyond [`MOST`] bytes of the segment, nor begins before the end of another.
pub(super) fn blocks(packed: &[u8]) -> Vec<Block> {
    let (mut blocks, mut at): (Vec<Block>, _) = (Vec::new(), PACKED_HEADER);
    while at < packed.len() {
        let end = blocks.last().map_or(0, Block::end);
        match Block::read(packed, at).filter(|block| end <= block.at) {
            Some(block) => {
                at = (block.offset + block.length).next_multiple_of(ALIGN);
                blocks.push(block);
            }
            None => at += ALIGN,
        }
    }
    blocks
}
