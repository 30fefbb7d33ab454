//! Listing events by time, filtered, page by page.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use uuid::Uuid;

use super::key::{self, Millis};
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
    fn matches(&self, event: &Event) -> bool {
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
}

type Positions<'a> = Box<dyn Iterator<Item = Result<(Millis, Uuid), IndexError>> + 'a>;

impl Index {
    /// Up to `limit` events behind `after`. Retracted ones are left out.
    pub fn list(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, IndexError> {
        let mut page = Page { events: Vec::new(), next: None };
        let mut last = None;
        for position in self.positions(filter, order, after)? {
            let (at, id) = position?;
            let stored = self.event_at(at, id)?;
            if stored.is_retracted || !filter.matches(&stored.event) {
                continue;
            }
            if page.events.len() == limit {
                page.next = last;
                break;
            }
            page.events.push(stored.event);
            last = Some(Cursor { at, id });
        }
        Ok(page)
    }

    /// Where the events of a filter's days and places are, in order, from behind the cursor on.
    fn positions(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<Cursor>,
    ) -> Result<Positions<'_>, IndexError> {
        let mut first = filter.since.map_or(Millis::MIN, |day| key::millis(day.start()));
        let mut last = filter.until.map_or(Millis::MAX, |day| key::millis(day.plus(1).start()) - 1);
        match (order, after) {
            (Order::Newest, Some(cursor)) => last = last.min(cursor.at),
            (Order::Oldest, Some(cursor)) => first = first.max(cursor.at),
            (_, None) => {}
        }
        if last < first {
            return Ok(Box::new(std::iter::empty()));
        }
        let is_behind = move |position: &Result<(Millis, Uuid), IndexError>| match (position, after)
        {
            (Ok(position), Some(cursor)) => order.is_before((cursor.at, cursor.id), *position),
            _ => true,
        };
        let positions = match &filter.under {
            None => self.positions_by_time(order, first, last),
            Some(under) => self.positions_under(under, order, first, last)?,
        };
        Ok(Box::new(positions.filter(is_behind)))
    }

    fn positions_by_time(&self, order: Order, first: Millis, last: Millis) -> Positions<'_> {
        let mut end = key::event_from(last);
        end.extend([0xff; 18]);
        let entries = self.tree.range(key::event_from(first)..=end).keys();
        let read = |entry: sled::Result<sled::IVec>| key::read_event(&entry?);
        match order {
            Order::Oldest => Box::new(entries.filter_map(move |entry| read(entry).transpose())),
            Order::Newest => {
                Box::new(entries.rev().filter_map(move |entry| read(entry).transpose()))
            }
        }
    }

    /// Merges the lists of every place below `under`.
    fn positions_under(
        &self,
        under: &Place,
        order: Order,
        first: Millis,
        last: Millis,
    ) -> Result<Positions<'_>, IndexError> {
        let mut heads = BinaryHeap::new();
        for place in self.places().iter().filter(|place| place.is_under(under)) {
            for band in 0..key::BANDS {
                let positions = self.positions_in_band(place, band, order, first, last);
                push_head(&mut heads, positions, order)?;
            }
        }
        Ok(Box::new(std::iter::from_fn(move || {
            let head = heads.pop()?;
            let position = head.position;
            match push_head(&mut heads, head.rest, order) {
                Ok(()) => Some(Ok(position)),
                Err(error) => Some(Err(error)),
            }
        })))
    }

    /// One band of one place. Its keys descend in time.
    pub(super) fn positions_in_band(
        &self,
        place: &Place,
        band: u8,
        order: Order,
        first: Millis,
        last: Millis,
    ) -> Positions<'_> {
        let mut end = key::at_place_from(place, band, first);
        end.extend([0xff; 16]);
        let entries = self.tree.range(key::at_place_from(place, band, last)..=end).keys();
        let read = |entry: sled::Result<sled::IVec>| key::read_at_place(&entry?);
        match order {
            Order::Newest => Box::new(entries.map(read)),
            Order::Oldest => Box::new(entries.rev().map(read)),
        }
    }
}

impl Order {
    /// Whether `a` comes before `b` in this order. Within one millisecond, by id.
    fn is_before(self, a: (Millis, Uuid), b: (Millis, Uuid)) -> bool {
        match self {
            Self::Newest => b < a,
            Self::Oldest => a < b,
        }
    }
}

/// The next position of one list, and the rest of it.
struct Head<'a> {
    position: (Millis, Uuid),
    order: Order,
    rest: Positions<'a>,
}

fn push_head<'a>(
    heads: &mut BinaryHeap<Head<'a>>,
    mut list: Positions<'a>,
    order: Order,
) -> Result<(), IndexError> {
    if let Some(position) = list.next() {
        heads.push(Head { position: position?, order, rest: list });
    }
    Ok(())
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.order {
            Order::Newest => self.position.cmp(&other.position),
            Order::Oldest => other.position.cmp(&self.position),
        }
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head<'_> {}
