//! What is said instead of a view: that it is locked, or what is wrong.

use maud::html;

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
            p { (super::text::line(notice.detail, 1000)) }
            p { a.button href=(HOME) { "To the list" } }
        }
    };
    document(notice.title, &body)
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
        }
    };
    document("Locked", &body)
}
