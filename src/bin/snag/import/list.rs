//! JSON over several lines: a list of events, or one behind the other, as programs lay it out for
//! people.
//!
//! All of it is read at once, so it is for files that a person may have looked into.

use std::io::{BufRead, Read};

use anyhow::Context;
use serde_json::{Deserializer, Value};

use super::lines::read_line;
use super::{Met, Row, Rows};
use crate::stop::{Code, stop};

/// The most bytes of one.
const MOST: u64 = 16 * 1024 * 1024;
/// What is said of more.
const TOO_LONG: &str = "this JSON is laid out over lines and too long to be read at once: write one event a line, as `jq -c '.[]? // .'` does";

/// Whether a text that begins like this is no event a line.
pub(super) fn is_one(begins: &[u8]) -> bool {
    let begins = begins.trim_ascii_start();
    let first = begins.split(|byte| *byte == b'\n').next().unwrap_or_default();
    begins.starts_with(b"[") || (first.trim_ascii() == b"{" && first.len() < begins.len())
}

/// The events of it.
pub(super) fn read(input: Box<dyn BufRead>) -> anyhow::Result<Rows> {
    let mut text = Vec::new();
    input.take(MOST + 1).read_to_end(&mut text).context("the input cannot be read")?;
    if MOST < text.len() as u64 {
        return Err(stop(Code::Usage, TOO_LONG));
    }
    let mut met = Met::default();
    let rows = values(&text)?.into_iter().map(move |(line, value)| {
        let json = value.to_string();
        Ok(Row { line, bytes: json.len(), event: read_line(json.as_bytes(), &mut met) })
    });
    Ok(Box::new(rows))
}

/// The values in a text, in a list or not, each with the line that it begins on.
fn values(text: &[u8]) -> anyhow::Result<Vec<(usize, Value)>> {
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || b",[]".contains(byte);
    let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').skip(1).count();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    loop {
        let blank = text[at..].iter().take_while(|byte| is_between(byte)).count();
        line += lines(&text[at..at + blank]);
        at += blank;
        if at == text.len() {
            return Ok(found);
        }
        let mut values = Deserializer::from_slice(&text[at..]).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                let wrong = line + error.line().saturating_sub(1);
                let told = format!(
                    "line {line}: what begins here is no JSON from line {wrong} on: nothing was recorded; mend it and import the file again"
                );
                return Err(stop(Code::Usage, told));
            }
            None => return Ok(found),
        };
        found.push((line, value));
        let end = at + values.byte_offset();
        line += lines(&text[at..end]);
        at = end;
    }
}
