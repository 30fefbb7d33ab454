//! Gathering: one pass over the cells of a horizon, into groups that rows are made of.
//!
//! A query sees tens of thousands of cells, so persons become small numbers here and a group keeps
//! its person-days in one sorted vector.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use super::pain::{self, PersonDay, PersonDays};
use super::trend::RECENT_DAYS;
use super::{Cell, CellKey, Question, Rate, Window};
use crate::event::Day;

/// What is known of one key: a place, a person, a version or a kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// Everything counted within the window.
    pub(super) total: Cell,
    /// Person-days with points, of the whole horizon.
    pub(super) days: PersonDays,
    /// The first day of the horizon with any event.
    pub(super) first: Option<Day>,
    /// The last one.
    pub(super) last: Option<Day>,
    /// Who used it within the window.
    pub(super) users: BTreeSet<u32>,
}

impl Group {
    /// How often using it hurts within a window; none where nothing was told or confirmed but signals
    /// wait for a decision: "never" would be a guess.
    pub(super) fn rate(&self, window: Window) -> Option<Rate> {
        let person_hours = self.days.person_hours(window);
        if person_hours == 0 && self.total.signals.iter().any(|&count| count != 0) {
            return None;
        }
        let hurt = self.days.people_with_hours(window);
        let unhurt = self.users.iter().filter(|user| hurt.binary_search(user).is_err());
        let people = (hurt.len(), hurt.len() + unhurt.count());
        Rate::of(person_hours, self.total.uses, people)
    }

    /// Groups taken for one.
    pub(super) fn union(groups: &[Arc<Self>]) -> Self {
        let mut all = Self::default();
        for group in groups {
            all.total.add(&group.total);
            all.first = [all.first, group.first].into_iter().flatten().min();
            all.last = all.last.max(group.last);
            all.users.extend(&group.users);
        }
        all.days = PersonDays::union(groups.iter().map(|group| &group.days));
        all
    }

    /// Counts a cell, but for its person-day, which whoever asks has to add.
    pub(super) fn add(
        &mut self,
        question: &Question,
        person: u32,
        key: &CellKey,
        cell: &Cell,
    ) -> Option<PersonDay> {
        let in_window = question.window.contains(key.day);
        if in_window && cell.uses != 0 {
            self.users.insert(person);
        }
        if !question.wants(key.kind) {
            // Uses have no kind of their own: whatever is asked for, they are the denominator.
            if in_window {
                self.total.uses = self.total.uses.wrapping_add(cell.uses);
            }
            return None;
        }
        self.first = Some(self.first.map_or(key.day, |first| first.min(key.day)));
        self.last = self.last.max(Some(key.day));
        if in_window {
            self.total.add(cell);
        }
        let (points, hours) = (pain::points(key.kind, cell), pain::hours(key.kind, cell));
        (points != 0).then_some(PersonDay { person, day: key.day, points, hours })
    }
}

/// Who did anything at all on which of the days a trend looks at.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    until: Day,
    /// By person; the lowest bit is `until`, the next one the day before. 63 days fit.
    days: Vec<u64>,
}

impl Presence {
    /// Person-days with any event: of the last 7 days, and of the 56 before.
    pub(super) fn counts(&self) -> (u32, u32) {
        let recent = (1 << RECENT_DAYS) - 1;
        let count = |mask: u64| self.days.iter().map(|days| (days & mask).count_ones()).sum();
        (count(recent), count(!recent))
    }

    /// The same of one person.
    pub(super) fn counts_of(&self, person: u32) -> (u32, u32) {
        let days = self.days.get(person as usize).copied().into_iter().collect();
        Self { until: self.until, days }.counts()
    }

    pub(super) fn add(&mut self, person: u32, day: Day) {
        let (person, ago) = (person as usize, self.until.since(day));
        if self.days.len() <= person {
            self.days.resize(person + 1, 0);
        }
        self.days[person] |=
            u32::try_from(ago).ok().and_then(|ago| 1_u64.checked_shl(ago)).unwrap_or(0);
    }
}

/// Groups the cells of a question's horizon by `key_of`; cells of other days are passed over.
pub(super) fn gather<'a, K: Copy + Eq + Hash>(
    question: &Question,
    cells: impl IntoIterator<Item = (&'a CellKey, &'a Cell)>,
    key_of: impl Fn(&'a CellKey) -> K,
) -> (Vec<(K, Group)>, Presence) {
    gather_among(&mut Numbers::default(), question, cells, key_of)
}

/// The same, of people that have numbers already or get them.
pub(super) fn gather_among<'a, K: Copy + Eq + Hash>(
    people: &mut Numbers<'a>,
    question: &Question,
    cells: impl IntoIterator<Item = (&'a CellKey, &'a Cell)>,
    key_of: impl Fn(&'a CellKey) -> K,
) -> (Vec<(K, Group)>, Presence) {
    let horizon = question.horizon();
    let mut presence = Presence { until: horizon.until, days: Vec::new() };
    let mut heaps = Heaps::default();
    for (key, cell) in cells {
        if !horizon.contains(key.day) || !question.met(key) {
            continue;
        }
        let person = people.of(&key.person);
        if question.presence_since() <= key.day {
            presence.add(person, key.day);
        }
        if question.covers(key) {
            heaps.of(key_of(key)).add(question, person, key, cell);
        }
    }
    (heaps.settle(), presence)
}

/// A number for each person, in the order in which they are met.
#[derive(Default)]
pub(super) struct Numbers<'a> {
    by_name: HashMap<&'a str, u32>,
    /// The same by where a name lies in memory. An index shares names, so that hardly any is read.
    by_address: HashMap<*const str, u32, BuildHasherDefault<Address>>,
}

impl<'a> Numbers<'a> {
    /// The number of a person, who gets one.
    pub(super) fn of(&mut self, name: &'a str) -> u32 {
        let Self { by_name, by_address } = self;
        *by_address.entry(name).or_insert_with(|| {
            let next = u32::try_from(by_name.len()).unwrap_or(u32::MAX);
            *by_name.entry(name).or_insert(next)
        })
    }

    /// The number of each name.
    pub(super) fn by_name(&self) -> HashMap<Arc<str>, u32> {
        self.by_name.iter().map(|(name, number)| (Arc::from(*name), *number)).collect()
    }
}

/// The hash of an address and a length: addresses differ in their middle bits.
#[derive(Default)]
struct Address(u64);

impl Hasher for Address {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.0 = (self.0.rotate_left(5) ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0.swap_bytes()
    }
}

/// Groups as they grow: their person-days are not sorted yet.
struct Heaps<K> {
    places: HashMap<K, usize>,
    all: Vec<(K, Heap)>,
    last: usize,
}

#[derive(Default)]
struct Heap {
    group: Group,
    days: Vec<PersonDay>,
}

impl<K> Default for Heaps<K> {
    fn default() -> Self {
        Self { places: HashMap::new(), all: Vec::new(), last: 0 }
    }
}

impl<K: Copy + Eq + Hash> Heaps<K> {
    fn of(&mut self, key: K) -> &mut Heap {
        // Cells of a place come together: mostly it is the heap that was asked for before.
        if self.all.get(self.last).is_none_or(|(last, _)| *last != key) {
            self.last = *self.places.entry(key).or_insert(self.all.len());
            if self.last == self.all.len() {
                self.all.push((key, Heap::default()));
            }
        }
        &mut self.all[self.last].1
    }

    fn settle(self) -> Vec<(K, Group)> {
        let settled = |heap: Heap| Group { days: heap.days.into_iter().collect(), ..heap.group };
        self.all.into_iter().map(|(key, heap)| (key, settled(heap))).collect()
    }
}

impl Heap {
    fn add(&mut self, question: &Question, person: u32, key: &CellKey, cell: &Cell) {
        self.days.extend(self.group.add(question, person, key, cell));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_one_number_wherever_their_name_lies() {
        let (ana, ben) = ("ana".to_owned(), "ben".to_owned());
        let text = "anaben ana".to_owned();
        let mut numbers = Numbers::default();
        let met = [&*ana, &ben, &text[..3], &text[3..6], &text[..6], &text[7..], &ana];
        assert_eq!(met.map(|name| numbers.of(name)), [0, 1, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn presence_is_counted_by_weeks() {
        let mut presence = Presence { until: Day(100), days: Vec::new() };
        for (person, day) in [(0, 100), (0, 94), (2, 93), (2, 38), (2, 38), (1, 94)] {
            presence.add(person, Day(day));
        }
        assert_eq!(presence.counts(), (3, 2));
        assert_eq!(
            [0, 1, 2, 3].map(|person| presence.counts_of(person)),
            [(2, 0), (1, 0), (0, 2), (0, 0)]
        );
    }
}
