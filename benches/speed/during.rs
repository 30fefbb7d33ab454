//! What else it does while people post: a backup, a rebuild of the index, and retention; and how long
//! they then wait.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use snag::client::Connection;

use crate::load::{Posting, Run};
use crate::results::reached;
use crate::server::{Server, disk};
use crate::{ms, say, tell};

/// Over how many connections single events are posted.
const CONNECTIONS: u64 = 8;
/// How long they are posted while nothing else is done.
const ALONE: Duration = Duration::from_secs(5);
/// How long they are posted while an index is built: more would only make it larger.
const LONG_ENOUGH: Duration = Duration::from_secs(30);
/// No journal can be told to be smaller, in MiB.
const LEAST_ROOM: u64 = 32;
/// How often it is looked whether something is over.
const LOOK: Duration = Duration::from_millis(20);

/// Posts alone, and while each of these is done.
pub(crate) async fn posting(snagd: &mut Server) -> anyhow::Result<()> {
    say(&format!(
        "\nsingle posts over {CONNECTIONS} connections, in ms          a second     p50     p99   p99.9"
    ));
    show("with nothing else", &alone(snagd).await?);
    backup(snagd).await?;
    forget_index(snagd)?;
    let run = while_it_catches_up(snagd).await?;
    show("during a rebuild of the index", &run);
    retention(snagd).await
}

/// Says how many events a second go into a new index.
pub(crate) async fn rebuild(snagd: &mut Server, events: usize) -> anyhow::Result<()> {
    forget_index(snagd)?;
    let started = Instant::now();
    snagd.start_again().await?;
    let mut asked = Connection::open(&snagd.unix(), None).await?;
    while 0 < behind(&mut asked).await? {
        tokio::time::sleep(LOOK).await;
    }
    let rate = events as f64 / started.elapsed().as_secs_f64();
    say(&format!("{rate:>6.0} events a second when the index is built anew"));
    reached("a rebuild", events, rate);
    Ok(())
}

fn forget_index(snagd: &mut Server) -> anyhow::Result<()> {
    snagd.end(true)?;
    fs::remove_dir_all(snagd.path("state/index")).context("there is no index")
}

/// Nothing but posts, for a while.
async fn alone(snagd: &Server) -> anyhow::Result<Run> {
    let posting = Posting::begin(&snagd.unix(), CONNECTIONS).await?;
    tokio::time::sleep(ALONE).await;
    posting.end().await
}

async fn backup(snagd: &Server) -> anyhow::Result<()> {
    let target = snagd.path("backup.tar");
    let mut snag = Command::new(env!("CARGO_BIN_EXE_snag"));
    snag.arg("backup").arg(&target).env_clear().env("HOME", snagd.path("home"));
    snag.env("SNAG_URL", snagd.unix().to_string());
    snag.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let posting = Posting::begin(&snagd.unix(), CONNECTIONS).await?;
    let started = Instant::now();
    let mut backup = snag.spawn().context("snag does not start")?;
    let status = loop {
        if let Some(status) = backup.try_wait()? {
            break status;
        }
        tokio::time::sleep(LOOK).await;
    };
    let took = started.elapsed();
    let run = posting.end().await?;
    ensure!(status.success(), "snag backup ended with {status}");
    let mib = mib(fs::metadata(&target)?.len());
    show(&format!("during a backup: {mib} MiB in {:.1} s", took.as_secs_f64()), &run);
    fs::remove_file(target)?;
    Ok(())
}

/// Starts with less room for the journal than it takes: its oldest tenth goes, and the index is built
/// anew, as it does once a day where there is something to go.
async fn retention(snagd: &mut Server) -> anyhow::Result<()> {
    let before = mib(disk(&snagd.path("state/journal"))?);
    let most = before * 9 / 10;
    if most < LEAST_ROOM {
        say(&format!("  retention does nothing: {before} MiB of journal may always be kept"));
        return Ok(());
    }
    snagd.end(true)?;
    let config = snagd.path(".config/snag");
    fs::create_dir_all(&config)?;
    fs::write(config.join("snagd.toml"), format!("retention_size = \"{most} MiB\"\n"))?;
    let run = while_it_catches_up(snagd).await?;
    show(&format!("during the rebuild after {} of {before} MiB go", before - most), &run);
    Ok(())
}

/// Starts it, and posts until its index knows all, but not for longer than is worth it.
async fn while_it_catches_up(snagd: &mut Server) -> anyhow::Result<Run> {
    let ready = snagd.start_again().await?;
    let posting = Posting::begin(&snagd.unix(), CONNECTIONS).await?;
    let mut asked = Connection::open(&snagd.unix(), None).await?;
    let started = Instant::now();
    while started.elapsed() < LONG_ENOUGH && 0 < behind(&mut asked).await? {
        tokio::time::sleep(LOOK).await;
    }
    let run = posting.end().await?;
    tell(&format!("... ready after {:.0} ms", ms(ready)));
    while 0 < behind(&mut asked).await? {
        tokio::time::sleep(LOOK).await;
    }
    Ok(run)
}

/// How many records the index does not know yet.
async fn behind(asked: &mut Connection) -> anyhow::Result<u64> {
    let status: Value = serde_json::from_slice(&asked.get("/v1/status").await?.body)?;
    status["index"]["behind"].as_u64().context("snagd does not say how far its index is")
}

fn show(what: &str, run: &Run) {
    let Run { rate, p50, p99, p999 } = run;
    let (p50, p99, p999) = (ms(*p50), ms(*p99), ms(*p999));
    say(&format!("  {what:<46} {rate:>9.0} {p50:>7.2} {p99:>7.2} {p999:>7.2}"));
}

fn mib(bytes: u64) -> u64 {
    bytes / (1024 * 1024)
}
