//! Much of one thing hides nothing of another.

use super::*;
use crate::event::{Muting, SignalName};

/// So many that the oldest is not among those looked at first.
const MANY: u32 = 10_001;

/// Event number `n`, a millisecond after the one before.
fn nth(n: u32, fields: &serde_json::Value) -> Event {
    let mut fields = fields.clone();
    fields["id"] = json!(Uuid::from_u128(u128::from(n)));
    fields["at"] = json!(format!("2026-11-10T10:00:{:02}.{:03}Z", n / 1000, n % 1000));
    event(&fields)
}

/// The first event, and after it so many others that its own list is full of them. What is read of
/// them is lost.
fn flooded(dir: &Path, first: &serde_json::Value, others: &serde_json::Value) -> (Index, Event) {
    let index = open(dir);
    let mut first = nth(MANY + 1, first);
    first.at = "2026-11-10T09:59:59Z".parse().unwrap();
    apply(&index, std::slice::from_ref(&first));
    let one = nth(1, others);
    let fingerprint = one.words().map_or(0, crate::hotspot::fingerprint);
    let mut others = vec![one; MANY as usize];
    for (n, other) in (1..).zip(&mut others) {
        other.id = Uuid::from_u128(n);
        other.at += jiff::SignedDuration::from_millis(i64::try_from(n).unwrap());
    }
    for (batch, events) in (2..).zip(others.chunks(1000)) {
        let from = index.position().sequence + 1;
        let fresh = (from..).zip(events);
        let fresh: Vec<_> =
            fresh.map(|(sequence, event)| Fresh { sequence, event, fingerprint }).collect();
        let sequence = from + events.len() as u64 - 1;
        index.apply(&fresh, Position { sequence, batch }).unwrap();
    }
    (index, first)
}

#[test]
fn a_signal_that_counts_waits_in_the_inbox_whatever_came_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let crash = json!({"place": "web/a", "class": "signal", "signal": {"name": "crash"}});
    let clicks = json!({"place": "web/a", "class": "signal", "signal": {"name": "rage-click"}});
    let (index, crash) = flooded(dir.path(), &crash, &clicks);
    fs::write(dir.path().join("records/10002"), Record::of_event(&nth(MANY, &clicks))).unwrap();
    let inbox = index.signals(&Question::over(window()), 10).unwrap();
    let told = inbox.groups.iter().map(|group| (group.signal, group.count, group.ids.len()));
    let expected = [(SignalName::RageClick, MANY.into(), 1000), (SignalName::Crash, 1, 1)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(inbox.groups[1].latest.id, crash.id);
}

#[test]
fn what_is_muted_hides_nothing_that_was_said() {
    let dir = tempfile::tempdir().unwrap();
    let crash = json!({"place": "web/a", "class": "signal", "note": "TypeError",
        "signal": {"name": "crash", "rule": "an error that nobody caught"}});
    let clicks = json!({"place": "web/a", "class": "signal", "note": "nothing moves",
        "signal": {"name": "rage-click"}});
    let (index, crash) = flooded(dir.path(), &crash, &clicks);
    let (place, at) = (crash.place.clone(), "2026-11-20T10:00:00Z".parse().unwrap());
    let (signal, by) = (SignalName::RageClick, "ana".to_owned());
    let sequence = index.position().sequence + 1;
    let muting = Muting { place, signal, at, is_muted: true, by };
    index.mute(&muting, Position { sequence, batch: sequence }).unwrap();
    let why = index.why(&Question::over(window()), &crash.place).unwrap().unwrap();
    assert_eq!(why.notes.len(), 1);
    assert_eq!((&*why.notes[0].text, why.older_notes), ("TypeError", false));
    assert_eq!(why.rules[&SignalName::Crash], "an error that nobody caught");
}

#[test]
fn other_versions_hide_nothing_of_the_one_that_is_asked_about() {
    let dir = tempfile::tempdir().unwrap();
    let old = json!({"place": "web/a", "note": "it broke", "version": "1.0"});
    let new = json!({"place": "web/a", "note": "it is slow", "version": "2.0"});
    let (index, old) = flooded(dir.path(), &old, &new);
    let question = Question { version: Some("1.0".to_owned()), ..Question::over(window()) };
    let why = index.why(&question, &old.place).unwrap().unwrap();
    let notes: Vec<_> = why.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!((notes, why.older_notes), (vec!["it broke"], false));
    let rows = index.hotspots(&question, 1).unwrap().rows;
    assert_eq!(rows[0].quote.as_ref().map(|quote| quote.id), Some(old.id));
    let first_words = index.coverage(&question).unwrap().first_words;
    assert_eq!(first_words.iter().map(|quote| quote.id).collect::<Vec<_>>(), [old.id]);
}

#[test]
fn where_not_every_note_is_read_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let letter = |n: u32| char::from(b'a' + u8::try_from(n % 26).unwrap());
    let say = |n: u32| {
        let note = format!("{} {} broke", letter(n), letter(n / 26));
        nth(n, &json!({"place": "web/a", "note": note}))
    };
    let place = Place::parse("web/a").unwrap();
    let mut said = 1..;
    for (more, notes, older_notes) in [(400, 400, false), (1, 400, true)] {
        let events: Vec<Event> = said.by_ref().take(more).map(say).collect();
        apply_at_once(&index, &events);
        let why = index.why(&Question::over(window()), &place).unwrap().unwrap();
        let shown: usize = why.notes.iter().map(|group| group.count).sum();
        assert_eq!((shown, why.older_notes), (notes, older_notes));
    }
}
