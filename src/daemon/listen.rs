//! Where the daemon listens.

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use tokio::net::{TcpListener, UnixListener};

use super::paths::PORT;

/// A TCP address, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Listen {
    /// The unix socket only.
    None,
    /// An address; port 0 lets the kernel choose.
    Tcp(SocketAddr),
}

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address to listen on: write it like 127.0.0.1:7624, or `none`")]
pub struct ListenError(String);

impl Listen {
    /// Loopback, on the default port.
    #[must_use]
    pub fn default_address() -> Self {
        Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)))
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            _ => text.parse().map(Self::Tcp).map_err(|_| ListenError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = ListenError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

/// Binds TCP. On the default address a port that is taken is no error: another user's daemon has
/// it, and the unix socket is there all the same.
pub(super) async fn bind_tcp(said: Option<Listen>) -> io::Result<Option<TcpListener>> {
    let address = match said.unwrap_or(Listen::default_address()) {
        Listen::None => return Ok(None),
        Listen::Tcp(address) => address,
    };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if said.is_none() && error.kind() == io::ErrorKind::AddrInUse => {
            tracing::warn!(%address, "the port is taken, so there is no TCP: say another with `--listen`, or `--listen none`");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Binds the unix socket, and removes one that a daemon left behind when it was killed.
///
/// Everybody on this machine may connect: the kernel tells who they are.
pub(super) fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}
