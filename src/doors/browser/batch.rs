//! From the body of a request to the recorder: every event read, the good ones recorded in one go.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header;
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::No;
use super::rule;
use crate::doors::counts::MOST_AT_ONCE;
use crate::doors::side::ANONYMOUS;
use crate::doors::{Desk, beside_sockets, lost_before};
use crate::event::{
    Class, Draft, Event, MAX_EVENT, MAX_NAME, MAX_SEGMENT, MAX_SEGMENTS, Place, Sender, SignalName,
    Source, Word, scrub, without_hidden,
};
use crate::recorder::{Fate, Recorded};

/// The most events one request may carry.
const MOST_EVENTS: usize = 100;
/// The longest note of a signal, in bytes. The page sends more, so that it cuts no secret in two.
const LONGEST_NOTE: usize = 300;

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
    /// As the page says it, if it says any.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// What to change.
    detail: String,
}

/// Records the good events of a list below a place, and says what is wrong with the others.
pub(super) async fn record(
    desk: &Arc<Desk>,
    below: Option<Place>,
    body: &Bytes,
) -> Result<Tally, No> {
    let (sifting, list) = (desk.clone(), body.clone());
    let Sifted { mut tally, events, said } =
        beside_sockets(body, move || sift(&sifting, below.as_ref(), &list)).await??;
    if events.is_empty() {
        return Ok(tally);
    }
    let recorded = desk.recorder.record_or_refuse(events).await?;
    for ((line, id), recorded) in said.into_iter().zip(recorded) {
        let detail = match recorded {
            Recorded::New { .. } => {
                tally.accepted += 1;
                continue;
            }
            Recorded::Known(_) => {
                tally.duplicate += 1;
                continue;
            }
            Recorded::Conflict(_) => {
                "the id belongs to another event, and that one stays".to_owned()
            }
            Recorded::Lost(id) => lost_before(id),
        };
        tally.rejected.push(Rejected { line, id, detail });
    }
    Ok(tally)
}

/// What a list comes to.
struct Sifted {
    tally: Tally,
    events: Vec<Event>,
    /// Of each event where it stands in the list, and its id as the page says it.
    said: Vec<(usize, Option<String>)>,
}

/// A number in the list counts signals that the page did not send, because it had told of so many
/// already.
fn sift(desk: &Desk, below: Option<&Place>, body: &[u8]) -> Result<Sifted, No> {
    let list: Vec<&RawValue> = serde_json::from_slice(body)
        .map_err(|error| No::malformed(format!("the body is a list of events: {error}")))?;
    if MOST_EVENTS < list.len() {
        let detail = format!("a request carries at most {MOST_EVENTS} events: split it");
        return Err(No::too_large(detail));
    }
    let counts = &desk.side.browser;
    let mut tally = Tally::default();
    let (mut events, mut said) = (Vec::new(), Vec::new());
    for (line, json) in (1..).zip(&list) {
        if let Ok(beyond) = json.get().parse::<u64>() {
            counts.beyond_load.fetch_add(beyond.min(MOST_AT_ONCE), Ordering::Relaxed);
            continue;
        }
        match admit(desk, below, json.get().as_bytes()) {
            Ok((event, _)) if desk.is_over_limit(&event) => tally.beyond += 1,
            Ok((event, id)) => {
                events.push(event);
                said.push((line, id));
            }
            Err(detail) => {
                desk.recorder.meter().count(Source::Browser, Fate::Rejected);
                tally.rejected.push(Rejected { line, id: id_of(json), detail });
            }
        }
    }
    counts.beyond_hour.fetch_add(tally.beyond as u64, Ordering::Relaxed);
    Ok(Sifted { tally, events, said })
}

/// The id of an event as the page says it, by which it knows its own again.
fn id_of(json: &RawValue) -> Option<String> {
    id_said(&Draft::parse(json.get().as_bytes()).ok()?)
}

fn id_said(draft: &Draft) -> Option<String> {
    draft.text("id").map(str::to_owned)
}

/// Checks what a page says, and puts it where it belongs; with its id as the page says it.
fn admit(
    desk: &Desk,
    below: Option<&Place>,
    json: &[u8],
) -> Result<(Event, Option<String>), String> {
    if MAX_EVENT < json.len() {
        return Err(format!("an event has at most {MAX_EVENT} bytes: shorten its texts"));
    }
    let mut draft = Draft::parse(json).map_err(|error| error.to_string())?;
    draft.set("source", Source::Browser.word());
    if !draft.has("class") && draft.has("signal") {
        draft.set("class", Class::Signal.word());
    }
    if !draft.has("person") {
        draft.set("person", ANONYMOUS);
    }
    if let Some(place) = draft.text("place").map(|place| put_below(below, place)) {
        draft.set("place", place);
    }
    if let Some(version) = draft.text("version").map(|version| without_hidden(version).into_owned())
    {
        // A secret that is cut would not be known as one any more.
        let clean = if MAX_NAME < version.len() { scrub(&version) } else { None };
        let clean = clean.map_or(version, |(clean, _)| clean);
        draft.set("version", begun(&clean, MAX_NAME));
    }
    let id = id_said(&draft);
    let mut event = desk
        .admit(draft, Sender::Anonymous, Source::Browser)
        .map_err(|rejection| rejection.to_string())?;
    if below.is_some_and(|below| !event.place.is_under(below)) {
        return Err(
            "`same_as` names an event outside of this key's place: say the `place` as well"
                .to_owned(),
        );
    }
    if let Some(signal) = &mut event.signal {
        let words = rule::in_words(signal.name, signal.rule.as_deref().unwrap_or_default());
        signal.rule = Some(words.ok_or_else(|| no_such_signal(signal.name))?);
        event.kind = Some(rule::kind(signal.name));
        event.note = event.note.map(|note| begun(&note, LONGEST_NOTE).to_owned());
    }
    Ok((event, id))
}

fn no_such_signal(name: SignalName) -> String {
    format!(
        "`signal` cannot be `{name}` here: pages tell of rage-click, dead-click and error-click"
    )
}

/// A text's beginning, of at most so many bytes.
fn begun(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// A segment that is none of a place loses its end, and has `_` where a letter cannot be kept: who
/// tells is not who named it, and can do nothing about it.
fn mended(segment: &str) -> String {
    let segment = segment.trim();
    if Place::parse(segment).is_ok() {
        return segment.to_owned();
    }
    if matches!(segment, "." | "..") {
        return "_".to_owned();
    }
    let is_kept = |letter: char| letter.is_ascii_alphanumeric() || "._- ".contains(letter);
    let letters = segment.chars().take(MAX_SEGMENT);
    letters.map(|letter| if is_kept(letter) { letter } else { '_' }).collect()
}

/// A place as one below another, unless it is that already; what is too deep loses its end.
fn put_below(below: Option<&Place>, said: &str) -> String {
    let cut = |place: &str| {
        let segments = place.split('/').filter(|segment| !segment.trim().is_empty());
        segments.take(MAX_SEGMENTS).map(mended).collect::<Vec<_>>().join("/")
    };
    let place = cut(said);
    match below {
        Some(below) if !Place::parse(&place).is_ok_and(|place| place.is_under(below)) => {
            cut(&format!("{}/{place}", below.as_str()))
        }
        _ => place,
    }
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
        assert_eq!(put("web"), "web");
        assert_eq!(put(" /Web/checkout"), "Web/checkout");
        assert_eq!(put("/"), "web");
        assert_eq!(put("webshop/x"), "web/webshop/x");
        assert_eq!(put("//shop/é"), "web/shop/_");
        assert_eq!(put("web/Zahlung/über Karte"), "web/Zahlung/_ber Karte");
        assert_eq!(put("web/../ . /x"), "web/_/_/x");
        assert_eq!(put("web/{id}/:id"), "web/{id}/:id", "which vary");
        assert_eq!(put_below(Some(&web), &"y".repeat(70)), format!("web/{}", "y".repeat(64)));
        assert_eq!(put("a/b/c/d/e/f/g/h"), "web/a/b/c/d/e/f/g");
        assert_eq!(put("web/b/c/d/e/f/g/h/i"), "web/b/c/d/e/f/g/h");
        assert_eq!(put_below(None, "anything"), "anything");
        assert_eq!(put_below(None, "/a//b/c/d/e/f/g/h/i"), "a/b/c/d/e/f/g/h");
    }
}
