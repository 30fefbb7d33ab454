//! The doors for much at once: a file that is imported, and files that are dropped.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::say;
use crate::server::Server;
use crate::story::Story;

const IMPORTED: usize = 100_000;
const DROPPED: usize = 5000;

/// Imports events, drops others, and says how many a second.
pub(crate) fn at_once(snagd: &Server, story: &mut Story) -> anyhow::Result<()> {
    say("\nmuch at once, from the start of the command or the first file until all is recorded");
    let rate = import(snagd, story)?;
    say(&format!("{rate:>8.0} events a second by `snag import` of {IMPORTED}"));
    let rate = drop_files(snagd, story)?;
    say(&format!("{rate:>8.0} files a second through the drop directory, of {DROPPED}"));
    Ok(())
}

fn import(snagd: &Server, story: &mut Story) -> anyhow::Result<f64> {
    let file = snagd.path("events.ndjson");
    fs::write(&file, story.batch(IMPORTED))?;
    let mut snag = Command::new(env!("CARGO_BIN_EXE_snag"));
    snag.arg("import").arg(&file).env_clear().env("HOME", snagd.path("home"));
    snag.env("SNAG_URL", snagd.unix().to_string());
    snag.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = snag.status().context("snag does not start")?;
    let took = started.elapsed();
    ensure!(status.success(), "snag import ended with {status}");
    Ok(IMPORTED as f64 / took.as_secs_f64())
}

/// Each file appears as the README says: whole, by a rename.
fn drop_files(snagd: &Server, story: &mut Story) -> anyhow::Result<f64> {
    let dir = snagd.path("state/drop");
    let events: Vec<String> = (0..DROPPED).map(|_| story.event()).collect();
    let started = Instant::now();
    for (nth, event) in events.iter().enumerate() {
        let hidden = dir.join(format!(".{nth}"));
        fs::write(&hidden, event)?;
        fs::rename(hidden, dir.join(format!("{nth}.json")))?;
    }
    while waiting(&dir)? {
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = started.elapsed();
    let refused = fs::read_dir(dir.join("rejected")).map_or(0, Iterator::count);
    ensure!(refused == 0, "{refused} files were refused");
    Ok(DROPPED as f64 / took.as_secs_f64())
}

fn waiting(dir: &std::path::Path) -> anyhow::Result<bool> {
    for entry in fs::read_dir(dir)? {
        if entry?.path().extension().is_some_and(|ending| ending == "json") {
            return Ok(true);
        }
    }
    Ok(false)
}
