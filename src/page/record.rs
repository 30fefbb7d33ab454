//! The form: the same event as by any other door, told on a phone as well.
//!
//! Only where and what must be said; the rest is one tap away. A fault stands beside its field.

use maud::{Markup, html};
use uuid::Uuid;

use super::frame::{Visit, frame};
use super::{EVENT, RECORD, WHY, text};
use crate::event::{Event, Fault, Feeling, Kind, Outcome, Place, Severity, Word};
use crate::words::{human, id_tail, plural};

/// What the form holds.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// The id of the event to be, so that a form sent twice records once.
    pub id: Uuid,
    /// Proves that the form is ours.
    pub token: &'a str,
    /// What was said so far, by the names of an event's fields.
    pub said: &'a [(String, String)],
    /// What is wrong with it.
    pub faults: &'a [Fault],
    /// Places to choose from.
    pub places: &'a [Place],
    /// What was recorded just now.
    pub recorded: Option<Recorded<'a>>,
}

/// What was recorded just now.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// The event.
    pub event: &'a Event,
}

/// What the form asks for, by the fields' names; a fault of one stands beside it.
pub const FIELDS: [&str; 11] = [
    "place",
    "note",
    "kind",
    "feeling",
    "outcome",
    "severity",
    "expected",
    "got",
    "workaround",
    "lost_minutes",
    "version",
];

/// The form to tell a friction.
#[must_use]
pub fn record(visit: &Visit, form: &Form) -> String {
    let others =
        form.faults.iter().filter(|fault| !FIELDS.contains(&fault.pointer.trim_start_matches('/')));
    let view = html! {
        h1 { "What got in your way?" }
        @if let Some(recorded) = form.recorded { (done(visit, recorded)) }
        @for fault in others { p.fault role="alert" { (text::line(&fault.detail, 400)) } }
        form.record method="post" action=(RECORD) {
            input type="hidden" name="token" value=(form.token);
            input type="hidden" name="id" value=(form.id);
            (input(form, "place", "Where?", "web/checkout/pay", true))
            datalist #places { @for place in form.places { option value=(place.as_str()) {} } }
            (area(form, "note", "What happened, in your own words?", 3))
            (words::<Kind>(form, "kind", "What stood in the way?", "unexpected, unless you say"))
            (words::<Feeling>(form, "feeling", "How did it feel?", "rather not say"))
            (words::<Outcome>(form, "outcome", "What did you do?", "rather not say"))
            details open[form.faults.iter().any(|fault| FIELDS[5..].contains(&fault.pointer.trim_start_matches('/')))] {
                summary { "More, if you like" }
                div.more {
                    (area(form, "expected", "What did you expect?", 2))
                    (area(form, "got", "What came instead?", 2))
                    (area(form, "workaround", "Is there a way round it?", 2))
                    (words::<Severity>(form, "severity", "How bad was it?", "by what you did"))
                    (input(form, "lost_minutes", "Minutes it cost", "15", false))
                    (input(form, "version", "Version of the product", "1.4.2", false))
                }
            }
            button.big { "Record" }
        }
    };
    frame(visit, "Record", &view)
}

fn done(visit: &Visit, recorded: Recorded) -> Markup {
    let event = recorded.event;
    let why = visit.address.at(WHY).with("place", event.place.as_str());
    html! {
        p.done role="status" {
            "Recorded at " a href=(why) { (event.place.as_str()) } ", "
            a href={ (EVENT) (event.id) } { "…" (id_tail(event.id)) }
            ". To take it back within the hour: " code { "snag undo " (id_tail(event.id)) }
        }
    }
}

impl Form<'_> {
    fn said(&self, name: &str) -> Option<&str> {
        let said = self.said.iter().find(|(field, _)| field == name);
        said.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The first field with a fault: where to go on.
    fn first_fault(&self) -> Option<&str> {
        FIELDS.into_iter().find(|name| self.fault(name).is_some())
    }

    fn fault(&self, name: &str) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.pointer.trim_start_matches('/') == name)
    }
}

/// A labelled field, and what is wrong with it.
fn field(form: &Form, name: &str, label: &str, control: &Markup) -> Markup {
    html! {
        div.field.wrong[form.fault(name).is_some()] {
            label for=(name) { (label) }
            (control)
            @if let Some(fault) = form.fault(name) {
                p.fault id={ (name) "-fault" } role="alert" { (text::line(&told(form, name, fault), 400)) }
            }
        }
    }
}

/// What is wrong with a field, to somebody who fills a form rather than writes JSON.
fn told(form: &Form, name: &str, fault: &Fault) -> String {
    let is_empty = form.said(name).is_none_or(|said| said.trim().is_empty());
    let what = match name {
        "place" if is_empty => return "Say where it happened, like web/checkout/pay.".to_owned(),
        "note" if is_empty => {
            return "Say what happened; or, under “More, if you like”, what you expected and what came instead."
                .to_owned();
        }
        _ if fault.over != 0 => {
            return too_long(form.said(name).unwrap_or_default(), name, fault.over);
        }
        "lost_minutes" => return "Write a whole number of minutes, like 15.".to_owned(),
        "kind" | "feeling" | "outcome" | "severity" => return "Choose one of the list.".to_owned(),
        name => noun(name),
    };
    let detail = fault.detail.replacen(&format!("`{name}`"), what, 1);
    let parts = detail.split('`').enumerate();
    let said: String = parts
        .map(|(at, part)| if at % 2 == 1 { format!("“{part}”") } else { part.to_owned() })
        .collect();
    format!("{said}.")
}

fn noun(name: &str) -> &'static str {
    match name {
        "place" => "The place",
        "version" => "The version",
        _ => "This text",
    }
}

/// How many letters are too many, counted from the end: there are more bytes than letters.
fn too_long(said: &str, name: &str, over: usize) -> String {
    let mut left = over;
    let letters = said.trim_end().chars().rev().filter(|letter| *letter != '\r');
    let count = letters.take_while(|letter| {
        let is_over = left != 0;
        left = left.saturating_sub(letter.len_utf8());
        is_over
    });
    let about = if said.is_ascii() { "" } else { "about " };
    let letters = plural(count.count() as u64, "character", "characters");
    format!("{} is {about}{letters} too long: shorten it.", noun(name))
}

fn described(form: &Form, name: &str) -> Option<String> {
    form.fault(name).map(|_| format!("{name}-fault"))
}

fn input(form: &Form, name: &str, label: &str, hint: &str, is_place: bool) -> Markup {
    let control = html! {
        input id=(name) name=(name) value=[form.said(name)] placeholder=(hint) required[is_place]
            list=[is_place.then_some("places")] inputmode=[(name == "lost_minutes").then_some("numeric")]
            autocomplete="off" autocapitalize="none" spellcheck="false"
            aria-invalid=[form.fault(name).map(|_| "true")] aria-describedby=[described(form, name)] autofocus[form.first_fault() == Some(name)];
    };
    field(form, name, label, &control)
}

fn area(form: &Form, name: &str, label: &str, rows: u8) -> Markup {
    let control = html! {
        textarea id=(name) name=(name) rows=(rows)
            aria-invalid=[form.fault(name).map(|_| "true")] aria-describedby=[described(form, name)] autofocus[form.first_fault() == Some(name)] {
            (form.said(name).unwrap_or_default())
        }
    };
    field(form, name, label, &control)
}

fn words<W: Word>(form: &Form, name: &str, label: &str, silence: &str) -> Markup {
    let said = form.said(name);
    let control = html! {
        select id=(name) name=(name)
            aria-invalid=[form.fault(name).map(|_| "true")] aria-describedby=[described(form, name)] autofocus[form.first_fault() == Some(name)] {
            option value="" { (silence) }
            @for word in W::ALL {
                option value=(word.word()) selected[said == Some(word.word())] { (human(*word)) }
            }
        }
    };
    field(form, name, label, &control)
}
