//! The page's routes: who may see it, and what each view is made of.
//!
//! They lie under [`HOME`], apart from the API: a link that `snag open` prints lets a browser in
//! once and leaves it a cookie, which a browser sends to these paths alone and the gate takes on
//! these paths alone. Over the unix socket, and with a token, nobody needs one.
//!
//! # Promises
//!
//! - Nothing is read or recorded here without a cookie, a token or the unix socket.
//! - Only the form changes anything, and only with the token that came with it.
//! - Every document carries [`POLICY`]; no other site may frame, fetch or post to it.

mod asked;
mod form;
mod keys;
mod user;
mod views;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::body;
use super::events::{json_response, to_json};
use super::gate::{Peer, require_reader};
use super::problem::Problem;
use super::route::Route;
use super::stream;
use crate::doors::Desk;
use crate::event::Sender;
use crate::page::{self, HOME, Notice, POLICY};

pub(super) use keys::{Links, reader};

/// Every route of the page.
pub(super) fn routes() -> [Route; 13] {
    [
        Route::get("/", async || see(HOME)),
        Route::get(page::HOME, views::list),
        Route::get(page::MAP, views::map),
        Route::get(page::WHY, views::why),
        Route::get(page::CALENDAR, views::calendar),
        Route::get("/page/event/{id}", views::event),
        Route::get("/page/hotspots.json", views::json),
        Route::get("/page/hotspots.csv", views::csv),
        Route::get("/page/hotspots.md", views::markdown),
        Route::get(page::RECORD, form::show),
        Route::post(page::RECORD, form::record),
        Route::get(page::LIVE, stream::stream),
        Route::get("/page/open/{key}", open),
    ]
}

/// Whether a path belongs to the page.
pub(super) fn is_page(path: &str) -> bool {
    path == "/"
        || path
            .strip_prefix(HOME)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// The body that the form sends.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// A link that lets a browser in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PageLink {
    /// Version of this shape.
    pub v: u32,
    /// Where to go, once.
    pub url: String,
    /// For how long.
    pub good_for_seconds: u64,
}

/// A request for one, which has nothing to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// `POST /v1/page-link` gives a link that lets a browser in as whoever asks, once.
pub(super) async fn link(
    State(desk): State<Arc<Desk>>,
    State(links): State<Links>,
    Extension(sender): Extension<Sender>,
    Extension(peer): Extension<Peer>,
    headers: header::HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let body = body::read(&desk.bodies, &headers, body).await?;
    let Nothing {} = serde_json::from_slice(&body.bytes)
        .map_err(|_| Problem::malformed("send an empty object, {}: there is nothing to say"))?;
    let base = desk.public_url().ok_or_else(|| {
        Problem::new(
            StatusCode::CONFLICT,
            "no-address",
            "There is no address for a browser",
            "snagd listens on no TCP address, and a browser needs one: set `listen` in its configuration",
        )
    })?;
    let user = match peer {
        Peer::Unix { uid } => Some(uid),
        Peer::Tcp { .. } => None,
    };
    let key = links.make(sender, user)?;
    let link = PageLink {
        v: 1,
        url: format!("{base}{}{key}", page::OPEN),
        good_for_seconds: keys::LINK_TIME.as_secs(),
    };
    let mut response = json_response(StatusCode::CREATED, to_json(&link));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `GET /page/open/{key}` lets a browser in, once.
async fn open(
    State(desk): State<Arc<Desk>>,
    State(links): State<Links>,
    Extension(peer): Extension<Peer>,
    Extension(before): Extension<Sender>,
    method: Method,
    key: Result<Path<String>, PathRejection>,
) -> Result<Response, Shown> {
    if method != Method::GET {
        // Whoever only looks at a link, as a preview does, does not spend it.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let key = key.map(|Path(key)| key).unwrap_or_default();
    // Off the threads that serve sockets: the kernel's list of connections may be long.
    let comes = tokio::task::spawn_blocking(move || match peer {
        Peer::Tcp { remote, local } => user::at_other_end(remote, local),
        Peer::Unix { uid } => Some(uid),
    });
    let Some(sender) = links.take(&key, comes.await.unwrap_or(None)) else {
        if before != Sender::Anonymous {
            // The browser was let in by it already.
            return Ok(see(HOME));
        }
        return Err(Problem::new(
            StatusCode::GONE,
            "spent-link",
            "The link lets nobody in",
            "it was used before, is older than a minute, or is another user's: `snag open` gives another",
        )
        .into());
    };
    let mut response = see(HOME);
    let cookie = keys::cookie(&desk, peer, &sender);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Sends the reader somewhere else on the page.
fn see(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static(HOME));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// A document, and what a browser may do with it.
fn document(status: StatusCode, html: String) -> Response {
    let headers: [(HeaderName, &str); 7] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // `no-referrer` would have the form post from an origin called null.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (status, headers, html).into_response()
}

/// What a browser is shown at an address where there is nothing.
pub(super) fn nowhere() -> Response {
    let notice = Notice {
        title: "There is no such page",
        detail: "the address is mistyped, or from another version of snag: everything is reached from the list",
    };
    document(StatusCode::NOT_FOUND, page::notice(notice))
}

/// What a reader is shown instead of a view.
enum Shown {
    /// What is wrong.
    Problem(Problem),
    /// The address that they are better sent to.
    Elsewhere(page::Address),
}

impl<P: Into<Problem>> From<P> for Shown {
    fn from(problem: P) -> Self {
        Self::Problem(problem.into())
    }
}

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Elsewhere(address) => return see(&address.to_string()),
            Self::Problem(problem) => problem,
        };
        let status = problem.status();
        let html = if status == StatusCode::UNAUTHORIZED {
            page::locked()
        } else {
            page::notice(Notice { title: problem.title(), detail: problem.detail() })
        };
        document(status, html)
    }
}
