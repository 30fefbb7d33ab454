//! What happened, on disk: an append-only journal of opaque payloads.
//!
//! # Promises
//!
//! - [`Writer::append`] returns `Ok` only after the whole batch is on disk (`fdatasync`). After
//!   [`JournalError::NoRoom`] nothing of it is there, or ever will be. After
//!   [`JournalError::Failed`] nobody knows, and the writer refuses until the journal is reopened.
//! - There is one [`Writer`], and it is not `Clone`: that there are no concurrent writes is a
//!   matter of types. A [`Reader`] sees only what is durable.
//! - What is read is what was written, byte for byte, or is reported as missing: never a wrong
//!   payload, never a silent loss, never a panic. One bad frame costs that frame; one bad place of
//!   a packed segment, the frames of its block.
//! - A sequence number is given once. Numbers that an unfinished batch *may* have been given are
//!   withdrawn (see *void*), so that no cursor and no index mistakes one record for another.
//!   The one exception leaves no trace to go by: a tail turned into zeros at a batch's end. So
//!   whoever keeps a position keeps `(sequence, batch)`; an entry that answers with another batch,
//!   or no entry at all, says that the journal lost its tail. How far it went is noted after each
//!   batch, and whoever opens it may know better: what it lacks of that is damage, and found again
//!   at each opening.
//! - Bytes are copied to `aside/` before they are overwritten. Bytes of a damaged place are
//!   not overwritten at all.
//! - No clock, no chance, no lock (the daemon holds one), no thread; everything here blocks.
//!   (A process with a limit on file sizes must ignore `SIGXFSZ` to be told `NoRoom`.)
//!
//! # Disk format, version 1
//!
//! A directory of segments. Numbers are little endian.
//!
//! ```text
//! 00000000000000000001.seg      20 digits: the sequence of the segment's first record
//! 00000000000000021733.seg      each 8 MiB from birth, zeros behind the last frame
//! 00000000000000043011.seg.new  one being made; removed at open
//! 00000000000000000001.pak      a full segment, packed: takes the place of the .seg, which wins
//! begins                        the first sequence there is, where older segments were dropped
//! reached                       the last sequence that was durable, 8 bytes, and their crc32c
//! aside/                        what was cut off or found damaged: <segment>-<offset>.torn, .damaged
//! ```
//!
//! Files of other names are left alone. A file shorter than 8 MiB reads as if zeros followed.
//!
//! ```text
//! segment   0  8  magic         "SNAGSEG\n"
//!           8  4  version       1; a newer one is refused. Bytes 0 to 40 keep this layout for ever
//!          12  4  zero
//!          16  8  first         as in the name, which wins
//!          24  8  batch         the last batch number given before this segment was made
//!          32  4  crc32c        of bytes 0 to 32
//!          36  4  zero
//!          40     frames, one behind the other, each at a multiple of 8
//!
//! frame     0  4  magic         FF 73 6E 31 a record, FF 73 6E 30 a void
//!           4  4  length        of the payload; at most 1 MiB in a record
//!           8  8  sequence      1, 2, 3 ...
//!          16  8  batch         one more with each attempt to append
//!          24  4  index         which record of its batch, from 0; 0 in a void
//!          28  4  count         records in the batch; in a void: the numbers it withdraws
//!          32  4  crc32c        of bytes 0 to 32 and the payload
//!          36     payload, then zeros (unchecked) up to a multiple of 8
//! ```
//!
//! A full segment without a bad place is packed: cut between frames into blocks of 16 KiB or a
//! little more, each a zstd frame of its own, so that a bad place costs the records of one block. One
//! in which records became others may have more than 8 MiB unpacked, and never more than twice that.
//!
//! ```text
//! packed    0  8  magic         "SNAGPAK\n"
//!           8  4  version       1; a newer one is refused. Bytes 0 to 56 keep this layout for ever
//!          12  4  zero
//!          16  8  first         as in the name, which wins
//!          24  8  batch         of the last record
//!          32  8  next          the sequence behind the last record
//!          40  8  bytes         of the segment, up to its last frame
//!          48  4  crc32c        of bytes 0 to 48
//!          52  4  zero
//!          56     blocks, one behind the other, each at a multiple of 8
//!
//! block     0  4  magic         FF 73 6E 7A
//!           4  4  length        of the content
//!           8  4  plain         the bytes it unpacks to
//!          12  4  at            where in the segment these belong; the first block has its header
//!          16  4  crc32c        of bytes 0 to 16 and the content
//!          20     content, then zeros (unchecked) up to a multiple of 8
//! ```
//!
//! Zeros are no frame. `FF` occurs in no UTF-8 text, so a payload of text holds no frame either,
//! whoever wrote it. A batch lies in one segment. Along a segment the sequence rises by one and
//! the batch never falls; a frame that breaks either rule is no frame, however good its checksum:
//! what an attempt that failed may have left behind is thereby never taken for a record.
//!
//! # What a bad place means
//!
//! After a bad frame the next good one with a later sequence is looked for. A batch is begun only
//! when the one before is durable, so bad bytes that are not of the last batch, or lie in any but
//! the last segment, are **damage**: reported with the sequences that are missing, left as they
//! are. Bad bytes of the last batch are most likely a write that was cut short, and **torn**:
//! copied aside and overwritten by a void, a frame that withdraws the numbers of the records that
//! may have been there. Good records of that batch behind them stay where they are, in case it was
//! acknowledged after all. A gap in the sequence (zeroed bytes, a missing segment) is damage.
//!
//! What is known to have been durable is never torn. A journal that ends before that has lost its
//! end: nothing is written behind what is left, and a new segment begins behind the lost numbers, so
//! that they are a gap for ever.
//!
//! Opening reads the header of each segment and the frames of the last one, and compares where each
//! packed one ends with where the next begins. A full segment that is not packed, or of which bytes
//! lie in `aside/` because they were damaged, is read whole. Other damage is found by whoever reads
//! the records: [`Records`] yields it and goes on.

mod aside;
mod error;
mod frame;
#[cfg(fuzzing)]
pub mod fuzzing;
mod lookup;
mod packed;
mod packer;
mod part;
mod reached;
mod reader;
mod recover;
mod replace;
mod rewrite;
mod segment;
mod source;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;

pub use error::{JournalError, is_no_room};
pub use packer::{Packed, Packer};
pub use part::{Contents, Part, Parts, begin_with, make_dir};
pub use reader::{Entry, Reader, Records, SegmentInfo};
pub use recover::{Damage, Findings};
pub use replace::replace;
pub use rewrite::{Damaged, Fate};
pub use writer::{Appended, Writer};

/// The size of a segment, in bytes.
pub const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
/// The largest payload, in bytes.
pub const MAX_PAYLOAD: usize = 1024 * 1024;

/// A journal, open for writing.
#[derive(Debug)]
pub struct Opened {
    /// Appends to it.
    pub writer: Writer,
    /// Reads it.
    pub reader: Reader,
    /// Packs what is full.
    pub packer: Packer,
    /// What was wrong with it, as far as opening looks.
    pub findings: Findings,
}

/// Opens the journal in `dir`, making the directory if there is none, and mends a torn tail. `known`
/// is the last sequence of which the caller knows that it was durable, or 0.
///
/// Takes no lock: that nobody else has it open is the caller's business. Needs no room on the
/// disk; what does (the first segment, the copy of a torn tail) is made up for by the first append.
pub fn open(dir: &Path, known: u64) -> Result<Opened, JournalError> {
    writer::open(dir, SEGMENT_BYTES, known)
}
