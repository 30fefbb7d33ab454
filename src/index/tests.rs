//! The index on a directory of its own: what goes in comes out, whatever the order.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use rustix::fs::{FlockOperation, flock};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::cases::cases;
use crate::event::{Actor, Arrival, Class, Draft, Kind, Sender, Source};
use crate::hotspot::{By, Cell, CellKey, Question, Shape, Window, rank};

mod days;
mod deciding;
mod flood;
mod listing;
mod ranking;
mod tidy;

fn event(fields: &serde_json::Value) -> Event {
    let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    let arrival = Arrival {
        now,
        fresh_id: Uuid::nil(),
        sender: Sender::Owner { name: "ana".to_owned() },
        source: Source::Http,
        original: None,
    };
    Draft::parse(fields.to_string().as_bytes()).unwrap().admit(&arrival).unwrap()
}

/// Report number `n`, one of a few places, people, kinds, versions and days.
fn report(n: u32) -> Event {
    let day = 1 + n * 7 % 20;
    let kind = ["slow", "error", "delight"][n as usize % 3];
    let severity = ["cosmetic", "minor", "major", "blocker"][n as usize % 4];
    event(&json!({
        "id": format!("00000000-0000-7000-8000-{n:012x}"),
        "place": format!("web/p{}/q{}", n % 3, n % 2),
        "person": format!("p{}", n % 5),
        "note": format!("it broke like {}", ["this", "that", "nothing else"][n as usize % 3]),
        "kind": kind,
        "severity": severity,
        "version": format!("1.{}.0", n % 2),
        "lost_minutes": n % 4,
        "at": format!("2026-11-{day:02}T{:02}:00:00Z", n % 24),
    }))
}

/// An index whose journal is a directory of files beside it.
fn index_in(dir: &Path) -> Result<Index, IndexError> {
    let records = dir.join("records");
    let read = move |sequence: u64| {
        let lost = |_| IndexError::Lost { sequence, run: sequence..sequence + 1, source: None };
        fs::read(records.join(sequence.to_string())).map_err(lost)
    };
    Index::open(&dir.join("index"), Box::new(read))
}

/// Opens the index; where it was open a moment ago, sled's own threads may still hold its lock.
fn open(dir: &Path) -> Index {
    open_unlocked(dir).unwrap()
}

/// Whether it opens, once nobody holds its lock.
fn open_unlocked(dir: &Path) -> Result<Index, IndexError> {
    if let Ok(held) = File::open(dir.join("index/db")) {
        flock(&held, FlockOperation::LockExclusive).unwrap();
    }
    index_in(dir)
}

/// A clean stop and a start.
fn restart(index: Index, dir: &Path) -> Index {
    index.checkpoint().unwrap();
    drop(index);
    open(dir)
}

/// Applies events one batch each, from a position on.
fn apply(index: &Index, events: &[Event]) {
    events.chunks(1).for_each(|one| apply_at_once(index, one));
}

/// Applies events as one batch.
fn apply_at_once(index: &Index, events: &[Event]) {
    let first = index.position().sequence + 1;
    let records = index.dir.with_file_name("records");
    fs::create_dir_all(&records).unwrap();
    let fresh = (first..).zip(events).map(|(sequence, event)| {
        fs::write(records.join(sequence.to_string()), Record::of_event(event)).unwrap();
        let fingerprint = event.words().map_or(0, crate::hotspot::fingerprint);
        Fresh { sequence, event, fingerprint }
    });
    let fresh: Vec<_> = fresh.collect();
    let sequence = first + events.len() as u64 - 1;
    index.apply(&fresh, Position { sequence, batch: sequence }).unwrap();
}

fn retract(index: &Index, id: Uuid) {
    let sequence = index.position().sequence + 1;
    index.retract(id, Position { sequence, batch: sequence }).unwrap();
}

fn window() -> Window {
    Window::ending(Day::parse("2026-11-20").unwrap(), 28)
}

/// Every answer about hotspots, as text.
fn answers(index: &Index) -> Vec<String> {
    let mut answers = Vec::new();
    for by in [By::Place, By::Person, By::Version, By::Kind] {
        for shape in [Shape::Folded, Shape::Flat, Shape::Depth(2)] {
            let question = Question { by, shape, ..Question::over(window()) };
            answers.push(format!("{:?}", index.hotspots(&question, 100).unwrap()));
        }
    }
    for place in index.places() {
        answers.push(format!("{:?}", index.why(&Question::over(window()), &place).unwrap()));
    }
    answers
}

/// Answers that are kept are those that would be made anew.
#[test]
fn what_is_asked_again_is_answered_as_by_an_index_that_was_never_asked() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (asked, fresh) = (open(dir.path()), open(other.path()));
    let day = |day: &str, n: u32| {
        let fields = json!({"place": "web/checkout", "note": "x", "at": format!("{day}T10:00:00Z"),
            "id": Uuid::from_u128(u128::from(n))});
        event(&fields)
    };
    let mut steps: Vec<Vec<Event>> = (0..20).map(|n| vec![report(n)]).collect();
    // A place that was first seen before the days that are asked about.
    steps.push(vec![day("2026-11-19", 900), day("2025-01-02", 901)]);
    steps.push(vec![day("2024-01-02", 902)]);
    for step in &steps {
        for _ in 0..2 {
            answers(&asked);
        }
        apply(&asked, step);
        apply(&fresh, step);
    }
    assert_eq!(answers(&asked), answers(&fresh));
    for n in [3, 7] {
        retract(&asked, report(n).id);
        retract(&fresh, report(n).id);
        answers(&asked);
    }
    let fresh = restart(fresh, other.path());
    assert_eq!(answers(&asked), answers(&fresh));
    assert_eq!(answers(&asked), answers(&fresh), "and once more");
}

#[test]
fn what_goes_in_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let events: Vec<Event> = (0..20).map(report).collect();
    apply(&index, &events);
    for event in &events {
        let stored = index.event(event.id).unwrap().unwrap();
        assert_eq!(stored.event.to_json(), event.to_json());
        assert!(!stored.is_retracted);
    }
    assert_eq!(index.events(), 20);
    assert!(index.event(Uuid::from_u128(7)).unwrap().is_none());
    let index = restart(index, dir.path());
    assert_eq!((index.events(), index.position().sequence), (20, 20));
    assert_eq!(index.places().len(), 6);
}

#[test]
fn what_the_journal_lost_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    apply(&index, &[report(1), report(2)]);
    fs::remove_file(dir.path().join("records/2")).unwrap();
    let error = index.event(report(2).id).unwrap_err();
    assert!(error.is_damage() && error.to_string().contains("lost record 2"), "{error}");
    let left = index.list(&Filter::default(), Order::Newest, None, 10).unwrap().events;
    assert_eq!(left.len(), 1, "who asks for many gets what is left");
    assert!(index.recorded_at(report(2).id).unwrap().is_some());
    assert_eq!(index.event(report(1).id).unwrap().unwrap().event.to_json(), report(1).to_json());
}

#[test]
fn of_many_notes_all_are_shown_and_what_is_lost_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let letter = |n: u32| char::from(b'a' + u8::try_from(n % 26).unwrap());
    let say = |n: u32| {
        event(&json!({"id": format!("00000000-0000-7000-8000-{n:012x}"), "place": "web/a",
            "note": format!("{} {} broke", letter(n), letter(n / 26)), "at": "2026-11-10T10:00:00Z"}))
    };
    apply_at_once(&index, &(1..=300).map(say).collect::<Vec<_>>());
    for lost in [1, 150, 300] {
        fs::remove_file(dir.path().join(format!("records/{lost}"))).unwrap();
    }
    let place = Place::parse("web/a").unwrap();
    let answer = index.why(&Question::over(window()), &place).unwrap().unwrap();
    let notes: usize = answer.notes.iter().map(|group| group.count).sum();
    assert_eq!((notes, answer.lacks), (297, 3));
}

#[test]
fn the_last_digits_find_an_id() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    apply(&index, &[report(0xabc), report(0x1abc), report(0x2abd)]);
    let find = |digits: &str| index.ids_ending(digits, 10).unwrap().len();
    assert_eq!(
        [find("abc"), find("0abc"), find("1abc"), find("1ABC"), find("bd")],
        [2, 1, 1, 1, 1]
    );
    assert_eq!(find("00000000-0000-7000-8000-000000000abc"), 1);
    assert_eq!([find("ffff"), find("nonsense"), find(&"0".repeat(40))], [0, 0, 0]);
    assert_eq!(index.ids_ending("abc", 1).unwrap().len(), 1);
}

#[test]
fn a_place_is_forgotten_with_its_last_event() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let at = |id: u32, day: &str| {
        event(&json!({"id": format!("00000000-0000-7000-8000-{id:012x}"), "place": "web/typo",
            "note": "x", "at": format!("{day}T10:00:00Z")}))
    };
    let (early, late) = (at(1, "2026-11-01"), at(2, "2026-11-10"));
    apply(&index, &[late.clone(), early.clone()]);
    assert_eq!(index.first_seen(&early.place), Some(early.day()));
    retract(&index, early.id);
    assert_eq!(index.first_seen(&early.place), Some(late.day()));
    retract(&index, late.id);
    assert!(index.places().is_empty());
    assert!(restart(index, dir.path()).places().is_empty());
}

#[test]
fn known_are_all_places_and_the_names_of_nine_weeks() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let met = |id: u32, place: &str, person: &str, version: &str, day: &str| {
        event(&json!({"id": format!("00000000-0000-7000-8000-{id:012x}"), "place": place,
            "note": "x", "person": person, "version": version, "at": format!("{day}T10:00:00Z")}))
    };
    let late = met(4, "web/typo", "dora", "1.10.1", "2026-11-20");
    let old = met(3, "web/old", "eve", "0.9", "2026-09-18");
    let first = met(1, "web/b", "ben", "1.9.0", "2026-09-19");
    apply(&index, &[first, met(2, "web/a", "ana", "1.10.0", "2026-11-01"), old, late.clone()]);
    let known = |day| index.known(Day::parse(day).unwrap()).unwrap();
    let places = |known: &Known| known.places.iter().map(Place::to_string).collect::<Vec<_>>();
    let all = known("2026-11-20");
    assert_eq!(places(&all), ["web/a", "web/b", "web/old", "web/typo"]);
    assert_eq!(all.people, ["ana", "ben", "dora"], "eve was met in the week before");
    assert_eq!(all.versions, ["1.10.1", "1.10.0", "1.9.0"]);
    assert_eq!(known("2026-11-19").people, ["ana", "ben", "eve"]);
    retract(&index, late.id);
    let rest = known("2026-11-20");
    assert_eq!((places(&rest).len(), rest.people.len(), rest.versions.len()), (3, 2, 2));
}

#[test]
fn quotes_are_of_the_worst_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let say = |n: u32, place: &str, severity: &str, note: &str, kind: &str| {
        event(
            &json!({"id": format!("00000000-0000-7000-8000-{n:012x}"), "place": place, "note": note,
            "severity": severity, "kind": kind, "at": format!("2026-11-10T10:00:{n:02}Z")}),
        )
    };
    apply(
        &index,
        &[
            say(1, "web/a", "major", "it lost order 17", "error"),
            say(2, "web/a", "minor", "it was slow", "slow"),
            say(3, "web/a", "blocker", "wonderful", "delight"),
            say(4, "web/b", "major", "it lost order 42", "error"),
            say(5, "web/b", "minor", "the button moved", "unexpected"),
        ],
    );
    let flat = Question { shape: Shape::Flat, ..Question::over(window()) };
    let rows = index.hotspots(&flat, 10).unwrap().rows;
    let quotes: Vec<_> = rows.iter().map(|row| row.quote.as_ref().unwrap().text.as_str()).collect();
    assert_eq!(quotes, ["it lost order 17", "the button moved"]);
    let slow = Question { kind: Some(Kind::Slow), ..flat };
    assert_eq!(
        index.hotspots(&slow, 10).unwrap().rows[0].quote.as_ref().unwrap().text,
        "it was slow"
    );
}

#[test]
fn a_full_or_failing_disk_is_no_damage() {
    let system = |number| io::Error::from_raw_os_error(number);
    let retold = |kind, text: &str| io::Error::new(kind, text.to_owned());
    let of = |error| IndexError::from(sled::Error::Io(error)).is_damage();
    assert!(!of(system(28)) && !of(system(5)));
    // As sled tells of it once more.
    assert!(!of(retold(io::ErrorKind::StorageFull, "Os { code: 28, .. }")));
    assert!(of(retold(io::ErrorKind::Other, "encountered torn segment")));
    assert!(of(retold(io::ErrorKind::UnexpectedEof, "failed to fill whole buffer")));
}

#[test]
fn a_page_ends_where_it_grows_large() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let words = "x".repeat(4000);
    let large = |n: u32| {
        event(&json!({"id": Uuid::from_u128(n.into()), "place": "web/a", "note": words,
            "expected": words, "got": words, "workaround": words, "evidence": {"log": "x".repeat(30_000)}}))
    };
    let events: Vec<Event> = (1..=120).map(large).collect();
    events.chunks(20).for_each(|some| apply(&index, some));
    let page = |after| index.list(&Filter::default(), Order::Newest, after, 1000).unwrap();
    let first = page(None);
    assert!((80..120).contains(&first.events.len()), "{}", first.events.len());
    let rest = page(first.next);
    assert_eq!((first.events.len() + rest.events.len(), rest.next), (120, None));
}

#[test]
fn a_lost_tail_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    apply(&index, &[report(1), report(2)]);
    index.checkpoint().unwrap();
    drop(index);
    Note { reached: 3, is_broken: false }.write(&dir.path().join("index")).unwrap();
    let opened = open_unlocked(dir.path());
    assert!(matches!(opened, Err(IndexError::Damaged(_))));
}

#[test]
fn what_did_not_settle_is_lost_whole_and_the_position_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let events: Vec<Event> = (0..20).map(report).collect();
    apply(&index, &events[..12]);
    index.checkpoint().unwrap();
    apply(&index, &events[12..]);
    assert_eq!((index.events(), index.position().sequence), (20, 20));
    drop(index);
    let index = open(dir.path());
    assert_eq!((index.events(), index.position().sequence), (12, 12));
    let other = tempfile::tempdir().unwrap();
    let fresh = open(other.path());
    apply(&fresh, &events[..12]);
    assert_eq!(answers(&index), answers(&fresh));
    apply(&index, &events[12..]);
    apply(&fresh, &events[12..]);
    assert_eq!(answers(&index), answers(&fresh));
}

#[test]
fn sums_tell_which_ids_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let events: Vec<Event> = (0..10).map(report).collect();
    apply(&index, &events);
    let sums = index.sums(&[1, 5]).unwrap();
    let mut expected = BTreeMap::<u64, Sum>::new();
    for (sequence, event) in (1..).zip(&events) {
        expected.entry(if sequence < 5 { 1 } else { 5 }).or_default().add(event.id);
    }
    assert_eq!(sums, expected);
}

fn cells(events: &[Event]) -> BTreeMap<CellKey, Cell> {
    let mut cells = BTreeMap::<CellKey, Cell>::new();
    for event in events {
        let (key, cell) = Cell::of(event);
        cells.entry(key).or_default().add(&cell);
    }
    cells
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn order_restarts_and_retractions_change_no_answer(
        count in 1_u32..60,
        seed in any::<u64>(),
        taken_back in proptest::collection::btree_set(0_u32..60, 0..8),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let straight: Vec<Event> = (0..count).map(report).collect();
        let left: Vec<Event> =
            (0..count).filter(|n| !taken_back.contains(n)).map(report).collect();
        let mut mixed = straight.clone();
        mixed.sort_by_key(|event| blake3::hash(&[&seed.to_le_bytes()[..], event.id.as_bytes()].concat()).to_hex());

        // In another order, with a restart and retractions in between ...
        let index = open(dir.path());
        let half = mixed.len() / 2;
        apply(&index, &mixed[..half]);
        let index = restart(index, dir.path());
        apply(&index, &mixed[half..]);
        for n in taken_back.iter().filter(|n| **n < count) {
            retract(&index, report(*n).id);
        }
        // ... as if the others had never been,
        let other = tempfile::tempdir().unwrap();
        let rebuilt = open(other.path());
        apply(&rebuilt, &left);
        prop_assert_eq!(answers(&index), answers(&rebuilt));
        // and as the pure floor has it.
        let question = Question { shape: Shape::Flat, ..Question::over(window()) };
        let rows = index.hotspots(&question, 100).unwrap().rows;
        let first = index.places().into_iter().filter_map(|at| Some((at.clone(), index.first_seen(&at)?)));
        let pure = rank(&question, &cells(&left), &first.collect());
        let figures = |rows: &[crate::hotspot::Hotspot]| -> Vec<String> {
            rows.iter().map(|row| format!("{:?}{:?}{:?}", row.key, row.figures, row.trend)).collect()
        };
        prop_assert_eq!(figures(&rows), figures(&pure));
        prop_assert_eq!(index.events(), left.len() as u64);
    }

    #[test]
    fn lists_are_the_events_in_order(count in 1_u32..60, limit in 1_usize..7) {
        let dir = tempfile::tempdir().unwrap();
        let index = open(dir.path());
        let mut events: Vec<Event> = (0..count).map(report).collect();
        apply(&index, &events);
        events.sort_by_key(|event| (event.at, event.id));
        let filters = [
            Filter::default(),
            Filter { under: Some(Place::parse("web/p1").unwrap()), ..Filter::default() },
            Filter { kind: Some(Kind::Slow), class: Some(Class::Report), ..Filter::default() },
            Filter { person: Some("p1".to_owned()), actor: Some(Actor::Human), ..Filter::default() },
            Filter { since: Some(Day::parse("2026-11-05").unwrap()), until: Some(Day::parse("2026-11-09").unwrap()), ..Filter::default() },
        ];
        for filter in filters {
            let suits = |event: &&Event| {
                filter.since.is_none_or(|since| since <= event.day())
                    && filter.until.is_none_or(|until| event.day() <= until)
                    && filter.under.as_ref().is_none_or(|under| event.place.is_under(under))
                    && filter.kind.is_none_or(|kind| event.kind == Some(kind))
                    && filter.person.as_ref().is_none_or(|person| event.person == *person)
            };
            let expected: Vec<Uuid> = events.iter().filter(suits).map(|event| event.id).collect();
            for order in [Order::Oldest, Order::Newest] {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = index.list(&filter, order, after, limit).unwrap();
                    prop_assert!(page.events.len() <= limit);
                    found.extend(page.events.iter().map(|event| event.id));
                    let Some(next) = page.next else { break };
                    after = Some(Cursor::parse(&next.to_string()).unwrap());
                }
                if order == Order::Newest {
                    found.reverse();
                }
                prop_assert_eq!(&found, &expected);
            }
        }
    }

    #[test]
    fn cells_read_as_they_were_written(n in 0_u32..1000, times in 1_usize..300) {
        let (key, one) = Cell::of(&report(n));
        let mut cell = Cell::default();
        (0..times).for_each(|_| cell.add(&one));
        prop_assert_eq!(key::read_cell(&key::cell(&key)).unwrap(), key);
        prop_assert_eq!(key::read_cell_value(&key::cell_value(&cell)).unwrap(), cell);
    }
}
