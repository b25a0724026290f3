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

/// The threads that do it: what tidies may take long, and what settles does not wait for it.
pub(crate) struct Upkeep {
    /// Tells when both have ended: nothing ever comes here.
    ended: Receiver<()>,
    /// Whether they shall end.
    closing: Arc<AtomicBool>,
}

impl Upkeep {
    /// Begins, and counts failures. It settles at once for the first time: so the lake is open, and ours, from the start.
    ///
    /// # Errors
    ///
    /// Where the system has no threads for that.
    pub(crate) fn begin(
        lake: Arc<dyn Lake>,
        (keep, forget): (Keep, Vec<Forget>),
        failures: IntCounter,
    ) -> io::Result<Upkeep> {
        let closing = Arc::new(AtomicBool::new(false));
        let (end, ended) = channel::<()>();
        let begin = |name: &str, (at_first, each): (Duration, Duration), work: Box<dyn Fn() + Send>| {
            let (end, told) = (end.clone(), Arc::clone(&closing));
            thread::Builder::new().name(name.to_owned()).spawn(move || {
                let _end = end;
                every(each, at_first, &told, work);
            })
        };
        let (settled, counted) = (Arc::clone(&lake), failures.clone());
        begin("upkeep", (Duration::ZERO, SETTLING), Box::new(move || settle(&*settled, &counted)))?;
        begin("tidy", (AT_FIRST, TIDYING), Box::new(move || tidy_up(&*lake, (keep, &forget), &failures)))?;
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

/// Does something now and then until the house closes.
fn every(each: Duration, at_first: Duration, closing: &AtomicBool, work: impl Fn()) {
    let mut due = Instant::now() + at_first;
    while !closing.load(Ordering::Relaxed) {
        if Instant::now() >= due {
            work();
            due = Instant::now() + each;
        }
        thread::sleep(LOOK);
    }
}

/// Makes files of what came.
fn settle(lake: &dyn Lake, failures: &IntCounter) {
    if let Err(why) = lake.settle() {
        failures.inc();
        warn!(error = %why, "the lake could not settle; it is tried again");
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
        let (settles, tidies) = (|| settle(&*puddle, &failures), || tidy_up(&*puddle, (keep, &forget), &failures));
        thread::scope(|scope| {
            scope.spawn(|| every(SETTLING, Duration::ZERO, &closing, settles));
            scope.spawn(|| every(TIDYING, Duration::from_millis(1), &closing, tidies));
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
