//! The questions `snag log` asks when it is told nothing, three at most, and single keys.

use std::io::{self, BufRead, Read, Write};

use anyhow::Context;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
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

/// Asks for what is missing; an answer that makes no sense is asked for again, nothing else.
pub(crate) fn ask(log: &mut Log) -> anyhow::Result<()> {
    if log.place.is_none() {
        log.place = Some(
            ask_until("Where? (like web/checkout/pay) ", |said| {
                Place::parse(said)
                    .map(|place| place.to_string())
                    .map_err(|error| format!("the place {error}"))
            })?
            .ok_or_else(nothing)?,
        );
    }
    if log.note.is_none() && log.told.expected.is_none() && log.told.got.is_none() {
        log.note = Some(
            ask_until("What happened? ", |said| {
                if said.is_empty() {
                    Err("a few words are enough".to_owned())
                } else {
                    Ok(said.to_owned())
                }
            })?
            .ok_or_else(nothing)?,
        );
    }
    if log.told.did.is_none() {
        let did = ask_until(
            "What did you do? [c]ontinued [r]etried [w]orked around,\n  asked for [h]elp, [a]bandoned [s]witched; Enter for none: ",
            |said| {
                outcome(said).ok_or_else(|| {
                    "what you did about it, by its letter or its word (a feeling goes with --felt); or Enter alone".to_owned()
                })
            },
        );
        // What was said so far is enough.
        let did = did?.unwrap_or_default();
        log.told.did = Some(did).filter(|did| !did.is_empty());
    }
    Ok(())
}

/// The outcome that an answer stands for: its letter, its word, or nothing.
fn outcome(said: &str) -> Option<String> {
    let said = said.to_lowercase().replace(' ', "-");
    let found = DID.iter().find(|(letter, word)| *letter == said || *word == said);
    found.map(|(_, word)| (*word).to_owned()).or(said.is_empty().then_some(said))
}

/// Asks for one of some keys, without Enter; Ctrl-C, Ctrl-D and Escape mean the last of them.
pub(crate) fn key(question: &str, keys: &str) -> anyhow::Result<char> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}").and_then(|()| stderr.flush())?;
    let last = keys.chars().next_back().unwrap_or_default();
    let terminal = Keys::take().context("the terminal cannot be asked for a key")?;
    let key = loop {
        let mut byte = [0];
        let read = io::stdin().read(&mut byte).context("the key cannot be read")?;
        let key = char::from(byte[0]).to_ascii_lowercase();
        match key {
            _ if read == 0 => break last,
            '\x03' | '\x04' | '\x1b' => break last,
            key if keys.contains(key) => break key,
            _ => {}
        }
    };
    drop(terminal);
    writeln!(stderr, "{key}")?;
    Ok(key)
}

/// A terminal that gives each key at once and shows none, until this is dropped: then it is as before.
pub(crate) struct Keys {
    before: Termios,
}

impl Keys {
    /// Takes the terminal that is stdin.
    pub(crate) fn take() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut keys = before.clone();
        // Ctrl-C comes as a key, so that it cannot leave the terminal like this.
        keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        keys.special_codes[SpecialCodeIndex::VMIN] = 1;
        keys.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &keys)?;
        Ok(Self { before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // Nothing better can be done about a terminal that is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Asks until the answer makes sense; none where there are no more.
fn ask_until(
    question: &str,
    read: impl Fn(&str) -> Result<String, String>,
) -> anyhow::Result<Option<String>> {
    let mut asked = question.to_owned();
    loop {
        let Some(said) = answer(&asked)? else { return Ok(None) };
        let meant = said.and_then(|said| read(&said));
        match meant {
            Ok(meant) => return Ok(Some(meant)),
            Err(reason) => asked = format!("{reason}\n{question}"),
        }
    }
}

/// A line, or what is wrong with it; none at the end of all.
fn answer(question: &str) -> anyhow::Result<Option<Result<String, String>>> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}")
        .and_then(|()| stderr.flush())
        .context("the question cannot be asked")?;
    let mut line = Vec::new();
    let read = io::stdin().lock().read_until(b'\n', &mut line);
    if read.context("the answer cannot be read")? == 0 {
        // What comes next begins below the question.
        let _ = writeln!(stderr);
        return Ok(None);
    }
    let said = String::from_utf8(line).map(|line| line.trim().to_owned());
    Ok(Some(said.map_err(|_| "that is no UTF-8: write it in plain letters".to_owned())))
}

fn nothing() -> anyhow::Error {
    stop(Code::Usage, "nothing was recorded")
}
