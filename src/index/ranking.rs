//! Rankings kept in memory. One takes milliseconds where there are hundreds of thousands of cells, and
//! is asked for again and again: by the list, the map, and each place that is looked at.
//!
//! A ranking is good as long as the cells it was made of are the ones in memory, which are replaced
//! whole when anything of their day changes, and the places were first seen when they were.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::Index;
use super::ask::pairs;
use super::cells::DayCells;
use crate::event::{Day, Place};
use crate::hotspot::{Hotspot, Question, rank};

/// So many are kept: a list, the same with a flag, and the two of a map.
const MOST: usize = 4;

/// The rankings asked for last.
#[derive(Debug, Default)]
pub(super) struct Rankings(Mutex<VecDeque<Ranking>>);

#[derive(Debug)]
struct Ranking {
    question: Question,
    span: Vec<DayCells>,
    places: BTreeMap<Place, Day>,
    rows: Arc<[Hotspot]>,
}

impl Ranking {
    fn answers(
        &self,
        question: &Question,
        span: &[DayCells],
        places: &BTreeMap<Place, Day>,
    ) -> bool {
        let is_same = |(ours, theirs): (&DayCells, &DayCells)| Arc::ptr_eq(ours, theirs);
        self.question == *question
            && self.span.len() == span.len()
            && self.span.iter().zip(span).all(is_same)
            && self.places == *places
    }
}

impl Index {
    /// The rows of a question, given the cells of its days.
    pub(super) fn ranking(&self, question: &Question, span: &[DayCells]) -> Arc<[Hotspot]> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner).clone();
        let kept = || self.rankings.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = |kept: &&Ranking| kept.answers(question, span, &places);
        if let Some(known) = kept().iter().find(answers) {
            return known.rows.clone();
        }
        let rows: Arc<[Hotspot]> =
            rank(question, pairs(span), |place| places.get(place).copied()).into();
        // The cells of a class are made for the question, and never the same again.
        if question.class.is_none() {
            let (question, span) = (question.clone(), span.to_vec());
            let mut kept = kept();
            kept.retain(|other| other.question != question);
            kept.push_front(Ranking { question, span, places, rows: rows.clone() });
            kept.truncate(MOST);
        }
        rows
    }
}
