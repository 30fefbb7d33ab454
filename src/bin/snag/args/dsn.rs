//! What `snag dsn` takes.

use clap::Args;

/// What dsn takes.
#[derive(Args)]
pub(crate) struct Dsn {
    /// Whatever comes in by it lies below this place, like web
    #[arg(group = "what")]
    pub(crate) place: Option<String>,
    /// List the keys that are good, by number
    #[arg(long, group = "what")]
    pub(crate) list: bool,
    /// Make a key good for nothing
    #[arg(long, value_name = "NUMBER", group = "what")]
    pub(crate) revoke: Option<u32>,
}
