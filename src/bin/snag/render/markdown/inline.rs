//! Text within Markdown: what people wrote is shown and does nothing.

use std::fmt;

use snag::sheet::markdown;

use crate::render::safe::Safe;

/// A piece of a line. It stays in its line, its cell and its letters, whoever wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inline(String);

impl Inline {
    /// Text that means itself only.
    pub(super) fn text(text: &Safe) -> Self {
        Self(markdown::text(text.as_str()))
    }

    /// Text in the letters of a program, fenced by more backticks than it holds in a row.
    pub(super) fn code(text: &Safe) -> Self {
        Self(markdown::code(text.as_str()))
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
