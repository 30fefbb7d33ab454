//! Entity tags: whether an answer has changed, told without making it.

use hyper::header::{self, HeaderMap, HeaderValue};
use jiff::Timestamp;

use crate::hotspot::Question;
use crate::index::Position;

/// A tag of everything a ranking is made of: the index as far as it had got, the question with its
/// days, this version of snagd. Read the position before the ranking is made: then what is tagged
/// is never older than its tag says.
///
/// The daemon's start is part of it, because only within one run does a position say for certain
/// what lies before it: damage found at a start, or another store, may give the same one.
///
/// It is weak (RFC 9110, section 8.8.1), so that it holds however the answer is packed.
pub(super) fn of_ranking(
    started_at: Timestamp,
    position: Position,
    question: &Question,
    top: usize,
) -> HeaderValue {
    let version = env!("CARGO_PKG_VERSION");
    let made_of = format!("{version} {started_at} {position:?} {question:?} {top}");
    let hash = blake3::hash(made_of.as_bytes()).to_hex();
    HeaderValue::from_str(&format!("W/\"{}\"", &hash[..32]))
        .unwrap_or(HeaderValue::from_static("W/\"\""))
}

/// Whether the client says that it has what the tag stands for.
pub(super) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(own) = tag.to_str().map(opaque) else { return false };
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = values.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    tags.any(|tag| tag.trim() == "*" || opaque(tag) == own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Day;
    use crate::hotspot::Window;

    #[test]
    fn whatever_may_change_the_ranking_changes_the_tag() {
        let start: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let position = Position { sequence: 7, batch: 3 };
        let question = Question::over(Window::ending(Day(1000), 28));
        let of = |question: &Question| of_ranking(start, position, question, 20);
        let tag = of(&question);
        assert_eq!(tag, of(&question.clone()));
        let others = [
            of_ranking("2026-11-20T12:00:01Z".parse().unwrap(), position, &question, 20),
            of_ranking(start, Position { sequence: 8, ..position }, &question, 20),
            of_ranking(start, Position { batch: 4, ..position }, &question, 20),
            of_ranking(start, position, &question, 21),
            // Midnight passed.
            of(&Question::over(Window::ending(Day(1001), 28))),
            of(&Question { person: Some("ana".to_owned()), ..question.clone() }),
            of(&Question { version: Some("ana".to_owned()), ..question }),
        ];
        assert!(others.iter().all(|other| *other != tag), "{others:?}");
    }

    #[test]
    fn a_client_may_name_many_tags_and_any_strength() {
        let tag = HeaderValue::from_static("W/\"ab\"");
        let knows = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            }
            is_known(&headers, &tag)
        };
        assert!(knows(&["W/\"ab\""]) && knows(&["\"ab\""]) && knows(&["*"]));
        assert!(knows(&["\"x\", W/\"ab\" "]) && knows(&["\"x\"", "\"ab\""]));
        assert!(!knows(&[]) && !knows(&[""]) && !knows(&["ab"]) && !knows(&["\"abc\", \"a\""]));
    }
}
