//! `/v1/events`: posting, listing, showing and taking back.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{StatusCode, Uri};
use jiff::SignedDuration;
use serde::Serialize;
use tokio::task::JoinError;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::gate::{ContentType, require_reader};
use super::problem::Problem;
use super::query;
use super::serve::LACKS;
use super::{body, cloud, split};
use crate::doors::{Desk, now};
use crate::event::{
    Draft, Event, MAX_EVENT, Place, Record, Retraction, Sender, Source, nearest_places,
};
use crate::index::{IndexError, Page, Stored};
use crate::recorder::{Fate, Recorded, Refusal, to_each};

/// Where events are posted.
pub(super) const PATH: &str = "/v1/events";
/// How long an event can be taken back after it was received.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Says that nothing was ever recorded at the place before.
pub const NEW_PLACE: HeaderName = HeaderName::from_static("snag-new-place");
/// Lists known places that a new one may be a misspelling of; absent where there are none.
pub const NEAR_PLACES: HeaderName = HeaderName::from_static("snag-near-places");
/// Says that the event was taken back.
pub const RETRACTED: HeaderName = HeaderName::from_static("snag-retracted");

/// `POST /v1/events` records one friction event, or many.
///
/// `201` means the event is on disk and visible. Sending it again with the same `id` changes
/// nothing and answers `200` with the first record, so a client that saw no answer just tries
/// again.
pub(super) async fn record(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    request: Request,
) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let kind = ContentType::of(&headers);
    // Kept until the answer: so is its room.
    let body = body::read(&desk.bodies, &headers, body).await?;
    let bytes = &body.bytes;
    let starts_a_list = bytes.trim_ascii_start().first() == Some(&b'[');
    let read: Read = match kind {
        Some(ContentType::CloudEvent | ContentType::CloudEvents) => cloud::structured,
        _ => native,
    };
    match kind {
        Some(ContentType::Ndjson) => record_batch(&desk, &sender, split::lines(bytes)?, read).await,
        Some(ContentType::CloudEvents) => {
            record_batch(&desk, &sender, split::elements(bytes)?, read).await
        }
        Some(ContentType::Json) if cloud::is_binary(&headers) => {
            let draft = fitting(bytes).and_then(|body| cloud::binary(&headers, body));
            record_one(&desk, sender, draft).await
        }
        Some(ContentType::Json) if starts_a_list => {
            record_batch(&desk, &sender, split::elements(bytes)?, read).await
        }
        _ => record_one(&desk, sender, fitting(bytes).and_then(read)).await,
    }
}

/// How a draft is read.
type Read = fn(&[u8]) -> Result<Draft, Problem>;

fn native(json: &[u8]) -> Result<Draft, Problem> {
    Ok(Draft::parse(json)?)
}

async fn record_one(
    desk: &Arc<Desk>,
    sender: Sender,
    draft: Result<Draft, Problem>,
) -> Result<Response, Problem> {
    let event = admit(desk, &sender, draft)?;
    if desk.is_over_limit(&event) {
        return Err(Problem::too_many_signals(&event.person));
    }
    let may_read = sender != Sender::Anonymous;
    let (id, place) = (event.id, event.place.clone());
    let recorded = desk.recorder.record_or_refuse(vec![event]).await?;
    match recorded.into_iter().next() {
        Some(Recorded::New { json, is_new_place }) => {
            let mut response = json_response(StatusCode::CREATED, json);
            response.headers_mut().insert(header::LOCATION, location(id));
            if is_new_place {
                tell_new_place(desk, place, may_read, &mut response).await;
            }
            Ok(response)
        }
        Some(Recorded::Known(first)) => {
            // What was decided about it is for readers.
            let first = if may_read { *first } else { first.decided(None) };
            Ok(json_response(StatusCode::OK, first.to_json()))
        }
        Some(Recorded::Conflict(id)) => Err(Problem::conflict(id)),
        Some(Recorded::Lost(id)) => Err(Problem::lost_before(id)),
        None => Err(Refusal::Failed.into()),
    }
}

fn admit(desk: &Desk, sender: &Sender, draft: Result<Draft, Problem>) -> Result<Event, Problem> {
    let admitted = draft.and_then(|draft| Ok(desk.admit(draft, sender.clone(), Source::Http)?));
    if admitted.is_err() {
        desk.recorder.meter().count(Source::Http, Fate::Rejected);
    }
    admitted
}

/// What is not larger than an event may be.
fn fitting(json: &[u8]) -> Result<&[u8], Problem> {
    if MAX_EVENT < json.len() {
        let found = json.len();
        return Err(Problem::too_large(format!(
            "an event has at most {MAX_EVENT} bytes, this one has {found}: shorten its texts or its evidence"
        )));
    }
    Ok(json)
}

/// What became of a batch.
#[derive(Debug, Default, Serialize)]
struct Tally {
    accepted: usize,
    duplicate: usize,
    /// Signals that were too many of one person's in this hour: counted, not kept.
    beyond: usize,
    rejected: Vec<Rejected>,
}

#[derive(Debug, Serialize)]
struct Rejected {
    /// From 1: the line of NDJSON, or the position in a list.
    line: usize,
    problem: Problem,
}

/// Records the good events of a batch and says what is wrong with the others.
async fn record_batch(
    desk: &Arc<Desk>,
    sender: &Sender,
    drafts: Vec<(usize, Bytes)>,
    read: Read,
) -> Result<Response, Problem> {
    let mut tally = Tally::default();
    let (mut events, mut numbers) = (Vec::new(), Vec::new());
    let (at, from) = (desk.clone(), sender.clone());
    let admitted = to_each(drafts, move |(line, json)| {
        (line, admit(&at, &from, fitting(&json).and_then(read)))
    });
    for (line, admitted) in admitted.await {
        match admitted {
            Ok(event) if desk.is_over_limit(&event) => tally.beyond += 1,
            Ok(event) => {
                events.push(event);
                numbers.push(line);
            }
            Err(problem) => tally.reject(line, problem),
        }
    }
    if !events.is_empty() {
        let recorded = desk.recorder.record_or_refuse(events).await?;
        for (line, recorded) in numbers.into_iter().zip(recorded) {
            match recorded {
                Recorded::New { .. } => tally.accepted += 1,
                Recorded::Known(_) => tally.duplicate += 1,
                Recorded::Conflict(id) => tally.reject(line, Problem::conflict(id)),
                Recorded::Lost(id) => tally.reject(line, Problem::lost_before(id)),
            }
        }
    }
    tally.rejected.sort_by_key(|rejected| rejected.line);
    tally.answer()
}

impl Tally {
    fn reject(&mut self, line: usize, problem: Problem) {
        self.rejected.push(Rejected { line, problem });
    }

    fn answer(self) -> Result<Response, Problem> {
        if 0 < self.accepted + self.duplicate + self.beyond || self.rejected.is_empty() {
            return Ok(json_response(StatusCode::OK, to_json(&self)));
        }
        let problem = Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "nothing-recorded",
            "None of the events can be recorded as it is",
            "every event of the batch has something to change: `rejected` says what, line by line",
        );
        let rejected = serde_json::to_value(&self.rejected).unwrap_or_default();
        Err(problem.with("accepted", 0).with("duplicate", 0).with("rejected", rejected))
    }
}

/// `GET /v1/events` lists events, a page at a time.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let query = query::Events::read(uri.query().unwrap_or_default())?;
    let limit = query.limit;
    let (page, json) = read(&desk, move |desk| {
        let page = desk.index.list(&query.filter, query.order, query.after, limit)?;
        let json = page_to_json(&page);
        Ok((page, json))
    })
    .await?;
    let mut response = json_response(StatusCode::OK, json);
    let next = page.next.map(|cursor| cursor.to_string());
    if let Some(link) = next.and_then(|next| query::next_link(&uri, &next)) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(lacking(page.lacks, response))
}

fn page_to_json(page: &Page) -> Vec<u8> {
    let mut json = Vec::from(*b"{\"v\":1,\"events\":[");
    for (position, event) in page.events.iter().enumerate() {
        if position != 0 {
            json.push(b',');
        }
        json.extend(event.to_json());
    }
    json.push(b']');
    if let Some(next) = page.next {
        json.extend(format!(",\"next\":\"{next}\"").into_bytes());
    }
    json.push(b'}');
    json
}

/// `GET /v1/events/{id}` shows one event; its last digits are enough.
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let id = readable_id(id)?;
    let stored = read(&desk, move |desk| Ok(find(desk, &id))).await??;
    let mut response = json_response(StatusCode::OK, stored.event.to_json());
    if stored.is_retracted {
        response.headers_mut().insert(RETRACTED, HeaderValue::from_static("yes"));
    }
    Ok(response)
}

/// `DELETE /v1/events/{id}` takes back an event of one's own, within the hour; the owner anybody's.
///
/// It leaves every count; its id stays spent.
pub(super) async fn retract(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = readable_id(id)?;
    require_reader(&sender)?;
    let by = sender.name().to_owned();
    let Stored { event, is_retracted, .. } = read(&desk, move |desk| Ok(find(desk, &id))).await??;
    // The token is the owner's, who may have posted over TCP without it.
    let is_own = match sender {
        Sender::Owner { .. } => true,
        Sender::Token { .. } => event.person == by,
        Sender::Peer { .. } | Sender::Anonymous => event.person_verified && event.person == by,
    };
    if !is_own {
        return Err(Problem::forbidden(
            "the event is somebody else's: only the person it happened to, the user that snagd runs as, or root can take it back",
        ));
    }
    let at = now();
    if event.received_at + HOUR < at {
        return Err(Problem::forbidden(
            "the event was recorded more than an hour ago and stays: post another that says what changed",
        ));
    }
    if !is_retracted {
        let retraction = Retraction { id: event.id, at, by };
        desk.recorder.decide(Record::Retraction(retraction)).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The id of a path, as it was written.
pub(super) fn readable_id(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let unreadable = "the id in the path cannot be read: write its hexadecimal digits";
    id.map(|Path(id)| id).map_err(|_| Problem::malformed(unreadable))
}

/// The event that an id, or its last digits, stand for.
pub(super) fn find(desk: &Desk, id: &str) -> Result<Stored, Problem> {
    const MOST_SHOWN: usize = 10;
    let digits = id.trim_start_matches('…');
    if digits.len() < 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return Err(Problem::not_found(
            "an id is written in hexadecimal digits, and its last 4 to 32 are enough: `snag events` lists them",
        ));
    }
    let ids = desk.index.ids_ending(digits, MOST_SHOWN)?;
    match ids[..] {
        [] => Err(desk.behind().map_or_else(
            || Problem::not_found(format!("no event's id ends with {digits}: `snag events` lists them")),
            |behind| Problem::behind(format!("no event's id that snagd's index knows yet ends with {digits}, and it is at {behind} of its records: ask again once `snag status` says it is up to date")),
        )),
        [id] => desk.index.event(id)?.ok_or_else(|| Problem::not_found("the event is gone")),
        _ => {
            let matches: Vec<String> = ids.iter().map(Uuid::to_string).collect();
            let detail = format!(
                "{digits} ends more than one id; write more digits of one of {}",
                matches.join(", ")
            );
            let problem = Problem::new(
                StatusCode::CONFLICT,
                "ambiguous-id",
                "More than one event fits",
                detail,
            );
            Err(problem.with("matches", matches))
        }
    }
}

/// Asks the index, off the threads that serve sockets.
pub(super) async fn read<T: Send + 'static>(
    desk: &Arc<Desk>,
    ask: impl FnOnce(&Desk) -> Result<T, IndexError> + Send + 'static,
) -> Result<T, Problem> {
    let asked = desk.clone();
    let answer = match tokio::task::spawn_blocking(move || ask(&asked)).await {
        Ok(answer) => answer,
        Err(error) => Err(panicked(&error).ok_or(Refusal::Failed)?),
    };
    match &answer {
        // Of what the journal has lost the next start tells more.
        Err(IndexError::Lost { .. }) => desk.index.distrust(),
        Err(error) if error.is_damage() => {
            desk.index.distrust();
            desk.doubt.notify_one();
        }
        Ok(_) | Err(_) => {}
    }
    Ok(answer?)
}

/// What it says of the index that a question was not answered: nothing where snagd stopped before it
/// was asked.
fn panicked(error: &JoinError) -> Option<IndexError> {
    error.is_panic().then_some(IndexError::Damaged("a query panicked"))
}

/// Says that a place is new, and to whoever may read, which known ones are near.
pub(super) async fn tell_new_place(
    desk: &Arc<Desk>,
    place: Place,
    may_read: bool,
    response: &mut Response,
) {
    response.headers_mut().insert(NEW_PLACE, HeaderValue::from_static("yes"));
    if !may_read {
        return;
    }
    let near = near(desk, place).await.join(", ");
    if let Some(near) = HeaderValue::from_str(&near).ok().filter(|near| !near.is_empty()) {
        response.headers_mut().insert(NEAR_PLACES, near);
    }
}

/// An answer that says how many events it lacks.
pub(super) fn lacking(lacks: usize, mut response: Response) -> Response {
    if lacks != 0 {
        response.headers_mut().insert(LACKS, lacks.into());
    }
    response
}

/// Known places that one may be a misspelling of, the nearest first; off the threads that serve sockets.
pub(super) async fn near(desk: &Arc<Desk>, place: Place) -> Vec<String> {
    let near = read(desk, move |desk| {
        let places = desk.index.places();
        Ok(nearest_places(&place, &places, 3).into_iter().map(str::to_owned).collect())
    });
    near.await.unwrap_or_default()
}

fn location(id: Uuid) -> HeaderValue {
    const EVENTS: &str = "/v1/events/";
    let mut path = Vec::with_capacity(EVENTS.len() + Hyphenated::LENGTH);
    path.extend_from_slice(EVENTS.as_bytes());
    path.extend_from_slice(id.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]).as_bytes());
    HeaderValue::from_maybe_shared(Bytes::from(path)).unwrap_or(HeaderValue::from_static(EVENTS))
}

pub(super) fn json_response(status: StatusCode, json: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], Bytes::from(json)).into_response()
}

pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Our own answers have text keys only, and memory does not fail.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_question_that_panics_is_damage() {
        let aborted = tokio::spawn(std::future::pending::<()>());
        aborted.abort();
        assert!(panicked(&aborted.await.unwrap_err()).is_none());
        let panics = tokio::spawn(async { panic!("as sled does") });
        let damage = panicked(&panics.await.unwrap_err());
        assert!(damage.is_some_and(|error| error.is_damage()));
    }
}
