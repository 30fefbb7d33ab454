//! Requests answered, counted by route, method and status.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hyper::{Method, StatusCode};

/// What a request is counted under. There are as many as routes, methods and statuses: what a
/// stranger writes into a path or for a method makes no new one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Label {
    /// The route's path as the router has it, `/v1/events/{id}`; [`NONE`] where the request never
    /// got to one.
    pub(super) route: &'static str,
    pub(super) method: &'static str,
    pub(super) code: u16,
}

/// The route of what has none.
pub(super) const NONE: &str = "none";
/// The method of what has none that HTTP knows.
const OTHER: &str = "other";

/// The counts since the start.
#[derive(Debug, Default)]
pub(super) struct Requests(Mutex<BTreeMap<Label, u64>>);

impl Requests {
    /// Counts an answer.
    pub(super) fn count(&self, route: &'static str, method: &Method, code: StatusCode) {
        let label = Label { route, method: known(method), code: code.as_u16() };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(label).or_default() += 1;
    }

    /// All counts.
    pub(super) fn read(&self) -> BTreeMap<Label, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER)
}
