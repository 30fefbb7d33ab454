//! What snagd is measured beside: an axum server that parses an event, has a writer put whatever
//! waits on disk at once, and answers.
//!
//! The writers are in `floor`, `sqlite` and `postgres`. No identity, no scrubbing, no streams.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use serde::Deserialize;
use snag::event::{Kind, Outcome, Severity, Word};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{floor, postgres, sqlite};

const MOST_JOBS: usize = 4096;

/// What is posted.
#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing it is the point")]
pub(crate) struct Post {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) place: String,
    pub(crate) person: String,
    pub(crate) note: Option<String>,
    feeling: Option<String>,
    outcome: Option<Outcome>,
    kind: Option<Kind>,
    version: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// What a database has in columns of its own.
impl Post {
    /// The days since 1970.
    pub(crate) fn day(&self) -> i32 {
        i32::try_from(self.at.as_second().div_euclid(24 * 60 * 60)).unwrap_or(i32::MAX)
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind.unwrap_or(Kind::Unexpected).word()
    }

    pub(crate) fn outcome(&self) -> &'static str {
        self.outcome.map_or("", |outcome| outcome.word())
    }

    pub(crate) fn version(&self) -> &str {
        self.version.as_deref().unwrap_or_default()
    }

    pub(crate) fn points(&self) -> i32 {
        if self.kind == Some(Kind::Delight) {
            return 0;
        }
        match self.outcome.map_or(Severity::Minor, Outcome::severity) {
            Severity::Cosmetic => 1,
            Severity::Minor => 3,
            Severity::Major => 10,
            Severity::Blocker => 30,
        }
    }
}

/// A request that waits for the disk.
pub(crate) struct Job {
    /// Each event, and the bytes it was parsed from.
    pub(crate) posts: Vec<(Post, Bytes)>,
    pub(crate) body: Bytes,
    answer: oneshot::Sender<()>,
}

/// Puts jobs on disk, all at once.
pub(crate) type Write = Box<dyn FnMut(&[Job]) -> anyhow::Result<()> + Send>;

/// Serves until it is killed; says its address on standard output.
pub(crate) fn serve(role: &str, path: &Path) -> anyhow::Result<()> {
    let (writes, more) = match role {
        "floor" => (vec![floor::open(path)?], Router::new()),
        "sqlite" => sqlite::open(path).map(|(write, answers)| (vec![write], answers))?,
        _ => (postgres::open(path)?, Router::new()),
    };
    let (jobs, queue) = mpsc::channel(MOST_JOBS);
    let queue = Arc::new(Mutex::new(queue));
    for write in writes {
        let queue = queue.clone();
        std::thread::spawn(move || put(write, &queue));
    }
    let router = Router::new().route("/v1/events", post(record)).with_state(jobs).merge(more);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(accept(router))
}

/// Whatever waits is put on disk at once; then everybody hears.
fn put(mut write: Write, queue: &Mutex<mpsc::Receiver<Job>>) {
    let mut jobs = Vec::new();
    let take = |jobs: &mut Vec<Job>| {
        queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv_many(jobs, MOST_JOBS)
    };
    while take(&mut jobs) != 0 {
        if let Err(error) = write(&jobs) {
            // Whoever waits hears that nobody answers.
            crate::say(&format!("it cannot be written: {error:#}"));
            return;
        }
        for Job { answer, .. } in jobs.drain(..) {
            // The client may have gone.
            let _ = answer.send(());
        }
    }
}

async fn accept(router: Router) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    crate::say(&listener.local_addr()?.to_string());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn record(
    State(jobs): State<mpsc::Sender<Job>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_list =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/x-ndjson");
    let parse =
        |event: &[u8]| serde_json::from_slice(event).map(|post| (post, body.slice_ref(event)));
    let parsed: Result<Vec<_>, _> = if is_list {
        body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(parse).collect()
    } else {
        parse(&body).map(|post| vec![post])
    };
    let Ok(posts) = parsed else { return StatusCode::BAD_REQUEST.into_response() };
    let accepted = posts.len();
    let (answer, answered) = oneshot::channel();
    if jobs.send(Job { posts, body, answer }).await.is_err() || answered.await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if is_list {
        let tally = format!(r#"{{"accepted":{accepted},"duplicate":0,"rejected":[]}}"#);
        ([(header::CONTENT_TYPE, "application/json")], tally).into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    }
}
