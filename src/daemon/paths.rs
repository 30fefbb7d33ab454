//! Where things lie, unless said otherwise: the XDG base directories, and the system's.

use std::env;
use std::path::{Path, PathBuf};

/// The default port.
pub(super) const PORT: u16 = 7624;
/// The system daemon's socket.
pub const SYSTEM_SOCKET: &str = "/run/snag/snag.sock";
/// The system daemon's state directory.
pub const SYSTEM_STATE_DIR: &str = "/var/lib/snag";
/// The system daemon's drop directory.
pub const SYSTEM_DROP_DIR: &str = "/var/spool/snag";

/// The places of one daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Journal, index, token.
    pub state_dir: PathBuf,
    /// The unix socket.
    pub socket: PathBuf,
    /// Where files are dropped.
    pub drop_dir: PathBuf,
}

impl Paths {
    /// A user's own daemon: state in `$XDG_STATE_HOME/snag`, the socket in `$XDG_RUNTIME_DIR`, or
    /// beside the state where there is none. None without a home directory.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        let state_home = absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
        let paths = Self::in_state_dir(&state_home.join("snag"));
        match absolute("XDG_RUNTIME_DIR") {
            Some(runtime) => Some(Self { socket: runtime.join("snag.sock"), ..paths }),
            None => Some(paths),
        }
    }

    /// Everything in one directory.
    #[must_use]
    pub fn in_state_dir(state_dir: &Path) -> Self {
        Self {
            state_dir: state_dir.to_owned(),
            socket: state_dir.join("snag.sock"),
            drop_dir: state_dir.join("drop"),
        }
    }

    /// The token file.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.state_dir.join("token")
    }

    /// The file of keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.state_dir.join("keys")
    }

    /// The user's configuration file.
    #[must_use]
    pub fn user_config() -> Option<PathBuf> {
        let config_home = absolute("XDG_CONFIG_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
        Some(config_home.join("snag/snagd.toml"))
    }
}

/// A variable that names an absolute path; others are to be ignored, says the XDG specification.
fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
