//! Secrets are taken out before anything is written: what never touches the disk needs no erasing.
//!
//! A secret is known by its own shape (`ghp_…`), by what stands before it (`Authorization: …`) or
//! by the name of its key (`"password": …`). It is replaced by `[scrubbed:RULE]`, and its rule is
//! told; the value is not kept, nor its length, nor a hash.
//!
//! # Promises
//!
//! - What has been scrubbed is left as it is by a second scrubbing.
//! - Whatever the text, nothing panics, and clean text is not copied.
//! - The text around a secret stays.

mod check;
mod key;
mod marks;
mod rules;
#[cfg(test)]
mod tests;
mod walk;

pub use key::scrub_key;
pub(super) use walk::{scrub_event, scrub_json};

use std::ops::Range;

use rules::Hit;

/// The text without its secrets, and the rules that found some, in order of first appearance;
/// none where there is no secret.
///
/// For any text: a note, a log, a line that should have been JSON. The result may be longer than
/// the text.
#[must_use]
pub fn scrub(text: &str) -> Option<(String, Vec<&'static str>)> {
    let mut rules = Vec::new();
    let mut clean: Option<String> = None;
    // What was taken out may have hidden the edge of what comes next, so look again. Each round
    // takes out text that is no placeholder, so there is a last one.
    loop {
        let text = clean.as_deref().unwrap_or(text);
        let hits = settle(around_placeholders(text, rules::hits(text)));
        if hits.is_empty() {
            return clean.map(|clean| (clean, rules));
        }
        for hit in &hits {
            if !rules.contains(&hit.rule) {
                rules.push(hit.rule);
            }
        }
        clean = Some(replace(text, &hits));
    }
}

/// Compiles every rule now, so that no text waits for it.
pub fn compile_rules() {
    rules::compile();
}

/// Widens hits that cut a placeholder in two, and drops those that are one and nothing else.
fn around_placeholders(text: &str, mut hits: Vec<Hit>) -> Vec<Hit> {
    if hits.is_empty() {
        return hits;
    }
    let placeholders: Vec<Range<usize>> = placeholders(text).collect();
    hits.retain_mut(|Hit { span, .. }| {
        // They are in order, and none lies in another.
        let first = placeholders.partition_point(|old| old.end <= span.start);
        let after = placeholders.partition_point(|old| old.start < span.end);
        let Some([old, ..]) = placeholders.get(first..after) else { return true };
        let last = &placeholders[after - 1];
        *span = span.start.min(old.start)..span.end.max(last.end);
        span != old
    });
    hits
}

/// Makes one hit of those that overlap: all their text goes, and the longest names the rule.
fn settle(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| (hit.span.start, std::cmp::Reverse(hit.span.end), hit.rank));
    let mut settled: Vec<Hit> = Vec::with_capacity(hits.len());
    let mut longest = 0;
    for hit in hits {
        match settled.last_mut() {
            Some(last) if hit.span.start < last.span.end => {
                last.span.end = last.span.end.max(hit.span.end);
                if longest < hit.span.len() {
                    longest = hit.span.len();
                    last.rule = hit.rule;
                }
            }
            _ => {
                longest = hit.span.len();
                settled.push(hit);
            }
        }
    }
    settled
}

fn replace(text: &str, hits: &[Hit]) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut from = 0;
    for hit in hits {
        clean.push_str(&text[from..hit.span.start]);
        clean.push_str(&placeholder(hit.rule));
        from = hit.span.end;
    }
    clean.push_str(&text[from..]);
    clean
}

/// How a placeholder begins.
const OPEN: &str = "[scrubbed:";

fn placeholder(rule: &str) -> String {
    format!("{OPEN}{rule}]")
}

fn placeholders(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices(OPEN).filter_map(|(start, _)| {
        let name = &text[start + OPEN.len()..];
        let length = name.find(|c: char| !c.is_ascii_lowercase() && c != '-')?;
        name[length..].starts_with(']').then(|| start..start + OPEN.len() + length + 1)
    })
}

fn is_placeholder(text: &str) -> bool {
    placeholders(text).next() == Some(0..text.len())
}
