//! The inbox, `/v1/signals`, and what people decide about signals: `/v1/events/{id}/confirm`,
//! `dismiss` and `reopen`, `/v1/signals/mute` and `unmute`.
//!
//! # Promises
//!
//! - About a signal decides the person it happened to, and the owner; what a rule means at a place
//!   is decided by the owner alone, or with the owner's token.
//! - A decision is a record like any other: answered once it is on disk and every figure knows it.
//! - The same decision again changes nothing; of two, the later one counts.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use hyper::header::HeaderMap;
use hyper::{StatusCode, Uri};
use serde::{Deserialize, Serialize};

use super::ask::narrow;
use super::body;
use super::events::{find, json_response, lacking, read, readable_id, tell_new_place, to_json};
use super::gate::require_reader;
use super::problem::Problem;
use super::query;
use crate::doors::{Desk, now};
use crate::event::{
    Class, Decided, Decision, Event, MAX_EVENT, MAX_TEXT, Muting, Place, Record, Sender, Severity,
    SignalName, Verdict, next_instant, scrub,
};
use crate::index::Stored;

type Id = Result<Path<String>, PathRejection>;

/// What may be said with a decision.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    note: Option<String>,
    severity: Option<Severity>,
}

/// A rule at a place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleAt {
    place: String,
    signal: SignalName,
}

/// A rule at a place as it is now: what muting and unmuting answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Muted {
    /// Version of this shape.
    pub v: u32,
    /// What it is.
    #[serde(flatten)]
    pub muting: Muting,
    /// Whether it was another before.
    pub changed: bool,
}

/// `GET /v1/signals` lists what waits for a decision, by place and rule, the newest first.
pub(super) async fn inbox(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let query::Rows { mut question, top } =
        query::Rows::of_signals(uri.query().unwrap_or_default())?;
    narrow(&desk, &sender, &mut question)?;
    let answer = read(&desk, move |desk| desk.index.signals(&question, top)).await?;
    Ok(lacking(answer.lacks, json_response(StatusCode::OK, to_json(&answer))))
}

/// `POST /v1/events/{id}/confirm`, `/dismiss` and `/reopen`: a verdict about a signal.
pub(super) async fn decide(
    verdict: Verdict,
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = body::read(&desk.bodies, &headers, body).await?;
    decide_as(&desk, &sender, id, verdict, said(&body.bytes)?).await
}

fn said(body: &[u8]) -> Result<Said, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(Said::default());
    }
    let said: Said = serde_json::from_slice(body).map_err(|error| {
        Problem::malformed(format!(
            "a decision has no body, or one like {{\"note\":\"what happened\",\"severity\":\"major\"}}: {error}"
        ))
    })?;
    let note = said.note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    if let Some(found) = note.as_ref().map(String::len).filter(|found| MAX_TEXT < *found) {
        let detail = format!("`note` has {found} bytes, at most {MAX_TEXT} are kept: shorten it");
        return Err(Problem::malformed(detail));
    }
    let note = note.map(|note| scrub(&note).map_or(note, |(clean, _)| clean));
    Ok(Said { note, ..said })
}

async fn decide_as(
    desk: &Arc<Desk>,
    sender: &Sender,
    id: Id,
    verdict: Verdict,
    Said { note, severity }: Said,
) -> Result<Response, Problem> {
    require_reader(sender)?;
    let id = readable_id(id)?;
    let Stored { event, is_retracted, .. } = read(desk, move |desk| Ok(find(desk, &id))).await??;
    // An unverified name is enough, unlike for taking back: only who was asked knows whether it hurt.
    let is_own = sender.is_owner() || event.person == sender.name();
    if !is_own {
        return Err(Problem::forbidden(
            "the signal is about somebody else: only the person it happened to, the user that snagd runs as, or root can decide about it",
        ));
    }
    if event.class != Class::Signal || is_retracted {
        return Err(undecidable(&event));
    }
    let by = sender.name().to_owned();
    let before = event.decision.as_ref();
    let at = next_instant(now(), before.map(|decision| decision.at));
    let decision = Decision { at, verdict, by, severity, note };
    if before.map_or(verdict == Verdict::Open, |before| says_the_same(before, &decision)) {
        return Ok(json_response(StatusCode::OK, event.to_json()));
    }
    let decided = Decided::about(&event, decision);
    let json = decided_json(event, decided.decision.clone())?;
    desk.recorder.decide(Record::Decided(Box::new(decided))).await?;
    Ok(json_response(StatusCode::OK, json))
}

/// The event with what was decided about it: no larger than one that can be imported again, unless it is
/// the verdict alone that is too much.
fn decided_json(event: Event, decision: Decision) -> Result<Vec<u8>, Problem> {
    let note = decision.note.as_ref().map(String::len);
    let json = event.decided(Some(decision)).to_json();
    match note {
        Some(note) if MAX_EVENT < json.len() => {
            let found = json.len();
            Err(Problem::malformed(format!(
                "`note` has {note} bytes and makes the event {found} bytes long, at most {MAX_EVENT} are kept: shorten it"
            )))
        }
        _ => Ok(json),
    }
}

fn says_the_same(before: &Decision, again: &Decision) -> bool {
    let is_kept = |said: bool, same: bool| !said || same;
    before.verdict == again.verdict
        && is_kept(again.severity.is_some(), before.severity == again.severity)
        && is_kept(again.note.is_some(), before.note == again.note)
}

fn undecidable(event: &Event) -> Problem {
    let detail = match event.class {
        Class::Signal => "the signal was taken back: there is nothing to decide about it any more",
        Class::Report => "a person said so already: only signals are confirmed or dismissed",
        Class::Use => "it is a use: only signals are confirmed or dismissed",
    };
    Problem::new(StatusCode::CONFLICT, "no-signal", "There is nothing to decide", detail)
}

/// `POST /v1/signals/mute`: what a rule notices at a place is no friction there; `/unmute`: it is
/// heard again, with all that was noticed meanwhile.
pub(super) async fn set_muted(
    is_muted: bool,
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    if !matches!(sender, Sender::Owner { .. } | Sender::Token { .. }) {
        return Err(Problem::forbidden(
            "muting changes everybody's figures: only the user that snagd runs as, root, or who has the token may do it",
        ));
    }
    let body = body::read(&desk.bodies, &headers, body).await?;
    let wrong = |what: &dyn std::fmt::Display| {
        Problem::malformed(format!(
            "name a rule and a place, like {{\"place\":\"web/cart\",\"signal\":\"rage-click\"}}: {what}"
        ))
    };
    let RuleAt { place, signal } = serde_json::from_slice(&body.bytes).map_err(|e| wrong(&e))?;
    let place = Place::parse(&place).map_err(|error| wrong(&format!("`place` {error}")))?;
    let before = desk.index.muting(&place, signal);
    let at = next_instant(now(), before.as_ref().map(|before| before.at));
    let muting = Muting { place, signal, at, is_muted, by: sender.name().to_owned() };
    let changed = before.as_ref().map_or(is_muted, |before| before.is_muted != is_muted);
    if changed {
        desk.recorder.decide(Record::Muting(muting.clone())).await?;
    }
    // Whoever said it first has said it.
    let muting = if changed { muting } else { before.unwrap_or(muting) };
    let is_new_place = desk.index.first_seen(&muting.place).is_none();
    let mut response =
        json_response(StatusCode::OK, to_json(&Muted { v: 1, muting: muting.clone(), changed }));
    if is_new_place {
        tell_new_place(&desk, muting.place, true, &mut response).await;
    }
    Ok(response)
}
