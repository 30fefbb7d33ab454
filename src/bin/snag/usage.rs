//! Reading the command line; what makes no sense is said in our own words.
//!
//! A mistake is one line: what is wrong, and what to type instead.

use std::env;
use std::error::Error as _;
use std::ffi::OsString;
use std::fmt;
use std::num::ParseIntError;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, ColorChoice, Command, CommandFactory, Error, FromArgMatches};
use snag::client::Target;
use snag::event::nearest;

use crate::args::{Act, Cli, Global};
use crate::help;
use crate::output::Output;
use crate::render::shell;
use crate::stop::{Code, stop};

/// What the arguments say; none where they asked for help, which is printed then.
pub(crate) fn read(output: &Output) -> anyhow::Result<Option<Cli>> {
    let mut said: Vec<OsString> = env::args_os().collect();
    let mut read = parse(&said);
    if let Err(error) = &read
        && error.kind() == ErrorKind::UnknownArgument
        && !names_a_command(&said)
    {
        // `snag --by kind`: without a command it is hotspots, with its flags.
        said.insert(said.len().min(1), "hotspots".into());
        read = parse(&said);
    }
    let page = match read {
        Ok(mut cli) => {
            // What is run is run, whatever the environment says of us.
            let is_run = matches!(cli.act, Some(Act::Run(_)));
            if cli.global.url.is_none() && !is_run {
                cli.global.url = url()?;
            }
            return Ok(Some(cli));
        }
        Err(error) if error.use_stderr() => {
            let words = said.iter().map(|word| word.to_string_lossy().into_owned());
            return Err(stop(Code::Usage, explain(&error, &words.collect::<Vec<_>>())));
        }
        // Takes no help to say.
        Err(version) if version.kind() == ErrorKind::DisplayVersion => {
            version.print()?;
            return Ok(None);
        }
        Err(page) => page,
    };
    let dressed = help::dressed(output.look(), colour(&said));
    dressed.try_get_matches_from(said).err().unwrap_or(page).print()?;
    Ok(None)
}

fn parse(said: &[OsString]) -> Result<Cli, Error> {
    Cli::from_arg_matches(&program(said).try_get_matches_from(said)?)
}

/// The program, with no other command than the one it was called with: clap copies the flags that all
/// commands take to each that there is.
fn program(said: &[OsString]) -> Command {
    let program = Cli::command();
    let Some(command) = said.get(1).and_then(|word| program.find_subcommand(word)) else {
        return program;
    };
    let only = Command::new("snag").disable_help_subcommand(true).subcommand(command.clone());
    Global::augment_args(only)
}

/// The program with all that can be said to it.
fn whole() -> Command {
    let mut program = Cli::command();
    program.build();
    program
}

fn names_a_command(said: &[OsString]) -> bool {
    let command = Cli::command();
    said.iter().skip(1).any(|word| command.find_subcommand(word).is_some())
}

/// The daemon that the environment names; an empty name names none.
pub(crate) fn url() -> anyhow::Result<Option<Target>> {
    let said = env::var("SNAG_URL").ok().filter(|said| !said.is_empty());
    said.map(|said| said.parse().map_err(|error| stop(Code::Usage, format!("SNAG_URL: {error}"))))
        .transpose()
}

/// The colours of help, which is printed before the arguments are known.
pub(crate) fn colour(said: &[OsString]) -> ColorChoice {
    let words = || said.iter().filter_map(|word| word.to_str());
    let after = words().skip_while(|word| *word != "--color").nth(1);
    let said = words().find_map(|word| word.strip_prefix("--color=")).or(after);
    match said {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// A mistake in one line: what is wrong, and what to type instead.
fn explain(error: &Error, words: &[String]) -> String {
    let arg = about(error, ContextKind::InvalidArg);
    // `--kind <KIND>` as it is typed.
    let flag = arg.split([' ', '=']).next().unwrap_or_default().trim_matches(['<', '>']);
    let value = about(error, ContextKind::InvalidValue);
    let help = Help::of(words);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            no_command(&about(error, ContextKind::InvalidSubcommand), &help, words)
        }
        ErrorKind::UnknownArgument => unknown(error, &arg, &help, words),
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("`{flag}` needs a value: {help}")
        }
        ErrorKind::InvalidValue => {
            let values = about(error, ContextKind::ValidValue);
            let near = nearest(&value, values.split(", "))
                .map(|near| format!(" (did you mean `{near}`?)"));
            format!("`{flag}` is one of {values}{}", near.unwrap_or_default())
        }
        ErrorKind::ValueValidation => match error.source() {
            Some(reason) if reason.is::<ParseIntError>() => {
                format!("`{flag} {value}` is no whole number: {help}")
            }
            Some(reason) => format!("`{flag}`: {reason}"),
            None => format!("`{value}` cannot be {flag}: {help}"),
        },
        ErrorKind::MissingRequiredArgument => {
            let example = help.example();
            format!("{arg} is missing: write it like `{example}`")
        }
        ErrorKind::ArgumentConflict => {
            let prior = about(error, ContextKind::PriorArg);
            let prior = prior.split(' ').next().unwrap_or_default();
            if prior == flag || prior.is_empty() {
                format!("`{flag}` stands there twice: say it once")
            } else {
                format!("`{flag}` and `{prior}` exclude each other: say one")
            }
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            format!("{line}: {help}")
        }
    }
}

/// Where to read how it is meant.
struct Help<'a> {
    command: Option<&'a str>,
    /// Which of the commands that it has itself.
    below: Option<&'a str>,
}

impl<'a> Help<'a> {
    fn of(words: &'a [String]) -> Self {
        let known = whole();
        let mut words = words.iter().skip(1).map(String::as_str);
        let command = words.find(|word| known.find_subcommand(word).is_some());
        let has = command.and_then(|command| known.find_subcommand(command));
        let below = words.find(|word| has.is_some_and(|has| has.find_subcommand(word).is_some()));
        Self { command, below }
    }

    fn example(&self) -> &'static str {
        self.command.and_then(|command| help::example(command, self.below)).unwrap_or("snag help")
    }
}

impl fmt::Display for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.command, self.below) {
            (Some(command), Some(below)) => write!(f, "`snag {command} {below} --help` shows how"),
            (Some(command), None) => write!(f, "`snag {command} --help` shows how"),
            (None, _) => f.write_str("`snag help` shows how"),
        }
    }
}

fn about(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

fn no_command(word: &str, help: &Help<'_>, words: &[String]) -> String {
    let known = whole();
    if let Some(command) = help.command.and_then(|command| known.find_subcommand(command)) {
        let name = command.get_name();
        let names = command.get_subcommands().map(Command::get_name);
        let hint = nearest(word, names)
            .map_or(help.to_string(), |near| format!("did you mean `snag {name} {near}`?"));
        return format!("there is no command `{name} {word}`: {hint}");
    }
    let names = known.get_subcommands().filter(|command| !command.is_hide_set());
    if let Some(near) = nearest(word, names.map(Command::get_name)) {
        return format!("there is no command `{word}`: did you mean `snag {near}`?");
    }
    if word.contains(' ') {
        return format!("say where it happened as well: snag log web/checkout/pay {}", shell(word));
    }
    if word.contains('/') {
        let note = words.iter().skip_while(|said| *said != word).nth(1);
        let note = note.map_or("\"what happened\"".to_owned(), |note| shell(note));
        return format!(
            "there is no command `{word}`: to record something there: snag log {} {note}",
            shell(word)
        );
    }
    format!("there is no command `{word}`: `snag help` lists them")
}

fn unknown(error: &Error, arg: &str, help: &Help<'_>, words: &[String]) -> String {
    // A sentence is no flag, whatever it begins with.
    let is_sentence = |word: &&String| word.starts_with(arg) && word.contains(' ');
    let at = words.iter().skip(1).position(|word| is_sentence(&word));
    if let Some(at) = at.filter(|_| arg.starts_with('-')) {
        return dashed(&words[1..], at);
    }
    if !arg.starts_with('-') {
        let example = help.example();
        let has_text = matches!(help.command, Some("log" | "me-too"));
        let advice = if has_text { "put what belongs together in quotes" } else { "leave it out" };
        return format!("`{arg}` is one word too many: {advice}, like `{example}`");
    }
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(near)) => {
            format!("there is no flag `{arg}` here: did you mean `{near}`?")
        }
        _ => format!("there is no flag `{arg}` here: {help}"),
    }
}

/// How to say the word at a place that begins with a dash.
fn dashed(words: &[String], at: usize) -> String {
    let is_flag = |word: &str| {
        word.starts_with("--") && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase())
    };
    let sentence = shell(&words[at]);
    if let Some(flag) = at.checked_sub(1).map(|before| &words[before]).filter(|it| is_flag(it)) {
        return format!("what begins with a dash is taken for a flag: write {flag}={sentence}");
    }
    let said = |word: &String| if is_flag(word) { word.clone() } else { shell(word) };
    let mut others: Vec<String> = words.iter().map(said).collect();
    others.remove(at);
    if others == ["log"] {
        others.push("web/checkout/pay".to_owned());
    }
    let others = others.join(" ");
    format!(
        "what begins with a dash is taken for a flag: write -- before it: snag {others} -- {sentence}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_a_dash_is_said_where_it_was() {
        for (said, advice) in [
            (&["session", "end", "--con", "- it"][..], "write --con='- it'"),
            (&["log", "- it"], "snag log web/checkout/pay -- '- it'"),
            (&["log", "web/x", "- it"], "snag log web/x -- '- it'"),
            (&["session", "note", "- it", "--felt", "x"], "snag session note --felt x -- '- it'"),
        ] {
            let words: Vec<String> = said.iter().map(|word| (*word).to_owned()).collect();
            let at = said.iter().position(|word| *word == "- it").unwrap();
            let advised = dashed(&words, at);
            assert!(advised.ends_with(advice), "{advised}");
        }
    }

    #[test]
    fn a_command_alone_is_what_it_is_among_all() {
        for command in whole().get_subcommands() {
            let said = ["snag", command.get_name(), "--help"];
            let help = |program: Command| match program.try_get_matches_from(said) {
                Err(page) => page.to_string(),
                Ok(_) => panic!("{said:?} shows no help"),
            };
            let alone = program(&said.map(OsString::from));
            assert_eq!(help(alone), help(Cli::command()), "{said:?}");
        }
    }
}
