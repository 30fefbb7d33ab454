//! What goes, and what stays.

use std::fs;

use proptest::prelude::*;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::*;
use crate::cases::cases;
use crate::daemon::config::Config;
use crate::daemon::settings::ConfigFile;
use crate::event::{Arrival, Draft, Sender, Source};
use crate::journal;

/// A day of 2026, or of a year far from it.
fn day(number: i64) -> Timestamp {
    "2026-01-01T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * number)
}

/// Records what happened on one day and was told on another, as a segment of its own.
fn tell(journal: &mut Opened, at: Timestamp, told: Timestamp) {
    let draft = format!(r#"{{"place":"web/a","note":"x","at":"{at}"}}"#);
    let arrival = Arrival {
        now: told,
        fresh_id: Uuid::nil(),
        sender: Sender::Owner { name: "ana".to_owned() },
        source: Source::Http,
        original: None,
    };
    let event = Draft::parse(draft.as_bytes()).unwrap().admit(&arrival).unwrap();
    journal.writer.append(&[Record::Event(Box::new(event)).encode()]).unwrap();
    journal.writer.seal().unwrap();
}

fn ninety_days() -> Retention {
    Retention { age: "90 days".parse().unwrap(), size: Size(None) }
}

#[test]
fn what_is_old_goes_a_tenth_at_once_where_three_days_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = journal::open(dir.path(), 0).unwrap();
    (0..20).for_each(|number| tell(&mut journal, day(number), day(number)));
    let due = |journal: &Opened, today| {
        let due = ninety_days().due(&journal.reader, day(today)).unwrap();
        assert!(due.is_none_or(|due| due.leaves_more));
        due.map(|due| due.begins)
    };
    assert_eq!(due(&journal, 500), None, "nobody told anything since");
    for (number, begins) in [(200, None), (201, None), (201, None), (202, Some(4))] {
        tell(&mut journal, day(number), day(number));
        assert_eq!(due(&journal, number), begins, "day {number}");
        assert_eq!(due(&journal, 90), None, "the clock that is right says otherwise");
    }
    assert_eq!(due(&journal, 10_000), Some(4), "a clock far ahead says nothing more");
}

#[test]
fn what_is_muted_stays_muted() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = journal::open(&dir.path().join("journal"), 0).unwrap();
    let mute = |place: &str, at: i64, is_muted| {
        let place = Place::parse(place).unwrap();
        let by = "ana".to_owned();
        Muting { place, signal: SignalName::RageClick, at: day(at), is_muted, by }
    };
    let said = [mute("web/a", 2, true), mute("web/a", 1, false), mute("web/b", 3, false)];
    let said: Vec<_> = said.map(|muting| Record::Muting(muting).encode()).into();
    journal.writer.append(&said).unwrap();
    (0..3).for_each(|number| tell(&mut journal, day(number), day(number)));
    for number in [500, 501, 502, 503] {
        tell(&mut journal, day(number), day(number));
    }
    let left = |journal: &Opened| {
        let left = records(&journal.reader, 1, u64::MAX).map(Result::unwrap);
        let left = left.filter_map(|record| match record {
            Some(Record::Muting(muting)) => Some(muting),
            _ => None,
        });
        left.collect::<Vec<_>>()
    };
    for pass in 0..2 {
        let before = journal.reader.begins();
        ninety_days().enforce(dir.path(), &mut journal, day(503)).unwrap();
        assert!(before < journal.reader.begins(), "pass {pass}");
        let expected = [mute("web/a", 2, true), mute("web/b", 3, false)];
        assert_eq!(left(&journal), expected, "pass {pass}");
        journal.writer.seal().unwrap();
    }
    // That it is heard again may go before what was said of it once more.
    let heard = mute("web/a", 4, false);
    let said = journal.writer.append(&[Record::Muting(heard.clone()).encode()]).unwrap().last;
    journal.writer.seal().unwrap();
    for number in [900, 901, 902, 903] {
        tell(&mut journal, day(number), day(number));
    }
    for _ in 0..20 {
        ninety_days().enforce(dir.path(), &mut journal, day(903)).unwrap();
        journal.writer.seal().unwrap();
    }
    assert!(said < journal.reader.begins());
    let latest = left(&journal).into_iter().filter(|it| it.place == heard.place).max();
    assert_eq!(latest, Some(heard));
}

#[test]
fn what_fits_once_it_is_packed_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = journal::open(&dir.path().join("journal"), 0).unwrap();
    let batch = vec![vec![b'x'; 1_000_000]; 8];
    for _ in 0..5 {
        journal.writer.append(&batch).unwrap();
    }
    let keep = |size: &str| Retention { age: Age(None), size: size.parse().unwrap() };
    assert!(keep("32 MiB").due(&journal.reader, day(0)).unwrap().is_some(), "not packed yet");
    keep("32 MiB").enforce(dir.path(), &mut journal, day(0)).unwrap();
    assert_eq!(journal.reader.begins(), 1);
    assert!(journal.reader.size_bytes() < 2 * crate::journal::SEGMENT_BYTES);
    let some = Retention { age: Age(None), size: Size(Some(1)) };
    some.enforce(dir.path(), &mut journal, day(0)).unwrap();
    assert_eq!(journal.reader.segments().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_looked_at_once_a_day_and_whenever_the_rules_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = journal::open(&dir.path().join("journal"), 0).unwrap();
    for days in [200, 199, 2, 1, 0] {
        let ago = now() - SignedDuration::from_hours(24 * days);
        tell(&mut journal, ago, ago);
    }
    let file = dir.path().join("snagd.toml");
    let keep = |age: &str| fs::write(&file, format!("retention = \"{age}\"\n")).unwrap();
    let flags = Config { state_dir: Some(dir.path().to_owned()), ..Config::default() };
    let named = Some(ConfigFile::named(file.clone()));
    let sources = Sources { flags, file: named, ..Sources::default() };
    keep("off");
    let rules = watch::Sender::new(Arc::new(sources.read().unwrap().rules()));
    let waits = || timeout(3 * EVERY, wait(&sources, &journal.reader, rules.subscribe()));
    assert!(waits().await.is_err(), "there is nothing to go");
    keep("90 days");
    let begun = Instant::now();
    waits().await.expect("a day later it has seen it");
    assert_eq!(begun.elapsed().as_secs(), EVERY.as_secs());
    let begun = Instant::now();
    let (waited, ()) = tokio::join!(waits(), async { rules.send_modify(|_| {}) });
    waited.expect("whoever changes something need not wait");
    assert_eq!(begun.elapsed().as_secs(), 0);
}

/// Days by which a clock is off.
fn off() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 100..4000_i64, 1 => -2000..0_i64]
}

proptest! {
    #![proptest_config(cases(64))]
    #[test]
    fn a_clock_that_is_wrong_on_two_days_costs_nothing_that_is_wanted(
        told in prop::collection::vec((0..40_i64, 0..100_i64), 1..5),
        // On how many of the last days too, by how much, and how often.
        wrong in prop::collection::vec((0..2_usize, off(), 1..3), 0..=2),
        clock in off(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = journal::open(dir.path(), 0).unwrap();
        let (mut today, mut known) = (0, HashSet::new());
        for (nth, (later, late)) in told.iter().enumerate() {
            today += later;
            known.insert((day(today - late), day(today)));
            tell(&mut journal, day(today - late), day(today));
            for (_, off, times) in wrong.iter().filter(|(last, ..)| nth + last + 1 == told.len()) {
                (0..*times).for_each(|_| tell(&mut journal, day(today + off), day(today + off)));
            }
        }
        let due = ninety_days().due(&journal.reader, day(today + clock)).unwrap();
        for record in records(&journal.reader, 1, due.map_or(1, |due| due.begins)) {
            let Some(Record::Event(event)) = record.unwrap() else { panic!() };
            // What was told while the clock was wrong is of no day that is known.
            let is_known = known.contains(&(event.at, event.received_at));
            prop_assert!(!is_known || event.at < day(today - 90), "{}", event.at);
        }
    }
}

#[test]
fn ages_and_sizes_read_as_people_write_them() {
    let now: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    let before = |text: &str| text.parse::<Age>().unwrap().before(now).unwrap().to_string();
    assert_eq!(before("18 months"), "2025-05-24T00:00:00Z");
    assert_eq!(before("90d"), "2026-08-26T00:00:00Z");
    for wrong in ["", "soon", "12 hours", "-3 months", "18"] {
        let error = wrong.parse::<Age>().unwrap_err().to_string();
        assert!(error.contains("18 months"), "{error}");
    }
    for off in ["off", "18 months", "90 days"] {
        let age: Age = off.parse().unwrap();
        assert_eq!(age.to_string().parse::<Age>().unwrap(), age);
    }
    assert_eq!("2 GiB".parse::<Size>().unwrap(), Size(Some(2 << 30)));
    assert_eq!("100MiB".parse::<Size>().unwrap().to_string(), "100 MiB");
    for wrong in ["", "2", "2 GB", "1 MiB", "-1 GiB", "99999999999999 TiB"] {
        let error = wrong.parse::<Size>().unwrap_err().to_string();
        assert!(error.contains("2 GiB"), "{error}");
    }
}
