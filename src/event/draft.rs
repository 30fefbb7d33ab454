//! A [`Draft`]: an unchecked claim, any JSON object.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use uuid::Uuid;

use super::FIELDS;

/// An unchecked claim, as somebody wrote it. [`Draft::admit`] checks it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    pub(super) fields: Fields,
}

/// Fields as they were said, each once. They are few, so a list is quicker than a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields(Vec<(Name, Value)>);

/// The name of a field: that of a known one is not copied.
type Name = Cow<'static, str>;

impl Fields {
    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, value)| value)
    }

    pub(super) fn take(&mut self, field: &str) -> Option<Value> {
        let at = self.0.iter().position(|(name, _)| name == field)?;
        Some(self.0.swap_remove(at).1)
    }

    /// The names of those that are left, sorted.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names
    }
}

/// Why some bytes are no draft at all.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// Not JSON, or JSON that says a field twice.
    #[error(
        "this is no JSON a friction event could be read from, at line {line}, column {column} ({reason}): send one object like {{\"place\":\"web/checkout/pay\",\"note\":\"what happened\"}}"
    )]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
        /// The parser's own words.
        reason: String,
    },
}

impl Draft {
    /// Reads one JSON object.
    pub fn parse(json: &[u8]) -> Result<Self, DraftError> {
        // Bytes are looked at once, rather than string by string, to know that they are text.
        let read = match std::str::from_utf8(json) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(json),
        };
        read.map_err(|error| {
            let text = error.to_string();
            let reason = text.split(" at line ").next().unwrap_or(&text).to_owned();
            DraftError::Json { line: error.line(), column: error.column(), reason }
        })
    }

    /// Says one more field, replacing what was said before.
    pub fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.take(field);
        self.fields.0.push((name(field), value.into()));
    }

    /// Whether the field is said; null says nothing.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|value| !value.is_null())
    }

    /// What the field says, if it is text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    /// The id of the event this one says "me too" to, if it can be read.
    #[must_use]
    pub fn same_as(&self) -> Option<Uuid> {
        self.text("same_as")?.parse().ok()
    }

    /// The draft as JSON, its fields sorted: an import makes ids of it, so it stays the same for ever.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let sorted: BTreeMap<&Name, &Value> =
            self.fields.0.iter().map(|(name, value)| (name, value)).collect();
        // Writing to memory cannot fail, and every key is a string.
        serde_json::to_vec(&sorted).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Draft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsOnce).map(|fields| Self { fields })
    }
}

fn name(field: &str) -> Name {
    let known = FIELDS.iter().find(|known| **known == field);
    known.map_or_else(|| Cow::Owned(field.to_owned()), |known| Cow::Borrowed(*known))
}

/// Reads an object and refuses a field said twice: of two notes, which one is meant?
struct FieldsOnce;

impl<'de> Visitor<'de> for FieldsOnce {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields(Vec::with_capacity(12));
        while let Some(field) = map.next_key_seed(NameOnce(&fields))? {
            fields.0.push((field, map.next_value()?));
        }
        Ok(fields)
    }
}

/// Reads the name of a field that was not said before.
struct NameOnce<'a>(&'a Fields);

impl<'de> DeserializeSeed<'de> for NameOnce<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameOnce<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: de::Error>(self, field: &str) -> Result<Name, E> {
        if self.0.get(field).is_some() {
            return Err(E::custom(format!("the field `{field}` stands there twice")));
        }
        Ok(name(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_says_where_and_what_to_send() {
        let deep = "[".repeat(100_000);
        let bad: [&[u8]; 10] = [
            b"",
            b"[]",
            b"nope",
            b"{\"note\":NaN}",
            b"{\"note\":\"\\ud800\"}",
            b"{\"note\":\"\xff\"}",
            b"\xef\xbb\xbf{}",
            b"{\"note\":1} x",
            b"{\"note\":\"a\",\"note\":\"b\"}",
            deep.as_bytes(),
        ];
        for json in bad {
            let error = Draft::parse(json).unwrap_err().to_string();
            assert!(error.contains("line") && error.contains("send one object"), "{error}");
        }
    }

    #[test]
    fn its_json_is_the_same_in_whatever_order_fields_are_said() {
        let json = br#"{"and":null,"note":"a","place":"web","tags":{"a":"b"}}"#;
        let said = br#"{"place":"web","tags":{"a":"b"},"and":null,"note":"b"}"#;
        let mut draft = Draft::parse(said).unwrap();
        draft.set("note", "a");
        assert_eq!(String::from_utf8_lossy(&draft.to_json()), String::from_utf8_lossy(json));
    }

    #[test]
    fn a_field_said_twice_is_named() {
        let error = Draft::parse(br#"{"note":"a","note":"b"}"#).unwrap_err().to_string();
        assert!(error.contains("`note` stands there twice"), "{error}");
    }
}
