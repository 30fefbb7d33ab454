//! `snag run`: the product's own command, run untouched, and what is noticed of it.
//!
//! # Promises
//!
//! - The command has the terminal, the streams, the signals and the process group it would have
//!   without us, and how it ends is how we end. But for what the runtime does before we begin: in place
//!   of a stream that is closed it opens `/dev/null`, and a SIGPIPE that was ignored is ignored no more.
//!   And an interrupt that a process sends to the whole group, as no terminal does, comes twice.
//! - Nothing of ours comes before it: whatever cannot be recorded is found out after it ended, and
//!   changes neither its output nor its exit code. A panic of ours changes nothing either.
//! - We say something only where all three streams are a terminal, and only if something stood out.

mod ask;
mod child;
mod line;
mod typed;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use snag::client::Target;
use snag::doors::now;
use snag::event::Source;

use crate::args;
use crate::hook::{self, Watch};
use crate::notice::{self, Call, Ended, Fired, How, Noticed, Sent};
use crate::output::Output;
use crate::usage;
use ask::Answer;
use child::Run;

/// Who is interrupted and ends within this was ended by it.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Runs the command; the code is its own, and a death by a signal is shared.
pub(crate) fn run(said: &args::Run, url: Option<Target>, output: &Output) -> ExitCode {
    let run = match child::run(&said.command) {
        Ok(run) => run,
        Err(not_run) => {
            output.note(&not_run.to_string());
            return not_run.code();
        }
    };
    run.hold_signals();
    quietly(|| {
        if let Err(error) = record(said, &run, url, output)
            && ask::is_possible()
        {
            output.note(&format!("what was noticed is not recorded: {error:#}"));
        }
    });
    run.end_alike()
}

/// Does what must not matter.
fn quietly(whatever: impl FnOnce()) {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let _ = panic::catch_unwind(AssertUnwindSafe(whatever));
    panic::set_hook(hook);
}

fn record(said: &args::Run, run: &Run, url: Option<Target>, output: &Output) -> anyhow::Result<()> {
    let words: Vec<_> =
        said.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let Watch { patterns, rules } = hook::watched().unwrap_or_default();
    let call = Call::of_words(&words, &patterns).context("the command has no name")?;
    let place = said.at.as_ref().map_or_else(|| call.place(), ToString::to_string);
    let (how, session) = (how(run), notice::session());
    let ended = Ended { call, place, how, session, at: now(), lasted: run.lasted };
    let noticed = notice::notice(&rules, &ended, Source::Run);
    let url = url.map_or_else(usage::url, |url| Ok(Some(url)))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ran = words.first().map_or("", String::as_str);
    let told = runtime.block_on(tell(noticed, ran, url.as_ref(), output));
    // A name that is still being resolved must not keep the process.
    runtime.shutdown_background();
    told
}

/// Records what was noticed, and asks whoever looks at it whether it matters.
async fn tell(
    noticed: Noticed,
    ran: &str,
    url: Option<&Target>,
    output: &Output,
) -> anyhow::Result<()> {
    notice::send(noticed.drafts, url).await?;
    let Some(matter) = noticed.matter.filter(|_| ask::is_possible()) else {
        return Ok(());
    };
    let look = output.look();
    let note = match ask::ask(&matter.fired.found, ran, look) {
        Answer::Skip => return Ok(()),
        Answer::Confirm => None,
        Answer::Says(note) => Some(note),
    };
    let became = match notice::confirm(&matter, note.as_deref(), url).await? {
        Sent::Recorded => "recorded",
        Sent::Kept => "kept",
    };
    let Fired { place, found, .. } = matter.fired;
    ask::tell(&format!("{became}  {place}  {}", note.unwrap_or(found)), look);
    Ok(())
}

/// How it ended, as the rules see it: whoever was interrupted may call it what they like.
fn how(run: &Run) -> How {
    let is_broken_off = run.interrupted.is_some_and(|before| before <= AT_ONCE);
    match run.fate {
        child::Fate::Exited(code) if is_broken_off && code != 0 => How::BrokenOff,
        child::Fate::Exited(code) => How::Exited(code),
        child::Fate::Died(signal) => How::Died(signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_does_not_matter() {
        quietly(|| panic!("nobody hears this"));
    }
}
