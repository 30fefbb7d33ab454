//! `snag service`: has systemd run snagd, says how that goes, and takes it back.
//!
//! # Promises
//!
//! - Installing is done when snagd answers, or says why it does not.
//! - A file that somebody edited is neither overwritten nor removed; nothing is written then.
//! - Uninstalling keeps what was recorded, and says where it is.

mod systemd;
mod units;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;
use snag::client::{Connection, Target};
use snag::daemon::{Paths, SYSTEM_DROP_DIR, SYSTEM_SOCKET};
use snag::doors::http::Status;

use crate::args::{Deed, Service};
use crate::output::Output;
use crate::render::{self, shell};
use crate::stop::{Code, stop};
pub(crate) use systemd::State;
pub(crate) use units::Found;
use units::UnitFile;

/// What the sandbox of the system's service hides.
const HIDDEN: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/// Whose service it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Of the user who asks.
    User,
    /// Of everybody on this machine.
    System,
}

/// How the service is, for `--json` and for a reader.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) v: u32,
    pub(crate) scope: Scope,
    /// What lies where its files belong.
    pub(crate) files: Vec<Placed>,
    pub(crate) systemd: State,
    /// What snagd answers; none where it does not.
    pub(crate) snagd: Option<Answers>,
    /// Where its configuration would be.
    pub(crate) config: PathBuf,
}

/// A file, and what it is.
#[derive(Debug, Serialize)]
pub(crate) struct Placed {
    pub(crate) path: PathBuf,
    pub(crate) found: Found,
}

/// What a reader wants to know of a running snagd.
#[derive(Debug, Serialize)]
pub(crate) struct Answers {
    pub(crate) version: String,
    pub(crate) listening: Vec<String>,
    pub(crate) state_dir: String,
    pub(crate) drop_dir: String,
}

/// What is left of a service that was taken back.
#[derive(Debug, Serialize)]
pub(crate) struct Left {
    pub(crate) v: u32,
    pub(crate) scope: Scope,
    pub(crate) removed: Vec<PathBuf>,
    /// Edited, or of a package.
    pub(crate) kept: Vec<Placed>,
    /// What was recorded, and what was dropped and not taken.
    pub(crate) data: Vec<PathBuf>,
}

impl Placed {
    fn of_package(path: PathBuf) -> Self {
        Self { path, found: Found::Packaged }
    }
}

impl Scope {
    fn of(said: &Service) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        if said.system || (is_root && !said.user) { Self::System } else { Self::User }
    }

    /// As the flag and systemd's directories have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
        }
    }

    /// Below which its configuration lies, systemd's and snagd's.
    fn config(self) -> anyhow::Result<PathBuf> {
        let user = || Paths::user_config()?.parent()?.parent().map(Path::to_owned);
        match self {
            Self::System => Ok("/etc".into()),
            Self::User => user().context("there is no home directory: set HOME"),
        }
    }

    /// Where it stores, where it is asked, and where files are dropped.
    fn paths(self) -> anyhow::Result<Paths> {
        match self {
            Self::User => Paths::of_user().context("there is no home directory: set HOME"),
            Self::System => Ok(Paths {
                state_dir: "/var/lib/snag".into(),
                socket: SYSTEM_SOCKET.into(),
                drop_dir: SYSTEM_DROP_DIR.into(),
            }),
        }
    }
}

/// `snag service`; fails with 1 where it does not run.
pub(crate) async fn service(said: Service, output: &Output) -> anyhow::Result<ExitCode> {
    let scope = Scope::of(&said);
    systemd::require(scope)?;
    match said.deed {
        Deed::Install => install(scope)?,
        Deed::Status => {}
        Deed::Uninstall => {
            let left = uninstall(scope)?;
            output.json_or(&left, |look| render::uninstalled(&left, look))?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    let report = report(scope).await?;
    output.json_or(&report, |look| render::service(&report, look))?;
    let runs = report.systemd.active == "active" && report.snagd.is_some();
    Ok(if runs { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Refuses to change what is not of whoever asks.
fn allowed(scope: Scope, deed: &str) -> anyhow::Result<()> {
    if scope == Scope::User || rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let message = format!(
        "the system's service is root's: `sudo snag service {deed} --system`, or say --user for one of your own"
    );
    Err(stop(Code::NotAllowed, message))
}

fn install(scope: Scope) -> anyhow::Result<()> {
    allowed(scope, "install")?;
    if units::packaged(scope).is_none() && write(scope)? {
        systemd::tell(scope, &["daemon-reload"])?;
    }
    systemd::tell(scope, &["enable", "snagd.socket", "snagd.service"])?;
    let started = systemd::tell(scope, &["start", "snagd.socket"])
        // Whoever posts meanwhile waits at the socket.
        .and_then(|_| systemd::tell(scope, &["restart", "snagd.service"]));
    started.map(drop).or_else(|error| Err(why_not(scope)?.unwrap_or(error)))
}

/// Writes the files, and says whether any is new.
fn write(scope: Scope) -> anyhow::Result<bool> {
    let files = units::files(scope, &scope.config()?, &snagd(scope)?);
    let mut stale = Vec::new();
    for file in &files {
        match found(file)? {
            Found::Edited => return Err(edited(scope, &file.path)),
            Found::Current | Found::Packaged => {}
            found @ (Found::Missing | Found::Other) => stale.push((file, found)),
        }
    }
    // A socket is made anew only while nobody holds it.
    let is_socket = |path: &Path| path.ends_with("snagd.socket");
    if stale.iter().any(|(file, found)| *found == Found::Other && is_socket(&file.path)) {
        systemd::tell(scope, &["stop", "snagd.socket", "snagd.service"])?;
    }
    for (file, _) in &stale {
        file.write().with_context(|| format!("{} cannot be written", file.path.display()))?;
    }
    if scope == Scope::System {
        systemd::run("systemd-sysusers", &["snag.conf"])?;
        systemd::run("systemd-tmpfiles", &["--create", "snag.conf"])?;
    }
    Ok(!stale.is_empty())
}

fn found(file: &UnitFile) -> anyhow::Result<Found> {
    file.found().with_context(|| format!("{} cannot be read", file.path.display()))
}

fn edited(scope: Scope, path: &Path) -> anyhow::Error {
    let systemctl = if scope == Scope::User { "systemctl --user" } else { "systemctl" };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let advice = if name.starts_with("snagd.") {
        format!("move what you changed into a drop-in (`{systemctl} edit {name}`), delete the file")
    } else {
        "move it away".to_owned()
    };
    let message = format!(
        "{} was not written by snag, or edited since, and stays as it is: {advice}, and install again",
        path.display()
    );
    stop(Code::Usage, message)
}

/// The daemon beside this program, where the service can run it.
fn snagd(scope: Scope) -> anyhow::Result<PathBuf> {
    let snag = env::current_exe().context("this program does not know where it is")?;
    let snagd = snag.with_file_name("snagd");
    if !snagd.is_file() {
        let message = format!("{} is missing: install snagd beside snag", snagd.display());
        return Err(stop(Code::Usage, message));
    }
    if scope == Scope::System && HIDDEN.iter().any(|dir| snagd.starts_with(dir)) {
        let programs = [&snag, &snagd].map(|path| shell(&path.display().to_string())).join(" ");
        let message = format!(
            "the system's service does not see {}: `install {programs} /usr/local/bin`, then `/usr/local/bin/snag service install --system`",
            snagd.display()
        );
        return Err(stop(Code::Usage, message));
    }
    Ok(snagd)
}

/// Why it did not start, as far as snagd or systemd knows.
fn why_not(scope: Scope) -> anyhow::Result<Option<anyhow::Error>> {
    let State { says, result, .. } = systemd::state(scope)?;
    let why = if says.is_empty() { result } else { says };
    let log = render::log_of(scope);
    let message =
        format!("snagd.service is installed and does not start: {why}; `{log}` says more");
    Ok((why != "success").then(|| stop(Code::Unavailable, message)))
}

async fn report(scope: Scope) -> anyhow::Result<Report> {
    let config = scope.config()?;
    let systemd = systemd::state(scope)?;
    let files = placed(scope, &config)?;
    let snagd = if systemd.active == "active" { ask(scope).await } else { None };
    Ok(Report { v: 1, scope, files, systemd, snagd, config: config.join("snag/snagd.toml") })
}

/// What lies where its files belong.
fn placed(scope: Scope, config: &Path) -> anyhow::Result<Vec<Placed>> {
    if let Some(units) = units::packaged(scope) {
        return Ok(units.map(Placed::of_package).into());
    }
    // What is compared with is what would be written now.
    let snag = env::current_exe().unwrap_or_default();
    let files = units::files(scope, config, &snag.with_file_name("snagd"));
    files.into_iter().map(|file| Ok(Placed { found: found(&file)?, path: file.path })).collect()
}

async fn ask(scope: Scope) -> Option<Answers> {
    let target = Target::Unix(scope.paths().ok()?.socket);
    let mut connection = Connection::open(&target, None).await.ok()?;
    let answer = connection.get("/v1/status").await.ok()?;
    let Status { version, listening, state_dir, drop, .. } =
        serde_json::from_slice(&answer.body).ok()?;
    Some(Answers { version, listening, state_dir, drop_dir: drop.dir })
}

fn uninstall(scope: Scope) -> anyhow::Result<Left> {
    allowed(scope, "uninstall")?;
    let Paths { state_dir, drop_dir, .. } = scope.paths()?;
    // A user's drop directory lies in the state directory.
    let data = match scope {
        Scope::User => vec![state_dir],
        Scope::System => vec![state_dir, drop_dir],
    };
    let data = data.into_iter().filter(|dir| dir.exists()).collect();
    let mut left = Left { v: 1, scope, removed: vec![], kept: vec![], data };
    if systemd::state(scope)?.program.is_some() {
        // The service goes with its socket; the other way round, whoever posts would start it.
        systemd::tell(scope, &["stop", "snagd.socket"])?;
        systemd::tell(scope, &["stop", "snagd.service"])?;
        systemd::tell(scope, &["disable", "snagd.socket", "snagd.service"])?;
    }
    for file in units::files(scope, &scope.config()?, Path::new("snagd")) {
        match found(&file)? {
            Found::Missing | Found::Packaged => {}
            Found::Edited => {
                left.kept.push(Placed { path: file.path, found: Found::Edited });
            }
            Found::Current | Found::Other => {
                let removed = fs::remove_file(&file.path);
                removed.with_context(|| format!("{} cannot be removed", file.path.display()))?;
                left.removed.push(file.path);
            }
        }
    }
    let packaged = units::packaged(scope).into_iter().flatten();
    left.kept.extend(packaged.map(Placed::of_package));
    systemd::tell(scope, &["daemon-reload"])?;
    Ok(left)
}
