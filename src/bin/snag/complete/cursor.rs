//! What may stand at the cursor, read off the arguments that the command line has.

use clap::{Arg, ArgAction, Command, ValueHint};
use snag::event::{Actor, Class, Feeling, Kind, Outcome, Severity, SignalName, Word};
use snag::hotspot::{By, Sort};

use super::line::Typed;
use crate::help::TOPICS;

/// A word that fits, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) word: String,
    /// Empty where the word says it all.
    pub(super) about: String,
}

impl Candidate {
    pub(super) fn word(word: String) -> Self {
        Self { word, about: String::new() }
    }
}

/// What a shell is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) wanted: Wanted,
    /// What the word at the cursor says before the part in question: `--kind=`.
    pub(super) before: String,
    /// The daemon that the command line names.
    pub(super) url: Option<String>,
}

/// What may stand at the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One of these.
    Listed(Vec<Candidate>),
    /// A place.
    Places,
    /// A person.
    People,
    /// A version of the product.
    Versions,
    /// A file; the shell knows better.
    Files,
    /// A program, which the shell knows as well.
    Programs,
    /// Something that nobody but the person knows.
    Nothing,
}

impl Asked {
    /// `root` has to be built, so that its commands have its global arguments.
    pub(super) fn of(root: &Command, typed: &Typed) -> Self {
        let mut walk = Walk::new(root);
        for word in &typed.before {
            walk.pass(word);
        }
        let current = typed.current.text.as_str();
        let flag = current.split_once('=').filter(|(flag, _)| walk.is_flag(flag));
        let mut before = String::new();
        let wanted = if let Some(arg) = walk.open {
            values(root, arg)
        } else if let Some((flag, _)) = flag {
            before = format!("{flag}=");
            walk.find(flag).map_or(Wanted::Nothing, |arg| values(root, arg))
        } else if walk.is_flag(current) {
            Wanted::Listed(walk.flags())
        } else {
            walk.word(root)
        };
        Self { wanted, before, url: walk.url }
    }
}

/// How far a command line has been read.
struct Walk<'a> {
    command: &'a Command,
    /// Words passed that are neither commands nor flags.
    passed: usize,
    /// The flag whose value comes next.
    open: Option<&'a Arg>,
    /// Flags that were said.
    said: Vec<&'a str>,
    /// Whether `--` was said.
    is_over: bool,
    url: Option<String>,
}

impl<'a> Walk<'a> {
    fn new(command: &'a Command) -> Self {
        Self { command, passed: 0, open: None, said: Vec::new(), is_over: false, url: None }
    }

    fn is_flag(&self, word: &str) -> bool {
        !self.is_over && word.starts_with('-')
    }

    fn find(&self, flag: &str) -> Option<&'a Arg> {
        let mut args = self.command.get_arguments();
        let Some(name) = flag.strip_prefix("--") else {
            let letter = flag.strip_prefix('-')?.chars().next()?;
            return args.find(|arg| arg.get_short() == Some(letter));
        };
        args.find(|arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        })
    }

    fn pass(&mut self, word: &str) {
        if let Some(arg) = self.open.take() {
            self.note(arg, word);
        } else if word == "--" && !self.is_over {
            self.is_over = true;
        } else if self.is_flag(word) {
            let (flag, value) = word.split_once('=').map_or((word, None), |(f, v)| (f, Some(v)));
            let Some(arg) = self.find(flag) else { return };
            self.said.push(arg.get_id().as_str());
            match value {
                Some(value) => self.note(arg, value),
                // `-n5`: the value is there already.
                None if !word.starts_with("--") && 2 < word.len() => {}
                None => self.open = Some(arg).filter(|arg| arg.get_action().takes_values()),
            }
        } else if let Some(command) = self.command.find_subcommand(word).filter(|_| !self.is_over) {
            self.command = command;
            self.passed = 0;
        } else {
            self.passed += 1;
        }
    }

    fn note(&mut self, arg: &Arg, value: &str) {
        if arg.get_id() == "url" {
            self.url = Some(value.to_owned());
        }
    }

    /// The flags that may still be said.
    fn flags(&self) -> Vec<Candidate> {
        let may_come = |arg: &&Arg| {
            let is_said = self.said.contains(&arg.get_id().as_str());
            !arg.is_hide_set() && (!is_said || matches!(arg.get_action(), ArgAction::Append))
        };
        let args = self.command.get_arguments().filter(may_come);
        let flags = args.filter_map(|arg| {
            let about = arg.get_help().map(|help| first_clause(&help.to_string()));
            Some(Candidate {
                word: format!("--{}", arg.get_long()?),
                about: about.unwrap_or_default(),
            })
        });
        flags.collect()
    }

    /// What a word that is no flag may be.
    fn word(&self, root: &Command) -> Wanted {
        if self.passed == 0 && self.command.has_subcommands() {
            return Wanted::Listed(commands(self.command));
        }
        let mut positionals = self.command.get_positionals();
        positionals.nth(self.passed).map_or(Wanted::Nothing, |arg| values(root, arg))
    }
}

fn commands(command: &Command) -> Vec<Candidate> {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    let candidate = |command: &Command| Candidate {
        word: command.get_name().to_owned(),
        about: command
            .get_about()
            .map(|about| first_clause(&about.to_string()))
            .unwrap_or_default(),
    };
    shown.map(candidate).collect()
}

fn topics(root: &Command) -> Vec<Candidate> {
    let topics = TOPICS.map(|(topic, about)| Candidate { word: topic.into(), about: about.into() });
    commands(root).into_iter().chain(topics).collect()
}

/// As much of a help text as fits beside a word.
fn first_clause(help: &str) -> String {
    let line = help.lines().next().unwrap_or_default();
    let end = line.find([':', ';', '[', '(']).unwrap_or(line.len());
    line[..end].trim_end().to_owned()
}

fn values(root: &Command, arg: &Arg) -> Wanted {
    if matches!(arg.get_value_hint(), ValueHint::FilePath | ValueHint::DirPath) {
        return Wanted::Files;
    }
    match arg.get_id().as_str() {
        "command" => Wanted::Programs,
        "place" | "under" | "of" => Wanted::Places,
        "person" => Wanted::People,
        "version" => Wanted::Versions,
        "kind" => words::<Kind>(),
        "severity" => words::<Severity>(),
        "felt" => words::<Feeling>(),
        "did" => words::<Outcome>(),
        "by" => words::<By>(),
        "sort" => words::<Sort>(),
        "actor" => words::<Actor>(),
        "class" => words::<Class>(),
        "signal" => words::<SignalName>(),
        "topic" => Wanted::Listed(topics(root)),
        _ => possible(arg),
    }
}

fn words<W: Word>() -> Wanted {
    Wanted::Listed(W::WORDS.iter().map(|word| Candidate::word((*word).to_owned())).collect())
}

/// The values that the argument itself lists, if it does.
fn possible(arg: &Arg) -> Wanted {
    let values = arg.get_possible_values();
    if values.is_empty() || !arg.get_action().takes_values() {
        return Wanted::Nothing;
    }
    let words = values.iter().map(|value| Candidate::word(value.get_name().to_owned()));
    Wanted::Listed(words.collect())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    fn asked(line: &str) -> Asked {
        let mut command = Cli::command();
        command.build();
        Asked::of(&command, &Typed::of_line(line, ""))
    }

    fn listed(line: &str) -> Vec<String> {
        match asked(line).wanted {
            Wanted::Listed(listed) => listed.into_iter().map(|found| found.word).collect(),
            wanted => panic!("{line}: {wanted:?}"),
        }
    }

    #[test]
    fn what_the_team_knows_is_asked_of_the_daemon() {
        for line in [
            "snag log ",
            "snag why web/",
            "snag me-too ",
            "snag hotspots --under w",
            "snag --json hotspots --flat --under ",
            "snag log --kind slow --felt=calm -- ",
            "snag signals mute ",
        ] {
            assert_eq!(asked(line).wanted, Wanted::Places, "{line}");
        }
        assert_eq!(asked("snag events --person a").wanted, Wanted::People);
        assert_eq!(asked("snag log web/a x --version ").wanted, Wanted::Versions);
        assert_eq!(asked("snag import ").wanted, Wanted::Files);
        assert_eq!(asked("snag run -- ac").wanted, Wanted::Programs);
        assert_eq!(asked("snag demo --dir ").wanted, Wanted::Files);
    }

    #[test]
    fn what_only_the_person_knows_is_not_guessed() {
        for line in ["snag log web/a ", "snag log web/a x ", "snag why web/a ", "snag nonsense "] {
            assert_eq!(asked(line).wanted, Wanted::Nothing, "{line}");
        }
        assert_eq!(asked("snag log --task ").wanted, Wanted::Nothing);
        assert_eq!(asked("snag log web/a -- --ki").wanted, Wanted::Nothing);
        assert_eq!(asked("snag log --nonsense=").wanted, Wanted::Nothing);
    }

    #[test]
    fn fixed_words_are_those_of_the_vocabulary() {
        assert_eq!(listed("snag log web/a --severity "), ["cosmetic", "minor", "major", "blocker"]);
        assert_eq!(listed("snag log web/a --outcome ").len(), 6, "a flag's other name");
        assert_eq!(listed("snag hotspots --by v"), ["place", "person", "version", "kind"]);
        assert_eq!(listed("snag --color "), ["auto", "always", "never"]);
        assert_eq!(asked("snag log --kind=sl").before, "--kind=");
        assert_eq!(listed("snag log --kind=sl").len(), 9);
    }

    #[test]
    fn commands_and_flags_are_those_of_the_help() {
        let commands = listed("snag ");
        assert!(commands.contains(&"me-too".to_owned()), "{commands:?}");
        assert_eq!(listed("snag --json "), commands);
        let flags = listed("snag log --kind slow --tag a=b -");
        assert!(flags.contains(&"--felt".to_owned()) && flags.contains(&"--tag".to_owned()));
        assert!(!flags.contains(&"--kind".to_owned()), "it was said: {flags:?}");
    }

    #[test]
    fn the_daemon_is_the_one_that_the_line_names() {
        let url = |line| asked(line).url;
        assert_eq!(url("snag --url unix:/x why ").as_deref(), Some("unix:/x"));
        assert_eq!(url("snag why --url=http://h:1 ").as_deref(), Some("http://h:1"));
        assert_eq!(url("snag why --under --url "), None);
    }

    #[test]
    fn helps_are_cut_to_what_fits_beside_a_word() {
        assert_eq!(first_clause("Impact: minor [default: x]"), "Impact");
        assert_eq!(first_clause("Show one event"), "Show one event");
    }
}
