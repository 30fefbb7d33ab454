//! To the daemon, or kept for it; nothing is said on the way.

use std::os::unix::fs::MetadataExt;
use std::pin::pin;

use anyhow::Context;
use bytes::Bytes;
use rustix::process::geteuid;
use serde_json::json;
use snag::client::{ClientError, Target};
use snag::doors::now;
use snag::event::{Decision, Draft, Event, Source, Verdict};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{Fired, Matter};
use crate::last;
use crate::log::{self, PATIENCE};
use crate::reach::{self, Keep, names_person};

/// What became of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// A daemon has it.
    Recorded,
    /// It waits in a file.
    Kept,
}

/// Records what was noticed; says what is to be said where that cannot be done.
pub(crate) async fn send(drafts: Vec<Draft>, url: Option<&Target>) -> anyhow::Result<Sent> {
    let deadline = Instant::now() + PATIENCE;
    let names_person = names_person(&drafts, url);
    let events =
        drafts.into_iter().map(|draft| log::check(draft)?.without_secrets().map_err(log::rejected));
    let events = events.collect::<anyhow::Result<Vec<Event>>>()?;
    let bodies: Vec<_> = events.iter().map(|event| log::body(event, names_person)).collect();
    let lines = bodies.iter().flat_map(|body| [body.as_slice(), b"\n"]).flatten().copied();
    let posting = pin!(post(lines.collect(), url));
    match timeout_at(deadline, posting).await {
        Ok(Ok(())) => return Ok(Sent::Recorded),
        Ok(Err(error)) if log::is_final(&error) => return Err(error.into()),
        Ok(Err(_)) | Err(_) => {}
    }
    put(&reach::keep(url)?, &events, names_person)
}

fn put(keep: &Keep<'_>, events: &[Event], names_person: bool) -> anyhow::Result<Sent> {
    for event in events {
        keep.put(event.id, &log::body(event, names_person))
            .with_context(|| format!("no snagd answers, and {keep} cannot be written to"))?;
    }
    Ok(Sent::Kept)
}

/// A line that is refused is as good as told: the same would be refused again.
async fn post(lines: Bytes, url: Option<&Target>) -> Result<(), ClientError> {
    let mut connection = reach::connect_to_post(url).await?;
    connection.post_lines(lines).await.map(drop)
}

/// Confirms all signals of a matter, with the person's own words, if there are some, about the
/// strongest. Where no daemon answers, each is kept again with what was decided, which counts once
/// both are there; from whom the daemon would not believe that, a report is told beside the signal.
/// `snag undo` is about what was made of it.
pub(crate) async fn confirm(
    matter: &Matter,
    note: Option<&str>,
    url: Option<&Target>,
) -> anyhow::Result<Sent> {
    let mut open = decided(matter, note)?;
    let mut all: Vec<_> = open.iter().map(|event| event.id).collect();
    // Whatever was not decided in time is still among them.
    let _ = timeout_at(Instant::now() + PATIENCE, decide(&mut open, url)).await;
    let is_open = open.first().map(|event| &event.id) == all.first();
    let keep = if open.is_empty() { None } else { Some(reach::keep(url)?) };
    match keep {
        Some(keep) if is_believed(&keep) => {
            let kept = put(&keep, &open, names_person(&matter.signals, url))?;
            last::remember_confirmed(url, &all);
            Ok(if is_open { kept } else { Sent::Recorded })
        }
        Some(_) if is_open => {
            let Fired { place, kind, found, .. } = &matter.fired;
            let id = Uuid::now_v7();
            let mut report = super::draft(id, "report", place, now(), Source::Run);
            report.set("kind", kind.to_string());
            report.set("note", note.unwrap_or(found));
            let sent = send(vec![report], url).await?;
            last::remember(url, id, None, sent == Sent::Kept);
            Ok(sent)
        }
        _ => {
            all.retain(|id| open.iter().all(|event| event.id != *id));
            last::remember_confirmed(url, &all);
            Ok(Sent::Recorded)
        }
    }
}

/// Every signal of a matter, confirmed, the strongest first.
fn decided(matter: &Matter, note: Option<&str>) -> anyhow::Result<Vec<Event>> {
    let drafts = matter.signals.iter().chain(&matter.earlier).enumerate();
    let decided = drafts.map(|(nth, draft)| {
        let event = log::check(draft.clone())?;
        let note = note.filter(|_| nth == 0).map(ToOwned::to_owned);
        let (by, verdict) = (event.person.clone(), Verdict::Confirmed);
        let decision = Decision { at: now(), verdict, by, severity: None, note };
        event.decided(Some(decision)).without_secrets().map_err(log::rejected)
    });
    decided.collect()
}

/// Confirms them one by one; those that are not known, or not ours to decide about, stay open.
async fn decide(open: &mut Vec<Event>, url: Option<&Target>) -> Result<(), ClientError> {
    let mut connection = reach::connect_to_post(url).await?;
    for event in open.clone() {
        let note = event.decision.and_then(|decision| decision.note);
        let body = note.map_or_else(|| json!({}), |note| json!({"note": note}));
        let path = format!("/v1/events/{}/confirm", event.id);
        match connection.post(&path, body.to_string().into()).await {
            Ok(_) => open.retain(|other| other.id != event.id),
            Err(ClientError::Told(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the daemon that will take it runs as us, or we are root: from these alone it takes a
/// decision together with its event.
fn is_believed(keep: &Keep<'_>) -> bool {
    let theirs = match keep {
        Keep::Drop(dir) => dir,
        Keep::Outbox(_, Target::Unix(socket)) => socket,
        Keep::Outbox(_, Target::Tcp { .. }) => return false,
    };
    let us = geteuid();
    us.is_root() || theirs.metadata().is_ok_and(|theirs| theirs.uid() == us.as_raw())
}
