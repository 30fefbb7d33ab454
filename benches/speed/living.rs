//! Living with it: what two years of events take on disk and in memory, how long it takes to start,
//! to ask, and how often it wakes up when nothing happens.

use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use serde_json::Value;
use snag::client::Connection;

use crate::ask::{FEWEST, LONG_ENOUGH};
use crate::during;
use crate::load::{self, Posts, median};
use crate::questions::deep;
use crate::results::reached;
use crate::server::{Server, disk};
use crate::story::{Story, TEAM};
use crate::{ms, say};

/// How often each question is asked.
const TIMES: usize = 31;
/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(20);

/// Loads a fresh daemon of this program, and lives with it.
pub(crate) async fn with(program: &str, events: usize) -> anyhow::Result<()> {
    let mut snagd = Server::snagd(program).await?;
    let mut story = Story::shaped(4, snag::doors::today(), TEAM);
    say(&format!("\nliving with {events} events of two years, one day after the other"));
    let rate = load::pile(&[&snagd], story.history(events)).await?;
    say(&format!("{rate:>6.0} events a second while loading"));
    settle(&snagd).await?;
    room(&snagd, events)?;
    let bytes = disk(&snagd.path("state/journal"))? + disk(&snagd.path("state/index"))?;
    let each = bytes as f64 / events as f64;
    reached("disk", events, each);
    reached("resident, idle", events, mib(snagd.resident()?) as f64);
    idle(&snagd, events).await?;
    ask(&snagd, &story).await?;
    say(&format!("{:>6} MiB resident", mib(snagd.resident()?)));
    snagd.end(true)?;
    let clean = snagd.start_again().await?;
    say(&format!("{:>6.0} ms to start after a clean stop", ms(clean)));
    reached("start after a clean stop", events, ms(clean));
    for _ in 0..500 {
        post_one(&snagd, &mut story).await?;
    }
    snagd.end(false)?;
    let killed = snagd.start_again().await?;
    say(&format!("{:>6.0} ms to start after SIGKILL", ms(killed)));
    reached("start after SIGKILL", events, ms(killed));
    idle(&snagd, events).await?;
    say(&format!("{:>6} MiB resident", mib(snagd.resident()?)));
    during::rebuild(&mut snagd, events).await?;
    settle(&snagd).await?;
    room(&snagd, events)?;
    during::posting(&mut snagd).await
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

async fn idle(snagd: &Server, events: usize) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (wakeups, processor) = (snagd.wakeups()?, snagd.processor_time()?);
    tokio::time::sleep(IDLE).await;
    let wakeups = (snagd.wakeups()? - wakeups) as f64 / IDLE.as_secs_f64();
    let busy = snagd.processor_time()?.saturating_sub(processor).as_secs_f64() / IDLE.as_secs_f64();
    say(&format!(
        "{wakeups:>6.1} wakeups a second when idle, {:.2} % of a processor",
        busy * 100.0
    ));
    reached("a processor when idle", events, busy * 100.0);
    Ok(())
}

async fn ask(snagd: &Server, story: &Story) -> anyhow::Result<()> {
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
    let (deep, _) = deep(&mut asked, 20_000).await?;
    let questions: [(&str, &dyn Fn(usize) -> String); 10] = [
        ("hotspots", &|_| "/v1/hotspots".to_owned()),
        ("why a place", &|nth| format!("/v1/why?place={}", story.a_place(nth as u64))),
        ("events, a page of 50", &|_| "/v1/events?limit=50".to_owned()),
        ("events, a page of 1000", &|_| "/v1/events?limit=1000".to_owned()),
        ("events, a page of 50 behind 20,000", &|_| deep.clone()),
        ("coverage of 28 days", &|_| "/v1/coverage?since=28d".to_owned()),
        ("coverage of a year", &|_| "/v1/coverage?since=365d".to_owned()),
        ("events of a person", &|nth| format!("/v1/events?limit=50&person=person-{nth:02}")),
        ("an event by its id", &|nth| format!("/v1/events/{}", id(nth))),
        ("an event by 10 digits", &|nth| format!("/v1/events/{}", &id(nth)[26..])),
    ];
    for (what, path) in questions {
        let mut took = Vec::new();
        let begun = Instant::now();
        for nth in (0..TIMES).take_while(|nth| *nth < FEWEST || begun.elapsed() < LONG_ENOUGH) {
            let started = Instant::now();
            asked.get(&path(nth)).await.with_context(|| path(nth))?;
            took.push(started.elapsed());
        }
        let most = took.iter().max().map_or(0.0, |most| ms(*most));
        say(&format!("{:>6.1} ms {what}, at most {most:.1}", median(took).map_or(0.0, ms)));
    }
    Ok(())
}

/// Posts an event of today over a connection of its own.
async fn post_one(snagd: &Server, story: &mut Story) -> anyhow::Result<()> {
    let event = story.event_of_today();
    load::post(&snagd.unix(), 1, Posts::One, vec![Bytes::from(event)]).await?;
    Ok(())
}

fn mib(bytes: u64) -> u64 {
    bytes / (1024 * 1024)
}
