//! What the tests show: a small team's month, a fixed clock.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};
use snag::doors::http::{
    BeyondStatus, DiskStatus, DropStatus, IndexStatus, JournalStatus, QueueStatus, Status, You,
};
use snag::event::{Day, Event, Muting, Place, SignalName};
use snag::hotspot::{
    By, Cell, CellKey, Note, Question, Quote, Shape, Window, fingerprint, group, rank, why,
};
use snag::index::{HotspotsAnswer, SignalGroup, SignalsAnswer, WhyAnswer};
use uuid::Uuid;

use super::Look;
use crate::outbox::Held;

pub(super) fn look(width: usize) -> Look {
    Look {
        width,
        colour: false,
        today: Day::parse("2026-11-20").unwrap(),
        now: "2026-11-20T17:00:00Z".parse().unwrap(),
        ascii: false,
        utc: false,
    }
}

/// An event of the day `2026-MM-DD`, with more fields.
pub(super) fn report(day: &str, place: &str, person: &str, more: Value) -> Event {
    let mut json = json!({
        "id": Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{day}{place}{person}{more}").as_bytes()),
        "class": "report",
        "at": format!("2026-{day}T09:30:00Z"),
        "received_at": format!("2026-{day}T09:30:01Z"),
        "place": place,
        "person": person,
        "person_verified": true,
        "actor": "human",
        "kind": "unexpected",
        "severity": "minor",
        "source": "cli",
    });
    let Value::Object(more) = more else { panic!("more fields are an object") };
    for (field, value) in more {
        json[field] = value;
    }
    serde_json::from_value(json).unwrap()
}

/// A month of five people.
pub(super) fn month() -> Vec<Event> {
    let mut events = [paid(), searched(), elsewhere()].concat();
    for day in ["10-27", "11-01", "11-10"] {
        for person in ["ada", "bob", "cleo", "dan", "eve"] {
            events.push(used(day, "web/checkout/pay", person, 4));
            events.push(used(&day.replace("10-", "09-"), "web/search/filters", person, 2));
        }
    }
    for day in [
        "09-19", "09-22", "09-25", "09-29", "10-02", "10-06", "10-09", "10-13", "10-16", "10-20",
        "10-22",
    ] {
        events.extend(["bob", "cleo", "dan", "eve"].map(|person| used(day, "web/home", person, 1)));
    }
    for day in ["11-14", "11-16", "11-18", "11-20"] {
        events.push(used(day, "web/home", "ada", 1));
    }
    events
}

fn told(place: &str, told: &[(&str, &str, Value)]) -> Vec<Event> {
    told.iter().map(|(day, person, more)| report(day, place, person, more.clone())).collect()
}

fn paid() -> Vec<Event> {
    told(
        "web/checkout/pay",
        &[
            (
                "11-12",
                "ada",
                json!({"severity": "blocker", "kind": "error", "outcome": "abandoned", "feeling": "frustrated", "version": "1.4.2", "note": "card form cleared itself after a typo and I had to type all of it again, twice", "expected": "my card stays", "lost_minutes": 20}),
            ),
            (
                "11-13",
                "ada",
                json!({"outcome": "worked-around", "feeling": "resigned", "version": "1.4.3", "note": "cleared again"}),
            ),
            (
                "11-15",
                "bob",
                json!({"severity": "major", "outcome": "asked-for-help", "feeling": "frustrated", "version": "1.4.3", "note": "3-D Secure popup opened behind the window after 40 s", "lost_minutes": 65}),
            ),
            (
                "11-17",
                "bob",
                json!({"outcome": "retried", "version": "1.4.3", "note": "3-D Secure popup opened behind the window after 12 s", "got": "a blank page"}),
            ),
            (
                "11-18",
                "cleo",
                json!({"severity": "blocker", "outcome": "abandoned", "feeling": "frustrated", "version": "1.4.3", "note": "3-D Secure popup opened behind the window after 3 s"}),
            ),
            (
                "11-19",
                "dan",
                json!({"kind": "confusing", "feeling": "confused", "version": "1.4.3", "note": "is my card charged now or not?"}),
            ),
            (
                "11-19",
                "eve",
                json!({"kind": "delight", "feeling": "delighted", "note": "it remembered my address"}),
            ),
        ],
    )
}

fn searched() -> Vec<Event> {
    [
        told("web/search/filters", &[
            ("10-30", "ada", json!({"outcome": "continued", "kind": "slow", "note": "every filter reloads the whole page"})),
            ("11-03", "bob", json!({"severity": "major", "kind": "slow"})),
        ]),
        told("web/search/results", &[
            ("11-04", "cleo", json!({"severity": "major", "outcome": "worked-around", "note": "sorting forgets itself when I go back"})),
        ]),
        told("web/search/suggest", &[
            ("11-09", "dan", json!({"severity": "major", "kind": "slow", "outcome": "worked-around"})),
            ("11-11", "ada", json!({"kind": "no-response"})),
        ]),
    ]
    .concat()
}

fn elsewhere() -> Vec<Event> {
    [
        told("cli/deploy", &[
            ("11-17", "eve", json!({"severity": "major", "kind": "confusing", "outcome": "asked-for-help", "note": "the error names a flag that does not exist"})),
            ("11-20", "dan", json!({"kind": "tedious"})),
        ]),
        told("docs/readme", &[
            ("11-06", "eve", json!({"severity": "cosmetic", "kind": "missing", "note": "no word about proxies"})),
        ]),
    ]
    .concat()
}

pub(super) fn used(day: &str, place: &str, person: &str, count: u32) -> Event {
    report(
        day,
        place,
        person,
        json!({"class": "use", "kind": null, "severity": null, "count": count}),
    )
}

pub(super) fn crash(day: &str, place: &str, person: &str) -> Event {
    report(
        day,
        place,
        person,
        json!({"class": "signal", "severity": null, "kind": "error", "signal": {"name": "crash", "count": 2, "rule": "exit by signal 11"}, "source": "run"}),
    )
}

pub(super) fn question() -> Question {
    Question::over(Window::ending(look(80).today, 28))
}

fn cells(events: &[Event]) -> BTreeMap<CellKey, Cell> {
    let mut cells = BTreeMap::<CellKey, Cell>::new();
    for event in events {
        let (key, cell) = Cell::of(event);
        cells.entry(key).or_default().add(&cell);
    }
    cells
}

fn first_seen(events: &[Event]) -> BTreeMap<Place, Day> {
    let mut first = BTreeMap::new();
    for event in events {
        let day = first.entry(event.place.clone()).or_insert(event.day());
        *day = event.day().min(*day);
    }
    first
}

pub(super) fn hotspots_by(events: &[Event], question: &Question) -> HotspotsAnswer {
    let mut rows = rank(question, &cells(events), &first_seen(events));
    let mut shown = HashSet::new();
    for row in &mut rows {
        let said = events.iter().filter(|event| row.members.contains(&event.place));
        let said = said.filter(|event| event.severity.is_some() && event.note.is_some());
        let said = said.filter(|event| !shown.contains(&event.id));
        let strongest = said.max_by_key(|event| (event.severity, event.at)).cloned();
        row.quote = strongest.map(|event| {
            shown.insert(event.id);
            let text = event.words().unwrap_or_default().to_owned();
            let Event { id, place, severity, at, .. } = event;
            Quote { id, place, severity, at, text }
        });
    }
    HotspotsAnswer { v: 1, window: question.window, sort: question.sort, rows, more: 0, lacks: 0 }
}

pub(super) fn hotspots(events: &[Event]) -> HotspotsAnswer {
    hotspots_by(events, &question())
}

pub(super) fn by(events: &[Event], by: By) -> HotspotsAnswer {
    hotspots_by(events, &Question { by, ..question() })
}

pub(super) fn why_of(events: &[Event], place: &str) -> WhyAnswer {
    why_shaped(events, place, Shape::Folded)
}

pub(super) fn why_shaped(events: &[Event], place: &str, shape: Shape) -> WhyAnswer {
    let place = Place::parse(place).unwrap();
    let question = Question { shape, ..question() };
    let cells = cells(events);
    let rows = rank(&question, &cells, &first_seen(events));
    let cells_at = |at: &Place| {
        let at = at.clone();
        cells.iter().filter(move |(key, _)| key.place == at)
    };
    let why = why(&question, &place, cells_at, &rows);
    let said = events.iter().filter(|event| why.places.contains(&event.place));
    let notes = said.filter_map(|event| {
        Some(Note {
            id: event.id,
            person: event.person.as_str().into(),
            at: event.at,
            text: event.words()?.to_owned(),
            severity: event.severity,
            fingerprint: fingerprint(event.words()?),
        })
    });
    let notes = group(notes);
    let signals = events.iter().filter(|event| why.places.contains(&event.place));
    let signals = signals.filter_map(|event| event.signal.clone());
    let rules = signals.filter_map(|signal| Some((signal.name, signal.rule?))).collect();
    WhyAnswer { v: 1, why, notes, older_notes: false, rules, lacks: 0 }
}

/// An inbox of events, each of a place of its own.
pub(super) fn inbox(events: &[Event]) -> SignalsAnswer {
    let group = |event: &Event| SignalGroup {
        place: event.place.clone(),
        signal: SignalName::Crash,
        points: 10,
        count: 1204,
        people: 3,
        latest: event.clone(),
        ids: vec![event.id],
    };
    let muted = events.iter().map(|event| Muting {
        place: event.place.clone(),
        signal: SignalName::RageClick,
        at: event.at,
        is_muted: true,
        by: event.person.clone(),
    });
    let (window, groups) = (question().window, events.iter().map(group).collect());
    SignalsAnswer { v: 1, window, groups, more: 2, muted: muted.collect(), lacks: 0 }
}

/// One event with every field.
pub(super) fn full() -> Event {
    let more = json!({
        "at": "2026-11-18T09:31:07.120Z",
        "kind": "error", "severity": "major", "outcome": "asked-for-help", "feeling": "anxious",
        "note": "the deploy stopped half way and said nothing about what is live now;\nI did not dare to start it again",
        "expected": "all or nothing", "got": "two of five services on the new version",
        "workaround": "asked Bob to look at the cluster", "lost_minutes": 85, "version": "1.4.3",
        "task": "release on a Friday", "tags": {"region": "eu-1", "shell": "zsh"},
        "same_as": "0192d5a0-7c1e-7a3b-9f00-5b1c4be19c07", "claimed_person": "root",
        "at_clamped": true, "source": "http",
        "evidence": {"command": "acme deploy --all", "exit_code": 3, "log_tail": "step 3/5 ok\nstep 4/5 timed out after 30 s", "env": {"CI": false}},
        "scrubbed": [{"rule": "aws-key", "field": "/evidence/log_tail"}],
    });
    report("11-18", "cli/deploy", "eve", more)
}

pub(super) fn status() -> Status {
    Status {
        v: 1,
        version: "0.1.0".to_owned(),
        started_at: "2026-11-17T12:40:00Z".parse().unwrap(),
        now: "2026-11-20T17:00:00Z".parse().unwrap(),
        state_dir: "/disk/ada/.local/state/snag".to_owned(),
        disk: Some(DiskStatus {
            free_bytes: 72_000_000_000,
            total_bytes: 250_000_000_000,
            full: false,
        }),
        listening: vec![
            "unix:/run/user/1000/snag.sock".to_owned(),
            "http://127.0.0.1:7624".to_owned(),
        ],
        you: You { person: "ada".to_owned(), may_name_others: true },
        events: 1204,
        places: 31,
        oldest: Some(Day::parse("2026-09-19").unwrap()),
        newest_at: Some("2026-11-20T16:55:00Z".parse().unwrap()),
        queue: QueueStatus { jobs: 0, bytes: 0 },
        journal: JournalStatus {
            last: 1207,
            segments: 1,
            bytes: 16_777_216,
            damaged: 0,
            missing: 0,
            last_sync_us: Some(412),
        },
        index: IndexStatus { position: 1207, behind: 0, bytes: 4_300_000 },
        drop: DropStatus {
            dir: "/disk/ada/.local/state/snag/drop".to_owned(),
            waiting: 0,
            rejected: 0,
            events: 17,
        },
        beyond: BeyondStatus { signals: 0, requests: 0 },
    }
}

pub(super) fn outboxes() -> Vec<Held> {
    vec![Held {
        target: "http://snag.acme.example:7624".to_owned(),
        waiting: 3,
        rejected: 1,
        oldest: Some("2026-11-20T15:00:00Z".parse().unwrap()),
        dir: "/disk/ada/.local/state/snag/outbox/http---snag-acme-example-7624-1a2b3c4d".into(),
    }]
}
