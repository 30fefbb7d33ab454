//! What can be said on the command line, with the help people read.

mod dsn;
mod forget;
mod later;
mod run;
mod service;
mod session;
mod signals;
mod told;

use std::path::PathBuf;

use clap::{Args, ColorChoice, Parser, Subcommand, ValueHint};
use snag::client::Target;

use crate::complete::Shell;

pub(crate) use dsn::Dsn;
pub(crate) use forget::Forget;
pub(crate) use later::Later;
use run::HOOK;
pub(crate) use run::Run;
use service::SERVICE;
pub(crate) use service::{Deed, Service};
pub(crate) use session::{EndSession, SessionStep, StartSession, Step};
pub(crate) use signals::{Decide, RuleAt, Said, Signals};
pub(crate) use told::Told;

/// Records the friction you meet while using your own product, and says which places hurt most
#[derive(Parser)]
#[command(name = "snag", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) act: Option<Act>,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command takes.
#[derive(Args, Default)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The snagd to talk to: unix:PATH or http://HOST:PORT [default: `SNAG_URL`, else your socket, then the system's]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<Target>,
    #[command(flatten)]
    pub(crate) formats: Formats,
    /// Show exact times (UTC) instead of ages like "2 days ago"
    #[arg(long, global = true)]
    pub(crate) utc: bool,
    /// When to use colour: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: ColorChoice,
}

/// What data is printed as; one of them, or text.
#[derive(Args, Default)]
pub(crate) struct Formats {
    /// Print JSON instead of text (events: one a line)
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print CSV for a spreadsheet: hotspots, why, events
    #[arg(long, global = true)]
    pub(crate) csv: bool,
    /// Print Markdown to paste into an issue: hotspots, why, events
    #[arg(long, global = true)]
    pub(crate) markdown: bool,
}

/// What is to be done.
#[derive(Subcommand)]
pub(crate) enum Act {
    /// Run a command of your product, and notice what goes wrong
    Run(Later<Run>),
    #[command(flatten)]
    Command(Command),
}

/// What snag can do itself.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Record a friction you met; with nothing said on a terminal, it asks
    Log(Later<Log>),
    /// Take back what you logged last, or the event of an id, within the hour
    Undo {
        /// The event; its last digits are enough
        id: Option<String>,
    },
    /// Say that it happened to you too
    MeToo(Later<MeToo>),
    /// Keep a friction log while you walk through a task; alone, it shows the one that runs
    Session {
        #[command(subcommand)]
        step: Option<SessionStep>,
    },
    /// Print the hook by which your shell notices the commands you watch
    #[command(after_help = HOOK)]
    Hook {
        /// The shell: bash, zsh or fish
        #[arg(hide_possible_values = true)]
        shell: Shell,
    },
    /// Rank the places that hurt most
    Hotspots(Later<Hotspots>),
    /// Explain a place's rank, term by term
    Why(Later<Why>),
    /// Tell who used what, who said something, and what nobody touched
    Coverage(Later<Coverage>),
    /// Decide about what was noticed without anybody saying so
    #[command(args_conflicts_with_subcommands = true)]
    Signals(Later<Signals>),
    /// Show one event
    Show {
        /// The event; its last digits are enough
        id: String,
        /// Show it as it is stored
        #[arg(long)]
        raw: bool,
    },
    /// List events, the newest first
    Events(Later<Events>),
    /// Show events as they come
    Tail(Later<Tail>),
    /// Look at the page in a browser: prints a link that lets it in, once
    Open,
    /// Print every event as NDJSON, the oldest first
    ///
    /// That is what `snag import` records, and what was decided about a signal goes with it. Rules
    /// that were muted are no events: `snag backup` has them too. Where snagd's journal has lost
    /// events, what is left is printed, and the exit code is 65.
    Export(Later<Filter>),
    /// Record events from NDJSON, CSV or a friction log; the same file twice changes nothing
    ///
    /// NDJSON is what `snag export` prints, one event a line. Only the user that snagd runs as (or root)
    /// can name others: whatever somebody else imports counts as theirs. The first line of a CSV names its
    /// columns: the fields of an event, like place, person, note, severity and at, and tags.NAME
    /// for what is free. Commas, semicolons and tabs are told apart. `at` is a day, or an instant
    /// with its zone. Severities of other trackers are understood: low to critical, S4 to S1,
    /// P3 to P0, green to red.
    ///
    /// A friction log is Markdown, as `snag session end --export md` prints it or as you write it:
    /// "- Place: web/checkout" under "## Context", a list under "## Steps", others under "## Pros"
    /// and "## Cons".
    Import {
        /// The file, or - for stdin
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Take out for ever what was recorded of a person, at a place, or one event
    Forget(Later<Forget>),
    /// Copy everything that was recorded to another place, while snagd runs or not
    ///
    /// Into a directory goes only what is not there yet; an archive is written anew each time. What
    /// was acknowledged before is in it. What was forgotten is in it no more. The configuration, the
    /// token and files that wait in the drop directory are no part of it. Of a damaged journal, what is
    /// left is copied, and the exit code is 65.
    Backup(Later<Backup>),
    /// Put a backup into an empty state directory
    ///
    /// snagd must not run on it, and builds its index at the next start, and a token.
    Restore(Later<Restore>),
    /// Make a key for Sentry SDKs, and say the one line that each language needs
    Dsn(Later<Dsn>),
    /// Make a key for web pages, and say the one line that goes into them
    Snippet {
        /// Whatever comes in by it lies below this place; web if absent
        place: Option<String>,
    },
    /// Show how snagd is
    Status,
    /// Have systemd run snagd: install, status or uninstall
    #[command(after_help = SERVICE)]
    Service(Later<Service>),
    /// Find out what is wrong with snag on this machine, and what to do about it
    Doctor,
    /// Run a snagd of its own on a month of a made-up team, to look around in
    Demo(Later<Demo>),
    /// Print completions for a shell, of places, people and versions too
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell: bash, zsh or fish
        #[arg(hide_possible_values = true)]
        shell: Shell,
    },
    /// Write the man pages, for whoever packages snag; without a directory, print snag(1)
    #[command(hide = true)]
    Man {
        /// Where to
        #[arg(value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Show help: on a command, on exit-codes, or on environment
    Help {
        /// A command, and one below it, or a topic
        #[arg(num_args = 0..=2)]
        topic: Vec<String>,
    },
}

impl Command {
    /// Whether it asks a daemon, and may wait for what is older than the question.
    pub(crate) fn asks(&self) -> bool {
        // Recording waits for nobody, and taking back comes before sending.
        let sends_itself = matches!(self, Self::Log(_) | Self::Undo { .. } | Self::Session { .. });
        let asks_nobody = matches!(
            self,
            Self::Backup(_)
                | Self::Restore(_)
                | Self::Hook { .. }
                | Self::Demo(_)
                | Self::Service(_)
                | Self::Completions { .. }
                | Self::Man { .. }
                | Self::Help { .. }
        );
        !sends_itself && !asks_nobody
    }
}

const COMPLETIONS: &str = "\
Once, in the shell you use:
  bash  snag completions bash > ~/.local/share/bash-completion/completions/snag
  zsh   snag completions zsh > \"${fpath[1]}/_snag\"
  fish  snag completions fish > ~/.config/fish/completions/snag.fish
or, in the file it reads at its start:
  eval \"$(snag completions bash)\"";

/// A friction, as it is told.
#[derive(Args, Default)]
pub(crate) struct Log {
    /// Where it happened: a path through the product, like web/checkout/pay
    pub(crate) place: Option<String>,
    /// What happened, in your own words; - reads it from stdin
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) told: Told,
    /// The product's version
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// What you were about to do: "buy as a new customer"
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Something more to find it by; may be said up to 16 times
    #[arg(long = "tag", value_name = "K=V")]
    pub(crate) tags: Vec<String>,
    /// When it happened: 2026-11-20T14:30:00+01:00, yesterday, or how long ago: 2h [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Whom it happened to [default: you]
    #[arg(long, env = "SNAG_PERSON")]
    pub(crate) person: Option<String>,
    /// An agent met it, not a human: counted apart
    #[arg(long)]
    pub(crate) agent: bool,
}

/// What a me-too takes.
#[derive(Args)]
pub(crate) struct MeToo {
    /// An event (its last digits are enough), or a place: then the latest that was met right there
    #[arg(value_name = "ID|PLACE")]
    pub(crate) of: String,
    /// What you want to add, in your own words
    pub(crate) note: Option<String>,
    /// Whom it happened to [default: you]
    #[arg(long, env = "SNAG_PERSON")]
    pub(crate) person: Option<String>,
}

/// The days and people a question is about.
#[derive(Args, Clone, Default)]
pub(crate) struct Asked {
    /// From when on: 28d, 4w, yesterday or 2026-11-01 [rankings: 28d unless said]
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Up to when, included: yesterday or 2026-11-20 [rankings: today unless said]
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    #[command(flatten)]
    pub(crate) about: About,
}

/// What a question is about, whatever its days.
#[derive(Args, Clone, Default)]
pub(crate) struct About {
    /// Only this place and what lies below it
    #[arg(long, value_name = "PLACE", alias = "place")]
    pub(crate) under: Option<String>,
    /// Only this kind of friction
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only this version of the product
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// Only what happened to this person
    #[arg(long)]
    pub(crate) person: Option<String>,
    /// human or agent [rankings: human unless said]
    #[arg(long)]
    pub(crate) actor: Option<String>,
}

/// What hotspots takes.
#[derive(Args, Default)]
pub(crate) struct Hotspots {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Rank by place, person, version or kind [default: place]
    #[arg(long)]
    pub(crate) by: Option<String>,
    /// Only what people said, or only what was noticed: report or signal [default: both]
    #[arg(long)]
    pub(crate) class: Option<String>,
    /// Sort by pain, people, signals, trend, outcome, rate, last or name [default: pain]
    #[arg(long, value_name = "FIGURE")]
    pub(crate) sort: Option<String>,
    /// Show so many rows [default: 20]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) top: Option<String>,
    /// Every place on its own, nothing folded
    #[arg(long, conflicts_with = "depth")]
    pub(crate) flat: bool,
    /// Roll places up to their first N segments
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<String>,
    /// Exit with 1 if any row shown to you has more pain than this
    #[arg(long, value_name = "PAIN", value_parser = pain, conflicts_with = "sort")]
    pub(crate) fail_over: Option<u64>,
}

fn pain(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no pain: write a whole number, like 60"))
}

/// What why takes.
#[derive(Args)]
pub(crate) struct Why {
    /// The place
    pub(crate) place: String,
    /// Only what people said, or only what was noticed: report or signal [default: both]
    #[arg(long)]
    pub(crate) class: Option<String>,
    #[command(flatten)]
    pub(crate) asked: Asked,
}

/// What coverage takes.
#[derive(Args)]
pub(crate) struct Coverage {
    /// From when on: 14d, 4w, yesterday or 2026-11-01 [default: 14d]
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Up to when, included: yesterday or 2026-11-20 [default: today]
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// Only this place and what lies below it
    #[arg(long, value_name = "PLACE", alias = "place")]
    pub(crate) under: Option<String>,
    /// human or agent [default: human]
    #[arg(long)]
    pub(crate) actor: Option<String>,
}

/// Which events.
#[derive(Args, Clone, Default)]
pub(crate) struct Filter {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// report, signal or use [default: all]
    #[arg(long)]
    pub(crate) class: Option<String>,
}

/// What events takes.
#[derive(Args)]
pub(crate) struct Events {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// List so many
    #[arg(short = 'n', long, value_name = "N", default_value = "50")]
    pub(crate) limit: String,
    /// Go on where another list ended
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

/// What tail takes.
#[derive(Args)]
pub(crate) struct Tail {
    /// Show so many of the last events first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(..=1000))]
    pub(crate) last: u16,
    #[command(flatten)]
    pub(crate) about: About,
    /// report, signal or use [default: all]
    #[arg(long)]
    pub(crate) class: Option<String>,
}

/// What backup takes.
#[derive(Args)]
pub(crate) struct Backup {
    /// A directory, a file that ends in .tar, or - for stdout (with --verify, for stdin)
    #[arg(value_name = "DIR|FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) to: PathBuf,
    /// Read a backup whole instead, and say what is wrong with it; exit with 1 if anything is
    #[arg(long)]
    pub(crate) verify: bool,
    /// The state directory to copy [default: that of the snagd that answers]
    #[arg(long, value_name = "DIR", env = "SNAGD_STATE_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
}

/// What restore takes.
#[derive(Args)]
pub(crate) struct Restore {
    /// The backup: its directory, its file, or - for stdin
    #[arg(value_name = "DIR|FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) from: PathBuf,
    /// Where to [default: `$XDG_STATE_HOME/snag`; the system's snagd has /var/lib/snag]
    #[arg(long, value_name = "DIR", env = "SNAGD_STATE_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) state_dir: Option<PathBuf>,
    /// Where the backup is damaged: restore the rest; exit with 1 then
    #[arg(long)]
    pub(crate) lose_damaged: bool,
}

/// What demo takes.
#[derive(Args)]
pub(crate) struct Demo {
    /// Keep its data here [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}
