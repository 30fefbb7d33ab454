//! What rows are sorted by: their pain, unless somebody wants to see another figure first.
//!
//! The worst comes first, whatever the figure; rows that are equal in it keep the order of pain.

use std::cmp::Ordering;

use super::{Hotspot, TrendWord};
use crate::event::{Outcome, words};

words! {
    /// A figure to sort by.
    #[derive(Default)]
    Sort {
        /// The order in which rows hurt.
        #[default]
        Pain = "pain",
        /// Whom it hurts: the most people first.
        People = "people",
        /// Unconfirmed signals, the most first.
        Signals = "signals",
        /// What gets worse, then what is new; what gets better comes last.
        Trend = "trend",
        /// The worst thing a person did, and how many did it.
        Outcome = "outcome",
        /// How often using it hurts; rows of which too few uses are known come last.
        Rate = "rate",
        /// When it was last met, the latest first.
        Last = "last",
        /// What a row is called, A first.
        Name = "name",
    }
}

impl Sort {
    /// The order of two rows by this figure alone.
    pub(super) fn order(self, a: &Hotspot, b: &Hotspot) -> Ordering {
        match self {
            Self::Pain => Ordering::Equal,
            Self::People => b.figures.people.cmp(&a.figures.people),
            Self::Signals => b.signals.cmp(&a.signals),
            Self::Trend => alarm(b).cmp(&alarm(a)),
            Self::Outcome => did(b).cmp(&did(a)),
            Self::Rate => rate(b).total_cmp(&rate(a)),
            Self::Last => b.figures.last_day.cmp(&a.figures.last_day),
            Self::Name => name(a).cmp(&name(b)),
        }
    }
}

/// How much a trend asks to be looked at.
fn alarm(row: &Hotspot) -> u8 {
    match row.trend.word {
        TrendWord::Worse => 4,
        TrendWord::New => 3,
        TrendWord::Unclear => 2,
        TrendWord::Unknown => 1,
        TrendWord::Better => 0,
    }
}

/// The worst thing done, and how often.
fn did(row: &Hotspot) -> Option<(&Outcome, &u32)> {
    row.outcomes.iter().next_back()
}

fn rate(row: &Hotspot) -> f64 {
    row.hurt_per_use.as_ref().map_or(-1.0, |rate| rate.rate)
}

/// What a row is called; one without a name comes after those that have one.
fn name(row: &Hotspot) -> (bool, Option<&str>) {
    let name = row.key.name();
    (name.is_none(), name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::{Day, Outcome, Place, Word};
    use crate::hotspot::{Cell, CellKey, Question, Rate, Trend, Weeks, Window, rank};

    /// A row of so much pain, and nothing else to it.
    fn row(name: &str, pain: u64) -> Hotspot {
        let key = CellKey {
            day: Day(1000),
            place: Place::parse(name).unwrap(),
            person: "ana".into(),
            actor: crate::event::Actor::Human,
            kind: None,
            version: None,
        };
        let cell = Cell { reports: [0, 0, 1, 0], ..Cell::default() };
        let question = Question::over(Window::ending(Day(1000), 28));
        let mut row = rank(&question, [(&key, &cell)], &BTreeMap::new()).remove(0);
        row.figures.pain = pain;
        row
    }

    fn trend(x1: u32, x0: u32) -> Trend {
        Trend::of(&Weeks { x1, x0, e1: 20, e0: 20, people: 2, is_new: false })
    }

    fn sorted(sort: Sort) -> String {
        let mut rows = [row("d", 40), row("c", 30), row("b", 20), row("a", 10)];
        let [d, c, b, a] = &mut rows;
        (d.figures.people, c.figures.people, b.figures.people) = (1, 4, 4);
        (b.signals, a.signals) = (2, 9);
        (d.trend, c.trend, a.trend) = (trend(0, 18), trend(3, 3), trend(18, 0));
        b.outcomes = [(Outcome::Retried, 9), (Outcome::Abandoned, 1)].into();
        (a.outcomes, c.outcomes) =
            ([(Outcome::Abandoned, 3)].into(), [(Outcome::Retried, 99)].into());
        (c.hurt_per_use, a.hurt_per_use) = (Rate::of(1, 9, (1, 2)), Rate::of(8, 9, (1, 2)));
        (d.figures.last_day, b.figures.last_day) = (Some(Day(990)), Some(Day(999)));
        rows.sort_by(|a, b| sort.order(a, b));
        rows.map(|row| row.key.name().unwrap_or_default().to_owned()).concat()
    }

    #[test]
    fn the_worst_comes_first_and_equal_rows_stay_as_they_were() {
        let orders = Sort::ALL.iter().map(|sort| (sort.word(), sorted(*sort)));
        let orders: Vec<_> = orders.collect();
        let expected = [
            ("pain", "dcba"),
            ("people", "cbda"),
            ("signals", "abdc"),
            ("trend", "acbd"),
            ("outcome", "abcd"),
            ("rate", "acdb"),
            ("last", "cabd"),
            ("name", "abcd"),
        ];
        assert_eq!(orders, expected.map(|(word, order)| (word, order.to_owned())));
    }
}
