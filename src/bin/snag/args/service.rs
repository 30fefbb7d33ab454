//! What is said of snagd as a service.

use clap::{Args, ValueEnum};

/// What becomes of what.
pub(super) const SERVICE: &str = "\
install writes the units of this version for the snagd beside this snag, enables and starts them,
and waits until it answers. What you change belongs in a drop-in (`systemctl edit
snagd.service`): an edited unit is neither overwritten nor removed. uninstall keeps what was
recorded.";

/// What service takes.
#[derive(Args)]
pub(crate) struct Service {
    /// What to do: install, status or uninstall
    #[arg(hide_possible_values = true)]
    pub(crate) deed: Deed,
    /// Your own snagd, while you are logged in [default, unless you are root]
    #[arg(long, conflicts_with = "system")]
    pub(crate) user: bool,
    /// One for everybody on this machine [default for root]
    #[arg(long)]
    pub(crate) system: bool,
}

/// What is done with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Deed {
    /// Have it run, now and at each start.
    Install,
    /// Say how it is; fails with 1 where it does not run.
    Status,
    /// Take it back.
    Uninstall,
}
