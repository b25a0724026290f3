//! The jobs of failure reports: who asks for one, and the mail that brings it
//!
//! What is told lies in the vault, people taken out of it. The record in force is asked again before anything goes out, and who is
//! outside of the domain's organization has to agree, as for aggregate reports (RFC 9991 §5).

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use lettre::Address;
use sekisho_core::name::DomainName;
use sekisho_ledger::{Digest, Lease, OutgoingKind, OutgoingMark, OutgoingState};
use sekisho_mail::dmarc::record::Psd;
use sekisho_report::dmarc::failure::write::{Covering, cover};
use serde::{Deserialize, Serialize};
use tracing::info;

use super::super::asked::{self, Recipient, Wanted};
use super::super::failures::is_public_suffix;
use super::super::hindrance::Hindrance;
use super::{Claimed, Ended, PATIENCE, SEND, Sender};

/// What is told of a mail that failed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::reports::out) struct Sample {
    /// The parts of the mail in the vault.
    pub(in crate::reports::out) parts: String,
    /// What parts them.
    pub(in crate::reports::out) boundary: String,
    /// Whose name the failed mail bears.
    pub(in crate::reports::out) reported: String,
    /// Why it is not sent, where it is not.
    pub(in crate::reports::out) why: Option<String>,
}

impl Sender {
    /// Finds out who asks for a failure report, and claims a mail for each of them.
    pub(super) async fn make_failure(&self, lease: &Lease) -> anyhow::Result<Ended> {
        let (id, row) = self.row(lease).await?;
        let sample: Sample = serde_json::from_str(&lease.job.payload).context("the job cannot be read")?;
        let asked = self.who_asks_for_failures(&row.domain).await;
        let is_open = |recipient: &Recipient| recipient.address == Err(Hindrance::Dns);
        let is_dns = match &asked {
            Ok(recipients) => recipients.iter().any(is_open),
            Err(why) => *why == Hindrance::Dns,
        };
        if is_dns && lease.job.attempts < PATIENCE {
            return Err(anyhow!("{}", Hindrance::Dns.fault()));
        }
        let recipients = match asked {
            Ok(recipients) => recipients,
            Err(why) => {
                self.mark(id, OutgoingState::Skipped, Some(why.noted())).await?;
                return Ok(Ended::Skipped);
            }
        };
        let evidence: Digest = sample.parts.parse().context("the job names no report")?;
        let mark = OutgoingMark {
            state: OutgoingState::Made,
            reason: None,
            evidence: Some(evidence),
            message_id: None,
            attempted: false,
            at: (self.clock)(),
            jobs: Vec::new(),
        };
        self.ledger.mark_outgoing(id, &mark).await?;
        info!(domain = %row.domain, report.id = %id, "made a failure report");
        for recipient in recipients {
            let (destination, why) = match recipient.address {
                Ok(address) => (address.to_string(), None),
                Err(why) => (recipient.uri, Some(why.noted())),
            };
            let payload = serde_json::to_string(&Sample { why, ..sample.clone() })?;
            let kind = OutgoingKind::DmarcFailure;
            let claimed = Claimed { domain: &row.domain, day: row.day, kind, destination, part: id.to_string() };
            self.claim(claimed, SEND, payload).await?;
        }
        Ok(Ended::Quietly)
    }

    /// Asks who wants the failure reports of a domain.
    async fn who_asks_for_failures(&self, domain: &str) -> Result<Vec<Recipient>, Hindrance> {
        if !self.reporter.failures {
            return Err(Hindrance::TurnedOff);
        }
        let name = DomainName::parse(domain).ok().filter(asked::is_usual).ok_or(Hindrance::OddName)?;
        let (source, timeout) = self.reporter.source();
        let asked = asked::ask(source, timeout, &name, Wanted::Failures, self.reporter.max_recipients).await?;
        // RFC 9991 §2: beside `psd=y` a `ruf` is not considered; nor is one at a suffix that only the list knows.
        if asked.record.psd == Psd::Yes || is_public_suffix(&name) {
            return Err(Hindrance::PublicSuffix);
        }
        Ok(asked.recipients)
    }

    /// Writes the mail to one recipient.
    pub(super) async fn cover_failure(&self, name: &str, sample: &Sample, to: &Address) -> anyhow::Result<Vec<u8>> {
        let parts: Digest = sample.parts.parse().context("the job names no report")?;
        let now = Timestamp::from_microsecond((self.clock)())?.to_zoned(TimeZone::UTC);
        let covering = Covering {
            from: self.reporter.identity.from.as_ref(),
            to: to.as_ref(),
            date: &rfc2822::to_string(&now)?,
            message_id: name,
            boundary: &sample.boundary,
        };
        let mut mail = cover(&covering, &sample.reported).into_bytes();
        mail.extend(self.vault.get(&parts).await?);
        Ok(mail)
    }
}
