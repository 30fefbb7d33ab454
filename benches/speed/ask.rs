//! Asking: how long answers take as events pile up.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bytes::Bytes;
use snag::client::Connection;

use crate::load::{self, MANY, ONE, median};
use crate::server::{Server, disk};
use crate::story::{Story, name};
use crate::{ms, say};

/// Events in one request while loading.
const BATCH: usize = 1000;
/// Requests prepared at once, so that preparing them is not measured.
const AHEAD: usize = 20;
/// How often each question is asked.
const TIMES: usize = 31;

/// Loads a daemon step by step and asks it at each step.
pub(crate) async fn as_events_pile_up(
    snagd: &Server,
    sizes: &[usize],
    story: &mut Story,
) -> anyhow::Result<()> {
    say(
        "\nasking, in ms              cells in     loaded,   hotspots   hotspots   hotspots        why      known",
    );
    say(
        "     events                 63 days    events/s      first      after a   again      a place      names",
    );
    say("                                                                 write");
    let mut loaded = 0;
    for size in sizes {
        let rate = load(snagd, size - loaded, story).await?;
        loaded = *size;
        let mut asked = Connection::open(&snagd.unix(), None).await?;
        let first = time(&mut asked, "/v1/hotspots").await?;
        let [mut dirty, mut again, mut why, mut known] = [const { Vec::new() }; 4];
        for nth in 0..TIMES {
            post_one(snagd, story.event_of_today()).await?;
            dirty.push(time(&mut asked, "/v1/hotspots").await?);
            again.push(time(&mut asked, "/v1/hotspots").await?);
            why.push(time(&mut asked, &format!("/v1/why?place={}", name(nth as u64 * 7))).await?);
            known.push(time(&mut asked, "/v1/known").await?);
        }
        let [dirty, again, why, known] =
            [dirty, again, why, known].map(|took| median(took).map_or(0.0, ms));
        say(&format!(
            "{size:>11} {:>23} {rate:>11.0} {:>10.1} {dirty:>12.1} {again:>7.1} {why:>12.1} {known:>10.1}",
            story.cells(),
            ms(first),
        ));
    }
    let per_event = |bytes: u64| bytes / loaded.max(1) as u64;
    say(&format!(
        "\nat {loaded} events: {} MiB resident; on disk {} bytes an event in the journal, {} in the index",
        snagd.resident()? / (1024 * 1024),
        per_event(disk(&snagd.path("state/journal"))?),
        per_event(disk(&snagd.path("state/index"))?),
    ));
    Ok(())
}

/// Loads events, and says how many a second.
pub(crate) async fn load(snagd: &Server, events: usize, story: &mut Story) -> anyhow::Result<f64> {
    let mut took = 0.0;
    let mut left = events / BATCH;
    while 0 < left {
        let count = left.min(AHEAD);
        let bodies: Vec<Bytes> = (0..count).map(|_| Bytes::from(story.batch(BATCH))).collect();
        let run = load::post(&snagd.tcp, 4, MANY, bodies).await?;
        took += count as f64 / run.rate;
        left -= count;
    }
    Ok(events as f64 / took)
}

async fn post_one(snagd: &Server, event: String) -> anyhow::Result<()> {
    load::post(&snagd.tcp, 1, ONE, vec![Bytes::from(event)]).await.map(drop)
}

async fn time(asked: &mut Connection, path: &str) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let answer = asked.get(path).await?;
    let took = started.elapsed();
    ensure!(2 < answer.body.len(), "{path} answers nothing");
    Ok(took)
}
