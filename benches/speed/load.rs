//! Posting over kept-alive connections, and what it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use snag::client::{Connection, Target};
use tokio::task::JoinSet;

use crate::server::Server;
use crate::story::Story;
use crate::tell;

/// What a request posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Posts {
    One,
    Batch,
}

/// Events in one request of many.
const BATCH: usize = 1000;
/// Such requests prepared at once, so that preparing them is not measured.
const AHEAD: usize = 20;
/// Having posted that many is worth a word.
const WORTH_A_WORD: usize = 500_000;

/// What one run of posts took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Requests a second.
    pub(crate) rate: f64,
    /// What half of the requests stayed within.
    pub(crate) p50: Duration,
    /// What 99 of 100 stayed within.
    pub(crate) p99: Duration,
    /// What 999 of 1000 stayed within.
    pub(crate) p999: Duration,
}

impl Run {
    fn of(mut took: Vec<Duration>, within: Duration) -> anyhow::Result<Self> {
        took.sort_unstable();
        let rate = took.len() as f64 / within.as_secs_f64();
        let at = |share: usize| took.get(took.len() * share / 1000).copied();
        let at = |share| at(share).context("nothing was posted");
        Ok(Self { rate, p50: at(500)?, p99: at(990)?, p999: at(999)? })
    }
}

/// Posts every body once, over so many connections at the same time.
pub(crate) async fn post(
    target: &Target,
    connections: usize,
    posts: Posts,
    bodies: Vec<Bytes>,
) -> anyhow::Result<Run> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(target, None).await?);
    }
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();
    let mut posting = JoinSet::new();
    for mut connection in open {
        let (bodies, next) = (bodies.clone(), next.clone());
        posting.spawn(async move {
            let mut took = Vec::new();
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let sent = Instant::now();
                let body = body.clone();
                match posts {
                    Posts::One => connection.post("/v1/events", body).await.map(drop),
                    Posts::Batch => connection.post_lines(body).await.map(drop),
                }?;
                took.push(sent.elapsed());
            }
            anyhow::Ok(took)
        });
    }
    let mut took = Vec::with_capacity(bodies.len());
    while let Some(done) = posting.join_next().await {
        took.extend(done??);
    }
    Run::of(took, started.elapsed())
}

/// Posts events in batches to each, and says how many a second go into the first.
pub(crate) async fn pile(
    servers: &[&Server],
    mut events: impl Iterator<Item = String>,
) -> anyhow::Result<f64> {
    let (mut took, mut posted) = (0.0, 0);
    loop {
        let mut bodies = Vec::new();
        for _ in 0..AHEAD {
            let batch: Vec<String> = events.by_ref().take(BATCH).collect();
            posted += batch.len();
            bodies.extend((!batch.is_empty()).then(|| Bytes::from(batch.join("\n"))));
        }
        if bodies.is_empty() {
            return Ok(posted as f64 / took);
        }
        for (nth, server) in servers.iter().enumerate() {
            let run = post(&server.tcp, 4, Posts::Batch, bodies.clone()).await?;
            took += if nth == 0 { bodies.len() as f64 / run.rate } else { 0.0 };
        }
        if posted.is_multiple_of(WORTH_A_WORD) {
            tell(&format!("... {posted} events loaded"));
        }
    }
}

/// Single posts of today, one after the other over each of some connections, until they are ended.
pub(crate) struct Posting {
    is_over: Arc<AtomicBool>,
    started: Instant,
    tasks: JoinSet<anyhow::Result<Vec<Duration>>>,
}

impl Posting {
    /// Begins to post.
    pub(crate) async fn begin(target: &Target, connections: u64) -> anyhow::Result<Self> {
        let (is_over, mut tasks) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
        for nth in 0..connections {
            let mut connection = Connection::open(target, None).await?;
            let mut story = Story::new(1000 + nth, snag::doors::today());
            let is_over = is_over.clone();
            tasks.spawn(async move {
                let mut took = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let body = Bytes::from(story.event_of_today());
                    let sent = Instant::now();
                    connection.post("/v1/events", body).await?;
                    took.push(sent.elapsed());
                }
                Ok(took)
            });
        }
        Ok(Self { is_over, started: Instant::now(), tasks })
    }

    /// Ends, and says what the posts took.
    pub(crate) async fn end(mut self) -> anyhow::Result<Run> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut took = Vec::new();
        while let Some(done) = self.tasks.join_next().await {
            took.extend(done??);
        }
        Run::of(took, self.started.elapsed())
    }
}

/// The middle of some figures.
pub(crate) fn median<T: Copy + PartialOrd>(mut figures: Vec<T>) -> Option<T> {
    figures.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    figures.get(figures.len() / 2).copied()
}
