//! A mail as an Event: what came, what was found, what was done, and by which facts
//!
//! The row names the facts by their hashes; each fact itself is told once a day, by whichever mail rests on it first.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::hmac;
use sekisho_core::event::{Event, FactEvent, FactHash, MailEvent, SignatureEvent};
use sekisho_core::facts::{Answer, Facts, Outcome, Question};
use sekisho_core::name::DomainName;
use sekisho_mail::verdict::{DkimVerdict, Mechanism};

use super::decision::{Act, Decision, recipient_domains};
use super::hearing::Judged;
use crate::config::LocalParts;
use crate::config::StoreSection;
use crate::config::privacy::{Kept, Privacy};
use crate::events::Events;

/// The most facts whose telling is remembered; beyond them some are told twice, which the lake mends.
const REMEMBERED: usize = 1 << 17;
/// The most octets of what a client may say at will.
const WORDS: usize = 255;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Tells the lake of mails.
pub(crate) struct Clerk {
    /// Where Events go.
    events: Arc<Events>,
    /// What this node is called.
    node: String,
    /// What is kept of names before the at sign.
    local_parts: LocalParts,
    /// What is kept otherwise for some recipients.
    privacy: Vec<Privacy>,
    /// What hashes of them are made with, so that nobody else can.
    secret: Arc<[u8]>,
    /// The same, ready to use.
    key: hmac::Key,
    /// The facts that were told on a day.
    told: Mutex<(i64, HashSet<FactHash>)>,
}

/// What else there is to know of a mail.
pub(super) struct Delivery<'a> {
    /// The verdict's id.
    pub(super) id: &'a str,
    /// The MTA's name for the mail.
    pub(super) queue_id: &'a [u8],
    /// The recipients, as many as are kept.
    pub(super) recipients: &'a [Box<[u8]>],
    /// How many there are.
    pub(super) recipient_count: usize,
    /// How many copies there were, where it looks replayed.
    pub(super) copies: Option<u32>,
    /// What was done.
    pub(super) decision: Decision,
}

impl Clerk {
    /// Makes a clerk who writes for a node.
    pub(crate) fn new(events: Arc<Events>, node: String, store: &StoreSection, secret: Arc<[u8]>) -> Clerk {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let (local_parts, privacy) = (store.local_parts, store.privacy.clone());
        Clerk { events, node, local_parts, privacy, secret, key, told: Mutex::default() }
    }

    /// Returns what outlives the configuration.
    pub(super) fn lasting(&self) -> (Arc<Events>, Arc<[u8]>) {
        (Arc::clone(&self.events), Arc::clone(&self.secret))
    }

    /// Tells of a mail that was judged.
    pub(super) fn tell(&self, judged: &Judged, delivery: &Delivery<'_>) {
        if !self.events.are_kept() {
            return;
        }
        let kept = self.kept(delivery.recipients);
        if !kept.events {
            return;
        }
        let at = judged.now.as_microsecond();
        let facts = if kept.has_facts() { self.facts(&judged.facts, at) } else { Vec::new() };
        let mut mail = self.mail(judged, delivery, at, facts, kept.local_parts);
        kept.apply(&mut mail);
        self.events.record(&Event::Mail(Box::new(mail)));
    }

    /// Writes down a mail that was judged and its facts, for whoever keeps them himself.
    pub(super) fn write(&self, judged: &Judged, delivery: &Delivery<'_>) -> (MailEvent, Vec<FactEvent>) {
        let at = judged.now.as_microsecond();
        let facts: Vec<FactEvent> =
            judged.facts.iter().map(|(question, answer)| fact(question, answer, hash(question, answer), at)).collect();
        let hashes = facts.iter().map(|fact| fact.hash).collect();
        (self.mail(judged, delivery, at, hashes, self.local_parts), facts)
    }

    /// Finds what is kept of a mail.
    pub(super) fn kept(&self, recipients: &[Box<[u8]>]) -> Kept {
        let none: [DomainName; 0] = [];
        if self.privacy.is_empty() {
            return Kept::of(&[], self.local_parts, none.iter());
        }
        let domains = recipient_domains(recipients);
        Kept::of(&self.privacy, self.local_parts, domains.iter().flatten())
    }

    /// Returns the names of facts, and tells those that were not told today.
    fn facts(&self, facts: &Facts, at: i64) -> Vec<FactHash> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let day = at.div_euclid(DAY);
        if told.0 != day || told.1.len() >= REMEMBERED {
            *told = (day, HashSet::new());
        }
        let tell = |(question, answer): (&Question, &Answer)| {
            let hash = hash(question, answer);
            if told.1.insert(hash) {
                self.events.record(&Event::Fact(Box::new(fact(question, answer, hash, at))));
            }
            hash
        };
        facts.iter().map(tell).collect()
    }

    /// Makes the row of a mail.
    fn mail(
        &self,
        judged: &Judged,
        delivery: &Delivery<'_>,
        at: i64,
        facts: Vec<FactHash>,
        local_parts: LocalParts,
    ) -> MailEvent {
        let (verdict, envelope) = (&judged.verdict, &judged.envelope);
        let (local, domain) = parts(envelope.mail_from.as_deref().unwrap_or_default());
        let (dmarc, Decision { act, departs }) = (&verdict.dmarc, delivery.decision);
        MailEvent {
            at,
            id: delivery.id.to_owned(),
            node: self.node.clone(),
            queue_id: words(delivery.queue_id),
            client_ip: envelope.client_ip.as_ref().map(ToString::to_string),
            helo: words(envelope.helo.as_deref().unwrap_or_default()),
            mail_from_domain: words(domain).to_ascii_lowercase(),
            mail_from_local: self.local_part(local, local_parts),
            recipient_domains: recipient_domains(delivery.recipients)
                .iter()
                .flatten()
                .map(DomainName::to_string)
                .collect(),
            recipients: u32::try_from(delivery.recipient_count).unwrap_or(u32::MAX),
            size: judged.octets,
            author_result: verdict.author.result.as_str().to_owned(),
            author_domain: text(verdict.author.domain.as_ref()),
            author_reason: text(verdict.author.reason.as_ref()),
            author_flags: verdict.author.flags.iter().map(ToString::to_string).collect(),
            spf_result: verdict.spf.as_ref().map(|spf| spf.result.as_str().to_owned()),
            spf_domain: verdict.spf.as_ref().map(|spf| words(spf.domain.as_bytes())),
            spf_helo_result: verdict.spf_helo.as_ref().map(|spf| spf.result.as_str().to_owned()),
            dkim: verdict.dkim.iter().map(signature).collect(),
            arc_result: verdict.arc.result.as_str().to_owned(),
            arc_sealers: verdict.arc.sealers.iter().map(DomainName::to_string).collect(),
            dmarc_result: dmarc.result.as_str().to_owned(),
            organizational_domain: text(dmarc.organizational_domain.as_ref()),
            policy_domain: text(dmarc.policy_domain.as_ref()),
            policy: dmarc.policy.map(|policy| policy.as_str().to_owned()),
            policy_testing: dmarc.testing,
            spf_aligned: dmarc.aligned.contains(&Mechanism::Spf),
            dkim_aligned: dmarc.aligned.contains(&Mechanism::Dkim),
            disposition: dmarc.disposition.as_str().to_owned(),
            verdict: verdict.action.as_str().to_owned(),
            grounds: verdict.grounds.iter().map(|ground| ground.as_str().to_owned()).collect(),
            decision: Act::as_str(act).to_owned(),
            override_type: departs.map(|departs| departs.as_str().to_owned()),
            override_comment: departs.map(|departs| departs.comment().to_owned()),
            unjudged: None,
            copies: delivery.copies,
            waited: u64::try_from(judged.waited.as_micros()).unwrap_or(u64::MAX),
            facts,
        }
    }

    /// Returns what is kept of a name before the at sign.
    fn local_part(&self, local: &[u8], kept: LocalParts) -> String {
        match kept {
            _ if local.is_empty() => String::new(),
            LocalParts::Drop => String::new(),
            LocalParts::Keep => words(local),
            LocalParts::Hash => {
                let tag = hmac::sign(&self.key, local);
                let first = tag.as_ref().first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets));
                format!("{first:016x}")
            }
        }
    }
}

/// Returns the name of a fact.
fn hash(question: &Question, answer: &Answer) -> FactHash {
    FactHash(answer.named(|outcome| name(question, outcome)))
}

/// Makes the row of a fact.
fn fact(question: &Question, answer: &Answer, hash: FactHash, at: i64) -> FactEvent {
    FactEvent {
        at,
        hash,
        kind: question.kind.as_str().to_owned(),
        name: question.name.to_string(),
        outcome: answer.outcome.word().to_owned(),
        records: answer.outcome.records().iter().map(ToString::to_string).collect(),
    }
}

/// Returns the name of a fact: the beginning of a hash over the question and the outcome, each part behind its length, so
/// that no two facts read the same.
fn name(question: &Question, outcome: &Outcome) -> [u8; 16] {
    let mut hash = digest::Context::new(&SHA256);
    let mut part = |octets: &[u8]| {
        hash.update(&u32::try_from(octets.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(octets);
    };
    part(question.kind.as_str().as_bytes());
    part(question.name.to_string().as_bytes());
    part(outcome.word().as_bytes());
    outcome.records().iter().for_each(|record| part(record.to_string().as_bytes()));
    let mut name = [0; 16];
    name.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
    name
}

/// Makes the row of a signature.
fn signature(dkim: &DkimVerdict) -> SignatureEvent {
    SignatureEvent {
        result: dkim.result.as_str().to_owned(),
        domain: text(dkim.domain.as_ref()),
        selector: text(dkim.selector.as_ref()),
        algorithm: dkim.algorithm.as_deref().map(str::to_owned),
        reason: text(dkim.reason.as_ref()),
    }
}

/// Writes what there is.
fn text(some: Option<&impl Display>) -> Option<String> {
    some.map(ToString::to_string)
}

/// Returns what a client said, as far as it is text, and not too much of it.
fn words(said: &[u8]) -> String {
    String::from_utf8_lossy(said.get(..WORDS).unwrap_or(said)).into_owned()
}

/// Returns what stands before and behind the last at sign of an address.
fn parts(address: &[u8]) -> (&[u8], &[u8]) {
    match address.iter().rposition(|octet| *octet == b'@') {
        Some(at) => (address.get(..at).unwrap_or_default(), address.get(at + 1..).unwrap_or_default()),
        None => (address, &[]),
    }
}
