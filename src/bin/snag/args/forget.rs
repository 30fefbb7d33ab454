//! What `snag forget` takes.

use clap::Args;

/// What forget takes.
#[derive(Args)]
pub(crate) struct Forget {
    /// Everything that happened to this person, or was told in their name
    #[arg(long, value_name = "NAME", group = "what")]
    pub(crate) person: Option<String>,
    /// Everything at this place and below it
    #[arg(long, value_name = "PLACE", group = "what")]
    pub(crate) place: Option<String>,
    /// One event; its last digits are enough
    #[arg(long, value_name = "ID", group = "what")]
    pub(crate) id: Option<String>,
    /// Only say what that would be
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Where the journal is damaged: let what cannot be read of it go as well
    #[arg(long)]
    pub(crate) lose_damaged: bool,
}
