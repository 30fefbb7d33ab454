//! What people decided about signals: applied like an event, as one atom.
//!
//! # Promises
//!
//! - Of several decisions about one thing the latest counts, in whatever order they are applied.
//! - A decision subtracts exactly what its event added as it was, and adds what it adds now.
//! - A muted rule is left out of figures, never out of the counts: hearing it again undoes it.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::apply::Sums;
use super::key::{self, Glance};
use super::store::Store;
use super::{Fresh, Index, IndexError, Position};
use crate::event::{Class, Decided, Decision, Event, Muting, Place, SignalName};
use crate::hotspot::{Cell, fingerprint};

/// The latest word on each rule that was ever muted at a place.
#[derive(Debug, Default)]
pub(super) struct Mutings(BTreeMap<Place, BTreeMap<SignalName, Muting>>);

impl Mutings {
    pub(super) fn read(store: &Store) -> Result<Self, IndexError> {
        let mut all = Self::default();
        for entry in store.beginning_with(&[key::MUTING]) {
            all.put(key::read_decided(&entry?.1)?);
        }
        Ok(all)
    }

    pub(super) fn put(&mut self, muting: Muting) {
        self.0.entry(muting.place.clone()).or_default().insert(muting.signal, muting);
    }

    fn get(&self, place: &Place, signal: SignalName) -> Option<&Muting> {
        self.0.get(place)?.get(&signal)
    }

    /// Whether anything was ever muted at a place.
    pub(super) fn know(&self, place: &Place) -> bool {
        self.0.contains_key(place)
    }

    /// Takes the muted signals of a place out of counts.
    pub(super) fn silence(&self, place: &Place, counts: &mut Cell) {
        for signal in self.muted_at(place) {
            counts.signals[signal as usize] = 0;
        }
    }

    fn muted_at(&self, place: &Place) -> impl Iterator<Item = SignalName> {
        let rules = self.0.get(place).into_iter().flat_map(BTreeMap::values);
        rules.filter(|muting| muting.is_muted).map(|muting| muting.signal)
    }
}

impl Index {
    /// Applies a decision, and notes that the journal is applied up to `position`.
    ///
    /// It is kept where its event is not there or taken back, and changes no count.
    pub fn decide(&self, decided: &Decided, position: Position) -> Result<(), IndexError> {
        let mut sums = Sums::default();
        let Decided { id, decision, .. } = decided;
        let before = self.decision_of(*id)?;
        if before.as_ref().is_some_and(|before| decision <= before) {
            return self.write(sums, position);
        }
        sums.insert(key::decision(*id), key::decided_value(decision));
        let entry = self.store.get(&key::id(*id))?;
        if let Some((false, sequence)) =
            entry.map(|entry| key::read_id_value(&entry)).transpose()?
        {
            let (event, _) = self.event_of(sequence)?;
            if event.class == Class::Signal {
                sums.turn(sequence, event, decision.clone());
            }
        }
        self.write(sums, position)
    }

    /// Mutes a rule at a place or has it heard again, and notes that the journal is applied up to
    /// `position`.
    pub fn mute(&self, muting: &Muting, position: Position) -> Result<(), IndexError> {
        let mut sums = Sums::default();
        let is_news =
            self.muting(&muting.place, muting.signal).is_none_or(|before| before < *muting);
        if is_news {
            sums.insert(key::muting(muting), key::decided_value(muting));
            sums.muting = Some(muting.clone());
        }
        self.write(sums, position)
    }

    /// The latest word on a rule at a place.
    pub fn muting(&self, place: &Place, signal: SignalName) -> Option<Muting> {
        let mutings = self.mutings.read().unwrap_or_else(PoisonError::into_inner);
        mutings.get(place, signal).cloned()
    }

    /// What is muted, by place and signal.
    pub fn muted(&self) -> Vec<Muting> {
        let mutings = self.mutings.read().unwrap_or_else(PoisonError::into_inner);
        let all = mutings.0.values().flat_map(BTreeMap::values);
        all.filter(|muting| muting.is_muted).cloned().collect()
    }

    /// The signals that are muted at a place.
    pub(super) fn muted_at(&self, place: &Place) -> Vec<SignalName> {
        let mutings = self.mutings.read().unwrap_or_else(PoisonError::into_inner);
        mutings.muted_at(place).collect()
    }

    /// What was decided about an event, if it is a signal.
    pub(super) fn decision(&self, event: &Event) -> Result<Option<Decision>, IndexError> {
        if event.class == Class::Signal { self.decision_of(event.id) } else { Ok(None) }
    }

    fn decision_of(&self, id: uuid::Uuid) -> Result<Option<Decision>, IndexError> {
        let value = self.store.get(&key::decision(id))?;
        value.map(|value| key::read_decided(&value)).transpose()
    }
}

impl Sums {
    /// Counts an event as what it turned out to be.
    fn turn(&mut self, sequence: u64, event: Event, decision: Decision) {
        let (cell, count) = Cell::of(&event);
        self.cells.entry(cell).or_default().subtract(&count);
        self.remove(key::at_place(&event));
        let event = event.decided(Some(decision));
        let (cell, count) = Cell::of(&event);
        self.cells.entry(cell).or_default().add(&count);
        let fingerprint = event.words().map_or(0, fingerprint);
        let glance = Glance::of(&Fresh { sequence, event: &event, fingerprint });
        self.insert(key::at_place(&event), glance.encode());
    }
}
