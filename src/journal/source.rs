//! Where the frames of a segment are read from: its file, or its packed file, a block at a time.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::packed::{Block, blocks};
use super::segment;

/// A segment, open for reading.
#[derive(Debug)]
pub(super) enum Source {
    /// As it was written.
    Raw(File),
    /// Packed.
    Packed(PackedFile),
}

/// A packed segment that is read as if it were not. What a bad place held comes as zeros, which are
/// no record.
#[derive(Debug)]
pub(super) struct PackedFile {
    file: File,
    pub(super) blocks: Arc<[Block]>,
    /// The block read last, unpacked. A cursor holds one, not the whole segment.
    held: Option<(Block, Vec<u8>)>,
}

impl Source {
    /// Opens the segment that begins with a sequence, however it lies on disk.
    ///
    /// Packing names the packed file before it removes the segment, so one of the two is there.
    pub(super) fn open(dir: &Path, first: u64) -> io::Result<Self> {
        let raw = match File::open(segment::path(dir, first)) {
            Ok(file) => return Ok(Self::Raw(file)),
            Err(error) => error,
        };
        match PackedFile::open(&segment::packed_path(dir, first)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(raw),
            packed => packed.map(Self::Packed),
        }
    }

    /// The whole segment, without what cannot be read at its end.
    pub(super) fn read_whole(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.len()?).unwrap_or(0)];
        let read = self.read_around(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> io::Result<u64> {
        match self {
            Self::Raw(file) => Ok(file.metadata()?.len()),
            Self::Packed(packed) => Ok(packed.len() as u64),
        }
    }

    /// Fills the buffer from an offset on, as far as the segment goes; says how far. What cannot be
    /// read comes as zeros.
    pub(super) fn read_around(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Raw(file) => segment::read_around(file, buffer, offset),
            Self::Packed(packed) => {
                packed.read(buffer, usize::try_from(offset).unwrap_or(usize::MAX))
            }
        }
    }
}

impl PackedFile {
    /// Opens a packed file and finds its blocks.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let blocks = blocks(&read_file(&file)?);
        Ok(Self { file, blocks: blocks.into(), held: None })
    }

    /// Opens a packed file whose blocks are known.
    pub(super) fn open_known(path: &Path, blocks: Arc<[Block]>) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, blocks, held: None })
    }

    fn len(&self) -> usize {
        self.blocks.last().map_or(0, Block::end)
    }

    fn read(&mut self, buffer: &mut [u8], offset: usize) -> io::Result<usize> {
        let length = self.len().saturating_sub(offset).min(buffer.len());
        let buffer = &mut buffer[..length];
        buffer.fill(0);
        let first = self.blocks.partition_point(|block| block.end() <= offset);
        for nth in first..self.blocks.len() {
            let block = self.blocks[nth];
            let (from, to) = (block.at.max(offset), block.end().min(offset + length));
            if to <= from {
                break;
            }
            let plain = self.unpack(block)?;
            if let Some(plain) = plain.get(from - block.at..to - block.at) {
                buffer[from - offset..to - offset].copy_from_slice(plain);
            }
        }
        Ok(length)
    }

    /// The bytes of a block; none if it cannot be unpacked.
    pub(super) fn unpack(&mut self, block: Block) -> io::Result<&[u8]> {
        if self.held.as_ref().is_none_or(|(held, _)| *held != block) {
            let mut content = vec![0; block.length];
            let read = segment::read_around(&self.file, &mut content, block.offset as u64)?;
            let plain = block.unpack(&content[..read]).unwrap_or_default();
            self.held = Some((block, plain));
        }
        Ok(self.held.as_ref().map_or(&[], |(_, plain)| plain))
    }
}

/// The bytes of a packed file.
pub(super) fn read_packed(dir: &Path, first: u64) -> io::Result<Vec<u8>> {
    read_file(&File::open(segment::packed_path(dir, first))?)
}

pub(super) fn read_file(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
    let read = segment::read_around(file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}
