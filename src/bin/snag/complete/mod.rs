//! `snag completions`, and the answers the shells' scripts ask for at each Tab.
//!
//! # Promises
//!
//! - Places, people and versions are those of the daemon that the command line names.
//! - The daemon has until [`DEADLINE`]: whatever it does, no prompt waits 50 ms.
//! - Without a daemon, or with a broken command line, what is not known is left out: nothing is
//!   said on stderr, ever, and the exit code is 0.
//! - No word reaches a terminal that it would obey, nor a shell that would take it for code.
//!
//! The scripts ask `snag complete SHELL WORDS…`, which no help lists: bash gives its line up to the
//! cursor, zsh and fish give the words after `snag`, the unfinished one last. The answer is a word
//! a line, with what it means behind a tab; a line `\tfiles` asks the shell for its own file names, a
//! line `\tprograms` for what it can run.

mod cursor;
mod line;

use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use clap::{CommandFactory, ValueEnum};
use snag::client::Target;
use snag::event::is_unprintable;
use snag::index::Known;

use crate::args::Cli;
use crate::reach;
use cursor::{Asked, Candidate, Wanted};
use line::Typed;

/// From start to the answer, so that start to exit stays below the 50 ms that a person notices.
const DEADLINE: Duration = Duration::from_millis(25);

/// Tells the script to complete file names itself.
const FILES: &str = "\tfiles\n";

/// And what it can run.
const PROGRAMS: &str = "\tprograms\n";

/// The shells that are completed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// GNU Bash, 4 or newer.
    Bash,
    /// The Z shell.
    Zsh,
    /// fish.
    Fish,
}

impl Shell {
    /// What the shell has to read once.
    pub(crate) fn script(self) -> &'static str {
        match self {
            Self::Bash => include_str!("snag.bash"),
            Self::Zsh => include_str!("snag.zsh"),
            Self::Fish => include_str!("snag.fish"),
        }
    }
}

/// A question that a shell's script asks.
pub(crate) struct Question {
    shell: Shell,
    words: Vec<String>,
}

/// The question in the arguments of this process, if they are one.
pub(crate) fn question(args: impl Iterator<Item = OsString>) -> Option<Question> {
    let mut args = args.skip(1).map(|arg| arg.to_string_lossy().into_owned());
    if args.next()? != "complete" {
        return None;
    }
    let shell = Shell::from_str(&args.next()?, false).ok()?;
    Some(Question { shell, words: args.collect() })
}

/// Answers on stdout, or says nothing.
pub(crate) fn answer(question: Question, started: Instant) {
    let Question { shell, words } = question;
    let typed = match (shell, words.as_slice()) {
        (Shell::Bash, [line]) => Typed::of_line(line, ""),
        (Shell::Bash, [line, breaks, ..]) => Typed::of_line(line, breaks),
        _ => Typed::of_words(words),
    };
    let mut command = Cli::command();
    command.build();
    let asked = Asked::of(&command, &typed);
    let mut text = match asked.wanted {
        Wanted::Files => FILES.to_owned(),
        Wanted::Programs => PROGRAMS.to_owned(),
        _ => String::new(),
    };
    for Candidate { word, about } in find(&asked, started).unwrap_or_default() {
        let word = format!("{}{word}", asked.before);
        let is_apt = shell != Shell::Bash || word.starts_with(&typed.current.text);
        if !is_apt || word.chars().any(is_unprintable) {
            continue;
        }
        if let Some(written) = typed.current.rest_of(&word) {
            let tab = if about.is_empty() { "" } else { "\t" };
            // Writing to memory does not fail.
            let _ = writeln!(text, "{written}{tab}{about}");
        }
    }
    // A shell that has gone needs no answer.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// What fits, as far as we know.
fn find(asked: &Asked, started: Instant) -> Option<Vec<Candidate>> {
    let pick: fn(Known) -> Vec<String> = match &asked.wanted {
        Wanted::Listed(listed) => return Some(listed.clone()),
        Wanted::Files | Wanted::Programs | Wanted::Nothing => return None,
        Wanted::Places => |known| known.places.iter().map(ToString::to_string).collect(),
        Wanted::People => |known| known.people,
        Wanted::Versions => |known| known.versions,
    };
    let url = asked.url.clone().or_else(|| env::var("SNAG_URL").ok());
    let url = url.filter(|url| !url.is_empty());
    let target = url.map(|url| url.parse()).transpose().ok()?;
    let known = ask(target.as_ref(), DEADLINE.saturating_sub(started.elapsed()))?;
    // One that begins with a dash would be taken for a flag.
    let words = pick(known).into_iter().filter(|word| !word.is_empty() && !word.starts_with('-'));
    Some(words.map(Candidate::word).collect())
}

fn ask(target: Option<&Target>, patience: Duration) -> Option<Known> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let answer = runtime.block_on(async {
        let asked = async {
            let mut connection = reach::connect_to_read(target).await.ok()?;
            connection.get("/v1/known").await.ok()
        };
        tokio::time::timeout(patience, asked).await.ok().flatten()
    });
    // A name that is still being resolved must not keep the process.
    runtime.shutdown_background();
    serde_json::from_slice(&answer?.body).ok()
}
