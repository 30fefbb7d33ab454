//! What is said instead of a view: that it is locked, or what is wrong.

use maud::{Markup, html};

use super::HOME;
use super::frame::document;

/// Something that could not be shown.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// What happened, in a line.
    pub title: &'a str,
    /// And what to do about it.
    pub detail: &'a str,
}

/// A page that says why there is no view.
#[must_use]
pub fn notice(notice: Notice) -> String {
    let body = html! {
        main.notice #main {
            p.brand { "snag" }
            h1 { (notice.title) }
            p { (told(notice.detail)) }
            p { a.button href=(HOME) { "To the list" } }
        }
    };
    document(notice.title, &body)
}

/// A detail as a sentence of a page: what stands between backticks is to be typed.
fn told(detail: &str) -> Markup {
    let mut safe = super::text::short(detail, 1000);
    if let Some(first) = safe.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    html! {
        bdi {
            @for (at, part) in safe.split('`').enumerate() {
                @if at % 2 == 1 { code { (part) } } @else { (part) }
            }
            @if !safe.ends_with(['.', '?', '…']) { "." }
        }
    }
}

/// A page for whoever has no cookie, or an old one.
#[must_use]
pub fn locked() -> String {
    let body = html! {
        main.notice #main {
            p.brand { "snag" }
            h1 { "This page is locked" }
            p { "What is recorded here is for people of this machine. In a terminal, type" }
            pre { "snag open" }
            p.dim { "and follow the link: it lets this browser in, and is good once." }
            p.dim {
                "Was it let in before? A link on another site does not say so: "
                a href="" { "look again" } "."
            }
        }
    };
    document("Locked", &body)
}
