//! Listeners that systemd made and handed over.
//!
//! systemd keeps them open while the daemon is away, so that the kernel queues whoever connects
//! meanwhile. They are used instead of what the configuration says, and their files are systemd's.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use listenfd::ListenFd;

use super::config::Config;
use super::listen::Listen;

/// What was handed over; nothing, most of the time.
#[derive(Debug, Default)]
pub struct Inherited {
    pub(super) unix: Vec<(PathBuf, UnixListener)>,
    pub(super) tcp: Vec<(SocketAddr, TcpListener)>,
}

/// Something was handed over that nobody can connect to.
#[derive(Debug, thiserror::Error)]
#[error(
    "socket {nth} of those handed over (LISTEN_FDS) is of no use: in the socket unit, write `ListenStream=` with a path or an address, and no `Accept=yes`"
)]
pub struct InheritError {
    /// Which one, from 1.
    nth: usize,
    /// Why.
    #[source]
    source: io::Error,
}

impl Inherited {
    /// Takes what the environment says was handed over, and clears the variables that say so: to be
    /// called before any thread is started.
    pub fn take() -> Result<Self, InheritError> {
        let mut handed = ListenFd::from_env();
        let mut inherited = Self::default();
        for nth in 0..handed.len() {
            let taken = inherited.sort(&mut handed, nth);
            taken.map_err(|source| InheritError { nth: nth + 1, source })?;
        }
        Ok(inherited)
    }

    /// The same once more, for a daemon that is opened again: the sockets stay open meanwhile.
    pub fn try_clone(&self) -> io::Result<Self> {
        let unix = self.unix.iter().map(|(path, it)| Ok((path.clone(), it.try_clone()?)));
        let tcp = self.tcp.iter().map(|(address, it)| Ok((*address, it.try_clone()?)));
        Ok(Self { unix: unix.collect::<io::Result<_>>()?, tcp: tcp.collect::<io::Result<_>>()? })
    }

    fn sort(&mut self, handed: &mut ListenFd, nth: usize) -> io::Result<()> {
        // One that is of the other family is left in place.
        if let Ok(Some(unix)) = handed.take_unix_listener(nth) {
            check(&unix)?;
            unix.set_nonblocking(true)?;
            let address = unix.local_addr()?;
            let path = address.as_pathname().map(PathBuf::from);
            // One without a file is named as the kernel has it.
            self.unix.push((path.unwrap_or_else(|| format!("{address:?}").into()), unix));
        } else if let Some(tcp) = handed.take_tcp_listener(nth)? {
            check(&tcp)?;
            tcp.set_nonblocking(true)?;
            self.tcp.push((tcp.local_addr()?, tcp));
        }
        Ok(())
    }

    /// What was said about listening and is not what was handed over, in words.
    pub(super) fn contradictions(&self, said: &Config) -> Vec<String> {
        let socket = said.socket.as_ref().map(|path| path.display().to_string());
        let paths = self.unix.iter().map(|(path, _)| path.display().to_string());
        let listen = said.listen.as_ref().map(Listen::to_string);
        let addresses = self.tcp.iter().map(|(address, _)| address.to_string());
        let both = [
            contradiction("socket", socket, &paths.collect::<Vec<_>>()),
            contradiction("listen", listen, &addresses.collect::<Vec<_>>()),
        ];
        both.into_iter().flatten().collect()
    }
}

fn contradiction(key: &str, said: Option<String>, handed: &[String]) -> Option<String> {
    let said = said.filter(|said| !handed.is_empty() && !handed.contains(said))?;
    let handed = handed.join(" and ");
    Some(format!(
        "`{key}` is {said}, and systemd handed over {handed}, which is used: change `ListenStream=` in the socket unit instead"
    ))
}

/// Whether connections can be accepted from it.
fn check(socket: &impl AsFd) -> io::Result<()> {
    if rustix::net::sockopt::socket_acceptconn(socket)? {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it does not listen"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_otherwise_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snag.sock");
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let unix = vec![(path.clone(), UnixListener::bind(&path).unwrap())];
        let inherited = Inherited { unix, tcp: vec![(address, tcp)] };

        let said = |socket: Option<PathBuf>, listen| {
            inherited.contradictions(&Config { socket, listen, ..Config::default() })
        };
        assert_eq!(said(None, None), [""; 0]);
        assert_eq!(said(Some(path.clone()), Some(Listen::Tcp(address))), [""; 0]);
        let told = said(Some("/other".into()), Some(Listen::None));
        let (socket, listen) = (&told[0], &told[1]);
        assert!(socket.starts_with("`socket` is /other, and systemd handed over "), "{socket}");
        assert!(socket.contains(&path.display().to_string()), "{socket}");
        assert!(listen.starts_with("`listen` is none, and systemd handed over 127."), "{listen}");
        assert!(listen.ends_with("`ListenStream=` in the socket unit instead"), "{listen}");
    }

    #[test]
    fn what_is_said_stands_where_nothing_was_handed_over() {
        let said = Config {
            socket: Some("/a".into()),
            listen: Some(Listen::default_address()),
            ..Config::default()
        };
        assert_eq!(Inherited::default().contradictions(&said), [""; 0]);
    }
}
