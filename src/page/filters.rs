//! The filters of a view: what is asked, in a form that puts it into the address.

use maud::{Markup, html};

use super::Address;
use super::frame::Visit;
use crate::event::{Actor, Class, Kind, Word};
use crate::hotspot::{By, Sort, Window};
use crate::words::{human, window as days};

/// Windows offered as links; the first is what is shown unless said.
pub(super) type Windows = [(&'static str, &'static str)];
/// Those of a ranking.
pub(super) const RANKED: &Windows =
    &[("28d", "28 days"), ("7d", "7 days"), ("90d", "90 days"), ("365d", "a year")];
/// The days of the longest of them, and what it is asked by.
const LONGEST: (usize, &str) = (365, "365d");
/// What has a field of its own in the form.
const FIELDS: [&str; 13] = [
    "since", "until", "under", "kind", "version", "person", "actor", "class", "by", "sort", "top",
    "depth", "flat",
];

/// The window, what else is asked, and a form to ask something else; `has_by` where rows may stand
/// for something else than places.
pub(super) fn filters(visit: &Visit, windows: &Windows, window: Window, has_by: bool) -> Markup {
    let address = &visit.address;
    let asked = address.pairs().filter(|(name, _)| !["since", "place"].contains(name));
    html! {
        section.filters aria-label="What is asked" {
            div.windows {
                @for (at, (since, name)) in windows.iter().enumerate() {
                    @let is_shown = address.get("since").map_or(at == 0, |said| said == *since);
                    @let link = if at == 0 { address.without("since") } else { address.with("since", since) };
                    a href=(link) aria-current=[is_shown.then_some("true")] { (name) }
                }
            }
            span.span { (days(window)) }
            @for (name, value) in asked {
                a.chip href=(address.without(name)) title="Leave this out" {
                    (name) " " b { bdi { (super::text::harmless(value)) } } span aria-hidden="true" { " ×" }
                }
            }
            details {
                summary { "Filter" }
                (form(address, has_by))
            }
        }
    }
}

/// The same over more days, where fewer were looked at.
pub(super) fn further(address: &Address, window: Window) -> Option<Address> {
    let (days, since) = LONGEST;
    (window.days() < days).then(|| address.with("since", since))
}

fn form(address: &Address, has_by: bool) -> Markup {
    let field = |name, hint| text(address, name, hint);
    html! {
        // What is typed are names of the product, not words of a language.
        form method="get" action=(address.path()) autocomplete="off" autocapitalize="none" spellcheck="false" {
            // Where a ranking is not shown, what only shapes one is passed on unseen.
            @let fields = if has_by { &FIELDS } else { &FIELDS[..8] };
            @for (name, value) in address.pairs().filter(|(name, _)| !fields.contains(name)) {
                input type="hidden" name=(name) value=(value);
            }
            (field("under", "web/checkout"))
            (select(address, "kind", "any", &words(Kind::ALL)))
            (field("version", "1.4.2"))
            (field("person", "ana"))
            (select(address, "actor", &human(Actor::Human), &words(&[Actor::Agent])))
            (select(address, "class", "any", &words(&[Class::Report, Class::Signal])))
            (field("since", "28d or 4w"))
            (field("until", "2026-11-20"))
            @if has_by {
                (select(address, "by", &human(By::Place), &words(&[By::Person, By::Version, By::Kind])))
                (select(address, "sort", Sort::default().word(), &sorts()))
                (field("top", "20"))
                (field("depth", "2"))
                (select(address, "flat", "no", &[("true", "yes".to_owned())]))
            }
            button { "Show" }
        }
    }
}

fn text(address: &Address, name: &str, hint: &str) -> Markup {
    html! {
        label { (name)
            input name=(name) value=[address.get(name)] placeholder=(hint);
        }
    }
}

fn words<W: Word>(words: &[W]) -> Vec<(&'static str, String)> {
    words.iter().map(|word| (word.word(), human(*word))).collect()
}

/// What to sort by, but for what holds where nothing is said.
fn sorts() -> Vec<(&'static str, String)> {
    let words = Sort::ALL.iter().filter(|sort| **sort != Sort::default()).map(|sort| sort.word());
    words.map(|word| (word, word.to_owned())).collect()
}

/// Words to choose from, each with what it is called; `silence` is what holds where none is chosen.
fn select(address: &Address, name: &str, silence: &str, words: &[(&str, String)]) -> Markup {
    let said = address.get(name);
    html! {
        label { (name)
            select name=(name) {
                option value="" { (silence) }
                @for (word, shown) in words {
                    option value=(word) selected[said == Some(*word)] { (shown) }
                }
            }
        }
    }
}
