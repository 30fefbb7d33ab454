//! Applying a batch: one atom, together with the journal position it reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use uuid::Uuid;

use super::key::{self, Glance, Millis};
use super::list::Spot;
use super::store::{self, Changes};
use super::{Index, IndexError, Order, Position, Stored};
use crate::event::{Day, Event, Place};
use crate::hotspot::{Cell, CellKey, fingerprint};

/// An event to apply. The caller has made sure that its id is new.
#[derive(Clone, Copy, Debug)]
pub struct Fresh<'a> {
    /// Its journal sequence.
    pub sequence: u64,
    /// The event.
    pub event: &'a Event,
    /// The same event as [`Event::to_json`] makes it.
    pub json: &'a [u8],
    /// [`crate::hotspot::fingerprint`] of its words; 0 where it has none.
    pub fingerprint: u64,
}

/// sled keeps values above a few KiB in files of their own, which nothing syncs.
const PART: usize = 4 * 1024;
const RETRACTED: u8 = 1;

/// What a batch adds up to before it is written.
#[derive(Default)]
pub(super) struct Sums {
    changes: Changes,
    pub(super) cells: BTreeMap<CellKey, Cell>,
    /// First days to set, and places to drop.
    places: BTreeMap<Place, Option<Day>>,
    events: i64,
}

impl Index {
    /// Applies new events, and that the journal is applied up to `position`.
    pub fn apply(&self, events: &[Fresh<'_>], position: Position) -> Result<(), IndexError> {
        let mut sums = Sums::default();
        for fresh in events {
            match self.decision(fresh.event)? {
                None => sums.record(fresh),
                // Decided before it came.
                decision => {
                    let event = fresh.event.clone().decided(decision);
                    let fingerprint = event.words().map_or(0, fingerprint);
                    sums.record(&Fresh { event: &event, fingerprint, ..*fresh });
                }
            }
        }
        {
            // Only a place's new or earlier first day is news.
            let known = self.places.read().unwrap_or_else(PoisonError::into_inner);
            sums.places
                .retain(|place, day| known.get(place).is_none_or(|known| *day < Some(*known)));
        }
        self.write(sums, position)
    }

    /// Takes an event back, and notes that the journal is applied up to `position`.
    ///
    /// One that is not there, or was taken back before, changes nothing else.
    pub fn retract(&self, id: Uuid, position: Position) -> Result<(), IndexError> {
        let mut sums = Sums::default();
        let entry = self.store.get(&key::id(id))?;
        let sequence = entry.map(|entry| key::read_id_value(&entry)).transpose()?;
        let sequence = sequence.map_or(0, |(_, sequence)| sequence);
        if let Some(Stored { event, is_retracted: false, .. }) = self.event(id)? {
            let (cell, count) = Cell::of(&event);
            sums.cells.entry(cell).or_default().subtract(&count);
            sums.remove(key::at_place(&event));
            let event = event.decided(None);
            sums.store(sequence, &event.to_json(), RETRACTED);
            sums.events = -1;
            let first = self.first_day_without(&event)?;
            sums.places.insert(event.place, first);
        }
        self.write(sums, position)
    }

    pub(super) fn write(&self, mut sums: Sums, position: Position) -> Result<(), IndexError> {
        let days: BTreeSet<Day> = sums.cells.keys().map(|cell| cell.day).collect();
        self.add_cells(&mut sums)?;
        for (place, day) in &sums.places {
            match day {
                Some(day) => {
                    sums.changes.insert(key::name(place), Some(key::day_value(*day).into()))
                }
                None => sums.changes.insert(key::name(place), None),
            };
        }
        let events = self.events().saturating_add_signed(sums.events);
        sums.insert(key::EVENTS.to_vec(), key::number(events));
        sums.insert(key::POSITION.to_vec(), key::position(position));
        {
            let _closed = self.gate.write().unwrap_or_else(PoisonError::into_inner);
            self.store.write(sums.changes);
            self.days.forget(days);
        }
        let mut known = self.places.write().unwrap_or_else(PoisonError::into_inner);
        for (place, day) in sums.places {
            match day {
                Some(day) => known.insert(place, day),
                None => known.remove(&place),
            };
        }
        self.events.store(events, Ordering::Relaxed);
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = position;
        self.is_dirty.store(true, Ordering::Release);
        if self.store.holds(store::TOO_MANY) { self.store.settle() } else { Ok(()) }
    }

    /// The first day of the event's place once the event is gone; none if nothing else is there.
    fn first_day_without(&self, event: &Event) -> Result<Option<Day>, IndexError> {
        let mut first: Option<Millis> = None;
        for band in 0..key::BANDS {
            let mut list =
                self.spots_in_band(&event.place, band, Order::Oldest, Millis::MIN, Millis::MAX);
            let earliest =
                list.find(|position| !matches!(position, Ok(spot) if spot.id == event.id));
            if let Some(Spot { at, .. }) = earliest.transpose()? {
                first = Some(first.map_or(at, |first| first.min(at)));
            }
        }
        Ok(first.and_then(|at| Timestamp::from_millisecond(at).ok()).map(Day::of))
    }

    fn add_cells(&self, sums: &mut Sums) -> Result<(), IndexError> {
        for (cell, sum) in std::mem::take(&mut sums.cells) {
            let key = key::cell(&cell);
            let mut counts = match self.store.get(&key)? {
                Some(value) => key::read_cell_value(&value)?,
                None => Cell::default(),
            };
            counts.add(&sum);
            if counts.is_empty() {
                sums.remove(key);
            } else {
                sums.insert(key, key::cell_value(&counts));
            }
        }
        Ok(())
    }

    /// The event of a journal sequence, its parts put together.
    pub(super) fn event_of(&self, sequence: u64) -> Result<Stored, IndexError> {
        let part = |number: u8| {
            let value = self.store.get(&key::event(sequence, number))?;
            value.ok_or(IndexError::Damaged("an event's part is missing"))
        };
        let first = part(0)?;
        let [_, flags, parts, ..] = first[..] else {
            return Err(IndexError::Damaged("an event is too short"));
        };
        let mut json = first[3..].to_vec();
        for number in 1..parts {
            json.extend_from_slice(&part(number)?);
        }
        let event = serde_json::from_slice(&json);
        let mut event: Event =
            event.map_err(|_| IndexError::Damaged("an event's JSON does not read"))?;
        event.decision = self.decision(&event)?;
        Ok(Stored { event, is_retracted: flags & RETRACTED != 0, bytes: json.len() })
    }
}

impl Sums {
    pub(super) fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value.into()));
    }

    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    fn record(&mut self, fresh: &Fresh<'_>) {
        let Fresh { sequence, event, json, .. } = *fresh;
        self.store(sequence, json, 0);
        self.insert(key::id(event.id), key::id_value(key::millis(event.at), sequence));
        self.insert(key::at_place(event), Glance::of(fresh).encode());
        let (cell, count) = Cell::of(event);
        let day = cell.day;
        self.cells.entry(cell).or_default().add(&count);
        let first = self.places.entry(event.place.clone()).or_insert(Some(day));
        *first = Some(day).min(*first);
        self.events += 1;
    }

    fn store(&mut self, sequence: u64, json: &[u8], flags: u8) {
        let parts = json.len().div_ceil(PART).max(1);
        // An event has at most 64 KiB: 17 parts.
        let mut value = vec![super::FORMAT, flags, u8::try_from(parts).unwrap_or(u8::MAX)];
        value.extend_from_slice(&json[..json.len().min(PART)]);
        self.insert(key::event(sequence, 0), value);
        for (number, part) in (1..).zip(json.chunks(PART).skip(1)) {
            self.insert(key::event(sequence, number), part.to_vec());
        }
    }
}
