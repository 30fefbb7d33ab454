//! Files beside the journal: whether one names who is to be forgotten, and removing those that do.
//!
//! Anybody may have put it where it lies, so only a plain file is opened for what it says, and nothing is
//! followed or waited for. What is none names nobody: a FIFO, a link, a device.
//!
//! # Promises
//!
//! - A file is looked through with some tens of MiB of memory. Of one that has more, each line is taken by
//!   itself, and a line that is longer piece by piece: what its end cuts in two is found all the same.
//! - Nobody waits for one of more than 64 MiB. It is no text that anybody told, and may hold anything: it
//!   counts as naming whoever is to be forgotten.
//! - Nobody who writes one at this moment is disturbed: what was begun after it was asked for stays, and
//!   what somebody else removes is gone.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::event::Forget;

/// A larger file is not looked through.
const MOST: u64 = 64 * 1024 * 1024;
/// So much of one is in memory, or twice that; what is read of JSON takes many times as much.
const PIECE: usize = 1024 * 1024;
/// So many bytes around a name tell whether it is one.
const AROUND: usize = 8;
/// Stands for what was cut off around a name.
const LETTER: char = 'x';

/// Whether it does. What cannot be read does not.
pub(super) fn names(path: &Path, forget: &Forget) -> bool {
    look(path, forget, PIECE).unwrap_or(false)
}

/// Whether it is a plain file, and no link to one.
pub(super) fn is_plain(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// Whether its name says that somebody writes it, or was interrupted in that.
pub(super) fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") || name.ends_with(b".tmp")
}

/// Removes files, but none that somebody began to write after the `note` of what is to be forgotten.
pub(super) fn remove(paths: &[PathBuf], note: &Path) -> io::Result<()> {
    let changed = |path: &Path| fs::metadata(path).map(|it| (it.mtime(), it.mtime_nsec()));
    let asked = changed(note)?;
    let is_later = |path: &Path| changed(path).is_ok_and(|changed| asked <= changed);
    for path in paths.iter().filter(|path| !is_unfinished(path) || !is_later(path)) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn look(path: &Path, forget: &Forget, piece: usize) -> io::Result<bool> {
    // Opening alone does something to some of what is no plain file.
    if !is_plain(path) {
        return Ok(false);
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let found = file.metadata()?;
    // Another thing may have taken its name meanwhile.
    if !found.is_file() {
        return Ok(false);
    }
    if MOST < found.len() { Ok(true) } else { look_through(file, forget, piece) }
}

fn look_through(file: File, forget: &Forget, piece: usize) -> io::Result<bool> {
    let cut_in_two = forget.needle().len() + AROUND;
    let (mut file, mut held) = (file.take(MOST), Vec::new());
    loop {
        let read = file.by_ref().take(piece as u64).read_to_end(&mut held)?;
        let is_last = read < piece;
        let whole_lines = held.iter().rposition(|byte| *byte == b'\n').map(|end| end + 1);
        let end = whole_lines.filter(|_| !is_last).unwrap_or(held.len());
        let mut text = String::from_utf8_lossy(&held[..end]);
        let goes_on = !is_last && whole_lines.is_none();
        if goes_on {
            // Nothing that is cut is a word.
            text.to_mut().push(LETTER);
        }
        if forget.is_named_in(&text) {
            return Ok(true);
        }
        if is_last {
            return Ok(false);
        }
        drop(text);
        held.drain(..if goes_on { end.saturating_sub(cut_in_two) } else { end });
        if goes_on && let Some(first) = held.first_mut() {
            *first = LETTER as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn ana() -> Forget {
        Forget::Person("ana".to_owned())
    }

    #[test]
    fn what_is_no_plain_file_names_nobody_and_keeps_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("file"), r#"{"person":"ana"}"#).unwrap();
        // Opened as they are, the first waits for somebody who writes, the second has no end.
        mknodat(CWD, path("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        symlink("/dev/zero", path("zeros")).unwrap();
        symlink(path("file"), path("link")).unwrap();
        fs::create_dir(path("dir")).unwrap();
        for name in ["fifo", "zeros", "link", "dir", "none"] {
            assert!(!names(&path(name), &ana()) && !is_plain(&path(name)), "{name}");
        }
        assert!(names(&path("file"), &ana()) && is_plain(&path("file")));
        assert!(!names(&path("file"), &Forget::Person("an".to_owned())));
    }

    #[test]
    fn what_is_written_and_removed_at_this_moment_is_left_to_whoever_does_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let [old, note, new, gone] = [".old.tmp", "forget.json", ".new.tmp", "gone"].map(path);
        for (path, before) in [(&old, 2), (&note, 1), (&new, 0)] {
            fs::write(path, "what ana said").unwrap();
            // The clock of files may not have gone on from one to the next.
            let file = File::options().write(true).open(path).unwrap();
            let now = file.metadata().unwrap().modified().unwrap();
            file.set_modified(now - std::time::Duration::from_secs(before)).unwrap();
        }
        remove(&[old.clone(), new.clone(), gone], &note).unwrap();
        assert!(!old.exists() && new.exists());
        fs::create_dir(path("dir")).unwrap();
        assert!(remove(&[path("dir")], &note).is_err(), "what cannot be removed is told of");
    }

    #[test]
    fn what_is_too_large_to_be_looked_through_may_name_anybody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(4 << 30).unwrap();
        assert!(names(&path, &ana()));
        file.set_len(0).unwrap();
        assert!(!names(&path, &ana()));
    }

    #[test]
    fn a_name_is_found_wherever_pieces_begin() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let told = r#"{"person":"ana","note":"a cut line"}"#;
        let others = r#"{"person":"bob","note":"what ana said, and anabel"}"#;
        for piece in [24, 31, 57, 80] {
            let says = |text: &str| {
                fs::write(&path, text).unwrap();
                look(&path, &ana(), piece).unwrap()
            };
            for before in 0..40 {
                let spaces = " ".repeat(before);
                assert!(says(&format!("{spaces}{told}")), "{before} before, pieces of {piece}");
                assert!(says(&format!("{others}\n{spaces}\n{told}\n{others}")), "{piece}");
                assert!(!says(&format!("{spaces}{}", "banana ".repeat(30))), "{piece}");
            }
        }
        assert!(!look(&path, &ana(), PIECE).unwrap());
        // A line that fits is taken as what it is: her name in a note is nobody's.
        fs::write(&path, format!("{others}\n").repeat(20)).unwrap();
        assert!(!look(&path, &ana(), others.len() + 1).unwrap());
    }
}
