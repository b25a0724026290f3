//! The gate: a mail filter in front of an MTA, by the milter protocol
//!
//! A connection is a [`conversation`]: it moves octets between the socket and `sekisho-wire`. While a mail comes in it is
//! heard ([`hearing`], guarded by [`poison`]): the header is judged as soon as it is there, the body streams through the hashes, and what the DNS
//! has to tell is asked meanwhile. What the verdict means for the mail is decided in [`decision`] and told to the MTA in
//! [`answer`]; [`annotation`] writes the fields that tell others, with what [`replay`] and [`line_ends`] found odd. [`listener`] takes connections and bounds them.
//!
//! A failure of ours is never a pass: the mail is put off, or let through with a field that says that nobody judged it.

mod annotation;
mod answer;
mod conversation;
mod decision;
mod hearing;
mod line_ends;
mod listener;
mod poison;
mod replay;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sekisho_ask::Source;
use sekisho_mail::header::Header;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::{DkimResult, Verdict};

use crate::config::{Config, GateSection};
pub(crate) use listener::listen;
pub(crate) use poison::InWork;
use replay::Replay;

/// What every conversation shares: the configuration that it began with, and where answers come from.
pub(crate) struct Gate {
    /// What the house decides about mails.
    section: GateSection,
    /// What decides verdicts.
    policy: Arc<Policy>,
    /// Where answers come from.
    source: Source,
    /// How long they are waited for, for one mail.
    timeout: Duration,
    /// The mails in work, and those that were so when a process died.
    in_work: InWork,
    /// The signatures that were seen; nothing where nobody wants them counted.
    replay: Option<Mutex<Replay>>,
    /// Hashes signatures so that no sender can tell where they are counted.
    hasher: RandomState,
    /// When the gate was prepared: copies are counted by a clock that never jumps.
    since: Instant,
    /// Our name, where neither configuration nor MTA says one.
    host: String,
}

impl Gate {
    /// Prepares the gate.
    pub(crate) fn new(config: &Config, source: Source, in_work: InWork, host: String) -> Gate {
        let policy = Arc::new(config.policy());
        let section = config.gate.clone();
        let replay = (section.replay_copies > 0).then(|| Mutex::new(Replay::new(section.replay_copies)));
        let (hasher, since) = (RandomState::new(), Instant::now());
        Gate { section, policy, source, timeout: config.dns.timeout, in_work, replay, hasher, since, host }
    }

    /// Counts the signatures of a mail that passed. Returns how many copies of it there are by now, and how many mails were
    /// suspicious so far, where these copies are.
    fn count_copies(&self, verdict: &Verdict, header: &Header<'_>, recipients: usize) -> Option<(u32, u64)> {
        let replay = self.replay.as_ref()?;
        let passed = verdict.dkim.iter().filter(|dkim| dkim.result == DkimResult::Pass);
        let signatures = passed.filter_map(|dkim| replay::signature(header.fields().get(dkim.field)?.value()));
        let hashes: Vec<u64> = signatures.map(|signature| self.hasher.hash_one(signature)).collect();
        let recipients = u32::try_from(recipients).unwrap_or(u32::MAX);
        let now = u32::try_from(self.since.elapsed().as_secs()).unwrap_or(u32::MAX);
        let mut replay = replay.lock().unwrap_or_else(PoisonError::into_inner);
        let copies = replay.count(hashes, recipients, now)?;
        Some((copies, replay.suspected()))
    }
}
