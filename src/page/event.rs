//! One event: what was said, and everything that is stored of it.

use maud::{Markup, html};

use super::frame::{Visit, frame};
use super::{RECORD, WHY, text};
use crate::event::{Event, Word};
use crate::words::{exactly, human, id_tail, minutes};

/// One event, whole.
#[must_use]
pub fn event(visit: &Visit, event: &Event, is_retracted: bool) -> String {
    let title = format!("Event …{}", id_tail(event.id));
    let place = event.place.as_str();
    let view = html! {
        h1 { (title) }
        p.lead {
            a href=(visit.address.at(WHY).with("place", place)) { (place) } " · " (facts(event))
        }
        @if is_retracted { p.fault { "It was taken back and counts nowhere." } }
        (said(event))
        h2 { "As it is stored" }
        pre.raw { (text::harmless(&raw(event))) }
        p { a.button href=(visit.address.at(RECORD).with("place", place)) { "It happened to me too" } }
    };
    frame(visit, &title, &view)
}

/// What it was, in words.
pub(super) fn facts(event: &Event) -> String {
    let mut facts = vec![event.class.word().to_owned()];
    facts.extend(event.signal.as_ref().map(|signal| human(signal.name)));
    facts.extend(event.kind.map(human));
    facts.extend(event.severity.map(human));
    facts.extend(event.feeling.map(human));
    facts.extend(event.outcome.map(human));
    facts.extend(event.lost_minutes.map(|lost| format!("{} lost", minutes(lost.into()))));
    facts.extend(event.version.clone().map(|version| text::harmless(&version)));
    facts.join(" · ")
}

fn said(event: &Event) -> Markup {
    let words = [
        ("happened", &event.note),
        ("expected", &event.expected),
        ("got", &event.got),
        ("way round", &event.workaround),
        ("task", &event.task),
    ];
    html! {
        dl.said-all {
            @for (name, words) in words {
                @if let Some(words) = words { dt { (name) } dd { (text::whole(words)) } }
            }
            dt { "when" } dd { (exactly(event.at)) @if event.at_clamped { " (its clock was ahead)" } }
            dt { "who" } dd { bdi { (text::harmless(&event.person)) } @if !event.person_verified { " (unverified)" } ", by " (event.source.word()) }
        }
    }
}

fn raw(event: &Event) -> String {
    serde_json::to_string_pretty(event).unwrap_or_default()
}
