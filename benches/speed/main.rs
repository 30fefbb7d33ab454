//! How fast snag is, against the least that any server must do for the same promise, and against what
//! one would write otherwise.
//!
//! `cargo bench --bench speed` prints ratios of snagd, the floor (see `floor`) and SQLite (see
//! `sqlite`), measured in turns within one run, then how long answers and commands take, and what each
//! step takes in instructions. Nothing timed is asserted: a shared machine is noisy, and a figure is
//! for people to judge. `-- quick` stops at 100,000 events, `-- 10m` goes on to ten million;
//! `-- record`, `-- ask`, `-- live`, `-- alike`, `-- count` and `-- cli` do one part only, and
//! `-- keep` writes what was said to `benches/RESULTS.md`. `-- record against PATH` puts another build
//! of snagd in the place of floor and SQLite, and `-- live against PATH` lives with it.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod alike;
mod ask;
mod beside;
mod bulk;
mod cli;
mod count;
mod floor;
mod living;
mod load;
mod prose;
mod record;
mod results;
mod server;
mod sqlite;
mod story;

use std::time::Duration;

use server::{SNAGD, Server};
use story::Story;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, file] = args.as_slice()
        && ["floor", "sqlite"].contains(&role.as_str())
    {
        return beside::serve(role, file.as_ref());
    }
    if let [role, step] = args.as_slice()
        && role == "count-one"
    {
        return count::one(step);
    }
    let says = |word: &str| args.iter().any(|arg| arg == word);
    let quick = says("quick");
    let parts = ["record", "ask", "live", "alike", "count", "cli"];
    let does = |part: &str| says(part) || !parts.iter().any(|part| says(part));
    // One thread: what the client takes, the servers have not.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut story = Story::new(1, snag::doors::today());
        let mut other = args.iter().skip_while(|arg| *arg != "against").skip(1);
        let other = other.next();
        if does("record") {
            let snagd = Server::snagd(SNAGD).await?;
            let others = match other {
                Some(program) => vec![("other", Server::snagd(program).await?)],
                None => {
                    vec![("floor", Server::beside("floor")?), ("SQLite", Server::beside("sqlite")?)]
                }
            };
            // One of its own: the same ids again would not wait for the disk.
            let unix = Server::snagd(SNAGD).await?;
            let mut turns =
                vec![("snagd", &snagd, snagd.tcp.clone()), ("unix", &unix, unix.unix())];
            turns.extend(others.iter().map(|(name, server)| (*name, server, server.tcp.clone())));
            record::in_turns(&turns, &mut story, if quick { 3 } else { 5 }).await?;
        }
        if does("ask") {
            let snagd = Server::snagd(SNAGD).await?;
            let sqlite = Server::beside("sqlite")?;
            let sizes = [10_000, 100_000, 1_000_000, 10_000_000];
            let sizes = &sizes[..if quick { 2 } else { 3 + usize::from(says("10m")) }];
            let mut story = Story::new(2, snag::doors::today());
            ask::as_events_pile_up(&snagd, &sqlite, sizes, &mut story).await?;
        }
        if does("live") {
            let program = other.map_or(SNAGD, String::as_str);
            living::with(program, if quick { 100_000 } else { 1_000_000 }).await?;
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
        }
        results::keep_if(says("keep"))
    })
}

/// A duration in milliseconds.
fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn say(line: &str) {
    println!("{line}");
    results::add(line);
}
