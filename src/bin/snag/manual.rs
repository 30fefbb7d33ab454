//! `snag man`: the man pages, one for each command and for each below it, out of the words that the help
//! has.

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};

use crate::args::Cli;
use crate::help::{EXIT_CODES, FILES, FIRST, VARIABLES, examples};
use crate::man::{Body, Extra, page};
use crate::output::Output;

/// The chapter of programs.
const CHAPTER: &str = "1";
const MORE: &str = "\
Everything said here about one command stands in a page of its own, like snag-log(1), and in the \
command's --help. Places are paths through the product, like web/checkout/pay: a ranking takes \
what is filed below a place into account.";

/// Writes a page for each command into a directory, or prints that of snag itself.
pub(crate) fn man(dir: Option<&Path>, output: &Output) -> anyhow::Result<()> {
    let mut root = Cli::command().subcommand_value_name("COMMAND");
    root.build();
    let overview = overview(&root)?;
    let Some(dir) = dir else { return output.line(&String::from_utf8_lossy(&overview)) };
    fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    write(dir, "snag", &overview)?;
    for command in shown(&root) {
        let lines = examples(command.get_name());
        write(dir, name(command), &of(command, lines)?)?;
        for below in shown(command) {
            write(dir, name(below), &of(below, lines)?)?;
        }
    }
    Ok(())
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

/// A built command's, with those above it.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn write(dir: &Path, name: &str, page: &[u8]) -> anyhow::Result<()> {
    let path = dir.join(format!("{name}.{CHAPTER}"));
    fs::write(&path, page).with_context(|| format!("{} cannot be written", path.display()))
}

fn overview(root: &Command) -> anyhow::Result<Vec<u8>> {
    let extras = [
        Extra { title: "COMMANDS", body: Body::commands(root, own_page) },
        Extra { title: "MORE", body: Body::Text(MORE) },
        Extra { title: "EXAMPLES", body: Body::Lines(&FIRST) },
        Extra { title: "EXIT STATUS", body: Body::list(EXIT_CODES) },
        Extra { title: "ENVIRONMENT", body: Body::list(VARIABLES) },
        Extra { title: "FILES", body: Body::list(FILES) },
        Extra { title: "SEE ALSO", body: Body::Text("snagd(8)") },
    ];
    Ok(page(root, CHAPTER, &extras)?)
}

fn own_page(command: &Command) -> String {
    format!("{}({CHAPTER})", name(command))
}

fn of(command: &Command, examples: &[&str]) -> anyhow::Result<Vec<u8>> {
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let notes: Vec<_> = notes.lines().collect();
    let mut extras = Vec::new();
    if command.has_subcommands() {
        extras.push(Extra { title: "COMMANDS", body: Body::commands(command, own_page) });
    }
    if !notes.is_empty() {
        extras.push(Extra { title: "NOTES", body: Body::Lines(&notes) });
    }
    extras.push(Extra { title: "EXAMPLES", body: Body::Lines(examples) });
    let see = Body::Text("snag(1) for exit status, environment and files");
    extras.push(Extra { title: "SEE ALSO", body: see });
    Ok(page(command, CHAPTER, &extras)?)
}
