//! Many small pairs in one pair of sled.
//!
//! sled keeps a page for every eight to sixteen of its pairs, however small they are, writes whole
//! pages anew, and never forgets what it knows of one. So a pair of sled is a *leaf*: consecutive
//! pairs of ours, under the first key it ever held. A leaf that grows too large is cut, one that
//! becomes empty goes; pairs never move to an earlier leaf.
//!
//! ```text
//! leaf    format byte, then pairs in the order of their keys
//! pair    as varints: the bytes its key shares with the one before (with the leaf's own, the
//!         first), the bytes of its key behind these, the bytes of its value; then both
//! ```

use std::ops::{ControlFlow, Range};

use sled::IVec;

use super::key::Short;
use super::layers::{Pair, Span};
use super::varint;
use super::{FORMAT, IndexError};

/// A leaf with more bytes is cut. sled writes a leaf whole for each batch that changes it, and takes some
/// 8 µs for each: with 512 bytes a load takes a tenth longer, and a tenth more room.
pub(super) const MOST: usize = 2048;

/// Where the sum of all leaves is kept: behind every key of ours.
const SUM: [u8; 64] = [0xff; 64];

/// What a leaf adds to the sum.
fn weight(name: &[u8], leaf: &[u8]) -> u64 {
    (1 << 32) + u64::from(crc32c::crc32c_append(crc32c::crc32c(name), leaf))
}

/// The sum of all leaves, as it was written with them; none where it never was.
fn sum(tree: &sled::Db) -> Result<Option<u64>, IndexError> {
    let Some(sum) = tree.get(SUM)? else { return Ok(tree.is_empty().then_some(0)) };
    let bytes = sum.as_ref().try_into();
    bytes.map(u64::from_le_bytes).map(Some).map_err(|_| IndexError::Damaged("its sum is cut off"))
}

/// Whether all leaves are there, and as they were written. Reads each; none as soon as it is not `still`
/// that nobody changed the tree since before this began.
pub(super) fn is_whole(
    tree: &sled::Db,
    is_still: impl Fn() -> bool,
) -> Result<Option<bool>, IndexError> {
    /// It is asked each time so many were read, and in the end.
    const RUN: usize = 1024;
    let Some(expected) = sum(tree)? else { return Ok(Some(true)) };
    let mut found = 0_u64;
    for (nth, leaf) in tree.iter().enumerate() {
        if nth.is_multiple_of(RUN) && !is_still() {
            return Ok(None);
        }
        let (name, leaf) = leaf?;
        if name.as_ref() != SUM.as_slice() {
            found = found.wrapping_add(weight(&name, &leaf));
        }
    }
    Ok(is_still().then_some(found == expected))
}

/// Has sled let go of the pages it holds beyond its cache. It looks for these only when one of 256 parts
/// of all pages was looked at 64 times: what is read once, leaf by leaf, is held by the thousand pages.
/// So a few are looked at so often, enough to meet each part.
pub(super) fn let_go(tree: &sled::Db) -> Result<(), IndexError> {
    const LOOKS: usize = 64;
    const PAGES: usize = 1024;
    /// Of one page, at most.
    const LEAVES: usize = 16;
    for name in tree.iter().keys().step_by(LEAVES).take(PAGES) {
        let name = name?;
        for _ in 0..LOOKS {
            tree.contains_key(&name)?;
        }
    }
    Ok(())
}

/// The leaf that holds a key, if it is anywhere.
pub(super) fn holding(tree: &sled::Db, key: &[u8]) -> Result<Option<Pair>, IndexError> {
    Ok(tree.range(..=key).next_back().transpose()?)
}

/// Whether the leaf that holds a key is of an earlier format.
pub(super) fn is_outdated(tree: &sled::Db, key: &[u8]) -> Result<bool, IndexError> {
    Ok(holding(tree, key)?.is_some_and(|(_, leaf)| matches!(leaf.first(), Some(1..FORMAT))))
}

/// The value of a key.
pub(super) fn get(tree: &sled::Db, key: &[u8]) -> Result<Option<IVec>, IndexError> {
    let Some((name, leaf)) = holding(tree, key)? else { return Ok(None) };
    let mut pairs = Reader::of(&name, &leaf)?;
    while let Some(value) = pairs.next()? {
        match pairs.key.as_slice().cmp(key) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Ok(Some(value.into())),
            std::cmp::Ordering::Greater => break,
        }
    }
    Ok(None)
}

/// Shows the keys of a span that suit, in their order; one of a leaf that is cut meanwhile may be shown
/// twice. Values are passed over, so that very many can be looked at.
pub(super) fn keys(
    tree: &sled::Db,
    span: &Span,
    suits: impl Fn(&[u8]) -> bool,
    mut show: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), IndexError> {
    let first = holding(tree, span.start())?;
    let first = Short::from_slice(first.as_ref().map_or(span.start(), |(name, _)| name));
    for pair in tree.range(first..=span.end().clone()) {
        let (name, leaf) = pair?;
        let mut pairs = Reader::of(&name, &leaf)?;
        while pairs.next()?.is_some() {
            if suits(&pairs.key) && within(span, &pairs.key) && show(&pairs.key).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

pub(super) fn within(span: &Span, key: &[u8]) -> bool {
    span.start().as_slice() <= key && key <= span.end().as_slice()
}

/// Puts changes, in the order of their keys, into the leaves they belong to.
pub(super) fn change<'a>(
    tree: &sled::Db,
    changes: impl Iterator<Item = (&'a Short, &'a Option<IVec>)>,
) -> Result<sled::Batch, IndexError> {
    let mut batch = sled::Batch::default();
    let summed = sum(tree)?;
    let (is_summed, mut sum) = (summed.is_some(), summed.unwrap_or(0));
    let mut changes = changes.peekable();
    while let Some((first, _)) = changes.peek() {
        let (name, held) = match holding(tree, first)? {
            Some((name, leaf)) => {
                sum = sum.wrapping_sub(weight(&name, &leaf));
                (name, leaf)
            }
            None => (first.as_slice().into(), EMPTY.into()),
        };
        let end = tree.get_gt(&name)?.map(|(next, _)| next);
        let is_here = |key: &[u8]| end.as_ref().is_none_or(|end| key < end.as_ref());
        let here = std::iter::from_fn(|| changes.next_if(|(key, _)| is_here(key)));
        let (leaf, touched) = merge(&name, &held, here)?;
        if leaf == EMPTY {
            batch.remove(name);
        } else if leaf.len() <= MOST {
            sum = sum.wrapping_add(weight(&name, &leaf));
            batch.insert(name, leaf);
        } else {
            for (name, leaf) in pieces(&name, &leaf, touched)? {
                sum = sum.wrapping_add(weight(&name, &leaf));
                batch.insert(name, leaf);
            }
        }
    }
    if is_summed {
        batch.insert(SUM.as_slice(), sum.to_le_bytes().as_slice());
    }
    Ok(batch)
}

/// A leaf with changes made in it, and where in it the last of them ends.
fn merge<'a>(
    name: &[u8],
    held: &[u8],
    changes: impl Iterator<Item = (&'a Short, &'a Option<IVec>)>,
) -> Result<(Vec<u8>, usize), IndexError> {
    let mut old = Reader::of(name, held)?;
    let mut value = old.next()?;
    let mut made = Making::of(name, held.len() + MOST / 2);
    let mut touched = made.leaf.len();
    for (key, change) in changes {
        while let Some(kept) = value.filter(|_| old.key < *key) {
            made.push(&old.key, kept);
            value = old.next()?;
        }
        if value.is_some() && old.key == *key {
            value = old.next()?;
        }
        if let Some(value) = change {
            made.push(key, value);
        }
        touched = made.leaf.len();
    }
    if let Some(kept) = value {
        made.push(&old.key, kept);
        // A pair leans on the one before, so those behind are written as they were.
        made.leaf.extend_from_slice(old.rest);
    }
    Ok((made.leaf, touched))
}

/// A leaf that is too large cut into several, each with its name.
fn pieces(name: &IVec, leaf: &[u8], touched: usize) -> Result<Vec<(IVec, Vec<u8>)>, IndexError> {
    let mut pairs = Reader::of(name, leaf)?;
    let mut found = Vec::new();
    while let Some(value) = pairs.next()? {
        found.push((Short::from_slice(&pairs.key), value, leaf.len() - pairs.rest.len()));
    }
    let ends: Vec<usize> = found.iter().map(|(.., end)| *end).collect();
    let touched = ends.partition_point(|end| *end <= touched);
    let piece = |piece: Range<usize>| {
        let end = ends[piece.end - 1];
        if piece.start == 0 {
            return (name.clone(), leaf[..end].to_vec());
        }
        let (first, value, behind) = &found[piece.start];
        let mut made = Making::of(first, MOST);
        made.push(first, value);
        made.leaf.extend_from_slice(&leaf[*behind..end]);
        (first.as_slice().into(), made.leaf)
    };
    Ok(cut(&ends, touched).into_iter().map(piece).collect())
}

/// Cuts pairs into leaves, given where each ends and which comes behind the last change.
///
/// What grows at its end will go on so: then leaves are filled. Else the cut comes behind the
/// change, where the next is likely, but leaves at least a quarter on either side.
fn cut(ends: &[usize], touched: usize) -> Vec<Range<usize>> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let grows = touched == ends.len();
    while start < ends.len() {
        let begin = if start == 0 { 0 } else { ends[start - 1] };
        let left = ends[ends.len() - 1] - begin;
        let room = if left <= MOST {
            left
        } else if grows || 2 * MOST < left {
            MOST
        } else {
            let change = ends[touched.max(1) - 1].saturating_sub(begin);
            change.clamp(left / 4, left - left / 4).min(MOST)
        };
        let fit = ends[start..].partition_point(|end| end - begin <= room);
        pieces.push(start..start + fit.max(1));
        start += fit.max(1);
    }
    pieces
}

/// A leaf without pairs.
const EMPTY: &[u8] = &[FORMAT];

/// A leaf in the making.
struct Making {
    leaf: Vec<u8>,
    /// The key of the pair written last.
    before: Short,
}

impl Making {
    /// The beginning of a leaf that will have about so many bytes.
    fn of(name: &[u8], size: usize) -> Self {
        let mut leaf = Vec::with_capacity(size);
        leaf.extend_from_slice(EMPTY);
        Self { leaf, before: Short::from_slice(name) }
    }

    fn push(&mut self, key: &[u8], value: &[u8]) {
        let shared = self.before.iter().zip(key).take_while(|(a, b)| a == b).count();
        for number in [shared, key.len() - shared, value.len()] {
            varint::push(number as u64, |byte| self.leaf.push(byte));
        }
        self.leaf.extend_from_slice(&key[shared..]);
        self.leaf.extend_from_slice(value);
        self.before.truncate(shared);
        self.before.extend_from_slice(&key[shared..]);
    }
}

/// Reads a leaf pair by pair.
pub(super) struct Reader<'a> {
    /// The key of the pair read last.
    pub(super) key: Short,
    /// What was not read yet.
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn of(name: &[u8], leaf: &'a [u8]) -> Result<Self, IndexError> {
        match leaf.split_first() {
            Some((&FORMAT, rest)) => Ok(Self { key: Short::from_slice(name), rest }),
            _ => Err(IndexError::Damaged("it is of another format")),
        }
    }

    /// The next pair's value.
    pub(super) fn next(&mut self) -> Result<Option<&'a [u8]>, IndexError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let shared = self.number()?;
        let (more, length) = (self.number()?, self.number()?);
        self.key.truncate(shared);
        let more = self.take(more)?;
        self.key.extend_from_slice(more);
        self.take(length).map(Some)
    }

    fn number(&mut self) -> Result<usize, IndexError> {
        if self.rest.is_empty() {
            return Err(IndexError::Damaged("a leaf is cut off"));
        }
        let number = varint::read(&mut self.rest)?;
        usize::try_from(number).map_err(|_| IndexError::Damaged("a length is too large"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], IndexError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(IndexError::Damaged("a leaf is cut off"));
        };
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(name: &[u8], leaf: &[u8]) -> Result<Vec<Pair>, IndexError> {
        let (mut reader, mut pairs) = (Reader::of(name, leaf)?, Vec::new());
        while let Some(value) = reader.next()? {
            pairs.push((reader.key.as_slice().into(), value.into()));
        }
        Ok(pairs)
    }

    /// A leaf, and where in it each pair ends.
    fn encode(name: &[u8], pairs: &[Pair]) -> (Vec<u8>, Vec<usize>) {
        let mut made = Making::of(name, MOST);
        let ends = pairs.iter().map(|(key, value)| {
            made.push(key, value);
            made.leaf.len()
        });
        let ends = ends.collect();
        (made.leaf, ends)
    }

    fn pairs(numbers: impl Iterator<Item = u32>) -> Vec<Pair> {
        let pair = |n: u32| (format!("key {n:06}").as_bytes().into(), vec![7; 30].into());
        numbers.map(pair).collect()
    }

    #[test]
    fn a_leaf_reads_as_it_was_written_and_is_told_from_rubbish() {
        let pairs = pairs(1..20);
        let (leaf, ends) = encode(b"key", &pairs);
        assert_eq!(decode(b"key", &leaf).unwrap(), pairs);
        assert_eq!(ends.last(), Some(&leaf.len()));
        for length in (0..leaf.len()).filter(|length| *length != 1 && !ends.contains(length)) {
            assert!(decode(b"key", &leaf[..length]).is_err(), "cut at {length}");
        }
        for at in 0..leaf.len() {
            let mut bad = leaf.clone();
            bad[at] ^= 0xff;
            let _ = decode(b"key", &bad);
        }
    }

    #[test]
    fn what_grows_at_its_end_is_filled_and_the_rest_cut_near_the_change() {
        let ends: Vec<usize> = (1..=30).map(|n| n * MOST / 25).collect();
        assert_eq!(cut(&ends, 30), [0..25, 25..30]);
        assert_eq!(cut(&ends, 18), [0..18, 18..30]);
        assert_eq!(cut(&ends, 1), [0..7, 7..30]);
        let ends: Vec<usize> = (1..=90).map(|n| n * MOST / 25).collect();
        let pieces = cut(&ends, 40);
        assert!(pieces.iter().all(|piece| piece.len() <= 25), "{pieces:?}");
        assert_eq!(pieces.last().unwrap().end, 90);
    }
}
