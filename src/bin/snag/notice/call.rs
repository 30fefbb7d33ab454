//! What was called: the program, and its subcommand where that is certainly one.
//!
//! Arguments hold secrets. All that is kept of them is a hash, to tell the same call from another. A
//! first word is taken for a subcommand only if it is one of the [`USUAL`] ones, which tell nothing of
//! anybody, or if the configuration names it, as `watch = ["acme brew *"]` does.

use std::path::Path;

/// The subcommands that programs usually have.
const USUAL: [&str; 72] = [
    "add",
    "apply",
    "attach",
    "build",
    "bump",
    "cancel",
    "check",
    "clean",
    "clone",
    "commit",
    "config",
    "connect",
    "copy",
    "create",
    "delete",
    "deploy",
    "describe",
    "destroy",
    "diff",
    "disable",
    "down",
    "edit",
    "enable",
    "exec",
    "export",
    "fetch",
    "format",
    "get",
    "import",
    "info",
    "init",
    "inspect",
    "install",
    "lint",
    "list",
    "login",
    "logout",
    "logs",
    "merge",
    "migrate",
    "new",
    "open",
    "plan",
    "publish",
    "pull",
    "push",
    "release",
    "remove",
    "rename",
    "restart",
    "restore",
    "revert",
    "roll-back",
    "rollback",
    "run",
    "scale",
    "search",
    "serve",
    "set",
    "show",
    "start",
    "status",
    "stop",
    "sync",
    "test",
    "undo",
    "uninstall",
    "up",
    "update",
    "upgrade",
    "validate",
    "version",
];

/// One call of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The program's name without its directory, as a segment of a place has it.
    pub(crate) program: String,
    /// Its subcommand.
    pub(crate) subcommand: Option<String>,
    /// What the call is for.
    pub(crate) aim: Aim,
    /// The same for the same words.
    pub(crate) hash: u64,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// To get something done.
    Work,
    /// To take something back.
    Undo,
    /// To read the program's own help.
    Help,
    /// To read its manual page, which is no use of the program.
    Manual,
}

/// What follows the first call in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing, or a pipe: the first status is the call's own.
    Nothing,
    /// Other commands: how the call itself ended is not known.
    More,
}

/// The subcommands that take something back.
const UNDOING: [&str; 4] = ["revert", "roll-back", "rollback", "undo"];

impl Call {
    /// The call that these words are; none where there is no program. What is `watched` by name is a
    /// subcommand.
    pub(crate) fn of_words(words: &[String], watched: &[String]) -> Option<Self> {
        let (program, args) = words.split_first()?;
        let program = segment(program)?;
        let helps = args.first().is_some_and(|first| first == "help");
        let word = args.get(usize::from(helps));
        let subcommand = word.filter(|word| is_subcommand(&program, word, watched)).cloned();
        let is_help = helps
            || args.iter().any(|arg| arg == "--help")
            || args.last().is_some_and(|last| last == "-h");
        let aim = match &subcommand {
            _ if is_help => Aim::Help,
            Some(word) if UNDOING.contains(&word.as_str()) => Aim::Undo,
            _ => Aim::Work,
        };
        Some(Self { program, subcommand, aim, hash: hash(words) })
    }

    /// The first call of a line that was typed into a shell, and what follows it. `man acme-deploy`
    /// is a call about `acme`.
    pub(crate) fn of_line(line: &str, watched: &[String]) -> Option<(Self, Rest)> {
        let (words, rest) = split(line);
        let call = match words.split_first() {
            Some((man, pages)) if man == "man" => Self::of_manual(pages.last()?, watched),
            _ => Self::of_words(&words, watched),
        };
        Some((call?, rest))
    }

    fn of_manual(page: &str, watched: &[String]) -> Option<Self> {
        let (program, word) = page
            .split_once('-')
            .map_or((page, None), |(program, word)| (program, Some(word.to_owned())));
        let program = segment(program)?;
        let subcommand = word.filter(|word| is_subcommand(&program, word, watched));
        Some(Self { program, subcommand, aim: Aim::Manual, hash: 0 })
    }

    /// What may be said of it: `acme deploy`.
    pub(crate) fn name(&self) -> String {
        let subcommand = self.subcommand.iter().flat_map(|word| [" ", word]);
        [self.program.as_str()].into_iter().chain(subcommand).collect()
    }

    /// Where it is, unless said otherwise: `cli/acme/deploy`.
    pub(crate) fn place(&self) -> String {
        let subcommand = self.subcommand.iter().flat_map(|word| ["/", word]);
        ["cli/", &self.program].into_iter().chain(subcommand).collect()
    }
}

/// A word that names what a program shall do, and is certainly nothing else.
fn is_subcommand(program: &str, word: &str, watched: &[String]) -> bool {
    let names_it = |pattern: &String| {
        let mut words = pattern.split(' ');
        words.next() == Some(program) && words.next() == Some(word)
    };
    let is_segment = || {
        word.starts_with(|letter: char| letter.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    USUAL.contains(&word) || (is_segment() && watched.iter().any(names_it))
}

/// A program's name as a segment of a place.
fn segment(program: &str) -> Option<String> {
    let name = Path::new(program).file_name()?.to_str()?.to_lowercase();
    let plain = |letter: char| match letter {
        'a'..='z' | '0'..='9' | '.' | '_' | '-' => letter,
        _ => '-',
    };
    Some(name.chars().take(64).map(plain).collect())
}

fn hash(words: &[String]) -> u64 {
    let hash = blake3::hash(words.join("\0").as_bytes());
    let first = hash.as_bytes().first_chunk().copied().unwrap_or_default();
    u64::from_le_bytes(first)
}

/// The words of a line up to the first operator, roughly as every shell splits them.
fn split(line: &str) -> (Vec<String>, Rest) {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut letters = line.trim().chars().peekable();
    let mut before = ' ';
    let mut is_first = true;
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let is_redirection = matches!(before, '>' | '<' | '|') || next == Some('>');
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None | Some('"'), '\\') => {
                let escaped = letters.next();
                push(&mut words, is_first, escaped);
            }
            (None, '"' | '\'') => quote = Some(letter),
            (None, ';' | '\n') => return (filled(words), Rest::More),
            (None, '&') if !is_redirection => return (filled(words), Rest::More),
            (None, '|') if next == Some('|') => return (filled(words), Rest::More),
            // The words of the first part are whole; what is behind the pipe may hold operators.
            (None, '|') => is_first = false,
            (None, ' ' | '\t') if is_first => words.push(String::new()),
            _ => push(&mut words, is_first, Some(letter)),
        }
        before = letter;
    }
    (filled(words), Rest::Nothing)
}

fn push(words: &mut [String], is_first: bool, letter: Option<char>) {
    if let (true, Some(word)) = (is_first, words.last_mut()) {
        word.extend(letter);
    }
}

fn filled(mut words: Vec<String>) -> Vec<String> {
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Call {
        Call::of_line(line, &[]).unwrap().0
    }

    #[test]
    fn a_place_holds_the_program_and_its_subcommand_and_no_argument() {
        let place = |line: &str| call(line).place();
        assert_eq!(place("acme deploy prod --token abc"), "cli/acme/deploy");
        assert_eq!(place("/usr/local/bin/Acme roll-back"), "cli/acme/roll-back");
        assert_eq!(place("./deploy.sh"), "cli/deploy.sh");
        assert_eq!(place("g++ main.cc"), "cli/g--");
        for line in ["acme --token abc", "acme hunter2", "acme Secret", "acme a/b", "acme x.yaml"] {
            assert_eq!(place(line), "cli/acme", "{line}");
        }
    }

    #[test]
    fn a_word_that_may_be_data_is_no_subcommand_unless_the_configuration_names_it() {
        let watched = ["acme", "acme *", "acme brew *", "acme se*"].map(str::to_owned);
        let place = |line: &str| Call::of_line(line, &watched).unwrap().0.place();
        assert_eq!(place("acme brew coffee"), "cli/acme/brew");
        assert_eq!(place("man acme-brew"), "cli/acme/brew");
        assert_eq!(place("acme help brew"), "cli/acme/brew");
        for line in ["acme secret", "acme se", "other brew", "echo hi", "cat big"] {
            assert!(!place(line)[4..].contains('/'), "{line}");
        }
        assert_eq!(place("acme deploy"), "cli/acme/deploy", "a usual one");
    }

    #[test]
    fn what_it_is_for() {
        let aim = |line: &str| (call(line).aim, call(line).name());
        assert_eq!(aim("acme deploy"), (Aim::Work, "acme deploy".to_owned()));
        assert_eq!(aim("acme rollback 7"), (Aim::Undo, "acme rollback".to_owned()));
        for line in ["acme help deploy", "acme deploy --help", "acme deploy -h"] {
            assert_eq!(aim(line), (Aim::Help, "acme deploy".to_owned()), "{line}");
        }
        assert_eq!(aim("acme --help"), (Aim::Help, "acme".to_owned()));
        assert_eq!(aim("acme deploy -h host"), (Aim::Work, "acme deploy".to_owned()));
        assert_eq!(aim("man acme"), (Aim::Manual, "acme".to_owned()));
        assert_eq!(aim("man 1 acme-deploy"), (Aim::Manual, "acme deploy".to_owned()));
    }

    #[test]
    fn the_same_words_have_the_same_hash() {
        assert_eq!(call("acme deploy 'a b'").hash, call("acme  deploy a\\ b").hash);
        assert_ne!(call("acme deploy a b").hash, call("acme deploy 'a b'").hash);
    }

    #[test]
    fn a_line_is_split_up_to_its_first_operator() {
        let rest = |line: &str| Call::of_line(line, &[]).unwrap().1;
        for line in [
            "acme deploy",
            "acme deploy | less",
            "acme deploy 2>&1 | tee 'a; b'",
            "acme deploy &>log",
            "acme say \"a && b\" c\\;d",
            "acme deploy |& cat",
        ] {
            assert_eq!(rest(line), Rest::Nothing, "{line}");
        }
        for line in [
            "acme a; ls",
            "acme a && ls",
            "acme a || ls",
            "acme a &",
            "acme a\nls",
            "acme a | b; c",
        ] {
            assert_eq!(rest(line), Rest::More, "{line}");
        }
        assert_eq!(call("acme deploy|less").name(), "acme deploy");
        assert_eq!(Call::of_line("  ", &[]), None);
        assert_eq!(Call::of_line("man", &[]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_a_place_or_nothing(line in "\\PC{0,40}|[a-z \"'|&;<>\\\\-]{0,40}") {
            if let Some((call, _)) = Call::of_line(&line, &[]) {
                let place = snag::event::Place::parse(&call.place());
                proptest::prop_assert!(place.is_ok() || call.program.trim_matches('.').is_empty());
            }
        }
    }
}
