//! The jobs of reports that go out: each report is made once, and each of its mails is sent until somebody takes it
//!
//! Of all nodes that plan a day, one gets each domain's report: its row and its job are claimed in one transaction. That job
//! freezes the report in the vault, and claims a row and a job for each recipient; those send the mail, which is frozen in the
//! vault as well, so that whoever gets it twice sees that it is the same.

mod failure;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use jiff::civil::Date;
use lettre::Address;
use sekisho_core::name::DomainName;
use sekisho_ledger::{
    Backoff, Digest, Failed, Fault, Id, Lease, Ledger, NewJob, NewOutgoing, Outgoing, OutgoingKind, OutgoingMark,
    OutgoingState, Planned, Vault,
};
use sekisho_report::dmarc::aggregate::letter::Letter;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

pub(super) use self::failure::Sample;
use super::super::job::{self, new_id, settle};
use super::super::news;
use super::asked::Recipient;
use super::draft::Names;
use super::hindrance::Hindrance;
use super::prepare::{Preparation, Prepared, policy_domains};
use super::relay::{Parcel, Refusal};
use super::reporter::Reporter;
use super::{day_number, day_of};
use crate::lake::Lake;
use crate::metrics::Metrics;
use crate::webhooks::Announcer;

/// What becomes of reports that go out, for counters.
pub(crate) const RESULTS: [&str; 5] = ["sent", "skipped", "failed", "later", BOUNCED];
/// What becomes of those among them that come back.
pub(crate) const BOUNCED: &str = "bounced";
/// The queue of reports that wait to be made.
const MAKE: &str = "make-report";
/// The queue of mails that wait to be sent.
const SEND: &str = "send-report";
/// The queue of failures that wait to be told of.
pub(super) const FAILURE: &str = "make-failure-report";
/// How long a job is kept before another may take it, in microseconds: longer than the relay may take.
const LEASE: i64 = 300_000_000;
/// How often a job is tried: for about a day.
const ATTEMPTS: u32 = 32;
/// How often a domain's record is asked for before nobody has it.
const PATIENCE: u32 = 6;
/// How long a job waits that failed.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(60), most: Duration::from_secs(3600) };

/// A clock, in microseconds since 1970.
pub(super) type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Who makes and sends reports.
pub(super) struct Sender {
    /// The book.
    pub(super) ledger: Ledger,
    /// Where reports and mails are kept.
    pub(super) vault: Vault,
    /// Where the rows are.
    pub(super) lake: Arc<dyn Lake>,
    /// In whose name.
    pub(super) reporter: Reporter,
    /// What this process is called.
    pub(super) worker: String,
    /// What is counted.
    pub(super) metrics: Option<Arc<Metrics>>,
    /// Who is told of what was sent.
    pub(super) announcer: Announcer,
    /// Tells the time.
    pub(super) clock: Clock,
}

/// What came of some jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Mails that the relay took.
    pub(super) sent: u64,
    /// Reports, and mails, that are not sent.
    pub(super) skipped: u64,
    /// Those that nobody ever took.
    pub(super) failed: u64,
    /// Those that are tried again.
    pub(super) later: u64,
}

/// How a job ended that need not be done again.
enum Ended {
    /// It was done, or there was nothing to be done.
    Quietly,
    /// The mail was sent.
    Sent,
    /// It is not to be sent.
    Skipped,
    /// It can never be sent.
    Never(String),
}

/// What is claimed.
struct Claimed<'c> {
    /// The policy domain.
    domain: &'c str,
    /// Which day.
    day: i64,
    /// What it is.
    kind: OutgoingKind,
    /// To whom; empty for the report itself.
    destination: String,
    /// Which one of several.
    part: String,
}

/// What a mail's job has to know.
enum Errand {
    /// An aggregate report.
    Aggregate(Bundle),
    /// A failure report.
    Failure(Sample),
}

impl Errand {
    /// Reads the errand of a job.
    fn read(kind: OutgoingKind, payload: &str) -> anyhow::Result<Errand> {
        let read = match kind {
            OutgoingKind::DmarcFailure => serde_json::from_str(payload).map(Errand::Failure),
            _ => serde_json::from_str(payload).map(Errand::Aggregate),
        };
        read.context("the job cannot be read")
    }

    /// Returns why the mail is not sent, where it is not.
    fn why(&self) -> Option<&String> {
        match self {
            Errand::Aggregate(bundle) => bundle.why.as_ref(),
            Errand::Failure(sample) => sample.why.as_ref(),
        }
    }
}

/// An aggregate report for one recipient.
#[derive(Debug, Deserialize, Serialize)]
struct Bundle {
    /// The packed report in the vault.
    report: String,
    /// Its Report-ID.
    report_id: String,
    /// The Subject.
    subject: String,
    /// The name of the file.
    file_name: String,
    /// Why it is not sent, where it is not.
    why: Option<String>,
}

impl Sender {
    /// Plans the reports of a day, all or that of one domain; returns how many are new.
    pub(super) async fn plan(&self, day: Date, only: Option<&DomainName>) -> anyhow::Result<u64> {
        let only = only.map(ToString::to_string);
        let mut new = 0;
        for domain in policy_domains(&self.lake, day).await? {
            if only.as_ref().is_none_or(|only| *only == domain.policy_domain) {
                let claimed = Claimed {
                    domain: &domain.policy_domain,
                    day: day_number(day),
                    kind: OutgoingKind::DmarcAggregate,
                    destination: String::new(),
                    part: String::new(),
                };
                let planned = self.claim(claimed, MAKE, String::new()).await?;
                new += u64::from(planned == Planned::New);
            }
        }
        Ok(new)
    }

    /// Claims a row with its job.
    async fn claim(&self, claimed: Claimed<'_>, queue: &str, payload: String) -> anyhow::Result<Planned> {
        let now = (self.clock)();
        let Claimed { domain, day, kind, destination, part } = claimed;
        let (id, domain) = (new_id(now)?, domain.to_owned());
        let row = NewOutgoing { id, domain, day, kind, destination, part, planned_at: now };
        let job = first_job(&row, queue, payload)?;
        Ok(self.ledger.plan(&row, &job).await?)
    }

    /// Does one job that is due; false where there is none.
    pub(super) async fn work(&self, tally: &mut Tally) -> Result<bool, Fault> {
        let now = (self.clock)();
        // What a forger can cause comes last: nobody's daily report waits for it.
        for queue in [MAKE, SEND, FAILURE] {
            if let Some(lease) = self.ledger.lease(queue, &self.worker, 1, now, now + LEASE).await?.pop() {
                self.attempt(queue, &lease, tally).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes every report that is due and its mails, and notes these as sent without handing them to anybody.
    pub(super) async fn rehearse(&self) -> anyhow::Result<()> {
        let now = (self.clock)();
        while let Some(lease) = self.ledger.lease(MAKE, &self.worker, 1, now, now + LEASE).await?.pop() {
            self.make(&lease).await?;
            settle(self.ledger.finish(&lease, now).await)?;
        }
        while let Some(lease) = self.ledger.lease(SEND, &self.worker, 1, now, now + LEASE).await?.pop() {
            let (id, row) = self.row(&lease).await?;
            let errand = Errand::read(row.kind, &lease.job.payload)?;
            if let Some(why) = errand.why() {
                self.mark(id, OutgoingState::Skipped, Some(why.clone())).await?;
            } else {
                let to: Address = row.destination.parse().context("the recipient is no address")?;
                let name = format!("{id}@{}", self.reporter.identity.author);
                self.compose(&name, &row, &errand, &to).await?;
                self.mark(id, OutgoingState::Sent, None).await?;
            }
            settle(self.ledger.finish(&lease, now).await)?;
        }
        Ok(())
    }

    /// Does a job, and says in the book how it ended.
    async fn attempt(&self, queue: &str, lease: &Lease, tally: &mut Tally) -> Result<(), Fault> {
        let done = match queue {
            MAKE => self.make(lease).await,
            FAILURE => self.make_failure(lease).await,
            _ => self.deliver(lease).await,
        };
        let now = (self.clock)();
        match done {
            Ok(Ended::Quietly) => settle(self.ledger.finish(lease, now).await),
            Ok(Ended::Sent) => {
                self.count("sent", &mut tally.sent);
                settle(self.ledger.finish(lease, now).await)
            }
            Ok(Ended::Skipped) => {
                self.count("skipped", &mut tally.skipped);
                settle(self.ledger.finish(lease, now).await)
            }
            Ok(Ended::Never(why)) => {
                self.count("failed", &mut tally.failed);
                warn!(report.id = %lease.job.subject, error = why, "a report of ours is refused for good");
                settle(self.ledger.give_up(lease, &why, now).await)
            }
            Err(error) => self.put_off(lease, &format!("{error:#}"), now, tally).await,
        }
    }

    /// Lets a job that failed be tried again, as long as there is sense in that.
    async fn put_off(&self, lease: &Lease, error: &str, now: i64, tally: &mut Tally) -> Result<(), Fault> {
        let attempts = lease.job.attempts;
        warn!(report.id = %lease.job.subject, attempts, error, "a report of ours cannot go out now");
        match self.ledger.fail(lease, error, now, job::again(&BACKOFF, attempts, now)).await {
            Ok(Failed::Again(_)) => self.count("later", &mut tally.later),
            Ok(Failed::Dead) => {
                self.count("failed", &mut tally.failed);
                if let Ok(id) = lease.job.subject.parse() {
                    self.mark(id, OutgoingState::Failed, Some(error.to_owned())).await?;
                }
            }
            Err(lost) => settle(Err(lost))?,
        }
        Ok(())
    }

    /// Makes a report, and claims a mail for each recipient.
    async fn make(&self, lease: &Lease) -> anyhow::Result<Ended> {
        let (id, row) = self.row(lease).await?;
        let day = day_of(row.day).context("the day of the report is none")?;
        let preparation = Preparation { ledger: &self.ledger, lake: &self.lake, reporter: &self.reporter };
        let is_patient = lease.job.attempts < PATIENCE;
        let Prepared { draft, recipients } = match preparation.prepare(&row.domain, day).await? {
            Ok(prepared) => prepared,
            // An earlier attempt made it: what it claimed goes out.
            Err(_) if row.evidence.is_some() => return Ok(Ended::Quietly),
            Err(prevented) if prevented.why == Hindrance::Dns && is_patient => {
                return Err(anyhow!("{}", Hindrance::Dns.fault()));
            }
            Err(prevented) => {
                self.mark(id, OutgoingState::Skipped, Some(prevented.why.noted())).await?;
                return Ok(Ended::Skipped);
            }
        };
        if is_patient && recipients.iter().any(|recipient| recipient.address == Err(Hindrance::Dns)) {
            return Err(anyhow!("{}", Hindrance::Dns.fault()));
        }
        let report = match row.evidence {
            Some(report) => report,
            None => self.vault.put(draft.packed).await?,
        };
        let mark = OutgoingMark {
            state: OutgoingState::Made,
            reason: None,
            evidence: Some(report),
            message_id: None,
            attempted: false,
            at: (self.clock)(),
            jobs: Vec::new(),
        };
        self.ledger.mark_outgoing(id, &mark).await?;
        info!(domain = %row.domain, day = %day, rows = draft.rows, messages = draft.messages, "made a report");
        for recipient in &recipients {
            self.address(&row, recipient, &report, &draft.names).await?;
        }
        Ok(Ended::Quietly)
    }

    /// Claims the mail of a recipient, be it sent or not.
    async fn address(
        &self,
        row: &Outgoing,
        recipient: &Recipient,
        report: &Digest,
        names: &Names,
    ) -> anyhow::Result<()> {
        let (destination, why) = match &recipient.address {
            Ok(address) => (address.to_string(), None),
            Err(why) => (recipient.uri.clone(), Some(why.noted())),
        };
        let Names { report_id, subject, file_name } = names.clone();
        let bundle = Bundle { report: report.to_string(), report_id, subject, file_name, why };
        let kind = OutgoingKind::DmarcAggregate;
        let claimed = Claimed { domain: &row.domain, day: row.day, kind, destination, part: String::new() };
        self.claim(claimed, SEND, serde_json::to_string(&bundle)?).await?;
        Ok(())
    }

    /// Sends a mail.
    async fn deliver(&self, lease: &Lease) -> anyhow::Result<Ended> {
        let (id, row) = self.row(lease).await?;
        if matches!(row.state, OutgoingState::Sent | OutgoingState::Bounced) {
            return Ok(Ended::Quietly);
        }
        let errand = Errand::read(row.kind, &lease.job.payload)?;
        let is_off = matches!(errand, Errand::Failure(_)) && !self.reporter.failures;
        if let Some(why) = errand.why().cloned().or_else(|| is_off.then(|| Hindrance::TurnedOff.noted())) {
            self.mark(id, OutgoingState::Skipped, Some(why)).await?;
            return Ok(Ended::Skipped);
        }
        let to: Address = row.destination.parse().context("the recipient is no address")?;
        let outlet = self.reporter.outlet.as_ref().context("no relay is configured")?;
        let name = row.message_id.clone().unwrap_or_else(|| format!("{id}@{}", self.reporter.identity.author));
        let mail = match &row.evidence {
            Some(mail) => self.vault.get(mail).await?,
            None => self.compose(&name, &row, &errand, &to).await?,
        };
        let parcel = Parcel { from: &self.reporter.identity.from, to: &to, name: &name, mail: &mail };
        let refusal = outlet.send(&parcel).await.err();
        let (state, reason) = match &refusal {
            None => (OutgoingState::Sent, None),
            Some(Refusal::Later(why)) => (OutgoingState::Planned, Some(why.clone())),
            Some(Refusal::Never(why)) => (OutgoingState::Failed, Some(why.clone())),
        };
        let (at, attempted) = ((self.clock)(), true);
        let jobs = self.told(&row, state, row.attempts + 1, at);
        let mark = OutgoingMark { state, reason, evidence: None, message_id: None, attempted, at, jobs };
        self.ledger.mark_outgoing(id, &mark).await?;
        match refusal {
            None => {
                info!(domain = %row.domain, report.id = %id, "sent a report");
                Ok(Ended::Sent)
            }
            Some(Refusal::Later(why)) => Err(anyhow!(why)),
            Some(Refusal::Never(why)) => Ok(Ended::Never(why)),
        }
    }

    /// Writes and signs a mail, and keeps it: whatever is sent from now on is this one.
    async fn compose(&self, name: &str, row: &Outgoing, errand: &Errand, to: &Address) -> anyhow::Result<Vec<u8>> {
        let mail = match errand {
            Errand::Aggregate(bundle) => self.cover(name, row, bundle, to).await?,
            Errand::Failure(sample) => self.cover_failure(name, sample, to).await?,
        };
        let at = (self.clock)();
        let mail = self.reporter.sign(&mail, Timestamp::from_microsecond(at)?)?;
        let (state, evidence) = (OutgoingState::Planned, Some(self.vault.put(mail.clone()).await?));
        let message_id = Some(name.to_owned());
        let jobs = Vec::new();
        let mark = OutgoingMark { state, reason: None, evidence, message_id, attempted: false, at, jobs };
        self.ledger.mark_outgoing(row.id, &mark).await?;
        Ok(mail)
    }

    /// Writes the mail with an aggregate report.
    async fn cover(&self, name: &str, row: &Outgoing, bundle: &Bundle, to: &Address) -> anyhow::Result<Vec<u8>> {
        let report: Digest = bundle.report.parse().context("the job names no report")?;
        let packed = self.vault.get(&report).await?;
        let identity = &self.reporter.identity;
        let now = Timestamp::from_microsecond((self.clock)())?;
        let day = day_of(row.day).context("the day of the report is none")?;
        let text = format!(
            "This is a DMARC aggregate report (RFC 9990) about {}\nfor {day} (UTC), made by {}.\nReport-ID: {}\n\nQuestions: {}\n",
            row.domain, identity.organization, bundle.report_id, identity.contact
        );
        let letter = Letter {
            from: identity.from.as_ref(),
            to: to.as_ref(),
            subject: &bundle.subject,
            date: now,
            message_id: name,
            text: &text,
            file_name: &bundle.file_name,
            packed: &packed,
        };
        Ok(letter.write()?)
    }

    /// Returns the row of a job.
    async fn row(&self, lease: &Lease) -> anyhow::Result<(Id, Outgoing)> {
        let id: Id = lease.job.subject.parse().context("the job names no report")?;
        let row = self.ledger.outgoing(id).await?.context("the report of the job is gone")?;
        Ok((id, row))
    }

    /// Says what became of a report, where nothing was handed to a server.
    async fn mark(&self, id: Id, state: OutgoingState, reason: Option<String>) -> Result<(), Fault> {
        let at = (self.clock)();
        let row = if state == OutgoingState::Failed { self.ledger.outgoing(id).await? } else { None };
        let jobs = row.map_or_else(Vec::new, |row| self.told(&row, state, row.attempts, at));
        let mark = OutgoingMark { state, reason, evidence: None, message_id: None, attempted: false, at, jobs };
        self.ledger.mark_outgoing(id, &mark).await.map(drop)
    }

    /// Returns the jobs that tell what became of a report of ours.
    fn told(&self, row: &Outgoing, state: OutgoingState, attempts: u64, at: i64) -> Vec<NewJob> {
        let news = news::of_outgoing(row, state, attempts, at);
        news.iter().flat_map(|news| self.announcer.jobs(news)).collect()
    }

    /// Counts what became of a job.
    fn count(&self, result: &str, number: &mut u64) {
        *number += 1;
        self.metrics.iter().for_each(|metrics| metrics.reports_out.count(result));
    }
}

/// Returns the first job of a row.
pub(super) fn first_job(row: &NewOutgoing, queue: &str, payload: String) -> anyhow::Result<NewJob> {
    Ok(NewJob {
        id: new_id(row.planned_at)?,
        queue: queue.to_owned(),
        subject: row.id.to_string(),
        payload,
        once: None,
        due: row.planned_at,
        made_at: row.planned_at,
        max_attempts: ATTEMPTS,
    })
}
