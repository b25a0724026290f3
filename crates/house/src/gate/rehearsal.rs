//! A mail judged as the gate judges, without an MTA: what the sample day is made of

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sekisho_core::event::{FactEvent, MailEvent};
use sekisho_mail::body::BodyDigests;
use sekisho_mail::envelope::Envelope;
use sekisho_mail::message::Message;

use super::annotation;
use super::decision::{Circumstances, decide};
use super::event::{Clerk, Delivery};
use super::hearing::Judged;
use crate::config::{Config, GateSection};
use crate::events::Events;
use crate::metrics::Metrics;
use crate::reports::Examiner;

/// Who judges mails that nobody sends just now.
pub(crate) struct Rehearsal {
    /// What the house decides about mails.
    section: GateSection,
    /// Who judges.
    examiner: Examiner,
    /// Who writes down what was found.
    clerk: Clerk,
}

/// What became of such a mail.
#[derive(Clone, Debug)]
pub(crate) struct Rehearsed {
    /// The row that the lake would have; it bears no name yet.
    pub(crate) mail: MailEvent,
    /// The facts that it rests on.
    pub(crate) facts: Vec<FactEvent>,
}

impl Rehearsal {
    /// Returns who judges by a configuration, on a node.
    pub(crate) fn new(config: &Config, examiner: Examiner, node: &str, secret: Arc<[u8]>) -> Rehearsal {
        let nowhere = Arc::new(Events::nowhere(Metrics::new().events.clone()));
        let clerk = Clerk::new(nowhere, node.to_owned(), &config.store, secret);
        Rehearsal { section: config.gate.clone(), examiner, clerk }
    }

    /// Judges a mail and decides about it; nothing where a judge does not come to its end.
    pub(crate) async fn judge(
        &self,
        mail: &[u8],
        envelope: Envelope,
        recipients: &[Box<[u8]>],
        now: Timestamp,
    ) -> Option<Rehearsed> {
        let judged = self.hear(mail, envelope, now).await?;
        let message = Message::parse(mail);
        let circumstances = Circumstances { client: judged.envelope.client_ip, login: None, recipients };
        let decision = decide(&self.section, &circumstances, &judged.verdict, &message.header());
        let (id, queue_id, recipient_count) = ("", &b""[..], recipients.len());
        let delivery = Delivery { id, queue_id, recipients, recipient_count, copies: None, decision };
        let (mail, facts) = self.clerk.write(&judged, &delivery);
        Some(Rehearsed { mail, facts })
    }

    /// Returns what an Authentication-Results field of a host says about a mail that it got.
    pub(crate) async fn results(
        &self,
        authserv_id: &str,
        mail: &[u8],
        envelope: Envelope,
        now: Timestamp,
    ) -> Option<String> {
        let judged = self.hear(mail, envelope, now).await?;
        Some(annotation::results(&judged, &Message::parse(mail).header(), authserv_id, false))
    }

    /// Hears a mail.
    async fn hear(&self, mail: &[u8], envelope: Envelope, now: Timestamp) -> Option<Judged> {
        let (verdict, facts) = self.examiner.hear(mail, envelope.clone(), now).await?;
        Some(Judged {
            verdict,
            envelope,
            digests: BodyDigests::default(),
            now,
            has_stray_line_ends: false,
            facts,
            octets: u64::try_from(mail.len()).unwrap_or(u64::MAX),
            asked: 0,
            waited: Duration::ZERO,
        })
    }
}
