//! What holds of every ranking, tried on random teams, and what rows and explanations say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::event::{Actor, Class, Day, Feeling, Kind, Outcome, Place, Severity, SignalName, Word};

pub(super) const UNTIL: Day = Day(20_000);

fn question() -> Question {
    Question::over(Window::ending(UNTIL, 28))
}

pub(super) fn place(text: &str) -> Place {
    Place::parse(text).unwrap()
}

/// The key of a human's cell, so many days ago.
fn key(ago: i32, at: &str, person: &str) -> CellKey {
    CellKey {
        day: UNTIL.plus(-ago),
        place: place(at),
        person: person.into(),
        actor: Actor::Human,
        kind: Some(Kind::Unexpected),
        version: None,
    }
}

fn report(severity: Severity) -> Cell {
    let mut cell = Cell::default();
    cell.reports[severity as usize] = 1;
    cell.hours[9] = 1;
    cell
}

fn uses(count: u64) -> Cell {
    Cell { uses: count, ..Cell::default() }
}

pub(super) fn add_up(events: impl IntoIterator<Item = (CellKey, Cell)>) -> BTreeMap<CellKey, Cell> {
    let mut cells = BTreeMap::<CellKey, Cell>::new();
    for (key, cell) in events {
        cells.entry(key).or_default().add(&cell);
    }
    cells
}

/// One event of a random team: mostly reports, some signals and uses, some of them `delight`.
fn event() -> impl Strategy<Value = (CellKey, Cell)> {
    let places = [
        "web",
        "web/a",
        "web/a/x",
        "web/a/y",
        "web/a/z",
        "web/a/z/deep",
        "web/b",
        "web/b/x",
        "cli/go",
    ];
    let who = prop::sample::select(vec!["ada", "bob", "eve", "kim"]);
    let what = (0..8_usize, 0..24_usize, prop::option::of(0..3_usize));
    (prop::sample::select(places.to_vec()), who, 0..80_i32, what).prop_map(
        |(at, person, ago, (what, hour, version))| {
            let mut key = key(ago, at, person);
            key.version = version.map(|at| Arc::from(["1.9.0", "1.10.0", "nightly"][at]));
            let mut cell = Cell::default();
            match what {
                0..4 => {
                    cell.reports[what] = 1;
                    cell.hours[hour] = 1;
                }
                4..7 => cell.signals[[0, 7, 6][what - 4]] = 1,
                _ => {
                    cell.uses = 3;
                    key.kind = None;
                }
            }
            if what == 1 && hour == 0 {
                key.kind = Some(Kind::Delight);
            }
            (key, cell)
        },
    )
}

/// What an agent met is of no row, but its place was seen.
pub(super) fn met() -> impl Strategy<Value = (CellKey, Cell)> {
    (event(), prop::bool::weighted(0.1)).prop_map(|((key, cell), by_agent)| {
        let actor = if by_agent { Actor::Agent } else { Actor::Human };
        (CellKey { actor, ..key }, cell)
    })
}

fn events() -> impl Strategy<Value = Vec<(CellKey, Cell)>> {
    prop::collection::vec(event(), 0..120)
}

fn explained(at: &Place, cells: &BTreeMap<CellKey, Cell>) -> Why {
    let question = question();
    let cells_at = |place: &Place| {
        let place = place.clone();
        cells.iter().filter(move |(key, _)| key.place == place)
    };
    why(&question, at, cells_at, &rank(&question, cells, &BTreeMap::new()))
}

fn shaped(shape: Shape, cells: &BTreeMap<CellKey, Cell>) -> Vec<Hotspot> {
    rank(&Question { shape, ..question() }, cells, &BTreeMap::new())
}

proptest! {
    #[test]
    fn names_count_and_not_where_they_lie(events in events()) {
        let own = add_up(events);
        let mut names = BTreeSet::<Arc<str>>::new();
        let mut share = |name: &Arc<str>| {
            names.insert(name.clone());
            names.get(name).unwrap_or(name).clone()
        };
        let shared = own.iter().map(|(key, cell)| {
            (CellKey { person: share(&key.person), ..key.clone() }, cell.clone())
        });
        let shared: BTreeMap<_, _> = shared.collect();
        for by in By::ALL {
            let question = Question { by: *by, ..question() };
            prop_assert_eq!(rank(&question, &own, &BTreeMap::new()), rank(&question, &shared, &BTreeMap::new()));
        }
        for at in ["web/a", "web/b", "cli/go"].map(place) {
            prop_assert_eq!(explained(&at, &own), explained(&at, &shared));
        }
    }

    #[test]
    fn no_signal_gains_by_volume(events in events(), times in 1..10_000_u32) {
        let cells = add_up(events);
        let loud: BTreeMap<_, _> = cells.iter().map(|(key, cell)| {
            (key.clone(), Cell { signals: cell.signals.map(|count| count * times), ..cell.clone() })
        }).collect();
        for shape in [Shape::Folded, Shape::Flat, Shape::Depth(2)] {
            let quiet = shaped(shape, &cells).into_iter().map(|row| Hotspot { signals: 0, ..row });
            let loud = shaped(shape, &loud).into_iter().map(|row| Hotspot { signals: 0, ..row });
            prop_assert_eq!(quiet.collect::<Vec<_>>(), loud.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_order_of_arrival_and_of_cells_does_not_matter(events in events()) {
        let cells = add_up(events.clone());
        let late = add_up(events.into_iter().rev());
        for by in By::ALL {
            let question = Question { by: *by, ..question() };
            let rows = rank(&question, &cells, &BTreeMap::new());
            prop_assert_eq!(&rank(&question, late.iter().rev(), &BTreeMap::new()), &rows);
        }
    }

    #[test]
    fn what_comes_and_goes_leaves_no_trace(events in events(), gone in events()) {
        let mut cells = add_up(events.clone());
        for (key, cell) in gone.iter().chain(&events) {
            cells.entry(key.clone()).or_default().add(cell);
        }
        for (key, cell) in events.iter().chain(&gone) {
            cells.entry(key.clone()).or_default().subtract(cell);
        }
        cells.retain(|_, cell| !cell.is_empty());
        prop_assert_eq!(cells, add_up(events));
    }

    #[test]
    fn nobody_adds_more_than_the_cap_to_a_row(events in events()) {
        for row in shaped(Shape::Folded, &add_up(events)) {
            let figures = row.figures;
            prop_assert!(figures.pain <= CAP * u64::from(figures.people));
            prop_assert!(0 < figures.pain && figures.pain <= figures.uncapped);
            prop_assert!(figures.people <= figures.person_days);
            let spark: u64 = row.spark.iter().map(|&points| u64::from(points)).sum();
            prop_assert_eq!((spark, row.spark.len()), (figures.uncapped, 28));
        }
    }

    #[test]
    fn nothing_is_counted_in_two_rows_and_nothing_is_lost(events in events()) {
        let cells = add_up(events);
        let flat = shaped(Shape::Flat, &cells);
        for shape in [Shape::Folded, Shape::Depth(1), Shape::Depth(2)] {
            let rows = shaped(shape, &cells);
            let members: Vec<_> = rows.iter().flat_map(|row| &row.members).collect();
            let distinct: BTreeSet<_> = members.iter().collect();
            prop_assert_eq!(distinct.len(), members.len());
            let hurting = flat.iter().filter_map(|row| row.key.place());
            prop_assert!(hurting.into_iter().all(|place| members.contains(&place)));
        }
    }

    #[test]
    fn a_row_is_as_flat_as_its_members_taken_for_one_place(events in events()) {
        let cells = add_up(events);
        for shape in [Shape::Folded, Shape::Depth(2)] {
            for row in shaped(shape, &cells) {
                let renamed = cells.iter().map(|(key, cell)| {
                    let inside = row.members.contains(&key.place);
                    let place = if inside { place("the/row") } else { place("the/rest") };
                    (CellKey { place, ..key.clone() }, cell.clone())
                });
                let flat = shaped(Shape::Flat, &add_up(renamed));
                let same = flat.iter().find(|row| row.key.name() == Some("the/row")).unwrap();
                prop_assert_eq!(same.figures, row.figures);
                prop_assert_eq!(same.trend, row.trend);
                prop_assert_eq!(
                    (same.reports, same.signals, same.uses, same.hurt_per_use),
                    (row.reports, row.signals, row.uses, row.hurt_per_use)
                );
            }
        }
    }

    #[test]
    fn the_order_of_rows_is_total(events in events()) {
        let weight = |row: &Hotspot| {
            let Pain { pain, people, worst_points, last_day, .. } = row.figures;
            let name = row.key.name().map(str::to_owned);
            (std::cmp::Reverse((pain, people, worst_points, last_day)), name)
        };
        for row in shaped(Shape::Flat, &add_up(events)).windows(2) {
            prop_assert!(weight(&row[0]) < weight(&row[1]));
        }
    }

    #[test]
    fn an_explanation_adds_up_to_its_row(events in events()) {
        let cells = add_up(events);
        let rows = shaped(Shape::Folded, &cells);
        for (at, row) in rows.iter().enumerate() {
            let why = explained(row.key.place().unwrap(), &cells);
            prop_assert_eq!(why.hotspot.as_ref(), Some(row));
            prop_assert_eq!((why.rank, why.of), (Some(at + 1), rows.len()));
            prop_assert_eq!(why.figures, row.figures);
            prop_assert_eq!(why.hurt_per_use, row.hurt_per_use);
            prop_assert_eq!(why.people.iter().map(|term| term.counted).sum::<u64>(), row.figures.pain);
            prop_assert_eq!(why.people.iter().map(|term| term.sum).sum::<u64>(), row.figures.uncapped);
            prop_assert_eq!(why.versions.iter().map(|line| line.reports).sum::<u64>(), row.reports);
            for member in row.members.iter().filter(|place| Some(*place) != row.key.place()) {
                let why = explained(member, &cells);
                prop_assert_eq!(why.counted_in.as_ref(), row.key.place());
                prop_assert_eq!((why.hotspot, why.rank), (None, None));
            }
        }
    }

    #[test]
    fn rows_and_explanations_survive_their_json(events in events()) {
        let cells = add_up(events);
        for by in By::ALL {
            for row in rank(&Question { by: *by, ..question() }, &cells, &BTreeMap::new()) {
                let json = serde_json::to_string(&row).unwrap();
                let back: Hotspot = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(restored(back, &row), row);
            }
        }
        let why = explained(&place("web/a"), &cells);
        let json = serde_json::to_string(&why).unwrap();
        let mut back: Why = serde_json::from_str(&json).unwrap();
        back.hurt_per_use = why.hurt_per_use;
        back.hotspot = back.hotspot.zip(why.hotspot.as_ref()).map(|(back, row)| restored(back, row));
        prop_assert_eq!(back, why);
    }
}

/// A row that was read back, with what JSON does not carry: members, and the last bit of a float.
fn restored(back: Hotspot, row: &Hotspot) -> Hotspot {
    let Trend { p_worse, p_better, .. } = row.trend;
    assert_eq!(back.trend.p_worse.is_some(), p_worse.is_some());
    assert_eq!(back.hurt_per_use.is_some(), row.hurt_per_use.is_some());
    Hotspot {
        members: row.members.clone(),
        trend: Trend { p_worse, p_better, ..back.trend },
        hurt_per_use: row.hurt_per_use,
        ..back
    }
}

#[test]
fn a_row_as_json() {
    let mut first = report(Severity::Major);
    first.feelings[Feeling::Frustrated as usize] = 1;
    first.outcomes[Outcome::Retried as usize] = 1;
    first.lost_minutes = 15;
    let mut signal = Cell::default();
    signal.signals[SignalName::Crash as usize] = 2;
    let uses_key = CellKey { kind: None, ..key(1, "web/pay", "bob") };
    let cells = add_up([
        (key(0, "web/pay", "ada"), first),
        (key(9, "web/pay", "ada"), report(Severity::Cosmetic)),
        (key(1, "web/pay", "bob"), signal),
        (uses_key, uses(8)),
    ]);
    let seen = BTreeMap::from([(place("web/pay"), UNTIL.plus(-9))]);
    let rows = rank(&Question { window: Window::ending(UNTIL, 3), ..question() }, &cells, &seen);
    let mut row = serde_json::to_value(&rows).unwrap()[0].take();
    row["trend"].take();
    row["hurt_per_use"] = row["hurt_per_use"]["hurt"].take();
    let expected = serde_json::json!({
        "place": "web/pay", "pain": 20, "uncapped": 20, "people": 2, "person_days": 2,
        "worst_points": 10, "last_day": "2024-10-04", "trend": null, "folded": null,
        "children": [], "reports": 1, "signals": 2, "outcomes": {"retried": 1},
        "feelings": {"frustrated": 1}, "worst_outcome": "retried", "lost_minutes": 15, "uses": 8,
        "hurt_per_use": 1, "spark": [0, 10, 10], "first_seen": "2024-09-25", "quote": null,
    });
    assert_eq!(row, expected);
}

#[test]
fn the_trend_counts_presence_anywhere_whatever_is_asked_for() {
    let bug = |ago, person| (key(ago, "web/pay", person), report(Severity::Minor));
    let around = |ago, person| (CellKey { kind: None, ..key(ago, "web/home", person) }, uses(1));
    let cells = add_up(
        (0..63).map(|ago| around(ago, "ada")).chain((0..7).map(|ago| bug(ago, "ada"))).chain([
            bug(0, "bob"),
            bug(62, "bob"),
            bug(63, "bob"),
        ]),
    );
    let narrow = Question { under: Some(place("web/pay")), ..question() };
    let trend = rank(&narrow, &cells, &BTreeMap::new())[0].trend;
    assert_eq!((trend.x1, trend.e1, trend.x0, trend.e0), (8, 8, 1, 57));
    assert_eq!(trend.word, TrendWord::Worse);
    let bob = Question { person: Some("bob".to_owned()), ..question() };
    let trend = rank(&bob, &cells, &BTreeMap::new())[0].trend;
    assert_eq!((trend.x1, trend.e1, trend.x0, trend.e0), (1, 1, 1, 1));
}

#[test]
fn new_is_what_was_first_seen_in_the_last_week() {
    let cells = add_up([
        (key(0, "web/a", "ada"), report(Severity::Minor)),
        (key(20, "web/b", "ada"), report(Severity::Minor)),
    ]);
    let word = |first: i32| {
        rank(&question(), &cells, &BTreeMap::from([(place("web/a"), UNTIL.plus(-first))]))
            .iter()
            .find(|row| row.key.name() == Some("web/a"))
            .map(|row| row.trend.word)
    };
    assert_eq!(word(6), Some(TrendWord::New));
    assert_eq!(word(7), Some(TrendWord::Unclear));
}

#[test]
fn grouped_by_something_else_the_row_is_named_after_it() {
    let versioned = |version: Option<&str>, person: &str, kind| {
        let key = CellKey {
            version: version.map(Into::into),
            kind: Some(kind),
            ..key(1, "web/a", person)
        };
        (key, report(Severity::Minor))
    };
    let cells = add_up([
        versioned(Some("1.0"), "ada", Kind::Slow),
        versioned(Some("1.0"), "bob", Kind::Slow),
        versioned(None, "ada", Kind::Missing),
    ]);
    let rows = |by| {
        let rows = rank(&Question { by, ..question() }, &cells, &BTreeMap::new());
        serde_json::to_value(rows).unwrap()
    };
    assert_eq!(rows(By::Version)[0]["version"], "1.0");
    let second = &rows(By::Version)[1];
    assert!(second.as_object().unwrap().contains_key("version") && second["version"].is_null());
    assert_eq!(rows(By::Person)[0]["person"], "ada");
    assert_eq!(rows(By::Kind)[0]["kind"], "slow");
    assert_eq!(rows(By::Kind)[1]["kind"], "missing");
    // ada met two things on one day: one person-day, whatever they were.
    assert_eq!(rows(By::Place)[0]["pain"], 6);
}

#[test]
fn filters_say_what_counts_as_pain() {
    let slow = CellKey { kind: Some(Kind::Slow), ..key(1, "web/a/x", "ada") };
    let used = CellKey { kind: None, ..key(1, "web/a/x", "ada") };
    let agent = CellKey { actor: Actor::Agent, ..key(1, "web/b", "bot") };
    let cells = add_up([
        (slow, report(Severity::Major)),
        (used, uses(9)),
        (agent, report(Severity::Blocker)),
        (key(1, "web/a", "bob"), report(Severity::Minor)),
    ]);
    let names = |question: &Question| {
        let rows = rank(question, &cells, &BTreeMap::new());
        rows.iter().map(|row| row.key.name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&question()), ["web/a/x"]);
    assert_eq!(names(&Question { shape: Shape::Flat, ..question() }), ["web/a/x", "web/a"]);
    assert_eq!(names(&Question { actor: Actor::Agent, ..question() }), ["web/b"]);
    assert_eq!(names(&Question { under: Some(place("web/b")), ..question() }), [""; 0]);
    assert_eq!(names(&Question { shape: Shape::Depth(1), ..question() }), ["web"]);
    let slow = Question { kind: Some(Kind::Slow), ..question() };
    let rows = rank(&slow, &cells, &BTreeMap::new());
    assert_eq!((rows.len(), rows[0].figures.pain, rows[0].uses), (1, 10, 9));
}

#[test]
fn why_names_terms_versions_and_whose_row_it_is() {
    let versioned = |ago, person: &str, version: &str, cell: Cell| {
        (CellKey { version: Some(version.into()), ..key(ago, "web/a/x", person) }, cell)
    };
    let crash = Cell { signals: [3, 0, 0, 0, 0, 0, 1, 0, 0], ..Cell::default() };
    let delight = CellKey { kind: Some(Kind::Delight), ..key(3, "web/a/x", "eve") };
    let cells = add_up([
        versioned(1, "ada", "1.10.0", report(Severity::Blocker)),
        versioned(2, "ada", "1.9.0", report(Severity::Cosmetic)),
        versioned(2, "bob", "1.9.0", crash),
        (delight, report(Severity::Minor)),
        (key(2, "web/a", "bob"), report(Severity::Major)),
        (key(2, "web/b/deep", "bob"), report(Severity::Minor)),
    ]);
    let ask = |at: &str| explained(&place(at), &cells);
    let x = ask("web/a/x");
    assert_eq!((x.rank, x.of, x.figures.pain), (Some(1), 2, 30));
    assert_eq!(x.places, [place("web/a/x"), place("web/a")]);
    let terms: Vec<_> =
        x.people.iter().map(|term| (term.person.as_str(), term.sum, term.counted)).collect();
    assert_eq!(terms, [("ada", 31, 20), ("bob", 10, 10)]);
    let worst =
        |at: usize| x.people[at].days.iter().map(|day| day.worst.as_str()).collect::<Vec<_>>();
    assert_eq!(
        (worst(0), worst(1)),
        (vec!["cosmetic report", "blocker report"], vec!["major report"])
    );
    let versions: Vec<_> = x.versions.iter().map(|line| line.version.as_deref()).collect();
    assert_eq!(versions, [Some("1.9.0"), Some("1.10.0"), None]);
    assert_eq!((x.signals[&SignalName::Crash], x.signals[&SignalName::RageClick]), (1, 3));
    assert_eq!((x.kinds[&Kind::Delight], x.kinds[&Kind::Unexpected]), (1, 3));
    assert_eq!(x.severities.get(&Severity::Minor), None);
    let a = ask("web/a");
    assert_eq!((a.counted_in, a.figures.pain, a.below.len()), (Some(place("web/a/x")), 10, 0));
    let b = ask("web/b");
    assert_eq!((b.counted_in, b.figures.pain), (None, 0));
    assert_eq!(b.below, [Child { place: place("web/b/deep"), pain: 3 }]);
}

#[test]
fn a_report_weighs_at_least_what_the_signal_of_it_did() {
    for signal in SignalName::ALL {
        let told = if *signal == SignalName::Crash { Severity::Major } else { Severity::Minor };
        assert!(signal_points(*signal) <= POINTS[told as usize], "{signal}");
    }
    // One person's day of every signal at once is no more than the worst of them.
    let noisy = Cell { signals: [1_000_000; SignalName::ALL.len()], ..Cell::default() };
    assert_eq!(points(None, &noisy), POINTS[Severity::Major as usize]);
}

#[test]
fn either_class_can_be_asked_for_alone() {
    let cell = Cell {
        signals: [0, 0, 0, 0, 0, 0, 2, 0, 0],
        uses: 7,
        dismissed: 1,
        ..report(Severity::Minor)
    };
    let told = cell.only(Class::Report);
    assert_eq!((points(None, &told), told.uses, told.signals), (3, 7, [0; SignalName::ALL.len()]));
    let noticed = cell.only(Class::Signal);
    assert_eq!((points(None, &noticed), noticed.uses, noticed.reports), (10, 7, [0; 4]));
}
