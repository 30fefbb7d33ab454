//! The ranked table: what hurts, whom, whether it gets worse, and what people said of it.
//!
//! Two lines a row: figures on the first, what people did and said on the second. A terminal of
//! 100 columns has room for what people did beside the figures; one of less than 56 has no room
//! for columns and gets the same in sentences.

use snag::event::Outcome;
use snag::hotspot::{Child, Hotspot, Key, Sort, TrendWord};
use snag::index::HotspotsAnswer;

use super::Look;
use super::line::{Line, Page, Tone};
use super::safe::Safe;
use super::spark::spark;
use super::table::{Cell, Column, GAP, Give, Table};
use super::text::width;
use super::words::{human, number, plural, ranked, shell, short_rate, steps, window};
use crate::query::Query;

/// From here on what people did has a column of its own.
const WIDE: usize = 100;
/// From here on a table says how often using a place hurts.
const ROOMY: usize = 130;
/// Below this there are no columns.
const NARROW: usize = 56;
/// A place keeps so much of its end.
const PLACE: usize = 16;
/// The fewest days or steps worth drawing, and the most.
const STEPS: std::ops::RangeInclusive<usize> = 7..=56;
/// Places shown under a row.
const MOST_CHILDREN: usize = 5;

/// The ranking of a store that holds `events`.
pub(crate) fn hotspots(answer: &HotspotsAnswer, events: u64, asked: &Query, look: &Look) -> String {
    let mut page = look.page();
    if answer.rows.is_empty() {
        nothing(answer, events, asked, &mut page, look);
        return page.finish();
    }
    let of = ranked(answer.window, answer.sort);
    page.push(look.line().bold("Hotspots").dim(format!("  {of}")));
    page.blank();
    if look.width < NARROW {
        stacked(answer, &mut page, look);
    } else {
        table(answer, &mut page, look);
    }
    page.blank();
    for (what, command) in next(answer, asked) {
        page.next(&what, &command);
    }
    page.finish()
}

fn nothing(answer: &HotspotsAnswer, events: u64, asked: &Query, page: &mut Page, look: &Look) {
    if events == 0 {
        page.push(look.line().bold("Nothing is recorded yet."));
        page.blank();
        page.prose(
            0,
            Tone::Plain,
            "The next time the product gets in your way, say so, in one line:",
        );
        page.blank();
        let example = "snag log web/checkout/pay \"card form cleared itself\"";
        page.extend(
            look.wrap(&look.safe(example), look.width.saturating_sub(2))
                .into_iter()
                .map(|line| look.line().space(2).bold(line)),
        );
        page.blank();
        page.next("or watch a team's month go by:", "snag demo");
        return;
    }
    page.prose(0, Tone::Bold, &quiet(answer));
    let recorded = plural(events, "event is", "events are");
    let looked = "none that this question looks at has points in these days";
    page.prose(0, Tone::Plain, &format!("{recorded} recorded in all; {looked}."));
    page.blank();
    if let Some(wider) = asked.further_back("snag hotspots", answer.window, &[]) {
        page.next("look further back:", &wider);
    }
    page.next("see what is recorded:", "snag events");
}

/// That there is no row.
pub(super) fn quiet(answer: &HotspotsAnswer) -> String {
    match answer.window.days() {
        1 => format!("Nothing hurt on {}.", answer.window.until),
        _ => format!("Nothing hurt in the {}.", window(answer.window)),
    }
}

fn table(answer: &HotspotsAnswer, page: &mut Page, look: &Look) {
    let rows = &answer.rows;
    let shown = Shown {
        signals: rows.iter().any(|row| row.signals != 0),
        outcomes: WIDE <= look.width,
        rates: ROOMY <= look.width && rows.iter().any(|row| row.hurt_per_use.is_some()),
        sort: answer.sort,
    };
    let mut columns = columns(rows, shown, look);
    let ranked = rows.iter().enumerate();
    let mut lines: Vec<_> = ranked.map(|(at, row)| cells(at + 1, row, shown, look)).collect();
    draw_days(answer, &mut columns, &mut lines, look);
    let indent = width(&look.safe(rows.len().to_string())) + GAP;
    let mut table = Table::new(look, 0, columns);
    for (row, cells) in rows.iter().zip(lines) {
        let count = cells.len();
        table.row(cells);
        if let Some(line) = second_line(row, indent, shown, look) {
            table.under(line);
        }
        for cells in children(row, count, look) {
            table.row(cells);
        }
    }
    page.extend(table.lines());
}

/// Columns that not every table has, and the figure that it is sorted by.
#[derive(Clone, Copy)]
struct Shown {
    signals: bool,
    outcomes: bool,
    rates: bool,
    sort: Sort,
}

fn columns(rows: &[Hotspot], shown: Shown, look: &Look) -> Vec<Column> {
    let mut columns = vec![
        Column::figures(look, "#"),
        Column::words(look, title(rows), Give::Start(PLACE.min(widest_name(rows, look)))),
        Column::figures(look, "pain"),
        Column::figures(look, "people"),
    ];
    if shown.signals {
        columns.push(Column::figures(look, "signals"));
    }
    columns.push(Column::words(look, "trend", Give::Never));
    if shown.outcomes {
        columns.push(Column::words(look, "worst outcome", Give::Never));
    }
    if shown.rates {
        columns.push(Column::words(look, "hurt per use", Give::Never));
    }
    columns
}

fn cells(rank: usize, row: &Hotspot, shown: Shown, look: &Look) -> Vec<Cell> {
    let mut cells = vec![
        (Tone::Dim, look.safe(rank.to_string())),
        (Tone::Bold, name(row, look)),
        (Tone::Bold, look.safe(number(row.figures.pain))),
        (Tone::Plain, look.safe(number(row.figures.people.into()))),
    ];
    if shown.signals {
        let signals = if row.signals == 0 { String::new() } else { number(row.signals) };
        cells.push((Tone::Dim, look.safe(signals)));
    }
    cells.push(trend(row, look));
    if shown.outcomes {
        cells.push((Tone::Plain, look.safe(worst_outcome(row).unwrap_or_default())));
    }
    if shown.rates {
        let rate = row.hurt_per_use.as_ref().map(short_rate);
        cells.push((Tone::Plain, look.safe(rate.unwrap_or_default())));
    }
    cells
}

/// Adds the days as a last column, in as many steps as there is room for.
fn draw_days(
    answer: &HotspotsAnswer,
    columns: &mut Vec<Column>,
    lines: &mut [Vec<Cell>],
    look: &Look,
) {
    let room = look
        .width
        .saturating_sub(taken(columns, lines, widest_name(&answer.rows, look)) + GAP)
        .min(*STEPS.end());
    if room < *STEPS.start() {
        return;
    }
    let days: Vec<_> = answer.rows.iter().map(|row| steps(&row.spark, room)).collect();
    // One scale for all rows, or a single bad day would look like a bad month.
    let highest = days.iter().flatten().copied().max().unwrap_or(0);
    for (cells, days) in lines.iter_mut().zip(&days) {
        cells.push((Tone::Plain, spark(look, days, highest)));
    }
    let drawn = days.first().map_or(0, Vec::len);
    let since = look.day(answer.window.since);
    let until = look.day(answer.window.until);
    let titles = [format!("{since} – {until}"), format!("since {since}"), "by day".to_owned()];
    let title = titles.iter().find(|title| width(&look.safe(title)) <= drawn);
    columns.push(Column::words(look, title.map_or("", String::as_str), Give::Never));
}

/// Columns taken before the days are drawn, a long name shortened.
fn taken(columns: &[Column], lines: &[Vec<Cell>], widest_name: usize) -> usize {
    let longest = |at: usize| lines.iter().map(|cells| width(&cells[at].1)).max().unwrap_or(0);
    let widths = columns.iter().enumerate().map(|(at, column)| {
        let widest = longest(at).max(column.least());
        if at == 1 { widest.max(widest_name).min(PLACE + 8) } else { widest }
    });
    widths.sum::<usize>() + GAP * columns.len().saturating_sub(1)
}

/// What people did and said: `2 abandoned  “card form cleared itself”`.
fn second_line(row: &Hotspot, indent: usize, shown: Shown, look: &Look) -> Option<Line> {
    let mut line = look.line().space(indent);
    let mut facts: Vec<String> = row.folded.clone().into_iter().collect();
    facts.extend(worst_outcome(row).filter(|_| !shown.outcomes));
    let is_column = match shown.sort {
        Sort::Signals => shown.signals,
        Sort::Rate => shown.rates,
        _ => false,
    };
    facts.extend(sorted_by(row, shown.sort, look).filter(|_| !is_column));
    if !facts.is_empty() {
        line = line.plain(facts.join(" · "));
    }
    if let Some(quote) = quote(row, look.width.saturating_sub(line.width() + GAP), look) {
        let gap = if facts.is_empty() { 0 } else { GAP };
        line = line.space(gap).dim(quote);
    } else if facts.is_empty() {
        return None;
    }
    Some(line)
}

/// Rows without a rank: the places counted in this one.
fn children(row: &Hotspot, count: usize, look: &Look) -> Vec<Vec<Cell>> {
    let cells = |child: &Child| {
        let mut cells = vec![Cell::default(); count];
        cells[1] = (Tone::Dim, look.safe(format!("  {}", child.place)));
        cells[2] = (Tone::Dim, look.safe(number(child.pain)));
        cells
    };
    let mut lines: Vec<_> = row.children.iter().take(MOST_CHILDREN).map(cells).collect();
    lines.extend(more_children(row).map(|more| {
        let mut cells = vec![Cell::default(); count];
        cells[1] = (Tone::Dim, look.safe(format!("  {more}")));
        cells
    }));
    lines
}

/// How many places under a row are not shown.
fn more_children(row: &Hotspot) -> Option<String> {
    let more = row.children.len().checked_sub(MOST_CHILDREN).filter(|more| *more != 0);
    more.map(|more| format!("and {}", number(more as u64)))
}

/// The same without columns.
fn stacked(answer: &HotspotsAnswer, page: &mut Page, look: &Look) {
    let digits = answer.rows.len().to_string().len();
    let indent = digits + GAP;
    for (at, row) in answer.rows.iter().enumerate() {
        let pain = format!("pain {}", number(row.figures.pain));
        let room = look.width.saturating_sub(indent + GAP + pain.len());
        let line = look.line().dim(format!("{:>digits$}", at + 1)).pad_to(indent);
        let line = line.bold(look.cut_start(&name(row, look), room));
        page.push(line.pad_to(look.width.saturating_sub(pain.len())).bold(pain));
        let (tone, trend) = trend(row, look);
        let people = plural(row.figures.people.into(), "person", "people");
        page.push(look.line().space(indent).plain(people).dim(" · ").tone(tone, trend));
        let mut facts: Vec<String> = row.folded.clone().into_iter().collect();
        facts.extend(worst_outcome(row));
        facts.extend(sorted_by(row, answer.sort, look));
        if !facts.is_empty() {
            page.push(look.line().space(indent).plain(facts.join(" · ")));
        }
        if let Some(quote) = quote(row, look.width.saturating_sub(indent), look) {
            page.push(look.line().space(indent).dim(quote));
        }
        for child in row.children.iter().take(MOST_CHILDREN) {
            let pain = number(child.pain);
            let room = look.width.saturating_sub(indent + GAP + GAP + pain.len());
            let place = look.cut_start(&look.safe(child.place.as_str()), room);
            let line = look.line().space(indent + GAP).dim(place);
            page.push(line.pad_to(look.width.saturating_sub(pain.len())).dim(pain));
        }
        if let Some(more) = more_children(row) {
            page.push(look.line().space(indent + GAP).dim(more));
        }
    }
}

/// Rows asked for at most.
const MOST_ROWS: usize = 1000;

/// Flags of a list that a question about one of its rows has no use for. What it lies under is not one:
/// what folds with the row, and its rank, depend on that.
const OF_LISTS: [&str; 5] = ["by", "sort", "top", "depth", "flat"];

/// What to do with the list: what for, and the command.
pub(super) fn next(answer: &HotspotsAnswer, asked: &Query) -> Vec<(String, String)> {
    let mut named = answer.rows.iter().filter_map(|row| explained(&row.key, asked));
    let by_place = || ("by place:".to_owned(), "snag hotspots".to_owned());
    let mut next = vec![named.next().unwrap_or_else(by_place)];
    next.extend(more_rows(answer, asked));
    next
}

/// How to see the rows that are left out.
pub(crate) fn more_rows(answer: &HotspotsAnswer, asked: &Query) -> Option<(String, String)> {
    let rows = plural(answer.more as u64, "more row", "more rows");
    left_out((answer.rows.len(), answer.more), &rows, "snag hotspots", asked)
}

/// How to see what is left out behind what is shown: a longer list, or less of it where there is none.
pub(super) fn left_out(
    (shown, more): (usize, usize),
    what: &str,
    command: &str,
    asked: &Query,
) -> Option<(String, String)> {
    if more == 0 {
        return None;
    }
    if MOST_ROWS <= shown {
        let command = asked.again(&format!("{command} --under PLACE"), &["under"]);
        return Some((format!("{what}, more than a list holds; those of one part:"), command));
    }
    let top = MOST_ROWS.min(shown + more);
    Some((format!("{what}:"), asked.again(&format!("{command} --top {top}"), &["top"])))
}

/// What a row is about, and the command that shows it; none for a row without a name.
fn explained(key: &Key, asked: &Query) -> Option<(String, String)> {
    let name = key.name()?;
    let word = shell(name);
    let by = |flag| {
        let command = format!("snag hotspots --{flag} {word}");
        asked.again(&command, &["by", "top", "depth", flag])
    };
    Some(match key {
        // Of these a row is the sum; there may be nothing at the place itself.
        Key::Place(_) if asked.says("depth") => {
            let command = format!("snag hotspots --under {word} --flat");
            let command = asked.again(&command, &["under", "depth", "flat", "top"]);
            ("what the first is made of:".to_owned(), command)
        }
        Key::Place(_) => {
            let command = asked.again(&format!("snag why {word}"), &OF_LISTS);
            ("every figure behind the first:".to_owned(), command)
        }
        Key::Person(_) => (format!("where {name} was hurt:"), by("person")),
        Key::Version(_) => (format!("where {name} hurts:"), by("version")),
        Key::Kind(_) => (format!("where it is {name}:"), by("kind")),
    })
}

pub(super) fn title(rows: &[Hotspot]) -> &'static str {
    match rows.first().map(|row| &row.key) {
        None | Some(Key::Place(_)) => "place",
        Some(Key::Person(_)) => "person",
        Some(Key::Version(_)) => "version",
        Some(Key::Kind(_)) => "kind",
    }
}

pub(super) fn name(row: &Hotspot, look: &Look) -> Safe {
    match &row.key {
        Key::Kind(Some(kind)) => look.safe(human(*kind)),
        Key::Version(None) => look.safe("(no version)"),
        Key::Kind(None) => look.safe("(no kind)"),
        key => look.safe(key.name().unwrap_or_default()),
    }
}

/// Of the rows, and of what stands under them.
fn widest_name(rows: &[Hotspot], look: &Look) -> usize {
    let under = rows.iter().flat_map(|row| row.children.iter().take(MOST_CHILDREN));
    let under = under.map(|child| GAP + width(&look.safe(child.place.as_str())));
    rows.iter().map(|row| width(&name(row, look))).chain(under).max().unwrap_or(0)
}

pub(super) fn trend(row: &Hotspot, look: &Look) -> Cell {
    let (tone, text) = match row.trend.word {
        TrendWord::Worse => (Tone::Bad, "▲ worse".to_owned()),
        TrendWord::New => (Tone::Fresh, "✚ new".to_owned()),
        TrendWord::Better => (Tone::Good, "▼ better".to_owned()),
        TrendWord::Unclear => (
            Tone::Dim,
            match row.figures.last_day {
                Some(day) => format!("last met {}", look.ago_day(day)),
                None => "unclear".to_owned(),
            },
        ),
        TrendWord::Unknown => (Tone::Dim, "unknown".to_owned()),
    };
    (tone, look.safe(text))
}

pub(super) fn worst_outcome(row: &Hotspot) -> Option<String> {
    let outcome: Outcome = row.worst_outcome?;
    let count = row.outcomes.get(&outcome).copied().unwrap_or(1);
    Some(format!("{} {}", number(count.into()), human(outcome)))
}

/// The figure that rows are sorted by, where a list has no room for it or does not tell it of every row.
fn sorted_by(row: &Hotspot, sort: Sort, look: &Look) -> Option<String> {
    match sort {
        Sort::Signals if row.signals != 0 => Some(plural(row.signals, "signal", "signals")),
        Sort::Rate => Some(format!("hurt {}", short_rate(row.hurt_per_use.as_ref()?))),
        // The trend says it where nothing else can be said.
        Sort::Last if row.trend.word != TrendWord::Unclear => {
            Some(format!("last met {}", look.ago_day(row.figures.last_day?)))
        }
        _ => None,
    }
}

fn quote(row: &Hotspot, room: usize, look: &Look) -> Option<Safe> {
    let text = look.safe(row.quote.as_ref()?.text.trim());
    let room = room.saturating_sub(2);
    (8 <= room).then(|| look.safe("“").join(&look.cut(&text, room)).join(&look.safe("”")))
}

#[cfg(test)]
mod tests {
    use snag::event::Place;
    use snag::hotspot::{Child, Question, Sort};

    use crate::query::Query;
    use crate::render::sample::{crash, hotspots, hotspots_by, look, month, question, used};

    #[test]
    fn what_is_suggested_asks_about_the_same() {
        let mut asked = Query::default();
        asked.say("since", Some("7d")).say("under", Some("web")).say("top", Some("3"));
        let mut answer = hotspots(&month());
        answer.more = 2;
        let shown = super::hotspots(&answer, 45, &asked, &look(80));
        let all = answer.rows.len() + 2;
        for command in [
            "snag why web/checkout/pay --since 7d --under web\n".to_owned(),
            format!("snag hotspots --top {all} --since 7d --under web\n"),
        ] {
            assert!(shown.contains(&command), "no {command}in\n{shown}");
        }
    }

    #[test]
    fn whoever_sorts_by_a_figure_sees_it() {
        let mut told = month();
        told.extend([crash("11-20", "cli/deploy", "bob"), used("11-20", "cli/deploy", "bob", 31)]);
        let shown = |sort, width| {
            let answer = hotspots_by(&told, &Question { sort, ..question() });
            super::hotspots(&answer, 45, &Query::default(), &look(width))
        };
        for (width, rate) in [(40, "hurt 2 of 31"), (80, "hurt 2 of 31"), (100, "hurt 2 of 31")] {
            assert!(shown(Sort::Rate, width).contains(rate), "{}", shown(Sort::Rate, width));
            assert!(!shown(Sort::Pain, width).contains(rate), "{}", shown(Sort::Pain, width));
            let rows = shown(Sort::Last, width);
            let last = rows.matches("last met").count();
            assert_eq!(last, hotspots(&told).rows.len(), "each row says it, once: {rows}");
        }
        let rows = shown(Sort::Rate, 140);
        assert!(rows.contains("hurt per use") && !rows.contains("hurt 2"), "a column: {rows}");
        assert!(shown(Sort::Signals, 40).contains("1 signal"), "{}", shown(Sort::Signals, 40));
        assert!(!shown(Sort::Signals, 80).contains("1 signal"), "a column has it");
    }

    #[test]
    fn places_that_are_not_shown_are_counted_however_narrow() {
        let mut answer = hotspots(&month());
        let child = |n| Child { place: Place::parse(&format!("web/part{n}")).unwrap(), pain: 3 };
        answer.rows[0].children = (0..9).map(child).collect();
        for width in [40, 80] {
            let shown = super::hotspots(&answer, 45, &Query::default(), &look(width));
            assert!(shown.contains("web/part4") && !shown.contains("web/part5"), "{shown}");
            assert!(shown.contains("  and 4\n"), "{shown}");
        }
    }

    #[test]
    fn no_longer_list_is_suggested_than_there_is() {
        let mut asked = Query::default();
        asked.say("by", Some("kind")).say("top", Some("3"));
        let mut answer = hotspots(&month());
        assert_eq!(super::more_rows(&answer, &asked), None);
        answer.more = 1100;
        let (what, command) = super::more_rows(&answer, &asked).unwrap();
        assert_eq!((&*what, &*command), ("1,100 more rows:", "snag hotspots --top 1000 --by kind"));
        answer.rows = vec![answer.rows[0].clone(); 1000];
        let (what, command) = super::more_rows(&answer, &asked).unwrap();
        assert!(what.starts_with("1,100 more rows, more than a list holds"), "{what}");
        assert_eq!(command, "snag hotspots --under PLACE --by kind --top 3");
    }
}
