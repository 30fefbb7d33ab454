//! The calendar: what each day comes to, wherever it happened.
//!
//! Friction and use are counted apart, and so is that nothing was told at all: a week without
//! either is a week in which nobody lived with the product, or nobody said so.

use std::collections::{BTreeMap, HashMap};

use super::pain::points;
use super::rank::sum;
use super::{Cell, CellKey, Question};
use crate::event::Day;

/// One day, all places taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaySum {
    /// Each person's worst points of the day, added up.
    pub points: u64,
    /// People with points.
    pub hurt: u32,
    /// People who told or used anything.
    pub people: u32,
    /// Reports.
    pub reports: u64,
    /// Unconfirmed signals.
    pub signals: u64,
    /// Uses.
    pub uses: u64,
}

/// Every day of the question's window on which anything happened.
pub fn calendar<'a>(
    question: &Question,
    cells: impl IntoIterator<Item = (&'a CellKey, &'a Cell)>,
) -> BTreeMap<Day, DaySum> {
    let mut days = BTreeMap::<Day, (DaySum, HashMap<&str, u32>)>::new();
    for (key, cell) in cells {
        if !question.window.contains(key.day) || !question.covers(key) {
            continue;
        }
        let (day, people) = days.entry(key.day).or_default();
        day.uses += cell.uses;
        if !question.wants(key.kind) {
            continue;
        }
        day.reports += sum(&cell.reports);
        day.signals += sum(&cell.signals);
        let worst = people.entry(&key.person).or_default();
        *worst = points(key.kind, cell).max(*worst);
    }
    let close = |(day, (mut sum, people)): (Day, (DaySum, HashMap<&str, u32>))| {
        sum.points = people.values().map(|&points| u64::from(points)).sum();
        let count = |people: usize| u32::try_from(people).unwrap_or(u32::MAX);
        sum.hurt = count(people.values().filter(|&&points| points != 0).count());
        sum.people = count(people.len());
        (day, sum)
    };
    days.into_iter().map(close).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Actor, Kind, Place};
    use crate::hotspot::Window;

    fn cell(
        day: i32,
        place: &str,
        person: &str,
        kind: Option<Kind>,
        cell: Cell,
    ) -> (CellKey, Cell) {
        let place = Place::parse(place).unwrap();
        let (person, actor) = (person.into(), Actor::Human);
        (CellKey { day: Day(day), place, person, actor, kind, version: None }, cell)
    }

    fn reports(reports: [u32; 4]) -> Cell {
        Cell { reports, ..Cell::default() }
    }

    #[test]
    fn the_worst_of_a_person_counts_wherever_it_was() {
        let slow = Some(Kind::Slow);
        let cells = [
            cell(5, "web/a", "ana", slow, reports([2, 1, 0, 0])),
            cell(5, "web/b", "ana", slow, reports([0, 0, 1, 0])),
            cell(5, "web/b", "ben", Some(Kind::Delight), reports([0, 0, 0, 1])),
            cell(5, "cli", "ben", None, Cell { uses: 7, ..Cell::default() }),
            cell(
                6,
                "cli",
                "ben",
                slow,
                Cell { signals: [0, 0, 0, 0, 0, 0, 0, 2, 0], ..Cell::default() },
            ),
            cell(9, "cli", "ben", slow, reports([1, 0, 0, 0])),
        ];
        let question = Question::over(Window { since: Day(1), until: Day(8) });
        let days = calendar(&question, cells.iter().map(|(key, cell)| (key, cell)));
        let first = DaySum { points: 10, hurt: 1, people: 2, reports: 5, signals: 0, uses: 7 };
        let second = DaySum { points: 3, hurt: 1, people: 1, reports: 0, signals: 2, uses: 0 };
        assert_eq!(days, BTreeMap::from([(Day(5), first), (Day(6), second)]));
    }
}
