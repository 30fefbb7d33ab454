//! `GET /v1/stream`: what is recorded, while it is recorded, as server-sent events.
//!
//! | frame | `data` |
//! |---|---|
//! | `event: event` | the event, as it is stored |
//! | `event: retraction` | `{"id","at","by"}`: an event was taken back |
//! | `event: decision` | `{"id","verdict","by", …}`: somebody decided about a signal |
//! | `event: missing` | `{"first","last"}`: sequences the journal has lost |
//! | none | none: the position moved, past what a filter leaves out or nothing at all |
//!
//! Each has an `id`, the journal's sequence. A frame without data dispatches nothing and still
//! moves a client's last event id: that is how the protocol defines it.
//!
//! # Promises
//!
//! - A record is told once it is on disk and visible, in the journal's order. Whoever comes back
//!   with the last `id` it saw misses nothing and is told nothing twice.
//! - The journal is the queue: a record is read when the socket can take more. A client that reads
//!   slowly costs one chunk, however much happens meanwhile.
//! - The position is told at the start and every 15 seconds while there is nothing else to tell.
//! - Streams end as soon as the daemon is told to stop.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use hyper::header::{self, HeaderMap};
use hyper::{StatusCode, Uri};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::gate::require_reader;
use super::problem::Problem;
use super::query;
use crate::doors::{Desk, chain};
use crate::event::{Record, Retraction, Sender};
use crate::index::Filter;
use crate::journal::{Entry, JournalError, Records};

/// Streams at the same time.
const MOST_STREAMS: usize = 64;
/// How long a stream says nothing.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A chunk is closed when it has so many bytes,
const CHUNK_BYTES: usize = 64 * 1024;
/// or when so many records were looked at for it.
const CHUNK_RECORDS: usize = 1024;
/// Streams that read at the same time: each takes a thread, and a thread memory of its own.
const MOST_READING: usize = 4;

/// What all streams share.
#[derive(Clone)]
pub(super) struct Streams {
    room: Arc<Semaphore>,
    reading: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Streams {
    /// Streams that end when `stop` says so.
    pub(super) fn new(stop: CancellationToken) -> Self {
        let semaphore = |most| Arc::new(Semaphore::new(most));
        Self { room: semaphore(MOST_STREAMS), reading: semaphore(MOST_READING), stop }
    }
}

/// `GET /v1/stream` tells what is recorded from now on, or behind `Last-Event-ID` or `after`.
///
/// The header wins: a browser that reconnects sends it, and repeats the `after` of its URL.
pub(super) async fn stream(
    State(desk): State<Arc<Desk>>,
    State(streams): State<Streams>,
    Extension(sender): Extension<Sender>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let query::Stream { filter, after } = query::Stream::read(uri.query().unwrap_or_default())?;
    let last = *desk.recorder.visible().borrow();
    let position = last_event_id(&headers)?.or(after).unwrap_or(last);
    if last < position {
        return Err(beyond(position, last));
    }
    let room = streams.room.clone().try_acquire_owned().map_err(|_| full())?;
    let feed = Feed::new(desk, filter, position, streams, room);
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        // Proxies that gather answers would keep a frame until the next ones fill their buffer.
        ("x-accel-buffering", "no"),
    ];
    Ok((headers, Body::new(Chunks::of(feed))).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let sequence = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    sequence.map(Some).ok_or_else(|| {
        Problem::malformed(
            "`Last-Event-ID` is the `id` of the last frame that was seen, a whole number",
        )
    })
}

fn beyond(position: u64, last: u64) -> Problem {
    let detail = format!(
        "{position} is beyond the journal's end at {last}, so it was given by another journal: leave it out to begin now, or say 0 to begin with the first record"
    );
    Problem::query("after", detail).with("last", last)
}

fn full() -> Problem {
    let detail = format!(
        "there are {MOST_STREAMS} streams, and there can be no more: end one, or try again in {} seconds",
        HEARTBEAT.as_secs()
    );
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let problem = Problem::new(status, "too-many-streams", "There are too many streams", detail);
    // One whose client is gone is noticed at its next heartbeat.
    problem.retry_after(u32::try_from(HEARTBEAT.as_secs()).unwrap_or(u32::MAX))
}

/// A cursor over the journal that makes frames of what it comes upon.
struct Feed {
    desk: Arc<Desk>,
    filter: Filter,
    records: Records,
    visible: watch::Receiver<u64>,
    /// The last sequence that was looked at.
    position: u64,
    /// When something is said even if nothing happened.
    due: Instant,
    streams: Streams,
    /// Given back when the stream ends.
    _room: OwnedSemaphorePermit,
}

impl Feed {
    fn new(
        desk: Arc<Desk>,
        filter: Filter,
        position: u64,
        streams: Streams,
        room: OwnedSemaphorePermit,
    ) -> Self {
        let records = desk.journal.from(position + 1);
        let visible = desk.recorder.visible();
        let due = Instant::now();
        Self { desk, filter, records, visible, position, due, streams, _room: room }
    }

    /// The next chunk, once there is something to tell; none at the end.
    async fn next(self) -> Option<(Bytes, Self)> {
        let stop = self.streams.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            told = self.tell() => told,
        }
    }

    async fn tell(mut self) -> Option<(Bytes, Self)> {
        loop {
            // Marked as seen before reading, so that nothing recorded meanwhile is slept through.
            self.visible.borrow_and_update();
            let before = self.position;
            let turn = self.streams.reading.clone().acquire_owned().await.ok()?;
            let read = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                self.read()
            });
            let mut chunk;
            (self, chunk) = read.await.ok()??;
            let position = self.position;
            if position != before {
                // What is durable is visible a moment later, unless the writer fails.
                self.visible.wait_for(|visible| position <= *visible).await.ok()?;
            } else if let Ok(changed) = timeout_at(self.due, self.visible.changed()).await {
                changed.ok()?;
            }
            if chunk.is_empty() && self.due <= Instant::now() {
                chunk = format!("id: {position}\n\n").into_bytes();
            }
            if !chunk.is_empty() {
                self.due = Instant::now() + HEARTBEAT;
                return Some((chunk.into(), self));
            }
        }
    }

    /// Reads on in the journal until a chunk is full or there is no more; none if it cannot.
    fn read(mut self) -> Option<(Self, Vec<u8>)> {
        let mut chunk = Vec::new();
        for _ in 0..CHUNK_RECORDS {
            match self.records.next() {
                None => break,
                Some(Ok(entry)) => {
                    self.position = entry.sequence;
                    self.push_record(&entry, &mut chunk);
                }
                Some(Err(JournalError::Damaged(damage))) => {
                    let (first, last) = (damage.missing.start, damage.missing.end - 1);
                    self.position = last;
                    let data = format!(r#"{{"first":{first},"last":{last}}}"#);
                    push_frame(last, "missing", data.as_bytes(), &mut chunk);
                }
                Some(Err(error)) => {
                    tracing::error!(error = %chain(&error), "a stream ends: the journal cannot be read");
                    return None;
                }
            }
            if CHUNK_BYTES <= chunk.len() {
                break;
            }
        }
        Some((self, chunk))
    }

    fn push_record(&self, entry: &Entry, chunk: &mut Vec<u8>) {
        // Behind the format byte a record is JSON on one line. What a newer snag wrote is passed over.
        let (event, is_wanted) = match Record::decode(&entry.payload) {
            Ok(Record::Event(event)) => ("event", self.filter.matches(&event)),
            Ok(Record::Retraction(Retraction { id, .. })) => ("retraction", self.wants(id)),
            Ok(Record::Decided(decided)) => ("decision", self.wants(decided.id)),
            // Muting is about a place and no event.
            Ok(Record::Muting(_)) | Err(_) => return,
        };
        if is_wanted {
            push_frame(entry.sequence, event, &entry.payload[1..], chunk);
        }
    }

    /// Whether what is said about an event is asked for: of one that is gone nobody can tell.
    fn wants(&self, id: Uuid) -> bool {
        let of = self.desk.index.event(id).ok().flatten();
        of.is_none_or(|stored| self.filter.matches(&stored.event))
    }
}

fn push_frame(id: u64, event: &str, data: &[u8], chunk: &mut Vec<u8>) {
    chunk.extend_from_slice(format!("id: {id}\nevent: {event}\ndata: ").as_bytes());
    chunk.extend_from_slice(data);
    chunk.extend_from_slice(b"\n\n");
}

type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Feed)>> + Send>>;

/// A body of chunks, each begun when the one before has left.
struct Chunks {
    next: Option<Next>,
}

impl Chunks {
    fn of(feed: Feed) -> Self {
        Self { next: Some(Box::pin(feed.next())) }
    }
}

impl hyper::body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let (chunk, feed) = ready!(next.as_mut().poll(cx)).unzip();
        self.next = feed.map(|feed| Box::pin(feed.next()) as Next);
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}

#[cfg(test)]
mod tests;
