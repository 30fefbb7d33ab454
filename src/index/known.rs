//! What there is to name: a shell asks it at every Tab, so it reads counts and never events.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::ask::pairs;
use super::{Index, IndexError};
use crate::event::{Day, Place};
use crate::hotspot::{Question, Window, newest_first};

/// Names that a question or an event may use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Known {
    /// Version of this shape.
    pub v: u32,
    /// Every place, by name.
    pub places: Vec<Place>,
    /// The people of the last nine weeks, by name.
    pub people: Vec<String>,
    /// The versions of the last nine weeks, the newest first.
    pub versions: Vec<String>,
}

impl Index {
    /// What was met: every place, and the people and versions of the days up to `until` that a
    /// ranking reads, which therefore are mostly in memory.
    pub fn known(&self, until: Day) -> Result<Known, IndexError> {
        let horizon = Question::over(Window::ending(until, 1)).horizon();
        let span = self.cells(horizon.since, horizon.until)?;
        let mut people = BTreeSet::new();
        let mut versions = HashMap::new();
        for (key, _) in pairs(&span) {
            people.insert(&*key.person);
            if let Some(version) = &key.version {
                // Days ascend, so the first one stays.
                versions.entry(&**version).or_insert(key.day);
            }
        }
        Ok(Known {
            v: 1,
            places: self.places(),
            people: people.into_iter().map(str::to_owned).collect(),
            versions: newest_first(versions).into_iter().map(str::to_owned).collect(),
        })
    }
}
