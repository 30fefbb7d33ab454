//! NDJSON: one event a line, blank lines between them as anyone likes.

use std::io::BufRead;

use anyhow::Context;
use snag::event::{Draft, MAX_EVENT};

use super::{Met, Ready, Row, ready};

/// The events of an NDJSON text.
pub(super) struct Lines {
    input: Box<dyn BufRead>,
    number: usize,
    met: Met,
}

impl Lines {
    pub(super) fn new(input: Box<dyn BufRead>) -> Self {
        Self { input, number: 0, met: Met::default() }
    }
}

impl Iterator for Lines {
    type Item = anyhow::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut line = Vec::new();
            match self.input.read_until(b'\n', &mut line).context("the input cannot be read") {
                Err(error) => return Some(Err(error)),
                Ok(0) => return None,
                Ok(bytes) => {
                    self.number += 1;
                    if !line.trim_ascii().is_empty() {
                        let event = read_line(&line, &mut self.met);
                        return Some(Ok(Row { line: self.number, bytes, event }));
                    }
                }
            }
        }
    }
}

/// The event that a text says.
pub(super) fn read_line(line: &[u8], met: &mut Met) -> Result<Ready, String> {
    // How a line ends is none of the event.
    let line = line.trim_ascii();
    if MAX_EVENT < line.len() {
        return Err(format!("has {} bytes, at most {MAX_EVENT} are kept: shorten it", line.len()));
    }
    let draft = Draft::parse(line).map_err(|error| error.to_string())?;
    ready(draft, met, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_line_ends_is_none_of_its_event() {
        let line = |length: usize, end: &str| {
            let frame = r#"{"place":"web/a","note":""}"#.len();
            let note = "x".repeat(length - frame);
            let line = format!(r#"{{"place":"web/a","note":"{note}"}}{end}"#);
            read_line(line.as_bytes(), &mut Met::default()).is_ok()
        };
        assert!(line(MAX_EVENT, "\n") && line(MAX_EVENT, "\r\n"));
        assert!(!line(MAX_EVENT + 1, ""));
    }
}
