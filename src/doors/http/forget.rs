//! `POST /v1/forget`: a person, a place or one event, to the last byte.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use hyper::header::HeaderMap;
use hyper::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::body;
use super::events::{json_response, read, to_json};
use super::problem::Problem;
use super::query;
use crate::doors::{Desk, Wish};
use crate::event::{Forget, Record, Remains, Sender};
use crate::journal::{JournalError, Reader};

/// What is to be forgotten, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgetting {
    /// Version of this shape.
    pub v: u32,
    /// Events.
    pub events: u64,
    /// Records that go or lose a name: these events, and what people decided.
    #[serde(default)]
    pub records: u64,
    /// People they happened to.
    pub people: usize,
    /// Places they happened at.
    pub places: usize,
    /// Damaged stretches of the journal, which go with it.
    pub damaged: u64,
    /// Files beside the journal that go with it: they name it, or were set aside and may.
    #[serde(default)]
    pub copies: Vec<PathBuf>,
    /// Whether something asked for before is still to be forgotten, for which there was no room.
    #[serde(default)]
    pub waits: bool,
}

/// `POST /v1/forget` has something forgotten; with `dry_run`, it only says what that would be.
///
/// `202` means that it is written down: snagd starts anew, and whatever happens it is done before
/// the next answer; should the room for it be gone by then, once there is some. `200` means that there
/// is nothing of it, and nothing was done. For the owner alone.
pub(super) async fn forget(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    if !sender.is_owner() {
        return Err(Problem::forbidden(
            "only the user that snagd runs as, or root, may have something forgotten, and over the unix socket",
        ));
    }
    let query::Forget { is_dry, loses_damaged } =
        query::Forget::read(uri.query().unwrap_or_default())?;
    let body = body::read(&desk.bodies, &headers, body).await?;
    let forget: Forget = serde_json::from_slice(&body.bytes).map_err(|error| {
        Problem::malformed(format!(
            "say what to forget, as one of {{\"person\":\"ana\"}}, {{\"place\":\"web/pay\"}} or {{\"id\":\"…\"}} with a whole id: {error}"
        ))
    })?;
    if forget == Forget::Person(String::new()) {
        return Err(Problem::malformed("`person` is empty: name whom to forget"));
    }
    let what = forget.clone();
    let forgetting = read(&desk, move |desk| Ok(count(&desk.journal, &what))).await?;
    let mut forgetting = forgetting.map_err(|error| {
        tracing::error!(%error, "the journal cannot be read");
        Problem::internal()
    })?;
    forgetting.waits = desk.facts.waits_to_forget;
    if 0 < forgetting.damaged && !loses_damaged {
        return Err(damaged(forgetting.damaged));
    }
    let (answer, answered) = oneshot::channel();
    let is_recorded = 0 < forgetting.records + forgetting.damaged;
    let wish = Wish { forget, is_recorded, loses_damaged, is_dry, answer };
    desk.wishes.send(wish).await.map_err(|_| starting_anew())?;
    let granted = answered.await.map_err(|_| starting_anew())?.map_err(|error| {
        tracing::error!(%error, "what is to be forgotten cannot be looked for or written down");
        match error.kind() {
            io::ErrorKind::StorageFull => no_room(desk.facts.waits_to_forget),
            _ => unusable(&error),
        }
    })?;
    forgetting.copies = granted.copies;
    let status = if granted.is_written { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(json_response(status, to_json(&forgetting)))
}

/// Somebody else's wish was written down just before, or snagd was told to stop.
fn starting_anew() -> Problem {
    let detail = "snagd starts anew at this moment, or stops, and nothing was written down: say it again once it is back";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "starting-anew", "snagd starts anew", detail).retry_after(1)
}

/// Nothing was written down.
fn no_room(waits: bool) -> Problem {
    let detail = if waits {
        "nothing was written down: what was to be forgotten before still waits for room; make some where snagd stores (20 MiB and as much as the index has), wait until that is done, and say it again"
    } else {
        "nothing was forgotten: the journal is rewritten for it, which takes room while it lasts; make some where snagd stores (20 MiB and as much as the index has) and say it again"
    };
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The disk is full", detail)
}

/// What lies beside the journal cannot be read, or nothing be written there.
fn unusable(error: &io::Error) -> Problem {
    let detail = format!(
        "nothing was forgotten: what lies beside the journal, or was rejected, cannot be used ({error}); let the user that snagd runs as read and write the state and drop directories, and say it again"
    );
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "snagd failed", detail)
}

/// Rewriting a journal drops what cannot be read of it, which the index may still know.
fn damaged(places: u64) -> Problem {
    let detail = format!(
        "the journal is damaged (stretches: {places}), and forgetting builds everything anew from what can be read of it: copy the state directory first if anybody may still want to look at the bad bytes, then say `lose_damaged=true` (`snag forget --lose-damaged`)"
    );
    Problem::new(StatusCode::CONFLICT, "journal-damaged", "The journal is damaged", detail)
}

/// What a wish comes to, from the journal itself.
fn count(journal: &Reader, forget: &Forget) -> Result<Forgetting, JournalError> {
    let needle = forget.needle();
    let (mut events, mut people, mut places) = (HashSet::new(), HashSet::new(), HashSet::new());
    let (mut damaged, mut records) = (0, 0);
    for entry in journal.from(1) {
        let payload = match entry {
            Ok(entry) => entry.payload,
            Err(JournalError::Damaged(_)) => {
                damaged += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        if !str::from_utf8(&payload).is_ok_and(|text| text.contains(&needle)) {
            continue;
        }
        let Ok(record) = Record::decode(&payload) else { continue };
        if let Record::Event(event) = &record
            && forget.covers(event)
        {
            events.insert(event.id);
            people.insert(event.person.clone());
            places.insert(event.place.clone());
        }
        records += u64::from(forget.remains_of(record) != Remains::All);
    }
    let events = events.len() as u64;
    Ok(Forgetting {
        v: 1,
        events,
        records,
        people: people.len(),
        places: places.len(),
        damaged,
        copies: Vec::new(),
        waits: false,
    })
}
