//! The questions `snag log` asks when it is told nothing: three at most.

use std::io::{self, Write};

use anyhow::Context;
use snag::event::Place;

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

/// Asks for what is missing; an answer that cannot be meant is asked for again, nothing else.
pub(crate) fn ask(log: &mut Log) -> anyhow::Result<()> {
    if log.place.is_none() {
        log.place = Some(ask_until("Where? (like web/checkout/pay) ", |said| {
            Place::parse(said)
                .map(|place| place.to_string())
                .map_err(|error| format!("the place {error}"))
        })?);
    }
    if log.note.is_none() && log.expected.is_none() && log.got.is_none() {
        log.note = Some(ask_until("What happened? ", |said| {
            if said.is_empty() {
                Err("a few words are enough".to_owned())
            } else {
                Ok(said.to_owned())
            }
        })?);
    }
    if log.did.is_none() {
        let did = ask_until(
            "What did you do? [c]ontinued [r]etried [w]orked around,\n  asked for [h]elp, [a]bandoned [s]witched; Enter for none: ",
            |said| {
                outcome(said)
                    .ok_or_else(|| "answer with one letter, or with Enter alone".to_owned())
            },
        )?;
        log.did = Some(did).filter(|did| !did.is_empty());
    }
    Ok(())
}

/// The outcome that an answer stands for: its letter, its word, or nothing.
fn outcome(said: &str) -> Option<String> {
    let said = said.to_lowercase().replace(' ', "-");
    let found = DID.iter().find(|(letter, word)| *letter == said || *word == said);
    found.map(|(_, word)| (*word).to_owned()).or(said.is_empty().then_some(said))
}

fn ask_until(
    question: &str,
    read: impl Fn(&str) -> Result<String, String>,
) -> anyhow::Result<String> {
    let mut said = answer(question)?;
    loop {
        match read(&said) {
            Ok(meant) => return Ok(meant),
            Err(reason) => said = answer(&format!("{reason}\n{question}"))?,
        }
    }
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
