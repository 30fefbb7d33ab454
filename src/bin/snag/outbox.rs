//! The outbox: events for a daemon that was away, kept with its address until a later `snag`
//! reaches it.
//!
//! # Promises
//!
//! - What waits is for the daemon it was meant for, and no other one gets it.
//! - A file goes only after the daemon said that it has the event, or that it will never take it;
//!   then it lies in `rejected/` with the reason. Sent twice is recorded once: the id is the same.
//! - Secrets are taken out before, and a token is never written here.
//! - One process sends at a time, and none takes back what another is sending.
//!
//! # On disk
//!
//! `$XDG_STATE_HOME/snag/outbox/NAME/`, 0700, one for each address, its files 0600:
//!
//! | file | what |
//! |---|---|
//! | `target` | the address, verbatim |
//! | `ID.json` | an event as it is posted; by name they come in the order they were told |
//! | `rejected/ID.json`, `rejected/ID.json.why` | one that was refused, and why |
//! | `lock` | held by whoever sends or takes back |

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use snag::client::{Connection, Target};
use snag::daemon::Paths;
use snag::event::Draft;
use uuid::Uuid;

use crate::args::Global;
use crate::output::Output;
use crate::reach;
use crate::spool::{self, FOR_OURSELVES};

/// How long a question waits while what is older than it is sent.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long taking back waits for whoever is sending.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// Events sent at once; few, so that a slow line gets on,
const MOST_EVENTS: usize = 50;
/// and bytes.
const MOST_BYTES: usize = 256 * 1024;
/// The longest part of an address that is found again in a directory's name.
const LONGEST_NAME: usize = 60;
/// Fewer digits name no event.
const FEWEST_DIGITS: usize = 4;

/// What waits for one daemon.
pub(crate) struct Outbox {
    dir: PathBuf,
}

/// Files, and what they say as NDJSON.
#[derive(Default)]
struct Batch {
    paths: Vec<PathBuf>,
    body: Vec<u8>,
}

/// What lies in an outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Held {
    /// The daemon it is for.
    pub(crate) target: String,
    /// Events that wait.
    pub(crate) waiting: usize,
    /// Events that were refused.
    pub(crate) rejected: usize,
    /// When the oldest that waits was told.
    pub(crate) oldest: Option<Timestamp>,
    /// Where it all lies.
    pub(crate) dir: PathBuf,
}

impl Outbox {
    /// The outbox of a daemon; none without a home directory.
    pub(crate) fn of(target: &Target) -> Option<Self> {
        let target = target.to_string();
        let letters = target.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
        let name: String = letters.take(LONGEST_NAME).collect();
        let hash = blake3::hash(target.as_bytes()).to_hex();
        Some(Self { dir: root()?.join(format!("{name}-{}", &hash[..8])) })
    }

    /// Where it lies.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps an event until its daemon is reached again.
    pub(crate) fn keep(&self, target: &Target, id: Uuid, body: &[u8]) -> io::Result<PathBuf> {
        spool::make_dir(&self.dir)?;
        let note = self.dir.join("target");
        if !note.exists() {
            spool::write(&note, target.to_string().as_bytes(), FOR_OURSELVES)?;
        }
        spool::keep(&self.dir, id, body, FOR_OURSELVES)
    }

    /// Takes an event back that waits or was refused; says which one its last digits meant.
    pub(crate) fn take_back(&self, digits: &str) -> io::Result<Option<Uuid>> {
        let digits = digits.trim_start_matches('…').replace('-', "").to_ascii_lowercase();
        if digits.len() < FEWEST_DIGITS || !self.dir.is_dir() {
            return Ok(None);
        }
        // Whoever is sending may have read the file already.
        let _alone = self.lock_within(LOCK_PATIENCE)?;
        for dir in [self.dir.clone(), self.rejected()] {
            let ids = ids(&dir);
            let mut meant = ids.into_iter().filter(|id| id.simple().to_string().ends_with(&digits));
            if let (Some(id), None) = (meant.next(), meant.next()) {
                let path = dir.join(format!("{id}.json"));
                fs::remove_file(&path)?;
                let _ = fs::remove_file(why(&path));
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Sends what waits, the oldest first, until nothing does or the daemon takes no more.
    ///
    /// May be dropped at any moment: what was not acknowledged by then still waits.
    pub(crate) async fn send(&self, connection: &mut Connection, output: &Output) {
        let Ok(Some(_alone)) = self.try_lock() else { return };
        let mut waiting = ids(&self.dir).into_iter().peekable();
        while waiting.peek().is_some() {
            let batch = self.next_batch(&mut waiting, output);
            let Ok(Batch { paths, body }) = batch else { return };
            if paths.is_empty() {
                continue;
            }
            // Away, busy or not for us: it waits on.
            let Ok(mut tally) = connection.post_lines(body.into()).await else { return };
            let told =
                tally.accepted + tally.duplicate + tally.beyond + tally.rejected.len() as u64;
            if told != paths.len() as u64 {
                // Whoever answers that did not read what was sent.
                return;
            }
            tally.rejected.retain(|refused| !refused.problem.has_event());
            for (line, path) in (1..).zip(&paths) {
                let refused = tally.rejected.iter().find(|refused| refused.line == line);
                let done = match refused {
                    None => fs::remove_file(path),
                    Some(refused) => self.reject(path, &refused.problem.detail, output),
                };
                if let Err(error) = done {
                    // Sent again it is still recorded once, but somebody should look.
                    output.note(&format!("{} was sent and stays: {error}", path.display()));
                }
            }
        }
    }

    /// The next few files; one that holds no event is put aside.
    fn next_batch(
        &self,
        waiting: &mut impl Iterator<Item = Uuid>,
        output: &Output,
    ) -> io::Result<Batch> {
        let mut batch = Batch::default();
        while batch.paths.len() < MOST_EVENTS && batch.body.len() < MOST_BYTES {
            let Some(id) = waiting.next() else { break };
            let path = self.dir.join(format!("{id}.json"));
            let read = match fs::read(&path) {
                Ok(read) => read,
                Err(error) => {
                    // The others need not wait for it.
                    output.note(&format!("{} waits and cannot be read: {error}", path.display()));
                    continue;
                }
            };
            match Draft::parse(&read) {
                Ok(draft) => {
                    batch.body.extend(draft.to_json());
                    batch.body.push(b'\n');
                    batch.paths.push(path);
                }
                Err(error) => self.reject(&path, &error.to_string(), output)?,
            }
        }
        Ok(batch)
    }

    fn reject(&self, path: &Path, reason: &str, output: &Output) -> io::Result<()> {
        let rejected = self.rejected();
        spool::make_dir(&rejected)?;
        let kept = rejected.join(path.file_name().unwrap_or_default());
        spool::write(&why(&kept), format!("{reason}\n").as_bytes(), FOR_OURSELVES)?;
        fs::rename(path, &kept)?;
        spool::sync_dir(&rejected)?;
        output.note(&format!(
            "an event that waited was refused and is now {}: {reason}",
            kept.display()
        ));
        Ok(())
    }

    fn rejected(&self) -> PathBuf {
        self.dir.join("rejected")
    }

    /// None while another process has it.
    fn try_lock(&self) -> io::Result<Option<File>> {
        let path = self.dir.join("lock");
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn lock_within(&self, patience: Duration) -> io::Result<File> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
            if deadline <= Instant::now() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "another snag is sending it"));
            }
            thread::sleep(LOCK_PAUSE);
        }
    }

    fn look(&self) -> Option<Held> {
        let target = fs::read_to_string(self.dir.join("target")).ok()?;
        let waiting = ids(&self.dir);
        let told = waiting.first().and_then(Uuid::get_timestamp).map(|told| told.to_unix());
        let oldest =
            told.and_then(|(seconds, _)| Timestamp::from_second(i64::try_from(seconds).ok()?).ok());
        let (waiting, rejected) = (waiting.len(), ids(&self.rejected()).len());
        Some(Held { target, waiting, rejected, oldest, dir: self.dir.clone() })
    }
}

impl fmt::Display for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dir.display())
    }
}

/// Every outbox that holds anything.
pub(crate) fn look() -> Vec<Held> {
    let dirs = root().and_then(|root| fs::read_dir(root).ok()).into_iter().flatten().flatten();
    let outboxes = dirs.filter_map(|entry| Outbox { dir: entry.path() }.look());
    let mut held: Vec<_> = outboxes.filter(|held| held.waiting + held.rejected != 0).collect();
    held.sort_by(|a, b| a.target.cmp(&b.target));
    held
}

/// Sends what waits for the daemon that is about to be asked, for a second at most.
pub(crate) async fn send_first(global: &Global, output: &Output) {
    let Some((url, outbox)) = global.url.as_ref().and_then(|url| Some((url, Outbox::of(url)?)))
    else {
        return;
    };
    if ids(&outbox.dir).is_empty() {
        return;
    }
    let sending = async {
        if let Ok(mut connection) = reach::connect_to_post(Some(url)).await {
            outbox.send(&mut connection, output).await;
        }
    };
    // Whoever asks hears about a daemon that does not answer.
    let _ = tokio::time::timeout(PATIENCE, sending).await;
}

fn root() -> Option<PathBuf> {
    Some(Paths::of_user()?.state_dir.join("outbox"))
}

fn why(path: &Path) -> PathBuf {
    path.with_extension("json.why")
}

/// The events in a directory, in the order they were told: their ids sort by time.
fn ids(dir: &Path) -> Vec<Uuid> {
    let names = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let id = |name: std::ffi::OsString| Uuid::try_parse(name.to_str()?.strip_suffix(".json")?).ok();
    let mut ids: Vec<_> = names.filter_map(id).collect();
    ids.sort_unstable();
    ids
}
