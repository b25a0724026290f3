//! Giving way: pages and questions work where no mail wants the processor

use rustix::process::{getpriority_process, setpriority_process};
use tracing::debug;

/// How far back such a thread stands: it gets a tenth of what one that moves mails gets, and everything where none does.
const BEHIND: i32 = 10;

/// Lets the calling thread, and those that it begins, give way to all that move mails.
pub fn give_way() {
    // On Linux the priority of the process that calls is that of the thread that calls. One that stands further back stays there.
    let set = match getpriority_process(None) {
        Ok(stands) if stands >= BEHIND => Ok(()),
        _ => setpriority_process(None, BEHIND),
    };
    if let Err(why) = set {
        debug!(error = %why, "a thread cannot give way to those that move mails");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gives_way_with_those_that_it_begins_and_no_other_does() {
        let before = getpriority_process(None).unwrap();
        let behind = || getpriority_process(None).unwrap();
        let begun = std::thread::spawn(move || {
            give_way();
            (behind(), std::thread::spawn(behind).join().unwrap())
        });
        let behind = before.max(BEHIND);
        assert_eq!((begun.join().unwrap(), getpriority_process(None).unwrap()), ((behind, behind), before));
    }
}
