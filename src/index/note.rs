//! What is noted beside sled, in `index.checkpoint`: how far the index is on disk, and whether it was
//! found broken. sled drops a damaged tail without a word, and so may a disk drop the journal's.
//!
//! A note that was torn or changed says nothing, which means a rebuild too many or one too few; so it
//! is not synced.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// The journal sequence that was on disk, in the journal and in the index.
    pub(super) reached: u64,
    /// Whether something in the index was found broken: it is to be built anew.
    pub(super) is_broken: bool,
}

impl Note {
    /// The note beside an index.
    pub(super) fn read(index: &Path) -> Self {
        let text = fs::read_to_string(path(index)).unwrap_or_default();
        Self::parse(&text).unwrap_or_default()
    }

    /// Replaces the note beside an index.
    pub(super) fn write(self, index: &Path) -> io::Result<()> {
        let path = path(index);
        let new = path.with_extension("checkpoint.new");
        let said = self.said();
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        writeln!(file, "{said} {:08x}", crc32c::crc32c(said.as_bytes()))?;
        fs::rename(new, path)
    }

    fn said(self) -> String {
        let Self { reached, is_broken } = self;
        format!("{reached} {}", if is_broken { "broken" } else { "whole" })
    }

    fn parse(text: &str) -> Option<Self> {
        let (said, crc) = text.trim_end().rsplit_once(' ')?;
        let (reached, state) = said.split_once(' ')?;
        let note = Self { reached: reached.parse().ok()?, is_broken: state == "broken" };
        let is_good = u32::from_str_radix(crc, 16) == Ok(crc32c::crc32c(note.said().as_bytes()));
        is_good.then_some(note)
    }
}

fn path(index: &Path) -> PathBuf {
    index.with_extension("checkpoint")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_was_noted_or_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let index = dir.path().join("index");
        assert_eq!(Note::read(&index), Note::default());
        for note in [Note { reached: 7, is_broken: false }, Note { reached: 1234, is_broken: true }]
        {
            note.write(&index).unwrap();
            assert_eq!(Note::read(&index), note);
        }
        let noted = fs::read(path(&index)).unwrap();
        for at in 0..noted.len() - 1 {
            let mut changed = noted.clone();
            changed[at] ^= 1;
            fs::write(path(&index), &changed).unwrap();
            assert_eq!(
                Note::read(&index),
                Note::default(),
                "{}",
                String::from_utf8_lossy(&changed)
            );
        }
    }
}
