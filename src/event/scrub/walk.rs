//! Through all the free text of an event.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::{Event, Scrubbed};
use super::key::is_directory;
use super::{scrub, scrub_key};

/// The most removals listed one by one.
const MOST_LISTED: usize = 64;
/// The longest pointer listed, in bytes.
const LONGEST_POINTER: usize = 256;

/// The rule that takes out a value because of the name of its key.
const KEY: &str = "key";

/// Takes the secrets out of everything a person or program wrote into an event, and lists in
/// `scrubbed` which rule fired where, each pair once.
///
/// Identity, place and the words of closed lists are left alone. A text may come out longer than
/// it went in, by at most the length of its placeholders: limits are for what was sent, and are
/// checked before.
pub(crate) fn scrub_event(event: &mut Event) {
    let mut found = Found { list: std::mem::take(&mut event.scrubbed) };
    found.text(&mut event.person, || "/person".to_owned());
    let fields = [
        (&mut event.claimed_person, "/claimed_person"),
        (&mut event.note, "/note"),
        (&mut event.expected, "/expected"),
        (&mut event.got, "/got"),
        (&mut event.workaround, "/workaround"),
        (&mut event.version, "/version"),
        (&mut event.task, "/task"),
    ];
    for (field, pointer) in fields {
        if let Some(text) = field {
            found.text(text, || pointer.to_owned());
        }
    }
    if let Some(rule) = event.signal.as_mut().and_then(|signal| signal.rule.as_mut()) {
        found.text(rule, || "/signal/rule".to_owned());
    }
    if let Some(note) = event.decision.as_mut().and_then(|decision| decision.note.as_mut()) {
        found.text(note, || "/decision/note".to_owned());
    }
    found.tags(&mut event.tags);
    if let Some(evidence) = &mut event.evidence {
        found.object(evidence, "/evidence");
    }
    event.scrubbed = found.list;
}

/// Takes the secrets out of any JSON, as out of an event, and says whether there were some.
pub(crate) fn scrub_json(value: &mut Value) -> bool {
    let mut found = Found { list: Vec::new() };
    found.value(value, "");
    !found.list.is_empty()
}

/// What has been taken out so far.
struct Found {
    list: Vec<Scrubbed>,
}

impl Found {
    /// Beyond so many removals, or for a field so deep that its pointer is longer than it helps,
    /// only the rule and the whole event are named: what is listed stays small whatever comes in.
    fn push(&mut self, rule: &str, field: &str) {
        let is_listed = self.list.len() < MOST_LISTED && field.len() <= LONGEST_POINTER;
        let field = if is_listed { field } else { "" };
        let entry = Scrubbed { rule: rule.to_owned(), field: field.to_owned() };
        if !self.list.contains(&entry) {
            self.list.push(entry);
        }
    }

    fn text(&mut self, text: &mut String, pointer: impl FnOnce() -> String) {
        if let Some((clean, rules)) = scrub(text) {
            *text = clean;
            let pointer = pointer();
            for rule in rules {
                self.push(rule, &pointer);
            }
        }
    }

    fn tags(&mut self, tags: &mut BTreeMap<String, String>) {
        if tags.keys().any(|key| scrub(key).is_some()) {
            let mut numbers = Numbers::default();
            for (key, value) in std::mem::take(tags) {
                let key = self.key(key, "/tags", &mut numbers, |key| tags.contains_key(key));
                tags.insert(key, value);
            }
        }
        for (key, value) in tags {
            if scrub_key(key) && !is_directory(key, value) {
                self.secret_text(value, &below("/tags", key));
            } else {
                self.text(value, || below("/tags", key));
            }
        }
    }

    fn object(&mut self, object: &mut Map<String, Value>, pointer: &str) {
        if object.keys().any(|key| scrub(key).is_some()) {
            let mut numbers = Numbers::default();
            for (key, value) in std::mem::take(object) {
                let key = self.key(key, pointer, &mut numbers, |key| object.contains_key(key));
                object.insert(key, value);
            }
        }
        let names_secret = names_secret(object);
        for (key, value) in object {
            let pointer = below(pointer, key);
            let directory = value.as_str().is_some_and(|value| is_directory(key, value));
            if (scrub_key(key) && !directory) || (names_secret && key == "value") {
                self.secret(value, &pointer);
            } else {
                self.value(value, &pointer);
            }
        }
    }

    fn array(&mut self, array: &mut [Value], pointer: &str) {
        let pair = array.len() == 2;
        let mut follows_secret = false;
        for (at, value) in array.iter_mut().enumerate() {
            let pointer = format!("{pointer}/{at}");
            let next = value.as_str().is_some_and(|text| {
                (pair || text.starts_with('-')) && is_name(text) && scrub_key(text)
            });
            if follows_secret && !next && value.is_string() {
                self.secret(value, &pointer);
            } else {
                self.value(value, &pointer);
            }
            follows_secret = next;
        }
    }

    fn value(&mut self, value: &mut Value, pointer: &str) {
        match value {
            Value::String(text) => self.text(text, || pointer.to_owned()),
            Value::Array(array) => self.array(array, pointer),
            Value::Object(object) => self.object(object, pointer),
            Value::Number(number) => {
                // A card's number need not be written as text.
                if let Some((clean, rules)) = scrub(&number.to_string()) {
                    *value = Value::String(clean);
                    for rule in rules {
                        self.push(rule, pointer);
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// A value under a key that names a secret goes whole, whatever it is made of. That there is
    /// none, or only a yes or no, stays.
    fn secret(&mut self, value: &mut Value, pointer: &str) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::String(text) => self.secret_text(text, pointer),
            Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                *value = Value::String(super::placeholder(KEY));
                self.push(KEY, pointer);
            }
        }
    }

    fn secret_text(&mut self, text: &mut String, pointer: &str) {
        if !text.is_empty() && !super::is_placeholder(text) {
            *text = super::placeholder(KEY);
            self.push(KEY, pointer);
        }
    }

    /// A key without its secrets; numbered where that leaves two keys the same.
    fn key(
        &mut self,
        key: String,
        parent: &str,
        numbers: &mut Numbers,
        is_taken: impl Fn(&str) -> bool,
    ) -> String {
        let Some((clean, rules)) = scrub(&key) else { return key };
        let last = numbers.entry(clean.clone()).or_default();
        let free = loop {
            *last += 1;
            let key = if *last == 1 { clean.clone() } else { format!("{clean} {last}") };
            if !is_taken(&key) {
                break key;
            }
        };
        let pointer = below(parent, &free);
        for rule in rules {
            self.push(rule, &pointer);
        }
        free
    }
}

/// The last number given to each key without its secrets, so that thousands that become the same are
/// numbered in one pass.
type Numbers = BTreeMap<String, usize>;

/// The JSON pointer (RFC 6901) one step down.
fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Whether an object is `{"name": "Cookie", "value": …}`, as recorders of HTTP write headers.
fn names_secret(object: &Map<String, Value>) -> bool {
    let name = object.get("name").or_else(|| object.get("key")).and_then(Value::as_str);
    name.is_some_and(|name| is_name(name) && scrub_key(name))
}

/// Whether a text can be a key: no sentence.
fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
