//! The Sentry door: what the SDKs of Sentry send, as signals, reports and uses.
//!
//! A team that has Sentry adds a variable (`SENTRY_SPOTLIGHT`) or a DSN of ours, and nothing else.
//! `POST /api/{project}/envelope/` takes a key, `POST /stream` (Spotlight) comes from this machine.
//!
//! # Promises
//!
//! - 200 means: on disk and visible. No SDK sends again, so this door refuses last: it waits for room.
//! - What can be read of an envelope is kept, whatever is wrong with the rest; the answer then is 400
//!   and says what was wrong.
//! - Local variables, cookies, headers, bodies, arguments and host names are never stored: what is
//!   kept of an event is listed (`evidence`), not what is left out.
//! - Of one person 60 signals an hour are kept, and a key has a rate. What is beyond is counted.
//! - Web pages that the configuration does not name cannot read an answer, nor post without a key.

mod answer;
mod auth;
mod envelope;
mod evidence;
#[cfg(fuzzing)]
pub mod fuzzing;
mod item;
mod person;
mod place;
mod read;
mod recording;
mod route;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode};
use uuid::Uuid;

use super::Desk;
use super::body::{Encoding, Whole};
use super::keys::KeyKind;
use super::side::{self, Caller, RouteName, SideDoor};
use crate::event::Place;
use answer::Complaint;
use route::Route;

/// How an envelope may be packed.
const TAKEN: [Encoding; 5] =
    [Encoding::Identity, Encoding::Gzip, Encoding::Deflate, Encoding::Brotli, Encoding::Zstd];
const SHOWN: &str = "x-sentry-error, x-sentry-rate-limits, retry-after";
const ASKED: &str =
    "content-type, content-encoding, x-sentry-auth, authorization, baggage, sentry-trace";

/// The door, for the desk.
#[must_use]
pub fn door(desk: Arc<Desk>) -> SideDoor {
    SideDoor {
        takes: |path| Route::of(path).is_some(),
        answers: Router::new().fallback(answer).with_state(desk),
    }
}

/// Every request on a path of this door.
async fn answer(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let route = Route::of(head.uri.path()).unwrap_or(Route::Envelope);
    let (name, is_spotlight) = (route.name(), matches!(route, Route::Spotlight(_)));
    let origin = side::known_origin(&head.headers, &desk.rules());
    let asks = head.method == Method::OPTIONS;
    let mut response = match head.method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        Method::POST => {
            let query = head.uri.query().map(str::to_owned);
            let letter = Letter { headers: head.headers, query };
            let taken = take(&desk, route, caller, letter, body).await;
            taken.map_or_else(Complaint::into_response, answer::taken)
        }
        _ => Complaint::new(StatusCode::METHOD_NOT_ALLOWED, "envelopes are posted").into_response(),
    };
    // Where both are said, SDKs take the limits of kinds for all there is, and send errors on.
    if !is_spotlight && response.status() != StatusCode::TOO_MANY_REQUESTS {
        answer::tell_unwanted(&mut response);
    }
    side::allow(&mut response, origin, SHOWN);
    if asks {
        side::preflight(&mut response, "POST", ASKED);
    }
    response.extensions_mut().insert(RouteName(name));
    response
}

/// What stands on an envelope.
struct Letter {
    headers: HeaderMap,
    query: Option<String>,
}

/// Lets an envelope in and records what is in it.
async fn take(
    desk: &Arc<Desk>,
    route: Route,
    caller: Caller,
    letter: Letter,
    body: Body,
) -> Result<Option<Uuid>, Complaint> {
    let place = match route {
        Route::Spotlight(place) => place,
        Route::Envelope => return take_with_key(desk, &letter, body).await,
        Route::Misnamed => {
            return Err(Complaint::new(
                StatusCode::NOT_FOUND,
                "a project is a number here: use the whole DSN that `snag dsn` printed",
            ));
        }
    };
    let is_strange = side::is_of_strange_page(&letter.headers, &desk.rules());
    if !caller.is_here || is_strange {
        return Err(Complaint::forbidden(
            "without a key only programs of this machine may post, and pages whose origin is among `origins` in snagd's configuration: use the DSN that `snag dsn` makes",
        ));
    }
    let body = read(desk, &letter, body).await?;
    recording::record(desk, place, &body.bytes).await
}

async fn take_with_key(
    desk: &Arc<Desk>,
    letter: &Letter,
    body: Body,
) -> Result<Option<Uuid>, Complaint> {
    let said = auth::of_request(&letter.headers, letter.query.as_deref())?;
    // A key that stands outside is held to its rate before anything of the body is read.
    let place = said.as_deref().map(|digits| admit_key(desk, digits)).transpose()?;
    let body = read(desk, letter, body).await?;
    let digits = auth::of_both(said, &envelope::header(&body.bytes))?;
    let place = match place {
        Some(place) => place,
        None => admit_key(desk, &digits)?,
    };
    recording::record(desk, place, &body.bytes).await
}

/// The place that a key is bound to, if the key is good and has not sent too much.
fn admit_key(desk: &Desk, digits: &str) -> Result<Option<Place>, Complaint> {
    let key = desk.side.keys.find(KeyKind::Sentry, digits).ok_or_else(|| {
        Complaint::forbidden(
            "snagd does not know the key, or it was revoked: `snag dsn` makes another",
        )
    })?;
    desk.side.limits.take(key.number, Instant::now()).map_err(|wait| {
        desk.side.sentry.limited.fetch_add(1, Ordering::Relaxed);
        Complaint::too_many(wait)
    })?;
    Ok(key.place)
}

async fn read(desk: &Desk, letter: &Letter, body: Body) -> Result<Whole, Complaint> {
    Ok(desk.bodies.read(&letter.headers, body, &TAKEN).await?)
}
