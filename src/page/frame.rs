//! The frame around every view: head, navigation, news, foot.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::policy::{SCRIPT, STYLE};
use super::{Address, CALENDAR, EVENT, HOME, LIVE, MAP, RECORD, WHY};
use crate::event::Day;
use crate::words::shell;

/// Who looks at what, and when.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The view and what it is asked.
    pub address: Address,
    /// The UTC day it is.
    pub today: Day,
    /// The journal's sequence up to which it shows what is recorded: news is what lies behind.
    pub seen: u64,
    /// How far the index is, like `120000/1000000`, where the view is therefore incomplete.
    pub behind: Option<String>,
}

/// What `snag coverage` is asked.
const COVERED: [&str; 4] = ["since", "until", "under", "actor"];

/// A small stone with a notch, so that no browser asks for an icon.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%23b5400b'/%3E%3Cpath d='M3 11l3-5 2 3 2-5 3 7z' fill='%23fff'/%3E%3C/svg%3E";

/// A view in its frame.
pub(super) fn frame(visit: &Visit, title: &str, view: &Markup) -> String {
    let address = &visit.address;
    let body = html! {
        (header(address))
        @if let Some(behind) = &visit.behind {
            p.behind role="status" {
                "snagd’s index is at " (behind) " of its records and catches up: until then this is incomplete."
            }
        }
        main #main { (view) }
        @if has_news(address) {
            p #news aria-live="polite" data-live=(LIVE) data-after=(visit.seen)
                data-under=[address.get(if address.path() == WHY { "place" } else { "under" })] {}
        }
        (footer(address))
        script { (PreEscaped(SCRIPT.as_str())) }
    };
    document(title, &body)
}

/// Whether a view shows what news would change. What loads the form anew loses what was typed.
fn has_news(address: &Address) -> bool {
    address.path() != RECORD && !address.path().starts_with(EVENT)
}

/// A document around a body.
pub(super) fn document(title: &str, body: &Markup) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · snag" }
                link rel="icon" href=(ICON);
                style { (PreEscaped(STYLE.as_str())) }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (body)
            }
        }
    };
    markup.into_string()
}

fn header(address: &Address) -> Markup {
    let views = [(HOME, "Hotspots"), (MAP, "Map"), (CALENDAR, "Calendar")];
    html! {
        header.top {
            a.brand href=(HOME) { "snag" }
            nav aria-label="Views" {
                @for (path, name) in views {
                    a href=(address.at(path)) aria-current=[(address.path() == path).then_some("page")] { (name) }
                }
            }
            a.tell href=(RECORD) aria-current=[(address.path() == RECORD).then_some("page")] {
                "Record" span.wide { " a friction" }
            }
        }
    }
}

fn footer(address: &Address) -> Markup {
    html! {
        footer {
            p {
                @if address.path() == CALENDAR { "Who used what, in a terminal: " }
                @else { "The same in a terminal: " }
                // A word is broken only where it does not fit a line of its own.
                code { @for word in command(address).split(' ') { span { (word) } " " } }
            }
        }
    }
}

/// What to type for the same view.
fn command(address: &Address) -> String {
    if let Some(id) = address.path().strip_prefix(EVENT) {
        return format!("snag show {}", shell(id));
    }
    let verb = match address.path() {
        WHY => "why",
        CALENDAR => "coverage",
        RECORD => return "snag log web/checkout/pay \"what happened\"".to_owned(),
        _ => "hotspots",
    };
    let taken = address.pairs().filter(|(name, _)| verb != "coverage" || COVERED.contains(name));
    let flags = taken.map(|(name, value)| match name {
        "place" => shell(value),
        "flat" => "--flat".to_owned(),
        _ => format!("--{name} {}", shell(value)),
    });
    let words: Vec<_> = ["snag".to_owned(), verb.to_owned()].into_iter().chain(flags).collect();
    super::text::harmless(&words.join(" "))
}
