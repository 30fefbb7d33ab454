//! How far the journal has gone, noted beside it after each batch.
//!
//! The note is not synced: it may be behind, after a power cut for example, but never ahead. What the
//! journal lacks of it was lost.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::frame::{MAX_NUMBER, u64_at};

const NAME: &str = "reached";

/// The last sequence that was noted, or 0.
pub(super) fn read(dir: &Path) -> u64 {
    let bytes = fs::read(dir.join(NAME)).unwrap_or_default();
    let noted = u64_at(&bytes, 0).filter(|noted| *noted < MAX_NUMBER);
    noted.filter(|noted| bytes.get(..12) == Some(&encode(*noted))).unwrap_or(0)
}

fn encode(sequence: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&sequence.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..8]);
    bytes[8..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Where it is noted. A note that cannot be written is one that is not there.
#[derive(Debug)]
pub(super) struct Mark(Option<File>);

impl Mark {
    pub(super) fn open(dir: &Path) -> Self {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        Self(options.open(dir.join(NAME)).ok())
    }

    /// Notes a sequence that is durable.
    pub(super) fn note(&self, sequence: u64) {
        if let Some(file) = &self.0 {
            let _ = file.write_all_at(&encode(sequence), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_it_was_noted_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), 0);
        let mark = Mark::open(dir.path());
        for sequence in [1, 70_000, 3] {
            mark.note(sequence);
            assert_eq!(read(dir.path()), sequence);
        }
        let noted = fs::read(dir.path().join(NAME)).unwrap();
        for at in 0..noted.len() {
            let mut changed = noted.clone();
            changed[at] ^= 1;
            fs::write(dir.path().join(NAME), changed).unwrap();
            assert_eq!(read(dir.path()), 0, "a bit of byte {at}");
        }
    }
}
