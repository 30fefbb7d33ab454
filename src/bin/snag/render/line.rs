//! Lines of safe text in a few tones, and pages of lines.
//!
//! The one place that writes escape sequences, and the last that looks at the width.

use super::Look;
use super::safe::Safe;
use super::text::width;

/// How a piece of text is meant; readable on light and on dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// What the eye should find first.
    Bold,
    /// What may be passed over.
    Dim,
    /// Getting worse, or damaged.
    Bad,
    /// New, or to be looked at.
    Fresh,
    /// Getting better, or done.
    Good,
}

impl Tone {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Bad => Some("31"),
            // Yellow is hard to read on white.
            Self::Fresh => Some("35"),
            Self::Good => Some("32"),
        }
    }
}

/// One line in the making.
#[derive(Clone, Debug)]
pub(super) struct Line {
    look: Look,
    pieces: Vec<(Tone, Safe)>,
}

impl Look {
    /// An empty line.
    pub(super) fn line(&self) -> Line {
        Line { look: *self, pieces: Vec::new() }
    }

    /// An empty page.
    pub(super) fn page(&self) -> Page {
        Page { look: *self, lines: Vec::new() }
    }
}

impl Line {
    /// Adds text in a tone.
    pub(super) fn tone(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        self.pieces.push((tone, self.look.safe(text)));
        self
    }

    /// Adds text as it is.
    pub(super) fn plain(self, text: impl AsRef<str>) -> Self {
        self.tone(Tone::Plain, text)
    }

    /// Adds text the eye should find.
    pub(super) fn bold(self, text: impl AsRef<str>) -> Self {
        self.tone(Tone::Bold, text)
    }

    /// Adds text that may be passed over.
    pub(super) fn dim(self, text: impl AsRef<str>) -> Self {
        self.tone(Tone::Dim, text)
    }

    /// Adds blanks.
    pub(super) fn space(self, columns: usize) -> Self {
        self.plain(" ".repeat(columns))
    }

    /// Adds blanks up to a column.
    pub(super) fn pad_to(self, column: usize) -> Self {
        let columns = column.saturating_sub(self.width());
        self.space(columns)
    }

    /// Columns so far.
    pub(super) fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| width(text)).sum()
    }

    /// Writes the line, cut at the width and without blanks at its end.
    fn write(self, page: &mut String) {
        let Self { look, mut pieces } = self;
        let mut room = look.width;
        for (_, text) in &mut pieces {
            *text = look.cut(text, room);
            room = room.saturating_sub(width(text));
        }
        while let Some((_, last)) = pieces.last_mut() {
            let end = last.as_str().trim_end().len();
            *last = last.part(0..end);
            if end != 0 {
                break;
            }
            pieces.pop();
        }
        for (tone, text) in pieces {
            match tone.code().filter(|_| look.colour) {
                Some(code) => {
                    page.push_str("\x1b[");
                    page.push_str(code);
                    page.push('m');
                    page.push_str(text.as_str());
                    page.push_str("\x1b[0m");
                }
                None => page.push_str(text.as_str()),
            }
        }
        page.push('\n');
    }
}

/// Lines, one below the other.
pub(super) struct Page {
    look: Look,
    lines: Vec<Line>,
}

impl Page {
    /// Adds a line.
    pub(super) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Adds an empty line, unless there is one or nothing stands above it.
    pub(super) fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !line.pieces.is_empty()) {
            self.lines.push(self.look.line());
        }
    }

    /// Adds lines.
    pub(super) fn extend(&mut self, lines: impl IntoIterator<Item = Line>) {
        self.lines.extend(lines);
    }

    /// Adds a paragraph, wrapped under an indent.
    pub(super) fn prose(&mut self, indent: usize, tone: Tone, text: &str) {
        let look = self.look;
        for line in look.wrap(&look.safe(text), look.measure(indent)) {
            self.push(look.line().space(indent).tone(tone, line));
        }
    }

    /// Adds what to do next: what for, and the command.
    pub(super) fn next(&mut self, what: &str, command: &str) {
        let look = self.look;
        let line = look.line().dim(what).plain("  ").bold(command);
        if line.width() <= look.width {
            return self.push(line);
        }
        self.push(look.line().dim(what));
        for line in look.wrap(&look.safe(command), look.width.saturating_sub(2).max(8)) {
            self.push(look.line().space(2).bold(line));
        }
    }

    /// The page as text, each line ending in a line break.
    pub(super) fn finish(self) -> String {
        let mut page = String::new();
        for line in self.lines {
            line.write(&mut page);
        }
        page
    }
}
