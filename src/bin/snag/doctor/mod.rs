//! `snag doctor`: what is wrong with snag on this machine, and what to do about each.
//!
//! # Promises
//!
//! - Facts are gathered first, findings are a pure function of them: `findings` decides, nothing
//!   here does.
//! - It works without a daemon, which is a finding, and ends within seconds beside one that hangs.
//! - It changes nothing, but like every command sends what waited for the daemon it reaches.

mod facts;
mod findings;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use serde::Serialize;

use crate::args::Global;
use crate::output::Output;
use crate::render;
use facts::Facts;

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, in a word.
    pub(crate) about: &'static str,
    /// How it is.
    pub(crate) grade: Grade,
    /// What was seen.
    pub(crate) says: String,
    /// What to do about it; none where all is well.
    #[serde(rename = "do")]
    pub(crate) advice: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// As it should be.
    Fine,
    /// Not wrong, but worth a look.
    Warning,
    /// Something does not work, or does not keep its promise.
    Wrong,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    wrong: usize,
    warnings: usize,
    findings: &'a [Finding],
}

/// `snag doctor`; fails with 1 where something is wrong.
pub(crate) async fn doctor(global: &Global, output: &Output) -> anyhow::Result<ExitCode> {
    let facts = Facts::gather(global.url.as_ref()).await;
    let found = findings::of(&facts);
    let count = |grade| found.iter().filter(|finding| finding.grade == grade).count();
    let (wrong, warnings) = (count(Grade::Wrong), count(Grade::Warning));
    let report = Report { v: 1, wrong, warnings, findings: &found };
    output.json_or(&report, |look| render::doctor(&found, look))?;
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
