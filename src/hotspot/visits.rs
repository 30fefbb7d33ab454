//! Visits: who was where from which day on, and on which days anybody was there.
//!
//! It is all that [`super::Coverage`] has to know of the time before its window, and little enough to be
//! kept in memory: as much as there are people and days at places, however often they met what.

use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::{CellKey, Question};
use crate::event::{Actor, Day, Place};

/// Who was where, of all days.
#[derive(Debug, Default)]
pub struct Visits {
    places: BTreeMap<Actor, HashMap<Box<str>, Visited>>,
    /// A number for each person.
    numbers: HashMap<Box<str>, u32>,
    bytes: usize,
}

/// About what each takes in memory, in bytes, names aside: a person,
const PERSON: usize = 64;
/// a place, whose map is empty yet,
const PLACE: usize = 300;
/// somebody at a place,
const PAIR: usize = 20;
/// and a day of a place.
const DAY: usize = 8;

/// Who was at one place.
#[derive(Debug, Default)]
pub(super) struct Visited {
    /// The first day of each person.
    first: HashMap<u32, Day>,
    /// Each day anybody was there, the earliest first.
    days: Vec<Day>,
}

/// Somebody at a place.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// When.
    pub day: Day,
    /// Where.
    pub place: &'a str,
    /// Who.
    pub person: &'a str,
    /// What they are.
    pub actor: Actor,
}

impl<'a> From<&'a CellKey> for Visit<'a> {
    fn from(CellKey { day, place, person, actor, .. }: &'a CellKey) -> Self {
        Self { day: *day, place: place.as_str(), person, actor: *actor }
    }
}

impl Visited {
    /// Notes a day; false where it is known.
    fn add(&mut self, day: Day) -> bool {
        // Nearly all that comes is of the last day or of a new one.
        match self.days.last().map_or(Ordering::Less, |last| last.cmp(&day)) {
            Ordering::Less => self.days.push(day),
            Ordering::Equal => return false,
            Ordering::Greater => match self.days.binary_search(&day) {
                Ok(_) => return false,
                Err(at) => self.days.insert(at, day),
            },
        }
        true
    }

    /// The last day before this one that anybody was there.
    pub(super) fn last_before(&self, day: Day) -> Option<Day> {
        self.days[..self.days.partition_point(|at| *at < day)].last().copied()
    }

    /// Whether the person of this number was there before a day.
    pub(super) fn knew(&self, person: u32, day: Day) -> bool {
        self.first.get(&person).is_some_and(|first| *first < day)
    }
}

impl Visits {
    /// Notes a visit, of any day and however often.
    pub fn add(&mut self, visit: Visit<'_>) {
        let Visit { day, place, person, actor } = visit;
        let person = self.numbers.get(person).copied().unwrap_or_else(|| {
            self.bytes += PERSON + person.len();
            let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
            *self.numbers.entry(person.into()).or_insert(next)
        });
        let places = self.places.entry(actor).or_default();
        let visited = if let Some(known) = places.get_mut(place) {
            known
        } else {
            self.bytes += PLACE + place.len();
            places.entry(place.into()).or_default()
        };
        self.bytes += DAY * usize::from(visited.add(day));
        let first = visited.first.entry(person);
        self.bytes += PAIR * usize::from(matches!(first, Entry::Vacant(_)));
        first.and_modify(|first| *first = day.min(*first)).or_insert(day);
    }

    /// About how many bytes they take in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether they tell all that a question has to know of the time before its window: of some people
    /// or one version only, too little is known.
    #[must_use]
    pub fn suffice(question: &Question) -> bool {
        question.person.is_none() && question.version.is_none()
    }

    pub(super) fn at(&self, place: &Place, actor: Actor) -> Option<&Visited> {
        self.places.get(&actor)?.get(place.as_str())
    }

    pub(super) fn number(&self, person: &str) -> Option<u32> {
        self.numbers.get(person).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::properties::{UNTIL, add_up, met, place};
    use super::*;
    use crate::hotspot::{Coverage, Window};

    proptest! {
        #[test]
        fn coverage_needs_no_more_of_the_time_before_than_visits(
            events in prop::collection::vec(met(), 0..120),
            days in prop::sample::select(vec![1, 14, 28, 100]),
            ago in 0..30_i32,
            under in prop::option::weighted(0.3, Just(place("web/a"))),
            by_agents in prop::bool::weighted(0.2),
        ) {
            let window = Window::ending(UNTIL.plus(-ago), days);
            let actor = if by_agents { Actor::Agent } else { Actor::Human };
            let question = Question { under, actor, ..Question::over(window) };
            let mut visits = Visits::default();
            // In the order in which they were told.
            for (key, _) in &events {
                visits.add(key.into());
            }
            let cells = add_up(events);

            let known = || cells.keys().map(|key| key.place.clone()).chain([place("web/never")]);
            let mut all = Coverage::new(&question, known());
            for (key, cell) in cells.iter().filter(|(key, _)| key.day <= window.until) {
                all.add(key, cell);
            }
            let mut some = Coverage::new(&question, known());
            for (key, cell) in cells.iter().filter(|(key, _)| window.contains(key.day)) {
                some.add(key, cell);
            }
            some.look_back(&visits);
            prop_assert_eq!(some.hurt_at_first(), all.hurt_at_first());
            prop_assert_eq!(some.finish(), all.finish());
        }
    }

    #[test]
    fn what_is_known_takes_no_more_room() {
        let mut visits = Visits::default();
        let mut grown = |place: &str, person: &str, ago: i32| {
            let before = visits.bytes();
            visits.add(Visit { day: UNTIL.plus(-ago), place, person, actor: Actor::Human });
            visits.bytes() - before
        };
        let new = ["web/a".len(), PLACE, "ana".len(), PERSON, PAIR, DAY];
        assert_eq!(grown("web/a", "ana", 3), new.iter().sum::<usize>());
        assert_eq!(grown("web/a", "ana", 3), 0, "the same once more");
        assert_eq!(grown("web/a", "ana", 2), DAY, "another day");
        assert_eq!(grown("web/a", "ana", 9), DAY, "an earlier one");
        assert_eq!(grown("web/a", "ana", 9), 0, "known by now");
        assert_eq!(grown("web/a", "ben", 2), "ben".len() + PERSON + PAIR);
        assert_eq!(grown("web/b", "ben", 2), "web/b".len() + PLACE + PAIR + DAY);
    }

    #[test]
    fn of_one_version_or_person_too_little_is_known() {
        let question = Question::over(Window::ending(UNTIL, 14));
        let asked = |version: Option<&str>, person: Option<&str>| Question {
            version: version.map(str::to_owned),
            person: person.map(str::to_owned),
            ..question.clone()
        };
        assert!(Visits::suffice(&asked(None, None)));
        assert!(!Visits::suffice(&asked(Some("1.0"), None)));
        assert!(!Visits::suffice(&asked(None, Some("ana"))));
    }
}
