//! What was said, kept beside the code, with what it was measured on; first of all, what was reached of
//! what is to be reached.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;

use Goal::{AtLeast, AtMost};

static SAID: Mutex<String> = Mutex::new(String::new());
/// The figures that were measured, by their place among the goals.
static REACHED: Mutex<BTreeMap<usize, f64>> = Mutex::new(BTreeMap::new());

/// What a figure is to be.
#[derive(Clone, Copy, Debug)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// A goal that has nothing to do with how many events there are.
pub(crate) const ANY_SIZE: usize = 0;
const MILLION: usize = 1_000_000;
const TEN: usize = 10 * MILLION;

/// What is to be reached: which figure, at how many events, how much, and in what.
const GOALS: [(&str, usize, Goal, &str); 31] = [
    ("single posts over 1 connections, to those of floor", ANY_SIZE, AtLeast(0.9), ""),
    ("single posts over 32 connections, to those of floor", ANY_SIZE, AtLeast(0.75), ""),
    ("single posts over 256 connections, to those of floor", ANY_SIZE, AtLeast(0.75), ""),
    ("single posts over 1 connections, to those of SQLite", ANY_SIZE, AtLeast(1.0), ""),
    ("single posts over 32 connections, to those of SQLite", ANY_SIZE, AtLeast(1.0), ""),
    ("single posts over 256 connections, to those of SQLite", ANY_SIZE, AtLeast(1.0), ""),
    ("batches of 100 over 1 connections, to those of floor", ANY_SIZE, AtLeast(0.3), ""),
    ("batches of 100 over 8 connections, to those of floor", ANY_SIZE, AtLeast(0.3), ""),
    ("p99 of single posts over 32 connections, to that of floor", ANY_SIZE, AtMost(2.0), ""),
    ("hotspots after a write", MILLION, AtMost(10.0), " ms"),
    ("hotspots after a write", TEN, AtMost(10.0), " ms"),
    ("SQLite's GROUP BY, to hotspots after a write", TEN, AtLeast(100.0), " times"),
    ("hotspots after a write, to those at 100000, same cells", MILLION, AtMost(2.0), " times"),
    ("hotspots after a write, to those at 100000, same cells", TEN, AtMost(2.0), " times"),
    ("`why` of a place", MILLION, AtMost(30.0), " ms"),
    ("`why` of a place", TEN, AtMost(30.0), " ms"),
    ("`snag log`", 100_000, AtMost(5.0), " ms"),
    ("`snag log` beyond `snag --version`", 100_000, AtMost(0.3), " ms"),
    ("`snag run` beyond its command", 100_000, AtMost(5.0), " ms"),
    ("bash's prompt behind a watched command, beyond one not", ANY_SIZE, AtMost(3.0), " ms"),
    ("zsh's prompt behind a watched command, beyond one not", ANY_SIZE, AtMost(3.0), " ms"),
    ("fish's prompt behind a watched command, beyond one not", ANY_SIZE, AtMost(3.0), " ms"),
    ("resident, idle", MILLION, AtMost(64.0), " MiB"),
    ("resident, idle", TEN, AtMost(400.0), " MiB"),
    ("disk", MILLION, AtMost(600.0), " bytes an event"),
    ("disk", TEN, AtMost(600.0), " bytes an event"),
    ("start after a clean stop", MILLION, AtMost(300.0), " ms"),
    ("start after SIGKILL", MILLION, AtMost(2000.0), " ms"),
    ("a rebuild", MILLION, AtLeast(60_000.0), " events a second"),
    ("a rebuild", TEN, AtLeast(60_000.0), " events a second"),
    ("a processor when idle", MILLION, AtMost(0.1), " %"),
];

/// Notes a figure at a number of events, where there is a goal for it.
pub(crate) fn reached(what: &str, events: usize, figure: f64) {
    let is_it = |(other, at, ..): &(&str, usize, Goal, &str)| (*other, *at) == (what, events);
    if let Some(nth) = GOALS.iter().position(is_it) {
        REACHED.lock().unwrap_or_else(PoisonError::into_inner).insert(nth, figure);
    }
}

/// Each goal as a row: what was measured, and whether that is enough.
fn rows() -> String {
    let reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let row = |(nth, (what, events, goal, unit)): (usize, &(&str, usize, Goal, &str))| {
        let (sign, bound) = match goal {
            AtLeast(bound) => ('≥', bound),
            AtMost(bound) => ('≤', bound),
        };
        let at = match *events {
            ANY_SIZE => String::new(),
            events => format!(", at {events} events"),
        };
        let Some(figure) = reached.get(&nth) else {
            let not = if *events == ANY_SIZE { "not run" } else { "not run at this size" };
            return format!("| {what}{at} | {sign} {bound}{unit} | {not} | |\n");
        };
        let is_reached = if sign == '≥' { bound <= figure } else { figure <= bound };
        let verdict = if is_reached { "reached" } else { "**missed**" };
        let digits = if *figure < 10.0 { 2 } else { 0 };
        format!("| {what}{at} | {sign} {bound}{unit} | {figure:.digits$}{unit} | {verdict} |\n")
    };
    GOALS.iter().enumerate().map(row).collect()
}

/// Adds a line.
pub(crate) fn add(line: &str) {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    said.push_str(line);
    said.push('\n');
}

/// Writes all that was said to `benches/RESULTS.md`, if that is wanted.
pub(crate) fn keep_if(is_wanted: bool) -> anyhow::Result<()> {
    if !is_wanted {
        return Ok(());
    }
    let said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let text = format!(
        "# What `cargo bench --bench speed -- {}` said\n\n{} · commit {} · {}; busy at the end: {}\n\n\
        | what | to reach | measured | |\n|---|---|---|---|\n{}\n```text\n{}\n```\n",
        args.join(" "),
        snag::doors::today(),
        commit()?,
        machine()?,
        load()?,
        rows(),
        said.trim(),
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/RESULTS.md");
    fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// What else ran on the machine: the mean number of tasks that wanted a processor.
fn load() -> anyhow::Result<String> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let means: Vec<&str> = load.split_whitespace().take(3).collect();
    Ok(format!("{} tasks on average over 1, 5 and 15 minutes", means.join(", ")))
}

fn commit() -> anyhow::Result<String> {
    let mut git = Command::new("git");
    git.args(["rev-parse", "--short", "HEAD"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    Ok(String::from_utf8(git.output()?.stdout)?.trim().to_owned())
}

/// Processors, memory and kernel; no name.
fn machine() -> anyhow::Result<String> {
    let processors = std::thread::available_parallelism()?;
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = kib.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{processors} processors ({}), {} GiB of memory, Linux {}",
        model.map_or("unknown", |(_, model)| model),
        kib.context("no MemTotal")? / (1024 * 1024),
        kernel.trim()
    ))
}
