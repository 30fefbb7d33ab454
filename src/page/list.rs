//! The list: what hurts most, the worst first.

use maud::{Markup, html};

use super::filters::{RANKED, filters, further};
use super::frame::{Visit, frame};
use super::{EXPORT, HOME, RECORD, chart, tell, text};
use crate::event::{Day, Word};
use crate::hotspot::{By, Hotspot, Sort, TrendWord};
use crate::index::HotspotsAnswer;
use crate::words::{ago, human, number, plural, steps, window};

/// Letters of a quote: fewest and most, and those of all together, so that a long list is light.
const QUOTE: (usize, usize) = (75, 140);
const QUOTES: usize = 7500;
/// Places named under a row.
const MOST_CHILDREN: usize = 5;
/// Rows asked for at most.
const MOST_ROWS: usize = 1000;

/// The ranking of a store that holds `events`.
#[must_use]
pub fn list(visit: &Visit, by: By, answer: &HotspotsAnswer, events: u64) -> String {
    let title = match by {
        By::Place => "What hurts most".to_owned(),
        by => format!("What hurts, by {}", human(by)),
    };
    let view = html! {
        h1 { (title) }
        (filters(visit, RANKED, answer.window, true))
        @if answer.rows.is_empty() { (nothing(visit, answer, events)) }
        @else { (rows(visit, by, answer)) }
    };
    frame(visit, &title, &view)
}

fn rows(visit: &Visit, by: By, answer: &HotspotsAnswer) -> Markup {
    let rows = &answer.rows;
    let columns = Columns {
        rate: rows.iter().any(|row| row.hurt_per_use.is_some()),
        outcome: rows.iter().any(|row| row.worst_outcome.is_some()),
    };
    let days: Vec<_> = rows.iter().map(|row| steps(&row.spark, chart::STEPS)).collect();
    // One scale for all rows, or a single bad day would look like a bad month.
    let highest = days.iter().flatten().copied().max().unwrap_or(0);
    let most = rows.iter().map(|row| row.figures.pain).max().unwrap_or(0);
    let quote = (QUOTES / rows.len().max(1)).clamp(QUOTE.0, QUOTE.1);
    let (until, sort) = (answer.window.until, answer.sort);
    let scale = Scale { highest, most, until, quote, columns, sort };
    html! {
        div.list.rated[columns.rate].told[columns.outcome] {
            (head(visit, by, columns))
            ol {
                @for (row, days) in rows.iter().zip(&days) {
                    (entry(visit, row, days, scale))
                }
            }
        }
        (after(visit, answer))
    }
}

/// The names of the columns, each a link to the list sorted by it.
fn head(visit: &Visit, by: By, columns: Columns) -> Markup {
    let address = &visit.address;
    let column = |sort: Sort, shown: &str| {
        let (is_usual, word) = (sort == Sort::default(), sort.word());
        let is_shown = address.get("sort").map_or(is_usual, |said| said == word);
        let link = if is_usual { address.without("sort") } else { address.with("sort", word) };
        html! { a href=(link) aria-current=[is_shown.then_some("true")] { (shown) } }
    };
    html! {
        div.head role="group" aria-label="Sort by" {
            span aria-hidden="true" { "#" }
            (column(Sort::Name, &human(by))) (column(Sort::Pain, "pain")) (column(Sort::People, "people"))
            @if columns.rate { (column(Sort::Rate, "hurt per use")) }
            (column(Sort::Trend, "trend"))
            @if columns.outcome { (column(Sort::Outcome, "worst outcome")) }
            span aria-hidden="true" { "by day" }
        }
    }
}

/// What a full height and a full bar stand for, and what there is room for.
#[derive(Clone, Copy)]
struct Scale {
    highest: u64,
    most: u64,
    until: Day,
    quote: usize,
    columns: Columns,
    sort: Sort,
}

/// The columns that a list has only where there is something in them.
#[derive(Clone, Copy)]
struct Columns {
    rate: bool,
    outcome: bool,
}

/// One row, of as little markup as can be: it is what a long list weighs.
fn entry(visit: &Visit, row: &Hotspot, days: &[u64], scale: Scale) -> Markup {
    let figures = &row.figures;
    // Ages in a ranking are counted from the end of its window, as its trend is.
    html! {
        li {
            (tell::name(row, &visit.address))
            b { (number(figures.pain)) i { " pain" } (chart::share(figures.pain, scale.most)) }
            span { (number(figures.people.into())) i { (if figures.people == 1 { " person" } else { " people" }) } }
            @if scale.columns.rate {
                span { @if let Some(rate) = &row.hurt_per_use { (tell::rate(rate)) i { " hurt" } } }
            }
            (tell::badge(row, scale.until))
            @if scale.columns.outcome { span { @if let Some(outcome) = tell::outcome(row) { (outcome) } } }
            (chart::spark(days, scale.highest))
            (said(row, scale))
        }
    }
}

/// What else there is to a row, and what people said most strongly.
fn said(row: &Hotspot, scale: Scale) -> Markup {
    let (mut facts, most) = (Vec::new(), scale.quote);
    if let Some(folded) = &row.folded {
        let children = children(row);
        facts.push(if children.is_empty() {
            folded.clone()
        } else {
            format!("{folded}: {children}")
        });
    }
    if row.signals != 0 {
        facts.push(plural(row.signals, "signal", "signals"));
    }
    // Where nothing can be said of a trend, the badge says it.
    let is_told = scale.sort != Sort::Last || row.trend.word == TrendWord::Unclear;
    let last = row.figures.last_day.filter(|_| !is_told);
    facts.extend(last.map(|day| format!("last met {}", ago(day, scale.until))));
    html! {
        @if !facts.is_empty() { p { (facts.join(" · ")) } }
        // Its direction is its own by the style: an element for that would be in each row.
        @if let Some(quote) = &row.quote { q { (text::short(&quote.text, most)) } }
    }
}

/// The places counted in a row, each by what sets it apart.
fn children(row: &Hotspot) -> String {
    let parent = row.key.name().unwrap_or_default();
    let short = |name: &str| {
        let below = name.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/'));
        below.unwrap_or(name).to_owned()
    };
    let mut named: Vec<_> = row
        .children
        .iter()
        .take(MOST_CHILDREN)
        .map(|child| format!("{} {}", short(child.place.as_str()), number(child.pain)))
        .collect();
    let more = row.children.len().saturating_sub(MOST_CHILDREN);
    if more != 0 {
        named.push(format!("and {}", number(more as u64)));
    }
    named.join(", ")
}

/// More rows, and the list as a file.
fn after(visit: &Visit, answer: &HotspotsAnswer) -> Markup {
    let address = &visit.address;
    let rows = answer.rows.len() + answer.more;
    let more = plural(answer.more as u64, "more row", "more rows");
    let is_longest = MOST_ROWS <= answer.rows.len();
    // A file has as many rows as can be, unless fewer are asked for.
    let is_cut = MOST_ROWS < rows && (is_longest || address.get("top").is_none());
    let export = |kind: &str| format!("{EXPORT}{kind}?{}", address.query());
    html! {
        p.after {
            @if answer.more != 0 && is_longest { span { (more) ": filter to see them" } }
            @else if answer.more != 0 {
                a.button href=(address.with("top", &rows.min(MOST_ROWS).to_string())) { (more) }
            }
            span { "Take it along: "
                a href=(export("csv")) download { "CSV" } " · "
                a href=(export("json")) download { "JSON" } " · "
                a href=(export("md")) download { "Markdown" }
                @if is_cut { ", the first " (number(MOST_ROWS as u64)) " rows" }
            }
        }
    }
}

fn nothing(visit: &Visit, answer: &HotspotsAnswer, events: u64) -> Markup {
    if events == 0 {
        return html! {
            section.empty {
                h2 { "Nothing is recorded yet" }
                p { "The next time the product gets in your way, say so, in one line:" }
                pre { "snag log web/checkout/pay \"card form cleared itself\"" }
                p { a.button href=(RECORD) { "Record a friction here" } }
                p.dim { "Or watch a made-up team’s month go by: " code { "snag demo" } }
            }
        };
    }
    let quiet = match answer.window.days() {
        1 => format!("Nothing hurt on {}", answer.window.until),
        _ => format!("Nothing hurt in the {}", window(answer.window)),
    };
    html! {
        section.empty {
            h2 { (quiet) }
            p { (plural(events, "event is", "events are")) " recorded in all; none that this question looks at has points in these days." }
            p {
                @if let Some(further) = further(&visit.address, answer.window) {
                    a.button href=(further) { "Look further back" } " "
                }
                @if visit.address.pairs().any(|(name, _)| !["since", "sort"].contains(&name)) {
                    a.button href=(HOME) { "Leave the filters out" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::{Actor, Place};
    use crate::hotspot::{Cell, CellKey, Question, Trend, Window, rank};
    use crate::page::Address;

    #[test]
    fn who_sorts_by_the_last_day_sees_it() {
        let today = Day(20_000);
        let key = CellKey {
            day: today.plus(-2),
            place: Place::parse("web").unwrap(),
            person: "ana".into(),
            actor: Actor::Human,
            kind: None,
            version: None,
        };
        let cell = Cell { reports: [0, 1, 0, 0], ..Cell::default() };
        let question = Question::over(Window::ending(today, 28));
        let row = rank(&question, [(&key, &cell)], &BTreeMap::new()).remove(0);
        let told = |sort: Sort, word: TrendWord| {
            let columns = Columns { rate: false, outcome: false };
            let scale = Scale { highest: 3, most: 3, until: today, quote: 75, columns, sort };
            said(&Hotspot { trend: Trend { word, ..row.trend }, ..row.clone() }, scale).0
        };
        assert_eq!(told(Sort::Last, TrendWord::New), "<p>last met 2 days ago</p>");
        assert_eq!(told(Sort::Last, TrendWord::Unclear), "", "the badge says it");
        assert_eq!(told(Sort::Pain, TrendWord::New), "");
    }

    #[test]
    fn a_file_that_is_cut_says_so() {
        let shown = |query: &str, more: usize| {
            let today = Day(20_000);
            let address = Address::read(HOME, query);
            let visit = Visit { address, today, seen: 7, behind: None };
            let (window, sort) = (Window::ending(today, 28), Sort::default());
            after(&visit, &HotspotsAnswer { v: 1, window, sort, rows: Vec::new(), more, lacks: 0 })
                .0
        };
        assert!(shown("", 1001).contains("top=1000\">1,001 more rows"), "{}", shown("", 1001));
        assert!(shown("", 1001).contains(", the first 1,000 rows"), "{}", shown("", 1001));
        assert!(!shown("", 1000).contains("the first"), "{}", shown("", 1000));
        assert!(!shown("top=9", 1001).contains("the first"), "{}", shown("top=9", 1001));
    }
}
