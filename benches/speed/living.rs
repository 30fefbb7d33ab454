//! Living with it: what two years of events take on disk and in memory, how long it takes to start,
//! to ask, to be backed up and to build the index anew, and how often it wakes up when nothing happens.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::Value;
use snag::client::Connection;

use crate::load::{self, MANY, ONE, median};
use crate::results::{Goal, reached};
use crate::server::{Server, disk};
use crate::story::{Story, name};
use crate::{ms, say};

/// Events in one request while loading.
const BATCH: usize = 1000;
/// Over two years.
const DAYS: u64 = 730;
/// How often each question is asked.
const TIMES: usize = 31;
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(20);

/// Loads a fresh daemon of this program, and lives with it.
pub(crate) async fn with(program: &str, events: usize) -> anyhow::Result<()> {
    let mut snagd = Server::snagd(program).await?;
    let mut story = Story::new(4, snag::doors::today());
    say(&format!("\nliving with {events} events of two years, posted in batches of {BATCH}"));
    load(&snagd, events, &mut story).await?;
    settle(&snagd).await?;
    room(&snagd, events)?;
    let bytes = disk(&snagd.path("state/journal"))? + disk(&snagd.path("state/index"))?;
    let each = bytes as f64 / events as f64;
    reached(&format!("disk at {events} events"), Goal::AtMost(600.0), each, " bytes an event");
    let resident = mib(snagd.resident()?) as f64;
    reached(&format!("resident, idle, at {events} events"), Goal::AtMost(64.0), resident, " MiB");
    idle(&snagd).await?;
    ask(&snagd).await?;
    say(&format!("{:>6} MiB resident", mib(snagd.resident()?)));
    back_up(&snagd, &mut story).await?;
    snagd.end(true)?;
    let clean = snagd.start_again().await?;
    say(&format!("{:>6.0} ms to start after a clean stop", ms(clean)));
    let at = |what: &str| format!("{what} at {events} events");
    reached(&at("start after a clean stop"), Goal::AtMost(300.0), ms(clean), " ms");
    for _ in 0..500 {
        post_one(&snagd, &mut story).await?;
    }
    snagd.end(false)?;
    let killed = snagd.start_again().await?;
    say(&format!("{:>6.0} ms to start after SIGKILL", ms(killed)));
    reached(&at("start after SIGKILL"), Goal::AtMost(2000.0), ms(killed), " ms");
    idle(&snagd).await?;
    say(&format!("{:>6} MiB resident", mib(snagd.resident()?)));
    rebuild(&mut snagd, &mut story).await?;
    settle(&snagd).await?;
    room(&snagd, events)
}

async fn load(snagd: &Server, events: usize, story: &mut Story) -> anyhow::Result<()> {
    let mut history = story.history(events as u64, DAYS).peekable();
    let mut took = 0.0;
    while history.peek().is_some() {
        let mut bodies = Vec::new();
        while bodies.len() < 20 && history.peek().is_some() {
            let batch: Vec<String> = history.by_ref().take(BATCH).collect();
            bodies.push(Bytes::from(batch.join("\n")));
        }
        let count = bodies.len() as f64;
        took += count / load::post(&snagd.tcp, 4, MANY, bodies).await?.rate;
    }
    say(&format!("{:>6.0} events a second while loading", events as f64 / took));
    Ok(())
}

/// Waits until nothing changes on disk any more, longer than it takes until the index is copied.
async fn settle(snagd: &Server) -> anyhow::Result<()> {
    let (mut before, mut same) = (0, 0);
    while same < 14 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = disk(&snagd.path("state"))?;
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
    Ok(())
}

fn room(snagd: &Server, events: usize) -> anyhow::Result<()> {
    let per_event = |part: &str| Ok::<_, anyhow::Error>(disk(&snagd.path(part))? / events as u64);
    let (journal, index) = (per_event("state/journal")?, per_event("state/index")?);
    say(&format!(
        "{:>6} bytes an event on disk: {journal} journal, {index} index",
        journal + index
    ));
    say(&format!("{:>6} MiB resident", mib(snagd.resident()?)));
    Ok(())
}

async fn idle(snagd: &Server) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (wakeups, processor) = (snagd.wakeups()?, snagd.processor_time()?);
    tokio::time::sleep(IDLE).await;
    let wakeups = (snagd.wakeups()? - wakeups) as f64 / IDLE.as_secs_f64();
    let busy = snagd.processor_time()?.saturating_sub(processor).as_secs_f64() / IDLE.as_secs_f64();
    say(&format!(
        "{wakeups:>6.1} wakeups a second when idle, {:.2} % of a processor",
        busy * 100.0
    ));
    reached("a processor when idle", Goal::AtMost(0.1), busy * 100.0, " %");
    Ok(())
}

async fn ask(snagd: &Server) -> anyhow::Result<()> {
    let mut asked = Connection::open(&snagd.unix(), None).await?;
    let some: Value =
        serde_json::from_slice(&asked.get("/v1/events?order=oldest&limit=1000").await?.body)?;
    let ids: Vec<String> = some["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| Some(event["id"].as_str()?.to_owned()))
        .collect();
    let id = |nth: usize| &ids[nth * 29 % ids.len()];
    let deep = deep(&mut asked).await?;
    let questions: [(&str, &dyn Fn(usize) -> String); 10] = [
        ("hotspots", &|_| "/v1/hotspots".to_owned()),
        ("why a place", &|nth| format!("/v1/why?place={}", name(nth as u64 * 7))),
        ("events, a page of 50", &|_| "/v1/events?limit=50".to_owned()),
        ("events, a page of 1000", &|_| "/v1/events?limit=1000".to_owned()),
        ("events, a page of 50 behind 20,000", &|_| deep.clone()),
        ("coverage of 28 days", &|_| "/v1/coverage".to_owned()),
        ("coverage of a year", &|_| "/v1/coverage?since=365d".to_owned()),
        ("events of a person", &|nth| format!("/v1/events?limit=50&person=person-{nth:02}")),
        ("an event by its id", &|nth| format!("/v1/events/{}", id(nth))),
        ("an event by 8 digits", &|nth| format!("/v1/events/{}", &id(nth)[28..])),
    ];
    for (what, path) in questions {
        let mut took = Vec::new();
        for nth in 0..TIMES {
            let started = Instant::now();
            asked.get(&path(nth)).await.with_context(|| path(nth))?;
            took.push(started.elapsed());
        }
        let most = took.iter().max().map_or(0.0, |most| ms(*most));
        say(&format!("{:>6.1} ms {what}, at most {most:.1}", median(took).map_or(0.0, ms)));
    }
    Ok(())
}

/// The address of a page that comes after many.
async fn deep(asked: &mut Connection) -> anyhow::Result<String> {
    let mut cursor = String::new();
    for _ in 0..20 {
        let path = format!("/v1/events?limit=1000{cursor}");
        let page: Value = serde_json::from_slice(&asked.get(&path).await?.body)?;
        let next = page["next"].as_str().context("there is no next page")?;
        cursor = format!("&cursor={next}");
    }
    Ok(format!("/v1/events?limit=50{cursor}"))
}

/// Posts single events, first alone and then while a backup is made.
async fn back_up(snagd: &Server, story: &mut Story) -> anyhow::Result<()> {
    let mut alone = Vec::new();
    for _ in 0..500 {
        alone.push(post_one(snagd, story).await?);
    }
    let mut snag = Command::new(env!("CARGO_BIN_EXE_snag"));
    snag.arg("backup").arg(snagd.path("backup.tar")).env_clear().env("HOME", snagd.path("home"));
    snag.env("SNAG_URL", snagd.unix().to_string());
    snag.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let mut backup = snag.spawn().context("snag does not start")?;
    let mut beside = Vec::new();
    let status = loop {
        if let Some(status) = backup.try_wait()? {
            break status;
        }
        beside.push(post_one(snagd, story).await?);
    };
    ensure!(status.success(), "snag backup ended with {status}");
    say(&format!(
        "{:>6.0} ms to back up {} MiB, while {} are posted one by one: {}; before: {}",
        ms(started.elapsed()),
        mib(fs::metadata(snagd.path("backup.tar"))?.len()),
        beside.len(),
        spread(beside),
        spread(alone),
    ));
    Ok(())
}

/// The middle and the slowest hundredth.
fn spread(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |share: usize| took.get(took.len() * share / 100).copied().map_or(0.0, ms);
    format!("{:.2} ms each, p99 {:.2}", at(50), at(99))
}

/// Builds the index anew while single events are posted.
async fn rebuild(snagd: &mut Server, story: &mut Story) -> anyhow::Result<()> {
    snagd.end(true)?;
    fs::remove_dir_all(snagd.path("state/index"))?;
    snagd.start_again().await?;
    let started = Instant::now();
    let (mut took, mut position) = (Vec::new(), 0);
    let mut asked = Connection::open(&snagd.unix(), None).await?;
    loop {
        for _ in 0..20 {
            took.push(post_one(snagd, story).await?);
        }
        let status: Value = serde_json::from_slice(&asked.get("/v1/status").await?.body)?;
        if status["index"]["position"] == status["journal"]["last"] {
            break;
        }
        position = status["index"]["position"].as_u64().unwrap_or(position);
    }
    let rate = position as f64 / started.elapsed().as_secs_f64();
    reached(
        "a rebuild, while events are posted",
        Goal::AtLeast(60_000.0),
        rate,
        " events a second",
    );
    say(&format!(
        "{rate:>6.0} events a second when the index is built anew, while {} are posted one by one: {}",
        took.len(),
        spread(took),
    ));
    Ok(())
}

/// Posts an event of today over a connection of its own, and says how long the answer took.
async fn post_one(snagd: &Server, story: &mut Story) -> anyhow::Result<Duration> {
    let event = story.event_of_today();
    let run = load::post(&snagd.unix(), 1, ONE, vec![Bytes::from(event)]).await?;
    Ok(run.p50)
}

fn mib(bytes: u64) -> u64 {
    bytes / (1024 * 1024)
}
