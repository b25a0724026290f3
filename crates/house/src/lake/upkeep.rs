//! The lake's upkeep while the daemon runs: settled often, tidied now and then

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use prometheus::IntCounter;
use tracing::{error, info, warn};

use super::{Forget, Keep, Lake};

/// How often somebody looks whether the house closes.
const LOOK: Duration = Duration::from_millis(100);
/// How often the lake is told to settle.
const SETTLING: Duration = Duration::from_secs(10);
/// How often small files become large ones, and old days go.
const TIDYING: Duration = Duration::from_secs(3600);
/// How long after the start that is done first: a house that has just opened has other things to do.
const AT_FIRST: Duration = Duration::from_secs(300);
/// How long the end of what is under way is waited for. It may be ended anywhere, and is done again.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The thread that does it.
pub(crate) struct Upkeep {
    /// Tells when the thread has ended: nothing ever comes here.
    ended: Receiver<()>,
    /// Whether it shall end.
    closing: Arc<AtomicBool>,
}

impl Upkeep {
    /// Begins, and counts failures. It settles at once for the first time: so the lake is open, and ours, from the start.
    ///
    /// # Errors
    ///
    /// Where the system has no thread for that.
    pub(crate) fn begin(
        lake: Arc<dyn Lake>,
        (keep, forget): (Keep, Vec<Forget>),
        failures: IntCounter,
    ) -> io::Result<Upkeep> {
        let closing = Arc::new(AtomicBool::new(false));
        let (told, (end, ended)) = (Arc::clone(&closing), channel());
        thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
            let _end = end;
            keep_up(&*lake, (keep, &forget), AT_FIRST, (&told, &failures));
        })?;
        Ok(Upkeep { ended, closing })
    }

    /// Ends, once what is under way is done, or at once where that takes long.
    pub(crate) fn close(self) {
        self.closing.store(true, Ordering::Relaxed);
        if self.ended.recv_timeout(LAST_WORDS) == Err(RecvTimeoutError::Timeout) {
            error!("the lake is in the middle of its upkeep, which is broken off, and done again");
        }
    }
}

/// Settles and tidies until the house closes.
fn keep_up(
    lake: &dyn Lake,
    kept: (Keep, &[Forget]),
    at_first: Duration,
    (closing, failures): (&AtomicBool, &IntCounter),
) {
    let (mut settle, mut tidy) = (Instant::now(), Instant::now() + at_first);
    while !closing.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now >= settle {
            if let Err(why) = lake.settle() {
                failures.inc();
                warn!(error = %why, "the lake could not settle; it is tried again");
            }
            settle = Instant::now() + SETTLING;
        }
        if now >= tidy {
            tidy_up(lake, kept, failures);
            tidy = Instant::now() + TIDYING;
        }
        thread::sleep(LOOK);
    }
}

/// Makes few files of many, and lets old days go.
fn tidy_up(lake: &dyn Lake, (keep, forget): (Keep, &[Forget]), failures: &IntCounter) {
    if let Err(why) = lake.compact() {
        failures.inc();
        warn!(error = %why, "the files of the lake could not be joined; it is tried again");
    }
    match lake.retain(keep) {
        Ok(gone) if gone.files > 0 => info!(files = gone.files, octets = gone.octets, "let go of old days"),
        Ok(_) => {}
        Err(why) => {
            failures.inc();
            warn!(error = %why, "old days of the lake could not be let go; it is tried again");
        }
    }
    for Forget { domains, days } in forget {
        match lake.forget(domains, *days) {
            Ok(0) => {}
            Ok(files) => info!(files, days, "forgot what some recipients want forgotten"),
            Err(why) => {
                failures.inc();
                warn!(error = %why, "what some recipients want forgotten is still kept; it is tried again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::puddle::Puddle;

    #[test]
    fn a_lake_is_settled_at_once_and_tidied_when_its_time_has_come() {
        let (puddle, keep) = (Arc::new(Puddle::default()), Keep { mail: 7, ..Keep::default() });
        let forget = [Forget { domains: vec!["a.example".to_owned()], days: 7 }];
        let (closing, failures) = (AtomicBool::new(false), IntCounter::new("failures", "failures").unwrap());
        thread::scope(|scope| {
            scope.spawn(|| keep_up(&*puddle, (keep, &forget), Duration::from_millis(1), (&closing, &failures)));
            while puddle.forgotten.lock().unwrap().is_empty() {
                thread::yield_now();
            }
            closing.store(true, Ordering::Relaxed);
        });
        assert_eq!(puddle.forgotten.lock().unwrap()[..], [(vec!["a.example".to_owned()], 7)]);
        // That compacting fails keeps no old day.
        assert!(failures.get() >= 1, "a puddle cannot compact");
        assert_eq!((*puddle.tidied.lock().unwrap(), &puddle.retained.lock().unwrap()[..]), ((1, 1), &[keep][..]));
    }

    #[test]
    fn the_end_is_not_waited_for_beyond_what_is_under_way() {
        let puddle = Arc::new(Puddle::default());
        let upkeep = Upkeep::begin(
            puddle.clone(),
            (Keep::default(), Vec::new()),
            IntCounter::new("failures", "failures").unwrap(),
        )
        .unwrap();
        let begun = Instant::now();
        upkeep.close();
        assert!(begun.elapsed() < LAST_WORDS && puddle.retained.lock().unwrap().is_empty());
    }
}
