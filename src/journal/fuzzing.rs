//! For the fuzzer alone: journals of small segments.

use std::path::Path;

use super::{JournalError, Opened, writer};

/// Opens a journal whose new segments have `size` bytes.
pub fn open(dir: &Path, size: u64) -> Result<Opened, JournalError> {
    writer::open(dir, size, 0)
}
