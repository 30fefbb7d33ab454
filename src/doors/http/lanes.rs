//! Lanes: threads that each serve connections of their own.
//!
//! On a runtime that several threads share, whoever of them found something to do wakes another to look
//! for more: so two wake up for one answer, and where clients come one at a time that is a fifth of
//! what a post takes. A connection stays in its lane, where nobody else looks; work that would keep the
//! others of a lane waiting is for threads beside it.

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};

/// As many lanes as there are processors.
#[derive(Debug)]
pub struct Lanes {
    /// Of one thread each; there is at least one.
    lanes: Vec<Runtime>,
    /// How many connections came.
    came: AtomicUsize,
}

impl Lanes {
    /// Opens them.
    pub fn open() -> io::Result<Self> {
        let many = available_parallelism().map_or(1, NonZero::get);
        // Not of the current thread: whatever is told to one of these from outside is a system call.
        let lane = || Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let lanes = (0..many).map(|_| lane()).collect::<Result<_, _>>()?;
        Ok(Self { lanes, came: AtomicUsize::default() })
    }

    /// The lane of the next connection.
    pub(super) fn next(&self) -> &Handle {
        let nth = self.came.fetch_add(1, Ordering::Relaxed) % self.lanes.len();
        self.lanes[nth].handle()
    }
}

impl Drop for Lanes {
    /// Waits for nobody, since it may happen in a task, where nothing may block.
    fn drop(&mut self) {
        self.lanes.drain(..).for_each(Runtime::shutdown_background);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::thread::{ThreadId, current};

    use super::*;

    #[tokio::test]
    async fn each_lane_has_its_thread_and_gets_every_so_manieth_connection() {
        let lanes = Lanes::open().unwrap();
        let mut served: HashMap<ThreadId, usize> = HashMap::new();
        for _ in 0..3 * lanes.lanes.len() {
            let thread = lanes.next().spawn(async { current().id() }).await.unwrap();
            *served.entry(thread).or_default() += 1;
        }
        assert_eq!(served.len(), lanes.lanes.len());
        assert!(served.values().all(|served| *served == 3), "{served:?}");
        assert!(!served.contains_key(&current().id()));
    }
}
