//! A backup as one file: the tar archive that `tar` itself would make of it (POSIX ustar).
//!
//! Our own few lines, because whoever reads a damaged archive should find what lies behind the
//! damage: where no header is, the next one is looked for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// The directory that an archive unpacks to.
const FOLDER: &str = "snag-backup/";
/// Everything in an archive is a multiple of this.
const BLOCK: usize = 512;
/// Where a header keeps its own checksum.
const SUM: std::ops::Range<usize> = 148..156;

/// Where a file lies in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// Adds a file.
pub(super) fn append(
    out: &mut impl Write,
    name: &str,
    bytes: &[u8],
    seconds: u64,
) -> io::Result<()> {
    let mut header = [0; BLOCK];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, &format!("{FOLDER}{name}"));
    put(100, "0000600");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{:011o}", bytes.len()));
    put(136, &format!("{seconds:011o}"));
    put(156, "0");
    put(257, "ustar\u{0}00");
    let sum = sum(&header);
    header[SUM].copy_from_slice(format!("{sum:06o}\u{0} ").as_bytes());
    out.write_all(&header)?;
    out.write_all(bytes)?;
    out.write_all(&[0; BLOCK][..bytes.len().next_multiple_of(BLOCK) - bytes.len()])
}

/// Ends an archive.
pub(super) fn finish(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

/// The files of an archive, as far as there are headers that can be believed.
pub(super) fn list(archive: &File) -> io::Result<BTreeMap<String, Place>> {
    let (mut files, mut at) = (BTreeMap::new(), 0);
    let mut header = [0; BLOCK];
    loop {
        match archive.read_exact_at(&mut header, at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(files),
            // A bad sector is a bad header.
            Err(_) => header = [0; BLOCK],
            Ok(()) => {}
        }
        if archive.metadata()?.len() <= at {
            return Ok(files);
        }
        at += BLOCK as u64;
        let Some((name, bytes)) = read_header(&header) else { continue };
        files.insert(name.to_owned(), Place { offset: at, bytes });
        at += bytes.next_multiple_of(BLOCK as u64);
    }
}

fn read_header(header: &[u8; BLOCK]) -> Option<(&str, u64)> {
    if !header[257..].starts_with(b"ustar") || octal(&header[SUM])? != u64::from(sum(header)) {
        return None;
    }
    let name = str::from_utf8(header[..100].split(|byte| *byte == 0).next()?).ok()?;
    Some((name.rsplit('/').next()?, octal(&header[124..136])?))
}

/// A number as tar writes it; larger than any file of ours is none.
fn octal(field: &[u8]) -> Option<u64> {
    let text = str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

/// The sum of a header's bytes, its own checksum counted as blanks.
fn sum(header: &[u8; BLOCK]) -> u32 {
    let is_own = |at: &usize| SUM.contains(at);
    (0..BLOCK).map(|at| if is_own(&at) { u32::from(b' ') } else { u32::from(header[at]) }).sum()
}
