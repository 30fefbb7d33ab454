//! `/v1/keys`: making, listing and revoking the keys that SDKs and pages post with.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::body;
use super::events::{json_response, to_json};
use super::problem::Problem;
use crate::doors::keys::{Key, KeyKind};
use crate::doors::{Desk, chain, now};
use crate::event::{Place, Sender, scrub};
use crate::journal::is_no_room;

/// What a key is to be like.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// What it is for.
    pub kind: KeyKind,
    /// The place that whatever it posts lies below.
    pub place: Option<String>,
}

/// A key that was just made. Nobody is told its digits again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// Version of this shape.
    pub v: u32,
    /// Which one it is.
    #[serde(flatten)]
    pub key: Key,
    /// What a Sentry SDK is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dsn: Option<String>,
    /// What `SENTRY_SPOTLIGHT` is set to for the same place, on this machine; it holds no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spotlight: Option<String>,
    /// What stands in a web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// The keys that are good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyList {
    /// Version of this shape.
    pub v: u32,
    /// In the order they were made in.
    pub keys: Vec<Key>,
}

/// `POST /v1/keys` makes a key. For the owner alone.
///
/// `201` means that it is on disk, as a hash: this answer is the only one that has its digits.
pub(super) async fn make(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    require_owner(&sender)?;
    let body = body::read(&desk.bodies, &headers, body).await?;
    let wanted: Wanted = serde_json::from_slice(&body.bytes).map_err(|error| {
        Problem::malformed(format!("say what the key is for, like {{\"place\":\"web\"}}: {error}"))
    })?;
    let place = wanted.place.as_deref().map(read_place).transpose()?;
    let url = desk.public_url().ok_or_else(nowhere)?;
    let kind = wanted.kind;
    let (key, digits) = change(&desk, move |desk| desk.side.keys.make(kind, place, now())).await?;
    let mut response = json_response(StatusCode::CREATED, to_json(&made(key, &digits, &url)));
    // Whoever keeps answers must not keep this one.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A key, and what those who use it are given.
fn made(key: Key, digits: &str, url: &str) -> Made {
    let made = Made { v: 1, key, dsn: None, spotlight: None, snippet: None };
    let (scheme, host) = url.split_once("://").unwrap_or(("http", url));
    let Key { number, kind, place, .. } = &made.key;
    match kind {
        KeyKind::Sentry => {
            let at = place.as_ref().map(|place| format!("/{place}")).unwrap_or_default();
            let dsn = format!("{scheme}://{digits}@{host}/{number}");
            Made { dsn: Some(dsn), spotlight: Some(format!("{url}{at}/stream")), ..made }
        }
        KeyKind::Browser => {
            let place = place.as_ref().map_or("web", |place| place.as_str());
            let snippet = format!(
                "<script defer src=\"{url}/snag.js\" data-key=\"{digits}\" data-place=\"{place}\"></script>"
            );
            Made { snippet: Some(snippet), ..made }
        }
    }
}

/// `GET /v1/keys` lists the keys that are good. For the owner alone.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
) -> Result<Response, Problem> {
    require_owner(&sender)?;
    let list = KeyList { v: 1, keys: desk.side.keys.list() };
    Ok(json_response(StatusCode::OK, to_json(&list)))
}

/// `DELETE /v1/keys/{number}` revokes a key: the next request with it is refused. For the owner alone.
pub(super) async fn revoke(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    number: Result<Path<u32>, PathRejection>,
) -> Result<Response, Problem> {
    require_owner(&sender)?;
    let Path(number) = number.map_err(|_| {
        Problem::malformed("a key is named by its number: `snag dsn --list` shows them")
    })?;
    if change(&desk, move |desk| desk.side.keys.revoke(number, now())).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(Problem::not_found(format!("there is no key {number}: `snag dsn --list` shows them")))
}

fn require_owner(sender: &Sender) -> Result<(), Problem> {
    if sender.is_owner() {
        return Ok(());
    }
    Err(Problem::forbidden(
        "only the user that snagd runs as, or root, has keys made, listed and revoked, and over the unix socket",
    ))
}

fn read_place(text: &str) -> Result<Place, Problem> {
    let place =
        Place::parse(text).map_err(|error| Problem::malformed(format!("`place` {error}")))?;
    if scrub(place.as_str()).is_some() {
        return Err(Problem::malformed("`place` holds what looks like a secret: name it without"));
    }
    Ok(place)
}

fn nowhere() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "no-tcp",
        "snagd does not listen over TCP",
        "SDKs reach snagd over TCP alone: set `listen` in its configuration, or start it with `--listen 127.0.0.1:7624`",
    )
}

/// Changes the file of keys, off the threads that serve sockets.
async fn change<T: Send + 'static>(
    desk: &Arc<Desk>,
    change: impl FnOnce(&Desk) -> std::io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let desk = desk.clone();
    let changed = tokio::task::spawn_blocking(move || change(&desk)).await;
    changed.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(|error| {
        tracing::error!(error = %chain(&error), "the file of keys cannot be written");
        if is_no_room(&error) {
            return Problem::from(crate::recorder::Refusal::NoRoom);
        }
        let detail = "the file of keys cannot be written: see snagd's log for why, let the user that snagd runs as write to its state directory, and try again";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "snagd failed", detail)
    })
}
