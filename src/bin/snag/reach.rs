//! Which daemon to talk to, with what token, and where to leave an event when it is away.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use snag::client::{ClientError, Connection, Target};
use snag::daemon::{Paths, SYSTEM_DROP_DIR, SYSTEM_SOCKET};

use crate::stop::{Code, stop};

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
    connect(url, |_| said_token()).await
}

/// A connection for reading: over TCP with `SNAG_TOKEN`, else with the token file of the user's
/// own daemon, which is for daemons of this machine only.
pub(crate) async fn connect_to_read(url: Option<&Target>) -> Result<Connection, ClientError> {
    connect(url, |target| {
        let is_ours = matches!(target, Target::Tcp { .. }) && target.is_local();
        said_token().or_else(|| if is_ours { token_file() } else { None })
    })
    .await
}

async fn connect(
    url: Option<&Target>,
    token: impl Fn(&Target) -> Option<String>,
) -> Result<Connection, ClientError> {
    let mut first_error = None;
    for target in targets(url) {
        match Connection::open(&target, token(&target)).await {
            Ok(connection) => return Ok(connection),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.unwrap_or(ClientError::Strange(Target::Unix(SYSTEM_SOCKET.into()))))
}

fn said_token() -> Option<String> {
    env::var("SNAG_TOKEN").ok().filter(|token| !token.is_empty())
}

fn token_file() -> Option<String> {
    let token = fs::read_to_string(Paths::of_user()?.token()).ok()?;
    Some(token.trim().to_owned())
}

/// The drop directory of the daemon that events are meant for.
///
/// `SNAG_DROP`; for a daemon on another machine there is no other. Else the one beside the socket that `--url` names; else the user's, if a daemon
/// made it; else the system's, if there is one; else the user's, made now.
pub(crate) fn drop_dir(url: Option<&Target>) -> anyhow::Result<PathBuf> {
    if let Some(dir) = env::var_os("SNAG_DROP").filter(|dir| !dir.is_empty()) {
        return Ok(dir.into());
    }
    if let Some(target) = url.filter(|target| !target.is_local()) {
        // A file here would reach another daemon than the one that was meant.
        return Err(stop(
            Code::Unavailable,
            format!(
                "{target} does not answer, and nothing was recorded: say it again when it does, or name a directory to keep it in with SNAG_DROP"
            ),
        ));
    }
    if let Some(Target::Unix(socket)) = url {
        let beside = socket.with_file_name("drop");
        if beside.is_dir() {
            return Ok(beside);
        }
    }
    let user = Paths::of_user().map(|paths| paths.drop_dir);
    let candidates = user.iter().map(PathBuf::as_path).chain([Path::new(SYSTEM_DROP_DIR)]);
    if let Some(existing) = candidates.into_iter().find(|dir| dir.is_dir()) {
        return Ok(existing.to_owned());
    }
    user.ok_or_else(|| {
        stop(Code::Unavailable, "no snagd answers and there is no home directory to keep the event in: name a directory with SNAG_DROP")
    })
}
