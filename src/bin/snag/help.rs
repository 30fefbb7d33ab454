//! Help: what to type comes first, then what there is.
//!
//! The words of a command and of its flags stand in `args`; here is what is said beside them: an
//! example of each command, the groups they come in, and the topics that are about none.

use clap::{ColorChoice, Command, CommandFactory};
use snag::event::nearest;

use crate::args::Cli;
use crate::output::Output;
use crate::render::{self, Look, Section};
use crate::stop::{Code, stop};

/// What somebody new types, in this order.
pub(crate) const FIRST: [&str; 5] = [
    "snag log web/checkout/pay \"card form cleared itself\" --felt frustrated --did worked-around",
    "snag hotspots --since 7d --under web",
    "snag why web/checkout/pay",
    "snag me-too web/checkout/pay",
    "snag demo",
];

/// Every command, by what it is for.
const GROUPS: &[(&str, &[&str])] = &[
    ("Record", &["log", "undo", "me-too", "session", "run", "hook"]),
    ("Look", &["hotspots", "why", "coverage", "signals", "show", "events", "tail", "open"]),
    ("Keep", &["export", "import", "forget", "backup", "restore"]),
    ("Run it", &["dsn", "snippet", "status", "doctor", "service", "demo", "completions", "help"]),
];

/// How each command is used.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "log",
        &[
            "snag log web/checkout/pay \"card form cleared itself\" --felt frustrated --did worked-around",
            "snag log cli/deploy \"silence for 40 s\" --kind slow --expected \"a progress bar\"",
        ],
    ),
    ("undo", &["snag undo", "snag undo 4be19c07"]),
    ("me-too", &["snag me-too 4be19c07", "snag me-too web/checkout/pay \"here it was the year\""]),
    ("run", &["snag run -- acme deploy", "snag run --at cli/deploy -- ./deploy.sh --to prod"]),
    ("hook", &["eval \"$(snag hook bash)\"", "snag hook fish"]),
    (
        "hotspots",
        &["snag hotspots --since 7d --under web", "snag hotspots --by version --fail-over 60"],
    ),
    ("why", &["snag why web/checkout/pay"]),
    (
        "session",
        &[
            "snag session start \"buy as a new customer\" --place web/shop",
            "snag session note \"the total is hidden\" --felt confused --did retried",
            "snag session end --pro \"fast\" --export md",
        ],
    ),
    ("coverage", &["snag coverage", "snag coverage --since 4w --under web"]),
    (
        "signals",
        &[
            "snag signals",
            "snag signals confirm 4be19c07 --note \"the button does nothing\"",
            "snag signals dismiss 4be19c07",
            "snag signals mute web/cart rage-click",
            "snag signals unmute web/cart rage-click",
        ],
    ),
    ("show", &["snag show 4be19c07", "snag show 4be19c07 --raw"]),
    ("events", &["snag events --under web/checkout --since yesterday"]),
    ("tail", &["snag tail --under web"]),
    ("open", &["snag open"]),
    ("export", &["snag export > events.ndjson"]),
    ("import", &["snag import events.ndjson", "snag import friction.csv"]),
    ("forget", &["snag forget --person ana --dry-run", "snag forget --id 4be19c07"]),
    (
        "backup",
        &["snag backup /mnt/backup/snag", "snag backup snag.tar", "snag backup --verify snag.tar"],
    ),
    ("restore", &["snag restore /mnt/backup/snag", "snag restore snag.tar --state-dir /tmp/snag"]),
    ("dsn", &["snag dsn web", "snag dsn --revoke 1"]),
    ("snippet", &["snag snippet", "snag snippet web/shop"]),
    ("status", &["snag status"]),
    ("doctor", &["snag doctor", "snag doctor --json"]),
    ("service", &["snag service install", "sudo snag service install --system"]),
    ("demo", &["snag demo"]),
    ("completions", &["snag completions bash", "eval \"$(snag completions bash)\""]),
    ("help", &["snag help log", "snag help exit-codes"]),
];

/// What is worth a page and is no command.
pub(crate) const TOPICS: [(&str, &str); 2] = [
    ("exit-codes", "What snag and snagd end with, for scripts"),
    ("environment", "The variables that are read, and where things lie"),
];

/// What the programs end with.
pub(crate) const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "done; kept for later counts as done"),
    (
        "1",
        "the check asked for failed: hotspots --fail-over, doctor, service status, backup --verify, snagd verify; what service install started does not answer; or a restore had to leave out what was damaged",
    ),
    (
        "2",
        "what was said cannot be done: say it differently; import: some lines were rejected, the others recorded",
    ),
    (
        "65",
        "what is there is damaged, or a newer snag wrote it; an export or a backup lacks what the journal has lost, or --fail-over cannot tell because of it",
    ),
    (
        "69",
        "no daemon where one is needed, its index is still catching up (export, hotspots --fail-over), or it cannot take it now: busy, its disk full, stopping",
    ),
    ("73", "another snagd runs on the directory, or something cannot be made"),
    ("74", "the disk failed"),
    ("77", "not allowed; snagd verify and repair: the state directory is somebody else's"),
    (
        "78",
        "snagd: the configuration, a directory, the token file, the file of keys, or a socket handed over, cannot be used",
    ),
];

/// What is read of the environment.
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    ("SNAG_URL", "the snagd to talk to: unix:PATH or http://HOST:PORT, as --url"),
    ("SNAG_TOKEN", "the token that reading over TCP needs"),
    ("SNAG_PERSON", "whom events happened to, as --person"),
    ("SNAG_DROP", "where events are kept while no snagd of this machine answers"),
    ("SNAGD_STATE_DIR", "what backup copies and restore fills, as --state-dir"),
    ("TMPDIR", "where demo keeps its data, and backup and restore what comes over stdin"),
    ("NO_COLOR", "no colour, unless --color says otherwise"),
    ("CLICOLOR", "no colour where it is 0"),
    ("CLICOLOR_FORCE", "colour even where stdout is no terminal"),
    ("COLUMNS", "the width to write for"),
];

/// Where things lie.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("$XDG_STATE_HOME/snag", "journal, index and token of your snagd (~/.local/state/snag)"),
    ("$XDG_STATE_HOME/snag/drop", "where files become events, and `rejected/` of what could not"),
    ("$XDG_STATE_HOME/snag/outbox", "events for a snagd that SNAG_URL names and that is away"),
    ("$XDG_RUNTIME_DIR/snag.sock", "your snagd's socket; without it, in the state directory"),
    ("/run/snag/snag.sock", "the system's snagd, where there is none of yours"),
    ("$XDG_CONFIG_HOME/snag/snagd.toml", "your snagd's configuration"),
];

/// The command line, its help dressed with examples; the page about all of it is our own.
pub(crate) fn dressed(look: &Look, colour: ColorChoice) -> Command {
    let mut command = Cli::command().color(colour);
    for (name, lines) in EXAMPLES {
        let examples = format!("Example:\n  {}", lines.join("\n  "));
        command = command.mut_subcommand(name, |command| command.before_help(examples));
    }
    // Escape sequences are taken out where no colour is wanted.
    let page = overview(&command, &Look { colour: true, ..*look });
    command.override_help(page)
}

/// `snag help`, and what comes after it.
pub(crate) fn help(topic: &[String], colour: ColorChoice, output: &Output) -> anyhow::Result<()> {
    let topic: Vec<_> = topic.iter().map(String::as_str).collect();
    let pages = match topic[..] {
        ["exit-codes"] => vec![section("Exit codes", EXIT_CODES)],
        ["environment"] => vec![section("Variables", VARIABLES), section("Files", FILES)],
        _ => return help_on(&topic, colour, output),
    };
    output.line(&render::manual(&[], &pages, &[], output.look()))
}

fn help_on(topic: &[&str], colour: ColorChoice, output: &Output) -> anyhow::Result<()> {
    let mut command = dressed(output.look(), colour);
    let mut above = &command;
    for (depth, name) in topic.iter().enumerate() {
        let names = above.get_subcommands().map(Command::get_name);
        let topics = TOPICS.iter().map(|(topic, _)| *topic).filter(|_| depth == 0);
        above = above.find_subcommand(name).ok_or_else(|| {
            let before = ["snag help"].iter().chain(&topic[..depth]).copied().collect::<Vec<_>>();
            let before = before.join(" ");
            let hint = nearest(name, names.chain(topics)).map_or_else(
                || format!("`{before}` lists what there is"),
                |near| format!("did you mean `{before} {near}`?"),
            );
            stop(Code::Usage, format!("there is no help on `{}`: {hint}", topic.join(" ")))
        })?;
    }
    let words = ["snag"].into_iter().chain(topic.iter().copied()).chain(["--help"]);
    if let Err(page) = command.try_get_matches_from_mut(words) {
        page.print()?;
    }
    Ok(())
}

/// Everything at a glance.
fn overview(command: &Command, look: &Look) -> String {
    let about = |name: &str| {
        let found = command.find_subcommand(name).and_then(Command::get_about);
        (name.to_owned(), found.map(ToString::to_string).unwrap_or_default())
    };
    let groups = GROUPS.iter().map(|(title, names)| Section {
        title: (*title).to_owned(),
        rows: names.iter().map(|name| about(name)).collect(),
    });
    let everywhere = Section { title: "Everywhere".to_owned(), rows: flags(command) };
    let mut intro = command.get_about().map(ToString::to_string).unwrap_or_default();
    intro.push_str(". Without a command it shows the hotspots.");
    let next = [
        ("more on one command:", "snag help log"),
        ("exit codes:", "snag help exit-codes"),
        ("variables and files:", "snag help environment"),
    ];
    let first: Vec<_> = [&intro as &str].into_iter().chain(FIRST).collect();
    render::manual(&first, &groups.chain([everywhere]).collect::<Vec<_>>(), &next, look)
}

/// The flags that every command has.
fn flags(command: &Command) -> Vec<(String, String)> {
    let mut rows: Vec<_> = command
        .get_arguments()
        .filter_map(|arg| {
            let long = arg.get_long()?;
            let takes = arg.get_action().takes_values();
            let value = arg.get_value_names().filter(|_| takes).and_then(|names| names.first());
            let value = value.map(|value| format!(" <{value}>")).unwrap_or_default();
            Some((format!("--{long}{value}"), arg.get_help()?.to_string()))
        })
        .collect();
    rows.push(("-h, --help".to_owned(), "Print help, of a command too".to_owned()));
    rows.push(("-V, --version".to_owned(), "Print the version".to_owned()));
    rows
}

fn section(title: &str, rows: &[(&str, &str)]) -> Section {
    let rows = rows.iter().map(|(left, right)| ((*left).to_owned(), (*right).to_owned()));
    Section { title: title.to_owned(), rows: rows.collect() }
}

/// How a command is used.
pub(crate) fn examples(name: &str) -> &'static [&'static str] {
    EXAMPLES.iter().find(|(command, _)| *command == name).map_or(&[], |(_, lines)| lines)
}

/// How a command is used most, or the one below it.
pub(crate) fn example(name: &str, below: Option<&str>) -> Option<&'static str> {
    let is_below = |line: &&&str| below.is_some_and(|below| line.split(' ').nth(2) == Some(below));
    let examples = examples(name);
    examples.iter().find(is_below).or(examples.first()).copied()
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::args::Global;

    #[test]
    fn every_command_has_its_place_and_an_example() {
        let command = Cli::command();
        let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
        let mut names: Vec<_> = shown.map(Command::get_name).collect();
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let mut shown_how: Vec<_> = EXAMPLES.iter().map(|(name, _)| *name).collect();
        for list in [&mut names, &mut grouped, &mut shown_how] {
            list.sort_unstable();
        }
        assert_eq!(grouped, names);
        assert_eq!(shown_how, names);
    }

    #[test]
    fn the_readme_has_the_same_exit_codes() {
        let readme = include_str!("../../../README.md").replace('`', "");
        let (_, table) = readme.split_once("| exit code | means |\n|---|---|\n").unwrap();
        let table: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let ours = EXIT_CODES.iter().map(|(code, means)| format!("| {code} | {means} |"));
        assert_eq!(table, ours.collect::<Vec<_>>());
    }

    #[test]
    fn the_overview_fits_every_width() {
        let output = Output::new(&Global::default());
        for width in (40..=200).step_by(7) {
            let look = Look { width, colour: false, ..*output.look() };
            for line in overview(&Cli::command(), &look).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn every_example_can_be_typed() {
        let examples = EXAMPLES.iter().flat_map(|(_, lines)| *lines).chain(&FIRST);
        for example in examples.filter(|example| example.starts_with("snag ")) {
            let line = example.split(" > ").next().unwrap_or_default();
            // Between every other pair of quotes, blanks are of the word.
            let words = line.split('"').enumerate().flat_map(|(nth, part)| match nth % 2 {
                0 => part.split_whitespace().collect(),
                _ => vec![part],
            });
            let matches = Cli::command().try_get_matches_from(words);
            let read = matches.and_then(|matches| Cli::from_arg_matches(&matches));
            assert!(read.is_ok(), "{example}");
        }
    }
}
