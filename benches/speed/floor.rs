//! The floor: the least that any server must do that keeps the same promise.
//!
//! An axum server that parses an event, appends it to a preallocated file with one group-commit
//! `fdatasync`, and answers. No identity, no scrubbing, no index, nothing to ask it afterwards.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::Context;
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
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// How large the file is; then it begins again at its start.
const BYTES: u64 = 128 * 1024 * 1024;
const MOST_JOBS: usize = 4096;

type Job = (Bytes, oneshot::Sender<()>);

/// What is posted.
#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing it is the point")]
struct Post {
    id: Uuid,
    at: Timestamp,
    place: String,
    person: String,
    note: Option<String>,
    feeling: Option<String>,
    outcome: Option<String>,
    kind: Option<String>,
    version: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// Serves until it is killed; says its address on standard output.
pub(crate) fn serve(file: &Path) -> anyhow::Result<()> {
    let file = preallocate(file).context("the floor's file cannot be made")?;
    let (jobs, queue) = mpsc::channel(MOST_JOBS);
    std::thread::spawn(move || write(&file, queue));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(accept(jobs))
}

fn preallocate(path: &Path) -> std::io::Result<File> {
    let file = File::create_new(path)?;
    let zeros = vec![0; 1024 * 1024];
    for at in (0..BYTES).step_by(zeros.len()) {
        file.write_all_at(&zeros, at)?;
    }
    file.sync_all()?;
    Ok(file)
}

/// Whatever waits becomes one write and one fdatasync; then everybody hears.
fn write(file: &File, mut queue: mpsc::Receiver<Job>) {
    let (mut jobs, mut buffer, mut end) = (Vec::new(), Vec::new(), 0);
    while queue.blocking_recv_many(&mut jobs, MOST_JOBS) != 0 {
        buffer.clear();
        for (body, _) in &jobs {
            buffer.extend_from_slice(body);
        }
        if BYTES < end + buffer.len() as u64 {
            end = 0;
        }
        if file.write_all_at(&buffer, end).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        end += buffer.len() as u64;
        for (_, answer) in jobs.drain(..) {
            // The client may have gone.
            let _ = answer.send(());
        }
    }
}

async fn accept(jobs: mpsc::Sender<Job>) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    crate::say(&listener.local_addr()?.to_string());
    let router = Router::new().route("/v1/events", post(record)).with_state(jobs);
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
    let parsed: Result<Vec<Post>, _> = if is_list {
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(serde_json::from_slice).collect()
    } else {
        serde_json::from_slice(&body).map(|post| vec![post])
    };
    if parsed.is_err() {
        return StatusCode::BAD_REQUEST;
    }
    let (answer, answered) = oneshot::channel();
    if jobs.send((body, answer)).await.is_err() || answered.await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    StatusCode::CREATED
}
