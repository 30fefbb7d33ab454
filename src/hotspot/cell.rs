//! Cells: the counts that every figure is made of.
//!
//! A cell adds up the events of one (UTC day, place, person, actor, kind, version). It holds
//! counts only, no maxima, so that a retraction subtracts exactly what its event added.

use std::sync::Arc;

use crate::event::{
    Actor, Class, Day, Event, Feeling, Kind, Outcome, Place, Severity, SignalName, Verdict, Word,
};

/// What a query can filter and split by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    /// The UTC day it happened.
    pub day: Day,
    /// Where.
    pub place: Place,
    /// To whom.
    pub person: Arc<str>,
    /// Human or agent.
    pub actor: Actor,
    /// What stood in the way; none for uses.
    pub kind: Option<Kind>,
    /// Of the product, where it was said.
    pub version: Option<Arc<str>>,
}

/// The counts of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Reports and confirmed signals by severity, cosmetic first.
    pub reports: [u32; Severity::ALL.len()],
    /// Unconfirmed signals by name, in the order of [`crate::event::SignalName`].
    pub signals: [u32; SignalName::ALL.len()],
    /// Reports by feeling, in the order of [`crate::event::Feeling`].
    pub feelings: [u32; Feeling::ALL.len()],
    /// Reports by outcome, in the order of [`crate::event::Outcome`].
    pub outcomes: [u32; Outcome::ALL.len()],
    /// Reports that say what was expected or what came instead.
    pub thoughts: u32,
    /// Minutes lost.
    pub lost_minutes: u64,
    /// Uses.
    pub uses: u64,
    /// Reports by UTC hour of the day: hurt per use counts distinct hours.
    pub hours: [u32; 24],
    /// Signals that are no friction, as somebody decided; they have no points.
    pub dismissed: u32,
}

impl Cell {
    /// The cell an event belongs to, and what it adds there.
    #[must_use]
    pub fn of(event: &Event) -> (CellKey, Self) {
        let key = CellKey {
            day: Day::of(event.at),
            place: event.place.clone(),
            person: event.person.as_str().into(),
            actor: event.actor,
            kind: event.kind,
            version: event.version.as_deref().map(Into::into),
        };
        let mut cell = Self::default();
        match (event.class, event.verdict()) {
            (Class::Report, _) | (Class::Signal, Verdict::Confirmed) => cell.add_report(event),
            (Class::Signal, Verdict::Open) => {
                cell.signals[event.signal.as_ref().map_or(0, |signal| signal.name as usize)] = 1;
            }
            (Class::Signal, Verdict::Dismissed) => cell.dismissed = 1,
            (Class::Use, _) => cell.uses = event.count.unwrap_or(1).into(),
        }
        (key, cell)
    }

    fn add_report(&mut self, event: &Event) {
        self.reports[event.reported_severity().map_or(1, |severity| severity as usize)] = 1;
        if let Some(feeling) = event.feeling {
            self.feelings[feeling as usize] = 1;
        }
        if let Some(outcome) = event.outcome {
            self.outcomes[outcome as usize] = 1;
        }
        self.thoughts = u32::from(event.expected.is_some() || event.got.is_some());
        self.lost_minutes = event.lost_minutes.unwrap_or(0).into();
        let hour = event.at.as_second().rem_euclid(86_400) / 3_600;
        self.hours[usize::try_from(hour).unwrap_or(0)] = 1;
    }

    /// What one class of events counted in it; uses stay, being what hurt is measured by.
    #[must_use]
    pub fn only(&self, class: Class) -> Self {
        let Self { signals, uses, .. } = *self;
        match class {
            Class::Report => Self { signals: [0; SignalName::ALL.len()], ..self.clone() },
            Class::Signal => Self { signals, uses, ..Self::default() },
            Class::Use => Self { uses, ..Self::default() },
        }
    }

    /// Adds what another cell counted.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, u64::wrapping_add, u32::wrapping_add);
    }

    /// Takes away what was added before.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, u64::wrapping_sub, u32::wrapping_sub);
    }

    /// Whether nothing is left in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    // Wrapping, so that adding and subtracting commute whatever their order; 2^32 events in one
    // cell are out of reach.
    fn combine(
        &mut self,
        other: &Self,
        wide: impl Fn(u64, u64) -> u64,
        narrow: impl Fn(u32, u32) -> u32,
    ) {
        let each = |mine: &mut [u32], theirs: &[u32]| {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine = narrow(*mine, *theirs);
            }
        };
        each(&mut self.reports, &other.reports);
        each(&mut self.signals, &other.signals);
        each(&mut self.feelings, &other.feelings);
        each(&mut self.outcomes, &other.outcomes);
        each(&mut self.hours, &other.hours);
        self.thoughts = narrow(self.thoughts, other.thoughts);
        self.dismissed = narrow(self.dismissed, other.dismissed);
        self.lost_minutes = wide(self.lost_minutes, other.lost_minutes);
        self.uses = wide(self.uses, other.uses);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cell() -> impl Strategy<Value = Cell> {
        any::<(
            [u32; 4],
            [u32; SignalName::ALL.len()],
            [u32; 7],
            [u32; 6],
            u32,
            u64,
            u64,
            [u32; 24],
            u32,
        )>()
        .prop_map(
            |(
                reports,
                signals,
                feelings,
                outcomes,
                thoughts,
                lost_minutes,
                uses,
                hours,
                dismissed,
            )| Cell {
                reports,
                signals,
                feelings,
                outcomes,
                thoughts,
                lost_minutes,
                uses,
                hours,
                dismissed,
            },
        )
    }

    #[test]
    fn every_signal_is_counted_under_its_own_name() {
        for (nth, name) in SignalName::ALL.iter().enumerate() {
            let mut cell = Cell::default();
            cell.signals[*name as usize] = 1;
            assert_eq!(cell.signals.iter().position(|count| *count == 1), Some(nth), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn a_retraction_takes_back_what_its_event_added(before in cell(), event in cell()) {
            let mut after = before.clone();
            after.add(&event);
            after.subtract(&event);
            prop_assert_eq!(&after, &before);
            after.subtract(&before);
            prop_assert!(after.is_empty());
        }
    }
}
