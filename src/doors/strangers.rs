//! Pages that are refused because the configuration does not name their origin.
//!
//! Such a page cannot read why it is refused, and its person sees nothing of it: so the owner is told in
//! the log, of each origin once. Anybody can name origins, so only a page that has a good key is told of,
//! and no more than a few.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use hyper::header::{self, HeaderMap};

/// The most origins that are told of until the next start.
const MOST_TOLD: usize = 16;
/// The longest origin that is told of, in bytes: a host has at most 253.
const LONGEST: usize = 280;

/// The origins that were told of.
#[derive(Debug, Default)]
pub struct Strangers {
    told: Mutex<BTreeSet<String>>,
}

impl Strangers {
    /// Tells the owner that a page with a good key was refused.
    pub fn tell(&self, headers: &HeaderMap) {
        let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        if let Some(origin) = origin.filter(|origin| self.is_new(origin)) {
            tracing::warn!(
                ?origin,
                "a page with a good key is refused, because `origins` does not name where it is from: add it, if it is yours"
            );
        }
    }

    fn is_new(&self, origin: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fit = (1..=LONGEST).contains(&origin.len()) && told.len() < MOST_TOLD;
        is_fit && told.insert(origin.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_origin_is_told_of_once_and_few_are() {
        let strangers = Strangers::default();
        assert!(!strangers.is_new("") && !strangers.is_new(&"x".repeat(LONGEST + 1)));
        let told = (0..2 * MOST_TOLD).flat_map(|number| [number; 2]);
        let told = told.filter(|number| strangers.is_new(&format!("https://{number}.example")));
        assert_eq!(told.collect::<Vec<_>>(), (0..MOST_TOLD).collect::<Vec<_>>());
    }
}
