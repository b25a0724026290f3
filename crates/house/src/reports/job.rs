//! Jobs, as those who read reports and those who send them do them: ids, leases that were lost, and when to try again

use std::io;

use aws_lc_rs::rand;
use sekisho_ledger::{Backoff, Fault, Id, LeaseError};
use tracing::warn;

/// What is said of a lease that ran out.
pub(super) const LOST: &str = "a job took longer than its lease, and another one does it now";

/// Passes over a lease that was lost meanwhile: whoever has it now does the job.
pub(super) fn settle(ended: Result<(), LeaseError>) -> Result<(), Fault> {
    match ended {
        Ok(()) => Ok(()),
        Err(LeaseError::Lost) => {
            warn!("{LOST}");
            Ok(())
        }
        Err(LeaseError::Ledger(fault)) => Err(fault),
    }
}

/// Returns when a job is tried again that failed so often.
pub(super) fn again(backoff: &Backoff, attempts: u32, now: i64) -> i64 {
    now + backoff.wait(attempts, chance())
}

/// Returns a new id.
pub(super) fn new_id(now: i64) -> io::Result<Id> {
    let mut random = [0; 10];
    rand::fill(&mut random).map_err(|_| io::Error::other("the system has no randomness"))?;
    Ok(Id::new(now, random))
}

/// Returns a random number; where the system has none, jobs that failed together come back together.
fn chance() -> u32 {
    let mut octets = [0; 4];
    let _ = rand::fill(&mut octets);
    u32::from_ne_bytes(octets)
}
