//! Coverage over everything that is kept: of the time before the window what is known of visits, then a
//! day at a time, so that years take no memory.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ask::{Lacking, MOST_GLANCES, MOST_TRIES, fits, quote, sieve, suits};
use super::{Index, IndexError, key};
use crate::event::{Day, Place};
use crate::hotspot::{Coverage, Crowd, PersonCoverage, PlaceCoverage, Question, Quote, Window};

/// Of one place so much is quoted of what somebody said on the first day there.
const MOST_FIRST_WORDS: usize = 3;

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
    /// What somebody said of a place on the first day there: a few of each place, each once, the
    /// latest first.
    #[serde(default)]
    pub first_words: Vec<Quote>,
    /// Events looked at for its words that the journal has lost; told beside the answer.
    #[serde(skip)]
    pub lacks: usize,
}

impl Index {
    /// Who used what in a window, and what nobody touched. Who was where before is read from every
    /// day there is the first time: that takes longer than a ranking.
    pub fn coverage(&self, question: &Question) -> Result<CoverageAnswer, IndexError> {
        let Window { since, until } = question.window;
        let mut coverage = Coverage::new(question, self.places());
        let mut from = self.first_day()?.unwrap_or(since);
        if let Some(before) = self.visits_before(question)? {
            for earlier in before {
                coverage.add_earlier(earlier);
            }
            from = from.max(since);
        }
        for day in (from.0..=until.0).map(Day) {
            for (key, cell) in self.cells(day, day)?.iter().flat_map(|cells| cells.iter()) {
                coverage.add(key, cell);
            }
        }
        let (mut first_words, mut lacking) = (Vec::new(), Lacking::new());
        for (place, firsts) in coverage.hurt_at_first() {
            first_words.extend(self.said_first(question, &place, &firsts, &mut lacking)?);
        }
        let (places, people, crowd) = coverage.finish();
        let (window, lacks) = (question.window, lacking.len());
        Ok(CoverageAnswer { v: 1, window, places, people, crowd, first_words, lacks })
    }

    /// The latest that these people said of a place on these days of theirs.
    fn said_first(
        &self,
        question: &Question,
        place: &Place,
        firsts: &BTreeSet<(Arc<str>, Day)>,
        lacking: &mut Lacking,
    ) -> Result<Vec<Quote>, IndexError> {
        let (mut said, sieve) = (Vec::new(), sieve(question));
        for band in key::REPORTS {
            let glances = self.glances(question.window, place, band).take(MOST_GLANCES);
            let suiting = glances.filter(|found| {
                found.as_ref().map_or(true, |(_, at)| suits(question, &sieve, *at))
            });
            for entry in suiting.take(MOST_TRIES) {
                let Some(event) = self.told_of(entry?.1.sequence, lacking)? else { continue };
                let is_first = firsts.contains(&(event.person.as_str().into(), Day::of(event.at)));
                if is_first && fits(question, &event) {
                    said.push(quote(event));
                }
            }
        }
        said.sort_by_key(|quote| Reverse((quote.at, quote.id)));
        let mut known = HashSet::new();
        said.retain(|quote| known.insert(quote.text.clone()));
        said.truncate(MOST_FIRST_WORDS);
        Ok(said)
    }
}
