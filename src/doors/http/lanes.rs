//! Lanes: threads that each serve connections of their own.
//!
//! On a runtime that several threads share, whoever of them found something to do wakes another to look
//! for more: so two wake up for one answer, and where clients come one at a time that is a fifth of
//! what a post takes. A connection stays in its lane, where nobody else looks; work that would keep the
//! others of a lane waiting is for threads beside it.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};

/// As many lanes as there are processors. The first is the runtime that accepts: who comes alone, as a
/// command does, need not wait for another thread to wake up.
#[derive(Debug)]
pub struct Lanes {
    first: Lane,
    others: Vec<Lane>,
    /// Those of the others.
    runtimes: Vec<Runtime>,
}

#[derive(Debug)]
struct Lane {
    handle: Handle,
    /// Held by each of its connections, too.
    seat: Arc<()>,
}

/// Says that a connection is in its lane, as long as it is there.
#[derive(Debug)]
pub(super) struct Seat(#[expect(dead_code, reason = "only counted")] Arc<()>);

impl Lanes {
    /// Opens them beside the runtime that this is called in.
    pub fn open() -> io::Result<Self> {
        let many = available_parallelism().map_or(1, NonZero::get);
        // Not of the current thread: whatever is told to one of these from outside is a system call.
        let another = |_| Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtimes = (1..many).map(another).collect::<Result<Vec<_>, _>>()?;
        let others = runtimes.iter().map(|runtime| Lane::on(runtime.handle().clone())).collect();
        Ok(Self { first: Lane::on(Handle::current()), others, runtimes })
    }

    /// The lane that has fewest connections, of equals the first; and a seat in it.
    pub(super) fn free(&self) -> (&Handle, Seat) {
        let fewer = |free, lane| if Lane::taken(lane) < Lane::taken(free) { lane } else { free };
        let Lane { handle, seat } = self.others.iter().fold(&self.first, fewer);
        (handle, Seat(seat.clone()))
    }
}

impl Lane {
    fn on(handle: Handle) -> Self {
        Self { handle, seat: Arc::new(()) }
    }

    fn taken(&self) -> usize {
        Arc::strong_count(&self.seat)
    }
}

impl Drop for Lanes {
    /// Waits for nobody, since it may happen in a task, where nothing may block.
    fn drop(&mut self) {
        self.runtimes.drain(..).for_each(Runtime::shutdown_background);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::thread::{ThreadId, current};

    use super::*;

    #[test]
    fn each_lane_has_its_thread_and_its_share_of_connections() {
        let main = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        main.block_on(main.spawn(async {
            let (here, lanes) = (current().id(), Lanes::open().unwrap());
            let mut served: HashMap<ThreadId, usize> = HashMap::new();
            let mut seats = Vec::new();
            let many = 1 + lanes.others.len();
            for _ in 0..3 * many {
                let (lane, seat) = lanes.free();
                let thread = lane.spawn(async { current().id() }).await.unwrap();
                *served.entry(thread).or_default() += 1;
                seats.push(seat);
            }
            assert_eq!(served.len(), many);
            assert!(served.values().all(|served| *served == 3), "{served:?}");
            seats.clear();
            for _ in 0..3 {
                let (lane, _seat) = lanes.free();
                let thread = lane.spawn(async { current().id() }).await.unwrap();
                assert_eq!(thread, here, "who comes alone stays where it was accepted");
            }
        }))
        .unwrap();
    }
}
