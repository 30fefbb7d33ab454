//! The HTTP door: one router, on TCP and on the unix socket.
//!
//! # Promises
//!
//! - A `201` is on disk and visible to the next query.
//! - Nothing gets past the gate (`gate`) unseen: it stands before routing.
//! - Whatever is wrong with a request is answered with a problem (RFC 9457) that says what to
//!   change; a bad line never sinks its batch.
//! - A client that does not read what it asked for is let go; nothing is kept for it.

mod ask;
mod body;
mod deadline;
mod events;
mod forget;
mod gate;
pub(crate) mod problem;
mod query;
mod serve;
mod stream;

use std::sync::Arc;

use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper::StatusCode;

use super::Desk;
use problem::Problem;
use stream::Streams;

pub use ask::{DiskStatus, DropStatus, IndexStatus, JournalStatus, Status, You};
pub use events::{NEAR_PLACES, NEW_PLACE, RETRACTED};
pub use forget::Forgetting;
pub use serve::{BEHIND, Door, Listener, serve};

/// Every route.
fn router(desk: Arc<Desk>, streams: Streams) -> Router {
    Router::new()
        .route("/v1/events", get(events::list).post(events::record))
        .route("/v1/events/{id}", get(events::show).delete(events::retract))
        .route("/v1/hotspots", get(ask::hotspots))
        .route("/v1/why", get(ask::why))
        .route("/v1/known", get(ask::known))
        .route("/v1/stream", get(stream::stream))
        .route("/v1/status", get(ask::status))
        .route("/v1/forget", post(forget::forget))
        .fallback(async || Problem::not_found("the API has /v1/events, /v1/events/{id}, /v1/hotspots, /v1/why, /v1/known, /v1/stream, /v1/status and /v1/forget"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "wrong-method",
                "That cannot be done here",
                "events are posted to /v1/events, deleted at /v1/events/{id}, and everything is read with GET",
            )
        })
        .layer(Extension(streams))
        .with_state(desk)
}
