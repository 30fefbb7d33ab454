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
use super::gather::{Group, Presence, gather};
use super::pain::worst;
use super::trend::{self, Weeks};
use super::{By, Cell, CellKey, Child, Pain, Question, Rate, Trend, Window};
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
    /// The first day it was ever seen.
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
/// `first_seen` gives the first day anything was ever recorded at a place. By person, version or
/// kind it is not asked: the first day of the horizon's cells stands in for it.
pub fn rank<'a>(
    question: &Question,
    cells: impl IntoIterator<Item = (&'a CellKey, &'a Cell)>,
    first_seen: impl Fn(&Place) -> Option<Day>,
) -> Vec<Hotspot> {
    let mut rows = match question.by {
        By::Place => places(question, cells, first_seen),
        By::Person => {
            let groups = gather(question, cells, |key| &*key.person);
            others(question, groups, |person| Key::Person(person.to_owned()))
        }
        By::Version => {
            let groups = gather(question, cells, |key| key.version.as_deref());
            others(question, groups, |version| Key::Version(version.map(str::to_owned)))
        }
        By::Kind => others(question, gather(question, cells, |key| key.kind), Key::Kind),
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
    first_seen: impl Fn(&Place) -> Option<Day>,
) -> Vec<Hotspot> {
    let (groups, presence) = gather(question, cells, |key| &key.place);
    let groups = groups.into_iter().map(|(place, group)| (place.clone(), Arc::new(group)));
    let folds = fold::shaped(groups.collect(), question.shape, question.window);
    let present = presence.counts();
    let rows = folds.into_iter().map(|fold| row_of(question.window, fold, &first_seen, present).0);
    rows.collect()
}

/// The row of a fold, and what its trend was judged by. `present` are the person-days of
/// [`Presence::counts`].
pub(super) fn row_of(
    window: Window,
    fold: Fold,
    first_seen: impl Fn(&Place) -> Option<Day>,
    present: (u32, u32),
) -> (Hotspot, Weeks) {
    let Fold { place, group, members, folded, children } = fold;
    let first = members.iter().filter_map(first_seen).min().or(group.first);
    let weeks = weeks(&group, first, present, window.until);
    let row = row(window, Key::Place(place), &group, first, &weeks);
    (Hotspot { folded, children, members, ..row }, weeks)
}

fn others<K>(
    question: &Question,
    (groups, presence): (Vec<(K, Group)>, Presence),
    key: impl Fn(K) -> Key,
) -> Vec<Hotspot> {
    let (window, present) = (question.window, presence.counts());
    let rows = groups.into_iter().map(|(name, group)| {
        let weeks = weeks(&group, group.first, present, window.until);
        row(window, key(name), &group, group.first, &weeks)
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
