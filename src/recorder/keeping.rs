//! What is done beside the writer's loop, on a thread of its own: checkpoints, packing, looking over
//! what is old, giving room back.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use super::{Inspection, Room};
use crate::index::{Index, IndexError};
use crate::journal::{JournalError, Packed, Packer};

/// The index is put on disk this long after it changed.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// After so long without a change there is time to tidy up.
const QUIET: Duration = Duration::from_secs(10);

/// Puts the index on disk a second after it changed, and once more when nothing will change any
/// more; in between packs full segments of the journal, and looks over what was there at the start.
/// Blocks; never on the way of an answer.
///
/// While there is no room the index stays in memory: nothing is recorded meanwhile, and a later
/// start catches up from the journal.
pub fn keep_until_dropped(
    index: &Index,
    packer: &mut Packer,
    room: &Room,
    mut inspection: Inspection,
    changes: &Receiver<()>,
) -> Result<(), IndexError> {
    index.gather(room.is_ample());
    loop {
        let is_busy = pack_one(packer) || inspection.step(index);
        let told = if is_busy { changes.try_recv() } else { wait(index, room, changes) };
        match told {
            Ok(()) => {}
            Err(TryRecvError::Empty) => continue,
            Err(TryRecvError::Disconnected) => break,
        }
        index.gather(room.is_ample());
        let mut due = Instant::now() + CHECKPOINT_EVERY;
        loop {
            match changes.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(()) if room.allows_checkpoint(index) => index.settle_if_much()?,
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) if room.allows_checkpoint(index) => break,
                Err(RecvTimeoutError::Timeout) => due = Instant::now() + CHECKPOINT_EVERY,
                Err(RecvTimeoutError::Disconnected) => return checkpoint_if_room(index, room),
            }
        }
        index.checkpoint()?;
    }
    checkpoint_if_room(index, room)
}

/// Waits for a change of the index; if there is none for a while, gives room back meanwhile.
fn wait(index: &Index, room: &Room, changes: &Receiver<()>) -> Result<(), TryRecvError> {
    if !stays_quiet(index, changes, QUIET)? {
        return Ok(());
    }
    match index.tidy(room.spare()) {
        Ok(Some((from, to))) => tracing::debug!(from, to, "copied the index to give room back"),
        Ok(None) => {}
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the index stays larger than it need be");
        }
    }
    changes.recv().map_err(|_| TryRecvError::Disconnected)
}

/// Whether nothing changes the index for a while. What is recorded while that waits for room to catch up
/// changes the journal alone, and must not keep it from getting some.
fn stays_quiet(
    index: &Index,
    changes: &Receiver<()>,
    patience: Duration,
) -> Result<bool, TryRecvError> {
    let until = Instant::now() + patience;
    loop {
        match changes.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(()) if index.has_news() => return Ok(false),
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return Ok(true),
            Err(RecvTimeoutError::Disconnected) => return Err(TryRecvError::Disconnected),
        }
    }
}

/// Puts the index on disk, if there is room for it.
pub fn checkpoint_if_room(index: &Index, room: &Room) -> Result<(), IndexError> {
    if room.allows_checkpoint(index) {
        return index.checkpoint();
    }
    tracing::warn!("no room to put the index on disk: the next start catches up from the journal");
    Ok(())
}

/// Packs a segment, if one is due. What goes wrong costs room, nothing else.
fn pack_one(packer: &mut Packer) -> bool {
    match packer.pack_next() {
        Ok(Some(Packed { first, from, to })) => {
            tracing::debug!(first, from, to, "packed a full segment of the journal");
            true
        }
        Ok(None) | Err(JournalError::NoRoom(_)) => false,
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "a full segment of the journal stays unpacked");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::index::Position;

    #[test]
    fn only_what_changes_the_index_keeps_it_from_rest() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(&dir.path().join("index"), Box::new(|_| Ok(Vec::new()))).unwrap();
        let (change, changes) = sync_channel(1);
        let quiet = || stays_quiet(&index, &changes, Duration::ZERO);
        assert!(index.is_worth_telling());
        change.send(()).unwrap();
        assert_eq!(quiet(), Ok(true), "it is as it was");
        assert!(index.is_worth_telling(), "the next is told of");
        index.apply(&[], Position { sequence: 1, batch: 1 }).unwrap();
        change.send(()).unwrap();
        assert_eq!(quiet(), Ok(false));
        index.checkpoint().unwrap();
        change.send(()).unwrap();
        assert_eq!(quiet(), Ok(true), "it is on disk");
        drop(change);
        assert_eq!(quiet(), Err(TryRecvError::Disconnected));
    }
}
