//! The worked examples of the design, `tests/data/hotspot-vectors.json`, held true.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;
use crate::cases::cases;
use crate::event::{Actor, Day, Kind, Place, Severity, SignalName, Word};

/// The examples of a section, which are so many.
fn vectors(section: &str, count: usize) -> Vec<Value> {
    let all: Value =
        serde_json::from_str(include_str!("../../tests/data/hotspot-vectors.json")).unwrap();
    let vectors = all[section].as_array().unwrap().clone();
    assert_eq!(vectors.len(), count, "{section}");
    vectors
}

/// The cells that events in the vectors' shorthand add up to.
fn cells(events: &[Value]) -> BTreeMap<CellKey, Cell> {
    let mut cells = BTreeMap::<CellKey, Cell>::new();
    for event in events.iter().filter(|event| event["dismissed"] != true) {
        let (key, cell) = cell_of(event);
        for _ in 0..event["repeat"].as_u64().unwrap_or(1) {
            cells.entry(key.clone()).or_default().add(&cell);
        }
    }
    cells
}

fn cell_of(event: &Value) -> (CellKey, Cell) {
    let text = |field: &str| event[field].as_str();
    let is_use = text("class") == Some("use");
    let kind = text("kind").map_or(Kind::Unexpected, |word| Kind::find(word).unwrap());
    let key = CellKey {
        day: Day::parse(text("day").unwrap()).unwrap(),
        place: Place::parse(text("place").unwrap()).unwrap(),
        person: text("person").unwrap().into(),
        actor: text("actor").map_or(Actor::Human, |word| Actor::find(word).unwrap()),
        kind: (!is_use).then_some(kind),
        version: None,
    };
    let mut cell = Cell::default();
    if is_use {
        cell.uses = event["count"].as_u64().unwrap();
    } else if let Some(signal) = text("signal") {
        let name = SignalName::find(signal).unwrap_or(SignalName::RageClick);
        cell.signals[name as usize] = 1;
    } else {
        let severity = Severity::find(text("severity").unwrap()).unwrap();
        cell.reports[severity as usize] = 1;
    }
    (key, cell)
}

fn ranked(vector: &Value, events: &[Value], shape: Shape) -> Vec<Value> {
    let today = Day::parse(vector["today"].as_str().unwrap()).unwrap();
    let window = Window::read(None, None, today).unwrap();
    let cells = cells(events);
    let rows = rank(&Question { shape, ..Question::over(window) }, &cells, &BTreeMap::new());
    rows.iter().map(|row| serde_json::to_value(row).unwrap()).collect()
}

/// Compares every field the expected rows name, and `folded` even where they do not.
fn assert_rows(name: &str, rows: &[Value], expected: &Value) {
    let expected = expected.as_array().unwrap();
    let only = |row: &Value, expected: &Value| {
        let fields = expected.as_object().unwrap().keys().map(String::as_str).chain(["folded"]);
        Value::Object(
            fields.map(|field| (field.to_owned(), row[field].clone())).collect::<Map<_, _>>(),
        )
    };
    let rows: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| expected.get(at).map_or_else(|| row.clone(), |wanted| only(row, wanted)))
        .collect();
    let expected: Vec<_> = expected.iter().map(|row| only(row, row)).collect();
    assert_eq!(rows, expected, "{name}");
}

#[test]
fn pain_flat_and_folded() {
    for vector in vectors("pain", 18) {
        let (name, events) =
            (vector["name"].as_str().unwrap(), vector["events"].as_array().unwrap());
        assert_rows(name, &ranked(&vector, events, Shape::Flat), &vector["flat"]);
        assert_rows(name, &ranked(&vector, events, Shape::Folded), &vector["folded"]);
    }
}

proptest! {
    #![proptest_config(cases(64))]
    #[test]
    fn any_permutation_of_the_events_gives_the_same_rows(
        at in 0..18_usize, seed in any::<prop::sample::Selector>(),
    ) {
        let vector = &vectors("pain", 18)[at];
        let mut events = vector["events"].as_array().unwrap().clone();
        let mut left = events.len();
        // A shuffle by repeated choice.
        while 1 < left {
            let pick = seed.select(0..left);
            left -= 1;
            events.swap(pick, left);
        }
        prop_assert_eq!(cells(&events), cells(vector["events"].as_array().unwrap()));
        assert_rows("permuted", &ranked(vector, &events, Shape::Folded), &vector["folded"]);
    }
}

fn assert_near(found: Option<f64>, expected: &Value, tolerance: f64, what: &Value) {
    match (found, expected.as_f64()) {
        (Some(found), Some(expected)) => {
            assert!((found - expected).abs() <= tolerance, "{found} for {what}");
        }
        (found, expected) => assert_eq!(found, expected, "{what}"),
    }
}

#[test]
fn trends() {
    for vector in vectors("trend", 10) {
        let count = |field: &str| u32::try_from(vector[field].as_u64().unwrap()).unwrap();
        let trend = Trend::of(&Weeks {
            x1: count("x1"),
            e1: count("e1"),
            x0: count("x0"),
            e0: count("e0"),
            people: count("people_last_7_days"),
            is_new: vector["first_seen_in_last_7_days"].as_bool().unwrap(),
        });
        let json = serde_json::to_value(trend).unwrap();
        for field in ["word", "x1", "e1", "x0", "e0"] {
            assert_eq!(json[field], vector[field], "{field} of {vector}");
        }
        assert_near(trend.p_worse, &vector["p_worse"], 1e-12, &vector);
        assert_near(trend.p_better, &vector["p_better"], 1e-12, &vector);
    }
}

#[test]
fn hurt_per_use() {
    for vector in vectors("hurt_per_use", 4) {
        let count = |field: &str| vector[field].as_u64().unwrap();
        let rate = Rate::of(count("hurt"), count("uses"), (0, 0)).unwrap();
        assert_eq!((rate.hurt, rate.uses), (count("hurt"), count("uses")));
        assert_near(Some(rate.rate), &vector["rate"], 5e-5, &vector);
        assert_near(Some(rate.low), &vector["low"], 5e-5, &vector);
        assert_near(Some(rate.high), &vector["high"], 5e-5, &vector);
    }
}

#[test]
fn binomial_tails() {
    for vector in vectors("binomial_tail", 7) {
        let count = |field: &str| vector[field].as_u64().unwrap();
        let tail = binomial_tail(count("k"), count("n"), count("num"), count("den"));
        assert_near(Some(tail), &vector["p"], 1e-12, &vector);
    }
}

#[test]
fn the_constants() {
    let all: Value =
        serde_json::from_str(include_str!("../../tests/data/hotspot-vectors.json")).unwrap();
    for (severity, points) in Severity::ALL.iter().zip(POINTS) {
        assert_eq!(all["points"][severity.word()], points);
    }
    for name in SignalName::ALL {
        let points = &all["signal_points"];
        let written = points.get(name.word()).unwrap_or(&points["other"]);
        assert_eq!(*written, signal_points(*name), "{name}");
    }
    assert_eq!(all["cap"], CAP);
    let window = Window::read(None, None, Day(0)).unwrap();
    assert_eq!(all["window_days"], window.days());
}
