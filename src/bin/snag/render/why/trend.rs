//! The trend in words: the counts, and the test behind the word.

use snag::hotspot::{Hotspot, TrendWord, Why};

use super::{INDENT, heading};
use crate::render::Look;
use crate::render::line::{Page, Tone};
use crate::render::words::{chance, number};

/// The threshold of a change; a test holds it against the library.
const ALPHA: f64 = 0.005;
/// What is behind the word.
const TEST: &str = "Conditional binomial test, threshold 1 in 200. A person-day is one person on \
    one day with anything told or used anywhere, so that holidays don't look like progress.";

/// Whether it is getting worse, and how we know.
pub(super) fn trend(why: &Why, page: &mut Page, look: &Look) {
    let Some(row) = &why.hotspot else { return };
    page.blank();
    let (tone, word) = word(row);
    page.push(heading("Trend", "", look).space(2).tone(tone, word));
    for sentence in sentences(row, look) {
        page.prose(INDENT, Tone::Plain, &sentence);
    }
    if matches!(row.trend.word, TrendWord::Worse | TrendWord::Better | TrendWord::Unclear) {
        page.prose(INDENT, Tone::Dim, TEST);
    }
}

/// The word, as it is shown.
pub(in crate::render) fn word(row: &Hotspot) -> (Tone, &'static str) {
    match row.trend.word {
        TrendWord::Worse => (Tone::Bad, "▲ worse"),
        TrendWord::New => (Tone::Fresh, "✚ new"),
        TrendWord::Better => (Tone::Good, "▼ better"),
        TrendWord::Unclear => (Tone::Plain, "unclear"),
        TrendWord::Unknown => (Tone::Plain, "unknown"),
    }
}

/// The counts, and what they amount to.
pub(in crate::render) fn sentences(row: &Hotspot, look: &Look) -> [String; 2] {
    [counts(row), verdict(row, look)]
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

fn verdict(row: &Hotspot, look: &Look) -> String {
    let trend = &row.trend;
    let worse = trend.p_worse.unwrap_or(1.0);
    let better = trend.p_better.unwrap_or(1.0);
    match trend.word {
        TrendWord::Worse => format!("By chance alone so many would happen {}.", chance(worse)),
        TrendWord::Better => format!("By chance alone so few would happen {}.", chance(better)),
        TrendWord::New => row.first_seen.map_or_else(
            || "It was first met in the last 7 days: too early to compare.".to_owned(),
            |day| format!("It was first met {}: too early to compare.", look.ago_day(day)),
        ),
        TrendWord::Unknown => {
            let span = if trend.e1 == 0 { "the last 7 days" } else { "the 56 days before" };
            format!("Nobody told or used anything in {span}, so there is nothing to compare.")
        }
        TrendWord::Unclear => unclear(row, worse, better, look),
    }
}

fn unclear(row: &Hotspot, worse: f64, better: f64, look: &Look) -> String {
    let last = row
        .figures
        .last_day
        .map_or_else(String::new, |day| format!(" It was last met {}.", look.ago_day(day)));
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
    use snag::hotspot::{Trend, Weeks};

    use super::*;

    #[test]
    fn the_threshold_is_said() {
        assert!(TEST.contains(&chance(ALPHA).replace("1 time in", "threshold 1 in")));
    }

    #[test]
    fn the_threshold_is_the_librarys() {
        for x1 in 0..60 {
            let weeks = Weeks { x1, e1: 60, x0: 20, e0: 480, people: 2, is_new: false };
            let trend = Trend::of(&weeks);
            let is_worse = trend.p_worse.unwrap() < ALPHA;
            assert_eq!(trend.word == TrendWord::Worse, is_worse, "{trend:?}");
        }
    }
}
