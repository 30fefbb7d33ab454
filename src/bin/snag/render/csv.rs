//! Tables for a spreadsheet, as [`snag::sheet`] writes them; tried here, on what the other views
//! are tried on.

pub(crate) use snag::sheet::{events, hotspots, unled, why};

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use snag::hotspot::By;
    use snag::sheet::FORMULA;

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
            ";",
            "1",
            " ",
            "cmd|' /C calc'!A0",
        ]);
        let piece = prop_oneof![nasty.prop_map(str::to_owned), any::<String>()];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn lists_hold_no_formula_either() {
        let tags = json!({"a;=b": "c;'=d;＝e", "f;g": "=h"});
        let csv = events(&[report("11-19", "web/a", "ana", json!({"tags": tags}))]);
        let rows = read(&csv);
        let at = rows[0].iter().position(|name| name == "tags").unwrap();
        let cell = &rows[1][at];
        assert!(!cell.contains(";=") && !cell.contains(";'") && !cell.contains(";＝"), "{cell}");
        assert_eq!(unled(cell), *cell);
        assert_eq!(serde_json::from_str::<serde_json::Value>(cell).unwrap(), tags);
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
                prop_assert_eq!(&unled(&rows[1][at]), text);
                for cell in &rows[1] {
                    prop_assert!(!cell.starts_with(FORMULA), "{:?}", cell);
                    // Of one that takes another separator than ours.
                    for part in cell.split([';', '\t', '\r', '\n']).skip(1) {
                        prop_assert!(!part.starts_with(FORMULA), "{:?}", cell);
                    }
                }
                // Read by such a one, whose cells begin elsewhere.
                for separator in [b';', b'\t'] {
                    let mut reader = ::csv::ReaderBuilder::new();
                    reader.delimiter(separator).has_headers(false).flexible(true);
                    for row in reader.from_reader(csv.as_bytes()).records() {
                        for cell in row.unwrap().iter().map(|it| it.trim_start_matches(['\t', '\r', '\n'])) {
                            prop_assert!(!cell.starts_with(FORMULA), "{:?} of {:?}", cell, csv);
                        }
                    }
                }
            }
        }
    }
}
