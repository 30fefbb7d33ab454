//! Why: everything behind one place's rank, term by term, from the same cells.
//!
//! # Promises
//!
//! - What is counted of each person sums up to the pain that is shown.
//! - Nothing is hidden: a place without a row of its own says whose row its pain is counted in, or
//!   which rows lie below it.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::gather::{Group, gather};
use super::pain::{points, worst, worst_signal};
use super::rank::{by_word, sum};
use super::version::standing;
use super::{CAP, Cell, CellKey, Child, Hotspot, POINTS, Pain, Question, Rate, Window};
use crate::event::{Day, Feeling, Kind, Outcome, Place, Severity, SignalName, Word};

/// Everything behind one place's rank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The place asked about.
    pub place: Place,
    /// The days counted.
    pub window: Window,
    /// Its row; none where it has no points of its own or they are counted in another row.
    pub hotspot: Option<Hotspot>,
    /// The rank of its row, from 1.
    pub rank: Option<usize>,
    /// How many rows there are.
    pub of: usize,
    /// The place whose row its pain is counted in, where that is another one.
    pub counted_in: Option<Place>,
    /// Where it has no points of its own: the rows below it, worst first.
    pub below: Vec<Child>,
    /// The places that all of the following is about: those of its row, else itself.
    pub places: Vec<Place>,
    /// What their events come to; the figures of its row, if it has one.
    pub figures: Pain,
    /// What each person adds, the most first.
    pub people: Vec<PersonTerm>,
    /// The same by version, the earliest first.
    pub versions: Vec<VersionLine>,
    /// What people said they thought, felt and did.
    pub said: Said,
    /// Reports by what stood in the way.
    pub kinds: BTreeMap<Kind, u32>,
    /// Reports by impact; `delight` has none.
    pub severities: BTreeMap<Severity, u32>,
    /// Unconfirmed signals by name, counted apart.
    pub signals: BTreeMap<SignalName, u32>,
    /// Signals that are no friction, as somebody decided.
    pub dismissed: u32,
    /// Uses.
    pub uses: u64,
    /// Minutes lost.
    pub lost_minutes: u64,
    /// How often using it hurts, where enough uses are known.
    pub hurt_per_use: Option<Rate>,
}

/// What one person adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonTerm {
    /// The person, as recorded: whoever shows this decides about names.
    pub person: String,
    /// Their days with points, the earliest first.
    pub days: Vec<DayTerm>,
    /// The points of these days.
    pub sum: u64,
    /// What counts of them: at most [`CAP`].
    pub counted: u64,
}

/// The worst thing one person met on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayTerm {
    /// The UTC day.
    pub day: Day,
    /// Its points.
    pub points: u32,
    /// What it was: `major report`, `crash signal`.
    pub worst: String,
}

/// The same figures from the events of one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionLine {
    /// The version; none for events that name none.
    pub version: Option<String>,
    /// What its events come to on their own.
    pub figures: Pain,
    /// Reports.
    pub reports: u64,
    /// The first day of the window with an event of it.
    pub first_day: Option<Day>,
    /// The last one.
    pub last_day: Option<Day>,
    /// The first day it was met here at all, as far back as a trend looks.
    #[serde(default)]
    pub first_seen: Option<Day>,
}

/// What people said they thought, felt and did, as counts of reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Reports that say what was expected or what came instead.
    pub thought: u32,
    /// Reports by feeling.
    pub felt: BTreeMap<Feeling, u32>,
    /// Reports by outcome.
    pub did: BTreeMap<Outcome, u32>,
}

/// Explains a place, given the cells of each place, and the ranking by place that the same question makes
/// of them.
pub fn why<'a, C: IntoIterator<Item = (&'a CellKey, &'a Cell)>>(
    question: &Question,
    place: &Place,
    cells_at: impl Fn(&Place) -> C,
    rows: &[impl Borrow<Hotspot>],
) -> Why {
    let rows: Vec<&Hotspot> = rows.iter().map(Borrow::borrow).collect();
    let of = rows.len();
    let counted = rows.iter().position(|row| row.members.contains(place));
    let own = counted.filter(|&at| rows[at].key.place() == Some(place));
    let below = if counted.is_none() { rows_below(&rows, place) } else { Vec::new() };
    let counted_in = match own {
        Some(_) => None,
        None => counted.and_then(|at| rows[at].key.place().cloned()),
    };
    let hotspot = own.map(|at| rows[at].clone());
    let places = hotspot.as_ref().map_or_else(|| vec![place.clone()], |row| row.members.clone());
    let told = places.iter().flat_map(cells_at).filter(|(key, _)| question.covers(key));
    let (terms, earlier) =
        told.partition::<Vec<_>, _>(|(key, _)| question.window.contains(key.day));
    Why {
        rank: own.map(|at| at + 1),
        of,
        counted_in,
        below,
        hotspot,
        places,
        versions: versions(question, &terms, &earlier),
        ..explain(question, place, &terms)
    }
}

fn rows_below(rows: &[&Hotspot], place: &Place) -> Vec<Child> {
    let places = rows.iter().filter_map(|row| Some((row.key.place()?, row.figures.pain)));
    let below = places.filter(|(below, _)| below.is_under(place));
    below.map(|(place, pain)| Child { place: place.clone(), pain }).collect()
}

/// What the cells of the places in question come to; the rows apart.
fn explain(question: &Question, place: &Place, terms: &[(&CellKey, &Cell)]) -> Why {
    let window = question.window;
    let cells = || terms.iter().copied();
    let all = gather(question, cells(), |_| ()).0.pop().map(|((), all)| all).unwrap_or_default();
    let (kinds, _) = gather(question, cells(), |key| key.kind);
    let mut hurting = Cell::default();
    let impact = kinds.iter().filter(|(kind, _)| *kind != Some(Kind::Delight));
    impact.for_each(|(_, group)| hurting.add(&group.total));
    let total = &all.total;
    Why {
        place: place.clone(),
        window,
        hotspot: None,
        rank: None,
        of: 0,
        counted_in: None,
        below: Vec::new(),
        places: Vec::new(),
        figures: all.days.pain(window),
        people: people(question, terms),
        versions: Vec::new(),
        said: Said {
            thought: total.thoughts,
            felt: by_word(&total.feelings),
            did: by_word(&total.outcomes),
        },
        kinds: by_kind(&kinds),
        severities: by_word(&hurting.reports),
        signals: by_word(&total.signals),
        dismissed: total.dismissed,
        uses: total.uses,
        lost_minutes: total.lost_minutes,
        hurt_per_use: all.rate(window),
    }
}

fn by_kind(kinds: &[(Option<Kind>, Group)]) -> BTreeMap<Kind, u32> {
    let reports = kinds.iter().filter_map(|(kind, group)| {
        let count = group.total.reports.iter().fold(0, |sum: u32, &n| sum.saturating_add(n));
        Some(((*kind)?, count))
    });
    reports.filter(|&(_, count)| count != 0).collect()
}

/// The versions of the window's cells; `earlier` are cells of other days.
fn versions(
    question: &Question,
    terms: &[(&CellKey, &Cell)],
    earlier: &[(&CellKey, &Cell)],
) -> Vec<VersionLine> {
    let (mut groups, _) = gather(question, terms.iter().copied(), |key| key.version.as_deref());
    let (known, _) = gather(question, earlier.iter().copied(), |key| key.version.as_deref());
    let known: HashMap<_, _> = known.into_iter().map(|(at, group)| (at, group.first)).collect();
    let first = |version: Option<&str>, group: &Group| {
        known.get(&version).copied().flatten().or(group.first)
    };
    groups.sort_by_cached_key(|(at, group)| (standing(*at, first(*at, group)), *at));
    let line = |(version, group): (Option<&str>, Group)| VersionLine {
        first_seen: first(version, &group),
        version: version.map(str::to_owned),
        figures: group.days.pain(question.window),
        reports: sum(&group.total.reports),
        first_day: group.first,
        last_day: group.last,
    };
    groups.into_iter().map(line).collect()
}

fn people(question: &Question, terms: &[(&CellKey, &Cell)]) -> Vec<PersonTerm> {
    let mut people = BTreeMap::<&str, BTreeMap<Day, Worst>>::new();
    for (key, cell) in terms.iter().filter(|(key, _)| question.wants(key.kind)) {
        if let Some(met) = Worst::of(key.kind, cell) {
            let day = people.entry(&key.person).or_default().entry(key.day).or_insert(met);
            *day = met.max(*day);
        }
    }
    let terms = people.into_iter().map(|(person, days)| {
        let days: Vec<_> = days
            .into_iter()
            .map(|(day, met)| DayTerm { day, points: met.points, worst: met.words() })
            .collect();
        let sum = days.iter().map(|term| u64::from(term.points)).sum();
        PersonTerm { person: person.to_owned(), days, sum, counted: CAP.min(sum) }
    });
    let mut terms: Vec<_> = terms.collect();
    terms.sort_by(|a, b| b.sum.cmp(&a.sum).then_with(|| a.person.cmp(&b.person)));
    terms
}

/// The worst thing met: by points, a report before a signal of the same weight, and of signals the first
/// by name, as [`worst_signal`] has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Worst {
    points: u32,
    severity: Option<Severity>,
    signal: Reverse<Option<SignalName>>,
}

impl Worst {
    fn of(kind: Option<Kind>, cell: &Cell) -> Option<Self> {
        let points = points(kind, cell);
        let report = worst(&cell.reports).filter(|&at| POINTS[at] == points);
        let severity = report.map(|at| Severity::ALL[at]);
        let signal = if severity.is_some() { None } else { worst_signal(cell) };
        (points != 0).then_some(Self { points, severity, signal: Reverse(signal) })
    }

    fn words(self) -> String {
        match (self.severity, self.signal.0) {
            (Some(severity), _) => format!("{severity} report"),
            (None, Some(signal)) => format!("{signal} signal"),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::properties::{UNTIL, add_up, place};
    use super::*;
    use crate::event::Actor;

    fn told(ago: i32, kind: Kind, version: &str, cell: Cell) -> (CellKey, Cell) {
        let key = CellKey {
            day: UNTIL.plus(-ago),
            place: place("web/a"),
            person: "ada".into(),
            actor: Actor::Human,
            kind: Some(kind),
            version: Some(version.into()),
        };
        (key, cell)
    }

    fn explained(told: impl IntoIterator<Item = (CellKey, Cell)>) -> Why {
        let cells = add_up(told);
        let question = Question::over(Window::ending(UNTIL, 28));
        why(&question, &place("web/a"), |_| &cells, &[] as &[Hotspot])
    }

    #[test]
    fn of_signals_of_equal_points_the_first_by_name_is_the_worst_whatever_stood_in_the_way() {
        let one = |name: SignalName| {
            let mut cell = Cell::default();
            cell.signals[name as usize] = 1;
            cell
        };
        let (rage, dead) = (one(SignalName::RageClick), one(SignalName::DeadClick));
        let mut both = rage.clone();
        both.add(&dead);
        let alike = [told(1, Kind::Slow, "1.0", both)];
        let apart = |first: &Cell, last: &Cell| {
            [told(1, Kind::Error, "1.0", first.clone()), told(1, Kind::Slow, "1.0", last.clone())]
        };
        let worst = |why: Why| why.people[0].days[0].worst.clone();
        assert_eq!(worst(explained(alike)), "rage-click signal");
        assert_eq!(worst(explained(apart(&rage, &dead))), "rage-click signal");
        assert_eq!(worst(explained(apart(&dead, &rage))), "rage-click signal");
    }

    #[test]
    fn a_version_was_met_when_it_was_before_these_days_too() {
        let report = || Cell { reports: [0, 1, 0, 0], ..Cell::default() };
        let why = explained([
            told(3, Kind::Slow, "nightly-a", report()),
            told(50, Kind::Slow, "nightly-a", report()),
            told(20, Kind::Slow, "nightly-b", report()),
        ]);
        let ago = |day: Option<Day>| day.map(|day| UNTIL.since(day));
        let met = why.versions.iter();
        let met = met.map(|at| (at.version.as_deref(), ago(at.first_day), ago(at.first_seen)));
        let expected =
            [(Some("nightly-a"), Some(3), Some(50)), (Some("nightly-b"), Some(20), Some(20))];
        assert_eq!(met.collect::<Vec<_>>(), expected);
    }
}
