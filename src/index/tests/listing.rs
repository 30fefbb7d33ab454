//! Lists: whatever is asked, they are what all lists of all places say, merged.

use super::*;
use crate::cases::cases;
use crate::event::{Decided, Decision, Muting, SignalName, Verdict, Word};

/// Anything that may be recorded, of few enough names that much meets.
fn anything() -> impl Strategy<Value = Event> {
    let time =
        (1..6_u32, prop_oneof![0..24_u32, 8..10_u32], 0..60_u32, prop_oneof![Just(0), 0..1000_u32]);
    let what = (0..10_usize, 0..4_usize, any::<bool>(), 0..3_usize);
    (any::<[u8; 10]>(), time, 0..6_usize, 0..4_u32, what).prop_map(
        |(
            random,
            (day, hour, minute, millisecond),
            place,
            person,
            (class, word, is_agent, version),
        )| {
            let place = ["web", "web/a", "web/a/b", "web/ab", "cli/run", "cli/run/now"][place];
            let id = uuid::Builder::from_unix_timestamp_millis(1_700_000_000_000, &random);
            let mut fields = json!({
                "id": id.into_uuid(),
                "place": place,
                "person": format!("p{person}"),
                "actor": if is_agent { "agent" } else { "human" },
                "at": format!("2026-11-{day:02}T{hour:02}:{minute:02}:00.{millisecond:03}Z"),
            });
            if 0 < version {
                fields["version"] = json!(format!("1.{version}"));
            }
            match class {
                0..5 => {
                    fields["note"] = json!("x");
                    fields["kind"] = json!(["slow", "error", "delight", "slow"][word]);
                    fields["severity"] = json!(["cosmetic", "minor", "major", "blocker"][word]);
                }
                5..8 => {
                    fields["class"] = json!("signal");
                    let name = ["crash", "rage-click", "failure", "crash"][word];
                    fields["signal"] = json!({"name": name});
                }
                _ => fields["class"] = json!("use"),
            }
            event(&fields)
        },
    )
}

/// What happens to what was recorded.
#[derive(Clone, Debug)]
enum Turn {
    TakenBack(usize),
    Decided(usize, Verdict),
    Muted(usize, bool),
    Settled,
}

fn turn() -> impl Strategy<Value = Turn> {
    let verdict = prop::sample::select(Verdict::ALL);
    prop_oneof![
        2 => any::<usize>().prop_map(Turn::TakenBack),
        4 => (any::<usize>(), verdict).prop_map(|(nth, verdict)| Turn::Decided(nth, verdict)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(nth, is)| Turn::Muted(nth, is)),
        1 => Just(Turn::Settled),
    ]
}

fn take(index: &Index, events: &[Event], minute: u32, turn: &Turn) {
    let sequence = index.position().sequence + 1;
    let position = Position { sequence, batch: sequence };
    let at: Timestamp = format!("2026-11-20T10:{minute:02}:00Z").parse().unwrap();
    let event = |nth: usize| &events[nth % events.len()];
    match *turn {
        Turn::TakenBack(nth) => retract(index, event(nth).id),
        Turn::Decided(nth, verdict) => {
            let by = "ana".to_owned();
            let decision = Decision { at, verdict, by, severity: None, note: None };
            index.decide(&Decided::about(event(nth), decision), position).unwrap();
        }
        Turn::Muted(nth, is_muted) => {
            let (place, signal) = (event(nth).place.clone(), SignalName::Crash);
            let muting = Muting { place, signal, at, is_muted, by: "ana".to_owned() };
            index.mute(&muting, position).unwrap();
        }
        Turn::Settled => index.checkpoint().unwrap(),
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    let day = || prop::option::weighted(0.2, (0..7).prop_map(|day| Day(20_757 + day)));
    let under = prop::option::weighted(
        0.3,
        prop::sample::select(vec!["web", "web/a", "cli", "cli/run/now", "nowhere"]),
    );
    let class = prop::option::weighted(0.3, prop::sample::select(Class::ALL));
    let kind = prop::option::weighted(0.2, prop::sample::select(vec![Kind::Slow, Kind::Error]));
    let version = prop::option::weighted(0.2, prop::sample::select(vec!["1.1", "1.2", "2"]));
    let person = prop::option::weighted(0.3, prop::sample::select(vec!["p0", "p1", "p9"]));
    let actor = prop::option::weighted(0.3, prop::sample::select(Actor::ALL));
    (day(), day(), under, class, kind, version, person, actor).prop_map(
        |(since, until, under, class, kind, version, person, actor)| Filter {
            since,
            until,
            under: under.map(|under| Place::parse(under).unwrap()),
            class,
            kind,
            version: version.map(str::to_owned),
            person: person.map(str::to_owned),
            actor,
        },
    )
}

/// All lists of all places, merged and looked at one by one.
fn merged(index: &Index, filter: &Filter, order: Order) -> Vec<Event> {
    let mut spots = Vec::new();
    for place in index.places() {
        for band in 0..key::BANDS {
            let list = index.band(&place, band, order, key::Millis::MIN, key::Millis::MAX);
            spots.extend(list.map(|found| found.unwrap().0));
        }
    }
    spots.sort();
    if order == Order::Newest {
        spots.reverse();
    }
    let events = spots.into_iter().map(|spot| index.event_of(spot.sequence).unwrap().0);
    let is_in = |event: &Event| {
        filter.since.is_none_or(|since| since <= event.day())
            && filter.until.is_none_or(|until| event.day() <= until)
    };
    events.filter(|event| is_in(event) && filter.matches(event)).collect()
}

/// All pages of a list.
fn pages(index: &Index, filter: &Filter, order: Order, limit: usize) -> Vec<Vec<Event>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = index.list(filter, order, after, limit).unwrap();
        assert_eq!(page.lacks, 0);
        pages.push(page.events);
        match page.next {
            Some(next) => after = Some(Cursor::parse(&next.to_string()).unwrap()),
            None => return pages,
        }
    }
}

fn said(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| String::from_utf8(event.to_json()).unwrap()).collect()
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn pages_are_all_lists_merged(
        events in prop::collection::vec(anything(), 1..80),
        turns in prop::collection::vec(turn(), 0..20),
        settled in any::<prop::sample::Index>(),
        filters in prop::collection::vec(filter(), 8),
        limit in 1_usize..9,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let index = open(dir.path());
        let half = settled.index(events.len());
        apply(&index, &events[..half]);
        index.checkpoint().unwrap();
        apply(&index, &events[half..]);
        for (minute, turn) in (0..).zip(&turns) {
            take(&index, &events, minute, turn);
        }
        for filter in [Filter::default()].iter().chain(&filters) {
            for order in [Order::Oldest, Order::Newest] {
                let expected = merged(&index, filter, order);
                let pages = pages(&index, filter, order, limit);
                for (nth, page) in pages.iter().enumerate() {
                    let left = &expected[(nth * limit).min(expected.len())..];
                    prop_assert_eq!(said(page), said(&left[..limit.min(left.len())]));
                }
                prop_assert_eq!(pages.len(), expected.len().div_ceil(limit).max(1));
            }
        }
    }
}

#[test]
fn what_is_of_another_class_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let of = |n: u128, fields: serde_json::Value| {
        let mut fields = fields;
        fields["id"] = json!(Uuid::from_u128(n));
        fields["place"] = json!("web/a");
        event(&fields)
    };
    let signal = json!({"class": "signal", "signal": {"name": "crash"}});
    let events = [
        of(1, json!({"class": "use"})),
        of(2, json!({"note": "it broke"})),
        of(3, signal.clone()),
        of(4, signal),
    ];
    apply(&index, &events);
    take(&index, &events, 1, &Turn::Decided(3, Verdict::Confirmed));
    // What is lost is noticed by who reads it.
    for lost in [1, 2, 4] {
        fs::remove_file(dir.path().join(format!("records/{lost}"))).unwrap();
    }
    let lacks = |class| {
        let filter = Filter { class, ..Filter::default() };
        index.list(&filter, Order::Newest, None, 10).unwrap().lacks
    };
    let classes = [None, Some(Class::Report), Some(Class::Signal), Some(Class::Use)];
    assert_eq!(classes.map(lacks), [3, 1, 1, 1]);
}
