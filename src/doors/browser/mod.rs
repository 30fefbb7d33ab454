//! The browser door: the snippet itself, and what pages send with it.
//!
//! `GET /snag.js` is a script for any page, `GET /snag-dialog.js` the report that it loads once the page
//! is there. Both are served as `tests/minify/run` makes them of the sources beside them.
//! `POST /browser/{key}/events` takes what they tell: a plain text in the eyes of a browser, so that it
//! needs no question beforehand and outlives its page.
//!
//! # Promises
//!
//! - 200 means: on disk and visible. The page keeps what it told until then and sends it again, with
//!   the same ids.
//! - A page whose origin the configuration does not name, or without a good key, leaves nothing, and
//!   cannot read what it is answered. The log tells the owner of an origin that is missing.
//! - Whatever a page says, it lies below the place that its key is bound to, and nobody vouches for the
//!   person.
//! - Of one person 60 signals an hour are kept, and a key has a rate. What is beyond is counted.

mod answer;
mod batch;
mod rule;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::{Method, StatusCode};

use super::Desk;
use super::body::Encoding;
use super::keys::{Key, KeyKind};
use super::side::{self, RouteName, SideDoor};
use answer::No;
use batch::Tally;

/// Where the scripts are. The first knows the second by its name, beside itself.
const SNIPPET: &str = "/snag.js";
const DIALOG: &str = "/snag-dialog.js";
/// In front of the key,
const BEFORE_KEY: &str = "/browser/";
/// and behind it.
const BEHIND_KEY: &str = "/events";
/// The headers of an answer that a page may read.
const SHOWN: &str = "retry-after";

/// The door, for the desk.
#[must_use]
pub fn door(desk: Arc<Desk>) -> SideDoor {
    SideDoor {
        takes: |path| [SNIPPET, DIALOG].contains(&path) || path.starts_with(BEFORE_KEY),
        answers: Router::new().fallback(answer).with_state(desk),
    }
}

/// Every request on a path of this door.
async fn answer(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let (name, mut response) = match path {
        SNIPPET => (SNIPPET, script(&head.method, include_bytes!("snag.min.js"))),
        DIALOG => (DIALOG, script(&head.method, include_bytes!("snag-dialog.min.js"))),
        _ => {
            let answered = events(&desk, &head.method, path, &head.headers, body).await;
            ("/browser/{key}/events", answered)
        }
    };
    response.extensions_mut().insert(RouteName(name));
    response
}

/// A script, which is the same for everybody.
fn script(method: &Method, code: &'static [u8]) -> Response {
    const WHOSE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    if !matches!(*method, Method::GET | Method::HEAD) {
        return No::wrong_method().into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (WHOSE, "cross-origin"),
        // The dialog is imported, and a browser imports nothing that a page might not read.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, code).into_response()
}

/// What a page tells.
async fn events(
    desk: &Arc<Desk>,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let origin = side::known_origin(headers, &desk.rules());
    let asks = *method == Method::OPTIONS;
    let mut response = match *method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        Method::POST if origin.is_none() => refuse(desk, path, headers).into_response(),
        Method::POST => {
            let taken = take(desk, path, headers, body).await;
            taken.map_or_else(No::into_response, Tally::into_response)
        }
        _ => No::wrong_method().into_response(),
    };
    side::allow(&mut response, origin, SHOWN);
    if asks {
        side::preflight(&mut response, "POST", "content-type");
    }
    response
}

/// Lets what a page of a named origin tells in, and records it.
async fn take(desk: &Arc<Desk>, path: &str, headers: &HeaderMap, body: Body) -> Result<Tally, No> {
    let key = admit_key(desk, path)?;
    let body = desk.bodies.read(headers, body, &[Encoding::Identity]).await?;
    batch::record(desk, key.place, &body.bytes).await
}

/// Refuses a page whose origin the configuration does not name.
fn refuse(desk: &Desk, path: &str, headers: &HeaderMap) -> No {
    if find_key(desk, path).is_some() {
        desk.side.strangers.tell(headers);
    }
    No::strange_page()
}

/// The key in a path, if it is good.
fn find_key(desk: &Desk, path: &str) -> Option<Key> {
    let digits = path.strip_prefix(BEFORE_KEY)?.strip_suffix(BEHIND_KEY)?;
    desk.side.keys.find(KeyKind::Browser, digits)
}

/// The key in a path, if it is good and has not sent too much.
fn admit_key(desk: &Desk, path: &str) -> Result<Key, No> {
    let key = find_key(desk, path).ok_or_else(No::unknown_key)?;
    desk.side.limits.take(key.number, Instant::now()).map_err(|wait| {
        desk.side.browser.limited.fetch_add(1, Ordering::Relaxed);
        No::too_many(wait)
    })?;
    Ok(key)
}
