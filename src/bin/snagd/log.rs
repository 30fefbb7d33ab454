//! What the daemon says about itself, and to whom.
//!
//! One line an event, whatever an event or a file name contains: control characters are shown, not
//! sent. To the journal go fields, which cannot be mistaken for one another.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::str::FromStr;

use anyhow::Context;
use clap::ValueEnum;
use snag::event::{is_unprintable, nearest};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry, fmt};

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The journal where stderr goes there, else text
    Auto,
    /// A line on stderr
    Text,
    /// A JSON object a line on stderr
    Json,
    /// journald, with fields
    Journal,
}

/// What to log: a level, and others for modules.
#[derive(Clone, Debug)]
pub(crate) struct Filter(Targets);

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut targets = Targets::new();
        for part in text.split(',').map(str::trim) {
            targets = match part.split_once('=') {
                None => targets.with_default(level(part)?),
                Some((module, part)) => targets.with_target(module_of(module)?, level(part)?),
            };
        }
        Ok(Self(targets))
    }
}

fn level(text: &str) -> Result<LevelFilter, String> {
    let text = text.to_ascii_lowercase();
    if LEVELS.contains(&text.as_str()) {
        return text.parse().map_err(|_| format!("`{text}` is no level"));
    }
    let hint = match nearest(&text, LEVELS) {
        Some(near) => format!("did you mean `{near}`? It is"),
        None => "it is".to_owned(),
    };
    Err(format!("`{text}` is no level: {hint} one of {}", LEVELS.join(", ")))
}

/// Only what snag says itself is ever logged.
fn module_of(text: &str) -> Result<&str, String> {
    if ["snag", "snagd"].contains(&text) || text.starts_with("snag::") {
        return Ok(text);
    }
    Err(format!("`{text}` is no module of snag: write one like `snag::doors=debug`"))
}

/// Starts logging.
pub(crate) fn init(Filter(filter): Filter, format: Format) -> anyhow::Result<()> {
    let layer = match format {
        Format::Auto if goes_to_journal() => journal().unwrap_or_else(|_| text()),
        Format::Auto | Format::Text => text(),
        Format::Json => json(),
        Format::Journal => journal()
            .context("there is no journal to log to: say another format with `--log-format`")?,
    };
    tracing_subscriber::registry().with(layer).with(filter).init();
    Ok(())
}

type Log = Box<dyn Layer<Registry> + Send + Sync>;

fn text() -> Log {
    let colour = io::stderr().is_terminal();
    let show = if colour { Show::ColouredText } else { Show::Text };
    Box::new(fmt::layer().with_target(false).with_ansi(colour).with_writer(move || Lines(show)))
}

fn json() -> Log {
    let layer = fmt::layer().json().flatten_event(true).with_current_span(false);
    Box::new(layer.with_span_list(false).with_writer(|| Lines(Show::Json)))
}

fn journal() -> io::Result<Log> {
    let layer = tracing_journald::layer()?.with_field_prefix(Some("SNAG".to_owned()));
    Ok(Box::new(layer.with_syslog_identifier("snagd".to_owned())))
}

/// Whether what is written to standard error ends up in the journal.
fn goes_to_journal() -> bool {
    let stream = env::var("JOURNAL_STREAM").ok();
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stderr| is_journal(stream.as_deref(), stderr.st_dev, stderr.st_ino))
}

/// systemd names the stream it gave us by device and inode; it may have been redirected since.
fn is_journal(stream: Option<&str>, device: u64, inode: u64) -> bool {
    stream.and_then(|stream| stream.split_once(':')).is_some_and(|(its_device, its_inode)| {
        its_device.parse() == Ok(device) && its_inode.parse() == Ok(inode)
    })
}

/// How a line shows what cannot be printed.
#[derive(Clone, Copy)]
enum Show {
    Text,
    /// The escape characters in it are our own; those of others are shown already.
    ColouredText,
    Json,
}

/// Standard error, written to a line at a time.
struct Lines(Show);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(self.0.line(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Show {
    /// One line, ended as such.
    fn line(self, text: &str) -> String {
        let letters = text.trim_end_matches('\n').chars();
        letters.map(|letter| self.letter(letter)).collect::<String>() + "\n"
    }

    fn letter(self, letter: char) -> String {
        match self {
            _ if !is_unprintable(letter) => letter.to_string(),
            Self::ColouredText if letter == '\u{1b}' => letter.to_string(),
            Self::Text | Self::ColouredText => letter.escape_unicode().to_string(),
            Self::Json => format!("\\u{:04x}", u32::from(letter)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_modules() {
        let filter = |text: &str| text.parse::<Filter>().map(|Filter(targets)| targets.to_string());
        assert_eq!(filter("info").unwrap(), "info");
        assert_eq!(filter("WARN").unwrap(), "warn");
        assert_eq!(filter("info, snag::doors=debug").unwrap(), "snag::doors=debug,info");
        assert_eq!(filter("snag=trace").unwrap(), "snag=trace");
        let bad = [
            ("inf", "`inf` is no level: did you mean `info`? It is one of off, error, warn"),
            ("", "`` is no level: it is one of off"),
            ("info,", "`` is no level: it is one of off"),
            ("snag::doors", "`snag::doors` is no level: it is one of off"),
            ("snag::doors=loud", "`loud` is no level"),
            ("hyper=debug", "`hyper` is no module of snag: write one like `snag::doors=debug`"),
            ("snagger=debug", "`snagger` is no module of snag"),
        ];
        for (text, told) in bad {
            let error = filter(text).unwrap_err();
            assert!(error.starts_with(told), "{text}: {error}");
        }
    }

    #[test]
    fn the_journal_is_known_by_device_and_inode() {
        assert!(is_journal(Some("8:1234"), 8, 1234));
        for stream in [None, Some(""), Some("8"), Some("8:1235"), Some("9:1234"), Some("x:y")] {
            assert!(!is_journal(stream, 8, 1234), "{stream:?}");
        }
    }

    #[test]
    fn what_cannot_be_printed_is_shown() {
        let evil = "a\nb\u{1b}[2Jc\u{7f}\u{9b}\u{202e}d\n";
        let text = "a\\u{a}b\\u{1b}[2Jc\\u{7f}\\u{9b}\\u{202e}d\n";
        assert_eq!(Show::Text.line(evil), text);
        assert_eq!(
            Show::ColouredText.line("\u{1b}[31mERROR\u{1b}[0m\n"),
            "\u{1b}[31mERROR\u{1b}[0m\n"
        );
        let json = Show::Json.line("{\"message\":\"\u{7f}\u{9b}\u{202e}\"}\n");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["message"], "\u{7f}\u{9b}\u{202e}");
        assert!(json.trim_end().bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{json:?}");
    }
}
