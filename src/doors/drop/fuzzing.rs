//! For the fuzzer alone: what is made of the bytes of a file.

use std::ffi::CString;
use std::ops::Range;

use super::file::{Plain, Stamp};
use super::line;
use super::sheet::Sheet;
use crate::event::Draft;

/// The number and the place of each line.
#[must_use]
pub fn lines(bytes: &[u8]) -> Vec<(usize, Range<usize>)> {
    line::split(bytes).into_iter().map(|line| (line.number, line.span)).collect()
}

/// The lines that are no drafts, and the reasons, as they go into `rejected/`.
#[must_use]
pub fn confess(bytes: &[u8]) -> (String, String) {
    let file = Plain { owner: 0, stamp: Stamp::default(), bytes: bytes.to_vec() };
    let mut sheet = Sheet::new(CString::default(), file);
    for position in 0..sheet.lines.len() {
        let json = &sheet.file.bytes[sheet.lines[position].span.clone()];
        if let Err(error) = Draft::parse(json) {
            sheet.refuse(position, error.to_string());
        }
    }
    sheet.confess()
}
