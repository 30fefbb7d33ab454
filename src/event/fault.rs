//! What was wrong with a draft, in words that say what to change.

use std::fmt;

use serde::Serialize;

use super::{MAX_NAME, Place};

/// One fault of a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A JSON pointer (RFC 6901) to the field; empty for the draft as a whole.
    pub pointer: String,
    /// What is wrong and what to write instead.
    pub detail: String,
    /// Of a text that is too long, the bytes that are too many; else 0.
    #[serde(skip)]
    pub over: usize,
}

impl Fault {
    /// A fault of anything but a length.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into(), over: 0 }
    }
}

/// Why a draft was turned away: every fault it has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Rejection {
    /// The faults, in the order of the fields; at least one.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.faults.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{}", fault.detail)?;
        }
        Ok(())
    }
}

/// What people write who have not read our lists, and the word of ours that says it.
const MEANT: [(&str, &[&str]); 13] = [
    ("abandoned", &["gave-up", "gave up", "quit", "left"]),
    ("retried", &["tried-again", "tried again", "repeated"]),
    ("frustrated", &["annoyed", "angry", "irritated", "mad"]),
    ("delighted", &["happy", "glad", "pleased"]),
    ("confused", &["puzzled", "lost"]),
    ("anxious", &["worried", "nervous", "scared"]),
    ("calm", &["fine", "ok", "neutral"]),
    ("error", &["bug", "broken", "crash", "failure"]),
    ("no-response", &["hang", "frozen", "stuck"]),
    ("confusing", &["unclear"]),
    ("tedious", &["boring", "repetitive"]),
    ("cosmetic", &["trivial"]),
    ("blocker", &["critical", "fatal"]),
];

/// The candidate that `text` was probably meant to be, if one is near enough.
///
/// Near is another word for it, a Jaro-Winkler similarity of at least 0.8, a common beginning of
/// three letters, or one slip of the fingers in them.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes as long as both are, multiplied.
    if MAX_NAME < text.len() {
        return None;
    }
    let text = text.to_lowercase();
    let meant = MEANT.iter().find(|(_, others)| others.contains(&text.as_str()));
    let meant = meant.map(|(word, _)| *word);
    let score = |candidate: &str| {
        let is_long = 3 <= text.len();
        if meant == Some(candidate) {
            2.0
        } else if is_long && candidate.starts_with(&text) {
            1.0
        } else if is_long && strsim::damerau_levenshtein(&text, candidate) == 1 {
            // A slip of the fingers: `lgo`.
            0.95
        } else {
            strsim::jaro_winkler(&text, candidate)
        }
    };
    candidates
        .into_iter()
        .map(|candidate| (score(candidate), candidate))
        .filter(|(score, _)| 0.8 <= *score)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, candidate)| candidate)
}

/// Up to `most` places that `place` may be a misspelling of, the nearest first: at least two
/// letters in three are the same and in order, so that two places of one product are not yet near.
/// Where very many are alike, only some of them are compared.
pub fn nearest_places<'a>(
    place: &Place,
    places: impl IntoIterator<Item = &'a Place>,
    most: usize,
) -> Vec<&'a str> {
    // Comparing takes as long as both are, multiplied.
    if LONGEST_COMPARED < place.as_str().len() {
        return Vec::new();
    }
    let likeness = |other: &str| strsim::normalized_damerau_levenshtein(place.as_str(), other);
    let mut near: Vec<(f64, &str)> = places
        .into_iter()
        .filter(|other| *other != place && may_be_near(place.as_str(), other.as_str()))
        .take(MOST_COMPARED)
        .map(|other| (likeness(other.as_str()), other.as_str()))
        .filter(|(likeness, _)| NEAR <= *likeness)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.into_iter().take(most).map(|(_, place)| place).collect()
}

/// The longest place that others are compared with.
const LONGEST_COMPARED: usize = 128;
/// How many of those that may be near are compared.
const MOST_COMPARED: usize = 500;

/// How alike near places are: 1 is the same.
const NEAR: f64 = 0.65;

/// Whether two places have enough letters in common to be near, in whatever order: a quick look, that
/// passes over most places of a large company.
fn may_be_near(place: &str, other: &str) -> bool {
    let mut more = [0_i32; 256];
    place.bytes().for_each(|letter| more[usize::from(letter)] += 1);
    other.bytes().for_each(|letter| more[usize::from(letter)] -= 1);
    let lacking: u32 = more.iter().map(|more| more.min(&0).unsigned_abs()).sum();
    let extra: u32 = more.iter().map(|more| more.max(&0).unsigned_abs()).sum();
    let longest = u32::try_from(place.len().max(other.len())).unwrap_or(u32::MAX);
    NEAR <= 1.0 - f64::from(lacking.max(extra)) / f64::from(longest)
}

/// `: did you mean ...?`, or nothing where no candidate is near.
pub(super) fn did_you_mean(text: &str, candidates: &[&str]) -> String {
    match nearest(text, candidates.iter().copied()) {
        Some(candidate) => format!(": did you mean `{candidate}`?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Feeling, Kind, Outcome, Severity, Word};

    #[test]
    fn near_places_are_misspellings_not_neighbours() {
        let places =
            ["web/checkout/pay", "web/cart", "cli/deploy"].map(|p| Place::parse(p).unwrap());
        let near = |text: &str| nearest_places(&Place::parse(text).unwrap(), &places, 3);
        assert_eq!(near("web/chekout/pay"), ["web/checkout/pay"]);
        assert_eq!(near("web/chekout"), ["web/checkout/pay"]);
        assert!(near("web/search").is_empty() && near("web/cart").is_empty());
    }

    #[test]
    fn as_much_is_compared_as_takes_no_time() {
        let place = |text: String| Place::parse(&text).unwrap();
        let long = ["a".repeat(60), "b".repeat(60), "c".repeat(60)].join("/");
        let near = [place(format!("{long}x"))];
        assert!(nearest_places(&place(long), &near, 3).is_empty());
        let many: Vec<_> = (0..3000).map(|n| place(format!("web/checkout{n}"))).collect();
        let near = nearest_places(&many[0], &many, usize::MAX).len();
        assert!(0 < near && near <= MOST_COMPARED, "{near}");
    }

    proptest::proptest! {
        #[test]
        fn no_near_place_is_passed_over(place in "[a-c/]{1,12}", other in "[a-c/]{1,12}") {
            let is_near = NEAR <= strsim::normalized_damerau_levenshtein(&place, &other);
            proptest::prop_assert!(!is_near || may_be_near(&place, &other));
        }
    }

    #[test]
    fn a_word_that_is_meant_is_one_of_ours() {
        let ours = [Outcome::WORDS, Feeling::WORDS, Kind::WORDS, Severity::WORDS].concat();
        for (word, others) in MEANT {
            assert!(ours.contains(&word), "{word}");
            assert!(others.iter().all(|other| !ours.contains(other)), "{word}: {others:?}");
        }
    }

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let words = ["cosmetic", "minor", "major", "blocker"];
        assert_eq!(nearest("Blocking", words), Some("blocker"));
        assert_eq!(nearest("mnior", words), Some("minor"));
        assert_eq!(nearest("cos", words), Some("cosmetic"));
        assert_eq!(nearest("terrible", words), None);
        assert_eq!(nearest("Critical", words), Some("blocker"));
        assert_eq!(nearest("gave-up", ["switched", "abandoned"]), Some("abandoned"));
        assert_eq!(nearest("gave-up", words), None);
        assert_eq!(nearest("", words), None);
    }
}
