//! Segments as backups carry them: read one at a time, also while a daemon appends, packs, forgets
//! and drops; and put back.
//!
//! A part says itself what it holds, wherever it lies. It is a packed segment, whether the journal
//! has packed it yet or not, unless something in it is damaged: then it is the segment as it is.

use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::JournalError;
use super::frame::{HEAD, Kind, Piece};
use super::packed::{Block, PackedHeader, blocks, pack};
use super::recover::{Damage, pieces};
use super::replace::write_new;
use super::rewrite::{Fate, redraft, room_for_numbers, withdraw};
use super::segment::{self, Form, HEADER, Header};
use super::source::read_file;

/// A segment that ends in the middle of a batch is most likely being written to: it is read again,
/// so many times.
const READS: usize = 5;

/// The segments of a journal, as they were found.
#[derive(Debug)]
pub struct Parts {
    dir: PathBuf,
    begins: u64,
    seen: Vec<Seen>,
}

/// A segment that was found, and what tells that it is still the same.
#[derive(Clone, Copy, Debug)]
struct Seen {
    first: u64,
    stamp: Option<Stamp>,
    /// How far it was read before it was packed, and a checksum of that.
    read: Option<(usize, u32)>,
}

/// What changes when a file is replaced or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// What tells later whether a segment that was read is still the same.
enum Read {
    Packed(Stamp),
    /// Not packed yet, and may grow: how far its good frames go, and a checksum of that.
    Raw(usize, u32),
}

/// A segment, to be kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The sequence of its first record.
    pub first: u64,
    /// Whether it is packed.
    pub is_packed: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The sequence behind its last record, as far as it reads.
    pub next: u64,
    /// What is wrong with it.
    pub damage: Vec<Damage>,
}

impl Parts {
    /// Looks at what there is, changing nothing.
    pub fn of(dir: &Path) -> Result<Self, JournalError> {
        let listing = segment::list(dir).map_err(JournalError::unusable(dir))?;
        let see = |(&first, &form): (&u64, &Form)| Seen {
            first,
            stamp: fs::metadata(segment::file(dir, first, form)).ok().map(|data| Stamp::of(&data)),
            read: None,
        };
        let seen = listing.segments.iter().map(see).collect();
        Ok(Self { dir: dir.to_owned(), begins: listing.begins, seen })
    }

    /// The sequence the journal begins with.
    #[must_use]
    pub fn begins(&self) -> u64 {
        self.begins
    }

    /// The first sequences of the segments, in order.
    #[must_use]
    pub fn firsts(&self) -> Vec<u64> {
        self.seen.iter().map(|seen| seen.first).collect()
    }

    /// Reads a segment. What was durable when these parts were found is in it.
    pub fn read(&mut self, first: u64) -> Result<Part, JournalError> {
        let (part, read) = read(&self.dir, first)?;
        if let Some(seen) = self.seen.iter_mut().find(|seen| seen.first == first) {
            match read {
                // It may have been packed since it was found: what was read is what it must stay.
                Read::Packed(stamp) => seen.stamp = Some(stamp),
                Read::Raw(end, crc) => seen.read = Some((end, crc)),
            }
        }
        Ok(part)
    }

    /// Whether what was read is still what the journal says: nothing was dropped, and nobody
    /// forgotten, since it was found. That more was appended, or packed, is no difference.
    pub fn still_hold(&self) -> Result<bool, JournalError> {
        let now = Self::of(&self.dir)?;
        if now.begins != self.begins {
            return Ok(false);
        }
        for seen in &self.seen {
            match (now.seen.iter().find(|found| found.first == seen.first), seen.read) {
                (Some(found), _) if found.stamp == seen.stamp => {}
                (Some(_), Some(read)) if begins_with(&self.dir, seen.first, read)? => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
}

impl Stamp {
    fn of(data: &Metadata) -> Self {
        let changed = (data.mtime(), data.mtime_nsec());
        Self { inode: data.ino(), bytes: data.len(), changed }
    }
}

impl Part {
    /// Reads every good record, with its sequence.
    pub fn read_records(&self, mut each: impl FnMut(u64, &[u8])) -> Contents {
        let plain = self.plain();
        let mut contents = Contents { next: self.first, damage: Vec::new() };
        let mut hole = None;
        for piece in pieces(self.first, &plain) {
            match piece {
                Piece::Hole { at, bytes, .. } => hole = Some((at, bytes)),
                Piece::Frame { at, head } => {
                    if let Some(hole) = hole.take() {
                        contents.miss(self.first, hole, head.sequence);
                    }
                    if head.kind == Kind::Record {
                        each(head.sequence, &plain[at + HEAD..at + HEAD + head.length]);
                    }
                    contents.next = head.next();
                }
            }
        }
        match (hole, self.extent()) {
            (_, Some(next)) if contents.next < next => {
                contents.miss(self.first, hole.unwrap_or((plain.len(), 0)), next);
            }
            (Some(hole), _) => contents.miss(self.first, hole, contents.next),
            (None, _) => {}
        }
        contents
    }

    /// A part that a later snag wrote.
    #[must_use]
    pub fn newer(&self) -> Option<u32> {
        if self.is_packed {
            match PackedHeader::decode(&self.bytes, self.first) {
                PackedHeader::Newer { version } => Some(version),
                PackedHeader::Good(_) | PackedHeader::Bad => None,
            }
        } else {
            match Header::decode(&self.bytes, self.first) {
                Header::Newer { version } => Some(version),
                Header::Good { .. } | Header::Bad => None,
            }
        }
    }

    /// The part without its bad places: the numbers of what cannot be read, up to `next`, are
    /// withdrawn. None where they cannot have been numbers of one segment.
    #[must_use]
    pub fn mended(&self, next: u64) -> Option<Self> {
        let redraft = redraft(self.first, &self.plain(), |_, _| Fate::Keep);
        let (mut plain, reached) = (redraft.bytes, redraft.next);
        let next = next.max(reached);
        if room_for_numbers(&plain) < next - reached {
            return None;
        }
        withdraw(&mut plain, reached, next, redraft.batch);
        let bytes = pack(self.first, &plain, &pieces(self.first, &plain))?;
        Some(Self { first: self.first, is_packed: true, bytes })
    }

    /// Gives a journal this segment, durably but for its name.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        write_new(&segment::file(dir, self.first, self.form()), &self.bytes)
    }

    /// The part packed, unless something in it is damaged.
    fn packed(self, pieces: &[Piece]) -> Self {
        let is_whole = matches!(Header::decode(&self.bytes, self.first), Header::Good { .. });
        match pack(self.first, &self.bytes, pieces).filter(|_| is_whole) {
            Some(bytes) => Self { is_packed: true, bytes, ..self },
            None => self,
        }
    }

    /// The sequence behind its last record, where it says so.
    fn extent(&self) -> Option<u64> {
        match PackedHeader::decode(&self.bytes, self.first) {
            PackedHeader::Good(extent) if self.is_packed => Some(extent.next),
            _ => None,
        }
    }

    fn form(&self) -> Form {
        if self.is_packed { Form::Packed } else { Form::Raw }
    }

    /// The bytes of the segment.
    fn plain(&self) -> Vec<u8> {
        if !self.is_packed {
            return self.bytes.clone();
        }
        let blocks = blocks(&self.bytes);
        let mut plain = vec![0; blocks.iter().map(Block::end).max().unwrap_or(0)];
        for block in blocks {
            let content = &self.bytes[block.offset..block.offset + block.length];
            if let Some(bytes) = block.unpack(content) {
                plain[block.at..block.end()].copy_from_slice(&bytes);
            }
        }
        plain
    }
}

impl Contents {
    fn miss(&mut self, segment: u64, (at, bytes): (usize, usize), next: u64) {
        let missing: Range<u64> = self.next..next;
        let (offset, bytes) = (at as u64, bytes as u64);
        self.damage.push(Damage { segment, offset, bytes, missing });
        self.next = next;
    }
}

/// Makes a directory that parts can be written to.
pub fn make_dir(dir: &Path) -> Result<(), JournalError> {
    segment::create_dir(dir)
}

/// Says that the parts written to a directory are the journal from this sequence on, durably.
pub fn begin_with(dir: &Path, sequence: u64) -> Result<(), JournalError> {
    let noted =
        if 1 < sequence { segment::note_begin(dir, sequence) } else { segment::sync_dir(dir) };
    noted.map_err(JournalError::unusable(dir))
}

/// Reads a segment.
fn read(dir: &Path, first: u64) -> Result<(Part, Read), JournalError> {
    let path = segment::path(dir, first);
    let mut reads = 1;
    loop {
        let (form, bytes, stamp) =
            read_file_of(dir, first).map_err(JournalError::unusable(&path))?;
        let part = Part { first, is_packed: form == Form::Packed, bytes };
        if let Some(version) = part.newer() {
            return Err(JournalError::Newer { path, version });
        }
        if part.is_packed {
            return Ok((part, Read::Packed(stamp)));
        }
        let pieces = pieces(first, &part.bytes);
        if READS <= reads || !matches!(pieces.last(), Some(Piece::Hole { .. })) {
            let end = pieces.iter().rev().find_map(|piece| match piece {
                Piece::Frame { at, head } => Some(at + head.span()),
                Piece::Hole { .. } => None,
            });
            let end = end.unwrap_or(HEADER).min(part.bytes.len());
            let read = Read::Raw(end, crc32c::crc32c(&part.bytes[..end]));
            return Ok((part.packed(&pieces), read));
        }
        reads += 1;
    }
}

/// Whether a segment still begins with what was read of it.
fn begins_with(dir: &Path, first: u64, (end, crc): (usize, u32)) -> Result<bool, JournalError> {
    let path = segment::path(dir, first);
    let (form, bytes, _) = read_file_of(dir, first).map_err(JournalError::unusable(&path))?;
    let plain = Part { first, is_packed: form == Form::Packed, bytes }.plain();
    Ok(plain.get(..end).is_some_and(|read| crc32c::crc32c(read) == crc))
}

/// A segment's file: packing names the packed one before it removes the other.
fn read_file_of(dir: &Path, first: u64) -> io::Result<(Form, Vec<u8>, Stamp)> {
    let (form, file) = match File::open(segment::path(dir, first)) {
        Ok(file) => (Form::Raw, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (Form::Packed, File::open(segment::packed_path(dir, first))?)
        }
        Err(error) => return Err(error),
    };
    let stamp = Stamp::of(&file.metadata()?);
    Ok((form, read_file(&file)?, stamp))
}
