//! Which records the journal is known to have lost: runs of sequences, so that one long run is told
//! and looked for once, not once a record.

use std::collections::BTreeMap;
use std::ops::Range;

/// Runs of lost records.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// By the sequence behind each, where it begins.
    runs: BTreeMap<u64, u64>,
    /// How many of them an answer came upon first.
    met: u64,
}

impl Lost {
    /// Adds a run; says whether it is news.
    pub(super) fn add(&mut self, run: Range<u64>) -> bool {
        let is_news = run.is_empty() || !self.has(run.start);
        if !run.is_empty() {
            let start = self.runs.entry(run.end).or_insert(run.start);
            *start = run.start.min(*start);
        }
        is_news
    }

    /// Adds a run that an answer came upon; says whether it is news.
    pub(super) fn meet(&mut self, run: Range<u64>) -> bool {
        let is_news = self.add(run);
        self.met += u64::from(is_news);
        is_news
    }

    pub(super) fn met(&self) -> u64 {
        self.met
    }

    /// How many records that are.
    pub(super) fn records(&self) -> u64 {
        let count = |(counted, low): (u64, u64), (end, start): (&u64, &u64)| {
            (counted + low.min(*end).saturating_sub(*start), low.min(*start))
        };
        self.runs.iter().rev().fold((0, u64::MAX), count).0
    }

    pub(super) fn has(&self, sequence: u64) -> bool {
        let run = self.runs.range(sequence + 1..).next();
        run.is_some_and(|(_, start)| *start <= sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_lost_within_a_run_only() {
        let mut lost = Lost::default();
        for run in [5..9, 12..13, 3..3, 7..9] {
            lost.add(run);
        }
        let found: Vec<u64> = (0..20).filter(|sequence| lost.has(*sequence)).collect();
        assert_eq!(found, [5, 6, 7, 8, 12]);
        assert_eq!(lost.records(), 5);
        assert!(lost.meet(14..16) && !lost.meet(14..16) && !lost.meet(6..9));
        assert_eq!(lost.met(), 1);
        lost.add(4..13);
        assert_eq!(lost.records(), 11, "4 to 12, 14 and 15");
    }
}
