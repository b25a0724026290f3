//! Events on their way into the lake: a bounded queue that never makes a verdict wait
//!
//! Whoever has an Event writes it, puts its octets on the queue and goes on. One thread takes what is there, lets the lake keep
//! it with one sync for many, and counts. Where the queue is full an Event is dropped, counted, and said aloud: mail goes
//! before books.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sekisho_core::event::Event;
use sekisho_core::written::Written;
use tracing::{error, info};

use crate::lake::Lake;
use crate::metrics::EventCounts;

/// How many octets of Events may wait: one to two seconds of the busiest gate.
const WAITING: usize = 16 << 20;
/// How many octets of room are kept for the next ones.
const ROOM: usize = 1 << 20;
/// How long others may join the first of a batch, so that one sync serves them all.
const GATHERING: Duration = Duration::from_millis(20);
/// How long a lake that fails is left in peace.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often it is tried again once the house closes.
const LAST_TRIES: u32 = 3;
/// How often the keeper looks whether the house closes.
const LOOK: Duration = Duration::from_millis(100);
/// How often drops are said aloud.
const ALARM: Duration = Duration::from_secs(10);

/// Takes Events from whoever has some.
pub(crate) struct Events {
    /// Where they wait; nothing where none are kept.
    queue: Option<Arc<Queue>>,
    /// What is counted.
    counts: EventCounts,
    /// When a drop was last said aloud.
    alarmed: Mutex<Option<Instant>>,
}

impl Events {
    /// Keeps nothing.
    pub(crate) fn nowhere(counts: EventCounts) -> Events {
        Events { queue: None, counts, alarmed: Mutex::default() }
    }

    /// Keeps Events in a lake, until the thread is told to close.
    ///
    /// # Errors
    ///
    /// Where the system has no thread for that.
    pub(crate) fn kept_in(lake: Arc<dyn Lake>, counts: EventCounts) -> io::Result<(Events, Keeping)> {
        let queue = Arc::new(Queue::new(WAITING));
        let (closing, counted) = (Arc::new(AtomicBool::new(false)), counts.clone());
        let (told, waiting) = (Arc::clone(&closing), Arc::clone(&queue));
        let thread = thread::Builder::new().name("events".to_owned());
        let thread = thread.spawn(move || Keeper { lake: &*lake, counts: &counted, closing: &told }.keep(&waiting))?;
        let events = Events { queue: Some(queue), counts, alarmed: Mutex::default() };
        Ok((events, Keeping { thread, closing }))
    }

    /// Tells whether Events are kept at all.
    pub(crate) fn are_kept(&self) -> bool {
        self.queue.is_some()
    }

    /// Puts an Event on its way. Returns at once.
    pub(crate) fn record(&self, event: &Event) {
        thread_local! {
            /// Where this thread writes the Event that it has.
            static SHEET: RefCell<Written> = RefCell::default();
        }
        let Some(queue) = &self.queue else { return };
        let is_taken = SHEET.with_borrow_mut(|sheet| {
            sheet.clear(ROOM);
            match sheet.push(event) {
                Ok(()) => queue.put(sheet),
                Err(why) => {
                    error!(error = %why, "an Event cannot be written, and is dropped");
                    false
                }
            }
        });
        if !is_taken {
            self.counts.dropped.inc();
            let mut alarmed = self.alarmed.lock().unwrap_or_else(PoisonError::into_inner);
            if alarmed.is_none_or(|last| last.elapsed() >= ALARM) {
                *alarmed = Some(Instant::now());
                error!(dropped = self.counts.dropped.get(), "the lake does not keep up: Events are dropped");
            }
        }
    }
}

/// Events that wait for the keeper.
struct Queue {
    /// They.
    waiting: Mutex<Waiting>,
    /// Told when the first one comes.
    filled: Condvar,
    /// How many octets may wait.
    bound: usize,
}

/// What waits.
#[derive(Default)]
struct Waiting {
    /// The Events.
    events: Written,
    /// Whether nobody will take any more.
    is_closed: bool,
}

impl Queue {
    /// Makes an empty one, in which so many octets may wait.
    fn new(bound: usize) -> Queue {
        Queue { waiting: Mutex::default(), filled: Condvar::new(), bound }
    }

    /// Lets Events wait; tells whether there was room, and somebody who will take them.
    fn put(&self, events: &Written) -> bool {
        let mut waiting = self.waiting();
        if waiting.is_closed || waiting.events.octets().len() + events.octets().len() > self.bound {
            return false;
        }
        let is_first = waiting.events.is_empty();
        waiting.events.extend(events);
        drop(waiting);
        if is_first {
            self.filled.notify_one();
        }
        true
    }

    /// Waits a while until something waits; tells whether it does.
    fn is_filled(&self) -> bool {
        let waiting = self.filled.wait_timeout_while(self.waiting(), LOOK, |waiting| waiting.events.is_empty());
        !waiting.unwrap_or_else(PoisonError::into_inner).0.events.is_empty()
    }

    /// Takes all that waits, for empty sheets.
    fn take(&self, sheets: Written) -> Written {
        mem::replace(&mut self.waiting().events, sheets)
    }

    /// Takes no more, where nothing waits; tells whether that is so.
    fn close(&self) -> bool {
        let mut waiting = self.waiting();
        waiting.is_closed = waiting.events.is_empty();
        waiting.is_closed
    }

    /// Returns what waits; whoever panicked meanwhile has left it whole.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that keeps Events.
pub(crate) struct Keeping {
    /// The thread.
    thread: JoinHandle<()>,
    /// Whether it shall end.
    closing: Arc<AtomicBool>,
}

impl Keeping {
    /// Waits until everything that was put on its way is kept, or given up.
    pub(crate) fn close(self) {
        self.closing.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            error!("the thread that keeps Events failed");
        }
    }
}

/// Who keeps Events.
struct Keeper<'a> {
    /// Where.
    lake: &'a dyn Lake,
    /// What is counted.
    counts: &'a EventCounts,
    /// Whether the house closes.
    closing: &'a AtomicBool,
}

impl Keeper<'_> {
    /// Keeps what comes until the house closes and nothing waits any more.
    fn keep(&self, queue: &Queue) {
        let mut batch = Written::default();
        loop {
            if !queue.is_filled() {
                if self.is_closing() && queue.close() {
                    return;
                }
                continue;
            }
            if !self.is_closing() {
                thread::sleep(GATHERING);
            }
            batch.clear(ROOM);
            batch = queue.take(batch);
            self.keep_batch(&batch);
        }
    }

    /// Keeps a batch, however long the lake needs: the queue bounds what waits behind it.
    fn keep_batch(&self, batch: &Written) {
        let (mut failures, count) = (0, u64::try_from(batch.len()).unwrap_or(u64::MAX));
        while let Err(why) = self.lake.keep(batch) {
            if failures == 0 {
                error!(error = %why, waiting = count, "the lake cannot keep Events; it is tried again every second");
            }
            failures += 1;
            self.counts.failures.inc();
            if self.is_closing() && failures >= LAST_TRIES {
                error!(dropped = count, "the house closes, and the lake could not keep these Events");
                self.counts.dropped.inc_by(count);
                return;
            }
            thread::sleep(AFTER_FAILURE);
        }
        if failures > 0 {
            info!("the lake keeps Events again");
        }
        self.counts.kept.inc_by(count);
    }

    /// Tells whether the house closes.
    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Registry;
    use sekisho_core::event::MailEvent;

    use super::*;
    use crate::lake::puddle::Puddle;

    /// Makes the n-th Event.
    fn event(n: i64) -> Event {
        Event::Mail(Box::new(MailEvent { at: n, ..MailEvent::default() }))
    }

    #[test]
    fn what_was_put_on_its_way_is_kept_in_order_before_the_house_closes() {
        let (puddle, counts) = (Arc::new(Puddle::default()), EventCounts::new(&Registry::new()));
        let (events, keepers) = Events::kept_in(puddle.clone(), counts.clone()).unwrap();
        (0..10_000).for_each(|n| events.record(&event(n)));
        keepers.close();
        assert_eq!(*puddle.kept.lock().unwrap(), (0..10_000).map(event).collect::<Vec<_>>());
        assert_eq!((counts.kept.get(), counts.dropped.get()), (10_000, 0));
    }

    #[test]
    fn a_lake_that_fails_for_a_while_loses_nothing() {
        let (puddle, counts) = (Arc::new(Puddle::default()), EventCounts::new(&Registry::new()));
        *puddle.fails.lock().unwrap() = 1;
        let (events, keepers) = Events::kept_in(puddle.clone(), counts.clone()).unwrap();
        (0..10).for_each(|n| events.record(&event(n)));
        keepers.close();
        assert_eq!(puddle.kept.lock().unwrap().len(), 10);
        assert_eq!((counts.kept.get(), counts.dropped.get(), counts.failures.get()), (10, 0, 1));
    }

    #[test]
    fn beyond_the_bound_events_are_dropped_and_counted_and_nobody_waits() {
        let counts = EventCounts::new(&Registry::new());
        let queue = Arc::new(Queue::new(3 * Written::of(&[event(0)]).unwrap().octets().len()));
        let events = Events { queue: Some(Arc::clone(&queue)), counts: counts.clone(), alarmed: Mutex::default() };
        (0..10).for_each(|n| events.record(&event(n)));
        assert_eq!((counts.dropped.get(), queue.is_filled(), queue.close()), (7, true, false));
        let taken: Vec<Event> = queue.take(Written::default()).events().map(|event| event.unwrap().unwrap()).collect();
        assert_eq!(taken, [event(0), event(1), event(2)]);
        // Where nobody takes any more, what comes is lost, and that is counted.
        assert!(queue.close());
        events.record(&event(11));
        assert_eq!(counts.dropped.get(), 8);
    }

    #[test]
    fn a_lake_that_never_comes_back_does_not_keep_the_house_open() {
        let (puddle, counts) = (Arc::new(Puddle::default()), EventCounts::new(&Registry::new()));
        *puddle.fails.lock().unwrap() = u32::MAX;
        let (events, keepers) = Events::kept_in(puddle, counts.clone()).unwrap();
        events.record(&event(1));
        keepers.close();
        assert_eq!((counts.kept.get(), counts.dropped.get()), (0, 1));
    }
}
