//! Coverage over everything that is kept: a day at a time, so that years take no memory, and of the time
//! before the window what is known of visits.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ask::{Asked, Lacking, MOST_TRIES, quote};
use super::list::Spot;
use super::{Index, IndexError, key};
use crate::event::{Day, Place};
use crate::hotspot::{
    Coverage, Crowd, PersonCoverage, PlaceCoverage, Question, Quote, Visits, Window,
};

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
    /// What somebody said of a place on the first day there: a few of each place, of notes alike the
    /// latest, the latest first.
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
        let first = self.first_day()?.unwrap_or(since);
        let visits_suffice = Visits::suffice(question);
        let from = if visits_suffice { first.max(since) } else { first };
        for day in (from.0..=until.0).map(Day) {
            for (key, cell) in self.cells(day, day)?.iter().flat_map(|cells| cells.iter()) {
                coverage.add(key, cell);
            }
        }
        if visits_suffice {
            self.look_back(&mut coverage)?;
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
        let (mut said, mut shown, mut tries) = (Vec::new(), HashSet::new(), 0);
        let asked = Asked::of(question);
        for (spot, fingerprint) in self.spots_of(&asked, question.window, place, firsts)? {
            if shown.contains(&fingerprint) {
                continue;
            }
            if tries == MOST_TRIES || said.len() == MOST_FIRST_WORDS {
                break;
            }
            tries += 1;
            let Some(event) = self.told_of(spot.sequence, lacking)? else { continue };
            let is_first = firsts.contains(&(event.person.as_str().into(), Day::of(event.at)));
            if is_first && asked.filter.matches(&event) {
                shown.insert(fingerprint);
                said.push(quote(event));
            }
        }
        Ok(said)
    }

    /// Where they may have said it, as far as can be told without reading the events, the latest first;
    /// and what it is like.
    fn spots_of(
        &self,
        asked: &Asked<'_>,
        mut window: Window,
        place: &Place,
        firsts: &BTreeSet<(Arc<str>, Day)>,
    ) -> Result<Vec<(Spot, u64)>, IndexError> {
        let mut spots = Vec::new();
        // What others said before and after takes nothing of what is looked at.
        window.since = firsts.iter().map(|(_, day)| *day).min().unwrap_or(window.since);
        window.until = firsts.iter().map(|(_, day)| *day).max().unwrap_or(window.until);
        let firsts: HashSet<_> = firsts.iter().map(|(who, day)| (key::tag(who), *day)).collect();
        for band in key::REPORTS {
            for found in self.asked(asked, window, place, band) {
                let (spot, glance) = found?;
                let is_first =
                    || key::day(spot.at).is_some_and(|day| firsts.contains(&(glance.person, day)));
                if asked.suits(glance) && is_first() {
                    spots.push((spot, glance.fingerprint));
                }
            }
        }
        spots.sort_unstable_by_key(|(spot, _)| Reverse((spot.at, spot.id)));
        Ok(spots)
    }
}
