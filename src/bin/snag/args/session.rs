//! What can be said of a session: how it begins, what is met, how it ends.

use clap::{Args, Subcommand, ValueEnum};
use snag::event::{Kind, Word};

use super::{Later, Told};

/// What happens in a session.
#[derive(Subcommand)]
pub(crate) enum SessionStep {
    /// Set out to do something
    Start(Later<StartSession>),
    /// Say what you met; a step without feeling, outcome or kind is one that just worked
    Note(Later<Step>),
    /// End it, and say what was good and what was not
    End(Later<EndSession>),
}

/// How a session begins.
#[derive(Args)]
pub(crate) struct StartSession {
    /// What you set out to do: "buy as a new customer"
    pub(crate) task: String,
    /// Where you begin; it holds until a step says another
    #[arg(long)]
    pub(crate) place: Option<String>,
    /// The product's version
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// Whom it happens to [default: you]
    #[arg(long, env = "SNAG_PERSON")]
    pub(crate) person: Option<String>,
}

/// A step of a session.
#[derive(Args, Default)]
pub(crate) struct Step {
    /// What happened, in your own words
    pub(crate) note: String,
    /// Where you are now
    #[arg(long)]
    pub(crate) place: Option<String>,
    #[command(flatten)]
    pub(crate) told: Told,
}

impl Step {
    /// A step of which nothing is known but its kind and words.
    pub(crate) fn of(kind: Kind, note: String) -> Self {
        let told = Told { kind: Some(kind.word().to_owned()), ..Told::default() };
        Self { note, place: None, told }
    }
}

/// How a session ends.
#[derive(Args)]
pub(crate) struct EndSession {
    /// What was good; may be said again
    #[arg(long, value_name = "TEXT")]
    pub(crate) pro: Vec<String>,
    /// What was not; may be said again
    #[arg(long, value_name = "TEXT")]
    pub(crate) con: Vec<String>,
    /// Print the log as md, to paste or to import elsewhere
    #[arg(long, value_name = "FORM")]
    pub(crate) export: Option<Document>,
}

/// Forms a log can be printed in.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Document {
    /// Markdown.
    Md,
}
