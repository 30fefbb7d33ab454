//! The HTTP door: one router, on TCP and on the unix socket.
//!
//! # Promises
//!
//! - A `201` is on disk and visible to the next query.
//! - Nothing gets past the gate (`gate`) unseen: it stands before routing.
//! - Whatever is wrong with a request is answered with a problem (RFC 9457) that says what to
//!   change; a bad line never sinks its batch.
//! - What it speaks is described in `openapi.json`, which it serves; a test holds that every route
//!   is in it, and no other.
//! - A client that does not read what it asked for is let go; nothing is kept for it.

mod ask;
mod body;
mod cloud;
mod deadline;
mod decide;
mod etag;
mod events;
mod forget;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod health;
mod keys;
mod metrics;
mod openapi;
mod pack;
mod page;
pub(crate) mod problem;
mod query;
mod requests;
mod route;
mod serve;
mod split;
mod stream;
mod weight;
mod workers;

use std::sync::Arc;

use axum::extract::FromRef;

use super::Desk;
use crate::event::Verdict;
use page::Links;
use requests::Requests;
use route::Route;
use stream::Streams;

pub use ask::{
    BeyondStatus, DiskStatus, DropStatus, IndexStatus, JournalStatus, QueueStatus, Status, You,
};
pub use decide::Muted;
pub use events::{NEAR_PLACES, NEW_PLACE, RETRACTED};
pub use forget::Forgetting;
pub use keys::{KeyList, Made, Wanted};
pub use page::PageLink;
pub use serve::{BEHIND, Door, LACKS, Listener, serve};
pub use workers::Workers;

/// Every route of the API; those of the page are in [`page`].
fn routes() -> Vec<Route> {
    vec![
        Route::get("/livez", health::livez),
        Route::get("/readyz", health::readyz),
        Route::get("/metrics", metrics::metrics),
        Route::get("/openapi.json", openapi::openapi),
        Route::get(events::PATH, events::list),
        // What the daemon is posted goes past this to the same function, in `serve`.
        Route::post(events::PATH, events::record),
        Route::get("/v1/events/{id}", events::show),
        Route::delete("/v1/events/{id}", events::retract),
        Route::post("/v1/events/{id}/confirm", |desk, sender, id, headers, body| {
            decide::decide(Verdict::Confirmed, desk, sender, id, headers, body)
        }),
        Route::post("/v1/events/{id}/dismiss", |desk, sender, id, headers, body| {
            decide::decide(Verdict::Dismissed, desk, sender, id, headers, body)
        }),
        Route::post("/v1/events/{id}/reopen", |desk, sender, id, headers, body| {
            decide::decide(Verdict::Open, desk, sender, id, headers, body)
        }),
        Route::get("/v1/signals", decide::inbox),
        Route::post("/v1/signals/mute", |desk, sender, headers, body| {
            decide::set_muted(true, desk, sender, headers, body)
        }),
        Route::post("/v1/signals/unmute", |desk, sender, headers, body| {
            decide::set_muted(false, desk, sender, headers, body)
        }),
        Route::get("/v1/hotspots", ask::hotspots),
        Route::get("/v1/why", ask::why),
        Route::get("/v1/coverage", ask::coverage),
        Route::get("/v1/known", ask::known),
        Route::get("/v1/stream", stream::stream),
        Route::get("/v1/status", ask::status),
        Route::post("/v1/forget", forget::forget),
        Route::get("/v1/keys", keys::list),
        Route::post("/v1/keys", keys::make),
        Route::delete("/v1/keys/{number}", keys::revoke),
        Route::post("/v1/page-link", page::link),
    ]
}

/// What handlers may ask for.
#[derive(Clone)]
struct Hall {
    desk: Arc<Desk>,
    requests: Arc<Requests>,
    streams: Streams,
    links: Links,
}

impl FromRef<Hall> for Arc<Desk> {
    fn from_ref(hall: &Hall) -> Self {
        hall.desk.clone()
    }
}

impl FromRef<Hall> for Arc<Requests> {
    fn from_ref(hall: &Hall) -> Self {
        hall.requests.clone()
    }
}

impl FromRef<Hall> for Links {
    fn from_ref(hall: &Hall) -> Self {
        hall.links.clone()
    }
}

impl FromRef<Hall> for Streams {
    fn from_ref(hall: &Hall) -> Self {
        hall.streams.clone()
    }
}

#[cfg(test)]
mod tests;
