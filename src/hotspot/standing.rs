//! A standing: the ranking of one question by place, kept so that what comes in is added to it.
//!
//! Counts only add up, and of a person's day the worst counts: so an event that comes to a cell may as
//! well be a cell of its own. It changes its place, the places that fold with it, and, where somebody
//! is met for the first time that day, every trend; the rest stays as it is.
//!
//! # Promises
//!
//! - In whatever portions cells are added, the rows are those that [`super::rank`] makes of all of them.
//!   Nothing can be taken back: begin anew for that.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::fold;
use super::gather::{Group, Numbers, Presence, gather_among};
use super::rank::{in_order, row_of};
use super::trend::Weeks;
use super::{Cell, CellKey, Hotspot, Question, Shape, Trend};
use crate::event::{Day, Place};

/// The rows of a question by place, as they stand.
#[derive(Debug)]
pub struct Standing {
    question: Question,
    /// A number for each person.
    people: HashMap<Arc<str>, u32>,
    presence: Presence,
    /// When anything was first recorded at a place, before the horizon too.
    first_seen: BTreeMap<Place, Day>,
    families: HashMap<Place, Family>,
    /// Only those with points in the window, in their order.
    rows: Vec<Row>,
}

/// Places that become rows without looking at any others.
#[derive(Debug, Default)]
struct Family {
    groups: BTreeMap<Place, Arc<Group>>,
    /// What its rows are called.
    rows: Vec<Place>,
}

#[derive(Debug)]
struct Row {
    hotspot: Arc<Hotspot>,
    /// What its trend is judged by.
    weeks: Weeks,
}

impl Standing {
    /// What the cells of [`Question::horizon`] come to. `first_seen` tells when anything was first
    /// recorded at each place.
    pub fn of<'a>(
        question: &Question,
        cells: impl IntoIterator<Item = (&'a CellKey, &'a Cell)>,
        first_seen: BTreeMap<Place, Day>,
    ) -> Self {
        let mut people = Numbers::default();
        let (groups, presence) = gather_among(&mut people, question, cells, |key| &key.place);
        let mut families = HashMap::<Place, Family>::new();
        for (place, group) in groups {
            let family = families.entry(family_of(question.shape, place)).or_default();
            family.groups.insert(place.clone(), Arc::new(group));
        }
        let (question, people) = (question.clone(), people.by_name());
        let all = families.keys().cloned().collect();
        let mut standing =
            Self { question, people, presence, first_seen, families, rows: Vec::new() };
        standing.rank(&all);
        standing
    }

    /// The rows, the worst first.
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Arc<Hotspot>> {
        self.rows.iter().map(|row| &row.hotspot)
    }

    /// Adds what came to cells, of any day.
    pub fn add<'a>(&mut self, cells: impl IntoIterator<Item = (&'a CellKey, &'a Cell)>) {
        let present = self.presence.counts();
        let mut touched = HashSet::new();
        for (key, cell) in cells {
            if self.see(key) | self.count(key, cell) {
                touched.insert(family_of(self.question.shape, &key.place));
            }
        }
        if self.presence.counts() != present {
            self.judge();
        }
        if !touched.is_empty() || self.presence.counts() != present {
            self.rank(&touched);
        }
    }

    /// Notes when a place was first seen; says whether that is news.
    fn see(&mut self, key: &CellKey) -> bool {
        let known = self.first_seen.get_mut(&key.place);
        match known {
            Some(first) if *first <= key.day => false,
            Some(first) => {
                *first = key.day;
                true
            }
            None => {
                self.first_seen.insert(key.place.clone(), key.day);
                true
            }
        }
    }

    /// Counts a cell, if it is asked for; says whether it is.
    fn count(&mut self, key: &CellKey, cell: &Cell) -> bool {
        let question = &self.question;
        if !question.horizon().contains(key.day) || !question.met(key) {
            return false;
        }
        let next = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        let person = *self.people.entry(key.person.clone()).or_insert(next);
        if question.presence_since() <= key.day {
            self.presence.add(person, key.day);
        }
        if !question.covers(key) {
            return false;
        }
        let family = self.families.entry(family_of(question.shape, &key.place)).or_default();
        let group = match family.groups.get_mut(&key.place) {
            Some(group) => group,
            None => family.groups.entry(key.place.clone()).or_default(),
        };
        let group = Arc::make_mut(group);
        if let Some(day) = group.add(question, person, key, cell) {
            group.days.put(day);
        }
        true
    }

    /// Judges all trends anew: more people were there than before.
    fn judge(&mut self) {
        let (e1, e0) = self.presence.counts();
        for row in &mut self.rows {
            row.weeks = Weeks { e1, e0, ..row.weeks };
            Arc::make_mut(&mut row.hotspot).trend = Trend::of(&row.weeks);
        }
    }

    /// Makes the rows of some families anew, and sorts all.
    fn rank(&mut self, touched: &HashSet<Place>) {
        let Self { question, presence, first_seen, families, rows, .. } = self;
        let present = presence.counts();
        let (mut gone, mut made) = (HashSet::new(), Vec::new());
        for name in touched {
            let Some(family) = families.get_mut(name) else { continue };
            gone.extend(family.rows.drain(..));
            for fold in fold::shaped(family.groups.clone(), question.shape, question.window) {
                let (hotspot, weeks) = row_of(question, fold, first_seen, present);
                if hotspot.figures.pain != 0 {
                    family.rows.extend(hotspot.key.place().cloned());
                    made.push(Row { hotspot: Arc::new(hotspot), weeks });
                }
            }
        }
        rows.retain(|row| !row.hotspot.key.place().is_some_and(|place| gone.contains(place)));
        rows.append(&mut made);
        rows.sort_by(|a, b| in_order(question, &a.hotspot, &b.hotspot));
    }
}

/// The place that a place's family is called by. First segments neither take over nor give away, so
/// what folds has its first two segments in common.
fn family_of(shape: Shape, place: &Place) -> Place {
    match shape {
        Shape::Folded => place.cut(2),
        Shape::Flat => place.clone(),
        Shape::Depth(depth) => place.cut(depth),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::properties::{UNTIL, add_up, met, place};
    use super::*;
    use crate::event::{Kind, Word};
    use crate::hotspot::{Sort, Window, rank};

    fn question() -> impl Strategy<Value = Question> {
        let shape = [Shape::Folded, Shape::Flat, Shape::Depth(1), Shape::Depth(2)];
        let which = (
            prop::sample::select(shape.to_vec()),
            prop::sample::select(vec![28, 3, 100]),
            prop::sample::select(Sort::ALL.to_vec()),
            prop::option::weighted(0.2, Just(place("web/a"))),
            prop::sample::select(vec![None, None, Some(Kind::Unexpected), Some(Kind::Slow)]),
            prop::option::weighted(0.2, Just("1.9.0".to_owned())),
            prop::option::weighted(0.2, Just("ada".to_owned())),
        );
        which.prop_map(|(shape, days, sort, under, kind, version, person)| Question {
            under,
            kind,
            version,
            person,
            shape,
            sort,
            ..Question::over(Window::ending(UNTIL, days))
        })
    }

    fn first_days(events: &[(CellKey, Cell)], first: &mut BTreeMap<Place, Day>) {
        for (key, _) in events {
            let day = first.entry(key.place.clone()).or_insert(key.day);
            *day = key.day.min(*day);
        }
    }

    proptest! {
        #[test]
        fn what_is_added_is_ranked_as_if_it_had_been_there(
            question in question(),
            batches in prop::collection::vec(prop::collection::vec(met(), 0..20), 1..8),
        ) {
            // It was there long before.
            let mut first = BTreeMap::from([(place("web/a/x"), UNTIL.plus(-400))]);
            first_days(&batches[0], &mut first);
            let mut all = batches[0].clone();
            let mut standing = Standing::of(&question, &add_up(all.clone()), first.clone());
            for batch in [&Vec::new()].into_iter().chain(&batches[1..]) {
                first_days(batch, &mut first);
                all.extend(batch.iter().cloned());
                standing.add(&add_up(batch.iter().cloned()));
                let rows: Vec<Hotspot> = standing.rows().map(|row| (**row).clone()).collect();
                let anew = rank(&question, &add_up(all.clone()), &first);
                prop_assert_eq!(rows, anew);
            }
        }
    }
}
