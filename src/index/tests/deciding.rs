//! Decisions: whatever the order of what comes, the answers are the same.

use super::*;
use crate::cases::cases;
use crate::event::{Decided, Decision, Muting, SignalName, Verdict, Word};

/// What may come, in any order.
#[derive(Clone, Debug)]
enum Step {
    Noticed(u32),
    Decided(u32, usize, u32),
    Muted(u32, bool, u32),
    TakenBack(u32),
}

fn noticed(n: u32) -> Event {
    let name = ["rage-click", "failure", "crash"][n as usize % 3];
    event(&json!({
        "id": format!("00000000-0000-7000-8000-{n:012x}"),
        "class": "signal",
        "signal": {"name": name, "rule": "as it was noticed"},
        "place": format!("web/p{}", n % 2),
        "person": format!("p{}", n % 3),
        "at": format!("2026-11-{:02}T09:00:00Z", 1 + n * 7 % 20),
    }))
}

fn at(minute: u32) -> Timestamp {
    format!("2026-11-20T10:{minute:02}:00Z").parse().unwrap()
}

fn decided(n: u32, verdict: usize, minute: u32) -> Decided {
    let verdict = Verdict::ALL[verdict];
    let note = (verdict == Verdict::Confirmed).then(|| format!("it hurt at {minute}"));
    let decision = Decision { at: at(minute), verdict, by: "ana".to_owned(), severity: None, note };
    Decided::about(&noticed(n), decision)
}

fn muting(place: u32, is_muted: bool, minute: u32) -> Muting {
    let place = Place::parse(&format!("web/p{place}")).unwrap();
    Muting { place, signal: SignalName::RageClick, at: at(minute), is_muted, by: "ana".to_owned() }
}

fn take(index: &Index, step: &Step) {
    let sequence = index.position().sequence + 1;
    let position = Position { sequence, batch: sequence };
    match step {
        Step::Noticed(n) => apply(index, &[noticed(*n)]),
        Step::Decided(n, verdict, minute) => {
            index.decide(&decided(*n, *verdict, *minute), position).unwrap();
        }
        Step::Muted(place, is_muted, minute) => {
            index.mute(&muting(*place, *is_muted, *minute), position).unwrap();
        }
        Step::TakenBack(n) => retract(index, noticed(*n).id),
    }
}

fn all(index: &Index) -> Vec<String> {
    let mut all = answers(index);
    let page = index.list(&Filter::default(), Order::Newest, None, 100).unwrap();
    all.extend(page.events.iter().map(|event| String::from_utf8(event.to_json()).unwrap()));
    let signals = Filter { class: Some(Class::Signal), ..Filter::default() };
    all.push(index.list(&signals, Order::Newest, None, 100).unwrap().events.len().to_string());
    all.push(format!("{:?}", index.muted()));
    all
}

fn decisions() -> impl Strategy<Value = Vec<Step>> {
    // No two decisions are of one moment: in the daemon none ever is.
    let decision = (0..6_u32, 0..3_usize).prop_map(|(n, verdict)| Step::Decided(n, verdict, 0));
    let muting = (0..2_u32, any::<bool>()).prop_map(|(place, is)| Step::Muted(place, is, 0));
    let steps = prop::collection::vec(prop_oneof![3 => decision, 1 => muting], 0..12);
    steps.prop_map(|mut steps| {
        for (minute, step) in (0..).zip(&mut steps) {
            match step {
                Step::Decided(_, _, at) | Step::Muted(_, _, at) => *at = minute,
                Step::Noticed(_) | Step::TakenBack(_) => {}
            }
        }
        steps
    })
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn order_and_restarts_change_no_answer(
        steps in decisions(),
        shuffled in Just((0..6).collect::<Vec<u32>>()).prop_shuffle(),
        seed in any::<u64>(),
        gone in prop::option::of(0..6_u32),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let straight = open(&dir.path().join("straight"));
        let mixed = open(&dir.path().join("mixed"));
        let events: Vec<Step> = (0..6).map(Step::Noticed).collect();
        events.iter().chain(&steps).for_each(|step| take(&straight, step));

        let mut others: Vec<Step> = steps.clone();
        others.extend(shuffled.iter().map(|n| Step::Noticed(*n)));
        // A cheap shuffle that proptest can replay.
        others.sort_by_cached_key(|step| blake3::hash(format!("{seed}{step:?}").as_bytes()).to_hex());
        for step in &others {
            take(&mixed, step);
        }
        if let Some(n) = gone {
            take(&straight, &Step::TakenBack(n));
            take(&mixed, &Step::TakenBack(n));
        }
        prop_assert_eq!(all(&straight), all(&mixed));
        let again = restart(mixed, &dir.path().join("mixed"));
        prop_assert_eq!(all(&straight), all(&again));
    }
}

#[test]
fn a_signal_is_what_it_was_decided_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    // Number 0 is a rage click of p0 at web/p0, number 2 a crash of p2 there.
    apply(&index, &[noticed(0), noticed(2)]);
    let row = || {
        let rows = index.hotspots(&Question::over(window()), 10).unwrap().rows;
        rows.first().map(|row| (row.figures.pain, row.reports, row.signals))
    };
    assert_eq!(row(), Some((11, 0, 2)));
    take(&index, &Step::Decided(0, 1, 1));
    assert_eq!(row(), Some((13, 1, 1)), "confirmed: a minor report");
    let quote = index.hotspots(&Question::over(window()), 1).unwrap().rows[0].quote.clone();
    assert_eq!(quote.unwrap().text, "it hurt at 1");
    take(&index, &Step::Decided(2, 1, 2));
    assert_eq!(row(), Some((13, 2, 0)), "a confirmed crash weighs what the crash did");
    take(&index, &Step::Decided(2, 2, 3));
    assert_eq!(row(), Some((3, 1, 0)), "dismissed: no points");
    take(&index, &Step::Decided(0, 0, 4));
    assert_eq!(row(), Some((1, 0, 1)), "open again");
    take(&index, &Step::Muted(0, true, 5));
    assert_eq!(row(), None, "muted");
    let listed = index.list(&Filter::default(), Order::Newest, None, 10).unwrap().events;
    assert_eq!(listed.len(), 2, "whatever was decided, it is shown");
    take(&index, &Step::Muted(0, false, 6));
    assert_eq!(row(), Some((1, 0, 1)), "heard again");
}

#[test]
fn what_is_muted_or_dismissed_is_not_what_was_said() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let signal = |n: u32, name: &str, note: &str| {
        event(&json!({
            "id": format!("00000000-0000-7000-8000-{n:012x}"),
            "class": "signal",
            "signal": {"name": name, "rule": note},
            "note": note,
            "place": "web/p0",
        }))
    };
    let (crash, click) =
        (signal(1, "crash", "TypeError"), signal(2, "rage-click", "nothing moves"));
    let confirmed = signal(3, "rage-click", "it was me");
    apply(&index, &[crash.clone(), click, confirmed.clone()]);
    let decide = |event: &Event, verdict, minute| {
        let (at, by) = (at(minute), "ana".to_owned());
        let decision = Decision { at, verdict, by, severity: None, note: None };
        let sequence = index.position().sequence + 1;
        let position = Position { sequence, batch: sequence };
        index.decide(&Decided::about(event, decision), position).unwrap();
    };
    let place = Place::parse("web/p0").unwrap();
    let said = || {
        let why = index.why(&Question::over(window()), &place).unwrap().unwrap();
        let mut said: Vec<_> = why.notes.iter().map(|note| note.text.clone()).collect();
        said.sort();
        said.join("; ")
    };
    decide(&confirmed, Verdict::Confirmed, 1);
    assert_eq!(said(), "TypeError; it was me; nothing moves");
    take(&index, &Step::Muted(0, true, 2));
    assert_eq!(said(), "TypeError; it was me", "a person said so, whatever is muted since");
    decide(&crash, Verdict::Dismissed, 3);
    assert_eq!(said(), "it was me");
    decide(&crash, Verdict::Open, 4);
    take(&index, &Step::Muted(0, false, 5));
    assert_eq!(said(), "TypeError; it was me; nothing moves");
}
