//! A [`Draft`]: an unchecked claim, any JSON object.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use uuid::Uuid;

use super::claim::shorten;
use super::scrub::scrub_json;
use super::word::{Field, Word};

/// The most fields that no event has: enough to name what is misspelt, and few enough to look through.
const MOST_UNKNOWN: usize = 64;

/// An unchecked claim, as somebody wrote it. [`Draft::admit`] checks it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    pub(super) fields: Fields,
}

/// Fields as they were said, each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields {
    /// Of each [`Field`] what it says.
    known: Box<[Option<Value>; Field::ALL.len()]>,
    /// What is said of fields that do not exist.
    unknown: Vec<(String, Value)>,
}

impl Fields {
    pub(super) fn get(&self, field: Field) -> Option<&Value> {
        self.known[field as usize].as_ref()
    }

    pub(super) fn take(&mut self, field: Field) -> Option<Value> {
        self.known[field as usize].take()
    }

    /// What is said under a name.
    fn said(&self, name: &str) -> Option<&Value> {
        match Field::find(name) {
            Some(field) => self.get(field),
            None => self.unknown.iter().find(|(known, _)| known == name).map(|(_, value)| value),
        }
    }

    fn put(&mut self, name: Name, value: Value) {
        match name {
            Name::Known(field) => self.known[field as usize] = Some(value),
            Name::Unknown(name) => self.unknown.push((name, value)),
        }
    }

    fn all(&self) -> impl Iterator<Item = (&str, &Value)> {
        let known = Field::WORDS.iter().zip(&*self.known);
        let known = known.filter_map(|(name, value)| Some((*name, value.as_ref()?)));
        known.chain(self.unknown.iter().map(|(name, value)| (name.as_str(), value)))
    }

    /// The names of those that are left, sorted.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.all().map(|(name, _)| name).collect();
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
        self.fields.unknown.retain(|(name, _)| name != field);
        self.fields.put(Name::of(field), value.into());
    }

    /// Whether the field is said; null says nothing.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.fields.said(field).is_some_and(|value| !value.is_null())
    }

    /// What the field says, if it is text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.said(field)?.as_str()
    }

    /// The id of the event this one says "me too" to, if it can be read.
    #[must_use]
    pub fn same_as(&self) -> Option<Uuid> {
        self.text("same_as")?.parse().ok()
    }

    /// The draft without its secrets, for whoever passes it on unchecked. Ids and the place stay.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        let said = Field::ALL.iter().zip(&mut *self.fields.known);
        for (field, value) in said {
            if let Some(value) = value
                && !matches!(field, Field::Id | Field::SameAs | Field::Place)
            {
                scrub_json(value);
            }
        }
        let mut unknown =
            Value::Object(std::mem::take(&mut self.fields.unknown).into_iter().collect());
        scrub_json(&mut unknown);
        if let Value::Object(unknown) = unknown {
            self.fields.unknown = unknown.into_iter().collect();
        }
        self
    }

    /// The draft as JSON, its fields sorted: an import makes ids of it, so it stays the same for ever.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let sorted: BTreeMap<&str, &Value> = self.fields.all().collect();
        // Writing to memory cannot fail, and every key is a string.
        serde_json::to_vec(&sorted).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Draft {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsOnce).map(|fields| Self { fields })
    }
}

/// The name of a field.
enum Name {
    Known(Field),
    Unknown(String),
}

impl Name {
    fn of(field: &str) -> Self {
        Field::find(field).map_or_else(|| Self::Unknown(field.to_owned()), Self::Known)
    }
}

/// Reads an object and refuses a field said twice: of two notes, which one is meant?
struct FieldsOnce;

impl<'de> Visitor<'de> for FieldsOnce {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key_seed(NameOnce(&fields))? {
            fields.put(name, map.next_value()?);
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
        if self.0.said(field).is_some() {
            let field = shorten(field);
            return Err(E::custom(format!("the field `{field}` stands there twice")));
        }
        match Name::of(field) {
            Name::Unknown(_) if self.0.unknown.len() == MOST_UNKNOWN => {
                Err(E::custom(format!("more than {MOST_UNKNOWN} fields that no event has")))
            }
            name => Ok(name),
        }
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
    fn secrets_leave_a_draft_wherever_they_are() {
        let secret = format!("ghp_{}", "Fake0".repeat(8));
        let draft = serde_json::json!({
            "place": "web", "id": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "note": secret,
            "tags": {"password": "hunter2"}, "password": "hunter2", "x": {"y": [secret]},
        });
        let draft = Draft::parse(draft.to_string().as_bytes()).unwrap().without_secrets();
        let json = String::from_utf8(draft.to_json()).unwrap();
        assert!(!json.contains("Fake0") && !json.contains("hunter2"), "{json}");
        assert_eq!(draft.text("place"), Some("web"));
        assert_eq!(draft.text("id"), Some("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"));
    }

    #[test]
    fn a_field_said_twice_is_named() {
        let error = Draft::parse(br#"{"note":"a","note":"b"}"#).unwrap_err().to_string();
        assert!(error.contains("`note` stands there twice"), "{error}");
        let long = "x".repeat(60_000);
        let error = Draft::parse(format!("{{\"{long}\":1,\"{long}\":2}}").as_bytes()).unwrap_err();
        assert!(error.to_string().len() < 400, "{error}");
        let secret = format!("ghp_{}", "Fake0".repeat(8));
        let error = Draft::parse(format!("{{\"{secret}\":1,\"{secret}\":2}}").as_bytes());
        assert!(!error.unwrap_err().to_string().contains("Fake0"));
    }

    #[test]
    fn thousands_of_unknown_fields_are_not_looked_through() {
        let fields = |count| {
            let fields: Vec<String> = (0..count).map(|n| format!("\"x{n}\":1")).collect();
            Draft::parse(format!("{{{}}}", fields.join(",")).as_bytes())
        };
        assert!(fields(MOST_UNKNOWN).is_ok());
        let error = fields(8000).unwrap_err().to_string();
        assert!(error.contains("more than 64 fields that no event has"), "{error}");
    }
}
