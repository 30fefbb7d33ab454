//! What people said: what they thought, felt and did, their notes grouped, and the latest events.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::event::{Day, Event, Word};
use crate::hotspot::{NoteGroup, Why};
use crate::index::WhyAnswer;
use crate::page::event::facts;
use crate::page::frame::Visit;
use crate::page::{EVENT, WHY, chart, tell, text};
use crate::words::{ago, count_of_notes, exactly, human, number, plural};

/// Letters of a note, and of another wording of it.
const NOTE: usize = 400;
const WORDING: usize = 140;
/// Groups of notes, and other wordings of one, that are shown.
const MOST_GROUPS: usize = 12;
const MOST_WORDINGS: usize = 3;

/// Counted words under a name.
type Counted = Vec<(String, u32)>;

/// What people thought, felt and did.
pub(super) fn told(why: &Why) -> Markup {
    let said = &why.said;
    let thought = if said.thought == 0 {
        Vec::new()
    } else {
        vec![("said what they expected or got".to_owned(), said.thought)]
    };
    let groups = [
        ("thought", thought),
        ("felt", most_first(&said.felt, human)),
        ("did", most_first(&said.did, human)),
    ];
    counts("What people thought, felt and did", reports(why), &groups)
}

/// What stood in the way, and how bad it was.
pub(super) fn hindered(why: &Why) -> Markup {
    // The worst first, however many there are of it.
    let severities = why.severities.iter().rev();
    let impact = severities.map(|(&word, &count)| (human(word), count)).collect();
    let groups = [("kind", most_first(&why.kinds, tell::kind)), ("impact", impact)];
    counts("What stood in the way", reports(why), &groups)
}

fn reports(why: &Why) -> u64 {
    why.kinds.values().map(|&count| u64::from(count)).sum()
}

fn most_first<W: Word + Ord>(counts: &BTreeMap<W, u32>, name: impl Fn(W) -> String) -> Counted {
    let mut words: Vec<_> = counts.iter().map(|(&word, &count)| (name(word), count)).collect();
    words.sort_by_key(|&(_, count)| Reverse(count));
    words
}

/// Words with their counts as bars, on one scale.
fn counts(title: &str, reports: u64, groups: &[(&str, Counted)]) -> Markup {
    let all = groups.iter().flat_map(|(_, words)| words.iter().map(|&(_, count)| count));
    let Some(most) = all.max() else { return html! {} };
    html! {
        section {
            h2 { (title) }
            p.dim { (plural(reports, "report", "reports")) }
            @for (name, words) in groups.iter().filter(|(_, words)| !words.is_empty()) {
                h3 { (name) }
                ul.counts {
                    @for (word, count) in words {
                        li { span { (word) } (chart::bar((*count).into(), most.into())) b { (number((*count).into())) } }
                    }
                }
            }
        }
    }
}

/// What was said, similar notes together.
pub(super) fn notes(answer: &WhyAnswer) -> Markup {
    let (groups, today) = (&answer.notes, answer.why.window.until);
    if groups.is_empty() {
        return html! {};
    }
    html! {
        section.wide {
            h2 { "In their words" }
            p.dim { (count_of_notes(groups, answer.older_notes)) ", similar ones together" }
            ol.notes {
                @for group in groups.iter().take(MOST_GROUPS) {
                    li {
                        blockquote { (text::line(&group.text, NOTE)) }
                        @for also in group.also.iter().take(MOST_WORDINGS) { p.also { (text::line(also, WORDING)) } }
                        p.dim { (sum(group, today)) }
                    }
                }
            }
            @if MOST_GROUPS < groups.len() { p.dim { "and " (plural((groups.len() - MOST_GROUPS) as u64, "more", "more")) } }
        }
    }
}

fn sum(group: &NoteGroup, today: Day) -> String {
    let mut facts = Vec::new();
    if 1 < group.count {
        let people = plural(group.people as u64, "person", "people");
        facts.push(format!("{} by {people}", plural(group.count as u64, "note", "notes")));
    }
    facts.extend(group.worst.map(human));
    facts.push(format!("last {}", ago(group.last_day, today)));
    facts.join(" · ")
}

/// The latest events here and below, each with a link to all that is stored of it.
pub(super) fn events(visit: &Visit, why: &Why, latest: &[Event]) -> Markup {
    if latest.is_empty() {
        return html! {};
    }
    let above = why.places.iter().filter(|place| !place.is_under(&why.place));
    html! {
        section.wide {
            h2 { "Latest events" }
            ol.events {
                @for event in latest {
                    li {
                        span title=(exactly(event.at)) { (ago(event.day(), why.window.until)) }
                        @let link = format!("{EVENT}{}", event.id);
                        @if let Some(words) = event.words() {
                            a href=(link) { (text::line(words, WORDING)) }
                            i { (facts(event)) }
                        } @else { a href=(link) { (facts(event)) } }
                    }
                }
            }
            @for place in above {
                p.dim {
                    "What was filed at "
                    a href=(visit.address.at(WHY).with("place", place.as_str())) { (place.as_str()) }
                    " is counted here too, and listed there."
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::event::Place;
    use crate::hotspot::{Hotspot, Question, Window, why};
    use crate::page::Address;

    /// What is known of a place in the ten days to `2026-11-10`, ten days ago.
    fn explained() -> WhyAnswer {
        let until = Day::parse("2026-11-10").unwrap();
        let (cells, place) = (BTreeMap::new(), Place::parse("web/a").unwrap());
        let question = Question::over(Window::ending(until, 10));
        let why = why(&question, &place, |_| &cells, &[] as &[Hotspot]);
        let group = json!({"text": "it broke", "count": 400, "people": 3, "worst": "minor", "last_day": "2026-11-09"});
        let notes = vec![serde_json::from_value(group).unwrap()];
        WhyAnswer { v: 1, why, notes, older_notes: true, rules: BTreeMap::new(), lacks: 0 }
    }

    #[test]
    fn notes_that_were_not_read_are_not_denied() {
        let mut answer = explained();
        assert!(notes(&answer).0.contains("the latest 400 notes, similar"));
        answer.older_notes = false;
        assert!(notes(&answer).0.contains(">400 notes, similar"));
    }

    #[test]
    fn a_page_has_one_clock() {
        let answer = explained();
        let today = Day::parse("2026-11-20").unwrap();
        let visit = Visit { address: Address::read(WHY, ""), today, seen: 0, behind: None };
        let event = json!({
            "id": "01938a5e-7c3b-7d4e-9f00-8a1b4be19c07", "class": "report", "at": "2026-11-09T10:00:00Z",
            "received_at": "2026-11-09T10:00:00Z", "place": "web/a", "person": "ana", "note": "it broke",
            "person_verified": true, "actor": "human", "source": "cli",
        });
        let latest = [serde_json::from_value(event).unwrap()];
        let shown = events(&visit, &answer.why, &latest).0;
        assert!(shown.contains(">yesterday<"), "as its notes say: {shown}");
        assert!(notes(&answer).0.contains("last yesterday"));
    }
}
