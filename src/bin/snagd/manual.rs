//! `snagd man`: snagd(8), out of the words that the help has.

use std::io::{self, Write};

use clap::{Command, CommandFactory};

use crate::args::Args;
use crate::man::{Body, Extra, page};

/// The chapter of daemons.
const CHAPTER: &str = "8";

const EXIT_CODES: [(&str, &str); 9] = [
    ("0", "stopped as told, or what was checked is as it should be"),
    ("1", "verify found something that is not as it should be"),
    ("2", "usage"),
    ("65", "a newer snagd wrote the journal, or the journal is gone"),
    ("73", "another snagd runs on the directory, or something cannot be made or listened on"),
    ("74", "the disk failed"),
    ("77", "verify or repair: the state directory is not yours to look at"),
    ("78", "the configuration, a directory, the token or the keys cannot be used as it is"),
    ("129, 130, 143", "verify: ended by a hangup, by Ctrl-C, by SIGTERM"),
];

const FILES: [(&str, &str); 6] = [
    (
        "$XDG_CONFIG_HOME/snag/snagd.toml",
        "the configuration; what it may say stands in the one that is shipped",
    ),
    ("$XDG_STATE_HOME/snag/journal", "what happened; a copy of it is a backup"),
    (
        "$XDG_STATE_HOME/snag/index",
        "what can be asked of it; made anew from the journal where it is missing",
    ),
    ("$XDG_STATE_HOME/snag/token", "the token that reading over TCP needs, mode 0600"),
    ("$XDG_STATE_HOME/snag/drop", "where files become events"),
    ("$XDG_RUNTIME_DIR/snag.sock", "the unix socket"),
];

const EXAMPLES: [&str; 4] = [
    "snagd",
    "snagd --listen none --log debug",
    "snagd check-config /etc/snag/snagd.toml",
    "snagd verify",
];

/// Prints the page.
pub(crate) fn print() -> io::Result<()> {
    let mut command = Args::command().subcommand_value_name("COMMAND");
    command.build();
    let signals = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let extras = [
        Extra {
            title: "COMMANDS",
            body: Body::commands(&command, |own| own.get_name().to_owned()),
        },
        Extra { title: "SIGNALS", body: Body::Text(&signals) },
        Extra { title: "EXAMPLES", body: Body::Lines(&EXAMPLES) },
        Extra { title: "EXIT STATUS", body: Body::list(&EXIT_CODES) },
        Extra { title: "ENVIRONMENT", body: Body::List(variables(&command)) },
        Extra { title: "FILES", body: Body::list(&FILES) },
        Extra { title: "SEE ALSO", body: Body::Text("snag(1)") },
    ];
    io::stdout().write_all(&page(&command, CHAPTER, &extras)?)
}

/// The variables that stand for flags, and those that others set.
fn variables(command: &Command) -> Vec<(String, String)> {
    let flags = command.get_arguments().filter_map(|arg| {
        let variable = arg.get_env()?.to_string_lossy().into_owned();
        Some((variable, format!("as --{}", arg.get_long()?)))
    });
    let others = [
        ("TMPDIR", "where verify builds an index to compare, which takes twice the room of that"),
        ("NOTIFY_SOCKET", "told when snagd is ready, reloads, lives and stops"),
        ("LISTEN_FDS", "sockets that were bound before snagd was started"),
    ];
    let others = others.map(|(variable, what)| (variable.to_owned(), what.to_owned()));
    flags.chain(others).collect()
}
