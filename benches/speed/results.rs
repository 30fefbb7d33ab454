//! What was said, kept beside the code, with what it was measured on.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;

static SAID: Mutex<String> = Mutex::new(String::new());

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
    let text = format!(
        "# What `cargo bench --bench speed -- keep` said\n\n{} · commit {} · {}\n\n```text\n{}\n```\n",
        snag::doors::today(),
        commit()?,
        machine()?,
        said.trim(),
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/RESULTS.md");
    fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))
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
