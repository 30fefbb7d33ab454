//! Rankings kept in memory. One takes milliseconds where there are hundreds of thousands of cells, and
//! is asked for again and again: by the list, the map, and each place that is looked at.
//!
//! A ranking by place is brought up to date by what came to cells since: see [`Added`]. Any other is good
//! as long as nothing came to its days.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::added::{Added, Batch};
use super::ask::pairs;
use super::cells::Span;
use super::quotes::Quotes;
use super::{Index, IndexError};
use crate::event::Class;
use crate::hotspot::{By, Cell, CellKey, Hotspot, Question, Standing, rank};

/// So many are kept: a list, the same with a flag, and the two of a map.
const MOST: usize = 4;

/// The rankings asked for last, and what is to be added to them.
#[derive(Debug, Default)]
pub(super) struct Rankings {
    kept: Mutex<VecDeque<Arc<Kept>>>,
    pub(super) added: Mutex<Added>,
}

/// A question that was asked, and its ranking once somebody made it. Whoever asks the same meanwhile
/// waits for it; what is recorded does not.
#[derive(Debug)]
struct Kept {
    question: Question,
    ranking: Mutex<Option<Ranking>>,
}

#[derive(Debug)]
pub(super) struct Ranking {
    /// The batch that is not counted in it yet.
    next: u64,
    rows: Rows,
    /// What its places have to say.
    pub(super) quotes: Quotes,
}

#[derive(Debug)]
enum Rows {
    Standing(Box<Standing>),
    Fixed(Vec<Arc<Hotspot>>),
}

impl Rankings {
    fn of(&self, question: &Question) -> Arc<Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|kept| kept.question == *question);
        let asked = known.and_then(|at| kept.remove(at)).unwrap_or_else(|| {
            Arc::new(Kept { question: question.clone(), ranking: Mutex::default() })
        });
        kept.push_front(asked.clone());
        kept.truncate(MOST);
        asked
    }

    /// As if nobody had ever asked.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn between(&self, from: u64, until: Option<u64>) -> Option<Vec<Batch>> {
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        added.between(from, until.unwrap_or(added.next()))
    }
}

impl Ranking {
    /// The rows, the worst first.
    pub(super) fn rows(&self) -> Vec<Arc<Hotspot>> {
        match &self.rows {
            Rows::Standing(standing) => standing.rows().cloned().collect(),
            Rows::Fixed(rows) => rows.clone(),
        }
    }

    /// The first rows, and how many more there are.
    pub(super) fn first(&self, top: usize) -> (Vec<Hotspot>, usize) {
        let taken = |rows: &mut dyn ExactSizeIterator<Item = &Arc<Hotspot>>| {
            let more = rows.len().saturating_sub(top);
            (rows.take(top).map(|row| Hotspot::clone(row)).collect(), more)
        };
        match &self.rows {
            Rows::Standing(standing) => taken(&mut standing.rows()),
            Rows::Fixed(rows) => taken(&mut rows.iter()),
        }
    }

    /// Counts what came since; false where it cannot be.
    fn add(&mut self, question: &Question, batches: &[Batch]) -> bool {
        let came = || batches.iter().flat_map(|batch| batch.iter());
        match &mut self.rows {
            Rows::Standing(standing) => match question.class {
                None => standing.add(came().map(|(key, cell)| (key, cell))),
                Some(class) => {
                    let only: Vec<_> = came().map(|it| only(class, it)).collect();
                    standing.add(only.iter().map(|(key, cell)| (key, cell)));
                }
            },
            Rows::Fixed(_) if came().any(|(key, _)| question.horizon().contains(key.day)) => {
                return false;
            }
            Rows::Fixed(_) => {}
        }
        came().for_each(|(key, cell)| self.quotes.forget(key, cell));
        self.next += batches.len() as u64;
        true
    }
}

impl Index {
    /// Answers with the ranking of a question.
    pub(super) fn with_ranking<T>(
        &self,
        question: &Question,
        answer: impl FnOnce(&mut Ranking) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let kept = self.rankings.of(question);
        let mut kept = kept.ranking.lock().unwrap_or_else(PoisonError::into_inner);
        let ranking = match self.up_to_date(question, kept.take(), None) {
            Some(ranking) => ranking,
            None => self.ranked(question, &self.span(question)?),
        };
        answer(kept.insert(ranking))
    }

    /// The rows of a question as of the moment of its cells.
    pub(super) fn ranking(&self, question: &Question, span: &Span) -> Vec<Arc<Hotspot>> {
        let kept = self.rankings.of(question);
        let mut kept = kept.ranking.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_some_and(|ranking| span.next < ranking.next) {
            // Somebody asked later, and was first.
            return self.ranked(question, span).rows();
        }
        let ranking = self.up_to_date(question, kept.take(), Some(span.next));
        kept.insert(ranking.unwrap_or_else(|| self.ranked(question, span))).rows()
    }

    /// A ranking with all that came to its cells up to a batch, or up to now; none where that is not
    /// known.
    fn up_to_date(
        &self,
        question: &Question,
        ranking: Option<Ranking>,
        until: Option<u64>,
    ) -> Option<Ranking> {
        let mut ranking = ranking?;
        let batches = self.rankings.between(ranking.next, until)?;
        ranking.add(question, &batches).then_some(ranking)
    }

    fn ranked(&self, question: &Question, span: &Span) -> Ranking {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner).clone();
        let cells = pairs(&span.days);
        let rows = if question.by == By::Place {
            Rows::Standing(Box::new(Standing::of(question, cells, places)))
        } else {
            let rows = rank(question, cells, &places);
            Rows::Fixed(rows.into_iter().map(Arc::new).collect())
        };
        Ranking { next: span.next, rows, quotes: Quotes::default() }
    }
}

/// What one class of events counted.
pub(super) fn only(class: Class, (key, cell): &(CellKey, Cell)) -> (CellKey, Cell) {
    (key.clone(), cell.only(class))
}
