//! The trend in words: the counts, and the test behind the word.

use snag::hotspot::{Hotspot, TrendWord, Why};
use snag::words::TEST;

use super::{INDENT, heading};
use crate::render::Look;
use crate::render::line::{Page, Tone};

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
    snag::words::sentences(row, |day| look.ago_day(day))
}
