//! From the bytes of a file to its lines, and from a line to an event.
//!
//! A line is one draft: a line of NDJSON, an element of a list, or all of a file that holds one
//! object, on however many lines it is written.

use std::ops::Range;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::file::Plain;
use crate::doors::Desk;
use crate::event::{Draft, Event, MAX_EVENT, Sender, Source};
use crate::recorder::Fate;

/// One draft of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1: the line, or the position in a list.
    pub(super) number: usize,
    /// Which bytes of the file.
    pub(super) span: Range<usize>,
}

/// An event, and whether its id is one we made of the file.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) event: Event,
    pub(super) has_our_id: bool,
}

/// The drafts of a file. Blank lines are none.
pub(super) fn split(bytes: &[u8]) -> Vec<Line> {
    let whole = trimmed(bytes, 0..bytes.len());
    if bytes.get(whole.start) == Some(&b'[') {
        return elements(bytes).unwrap_or_else(|| vec![Line { number: 1, span: whole }]);
    }
    let lines = lines(bytes);
    if is_one_object(bytes, &lines) {
        return vec![Line { number: 1, span: whole }];
    }
    lines
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let span = trimmed(bytes, start..start + line.len());
        start += line.len() + 1;
        if !span.is_empty() {
            lines.push(Line { number, span });
        }
    }
    lines
}

/// The elements of a JSON list; none if it is no such list.
fn elements(bytes: &[u8]) -> Option<Vec<Line>> {
    let elements: Vec<&RawValue> = serde_json::from_slice(bytes).ok()?;
    let spans = elements.into_iter().map(|element| {
        let start = element.get().as_ptr().addr() - bytes.as_ptr().addr();
        start..start + element.get().len()
    });
    Some((1..).zip(spans).map(|(number, span)| Line { number, span }).collect())
}

/// Whether the lines are those of one object, be it a broken one: the first line only begins an
/// object, and no line is one by itself.
fn is_one_object(bytes: &[u8], lines: &[Line]) -> bool {
    let [first, rest @ ..] = lines else { return false };
    let parse = |line: &Line| serde_json::from_slice::<IgnoredAny>(&bytes[line.span.clone()]);
    let is_object = |line: &Line| bytes[line.span.start] == b'{' && parse(line).is_ok();
    !rest.is_empty()
        && bytes[first.span.start] == b'{'
        && parse(first).is_err_and(|error| error.is_eof())
        && (serde_json::from_slice::<IgnoredAny>(bytes).is_ok() || !rest.iter().any(is_object))
}

fn trimmed(bytes: &[u8], span: Range<usize>) -> Range<usize> {
    let line = &bytes[span.clone()];
    let start = span.start + (line.len() - line.trim_ascii_start().len());
    start..start + line.trim_ascii().len()
}

/// Checks one line; says what to change where it cannot be recorded.
pub(super) fn admit(
    desk: &Desk,
    sender: &Sender,
    json: &[u8],
    id: impl FnOnce() -> Uuid,
) -> Result<Admitted, String> {
    let admitted = check(desk, sender, json, id);
    if admitted.is_err() {
        desk.recorder.meter().count(Source::Drop, Fate::Rejected);
    }
    admitted
}

fn check(
    desk: &Desk,
    sender: &Sender,
    json: &[u8],
    id: impl FnOnce() -> Uuid,
) -> Result<Admitted, String> {
    if MAX_EVENT < json.len() {
        let found = json.len();
        return Err(format!(
            "an event has at most {MAX_EVENT} bytes, this one has {found}: shorten its texts or its evidence"
        ));
    }
    let mut draft = Draft::parse(json).map_err(|error| error.to_string())?;
    let has_our_id = !(draft.has("id") && says_id(json));
    if has_our_id {
        draft.set("id", id().to_string());
    }
    match desk.admit(draft, sender.clone(), Source::Drop) {
        Ok(event) => Ok(Admitted { event, has_our_id }),
        Err(rejection) => {
            let faults = rejection.faults.iter().map(|fault| match fault.pointer.as_str() {
                "" => fault.detail.clone(),
                pointer => format!("{pointer}: {}", fault.detail),
            });
            Err(faults.collect::<Vec<_>>().join("; "))
        }
    }
}

/// Whether the id is there and not null.
fn says_id(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Said {
        id: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Said>(json).is_ok_and(|said| said.id.is_some())
}

/// The ids of drafts in files that bring none are of this kind.
const OF_DROPPED_LINES: Uuid = Uuid::from_u128(0x9c1f_5a44_0d0e_4a7b_8f5e_64b1_c7de_2a90);

/// The id of a line that brings none: the same for the same line of the same file.
pub(super) fn id_of(file: &Plain, name: &[u8], line: &Line) -> Uuid {
    let mut identity = Vec::new();
    identity.extend(file.owner.to_be_bytes());
    identity.extend((name.len() as u64).to_be_bytes());
    identity.extend(name);
    identity.extend(file.stamp.modified.to_be_bytes());
    identity.extend((line.number as u64).to_be_bytes());
    identity.extend(&file.bytes[line.span.clone()]);
    Uuid::new_v5(&OF_DROPPED_LINES, &identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(file: &str) -> Vec<(usize, &str)> {
        split(file.as_bytes()).into_iter().map(|line| (line.number, &file[line.span])).collect()
    }

    #[test]
    fn a_file_is_an_object_a_list_or_lines() {
        assert_eq!(texts(" {\"a\":1} \n"), [(1, "{\"a\":1}")]);
        assert_eq!(texts("{\n \"a\": [\n1]\n}\n"), [(1, "{\n \"a\": [\n1]\n}")]);
        assert_eq!(texts("\n{\"a\":1}\r\n\n{}"), [(2, "{\"a\":1}"), (4, "{}")]);
        assert_eq!(texts(" [ {\"a\":\n1}, 2,{}]"), [(1, "{\"a\":\n1}"), (2, "2"), (3, "{}")]);
        assert_eq!(texts("[]"), []);
    }

    #[test]
    fn broken_files_come_apart_where_that_saves_a_line() {
        assert_eq!(texts("{\"a\":\n{}\nx"), [(1, "{\"a\":"), (2, "{}"), (3, "x")]);
        assert_eq!(texts("{\n\"a\":\n"), [(1, "{\n\"a\":")]);
        assert_eq!(texts("{\n\"a\": {\n}\n}\n}"), [(1, "{\n\"a\": {\n}\n}\n}")]);
        assert_eq!(texts("nope\nno"), [(1, "nope"), (2, "no")]);
        assert_eq!(texts("[{},\n{}"), [(1, "[{},\n{}")]);
    }
}
