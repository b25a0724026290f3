//! The gate: a mail filter in front of an MTA, by the milter protocol
//!
//! A connection is a [`conversation`]: it moves octets between the socket and `sekisho-wire`. While a mail comes in it is
//! heard ([`hearing`], guarded by [`poison`]): the header is judged as soon as it is there, the body streams through the
//! hashes, and what the DNS has to tell is asked meanwhile. What the verdict means for the mail is decided in [`decision`] and told to the MTA in
//! [`answer`]; [`annotation`] writes the fields that tell others. [`listener`] takes connections and bounds them.
//!
//! That is the way in. On the way out, which has listeners of its own, a mail is signed: [`sign`].
//!
//! A failure of ours is never a pass: the mail is put off, or let through with a field that says that nobody judged it.

mod annotation;
mod answer;
mod conversation;
mod decision;
mod hearing;
mod listener;
mod poison;
mod seal;
mod sign;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_ask::Source;
use sekisho_mail::policy::Policy;

use crate::config::{Config, GateSection, Relay, network};
pub(crate) use listener::listen;
pub(crate) use poison::InWork;
pub(crate) use sign::{Office, keep_checking};

/// What a listener does with mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It verifies what comes in.
    Verify,
    /// It signs what goes out.
    Sign,
}

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
    /// Who signs what goes out.
    office: Arc<Office>,
    /// Our name, where neither configuration nor MTA says one.
    host: String,
}

impl Gate {
    /// Prepares the gate.
    pub(crate) fn new(config: &Config, source: Source, in_work: InWork, host: String) -> Gate {
        let policy = Arc::new(config.policy());
        Gate {
            section: config.gate.clone(),
            policy,
            source,
            timeout: config.dns.timeout,
            in_work,
            office: Arc::default(),
            host,
        }
    }

    /// Lets mails be signed, too.
    pub(crate) fn with_office(self, office: Arc<Office>) -> Gate {
        Gate { office, ..self }
    }

    /// Returns the relay of ours that a client is, where it is one.
    fn relay(&self, client: Option<IpAddr>) -> Option<&Relay> {
        let client = client?;
        self.section.relays.iter().find(|relay| network::contain(&relay.networks, client))
    }
}
