//! A trend in words: the counts, and what they amount to.

use super::{chance, number};
use crate::event::Day;
use crate::hotspot::{Hotspot, TrendWord};

/// The threshold of a change; a test holds it against the library.
const ALPHA: f64 = 0.005;
/// What is behind the word.
pub const TEST: &str = "Conditional binomial test, threshold 1 in 200. A person-day is one person on \
    one day with anything told or used anywhere, so that holidays don't look like progress.";

/// The counts of a row's trend, and what they amount to; `ago` says how long ago a day was.
pub fn sentences(row: &Hotspot, ago: impl Fn(Day) -> String) -> [String; 2] {
    [counts(row), verdict(row, ago)]
}

fn counts(row: &Hotspot) -> String {
    let trend = &row.trend;
    format!(
        "It hurt on {} of {} person-days in the last 7 days, and on {} of {} in the 56 days before.",
        number(trend.x1.into()),
        number(trend.e1.into()),
        number(trend.x0.into()),
        number(trend.e0.into()),
    )
}

fn verdict(row: &Hotspot, ago: impl Fn(Day) -> String) -> String {
    let trend = &row.trend;
    let worse = trend.p_worse.unwrap_or(1.0);
    let better = trend.p_better.unwrap_or(1.0);
    match trend.word {
        TrendWord::Worse => format!("By chance alone so many would happen {}.", chance(worse)),
        TrendWord::Better => format!("By chance alone so few would happen {}.", chance(better)),
        TrendWord::New => row.first_seen.map_or_else(
            || "It was first met in the last 7 days: too early to compare.".to_owned(),
            |day| format!("It was first met {}: too early to compare.", ago(day)),
        ),
        TrendWord::Unknown => {
            let span = if trend.e1 == 0 { "the last 7 days" } else { "the 56 days before" };
            format!("Nobody told or used anything in {span}, so there is nothing to compare.")
        }
        TrendWord::Unclear => unclear(row, worse, better, ago),
    }
}

fn unclear(row: &Hotspot, worse: f64, better: f64, ago: impl Fn(Day) -> String) -> String {
    let last = row.figures.last_day;
    let last = last.map_or_else(String::new, |day| format!(" It was last met {}.", ago(day)));
    if worse < ALPHA {
        return format!(
            "By chance alone so many would happen {}, but one person is not enough to call it \
             worse.{last}",
            chance(worse)
        );
    }
    let (many, p) = if worse <= better { ("many", worse) } else { ("few", better) };
    let often = chance(p);
    format!("By chance alone so {many} would happen {often}: too often to call it a change.{last}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hotspot::{Trend, Weeks};

    #[test]
    fn the_threshold_is_said() {
        assert!(TEST.contains(&chance(ALPHA).replace("1 time in", "threshold 1 in")));
    }

    #[test]
    fn the_threshold_is_the_arithmetics() {
        for x1 in 0..60 {
            let weeks = Weeks { x1, e1: 60, x0: 20, e0: 480, people: 2, is_new: false };
            let trend = Trend::of(&weeks);
            let is_worse = trend.p_worse.unwrap() < ALPHA;
            assert_eq!(trend.word == TrendWord::Worse, is_worse, "{trend:?}");
        }
    }
}
