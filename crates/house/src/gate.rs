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

use std::sync::Arc;
use std::time::Duration;

use sekisho_ask::Source;
use sekisho_mail::policy::Policy;

use crate::config::GateSection;
pub(crate) use listener::listen;

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
    /// Our name, where neither configuration nor MTA says one.
    host: String,
}

impl Gate {
    /// Prepares the gate.
    pub(crate) fn new(section: GateSection, policy: Policy, source: Source, timeout: Duration, host: String) -> Gate {
        Gate { section, policy: Arc::new(policy), source, timeout, host }
    }
}
