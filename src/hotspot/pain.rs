//! Pain: points of the worst thing a person met on a day, added up, with a cap per person.
//!
//! # Promises
//!
//! - Nobody adds more than [`CAP`] to one place, whatever they report.
//! - However often a person meets something on one day, the worst of it counts once.
//! - Whole numbers: the order in which person-days come in changes nothing.

use serde::{Deserialize, Serialize};

use super::{Cell, Window};
use crate::event::{Day, Kind, SignalName, Word};

/// The most one person adds to a place: one person's full share.
pub const CAP: u64 = 20;
/// Points of a report by severity: cosmetic, minor, major, blocker.
pub const POINTS: [u32; 4] = [1, 3, 10, 30];

/// Points of an unconfirmed signal. None has more than the report of the same thing would.
#[must_use]
pub fn signal_points(name: SignalName) -> u32 {
    match name {
        SignalName::Crash => 10,
        SignalName::Failure => 3,
        _ => 1,
    }
}

/// Points of what one cell holds: those of the worst thing in it.
///
/// Uses have none, and neither has `delight`: it is the positive baseline.
#[must_use]
pub fn points(kind: Option<Kind>, cell: &Cell) -> u32 {
    if kind == Some(Kind::Delight) {
        return 0;
    }
    let reports = worst(&cell.reports).map_or(0, |at| POINTS[at]);
    reports.max(worst_signal(cell).map_or(0, signal_points))
}

/// The unconfirmed signal with the most points.
pub(super) fn worst_signal(cell: &Cell) -> Option<SignalName> {
    // Most cells have none, and a query looks at tens of thousands.
    if cell.signals == [0; SignalName::ALL.len()] {
        return None;
    }
    let names = SignalName::ALL.iter().zip(&cell.signals);
    let met = names.filter(|&(_, &count)| count != 0).map(|(name, _)| *name);
    met.max_by_key(|name| (signal_points(*name), std::cmp::Reverse(*name)))
}

/// The last position that was counted at all.
pub(super) fn worst(counts: &[u32]) -> Option<usize> {
    counts.iter().rposition(|&count| count != 0)
}

/// The hours of the day with a report, one bit each; none for `delight`, which does not hurt.
pub(super) fn hours(kind: Option<Kind>, cell: &Cell) -> u32 {
    if kind == Some(Kind::Delight) || cell.reports == [0; 4] {
        return 0;
    }
    let bits = cell.hours.iter().enumerate().map(|(hour, &count)| u32::from(count != 0) << hour);
    bits.fold(0, |all, bit| all | bit)
}

/// One person's day at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PersonDay {
    /// A number that stands for the person, within one query.
    pub(super) person: u32,
    /// The UTC day.
    pub(super) day: Day,
    /// Points of the worst thing met; never zero inside [`PersonDays`].
    pub(super) points: u32,
    /// The hours with a report, one bit each.
    pub(super) hours: u32,
}

impl PersonDay {
    /// What it is sorted by, person first: one number is compared in a step.
    fn key(&self) -> u64 {
        let from_lowest = self.day.0.cast_unsigned() ^ i32::MIN.cast_unsigned();
        u64::from(self.person) << u32::BITS | u64::from(from_lowest)
    }
}

/// A set of person-days with points: at most one per person and day, sorted by both.
///
/// A sorted vector rather than maps: a query builds hundreds, and only walks them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PersonDays(Vec<PersonDay>);

/// What a set of person-days comes to within a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pain {
    /// The sum over persons of their points, at most [`CAP`] each.
    pub pain: u64,
    /// The same without the cap.
    pub uncapped: u64,
    /// How many persons had points.
    pub people: u32,
    /// On how many of their days.
    pub person_days: u32,
    /// The worst single points.
    pub worst_points: u32,
    /// The last day with points; none where there are no points.
    pub last_day: Option<Day>,
}

impl FromIterator<PersonDay> for PersonDays {
    fn from_iter<I: IntoIterator<Item = PersonDay>>(days: I) -> Self {
        let mut all: Vec<_> = days.into_iter().filter(|day| day.points != 0).collect();
        all.sort_unstable_by_key(PersonDay::key);
        Self::of_sorted(all)
    }
}

impl PersonDays {
    /// The union of sets; where several know a person's day, the worst counts.
    pub(super) fn union<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let sets: Vec<_> = sets.into_iter().map(|set| set.0.as_slice()).collect();
        let mut all = sets.concat();
        // A stable sort merges what is sorted already.
        all.sort_by_key(PersonDay::key);
        Self::of_sorted(all)
    }

    fn of_sorted(mut all: Vec<PersonDay>) -> Self {
        all.dedup_by(|next, kept| {
            let same = next.key() == kept.key();
            if same {
                kept.points = kept.points.max(next.points);
                kept.hours |= next.hours;
            }
            same
        });
        Self(all)
    }

    /// Adds a person-day with points; of what is known of one already, the worst counts.
    pub(super) fn put(&mut self, day: PersonDay) {
        match self.0.binary_search_by_key(&day.key(), PersonDay::key) {
            Ok(at) => {
                let known = &mut self.0[at];
                known.points = known.points.max(day.points);
                known.hours |= day.hours;
            }
            Err(at) => self.0.insert(at, day),
        }
    }

    /// The person-days within a window, by person, then day.
    pub(super) fn within(&self, window: Window) -> impl Iterator<Item = &PersonDay> {
        self.0.iter().filter(move |day| window.contains(day.day))
    }

    /// What it comes to within a window.
    pub(super) fn pain(&self, window: Window) -> Pain {
        let mut sum = Pain::default();
        let mut person = None;
        let mut share = 0;
        for day in self.within(window) {
            if person != Some(day.person) {
                person = Some(day.person);
                sum.people += 1;
                sum.pain += CAP.min(share);
                share = 0;
            }
            share += u64::from(day.points);
            sum.uncapped += u64::from(day.points);
            sum.person_days += 1;
            sum.worst_points = sum.worst_points.max(day.points);
            sum.last_day = sum.last_day.max(Some(day.day));
        }
        sum.pain += CAP.min(share);
        sum
    }

    /// Distinct (person, hour) with a report within a window.
    pub(super) fn person_hours(&self, window: Window) -> u64 {
        self.within(window).map(|day| u64::from(day.hours.count_ones())).sum()
    }

    /// Who reported something within a window, in their order.
    pub(super) fn people_with_hours(&self, window: Window) -> Vec<u32> {
        let hurt = self.within(window).filter(|day| day.hours != 0);
        let mut people: Vec<_> = hurt.map(|day| day.person).collect();
        people.dedup();
        people
    }

    /// Points of each day of a window, without the cap: the row's sparkline.
    pub(super) fn spark(&self, window: Window) -> Vec<u32> {
        let mut days = vec![0; window.days()];
        for day in self.within(window) {
            let at = usize::try_from(day.day.since(window.since)).ok();
            if let Some(sum) = at.and_then(|at| days.get_mut(at)) {
                *sum += day.points;
            }
        }
        days
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: Window = Window { since: Day(0), until: Day(9) };

    fn day(person: u32, day: i32, points: u32) -> PersonDay {
        PersonDay { person, day: Day(day), points, hours: 0 }
    }

    #[test]
    fn the_worst_of_a_cell_counts() {
        let cell =
            Cell { reports: [5, 1, 0, 0], signals: [9, 0, 0, 0, 0, 0, 1, 0, 0], ..Cell::default() };
        assert_eq!(points(Some(Kind::Slow), &cell), 10);
        assert_eq!(points(None, &cell), 10);
        assert_eq!(points(Some(Kind::Delight), &cell), 0);
        assert_eq!(points(None, &Cell { uses: 9, ..Cell::default() }), 0);
    }

    #[test]
    fn hours_are_bits_from_midnight_on() {
        let mut cell = Cell { reports: [3, 0, 0, 0], ..Cell::default() };
        cell.hours[0] = 2;
        cell.hours[23] = 1;
        assert_eq!(hours(None, &cell), 1 | 1 << 23);
        assert_eq!(hours(Some(Kind::Delight), &cell), 0);
    }

    #[test]
    fn a_person_is_capped_and_days_outside_do_not_count() {
        let days = [day(1, 3, 30), day(1, 4, 3), day(2, 4, 3), day(2, 10, 30)];
        let sum = days.into_iter().collect::<PersonDays>().pain(ALL);
        let expected = Pain {
            pain: 23,
            uncapped: 36,
            people: 2,
            person_days: 3,
            worst_points: 30,
            last_day: Some(Day(4)),
        };
        assert_eq!(sum, expected);
    }

    fn person_days() -> impl Strategy<Value = Vec<PersonDay>> {
        let one = (0..5_u32, 0..12_i32, prop::sample::select(vec![0, 1, 3, 10, 30]), any::<u32>());
        let one = one.prop_map(|(person, at, points, hours)| PersonDay {
            hours: if points == 0 { 0 } else { hours & 0xff_ffff },
            ..day(person, at, points)
        });
        prop::collection::vec(one, 0..60)
    }

    proptest! {
        #[test]
        fn merging_is_the_same_as_having_met_it_all(mine in person_days(), theirs in person_days()) {
            let sets = [&mine, &theirs].map(|days| days.iter().copied().collect());
            let merged = PersonDays::union(&sets);
            let mut backwards: Vec<_> = mine.into_iter().chain(theirs).collect();
            backwards.reverse();
            let mut one_by_one = PersonDays::default();
            let hurting = backwards.iter().copied().filter(|day| day.points != 0);
            hurting.for_each(|day| one_by_one.put(day));
            prop_assert_eq!(&merged, &one_by_one);
            prop_assert_eq!(merged, backwards.into_iter().collect::<PersonDays>());
        }

        #[test]
        fn nobody_adds_more_than_the_cap(days in person_days()) {
            let days: PersonDays = days.into_iter().collect();
            let sum = days.pain(ALL);
            prop_assert!(sum.pain <= CAP * u64::from(sum.people));
            prop_assert!(sum.pain <= sum.uncapped);
            prop_assert!(u64::from(sum.person_days) <= sum.uncapped);
            prop_assert_eq!(sum.uncapped, days.spark(ALL).iter().map(|&n| u64::from(n)).sum::<u64>());
            prop_assert_eq!(sum.last_day.is_some(), sum.pain != 0);
        }
    }
}
