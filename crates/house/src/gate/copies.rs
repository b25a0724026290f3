//! The copies of each signature, counted for as long as the daemon runs
//!
//! The table and its clock outlive a reload: whoever sends a mail again and again does not begin anew with each of ours.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sekisho_mail::header::Header;
use sekisho_mail::verdict::{DkimResult, Verdict};

use super::replay::{self, Replay};

/// The signatures that were seen.
pub(crate) struct Copies {
    /// How often each of them was.
    replay: Mutex<Replay>,
    /// Hashes signatures so that no sender can tell where they are counted.
    hasher: RandomState,
    /// When counting began: by a clock that never jumps.
    since: Instant,
}

impl Copies {
    /// Begins to count.
    pub(crate) fn new() -> Copies {
        Copies { replay: Mutex::new(Replay::new()), hasher: RandomState::new(), since: Instant::now() }
    }

    /// Counts the signatures of a mail that passed. Returns how many copies of it there are by now, and how many mails were
    /// suspicious so far, where these copies are: from `threshold` on, and never where that is 0.
    pub(super) fn count(
        &self,
        verdict: &Verdict,
        header: &Header<'_>,
        recipients: usize,
        threshold: u32,
    ) -> Option<(u32, u64)> {
        if threshold == 0 {
            return None;
        }
        let passed = verdict.dkim.iter().filter(|dkim| dkim.result == DkimResult::Pass);
        let signatures = passed.filter_map(|dkim| replay::signature(header.fields().get(dkim.field)?.value()));
        let hashes: Vec<u64> = signatures.map(|signature| self.hasher.hash_one(signature)).collect();
        let recipients = u32::try_from(recipients).unwrap_or(u32::MAX);
        let now = u32::try_from(self.since.elapsed().as_secs()).unwrap_or(u32::MAX);
        let mut replay = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        let copies = replay.count(hashes, recipients, now, threshold)?;
        Some((copies, replay.suspected()))
    }
}
