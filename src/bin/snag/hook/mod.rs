//! `snag hook`: the shell's own hook, and what it reports of a command that ended.
//!
//! # Promises
//!
//! - Which command is looked at is decided in the shell, by patterns that are part of the hook: of
//!   any other one no process hears, not even this one.
//! - The shell starts `snag heard` in the background, once the command has ended, and waits for
//!   nothing. The line that was typed comes in the environment, which no other user can read.
//! - Whatever is wrong, nothing is said in somebody's prompt, except by a bash that is too old, as it starts.
//!
//! The hooks say `snag heard STATUS MILLISECONDS whole|part`, which no help lists, with the line in
//! `SNAG_LINE`; `part` means that other commands ran on the same line, so that STATUS may be theirs.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::panic;
use std::time::Duration;

use snag::daemon::{CommandRules, Config, ConfigError, Paths};
use snag::doors::now;
use snag::event::Source;

use crate::complete::Shell;
use crate::notice::{self, Call, Ended, How, Rest};
use crate::output::Output;
use crate::stop::{Code, stop};
use crate::usage;

/// Stands for the patterns in a hook.
const PATTERNS: &str = "@PATTERNS@";

/// What a hook heard.
pub(crate) struct Heard {
    line: String,
    status: u8,
    lasted: Duration,
    is_whole: bool,
}

/// `snag hook`: what the shell has to read at its start.
pub(crate) fn hook(shell: Shell, output: &Output) -> anyhow::Result<()> {
    let watched = watched()?.patterns;
    if watched.is_empty() {
        let file = Paths::user_config().map(|path| path.display().to_string());
        return Err(stop(
            Code::Usage,
            format!(
                "no command is watched: write which ones into {}, like watch = [\"acme\", \"acme *\"]",
                file.as_deref().unwrap_or("snagd.toml")
            ),
        ));
    }
    output.line(&script(shell, &watched))
}

/// What the user's configuration says of what is noticed.
#[derive(Default)]
pub(crate) struct Watch {
    /// The commands, and the manual pages of them.
    pub(crate) patterns: Vec<String>,
    /// The numbers of the rules.
    pub(crate) rules: CommandRules,
}

/// What is to be noticed.
pub(crate) fn watched() -> anyhow::Result<Watch> {
    let Some(path) = Paths::user_config().filter(|path| path.exists()) else {
        return Ok(Watch::default());
    };
    let config = Config::read(&path).map_err(|error| match error {
        ConfigError::Unreadable { .. } => error.into(),
        error => stop(Code::Usage, error.to_string()),
    })?;
    let mut patterns = config.watch.unwrap_or_default();
    let program =
        |pattern: &String| pattern.split([' ', '*']).next().unwrap_or_default().to_owned();
    let programs: BTreeSet<_> = patterns.iter().map(program).collect();
    let named = programs.iter().filter(|program| !program.is_empty() && !program.contains('/'));
    patterns
        .extend(named.flat_map(|program| [format!("man {program}"), format!("man {program}-*")]));
    Ok(Watch { patterns, rules: config.rules.unwrap_or_default() })
}

fn script(shell: Shell, watched: &[String]) -> String {
    let (script, between) = match shell {
        Shell::Bash => (include_str!("hook.bash"), "|"),
        Shell::Zsh => (include_str!("hook.zsh"), "|"),
        Shell::Fish => (include_str!("hook.fish"), " "),
    };
    let patterns: Vec<_> = watched.iter().map(|pattern| quoted(shell, pattern)).collect();
    script.replace(PATTERNS, &patterns.join(between))
}

/// A pattern as the shell takes it: in quotes, but for its stars where those would quote them.
fn quoted(shell: Shell, pattern: &str) -> String {
    match shell {
        Shell::Fish => format!("'{pattern}'"),
        Shell::Bash | Shell::Zsh => {
            let parts = pattern
                .split('*')
                .map(|part| if part.is_empty() { String::new() } else { format!("'{part}'") });
            parts.collect::<Vec<_>>().join("*")
        }
    }
}

/// What this process is told by a hook, if it is.
pub(crate) fn heard(args: impl Iterator<Item = OsString>) -> Option<Heard> {
    let mut args = args.skip(1).map(|arg| arg.to_string_lossy().into_owned());
    if args.next()? != "heard" {
        return None;
    }
    let status: u64 = args.next()?.parse().ok()?;
    let lasted = Duration::from_millis(args.next()?.parse().ok()?);
    let is_whole = args.next()? == "whole";
    let line = env::var("SNAG_LINE").ok()?;
    Some(Heard { line, status: status.to_le_bytes()[0], lasted, is_whole })
}

/// Records it; nobody listens to how that goes.
pub(crate) fn record(heard: &Heard) {
    panic::set_hook(Box::new(|_| {}));
    let Watch { patterns, rules } = watched().unwrap_or_default();
    let Some((call, rest)) = Call::of_line(&heard.line, &patterns) else { return };
    let how = match rest {
        Rest::Nothing if heard.is_whole => How::of_status(heard.status),
        _ => How::Unknown,
    };
    let (place, session) = (call.place(), notice::session());
    let ended = Ended { place, call, how, session, at: now(), lasted: heard.lasted };
    let noticed = notice::notice(&rules, &ended, Source::Hook);
    let Ok(url) = usage::url() else { return };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    let _ = runtime.block_on(notice::send(noticed.drafts, url.as_ref()));
    runtime.shutdown_background();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_the_same_in_every_shell() {
        let quoted = |shell| quoted(shell, "acme * --x*");
        assert_eq!(quoted(Shell::Bash), "'acme '*' --x'*");
        assert_eq!(quoted(Shell::Zsh), "'acme '*' --x'*");
        assert_eq!(quoted(Shell::Fish), "'acme * --x*'");
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell, &["acme".to_owned(), "acme *".to_owned()]);
            assert!(script.contains("'acme'") && !script.contains(PATTERNS), "{script}");
        }
    }
}
