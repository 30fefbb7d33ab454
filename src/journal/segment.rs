//! One segment file: its name, its header, how it comes into being and is read.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::error::JournalError;
use super::frame::{MAX_NUMBER, u32_at, u64_at};
use super::replace::replace;

/// The bytes before the first frame.
pub(super) const HEADER: usize = 40;

const MAGIC: [u8; 8] = *b"SNAGSEG\n";
const VERSION: u32 = 1;
/// Zeros are written in pieces of this size.
const ZEROS: usize = 256 * 1024;
/// What is read at once where the disk has bad sectors.
const PAGE: usize = 4096;

/// What the start of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// It is whole: the batch given last before the segment was made.
    Good { batch: u64 },
    /// A later version wrote it.
    Newer { version: u32 },
    /// It cannot be believed; the frames behind it can.
    Bad,
}

impl Header {
    /// Reads the header of the segment that is named after `first`.
    pub(super) fn decode(bytes: &[u8], first: u64) -> Self {
        Self::checked(bytes, first).unwrap_or(Self::Bad)
    }

    fn checked(bytes: &[u8], first: u64) -> Option<Self> {
        let crc = crc32c::crc32c(bytes.get(..32)?);
        if !bytes.starts_with(&MAGIC) || u32_at(bytes, 32)? != crc {
            return None;
        }
        match u32_at(bytes, 8)? {
            VERSION if u64_at(bytes, 16)? == first => {
                let batch = u64_at(bytes, 24).filter(|batch| *batch < MAX_NUMBER)?;
                Some(Self::Good { batch })
            }
            0 | VERSION => None,
            version => Some(Self::Newer { version }),
        }
    }
}

/// The header of a new segment.
pub(super) fn header(first: u64, batch: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&first.to_le_bytes());
    bytes.extend_from_slice(&batch.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// The file name of a segment.
pub(super) fn name(first: u64) -> String {
    format!("{first:020}.seg")
}

/// Where a segment is.
pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(name(first))
}

/// Where a segment is once it is packed.
pub(super) fn packed_path(dir: &Path, first: u64) -> PathBuf {
    path(dir, first).with_extension("pak")
}

/// Where a segment is, by how it lies there.
pub(super) fn file(dir: &Path, first: u64, form: Form) -> PathBuf {
    match form {
        Form::Raw => path(dir, first),
        Form::Packed => packed_path(dir, first),
    }
}

/// How a segment lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it was written.
    Raw,
    /// Packed, once it was full.
    Packed,
}

/// What is found in a journal's directory.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The segments by first sequence.
    pub(super) segments: BTreeMap<u64, Form>,
    /// What a crash left: half-made files, packed ones whose segment is still there, and segments
    /// that were to go.
    pub(super) strays: Vec<PathBuf>,
    /// The sequence the journal begins with: 1, or later where older segments were dropped.
    pub(super) begins: u64,
}

/// Looks for segments.
pub(super) fn list(dir: &Path) -> io::Result<Listing> {
    let mut listing = Listing { begins: read_begin(dir), ..Listing::default() };
    let mut packed = Vec::new();
    for item in fs::read_dir(dir)? {
        let item = item?;
        let name = item.file_name();
        let Some(name) = name.to_str().filter(|_| item.file_type().is_ok_and(|t| t.is_file()))
        else {
            continue;
        };
        match (first_of(name), name.strip_suffix(".new").and_then(first_of)) {
            (Some((first, _)), _) if first < listing.begins => listing.strays.push(item.path()),
            (Some((first, Form::Raw)), _) => {
                listing.segments.insert(first, Form::Raw);
            }
            (Some((first, Form::Packed)), _) => packed.push((first, item.path())),
            (None, Some(_)) => listing.strays.push(item.path()),
            (None, None) => {}
        }
    }
    for (first, path) in packed {
        // Packing removes the segment last, so one that is there is whole, and is what counts.
        match listing.segments.entry(first) {
            Entry::Occupied(_) => listing.strays.push(path),
            Entry::Vacant(place) => {
                place.insert(Form::Packed);
            }
        }
    }
    Ok(listing)
}

/// Notes that the journal begins with a sequence: what came before was dropped, not lost.
pub(super) fn note_begin(dir: &Path, sequence: u64) -> io::Result<()> {
    replace(&dir.join("begins"), sequence.to_string().as_bytes())?;
    sync_dir(dir)
}

/// Where nothing readable is noted it begins with 1, and what is missing counts as lost.
fn read_begin(dir: &Path) -> u64 {
    let noted = fs::read_to_string(dir.join("begins")).ok();
    let begins = noted.and_then(|text| text.trim().parse().ok());
    begins.filter(|begins| (1..MAX_NUMBER).contains(begins)).unwrap_or(1)
}

fn first_of(name: &str) -> Option<(u64, Form)> {
    let (digits, form) = match name.rsplit_once('.')? {
        (digits, "seg") => (digits, Form::Raw),
        (digits, "pak") => (digits, Form::Packed),
        _ => return None,
    };
    let first = digits.parse().ok().filter(|first| (1..MAX_NUMBER).contains(first))?;
    let is_ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_ours.then_some((first, form))
}

/// Makes a segment of `size` bytes, whole and durable. Where only its name could not be made durable, it is
/// there all the same.
pub(super) fn create(dir: &Path, first: u64, batch: u64, size: u64) -> io::Result<File> {
    let name = path(dir, first);
    let new = name.with_extension("seg.new");
    let made = fill_new(&new, first, batch, size).and_then(|file| {
        fs::rename(&new, &name)?;
        sync_dir(dir)?;
        Ok(file)
    });
    if made.is_err() {
        // Gives the room back; where even that fails, the next open removes it.
        let _ = fs::remove_file(&new);
    }
    made
}

fn fill_new(path: &Path, first: u64, batch: u64, size: u64) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    extend(&file, 0, size)?;
    file.write_all_at(&header(first, batch), 0)?;
    file.sync_all()?;
    Ok(file)
}

/// Grows a file from `from` to `size` bytes of zeros, written out: overwriting what is merely
/// reserved would cost every later sync a change of the file's extents.
pub(super) fn extend(file: &File, from: u64, size: u64) -> io::Result<()> {
    let reserve = || rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size);
    match rustix::io::retry_on_intr(reserve) {
        // Not every file system can reserve; writing zeros finds out about room as well.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(file, from, size),
        Err(errno) => Err(errno.into()),
    }
}

/// Overwrites a range with zeros.
pub(super) fn write_zeros(file: &File, mut from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; ZEROS];
    while from < to {
        let piece = usize::try_from(to - from).map_or(ZEROS, |left| left.min(ZEROS));
        file.write_all_at(&zeros[..piece], from)?;
        from += piece as u64;
    }
    Ok(())
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Makes a directory and what is missing above it, durably; only its owner may enter.
pub(super) fn create_dir(dir: &Path) -> Result<(), JournalError> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|path| !path.exists()).collect();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(JournalError::unusable(dir))?;
    for parent in missing.iter().filter_map(|path| path.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        sync_dir(parent).map_err(JournalError::unusable(parent))?;
    }
    Ok(())
}

/// Fills the buffer from an offset on, as far as the file goes; says how far.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Like [`read_at`], but what the disk cannot read comes as zeros, which are no record: a bad
/// sector costs the records in it, not those behind it. Unless nothing can be read at all.
pub(super) fn read_around(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    read_pages(buffer, offset, |piece, offset| read_at(file, piece, offset))
}

/// Reads at once, or page by page where that fails.
pub(super) fn read_pages(
    buffer: &mut [u8],
    offset: u64,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<usize> {
    let failed = match read(buffer, offset) {
        Err(error) if is_bad_sector(&error) => error,
        done => return done,
    };
    let (mut filled, mut end) = (0, None);
    buffer.fill(0);
    while filled < buffer.len() {
        let page = PAGE - usize::try_from((offset + filled as u64) % PAGE as u64).unwrap_or(0);
        let page = page.min(buffer.len() - filled);
        match read(&mut buffer[filled..filled + page], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => end = Some(filled + read),
            Err(error) if is_bad_sector(&error) => {}
            Err(error) => return Err(error),
        }
        filled += page;
    }
    end.ok_or(failed)
}

/// Whether the disk, not the caller, is at fault.
pub(super) fn is_bad_sector(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::IO.raw_os_error())
}
