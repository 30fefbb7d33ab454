//! A friction log in Markdown: one event a step.

use std::io::BufRead;

use anyhow::Context;

use super::{Row, Rows, ready};
use crate::session::markdown;

/// The events of a log.
pub(super) fn read(mut input: Box<dyn BufRead>) -> anyhow::Result<Rows> {
    let mut text = String::new();
    input.read_to_string(&mut text).context("the log cannot be read as text")?;
    let rows = markdown::read(&text).into_iter().enumerate().map(|(number, (line, read))| {
        let event = read.and_then(|mut draft| {
            if draft.has("id") {
                // `snag session` recorded it, as `snag log` would have.
                draft.set("source", "cli");
            }
            let content = draft.to_json();
            ready(draft, number, &content)
        });
        Ok(Row { line, bytes: 0, event })
    });
    Ok(Box::new(rows))
}
