//! Work on many items, shared among processors.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::task::spawn_blocking;

/// Fewer items than this take less time than it takes to hand them over.
const FEWEST: usize = 16;

/// How many processors there are for this process. Asking for it reads files.
pub(crate) static PROCESSORS: LazyLock<usize> =
    LazyLock::new(|| available_parallelism().map_or(1, NonZero::get));

/// What `work` makes of each item, in their order.
///
/// Many items are worked on by several threads: a thousand events would keep one from all else for some
/// 10 ms, and whoever sent them waiting.
pub async fn to_each<T, R>(items: Vec<T>, work: impl Fn(T) -> R + Clone + Send + 'static) -> Vec<R>
where
    T: Send + 'static,
    R: Send + 'static,
{
    if items.len() <= FEWEST {
        return items.into_iter().map(work).collect();
    }
    let share = items.len().div_ceil(*PROCESSORS).max(FEWEST);
    let mut rest = items.into_iter();
    let first: Vec<T> = rest.by_ref().take(share).collect();
    let mut others = Vec::new();
    while rest.len() > 0 {
        let items: Vec<T> = rest.by_ref().take(share).collect();
        let work = work.clone();
        others.push(spawn_blocking(move || items.into_iter().map(work).collect::<Vec<R>>()));
    }
    let mut done: Vec<R> = first.into_iter().map(work).collect();
    for other in others {
        // Nobody aborts it, so it panicked.
        done.extend(other.await.unwrap_or_else(|error| resume_unwind(error.into_panic())));
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_is_done_once_and_all_in_order() {
        for many in [0, 1, FEWEST, FEWEST + 1, 1000] {
            let doubled = to_each((0..many).collect(), |item| 2 * item).await;
            assert_eq!(doubled, (0..many).map(|item| 2 * item).collect::<Vec<_>>());
        }
    }
}
