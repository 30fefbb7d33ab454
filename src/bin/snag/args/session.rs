//! What can be said of a session: how it begins, what is met, how it ends.

use clap::{Args, Subcommand, ValueEnum};

/// What happens in a session.
#[derive(Subcommand)]
pub(crate) enum SessionStep {
    /// Set out to do something
    Start(StartSession),
    /// Say what you met; a step without feeling, outcome or kind is one that just worked
    Note(Step),
    /// End it, and say what was good and what was not
    End(EndSession),
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
    /// What you felt: delighted, calm, surprised, confused, anxious, frustrated, resigned
    #[arg(long, alias = "feeling", value_name = "FEELING")]
    pub(crate) felt: Option<String>,
    /// What you did: continued, retried, worked-around, asked-for-help, abandoned, switched
    #[arg(long, alias = "outcome", value_name = "OUTCOME")]
    pub(crate) did: Option<String>,
    /// What stood in the way: error, no-response, slow, confusing, unexpected, missing, tedious, delight, other
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Impact: cosmetic, minor, major, blocker [default: by what you did]
    #[arg(long)]
    pub(crate) severity: Option<String>,
    /// What you expected
    #[arg(long, value_name = "TEXT")]
    pub(crate) expected: Option<String>,
    /// What you got instead
    #[arg(long, value_name = "TEXT")]
    pub(crate) got: Option<String>,
    /// The way round it
    #[arg(long, value_name = "TEXT")]
    pub(crate) workaround: Option<String>,
    /// What it cost you, like 15m or 1h30m
    #[arg(long, value_name = "TIME")]
    pub(crate) lost: Option<String>,
}

impl Step {
    /// A step of which nothing is known but words.
    pub(crate) fn saying(note: String) -> Self {
        Self { note, ..Self::default() }
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
