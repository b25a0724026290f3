//! The gate: a mail filter in front of an MTA, by the milter protocol
//!
//! A connection is a [`conversation`]: it moves octets between the socket and `sekisho-wire`. While a mail comes in it is
//! heard ([`hearing`], guarded by [`poison`]): the header is judged as soon as it is there, the body streams through the hashes, and what the DNS
//! has to tell is asked meanwhile. What the verdict means for the mail is decided in [`decision`] and told to the MTA in
//! [`answer`]; what takes long is done by [`turns`]; [`annotation`] writes the fields that tell others, with what [`copies`] and [`line_ends`] found odd; [`failed`] says what its author's domain may be told of a mail that failed. [`listener`] takes connections and bounds them; [`rehearsal`] judges mails that nobody sends.
//!
//! That is the way in. On the way out, which has listeners of its own, a mail is signed: [`sign`].
//!
//! A failure of ours is never a pass: the mail is put off, or let through with a field that says that nobody judged it.

mod annotation;
mod answer;
mod conversation;
mod copies;
mod decision;
mod event;
mod failed;
mod hearing;
mod line_ends;
mod listener;
mod poison;
mod record;
mod rehearsal;
mod replay;
mod seal;
mod sign;
mod turns;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sekisho_ask::Source;
use sekisho_mail::policy::Policy;
use tokio::sync::watch;

use self::event::Clerk;
use self::turns::Turns;
use crate::config::{Config, GateSection, Relay, ReportsSection, network};
use crate::door::Roll;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::reports::{Examiner, Failures, Reporter};
pub(crate) use conversation::Broken;
pub(crate) use copies::Copies;
pub(crate) use decision::Act;
pub(crate) use listener::listen;
pub(crate) use poison::InWork;
pub(crate) use rehearsal::{Rehearsal, Rehearsed};
pub(crate) use seal::SEALS;
pub(crate) use sign::{Doubt, Fate, Office, Unfit, keep_checking};

/// How long a mail under way may take beyond the time for its DNS answers, when we have to stop.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a listener does with mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It verifies what comes in.
    Verify,
    /// It signs what goes out.
    Sign,
}

/// What all listeners share for as long as the daemon runs, whatever the configuration says.
pub(crate) struct Front {
    /// The gate that new conversations pass.
    gate: watch::Sender<Arc<Gate>>,
    /// Who is here.
    roll: Arc<Roll>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Whether mails are taken.
    is_ready: AtomicBool,
}

impl Front {
    /// Opens the front with a first gate.
    pub(crate) fn new(gate: Gate) -> Front {
        let metrics = Arc::clone(&gate.metrics);
        let (gate, is_ready) = (watch::Sender::new(Arc::new(gate)), AtomicBool::new(false));
        Front { gate, roll: Arc::default(), metrics, is_ready }
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
    /// The whole configuration.
    pub(crate) config: Arc<Config>,
    /// What the house decides about mails.
    section: GateSection,
    /// What decides verdicts.
    policy: Arc<Policy>,
    /// Where answers come from.
    pub(crate) source: Source,
    /// How long they are waited for, for one mail.
    timeout: Duration,
    /// The mails in work, and those that were so when a process died.
    pub(crate) in_work: Arc<InWork>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Who signs what goes out.
    office: Arc<Office>,
    /// Who tells the lake of mails.
    clerk: Clerk,
    /// The signatures that were seen, and how often.
    copies: Arc<Copies>,
    /// Who may work long.
    turns: Arc<Turns>,
    /// Our name, where neither configuration nor MTA says one.
    host: String,
    /// The reports that we send.
    reports: ReportsSection,
    /// Where mails are left that failed.
    failures: Arc<Failures>,
}

impl Gate {
    /// Prepares the gate of a configuration, over what outlives it.
    pub(crate) fn new(config: &Config, source: Source, office: Arc<Office>, lasting: Lasting) -> Gate {
        let Lasting { in_work, metrics, copies, turns, host, events, secret, failures } = lasting;
        let (policy, timeout, section) = (Arc::new(config.policy()), config.dns.timeout, config.gate.clone());
        let clerk = Clerk::new(events, host.clone(), &config.store, secret);
        let reports = config.reports.clone();
        Gate {
            config: Arc::new(config.clone()),
            section,
            policy,
            source,
            timeout,
            in_work,
            metrics,
            office,
            clerk,
            copies,
            turns,
            host,
            reports,
            failures,
        }
    }

    /// Returns who sends reports of ours, where the configuration says that somebody does.
    pub(crate) fn reporter(&self) -> Option<Reporter> {
        let is_sending = self.reports.relay.is_some();
        is_sending.then(|| Reporter::of(&self.reports, Arc::clone(&self.office), self.examiner(), &self.host))?
    }

    /// Returns of how many failures a domain hears in a day.
    pub(crate) fn failures_per_day(&self) -> u32 {
        self.reports.failures_per_day
    }

    /// Returns who judges the mails that bring reports: as the gate does, but for its own rules.
    pub(crate) fn examiner(&self) -> Examiner {
        Examiner { source: self.source.clone(), policy: Arc::clone(&self.policy), timeout: self.timeout }
    }

    /// Returns how long mails under way may take when we have to stop.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout + LAST_WORDS
    }

    /// Returns how long answers are waited for, for one mail.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns our name.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns what outlives the configuration.
    pub(crate) fn lasting(&self) -> Lasting {
        let (events, secret) = self.clerk.lasting();
        let (in_work, metrics) = (Arc::clone(&self.in_work), Arc::clone(&self.metrics));
        let (copies, turns, failures) = (Arc::clone(&self.copies), Arc::clone(&self.turns), Arc::clone(&self.failures));
        Lasting { in_work, metrics, copies, turns, host: self.host.clone(), events, secret, failures }
    }

    /// Returns the relay of ours that a client is, where it is one.
    fn relay(&self, client: Option<IpAddr>) -> Option<&Relay> {
        let client = client?;
        self.section.relays.iter().find(|relay| network::contain(&relay.networks, client))
    }
}

/// What outlives a configuration.
pub(crate) struct Lasting {
    /// The mails in work.
    pub(crate) in_work: Arc<InWork>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// The signatures that were seen, and how often.
    pub(crate) copies: Arc<Copies>,
    /// Who may work long.
    pub(crate) turns: Arc<Turns>,
    /// Our name, where neither configuration nor MTA says one.
    pub(crate) host: String,
    /// Where Events go.
    pub(crate) events: Arc<Events>,
    /// What hashes of names are made with.
    pub(crate) secret: Arc<[u8]>,
    /// Where mails are left that failed.
    pub(crate) failures: Arc<Failures>,
}

#[cfg(test)]
impl Lasting {
    /// Returns what a test needs.
    pub(crate) fn for_testing() -> Lasting {
        let in_work = Arc::new(InWork::without_folder());
        let (metrics, copies) = (Arc::new(Metrics::new()), Arc::new(Copies::new()));
        let events = Arc::new(Events::nowhere(metrics.events.clone()));
        let (turns, host, secret) = (Arc::default(), "host.example".to_owned(), Arc::new([7; 32]));
        let failures = Arc::new(Failures::new(metrics.failed_mails.clone()).0);
        Lasting { in_work, metrics, copies, turns, host, events, secret, failures }
    }
}

/// Returns every stable phrase that says why nobody judged a mail, or why less was done than is asked for.
#[cfg(test)]
pub(crate) fn phrases() -> impl Iterator<Item = &'static str> {
    let unjudged = hearing::Unjudged::ALL.into_iter().map(hearing::Unjudged::as_str);
    unjudged.chain(decision::Override::ALL.into_iter().map(decision::Override::comment))
}
