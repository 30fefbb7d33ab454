//! An event as the JSON that is stored and answered, written in one go.
//!
//! Byte for byte what serde makes of an [`Event`]: a test holds that. serde asks of each letter of each
//! name and text whether it has to be escaped; here one look at a whole text tells that nothing has,
//! which is nearly always so, and names are written as they are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Serialize;
use uuid::fmt::Hyphenated;

use super::Event;
use super::word::Word;

/// Appends an event.
pub(super) fn write(event: &Event, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    object.name("id");
    put(object.out, event.id.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]));
    object.word("class", Some(event.class));
    object.instant("at", event.at);
    object.instant("received_at", event.received_at);
    object.value("at_clamped", Some(event.at_clamped).filter(|is_clamped| *is_clamped));
    object.text("place", Some(event.place.as_str()));
    object.text("person", Some(&event.person));
    object.value("person_verified", Some(event.person_verified));
    object.text("claimed_person", event.claimed_person.as_deref());
    object.word("actor", Some(event.actor));
    object.text("note", event.note.as_deref());
    object.text("expected", event.expected.as_deref());
    object.text("got", event.got.as_deref());
    object.text("workaround", event.workaround.as_deref());
    object.word("feeling", event.feeling);
    object.word("outcome", event.outcome);
    object.value("lost_minutes", event.lost_minutes);
    object.word("kind", event.kind);
    object.word("severity", event.severity);
    object.text("version", event.version.as_deref());
    object.text("task", event.task.as_deref());
    object.word("source", Some(event.source));
    object.value("signal", event.signal.as_ref());
    object.value("count", event.count);
    object.value("same_as", event.same_as);
    object.tags(&event.tags);
    object.value("evidence", event.evidence.as_ref());
    object.value("scrubbed", Some(&event.scrubbed).filter(|scrubbed| !scrubbed.is_empty()));
    object.value("decision", event.decision.as_ref());
    object.end();
}

/// An object that is being written. What is not there is left out.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    fn end(self) {
        self.out.push(b'}');
    }

    /// A name of ours, in which nothing has to be escaped.
    fn name(&mut self, name: &'static str) {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
    }

    fn text(&mut self, name: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.name(name);
            quote(self.out, text);
        }
    }

    fn tags(&mut self, tags: &BTreeMap<String, String>) {
        if tags.is_empty() {
            return;
        }
        self.name("tags");
        let mut object = Object::begin(self.out);
        for (name, text) in tags {
            object.separate();
            quote(object.out, name);
            object.out.push(b':');
            quote(object.out, text);
        }
        object.end();
    }

    fn word(&mut self, name: &'static str, word: Option<impl Word>) {
        if let Some(word) = word {
            self.name(name);
            put(self.out, word.word());
        }
    }

    fn instant(&mut self, name: &'static str, at: Timestamp) {
        self.name(name);
        if let Some((text, length)) = to_the_millisecond(at) {
            self.out.extend_from_slice(&text[..length]);
            self.out.extend_from_slice(b"Z\"");
        } else {
            // Writing to memory cannot fail.
            let _ = serde_json::to_writer(&mut *self.out, &at);
        }
    }

    fn value(&mut self, name: &'static str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.name(name);
            // Writing to memory cannot fail, and keys are strings.
            let _ = serde_json::to_writer(&mut *self.out, &value);
        }
    }
}

fn quote(out: &mut Vec<u8>, text: &str) {
    let is_escaped =
        |byte: u8| u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\');
    // To its end in any case, so that many bytes are looked at in one step.
    if text.bytes().fold(0, |found, byte| found | is_escaped(byte)) != 0 {
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(out, text);
    } else {
        put(out, text);
    }
}

fn put(out: &mut Vec<u8>, plain: &str) {
    out.push(b'"');
    out.extend_from_slice(plain.as_bytes());
    out.push(b'"');
}

/// An instant in the form of RFC 3339 up to its zone, with as many digits of a second as it takes, and how
/// long it is. None for what only others write: a year of other than four digits, or less than a millisecond.
fn to_the_millisecond(at: Timestamp) -> Option<([u8; 24], usize)> {
    let civil = Offset::UTC.to_datetime(at);
    let nanoseconds = civil.subsec_nanosecond();
    if civil.year() < 0 || nanoseconds % 1_000_000 != 0 {
        return None;
    }
    let mut text = *b"\"0000-00-00T00:00:00.000";
    let mut put = |at: usize, number: i16| {
        let number = u8::try_from(number).unwrap_or(0);
        text[at] += number / 10;
        text[at + 1] += number % 10;
    };
    put(1, civil.year() / 100);
    put(3, civil.year() % 100);
    put(6, civil.month().into());
    put(9, civil.day().into());
    put(12, civil.hour().into());
    put(15, civil.minute().into());
    put(18, civil.second().into());
    let milliseconds = i16::try_from(nanoseconds / 1_000_000).unwrap_or(0);
    put(21, milliseconds / 10);
    put(22, milliseconds % 10);
    let length = match (milliseconds % 100, milliseconds % 10) {
        (0, _) if milliseconds == 0 => 20,
        (0, _) => 22,
        (_, 0) => 23,
        _ => 24,
    };
    Some((text, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn instants_are_written_as_ever(
            seconds in -99_999_999_999_i64..253_402_207_200,
            fraction in proptest::sample::select(vec![0, 500_000_000, 20_000_000, 123_000_000, 7_000_000, 1, 123_456_789]),
        ) {
            let at = Timestamp::new(seconds, fraction).unwrap();
            let mut out = Vec::new();
            let mut object = Object::begin(&mut out);
            object.instant("at", at);
            proptest::prop_assert_eq!(String::from_utf8(out).unwrap(), format!("{{\"at\":\"{at}\""));
        }
    }
}
