//! What the story promises, on many a day.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use snag::event::{Actor, Arrival, Class, Event, Kind, Place, Sender, Source};
use snag::hotspot::{Cell, CellKey, Hotspot, Question, TrendWord, Window, fingerprint, rank};

use super::entry::Said;
use super::*;

/// Two weeks across the end of a year, and a leap day.
fn todays() -> impl Iterator<Item = Day> {
    let first = Day::parse("2026-12-24").unwrap();
    (0..14).map(move |days| first.plus(days)).chain([Day::parse("2028-02-29").unwrap()])
}

fn today() -> Day {
    Day::parse("2026-11-20").unwrap()
}

/// The events as a daemon would admit them over its unix socket at the first moment of the day.
fn events(today: Day) -> Vec<Event> {
    let arrival = Arrival {
        now: today.start(),
        fresh_id: Uuid::from_u128(1),
        sender: Sender::Owner { name: "root".to_owned() },
        source: Source::Http,
        original: None,
    };
    let admitted = story(today).into_iter().map(|draft| {
        let json = String::from_utf8(draft.to_json()).unwrap();
        draft.admit(&arrival).unwrap_or_else(|error| panic!("{json}: {error}"))
    });
    admitted.collect()
}

/// What the story told on one day says on another.
fn rows(told: Day, asked: Day) -> Vec<Hotspot> {
    let mut cells = BTreeMap::<CellKey, Cell>::new();
    let mut first = BTreeMap::<Place, Day>::new();
    for event in events(told) {
        let (key, cell) = Cell::of(&event);
        let day = first.entry(key.place.clone()).or_insert(key.day);
        *day = key.day.min(*day);
        cells.entry(key).or_default().add(&cell);
    }
    let question = Question::over(Window::ending(asked, 28));
    rank(&question, &cells, &first)
}

fn row<'a>(rows: &'a [Hotspot], place: &str) -> &'a Hotspot {
    rows.iter().find(|row| row.key.name() == Some(place)).unwrap()
}

/// One row as text: place, pain, people, trend with its counts, and how it came to be.
fn line(row: &Hotspot) -> String {
    let Hotspot { figures, trend, .. } = row;
    let place = row.key.name().unwrap();
    let word = format!("{:?}", trend.word).to_lowercase();
    let weeks = format!("{}/{} {}/{}", trend.x1, trend.e1, trend.x0, trend.e0);
    let folded = row.folded.as_deref().unwrap_or_default();
    let line = format!("{place} {} {} {word} {weeks} {folded}", figures.pain, figures.people);
    line.trim_end().to_owned()
}

#[test]
fn the_ranking_is_the_one_planted() {
    let expected = [
        "web/checkout/pay 96 5 worse 15/29 14/197",
        "cli/deploy 72 6 better 0/29 45/197",
        "web/settings 43 5 unclear 1/29 12/197 spread over 3 of 3",
        "web/reports/export 29 4 new 5/29 0/197",
        "docs/quickstart 21 2 unclear 1/29 13/197",
        "web/search/results 20 4 unclear 0/29 7/197 with what was filed at web/search",
        "api/webhooks 20 1 unclear 4/29 14/197",
        "api/orders 16 2 unclear 0/29 6/197",
        "web/admin/orders 15 2 unclear 1/29 4/197",
        "cli/sync 10 1 unclear 0/29 1/197",
        "web/cart 7 2 unclear 0/29 4/197",
        "docs/api 6 2 unclear 1/29 1/197",
        "cli/login 6 2 unclear 0/29 4/197",
        "web/orders/receipt 3 1 unclear 0/29 1/197",
        "web/search/filters 3 1 unclear 0/29 1/197",
        "web/signup 1 1 unclear 0/29 3/197",
    ];
    for today in todays() {
        let lines: Vec<_> = rows(today, today).iter().map(line).collect();
        assert_eq!(lines, expected, "{today}");
    }
}

#[test]
fn a_demo_left_running_over_midnight_still_says_the_same() {
    let rows = rows(today(), today().plus(1));
    let said = ["web/checkout/pay", "cli/deploy", "web/settings", "web/reports/export"];
    assert_eq!(rows.iter().filter_map(|row| row.key.name()).take(4).collect::<Vec<_>>(), said);
    assert_eq!(row(&rows, "web/checkout/pay").trend.word, TrendWord::Worse);
    assert_eq!(row(&rows, "cli/deploy").trend.word, TrendWord::Better);
    assert_eq!(row(&rows, "web/reports/export").trend.word, TrendWord::New);
}

#[test]
fn one_loud_person_and_one_loop_are_held_down() {
    let rows = rows(today(), today());
    let loud = row(&rows, "api/webhooks");
    assert_eq!((loud.figures.pain, loud.figures.uncapped, loud.reports), (20, 72, 17));
    let crashes = row(&rows, "cli/sync");
    assert_eq!((crashes.figures.pain, crashes.figures.person_days, crashes.signals), (10, 1, 42));
}

#[test]
fn three_pages_are_shown_under_the_one_above() {
    let rows = rows(today(), today());
    let children = row(&rows, "web/settings").children.iter();
    let children: Vec<_> =
        children.map(|child| format!("{} {}", child.place, child.pain)).collect();
    assert_eq!(
        children,
        ["web/settings/team 16", "web/settings/billing 14", "web/settings/profile 13"]
    );
}

#[test]
fn how_often_using_it_hurts_is_known_of_the_two_worst() {
    for row in &rows(today(), today())[..2] {
        let rate = row.hurt_per_use.unwrap();
        assert!(50 < rate.uses && rate.low < rate.rate && rate.high < 0.5, "{rate:?}");
    }
}

#[test]
fn delight_is_no_pain_and_gets_no_row() {
    let delights = events(today()).into_iter().filter(|event| event.kind == Some(Kind::Delight));
    let delights: Vec<_> = delights.map(|event| event.place.to_string()).collect();
    assert!(3 <= delights.iter().filter(|place| *place == "cli/logs").count(), "{delights:?}");
    assert!(rows(today(), today()).iter().all(|row| row.key.name() != Some("cli/logs")));
}

#[test]
fn every_draft_is_admitted_as_it_is() {
    for today in todays() {
        let mut ids = HashSet::new();
        for event in events(today) {
            assert!(ids.insert(event.id), "{event:?}");
            assert!(!event.at_clamped && event.at < today.start(), "{event:?}");
            assert!(event.scrubbed.is_empty(), "{event:?}");
        }
    }
}

#[test]
fn telling_it_again_changes_nothing() {
    assert_eq!(story(today()), story(today()));
    let ids = |today| events(today).into_iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(ids(today()), ids(today().plus(3)));
}

#[test]
fn everything_written_is_read() {
    let paragraphs = TEXT.split("\n\n").filter(|paragraph| paragraph.contains(" | ")).count();
    assert_eq!(entry::entries(TEXT).count(), paragraphs);
    let names = ["expected", "got", "workaround", "task", "command", "exit", "as"];
    for entry in entry::entries(TEXT) {
        let place = entry.place;
        assert_eq!(Place::parse(place).unwrap().as_str(), place);
        for word in entry.words.split_whitespace() {
            assert!(Said::read(word).is_some(), "{place}: {word}");
        }
        for (name, _) in &entry.more {
            assert!(names.contains(name), "{place}: {name}");
        }
        for moment in &entry.moments {
            assert!(is_at_work(*moment), "{place}: nobody was there, {moment:?}");
        }
    }
}

#[test]
fn it_is_a_believable_month_of_six_people() {
    let events = events(today());
    assert!((350..=450).contains(&events.len()), "{} events", events.len());
    let people: BTreeSet<_> = events.iter().map(|event| event.person.as_str()).collect();
    assert_eq!(people.into_iter().collect::<Vec<_>>(), TEAM.map(|(name, _)| name));
    let first = events.iter().map(Event::day).min();
    assert_eq!(first, Some(today().plus(-BEGINNING)));
    for event in &events {
        let hour = event.at.as_second().rem_euclid(86_400) / 3_600;
        assert!((8..18).contains(&hour), "{event:?}");
    }
    let agents = events.iter().filter(|event| event.actor == Actor::Agent);
    assert_eq!(agents.count(), 2);
}

#[test]
fn a_me_too_comes_after_what_it_repeats() {
    let events = events(today());
    let me_too = events.iter().position(|event| event.same_as.is_some()).unwrap();
    let original = events.iter().position(|event| Some(event.id) == events[me_too].same_as);
    assert!(original.unwrap() < me_too);
    let (original, me_too) = (&events[original.unwrap()], &events[me_too]);
    let copied = |event: &Event| (event.place.clone(), event.kind, event.severity);
    assert_eq!(copied(original), copied(me_too));
}

#[test]
fn notes_are_many_and_some_say_the_same() {
    let mut alike = BTreeMap::<u64, BTreeSet<String>>::new();
    for event in events(today()).iter().filter(|event| event.class == Class::Report) {
        let note = event.note.clone().unwrap();
        alike.entry(fingerprint(&note)).or_default().insert(note);
    }
    assert!(90 <= alike.len(), "{} notes", alike.len());
    let groups = alike.values().filter(|notes| 1 < notes.len()).count();
    assert!(8 <= groups, "{groups} groups");
}

#[test]
fn versions_follow_their_releases() {
    let events = events(today());
    let mut versions: Vec<_> =
        events.iter().map(|event| event.version.as_deref().unwrap()).collect();
    assert!(versions.is_sorted());
    versions.dedup();
    assert_eq!(versions, ["1.3.0", "1.4.0", "1.4.1", "1.4.2"]);
}
