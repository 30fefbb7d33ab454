//! The drop directory: files that are events.
//!
//! The way in that needs no daemon: who writes a file here has told, and the daemon takes it when
//! it runs. The file is the queue.
//!
//! # For writers
//!
//! Write to a name that begins with a dot or ends in `.tmp`, fsync, then rename to a name that
//! does neither. The file holds one JSON object, as for `POST /v1/events`, or a list of them, or
//! one a line (NDJSON), 4 MiB at most. Give each event an `id` and it is recorded once, however
//! often the file is written; without one, the same file is still recorded once. The file's owner
//! is the sender: the daemon's own user and root may name other people, anyone else's `person` is
//! kept as a claim.
//!
//! # Promises
//!
//! - A file is gone only after all that it says is on disk: its events in the journal, its bad
//!   lines and their reasons in `rejected/`. Of one person 60 signals an hour are kept, as at every
//!   door; what is beyond is counted.
//! - A crash in between records nothing twice: an event without an id gets one made of the file's
//!   owner, name, time, line and content.
//! - One bad line costs no good one.
//! - Only plain files with one name are read. Anything else, and what is too large or may not be
//!   read, is moved into `rejected/` unread. Nothing here makes the daemon wait: no FIFO, no device.
//! - Secrets are taken out of bad lines and of the reasons before they are written.
//! - A file that cannot be taken stays where it is, is told of once, and is tried again.
//! - `rejected/` takes no more once it holds 1,000 things or 64 MiB (one that was too large counts
//!   4 MiB); beyond that, bad files stay where they are.
//! - No name is written to a log or made a path unescaped, and no event text is logged.

mod bell;
mod dir;
mod file;
#[cfg(fuzzing)]
pub mod fuzzing;
mod left;
mod line;
mod reject;
mod scan;
mod sheet;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::bell::Bell;
use self::dir::{Dir, is_for_us};
use self::reject::{REJECTED, is_reason};
use self::scan::{Pause, Taker};
use super::Desk;

/// Without any sign that something came, this is how often we look: some file systems never tell.
const EVERY: Duration = Duration::from_secs(30);
/// How long files may gather after the first one rang.
const GATHER: Duration = Duration::from_millis(10);
/// When the recorder could not take what lies there, this is how long it is left in peace.
const RETRY: Duration = Duration::from_secs(5);

/// The drop directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// It cannot be made, opened or listed.
    #[error(
        "the drop directory {dir} cannot be used: it must be a directory that snagd's user may list and change"
    )]
    Unusable {
        /// Which one.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Takes files until told to stop; the files in hand are finished first.
///
/// Fails only where the directory cannot be used from the start. One that goes away later is made
/// again.
pub async fn watch(
    desk: Arc<Desk>,
    dir: PathBuf,
    stop: CancellationToken,
) -> Result<(), DropError> {
    let opened = Dir::open_or_make(&dir).and_then(|(opened, _)| opened.names().map(drop));
    opened.map_err(|source| DropError::Unusable { dir: dir.clone(), source })?;
    let bell = Arc::new(Bell::default());
    let mut taker = Taker::new(desk, dir, bell.clone(), Handle::current(), stop.clone());
    loop {
        let scanned = spawn_blocking(move || {
            let pause = taker.scan();
            (taker, pause)
        });
        let pause;
        (taker, pause) = match scanned.await {
            Ok(scanned) => scanned,
            // A bug, and not one to go on with: this door ends, and the daemon with it.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => return Ok(()),
        };
        if stop.run_until_cancelled(rest(pause, &bell)).await.is_none() {
            return Ok(());
        }
    }
}

/// Waits until it is time to look again.
async fn rest(pause: Pause, bell: &Bell) {
    match pause {
        Pause::UntilItRings => {
            if timeout(EVERY, bell.rung()).await.is_ok() {
                sleep(GATHER).await;
            }
        }
        Pause::Refused => sleep(RETRY).await,
    }
}

/// Files that wait, and files in `rejected/`.
#[must_use]
pub fn count(dir: &Path) -> (usize, usize) {
    let names = |dir: &Path, counts: fn(&[u8]) -> bool| {
        let names = Dir::open(dir).and_then(|dir| dir.names());
        names.into_iter().flatten().flatten().filter(|name| counts(name.to_bytes())).count()
    };
    let rejected = |name: &[u8]| !name.starts_with(b".") && !is_reason(name);
    let waiting = |name: &[u8]| is_for_us(name) && name != REJECTED.to_bytes();
    (names(dir, waiting), names(&dir.join("rejected"), rejected))
}
