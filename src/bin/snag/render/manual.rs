//! Pages about snag itself: what to type, and lists of words and what they mean.

use super::Look;
use super::line::{Page, Tone};
use super::table::GAP;

/// A word longer than this stands alone, what it means under it.
const LONGEST: usize = 34;

/// A list of words and what they mean.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) rows: Vec<(String, String)>,
}

/// A page: what it is about and what to type, sections, and where to read on.
pub(crate) fn manual(
    first: &[&str],
    sections: &[Section],
    next: &[(&str, &str)],
    look: &Look,
) -> String {
    let mut page = look.page();
    if let Some((intro, examples)) = first.split_first() {
        page.prose(0, Tone::Plain, intro);
        page.blank();
        for example in examples {
            let lines = look.wrap(&look.safe(example), look.width.saturating_sub(2 * GAP));
            for (at, line) in lines.into_iter().enumerate() {
                page.push(look.line().space(if at == 0 { GAP } else { 2 * GAP }).bold(line));
            }
        }
    }
    for Section { title, rows } in sections {
        page.blank();
        page.push(look.line().bold(title));
        let longest = rows.iter().map(|(word, _)| word.len()).max().unwrap_or(0);
        let column = GAP + longest.min(LONGEST).min(look.width * 2 / 5) + GAP;
        for (word, meaning) in rows {
            row(word, meaning, column, look, &mut page);
        }
    }
    page.blank();
    for (what, command) in next {
        page.next(what, command);
    }
    page.finish()
}

fn row(word: &str, meaning: &str, column: usize, look: &Look, page: &mut Page) {
    let mut line = look.line().space(GAP).plain(word);
    if column < line.width() + GAP {
        page.push(line);
        line = look.line();
    }
    for meaning in look.wrap(&look.safe(meaning), look.measure(column)) {
        page.push(line.pad_to(column).plain(meaning));
        line = look.line();
    }
}
