//! The gate: a mail filter in front of an MTA, by the milter protocol
//!
//! A connection is a [`conversation`]: it moves octets between the socket and `sekisho-wire`. While a mail comes in it is
//! heard ([`hearing`]): the header is judged as soon as it is there, the body streams through the hashes, and what the DNS
//! has to tell is asked meanwhile. What the verdict means for the mail is decided in [`decision`]; [`annotation`] writes
//! the fields that tell others. [`listener`] takes connections and bounds them.
//!
//! A failure of ours is never a pass: the mail is put off, or let through with a field that says that nobody judged it.

mod annotation;
mod conversation;
mod decision;
mod hearing;
mod listener;
mod record;
mod roll;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sekisho_ask::Source;
use sekisho_mail::policy::Policy;
use tokio::sync::watch;

use self::roll::Roll;
use crate::config::GateSection;
use crate::metrics::Metrics;
pub(crate) use conversation::Broken;
pub(crate) use decision::Decision;
pub(crate) use listener::listen;
pub(crate) use roll::Full;

/// What all listeners share for as long as the daemon runs, whatever the configuration says.
pub(crate) struct Front {
    /// The gate that new conversations pass.
    gate: watch::Sender<Arc<Gate>>,
    /// Who is here.
    roll: Arc<Roll>,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// Whether mails are taken.
    is_ready: AtomicBool,
}

impl Front {
    /// Opens the front with a first gate.
    pub(crate) fn new(gate: Gate) -> Front {
        let (gate, is_ready) = (watch::Sender::new(Arc::new(gate)), AtomicBool::new(false));
        Front { gate, roll: Arc::default(), metrics: Metrics::new(), is_ready }
    }

    /// Tells whether mails are taken.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed)
    }

    /// Notes whether mails are taken.
    pub(crate) fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Relaxed);
    }

    /// Returns the gate that is in force. A conversation keeps the one that it began with.
    pub(crate) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate.borrow())
    }

    /// Puts another gate in force.
    pub(crate) fn replace(&self, gate: Gate) {
        self.gate.send_replace(Arc::new(gate));
    }
}

/// What every conversation shares: the configuration that it began with, and where answers come from.
pub(crate) struct Gate {
    /// What the house decides about mails.
    section: GateSection,
    /// What decides verdicts.
    policy: Arc<Policy>,
    /// Where answers come from.
    pub(crate) source: Source,
    /// How long they are waited for, for one mail.
    timeout: Duration,
    /// Our name, where neither configuration nor MTA says one.
    host: String,
}

impl Gate {
    /// Prepares the gate.
    pub(crate) fn new(section: GateSection, policy: Policy, source: Source, timeout: Duration, host: String) -> Gate {
        Gate { section, policy: Arc::new(policy), source, timeout, host }
    }
}
