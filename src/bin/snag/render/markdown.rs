//! Reports to paste into an issue: Markdown as GitHub and GitLab read it.
//!
//! # Promises
//!
//! - What somebody wrote is shown and does nothing: it opens no table, heading, list, link, code or
//!   HTML, and mentions nobody. [`inline`] is the one way for it to get in.
//! - Times are exact, because a report is read later.
//! - Every report ends in something to do.

mod inline;
#[cfg(test)]
mod tests;
mod why;

use snag::event::Event;
use snag::hotspot::{Hotspot, Sort};
use snag::index::HotspotsAnswer;

use super::Look;
use super::event::what;
use super::hotspots::{name, next, quiet, title, trend, worst_outcome};
use super::words::{id_tail, number, ranked, short_rate};
use crate::query::Query;
use inline::Inline;

pub(crate) use why::why;

/// The most columns of what somebody said that are shown in one line.
const MOST_WORDS: usize = 300;
/// The most lines of one thing somebody said.
const MOST_LINES: usize = 12;

/// The ranking.
pub(crate) fn hotspots(answer: &HotspotsAnswer, asked: &Query, look: &Look) -> String {
    let mut report = Report::new(look);
    if answer.rows.is_empty() {
        report.say(&quiet(answer));
        report.next("see what is recorded:", "snag events");
        return report.finish();
    }
    report.heading(&report.text(&format!("Hotspots, {}", ranked(answer.window, answer.sort))));
    let shown = Shown {
        signals: answer.rows.iter().any(|row| row.signals != 0),
        last: answer.sort == Sort::Last,
        rates: answer.rows.iter().any(|row| row.hurt_per_use.is_some()),
    };
    let mut columns = vec![
        Column::figures("#"),
        Column::words(title(&answer.rows)),
        Column::figures("pain"),
        Column::figures("people"),
        Column::words("trend"),
        Column::words("worst outcome"),
        Column::words("in their words"),
    ];
    if shown.rates {
        columns.insert(6, Column::words("hurt per use"));
    }
    if shown.last {
        columns.insert(5, Column::words("last met"));
    }
    if shown.signals {
        columns.insert(4, Column::figures("signals"));
    }
    let ranked = (1..).zip(&answer.rows);
    let row = |(rank, row)| report.ranked(rank, row, shown);
    let rows: Vec<_> = ranked.map(row).collect();
    report.table(&columns, &rows);
    for (what, command) in next(answer, asked) {
        report.next(&what, &command);
    }
    report.finish()
}

/// Columns that not every ranking has.
#[derive(Clone, Copy)]
struct Shown {
    signals: bool,
    last: bool,
    rates: bool,
}

/// A list of events.
pub(crate) fn events(events: &[Event], look: &Look) -> String {
    let mut report = Report::new(look);
    let columns = ["at", "place", "what", "person", "note", "id"].map(Column::words);
    let rows: Vec<_> = events.iter().map(|event| report.listed(event)).collect();
    report.table(&columns, &rows);
    let first = events.first().map(|event| id_tail(event.id)).unwrap_or_default();
    report.next("all that is stored of one:", &format!("snag show {first}"));
    report.finish()
}

/// Blocks of Markdown, one below the other.
struct Report {
    look: Look,
    text: String,
}

/// A column of a table, and on which side its text stands.
struct Column {
    title: &'static str,
    rule: &'static str,
}

impl Column {
    const fn words(title: &'static str) -> Self {
        Self { title, rule: ":--" }
    }

    const fn figures(title: &'static str) -> Self {
        Self { title, rule: "--:" }
    }
}

impl Report {
    /// An empty one. It does not depend on a terminal.
    fn new(look: &Look) -> Self {
        let look = Look { utc: true, ascii: false, colour: false, ..*look };
        Self { look, text: String::new() }
    }

    /// Text that does nothing.
    fn text(&self, text: &str) -> Inline {
        Inline::text(&self.look.safe(text))
    }

    /// Text in the letters of a program.
    fn code(&self, text: &str) -> Inline {
        Inline::code(&self.look.safe(text))
    }

    /// What somebody said, as long as fits into a line.
    fn words(&self, text: &str) -> Inline {
        Inline::text(&self.look.cut(&self.look.safe(text.trim()), MOST_WORDS))
    }

    /// Adds a block.
    fn block(&mut self, block: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(block);
        self.text.push('\n');
    }

    fn heading(&mut self, title: &Inline) {
        self.block(&format!("### {title}"));
    }

    fn say(&mut self, text: &str) {
        self.block(&self.text(text).to_string());
    }

    /// Adds a table; every row has a cell for each column.
    fn table(&mut self, columns: &[Column], rows: &[Vec<Inline>]) {
        let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        let mut lines = vec![
            line(columns.iter().map(|column| column.title.to_owned()).collect()),
            line(columns.iter().map(|column| column.rule.to_owned()).collect()),
        ];
        lines.extend(rows.iter().map(|row| line(row.iter().map(Inline::to_string).collect())));
        self.block(&lines.join("\n"));
    }

    /// Adds what somebody said, its lines kept.
    fn quote(&mut self, text: &str) {
        let lines = self.look.safe_lines(text.trim());
        let shown = lines.iter().take(MOST_LINES).map(|line| self.words(line.as_str()).to_string());
        let more = (MOST_LINES < lines.len()).then(|| "…".to_owned());
        let quoted: Vec<_> =
            shown.chain(more).map(|line| format!("> {line}").trim_end().to_owned()).collect();
        self.block(&quoted.join("\n"));
    }

    /// Adds what to do next: what for, and the command.
    fn next(&mut self, what: &str, command: &str) {
        self.block(&format!("{} {}", self.text(what), self.code(command)));
    }

    fn finish(self) -> String {
        self.text
    }

    fn ranked(&self, rank: usize, row: &Hotspot, shown: Shown) -> Vec<Inline> {
        let look = &self.look;
        let mut name = match row.key.place() {
            Some(place) => self.code(place.as_str()),
            None => Inline::text(&name(row, look)),
        };
        if let Some(folded) = &row.folded {
            name = name.and(&self.text(&format!(", {folded}")));
        }
        let quote = row.quote.as_ref().map(|quote| self.words(&quote.text));
        let mut cells = vec![
            self.text(&rank.to_string()),
            name,
            self.text(&number(row.figures.pain)),
            self.text(&number(row.figures.people.into())),
            Inline::text(&trend(row, look).1),
            self.text(&worst_outcome(row).unwrap_or_default()),
            quote.unwrap_or_default(),
        ];
        if shown.rates {
            let rate = row.hurt_per_use.as_ref().map(short_rate);
            cells.insert(6, self.text(&rate.unwrap_or_default()));
        }
        if shown.last {
            let last = row.figures.last_day.map(|day| look.ago_day(day));
            cells.insert(5, self.text(&last.unwrap_or_default()));
        }
        if shown.signals {
            cells.insert(4, self.text(&number(row.signals)));
        }
        cells
    }

    fn listed(&self, event: &Event) -> Vec<Inline> {
        vec![
            self.text(&self.look.ago(event.at)),
            self.code(event.place.as_str()),
            self.text(&what(event).join(" · ")),
            self.words(&event.person),
            self.words(event.words().unwrap_or_default()),
            self.code(&id_tail(event.id)),
        ]
    }
}
