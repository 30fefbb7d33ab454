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

/// Waits for a change; if there is none for a while, gives room back meanwhile.
fn wait(index: &Index, room: &Room, changes: &Receiver<()>) -> Result<(), TryRecvError> {
    match changes.recv_timeout(QUIET) {
        Ok(()) => return Ok(()),
        Err(RecvTimeoutError::Disconnected) => return Err(TryRecvError::Disconnected),
        Err(RecvTimeoutError::Timeout) => {}
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
