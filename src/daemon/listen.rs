//! Where the daemon listens.

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use tokio::net::{TcpListener, UnixListener};

use super::inherit::Inherited;
use super::open::OpenError;
use super::paths::PORT;
use super::settings::Settings;
use crate::doors::http::Listener;

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

/// Where the daemon listens.
#[derive(Default)]
pub(super) struct Listening {
    pub(super) listeners: Vec<Listener>,
    /// The same, as URLs that `snag --url` takes.
    pub(super) urls: Vec<String>,
    pub(super) addresses: Vec<SocketAddr>,
    /// The socket file that is ours to remove.
    pub(super) own_socket: Option<OwnSocket>,
}

/// A socket file that a daemon made.
#[derive(Debug)]
pub(super) struct OwnSocket {
    path: PathBuf,
    made: Made,
}

/// The device, the number there, and when: numbers are given again.
type Made = (u64, u64, (i64, i64));

impl OwnSocket {
    /// The one that is there now.
    fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), made: made(path)? })
    }

    /// Removes it, unless another daemon listens there by now. One that is left behind would answer
    /// nobody.
    pub(super) fn remove(self) {
        if made(&self.path).is_ok_and(|made| made == self.made) {
            // Who starts next removes it as well.
            let _ = fs::remove_file(self.path);
        }
    }
}

fn made(path: &Path) -> io::Result<Made> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino(), (found.mtime(), found.mtime_nsec())))
}

/// Takes the listeners that were handed over; of a kind that was not, binds what is said.
pub(super) async fn listen(
    settings: &Settings,
    inherited: Inherited,
) -> Result<Listening, OpenError> {
    let mut listening = Listening::default();
    for contradiction in inherited.contradictions(&settings.said) {
        tracing::warn!("{contradiction}");
    }
    if inherited.unix.is_empty() {
        let path = &settings.paths.socket;
        let unix = bind_unix(path).map_err(refused("--socket", path.display()))?;
        listening.add_unix(path, unix);
        listening.own_socket = OwnSocket::at(path).ok();
    }
    for (path, unix) in inherited.unix {
        let unix = UnixListener::from_std(unix).map_err(refused("--socket", path.display()))?;
        listening.add_unix(&path, unix);
    }
    if inherited.tcp.is_empty() {
        let address = settings.said.listen.unwrap_or(Listen::default_address());
        let tcp = bind_tcp(settings.said.listen).await.map_err(refused("--listen", address))?;
        if let Some((address, tcp)) = tcp {
            listening.add_tcp(address, tcp);
        }
    }
    for (address, tcp) in inherited.tcp {
        let tcp = TcpListener::from_std(tcp).map_err(refused("--listen", address))?;
        listening.add_tcp(address, tcp);
    }
    Ok(listening)
}

impl Listening {
    fn add_unix(&mut self, path: &Path, listener: UnixListener) {
        self.urls.push(format!("unix:{}", path.display()));
        self.listeners.push(Listener::Unix(listener));
    }

    fn add_tcp(&mut self, address: SocketAddr, listener: TcpListener) {
        self.urls.push(format!("http://{address}"));
        self.listeners.push(Listener::Tcp(listener));
        self.addresses.push(address);
    }
}

fn refused(flag: &'static str, address: impl ToString) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Listen { address: address.to_string(), flag, source }
}

/// Binds TCP. On the default address a port that is taken is no error: another user's daemon has
/// it, and the unix socket is there all the same.
async fn bind_tcp(said: Option<Listen>) -> io::Result<Option<(SocketAddr, TcpListener)>> {
    let address = match said.unwrap_or(Listen::default_address()) {
        Listen::None => return Ok(None),
        Listen::Tcp(address) => address,
    };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some((listener.local_addr()?, listener))),
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
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err() {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_its_own_socket_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snag.sock");
        let first = bind_unix(&path).unwrap();
        let firsts = OwnSocket::at(&path).unwrap();
        // It listens no more, and has yet to write the rest.
        drop(first);
        let second = bind_unix(&path).unwrap();
        firsts.remove();
        assert!(path.exists(), "the second listens there");
        let seconds = OwnSocket::at(&path).unwrap();
        drop(second);
        seconds.remove();
        assert!(!path.exists());
    }
}
