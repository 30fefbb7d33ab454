//! `/livez` and `/readyz`: for whoever starts, stops and routes around daemons.
//!
//! They tell nothing of what is recorded, so on this machine they need no token.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header;

use super::problem::Problem;
use crate::doors::Desk;
use crate::recorder::Refusal;

/// A writer that takes longer than this to say that it could write cannot be waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /livez` answers while the process lives.
pub(super) async fn livez() -> Response {
    fine("alive\n")
}

/// `GET /readyz` answers `200` when an event would be recorded now, and else says why not.
pub(super) async fn readyz(State(desk): State<Arc<Desk>>) -> Result<Response, Problem> {
    let refused = match tokio::time::timeout(PATIENCE, desk.recorder.check()).await {
        Ok(Ok(())) => return Ok(fine("ready\n")),
        Ok(Err(refusal)) => Some(refusal),
        Err(_) => None,
    };
    let (kind, detail) = match refused {
        Some(Refusal::NoRoom) => (
            "disk-full",
            "the disk is full: make room where snagd stores, and it goes on by itself",
        ),
        Some(_) => ("stopping", "snagd stops, or its disk failed: its log says which"),
        None => (
            "busy",
            "what waits was not written within 2 seconds: the disk is slow or hangs; look at it if this stays",
        ),
    };
    let title = "snagd cannot record at the moment";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, title, detail).retry_after(1))
}

fn fine(word: &'static str) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (headers, word).into_response()
}
