//! What can be decided about signals.

use clap::{Args, Subcommand};

use super::Asked;

/// What signals takes.
#[derive(Args)]
pub(crate) struct Signals {
    #[command(subcommand)]
    pub(crate) decide: Option<Decide>,
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Show so many groups [default: 20]
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<String>,
}

/// What can be decided about signals.
#[derive(Subcommand)]
pub(crate) enum Decide {
    /// It was friction: it counts as a report of the person it happened to
    Confirm(Said),
    /// It was none: it has no points
    Dismiss(Said),
    /// Undo a decision
    Reopen(Said),
    /// What a rule notices at a place is no friction there, now and before
    Mute(RuleAt),
    /// Hear a muted rule again, with all it noticed meanwhile
    Unmute(RuleAt),
}

/// Signals, and what is to be said about them.
#[derive(Args)]
pub(crate) struct Said {
    /// The signals; their last digits are enough
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// What happened, in your own words
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Impact: cosmetic, minor, major, blocker [default: the signal's own]
    #[arg(long)]
    pub(crate) severity: Option<String>,
}

/// A rule at a place.
#[derive(Args)]
pub(crate) struct RuleAt {
    /// The place, and no place below it
    pub(crate) place: String,
    /// The signal: rage-click, dead-click, error-click, rerun, help-after-error, interrupted-wait, crash, failure, undo
    pub(crate) signal: String,
}
