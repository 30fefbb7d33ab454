//! What people thought, felt and did, and what stood in the way: counts with bars.

use std::collections::BTreeMap;

use snag::event::{Kind, Word};
use snag::hotspot::{Why, signal_points};
use snag::index::WhyAnswer;

use super::{INDENT, heading};
use crate::render::Look;
use crate::render::line::{Page, Tone};
use crate::render::spark::bar;
use crate::render::table::{Cell, Column, Give, Table};
use crate::render::words::{human, minutes, no_rate, number, plural, rate};

/// Everything that is shown as counts.
pub(super) fn counts(answer: &WhyAnswer, page: &mut Page, look: &Look) {
    let why = &answer.why;
    let reports: u64 = why.kinds.values().map(|&count| u64::from(count)).sum();
    let beside = plural(reports, "report", "reports");
    let said = &why.said;
    let mut rows = Vec::new();
    if said.thought != 0 {
        let thought = ("said what they expected or got".to_owned(), said.thought);
        rows.push(("thought", vec![thought]));
    }
    push(&mut rows, "felt", &said.felt);
    push(&mut rows, "did", &said.did);
    if !rows.is_empty() {
        page.blank();
        page.push(heading("What people thought, felt and did", &beside, look));
        draw(&rows, page, look);
    }
    let mut rows = Vec::new();
    push(&mut rows, "kind", &why.kinds);
    for (word, _) in rows.iter_mut().flat_map(|(_, words)| words) {
        if word == Kind::Delight.word() {
            word.push_str(" (no pain)");
        }
    }
    if !why.severities.is_empty() {
        // The worst first, however many there are of it.
        let worst = why.severities.iter().rev().map(|(&word, &count)| (human(word), count));
        rows.push(("impact", worst.collect()));
    }
    if !rows.is_empty() {
        page.blank();
        page.push(heading("What stood in the way", &beside, look));
        draw(&rows, page, look);
    }
    signals(answer, page, look);
    cost(why, page, look);
}

type Counted = (&'static str, Vec<(String, u32)>);

/// Words and their counts, the most first.
fn push<W: Word>(rows: &mut Vec<Counted>, label: &'static str, counts: &BTreeMap<W, u32>) {
    let mut words: Vec<_> = counts.iter().map(|(&word, &count)| (human(word), count)).collect();
    words.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    if !words.is_empty() {
        rows.push((label, words));
    }
}

fn draw(groups: &[Counted], page: &mut Page, look: &Look) {
    let counts = groups.iter().flat_map(|(_, words)| words.iter().map(|&(_, count)| count));
    let highest = counts.max().unwrap_or(0).into();
    let columns = vec![
        Column::words(look, "", Give::Never),
        Column::words(look, "", Give::End(12)),
        Column::figures(look, ""),
        Column::words(look, "", Give::End(4)),
    ];
    let mut table = Table::new(look, INDENT, columns);
    for (label, words) in groups {
        for (at, (word, count)) in words.iter().enumerate() {
            let label: Cell = if at == 0 { (Tone::Dim, look.safe(label)) } else { Cell::default() };
            table.row(vec![
                label,
                (Tone::Plain, look.safe(word)),
                (Tone::Bold, look.safe(number((*count).into()))),
                (Tone::Dim, bar(look, (*count).into(), highest)),
            ]);
        }
    }
    page.extend(table.lines());
}

fn signals(answer: &WhyAnswer, page: &mut Page, look: &Look) {
    let why = &answer.why;
    if why.signals.is_empty() && why.dismissed == 0 {
        return;
    }
    page.blank();
    page.push(heading("Signals", "noticed by a rule, not said by a person; counted apart", look));
    for (name, count) in &why.signals {
        let times = plural((*count).into(), "time", "times");
        let points = plural(signal_points(*name).into(), "point", "points");
        let rule = answer.rules.get(name).map(|rule| format!(": {rule}")).unwrap_or_default();
        let text = format!("{} {times}, {points} a person and day{rule}", human(*name));
        page.prose(INDENT, Tone::Plain, &text);
    }
    if why.dismissed != 0 {
        let dismissed = plural(why.dismissed.into(), "signal was", "signals were");
        page.prose(INDENT, Tone::Dim, &format!("{dismissed} no friction, as somebody decided."));
    }
}

fn cost(why: &Why, page: &mut Page, look: &Look) {
    let mut said = Vec::new();
    if why.lost_minutes != 0 {
        said.push(format!("{} lost, as people told it.", minutes(why.lost_minutes)));
    }
    if let Some(hurt) = &why.hurt_per_use {
        let rate = rate(hurt);
        said.push(format!("{rate}. The interval is the 95 % one, and no rank depends on it."));
    } else if why.uses != 0 {
        said.push(no_rate(why));
    }
    if said.is_empty() {
        return;
    }
    page.blank();
    page.push(heading("What it costs", "", look));
    for sentence in said {
        page.prose(INDENT, Tone::Plain, &sentence);
    }
}
