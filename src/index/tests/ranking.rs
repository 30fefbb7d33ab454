//! Rankings that are brought up to date are those that would be made anew.

use super::*;
use crate::cases::cases;
use crate::event::{Decided, Decision, Muting, SignalName, Verdict};

/// What may happen between two questions.
#[derive(Clone, Debug)]
enum Step {
    /// One batch.
    Told(Vec<Event>),
    TakenBack(usize),
    Decided(usize),
    Muted(bool),
    Settled,
}

/// Something of one of a few places, people, days and wordings; `n` tells them apart.
fn told(n: usize, [place, person, day, severity, words]: [usize; 5]) -> Event {
    let place =
        ["web/a", "web/a/x", "web/a/y", "web/a/z", "web/b", "web/b/deep", "cli/go"][place % 7];
    let note = ["it broke", "it was slow", "it lost order 17", "nobody knows why"][words % 4];
    let mut fields = json!({
        "id": Uuid::from_u128(n as u128),
        "place": place,
        "person": format!("p{}", person % 4),
        "at": format!("2026-{}T{:02}:00:00Z",
            ["11-20", "11-19", "11-12", "10-20", "09-20", "03-01"][day % 6], (person + words) % 12),
    });
    match severity {
        0..4 => {
            fields["severity"] = json!(["cosmetic", "minor", "major", "blocker"][severity]);
            fields["note"] = json!(note);
        }
        4 => fields["note"] = json!(note),
        5 => fields["class"] = json!("use"),
        _ => {
            fields["class"] = json!("signal");
            fields["signal"] = json!({"name": "rage-click", "rule": "as it was noticed"});
        }
    }
    event(&fields)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one =
        prop::array::uniform5(0..8_usize).prop_map(|[place, person, day, severity, words]| {
            [place, person, day, severity % 7, words]
        });
    let step = prop_oneof![
        12 => prop::collection::vec(one, 1..4).prop_map(|some| {
            Step::Told(some.into_iter().map(|one| told(1, one)).collect())
        }),
        1 => (0..20_usize).prop_map(Step::TakenBack),
        1 => (0..20_usize).prop_map(Step::Decided),
        1 => any::<bool>().prop_map(Step::Muted),
        1 => Just(Step::Settled),
    ];
    prop::collection::vec(step, 1..16).prop_map(|mut steps| {
        let mut next = 1;
        for step in &mut steps {
            if let Step::Told(events) = step {
                for event in events {
                    event.id = Uuid::from_u128(next);
                    next += 1;
                }
            }
        }
        steps
    })
}

fn take(index: &Index, step: &Step, nth: usize, told: &[Event]) {
    let sequence = index.position().sequence + 1;
    let position = Position { sequence, batch: sequence };
    let at: Timestamp = format!("2026-11-20T10:{nth:02}:00Z").parse().unwrap();
    match step {
        Step::Told(events) => apply_at_once(index, events),
        Step::TakenBack(n) => index.retract(Uuid::from_u128(*n as u128), position).unwrap(),
        Step::Decided(n) => {
            let Some(event) = told.get(*n).filter(|event| event.class == Class::Signal) else {
                return;
            };
            let note = Some("it was me".to_owned());
            let (verdict, by) = (Verdict::Confirmed, "ana".to_owned());
            let decision = Decision { at, verdict, by, severity: None, note };
            index.decide(&Decided::about(event, decision), position).unwrap();
        }
        Step::Muted(is_muted) => {
            let (place, is_muted) = (Place::parse("web/a").unwrap(), *is_muted);
            let signal = SignalName::RageClick;
            let muting = Muting { place, signal, at, is_muted, by: "ana".to_owned() };
            index.mute(&muting, position).unwrap();
        }
        Step::Settled => index.checkpoint().unwrap(),
    }
}

/// What is asked, by whom and how: some of it again and again.
fn asked(index: &Index, nth: usize) -> Vec<String> {
    let mut questions = vec![
        Question::over(window()),
        Question { shape: Shape::Flat, ..Question::over(window()) },
        Question { class: Some(Class::Report), ..Question::over(window()) },
    ];
    if nth.is_multiple_of(3) {
        let by = By::Person;
        questions.push(Question { by, ..Question::over(window()) });
    }
    let hotspots = |question: &Question| {
        [1, 100].map(|top| format!("{:?}", index.hotspots(question, top).unwrap())).concat()
    };
    let mut all: Vec<String> = questions.iter().map(hotspots).collect();
    for days in [2, 14] {
        let question = Question::over(Window::ending(window().until, days));
        all.push(format!("{:?}", index.coverage(&question).unwrap()));
    }
    if nth % 4 == 1 {
        all.push(format!("{:?}", index.land(&questions[0]).unwrap()));
        let place = Place::parse("web/a/x").unwrap();
        all.push(format!("{:?}", index.why(&questions[0], &place).unwrap()));
    }
    all
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn whatever_happened_since_the_answer_is_that_of_an_index_never_asked(steps in steps()) {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (kept, fresh) = (open(dir.path()), open(other.path()));
        let mut told = Vec::new();
        for (nth, step) in steps.iter().enumerate() {
            take(&kept, step, nth, &told);
            take(&fresh, step, nth, &told);
            if let Step::Told(events) = step {
                told.extend(events.iter().cloned());
            }
            fresh.rankings.forget();
            fresh.days.forget_all();
            fresh.visits.forget();
            prop_assert_eq!(asked(&kept, nth), asked(&fresh, nth));
        }
    }
}

#[test]
fn a_place_that_comes_back_was_seen_when_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    apply(&index, &[told(1, [0, 0, 5, 1, 0]), told(2, [4, 0, 0, 1, 0])]);
    assert_eq!(asked(&index, 0), asked(&index, 0));
    apply(&index, &[told(3, [0, 0, 0, 1, 0])]);
    let rows = index.hotspots(&Question::over(window()), 9).unwrap().rows;
    let row = rows.iter().find(|row| row.key.name() == Some("web/a")).unwrap();
    assert_eq!(row.first_seen, Some(Day::parse("2026-03-01").unwrap()));
}

#[test]
fn words_are_of_the_class_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let said = [
        json!({"place": "web/a", "note": "a person said this"}),
        json!({"place": "web/a", "note": "TypeError", "class": "signal", "signal": {"name": "crash"}}),
    ];
    apply(&index, &said.map(|fields| event(&fields)));
    let place = Place::parse("web/a").unwrap();
    for (class, under, notes, quote) in [
        (None, "web", &["TypeError", "a person said this"][..], true),
        (Some(Class::Report), "web", &["a person said this"], true),
        (Some(Class::Signal), "web", &["TypeError"], false),
        (Some(Class::Use), "web", &[], false),
        (None, "cli", &[], false),
    ] {
        let under = Some(Place::parse(under).unwrap());
        let question = Question { under, class, ..Question::over(window()) };
        let why = index.why(&question, &place).unwrap().unwrap();
        let mut found: Vec<&str> = why.notes.iter().map(|note| note.text.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, notes, "{class:?}");
        let rows = index.hotspots(&question, 9).unwrap().rows;
        assert_eq!(rows.iter().any(|row| row.quote.is_some()), quote, "{class:?}");
    }
}

#[test]
fn a_calendar_counts_the_class_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let said = [
        json!({"place": "web/a", "note": "it broke", "severity": "minor"}),
        json!({"place": "web/a", "class": "signal", "signal": {"name": "crash"}}),
        json!({"place": "web/a", "class": "use"}),
    ];
    apply(&index, &said.map(|fields| event(&fields)));
    for (class, expected) in [
        (None, (10, 1, 1, 1)),
        (Some(Class::Report), (3, 1, 0, 1)),
        (Some(Class::Signal), (10, 0, 1, 1)),
    ] {
        let days = index.calendar(&Question { class, ..Question::over(window()) }).unwrap();
        let day = days[&window().until];
        assert_eq!((day.points, day.reports, day.signals, day.uses), expected, "{class:?}");
    }
}
