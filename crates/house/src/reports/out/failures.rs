//! Failure reports: from the gate to a row of the ledger (RFC 9991)
//!
//! The gate leaves what may be told of a mail on a bounded queue, and goes on; where the queue is full it is dropped, and counted. Here
//! people are taken out of it (RFC 6590), so that nothing that names them is ever written down. A domain hears of so many failures a
//! day: each report claims one of the day's numbers in the ledger, so that the limit holds for all nodes together. The rest is
//! done by the [`jobs`](super::jobs), as for other reports.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sekisho_core::name::DomainName;
use sekisho_ledger::{Digest, Ledger, NewOutgoing, OutgoingKind, Planned, Vault};
use sekisho_report::dmarc::failure::FailureReport;
use sekisho_report::dmarc::failure::write::{Redaction, parts};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::super::job::new_id;
use super::super::reader::now;
use super::day_number;
use super::jobs::{FAILURE, Sample, first_job};
use crate::metrics::Words;
use crate::store::Archive;

/// What becomes of what the gate leaves here, for counters.
pub(crate) const NOTED: [&str; 3] = ["noted", "beyond", "dropped"];
/// How many mails may wait.
const WAITING: usize = 256;
/// About how many domains a day reports are sent at most: a forger with many names shall not fill memory and books.
const MOST_DOMAINS: usize = 1000;

/// A mail that failed, as far as it may be told of.
#[derive(Clone, Debug)]
pub(crate) struct FailedMail {
    /// Where the policy record stands that asks for the report.
    pub(crate) policy_domain: DomainName,
    /// What is told; people are still in it.
    pub(crate) report: FailureReport,
}

/// Where the gate leaves mails that failed.
pub(crate) struct Failures {
    /// Where they wait.
    queue: mpsc::Sender<Box<FailedMail>>,
    /// What is counted.
    counts: Words,
}

impl Failures {
    /// Opens the queue, and returns its other end.
    pub(crate) fn new(counts: Words) -> (Failures, Waiting) {
        let (queue, waiting) = mpsc::channel(WAITING);
        (Failures { queue, counts: counts.clone() }, Waiting { queue: waiting, counts })
    }

    /// Leaves a mail, and returns at once.
    pub(crate) fn leave(&self, mail: FailedMail) {
        if self.queue.try_send(Box::new(mail)).is_err() {
            self.counts.count("dropped");
        }
    }
}

/// The mails that wait to be noted.
pub(crate) struct Waiting {
    /// Where they wait.
    queue: mpsc::Receiver<Box<FailedMail>>,
    /// What is counted.
    counts: Words,
}

/// Notes the mails that the gate leaves until it is time to stop. `most` says of how many a domain hears in a day; a reload may
/// change that. A mail that cannot be noted is forgotten: such a report is a courtesy, and mail goes before it.
pub(crate) async fn keep_noting(
    archive: Archive,
    mut waiting: Waiting,
    secret: Arc<[u8]>,
    most: impl Fn() -> u32,
    shutdown: CancellationToken,
) {
    let mut desk = Desk { key: key(&secret), numbers: Numbers::default() };
    loop {
        let mail = tokio::select! {
            () = shutdown.cancelled() => break,
            mail = waiting.queue.recv() => mail,
        };
        let Some(mail) = mail else { break };
        let noted = async {
            let (ledger, vault) = (archive.ledger().await?, archive.vault().await?);
            desk.note(&ledger, &vault, &mail, most(), now()).await
        };
        match noted.await {
            Ok(true) => waiting.counts.count("noted"),
            Ok(false) => waiting.counts.count("beyond"),
            Err(why) => {
                waiting.counts.count("dropped");
                warn!(domain = %mail.policy_domain, error = format!("{why:#}"), "a failure report cannot be noted");
            }
        }
    }
    archive.close().await;
}

/// Who notes mails that failed.
struct Desk {
    /// What names of people are hashed with.
    key: hmac::Key,
    /// The numbers that are taken.
    numbers: Numbers,
}

impl Desk {
    /// Notes a mail with its job; false where its domain heard of enough today.
    async fn note(
        &mut self,
        ledger: &Ledger,
        vault: &Vault,
        mail: &FailedMail,
        most: u32,
        now: i64,
    ) -> anyhow::Result<bool> {
        let day = day_number(Timestamp::from_microsecond(now)?.to_zoned(TimeZone::UTC).date());
        let domain = mail.policy_domain.to_string();
        let mut sample = None;
        while let Some(number) = self.numbers.next(day, &domain, most) {
            let sample = match &sample {
                Some(sample) => sample,
                None => sample.insert(self.sample(vault, mail, now).await?),
            };
            let id = new_id(now)?;
            let row = NewOutgoing {
                id,
                domain: domain.clone(),
                day,
                kind: OutgoingKind::DmarcFailure,
                destination: String::new(),
                part: number.to_string(),
                planned_at: now,
            };
            let job = first_job(&row, FAILURE, serde_json::to_string(sample)?)?;
            // Another node may have taken this number.
            if ledger.plan(&row, &job).await? == Planned::New {
                debug!(domain, report.id = %id, "noted a failure");
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes people out of what is told, and keeps it.
    async fn sample(&self, vault: &Vault, mail: &FailedMail, now: i64) -> anyhow::Result<Sample> {
        let boundary = format!("failure-{}", new_id(now)?);
        let keyed_hash = |private: &[u8]| hmac::sign(&self.key, private).as_ref().to_vec();
        let parts = parts(&mail.report, &boundary, &Redaction { keyed_hash: &keyed_hash });
        let reported = mail.report.reported_domain.first().cloned().unwrap_or_default();
        let kept: Digest = vault.put(parts.into_bytes()).await?;
        Ok(Sample { parts: kept.to_string(), boundary, reported, why: None })
    }
}

/// The numbers of a day that are taken, domain by domain, as far as this node knows.
#[derive(Default)]
struct Numbers {
    /// Which day it is.
    day: i64,
    /// The last one of each domain.
    last: HashMap<String, u32>,
}

impl Numbers {
    /// Returns the next number of a domain, up to `most`.
    fn next(&mut self, day: i64, domain: &str, most: u32) -> Option<u32> {
        if self.day != day {
            *self = Numbers { day, last: HashMap::new() };
        }
        if self.last.len() >= MOST_DOMAINS && !self.last.contains_key(domain) {
            return None;
        }
        let last = self.last.entry(domain.to_owned()).or_default();
        let next = last.checked_add(1).filter(|next| *next <= most)?;
        *last = next;
        Some(next)
    }
}

/// Returns the key of what is told to others: it is not the one of the books, so that hashes cannot be compared with theirs.
fn key(secret: &[u8]) -> hmac::Key {
    let house = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&house, b"RFC 6590: failure reports").as_ref())
}

/// Tells whether a name is a public suffix, so that whoever is asked there is no owner of the mail. A name of one label is.
pub(crate) fn is_public_suffix(name: &DomainName) -> bool {
    let dotted = name.to_dotted().to_ascii_lowercase();
    psl::suffix(&dotted).is_none_or(|suffix| suffix.as_bytes() == dotted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_so_many_numbers_a_day_and_so_many_domains_have_any() {
        let mut numbers = Numbers::default();
        let mut take = |day, domain: &str, most| numbers.next(day, domain, most);
        assert_eq!([take(1, "a", 2), take(1, "a", 2), take(1, "a", 2)], [Some(1), Some(2), None]);
        assert_eq!([take(1, "b", 2), take(1, "a", 3), take(2, "a", 2)], [Some(1), Some(3), Some(1)]);
        (1..MOST_DOMAINS).for_each(|number| assert!(take(2, &number.to_string(), 1).is_some()));
        assert_eq!([take(2, "beyond", 1), take(2, "a", 2), take(3, "beyond", 1)], [None, Some(2), Some(1)]);
        assert_eq!(take(4, "a", 0), None);
    }

    #[test]
    fn public_suffixes_are_known_and_what_is_below_them_is_none() {
        let is_suffix = |name: &str| is_public_suffix(&DomainName::parse(name).unwrap());
        assert!(["com", "CO.uk", "co.jp", "github.io", "example"].into_iter().all(is_suffix));
        assert!(!["example.com", "a.co.uk", "a.github.io", "a.example"].into_iter().any(is_suffix));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_gate_leaves_is_noted_without_people_and_only_so_often_for_all_nodes() {
        let folder = tempfile::tempdir().unwrap();
        let ledger =
            Ledger::open(&format!("sqlite:{}", folder.path().join("ledger.sqlite").display()), 1).await.unwrap();
        let vault = Vault::in_folder(&folder.path().join("vault")).await.unwrap();
        let original = sekisho_report::dmarc::failure::Original {
            is_whole: false,
            octets: b"From: Alice Secret <alice.secret@sender.example>\r\n".to_vec(),
        };
        let report = FailureReport { original: Some(original), ..FailureReport::default() };
        let mail = FailedMail { policy_domain: DomainName::parse("sender.example").unwrap(), report };
        let desk = |secret: &[u8]| Desk { key: key(secret), numbers: Numbers::default() };
        let (mut one, mut other) = (desk(b"house"), desk(b"house"));
        let now = 1_795_305_600_000_000;
        assert!(one.note(&ledger, &vault, &mail, 3, now).await.unwrap());
        assert!(other.note(&ledger, &vault, &mail, 3, now).await.unwrap());
        assert!(other.note(&ledger, &vault, &mail, 3, now).await.unwrap());
        assert!(!one.note(&ledger, &vault, &mail, 3, now).await.unwrap(), "the other node took the last ones");
        assert!(!other.note(&ledger, &vault, &mail, 3, now).await.unwrap());
        assert!(one.note(&ledger, &vault, &mail, 3, now + super::super::DAY).await.unwrap());
        let rows = ledger.outgoings(&Default::default(), None, 9).await.unwrap().rows;
        assert!(rows.len() == 4 && rows.iter().all(|row| row.kind == OutgoingKind::DmarcFailure), "{rows:?}");
        let lease = ledger.lease(FAILURE, "test", 1, now, now + 1).await.unwrap().pop().unwrap();
        let sample: Sample = serde_json::from_str(&lease.job.payload).unwrap();
        let kept = vault.get(&sample.parts.parse().unwrap()).await.unwrap();
        let kept = String::from_utf8(kept).unwrap();
        assert!(kept.contains("@sender.example") && !kept.to_lowercase().contains("secret"), "{kept}");
        ledger.close().await;
    }

    #[test]
    fn a_full_queue_keeps_nobody_waiting() {
        let counts = crate::metrics::Metrics::new().failed_mails.clone();
        let (failures, waiting) = Failures::new(counts.clone());
        let mail =
            FailedMail { policy_domain: DomainName::parse("a.example").unwrap(), report: FailureReport::default() };
        (0..WAITING + 3).for_each(|_| failures.leave(mail.clone()));
        assert_eq!(counts.get("dropped"), 3);
        drop(waiting);
        failures.leave(mail);
        assert_eq!(counts.get("dropped"), 4);
    }
}
