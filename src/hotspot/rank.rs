//! The ranking: rows in the order in which they hurt, or in another that was asked for.
//!
//! Order: what [`super::Sort`] says, then pain, then people, then the worst single points, then the
//! later last day, then the name, A first. No two rows have one name, so it is total: the same events
//! give the same list.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fold::{self, Fold};
use super::gather::{Group, Numbers, gather, gather_among};
use super::pain::worst;
use super::trend::{self, Weeks};
use super::{By, Cell, CellKey, Child, Pain, Question, Rate, Shape, Trend, Window};
use crate::event::{Day, Feeling, Kind, Outcome, Place, Severity, Word};

/// What a row stands for; in JSON the word is the name of the field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Key {
    /// A place.
    Place(Place),
    /// A person.
    Person(String),
    /// A version; none where events name none.
    Version(Option<String>),
    /// A kind; none where events have none.
    Kind(Option<Kind>),
}

/// One row of the ranking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hotspot {
    /// What it stands for.
    #[serde(flatten)]
    pub key: Key,
    /// What it is ranked by. Its last day is also when the row was last met.
    #[serde(flatten)]
    pub figures: Pain,
    /// Whether it is getting worse.
    pub trend: Trend,
    /// How it came to be more than its own place, in words.
    pub folded: Option<String>,
    /// Places counted in it that are worth showing under it, worst first.
    pub children: Vec<Child>,
    /// Reports in the window, whatever their kind.
    pub reports: u64,
    /// Unconfirmed signals in the window.
    pub signals: u64,
    /// Reports by what the person did.
    pub outcomes: BTreeMap<Outcome, u32>,
    /// Reports by what the person felt.
    pub feelings: BTreeMap<Feeling, u32>,
    /// The worst thing a person did.
    pub worst_outcome: Option<Outcome>,
    /// Minutes lost.
    pub lost_minutes: u64,
    /// Uses.
    pub uses: u64,
    /// How often using it hurts, where enough uses are known.
    pub hurt_per_use: Option<Rate>,
    /// Points of each day of the window, without the cap.
    pub spark: Vec<u32>,
    /// The first day it was ever seen; none where that is not known.
    pub first_seen: Option<Day>,
    /// Its strongest quote; the caller fills it in.
    pub quote: Option<Quote>,
    /// The places it is made of, its own first; empty unless by place.
    #[serde(skip)]
    pub members: Vec<Place>,
}

/// What somebody said, word for word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The event it is from.
    pub id: Uuid,
    /// Where.
    pub place: Place,
    /// How bad it was.
    pub severity: Option<Severity>,
    /// When.
    pub at: Timestamp,
    /// The words.
    pub text: String,
}

impl Key {
    /// The name a row is sorted and shown by; none for events that name no version or kind.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Place(place) => Some(place.as_str()),
            Self::Person(person) => Some(person),
            Self::Version(version) => version.as_deref(),
            Self::Kind(kind) => kind.map(Kind::word),
        }
    }

    /// The place, of a row that stands for one.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Place(place) => Some(place),
            _ => None,
        }
    }
}

/// Ranks what the cells of [`Question::horizon`] say; only rows with points in the window appear.
///
/// `first_seen` gives the first day anything was ever recorded at each place. By person, version or
/// kind the first day is that of the horizon's cells, where these are all there are.
pub fn rank<'a>(
    question: &Question,
    cells: impl IntoIterator<Item = (&'a CellKey, &'a Cell)>,
    first_seen: &BTreeMap<Place, Day>,
) -> Vec<Hotspot> {
    // Whatever was recorded before the horizon may have been of any person, version or kind.
    let is_all = first_seen.values().all(|first| question.horizon().since <= *first);
    let mut rows = match question.by {
        By::Place => places(question, cells, first_seen),
        By::Person => {
            let mut people = Numbers::default();
            let (groups, presence) = gather_among(&mut people, question, cells, |key| &*key.person);
            // Of one person's days those count on which that person was there, whoever else was.
            others(question, groups, is_all, |person| {
                (Key::Person(person.to_owned()), presence.counts_of(people.of(person)))
            })
        }
        By::Version => {
            let (groups, presence) = gather(question, cells, |key| key.version.as_deref());
            others(question, groups, is_all, |version| {
                (Key::Version(version.map(str::to_owned)), presence.counts())
            })
        }
        By::Kind => {
            let (groups, presence) = gather(question, cells, |key| key.kind);
            others(question, groups, is_all, |kind| (Key::Kind(kind), presence.counts()))
        }
    };
    rows.retain(|row| row.figures.pain != 0);
    rows.sort_by(|a, b| in_order(question, a, b));
    rows
}

/// The order of rows that a question asks for.
pub(super) fn in_order(question: &Question, a: &Hotspot, b: &Hotspot) -> Ordering {
    question.sort.order(a, b).then_with(|| order(a, b))
}

/// The order of pain.
fn order(a: &Hotspot, b: &Hotspot) -> Ordering {
    let weight = |row: &Hotspot| {
        let Pain { pain, people, worst_points, last_day, .. } = row.figures;
        Reverse((pain, people, worst_points, last_day))
    };
    weight(a).cmp(&weight(b)).then_with(|| a.key.name().cmp(&b.key.name()))
}

fn places<'a>(
    question: &Question,
    cells: impl IntoIterator<Item = (&'a CellKey, &'a Cell)>,
    first_seen: &BTreeMap<Place, Day>,
) -> Vec<Hotspot> {
    let (groups, presence) = gather(question, cells, |key| &key.place);
    let groups = groups.into_iter().map(|(place, group)| (place.clone(), Arc::new(group)));
    let folds = fold::shaped(groups.collect(), question.shape, question.window);
    let present = presence.counts();
    let rows = folds.into_iter().map(|fold| row_of(question, fold, first_seen, present).0);
    rows.collect()
}

/// The row of a fold, and what its trend was judged by. `present` are the person-days on
/// which anybody was there.
pub(super) fn row_of(
    question: &Question,
    fold: Fold,
    first_seen: &BTreeMap<Place, Day>,
    present: (u32, u32),
) -> (Hotspot, Weeks) {
    let window = question.window;
    let first = first_of(question, &fold, first_seen).or(fold.group.first);
    let Fold { place, group, members, folded, children } = fold;
    let weeks = weeks(&group, first, present, window.until);
    let row = row(window, Key::Place(place), &group, first, &weeks);
    (Hotspot { folded, children, members, ..row }, weeks)
}

/// When anything was first recorded at the places of a row. What is the sum of all below a place is of
/// the places that met nothing within the horizon, too.
fn first_of(question: &Question, row: &Fold, first_seen: &BTreeMap<Place, Day>) -> Option<Day> {
    let Shape::Depth(depth) = question.shape else {
        return row.members.iter().filter_map(|place| first_seen.get(place)).min().copied();
    };
    let alike = first_seen.range(row.place.clone()..);
    let alike = alike.take_while(|(place, _)| place.as_str().starts_with(row.place.as_str()));
    let is_asked =
        |place: &Place| question.under.as_ref().is_none_or(|under| place.is_under(under));
    let within = alike.filter(|(place, _)| place.cut(depth) == row.place && is_asked(place));
    within.map(|(_, first)| *first).min()
}

/// Rows that stand for no place. `is_all` says that nothing was recorded before the horizon; `of` gives
/// what a row stands for and the person-days its trend is judged by.
fn others<K>(
    question: &Question,
    groups: Vec<(K, Group)>,
    is_all: bool,
    mut of: impl FnMut(K) -> (Key, (u32, u32)),
) -> Vec<Hotspot> {
    let window = question.window;
    let rows = groups.into_iter().map(|(name, group)| {
        let (key, present) = of(name);
        let first = group.first.filter(|_| is_all);
        let weeks = weeks(&group, first, present, window.until);
        row(window, key, &group, first, &weeks)
    });
    rows.collect()
}

fn row(window: Window, key: Key, group: &Group, first: Option<Day>, weeks: &Weeks) -> Hotspot {
    let total = &group.total;
    Hotspot {
        key,
        figures: group.days.pain(window),
        trend: Trend::of(weeks),
        folded: None,
        children: Vec::new(),
        reports: sum(&total.reports),
        signals: sum(&total.signals),
        outcomes: by_word(&total.outcomes),
        feelings: by_word(&total.feelings),
        worst_outcome: worst(&total.outcomes).map(|at| Outcome::ALL[at]),
        lost_minutes: total.lost_minutes,
        uses: total.uses,
        hurt_per_use: group.rate(window),
        spark: group.days.spark(window),
        first_seen: first,
        quote: None,
        members: Vec::new(),
    }
}

fn weeks(group: &Group, first: Option<Day>, (e1, e0): (u32, u32), until: Day) -> Weeks {
    let (recent, before) = (trend::recent(until), trend::before(until));
    let last = group.days.pain(recent);
    Weeks {
        x1: last.person_days,
        e1,
        x0: group.days.pain(before).person_days,
        e0,
        people: last.people,
        is_new: first.is_some_and(|first| recent.since <= first),
    }
}

/// All of a list of counts.
pub(super) fn sum(counts: &[u32]) -> u64 {
    counts.iter().map(|&count| u64::from(count)).sum()
}

/// Counts by their word, zeros left out.
pub(super) fn by_word<W: Word + Ord>(counts: &[u32]) -> BTreeMap<W, u32> {
    let counts = W::ALL.iter().copied().zip(counts.iter().copied());
    counts.filter(|&(_, count)| count != 0).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::properties::{UNTIL, add_up, met, place};
    use super::*;
    use crate::event::Actor;
    use crate::hotspot::TrendWord;

    fn asked(by: By, shape: Shape, days: i32) -> Question {
        Question { by, shape, ..Question::over(Window::ending(UNTIL, days)) }
    }

    fn told(ago: i32, at: &str, person: &str) -> (CellKey, Cell) {
        let key = CellKey {
            day: UNTIL.plus(-ago),
            place: place(at),
            person: person.into(),
            actor: Actor::Human,
            kind: Some(Kind::Slow),
            version: Some("1.0".into()),
        };
        (key, Cell { reports: [0, 1, 0, 0], ..Cell::default() })
    }

    fn first_days(events: &[(CellKey, Cell)]) -> BTreeMap<Place, Day> {
        let mut first = BTreeMap::new();
        for (key, _) in events {
            let day = first.entry(key.place.clone()).or_insert(key.day);
            *day = key.day.min(*day);
        }
        first
    }

    #[test]
    fn a_sum_was_seen_when_any_of_it_was_whatever_is_looked_at() {
        let events = [
            told(100, "web/old", "ada"),
            told(200, "web", "ada"),
            told(300, "web-admin/x", "ada"),
            told(1, "web/new", "ada"),
            told(20, "cli", "ada"),
        ];
        let (cells, first) = (add_up(events.clone()), first_days(&events));
        let row = |question: &Question| {
            let rows = rank(question, &cells, &first);
            let row = rows.into_iter().find(|row| row.key.name().unwrap().starts_with("web"));
            row.map(|row| (row.first_seen.map(|first| UNTIL.since(first)), row.trend.word))
        };
        for days in [7, 28, 150, 400] {
            let first = row(&asked(By::Place, Shape::Depth(1), days));
            assert_eq!(first, Some((Some(200), TrendWord::Unclear)), "{days} days");
            let under = Some(place("web/new"));
            let under = Question { under, ..asked(By::Place, Shape::Depth(1), days) };
            assert_eq!(row(&under), Some((Some(1), TrendWord::New)), "only what is asked about");
        }
        let deep = row(&asked(By::Place, Shape::Depth(2), 28));
        assert_eq!(deep, Some((Some(1), TrendWord::New)), "a row of its own");
    }

    #[test]
    fn nothing_is_called_new_that_may_have_been_met_before_anybody_looked() {
        let cells = add_up([told(1, "web/a", "ada"), told(20, "web/b", "ben")]);
        for (ago, expected) in [(62, Some(1)), (63, None)] {
            let first = BTreeMap::from([(place("web/c"), UNTIL.plus(-ago))]);
            let rows = rank(&asked(By::Person, Shape::Folded, 28), &cells, &first);
            let ada = rows.iter().find(|row| row.key.name() == Some("ada")).unwrap();
            assert_eq!(ada.first_seen.map(|first| UNTIL.since(first)), expected);
        }
    }

    #[test]
    fn who_is_away_gets_no_better() {
        let here = |ago, person| told(ago, "web/a", person);
        let cells =
            add_up((7..63).map(|ago| here(ago, "ada")).chain((0..63).map(|ago| here(ago, "ben"))));
        let rows = rank(&asked(By::Person, Shape::Folded, 28), &cells, &BTreeMap::new());
        let ada = rows.iter().find(|row| row.key.name() == Some("ada")).unwrap();
        assert_eq!((ada.trend.word, ada.trend.e1, ada.trend.e0), (TrendWord::Unknown, 0, 56));
    }

    proptest! {
        #[test]
        fn a_person_is_judged_as_if_nobody_else_were_there(
            events in prop::collection::vec(met(), 0..120),
        ) {
            let first = first_days(&events);
            let (cells, question) = (add_up(events), asked(By::Person, Shape::Folded, 28));
            for row in rank(&question, &cells, &first) {
                let person = row.key.name().map(str::to_owned);
                let alone = rank(&Question { person, ..question.clone() }, &cells, &first);
                prop_assert_eq!(alone, [row]);
            }
        }
    }
}
