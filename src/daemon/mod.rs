//! The whole: configuration, listeners, life and death.
//!
//! [`Daemon::open`] does everything that can fail, [`Daemon::run`] runs until told to stop. The
//! first part that ends for any reason stops the rest, so that a dead part takes the daemon down
//! and its supervisor starts it again, instead of a daemon that answers 503 for ever.

mod beside;
mod config;
mod forget;
mod inherit;
mod listen;
mod open;
mod owner;
mod paths;
mod pulse;
mod recover;
mod reload;
mod restore;
mod retain;
mod rule;
mod run;
mod settings;
pub mod systemd;
mod verify;
mod watch;

pub use config::{Config, ConfigError, KEYS};
pub use inherit::{InheritError, Inherited};
pub use listen::Listen;
pub use open::{Daemon, OpenError};
pub use paths::{Paths, SYSTEM_DROP_DIR, SYSTEM_SOCKET, SYSTEM_STATE_DIR};
pub use recover::{Repaired, repair};
pub use restore::{Damaged, RestoreError, restore};
pub use retain::{Age, RetentionError, Size};
pub use rule::CommandRules;
pub use run::{Again, Ended, RunError};
pub use settings::{ConfigFile, Origin, Settings, Sources};
pub use verify::{IndexVerdict, Verdict, verify};
