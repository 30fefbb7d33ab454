//! Places: paths through the product, like `web/checkout/pay`.
//!
//! A place is 1 to 8 segments of `a-z0-9._-`; the first is the product or surface. What people
//! and programs write is normalised so that one place has one name: lower case, spaces to `-`,
//! doubled and outer slashes dropped, and whatever varies from one visit to the next (`:id`,
//! `{id}`, numbers, UUIDs) to `_`.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, Visitor};

/// A normalised place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(Arc<str>);

/// The most segments a place has.
pub const MAX_SEGMENTS: usize = 8;
/// The longest segment, in bytes.
pub const MAX_SEGMENT: usize = 64;

/// Why a place was refused. Each message says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Nothing was left after normalising.
    #[error("is empty: name where it happened, like `web/checkout/pay`")]
    Empty,
    /// Too deep.
    #[error(
        "has {0} segments, at most {MAX_SEGMENTS} are kept: name the screen or command, not the whole path"
    )]
    TooDeep(usize),
    /// One segment is too long.
    #[error("has a segment of {0} characters, at most {MAX_SEGMENT} are kept: shorten it")]
    TooLong(usize),
    /// `.` or `..`.
    #[error("contains `{0}`: write the place from its first segment, like `web/checkout/pay`")]
    Relative(String),
    /// A character outside `a-z0-9._-`.
    #[error(
        "contains {0:?}: only letters a-z, digits, `.`, `_` and `-` are kept, with `/` between segments, like `web/checkout/pay`"
    )]
    Character(char),
}

impl Place {
    /// Normalises what somebody wrote.
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        Ok(Self(if is_plainly_normal(text) { text.into() } else { normalised(text)?.into() }))
    }

    /// Stands in for a place that could not be read, in an event that is about to be rejected.
    pub(super) fn nowhere() -> Self {
        Self("_".into())
    }

    /// The place as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many segments it has.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.split('/').count()
    }

    /// The place one segment up; none for a first segment.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// The place cut to its first `depth` segments (at least one).
    #[must_use]
    pub fn cut(&self, depth: usize) -> Self {
        match self.0.match_indices('/').nth(depth.max(1) - 1) {
            Some((end, _)) => Self(self.0[..end].into()),
            None => self.clone(),
        }
    }

    /// Whether this is `above` or lies below it.
    #[must_use]
    pub fn is_under(&self, above: &Self) -> bool {
        self.0
            .strip_prefix(above.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Whether normalising changes nothing, as far as a quick look tells: most places come as they are kept.
fn is_plainly_normal(text: &str) -> bool {
    let mut count = 0;
    let is_plain = |segment: &[u8]| {
        count += 1;
        let is_kept = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        let (is_kept, has_letter) = segment.iter().fold((true, false), |(kept, letter), byte| {
            (kept & is_kept(byte), letter | byte.is_ascii_lowercase())
        });
        // A UUID has 32 digits.
        is_kept && has_letter && segment.len() < 32
    };
    text.as_bytes().split(|byte| *byte == b'/').all(is_plain) && count <= MAX_SEGMENTS
}

fn normalised(text: &str) -> Result<String, PlaceError> {
    let mut normal = String::with_capacity(text.len());
    let mut count = 0;
    for segment in text.trim().split('/').map(str::trim).filter(|s| !s.is_empty()) {
        if 0 < count {
            normal.push('/');
        }
        count += 1;
        push_segment(segment, &mut normal)?;
    }
    match count {
        0 => Err(PlaceError::Empty),
        1..=MAX_SEGMENTS => Ok(normal),
        _ => Err(PlaceError::TooDeep(count)),
    }
}

fn push_segment(segment: &str, normal: &mut String) -> Result<(), PlaceError> {
    if segment == "." || segment == ".." {
        return Err(PlaceError::Relative(segment.to_owned()));
    }
    if is_variable(segment) {
        normal.push('_');
        return Ok(());
    }
    let length = segment.chars().count();
    if MAX_SEGMENT < length {
        return Err(PlaceError::TooLong(length));
    }
    let start = normal.len();
    for letter in segment.chars() {
        normal.push(match letter.to_ascii_lowercase() {
            kept @ ('a'..='z' | '0'..='9' | '.' | '_' | '-') => kept,
            ' ' => '-',
            _ => return Err(PlaceError::Character(letter)),
        });
    }
    // With blanks where its dashes are, it is one of many only now.
    if is_variable(&normal[start..]) {
        normal.truncate(start);
        normal.push('_');
    }
    Ok(())
}

/// Whether a segment names one of many: `:id`, `{id}`, a number, a UUID.
fn is_variable(segment: &str) -> bool {
    let is_uuid = matches!(segment.len(), 32 | 36) && uuid::Uuid::try_parse(segment).is_ok();
    is_uuid
        || segment.bytes().all(|byte| byte.is_ascii_digit())
        || (segment.starts_with(':') && 1 < segment.len())
        || (segment.starts_with('{') && segment.ends_with('}') && 2 < segment.len())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Borrow<str> for Place {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl serde::Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Place {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Written)
    }
}

/// Reads a place.
struct Written;

impl Visitor<'_> for Written {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a place, as text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Place, E> {
        Place::parse(text).map_err(|error| E::custom(format!("place {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        Place::parse(text).unwrap().to_string()
    }

    #[test]
    fn one_place_has_one_name() {
        assert_eq!(normal("web/checkout/pay"), "web/checkout/pay");
        assert_eq!(normal(" /Web//Check Out/pay/ "), "web/check-out/pay");
        assert_eq!(normal("/users/:id/orders/{order}/42"), "users/_/orders/_/_");
        assert_eq!(normal("api/7f9c24e8-3b12-4f6a-9d1e-0a4be19c0700"), "api/_");
        assert_eq!(normal("api/7F9C24E8 3b12 4f6a-9d1e 0a4be19c0700/x"), "api/_/x");
        assert_eq!(normal("v2/1.4.3"), "v2/1.4.3");
    }

    #[test]
    fn what_is_no_place_says_what_to_write() {
        let error = |text: &str| Place::parse(text).unwrap_err();
        assert_eq!(error(" // "), PlaceError::Empty);
        assert_eq!(error("web/../etc"), PlaceError::Relative("..".to_owned()));
        assert_eq!(error("web/é"), PlaceError::Character('é'));
        assert_eq!(error("web/a\u{202e}b"), PlaceError::Character('\u{202e}'));
        assert_eq!(error("a/b/c/d/e/f/g/h/i"), PlaceError::TooDeep(9));
        assert_eq!(error(&"x".repeat(65)), PlaceError::TooLong(65));
        assert!(error("a b/c?d").to_string().contains("like `web/checkout/pay`"));
    }

    #[test]
    fn the_tree() {
        let pay = Place::parse("web/checkout/pay").unwrap();
        assert_eq!(pay.parent().unwrap().as_str(), "web/checkout");
        assert_eq!(pay.cut(1).as_str(), "web");
        assert_eq!(pay.cut(9), pay);
        assert!(pay.is_under(&Place::parse("web/checkout").unwrap()));
        assert!(pay.is_under(&pay));
        assert!(!pay.is_under(&Place::parse("web/check").unwrap()));
        assert_eq!(Place::parse("web").unwrap().parent(), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_plainly_normal_is(text in "([a-z0-9._/-]{0,9}|[a-z]{30,33}|/x){0,9}") {
            if is_plainly_normal(&text) {
                proptest::prop_assert_eq!(normalised(&text).unwrap(), text);
            }
        }

        #[test]
        fn normalising_twice_changes_nothing(
            text in "\\PC{0,60}|[a-zA-Z0-9 /:{}._-]{0,60}|a/[0-9a-f]{8}([ -][0-9a-f]{4}){3}[ -][0-9a-f]{12}",
        ) {
            if let Ok(place) = Place::parse(&text) {
                proptest::prop_assert_eq!(Place::parse(place.as_str()).unwrap(), place);
            }
        }
    }
}
