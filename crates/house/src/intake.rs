//! The intake: reports arrive by SMTP or LMTP, and are kept before anybody hears `250`
//!
//! [`listener`] takes connections and bounds them. A [`conversation`] moves octets between a socket and `sekisho-wire`, holds the
//! clocks, and begins TLS ([`crate::tls`]). A mail that is complete goes to the [`desk`]: its Evidence into the vault and synced, then
//! its row and its first job into the ledger, many mails in one transaction, and only then it is acknowledged. What cannot be kept
//! is put off, and its sender comes again; so is what goes beyond the [`bounds`]. TLS reports may be posted by HTTP, too ([`post`]). Nothing is ever sent from here but the replies of SMTP.

mod bounds;
mod conversation;
mod desk;
mod listener;
pub(crate) mod post;
mod rates;

use std::sync::Arc;

use sekisho_wire::smtp::{Limits, Protocol, Terms, Tls};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use self::bounds::Bounds;
use self::desk::Desk;
use self::rates::Rates;
use crate::config::{AddressPattern, Config, IntakeSection};
use crate::door::Roll;
use crate::fault::Fault;
use crate::metrics::Metrics;
use crate::store::Archive;
use crate::tls;
pub(crate) use bounds::Bound;
pub(crate) use conversation::Broken;
pub(crate) use desk::{Clerk, Fate};
pub(crate) use listener::listen;

/// What all listeners share for as long as the daemon runs.
pub(crate) struct Intake {
    /// What is in force; a conversation keeps what it began with.
    house_rules: watch::Sender<Arc<HouseRules>>,
    /// Who is here.
    roll: Arc<Roll>,
    /// How many mails each client brought lately.
    rates: Rates,
    /// How much strangers brought lately.
    bounds: Bounds,
    /// Where mails are handed in.
    desk: Desk,
    /// What is counted.
    metrics: Arc<Metrics>,
}

impl Intake {
    /// Opens the intake of an archive; the clerk has to be set to work.
    pub(crate) fn new(rules: HouseRules, archive: Archive, metrics: Arc<Metrics>) -> (Arc<Intake>, Clerk) {
        let (desk, clerk) = Desk::new(archive);
        let house_rules = watch::Sender::new(Arc::new(rules));
        let (roll, rates, bounds) = Default::default();
        let intake = Intake { house_rules, roll, rates, bounds, desk, metrics };
        (Arc::new(intake), clerk)
    }

    /// Puts other rules in force for all conversations that begin from now on.
    pub(crate) fn replace(&self, rules: Arc<HouseRules>) {
        self.house_rules.send_replace(rules);
    }

    /// Returns the rules that are in force.
    fn rules(&self) -> Arc<HouseRules> {
        Arc::clone(&self.house_rules.borrow())
    }
}

/// What the configuration says about the intake, made ready.
pub(crate) struct HouseRules {
    /// What was written.
    section: IntakeSection,
    /// What is offered and borne by SMTP.
    terms: Arc<Terms>,
    /// What is offered and borne by LMTP.
    lmtp: Arc<Terms>,
    /// What begins TLS, where it can be had.
    tls: Option<TlsAcceptor>,
    /// Where reports of ours come from, and notices about them come back to.
    returns: Option<AddressPattern>,
}

impl HouseRules {
    /// Makes ready what a configuration says; reads certificate and key. `host` is how this host is called.
    pub(crate) fn open(config: &Config, host: &str) -> Result<HouseRules, Fault> {
        let section = config.intake.clone();
        let tls = section.tls.as_ref().map(|files| tls::acceptor(files, &[])).transpose()?;
        let offered = match (&tls, section.require_tls) {
            (None, _) => Tls::None,
            (Some(_), false) => Tls::Offered,
            (Some(_), true) => Tls::Required,
        };
        let limits = Limits {
            message_octets: section.message_octets,
            recipients: section.max_recipients,
            mails: section.max_mails,
            ..Limits::default()
        };
        let terms = Terms { tls: offered, limits, ..Terms::new(section.host.as_deref().unwrap_or(host)) };
        // Those who speak LMTP are MTAs of ours, mostly on this very host: TLS is there for whoever wants it.
        let tls_if_wanted = if tls.is_some() { Tls::Offered } else { Tls::None };
        let lmtp = Terms { protocol: Protocol::Lmtp, tls: tls_if_wanted, ..terms.clone() };
        let returns = config.reports.from.as_ref().map(AddressPattern::of);
        Ok(HouseRules { section, terms: Arc::new(terms), lmtp: Arc::new(lmtp), tls, returns })
    }

    /// Returns what is offered and borne by a protocol.
    fn terms(&self, speech: Protocol) -> Arc<Terms> {
        Arc::clone(match speech {
            Protocol::Smtp => &self.terms,
            Protocol::Lmtp => &self.lmtp,
        })
    }
}
