//! Long work: a mail with a large header is worked on beside the reactor, and few such mails at a time
//!
//! What a header costs grows with its size, and senders choose that. The threads of the reactor have all conversations to
//! move, so that none of them may be held for long; and whoever sends many large headers at once waits for himself.

use tokio::sync::Semaphore;
use tokio::task::block_in_place;

/// From how many octets of header on work is long. Honest headers have less, and pay nothing.
const LARGE: usize = 64 << 10;

/// The turns of those who work long.
#[derive(Debug)]
pub(crate) struct Turns(Semaphore);

impl Turns {
    /// Gives a turn to each processor but one, and at least one.
    pub(crate) fn new() -> Turns {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Turns(Semaphore::new(processors.saturating_sub(1).max(1)))
    }

    /// Does a piece of work for a mail with a header of so many octets: at once, or when its turn comes.
    pub(super) async fn work<T>(&self, octets: usize, work: impl FnOnce() -> T) -> T {
        if octets <= LARGE {
            return work();
        }
        // Turns are never closed, and without one the work has to be done all the same.
        let _turn = self.0.acquire().await;
        block_in_place(work)
    }
}

impl Default for Turns {
    fn default() -> Turns {
        Turns::new()
    }
}
