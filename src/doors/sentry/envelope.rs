//! Framing: an envelope's header, then items, each a header and a payload.
//!
//! ```text
//! {"event_id":"…"}           the envelope's header, and the end of a line
//! {"type":"event"}           an item's header, and the end of a line
//! {"message":"…"}            its payload, up to the end of the line
//! {"type":"x","length":3}    with a length, the payload has that many bytes
//! a
//! b
//! ```
//!
//! # Promises
//!
//! - Any bytes are read, none twice; payloads lie in them, one behind the other.
//! - What is in front of a fault is there: only the rest is lost.

use serde_json::{Map, Value};

/// The most items that are looked at.
const MOST_ITEMS: usize = 1000;
/// The largest header: what is read of JSON takes many times its room.
const MAX_HEADER: usize = 64 * 1024;

/// An envelope, as far as it can be read.
#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    /// What is said of all items.
    pub(super) header: Map<String, Value>,
    /// The items, in order.
    pub(super) items: Vec<Item<'a>>,
    /// Why the reading ended early, if it did.
    pub(super) fault: Option<Fault>,
}

/// One item, its payload unread.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    /// Its type, in the protocol's word.
    pub(super) kind: String,
    pub(super) payload: &'a [u8],
}

/// What is wrong with the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error(
        "the first line is no JSON object: an envelope begins with its header, at least `{{}}`"
    )]
    NoHeader,
    #[error("item {0} has no header: a JSON object with its `type` goes before each payload")]
    NoItemHeader(usize),
    #[error("item {0} ends before its `length`, or goes on behind it: the length counts bytes")]
    WrongLength(usize),
    #[error("there are more than {MOST_ITEMS} items: send several envelopes")]
    TooMany,
}

impl<'a> Envelope<'a> {
    /// Reads what can be read.
    pub(super) fn parse(bytes: &'a [u8]) -> Self {
        let (first, mut rest) = line(bytes);
        let Some(header) = object(first) else {
            return Self { fault: Some(Fault::NoHeader), ..Self::default() };
        };
        let mut envelope = Self { header, ..Self::default() };
        loop {
            rest = rest.trim_ascii_start();
            if rest.is_empty() {
                break;
            }
            if envelope.items.len() == MOST_ITEMS {
                envelope.fault = Some(Fault::TooMany);
                break;
            }
            match item(rest, envelope.items.len() + 1) {
                Ok((item, behind)) => {
                    envelope.items.push(item);
                    rest = behind;
                }
                Err(fault) => {
                    envelope.fault = Some(fault);
                    break;
                }
            }
        }
        envelope
    }
}

/// An envelope's header alone; empty where it has none.
pub(super) fn header(bytes: &[u8]) -> Map<String, Value> {
    object(line(bytes).0).unwrap_or_default()
}

/// The first item and what is behind it.
fn item(bytes: &[u8], number: usize) -> Result<(Item<'_>, &[u8]), Fault> {
    let (header, rest) = line(bytes);
    let header = object(header).ok_or(Fault::NoItemHeader(number))?;
    let kind = header.get("type").and_then(Value::as_str).ok_or(Fault::NoItemHeader(number))?;
    let (payload, rest) = match header.get("length") {
        None | Some(Value::Null) => line(rest),
        Some(length) => {
            let length = length.as_u64().and_then(|length| usize::try_from(length).ok());
            let payload = length.and_then(|length| rest.split_at_checked(length));
            let (payload, behind) = payload.ok_or(Fault::WrongLength(number))?;
            match behind.split_first() {
                None => (payload, behind),
                Some((b'\n', behind)) => (payload, behind),
                Some(_) => return Err(Fault::WrongLength(number)),
            }
        }
    };
    Ok((Item { kind: kind.to_owned(), payload }, rest))
}

/// The first line without its end, and what is behind it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

fn object(json: &[u8]) -> Option<Map<String, Value>> {
    if MAX_HEADER < json.len() {
        return None;
    }
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<(String, &str)> {
        let envelope = Envelope::parse(text.as_bytes());
        let payload = |payload| str::from_utf8(payload).unwrap();
        envelope.items.into_iter().map(|item| (item.kind, payload(item.payload))).collect()
    }

    fn fault(text: &str) -> Option<Fault> {
        Envelope::parse(text.as_bytes()).fault
    }

    #[test]
    fn lengths_newlines_and_their_absence() {
        let item = |kind: &str, payload: &'static str| (kind.to_owned(), payload);
        assert_eq!(items("{}"), []);
        assert_eq!(items("{}\n"), []);
        assert_eq!(items("{}\n{\"type\":\"event\"}\n{}"), [item("event", "{}")]);
        assert_eq!(items("{}\n{\"type\":\"event\"}"), [item("event", "")]);
        let two = "{}\n{\"type\":\"a\",\"length\":3}\nx\ny\n{\"type\":\"b\"}\nz\r\n\n";
        assert_eq!(items(two), [item("a", "x\ny"), item("b", "z\r")]);
        assert_eq!(items("{}\n\n{\"type\":\"a\",\"length\":0}\n\n"), [item("a", "")]);
        assert_eq!(fault(two), None);
    }

    #[test]
    fn a_fault_keeps_what_is_in_front_of_it() {
        assert_eq!(fault(""), Some(Fault::NoHeader));
        assert_eq!(fault("[]\n"), Some(Fault::NoHeader));
        let good = "{}\n{\"type\":\"a\"}\nx\n";
        for (bad, fault) in [
            ("nope\nx", Fault::NoItemHeader(2)),
            ("{\"length\":1}\nx", Fault::NoItemHeader(2)),
            (&format!("{{\"type\":\"{}\"}}\nx", "x".repeat(MAX_HEADER)), Fault::NoItemHeader(2)),
            ("{\"type\":\"a\",\"length\":9}\nx", Fault::WrongLength(2)),
            ("{\"type\":\"a\",\"length\":1}\nxx", Fault::WrongLength(2)),
            ("{\"type\":\"a\",\"length\":-1}\nx", Fault::WrongLength(2)),
        ] {
            let text = format!("{good}{bad}");
            let envelope = Envelope::parse(text.as_bytes());
            assert_eq!((envelope.items.len(), envelope.fault), (1, Some(fault)), "{bad}");
        }
        let many = format!("{{}}\n{}", "{\"type\":\"a\"}\n\n".repeat(MOST_ITEMS + 1));
        assert_eq!(fault(&many), Some(Fault::TooMany));
    }
}
