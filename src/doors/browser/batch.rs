//! From the body of a request to the recorder: every event read, the good ones recorded in one go.

use std::sync::atomic::Ordering;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answer::No;
use super::rule;
use crate::doors::Desk;
use crate::doors::side::ANONYMOUS;
use crate::event::{Draft, Event, MAX_EVENT, Place, Sender, SignalName, Source, Word};
use crate::recorder::{Fate, Recorded};

/// The most events one request may carry.
const MOST_EVENTS: usize = 100;

/// What a page sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    /// Signals that the page did not send, because it had told of so many already.
    #[serde(default)]
    beyond: u64,
}

/// What became of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Tally {
    accepted: usize,
    duplicate: usize,
    /// Signals that were too many of one person's in this hour: counted, not kept.
    beyond: usize,
    rejected: Vec<Rejected>,
}

#[derive(Debug, Serialize)]
struct Rejected {
    /// From 1: the position in the list.
    line: usize,
    /// What to change.
    detail: String,
}

/// Records the good events of a batch below a place, and says what is wrong with the others.
pub(super) async fn record(desk: &Desk, below: Option<&Place>, body: &[u8]) -> Result<Tally, No> {
    // What is no object would be read as one whose fields come in order.
    if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        let detail = "the body is no object: send {\"events\":[…]}, with the list in it";
        return Err(No::malformed(detail.to_owned()));
    }
    let batch: Batch = serde_json::from_slice(body)
        .map_err(|error| No::malformed(format!("send {{\"events\":[…]}}: {error}")))?;
    if MOST_EVENTS < batch.events.len() {
        let detail = format!("a request carries at most {MOST_EVENTS} events: split it");
        return Err(No::too_large(detail));
    }
    let counts = &desk.side.browser;
    counts.beyond_load.fetch_add(batch.beyond, Ordering::Relaxed);
    let mut tally = Tally::default();
    let (mut events, mut numbers) = (Vec::new(), Vec::new());
    for (line, json) in (1..).zip(batch.events) {
        match admit(desk, below, json.get().as_bytes()) {
            Ok(event) if desk.is_over_limit(&event) => tally.beyond += 1,
            Ok(event) => {
                events.push(event);
                numbers.push(line);
            }
            Err(detail) => {
                desk.recorder.meter().count(Source::Browser, Fate::Rejected);
                tally.rejected.push(Rejected { line, detail });
            }
        }
    }
    counts.beyond_hour.fetch_add(tally.beyond as u64, Ordering::Relaxed);
    if !events.is_empty() {
        let recorded = desk.recorder.record_or_refuse(events).await?;
        for (line, recorded) in numbers.into_iter().zip(recorded) {
            match recorded {
                Recorded::New { .. } => tally.accepted += 1,
                Recorded::Known(_) => tally.duplicate += 1,
                Recorded::Conflict(_) => {
                    let detail = "the id belongs to another event, and that one stays".to_owned();
                    tally.rejected.push(Rejected { line, detail });
                }
            }
        }
    }
    Ok(tally)
}

/// Checks what a page says, and puts it where it belongs.
fn admit(desk: &Desk, below: Option<&Place>, json: &[u8]) -> Result<Event, String> {
    if MAX_EVENT < json.len() {
        return Err(format!("an event has at most {MAX_EVENT} bytes: shorten its texts"));
    }
    let mut draft = Draft::parse(json).map_err(|error| error.to_string())?;
    draft.set("source", Source::Browser.word());
    if !draft.has("person") {
        draft.set("person", ANONYMOUS);
    }
    if let Some(place) = draft.text("place").and_then(|place| put_below(below, place)) {
        draft.set("place", place);
    }
    let mut event = desk
        .admit(draft, Sender::Anonymous, Source::Browser)
        .map_err(|rejection| rejection.to_string())?;
    if let Some(signal) = &mut event.signal {
        let words = rule::in_words(signal.name, signal.rule.as_deref().unwrap_or_default());
        signal.rule = Some(words.ok_or_else(|| no_such_signal(signal.name))?);
        event.kind = Some(rule::kind(signal.name));
    }
    Ok(event)
}

fn no_such_signal(name: SignalName) -> String {
    format!(
        "`signal` cannot be `{name}` here: pages tell of rage-click, dead-click and error-click"
    )
}

/// A place as one below another, unless it is that already; what is too deep loses its end. None
/// where it may stay as it is.
fn put_below(below: Option<&Place>, said: &str) -> Option<String> {
    let below = below?;
    let is_below = Place::parse(said).is_ok_and(|place| place.is_under(below));
    (!is_below).then(|| {
        let segments = said.split('/').filter(|segment| !segment.trim().is_empty());
        let segments: Vec<&str> = below.as_str().split('/').chain(segments).take(8).collect();
        segments.join("/")
    })
}

impl IntoResponse for Tally {
    fn into_response(self) -> Response {
        // Writing to memory cannot fail, and every key is a string.
        let json = Bytes::from(serde_json::to_vec(&self).unwrap_or_default());
        ([(header::CONTENT_TYPE, "application/json")], json).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_bound_to_its_place() {
        let web = Place::parse("web").unwrap();
        let put = |said| put_below(Some(&web), said);
        assert_eq!(put("web"), None);
        assert_eq!(put(" /Web/checkout"), None);
        assert_eq!(put("webshop/x").as_deref(), Some("web/webshop/x"));
        assert_eq!(put("//shop/é").as_deref(), Some("web/shop/é"), "which is refused as it was");
        assert_eq!(put("a/b/c/d/e/f/g/h").as_deref(), Some("web/a/b/c/d/e/f/g"));
        assert_eq!(put_below(None, "anything"), None);
    }
}
