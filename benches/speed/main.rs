//! How fast snag is, against the least that any server must do for the same promise, and against what
//! one would write otherwise.
//!
//! `cargo bench --bench speed` prints ratios of snagd, the floor (see `floor`), SQLite (see `sqlite`)
//! and, where it is installed, PostgreSQL (see `postgres`), measured in turns within one run, then how
//! long answers and commands take, and what each step takes in instructions. Nothing timed is asserted:
//! a shared machine is noisy, and a figure is for people to judge. `-- quick` stops at 100,000 events,
//! `-- 10m` goes on to ten million, which needs 20 GB on disk; `-- record`, `-- ask`, `-- hostile`,
//! `-- steady`, `-- live`, `-- alike`, `-- count` and `-- cli` do one part only, and `-- keep` writes what
//! was said to `benches/RESULTS.md`. `-- record against PATH` puts another build of snagd in the place of
//! the others, and `-- live against PATH` lives with it.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod alike;
mod answers;
mod ask;
mod beside;
mod bulk;
mod cli;
mod count;
mod during;
mod floor;
mod hook;
mod living;
mod load;
mod postgres;
mod prose;
mod questions;
mod record;
mod results;
mod server;
mod sqlite;
mod story;

use std::time::Duration;

use server::{SNAGD, Server};
use story::{HOSTILE, Story, TEAM};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, file] = args.as_slice() {
        match role.as_str() {
            "floor" | "sqlite" | "postgres" => return beside::serve(role, file.as_ref()),
            "count-one" => return count::one(file),
            _ => {}
        }
    }
    // One thread: what the client takes, the servers have not.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&args))
}

/// Does the parts that are named, or all.
async fn measure(args: &[String]) -> anyhow::Result<()> {
    let says = |word: &str| args.iter().any(|arg| arg == word);
    let quick = says("quick");
    let parts = ["record", "ask", "hostile", "steady", "live", "alike", "count", "cli"];
    let does = |part: &str| says(part) || !parts.iter().any(|part| says(part));
    let sizes = [10_000, 100_000, 1_000_000, 10_000_000];
    let sizes = &sizes[..if quick { 2 } else { 3 + usize::from(says("10m")) }];
    let other = args.iter().skip_while(|arg| *arg != "against").nth(1).map(String::as_str);
    if does("record") {
        record(other, if quick { 3 } else { 5 }).await?;
    }
    if does("ask") {
        ask::as_events_pile_up(TEAM, sizes).await?;
    }
    if does("hostile") {
        ask::as_events_pile_up(HOSTILE, sizes).await?;
    }
    if does("steady") {
        ask::of_the_same_cells(&sizes[1..]).await?;
    }
    if does("live") {
        // Long enough for its days; a smaller one would say nothing of these.
        for size in &sizes[1 + usize::from(!quick)..] {
            living::with(other.unwrap_or(SNAGD), *size).await?;
        }
    }
    if does("alike") {
        alike::grouping()?;
    }
    if does("count") {
        count::each_step()?;
    }
    if does("cli") {
        let snagd = Server::snagd(SNAGD).await?;
        bulk::at_once(&snagd, &mut Story::new(6, snag::doors::today()))?;
        let snagd = Server::snagd(SNAGD).await?;
        cli::start_to_exit(&snagd, &mut Story::new(3, snag::doors::today())).await?;
        hook::prompts(&snagd)?;
    }
    results::keep_if(says("keep"))
}

/// Records beside the others, or beside another build.
async fn record(other: Option<&str>, rounds: usize) -> anyhow::Result<()> {
    let snagd = Server::snagd(SNAGD).await?;
    // One of its own: the same ids again would not wait for the disk.
    let unix = Server::snagd(SNAGD).await?;
    let mut others = Vec::new();
    if let Some(program) = other {
        others.push(("other", Server::snagd(program).await?));
    } else {
        others.push(("floor", Server::beside("floor")?));
        others.push(("SQLite", Server::beside("sqlite")?));
        match postgres::lacking(&server::parent()) {
            None => others.push(("PostgreSQL", Server::beside("postgres")?)),
            Some(why) => say(&format!("PostgreSQL is not measured: {why}")),
        }
    }
    let mut turns = vec![("snagd", &snagd, snagd.tcp.clone()), ("unix", &unix, unix.unix())];
    turns.extend(others.iter().map(|(name, server)| (*name, server, server.tcp.clone())));
    record::in_turns(&turns, &mut Story::new(1, snag::doors::today()), rounds).await
}

/// A duration in milliseconds.
fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn say(line: &str) {
    tell(line);
    results::add(line);
}

/// Prints a line that is of no interest later.
fn tell(line: &str) {
    println!("{line}");
}
