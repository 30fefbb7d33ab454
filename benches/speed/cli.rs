//! The command line: how long a person waits for `snag`, start to exit.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::load::{self, median};
use crate::results::reached;
use crate::server::Server;
use crate::story::Story;
use crate::{ms, say};

/// How often each command is run.
const TIMES: usize = 300;
/// How many events there are when they are.
const SIZES: [usize; 2] = [10_000, 100_000];

/// What a person types, to which daemon if to any.
struct Row {
    what: &'static str,
    args: &'static [&'static str],
    is_answered: bool,
}

const LOG: &[&str] =
    &["log", "web/checkout/form", "the card form cleared itself", "--felt", "frustrated"];
/// As the script for bash asks at a Tab.
const TAB: &[&str] = &["complete", "bash", "snag why web/ch"];
const RUN: &[&str] = &["run", "--", "/bin/true"];
const ROWS: [Row; 8] = [
    Row { what: "snag log, recorded", args: LOG, is_answered: true },
    Row { what: "snag log, no daemon: kept", args: LOG, is_answered: false },
    Row { what: "snag hotspots", args: &["hotspots"], is_answered: true },
    Row { what: "snag why", args: &["why", "web/checkout/form"], is_answered: true },
    Row { what: "a place completed", args: TAB, is_answered: true },
    Row { what: "snag run -- /bin/true", args: RUN, is_answered: true },
    Row { what: "snag --version, for comparison", args: &["--version"], is_answered: false },
    // No arguments: not snag.
    Row { what: "/bin/true, for comparison", args: &[], is_answered: false },
];

/// Runs the commands in turns at each size.
pub(crate) async fn start_to_exit(snagd: &Server, story: &mut Story) -> anyhow::Result<()> {
    say("\nsnag, start to exit, in ms                     median     p99");
    let mut loaded = 0;
    for size in SIZES {
        load::pile(&[snagd], (loaded..size).map(|_| story.event())).await?;
        loaded = size;
        say(&format!("at {size} events, of {TIMES} runs in turns"));
        let mut took = ROWS.map(|_| Vec::with_capacity(TIMES));
        for _ in 0..TIMES {
            for (row, took) in ROWS.iter().zip(&mut took) {
                took.push(run(snagd, row)?);
            }
        }
        let medians = took.clone().map(|took| median(took).map_or(0.0, ms));
        let [log, _, _, _, _, wrapped, start, alone] = medians;
        reached("`snag log`", size, log);
        reached("`snag log` beyond `snag --version`", size, log - start);
        reached("`snag run` beyond its command", size, wrapped - alone);
        for (row, mut took) in ROWS.iter().zip(took) {
            took.sort_unstable();
            let at = |share: usize| took.get(took.len() * share / 100).copied().map_or(0.0, ms);
            say(&format!("  {:<42} {:>8.1} {:>7.1}", row.what, at(50), at(99)));
        }
    }
    Ok(())
}

fn run(snagd: &Server, row: &Row) -> anyhow::Result<Duration> {
    let program = if row.args.is_empty() { "/bin/true" } else { env!("CARGO_BIN_EXE_snag") };
    let nowhere = format!("unix:{}", snagd.path("nobody.sock").display());
    let url = if row.is_answered { snagd.unix().to_string() } else { nowhere };
    let mut command = Command::new(program);
    command.args(row.args).env_clear().env("HOME", snagd.path("home")).env("SNAG_URL", url);
    command.env("SNAG_DROP", snagd.path("spool"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status().with_context(|| format!("{program} does not start"))?;
    let took = started.elapsed();
    ensure!(status.success(), "{} ended with {status}", row.what);
    Ok(took)
}
