//! A file in hand: its lines, and what is wrong with some of them.

use std::ffi::CString;
use std::fmt::Write;

use super::file::Plain;
use super::line::{self, Line};
use crate::event::scrub;

/// So many reasons are told of one file,
const MOST_REASONS: usize = 1000;
/// of so many bytes each.
const LONGEST_REASON: usize = 1024;

/// A file in hand.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) name: CString,
    pub(super) file: Plain,
    pub(super) lines: Vec<Line>,
    /// Positions in `lines`, with reasons; past the most of them, without.
    bad: Vec<(usize, String)>,
}

impl Sheet {
    pub(super) fn new(name: CString, file: Plain) -> Self {
        let lines = line::split(&file.bytes);
        Self { name, file, lines, bad: Vec::new() }
    }

    /// Notes that a line cannot be recorded as it is.
    pub(super) fn refuse(&mut self, position: usize, mut reason: String) {
        if MOST_REASONS <= self.bad.len() {
            reason = String::new();
        }
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
        self.bad.push((position, reason));
    }

    /// How many lines cannot be recorded.
    pub(super) fn bad(&self) -> usize {
        self.bad.len()
    }

    /// The bad lines and the reasons, in order, without secrets.
    pub(super) fn confess(&mut self) -> (String, String) {
        self.bad.sort_by_key(|(position, _)| *position);
        let (mut lines, mut reasons) = (String::new(), String::new());
        for (here, (position, reason)) in (1..).zip(&self.bad) {
            let Line { number, span } = &self.lines[*position];
            let text = String::from_utf8_lossy(&self.file.bytes[span.clone()]);
            // Where JSON may have a line break it may as well have a space.
            lines.push_str(&text.replace('\n', " "));
            lines.push('\n');
            if !reason.is_empty() {
                let before = if *number == here {
                    String::new()
                } else {
                    format!(" ({number} as it was dropped)")
                };
                // Writing to memory does not fail.
                let _ = writeln!(reasons, "line {here}{before}: {}", printable(reason));
            }
        }
        if MOST_REASONS < self.bad.len() {
            let more = self.bad.len() - MOST_REASONS;
            let _ = writeln!(
                reasons,
                "{more} more lines cannot be recorded: mend these and drop the file again to see why"
            );
        }
        // All at once: a private key may lie over several lines.
        (scrubbed(lines), scrubbed(reasons))
    }
}

fn scrubbed(text: String) -> String {
    match scrub(&text) {
        Some((clean, _)) => clean,
        None => text,
    }
}

/// One line, without characters that a terminal would obey.
fn printable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            plain.extend(character.escape_unicode());
        } else {
            plain.push(character);
        }
    }
    plain
}
