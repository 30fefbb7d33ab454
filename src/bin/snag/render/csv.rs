//! Tables for a spreadsheet: CSV as RFC 4180 has it.
//!
//! # Promises
//!
//! - Columns are named as the fields of the JSON are, `quote.text` for a field within a field.
//!   They are the same whatever is in the rows, and new ones come at the end.
//! - No cell begins with what a spreadsheet takes for the beginning of a formula: text that would
//!   is led by an apostrophe. Figures are as they are.
//! - Times are exact, lists are JSON, and what is absent is an empty cell.

use serde::Serialize;
use serde_json::{Value, json};
use snag::event::Event;
use snag::index::{HotspotsAnswer, WhyAnswer};

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
pub(crate) const FORMULA: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// One row a hotspot, the worst first; `by` is what they are ranked by.
pub(crate) fn hotspots(answer: &HotspotsAnswer, by: &str) -> String {
    table(&format!("{by} {HOTSPOT}"), &answer.rows)
}

/// One row an event.
pub(crate) fn events(events: &[Event]) -> String {
    table(EVENT, events)
}

/// What pain is made of: one row a person and day. `sum` and `counted` are the person's, and stand
/// on each of their rows.
pub(crate) fn why(answer: &WhyAnswer) -> String {
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
        Value::String(text) if text.starts_with(FORMULA) => quoted(&format!("'{text}")),
        Value::String(text) => quoted(text),
        value => quoted(&value.to_string()),
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use snag::hotspot::By;

    use super::*;
    use crate::render::sample::{by, crash, full, hotspots, month, report, used, why_of};

    /// What a spreadsheet reads.
    fn read(csv: &str) -> Vec<Vec<String>> {
        assert!(csv.ends_with("\r\n"), "{csv:?}");
        // It is strict about the number of cells.
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
        let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
        rows.collect()
    }

    fn shown(csv: &str) -> String {
        csv.replace("\r\n", "↵\n")
    }

    #[test]
    fn ranked() {
        assert_snapshot!(shown(&super::hotspots(&hotspots(&month()), "place")));
    }

    #[test]
    fn ranked_by_kind_and_none() {
        let kinds = super::hotspots(&by(&month(), By::Kind), "kind");
        assert!(kinds.starts_with("kind,pain,") && kinds.contains("\r\nunexpected,"), "{kinds}");
        assert_eq!(read(&super::hotspots(&hotspots(&[]), "place")).len(), 1, "a header");
    }

    #[test]
    fn listed() {
        let told = [full(), crash("11-20", "cli/deploy", "bob"), used("11-20", "web/a", "bob", 3)];
        assert_snapshot!(shown(&events(&told)));
    }

    #[test]
    fn explained() {
        assert_snapshot!(shown(&why(&why_of(&month(), "web/checkout/pay"))));
    }

    /// Each field that has a value in the JSON, the way it is named in a header.
    fn fields(value: &Value, name: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields_of) if !["tags", "evidence"].contains(&name) => {
                for (field, value) in fields_of {
                    let dot = if name.is_empty() { "" } else { "." };
                    fields(value, &format!("{name}{dot}{field}"), found);
                }
            }
            Value::Null => {}
            _ => found.push(name.to_owned()),
        }
    }

    #[test]
    fn no_field_of_the_json_is_left_out() {
        let answer = hotspots(&month());
        let (mut told, mut signal) = (full(), crash("11-20", "web/a", "bob"));
        signal.count = Some(1);
        signal.person_verified = true;
        told.same_as = Some(told.id);
        for (header, value) in [
            (super::hotspots(&answer, "place"), json!(answer.rows)),
            (events(&[told.clone()]), json!([told, signal])),
        ] {
            let header: Vec<&str> = header.lines().next().unwrap().split(',').collect();
            let mut found = Vec::new();
            value.as_array().unwrap().iter().for_each(|row| fields(row, "", &mut found));
            for field in found {
                assert!(header.contains(&field.as_str()), "{field} is no column");
            }
        }
    }

    /// Text as somebody writes it who wants a spreadsheet to calculate.
    fn text() -> impl Strategy<Value = String> {
        let nasty = prop::sample::select(vec![
            "=",
            "+",
            "-",
            "@",
            "\t",
            "\r",
            "\n",
            "＝",
            "＋",
            "－",
            "＠",
            "'",
            "\"",
            ",",
            "\r\n",
            "1",
            " ",
            "cmd|' /C calc'!A0",
        ]);
        let piece = prop_oneof![nasty.prop_map(str::to_owned), any::<String>()];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_and_nothing_calculates(
            texts in prop::collection::vec(text(), 4),
        ) {
            let more = json!({"note": texts[0], "version": texts[1], "tags": {(texts[2].clone()): texts[3]}});
            let told = [report("11-19", "web/a", &texts[3], more)];
            let ranked = by(&told, By::Version);
            for (csv, column, text) in [
                (events(&told), "note", &texts[0]),
                (events(&told), "person", &texts[3]),
                (super::hotspots(&ranked, "version"), "version", &texts[1]),
                (super::hotspots(&hotspots(&told), "place"), "quote.text", &texts[0]),
                (why(&why_of(&told, "web/a")), "person", &texts[3]),
            ] {
                let rows = read(&csv);
                prop_assert_eq!(rows.len(), 2, "{}", csv);
                let at = rows[0].iter().position(|name| name == column).unwrap();
                let is_led = text.starts_with(FORMULA);
                let written = if is_led { format!("'{text}") } else { text.clone() };
                prop_assert_eq!(&rows[1][at], &written);
                for cell in &rows[1] {
                    prop_assert!(!cell.starts_with(FORMULA), "{:?}", cell);
                }
            }
        }
    }
}
