//! Packs segments that are full: a fifth of the room, and the same records.
//!
//! The packed file is written, synced, read back and compared, and named before the segment is
//! removed, so that at every moment one of the two is there, whole.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::error::{JournalError, is_no_room};
use super::packed::pack;
use super::reader::Shared;
use super::recover::pieces;
use super::replace::write_new;
use super::segment::{self, Form, HEADER, Header};
use super::source::{PackedFile, Source};

/// Packs the full segments of a journal. There is one, and it is not `Clone`.
#[derive(Debug)]
pub struct Packer {
    pub(super) shared: Arc<Shared>,
    /// Segments that stay as they are: damaged, or a disk that failed.
    left: BTreeSet<u64>,
}

/// A segment that was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The sequence of its first record.
    pub first: u64,
    /// The bytes it had.
    pub from: u64,
    /// The bytes it has.
    pub to: u64,
}

impl Packer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, left: BTreeSet::new() }
    }

    /// Packs the oldest full segment that can be; none when there is none. Blocks.
    ///
    /// A segment with a bad place stays as it is, since packing would lose its bytes. After an
    /// error the segment is as it was: [`JournalError::NoRoom`] may change and is tried again,
    /// after any other the segment is left alone until the journal is reopened.
    pub fn pack_next(&mut self) -> Result<Option<Packed>, JournalError> {
        while let Some((first, from)) = self.candidate() {
            match self.pack(first) {
                Ok(Some(to)) => {
                    self.shared.note_packed(first, to);
                    self.remove_raw(first)?;
                    return Ok(Some(Packed { first, from, to }));
                }
                Ok(None) => {
                    self.left.insert(first);
                }
                Err(error) if is_no_room(&error) => return Err(JournalError::NoRoom(error)),
                Err(error) => return Err(self.leave(first, error)),
            }
        }
        Ok(None)
    }

    fn candidate(&self) -> Option<(u64, u64)> {
        self.shared.read_segments(|segments| {
            let (_, full) = segments.split_last()?;
            let is_due = |first, form| form == Form::Raw && !self.left.contains(&first);
            let found = full.iter().find(|segment| is_due(segment.first, segment.form))?;
            Some((found.first, found.bytes))
        })
    }

    /// Makes the packed file, durably; says how large it is, or that the segment stays as it is.
    fn pack(&self, first: u64) -> io::Result<Option<u64>> {
        let segment = Source::open(self.shared.dir(), first)?.read_whole()?;
        let is_whole = matches!(Header::decode(&segment, first), Header::Good { .. });
        match pack(first, &segment, &pieces(first, &segment)).filter(|_| is_whole) {
            Some(packed) => self.install(first, &packed, &segment),
            None => Ok(None),
        }
    }

    /// Gives a segment its packed file, once that is on disk and reads back as what it should be.
    pub(super) fn install(
        &self,
        first: u64,
        packed: &[u8],
        segment: &[u8],
    ) -> io::Result<Option<u64>> {
        let name = segment::packed_path(self.shared.dir(), first);
        let new = name.with_extension("pak.new");
        let made = write_new(&new, packed).and_then(|()| reads_back(&new, segment));
        let installed = made.and_then(|is_good| {
            if !is_good {
                return Ok(None);
            }
            fs::rename(&new, &name)?;
            segment::sync_dir(self.shared.dir())?;
            Ok(Some(packed.len() as u64))
        });
        if !matches!(installed, Ok(Some(_))) {
            // Gives the room back; where even that fails, the next open removes it.
            let _ = fs::remove_file(&new);
        }
        installed
    }

    /// Whoever reads the segment at the moment has it open and reads on.
    pub(super) fn remove_raw(&mut self, first: u64) -> Result<(), JournalError> {
        let dir = self.shared.dir();
        let removed = fs::remove_file(segment::path(dir, first));
        let removed = removed.and_then(|()| segment::sync_dir(dir));
        removed.map_err(|error| self.leave(first, error))
    }

    fn leave(&mut self, first: u64, error: io::Error) -> JournalError {
        self.left.insert(first);
        JournalError::unusable(&segment::path(self.shared.dir(), first))(error)
    }
}

/// Whether a packed file unpacks to a segment, up to the zeros behind its last frame.
fn reads_back(packed: &Path, segment: &[u8]) -> io::Result<bool> {
    let mut packed = PackedFile::open(packed)?;
    let mut end = 0;
    for block in packed.blocks.clone().iter() {
        let Some(piece) = segment.get(end..block.end()).filter(|_| block.at == end) else {
            return Ok(false);
        };
        if packed.unpack(*block)? != piece {
            return Ok(false);
        }
        end = block.end();
    }
    Ok(HEADER <= end && segment[end..].iter().all(|byte| *byte == 0))
}
