//! `snagd verify` and `snagd repair`: what to run where something may be broken.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use snag::daemon::{self, IndexVerdict, OpenError, Repaired, Sources, Verdict};
use snag::recorder::Progress;
use snag::words::plural;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

/// A line of progress each time so many more records were read.
const SAY_EVERY: u64 = 100_000;

/// The state directory of somebody else.
#[derive(Debug, thiserror::Error)]
#[error("{} is not yours to read: run it as the one who runs snagd, like `sudo -u snag snagd {command}`", .dir.display())]
pub(crate) struct Denied {
    dir: PathBuf,
    command: &'static str,
}

/// Why a command could not be done.
fn refused(error: OpenError, dir: &Path, command: &'static str) -> anyhow::Error {
    match fs::read_dir(dir) {
        Err(denied) if denied.kind() == io::ErrorKind::PermissionDenied => {
            Denied { dir: dir.to_owned(), command }.into()
        }
        _ => error.into(),
    }
}

/// `snagd verify`: 0 where everything is as it should be, else 1.
pub(crate) fn verify(sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = sources.read().map_err(OpenError::from)?;
    let state_dir = settings.state_dir().to_owned();
    let scratch = env::temp_dir().join(format!("snagd-verify-{}", Uuid::now_v7().simple()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the async runtime does not start")?;
    let looked = runtime.block_on(look(state_dir, scratch.clone()));
    // Whoever was told to end does not wait for the rest.
    runtime.shutdown_background();
    match looked? {
        Looked::Done(verdict) => tell(&verdict),
        Looked::Ended(signal) => {
            // It holds what people told, and may be written to at this very moment.
            let remove = |_| fs::remove_dir_all(&scratch).is_ok() || !scratch.exists();
            if !(0..1000).any(remove) {
                tracing::warn!(path = %scratch.display(), "cannot be removed: remove it by hand");
            }
            Ok(ExitCode::from(128 + signal))
        }
    }
}

/// How a look ended.
enum Looked {
    Done(Verdict),
    /// By a signal of this number.
    Ended(u8),
}

async fn look(state_dir: PathBuf, scratch: PathBuf) -> anyhow::Result<Looked> {
    let listen = |kind| signal(kind).context("signals cannot be listened for");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let looking = tokio::task::spawn_blocking(move || {
        let mut said = 0;
        let looked = daemon::verify(&state_dir, &scratch, |Progress { done, of }| {
            if said + SAY_EVERY <= done || done < said {
                said = done;
                tracing::info!("at {done} of {of} records");
            }
        });
        looked.map_err(|error| refused(error, &state_dir, "verify"))
    });
    tokio::select! {
        verdict = looking => Ok(Looked::Done(verdict.context("snagd died")??)),
        _ = interrupt.recv() => Ok(Looked::Ended(2)),
        _ = terminate.recv() => Ok(Looked::Ended(15)),
        _ = hangup.recv() => Ok(Looked::Ended(1)),
    }
}

fn tell(verdict: &Verdict) -> anyhow::Result<ExitCode> {
    let mut stdout = io::stdout().lock();
    for line in lines(verdict) {
        writeln!(stdout, "{line}")?;
    }
    Ok(if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn lines(verdict: &Verdict) -> Vec<String> {
    let Verdict { records, segments, damage, torn, unknown, index } = verdict;
    let records = plural(*records, "record", "records");
    let segments = plural(*segments as u64, "segment", "segments");
    let mut lines = vec![format!("journal  {records} in {segments}")];
    for place in damage {
        lines.push(format!("         damaged: {place}; restore a backup if they matter"));
    }
    for place in torn {
        lines.push(format!(
            "         unfinished: {}; the next start puts that aside: most likely nobody was told that it is recorded",
            place.place()
        ));
    }
    if 0 < *unknown {
        let records = plural(*unknown, "record", "records");
        lines.push(format!("         {records} of a newer snagd: install that one"));
    }
    lines.push(match index {
        IndexVerdict::Agrees { events, behind } => {
            let events = plural(*events, "event", "events");
            let rest = match behind {
                0 => String::new(),
                behind => {
                    let records = plural(*behind, "record", "records");
                    format!("; {records} still to come, at the next start")
                }
            };
            format!("index    {events}, as the journal has them{rest}")
        }
        IndexVerdict::Missing => "index    none; the next start builds it".to_owned(),
        IndexVerdict::Ahead => {
            "index    bad: it knows of events that the journal does not hold; the next start builds it anew"
                .to_owned()
        }
        IndexVerdict::Outdated => {
            "index    of an earlier snagd; the next start builds it anew".to_owned()
        }
        IndexVerdict::InUse => {
            "index    in use by a running snagd: stop it to have the index checked too".to_owned()
        }
        IndexVerdict::Bad { reason } => format!("index    bad: {reason}; run `snagd repair`"),
    });
    lines
}

/// `snagd repair`.
pub(crate) fn repair(sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = sources.read().map_err(OpenError::from)?;
    let state_dir = settings.state_dir();
    let repaired = daemon::repair(state_dir).map_err(|error| refused(error, state_dir, "repair"));
    let Repaired { events, last, damaged, aside } = repaired?;
    let mut stdout = io::stdout().lock();
    let events = plural(events, "event", "events");
    writeln!(stdout, "repaired: {events}, from a journal that goes up to record {last}")?;
    if 0 < damaged {
        let places = plural(damaged, "bad place", "bad places");
        writeln!(
            stdout,
            "the journal has {places}, and what was there is gone: a backup may still have it"
        )?;
    }
    if 0 < aside {
        writeln!(stdout, "copies of bad bytes are in journal/aside")?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_read_as_everywhere() {
        let index = IndexVerdict::Agrees { events: 1, behind: 12_034 };
        let (damage, torn) = (Vec::new(), Vec::new());
        let verdict = Verdict { records: 1_012_034, segments: 1, damage, torn, unknown: 0, index };
        let told = "\
journal  1,012,034 records in 1 segment
index    1 event, as the journal has them; 12,034 records still to come, at the next start";
        assert_eq!(lines(&verdict).join("\n"), told);
    }
}
