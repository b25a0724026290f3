//! The jobs that read reports: leased, done, and done again where they were broken off

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use jiff::Timestamp;
use sekisho_core::event::Event;
use sekisho_ledger::vault::GetError;
use sekisho_ledger::{
    AggregateKey, Backoff, Claim, Fault, Id, Job, Lease, LeaseError, Ledger, Mark, Report, ReportKind, ReportState,
    Vault,
};
use sekisho_report::mail::Kind;
use sekisho_report::unreadable::Unreadable;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::opening::{self, Found, Opened, What};
use super::rows::{self, Origin};
use super::submitter::{self, Examiner, Proof};
use crate::lake::{Lake, LakeError};
use crate::metrics::ReadCounts;
use crate::store::Archive;

/// The queue of reports that wait to be read.
pub(crate) const QUEUE: &str = "read-report";
/// How long a reader keeps a job before another may take it, beside the time that its answers from the DNS may take. After a crash
/// somebody else waits for so long.
const LEASE: Duration = Duration::from_secs(30);
/// How much of that a job has to have before it that is begun.
const NEEDED: Duration = Duration::from_secs(15);
/// How many jobs are leased at a time.
const AT_A_TIME: u16 = 16;
/// How many Events are handed to the lake at a time.
const BATCH: usize = 4096;
/// How often the DNS is asked who sent a report before nobody has.
const PATIENCE: u32 = 6;
/// How often somebody looks for new reports.
const LOOK: Duration = Duration::from_secs(1);
/// How long books that fail are left in peace.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// How long a job waits for what is away, in microseconds.
const ABSENCE: i64 = 2_000_000;
/// How long a job waits that failed.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(5), most: Duration::from_secs(3600) };

/// Who reads reports.
#[derive(Clone)]
pub(crate) struct Reader {
    /// The book.
    pub(crate) ledger: Ledger,
    /// Where the bytes are.
    pub(crate) vault: Vault,
    /// Where the rows go.
    pub(crate) lake: Arc<dyn Lake>,
    /// Who judges the reporters.
    pub(crate) examiner: Examiner,
    /// What this process is called.
    pub(crate) worker: String,
    /// Tells that it is time to stop: the job in work is done, and no other is begun.
    pub(crate) stop: CancellationToken,
}

/// What came of some jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Reports that were read.
    pub(crate) read: u64,
    /// Their rows.
    pub(crate) rows: u64,
    /// The mails that those stand for.
    pub(crate) messages: u64,
    /// Those that had been counted before.
    pub(crate) duplicates: u64,
    /// Those that cannot be read.
    pub(crate) unreadable: u64,
    /// Those that were left out, as a standard demands.
    pub(crate) ignored: u64,
    /// Those that nobody vouches for.
    pub(crate) unproven: u64,
    /// Jobs that failed, and are tried again.
    pub(crate) failed: u64,
    /// Jobs that wait until what they need is there again.
    pub(crate) postponed: u64,
}

/// Why a job could not be done now.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The book.
    Ledger(Fault),
    /// The bytes.
    Vault(GetError),
    /// The lake.
    Lake(LakeError),
    /// The DNS.
    Dns,
    /// A fault of ours.
    Ours(String),
}

impl Trouble {
    /// Tells whether what the job needs is away: the job is not to blame, and no other fares better now.
    fn is_absence(&self) -> bool {
        match self {
            Trouble::Ledger(fault) => fault.is_passing(),
            Trouble::Vault(why) => matches!(why, GetError::Unavailable(_)),
            Trouble::Lake(_) => true,
            Trouble::Dns | Trouble::Ours(_) => false,
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Ledger(why) => write!(f, "{why}"),
            Trouble::Vault(why) => write!(f, "the vault: {why}"),
            Trouble::Lake(why) => write!(f, "the lake: {why}"),
            Trouble::Dns => f.write_str("the DNS does not say who sent it"),
            Trouble::Ours(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Trouble {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Trouble::Ledger(why) => why.source(),
            Trouble::Vault(why) => why.source(),
            Trouble::Lake(_) | Trouble::Dns | Trouble::Ours(_) => None,
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::Ledger(fault)
    }
}

impl From<LakeError> for Trouble {
    fn from(error: LakeError) -> Trouble {
        Trouble::Lake(error)
    }
}

impl Reader {
    /// Does the jobs that are due, some at a time; tells whether there were any. `held` are those that were begun: where the books
    /// are away they stay in hand, and are gone on with when this is called again.
    pub(crate) async fn work(&self, held: &mut VecDeque<Lease>, tally: &mut Tally) -> Result<bool, Trouble> {
        let now = now();
        // What was in hand for too long is somebody else's by now.
        held.retain(|lease| lease.job.free_at.is_some_and(|until| until > now));
        if held.is_empty() {
            held.extend(self.ledger.lease(QUEUE, &self.worker, AT_A_TIME, now, now + self.span(LEASE)).await?);
        }
        let had_any = !held.is_empty();
        while let Some(lease) = held.front_mut() {
            if self.stop.is_cancelled() {
                self.hand_back(held, "the reader was stopped", now, tally).await?;
                break;
            }
            match self.finish(lease, tally).await {
                Ok(()) => drop(held.pop_front()),
                Err(trouble) => {
                    // Some of its rows may be told: whoever goes on looks for them.
                    lease.job.last_error = Some(trouble.to_string());
                    self.hand_back(held, &trouble.to_string(), self::now() + ABSENCE, tally).await?;
                    return Err(trouble);
                }
            }
        }
        Ok(had_any)
    }

    /// Reads the report of a job, and ends the job. An error is that something is away that every job needs.
    async fn finish(&self, lease: &mut Lease, tally: &mut Tally) -> Result<(), Trouble> {
        let (now, until) = (now(), now() + self.span(LEASE));
        if lease.job.free_at.is_none_or(|until| until < now + self.span(NEEDED)) {
            match self.ledger.heartbeat(lease, now, until).await {
                Ok(()) => lease.job.free_at = Some(until),
                lost => return Ok(settle(lost)?),
            }
        }
        match self.read(lease, tally).await {
            Ok(()) => settle(self.ledger.finish(lease, self::now()).await)?,
            Err(trouble) if trouble.is_absence() => return Err(trouble),
            Err(trouble) => {
                tally.failed += 1;
                warn!(report.id = %lease.job.subject, attempts = lease.job.attempts, error = %trouble, "cannot read a report now");
                let now = self::now();
                let again = now + BACKOFF.wait(lease.job.attempts, chance());
                let failed = self.ledger.fail(lease, &trouble.to_string(), now, again).await;
                settle(failed.map(drop))?;
            }
        }
        Ok(())
    }

    /// Hands back what is in hand until some time, as if it had not been tried.
    async fn hand_back(
        &self,
        held: &mut VecDeque<Lease>,
        why: &str,
        again: i64,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        while let Some(lease) = held.front() {
            settle(self.ledger.postpone(lease, why, now(), again).await)?;
            tally.postponed += 1;
            held.pop_front();
        }
        Ok(())
    }

    /// Returns a time beside that which answers from the DNS may take, in microseconds.
    fn span(&self, time: Duration) -> i64 {
        i64::try_from((time + self.examiner.timeout).as_micros()).unwrap_or(i64::MAX / 2)
    }

    /// Reads the report of a job, and says what became of it.
    async fn read(&self, lease: &Lease, tally: &mut Tally) -> Result<(), Trouble> {
        let id: Id = lease.job.subject.parse().map_err(|_| Trouble::Ours("the job names no report".to_owned()))?;
        let Some(report) = self.ledger.report(id).await? else {
            return Err(Trouble::Ours("the report of the job is gone".to_owned()));
        };
        let bytes = self.vault.get(&report.evidence).await.map_err(Trouble::Vault)?;
        let bytes = Arc::new(bytes);
        let opened = {
            let bytes = Arc::clone(&bytes);
            aside(move || Opened::open(&bytes)).await?
        };
        let mut mark = Mark { state: ReportState::Read, reason: None, read_as: None, domain: None, at: now() };
        if let Some(kind) = opened.other_kind() {
            // Their rooms come with the abuse desk; the bytes are kept until then.
            mark.read_as = Some(if kind == Kind::Failure { ReportKind::DmarcFailure } else { ReportKind::Abuse });
            (mark.state, mark.reason) = (ReportState::Ignored, Some("feedback is kept, and not counted".to_owned()));
            tally.ignored += 1;
        } else if opened.found.is_empty() && matches!(report.kind, ReportKind::Abuse | ReportKind::Fbl) {
            // People complain in words of their own.
            mark.read_as = Some(report.kind);
            (mark.state, mark.reason) = (ReportState::Ignored, Some("feedback is kept, and not counted".to_owned()));
            tally.ignored += 1;
        } else if opened.found.is_empty() {
            (mark.state, mark.reason) = (ReportState::Unreadable, Some(told(&opened.unreadable)));
            tally.unreadable += 1;
        } else {
            self.count(&report, &lease.job, bytes, Arc::new(opened), &mut mark, tally).await?;
        }
        if mark.state != ReportState::Read {
            info!(report.id = %id, state = mark.state.word(), reason = mark.reason.as_deref(), "read a report");
        }
        self.ledger.mark(id, &mark).await?;
        Ok(())
    }

    /// Counts every report of a delivery that was not counted before.
    async fn count(
        &self,
        report: &Report,
        job: &Job,
        bytes: Arc<Vec<u8>>,
        opened: Arc<Opened>,
        mark: &mut Mark,
        tally: &mut Tally,
    ) -> Result<(), Trouble> {
        let submitter = self.submitter(report, job.attempts, &bytes, &opened).await?;
        // A job that was handed back counts no attempt, but says why.
        let is_again = job.attempts > 1 || job.last_error.is_some();
        let (mut counted, mut duplicate) = (0, None);
        for (part, found) in opened.found.iter().enumerate() {
            let part = u32::try_from(part).unwrap_or(u32::MAX);
            let key = key(found, submitter.clone(), report.received_at);
            (mark.read_as, mark.domain) =
                (Some(key.kind), Some(key.domain.clone()).filter(|domain| !domain.is_empty()));
            if key.kind == ReportKind::Tls && opened.mail.is_some() && submitter.is_none() {
                // RFC 8460 §3: a report by mail has to be signed, or is not taken.
                mark.state = ReportState::Ignored;
                mark.reason = Some("no valid signature of its sender: RFC 8460 §3".to_owned());
                continue;
            }
            match self.ledger.claim_aggregate(&key, report.id, part, now()).await? {
                Claim::Duplicate(holder) => duplicate = Some(holder),
                Claim::Ours => {
                    let name = format!("{}.{part}", report.id);
                    let (rows, messages) = self.tell(name, report, &key, is_again, part, &bytes, &opened).await?;
                    self.ledger.count_aggregate(report.id, part, rows, messages).await?;
                    (tally.rows, tally.messages) = (tally.rows + rows, tally.messages.saturating_add(messages));
                    counted += 1;
                }
            }
        }
        match (counted, duplicate) {
            (0, Some(holder)) => {
                tally.duplicates += 1;
                mark.state = ReportState::Duplicate;
                mark.reason = Some(format!("it was counted with {holder}"));
            }
            (0, None) => tally.ignored += 1,
            _ => {
                tally.read += 1;
                tally.unproven += u64::from(submitter.is_none());
                mark.state = ReportState::Read;
                mark.reason = (!opened.unreadable.is_empty()).then(|| told(&opened.unreadable));
            }
        }
        Ok(())
    }

    /// Returns who sent a report, by what it proves.
    async fn submitter(
        &self,
        report: &Report,
        attempts: u32,
        bytes: &[u8],
        opened: &Opened,
    ) -> Result<Option<String>, Trouble> {
        if report.submitter.is_some() || opened.mail.is_none() {
            return Ok(report.submitter.clone());
        }
        let envelope = &report.envelope;
        let envelope = submitter::envelope(&envelope.client, &envelope.helo, envelope.mail_from.as_deref());
        let received_at = Timestamp::from_microsecond(report.received_at).unwrap_or_default();
        match self.examiner.examine(bytes, envelope, received_at).await {
            Proof::Domain(domain) => Ok(Some(domain)),
            Proof::Nothing => Ok(None),
            // Somebody whose servers never answer does not keep a report waiting for ever.
            Proof::NotNow if attempts >= PATIENCE => Ok(None),
            Proof::NotNow => Err(Trouble::Dns),
        }
    }

    /// Tells the lake the rows of a report; those that it was told before are left out.
    #[expect(clippy::too_many_arguments, reason = "one call, and each of them is a different thing")]
    async fn tell(
        &self,
        name: String,
        report: &Report,
        key: &AggregateKey,
        is_again: bool,
        part: u32,
        bytes: &Arc<Vec<u8>>,
        opened: &Arc<Opened>,
    ) -> Result<(u64, u64), Trouble> {
        let (lake, bytes, opened) = (Arc::clone(&self.lake), Arc::clone(bytes), Arc::clone(opened));
        let (submitter, received_at) = (key.submitter.clone(), report.received_at);
        aside(move || {
            let found = usize::try_from(part).ok().and_then(|part| opened.found.get(part));
            let found = found.ok_or_else(|| Trouble::Ours("a part of the report is gone".to_owned()))?;
            let origin = Origin { report: &name, submitter: submitter.as_deref(), received_at };
            let told = if is_again { lake.rows_of_report(&name)? } else { 0 };
            tell_rows(&*lake, &origin, told, found, &bytes, &opened)
        })
        .await?
    }
}

/// Reads whatever waits, until it is time to stop. `examiner` is asked anew each time: a reload may change it.
pub(crate) async fn keep_reading(
    archive: Archive,
    lake: Arc<dyn Lake>,
    examiner: impl Fn() -> Examiner,
    counts: ReadCounts,
    shutdown: CancellationToken,
) {
    let worker = format!("daemon-{}-{}", std::process::id(), now());
    let (mut held, mut has_failed) = (VecDeque::new(), false);
    loop {
        let mut tally = Tally::default();
        let done = match open(&archive).await {
            Ok((ledger, vault)) => {
                let lake = Arc::clone(&lake);
                let (worker, stop) = (worker.clone(), shutdown.clone());
                let reader = Reader { ledger, vault, lake, examiner: examiner(), worker, stop };
                reader.work(&mut held, &mut tally).await.map_err(|why| why.to_string())
            }
            Err(why) => Err(why),
        };
        counts.add(&tally);
        match &done {
            Err(why) if !has_failed => warn!(error = %why, "reports cannot be read now; it is tried again"),
            Ok(_) if has_failed => info!("reports are read again"),
            _ => {}
        }
        has_failed = done.is_err();
        let pause = match done {
            Ok(true) => Duration::ZERO,
            Ok(false) => LOOK,
            Err(_) => AFTER_FAILURE,
        };
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    archive.close().await;
}

/// Opens the books.
async fn open(archive: &Archive) -> Result<(Ledger, Vault), String> {
    let ledger = archive.ledger().await.map_err(|why| why.to_string())?;
    let vault = archive.vault().await.map_err(|why| why.to_string())?;
    Ok((ledger, vault))
}

/// Tells the lake the rows of a report from the one behind `told` on. Returns how many there are, and how many mails.
fn tell_rows(
    lake: &dyn Lake,
    origin: &Origin<'_>,
    told: u64,
    found: &Found,
    bytes: &[u8],
    opened: &Opened,
) -> Result<(u64, u64), Trouble> {
    let (mut batch, mut at, mut messages) = (Vec::new(), 0_u64, 0_u64);
    let mut take = |event: &dyn Fn(u32) -> Event, count: u64| -> Result<(), Trouble> {
        messages = messages.saturating_add(count);
        if at >= told {
            batch.push(event(u32::try_from(at).unwrap_or(u32::MAX)));
        }
        at += 1;
        if batch.len() >= BATCH {
            lake.append(&batch)?;
            batch.clear();
        }
        Ok(())
    };
    match &found.what {
        What::Tls(report) => rows::tls(origin, report).iter().try_for_each(|event| take(&|_| event.clone(), 0))?,
        What::Aggregate(_) => {
            opening::rows(bytes, opened, found, |head, row| {
                take(&|at| rows::aggregate(origin, head, row, at), row.count)
            })?;
        }
    }
    if !batch.is_empty() {
        lake.append(&batch)?;
    }
    Ok((at, messages))
}

/// Returns what makes a report the same as another.
fn key(found: &Found, submitter: Option<String>, received_at: i64) -> AggregateKey {
    match &found.what {
        What::Aggregate(report) => AggregateKey {
            kind: ReportKind::DmarcAggregate,
            submitter,
            org: report.head.org_name.clone(),
            report_id: report.head.report_id.clone(),
            domain: report.head.policy.domain.clone(),
            begin: report.head.begin.unwrap_or(received_at),
            end: report.head.end.unwrap_or(received_at),
        },
        What::Tls(report) => AggregateKey {
            kind: ReportKind::Tls,
            submitter,
            org: report.organization_name.clone(),
            report_id: report.report_id.clone(),
            domain: report.policies.first().map(|policy| policy.domain.clone()).unwrap_or_default(),
            begin: report.begin.unwrap_or(received_at),
            end: report.end.unwrap_or(received_at),
        },
    }
}

/// Says why something cannot be read, the stable word first.
fn told(reasons: &[Unreadable]) -> String {
    let one = |why: &Unreadable| format!("{}: {why}", why.fault.word());
    reasons.iter().take(3).map(one).collect::<Vec<_>>().join("; ")
}

/// Lets something that takes a while be done where nobody waits for it.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.map_err(|why| Trouble::Ours(format!("the reader failed: {why}")))
}

/// Passes over a lease that was lost meanwhile: whoever has it now does the job.
fn settle(ended: Result<(), LeaseError>) -> Result<(), Fault> {
    match ended {
        Ok(()) => Ok(()),
        Err(LeaseError::Lost) => {
            warn!("a job took longer than its lease, and another one does it now");
            Ok(())
        }
        Err(LeaseError::Ledger(fault)) => Err(fault),
    }
}

/// Returns the time in microseconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

/// Returns a random number; where the system has none, jobs that failed together come back together.
fn chance() -> u32 {
    let mut octets = [0; 4];
    let _ = rand::fill(&mut octets);
    u32::from_ne_bytes(octets)
}
