//! `/v1/hotspots`, `/v1/why`, `/v1/coverage`, `/v1/known` and `/v1/status`: what the pile comes to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{StatusCode, Uri};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::events::{json_response, lacking, near, read, to_json};
use super::gate::require_reader;
use super::problem::Problem;
use super::{etag, query};
use crate::doors::{Desk, now, today};
use crate::event::{Day, Place, Sender, Source, Word};
use crate::hotspot::{By, Question};
use crate::index::{IndexError, WhyAnswer};
use crate::recorder::Fate;

/// A ranking may be kept, and is asked for again each time: any event may have changed it.
const CHECK_FIRST: HeaderValue = HeaderValue::from_static("no-cache");

/// `GET /v1/hotspots` ranks what hurts; a client that has the ranking already is told so instead.
pub(super) async fn hotspots(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let query::Rows { mut question, top } =
        query::Rows::of_hotspots(uri.query().unwrap_or_default())?;
    narrow(&desk, &sender, &mut question)?;
    let tag = etag::of_ranking(desk.facts.started_at, desk.index.position(), &question, top);
    let tagged = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, CHECK_FIRST)];
    if etag::is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, tagged).into_response());
    }
    let answer = read(&desk, move |desk| desk.index.hotspots(&question, top)).await?;
    let response = (tagged, json_response(StatusCode::OK, to_json(&answer))).into_response();
    Ok(lacking(answer.lacks, response))
}

/// `GET /v1/why` explains one place's rank.
pub(super) async fn why(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let query::Why { mut question, place } = query::Why::read(uri.query().unwrap_or_default())?;
    narrow(&desk, &sender, &mut question)?;
    let asked = place.clone();
    let answer = read(&desk, move |desk| desk.index.why(&question, &asked)).await?;
    let Some(mut answer) = answer else { return Err(unknown_place(&desk, place).await) };
    if !desk.rules().shows_names {
        hide_names(&mut answer, sender.name());
    }
    Ok(lacking(answer.lacks, json_response(StatusCode::OK, to_json(&answer))))
}

/// `GET /v1/coverage` tells who used what, and what nobody touched.
pub(super) async fn coverage(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let question = query::coverage(uri.query().unwrap_or_default())?;
    let mut answer = read(&desk, move |desk| desk.index.coverage(&question)).await?;
    if !desk.rules().shows_names {
        answer.people.retain(|person| person.person == sender.name());
    }
    Ok(lacking(answer.lacks, json_response(StatusCode::OK, to_json(&answer))))
}

/// `GET /v1/known` names what was met, for whoever has to type it.
pub(super) async fn known(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let mut known = read(&desk, |desk| desk.index.known(today())).await?;
    if !desk.rules().shows_names && !sender.is_owner() {
        known.people.retain(|person| person == sender.name());
    }
    Ok(json_response(StatusCode::OK, to_json(&known)))
}

/// Narrows a question to the people its sender may be told of. They appear by name to themselves only,
/// unless the team decided otherwise. An owner has the files anyway, and may log under another name: so
/// may ask about any one person.
pub(super) fn narrow(desk: &Desk, sender: &Sender, question: &mut Question) -> Result<(), Problem> {
    let own = sender.name();
    match &question.person {
        _ if desk.rules().shows_names => Ok(()),
        None => {
            question.person = (question.by == By::Person).then(|| own.to_owned());
            Ok(())
        }
        Some(person) if sender.is_owner() || person == own => Ok(()),
        Some(_) => Err(Problem::forbidden(
            "people see their own figures only: ask about yourself, or set `names = \"team\"` in snagd's configuration if the team agrees",
        )),
    }
}

pub(super) async fn unknown_place(desk: &Arc<Desk>, place: Place) -> Problem {
    let near = near(desk, place.clone()).await;
    let hint = if near.is_empty() {
        "`snag hotspots --flat` lists places".to_owned()
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    Problem::not_found(format!("nothing was ever recorded at {place}: {hint}"))
}

/// Numbers people other than oneself, in the order in which they are shown.
pub(super) fn hide_names(answer: &mut WhyAnswer, own: &str) {
    let mut numbers = HashMap::new();
    for term in &mut answer.why.people {
        if term.person != own {
            let next = numbers.len() + 1;
            let number = *numbers.entry(std::mem::take(&mut term.person)).or_insert(next);
            term.person = format!("person {number}");
        }
    }
}

/// What `/v1/status` answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Version of this shape.
    pub v: u32,
    /// Version of snagd.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
    /// What its clock says.
    pub now: Timestamp,
    /// Where it stores.
    pub state_dir: String,
    /// The file system it stores on; none where the system does not tell.
    pub disk: Option<DiskStatus>,
    /// Where it listens, as URLs that `snag --url` takes.
    pub listening: Vec<String>,
    /// Who is asking.
    pub you: You,
    /// Events recorded and not taken back.
    pub events: u64,
    /// Places they were recorded at.
    pub places: usize,
    /// The day the first of them happened on.
    pub oldest: Option<Day>,
    /// When the last one came in, even if it was taken back since.
    pub newest_at: Option<Timestamp>,
    /// What waits for the writer.
    pub queue: QueueStatus,
    /// The journal.
    pub journal: JournalStatus,
    /// The index.
    pub index: IndexStatus,
    /// The drop directory.
    pub drop: DropStatus,
    /// What came beyond the limits.
    #[serde(default)]
    pub beyond: BeyondStatus,
}

/// Who is asking, as the daemon sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct You {
    /// The name their events get when they name nobody.
    pub person: String,
    /// Whether they may name other people.
    pub may_name_others: bool,
}

/// Figures of a file system.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct DiskStatus {
    /// Bytes that snagd may still write.
    pub free_bytes: u64,
    /// All of them.
    pub total_bytes: u64,
    /// Whether nothing is recorded until there is room again.
    #[serde(default)]
    pub full: bool,
}

impl DiskStatus {
    fn of(desk: &Desk) -> Option<Self> {
        let stat = rustix::fs::statvfs(&desk.facts.state_dir).ok()?;
        let [free_bytes, total_bytes] =
            [stat.f_bavail, stat.f_blocks].map(|blocks| blocks.saturating_mul(stat.f_frsize));
        Some(Self { free_bytes, total_bytes, full: desk.recorder.is_out_of_room() })
    }
}

/// Figures of the writer's queue.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Requests that wait for the writer.
    pub jobs: usize,
    /// What they and those being written weigh, in whole KiB.
    pub bytes: u64,
}

/// Figures of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JournalStatus {
    /// The last sequence written.
    pub last: u64,
    /// Segments.
    pub segments: usize,
    /// Bytes on disk.
    pub bytes: u64,
    /// Damaged stretches found at the start, and those that answers met since.
    pub damaged: u64,
    /// Records that are known to be missing from them.
    #[serde(default)]
    pub missing: u64,
    /// How long the last batch took to be on disk, in microseconds; none before the first.
    pub last_sync_us: Option<u64>,
}

/// Figures of the index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IndexStatus {
    /// The last journal sequence applied.
    pub position: u64,
    /// Sequences it still has to look at while it catches up with the journal, as after damage or
    /// an upgrade; else 0.
    pub behind: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Figures of the drop directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DropStatus {
    /// The directory.
    pub dir: String,
    /// Files that wait in it.
    pub waiting: usize,
    /// Files in `rejected/`.
    pub rejected: usize,
    /// Events taken from files since the start.
    pub events: u64,
}

/// Figures of what came beyond the limits since the start.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct BeyondStatus {
    /// Signals counted and not kept: 60 of a person and hour are, and 20 of a page's load.
    pub signals: u64,
    /// Requests of keys that sent too many at once.
    pub requests: u64,
}

impl BeyondStatus {
    fn of(desk: &Desk) -> Self {
        let meter = desk.recorder.meter();
        let of_hours = Source::ALL.iter().map(|source| meter.events(*source, Fate::OverLimit));
        let (sentry, browser) = (&desk.side.sentry, &desk.side.browser);
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Self {
            signals: of_hours.sum::<u64>() + read(&browser.beyond_load),
            requests: read(&sentry.limited) + read(&browser.limited),
        }
    }
}

/// `GET /v1/status` tells how snagd is.
pub(super) async fn status(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let status = read(&desk, move |desk| gather(desk, &sender)).await?;
    Ok(json_response(StatusCode::OK, to_json(&status)))
}

fn gather(desk: &Desk, sender: &Sender) -> Result<Status, IndexError> {
    let facts = &desk.facts;
    let (waiting, rejected) = desk.dropped();
    let (jobs, kib) = desk.recorder.waiting();
    let last_sync = desk.recorder.meter().flush.last();
    Ok(Status {
        v: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: facts.started_at,
        now: now(),
        state_dir: facts.state_dir.display().to_string(),
        disk: DiskStatus::of(desk),
        listening: facts.listening.clone(),
        you: You { person: sender.name().to_owned(), may_name_others: sender.is_owner() },
        events: desk.index.events(),
        places: desk.index.places().len(),
        oldest: desk.index.first_day()?,
        newest_at: desk.index.last_received(),
        queue: QueueStatus { jobs, bytes: kib as u64 * 1024 },
        journal: JournalStatus {
            last: desk.journal.last(),
            segments: desk.journal.segments().len(),
            bytes: desk.journal.size_bytes(),
            damaged: facts.damaged + desk.lag.damaged() + desk.index.lost_runs(),
            missing: desk.index.lost_records(),
            last_sync_us: last_sync.and_then(|took| u64::try_from(took.as_micros()).ok()),
        },
        index: IndexStatus {
            position: desk.index.position().sequence,
            behind: desk.to_go().unwrap_or(0),
            bytes: desk.index.size_bytes(),
        },
        drop: DropStatus {
            dir: facts.drop_dir.display().to_string(),
            waiting,
            rejected,
            events: desk.drops.events.load(Ordering::Relaxed),
        },
        beyond: BeyondStatus::of(desk),
    })
}
