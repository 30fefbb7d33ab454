//! Notes alike: how long grouping takes, of as many notes as are compared at most.

use std::time::Instant;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use snag::hotspot::{MOST_ALIKE, Note, fingerprint, group};
use uuid::Uuid;

use crate::load::median;
use crate::{ms, say};

/// How often they are grouped.
const TIMES: usize = 31;

/// Groups the notes of the tests, and pairs of them, until there are enough.
pub(crate) fn grouping() -> anyhow::Result<()> {
    let told: Value = serde_json::from_str(include_str!("../../tests/data/notes-alike.json"))?;
    let mut texts = Vec::new();
    for place in told["places"].as_array().context("the notes have places")? {
        let groups = place["groups"].as_array().into_iter().flatten();
        texts.extend(groups.flat_map(|group| group.as_array().into_iter().flatten()));
    }
    let texts: Vec<_> = texts.into_iter().filter_map(Value::as_str).collect();
    let pairs = texts.iter().zip(texts.iter().skip(1)).map(|(one, next)| format!("{one}; {next}"));
    let texts = texts.iter().map(|text| (*text).to_owned()).chain(pairs).take(MOST_ALIKE);
    let note = |(id, text): (u128, String)| Note {
        id: Uuid::from_u128(id),
        person: "ana".into(),
        at: Timestamp::UNIX_EPOCH,
        fingerprint: fingerprint(&text),
        text,
        severity: None,
    };
    let notes: Vec<_> = (1..).zip(texts).map(note).collect();
    let mut took = Vec::with_capacity(TIMES);
    let mut groups = 0;
    for _ in 0..TIMES {
        let notes = notes.clone();
        let started = Instant::now();
        groups = group(notes).len();
        took.push(started.elapsed());
    }
    let took = median(took).map_or(0.0, ms);
    say(&format!("\n{} notes are grouped into {groups} in {took:.1} ms", notes.len()));
    Ok(())
}
