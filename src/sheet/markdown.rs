//! Markdown as GitHub and GitLab read it: a table to paste into an issue.
//!
//! # Promises
//!
//! - What somebody wrote is shown and does nothing: it opens no table, heading, list, link, code or
//!   HTML, and mentions nobody. [`text`] and [`code`] are the ways for it to get in.

use crate::event::is_unprintable;
use crate::hotspot::{Hotspot, Sort, TrendWord};
use crate::index::HotspotsAnswer;
use crate::words::{human, number, percent, ranked};

/// The most letters of what somebody said.
const MOST_WORDS: usize = 300;
/// What Markdown sees something in, wherever it stands.
const MEANS_SOMETHING: &[char] =
    &['\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '#', '$', '&'];
/// What it sees something in at the start of a line.
const BEGINS_SOMETHING: &[char] = &['-', '+', '='];
/// Between a sign and a name or number it leaves nothing to see and nobody to call: an issue
/// tracker looks for `@name` and `#7` in what is shown, where escaping does not help, and so it does for
/// `www.` and `://`.
const NOTHING: char = '\u{200b}';

/// A line of text that means itself only.
#[must_use]
pub fn text(text: &str) -> String {
    let text = text.trim();
    let number = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let begins = at == 0 && BEGINS_SOMETHING.contains(&letter)
            || at == number && at != 0 && matches!(letter, '.' | ')');
        if begins || MEANS_SOMETHING.contains(&letter) {
            escaped.push('\\');
        }
        let behind = &text[at..];
        let before = text.as_bytes()[..at].last_chunk::<3>();
        if letter == '.' && before.is_some_and(|before| before.eq_ignore_ascii_case(b"www")) {
            escaped.push(NOTHING);
        }
        escaped.push(letter);
        if behind.starts_with("://") {
            escaped.push(NOTHING);
        }
        let is_name = letters.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        if matches!(letter, '@' | '#' | '!') && is_name {
            escaped.push(NOTHING);
        }
    }
    escaped
}

/// A line in the letters of a program, fenced by more backticks than it holds in a row.
#[must_use]
pub fn code(text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let is_bare = !text.starts_with(['`', ' ']) && !text.ends_with(['`', ' ']);
    let blank = if is_bare { "" } else { " " };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// The ranking as a table; `by` is what its rows stand for.
#[must_use]
pub fn hotspots(answer: &HotspotsAnswer, by: &str) -> String {
    let title = format!("### Hotspots, {}", ranked(answer.window, answer.sort));
    let columns = Columns {
        signals: answer.rows.iter().any(|row| row.signals != 0),
        last: answer.sort == Sort::Last,
        rate: answer.rows.iter().any(|row| row.hurt_per_use.is_some()),
    };
    let (signals, figure) = if columns.signals { ("signals | ", "--: | ") } else { ("", "") };
    let (last, word) = if columns.last { ("last met | ", ":-- | ") } else { ("", "") };
    let (rate, line) = if columns.rate { ("hurt per use | ", ":-- | ") } else { ("", "") };
    let head = format!(
        "| # | {by} | pain | people | {signals}trend | {last}worst outcome | {rate}in their words |"
    );
    let rule = format!("| --: | :-- | --: | --: | {figure}:-- | {word}:-- | {line}:-- |");
    let mut lines = vec![title, String::new(), head, rule];
    let ranked = (1..).zip(&answer.rows);
    lines.extend(
        ranked.map(|(rank, row)| format!("| {rank} | {} |", cells(row, columns).join(" | "))),
    );
    lines.join("\n") + "\n"
}

/// The columns that a table has only where there is something in them.
#[derive(Clone, Copy)]
struct Columns {
    signals: bool,
    last: bool,
    rate: bool,
}

fn cells(row: &Hotspot, columns: Columns) -> Vec<String> {
    let name = row.key.name().unwrap_or("(none)");
    let name = if row.key.place().is_some() { code(name) } else { said(name) };
    let folded = row.folded.as_ref().map(|folded| format!(", {}", text(folded)));
    let mut cells = vec![
        name + &folded.unwrap_or_default(),
        number(row.figures.pain),
        number(row.figures.people.into()),
    ];
    if columns.signals {
        cells.push(number(row.signals));
    }
    cells.push(trend(row));
    if columns.last {
        cells.push(row.figures.last_day.map(|day| day.to_string()).unwrap_or_default());
    }
    cells.push(outcome(row).unwrap_or_default());
    if columns.rate {
        let rate = row.hurt_per_use.as_ref();
        let told = rate.map(|rate| format!("{} of {}", percent(rate.rate), number(rate.uses)));
        cells.push(told.unwrap_or_default());
    }
    cells.push(row.quote.as_ref().map(|quote| said(&quote.text)).unwrap_or_default());
    cells
}

/// The trend; where nothing can be said, when it was last met, by its date: an issue is read later.
fn trend(row: &Hotspot) -> String {
    match (row.trend.word, row.figures.last_day) {
        (TrendWord::Unclear, Some(day)) => format!("last met {day}"),
        (word, _) => word.word().to_owned(),
    }
}

fn outcome(row: &Hotspot) -> Option<String> {
    let outcome = row.worst_outcome?;
    let count = row.outcomes.get(&outcome).copied().unwrap_or(1);
    Some(format!("{} {}", number(count.into()), human(outcome)))
}

/// What somebody wrote, in one line.
fn said(words: &str) -> String {
    let mut line = String::new();
    for letter in words.trim().chars().take(MOST_WORDS) {
        match letter {
            letter if letter.is_whitespace() => line.push(' '),
            letter if is_unprintable(letter) => line.extend(letter.escape_unicode()),
            letter => line.push(letter),
        }
    }
    text(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_opens() {
        for (said, shown) in [
            ("see http://evil.example/x", "see http:\u{200b}//evil.example/x"),
            ("WWW.evil.example", "WWW\u{200b}.evil.example"),
            ("www.evil.example", "www\u{200b}.evil.example"),
            ("mail ana@acme.example", "mail ana@\u{200b}acme.example"),
            ("a: b // c. www", "a: b // c. www"),
        ] {
            assert_eq!(text(said), shown);
        }
    }
}
