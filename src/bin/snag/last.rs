//! `snag undo`, and the note of what was logged last that it goes by.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;
use snag::client::{ClientError, Target};
use snag::daemon::Paths;
use uuid::Uuid;

use crate::args::Global;
use crate::log::{event_path, whole_id};
use crate::outbox::{self, Outbox};
use crate::output::Output;
use crate::reach;
use crate::session;
use crate::signals;
use crate::stop::{Code, stop};

/// What was logged last to one daemon.
struct Last {
    id: String,
    /// The file in the drop directory, where it went that way.
    spooled: Option<PathBuf>,
    /// Whether a daemon that was slow may have it all the same.
    may_come: bool,
    /// The signals that were confirmed, where that was the last.
    confirmed: Vec<String>,
}

/// What the note says of an event that may come,
const MAY_COME: &str = "may come";
/// and of signals, whose ids stand in its first line.
const CONFIRMED: &str = "confirmed";
/// How long one that may come is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long one whose file snagd may have in hand.
const IN_HAND: Duration = Duration::from_secs(1);
/// How often it is looked for meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// One note for each daemon that is named.
fn path(url: Option<&Target>) -> anyhow::Result<PathBuf> {
    let paths = Paths::of_user().context("there is no home directory")?;
    let target = url.map_or_else(|| "default".to_owned(), Target::to_string);
    let letters = target.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let name: String = letters.collect();
    let start = name.len().saturating_sub(120);
    Ok(paths.state_dir.join("last").join(&name[start..]))
}

/// Remembers what was logged. Not worth failing for.
pub(crate) fn remember(url: Option<&Target>, id: Uuid, spooled: Option<&Path>, may_come: bool) {
    let spooled = spooled.map(Path::to_string_lossy).unwrap_or_default();
    let may_come = if may_come { MAY_COME } else { "" };
    note(url, &format!("{id}\n{spooled}\n{may_come}"));
}

/// Remembers which signals were confirmed.
pub(crate) fn remember_confirmed(url: Option<&Target>, ids: &[Uuid]) {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    note(url, &format!("{}\n\n{CONFIRMED}", ids.join(" ")));
}

fn note(url: Option<&Target>, text: &str) {
    let write = || -> anyhow::Result<()> {
        let path = path(url)?;
        if let Some(dir) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let written = write_over(&path, text);
        // Else the one before would be taken back.
        Ok(written.or_else(|_| fs::remove_file(path))?)
    };
    let _ = write();
}

/// Writes over what is there, which mostly is as long. What is emptied first ext4 puts on disk as it is
/// closed, and that takes 0.3 ms.
fn write_over(path: &Path, note: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    let length = note.len() as u64;
    if length < file.metadata()?.len() {
        file.set_len(length)?;
    }
    file.write_all(note.as_bytes())
}

fn recall(url: Option<&Target>) -> anyhow::Result<Last> {
    let note = path(url).and_then(|path| Ok(fs::read_to_string(path)?));
    let note = note.map_err(|_| {
        stop(
            Code::Usage,
            "nothing was logged from here since the last undo: name the event, `snag events` lists them",
        )
    })?;
    Ok(parse(&note))
}

fn parse(note: &str) -> Last {
    let mut lines = note.lines();
    let id = lines.next().unwrap_or_default().to_owned();
    // Of two that write at once, each may have written a part: a file of another's is not for us.
    let spooled = lines.next().map(PathBuf::from);
    let spooled = spooled.filter(|path| path.file_stem().is_some_and(|stem| *stem == *id));
    let what = lines.next();
    let ids = id.split(' ').filter(|_| what == Some(CONFIRMED)).map(ToOwned::to_owned);
    Last { confirmed: ids.collect(), id, spooled, may_come: what == Some(MAY_COME) }
}

fn forget(url: Option<&Target>) {
    // A second undo would only repeat itself.
    if let Ok(path) = path(url) {
        let _ = fs::remove_file(path);
    }
}

/// `snag undo`.
pub(crate) async fn undo(
    id: Option<String>,
    global: &Global,
    output: &Output,
) -> anyhow::Result<()> {
    let url = global.url.as_ref();
    let is_typed = id.is_some();
    let last = match id {
        Some(id) => Last { id, spooled: None, may_come: false, confirmed: Vec::new() },
        None => recall(url)?,
    };
    if !last.confirmed.is_empty() {
        outbox::send_first(global, output).await;
        signals::reopen(last.confirmed, url, output).await?;
        forget(url);
        return Ok(());
    }
    let waited = take_from_outbox(&last.id, url)?;
    outbox::send_first(global, output).await;
    let was_dropped = last.spooled.is_some_and(|path| fs::remove_file(path).is_ok());
    let is_unseen = waited.is_some() || was_dropped;
    let id = match waited {
        Some(id) => id.to_string(),
        None if is_typed => whole_id(&mut reach::connect_to_read(url).await?, &last.id).await?,
        None => last.id,
    };
    let path = event_path(&id)?;
    let may_come = last.may_come;
    // A daemon that is there may have read the file before it went.
    let comes = |error: &ClientError| may_come || (was_dropped && is_unknown(error));
    let patience = if may_come { PATIENCE } else { IN_HAND };
    match (delete_once_there(&path, url, patience, comes).await, is_unseen) {
        (Ok(()), _) => {
            forget(url);
            session::leave_out(&id)?;
            tell(&id, "", output)
        }
        (Err(error), true) if is_absence(&error) && !may_come => {
            forget(url);
            session::leave_out(&id)?;
            tell(&id, ", before snagd saw it", output)
        }
        (Err(error), true) => Err(error).with_context(|| {
            format!("it waits no more, but snagd was slow and may have it: `snag undo {id}` takes it back once it is there")
        }),
        (Err(error), false) => Err(error.into()),
    }
}

fn take_from_outbox(id: &str, url: Option<&Target>) -> anyhow::Result<Option<Uuid>> {
    let Some(outbox) = url.and_then(Outbox::of) else { return Ok(None) };
    outbox.take_back(id).with_context(|| format!("what waits in {outbox} cannot be taken back"))
}

/// The same, and again for a while where the event may come yet.
async fn delete_once_there(
    path: &str,
    url: Option<&Target>,
    patience: Duration,
    comes: impl Fn(&ClientError) -> bool,
) -> Result<(), ClientError> {
    let until = Instant::now() + patience;
    loop {
        match delete(path, url).await {
            Err(error) if is_absence(&error) && comes(&error) && Instant::now() < until => {
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

async fn delete(path: &str, url: Option<&Target>) -> Result<(), ClientError> {
    let mut connection = reach::connect_to_read(url).await?;
    connection.delete(path).await
}

/// Whether nobody has the event: no daemon, or one that does not know it.
fn is_absence(error: &ClientError) -> bool {
    matches!(error, ClientError::Away(_) | ClientError::Unreachable { .. }) || is_unknown(error)
}

fn is_unknown(error: &ClientError) -> bool {
    matches!(error, ClientError::Told(told) if told.status == 404)
}

fn tell(id: &str, when: &str, output: &Output) -> anyhow::Result<()> {
    let tail = id.get(id.len().saturating_sub(8)..).unwrap_or(id);
    output.json_or(&json!({"v": 1, "taken_back": id}), |_| format!("taken back  …{tail}{when}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_is_not_ours_to_take_back() {
        let id = "01938a5e-0000-7000-8000-000000000001";
        let note = |path: &str, more: &str| parse(&format!("{id}\n{path}\n{more}"));
        let ours = note(&format!("/drop/{id}.json"), MAY_COME);
        assert!(ours.id == id && ours.spooled.is_some() && ours.may_come);
        let mixed = note("/drop/01938a5e-0000-7000-8000-000000000002.json", "");
        assert!(mixed.id == id && mixed.spooled.is_none() && !mixed.may_come);
        assert!(parse(id).spooled.is_none() && parse(id).confirmed.is_empty());
        assert_eq!(parse("a b\n\nconfirmed").confirmed, ["a", "b"]);
    }

    #[test]
    fn what_is_written_over_leaves_nothing_of_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("last");
        for note in ["one\n", "another\n/and/where/it/went", "one\n", ""] {
            write_over(&path, note).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), note);
        }
    }
}
