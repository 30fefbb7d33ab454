//! What `snag doctor` looks at: the daemon, the files, the environment, each as it is found.

use std::env;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use snag::client::{ClientError, Connection, Target};
use snag::daemon::{Config, Paths};
use snag::doors::http::Status;
use snag::doors::{drop, now, token};

use crate::outbox::{self, Held};
use crate::reach;
use crate::read::Page;

/// How long any one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long what is on its way has to arrive.
const PAUSE: Duration = Duration::from_millis(300);

/// Everything that the findings are made of.
#[derive(Debug)]
pub(super) struct Facts {
    /// Of this program.
    pub(super) version: String,
    /// The user who asks.
    pub(super) uid: u32,
    /// What this machine's clock says.
    pub(super) now: Timestamp,
    pub(super) asked: Asked,
    /// What lies on this machine; none for a daemon of another one.
    pub(super) files: Option<Files>,
    pub(super) outboxes: Vec<Held>,
    /// Why what no daemon takes cannot be kept either, if it cannot.
    pub(super) keeps_nothing: Option<String>,
    pub(super) config: ConfigFile,
    /// The variables whose names begin with `SNAG_`, and their values.
    pub(super) variables: Vec<(String, String)>,
}

/// What came of asking the daemon.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) target: Target,
    /// Whether somebody named it.
    pub(super) is_named: bool,
    pub(super) outcome: Outcome,
    pub(super) took: Duration,
    /// When the newest event happened.
    pub(super) newest: Option<Timestamp>,
    /// The TCP address of a daemon of this machine, and what came of asking there.
    pub(super) tcp: Option<(Target, Result<(), ClientError>)>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Answers(Box<Status>),
    /// It answers something that this version cannot read.
    Strange {
        version: Option<String>,
    },
    Fails(ClientError),
}

/// What lies on this machine.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) state_dir: (PathBuf, Found),
    /// Indexes that were damaged and set aside.
    pub(super) set_aside: usize,
    pub(super) token: (PathBuf, Found),
    /// Whether what the token file says can be one; none where it cannot be read.
    pub(super) is_token: Option<bool>,
    pub(super) socket: Option<(PathBuf, Found)>,
    pub(super) drop_dir: (PathBuf, Found),
    /// Files that wait in it, and files that were rejected.
    pub(super) dropped: (usize, usize),
}

/// A file or directory, as far as it can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Missing,
    /// It may be there.
    Unseen(io::ErrorKind),
    Here {
        mode: u32,
        uid: u32,
        kind: Kind,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Dir,
    Socket,
    Other,
}

/// The user's configuration file.
#[derive(Debug)]
pub(super) enum ConfigFile {
    Missing,
    /// The daemon does not start with it.
    Broken(String),
    /// It can be read, and may name a socket of its own.
    Fine {
        path: PathBuf,
        socket: Option<PathBuf>,
    },
}

impl Facts {
    /// Looks at everything; what does not answer in time has not answered.
    pub(super) async fn gather(url: Option<&Target>) -> Self {
        let asked = Asked::ask(url).await;
        let is_local = asked.target.is_local();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uid: rustix::process::geteuid().as_raw(),
            now: now(),
            files: if is_local { Files::look(&asked) } else { None },
            asked,
            outboxes: outbox::look(),
            keeps_nothing: reach::keeps_nothing(url),
            config: ConfigFile::look(),
            variables: variables(),
        }
    }
}

impl Asked {
    async fn ask(url: Option<&Target>) -> Self {
        let is_named = url.is_some();
        let mut first: Option<Self> = None;
        for target in reach::targets(url) {
            let asked = Self::ask_one(target, is_named).await;
            if !matches!(asked.outcome, Outcome::Fails(ClientError::Away(_))) {
                return asked;
            }
            first = first.or(Some(asked));
        }
        let nowhere = || Target::Unix(PathBuf::new());
        first.unwrap_or_else(|| Self::failed(nowhere(), is_named, ClientError::Away(nowhere())))
    }

    fn failed(target: Target, is_named: bool, error: ClientError) -> Self {
        let (took, newest, tcp) = (Duration::ZERO, None, None);
        Self { target, is_named, outcome: Outcome::Fails(error), took, newest, tcp }
    }

    async fn ask_one(target: Target, is_named: bool) -> Self {
        let mut connection = match within(&target, reach::connect_to_read(Some(&target))).await {
            Ok(connection) => connection,
            Err(error) => return Self::failed(target, is_named, error),
        };
        let started = Instant::now();
        let first = ask_status(&target, &mut connection).await;
        let took = started.elapsed();
        let outcome = match first {
            Outcome::Answers(status) if is_busy(&status) => {
                // What is on its way arrives; what is stuck does not.
                tokio::time::sleep(PAUSE).await;
                ask_status(&target, &mut connection).await
            }
            outcome => outcome,
        };
        if let Outcome::Fails(error) = outcome {
            return Self::failed(target, is_named, error);
        }
        let newest = newest(&target, &mut connection).await;
        let tcp = match &outcome {
            Outcome::Answers(status) if matches!(target, Target::Unix(_)) => ask_tcp(status).await,
            _ => None,
        };
        Self { target, is_named, outcome, took, newest, tcp }
    }
}

async fn ask_status(target: &Target, connection: &mut Connection) -> Outcome {
    match within(target, connection.get("/v1/status")).await {
        Ok(answer) => read_status(&answer.body),
        Err(error) => Outcome::Fails(error),
    }
}

/// Whether something is on its way into the journal.
fn is_busy(status: &Status) -> bool {
    status.drop.waiting != 0
}

fn read_status(body: &[u8]) -> Outcome {
    if let Some(status) = read(body) {
        return Outcome::Answers(Box::new(status));
    }
    let said: Option<Value> = read(body);
    let version = said.and_then(|said| Some(said["version"].as_str()?.to_owned()));
    Outcome::Strange { version }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

async fn newest(target: &Target, connection: &mut Connection) -> Option<Timestamp> {
    let answer = within(target, connection.get("/v1/events?limit=1")).await.ok()?;
    read::<Page>(&answer.body)?.events.first().map(|event| event.at)
}

/// Asks at the TCP address that a daemon says it listens on.
async fn ask_tcp(status: &Status) -> Option<(Target, Result<(), ClientError>)> {
    let mut targets = status.listening.iter().filter_map(|url| url.parse().ok());
    let target = targets.find(|target| matches!(target, Target::Tcp { .. }))?;
    let token = fs::read_to_string(Paths::in_state_dir(status.state_dir.as_ref()).token()).ok();
    let token = token.map(|token| token.trim().to_owned());
    let asked = within(&target, async {
        let mut connection = Connection::open(&target, token).await?;
        connection.get("/v1/status").await.map(|_| ())
    });
    let asked = asked.await;
    Some((target, asked))
}

async fn within<T>(
    target: &Target,
    asked: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let silent = |_| Err(ClientError::Silent(target.clone()));
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(silent)
}

impl Files {
    fn look(asked: &Asked) -> Option<Self> {
        let own = Paths::of_user();
        let (paths, dropped) = match &asked.outcome {
            Outcome::Answers(status) => {
                let paths = Paths::in_state_dir(status.state_dir.as_ref());
                let paths = Paths { drop_dir: status.drop.dir.clone().into(), ..paths };
                (paths, (status.drop.waiting, status.drop.rejected))
            }
            // Whose files those of a named daemon are, only it could tell.
            _ if asked.is_named => return None,
            _ => {
                let paths = own?;
                let dropped = drop::count(&paths.drop_dir);
                (paths, dropped)
            }
        };
        let socket = match &asked.target {
            Target::Unix(socket) => Some((socket.clone(), Found::at(socket))),
            Target::Tcp { .. } => None,
        };
        let token = paths.token();
        Some(Self {
            is_token: fs::read_to_string(&token).ok().map(|text| token::is_token(text.trim())),
            token: (token.clone(), Found::at(&token)),
            socket,
            state_dir: (paths.state_dir.clone(), Found::at(&paths.state_dir)),
            set_aside: set_aside(&paths.state_dir),
            drop_dir: (paths.drop_dir.clone(), Found::at(&paths.drop_dir)),
            dropped,
        })
    }
}

impl Found {
    fn at(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) => Self::here(&found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Missing,
            Err(error) => Self::Unseen(error.kind()),
        }
    }

    fn here(found: &Metadata) -> Self {
        let kind = match found.file_type() {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_dir() => Kind::Dir,
            kind if kind.is_socket() => Kind::Socket,
            _ => Kind::Other,
        };
        Self::Here { mode: found.mode() & 0o7777, uid: found.uid(), kind }
    }
}

impl ConfigFile {
    fn look() -> Self {
        let Some(path) = Paths::user_config().filter(|path| path.exists()) else {
            return Self::Missing;
        };
        match Config::read(&path) {
            Err(error) => Self::Broken(format!("{:#}", anyhow::Error::from(error))),
            Ok(config) => {
                let in_state_dir = |dir: &PathBuf| Paths::in_state_dir(dir).socket;
                let socket = config.socket.or(config.state_dir.as_ref().map(in_state_dir));
                Self::Fine { path, socket }
            }
        }
    }
}

fn set_aside(state_dir: &Path) -> usize {
    let names = fs::read_dir(state_dir).into_iter().flatten().flatten().map(|it| it.file_name());
    names.filter(|name| name.to_string_lossy().starts_with("index.set-aside-")).count()
}

fn variables() -> Vec<(String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let all = env::vars_os().map(|(name, value)| (text(name), text(value)));
    let mut ours: Vec<_> = all.filter(|(name, _)| name.starts_with("SNAG_")).collect();
    ours.sort();
    ours
}
