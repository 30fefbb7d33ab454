//! Tables for a spreadsheet: CSV as RFC 4180 has it.
//!
//! # Promises
//!
//! - Columns are named as the fields of the JSON are, `quote.text` for a field within a field.
//!   They are the same whatever is in the rows, and new ones come at the end.
//! - No cell begins with what a spreadsheet takes for the beginning of a formula: text that would
//!   is led by an apostrophe, behind a semicolon, a tab or a line break in it as well, where another
//!   spreadsheet begins a cell. Figures are as they are.
//! - Times are exact, lists are JSON, and what is absent is an empty cell.

pub mod markdown;

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use crate::event::Event;
use crate::index::{HotspotsAnswer, WhyAnswer};

/// The fields of a hotspot, behind the one it is named by.
const HOTSPOT: &str = "
    pain uncapped people person_days worst_points last_day
    trend.word trend.x1 trend.e1 trend.x0 trend.e0 trend.p_worse trend.p_better
    folded children reports signals
    outcomes.continued outcomes.retried outcomes.worked-around outcomes.asked-for-help
    outcomes.abandoned outcomes.switched worst_outcome
    feelings.delighted feelings.calm feelings.surprised feelings.confused feelings.anxious
    feelings.frustrated feelings.resigned
    lost_minutes uses
    hurt_per_use.hurt hurt_per_use.uses hurt_per_use.rate hurt_per_use.low hurt_per_use.high
    spark first_seen
    quote.id quote.place quote.severity quote.at quote.text
    hurt_per_use.people_hurt hurt_per_use.people";

/// The fields of an event.
const EVENT: &str = "
    id class at received_at at_clamped place person person_verified claimed_person actor
    note expected got workaround feeling outcome lost_minutes kind severity version task source
    signal.name signal.count signal.rule count same_as tags evidence scrubbed
    decision.verdict decision.by decision.at decision.severity decision.note";

/// The fields of a term: what one person met on one day, and what all their days come to.
const TERM: &str = "place person day points worst sum counted";

/// The first letter of a formula, or what leads to one.
pub const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// What else may separate cells and rows: Excel takes a semicolon where numbers have a decimal comma.
const SEPARATORS: [char; 4] = [';', '\t', '\r', '\n'];

/// One row a hotspot, the worst first; `by` is what they are ranked by.
#[must_use]
pub fn hotspots(answer: &HotspotsAnswer, by: &str) -> String {
    table(&format!("{by} {HOTSPOT}"), &answer.rows)
}

/// One row an event.
#[must_use]
pub fn events(events: &[Event]) -> String {
    table(EVENT, events)
}

/// What pain is made of: one row a person and day. `sum` and `counted` are the person's, and stand
/// on each of their rows.
#[must_use]
pub fn why(answer: &WhyAnswer) -> String {
    let why = &answer.why;
    let days = why.people.iter().flat_map(|term| term.days.iter().map(move |day| (term, day)));
    let rows = days.map(|(term, day)| {
        json!({
            "place": why.place, "person": term.person, "day": day.day, "points": day.points,
            "worst": day.worst, "sum": term.sum, "counted": term.counted,
        })
    });
    table(TERM, &rows.collect::<Vec<_>>())
}

/// A header of the fields, and a line for each row.
fn table(fields: &str, rows: &[impl Serialize]) -> String {
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let mut csv = fields.join(",") + "\r\n";
    for row in rows {
        let row = serde_json::to_value(row).unwrap_or_default();
        let cells: Vec<String> = fields.iter().map(|field| cell(find(&row, field))).collect();
        csv.push_str(&cells.join(","));
        csv.push_str("\r\n");
    }
    csv
}

/// A field, or a field within a field.
fn find<'a>(row: &'a Value, field: &str) -> &'a Value {
    field.split('.').fold(row, |value, name| &value[name])
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => quoted(&led(text)),
        value => quoted(&escaped(&value.to_string())),
    }
}

/// JSON with an escape instead of whatever would begin a formula behind a semicolon; those are within texts.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut before = None;
    for letter in json.chars() {
        if before == Some(';') && (letter == '\'' || FORMULA.contains(&letter)) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(letter));
        } else {
            escaped.push(letter);
        }
        before = Some(letter);
    }
    escaped
}

/// A text with `'` in front of whatever would begin a formula: where it begins, and where a cell would
/// begin if something else than a comma separated them.
fn led(text: &str) -> String {
    let mut led = String::with_capacity(text.len() + 1);
    let mut before = None;
    for (at, letter) in text.char_indices() {
        if is_led(before, &text[at..]) {
            led.push('\'');
        }
        led.push(letter);
        before = Some(letter);
    }
    led
}

/// The text that was led so.
#[must_use]
pub fn unled(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut before = None;
    for (at, letter) in text.char_indices() {
        if letter != '\'' || !is_led(before, &text[at + 1..]) {
            plain.push(letter);
        }
        before = Some(letter);
    }
    plain
}

/// Whether `'` stands in front of the rest of a text, behind a letter of it: a spreadsheet would calculate
/// the rest, or it would be taken for one that is led already. Behind another separator a quotation mark,
/// which stands there doubled, is an empty part of a cell.
fn is_led(before: Option<char>, rest: &str) -> bool {
    match before {
        None => rest.trim_start_matches('\'').starts_with(FORMULA),
        Some(before) => {
            SEPARATORS.contains(&before)
                && !rest.starts_with(SEPARATORS)
                && rest.trim_start_matches(['\'', '"']).starts_with(FORMULA)
        }
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}
