//! `snag backup` and `snag restore`: the journal, to somewhere else and back.
//!
//! Both work on files, not through a daemon: what is on disk is what there is to save, whether a
//! daemon runs or not. One that runs is only asked where its files are.

use std::env;
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::fs::OFlags;
use serde::Serialize;
use serde_json::json;
use snag::backup::{self, BackupError, Kept, Made, Manifest, Report};
use snag::client::Target;
use snag::daemon::{
    self, Damaged, OpenError, Paths, RestoreError, SYSTEM_DROP_DIR, SYSTEM_SOCKET, SYSTEM_STATE_DIR,
};
use snag::doors::http::Status;
use snag::doors::{drop, now};
use snag::journal::JournalError;

use crate::args::{Backup, Global, Restore};
use crate::output::Output;
use crate::reach;
use crate::render::{bytes, plural};
use crate::stop::{Code, stop};

/// The name that means stdout, or stdin.
const STREAM: &str = "-";
/// Endings of archives that are not made here: nobody means a directory by them.
const ARCHIVES: [&str; 9] = ["tgz", "gz", "txz", "xz", "bz2", "tzst", "zst", "zip", "7z"];

/// `snag backup`; fails with 65 where the journal is damaged, once what is left is kept.
pub(crate) async fn backup(
    said: Backup,
    global: &Global,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    if said.verify {
        return verify(&said.to, output);
    }
    let state_dir = find(said.state_dir, global).await?;
    let journal = state_dir.join("journal");
    refuse_inside(&said.to, &state_dir)?;
    let ending = said.to.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let made = if said.to == Path::new(STREAM) {
        if io::stdout().is_terminal() {
            let message = "an archive is nothing for a terminal: say `snag backup - > FILE`";
            return Err(stop(Code::Usage, message));
        }
        backup::to_stream(&journal, &mut io::stdout().lock(), now())
    } else if said.to.is_dir() {
        backup::to_dir(&journal, &said.to, now())
    } else if ending == "tar" {
        backup::to_file(&journal, &said.to, now())
    } else if said.to.is_file() || ARCHIVES.contains(&ending.as_str()) {
        let message = format!(
            "{} would be a file: name a directory, or a file that ends in .tar (what is in it is compressed already)",
            said.to.display()
        );
        return Err(stop(Code::Usage, message));
    } else {
        backup::to_dir(&journal, &said.to, now())
    };
    let made = made.map_err(|error| refused(error, &state_dir))?;
    tell_made(&made, &said.to, output)?;
    tell_waiting(&state_dir, output);
    if made.damage.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let message = "the backup is made, and lacks what the journal has lost: an older one may have it; `snagd verify` says where";
    Err(stop(Code::BadData, message))
}

/// `snag restore`.
pub(crate) fn restore(said: &Restore, output: &Output) -> anyhow::Result<ExitCode> {
    let state_dir = said.state_dir.clone().or_else(|| Some(Paths::of_user()?.state_dir));
    let Some(state_dir) = state_dir else {
        return Err(stop(Code::Usage, "say where to: --state-dir DIR"));
    };
    let kept = open(&said.from)?;
    let damaged = if said.lose_damaged { Damaged::Lose } else { Damaged::Refuse };
    let report = daemon::restore(&kept, &state_dir, damaged).map_err(|error| match error {
        RestoreError::Backup(error) => refused(error, &said.from),
        RestoreError::Damaged(ref report) => {
            tell_wrong(report, output);
            stop(Code::BadData, error.to_string())
        }
        RestoreError::NotEmpty { .. }
        | RestoreError::Runs(_)
        | RestoreError::Open(OpenError::LookedAt(_)) => stop(Code::CannotCreate, error.to_string()),
        RestoreError::Open(OpenError::Unusable { ref source, .. }) if is_denied(source) => {
            let user = "run it as the one who runs snagd, or as root";
            stop(Code::NotAllowed, format!("{} cannot be written: {user}", state_dir.display()))
        }
        RestoreError::Open(OpenError::Unusable { source, .. }) => {
            let dir = state_dir.display();
            let message =
                format!("{dir} cannot be used ({source}): name another with `--state-dir`");
            stop(code_of(&source), message)
        }
        other @ RestoreError::Open(_) => other.into(),
    })?;
    tell_wrong(&report, output);
    let told = json!({"v": 1, "state_dir": state_dir, "restored": report});
    output.json_or(&told, |_| {
        let events = plural(report.events, "event", "events");
        format!("restored {events} to {}", state_dir.display())
    })?;
    output.note("start snagd: it builds its index from that");
    Ok(if report.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found in a backup.
#[derive(Serialize)]
struct Verified<'a> {
    v: u32,
    #[serde(flatten)]
    report: &'a Report,
}

/// `snag backup --verify`.
fn verify(path: &Path, output: &Output) -> anyhow::Result<ExitCode> {
    let report = open(path)?.examine(|_| Ok(())).map_err(|error| refused(error, path))?;
    tell_wrong(&report, output);
    if !report.damaged.is_empty() {
        output.note(&cure(path));
    }
    output.json_or(&Verified { v: 1, report: &report }, |_| {
        let events = plural(report.events, "event", "events");
        let parts = plural(report.parts as u64, "part", "parts");
        let made = report.made_at.map(|at| format!(", made {at}")).unwrap_or_default();
        let state = if report.is_whole() { "whole" } else { "not whole" };
        format!("{events} in {parts} of {}{made}: {state}", bytes(report.bytes))
    })?;
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A backup by its name, or the archive that comes over stdin.
fn open(from: &Path) -> anyhow::Result<Kept> {
    if from != Path::new(STREAM) {
        return Kept::open(from).map_err(|error| refused(error, from));
    }
    if io::stdin().is_terminal() {
        return Err(stop(
            Code::Usage,
            "an archive comes through a pipe: say `... | snag restore -`",
        ));
    }
    // It is not read in order, and gone from here with us.
    let dir = env::temp_dir();
    let spooled = File::options()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlags::TMPFILE.bits().cast_signed())
        .open(&dir)
        .and_then(|mut file| io::copy(&mut io::stdin().lock(), &mut file).map(|_| file));
    let file = spooled.map_err(|error| {
        let dir = dir.display();
        let message = format!(
            "what comes over stdin cannot be kept in {dir} ({error}): say another with TMPDIR"
        );
        stop(Code::Io, message)
    })?;
    Kept::of_archive(file, Path::new("stdin")).map_err(|error| refused(error, from))
}

/// What to do about a backup that is damaged.
fn cure(path: &Path) -> String {
    let path = if path == Path::new(STREAM) { Path::new("...") } else { path };
    format!(
        "`snag backup {}` makes it whole again, as long as the journal is; `snag restore --lose-damaged` gives what is left",
        path.display()
    )
}

/// What was backed up, as JSON.
#[derive(Serialize)]
struct Told<'a> {
    v: u32,
    records: u64,
    parts: usize,
    bytes: u64,
    new_parts: usize,
    new_bytes: u64,
    healed: &'a [String],
    removed: u64,
    damage: Vec<String>,
    manifest: &'a Manifest,
}

fn tell_made(made: &Made, to: &Path, output: &Output) -> anyhow::Result<()> {
    let Made { manifest, new_parts, new_bytes, healed, removed, damage } = made;
    for file in healed {
        output.note(&format!("{file} was damaged in the backup, and is written anew"));
    }
    let removed = *removed;
    if removed != 0 {
        let records = plural(removed, "record that was", "records that were");
        output.note(&format!("{records} in the backup before went out of it: forgotten since, or dropped for their age"));
    }
    let damage: Vec<String> = damage.iter().map(ToString::to_string).collect();
    for place in &damage {
        output.note(&format!("the journal is damaged: {place}; what is left of it is backed up"));
    }
    let (records, size) = (manifest.records(), manifest.bytes());
    let text = format!(
        "backed up {} to {}: {} of {}, {new_parts} of them new ({})",
        plural(records, "record", "records"),
        if to == Path::new(STREAM) { "stdout".into() } else { to.to_string_lossy() },
        plural(manifest.parts.len() as u64, "part", "parts"),
        bytes(size),
        bytes(*new_bytes)
    );
    if to == Path::new(STREAM) {
        output.note(&text);
        return Ok(());
    }
    let (parts, new_parts, new_bytes) = (manifest.parts.len(), *new_parts, *new_bytes);
    let bytes = size;
    let told = Told {
        v: 1,
        records,
        parts,
        bytes,
        new_parts,
        new_bytes,
        healed,
        removed,
        damage,
        manifest,
    };
    output.json_or(&told, |_| text)
}

/// What is wrong with a backup, and what it lacks for another reason.
fn tell_wrong(report: &Report, output: &Output) {
    for fault in &report.damaged {
        output.note(&fault.to_string());
    }
    for span in &report.lost_before {
        output.note(&format!("the journal had lost {span} when it was backed up"));
    }
    if report.unknown != 0 {
        let records = plural(report.unknown, "record", "records");
        output.note(&format!("a newer snag wrote {records}: install that one to read them"));
    }
}

/// Says what is told already, but not yet to a daemon.
fn tell_waiting(state_dir: &Path, output: &Output) {
    let own = Paths::in_state_dir(state_dir).drop_dir;
    let system = (state_dir == Path::new(SYSTEM_STATE_DIR)).then(|| SYSTEM_DROP_DIR.into());
    for dir in [own].into_iter().chain(system) {
        let (waiting, _) = drop::count(&dir);
        if waiting != 0 {
            let files = plural(waiting as u64, "file waits", "files wait");
            let (are, them) = if waiting == 1 { ("is", "it") } else { ("are", "them") };
            let dir = dir.display();
            output.note(&format!("{files} in {dir} and {are} no part of the backup: start snagd, which takes {them}, and back up again"));
        }
    }
}

/// The state directory: as said, else that of the daemon that answers, else where one would be.
async fn find(said: Option<PathBuf>, global: &Global) -> anyhow::Result<PathBuf> {
    if let Some(dir) = said {
        return Ok(dir);
    }
    if let Some(url) = global.url.as_ref().filter(|url| !url.is_local()) {
        let message = format!("{url} is another machine: run `snag backup` there");
        return Err(stop(Code::Usage, message));
    }
    if let Ok(mut connection) = reach::connect_to_read(global.url.as_ref()).await
        && let Ok(answer) = connection.get("/v1/status").await
        && let Ok(status) = serde_json::from_slice::<Status>(&answer.body)
    {
        return Ok(status.state_dir.into());
    }
    if let Some(url) = &global.url {
        return of_socket(url).ok_or_else(|| {
            let message = format!("no snagd at {url} says where it stores: name its state directory with `--state-dir`");
            stop(Code::Unavailable, message)
        });
    }
    let user = Paths::of_user().map(|paths| paths.state_dir);
    let system = PathBuf::from(SYSTEM_STATE_DIR);
    Ok(user.filter(|dir| dir.join("journal").is_dir() || !system.is_dir()).unwrap_or(system))
}

/// The state directory of the daemon at a default socket.
fn of_socket(url: &Target) -> Option<PathBuf> {
    let Target::Unix(socket) = url else { return None };
    if let Some(user) = Paths::of_user().filter(|paths| *socket == paths.socket) {
        return Some(user.state_dir);
    }
    (socket == Path::new(SYSTEM_SOCKET)).then(|| SYSTEM_STATE_DIR.into())
}

/// A copy inside of what it is a copy of is lost with it.
fn refuse_inside(to: &Path, state_dir: &Path) -> anyhow::Result<()> {
    let whole = |path: &Path| path.ancestors().find_map(|path| fs::canonicalize(path).ok());
    let to_absolute = env::current_dir().map(|dir| dir.join(to)).unwrap_or_default();
    let is_inside = whole(&to_absolute)
        .zip(fs::canonicalize(state_dir).ok())
        .is_some_and(|(to, state_dir)| to.starts_with(state_dir));
    if is_inside && to != Path::new(STREAM) {
        let message = "a backup inside the state directory is lost with it: name a place elsewhere";
        return Err(stop(Code::Usage, message));
    }
    Ok(())
}

/// An error with the exit code it stands for.
fn refused(error: BackupError, state_dir: &Path) -> anyhow::Error {
    let code = match &error {
        BackupError::Newer { .. } | BackupError::BadManifest(_) | BackupError::WouldLose(_) => {
            Code::BadData
        }
        BackupError::NoJournal(_) if fs::read_dir(state_dir).is_err_and(|it| is_denied(&it)) => {
            return not_allowed(state_dir);
        }
        BackupError::Journal(JournalError::Unusable { source, .. }) if is_denied(source) => {
            return not_allowed(state_dir);
        }
        BackupError::NoJournal(_)
        | BackupError::NoBackup(_)
        | BackupError::Foreign { .. }
        | BackupError::Another(_) => Code::Usage,
        BackupError::Unusable { source, .. } => code_of(source),
        BackupError::Busy(_) => Code::CannotCreate,
        BackupError::Rewritten | BackupError::Journal(_) => Code::Io,
    };
    stop(code, format!("{:#}", anyhow::Error::from(error)))
}

/// Whether a path cannot be, or the disk does not do its part.
fn code_of(error: &io::Error) -> Code {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Code::NotAllowed,
        io::ErrorKind::NotFound
        | io::ErrorKind::AlreadyExists
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidFilename
        | io::ErrorKind::ReadOnlyFilesystem => Code::CannotCreate,
        _ => Code::Io,
    }
}

fn not_allowed(state_dir: &Path) -> anyhow::Error {
    let message = format!(
        "{} is not yours to read: run it as the one who runs snagd, like `sudo -u snag snag backup ...`",
        state_dir.display()
    );
    stop(Code::NotAllowed, message)
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}
