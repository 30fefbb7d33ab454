//! Coverage over everything that is kept: a day at a time, so that years take no memory.

use serde::{Deserialize, Serialize};

use super::{Index, IndexError};
use crate::event::Day;
use crate::hotspot::{Coverage, Crowd, PersonCoverage, PlaceCoverage, Question, Window};

/// Who used what, and what nobody touched.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CoverageAnswer {
    /// Version of this shape.
    pub v: u32,
    /// The days looked at.
    pub window: Window,
    /// Every place, by name.
    pub places: Vec<PlaceCoverage>,
    /// The people that may be named, by name.
    pub people: Vec<PersonCoverage>,
    /// How many people there were in all.
    pub crowd: Crowd,
}

impl Index {
    /// Who used what in a window, and what nobody touched. Who was where before is read from every
    /// day there is: this takes longer than a ranking.
    pub fn coverage(&self, question: &Question) -> Result<CoverageAnswer, IndexError> {
        let Window { since, until } = question.window;
        let mut coverage = Coverage::new(question, self.places());
        for day in (self.first_day()?.unwrap_or(since).0..=until.0).map(Day) {
            for (key, cell) in self.cells(day, day)?.iter().flat_map(|cells| cells.iter()) {
                coverage.add(key, cell);
            }
        }
        let (places, people, crowd) = coverage.finish();
        Ok(CoverageAnswer { v: 1, window: question.window, places, people, crowd })
    }
}
