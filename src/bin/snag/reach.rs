//! Which daemon to talk to, with what token, and where to keep an event while it is away.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Once;
use std::time::Duration;

use rustix::fs::{Access, access};
use snag::client::{ClientError, Connection, Target};
use snag::daemon::{Paths, SYSTEM_DROP_DIR, SYSTEM_SOCKET};
use snag::doors::http::Status;
use snag::event::Draft;
use tokio::net::lookup_host;
use tokio::time::timeout;
use uuid::Uuid;

use crate::args::Global;
use crate::outbox::Outbox;
use crate::output::Output;
use crate::spool;
use crate::stop::{Code, stop};

/// Nobody is left longer in doubt whether anything happens.
const SILENCE: Duration = Duration::from_secs(1);

/// The daemons to try, the first first.
pub(crate) fn targets(url: Option<&Target>) -> Vec<Target> {
    if let Some(target) = url {
        return vec![target.clone()];
    }
    let user = Paths::of_user().map(|paths| paths.socket);
    user.into_iter().chain([PathBuf::from(SYSTEM_SOCKET)]).map(Target::Unix).collect()
}

/// A connection for posting: with a token only where `SNAG_TOKEN` says one.
pub(crate) async fn connect_to_post(url: Option<&Target>) -> Result<Connection, ClientError> {
    connect(url, false).await
}

/// A connection for reading: over TCP with `SNAG_TOKEN`, else with the token file of the user's
/// own daemon, where it is that one which listens there.
pub(crate) async fn connect_to_read(url: Option<&Target>) -> Result<Connection, ClientError> {
    connect(url, true).await
}

async fn connect(url: Option<&Target>, reads: bool) -> Result<Connection, ClientError> {
    let mut first_error = None;
    for named in targets(url) {
        let (target, token) = match said_token() {
            None if reads => match own_daemon(&named).await {
                Some((target, token)) => (target, Some(token)),
                None => (named, None),
            },
            said => (named, said),
        };
        match open(&target, token).await {
            Ok(connection) => return Ok(connection),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.unwrap_or(ClientError::Strange(Target::Unix(SYSTEM_SOCKET.into()))))
}

async fn open(target: &Target, token: Option<String>) -> Result<Connection, ClientError> {
    let mut opening = pin!(Connection::open(target, token));
    let mut connection = if let Ok(opened) = timeout(SILENCE, opening.as_mut()).await {
        opened?
    } else {
        tell_slow();
        opening.await?
    };
    connection.tell_when_slow(tell_slow);
    Ok(connection)
}

/// Says once that something happens: whoever tells is never kept waiting so long.
fn tell_slow() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        let output = Output::new(&Global::default());
        output.note("snagd takes its time: waiting for it, Ctrl-C gives up");
    });
}

fn said_token() -> Option<String> {
    env::var("SNAG_TOKEN").ok().filter(|token| !token.is_empty())
}

/// The address of the user's own daemon that a target means, and its token, if that daemon says, over
/// its socket, that it listens there: anybody on this machine may listen on the same port of another
/// address (`localhost` has two) and collect tokens.
async fn own_daemon(target: &Target) -> Option<(Target, String)> {
    let Target::Tcp { host, port } = target else { return None };
    let paths = Paths::of_user().filter(|_| target.is_local())?;
    let mut connection = open(&Target::Unix(paths.socket.clone()), None).await.ok()?;
    let answer = connection.get("/v1/status").await.ok()?;
    let status: Status = serde_json::from_slice(&answer.body).ok()?;
    let ours: Vec<SocketAddr> = status.listening.iter().filter_map(|url| address(url)).collect();
    let mut meant = lookup_host((host.trim_matches(['[', ']']), *port)).await.ok()?;
    let address = meant.find(|meant| ours.iter().any(|ours| takes(*ours, *meant)))?;
    let token = fs::read_to_string(paths.token()).ok()?;
    Some((format!("http://{address}").parse().ok()?, token.trim().to_owned()))
}

/// The address that a daemon's URL says.
fn address(url: &str) -> Option<SocketAddr> {
    url.strip_prefix("http://")?.trim_end_matches('/').parse().ok()
}

/// Whether what goes to an address comes to whoever listens on another: on that one, or on all of its
/// kind.
fn takes(ours: SocketAddr, meant: SocketAddr) -> bool {
    let is_all = ours.ip().is_unspecified() && ours.is_ipv4() == meant.is_ipv4();
    ours.port() == meant.port() && (ours.ip() == meant.ip() || is_all)
}

/// Whether drafts are sent with whom they are about. Over a socket or by a file the daemon knows who we
/// are; loopback TCP has to be told.
pub(crate) fn names_person(drafts: &[Draft], url: Option<&Target>) -> bool {
    drafts.iter().any(|draft| draft.has("person")) || matches!(url, Some(Target::Tcp { .. }))
}

/// Where an event waits for the daemon it is meant for.
pub(crate) enum Keep<'a> {
    /// In the drop directory of a daemon of this machine, which takes it when it is back.
    Drop(PathBuf),
    /// In the outbox, with the address it is for.
    Outbox(Outbox, &'a Target),
}

impl Keep<'_> {
    /// Leaves an event there; says in which file.
    pub(crate) fn put(&self, id: Uuid, body: &[u8]) -> io::Result<PathBuf> {
        match self {
            Self::Drop(dir) => spool::keep(dir, id, body, spool::FOR_THE_DAEMON),
            Self::Outbox(outbox, target) => outbox.keep(target, id, body),
        }
    }
}

/// Why an event that no daemon takes now could not be kept; none where it could.
pub(crate) fn keeps_nothing(url: Option<&Target>) -> Option<String> {
    let Ok(keep) = keep(url) else { return Some("there is no home directory".to_owned()) };
    let dir = match &keep {
        Keep::Drop(dir) => dir,
        Keep::Outbox(outbox, _) => outbox.dir(),
    };
    // What is missing of it is made.
    let existing = dir.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("."));
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    let takes = existing.is_dir() && access(existing, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    (!takes).then(|| format!("{} cannot be written to", existing.display()))
}

impl fmt::Display for Keep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop(dir) => dir.display().fmt(f),
            Self::Outbox(outbox, _) => outbox.fmt(f),
        }
    }
}

/// Where to keep an event.
///
/// In `SNAG_DROP`, unless it is meant for another machine. Else, for a daemon that `--url` names, in
/// the outbox: whose drop directory is whose cannot be told from a URL, unless it is that of a default
/// socket. Else in the user's drop directory, if a daemon made it; else in the system's, if there is
/// one; else in the user's, made now.
pub(crate) fn keep(url: Option<&Target>) -> anyhow::Result<Keep<'_>> {
    let said = env::var_os("SNAG_DROP").filter(|dir| !dir.is_empty());
    if let Some(dir) = said.filter(|_| url.is_none_or(Target::is_local)) {
        return Ok(Keep::Drop(dir.into()));
    }
    let user = Paths::of_user();
    let system = PathBuf::from(SYSTEM_DROP_DIR);
    let homeless = || {
        stop(
            Code::Unavailable,
            "no snagd answers and there is no home directory to keep the event in: set HOME",
        )
    };
    let Some(target) = url else {
        let user = user.map(|paths| paths.drop_dir);
        let candidates = user.iter().chain([&system]);
        let existing = candidates.into_iter().find(|dir| dir.is_dir()).cloned();
        return existing.or(user).map(Keep::Drop).ok_or_else(homeless);
    };
    let socket = match target {
        Target::Unix(path) => Some(path.as_path()),
        Target::Tcp { .. } => None,
    };
    if let Some(paths) = user.filter(|paths| socket == Some(&paths.socket)) {
        return Ok(Keep::Drop(paths.drop_dir));
    }
    if socket == Some(Path::new(SYSTEM_SOCKET)) && system.is_dir() {
        return Ok(Keep::Drop(system));
    }
    Outbox::of(target).map(|outbox| Keep::Outbox(outbox, target)).ok_or_else(homeless)
}
