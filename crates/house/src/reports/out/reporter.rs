//! Who sends reports of ours: by what name, with which keys, by which relay
//!
//! A report that fails DMARC is worthless to who gets it, and harms our name. So before the first one is sent, a trial is
//! written, signed and given to our own judges, which see what every receiver sees.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lettre::Address;
use sekisho_ask::Source;
use sekisho_core::name::DomainName;
use sekisho_mail::body::{BodyHasher, BodyPlan};
use sekisho_mail::envelope::Envelope;
use sekisho_mail::message::Message;
use sekisho_mail::policy::Service;
use sekisho_mail::verdict::{DmarcResult, Mechanism, SpfResult, Verdict};
use sekisho_report::dmarc::aggregate::letter::Letter;

use super::super::submitter::Examiner;
use super::relay::Outlet;
use crate::config::ReportsSection;
use crate::fault::Fault;
use crate::gate::Office;
use crate::sign::bad_sign;

/// Who reports.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// The author of the mails.
    pub(super) from: Address,
    /// Its domain.
    pub(super) author: DomainName,
    /// Who that is.
    pub(super) organization: String,
    /// Whom people may ask.
    pub(super) contact: Address,
    /// The domain that reports.
    pub(super) domain: DomainName,
}

impl Identity {
    /// Returns who reports by the configuration; nothing where it names no author.
    pub(super) fn of(section: &ReportsSection) -> Option<Identity> {
        let from = section.from.clone()?;
        let author = DomainName::parse(from.domain()).ok()?;
        let domain = section.domain.clone().unwrap_or_else(|| author.clone());
        Some(Identity {
            organization: section.organization.clone().unwrap_or_else(|| domain.to_string()),
            contact: section.contact.clone().unwrap_or_else(|| from.clone()),
            from,
            author,
            domain,
        })
    }

    /// Returns somebody who reports.
    #[cfg(test)]
    pub(super) fn for_testing() -> Identity {
        let from: Address = "dmarc@mx.example".parse().unwrap();
        Identity::of(&ReportsSection { from: Some(from), ..ReportsSection::default() }).unwrap()
    }
}

/// Who sends reports of ours.
#[derive(Clone)]
pub(crate) struct Reporter {
    /// By what name.
    pub(super) identity: Identity,
    /// By which relay; nothing where nothing is sent.
    pub(super) outlet: Option<Outlet>,
    /// To how many recipients of a domain at most.
    pub(super) max_recipients: usize,
    /// How many octets a mail may have.
    pub(super) max_octets: u64,
    /// Whether failure reports are sent.
    pub(super) failures: bool,
    /// Whose keys sign.
    office: Arc<Office>,
    /// Who judges, and where answers come from.
    examiner: Examiner,
}

/// What a trial showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proven {
    /// What SPF says of the relay; nothing where its address towards others is not known.
    pub(super) spf: Option<SpfResult>,
}

impl Reporter {
    /// Returns who sends reports by a configuration; nothing where it names no author.
    pub(crate) fn of(
        section: &ReportsSection,
        office: Arc<Office>,
        examiner: Examiner,
        host: &str,
    ) -> Option<Reporter> {
        let relay = section.relay.clone();
        let (tls, host) = (section.relay_tls, host.to_owned());
        Some(Reporter {
            identity: Identity::of(section)?,
            outlet: relay.map(|relay| Outlet { relay, tls, host }),
            max_recipients: section.max_recipients,
            max_octets: section.max_octets,
            failures: section.failures,
            office,
            examiner,
        })
    }

    /// Returns where answers come from, and how long they are waited for.
    pub(super) fn source(&self) -> (&Source, Duration) {
        (&self.examiner.source, self.examiner.timeout)
    }

    /// Proves that a report of ours would pass DMARC, or says what stands against that and what to publish.
    pub(super) async fn prove(&self, now: Timestamp) -> Result<Proven, Fault> {
        let author = self.identity.author.to_string();
        let named = || [("domain", author.clone().into())];
        if self.office.signers(&self.identity.author).is_empty() {
            return Err(Fault::new("fault-out-no-key", named()));
        }
        let from = self.identity.from.to_string();
        let trial = Letter {
            from: &from,
            to: &from,
            subject: "Trial",
            date: now,
            message_id: "trial",
            text: "Trial\n",
            file_name: "trial.xml.gz",
            packed: b"trial",
        };
        let trial = trial.write().map_err(|why| Fault::quote(why.to_string()))?;
        let trial = self.sign(&trial, now)?;
        let relay = self.relay_address();
        let envelope = Envelope { client_ip: relay, helo: None, mail_from: Some(from.as_bytes().into()) };
        let verdict = self.examiner.judge(&trial, envelope, now, Service::Email).await;
        let verdict = verdict.ok_or_else(|| Fault::new("fault-out-dns", named()))?;
        let spf = relay.and(verdict.spf.as_ref()).map(|spf| spf.result);
        match verdict.dmarc.result {
            DmarcResult::Pass if verdict.dmarc.aligned.contains(&Mechanism::Dkim) => Ok(Proven { spf }),
            DmarcResult::None => {
                let record = format!("_dmarc.{author} TXT \"v=DMARC1; p=reject\"");
                let publish = Fault::new("why-record-publish", []).because(Fault::whole(record));
                Err(Fault::new("fault-out-no-policy", named()).because(publish))
            }
            _ => Err(self.why_not(&verdict).await),
        }
    }

    /// Says why our own report would not pass.
    async fn why_not(&self, verdict: &Verdict) -> Fault {
        let author = &self.identity.author;
        let fault = Fault::new("fault-out-fails", [("domain", author.to_string().into())]);
        let signing: Vec<String> = self.office.signers(author).iter().map(|signer| signer.domain.to_string()).collect();
        let doubts = self.office.compare(&self.examiner.source).await;
        match doubts.into_iter().find(|doubt| signing.contains(&doubt.domain.to_string())) {
            Some(doubt) => fault.because(doubt.fault),
            None => {
                let results = verdict.dkim.iter().map(|dkim| format!("dkim={}", dkim.result));
                let results: Vec<String> = results.chain([format!("dmarc={}", verdict.dmarc.result)]).collect();
                fault.because(Fault::quote(results.join(", ")))
            }
        }
    }

    /// Returns the relay's address, where that is also what others see.
    fn relay_address(&self) -> Option<IpAddr> {
        let address: IpAddr = self.outlet.as_ref()?.relay.host.parse().ok()?;
        (!address.is_loopback()).then_some(address)
    }

    /// Signs a mail with every key of the author's domain.
    pub(super) fn sign(&self, mail: &[u8], now: Timestamp) -> Result<Vec<u8>, Fault> {
        let signers = self.office.signers(&self.identity.author);
        let message = Message::parse(mail);
        let mut plan = BodyPlan::new();
        signers.iter().for_each(|signer| signer.plan(&mut plan));
        let mut hasher = BodyHasher::new(&plan);
        message.body().for_each(|piece| hasher.update(&piece));
        let (header, digests) = (message.header(), hasher.finish());
        let mut signed = Vec::with_capacity(mail.len() + 4096);
        for signer in signers {
            signed.extend(signer.sign(&header, &digests, now).map_err(|why| bad_sign(&why))?);
        }
        signed.extend_from_slice(mail);
        Ok(signed)
    }
}
