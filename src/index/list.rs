//! Listing events by time, filtered, page by page.

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap};

use uuid::Uuid;

use super::key::{self, Glance, Millis, Sieve};
use super::{Index, IndexError};
use crate::event::{Actor, Class, Day, Event, Kind, Place};

/// Which events are asked for; what is left out asks for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// From this day on.
    pub since: Option<Day>,
    /// Up to this day, included.
    pub until: Option<Day>,
    /// At this place or below it.
    pub under: Option<Place>,
    /// Of this class.
    pub class: Option<Class>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Of this version of the product.
    pub version: Option<String>,
    /// Of this person.
    pub person: Option<String>,
    /// Of people or of agents.
    pub actor: Option<Actor>,
}

impl Filter {
    /// The bands that hold events of the class asked for.
    fn bands(&self) -> std::ops::Range<u8> {
        match self.class {
            // Confirmed signals lie among the reports.
            None | Some(Class::Signal) => 0..key::BANDS,
            Some(Class::Report) => key::REPORTS,
            Some(Class::Use) => key::USES..key::USES + 1,
        }
    }

    /// What of it can be told by a glance.
    fn sieve(&self) -> Sieve {
        Sieve {
            actor: self.actor,
            kind: self.kind,
            person: self.person.as_deref().map(key::tag),
            version: self.version.as_deref().map(key::tag),
        }
    }

    /// Whether an event is one of them, whatever its day.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.under.as_ref().is_none_or(|under| event.place.is_under(under))
            && self.class.is_none_or(|class| event.class == class)
            && self.kind.is_none_or(|kind| event.kind == Some(kind))
            && self.version.as_ref().is_none_or(|version| event.version.as_ref() == Some(version))
            && self.person.as_ref().is_none_or(|person| event.person == *person)
            && self.actor.is_none_or(|actor| event.actor == actor)
    }
}

/// In which direction time goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    Newest,
    /// The oldest first.
    Oldest,
}

/// A page ends with the event that makes it larger than this.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Where a page ended: the time and id of its last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    at: Millis,
    id: Uuid,
}

impl Cursor {
    /// Reads a cursor back from the text that [`ToString`] makes of it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('.')?;
        Some(Self { at: at.parse().ok()?, id: Uuid::try_parse(id).ok()? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at, self.id.simple())
    }
}

/// Some events, and where the next page begins.
#[derive(Clone, Debug)]
pub struct Page {
    /// The events.
    pub events: Vec<Event>,
    /// None where there are no more.
    pub next: Option<Cursor>,
    /// Events that belong between these, and that the journal has lost.
    pub lacks: usize,
}

/// One event's place in time, and where it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) at: Millis,
    pub(super) id: Uuid,
    pub(super) sequence: u64,
}

type Spots = Box<dyn Iterator<Item = Result<Spot, IndexError>>>;

impl Index {
    /// Up to `limit` events behind `after`, fewer where they are large. Retracted ones are left out.
    pub fn list(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, IndexError> {
        let mut page = Page { events: Vec::new(), next: None, lacks: 0 };
        let (mut last, mut bytes, mut lacking) = (None, 0, 0);
        let mut walk = Walk::new(self, filter, order, after);
        while let Some(spot) = walk.next_spot()? {
            let Some((event, size)) = self.event_if_left(spot.sequence)? else {
                lacking += 1;
                continue;
            };
            if !filter.matches(&event) {
                continue;
            }
            if page.events.len() == limit || PAGE_BYTES <= bytes {
                // What is lost from here on, the next page comes upon again.
                page.next = last;
                return Ok(page);
            }
            page.lacks += std::mem::take(&mut lacking);
            bytes += size;
            page.events.push(event);
            last = Some(Cursor { at: spot.at, id: spot.id });
        }
        page.lacks += lacking;
        Ok(page)
    }

    /// One band of one place, from `first` to `last`.
    pub(super) fn band(
        &self,
        place: &Place,
        band: u8,
        order: Order,
        first: Millis,
        last: Millis,
    ) -> impl Iterator<Item = Result<(Spot, Glance), IndexError>> + use<> {
        let mut end = key::at_place_from(place, band, first);
        end.extend([0xff; 16]);
        // Its keys descend in time: the latest is the first.
        let pairs = self.store.range(key::at_place_from(place, band, last)..=end, order.reverse());
        pairs.map(|pair| {
            let (key, value) = pair?;
            let (at, id) = key::read_at_place(&key)?;
            let glance = Glance::decode(&value)?;
            Ok((Spot { at, id, sequence: glance.sequence }, glance))
        })
    }

    /// The first day from `from` on, in this order, on which anything happened.
    fn busy_day(&self, from: Day, order: Order) -> Result<Option<Day>, IndexError> {
        let span = match order {
            Order::Oldest => key::cells_of(from)..=vec![key::CELL, 0xff, 0xff, 0xff, 0xff, 0xff],
            Order::Newest => vec![key::CELL]..=key::cells_of(from.plus(1)),
        };
        let found = self.store.range(span, order).next().transpose()?;
        found.map(|(key, _)| key::read_day(&key)).transpose()
    }
}

/// A walk through time, day by day; on each day, the places merged.
struct Walk<'a> {
    index: &'a Index,
    filter: &'a Filter,
    sieve: Sieve,
    order: Order,
    /// The instants asked for, both included.
    first: Millis,
    last: Millis,
    after: Option<Cursor>,
    /// The day to look at next; none at the end.
    day: Option<Day>,
    heads: BinaryHeap<Head>,
}

impl<'a> Walk<'a> {
    fn new(index: &'a Index, filter: &'a Filter, order: Order, after: Option<Cursor>) -> Self {
        let mut first = filter.since.map_or(Millis::MIN, |day| key::millis(day.start()));
        let mut last = filter.until.map_or(Millis::MAX, |day| key::millis(day.plus(1).start()) - 1);
        match (order, after) {
            (Order::Newest, Some(cursor)) => last = last.min(cursor.at),
            (Order::Oldest, Some(cursor)) => first = first.max(cursor.at),
            (_, None) => {}
        }
        let day = match order {
            Order::Newest => day_of(last),
            Order::Oldest => day_of(first),
        };
        let heads = BinaryHeap::new();
        let (sieve, day) = (filter.sieve(), Some(day));
        Self { index, filter, sieve, order, first, last, after, day, heads }
    }

    fn next_spot(&mut self) -> Result<Option<Spot>, IndexError> {
        loop {
            let Some(head) = self.heads.pop() else {
                if self.begin_day()? {
                    continue;
                }
                return Ok(None);
            };
            let spot = head.spot;
            self.push(head.rest)?;
            let behind =
                |cursor: Cursor| self.order.is_before(&(cursor.at, cursor.id), &(spot.at, spot.id));
            if self.after.is_none_or(behind) {
                return Ok(Some(spot));
            }
        }
    }

    /// Gathers the lists of the next day on which anything happened; false at the end.
    fn begin_day(&mut self) -> Result<bool, IndexError> {
        let Some(from) = self.day else { return Ok(false) };
        let Some(day) = self.index.busy_day(from, self.order)? else { return Ok(false) };
        let start = key::millis(day.start());
        let end = key::millis(day.plus(1).start()) - 1;
        if end < self.first || self.last < start {
            return Ok(false);
        }
        let (first, last, sieve) = (start.max(self.first), end.min(self.last), self.sieve);
        for place in self.places(day)? {
            for band in self.filter.bands() {
                let entries = self.index.band(&place, band, self.order, first, last);
                let admitted = entries.filter(move |found| {
                    found.as_ref().map_or(true, |(_, glance)| sieve.admits(glance))
                });
                self.push(Box::new(admitted.map(|found| Ok(found?.0))))?;
            }
        }
        self.day = Some(day.plus(if self.order == Order::Newest { -1 } else { 1 }));
        Ok(true)
    }

    /// Where something happened on a day.
    fn places(&self, day: Day) -> Result<BTreeSet<Place>, IndexError> {
        let is_asked =
            |place: &&Place| self.filter.under.as_ref().is_none_or(|under| place.is_under(under));
        let cells = self.index.cells(day, day)?;
        let places = cells.iter().flat_map(|cells| cells.iter()).map(|(cell, _)| &cell.place);
        Ok(places.filter(is_asked).cloned().collect())
    }

    fn push(&mut self, mut list: Spots) -> Result<(), IndexError> {
        if let Some(spot) = list.next() {
            self.heads.push(Head { spot: spot?, order: self.order, rest: list });
        }
        Ok(())
    }
}

/// The day of an instant, however far away.
fn day_of(at: Millis) -> Day {
    Day(i32::try_from(at.div_euclid(86_400_000)).unwrap_or(if at < 0 {
        FIRST_DAY
    } else {
        LAST_DAY
    }))
}

/// Days before and after any event's.
const FIRST_DAY: i32 = -5_000_000;
const LAST_DAY: i32 = 5_000_000;

impl Order {
    /// Whether `a` comes before `b` in this order.
    pub(super) fn is_before<T: Ord + ?Sized>(self, a: &T, b: &T) -> bool {
        match self {
            Self::Newest => b < a,
            Self::Oldest => a < b,
        }
    }

    fn reverse(self) -> Self {
        match self {
            Self::Newest => Self::Oldest,
            Self::Oldest => Self::Newest,
        }
    }
}

/// The next spot of one list, and the rest of it.
struct Head {
    spot: Spot,
    order: Order,
    rest: Spots,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.order {
            Order::Newest => self.spot.cmp(&other.spot),
            Order::Oldest => other.spot.cmp(&self.spot),
        }
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}
