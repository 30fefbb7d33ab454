//! `snagd verify` and `snagd repair`: what to run where something may be broken.

use std::io::{self, Write};
use std::process::ExitCode;

use snag::daemon::{self, IndexVerdict, OpenError, Repaired, Sources, Verdict};
use snag::recorder::Progress;

/// A line of progress each time so many more records were read.
const SAY_EVERY: u64 = 100_000;

/// `snagd verify`: 0 where everything is as it should be, else 1.
pub(crate) fn verify(sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = sources.read().map_err(OpenError::from)?;
    let mut said = 0;
    let verdict = daemon::verify(settings.state_dir(), |Progress { done, of }| {
        if said + SAY_EVERY <= done || done < said {
            said = done;
            tracing::info!("at {done} of {of} records");
        }
    })?;
    let mut stdout = io::stdout().lock();
    for line in lines(&verdict) {
        writeln!(stdout, "{line}")?;
    }
    Ok(if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn lines(verdict: &Verdict) -> Vec<String> {
    let Verdict { records, segments, damage, torn, unknown, index } = verdict;
    let segments =
        if *segments == 1 { "1 segment".to_owned() } else { format!("{segments} segments") };
    let mut lines = vec![format!("journal  {records} records in {segments}")];
    for place in damage {
        lines.push(format!("         damaged: {place}; restore a backup if they matter"));
    }
    for place in torn {
        lines.push(format!(
            "         unfinished: {place}; never acknowledged, the next start puts it aside"
        ));
    }
    if 0 < *unknown {
        lines.push(format!(
            "         {unknown} records were written by a newer snagd: install that one"
        ));
    }
    lines.push(match index {
        IndexVerdict::Agrees { events, behind: 0 } => format!("index    {events} events, as the journal has them"),
        IndexVerdict::Agrees { events, behind } => format!(
            "index    {events} events, as the journal has them; {behind} records are still to come, at the next start"
        ),
        IndexVerdict::Missing => "index    none; the next start builds it".to_owned(),
        IndexVerdict::InUse => {
            "index    in use by a running snagd: stop it to have the index checked too".to_owned()
        }
        IndexVerdict::Bad { reason } => format!("index    bad: {reason}; run `snagd repair`"),
    });
    if matches!(index, IndexVerdict::Bad { .. }) && !damage.is_empty() {
        lines.push(
            "         it may still hold what the journal has lost: keep that with `snag export` first"
                .to_owned(),
        );
    }
    lines
}

/// `snagd repair`.
pub(crate) fn repair(sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = sources.read().map_err(OpenError::from)?;
    let Repaired { events, last, damaged } = daemon::repair(settings.state_dir())?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "repaired: {events} events from a journal of {last} records")?;
    if 0 < damaged {
        writeln!(
            stdout,
            "{damaged} places of the journal are damaged, and what was in them is gone: copies are in journal/aside, and a backup may still have it"
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
