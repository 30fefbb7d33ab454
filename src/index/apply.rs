//! Applying a batch: one atom, together with the journal position it reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use uuid::Uuid;

use super::key::{self, Glance, Millis, Short};
use super::list::Spot;
use super::store::Change;
use super::{Index, IndexError, Order, Position};
use crate::event::{Day, Event, Muting, Place};
use crate::hotspot::{Cell, CellKey, fingerprint};

/// An event to apply. The caller has made sure that its id is new.
#[derive(Clone, Copy, Debug)]
pub struct Fresh<'a> {
    /// Its journal sequence.
    pub sequence: u64,
    /// The event.
    pub event: &'a Event,
    /// [`crate::hotspot::fingerprint`] of its words; 0 where it has none.
    pub fingerprint: u64,
}

/// What a batch adds up to before it is written.
#[derive(Default)]
pub(super) struct Sums {
    /// In their order: of two of one key the later counts.
    changes: Vec<Change>,
    pub(super) cells: BTreeMap<CellKey, Cell>,
    /// First days to set, and places to drop.
    places: BTreeMap<Place, Option<Day>>,
    /// What is muted from now on, or heard again.
    pub(super) muting: Option<Muting>,
    /// New events, and nothing else.
    only_adds: bool,
    events: i64,
    /// When the last one was received.
    received_at: Option<Timestamp>,
}

impl Index {
    /// Applies new events, and that the journal is applied up to `position`.
    pub fn apply(&self, events: &[Fresh<'_>], position: Position) -> Result<(), IndexError> {
        // Of each event its id, its entry and mostly a cell.
        let changes = Vec::with_capacity(3 * events.len() + 2);
        let mut sums = Sums { changes, only_adds: true, ..Sums::default() };
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
        let known = self.store.get(&key::id(id))?;
        if let Some((false, sequence)) = known.map(|it| key::read_id_value(&it)).transpose()? {
            let (event, _) = self.event_of(sequence)?;
            let (cell, count) = Cell::of(&event);
            sums.cells.entry(cell).or_default().subtract(&count);
            sums.remove(key::at_place(&event));
            sums.insert(key::id(id), key::id_value(true, sequence));
            sums.events = -1;
            let first = self.first_day_without(&event)?;
            sums.places.insert(event.place, first);
        }
        self.write(sums, position)
    }

    pub(super) fn write(&self, mut sums: Sums, position: Position) -> Result<(), IndexError> {
        // What changes nothing takes nothing back.
        let only_adds = sums.only_adds || sums.changes.is_empty();
        let days: BTreeSet<Day> = sums.cells.keys().map(|cell| cell.day).collect();
        self.add_cells(&mut sums)?;
        let cells = std::mem::take(&mut sums.cells);
        // Uses that are none open no cell, so they are no addition.
        let only_adds = only_adds && !cells.values().any(Cell::is_empty);
        let added = only_adds.then(|| self.as_read(cells));
        for (place, day) in &sums.places {
            match day {
                Some(day) => {
                    let value = key::day_value(*day).as_slice().into();
                    sums.changes.push((key::name(place), Some(value)));
                }
                None => sums.changes.push((key::name(place), None)),
            }
        }
        let events = self.events().saturating_add_signed(sums.events);
        let received = sums.received_at.or_else(|| self.last_received());
        let received = received.map_or(0, |at| key::millis(at).cast_unsigned());
        sums.insert(Short::from_slice(key::EVENTS), key::pair(events, received));
        sums.insert(Short::from_slice(key::POSITION), key::pair(position.sequence, position.batch));
        {
            let _closed = self.gate.write().unwrap_or_else(PoisonError::into_inner);
            self.store.write(sums.changes);
            self.days.forget(days);
            if let Some(muting) = sums.muting {
                self.mutings.write().unwrap_or_else(PoisonError::into_inner).put(muting);
                self.days.forget_all();
            }
            let mut known = self.places.write().unwrap_or_else(PoisonError::into_inner);
            for (place, day) in sums.places {
                match day {
                    Some(day) => known.insert(place, day),
                    None => known.remove(&place),
                };
            }
            // Last: whoever brings a ranking up to date with it finds all the rest.
            let mut told = self.rankings.added.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(cells) = added {
                self.visits.add(cells.iter().map(|(key, _)| key));
                told.add(cells);
            } else {
                self.visits.forget();
                told.break_off();
            }
        }
        self.events.store(events, Ordering::Relaxed);
        self.last_received.store(received, Ordering::Relaxed);
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = position;
        self.is_dirty.store(true, Ordering::Release);
        self.settle_if_too_much()
    }

    /// The first day of the event's place once the event is gone; none if nothing else is there.
    fn first_day_without(&self, event: &Event) -> Result<Option<Day>, IndexError> {
        let mut first: Option<Millis> = None;
        for band in 0..key::BANDS {
            let mut list = self.band(&event.place, band, Order::Oldest, Millis::MIN, Millis::MAX);
            let earliest =
                list.find(|found| !matches!(found, Ok((spot, _)) if spot.id == event.id));
            if let Some((Spot { at, .. }, _)) = earliest.transpose()? {
                first = Some(first.map_or(at, |first| first.min(at)));
            }
        }
        Ok(first.and_then(key::day))
    }

    fn add_cells(&self, sums: &mut Sums) -> Result<(), IndexError> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let first = sums.changes.len();
        for (cell, sum) in &sums.cells {
            let key = key::cell(cell);
            let known = newest.value(cell.day, &key, &self.store)?;
            let known = known.map(|value| key::read_cell_value(&value)).transpose()?;
            let mut counts = known.unwrap_or_default();
            counts.add(sum);
            let value = (!counts.is_empty()).then(|| key::cell_value(&counts).as_slice().into());
            sums.changes.push((key, value));
        }
        newest.note(&sums.changes[first..]);
        Ok(())
    }

    /// What comes to cells, as queries read them.
    fn as_read(&self, cells: BTreeMap<CellKey, Cell>) -> Vec<(CellKey, Cell)> {
        let mutings = self.mutings.read().unwrap_or_else(PoisonError::into_inner);
        let silenced = |(key, mut came): (CellKey, Cell)| {
            mutings.silence(&key.place, &mut came);
            (key, came)
        };
        cells.into_iter().map(silenced).collect()
    }
}

impl Sums {
    pub(super) fn insert(&mut self, key: Short, value: impl AsRef<[u8]>) {
        self.changes.push((key, Some(value.as_ref().into())));
    }

    pub(super) fn remove(&mut self, key: Short) {
        self.changes.push((key, None));
    }

    fn record(&mut self, fresh: &Fresh<'_>) {
        let Fresh { sequence, event, .. } = *fresh;
        self.insert(key::id(event.id), key::id_value(false, sequence));
        self.insert(key::at_place(event), Glance::of(fresh).encode());
        let (cell, count) = Cell::of(event);
        let day = cell.day;
        self.cells.entry(cell).or_default().add(&count);
        let first = self.places.entry(event.place.clone()).or_insert(Some(day));
        *first = Some(day).min(*first);
        self.events += 1;
        self.received_at = Some(event.received_at);
    }
}
