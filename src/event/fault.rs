//! What was wrong with a draft, in words that say what to change.

use std::fmt;

use serde::Serialize;

/// One fault of a draft.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A JSON pointer (RFC 6901) to the field; empty for the draft as a whole.
    pub pointer: String,
    /// What is wrong and what to write instead.
    pub detail: String,
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

/// The candidate that `text` was probably meant to be, if one is near enough.
///
/// Near is a Jaro-Winkler similarity of at least 0.8, or a common beginning of three letters.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_few(text, candidates, 1).pop()
}

/// Up to `most` candidates that `text` may be meant to be, the nearest first.
pub fn nearest_few<'a>(
    text: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let text = text.to_lowercase();
    let score = |candidate: &str| {
        let begins = 3 <= text.len() && candidate.starts_with(&text);
        if begins { 1.0 } else { strsim::jaro_winkler(&text, candidate) }
    };
    let mut near: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|candidate| (score(candidate), candidate))
        .filter(|(score, _)| 0.8 <= *score)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    near.into_iter().take(most).map(|(_, candidate)| candidate).collect()
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

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let words = ["cosmetic", "minor", "major", "blocker"];
        assert_eq!(nearest("Blocking", words), Some("blocker"));
        assert_eq!(nearest("mnior", words), Some("minor"));
        assert_eq!(nearest("cos", words), Some("cosmetic"));
        assert_eq!(nearest("terrible", words), None);
        assert_eq!(nearest("", words), None);
    }
}
