//! A friction log in Markdown: one event a step.

use std::io::BufRead;

use anyhow::Context;

use super::sheet::{instant, no_instant};
use super::{Met, Row, Rows, ready};
use crate::output::Output;
use crate::render::plural;
use crate::session::markdown::{self, Log};
use crate::stop::{Code, stop};

/// What is said of Markdown that is something else.
const NO_LOG: &str = "this Markdown has no steps: write each as an item (\"- the total is hidden\") under \"## Steps\", and the place once (\"- Place: web/shop\") under \"## Context\"; `snag session end --export md` shows how";

/// The events of a log.
pub(super) fn read(mut input: Box<dyn BufRead>, output: &Output) -> anyhow::Result<Rows> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).context("the log cannot be read")?;
    let text = String::from_utf8(bytes)
        .map_err(|_| stop(Code::Usage, "the log is no UTF-8: save it as UTF-8"))?;
    let Log { steps, left_out } = markdown::read(&text);
    if steps.is_empty() {
        return Err(stop(Code::Usage, NO_LOG));
    }
    if let Some(first) = left_out.first() {
        let lines = plural(left_out.len() as u64, "line was", "lines were");
        output.note(&format!(
            "{lines} not taken, line {first} first: what belongs to a step stands in its item, under \"## Steps\", \"## Pros\" or \"## Cons\""
        ));
    }
    let mut met = Met::default();
    let rows = steps.into_iter().map(move |(line, read)| {
        let event = read.and_then(|mut draft| {
            if let Some(said) = draft.text("at").map(str::to_owned) {
                let at = instant(&said).ok_or_else(|| no_instant("at", &said))?;
                draft.set("at", at);
            }
            if draft.has("id") {
                // `snag session` recorded it, as `snag log` would have.
                draft.set("source", "cli");
            }
            let content = draft.to_json();
            ready(draft, &mut met, &content)
        });
        Ok(Row { line, bytes: 0, event })
    });
    Ok(Box::new(rows))
}
