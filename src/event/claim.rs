//! Taking a draft apart, field by field, and remembering every fault on the way.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{Display, from_fn};

use serde_json::{Map, Value};

use super::draft::Fields;
use super::fault::{Fault, Rejection, did_you_mean};
use super::scrub::scrub;
use super::word::{Field, Word};
use super::{MAX_EVIDENCE, MAX_LINE, MAX_NAME, MAX_TAGS};

/// The most faults told at once; whoever has so many begins with these.
const MOST_FAULTS: usize = 32;
/// The levels that evidence may have. A parser of JSON goes down 128, and a list of events is read
/// with some around each.
const MAX_DEPTH: usize = 64;

/// The fields of a draft that were not looked at yet, and the faults found so far.
pub(super) struct Claim {
    fields: Fields,
    faults: Vec<Fault>,
}

impl Claim {
    pub(super) fn new(fields: Fields) -> Self {
        Self { fields, faults: Vec::new() }
    }

    pub(super) fn fault(&mut self, pointer: &str, detail: impl Into<String>) {
        self.push(Fault::new(pointer, detail));
    }

    fn push(&mut self, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }

    /// Whether `field` was already found wrong, so that it need not be missed as well.
    pub(super) fn is_faulty(&self, pointer: &str) -> bool {
        self.faults.iter().any(|fault| fault.pointer == pointer)
    }

    /// Whether `field` is there and not null.
    pub(super) fn says(&self, field: Field) -> bool {
        self.fields.get(field).is_some_and(|value| !value.is_null())
    }

    /// A value that is there and not null.
    pub(super) fn take(&mut self, field: Field) -> Option<Value> {
        self.fields.take(field).filter(|value| !value.is_null())
    }

    /// A text, trimmed; an empty one counts as absent.
    pub(super) fn text(&mut self, field: Field, longest: usize) -> Option<String> {
        let value = self.take(field)?;
        self.text_of(&field, value, longest)
    }

    /// The same of a field within another, named by its path.
    pub(super) fn text_of(
        &mut self,
        path: &dyn Display,
        value: Value,
        longest: usize,
    ) -> Option<String> {
        let Value::String(text) = value else {
            let found = kind_of(&value);
            let hint = format!("`{path}` is {found}: write it as text, in quotes");
            self.fault(&format!("/{path}"), hint);
            return None;
        };
        let is_trim = text.trim().len() == text.len();
        let text = if is_trim { text } else { text.trim().to_owned() };
        // What stands for a secret may be longer than the secret was.
        let fits = text.len() <= longest;
        let more = if fits { 0 } else { 32 * text.matches("[scrubbed:").count() };
        let longest = longest + more;
        if longest < text.len() {
            let found = text.len();
            let hint =
                format!("`{path}` has {found} bytes, at most {longest} are kept: shorten it");
            let fault = Fault::new(format!("/{path}"), hint);
            self.push(Fault { over: found - longest, ..fault });
            return None;
        }
        (!text.is_empty()).then_some(text)
    }

    /// A short name: one line without control or direction-changing characters.
    pub(super) fn name(&mut self, field: Field) -> Option<String> {
        let name = self.text(field, MAX_NAME)?;
        if name.chars().any(is_unprintable) {
            self.fault(
                &format!("/{field}"),
                format!("`{field}` contains a control character: write a plain name"),
            );
            return None;
        }
        if without_hidden(&name) != name {
            let hint = format!("`{field}` contains a letter that nobody sees: write a plain name");
            self.fault(&format!("/{field}"), hint);
            return None;
        }
        Some(name)
    }

    /// A word of a closed list.
    pub(super) fn word<W: Word>(&mut self, field: Field) -> Option<W> {
        let value = self.take(field)?;
        self.word_of(field.word(), &value)
    }

    pub(super) fn word_of<W: Word>(&mut self, path: &str, value: &Value) -> Option<W> {
        let found = value.as_str().and_then(W::find);
        if found.is_none() {
            let written = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            let hint = did_you_mean(&written, W::WORDS);
            let written = shorten(&written);
            let hint = if hint.is_empty() { ":".to_owned() } else { format!("{hint} It is") };
            self.fault(
                &format!("/{path}"),
                format!("`{path}` cannot be `{written}`{hint} one of {}", W::WORDS.join(", ")),
            );
        }
        found
    }

    /// A whole number of at least `least`.
    pub(super) fn number(&mut self, field: Field, least: u32) -> Option<u32> {
        let value = self.take(field)?;
        self.number_of(field.word(), &value, least)
    }

    pub(super) fn number_of(&mut self, path: &str, value: &Value, least: u32) -> Option<u32> {
        // Some programs write whole numbers with a point: 5.0 is 5.
        let text = value.as_number().map(ToString::to_string);
        let whole = text.as_deref().map(|text| text.strip_suffix(".0").unwrap_or(text));
        let found = whole.and_then(|whole| whole.parse().ok());
        let found = found.filter(|number| least <= *number);
        if found.is_none() {
            self.fault(
                &format!("/{path}"),
                format!("`{path}` is no whole number from {least} to {}: write it without quotes, sign or fraction", u32::MAX),
            );
        }
        found
    }

    /// A yes or no that we fill in ourselves, so that an export can be sent back as it is.
    pub(super) fn flag(&mut self, field: Field) -> Option<bool> {
        let value = self.take(field)?;
        if value.as_bool().is_none() {
            self.fault(&format!("/{field}"), format!("`{field}` is neither true nor false"));
        }
        value.as_bool()
    }

    /// Free tags: a flat object of texts.
    pub(super) fn tags(&mut self) -> BTreeMap<String, String> {
        let tags = match self.take(Field::Tags) {
            None => return BTreeMap::new(),
            Some(Value::Object(tags)) => tags,
            Some(_) => {
                self.fault("/tags", "`tags` is no object: write it like {\"browser\":\"firefox\"}");
                return BTreeMap::new();
            }
        };
        if MAX_TAGS < tags.len() {
            let found = tags.len();
            self.fault(
                "/tags",
                format!("{found} tags are too many: keep the {MAX_TAGS} that matter"),
            );
        }
        let mut kept = BTreeMap::new();
        for (key, value) in tags {
            if key.is_empty() || MAX_NAME < key.len() || key.chars().any(is_unprintable) {
                let hint =
                    format!("a tag's name has 1 to {MAX_NAME} bytes and no control characters");
                self.fault(&format!("/tags/{}", as_told(&key)), hint);
                continue;
            }
            // Written out only where something is wrong.
            let path = from_fn(|f| write!(f, "tags/{}", escape(&key)));
            if let Some(text) = self.text_of(&path, value, MAX_LINE) {
                kept.insert(key, text);
            }
        }
        kept
    }

    /// Free evidence: an object.
    pub(super) fn evidence(&mut self) -> Option<Map<String, Value>> {
        let value = self.take(Field::Evidence)?;
        if is_deeper(&value, MAX_DEPTH) {
            let hint =
                format!("`evidence` is nested more than {MAX_DEPTH} levels deep: flatten it");
            self.fault("/evidence", hint);
            return None;
        }
        let Value::Object(evidence) = value else {
            self.fault("/evidence", "`evidence` is no object: write it like {\"exit_code\":1}");
            return None;
        };
        let size = serde_json::to_vec(&evidence).map_or(usize::MAX, |json| json.len());
        if MAX_EVIDENCE < size {
            self.fault(
                "/evidence",
                format!(
                    "`evidence` has {size} bytes, at most {MAX_EVIDENCE} are kept: cut the log tail"
                ),
            );
            return None;
        }
        (!evidence.is_empty()).then_some(evidence)
    }

    /// Whatever is left of an object is unknown.
    pub(super) fn refuse_rest<'f>(
        &mut self,
        above: &str,
        rest: impl IntoIterator<Item = &'f str>,
        known: &[&str],
    ) {
        for field in rest {
            if self.faults.len() == MOST_FAULTS {
                return;
            }
            let hint = match did_you_mean(field, known) {
                hint if hint.is_empty() => ": free data goes into `tags`".to_owned(),
                hint => format!("{hint} Free data goes into `tags`"),
            };
            let written = shorten(field);
            let pointer = format!("{above}/{}", as_told(field));
            self.fault(&pointer, format!("there is no field `{written}`{hint}"));
        }
    }

    /// The end: whatever nobody asked for is unknown.
    pub(super) fn finish(mut self) -> Result<(), Rejection> {
        let rest = std::mem::take(&mut self.fields);
        self.refuse_rest("", rest.names(), Field::WORDS);
        if self.faults.is_empty() { Ok(()) } else { Err(Rejection { faults: self.faults }) }
    }
}

/// Escapes a key for a JSON pointer (RFC 6901).
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A key as a pointer tells it: whole, unless it is too long for a name, or has a secret in it.
fn as_told(key: &str) -> String {
    let is_told = key.len() <= MAX_NAME && scrub(key).is_none();
    if is_told { escape(key) } else { escape(&shorten(key)) }
}

/// Whether a value has more levels of lists and objects than this.
fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(values) => levels == 0 || values.iter().any(|v| is_deeper(v, levels - 1)),
        Value::Object(fields) => levels == 0 || fields.values().any(|v| is_deeper(v, levels - 1)),
        _ => false,
    }
}

/// At most 40 characters of something a stranger wrote, without secrets and control characters. A
/// secret that is cut would not be known as one any more.
pub(super) fn shorten(text: &str) -> String {
    let clean = scrub(text);
    let text = clean.as_ref().map_or(text, |(clean, _)| clean);
    let mut short: String = text.chars().filter(|c| !is_unprintable(*c)).take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Control characters and those that change the direction or the order of what a reader sees.
#[must_use]
pub fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// A name without the letters that take no room, so that two who look the same are one. Joiners stay
/// between letters that may need them: those of scripts other than ours.
#[must_use]
pub fn without_hidden(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        return Cow::Borrowed(name);
    }
    let is_joiner = |letter: char| matches!(letter, '\u{200c}' | '\u{200d}');
    let is_hidden =
        |letter: char| matches!(letter, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}');
    let is_other = |letter: char| is_joiner(letter) || is_hidden(letter) || is_unprintable(letter);
    let may_be_joined = |letter: char| !letter.is_ascii() && !is_other(letter);
    let mut seen = String::with_capacity(name.len());
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_seen = if is_joiner(letter) {
            let next = letters.peek().copied();
            seen.ends_with(may_be_joined) && next.is_some_and(may_be_joined)
        } else {
            !is_hidden(letter)
        };
        if is_seen {
            seen.push(letter);
        }
    }
    Cow::Owned(seen)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
