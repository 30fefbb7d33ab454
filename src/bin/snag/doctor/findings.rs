//! From facts to findings: pure, so that what no test can bring about is tested all the same.

mod here;

use std::error::Error;

use jiff::Timestamp;
use snag::client::{ClientError, Target};
use snag::doors::http::{DiskStatus, JournalStatus, Status};

use super::facts::{Asked, Facts, Files, Found, Outcome};
use super::{Finding, Grade};
use crate::render::{bytes, plural, reach, shell, to_go};

/// Clocks may differ so much that nobody notices,
const CLOCK_SECONDS: u64 = 2;
/// and so much before an event is taken for one of the future.
const AHEAD_SECONDS: i64 = 300;
/// Below this a disk is called nearly full, unless a tenth of it is free;
const LITTLE: u64 = 1024 * 1024 * 1024;
/// below this snagd soon takes nothing more: its ballast and a checkpoint need as much.
const TOO_LITTLE: u64 = 32 * 1024 * 1024;

/// What there is to say, the most fundamental first.
pub(super) fn of(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![daemon(facts)];
    if let Outcome::Answers(status) = &facts.asked.outcome {
        found.extend([version(facts, status), clock(facts, status)]);
        found.extend(status.disk.map(|disk| room(disk, &status.state_dir)));
        found.extend([journal(status), index(status)]);
        found.extend(facts.files.as_ref().and_then(|files| tcp(&facts.asked, files)));
    }
    if let Some(files) = &facts.files {
        let runs = matches!(facts.asked.outcome, Outcome::Answers(_));
        found.extend([
            here::state(files, runs, facts.uid),
            here::token(files, runs),
            here::drops(files, runs, facts.keeps_nothing.is_none()),
        ]);
        found.extend(here::socket(files));
        found.extend(here::set_aside(files));
    }
    found.extend(here::keeping(facts));
    found.extend(facts.outboxes.iter().flat_map(here::outbox));
    found.push(here::config(facts));
    found.extend(here::environment(facts));
    found
}

fn fine(about: &'static str, says: impl Into<String>) -> Finding {
    Finding { about, grade: Grade::Fine, says: says.into(), advice: None }
}

fn warning(about: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { about, grade: Grade::Warning, says: says.into(), advice: Some(advice.into()) }
}

fn wrong(about: &'static str, says: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { grade: Grade::Wrong, ..warning(about, says, advice) }
}

fn daemon(facts: &Facts) -> Finding {
    let Asked { target, is_named, outcome, took, .. } = &facts.asked;
    let error = match outcome {
        Outcome::Answers(_) => {
            let ms = took.as_secs_f64() * 1000.0;
            return fine("daemon", format!("snagd answers at {target} in {ms:.1} ms"));
        }
        Outcome::Strange { version } => {
            let version = version.as_deref().unwrap_or("of another version");
            return wrong(
                "daemon",
                format!(
                    "snagd {version} at {target} answers what snag {} cannot read",
                    facts.version
                ),
                "install snag and snagd of one version, and start snagd again",
            );
        }
        Outcome::Fails(error) => error,
    };
    let kept = if facts.keeps_nothing.is_none() { "; what is told meanwhile is kept" } else { "" };
    match error {
        ClientError::Told(told) if matches!(told.status, 401 | 403) => wrong(
            "token",
            format!("the snagd at {target} lets nobody read with this token"),
            "set SNAG_TOKEN to what the file `token` in its state directory holds",
        ),
        ClientError::Away(_) if *is_named => wrong(
            "daemon",
            format!("no snagd answers at {target}"),
            format!("start it there, or say another with --url or SNAG_URL{kept}"),
        ),
        ClientError::Away(_) => wrong(
            "daemon",
            format!("no snagd answers at {target}"),
            format!("start one: run `snagd`, or its service{kept}"),
        ),
        ClientError::Silent(_) => wrong(
            "daemon",
            format!("the snagd at {target} takes connections and does not answer"),
            "look at its log, then stop it and start it again: what it acknowledged is on disk",
        ),
        error => wrong("daemon", chain(error), "check --url and SNAG_URL, and that you may use it"),
    }
}

/// An error and what caused it.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn version(facts: &Facts, status: &Status) -> Finding {
    if facts.version == status.version {
        return fine("version", format!("snag and snagd are both {}", status.version));
    }
    warning(
        "version",
        format!("snag is {}, but the snagd that runs is {}", facts.version, status.version),
        "install both of one version, and start snagd again",
    )
}

fn clock(facts: &Facts, status: &Status) -> Finding {
    let apart = status.now.as_second() - facts.now.as_second();
    if CLOCK_SECONDS < apart.unsigned_abs() {
        let says = format!("snagd's clock is {apart:+} s from this one");
        let advice = "set both right (`timedatectl`): an event more than 5 min ahead of snagd's clock counts as of when it came in";
        let is_far = AHEAD_SECONDS < apart.abs();
        return if is_far { wrong("clock", says, advice) } else { warning("clock", says, advice) };
    }
    let ahead = |at: &Timestamp| AHEAD_SECONDS < at.as_second() - status.now.as_second();
    match facts.asked.newest.filter(ahead) {
        None => fine("clock", "snag's and snagd's agree"),
        Some(newest) => warning(
            "clock",
            format!("the newest event is of {newest}, and snagd's clock says {}", status.now),
            "set the clock right (`timedatectl`); the event counts from its day on",
        ),
    }
}

fn room(disk: DiskStatus, state_dir: &str) -> Finding {
    let DiskStatus { free_bytes, total_bytes, full } = disk;
    let says = format!("{} free of {} at {state_dir}", bytes(free_bytes), bytes(total_bytes));
    let advice = "make room there: without any, snagd takes nothing more (507) until there is some";
    if full || free_bytes < TOO_LITTLE {
        wrong("disk", says, advice)
    } else if free_bytes < LITTLE && free_bytes < total_bytes / 10 {
        warning("disk", says, advice)
    } else {
        fine("disk", says)
    }
}

fn journal(status: &Status) -> Finding {
    let JournalStatus { damaged, missing, .. } = status.journal;
    let reach = reach(status);
    if damaged == 0 {
        return fine("journal", format!("{reach}, no damage known"));
    }
    let found = plural(damaged, "damaged stretch", "damaged stretches");
    let records = plural(missing, "record is", "records are");
    wrong(
        "journal",
        format!("{reach}; {found} found since snagd started, and {records} missing"),
        format!(
            "copy {} to another disk, then run `snagd verify`: it says which; all that could be read is there, and a backup may have the rest",
            shell(&status.state_dir)
        ),
    )
}

fn index(status: &Status) -> Finding {
    let says = match status.index.behind {
        0 => "has all that the journal has".to_owned(),
        // It ends by itself, and nothing is lost by waiting.
        _ => to_go(status) + ": until then answers are incomplete",
    };
    fine("index", says)
}

/// Over TCP as well, where the unix socket was asked.
fn tcp(asked: &Asked, files: &Files) -> Option<Finding> {
    let Some((target, outcome)) = &asked.tcp else {
        let is_unix = matches!(asked.target, Target::Unix(_));
        return is_unix.then(|| fine("tcp", "not listened on: there is the unix socket only"));
    };
    Some(match outcome {
        Ok(()) => fine("tcp", format!("{target} answers, and takes the token")),
        Err(ClientError::Told(told)) if told.status == 401 => {
            match (&files.token.1, files.is_token) {
                // It was asked without, by somebody who cannot read it.
                (Found::Unseen(_), _) | (Found::Here { .. }, None) => {
                    fine("tcp", format!("{target} answers; its token is its owner's"))
                }
                _ => wrong(
                    "tcp",
                    format!("{target} does not take the token in {}", files.token.0.display()),
                    "start snagd again: it reads the token when it starts",
                ),
            }
        }
        Err(error) => wrong(
            "tcp",
            format!("snagd says that it listens at {target}: {}", chain(error)),
            "see in its log why it does not answer there",
        ),
    })
}
