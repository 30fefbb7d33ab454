//! Reading what SDKs send: loosely, because each sends the same thing in a shape of its own.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::event::{is_unprintable, scrub};

/// How far a sender's clock may be off before its times are moved.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// A value within a value, by JSON pointer.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    value.pointer(pointer)
}

/// A text that is not blank.
pub(super) fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// A text without its secrets: one that is cut would not be known as one any more.
fn clean(text: &str) -> Cow<'_, str> {
    scrub(text).map_or(Cow::Borrowed(text), |(clean, _)| Cow::Owned(clean))
}

/// So much of a text is looked at beyond what is kept of it; all of it where much was taken out of that.
const BEYOND: usize = 16 * 1024;

/// The beginning of a text without its secrets, as far as it may be seen.
pub(super) fn clean_beginning(text: &str, longest: usize) -> Cow<'_, str> {
    let head = &text[..text.floor_char_boundary(longest + BEYOND)];
    let cleaned = clean(head);
    // Of a secret at the end only a half was looked at: it is not seen, unless much was taken out before.
    if head.len() < text.len() && cleaned.len() < longest + BEYOND / 2 {
        return clean(text);
    }
    cleaned
}

/// A text cut to so many bytes, at the end of a letter.
pub(super) fn clip(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_owned();
    }
    let text = clean_beginning(text, longest);
    if text.len() <= longest {
        return text.into_owned();
    }
    let mut end = longest - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// A text on one line, cut.
pub(super) fn line(text: &str, longest: usize) -> String {
    let plain: String = text.chars().map(|c| if is_unprintable(c) { ' ' } else { c }).collect();
    clip(plain.trim(), longest)
}

/// `{"values":[…]}` of Python and Rust, or the bare list of JavaScript.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let Some(found) = value.get(name) else { return &[] };
    let values = found.get("values").unwrap_or(found);
    values.as_array().map_or(&[], Vec::as_slice)
}

/// The error that was thrown: the last of its chain.
pub(super) fn thrown(event: &Value) -> Option<&Value> {
    list(event, "exception").last()
}

/// The frames of it, the innermost last.
pub(super) fn frames(event: &Value) -> Option<&[Value]> {
    at(thrown(event)?, "/stacktrace/frames")?.as_array().map(Vec::as_slice)
}

/// The innermost frame of one's own code; where nothing says which that is, the innermost of what is
/// not said to be another's.
pub(super) fn top_frame(frames: &[Value]) -> Option<&Value> {
    let is_own = |frame: &Value| frame.get("in_app").and_then(Value::as_bool);
    let find = |own| frames.iter().rev().find(|frame| is_own(frame) == own);
    find(Some(true)).or_else(|| find(None)).or(frames.last())
}

/// The name of a file, without where it lies.
pub(super) fn file_name(path: &str) -> &str {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.rsplit(['/', '\\']).next().unwrap_or_default()
}

/// An instant: RFC 3339, or seconds since 1970.
pub(super) fn instant(value: Option<&Value>) -> Option<Timestamp> {
    let value = value?;
    if let Some(text) = value.as_str() {
        // Some leave the zone out where they mean UTC.
        return text.parse().or_else(|_| format!("{text}Z").parse()).ok();
    }
    let seconds = SignedDuration::try_from_secs_f64(value.as_f64()?).ok()?;
    Timestamp::UNIX_EPOCH.checked_add(seconds).ok()
}

/// How far a sender's clock is behind ours: what to add to its times.
pub(super) fn skew(sent_at: Option<&Value>, now: Timestamp) -> SignedDuration {
    let Some(sent_at) = instant(sent_at) else { return SignedDuration::ZERO };
    let skew = now.duration_since(sent_at);
    if SKEW < skew.abs() { skew } else { SignedDuration::ZERO }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn instants_come_in_several_shapes() {
        let expected: Timestamp = "2026-11-20T15:00:00.5Z".parse().unwrap();
        for value in [
            json!("2026-11-20T15:00:00.500000000Z"),
            json!("2026-11-20T15:00:00.5"),
            json!(1_795_186_800.5),
        ] {
            assert_eq!(instant(Some(&value)), Some(expected), "{value}");
        }
        for value in [json!("soon"), json!(1e300), json!(null), json!({})] {
            assert_eq!(instant(Some(&value)), None, "{value}");
        }
    }

    #[test]
    fn a_clock_a_little_off_is_left_alone() {
        let now: Timestamp = "2026-11-20T15:00:00Z".parse().unwrap();
        let skew = |sent_at: &str| skew(Some(&json!(sent_at)), now).as_secs();
        assert_eq!(skew("2026-11-20T14:59:10Z"), 0);
        assert_eq!(skew("2026-11-20T13:00:00Z"), 7200);
        assert_eq!(skew("2026-11-21T15:00:00Z"), -86400);
    }

    #[test]
    fn texts_are_cut_at_the_end_of_a_letter() {
        assert_eq!(clip("häuser", 5), "h…");
        assert_eq!(clip("häus", 5), "häus");
        assert_eq!(line("a\u{1b}b\nc ", 64), "a b c");
    }

    #[test]
    fn no_half_of_a_secret_is_kept() {
        let secret = "postgres://app:hunter2verysecret@db/shop";
        for longest in 8..70 {
            let cut = clip(&format!("it broke at {secret} again and again and again"), longest);
            assert!(!cut.contains("hunter"), "{longest}: {cut}");
        }
    }

    #[test]
    fn of_a_long_text_the_beginning_is_cleaned() {
        let long = format!("{} password=hunter2", "x ".repeat(20_000));
        assert_eq!(clean_beginning(&long, 10).len(), 10 + BEYOND);
        // What is taken out before does not bring the end of the look into sight.
        let secrets = "https://a:hunter2hunter2hunter2hunter2hunter2@h ".repeat(4000);
        let cut = clip(&secrets, 12_000);
        assert!(!cut.contains("hunter") && 11_000 < cut.len(), "{cut}");
    }
}
