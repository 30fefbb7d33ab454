//! Through all the free text of an event.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::super::{Event, Scrubbed};
use super::key::is_directory;
use super::{scrub, scrub_key};
use Pointer::{Key, Nth, Root};

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
    found.text(&mut event.person, &Key(&Root, "person"));
    let fields = [
        (&mut event.claimed_person, "claimed_person"),
        (&mut event.note, "note"),
        (&mut event.expected, "expected"),
        (&mut event.got, "got"),
        (&mut event.workaround, "workaround"),
        (&mut event.version, "version"),
        (&mut event.task, "task"),
    ];
    for (field, name) in fields {
        if let Some(text) = field {
            found.text(text, &Key(&Root, name));
        }
    }
    if let Some(rule) = event.signal.as_mut().and_then(|signal| signal.rule.as_mut()) {
        found.text(rule, &Key(&Key(&Root, "signal"), "rule"));
    }
    if let Some(note) = event.decision.as_mut().and_then(|decision| decision.note.as_mut()) {
        found.text(note, &Key(&Key(&Root, "decision"), "note"));
    }
    found.tags(&mut event.tags);
    if let Some(evidence) = &mut event.evidence {
        found.object(evidence, &Key(&Root, "evidence"));
    }
    event.scrubbed = found.list;
}

/// Takes the secrets out of any JSON, as out of an event.
pub(crate) fn scrub_json(value: &mut Value) {
    Found { list: Vec::new() }.value(value, &Root);
}

/// Where a value is: written as a JSON pointer (RFC 6901), but only where something is taken out.
#[derive(Clone, Copy)]
enum Pointer<'p> {
    Root,
    Key(&'p Self, &'p str),
    Nth(&'p Self, usize),
}

impl Pointer<'_> {
    /// In bytes; what is escaped makes it longer.
    fn least_length(&self) -> usize {
        match self {
            Root => 0,
            Key(above, key) => above.least_length() + 1 + key.len(),
            Nth(above, _) => above.least_length() + 2,
        }
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Root => Ok(()),
            Key(above, key) => {
                write!(f, "{above}/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Nth(above, nth) => write!(f, "{above}/{nth}"),
        }
    }
}

/// What has been taken out so far.
struct Found {
    list: Vec<Scrubbed>,
}

impl Found {
    /// Beyond so many removals, or for a field so deep that its pointer is longer than it helps,
    /// only the rule and the whole event are named: what is listed stays small whatever comes in.
    fn push(&mut self, rule: &str, at: &Pointer<'_>) {
        let is_short = self.list.len() < MOST_LISTED && at.least_length() <= LONGEST_POINTER;
        let field = if is_short { at.to_string() } else { String::new() };
        let field = Some(field).filter(|field| field.len() <= LONGEST_POINTER).unwrap_or_default();
        let entry = Scrubbed { rule: rule.to_owned(), field };
        if !self.list.contains(&entry) {
            self.list.push(entry);
        }
    }

    fn text(&mut self, text: &mut String, at: &Pointer<'_>) {
        if let Some((clean, rules)) = scrub(text) {
            *text = clean;
            for rule in rules {
                self.push(rule, at);
            }
        }
    }

    fn tags(&mut self, tags: &mut BTreeMap<String, String>) {
        if tags.keys().any(|key| scrub(key).is_some()) {
            let mut numbers = Numbers::default();
            for (key, value) in std::mem::take(tags) {
                let key =
                    self.key(key, &Key(&Root, "tags"), &mut numbers, |key| tags.contains_key(key));
                tags.insert(key, value);
            }
        }
        for (key, value) in tags {
            if scrub_key(key) && !is_directory(key, value) {
                self.secret_text(value, &Key(&Key(&Root, "tags"), key));
            } else {
                self.text(value, &Key(&Key(&Root, "tags"), key));
            }
        }
    }

    fn object(&mut self, object: &mut Map<String, Value>, at: &Pointer<'_>) {
        if object.keys().any(|key| scrub(key).is_some()) {
            let mut numbers = Numbers::default();
            for (key, value) in std::mem::take(object) {
                let key = self.key(key, at, &mut numbers, |key| object.contains_key(key));
                object.insert(key, value);
            }
        }
        let names_secret = names_secret(object);
        for (key, value) in object {
            let at = Key(at, key);
            let directory = value.as_str().is_some_and(|value| is_directory(key, value));
            if (scrub_key(key) && !directory) || (names_secret && key == "value") {
                self.secret(value, &at);
            } else {
                self.value(value, &at);
            }
        }
    }

    fn array(&mut self, array: &mut [Value], at: &Pointer<'_>) {
        let pair = array.len() == 2;
        let mut follows_secret = false;
        for (nth, value) in array.iter_mut().enumerate() {
            let at = Nth(at, nth);
            let next = value.as_str().is_some_and(|text| {
                (pair || text.starts_with('-')) && is_name(text) && scrub_key(text)
            });
            if follows_secret && !next && value.is_string() {
                self.secret(value, &at);
            } else {
                self.value(value, &at);
            }
            follows_secret = next;
        }
    }

    fn value(&mut self, value: &mut Value, at: &Pointer<'_>) {
        match value {
            Value::String(text) => self.text(text, at),
            Value::Array(array) => self.array(array, at),
            Value::Object(object) => self.object(object, at),
            Value::Number(number) => {
                // A card's number need not be written as text.
                if let Some((clean, rules)) = scrub(&number.to_string()) {
                    *value = Value::String(clean);
                    for rule in rules {
                        self.push(rule, at);
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// A value under a key that names a secret goes whole, whatever it is made of. That there is
    /// none, or only a yes or no, stays.
    fn secret(&mut self, value: &mut Value, at: &Pointer<'_>) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::String(text) => self.secret_text(text, at),
            Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                *value = Value::String(super::placeholder(KEY));
                self.push(KEY, at);
            }
        }
    }

    fn secret_text(&mut self, text: &mut String, at: &Pointer<'_>) {
        if !text.is_empty() && !super::is_placeholder(text) {
            *text = super::placeholder(KEY);
            self.push(KEY, at);
        }
    }

    /// A key without its secrets; numbered where that leaves two keys the same.
    fn key(
        &mut self,
        key: String,
        above: &Pointer<'_>,
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
        for rule in rules {
            self.push(rule, &Key(above, &free));
        }
        free
    }
}

/// The last number given to each key without its secrets, so that thousands that become the same are
/// numbered in one pass.
type Numbers = BTreeMap<String, usize>;

/// Whether an object is `{"name": "Cookie", "value": …}`, as recorders of HTTP write headers.
fn names_secret(object: &Map<String, Value>) -> bool {
    let name = object.get("name").or_else(|| object.get("key")).and_then(Value::as_str);
    name.is_some_and(|name| is_name(name) && scrub_key(name))
}

/// Whether a text can be a key: no sentence.
fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
