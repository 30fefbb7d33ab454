//! The bill: what each person met, what of it counts, and what it comes to; then by version.

use snag::hotspot::{CAP, DayTerm, PersonTerm, VersionLine, Why};
use snag::words::rule;

use super::{INDENT, heading};
use crate::render::Look;
use crate::render::line::{Page, Tone};
use crate::render::safe::Safe;
use crate::render::table::{Column, GAP, Give, Table};
use crate::render::text::width;
use crate::render::words::{number, plural};

/// The most columns of a name.
const NAME: usize = 16;

/// What each person adds, summing up to the pain.
pub(super) fn bill(why: &Why, page: &mut Page, look: &Look) {
    page.blank();
    page.push(heading("What it is made of", "", look));
    page.prose(INDENT, Tone::Dim, &rule(why.window));
    page.blank();
    let sum = number(why.figures.pain);
    let figures = width(&look.safe(&sum)).max(2);
    let names = why.people.iter().map(|term| width(&look.safe(&term.person)));
    let name = names.max().unwrap_or(0).min(NAME).min(look.width / 4);
    let right = look.measure(0);
    let room = right.saturating_sub(INDENT + name + GAP + GAP + figures).max(8);
    let mut explained = false;
    for term in &why.people {
        let mut lines = look.fill(terms(term, &mut explained, look), room).into_iter();
        let person = look.cut(&look.safe(&term.person), name);
        let first = look.line().space(INDENT).bold(person).pad_to(INDENT + name + GAP);
        let first = first.plain(lines.next().unwrap_or_default());
        let counted = number(term.counted);
        let mut rest: Vec<_> =
            lines.map(|line| look.line().pad_to(INDENT + name + GAP).plain(line)).collect();
        // The figure stands where the sum is: on the person's last line.
        let last = rest.pop();
        let (above, last) = match last {
            Some(last) => (Some(first), last),
            None => (None, first),
        };
        page.extend(above.into_iter().chain(rest));
        let start = right.saturating_sub(width(&look.safe(&counted)));
        page.push(last.pad_to(start).plain(counted));
    }
    let people = plural(why.figures.people.into(), "person", "people");
    page.push(look.line().pad_to(right.saturating_sub(figures)).dim("─".repeat(figures)));
    let line = look.line().space(INDENT).dim(format!("pain, of {people}"));
    page.push(line.pad_to(right.saturating_sub(width(&look.safe(&sum)))).bold(sum));
}

/// `Nov 12 blocker 30 ·`, `Nov 13 minor 3`, `= 33, counted 20`; none of them broken at a line's end.
pub(in crate::render) fn terms(term: &PersonTerm, explained: &mut bool, look: &Look) -> Vec<Safe> {
    let count = term.days.len();
    let day = |(at, day): (usize, &DayTerm)| {
        let what = day.worst.strip_suffix(" report").unwrap_or(&day.worst);
        let is_capped = count == 1 && term.counted < term.sum;
        let dot = if at + 1 < count {
            " ·"
        } else if is_capped {
            ","
        } else {
            ""
        };
        look.safe(format!("{} {what} {}{dot}", look.day(day.day), day.points))
    };
    let mut terms: Vec<_> = term.days.iter().enumerate().map(day).collect();
    if 1 < count {
        let comma = if term.counted < term.sum { "," } else { "" };
        terms.push(look.safe(format!("= {}{comma}", number(term.sum))));
    }
    if term.counted < term.sum {
        terms.push(look.safe(format!("counted {}", number(term.counted))));
        if !*explained {
            *explained = true;
            terms.push(look.safe(format!("(nobody counts for more than {CAP})")));
        }
    }
    terms
}

/// The same figures by version, side by side.
pub(super) fn versions(why: &Why, page: &mut Page, look: &Look) {
    if why.versions.iter().all(|line| line.version.is_none()) {
        return;
    }
    page.blank();
    page.push(heading("By version", "each on its own, so they need not add up", look));
    let has_days = 48 <= look.width;
    let mut columns = vec![
        Column::words(look, "version", Give::End(8)),
        Column::figures(look, "pain"),
        Column::figures(look, "people"),
        Column::figures(look, "reports"),
    ];
    if has_days {
        columns.push(Column::words(look, "seen", Give::End(8)));
    }
    let mut table = Table::new(look, INDENT, columns);
    for line in &why.versions {
        let version = line.version.as_deref().unwrap_or("(not said)");
        let mut cells = vec![
            (Tone::Plain, look.cut(&look.safe(version), 24)),
            (Tone::Bold, look.safe(number(line.figures.pain))),
            (Tone::Plain, look.safe(number(line.figures.people.into()))),
            (Tone::Plain, look.safe(number(line.reports))),
        ];
        if has_days {
            cells.push((Tone::Dim, look.safe(seen(line, look))));
        }
        table.row(cells);
    }
    page.extend(table.lines());
}

/// When there was anything of it, uses included.
fn seen(line: &VersionLine, look: &Look) -> String {
    match (line.first_day, line.last_day) {
        (Some(first), Some(last)) if first != last => {
            format!("{} – {}", look.day(first), look.day(last))
        }
        (Some(day), _) | (None, Some(day)) => look.day(day),
        (None, None) => String::new(),
    }
}
