//! Visits: who was where from which day on, and on which days anybody was there.
//!
//! It is all that [`super::Coverage`] has to know of the time before its window, and little enough to be
//! kept in memory: as much as there are people and days at places, however often they met what.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{CellKey, Question};
use crate::event::{Actor, Day, Place};

/// Who was where, of all days.
#[derive(Debug, Default)]
pub struct Visits {
    places: BTreeMap<Actor, HashMap<Place, Visited>>,
    many: usize,
}

#[derive(Debug, Default)]
struct Visited {
    /// The first day of each person.
    first: HashMap<Arc<str>, Day>,
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

/// Who was at a place before a window.
#[derive(Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Where.
    pub place: Place,
    /// Who, and the first day of each.
    pub people: Vec<(Arc<str>, Day)>,
    /// The last day before the window that anybody was there.
    pub last: Day,
}

impl Visited {
    /// Notes that somebody was there.
    fn add(&mut self, day: Day) {
        // Nearly all that comes is of the last day or of a new one.
        if self.days.last() < Some(&day) {
            self.days.push(day);
        } else if let Err(at) = self.days.binary_search(&day) {
            self.days.insert(at, day);
        }
    }
}

impl Visits {
    /// Notes a visit, of any day and however often.
    pub fn add(&mut self, key: &CellKey) {
        let CellKey { day, place, person, actor, .. } = key;
        let visit = Visit { day: *day, place: place.as_str(), person, actor: *actor };
        if !self.add_known(visit) {
            let visited = self.places.entry(*actor).or_default().entry(place.clone()).or_default();
            visited.first.insert(person.clone(), *day);
            visited.add(*day);
            self.many += 1;
        }
    }

    /// Notes a visit of somebody who was at the place before, whose names need not be copied; false
    /// where that is news.
    pub fn add_known(&mut self, visit: Visit<'_>) -> bool {
        let places = self.places.get_mut(&visit.actor);
        let Some(visited) = places.and_then(|places| places.get_mut(visit.place)) else {
            return false;
        };
        let Some(first) = visited.first.get_mut(visit.person) else { return false };
        *first = visit.day.min(*first);
        visited.add(visit.day);
        true
    }

    /// How many people are known at how many places: 30 to 60 bytes each, where names are shared.
    #[must_use]
    pub fn many(&self) -> usize {
        self.many
    }

    /// Who was where before the window of a question; none where it asks for some people or one version
    /// only, of which too little is known.
    #[must_use]
    pub fn before(&self, question: &Question) -> Option<Vec<Earlier>> {
        if question.person.is_some() || question.version.is_some() {
            return None;
        }
        let since = question.window.since;
        let is_asked =
            |place: &Place| question.under.as_ref().is_none_or(|under| place.is_under(under));
        let places = self.places.get(&question.actor).into_iter().flatten();
        let earlier = places.filter(|(place, _)| is_asked(place)).filter_map(|(place, visited)| {
            let before = visited.days.partition_point(|day| *day < since);
            let last = *visited.days[..before].last()?;
            let people = visited.first.iter().filter(|(_, first)| **first < since);
            let people = people.map(|(person, first)| (person.clone(), *first)).collect();
            Some(Earlier { place: place.clone(), people, last })
        });
        Some(earlier.collect())
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
                visits.add(key);
            }
            let cells = add_up(events);

            let mut all = Coverage::new(&question, [place("web/never")]);
            for (key, cell) in cells.iter().filter(|(key, _)| key.day <= window.until) {
                all.add(key, cell);
            }
            let mut some = Coverage::new(&question, [place("web/never")]);
            for earlier in visits.before(&question).unwrap() {
                some.add_earlier(earlier);
            }
            for (key, cell) in cells.iter().filter(|(key, _)| window.contains(key.day)) {
                some.add(key, cell);
            }
            prop_assert_eq!(some.hurt_at_first(), all.hurt_at_first());
            prop_assert_eq!(some.finish(), all.finish());
        }
    }

    #[test]
    fn of_one_version_or_person_too_little_is_known() {
        let question = Question::over(Window::ending(UNTIL, 14));
        let asked = |version: Option<&str>, person: Option<&str>| Question {
            version: version.map(str::to_owned),
            person: person.map(str::to_owned),
            ..question.clone()
        };
        let before = |question| Visits::default().before(&question);
        assert_eq!(before(asked(None, None)), Some(vec![]));
        assert_eq!(before(asked(Some("1.0"), None)), None);
        assert_eq!(before(asked(None, Some("ana"))), None);
    }
}
