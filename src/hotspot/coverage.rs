//! Coverage: who used what, who said something, and what nobody touched.
//!
//! A place nobody complains about is good, or it is not used: only uses can tell. And whoever meets
//! a place for the first time sees what nobody else sees any more, so what hurt on somebody's first
//! day at a place is counted apart.
//!
//! # Promises
//!
//! - A pure function of the counts up to the window's end, whatever the order in which their events
//!   came; [`Coverage::add`] wants the cells day by day, the earliest first.
//! - No leaderboard: places and people come by name, never by count.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::gather::Group;
use super::pain::{PersonDay, hours, points};
use super::{Cell, CellKey, Question, Rate, Visits, Window};
use crate::event::{Day, Kind, Place};

/// Uses from which on silence says something.
const ENOUGH_USES: u64 = 5;

/// What is known of a place in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quiet {
    /// It is not: somebody said that it hurt, or a signal that nobody decided about says so.
    Hurts,
    /// It was used, and nobody was hurt.
    Good,
    /// It was used too little to say.
    Thin,
    /// Nobody touched it.
    Untouched,
}

/// One place's window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlaceCoverage {
    /// Where.
    pub place: Place,
    /// Whether its silence says something.
    pub quiet: Quiet,
    /// Uses.
    pub uses: u64,
    /// People who used it.
    pub users: usize,
    /// People who reported something or confirmed a signal.
    pub told: usize,
    /// Reports and confirmed signals.
    pub reports: u64,
    /// Of these, those that say that it hurt: all but `delight`.
    #[serde(default)]
    pub hurting: u64,
    /// Signals that nobody decided about.
    pub signals: u64,
    /// How often using it hurts, where enough uses are known and not all that was noticed waits for
    /// a decision.
    pub hurt_per_use: Option<Rate>,
    /// People who were there for the first time.
    pub first_timers: usize,
    /// Of these, who said or confirmed on that very day that it hurt, as [`Rate::hurt`] counts.
    pub first_timers_hurt: usize,
    /// The last day anybody was there, before the window too.
    pub last_day: Option<Day>,
}

/// One person's window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonCoverage {
    /// Who.
    pub person: String,
    /// Places used.
    pub places: usize,
    /// Uses.
    pub uses: u64,
    /// Reports and confirmed signals.
    pub reports: u64,
    /// Places met for the first time.
    pub first_times: usize,
}

/// The people of a window, as numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowd {
    /// Who left any trace.
    pub met: usize,
    /// Who used something.
    pub used: usize,
    /// Who reported something or confirmed a signal.
    pub told: usize,
}

/// The places of a question that hurt nobody in its window, each with its uses; `known` are the
/// places there are.
pub fn painless<'a>(
    question: &Question,
    cells: impl IntoIterator<Item = (&'a CellKey, &'a Cell)>,
    known: impl IntoIterator<Item = Place>,
) -> BTreeMap<Place, u64> {
    let is_asked =
        |place: &Place| question.under.as_ref().is_none_or(|under| place.is_under(under));
    let known = known.into_iter().filter(is_asked);
    let mut uses: BTreeMap<_, _> = known.map(|place| (place, 0)).collect();
    for (key, cell) in cells {
        if !question.window.contains(key.day) || !question.covers(key) {
            continue;
        }
        if question.wants(key.kind) && points(key.kind, cell) != 0 {
            uses.remove(&key.place);
        } else if let Some(uses) = uses.get_mut(&key.place) {
            *uses += cell.uses;
        }
    }
    uses
}

/// The counts of days as they come in.
pub struct Coverage<'a> {
    question: &'a Question,
    places: BTreeMap<Place, AtPlace>,
    people: BTreeMap<Arc<str>, OfPerson>,
    /// A number for each person.
    numbers: HashMap<Arc<str>, u32>,
}

#[derive(Default)]
struct AtPlace {
    /// The first day of each person.
    first: BTreeMap<u32, Day>,
    days: Vec<PersonDay>,
    total: Cell,
    hurting: u64,
    users: BTreeSet<u32>,
    told: BTreeSet<u32>,
    fresh: BTreeSet<u32>,
    fresh_hurt: BTreeSet<u32>,
    last: Option<Day>,
}

#[derive(Default)]
struct OfPerson {
    places: BTreeSet<Place>,
    uses: u64,
    reports: u64,
}

impl<'a> Coverage<'a> {
    /// Nothing yet; `known` are all the places there are.
    #[must_use]
    pub fn new(question: &'a Question, known: impl IntoIterator<Item = Place>) -> Self {
        let is_asked =
            |place: &Place| question.under.as_ref().is_none_or(|under| place.is_under(under));
        let known = known.into_iter().filter(is_asked);
        let places = known.map(|place| (place, AtPlace::default())).collect();
        Self { question, places, people: BTreeMap::new(), numbers: HashMap::new() }
    }

    /// Adds a cell; those of earlier days come first.
    pub fn add(&mut self, key: &CellKey, cell: &Cell) {
        if !self.question.covers(key) {
            return;
        }
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        let person = *self.numbers.entry(key.person.clone()).or_insert(next);
        let place = match self.places.entry(key.place.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(AtPlace::default()),
        };
        let is_inside = self.question.window.contains(key.day);
        let is_new = !place.first.contains_key(&person);
        let first = *place.first.entry(person).or_insert(key.day);
        place.last = place.last.max(Some(key.day));
        if !is_inside {
            return;
        }
        let (points, hours) = (points(key.kind, cell), hours(key.kind, cell));
        place.total.add(cell);
        place.days.push(PersonDay { person, day: key.day, points, hours });
        let reports = super::rank::sum(&cell.reports);
        if key.kind != Some(Kind::Delight) {
            place.hurting += reports;
        }
        let of_person = self.people.entry(key.person.clone()).or_default();
        of_person.uses += cell.uses;
        of_person.reports += reports;
        let sets = [
            (cell.uses != 0, &mut place.users),
            (reports != 0, &mut place.told),
            (is_new, &mut place.fresh),
            (first == key.day && hours != 0, &mut place.fresh_hurt),
        ];
        for (_, set) in sets.into_iter().filter(|(is_in, _)| *is_in) {
            set.insert(person);
        }
        if cell.uses != 0 {
            of_person.places.insert(key.place.clone());
        }
    }

    /// Takes in who was where before the window, in place of the cells of that time, once those of the
    /// window are there.
    pub fn look_back(&mut self, visits: &Visits) {
        let Question { window: Window { since, .. }, actor, .. } = *self.question;
        let known = self.numbers.iter().filter_map(|(name, at)| Some((*at, visits.number(name)?)));
        let known: HashMap<_, _> = known.collect();
        for (place, at) in &mut self.places {
            let Some(visited) = visits.at(place, actor) else { continue };
            at.last = at.last.max(visited.last_before(since));
            let is_new =
                |person: &u32| known.get(person).is_none_or(|known| !visited.knew(*known, since));
            at.fresh.retain(is_new);
            at.fresh_hurt.retain(is_new);
        }
    }

    /// The places that hurt somebody on the first day there: who, and the day.
    #[must_use]
    pub fn hurt_at_first(&self) -> BTreeMap<Place, BTreeSet<(Arc<str>, Day)>> {
        let names: HashMap<_, _> = self.numbers.iter().map(|(name, at)| (at, name)).collect();
        let hurt = self.places.iter().map(|(place, at)| {
            let first = at.first.iter().filter(|(person, _)| at.fresh_hurt.contains(person));
            let people = first
                .filter_map(|(person, day)| Some(((*names.get(person)?).clone(), *day)))
                .collect::<BTreeSet<_>>();
            (place.clone(), people)
        });
        hurt.filter(|(_, people)| !people.is_empty()).collect()
    }

    /// What it comes to: the places and the people by name, and how many they are.
    #[must_use]
    pub fn finish(self) -> (Vec<PlaceCoverage>, Vec<PersonCoverage>, Crowd) {
        let window = self.question.window;
        let mut first_times: HashMap<_, usize> = HashMap::new();
        for person in self.places.values().flat_map(|at| &at.fresh) {
            *first_times.entry(*person).or_default() += 1;
        }
        let first_times = |person: &Arc<str>| first_times.get(self.numbers.get(person)?).copied();
        let places = self.places.into_iter().map(|(place, at)| at.told_of(place, window));
        let people: Vec<_> = self
            .people
            .into_iter()
            .map(|(person, of)| PersonCoverage {
                first_times: first_times(&person).unwrap_or_default(),
                person: person.to_string(),
                places: of.places.len(),
                uses: of.uses,
                reports: of.reports,
            })
            .collect();
        let crowd = Crowd {
            met: people.len(),
            used: people.iter().filter(|person| person.uses != 0).count(),
            told: people.iter().filter(|person| person.reports != 0).count(),
        };
        (places.collect(), people, crowd)
    }
}

impl AtPlace {
    fn told_of(self, place: Place, window: Window) -> PlaceCoverage {
        let uses = self.total.uses;
        let days = self.days.into_iter().collect();
        let group = Group { total: self.total, days, users: self.users, ..Group::default() };
        let quiet = match (group.days.pain(window).pain, uses) {
            (1.., _) => Quiet::Hurts,
            (0, ENOUGH_USES..) => Quiet::Good,
            (0, 0) if group.total.is_empty() => Quiet::Untouched,
            (0, _) => Quiet::Thin,
        };
        PlaceCoverage {
            place,
            quiet,
            uses,
            users: group.users.len(),
            told: self.told.len(),
            reports: super::rank::sum(&group.total.reports),
            hurting: self.hurting,
            signals: super::rank::sum(&group.total.signals),
            hurt_per_use: group.rate(window),
            first_timers: self.fresh.len(),
            first_timers_hurt: self.fresh_hurt.len(),
            last_day: self.last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Actor, SignalName};

    const UNTIL: Day = Day(20_000);

    fn at(ago: i32, place: &str, person: &str, cell: Cell) -> (CellKey, Cell) {
        let key = CellKey {
            day: UNTIL.plus(-ago),
            place: Place::parse(place).unwrap(),
            person: person.into(),
            actor: Actor::Human,
            kind: (cell.uses == 0).then_some(Kind::Unexpected),
            version: None,
        };
        (key, cell)
    }

    fn uses(uses: u64) -> Cell {
        Cell { uses, ..Cell::default() }
    }

    fn report() -> Cell {
        let mut cell = Cell { reports: [0, 1, 0, 0], ..Cell::default() };
        cell.hours[9] = 1;
        cell
    }

    #[test]
    fn what_was_only_noticed_hurts_nobody_yet_and_gives_no_rate() {
        let mut signals = Cell::default();
        signals.signals[SignalName::Failure as usize] = 6;
        let question = Question::over(Window::ending(UNTIL, 14));
        let told = |last: Option<(CellKey, Cell)>| {
            let mut coverage = Coverage::new(&question, []);
            let mut noticed = at(1, "rate/f", "ana", signals.clone());
            noticed.0.kind = Some(Kind::Error);
            for (key, cell) in [at(1, "rate/f", "ana", uses(6)), noticed].iter().chain(&last) {
                coverage.add(key, cell);
            }
            coverage.finish().0.remove(0)
        };
        let place = told(None);
        assert_eq!((place.quiet, place.signals), (Quiet::Hurts, 6), "it has points");
        assert_eq!((place.hurt_per_use, place.first_timers_hurt), (None, 0));
        let mut delight = at(1, "rate/f", "ana", report());
        delight.0.kind = Some(Kind::Delight);
        let place = told(Some(delight));
        assert_eq!((place.reports, place.hurting), (1, 0), "delight says nothing of what hurts");
        let place = told(Some(at(1, "rate/f", "ana", report())));
        assert_eq!((place.hurt_per_use.unwrap().hurt, place.first_timers_hurt), (1, 1));
        assert_eq!((place.reports, place.hurting), (1, 1));
    }

    #[test]
    fn quiet_is_good_thin_or_untouched_and_first_times_are_seen() {
        let cells = [
            at(40, "web/old", "ana", uses(3)),
            at(40, "web/pay", "ana", uses(9)),
            at(3, "web/pay", "ana", uses(4)),
            at(3, "web/pay", "ben", uses(2)),
            at(3, "web/pay", "ben", report()),
            at(2, "web/pay", "ana", report()),
            at(2, "web/home", "ana", uses(7)),
            at(1, "web/rare", "ana", uses(1)),
        ];
        let question = Question::over(Window::ending(UNTIL, 14));
        let never = Place::parse("web/never").unwrap();
        let known = cells.iter().map(|(key, _)| key.place.clone()).chain([never.clone()]);
        let painless = painless(&question, cells.iter().map(|(key, cell)| (key, cell)), known);
        let painless: Vec<_> =
            painless.iter().map(|(place, uses)| (place.as_str(), *uses)).collect();
        assert_eq!(painless, [("web/home", 7), ("web/never", 0), ("web/old", 0), ("web/rare", 1)]);
        let mut coverage = Coverage::new(&question, [never]);
        for (key, cell) in &cells {
            coverage.add(key, cell);
        }
        let pay = Place::parse("web/pay").unwrap();
        let ben = BTreeSet::from([("ben".into(), UNTIL.plus(-3))]);
        assert_eq!(coverage.hurt_at_first(), BTreeMap::from([(pay, ben)]));
        let (places, people, crowd) = coverage.finish();
        let quiet: Vec<_> = places.iter().map(|at| (at.place.as_str(), at.quiet)).collect();
        assert_eq!(
            quiet,
            [
                ("web/home", Quiet::Good),
                ("web/never", Quiet::Untouched),
                ("web/old", Quiet::Untouched),
                ("web/pay", Quiet::Hurts),
                ("web/rare", Quiet::Thin),
            ]
        );
        let pay = &places[3];
        assert_eq!((pay.uses, pay.users, pay.told, pay.reports), (6, 2, 2, 2));
        assert_eq!((pay.first_timers, pay.first_timers_hurt), (1, 1), "ana was there before");
        let rate = pay.hurt_per_use.unwrap();
        assert_eq!((rate.hurt, rate.uses, rate.people_hurt, rate.people), (2, 6, 2, 2));
        assert_eq!(places[2].last_day, Some(UNTIL.plus(-40)));
        assert_eq!((people[0].person.as_str(), people[0].places, people[0].uses), ("ana", 3, 12));
        assert_eq!(people[0].first_times, 2, "web/home and web/rare");
        assert_eq!(crowd, Crowd { met: 2, used: 2, told: 2 });
    }
}
