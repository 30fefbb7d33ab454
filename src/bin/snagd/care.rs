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
    let records = count(*records, "record");
    let mut lines = vec![format!("journal  {records} in {}", count(*segments as u64, "segment"))];
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
        let records = count(*unknown, "record");
        lines.push(format!("         {records} of a newer snagd: install that one"));
    }
    lines.push(match index {
        IndexVerdict::Agrees { events, behind } => {
            let events = count(*events, "event");
            let rest = match behind {
                0 => String::new(),
                _ => format!("; {} still to come, at the next start", count(*behind, "record")),
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

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `snagd repair`.
pub(crate) fn repair(sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = sources.read().map_err(OpenError::from)?;
    let Repaired { events, last, damaged, aside } = daemon::repair(settings.state_dir())?;
    let mut stdout = io::stdout().lock();
    let events = count(events, "event");
    writeln!(stdout, "repaired: {events}, from a journal that goes up to record {last}")?;
    if 0 < damaged {
        let places = count(damaged, "bad place");
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
