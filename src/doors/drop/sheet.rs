//! A file in hand: its lines, and what is wrong with some of them.

use std::ffi::CString;
use std::fmt::Write;

use super::file::Plain;
use super::line::{self, Line};
use crate::event::{Draft, MAX_EVENT, is_unprintable, scrub};

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
    pub(super) fn refuse(&mut self, position: usize, reason: String) {
        // A secret that is cut would not be known as one any more.
        let tells = self.bad.len() < MOST_REASONS;
        let mut reason = if tells { scrubbed(reason) } else { String::new() };
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
            lines.push_str(&one_line(&self.file.bytes[span.clone()]));
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

/// What was dropped, on one line. A secret that an event would lose, because of the name of its key, is
/// lost here as well; but what does not read as a draft, or is larger than any, is left as it was said.
fn one_line(bytes: &[u8]) -> String {
    let draft = Some(bytes).filter(|bytes| bytes.len() <= MAX_EVENT).map(Draft::parse);
    if let Some(Ok(draft)) = draft {
        let clean = draft.clone().without_secrets();
        if clean != draft {
            return String::from_utf8_lossy(&clean.to_json()).into_owned();
        }
    }
    // Where JSON may have a line break it may as well have a space.
    String::from_utf8_lossy(bytes).replace('\n', " ")
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
        if is_unprintable(character) {
            plain.extend(character.escape_unicode());
        } else {
            plain.push(character);
        }
    }
    plain
}
