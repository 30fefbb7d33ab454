//! Text within Markdown: what people wrote is shown and does nothing.

use std::fmt;

use crate::render::safe::Safe;

/// A piece of a line. It stays in its line, its cell and its letters, whoever wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inline(String);

/// What Markdown sees something in, wherever it stands.
const MEANS_SOMETHING: &[char] =
    &['\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '#', '$', '&'];
/// What it sees something in at the start of a line.
const BEGINS_SOMETHING: &[char] = &['-', '+', '='];
/// Between a sign and a name or number it leaves nothing to see and nobody to call: an issue
/// tracker looks for `@name` and `#7` in what is shown, where escaping does not help.
const NOTHING: char = '\u{200b}';

impl Inline {
    /// Text that means itself only.
    pub(super) fn text(text: &Safe) -> Self {
        let text = text.as_str().trim();
        let number = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let mut escaped = String::with_capacity(text.len() + 8);
        let mut letters = text.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            let begins = at == 0 && BEGINS_SOMETHING.contains(&letter)
                || at == number && at != 0 && matches!(letter, '.' | ')');
            if begins || MEANS_SOMETHING.contains(&letter) {
                escaped.push('\\');
            }
            escaped.push(letter);
            let is_name = letters.peek().is_some_and(|(_, next)| next.is_alphanumeric());
            if matches!(letter, '@' | '#' | '!') && is_name {
                escaped.push(NOTHING);
            }
        }
        Self(escaped)
    }

    /// Text in the letters of a program, fenced by more backticks than it holds in a row.
    pub(super) fn code(text: &Safe) -> Self {
        let text = text.as_str();
        if text.trim().is_empty() {
            return Self::default();
        }
        let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest + 1);
        let is_bare = !text.starts_with(['`', ' ']) && !text.ends_with(['`', ' ']);
        let blank = if is_bare { "" } else { " " };
        Self(format!("{fence}{blank}{text}{blank}{fence}"))
    }

    /// What matters most.
    pub(super) fn strong(self) -> Self {
        Self(format!("**{self}**"))
    }

    /// Two pieces, one after the other.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.0.push_str(&other.0);
        self
    }
}

impl fmt::Display for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
