//! Man pages, made of the words that the help has; both programs make theirs with it.

use std::{env, io};

use clap::Command;
use clap_mangen::Man;
use jiff::Timestamp;
use roff::{Roff, bold, roman};
use snag::doors::today;
use snag::event::Day;

/// A section that the arguments do not know of.
pub(crate) struct Extra<'a> {
    /// Its title, in capitals.
    pub(crate) title: &'a str,
    /// What it holds.
    pub(crate) body: Body<'a>,
}

/// What a section holds.
pub(crate) enum Body<'a> {
    /// Words and what they mean.
    List(Vec<(String, String)>),
    /// Lines to type.
    Lines(&'a [&'a str]),
    /// Text.
    Text(&'a str),
}

impl Body<'_> {
    /// Words and what they mean.
    pub(crate) fn list(rows: &[(&str, &str)]) -> Self {
        let rows = rows.iter().map(|(word, meaning)| ((*word).to_owned(), (*meaning).to_owned()));
        Self::List(rows.collect())
    }

    /// The commands of a program, each under the name that `name` gives it.
    pub(crate) fn commands(program: &Command, name: impl Fn(&Command) -> String) -> Self {
        let shown = program.get_subcommands().filter(|command| !command.is_hide_set());
        let about = |command: &Command| command.get_about().map(ToString::to_string);
        Self::List(shown.map(|shown| (name(shown), about(shown).unwrap_or_default())).collect())
    }
}

/// The page of a command, which has to be built.
pub(crate) fn page(command: &Command, chapter: &str, extras: &[Extra<'_>]) -> io::Result<Vec<u8>> {
    let program = concat!("snag ", env!("CARGO_PKG_VERSION"));
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let man = Man::new(command.clone()).title(name.to_uppercase()).section(chapter);
    let man = man.date(date()).source(program).manual("snag");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for Extra { title, body } in extras {
        section(title, body).to_writer(&mut page)?;
    }
    // An empty line between line breaks is what man has a request for.
    Ok(String::from_utf8_lossy(&page).replace("\n.br\n\n.br\n", "\n.sp\n").into_bytes())
}

/// The day a page is made, or the one that a reproducible build names.
fn date() -> String {
    let epoch = env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let at = epoch.and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map_or_else(today, Day::of).to_string()
}

fn section(title: &str, body: &Body<'_>) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    match body {
        Body::List(rows) => {
            for (word, meaning) in rows {
                roff.control("TP", []).text([bold(word)]).text([roman(meaning)]);
            }
        }
        Body::Lines(lines) => {
            roff.control("nf", []);
            for line in *lines {
                roff.text([roman(*line)]);
            }
            roff.control("fi", []);
        }
        Body::Text(text) => {
            roff.text([roman(*text)]);
        }
    }
    roff
}
