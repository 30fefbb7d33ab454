//! A place's rank as a short report: the pain, what it is made of, its trend, and what people said.

use snag::hotspot::Why;
use snag::index::WhyAnswer;

use super::{Column, Inline, Report};
use crate::query::Query;
use crate::render::Look;
use crate::render::why::notes::{MOST_GROUPS, MOST_WORDINGS, sum_up};
use crate::render::why::{bill, facts, next, standing, trend};
use crate::render::words::{count_of_notes, number, plural, rate};

/// Explains a place.
pub(crate) fn why(answer: &WhyAnswer, asked: &Query, look: &Look) -> String {
    let why = &answer.why;
    let mut report = Report::new(look);
    let title = report.code(why.place.as_str()).and(&report.text(&format!(": {}", facts(why))));
    report.heading(&title);
    if let Some(text) = standing(why) {
        report.say(&text);
    }
    report.below(why);
    if why.figures.pain != 0 {
        report.bill(why);
    }
    report.trend(why);
    report.rest(answer);
    report.notes(answer);
    for (what, command) in next(answer, asked) {
        report.next(&what, &command);
    }
    report.finish()
}

impl Report {
    /// A sentence behind what it is about.
    fn about(&mut self, what: &str, text: &str) {
        let what = self.text(what).strong();
        self.block(format!("{what} {}", self.text(text)).trim_end());
    }

    /// The rows below a place that has none.
    fn below(&mut self, why: &Why) {
        if why.below.is_empty() {
            return;
        }
        let row = |child: &snag::hotspot::Child| {
            vec![self.code(child.place.as_str()), self.text(&number(child.pain))]
        };
        let rows: Vec<_> = why.below.iter().map(row).collect();
        self.table(&[Column::words("place"), Column::figures("pain")], &rows);
    }

    /// What each person adds, summing up to the pain.
    fn bill(&mut self, why: &Why) {
        self.about("What it is made of.", &snag::words::rule(why.window));
        let mut explained = false;
        let mut rows = Vec::new();
        for term in &why.people {
            let terms = bill::terms(term, &mut explained, &self.look);
            let terms: Vec<_> = terms.iter().map(AsRef::as_ref).collect();
            rows.push(vec![
                self.words(&term.person),
                self.text(&terms.join(" ")),
                self.text(&number(term.counted)),
            ]);
        }
        let people = plural(why.figures.people.into(), "person", "people");
        rows.push(vec![
            self.text(&format!("pain, of {people}")).strong(),
            Inline::default(),
            self.text(&number(why.figures.pain)).strong(),
        ]);
        let columns =
            [Column::words("person"), Column::words("day by day"), Column::figures("counted")];
        self.table(&columns, &rows);
    }

    /// Whether it is getting worse, and how we know.
    fn trend(&mut self, why: &Why) {
        let Some(row) = &why.hotspot else { return };
        let word = format!("Trend: {}.", trend::word(row).1);
        self.about(&word, &trend::sentences(row, &self.look).join(" "));
    }

    /// How often using it hurts, and what was noticed beside what was said.
    fn rest(&mut self, answer: &WhyAnswer) {
        if let Some(hurt) = &answer.why.hurt_per_use {
            self.about("Hurt per use.", &format!("{}.", rate(hurt)));
        }
        for (name, count) in &answer.why.signals {
            let times = plural((*count).into(), "time", "times");
            let rule = answer.rules.get(name).map(|rule| format!(": {rule}")).unwrap_or_default();
            self.about(&format!("Signal {name}."), &format!("{times}{rule}"));
        }
    }

    /// What was said: notes that say the same once, similar ones together.
    fn notes(&mut self, answer: &WhyAnswer) {
        if answer.notes.is_empty() {
            return;
        }
        let older = format!("From {}.", count_of_notes(&answer.notes, answer.older_notes));
        self.about("What was said.", if answer.older_notes { &older } else { "" });
        for group in answer.notes.iter().take(MOST_GROUPS) {
            self.quote(&group.text);
            for wording in group.also.iter().take(MOST_WORDINGS) {
                self.block(&self.words(&format!("similar: “{}”", wording.trim())).to_string());
            }
            self.say(&sum_up(group, &self.look));
        }
        let more = answer.notes.len().saturating_sub(MOST_GROUPS);
        if more != 0 {
            self.say(&format!("and {}", plural(more as u64, "more", "more")));
        }
    }
}
