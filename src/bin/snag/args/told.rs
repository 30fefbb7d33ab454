//! What can be told of a friction beside where it was and what happened, wherever it is told.

use clap::Args;

/// What stood in the way, and what the person thought, felt and did.
#[derive(Args, Default)]
pub(crate) struct Told {
    /// What stood in the way: error, no-response, slow, confusing, unexpected, missing, tedious, delight, other
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Impact: cosmetic, minor, major, blocker [default: by what you did]
    #[arg(long)]
    pub(crate) severity: Option<String>,
    /// What you felt: delighted, calm, surprised, confused, anxious, frustrated, resigned
    #[arg(long, alias = "feeling", value_name = "FEELING")]
    pub(crate) felt: Option<String>,
    /// What you did: continued, retried, worked-around, asked-for-help, abandoned, switched
    #[arg(long, alias = "outcome", value_name = "OUTCOME")]
    pub(crate) did: Option<String>,
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
