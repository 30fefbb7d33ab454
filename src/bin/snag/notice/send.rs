//! To the daemon, or kept for it; nothing is said on the way.

use std::pin::pin;

use anyhow::Context;
use bytes::Bytes;
use serde_json::json;
use snag::client::{ClientError, Target};
use snag::doors::now;
use snag::event::{Draft, Event, Source};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::Fired;
use crate::log::{self, PATIENCE};
use crate::reach;

/// Records what was noticed; says what is to be said where that cannot be done.
pub(crate) async fn send(drafts: Vec<Draft>, url: Option<&Target>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let names_person = names_person(&drafts, url);
    let events =
        drafts.into_iter().map(|draft| log::check(draft)?.without_secrets().map_err(log::rejected));
    let events = events.collect::<anyhow::Result<Vec<Event>>>()?;
    let bodies: Vec<_> =
        events.iter().map(|event| (event.id, log::body(event, names_person))).collect();
    let lines = bodies.iter().flat_map(|(_, body)| [body.as_slice(), b"\n"]).flatten().copied();
    let posting = pin!(post(lines.collect(), url));
    match timeout_at(deadline, posting).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error @ ClientError::Told(_))) if !log::is_temporary(&error) => {
            return Err(error.into());
        }
        Ok(Err(_)) | Err(_) => {}
    }
    let keep = reach::keep(url)?;
    for (id, body) in &bodies {
        keep.put(*id, body)
            .with_context(|| format!("no snagd answers, and {keep} cannot be written to"))?;
    }
    Ok(())
}

/// A line that is refused is as good as told: the same would be refused again.
async fn post(lines: Bytes, url: Option<&Target>) -> Result<(), ClientError> {
    let mut connection = reach::connect_to_post(url).await?;
    connection.post_lines(lines).await.map(drop)
}

/// Makes a report of a signal, with the person's own words if there are some: the daemon turns the
/// signal into one, or else, where that is not to be had, a report is told beside it.
pub(crate) async fn confirm(
    signal: Uuid,
    fired: &Fired,
    note: Option<&str>,
    url: Option<&Target>,
) -> anyhow::Result<()> {
    let asked = timeout_at(Instant::now() + PATIENCE, ask(signal, note, url)).await;
    if matches!(asked, Ok(Ok(()))) {
        return Ok(());
    }
    let mut report = super::draft(Uuid::now_v7(), "report", &fired.place, now(), Source::Run);
    report.set("kind", fired.kind.to_string());
    report.set("note", note.unwrap_or(&fired.found));
    send(vec![report], url).await
}

async fn ask(signal: Uuid, note: Option<&str>, url: Option<&Target>) -> Result<(), ClientError> {
    let mut connection = reach::connect_to_post(url).await?;
    let body = note.map_or_else(|| json!({}), |note| json!({"note": note}));
    let path = format!("/v1/events/{signal}/confirm");
    connection.post(&path, "application/json", body.to_string().into()).await.map(drop)
}

/// Over a socket or by a file the daemon knows who we are; loopback TCP has to be told.
fn names_person(drafts: &[Draft], url: Option<&Target>) -> bool {
    drafts.iter().any(|draft| draft.has("person")) || matches!(url, Some(Target::Tcp { .. }))
}
