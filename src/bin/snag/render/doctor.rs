//! Findings: a line each, and under what is wrong what to do about it.

use super::Look;
use super::line::Tone;
use super::words::plural;
use crate::doctor::{Finding, Grade};

/// Where what was seen begins.
const LABEL: usize = 15;

/// What was found, for a reader.
pub(crate) fn doctor(found: &[Finding], look: &Look) -> String {
    let mut page = look.page();
    for Finding { about, grade, says, advice } in found {
        let (mark, tone) = match grade {
            Grade::Fine => ("✓", Tone::Good),
            Grade::Warning => ("!", Tone::Fresh),
            Grade::Wrong => ("✗", Tone::Bad),
        };
        let most = look.width.saturating_sub(LABEL).max(8);
        for (at, says) in look.wrap(&look.safe(says), most).into_iter().enumerate() {
            let line = look.line();
            let line = if at == 0 { line.tone(tone, mark).space(1).dim(about) } else { line };
            page.push(line.pad_to(LABEL).plain(says));
        }
        for advice in look.wrap(&look.safe(advice.as_deref().unwrap_or_default()), most) {
            page.push(look.line().pad_to(LABEL).bold(advice));
        }
    }
    page.blank();
    page.push(look.line().plain(verdict(found)));
    page.finish()
}

fn verdict(found: &[Finding]) -> String {
    let count = |grade| found.iter().filter(|finding| finding.grade == grade).count() as u64;
    let warnings = plural(count(Grade::Warning), "warning", "warnings");
    match (count(Grade::Wrong), count(Grade::Warning)) {
        (0, 0) => "all is well".to_owned(),
        (0, _) => format!("nothing is wrong; {warnings}"),
        (1, 0) => "1 thing is wrong".to_owned(),
        (wrong, 0) => format!("{wrong} things are wrong"),
        (1, _) => format!("1 thing is wrong; {warnings}"),
        (wrong, _) => format!("{wrong} things are wrong; {warnings}"),
    }
}
