//! The figures behind a rank: the bill, the trend, versions, signals, costs.

use maud::{Markup, html};

use crate::hotspot::{CAP, DayTerm, PersonTerm, TrendWord, VersionLine, Why, signal_points};
use crate::index::WhyAnswer;
use crate::page::frame::Visit;
use crate::page::{WHY, chart, tell, text};
use crate::words::{ago, day, human, minutes, number, plural, rule, sentences};

/// Days that are told one by one, of all people together, and of one at least: the latest. Those before
/// them are added up.
const DAYS: usize = 300;
const DAYS_OF_ONE: usize = 6;
/// Letters of a rule.
const RULE: usize = 200;

/// What each person adds, summing up to the pain.
pub(super) fn bill(why: &Why) -> Markup {
    html! {
        section.wide {
            h2 { "What it is made of" }
            p.dim { (rule(why.window)) }
            div.scroll tabindex="0" role="region" aria-label="What each person adds" {
                table {
                    thead { tr { th { "person" } th { "what they met" } th.figure { "counts" } } }
                    tbody { @for term in &why.people { (person(term, why)) } }
                    tfoot { tr {
                        th colspan="2" { "pain, of " (plural(why.figures.people.into(), "person", "people")) }
                        td.figure { b { (number(why.figures.pain)) } }
                    } }
                }
            }
        }
    }
}

fn person(term: &PersonTerm, why: &Why) -> Markup {
    let worst =
        |term: &DayTerm| term.worst.strip_suffix(" report").unwrap_or(&term.worst).to_owned();
    // One earlier day takes no more room than saying that there is one.
    let most = (DAYS / why.people.len().max(1)).max(DAYS_OF_ONE);
    let earlier = term.days.len().saturating_sub(most);
    let (earlier, days) = term.days.split_at(if earlier == 1 { 0 } else { earlier });
    html! {
        tr {
            th scope="row" { bdi { (text::harmless(&term.person)) } }
            td.dim {
                @if !earlier.is_empty() {
                    @let points = earlier.iter().map(|met| u64::from(met.points)).sum();
                    i { (number(earlier.len() as u64)) " earlier days " b { (number(points)) } } " + "
                }
                @for (at, met) in days.iter().enumerate() {
                    @if at != 0 { " + " }
                    i { (day(met.day, why.window.until)) " " (worst(met)) " " b { (met.points) } }
                }
                @if 1 < term.days.len() || term.counted < term.sum { " =\u{a0}" i { (number(term.sum)) } }
                @if term.counted < term.sum { ", nobody counts for more than " (CAP) }
            }
            td.figure { (number(term.counted)) }
        }
    }
}

/// Whether it is getting worse, and how we know.
pub(super) fn trend(why: &Why) -> Markup {
    let Some(row) = &why.hotspot else { return html! {} };
    let (class, _, word) = tell::trend(row.trend.word);
    let is_tested =
        matches!(row.trend.word, TrendWord::Worse | TrendWord::Better | TrendWord::Unclear);
    html! {
        section {
            h2 { "Trend" " " span class={ "trend " (class) } { (word) } }
            @for sentence in sentences(row, |day| ago(day, why.window.until)) { p { (sentence) } }
            @if is_tested { p.dim { (crate::words::TEST) } }
        }
    }
}

/// The same figures by version, side by side.
pub(super) fn versions(visit: &Visit, why: &Why) -> Markup {
    if why.versions.iter().all(|line| line.version.is_none()) {
        return html! {};
    }
    let most = why.versions.iter().map(|line| line.figures.pain).max().unwrap_or(0);
    let here = visit.address.at(WHY).with("place", why.place.as_str());
    html! {
        section {
            h2 { "By version" }
            p.dim { "Each on its own, so they need not add up." }
            table.bars {
                thead { tr { th { "version" } th.figure { "pain" } th { span.hidden { "as a bar" } } th.figure { "people" } th.figure { "reports" } th.late { "seen" } } }
                tbody {
                    @for line in &why.versions {
                        tr {
                            th scope="row" {
                                @if let Some(version) = &line.version { a href=(here.with("version", version)) { (text::line(version, 24)) } }
                                @else { "(not said)" }
                            }
                            td.figure { b { (number(line.figures.pain)) } }
                            td.drawn { (chart::bar(line.figures.pain, most)) }
                            td.figure { (number(line.figures.people.into())) }
                            td.figure { (number(line.reports)) }
                            td.late { (met(line, why)) }
                        }
                    }
                }
            }
        }
    }
}

fn met(line: &VersionLine, why: &Why) -> String {
    let day = |at| day(at, why.window.until);
    match (line.first_day, line.last_day) {
        (Some(first), Some(last)) if first != last => format!("{} – {}", day(first), day(last)),
        (Some(at), _) | (None, Some(at)) => day(at),
        (None, None) => String::new(),
    }
}

/// What was noticed and not said, apart.
pub(super) fn signals(answer: &WhyAnswer) -> Markup {
    let why = &answer.why;
    if why.signals.is_empty() && why.dismissed == 0 {
        return html! {};
    }
    html! {
        section {
            h2 { "Signals" }
            p.dim { "Noticed by a rule, not said by a person; counted apart." }
            ul.plain {
                @for (name, count) in &why.signals {
                    li {
                        b { (number((*count).into())) } " " (human(*name))
                        span.dim {
                            ", " (plural(signal_points(*name).into(), "point", "points")) " a person and day"
                            @if let Some(rule) = answer.rules.get(name) { ": " (text::line(rule, RULE)) }
                        }
                    }
                }
                @if why.dismissed != 0 {
                    li.dim { (number(why.dismissed.into())) " more are no friction, as somebody decided" }
                }
            }
        }
    }
}

/// Minutes, and how often using it hurts.
pub(super) fn cost(why: &Why) -> Markup {
    if why.lost_minutes == 0 && why.uses == 0 {
        return html! {};
    }
    html! {
        section {
            h2 { "What it costs" }
            @if why.lost_minutes != 0 { p { b { (minutes(why.lost_minutes)) } " lost, as people told it." } }
            @if let Some(rate) = &why.hurt_per_use {
                p { (crate::words::rate(rate)) "." }
                (chart::interval(rate.low, rate.rate, rate.high))
                p.dim { "The interval is the 95 % one, and no rank depends on it." }
            } @else if why.uses != 0 {
                p { (crate::words::no_rate(why)) }
            }
        }
    }
}
