//! Giving way: pages and questions work where no mail wants the processor

use rustix::process::{getpriority_process, setpriority_process};
use tracing::debug;

/// How far back somebody stands who gives way. Everybody gets everything where nobody moves mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Who draws pages: a thread gets a tenth of what one gets that moves mails.
    Pages,
    /// Who asks the lake, on as many threads as there are processors: each gets a seventieth.
    Questions,
}

impl Way {
    /// Returns the steps (`nice`).
    fn steps(self) -> i32 {
        match self {
            Way::Pages => 10,
            Way::Questions => 19,
        }
    }
}

/// Lets the calling thread, and those that it begins, give way to all that move mails.
pub fn give_way(way: Way) {
    let behind = way.steps();
    // On Linux the priority of the process that calls is that of the thread that calls. One that stands further back stays there.
    let set = match getpriority_process(None) {
        Ok(stands) if stands >= behind => Ok(()),
        _ => setpriority_process(None, behind),
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
            give_way(Way::Pages);
            let pages = (behind(), std::thread::spawn(behind).join().unwrap());
            give_way(Way::Questions);
            let questions = behind();
            give_way(Way::Pages);
            (pages, questions, behind())
        });
        let (pages, questions) = (before.max(10), before.max(19));
        let stood = ((pages, pages), questions, questions);
        assert_eq!((begun.join().unwrap(), getpriority_process(None).unwrap()), (stood, before));
    }
}
