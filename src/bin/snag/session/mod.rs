//! `snag session`: a friction log, kept while somebody walks through a task.
//!
//! Each step is recorded at once, as `snag log` would: a step where nothing stood in the way is a
//! use of its place, any other a report. What belongs together lies in one file of the user's own,
//! so that the log can be written without a daemon.

pub(crate) mod markdown;

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use snag::daemon::Paths;
use snag::doors::now;
use snag::event::{Draft, Event, Kind, Place, scrub};

use crate::args::{EndSession, Global, Later, Log, SessionStep, StartSession, Step};
use crate::log::Delivered;
use crate::output::{Format, Output};
use crate::stop::{Code, stop};
use crate::{log, render, spool};

/// A walk through a task, with what was met so far.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Version of this shape.
    pub(crate) v: u32,
    /// What somebody set out to do.
    pub(crate) task: String,
    /// Who.
    pub(crate) person: Option<String>,
    /// Version of the product.
    pub(crate) version: Option<String>,
    /// Where they are.
    pub(crate) place: Option<Place>,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// What was met, in order.
    pub(crate) steps: Vec<Event>,
    /// What was good in the end.
    pub(crate) pros: Vec<Event>,
    /// What was not.
    pub(crate) cons: Vec<Event>,
}

impl Session {
    /// What was said in the end that is of a kind: what was good, or what was not.
    fn said(&mut self, kind: Kind) -> &mut Vec<Event> {
        if kind == Kind::Delight { &mut self.pros } else { &mut self.cons }
    }
}

/// `snag session`, and what comes behind it.
pub(crate) async fn session(
    said: Option<SessionStep>,
    global: &Global,
    output: &Output,
) -> anyhow::Result<()> {
    match said {
        None => show(output),
        Some(SessionStep::Start(Later(said))) => start(*said, output),
        Some(SessionStep::Note(Later(said))) => note(*said, global, output).await,
        Some(SessionStep::End(Later(said))) => end(*said, global, output).await,
    }
}

fn show(output: &Output) -> anyhow::Result<()> {
    let session = running()?;
    output.json_or(&session, |look| render::session(&session, look))
}

fn start(said: StartSession, output: &Output) -> anyhow::Result<()> {
    if said.task.trim().is_empty() {
        let message = "say what you set out to do: snag session start \"buy as a new customer\"";
        return Err(stop(Code::Usage, message));
    }
    let _alone = lock()?;
    if let Ok(running) = running() {
        let task = running.task;
        let message = format!("a session runs already, \"{task}\": `snag session end` ends it");
        return Err(stop(Code::Usage, message));
    }
    let session = Session {
        v: 1,
        task: without_secrets(said.task),
        person: said.person.map(without_secrets),
        version: said.version.map(without_secrets),
        place: said.place.as_deref().map(place).transpose()?,
        started_at: now(),
        steps: Vec::new(),
        pros: Vec::new(),
        cons: Vec::new(),
    };
    keep(&session)?;
    output.json_or(&session, |look| render::session(&session, look))
}

async fn note(said: Step, global: &Global, output: &Output) -> anyhow::Result<()> {
    let _alone = lock()?;
    let mut session = running()?;
    if let Some(said) = &said.place {
        session.place = Some(place(said)?);
    }
    let delivered = record(&session, said, global, output).await?;
    delivered.tell(output);
    session.steps.push(delivered.event);
    keep(&session)
}

async fn end(said: EndSession, global: &Global, output: &Output) -> anyhow::Result<()> {
    let _alone = lock()?;
    let mut session = running()?;
    let pros = said.pro.into_iter().map(|text| (text, Kind::Delight));
    let cons = said.con.into_iter().map(|text| (text, Kind::Unexpected));
    for (text, kind) in pros.chain(cons) {
        if session.said(kind).iter().any(|event| event.note.as_ref() == Some(&text)) {
            // Whoever was interrupted says it all again.
            continue;
        }
        let step = Step::of(kind, text);
        let delivered = record(&session, step, global, output).await?;
        session.said(kind).push(delivered.event);
        keep(&session)?;
    }
    match said.export {
        Some(_) => output.document(&markdown::write(&session, now()))?,
        None if output.format == Format::Json => output.json(&serde_json::to_vec(&session)?)?,
        None => output.line(&render::ended_session(&session, output.look()))?,
    }
    let path = path()?;
    fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))
}

/// Leaves out of the session that runs, if one does, what was taken back.
pub(crate) fn leave_out(id: &str) -> anyhow::Result<()> {
    if running().is_err() {
        return Ok(());
    }
    let _alone = lock()?;
    let Ok(mut session) = running() else { return Ok(()) };
    let (mut before, mut left) = (0, 0);
    for met in [&mut session.steps, &mut session.pros, &mut session.cons] {
        before += met.len();
        met.retain(|event| event.id.to_string() != id);
        left += met.len();
    }
    if left < before { keep(&session) } else { Ok(()) }
}

/// Records one step where the session is.
async fn record(
    session: &Session,
    said: Step,
    global: &Global,
    output: &Output,
) -> anyhow::Result<Delivered> {
    let Some(place) = &session.place else {
        let message = "say where you are, once: add --place web/checkout";
        return Err(stop(Code::Usage, message));
    };
    let log = Log {
        place: Some(place.to_string()),
        note: Some(said.note),
        told: said.told,
        version: session.version.clone(),
        task: Some(session.task.clone()),
        person: session.person.clone(),
        ..Log::default()
    };
    let mut draft = log::draft(log)?;
    classify(&mut draft);
    log::deliver(draft, global, output).await
}

/// A step where nothing stood in the way is a use of its place; delight is a kind of its own.
pub(crate) fn classify(draft: &mut Draft) {
    let hurts = ["kind", "severity", "outcome", "expected", "got", "workaround", "lost_minutes"];
    let is_plain = !hurts.iter().any(|field| draft.has(field));
    match draft.text("feeling") {
        None | Some("calm") if is_plain => draft.set("class", "use"),
        Some("delighted") if is_plain => draft.set("kind", "delight"),
        _ => {}
    }
}

fn place(text: &str) -> anyhow::Result<Place> {
    let place = Place::parse(text);
    let place = place.map_err(|error| stop(Code::Usage, format!("the place {error}")))?;
    place.check_for_secrets().map_err(log::rejected)?;
    Ok(place)
}

/// As it will be recorded: the session lies on the disk before the first step is told.
fn without_secrets(text: String) -> String {
    scrub(&text).map_or(text, |(clean, _)| clean)
}

fn path() -> anyhow::Result<PathBuf> {
    let homeless = "there is no home directory to keep the session in: set HOME, or XDG_STATE_HOME";
    let paths = Paths::of_user().ok_or_else(|| stop(Code::CannotCreate, homeless))?;
    Ok(paths.state_dir.join("session.json"))
}

/// Waits until nobody else writes the session: it is read, changed and written whole.
fn lock() -> anyhow::Result<File> {
    let path = path()?.with_extension("lock");
    let lock = || {
        path.parent().map_or(Ok(()), spool::make_dir)?;
        let file = File::options().write(true).create(true).truncate(false).open(&path)?;
        file.lock().map(|()| file)
    };
    lock().with_context(|| format!("{} cannot be locked", path.display()))
}

fn running() -> anyhow::Result<Session> {
    let path = path()?;
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let message =
                "no session runs: `snag session start \"buy as a new customer\"` begins one";
            stop(Code::Usage, message)
        }
        _ => stop(Code::Io, format!("{} cannot be read: {error}", path.display())),
    })?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} cannot be read: remove it to begin anew", path.display()))
}

fn keep(session: &Session) -> anyhow::Result<()> {
    let path = path()?;
    let kept = path.parent().map_or(Ok(()), spool::make_dir);
    let json = serde_json::to_vec(session)?;
    kept.and_then(|()| spool::write(&path, &json, spool::FOR_OURSELVES))
        .with_context(|| format!("the session cannot be kept in {}", path.display()))
}
