//! Workers: threads that each serve connections of their own.
//!
//! On a runtime that several threads share, whoever of them found something to do wakes another to look
//! for more: so two wake up for one answer, and where clients come one at a time that is a fifth of
//! what a post takes. A connection stays with its worker, and nobody else looks. Asking the index, packing
//! an answer and the rest of a large batch are for threads beside it, since its other connections wait
//! for whatever it does itself.

use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::recorder::PROCESSORS;

/// As many workers as there are processors. The first is the runtime that accepts: who comes alone, as a
/// command does, need not wait for another thread to wake up.
#[derive(Debug)]
pub struct Workers {
    first: Worker,
    others: Vec<Worker>,
    /// Those of the others.
    runtimes: Vec<Runtime>,
}

#[derive(Debug)]
struct Worker {
    handle: Handle,
    /// Held by each of its connections, too, which counts them.
    held: Arc<()>,
}

impl Workers {
    /// Starts them beside the runtime that this is called in.
    pub fn start() -> io::Result<Self> {
        // Not of the current thread: whatever is told to one of these from outside is a system call.
        let another = |_| Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtimes = (1..*PROCESSORS).map(another).collect::<Result<Vec<_>, _>>()?;
        let others = runtimes.iter().map(|runtime| Worker::on(runtime.handle().clone())).collect();
        Ok(Self { first: Worker::on(Handle::current()), others, runtimes })
    }

    /// The worker that has fewest connections, of equals the first; and what a connection holds as long
    /// as it is there.
    pub(super) fn free(&self) -> (&Handle, Arc<()>) {
        let fewer = |free, one| if Worker::busy(one) < Worker::busy(free) { one } else { free };
        let Worker { handle, held } = self.others.iter().fold(&self.first, fewer);
        (handle, held.clone())
    }
}

impl Worker {
    fn on(handle: Handle) -> Self {
        Self { handle, held: Arc::new(()) }
    }

    fn busy(&self) -> usize {
        Arc::strong_count(&self.held)
    }
}

impl Drop for Workers {
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
    fn each_worker_has_its_thread_and_its_share_of_connections() {
        let main = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        main.block_on(main.spawn(async {
            let (here, workers) = (current().id(), Workers::start().unwrap());
            let mut served: HashMap<ThreadId, usize> = HashMap::new();
            let mut held = Vec::new();
            let many = 1 + workers.others.len();
            for _ in 0..3 * many {
                let (worker, mine) = workers.free();
                let thread = worker.spawn(async { current().id() }).await.unwrap();
                *served.entry(thread).or_default() += 1;
                held.push(mine);
            }
            assert_eq!(served.len(), many);
            assert!(served.values().all(|served| *served == 3), "{served:?}");
            held.clear();
            for _ in 0..3 {
                let (worker, _mine) = workers.free();
                let thread = worker.spawn(async { current().id() }).await.unwrap();
                assert_eq!(thread, here, "who comes alone stays where it was accepted");
            }
        }))
        .unwrap();
    }
}
