//! Posting over kept-alive connections, and what it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use snag::client::{Connection, Target};
use tokio::task::JoinSet;

pub(crate) const ONE: &str = "application/json";
pub(crate) const MANY: &str = "application/x-ndjson";

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

/// Posts every body once, over so many connections at the same time.
pub(crate) async fn post(
    target: &Target,
    connections: usize,
    content_type: &'static str,
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
                connection.post("/v1/events", content_type, body.clone()).await?;
                took.push(sent.elapsed());
            }
            anyhow::Ok(took)
        });
    }
    let mut took = Vec::with_capacity(bodies.len());
    while let Some(done) = posting.join_next().await {
        took.extend(done??);
    }
    let rate = took.len() as f64 / started.elapsed().as_secs_f64();
    took.sort_unstable();
    let at =
        |share: usize| took.get(took.len() * share / 1000).copied().context("nothing was posted");
    Ok(Run { rate, p50: at(500)?, p99: at(990)?, p999: at(999)? })
}

/// The middle of some figures.
pub(crate) fn median<T: Copy + PartialOrd>(mut figures: Vec<T>) -> Option<T> {
    figures.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    figures.get(figures.len() / 2).copied()
}
