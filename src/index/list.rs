//! Listing events by time, filtered, page by page.

use uuid::Uuid;

use super::key::{self, Glance, Millis, Sieve};
use super::order::Order;
use super::walk::Walk;
use super::{Index, IndexError};
use crate::event::{Actor, Class, Day, Event, Kind, Place};
use crate::hotspot::{CellKey, Question};

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
    /// The events that a question is about, whatever their day, class and kind.
    #[must_use]
    pub fn of(question: &Question) -> Self {
        Self {
            under: question.under.clone(),
            version: question.version.clone(),
            person: question.person.clone(),
            actor: Some(question.actor),
            ..Self::default()
        }
    }

    /// The bands that hold events of the class asked for.
    pub(super) fn bands(&self) -> impl Iterator<Item = u8> + use<> {
        let class = self.class;
        (0..key::BANDS).filter(move |band| match class {
            None => true,
            // Confirmed signals lie among the reports.
            Some(Class::Signal) => *band != key::USES,
            Some(Class::Report) => key::REPORTS.contains(band),
            Some(Class::Use) => *band == key::USES,
        })
    }

    /// What of it can be told by a glance.
    pub(super) fn sieve(&self) -> Sieve {
        Sieve {
            actor: self.actor,
            kind: self.kind,
            person: self.person.as_deref().map(key::tag),
            version: self.version.as_deref().map(key::tag),
            is_signal: self.class.map(|class| class == Class::Signal),
        }
    }

    /// Whether a cell may count any of them.
    pub(super) fn may_be_in(&self, cell: &CellKey) -> bool {
        let version = cell.version.as_deref().unwrap_or_default();
        self.under.as_ref().is_none_or(|under| cell.place.is_under(under))
            && self.actor.is_none_or(|actor| cell.actor == actor)
            && self.kind.is_none_or(|kind| cell.kind == Some(kind))
            && self.person.as_deref().is_none_or(|person| *cell.person == *person)
            && self.version.as_deref().is_none_or(|asked| version == asked)
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

/// A page ends with the event that makes it larger than this.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Where a page ended: the time and id of its last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) at: Millis,
    pub(super) id: Uuid,
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
        end.extend_from_slice(&[0xff; 16]);
        // Its keys descend in time: the latest is the first.
        let pairs = self.store.range(key::at_place_from(place, band, last)..=end, order.reverse());
        pairs.map(|pair| {
            let (key, value) = pair?;
            let (at, id) = key::read_at_place(&key)?;
            let glance = Glance::decode(&value)?;
            Ok((Spot { at, id, sequence: glance.sequence }, glance))
        })
    }
}
