//! Every figure behind one place's rank, term by term, in words.
//!
//! It reads like a bill: what each person met and what it comes to, then whether it is getting
//! worse, and last what people said.

pub(super) mod bill;
mod counts;
pub(super) mod notes;
pub(super) mod trend;

use snag::event::Place;
use snag::hotspot::Why;
use snag::index::WhyAnswer;

use super::Look;
use super::line::{Line, Page, Tone};
use super::spark::spark;
use super::table::{Column, GAP, Give, Table};
use super::text::width;
use super::words::{number, plural, shell, steps, window};
use crate::query::Query;

/// Where what belongs to a heading begins.
const INDENT: usize = 2;
/// Days or steps of the line under the headline.
const STEPS: usize = 56;
/// Places listed by name in one sentence.
const MOST_PLACES: usize = 12;

/// Explains a place.
pub(crate) fn why(answer: &WhyAnswer, asked: &Query, look: &Look) -> String {
    let why = &answer.why;
    let mut page = look.page();
    headline(why, &mut page, look);
    if let Some(text) = standing(why) {
        page.blank();
        page.prose(0, Tone::Plain, &text);
    }
    below(why, &mut page, look);
    if why.figures.pain != 0 {
        bill::bill(why, &mut page, look);
    }
    trend::trend(why, &mut page, look);
    bill::versions(why, &mut page, look);
    counts::counts(answer, &mut page, look);
    notes::notes(answer, &mut page, look);
    page.blank();
    for (what, command) in next(answer, asked) {
        page.next(&what, &command);
    }
    page.finish()
}

/// Pain, rank and days.
pub(super) fn facts(why: &Why) -> String {
    let mut facts = Vec::new();
    if why.figures.pain != 0 || why.below.is_empty() {
        facts.push(format!("pain {}", number(why.figures.pain)));
    }
    facts.extend(why.rank.map(|rank| format!("rank {rank} of {}", why.of)));
    facts.push(window(why.window));
    facts.join(" · ")
}

fn headline(why: &Why, page: &mut Page, look: &Look) {
    let facts = facts(why);
    let line = look.line().bold(why.place.as_str()).space(GAP).plain(&facts);
    if line.width() <= look.width {
        page.push(line);
    } else {
        page.push(look.line().bold(look.cut_start(&look.safe(why.place.as_str()), look.width)));
        page.push(look.line().plain(&facts));
    }
    if let Some(row) = why.hotspot.as_ref().filter(|row| 1 < row.spark.len()) {
        let since = look.day(why.window.since);
        let until = look.day(why.window.until);
        let ends = width(&look.safe(&since)) + width(&look.safe(&until)) + 2;
        let days = steps(&row.spark, look.width.saturating_sub(ends).clamp(7, STEPS));
        let highest = days.iter().copied().max().unwrap_or(0);
        let line = look.line().dim(since).space(1).plain(spark(look, &days, highest));
        page.push(line.space(1).dim(until));
    }
}

/// Why there is a row, or none, where that needs saying.
pub(super) fn standing(why: &Why) -> Option<String> {
    let place = &why.place;
    if let Some(row) = &why.hotspot {
        let others: Vec<_> = why.places.iter().filter(|other| *other != place).collect();
        let named: Vec<_> = others.iter().take(MOST_PLACES).map(|at| at.as_str()).collect();
        let more = match others.len() - named.len() {
            0 => String::new(),
            more => format!(" and {}", plural(more as u64, "other", "others")),
        };
        let folded = row.folded.as_ref().map_or_else(
            || "This row also counts what happened at".to_owned(),
            |folded| format!("The pain is {folded}, so this row counts what happened at"),
        );
        (!others.is_empty()).then(|| format!("{folded} {}{more}.", named.join(", ")))
    } else if let Some(above) = &why.counted_in {
        Some(format!(
            "{place} has no row of its own: what was filed here is counted in {above}. What \
             follows is about {place} alone."
        ))
    } else if !why.below.is_empty() {
        Some(format!("Nothing was filed at {place} itself in these days, but below it."))
    } else {
        (why.figures.pain == 0).then(|| format!("Nothing hurt at {place} in these days."))
    }
}

/// The rows below a place that has none.
fn below(why: &Why, page: &mut Page, look: &Look) {
    if why.below.is_empty() {
        return;
    }
    page.blank();
    let columns =
        vec![Column::words(look, "place", Give::Start(16)), Column::figures(look, "pain")];
    let mut table = Table::new(look, INDENT, columns);
    for child in &why.below {
        let place = (Tone::Bold, look.safe(child.place.as_str()));
        table.row(vec![place, (Tone::Plain, look.safe(number(child.pain)))]);
    }
    page.extend(table.lines());
}

/// A heading, and beside it what it comes to.
fn heading(title: &str, beside: &str, look: &Look) -> Line {
    let line = look.line().bold(title);
    if beside.is_empty() { line } else { line.space(GAP).dim(beside) }
}

/// What to do: what for, and the command.
pub(super) fn next(answer: &WhyAnswer, asked: &Query) -> Vec<(String, String)> {
    let why = &answer.why;
    let place = shell(why.place.as_str());
    let of = |place| asked.again(&format!("snag why {}", shell(place)), &["place"]);
    let mut next = Vec::new();
    if let Some(above) = &why.counted_in {
        next.push(("where it is counted:".to_owned(), of(above.as_str())));
    } else if let Some(first) = why.below.first() {
        next.push(("the worst of these:".to_owned(), of(first.place.as_str())));
    } else if why.figures.pain == 0 {
        let wider = asked.further_back(&format!("snag why {place}"), why.window, &["place"]);
        next.extend(wider.map(|wider| ("look further back:".to_owned(), wider)));
    }
    if why.figures.pain != 0 {
        next.extend(events(why, asked));
    }
    if why.figures.pain != 0 || !answer.notes.is_empty() {
        next.push(("met it too?".to_owned(), format!("snag me-too {place}")));
    }
    next
}

/// How to see what the figures are made of. What was filed at places above is listed with all that lies
/// below these, and so apart.
fn events(why: &Why, asked: &Query) -> Vec<(String, String)> {
    let under = |place: &Place| {
        let command = format!("snag events --under {}", shell(place.as_str()));
        asked.again(&command, &["place", "under"])
    };
    let mut next = vec![("each event in full:".to_owned(), under(&why.place))];
    let above: Vec<_> = why.places.iter().filter(|at| !at.is_under(&why.place)).collect();
    if let Some(highest) = above.iter().min_by_key(|at| at.depth()) {
        let named: Vec<_> = above.iter().map(|at| at.as_str()).collect();
        let what = format!("those at {}, among others:", named.join(" and "));
        next.push((what, under(highest)));
    }
    next
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::query::Query;
    use crate::render::sample::{report, why_of};

    #[test]
    fn what_is_suggested_asks_about_the_same_and_lists_every_event() {
        let told = [
            report("11-18", "web/a/b", "ada", json!({"note": "it was slow"})),
            report("11-18", "web/a/b/c", "bob", json!({"note": "it broke", "severity": "major"})),
        ];
        let mut asked = Query::default();
        asked.say("under", Some("web")).say("place", Some("web/a/b/c"));
        let next = super::next(&why_of(&told, "web/a/b/c"), &asked);
        let commands: Vec<_> = next.iter().map(|(what, next)| format!("{what} {next}")).collect();
        let expected = [
            "each event in full: snag events --under web/a/b/c",
            "those at web/a/b, among others: snag events --under web/a/b",
            "met it too? snag me-too web/a/b/c",
        ];
        assert_eq!(commands, expected);
        let next = super::next(&why_of(&told, "web/a/b"), &asked);
        assert_eq!(next[0].1, "snag why web/a/b/c --under web");
    }
}
