//! What was said, kept beside the code, with what it was measured on; first of all, what was reached of
//! what is to be reached.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;

static SAID: Mutex<String> = Mutex::new(String::new());
static REACHED: Mutex<String> = Mutex::new(String::new());

/// What a figure is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// Notes a figure for which there is a goal.
pub(crate) fn reached(what: &str, goal: Goal, figure: f64, unit: &str) {
    let (sign, bound, is_reached) = match goal {
        Goal::AtLeast(bound) => ('≥', bound, bound <= figure),
        Goal::AtMost(bound) => ('≤', bound, figure <= bound),
    };
    let verdict = if is_reached { "reached" } else { "**missed**" };
    let digits = if figure < 10.0 { 2 } else { 0 };
    let mut reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let row = format!("| {what} | {sign} {bound}{unit} | {figure:.digits$}{unit} | {verdict} |\n");
    reached.push_str(&row);
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
    let reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let text = format!(
        "# What `cargo bench --bench speed -- keep` said\n\n{} · commit {} · {}; busy at the end: {}\n\n\
        | what | to reach | measured | |\n|---|---|---|---|\n{reached}\n```text\n{}\n```\n",
        snag::doors::today(),
        commit()?,
        machine()?,
        load()?,
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
