//! One dim line below a command that failed: skip it, confirm it, or say what happened.
//!
//! # Promises
//!
//! - It is asked only of somebody who looks at it: all three streams are a terminal, ours is its
//!   foreground process group, and nothing was typed ahead, which is meant for the shell.
//! - It is gone after [`PATIENCE`], unless somebody is typing, and the terminal is left as it was.
//! - What reads like a command is no answer, unless its writer says that it is one.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::tcgetpgrp;
use unicode_width::UnicodeWidthStr;

use super::line::{Line, Step};
use super::typed::is_for_the_shell;
use crate::prompt::Keys;
use crate::render::{Look, text_for_terminal};

/// How long it stays.
const PATIENCE: Duration = Duration::from_secs(5);
/// A `c` alone confirms; so soon after it, a letter makes it the first of a sentence.
const HESITATION: Duration = Duration::from_millis(700);
/// Nobody takes longer for the next letter of a sentence.
const SENTENCE: Duration = Duration::from_mins(10);
/// What belongs to a key comes with it.
const SEQUENCE: Duration = Duration::from_millis(20);
const ESCAPE: u8 = 0x1b;
/// Goes back to the line's beginning and clears it.
const CLEAR: &str = "\r\u{1b}[K";

/// What the person makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing.
    Skip,
    /// It was friction.
    Confirm,
    /// It was, and this is what happened.
    Says(String),
}

/// Whether there is somebody to ask.
pub(super) fn is_possible() -> bool {
    let is_terminal =
        io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
    // In the background, a word to the terminal or from it would stop us.
    let is_ours = || tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp());
    let can_clear = || env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb");
    is_terminal && is_ours() && can_clear()
}

/// Asks, where it is possible; `ran` is the program that this is about.
pub(super) fn ask(found: &str, ran: &str, look: &Look) -> Answer {
    let Ok(_keys) = Keys::take() else { return Answer::Skip };
    if is_ready(Duration::ZERO) {
        return Answer::Skip;
    }
    let question =
        format!("snag noted: {found} — [Enter] skip, [c] confirm, or type what happened");
    match ask_once(&question, look) {
        Answer::Says(said) if is_for_the_shell(&said, ran) => {
            let first = said.split_whitespace().next().unwrap_or_default();
            let question = format!(
                "snag: `{first}` reads like a command, which was not run — [Enter] skip, [c] it is what happened"
            );
            match ask_once(&question, look) {
                Answer::Confirm => Answer::Says(said),
                Answer::Skip | Answer::Says(_) => Answer::Skip,
            }
        }
        answer => answer,
    }
}

fn ask_once(question: &str, look: &Look) -> Answer {
    let mut line = Line::default();
    let answer = loop {
        let text = line.text();
        if text.is_empty() {
            show(question, look);
        } else {
            show_end(&text, look);
        }
        let (patience, in_the_end) = match text.as_str() {
            "" => (PATIENCE, Step::Left),
            "c" => (HESITATION, Step::Done),
            _ => (SENTENCE, Step::Left),
        };
        let key = key(patience);
        if key == Some(ESCAPE) {
            pass_sequence();
        }
        match key.map_or(in_the_end, |key| line.press(key)) {
            Step::More => {}
            Step::Left => break Answer::Skip,
            Step::Done => break answer(line.text().trim()),
        }
    };
    say(CLEAR);
    answer
}

/// Says what became of it.
pub(super) fn tell(text: &str, look: &Look) {
    show(text, look);
    say("\r\n");
}

fn answer(said: &str) -> Answer {
    match said {
        "" => Answer::Skip,
        "c" | "C" => Answer::Confirm,
        said => Answer::Says(said.to_owned()),
    }
}

/// One line, its beginning where it is too long: what wraps could not be cleared.
fn show(text: &str, look: &Look) {
    let mut shown = one_line(text, look);
    while most(look) < shown.width() {
        shown.pop();
    }
    say_dim(&shown, look);
}

/// One line, its end where it is too long: there somebody is typing.
fn show_end(text: &str, look: &Look) {
    let text = one_line(text, look);
    let mut shown = text.as_str();
    while most(look) < shown.width() {
        shown = shown.get(shown.chars().next().map_or(1, char::len_utf8)..).unwrap_or_default();
    }
    say_dim(shown, look);
}

fn one_line(text: &str, look: &Look) -> String {
    text_for_terminal(text, look).replace('\n', " ")
}

fn most(look: &Look) -> usize {
    look.width.saturating_sub(1)
}

fn say_dim(shown: &str, look: &Look) {
    let dim = if look.colour { ("\u{1b}[2m", "\u{1b}[0m") } else { ("", "") };
    say(&format!("{CLEAR}{}{shown}{}", dim.0, dim.1));
}

fn say(text: &str) {
    let mut stderr = io::stderr();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// The next key; none where it does not come in time or the terminal is gone.
fn key(patience: Duration) -> Option<u8> {
    let mut key = [0];
    // Past the buffer of std, which would take keys that are meant for the shell.
    let read = is_ready(patience).then(|| rustix::io::read(io::stdin(), &mut key));
    matches!(read, Some(Ok(1))).then_some(key[0])
}

/// Takes the rest of an arrow, of a function key, of a letter with Alt: the shell would take it for
/// something typed.
fn pass_sequence() {
    let Some(b'[' | b'O') = key(SEQUENCE) else { return };
    while key(SEQUENCE).is_some_and(|key| !(0x40..0x7f).contains(&key)) {}
}

fn is_ready(patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return false };
        let stdin = io::stdin();
        let mut waiting = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut waiting, Some(&left)) {
            Err(rustix::io::Errno::INTR) => {}
            ready => return ready.is_ok_and(|ready| ready != 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_an_answer() {
        assert_eq!(answer(""), Answer::Skip);
        assert_eq!(answer("c"), Answer::Confirm);
        assert_eq!(answer("card form"), Answer::Says("card form".to_owned()));
    }
}
