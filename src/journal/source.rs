//! Where the frames of a segment are read from: its file, or what its packed file unpacks to.

use std::fs::File;
use std::io;
use std::path::Path;

use super::SEGMENT_BYTES;
use super::packed::unpack;
use super::segment;

/// A segment, open for reading.
#[derive(Debug)]
pub(super) enum Source {
    /// As it was written.
    Raw(File),
    /// The whole of it, unpacked.
    Unpacked(Vec<u8>),
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
        match read_packed(dir, first) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(raw),
            packed => Ok(Self::Unpacked(unpack(&packed?, most()))),
        }
    }

    /// The whole segment, without what cannot be read at its end.
    pub(super) fn read_whole(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Unpacked(bytes) => Ok(bytes.clone()),
            Self::Raw(_) => {
                let mut bytes = vec![0; usize::try_from(self.len()?).unwrap_or(0)];
                let read = self.read_around(&mut bytes, 0)?;
                bytes.truncate(read);
                Ok(bytes)
            }
        }
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> io::Result<u64> {
        match self {
            Self::Raw(file) => Ok(file.metadata()?.len()),
            Self::Unpacked(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Fills the buffer from an offset on, as far as the segment goes; says how far. What cannot be
    /// read comes as zeros.
    pub(super) fn read_around(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Raw(file) => segment::read_around(file, buffer, offset),
            Self::Unpacked(bytes) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                let rest = bytes.get(from..).unwrap_or_default();
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                Ok(length)
            }
        }
    }
}

/// The bytes of a packed file.
pub(super) fn read_packed(dir: &Path, first: u64) -> io::Result<Vec<u8>> {
    let file = File::open(segment::packed_path(dir, first))?;
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
    let read = segment::read_around(&file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// No segment unpacks to more than this.
pub(super) fn most() -> usize {
    usize::try_from(SEGMENT_BYTES).unwrap_or(usize::MAX)
}
