//! Recording: servers that keep the same promise, in turns.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use snag::client::Target;

use crate::load::{self, Posts, Run, median};
use crate::results::{ANY_SIZE, reached};
use crate::server::Server;
use crate::story::Story;
use crate::{ms, say};

/// One row of the table: what is posted, over how many connections, how many requests a round.
struct Row {
    batch: usize,
    connections: usize,
    requests: usize,
}

/// As many requests as a round of a few seconds takes. Batches of 1000 over 256 connections are more than
/// all large bodies may weigh at once.
#[rustfmt::skip] // One row, one line.
const ROWS: [Row; 15] = [
    Row { batch: 1, connections: 1, requests: 1500 },
    Row { batch: 1, connections: 8, requests: 6000 },
    Row { batch: 1, connections: 32, requests: 12_000 },
    Row { batch: 1, connections: 256, requests: 16_000 },
    Row { batch: 10, connections: 1, requests: 500 },
    Row { batch: 10, connections: 8, requests: 1500 },
    Row { batch: 10, connections: 32, requests: 1500 },
    Row { batch: 10, connections: 256, requests: 1500 },
    Row { batch: 100, connections: 1, requests: 150 },
    Row { batch: 100, connections: 8, requests: 300 },
    Row { batch: 100, connections: 32, requests: 300 },
    Row { batch: 100, connections: 256, requests: 512 },
    Row { batch: 1000, connections: 1, requests: 12 },
    Row { batch: 1000, connections: 8, requests: 40 },
    Row { batch: 1000, connections: 32, requests: 64 },
];

/// Who takes a turn, and over which socket.
pub(crate) type Turn<'a> = (&'a str, &'a Server, Target);

/// Records with each of the servers in turns, round by round; prints medians, and how the first does
/// beside each.
pub(crate) async fn in_turns(
    servers: &[Turn<'_>],
    story: &mut Story,
    rounds: usize,
) -> anyhow::Result<()> {
    let sample = story.event_of_today();
    let bytes = sample.len();
    say(&format!(
        "recording, {rounds} rounds in turns, ms and µs of processor time an event; as they happen, and batches of 1000 of the last year; like this one, of {bytes} bytes:"
    ));
    say(&sample);
    say(
        "\nbatch  at once              requests/s    p50    p99  p99.9    cpu    snagd's rate to its",
    );
    for row in &ROWS {
        let mut runs: Vec<Vec<Run>> = servers.iter().map(|_| Vec::new()).collect();
        let mut cpu = vec![Duration::ZERO; servers.len()];
        // The first round warms up.
        for round in 0..=rounds {
            let bodies: Vec<Bytes> = (0..row.requests).map(|_| body(story, row.batch)).collect();
            let posts = if row.batch == 1 { Posts::One } else { Posts::Batch };
            for turn in 0..servers.len() {
                // Back and forth, so that nobody always comes after the same one.
                let turn = if round % 2 == 0 { turn } else { servers.len() - 1 - turn };
                let nth = (round + turn) % servers.len();
                let (_, server, target) = &servers[nth];
                let before = server.processor_time()?;
                let run = load::post(target, row.connections, posts, bodies.clone()).await?;
                if round != 0 {
                    cpu[nth] += server.processor_time()?.saturating_sub(before);
                    runs[nth].push(run);
                }
            }
        }
        let events = (rounds * row.requests * row.batch) as f64;
        for ((name, ..), (theirs, cpu)) in servers.iter().zip(runs.iter().zip(cpu)) {
            let pairs = runs[0].iter().zip(theirs);
            let ratio = median(pairs.map(|(our, their)| our.rate / their.rate).collect());
            let ratio = ratio.context("no round")?;
            let what = format!("{:>5}  {:>7}", row.batch, row.connections);
            compare(row, name, ratio, &runs[0], theirs);
            let figures = show(theirs, cpu.as_secs_f64() * 1e6 / events);
            say(&format!("{what}  {name:<10} {figures} {ratio:>12.2}"));
        }
    }
    Ok(())
}

/// Notes how snagd does beside another.
fn compare(row: &Row, other: &str, ratio: f64, ours: &[Run], theirs: &[Run]) {
    let (batch, at_once) = (row.batch, row.connections);
    let posts = if batch == 1 { "single posts".into() } else { format!("batches of {batch}") };
    let what = format!("{posts} over {at_once} connections");
    reached(&format!("{what}, to those of {other}"), ANY_SIZE, ratio);
    let p99 = |runs: &[Run]| median(runs.iter().map(|run| run.p99).collect()).map_or(0.0, ms);
    let ratio = p99(ours) / p99(theirs).max(f64::MIN_POSITIVE);
    reached(&format!("p99 of {what}, to that of {other}"), ANY_SIZE, ratio);
}

fn body(story: &mut Story, batch: usize) -> Bytes {
    let events: Vec<String> = match batch {
        // Who sends so many at once brings what happened over a year.
        1000.. => (0..batch).map(|_| story.event()).collect(),
        _ => (0..batch).map(|_| story.event_of_today()).collect(),
    };
    Bytes::from(events.join("\n"))
}

/// The medians of some rounds, in ms; and what an event took of the processors, in µs.
fn show(runs: &[Run], cpu: f64) -> String {
    let rate = median(runs.iter().map(|run| run.rate).collect()).unwrap_or(0.0);
    let of =
        |figure: fn(&Run) -> Duration| median(runs.iter().map(figure).collect()).map_or(0.0, ms);
    let (p50, p99, p999) = (of(|run| run.p50), of(|run| run.p99), of(|run| run.p999));
    format!("{rate:>10.0} {p50:>6.2} {p99:>6.2} {p999:>6.2} {cpu:>6.1}  ")
}
