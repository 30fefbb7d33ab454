//! Running: doors open, a signal or a failure closes them, the writer writes the rest.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::listen::OwnSocket;
use super::open::{Daemon, Lock};
use super::paths::Paths;
use super::settings::{Settings, Sources};
use super::{forget, pulse, recover, retain, systemd};
use crate::doors::drop::{self, DropError};
use crate::doors::http::{self, Door, Workers};
use crate::doors::{Desk, Wish, browser, sentry};
use crate::index::{Index, IndexError};
use crate::recorder::{Inspection, Room, WritingError, keep_until_dropped};

/// How long requests in flight may take once the daemon was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How often the watchdog is fed while the last parts end.
const BEAT: Duration = Duration::from_secs(5);
/// How many times it is fed for each of them.
const MOST_BEATS: u32 = 60;

/// Why a daemon stopped by itself. What was acknowledged is on disk all the same.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The writer stopped.
    #[error(transparent)]
    Writing(#[from] WritingError),
    /// The index could not be put on disk.
    #[error("check the disk, then start snagd again: it catches up from the journal")]
    Checkpoint(#[source] IndexError),
    /// The drop directory cannot be used.
    #[error(transparent)]
    Drop(#[from] DropError),
    /// The threads that serve connections could not be started.
    #[error(
        "connections cannot be served: allow snagd more open files and threads (`ulimit -n`, `ulimit -u`; for systemd `LimitNOFILE=`, `TasksMax=`)"
    )]
    Workers(#[source] std::io::Error),
    /// A thread could not be started, or it died.
    #[error("a part of snagd died: start it again, and report what its log says")]
    Died,
    /// The last file could not be removed.
    #[error("the state directory cannot be written any more")]
    Unmarked(#[source] std::io::Error),
}

/// How a daemon ended.
#[derive(Debug)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// It has to be opened again: something is to be forgotten, or its time is over, or the index is
    /// to be built anew.
    Again(Box<Again>),
}

/// What a daemon that is opened again goes on with.
#[derive(Debug)]
pub struct Again {
    /// The configuration that was in force.
    pub(super) settings: Settings,
    /// The state directory, which nobody else gets in between.
    pub(super) lock: Lock,
}

impl Daemon {
    /// Runs until told to stop, or until a part of it fails. When `reload` is notified, the
    /// configuration is read again; its file is watched anyway.
    ///
    /// When it returns `Ok`, everything that was accepted is on disk.
    pub async fn run(
        self,
        stop: CancellationToken,
        reload: Arc<Notify>,
    ) -> Result<Ended, RunError> {
        // Let go last, or left to the next.
        let lock = self.lock;
        let Self { desk, listeners, mut writing, mut packer, room, configuration, paths, .. } =
            self;
        let workers = Arc::new(Workers::start().map_err(RunError::Workers)?);
        let accepted = configuration.accepted();
        let changes = writing.changes();
        let (index, doubted) = (desk.index.clone(), desk.index.clone());
        let doubt = desk.doubt.clone();
        let inspection = Inspection::new(desk.journal.clone(), move || doubt.notify_one());
        let written = spawn("writer", &stop, move || writing.run().map_err(RunError::from))?;
        let kept = room.clone();
        let checkpointed = spawn("checkpoint", &stop, move || {
            keep_until_dropped(&index, &mut packer, &kept, inspection, &changes)
                .map_err(RunError::Checkpoint)
        })?;

        let mut doors = JoinSet::new();
        let beside = vec![sentry::door(desk.clone()), browser::door(desk.clone())];
        let door = Arc::new(Door::new(desk.clone(), beside, stop.clone()));
        for listener in listeners {
            let serving = http::serve(door.clone(), listener, workers.clone(), stop.clone());
            doors.spawn(async move {
                serving.await;
                Ok(())
            });
        }
        doors.spawn(drop::watch(desk.clone(), paths.drop_dir.clone(), stop.clone()));
        doors.spawn(until(stop.clone(), configuration.follow(desk.clone(), reload)));
        if let Some(watchdog) = systemd::watchdog() {
            doors.spawn(until(stop.clone(), pulse::feed(desk.clone(), watchdog)));
        }
        let again = Arc::new(AtomicBool::new(false));
        let due = until_due(&desk, paths.clone(), room, self.heard, self.sources);
        let is_due = again.clone();
        doors.spawn(until(stop.clone(), async move {
            due.await;
            is_due.store(true, Ordering::Release);
        }));
        let recorder = desk.recorder.clone();
        std::mem::drop((door, desk));

        let closed = close(doors, &stop).await;
        // The writer ends with the last of those who may still ask it something; then the checkpoints.
        if !again.load(Ordering::Acquire) {
            // Questions may go on for long, and whoever asked them is gone.
            recorder.end().await;
        }
        std::mem::drop(recorder);
        last_parts(written, checkpointed, &doubted).await.and(closed)?;
        // One of ours that is left behind would answer nobody; others are kept open by whoever
        // handed them over.
        self.own_socket.into_iter().for_each(OwnSocket::remove);
        recover::mark_stopped(&paths.state_dir).map_err(RunError::Unmarked)?;
        if again.load(Ordering::Acquire) {
            let settings = accepted.borrow().clone();
            return Ok(Ended::Again(Box::new(Again { settings, lock })));
        }
        Ok(Ended::Stopped)
    }
}

/// Returns when the daemon has to be opened again.
fn until_due(
    desk: &Desk,
    paths: Paths,
    room: Arc<Room>,
    heard: mpsc::Receiver<Wish>,
    sources: Sources,
) -> impl Future<Output = ()> + use<> {
    let (journal, rules) = (desk.journal.clone(), desk.rules.subscribe());
    let (doubt, waits_to_forget) = (desk.doubt.clone(), desk.facts.waits_to_forget);
    async move {
        tokio::select! {
            () = forget::wait(&paths, &room, &journal, heard) => {}
            () = forget::wait_for_room(&paths.state_dir, &room, waits_to_forget) => {}
            () = retain::wait(&sources, &journal, rules) => {}
            () = recover::doubted(&paths.state_dir, &doubt) => {}
        }
    }
}

/// The end of a part that has a thread of its own.
type End = oneshot::Receiver<Result<(), RunError>>;

/// Waits for the writer, then for the checkpoints of what it applied.
async fn last_parts(written: End, checkpointed: End, index: &Index) -> Result<(), RunError> {
    let written = fed(written, systemd::alive).await.unwrap_or_else(|_| {
        // It panicked, and what panics where it meets the unexpected is sled.
        index.distrust();
        Err(RunError::Died)
    });
    let checkpointed = fed(checkpointed, systemd::alive).await.unwrap_or(Err(RunError::Died));
    written.and(checkpointed)
}

/// Waits for a part to end. The watchdog is fed meanwhile, since nobody else does any more: but not for
/// ever, as one that hangs is to be killed.
async fn fed<T>(part: impl Future<Output = T>, mut alive: impl FnMut()) -> T {
    let mut part = pin!(part);
    for _ in 0..MOST_BEATS {
        let ended = tokio::time::timeout(BEAT, part.as_mut()).await;
        alive();
        if let Ok(ended) = ended {
            return ended;
        }
    }
    part.await
}

/// Runs a part that has no end of its own.
async fn until(stop: CancellationToken, part: impl Future<Output = ()>) -> Result<(), DropError> {
    stop.run_until_cancelled(part).await;
    Ok(())
}

/// Runs a blocking part on a thread of its own; its end, for whatever reason, stops the rest.
fn spawn(
    name: &str,
    stop: &CancellationToken,
    part: impl FnOnce() -> Result<(), RunError> + Send + 'static,
) -> Result<End, RunError> {
    let (ended, end) = oneshot::channel();
    // Dropped when the part returns or panics.
    let stopping = stop.clone().drop_guard();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _stopping = stopping;
        // Nobody waits for it only where the daemon is gone already.
        let _ = ended.send(part());
    });
    thread.map(|_| end).map_err(|_| RunError::Died)
}

/// Waits for the first door to end and stops the others.
async fn close(
    mut doors: JoinSet<Result<(), DropError>>,
    stop: &CancellationToken,
) -> Result<(), RunError> {
    let mut closed = Ok(());
    let mut note = |ended: Result<Result<(), DropError>, _>| match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => closed = Err(RunError::Drop(error)),
        Err(_) => closed = Err(RunError::Died),
    };
    if let Some(ended) = doors.join_next().await {
        note(ended);
    }
    stop.cancel();
    let rest = async {
        while let Some(ended) = doors.join_next().await {
            note(ended);
        }
    };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!("some requests did not finish in time and are cut off unanswered");
    }
    systemd::alive();
    closed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_part_that_ends_late_is_waited_for_and_fed_for_a_while() {
        let late = async {
            tokio::time::sleep(2 * MOST_BEATS * BEAT).await;
            "done"
        };
        let mut fed_times = 0;
        assert_eq!(fed(late, || fed_times += 1).await, "done");
        assert_eq!(fed_times, MOST_BEATS);
        assert_eq!(fed(async { 1 }, || fed_times += 1).await, 1);
        assert_eq!(fed_times, MOST_BEATS + 1, "whoever ends at once is alive, too");
    }
}
