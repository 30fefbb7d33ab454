//! Asking: how long answers take as events pile up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use snag::client::Connection;
use snag::event::Day;
use snag::hotspot::Hotspot;
use snag::index::HotspotsAnswer;

use crate::load::{self, MANY, ONE, median};
use crate::results::{Goal, reached};
use crate::server::{Server, disk};
use crate::sqlite::Row;
use crate::story::{Story, name};
use crate::{ms, say};

/// Events in one request while loading.
const BATCH: usize = 1000;
/// Requests prepared at once, so that preparing them is not measured.
const AHEAD: usize = 20;
/// How often each question is asked.
const TIMES: usize = 31;
/// And that of SQLite, which takes a while.
const TIMES_OF_SQLITE: usize = 5;

/// Loads a daemon step by step and asks it at each step.
pub(crate) async fn as_events_pile_up(
    snagd: &Server,
    sqlite: &Server,
    sizes: &[usize],
    story: &mut Story,
) -> anyhow::Result<()> {
    say("\nasking, in ms; each question of SQLite has the same answer for every place");
    say(
        "                                          hotspots                  why   known    SQLite's",
    );
    say(
        "    events  cells in   loaded,   first  after a   again    flat a place   names    GROUP BY   to flat",
    );
    say("             63 days  events/s            write");
    let mut loaded = 0;
    for size in sizes {
        let rate = load(&[snagd, sqlite], size - loaded, story).await?;
        loaded = *size;
        let mut asked = Connection::open(&snagd.unix(), None).await?;
        let first = time(&mut asked, "/v1/hotspots").await?;
        let [mut dirty, mut again, mut why, mut known] = [const { Vec::new() }; 4];
        for nth in 0..TIMES {
            let event = story.event_of_today();
            post_one(sqlite, event.clone()).await?;
            post_one(snagd, event).await?;
            dirty.push(time(&mut asked, "/v1/hotspots").await?);
            again.push(time(&mut asked, "/v1/hotspots").await?);
            why.push(time(&mut asked, &format!("/v1/why?place={}", name(nth as u64 * 7))).await?);
            known.push(time(&mut asked, "/v1/known").await?);
        }
        let (flat, grouped) = beside(&mut asked, sqlite).await?;
        let [dirty, again, why, known] =
            [dirty, again, why, known].map(|took| median(took).map_or(0.0, ms));
        say(&format!(
            "{size:>10} {:>9} {rate:>9.0} {:>7.1} {dirty:>8.1} {again:>7.1} {:>7.1} {why:>7.1} {known:>7.1} {:>11.1} {:>9.0}",
            story.cells(),
            ms(first),
            ms(flat),
            ms(grouped),
            ms(grouped) / ms(flat),
        ));
        if 1_000_000 <= *size {
            let at = |what: &str| format!("{what} at {size} events");
            reached(&at("hotspots after a write"), Goal::AtMost(10.0), dirty, " ms");
            let times = ms(grouped) / dirty.max(f64::MIN_POSITIVE);
            reached(&at("hotspots, to SQLite's GROUP BY"), Goal::AtLeast(100.0), times, " times");
            reached(&at("`why` of a place"), Goal::AtMost(30.0), why, " ms");
        }
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

/// How long snagd and SQLite take for the pain of every place, in turns. The pain is the same.
async fn beside(asked: &mut Connection, sqlite: &Server) -> anyhow::Result<(Duration, Duration)> {
    const FLAT: &str = "/v1/hotspots?flat=true&top=1000";
    let mut other = Connection::open(&sqlite.tcp, None).await?;
    let ours: HotspotsAnswer = serde_json::from_slice(&asked.get(FLAT).await?.body)?;
    let day = |day: Day| day.start().as_second() / (24 * 60 * 60);
    let (since, until) = (day(ours.window.since), day(ours.window.until));
    let theirs_at = format!("/v1/hotspots/{since}/{until}");
    let theirs: Vec<Row> = serde_json::from_slice(&other.get(&theirs_at).await?.body)?;
    let name = |row: &Hotspot| row.key.name().unwrap_or_default().to_owned();
    let ours: BTreeMap<_, _> =
        ours.rows.iter().map(|row| (name(row), row.figures.pain.cast_signed())).collect();
    ensure!(!ours.is_empty() && ours == theirs.into_iter().collect(), "they differ in pain");
    let (mut flat, mut grouped) = (Vec::new(), Vec::new());
    for _ in 0..TIMES_OF_SQLITE {
        flat.push(time(asked, FLAT).await?);
        grouped.push(time(&mut other, &theirs_at).await?);
    }
    Ok((median(flat).context("never asked")?, median(grouped).context("never asked")?))
}

/// Loads events into each, and says how many a second go into the first.
pub(crate) async fn load(
    servers: &[&Server],
    events: usize,
    story: &mut Story,
) -> anyhow::Result<f64> {
    let mut took = 0.0;
    let mut left = events / BATCH;
    while 0 < left {
        let count = left.min(AHEAD);
        let bodies: Vec<Bytes> = (0..count).map(|_| Bytes::from(story.batch(BATCH))).collect();
        for (nth, server) in servers.iter().enumerate() {
            let run = load::post(&server.tcp, 4, MANY, bodies.clone()).await?;
            took += if nth == 0 { count as f64 / run.rate } else { 0.0 };
        }
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
