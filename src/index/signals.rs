//! The inbox: signals that nobody decided about, by place and rule, the newest first.
//!
//! Counts come from cells, as in every view; events are read for what was seen last.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ask::{Asked, Lacking, MOST_GLANCES, pairs};
use super::cells::DayCells;
use super::key::{self, Glance};
use super::list::Spot;
use super::{Index, IndexError};
use crate::event::{Day, Event, Muting, Place, SignalName, Word};
use crate::hotspot::{Question, Window, signal_points};

/// The ids of one group that are told, the latest first.
const MOST_IDS: usize = 1000;
/// Signals looked at of the last day of a group that none of the latest is of.
const MOST_OF_A_DAY: usize = 1_000_000;

/// What was noticed and is not decided about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignalsAnswer {
    /// Version of this shape.
    pub v: u32,
    /// The days looked at.
    pub window: Window,
    /// One for each place and signal, the newest first.
    pub groups: Vec<SignalGroup>,
    /// How many more there are.
    pub more: usize,
    /// What is muted, and therefore not among them.
    pub muted: Vec<Muting>,
    /// Events looked at that the journal has lost; told beside the answer.
    #[serde(skip)]
    pub lacks: usize,
}

/// What one rule noticed at one place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignalGroup {
    /// Where.
    pub place: Place,
    /// What.
    pub signal: SignalName,
    /// What one person-day of it weighs.
    pub points: u32,
    /// How often.
    pub count: u64,
    /// How many people it happened to.
    pub people: usize,
    /// The latest of them, with its rule and evidence.
    pub latest: Event,
    /// The ids, the latest first; at most 1000.
    pub ids: Vec<Uuid>,
}

/// A group before its latest event is read.
#[derive(Default)]
struct Counted<'a> {
    count: u64,
    people: BTreeSet<&'a str>,
    /// The last day that counts one, and how many it counts.
    last: (Day, u64),
    /// Where its events are, the latest first.
    spots: Vec<Spot>,
}

impl Index {
    /// The first `top` groups of signals in a window.
    pub fn signals(&self, question: &Question, top: usize) -> Result<SignalsAnswer, IndexError> {
        let span = self.cells(question.window.since, question.window.until)?;
        let (mut counted, mut lacking) = (count(question, &span), Lacking::new());
        let asked = Asked::of(question);
        let places: BTreeSet<&Place> = counted.keys().map(|(place, _)| *place).collect();
        for place in places {
            for entry in self.glances(question.window, place, key::SIGNALS).take(MOST_GLANCES) {
                let (spot, glance) = entry?;
                let group = glance.signal.and_then(|name| counted.get_mut(&(place, name)));
                let Some(group) = group.filter(|group| group.spots.len() < MOST_IDS) else {
                    continue;
                };
                if self.is_asked(&asked, glance, &mut lacking)? {
                    group.spots.push(spot);
                }
            }
        }
        for ((place, name), group) in &mut counted {
            if group.spots.is_empty() {
                group.spots = self.last_spots(&asked, place, *name, group.last, &mut lacking)?;
            }
        }
        let mut groups: Vec<_> = counted.into_iter().collect();
        groups.retain(|(_, group)| !group.spots.is_empty());
        // No two begin with the same event.
        groups.sort_by_key(|(_, group)| Reverse(group.spots[0]));
        let more = groups.len().saturating_sub(top);
        groups.truncate(top);
        let mut told = Vec::new();
        for ((place, signal), Counted { count, people, spots, .. }) in groups {
            // Of a group that is lost there is nothing to decide about.
            let mut left = spots.iter().map(|spot| self.told_of(spot.sequence, &mut lacking));
            let Some(latest) = left.find_map(Result::transpose).transpose()? else { continue };
            let ids = spots.into_iter().map(|spot| spot.id).collect();
            let (place, points, people) = (place.clone(), signal_points(signal), people.len());
            told.push(SignalGroup { place, signal, points, count, people, latest, ids });
        }
        let mut muted = self.muted();
        muted.retain(|muting| {
            question.under.as_ref().is_none_or(|under| muting.place.is_under(under))
        });
        let (window, lacks) = (question.window, lacking.len());
        Ok(SignalsAnswer { v: 1, window, groups: told, more, muted, lacks })
    }

    /// Where a group's events of its last day are: so much else was noticed since that none of them is
    /// among the latest of its place.
    fn last_spots(
        &self,
        asked: &Asked<'_>,
        place: &Place,
        name: SignalName,
        (day, count): (Day, u64),
        lacking: &mut Lacking,
    ) -> Result<Vec<Spot>, IndexError> {
        let day = Window { since: day, until: day };
        let most = MOST_IDS.min(usize::try_from(count).unwrap_or(MOST_IDS));
        let mut spots = Vec::new();
        for entry in self.glances(day, place, key::SIGNALS).take(MOST_OF_A_DAY) {
            let (spot, glance) = entry?;
            if glance.signal == Some(name) && self.is_asked(asked, glance, lacking)? {
                spots.push(spot);
            }
            if spots.len() == most {
                break;
            }
        }
        Ok(spots)
    }

    /// Whether a signal is asked about; read only where a glance does not tell.
    fn is_asked(
        &self,
        asked: &Asked<'_>,
        glance: Glance,
        lacking: &mut Lacking,
    ) -> Result<bool, IndexError> {
        if !asked.is_about(glance) {
            return Ok(false);
        }
        if asked.filter.version.is_none() && asked.filter.person.is_none() {
            return Ok(true);
        }
        let event = self.told_of(glance.sequence, lacking)?;
        Ok(event.is_some_and(|event| asked.filter.matches(&event)))
    }
}

/// What cells know of signals, by place and signal.
fn count<'a>(
    question: &Question,
    span: &'a [DayCells],
) -> BTreeMap<(&'a Place, SignalName), Counted<'a>> {
    let mut counted = BTreeMap::<_, Counted<'_>>::new();
    let asked = pairs(span).filter(|(key, _)| question.covers(key) && question.wants(key.kind));
    for (key, cell) in asked {
        let names = SignalName::ALL.iter().zip(cell.signals).filter(|(_, count)| *count != 0);
        for (name, count) in names {
            let group = counted.entry((&key.place, *name)).or_default();
            group.count += u64::from(count);
            group.people.insert(&key.person);
            if group.last.0 < key.day {
                group.last = (key.day, 0);
            }
            if group.last.0 == key.day {
                group.last.1 += u64::from(count);
            }
        }
    }
    counted
}
