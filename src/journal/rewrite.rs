//! Taking records out of a journal, for those who must be forgotten, and segments whose time is over.
//!
//! A record that goes leaves its number behind: a void takes its place, and no number is ever given
//! again. Each segment is replaced whole or not at all; who is interrupted does it again.

use std::fs;
use std::io;

use super::SEGMENT_BYTES;
use super::error::{JournalError, is_no_room};
use super::frame::{self, HEAD, Head, Kind, MIN_SPAN, Piece};
use super::packed::pack;
use super::packer::Packer;
use super::recover::pieces;
use super::segment::{self, HEADER};
use super::source::Source;

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Keep,
    /// It goes.
    Drop,
    /// It becomes another payload.
    Replace(Vec<u8>),
}

/// What becomes of what is damaged: nobody can tell what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damaged {
    /// It stays where nothing else in its segment changes.
    Stays,
    /// It goes everywhere, and is no longer missed, but for whole segments that are gone.
    Goes,
}

impl Packer {
    /// Rewrites every full segment in which `judge`, who is given each record with its sequence, wants
    /// something changed, and packs it; says how many records went or changed. Blocks, and is for a
    /// journal that nobody reads meanwhile.
    pub fn rewrite(
        &mut self,
        damaged: Damaged,
        mut judge: impl FnMut(u64, &[u8]) -> Fate,
    ) -> Result<u64, JournalError> {
        let full: Vec<(u64, u64)> = self.shared.read_segments(|segments| {
            segments.windows(2).map(|two| (two[0].first, two[1].first)).collect()
        });
        let mut changed = 0;
        for (first, behind) in full {
            let path = segment::path(self.shared.dir(), first);
            let done = self.rewrite_one((first, behind), damaged, &mut judge).map_err(|error| {
                if is_no_room(&error) {
                    JournalError::NoRoom(error)
                } else {
                    JournalError::unusable(&path)(error)
                }
            })?;
            changed += done;
        }
        Ok(changed)
    }

    /// Drops the segments whose first record comes before `sequence`, for ever; the last segment
    /// stays in any case. The journal begins with the first that is left.
    pub fn drop_before(&mut self, sequence: u64) -> Result<(), JournalError> {
        let segments: Vec<u64> =
            self.shared.read_segments(|it| it.iter().map(|segment| segment.first).collect());
        let Some(last) = segments.last() else { return Ok(()) };
        let begins = segments.iter().find(|first| sequence <= **first).unwrap_or(last);
        let dir = self.shared.dir().to_owned();
        // Noted before anything goes, so that what is missing is never taken for damage.
        segment::note_begin(&dir, *begins).map_err(|error| {
            if is_no_room(&error) {
                JournalError::NoRoom(error)
            } else {
                JournalError::unusable(&dir)(error)
            }
        })?;
        self.shared.begin_with(*begins);
        for first in segments.iter().filter(|first| *first < begins) {
            for path in [segment::path(&dir, *first), segment::packed_path(&dir, *first)] {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(JournalError::unusable(&path)(error));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        }
        segment::sync_dir(&dir).map_err(JournalError::unusable(&dir))
    }

    /// Of the segment that begins with a sequence, and is followed by another's.
    fn rewrite_one(
        &mut self,
        (first, behind): (u64, u64),
        damaged: Damaged,
        judge: &mut impl FnMut(u64, &[u8]) -> Fate,
    ) -> io::Result<u64> {
        let old = Source::open(self.shared.dir(), first)?.read_whole()?;
        let Redraft { mut bytes, changed, has_holes, next, batch } = redraft(first, &old, judge);
        // More than that are of a segment that is gone, which is damage still.
        let missing = behind.saturating_sub(next);
        let missing = if missing <= room_for_numbers(&bytes) { missing } else { 0 };
        let loses = damaged == Damaged::Goes && (has_holes || 0 < missing);
        if changed == 0 && !loses {
            return Ok(0);
        }
        if loses {
            withdraw(&mut bytes, next, next + missing, batch);
        }
        let new = bytes;
        let packed = pack(first, &new, &pieces(first, &new));
        let installed = packed.map_or(Ok(None), |packed| self.install(first, &packed, &new))?;
        let Some(bytes) = installed else {
            return Err(io::Error::other("the segment does not read back as it was written"));
        };
        match fs::remove_file(segment::path(self.shared.dir(), first)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => segment::sync_dir(self.shared.dir())?,
        }
        self.shared.note_packed(first, bytes);
        Ok(changed)
    }
}

/// A segment as it is to be.
pub(super) struct Redraft {
    pub(super) bytes: Vec<u8>,
    /// How many records differ.
    changed: u64,
    /// Whether it had bad places.
    has_holes: bool,
    /// The sequence behind its last record,
    pub(super) next: u64,
    /// and the batch of that.
    pub(super) batch: u64,
}

/// Writes a segment anew, without its bad places.
pub(super) fn redraft(
    first: u64,
    old: &[u8],
    mut judge: impl FnMut(u64, &[u8]) -> Fate,
) -> Redraft {
    let pieces = pieces(first, old);
    let batch = pieces.iter().find_map(|piece| match piece {
        Piece::Frame { head, .. } => Some(head.batch.saturating_sub(1)),
        Piece::Hole { .. } => None,
    });
    let mut new = segment::header(first, batch.unwrap_or(0));
    debug_assert_eq!(new.len(), HEADER);
    let (mut changed, mut has_holes, mut last) = (0, false, (first, batch.unwrap_or(0)));
    for piece in pieces {
        let Piece::Frame { at, head } = piece else {
            has_holes = true;
            continue;
        };
        if last.0 < head.sequence {
            // Lost to damage; the segment will no longer say so by a hole.
            withdraw(&mut new, last.0, head.sequence, last.1);
        }
        last = (head.next(), head.batch);
        let payload = &old[at + HEAD..at + HEAD + head.length];
        if head.kind == Kind::Void {
            withdraw(&mut new, head.sequence, head.next(), head.batch);
            continue;
        }
        let fate = judge(head.sequence, payload);
        changed += u64::from(fate != Fate::Keep);
        match fate {
            Fate::Keep => frame::encode(&mut new, &head, payload),
            Fate::Drop => withdraw(&mut new, head.sequence, head.next(), head.batch),
            Fate::Replace(payload) => {
                frame::encode(&mut new, &Head { length: payload.len(), ..head }, &payload);
            }
        }
    }
    Redraft { bytes: new, changed, has_holes, next: last.0, batch: last.1 }
}

/// So many numbers at most can have been given to what is missing at the end of a segment.
pub(super) fn room_for_numbers(segment: &[u8]) -> u64 {
    SEGMENT_BYTES.saturating_sub(segment.len() as u64) / MIN_SPAN as u64
}

/// Adds a void for some numbers, if there are any.
pub(super) fn withdraw(new: &mut Vec<u8>, from: u64, to: u64, batch: u64) {
    if from == to {
        return;
    }
    let count = u32::try_from(to - from).unwrap_or(u32::MAX);
    // No number takes less room, which is how readers tell a frame from what only looks like one.
    new.extend(frame::void(from, count, batch, count as usize * MIN_SPAN));
}
