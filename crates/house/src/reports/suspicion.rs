//! Who hands on what others sent: forwarders, and replays of signed mails
//!
//! Whoever forwards a mail breaks SPF and keeps its signatures. Such a host sends with nobody's will but its own, so it
//! belongs into nobody's SPF record, however valid the signatures are.

use std::collections::{BTreeMap, BTreeSet};

use sekisho_core::name::DomainName;
use sekisho_core::sums::Reported;

use crate::names::Named;

/// From how many unrelated signers on a host hands on what others sent.
const SIGNERS: usize = 3;
/// A low volume: at most one mail in so many.
const LOW: u64 = 20;

/// What was seen of a host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// How many mails.
    pub(crate) mails: u64,
    /// In how many SPF passes, for whichever domain.
    spf: u64,
    /// In how many a valid signature is aligned.
    dkim: u64,
    /// The domains, other than that in question and those below it, whose signatures are valid.
    strangers: BTreeSet<String>,
}

/// Why a host looks as if it handed on what others sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signal {
    /// Aligned signatures are valid where SPF fails.
    SignaturesAlone,
    /// Domains sign that have nothing to do with each other.
    ManySigners,
    /// It gives mailboxes to people, who forward mail.
    MailboxProvider,
    /// Few of the mails come from it.
    LowVolume,
}

impl Signal {
    /// Returns the stable word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Signal::SignaturesAlone => "signatures-alone",
            Signal::ManySigners => "many-signers",
            Signal::MailboxProvider => "mailbox-provider",
            Signal::LowVolume => "low-volume",
        }
    }
}

/// Gathers what was seen of each host.
pub(crate) fn seen<'a>(rows: &'a [Reported], domain: &DomainName) -> BTreeMap<&'a str, Seen> {
    let mut all: BTreeMap<&str, Seen> = BTreeMap::new();
    for row in rows {
        let seen = all.entry(&row.source_ip).or_default();
        let add = |sum: &mut u64, holds: bool| *sum = sum.saturating_add(if holds { row.mails } else { 0 });
        add(&mut seen.mails, true);
        add(&mut seen.spf, row.spf_result.as_deref() == Some("pass"));
        add(&mut seen.dkim, row.dkim_aligned);
        let valid = row.dkim.iter().filter(|dkim| dkim.result == "pass").filter_map(|dkim| dkim.domain.as_deref());
        let organization = domain.suffix(2);
        let is_strange =
            |signer: &&str| DomainName::parse(signer).is_ok_and(|signer| !signer.is_at_or_below(&organization));
        seen.strangers.extend(valid.filter(is_strange).map(str::to_owned));
    }
    all
}

impl Seen {
    /// Returns why a host looks as if it handed mails on; nothing where it does not. `all` is how many mails there are.
    pub(crate) fn signals(&self, named: Option<&Named>, all: u64) -> Vec<Signal> {
        let is_low = self.mails.saturating_mul(LOW) <= all;
        let gives_mailboxes = named.and_then(|named| named.sender).is_some_and(|(sender, _)| sender.mailbox);
        let signals = [
            (self.dkim > 0 && self.spf == 0, Signal::SignaturesAlone),
            (self.strangers.len() >= SIGNERS, Signal::ManySigners),
            (gives_mailboxes, Signal::MailboxProvider),
            (is_low, Signal::LowVolume),
        ];
        let is_signed = self.dkim > 0 || !self.strangers.is_empty();
        // Where SPF passes, the host sends by itself. A large volume is somebody's who means it.
        if self.spf > 0 || !is_signed || !is_low {
            return Vec::new();
        }
        signals.into_iter().filter(|(holds, _)| *holds).map(|(_, signal)| signal).collect()
    }

    /// Tells whether so much speaks for a forwarder that even somebody's word for the host is not enough.
    pub(crate) fn is_certain(signals: &[Signal]) -> bool {
        signals.iter().any(|signal| matches!(signal, Signal::ManySigners | Signal::MailboxProvider))
    }
}

#[cfg(test)]
mod tests {
    use sekisho_core::event::SignatureEvent;

    use super::*;
    use crate::names::{By, senders};

    /// Makes a row of mails that some domains signed.
    fn row(source: &str, mails: u64, spf: &str, signers: &[&str]) -> Reported {
        let dkim = signers.iter().map(|domain| SignatureEvent {
            result: "pass".to_owned(),
            domain: Some((*domain).to_owned()),
            ..SignatureEvent::default()
        });
        Reported {
            submitter: Some("receiver.example".to_owned()),
            day: "2026-11-01".to_owned(),
            source_ip: source.to_owned(),
            header_from: "example.org".to_owned(),
            envelope_from: None,
            spf_domain: Some("example.org".to_owned()),
            spf_result: Some(spf.to_owned()),
            spf_aligned: spf == "pass",
            dkim: dkim.collect(),
            dkim_aligned: signers.contains(&"example.org"),
            disposition: "none".to_owned(),
            mails,
        }
    }

    #[test]
    fn a_forwarder_breaks_spf_keeps_signatures_and_sends_little() {
        let domain = DomainName::parse("example.org").unwrap();
        let rows = [
            row("192.0.2.1", 950, "softfail", &["example.org"]),
            row("192.0.2.2", 20, "fail", &["example.org"]),
            row("192.0.2.3", 20, "fail", &["a.example", "b.example", "c.example"]),
            row("192.0.2.4", 5, "pass", &["example.org", "a.example", "b.example", "c.example"]),
            row("192.0.2.5", 5, "fail", &[]),
        ];
        let all = rows.iter().map(|row| row.mails).sum();
        let seen = seen(&rows, &domain);
        let signals = |address: &str| {
            let signals = seen[address].signals(None, all);
            (signals.iter().map(|signal| signal.as_str()).collect::<Vec<_>>(), Seen::is_certain(&signals))
        };
        assert_eq!(signals("192.0.2.1"), (vec![], false), "a host that sends most of the mail is no forwarder");
        assert_eq!(signals("192.0.2.2"), (vec!["signatures-alone", "low-volume"], false));
        assert_eq!(signals("192.0.2.3"), (vec!["many-signers", "low-volume"], true));
        assert_eq!(signals("192.0.2.4"), (vec![], false), "SPF passes: it sends by itself");
        assert_eq!(signals("192.0.2.5"), (vec![], false), "nothing that it hands on is proven");
        let google =
            Named { sender: senders::by_domain("google.com").map(|sender| (sender, By::Host)), ..Named::default() };
        assert!(Seen::is_certain(&seen["192.0.2.2"].signals(Some(&google), all)));
    }
}
