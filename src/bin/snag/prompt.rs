//! The questions `snag log` asks when it is told nothing: three at most.

use std::io::{self, Write};

use anyhow::Context;

use crate::args::Log;
use crate::stop::{Code, stop};

/// What a person did, by the letter that answers for it.
const DID: [(&str, &str); 6] = [
    ("c", "continued"),
    ("r", "retried"),
    ("w", "worked-around"),
    ("h", "asked-for-help"),
    ("a", "abandoned"),
    ("s", "switched"),
];

/// Asks for what is missing.
pub(crate) fn ask(log: &mut Log) -> anyhow::Result<()> {
    if log.place.is_none() {
        log.place = Some(answer("Where? (like web/checkout/pay) ")?);
    }
    if log.note.is_none() && log.expected.is_none() && log.got.is_none() {
        log.note = Some(answer("What happened? ")?);
    }
    if log.did.is_none() {
        let said = answer(
            "What did you do? [c]ontinued [r]etried [w]orked around asked for [h]elp [a]bandoned [s]witched, Enter for none ",
        )?;
        let word = DID.iter().find(|(letter, _)| *letter == said.to_lowercase());
        log.did = match word {
            Some((_, word)) => Some((*word).to_owned()),
            None if said.is_empty() => None,
            None => Some(said),
        };
    }
    Ok(())
}

fn answer(question: &str) -> anyhow::Result<String> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}")
        .and_then(|()| stderr.flush())
        .context("the question cannot be asked")?;
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line).context("the answer cannot be read")?;
    if read == 0 {
        return Err(stop(Code::Usage, "nothing was recorded"));
    }
    Ok(line.trim().to_owned())
}
