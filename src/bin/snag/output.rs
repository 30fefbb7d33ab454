//! Where words go: data to stdout, notes to stderr, colour only where it is wanted.

use std::env;
use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use clap::ColorChoice;
use serde::Serialize;
use snag::doors::now;
use snag::event::Day;

use crate::args::{Formats, Global};
use crate::render::{self, Look};

/// The width where nobody says one.
const DEFAULT_WIDTH: usize = 100;

/// What data is printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text for a reader.
    Text,
    /// JSON, as the daemon tells it.
    Json,
    /// A table for a spreadsheet.
    Csv,
    /// A report to paste into an issue.
    Markdown,
}

/// How to print.
pub(crate) struct Output {
    /// As what.
    pub(crate) format: Format,
    look: Look,
    to_terminal: bool,
}

impl Format {
    fn of(said: &Formats) -> Self {
        match said {
            Formats { json: true, .. } => Self::Json,
            Formats { csv: true, .. } => Self::Csv,
            Formats { markdown: true, .. } => Self::Markdown,
            _ => Self::Text,
        }
    }
}

impl Output {
    /// As the arguments, the environment and the terminal have it.
    pub(crate) fn new(global: &Global) -> Self {
        let to_terminal = io::stdout().is_terminal();
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let colour = match global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if is_set("NO_COLOR") => false,
            ColorChoice::Auto if env::var("CLICOLOR_FORCE").is_ok_and(|value| value != "0") => true,
            ColorChoice::Auto if env::var("CLICOLOR").is_ok_and(|value| value == "0") => false,
            ColorChoice::Auto => {
                to_terminal && env::var("TERM").map_or(true, |term| term != "dumb")
            }
        };
        let now = now();
        let ascii = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
            .is_some_and(|locale| !shows_unicode(&locale));
        let look =
            Look { width: width(), colour, today: Day::of(now), now, ascii, utc: global.utc };
        Self { format: Format::of(&global.formats), look, to_terminal }
    }

    /// How the terminal looks.
    pub(crate) fn look(&self) -> &Look {
        &self.look
    }

    /// Prints text, ended by a line break.
    #[expect(clippy::unused_self, reason = "whoever prints has decided how")]
    pub(crate) fn line(&self, text: &str) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        let written = writeln!(stdout, "{}", text.trim_end_matches('\n'));
        written.and_then(|()| stdout.flush()).context("the answer cannot be written")
    }

    /// Prints a document that may be kept, harmless on a terminal.
    pub(crate) fn document(&self, text: &str) -> anyhow::Result<()> {
        if self.to_terminal {
            self.line(&render::text_for_terminal(&text.replace("\r\n", "\n"), &self.look))
        } else {
            self.line(text)
        }
    }

    /// Prints JSON from a daemon, harmless on a terminal.
    pub(crate) fn json(&self, json: &[u8]) -> anyhow::Result<()> {
        let text = String::from_utf8_lossy(json);
        if self.to_terminal {
            self.line(&render::json_for_terminal(&text))
        } else {
            self.line(&text)
        }
    }

    /// Prints a value as JSON if that was asked for, else as text.
    pub(crate) fn json_or(
        &self,
        value: &impl Serialize,
        text: impl FnOnce(&Look) -> String,
    ) -> anyhow::Result<()> {
        if self.format == Format::Json {
            self.json(&serde_json::to_vec(value)?)
        } else {
            self.line(&text(&self.look))
        }
    }

    /// Says something beside the data.
    pub(crate) fn note(&self, text: &str) {
        // stderr being closed is no reason to fail.
        let _ = writeln!(io::stderr(), "snag: {}", render::text_for_terminal(text, &self.look));
    }
}

/// Whether a locale has UTF-8: it says so, or names no other codeset, nor anything that stands for one,
/// as `@euro` does.
fn shows_unicode(locale: &str) -> bool {
    let (name, modifier) = locale.split_once('@').unwrap_or((locale, ""));
    match name.split_once('.') {
        Some((_, codeset)) => {
            let letters = codeset.chars().filter(char::is_ascii_alphanumeric);
            letters.collect::<String>().eq_ignore_ascii_case("utf8")
        }
        None => !["C", "POSIX"].contains(&name) && modifier.is_empty(),
    }
}

/// The terminal's width; `COLUMNS` wins.
fn width() -> usize {
    let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.or_else(terminal_width).unwrap_or(DEFAULT_WIDTH).clamp(40, 400)
}

fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col != 0).then_some(size.ws_col.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_says_what_can_be_shown() {
        for locale in ["en_US.UTF-8", "C.UTF-8", "C.utf8", "de_DE.UTF-8@euro", "de_DE", "en"] {
            assert!(shows_unicode(locale), "{locale}");
        }
        for locale in ["C", "POSIX", "en_US.ISO-8859-1", "de_DE@euro", "ja_JP.eucJP", "C.ASCII"] {
            assert!(!shows_unicode(locale), "{locale}");
        }
    }
}
