//! How fast snag is, against the least that any server must do for the same promise.
//!
//! `cargo bench --bench speed` prints ratios of snagd and the floor (see `floor`), measured in
//! turns within one run, then how long answers and commands take. Nothing is asserted: a shared
//! machine is noisy, and a figure is for people to judge. `-- quick` stops at 100,000 events;
//! `-- record`, `-- ask`, `-- live`, `-- alike` and `-- cli` do one part only. `-- record against PATH`
//! puts another build of snagd in the place of the floor, and `-- live against PATH` lives with it.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod alike;
mod ask;
mod cli;
mod floor;
mod living;
mod load;
mod prose;
mod server;
mod story;

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use load::{MANY, ONE, Run, median};
use server::{SNAGD, Server};
use story::Story;

/// Events in a batch.
const BATCH: usize = 100;

/// One row of the table: what is posted, over how many connections, how many requests a round.
struct Row {
    what: &'static str,
    batch: usize,
    connections: usize,
    requests: usize,
}

const ROWS: [Row; 4] = [
    Row { what: "single posts", batch: 1, connections: 1, requests: 3000 },
    Row { what: "single posts", batch: 1, connections: 32, requests: 16_000 },
    Row { what: "batches of 100", batch: BATCH, connections: 1, requests: 150 },
    Row { what: "batches of 100", batch: BATCH, connections: 4, requests: 300 },
];

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, file] = args.as_slice()
        && role == "floor"
    {
        return floor::serve(file.as_ref());
    }
    let says = |word: &str| args.iter().any(|arg| arg == word);
    let quick = says("quick");
    let parts = ["record", "ask", "live", "alike", "cli"];
    let does = |part: &str| says(part) || !parts.iter().any(|part| says(part));
    // One thread: what the client takes, the servers have not.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut story = Story::new(1, snag::doors::today());
        let mut other = args.iter().skip_while(|arg| *arg != "against").skip(1);
        let other = other.next();
        if does("record") {
            let beside = match other {
                Some(program) => Server::snagd(program).await?,
                None => Server::floor()?,
            };
            record(&beside, &mut story, if quick { 3 } else { 7 }).await?;
        }
        if does("ask") {
            let snagd = Server::snagd(SNAGD).await?;
            let sizes = [10_000, 100_000, 1_000_000];
            let mut story = Story::new(2, snag::doors::today());
            ask::as_events_pile_up(&snagd, &sizes[..if quick { 2 } else { 3 }], &mut story).await?;
        }
        if does("live") {
            let program = other.map_or(SNAGD, String::as_str);
            living::with(program, if quick { 100_000 } else { 1_000_000 }).await?;
        }
        if does("alike") {
            alike::grouping()?;
        }
        if does("cli") {
            let snagd = Server::snagd(SNAGD).await?;
            cli::start_to_exit(&snagd, &mut Story::new(3, snag::doors::today())).await?;
        }
        Ok(())
    })
}

/// Records in turns with the floor, round by round, and prints medians.
async fn record(floor: &Server, story: &mut Story, rounds: usize) -> anyhow::Result<()> {
    let snagd = Server::snagd(SNAGD).await?;
    let sample = story.event();
    let bytes = sample.len();
    say(&format!(
        "recording, {rounds} rounds in turns, ms and µs of processor time an event; like this one, of {bytes} bytes:"
    ));
    say(&sample);
    say(
        "\n                                      snagd                             floor                 ratio",
    );
    say(
        "                           requests/s    p50    p99    cpu   requests/s    p50    p99    cpu",
    );
    for row in &ROWS {
        let (mut ours, mut least, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut cpu = [Duration::ZERO; 2];
        // The first round warms up.
        for round in 0..=rounds {
            let mut run = [None; 2];
            for turn in [round % 2, (round + 1) % 2] {
                let server = if turn == 0 { &snagd } else { floor };
                let kind = if row.batch == 1 { ONE } else { MANY };
                let bodies = (0..row.requests).map(|_| body(story, row.batch)).collect();
                let before = server.processor_time()?;
                run[turn] = Some(load::post(&server.tcp, row.connections, kind, bodies).await?);
                cpu[turn] += server.processor_time()?.saturating_sub(before);
            }
            if let ([Some(our), Some(their)], 1..) = (run, round) {
                ratios.push(our.rate / their.rate);
                ours.push(our);
                least.push(their);
            }
        }
        let ratio = median(ratios).context("no round")?;
        let label = format!("{}, {:>2} at once", row.what, row.connections);
        let events = (rounds + 1) * row.requests * row.batch;
        let cpu = cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / events as f64);
        say(&format!("{label:<26} {} {} {ratio:>10.2}", show(&ours, cpu[0]), show(&least, cpu[1])));
    }
    Ok(())
}

fn body(story: &mut Story, batch: usize) -> Bytes {
    Bytes::from(if batch == 1 { story.event() } else { story.batch(batch) })
}

/// The medians of some rounds, in ms; and what an event took of the processors, in µs.
fn show(runs: &[Run], cpu: f64) -> String {
    let rate = median(runs.iter().map(|run| run.rate).collect()).unwrap_or(0.0);
    let p50 = median(runs.iter().map(|run| run.p50).collect()).map_or(0.0, ms);
    let p99 = median(runs.iter().map(|run| run.p99).collect()).map_or(0.0, ms);
    format!("{rate:>10.0} {p50:>6.2} {p99:>6.2} {cpu:>6.1}  ")
}

/// A duration in milliseconds.
fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn say(line: &str) {
    println!("{line}");
}
