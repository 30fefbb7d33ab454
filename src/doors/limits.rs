//! How much may come from one key, and how many signals of one person are kept.
//!
//! Whoever comes by a key, a page that runs wild or a crash in a loop must not crowd out the others:
//! a key has a rate, and of each person's signals 60 an hour are kept. The clock is given.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use uuid::Uuid;

use crate::event::Event;

/// The signals of one person that are kept in one hour, whichever doors they come through.
pub const SIGNALS_AN_HOUR: u32 = 60;
/// The people of an hour who are told apart; those beyond share one allowance.
const MOST_PEOPLE: usize = 10_000;
/// The requests a key may make at once,
const BURST: u32 = 500;
/// and how soon another is allowed.
const EVERY: Duration = Duration::from_millis(20);

/// What the owner of a key is told of one request too many.
pub const TOO_MANY: &str = "this key sends more than snagd takes from one, and nothing of this was recorded: send it again once the seconds of Retry-After are over";

/// What is left to each.
#[derive(Default)]
pub struct Limits {
    keys: Mutex<HashMap<u32, Rate>>,
    signals: Mutex<Hour>,
}

impl Limits {
    /// Counts a request of a key; if it is one too many, when to come again.
    pub fn take(&self, key: u32, now: Instant) -> Result<(), Duration> {
        lock(&self.keys).entry(key).or_insert_with(|| Rate { full_at: now }).take(now)
    }

    /// Counts a signal of a person, and says whether it is kept. One that was to be kept and comes again,
    /// since it could not be recorded, is to be kept still. What others only say is somebody's leaves
    /// their own alone.
    pub fn keeps_signal(&self, event: &Event, now: Timestamp) -> bool {
        let person = (event.person.clone(), event.person_verified);
        lock(&self.signals).take(person, event.id, now)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bucket of [`BURST`] that gets one back [`EVERY`] so often, told by when it would be full again.
struct Rate {
    full_at: Instant,
}

impl Rate {
    fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + EVERY;
        let empty_at = now + EVERY * BURST;
        if empty_at < full_at {
            return Err(full_at - empty_at);
        }
        self.full_at = full_at;
        Ok(())
    }
}

/// The signals of one hour, by person and by whether it is known that they are this person's.
#[derive(Default)]
struct Hour {
    /// Hours since 1970.
    number: i64,
    /// Those that others only say are theirs, and those that are known to be: a crowd of made-up names
    /// leaves no room to itself alone.
    counts: [HashMap<String, u32>; 2],
    beyond: [u32; 2],
    /// Those that are kept.
    kept: HashSet<Uuid>,
}

impl Hour {
    fn take(&mut self, person: (String, bool), id: Uuid, now: Timestamp) -> bool {
        let number = now.as_second().div_euclid(3600);
        if self.number != number {
            *self = Self { number, ..Self::default() };
        }
        if self.kept.contains(&id) {
            return true;
        }
        let (person, is_known) = person;
        let of = usize::from(is_known);
        let is_full = self.counts[of].len() == MOST_PEOPLE;
        let count = match self.counts[of].entry(person) {
            Entry::Occupied(count) => count.into_mut(),
            Entry::Vacant(_) if is_full => &mut self.beyond[of],
            Entry::Vacant(count) => count.insert(0),
        };
        *count = count.saturating_add(1);
        let is_kept = *count <= SIGNALS_AN_HOUR;
        if is_kept {
            self.kept.insert(id);
        }
        is_kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_burst_and_a_rate() {
        let (limits, start) = (Limits::default(), Instant::now());
        assert!((0..BURST).all(|_| limits.take(1, start).is_ok()));
        assert_eq!(limits.take(1, start), Err(EVERY));
        assert_eq!(limits.take(2, start), Ok(()), "another key is unaffected");
        assert_eq!(limits.take(1, start + EVERY / 2), Err(EVERY / 2), "a refusal costs nothing");
        assert_eq!(limits.take(1, start + EVERY), Ok(()));
        assert_eq!(limits.take(1, start + EVERY), Err(EVERY));
        let later = start + EVERY * BURST * 9;
        assert!((0..BURST).all(|_| limits.take(1, later).is_ok()));
        assert!(limits.take(1, later).is_err(), "rest is not saved up");
    }

    fn keeps(limits: &Limits, person: &str, id: Uuid, now: Timestamp) -> bool {
        lock(&limits.signals).take((person.to_owned(), true), id, now)
    }

    #[test]
    fn of_each_person_sixty_signals_an_hour_are_kept() {
        let limits = Limits::default();
        let at = |time: &str| format!("2026-11-20T{time}Z").parse::<Timestamp>().unwrap();
        let kept = |person: &str, time: &str, signals: u32| {
            let new = |_: &u32| keeps(&limits, person, Uuid::now_v7(), at(time));
            (0..signals).filter(new).count()
        };
        assert_eq!(kept("ana", "15:00:00", 61), 60);
        assert_eq!(kept("ana", "15:59:59", 1), 0);
        assert_eq!(kept("bob", "15:59:59", 1), 1);
        assert_eq!(kept("ana", "16:00:00", 61), 60);
        let again = Uuid::now_v7();
        assert!((0..99).all(|_| keeps(&limits, "chi", again, at("16:00:00"))));
        assert_eq!(kept("chi", "16:30:00", 60), 59, "what comes again is one");
        let said = |person: &str| (person.to_owned(), false);
        let of_chi = lock(&limits.signals).take(said("chi"), Uuid::now_v7(), at("16:30:00"));
        assert!(of_chi, "what others say is hers has a number of its own");
    }

    #[test]
    fn a_crowd_of_made_up_people_is_bounded() {
        let limits = Limits::default();
        let now = "2026-11-20T15:00:00Z".parse().unwrap();
        let kept = (0..2 * MOST_PEOPLE).map(|person| person.to_string()).filter(|person| {
            lock(&limits.signals).take((person.clone(), false), Uuid::now_v7(), now)
        });
        assert_eq!(kept.count(), MOST_PEOPLE + 60);
        assert_eq!(lock(&limits.signals).counts[0].len(), MOST_PEOPLE);
        assert!(keeps(&limits, "ana", Uuid::now_v7(), now), "who is known is not crowded out");
    }
}
