//! What snagd is measured beside: an axum server that parses an event, has a writer put whatever
//! waits on disk at once, and answers.
//!
//! The writers are in `floor` and `sqlite`. No identity, no scrubbing, no streams.

use std::collections::BTreeMap;
use std::path::Path;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use serde::Deserialize;
use snag::event::{Kind, Outcome};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{floor, sqlite};

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
    pub(crate) outcome: Option<Outcome>,
    pub(crate) kind: Option<Kind>,
    version: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
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
    let (write, more) = match role {
        "floor" => (floor::open(path)?, Router::new()),
        _ => sqlite::open(path)?,
    };
    let (jobs, queue) = mpsc::channel(MOST_JOBS);
    std::thread::spawn(move || put(write, queue));
    let router = Router::new().route("/v1/events", post(record)).with_state(jobs).merge(more);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(accept(router))
}

/// Whatever waits is put on disk at once; then everybody hears.
fn put(mut write: Write, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::new();
    while queue.blocking_recv_many(&mut jobs, MOST_JOBS) != 0 {
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
) -> StatusCode {
    let is_list =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/x-ndjson");
    let parse =
        |event: &[u8]| serde_json::from_slice(event).map(|post| (post, body.slice_ref(event)));
    let parsed: Result<Vec<_>, _> = if is_list {
        body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(parse).collect()
    } else {
        parse(&body).map(|post| vec![post])
    };
    let Ok(posts) = parsed else { return StatusCode::BAD_REQUEST };
    let (answer, answered) = oneshot::channel();
    if jobs.send(Job { posts, body, answer }).await.is_err() || answered.await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    StatusCode::CREATED
}
