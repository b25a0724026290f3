//! The jobs that read reports: leased, done, and done again where they were broken off

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use sekisho_ledger::{Backoff, Fault, Id, Job, JobFilter, JobState, Lane, Lease, Ledger, Mark, ReportState, Vault};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::job::{self, LOST, settle};
use super::reading::{Reading, Teller};
use super::returned;
use super::submitter::{Examiner, Proof};
use super::trouble::Trouble;
use crate::lake::Lake;
use crate::metrics::ReadCounts;
use crate::store::Archive;
use crate::webhooks::Announcer;

/// The queue of reports that wait to be read.
pub(crate) const QUEUE: &str = "read-report";
/// How long a reader keeps a job before another may take it, beside the time that its answers from the DNS may take. After a crash
/// somebody else waits for so long.
const LEASE: Duration = Duration::from_secs(30);
/// How much of that a job has to have before it that is begun.
const NEEDED: Duration = Duration::from_secs(15);
/// How many jobs are leased at a time.
const AT_A_TIME: u16 = 256;
/// How many are counted that others have in hand.
const MOST_HELD: u16 = 1_000;
/// How many of them are done together. Whose name servers are silent keeps the others waiting, so they are asked side by side.
const TOGETHER: usize = 256;
/// How many octets of reports are enough to be done together.
const OCTETS: usize = 16 * 1024 * 1024;
/// How many reports are opened at once.
const AT_ONCE: usize = 4;
/// How often the DNS is asked who sent a report before nobody has.
const PATIENCE: u32 = 6;
/// How long it is waited for but the last time: meanwhile all reports of a round wait, and strangers choose who has to be asked.
const GLANCE: Duration = Duration::from_secs(1);
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
    /// Which of them it reads.
    pub(crate) lane: Lane<'static>,
    /// Who is told of what was read.
    pub(crate) announcer: Announcer,
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
    /// Notices that mails of ours could not be delivered.
    pub(crate) returned: u64,
    /// Those that nobody vouches for.
    pub(crate) unproven: u64,
    /// Jobs that failed, and are tried again.
    pub(crate) failed: u64,
    /// Jobs that wait until what they need is there again.
    pub(crate) postponed: u64,
}

/// Reads every report that waits now, and no other; nobody is told.
pub(crate) async fn read_all(
    ledger: &Ledger,
    vault: &Vault,
    lake: &Arc<dyn Lake>,
    examiner: Examiner,
) -> Result<Tally, Trouble> {
    let (worker, stop) = (format!("reader-{}", std::process::id()), CancellationToken::new());
    let (ledger, vault, lake) = (ledger.clone(), vault.clone(), Arc::clone(lake));
    let (lane, announcer) = (QUEUE.into(), Announcer::default());
    let reader = Reader { ledger, vault, lake, examiner, worker, lane, announcer, stop };
    let (mut held, mut tally) = (VecDeque::new(), Tally::default());
    while reader.work(&mut held, &mut tally).await? {}
    Ok(tally)
}

impl Reader {
    /// Does the jobs that are due, some at a time; tells whether there were any. `held` are those that were begun: where the books
    /// are away they stay in hand, and are gone on with when this is called again.
    pub(crate) async fn work(&self, held: &mut VecDeque<Lease>, tally: &mut Tally) -> Result<bool, Trouble> {
        let now = now();
        // What was in hand for too long is somebody else's by now.
        held.retain(|lease| lease.job.free_at.is_some_and(|until| until > now));
        if held.is_empty() {
            let until = now + self.span(LEASE);
            held.extend(self.ledger.lease(self.lane, &self.worker, AT_A_TIME, now, until).await?);
        }
        let had_any = !held.is_empty();
        while !held.is_empty() {
            if self.stop.is_cancelled() {
                self.hand_back(held, "the reader was stopped", now, tally).await?;
                break;
            }
            let mut together = take_together(held);
            match self.finish(&mut together, tally).await {
                Ok(rest) => rest.into_iter().rev().for_each(|lease| held.push_front(lease)),
                Err(trouble) => {
                    together.into_iter().rev().for_each(|lease| held.push_front(begun(lease, &trouble)));
                    self.hand_back(held, &trouble.to_string(), self::now() + ABSENCE, tally).await?;
                    return Err(trouble);
                }
            }
        }
        Ok(had_any)
    }

    /// Reads the reports of some jobs together, and ends these jobs: each step waits for the disk once, and not for each report.
    /// Returns the jobs that were too much at a time. An error is that something is away that every job needs.
    async fn finish(&self, leases: &mut Vec<Lease>, tally: &mut Tally) -> Result<Vec<Lease>, Trouble> {
        self.keep(leases).await?;
        let (mut readings, mut failed) = (Vec::with_capacity(leases.len()), Vec::new());
        let mut octets = 0;
        let jobs: Vec<(usize, Job)> = leases.iter().map(|lease| lease.job.clone()).enumerate().collect();
        let mut opening = stream::iter(jobs).map(|(at, job)| self.open(at, job)).buffered(AT_ONCE);
        while octets < OCTETS
            && let Some(opened) = opening.next().await
        {
            match opened {
                Ok(reading) => {
                    octets += reading.octets();
                    readings.push(reading);
                }
                Err((_, trouble)) if trouble.is_absence() => return Err(trouble),
                Err(failure) => failed.push(failure),
            }
        }
        drop(opening);
        let opened = readings.len() + failed.len();
        let readings = self.authenticate_all(readings, leases, &mut failed).await;
        match self.count(leases, readings, tally).await {
            Ok(()) => {}
            Err(trouble) if trouble.is_absence() => return Err(trouble),
            // Nobody knows which of them it was: each is tried again alone.
            Err(trouble) => {
                let others = (0..opened).filter(|at| failed.iter().all(|(failed, _)| failed != at));
                let why = trouble.to_string();
                failed.extend(others.map(|at| (at, Trouble::Ours(why.clone()))).collect::<Vec<_>>());
            }
        }
        for (at, trouble) in failed {
            self.fail(&leases[at], &trouble, tally).await?;
        }
        Ok(leases.split_off(opened))
    }

    /// Keeps the jobs that have not much time left; those that are lost are let go.
    async fn keep(&self, leases: &mut Vec<Lease>) -> Result<(), Trouble> {
        let (now, until) = (now(), now() + self.span(LEASE));
        let mut kept = Vec::with_capacity(leases.len());
        for mut lease in leases.drain(..) {
            if lease.job.free_at.is_some_and(|until| until >= now + self.span(NEEDED)) {
                kept.push(lease);
                continue;
            }
            match self.ledger.heartbeat(&lease, now, until).await {
                Ok(()) => {
                    lease.job.free_at = Some(until);
                    kept.push(lease);
                }
                lost => settle(lost)?,
            }
        }
        *leases = kept;
        Ok(())
    }

    /// Opens the report of a job, and finds out who sent it.
    async fn open(&self, at: usize, job: Job) -> Result<Reading, (usize, Trouble)> {
        let opened = async {
            let id: Id = job.subject.parse().map_err(|_| Trouble::Ours("the job names no report".to_owned()))?;
            let Some(report) = self.ledger.report(id).await? else {
                return Err(Trouble::Ours("the report of the job is gone".to_owned()));
            };
            let bytes = self.vault.get(&report.evidence).await.map_err(Trouble::Vault)?;
            let mut reading = aside(move || Reading::open(at, report, bytes, now())).await?;
            reading.is_again = is_again(&job);
            if let Some(notice) = reading.notice() {
                let returned = returned::note(&self.ledger, &self.announcer, &reading.report, notice, now()).await?;
                reading.came_back(returned);
            }
            Ok(reading)
        };
        opened.await.map_err(|trouble| (at, trouble))
    }

    /// Finds out who sent each report, all side by side; those of which the DNS does not tell now fail.
    async fn authenticate_all(
        &self,
        readings: Vec<Reading>,
        leases: &[Lease],
        failed: &mut Vec<(usize, Trouble)>,
    ) -> Vec<Reading> {
        let each = readings.into_iter().map(|mut reading| async move {
            let attempts = leases[reading.at].job.attempts;
            self.authenticate(&mut reading, attempts).await.map_err(|trouble| (reading.at, trouble)).map(|()| reading)
        });
        let (mut known, all) = (Vec::with_capacity(leases.len()), join_all(each).await);
        for one in all {
            match one {
                Ok(reading) => known.push(reading),
                Err(failure) => failed.push(failure),
            }
        }
        known
    }

    /// Finds out who sent a report, by what its mail proves.
    async fn authenticate(&self, reading: &mut Reading, attempts: u32) -> Result<(), Trouble> {
        let timeout = if attempts < PATIENCE { self.examiner.timeout.min(GLANCE) } else { self.examiner.timeout };
        let examiner = self.examiner.within(timeout);
        for wanted in reading.wanted_proofs() {
            let received_at = Timestamp::from_microsecond(reading.report.received_at).unwrap_or_default();
            let (mail, heard) = reading.to_prove(wanted);
            let submitter = match examiner.examine(mail, heard, received_at, wanted.service()).await {
                Proof::Domain(domain, by) => Some((domain, by)),
                Proof::Nothing => None,
                // Somebody whose servers never answer does not keep a report waiting for ever.
                Proof::NotNow if attempts >= PATIENCE => None,
                Proof::NotNow => return Err(Trouble::Dns),
            };
            reading.sent_by(wanted, submitter);
        }
        reading.plan();
        Ok(())
    }

    /// Counts what was not counted before, and ends the jobs.
    async fn count(&self, leases: &[Lease], mut readings: Vec<Reading>, tally: &mut Tally) -> Result<(), Trouble> {
        self.claim(&mut readings).await?;
        let told = self.tell(readings).await?;
        self.conclude(leases, &told, tally).await
    }

    /// Claims the right to count the reports.
    async fn claim(&self, readings: &mut [Reading]) -> Result<(), Trouble> {
        let claims: Vec<_> = readings.iter().flat_map(Reading::claims).collect();
        if claims.is_empty() {
            return Ok(());
        }
        let mut answers = self.ledger.claim_aggregates(&claims, now()).await?.into_iter();
        readings.iter_mut().for_each(|reading| reading.claimed(&mut answers));
        Ok(())
    }

    /// Tells the lake the rows of the reports that count.
    async fn tell(&self, mut readings: Vec<Reading>) -> Result<Vec<Reading>, Trouble> {
        let lake = Arc::clone(&self.lake);
        aside(move || {
            let mut teller = Teller::new(&*lake);
            readings.iter_mut().try_for_each(|reading| reading.tell(&mut teller))?;
            teller.end()?;
            Ok(readings)
        })
        .await?
    }

    /// Writes down what became of the reports, and ends their jobs.
    async fn conclude(&self, leases: &[Lease], readings: &[Reading], tally: &mut Tally) -> Result<(), Trouble> {
        let conclusions: Vec<_> =
            readings.iter().map(|reading| reading.conclusion(&leases[reading.at], &self.announcer)).collect();
        let held = self.ledger.conclude(&conclusions, now()).await?;
        for ((reading, conclusion), is_held) in readings.iter().zip(&conclusions).zip(held) {
            if !is_held {
                warn!("{LOST}");
                continue;
            }
            reading.count(tally);
            let Mark { state, reason, .. } = &conclusion.mark;
            if *state != ReportState::Read {
                info!(report.id = %conclusion.report, state = state.word(), reason = reason.as_deref(), "read a report");
            }
        }
        Ok(())
    }

    /// Says that a job failed, and when it is tried again.
    async fn fail(&self, lease: &Lease, trouble: &Trouble, tally: &mut Tally) -> Result<(), Fault> {
        tally.failed += 1;
        warn!(report.id = %lease.job.subject, attempts = lease.job.attempts, error = %trouble, "cannot read a report now");
        let now = now();
        let again = job::again(&BACKOFF, lease.job.attempts, now);
        let why = match trouble {
            Trouble::Dns => unanswered(lease.job.attempts),
            other => other.to_string(),
        };
        settle(self.ledger.fail(lease, &why, now, again).await.map(drop))
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

    /// Returns how many reports that came before some time others have in hand: another process, or one that was broken off, until its
    /// leases run out.
    pub(crate) async fn held_elsewhere(&self, before: i64) -> Result<u64, Fault> {
        let leased = JobFilter { state: Some(JobState::Leased), queue: Some(QUEUE.to_owned()) };
        let jobs = self.ledger.jobs(&leased, None, MOST_HELD).await?;
        Ok(jobs.rows.iter().filter(|job| job.made_at < before).count() as u64)
    }

    /// Returns how long others keep what they have in hand, should they never come back.
    pub(crate) fn longest_held(&self) -> Duration {
        LEASE + self.examiner.timeout
    }

    /// Returns a time beside that which answers from the DNS may take, in microseconds.
    fn span(&self, time: Duration) -> i64 {
        i64::try_from((time + self.examiner.timeout).as_micros()).unwrap_or(i64::MAX / 2)
    }
}

/// Takes the jobs out of hand that are done together: one that was begun before is done alone, so that what broke it off breaks
/// nothing else off.
fn take_together(held: &mut VecDeque<Lease>) -> Vec<Lease> {
    let fresh = held.iter().take(TOGETHER).take_while(|lease| !is_again(&lease.job)).count();
    held.drain(..fresh.max(1).min(held.len())).collect()
}

/// Tells whether a job was begun before. One that was handed back counts no attempt, but says why; one that came no further than to
/// the DNS in the attempt before this was not begun.
fn is_again(job: &Job) -> bool {
    let before = job.attempts.saturating_sub(1);
    match &job.last_error {
        Some(why) => before == 0 || *why != unanswered(before),
        None => before > 0,
    }
}

/// Says that the DNS told nothing in an attempt: which one, since the next may be lost without a word.
fn unanswered(attempt: u32) -> String {
    format!("{} (try {attempt})", Trouble::Dns)
}

/// Notes that a job was begun: some of its rows may be told, and whoever goes on looks for them.
fn begun(mut lease: Lease, trouble: &Trouble) -> Lease {
    lease.job.last_error = Some(trouble.to_string());
    lease
}

/// Reads whatever waits, until it is time to stop. What was tried before is in a lane of its own: reports of strangers whose name
/// servers never answer hold up each other, and nothing new. `examiner` is asked anew each time: a reload may change it.
pub(crate) async fn keep_reading(
    archive: Archive,
    lake: Arc<dyn Lake>,
    examiner: impl Fn() -> Examiner,
    counts: ReadCounts,
    announcer: Announcer,
    stop: CancellationToken,
) {
    let worker = format!("daemon-{}-{}", std::process::id(), now());
    let keep = async |lane: Lane<'static>| {
        let (mut held, mut has_failed) = (VecDeque::new(), false);
        loop {
            let mut tally = Tally::default();
            let done = match open(&archive).await {
                Ok((ledger, vault)) => {
                    let (lake, worker) = (Arc::clone(&lake), worker.clone());
                    let (announcer, stop) = (announcer.clone(), stop.clone());
                    let reader = Reader { ledger, vault, lake, examiner: examiner(), worker, lane, announcer, stop };
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
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
    };
    tokio::join!(keep(Lane::fresh(QUEUE)), keep(Lane::tried(QUEUE)));
    archive.close().await;
}

/// Opens the books.
async fn open(archive: &Archive) -> Result<(Ledger, Vault), String> {
    let ledger = archive.ledger().await.map_err(|why| why.to_string())?;
    let vault = archive.vault().await.map_err(|why| why.to_string())?;
    Ok((ledger, vault))
}

/// Lets something that takes a while be done where nobody waits for it.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.map_err(|why| Trouble::Ours(format!("the reader failed: {why}")))
}

/// Returns the time in microseconds since 1970.
pub(super) fn now() -> i64 {
    Timestamp::now().as_microsecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a job that was begun so often, of which this is said.
    fn job(attempts: u32, last_error: Option<&str>) -> Job {
        Job {
            id: Id::new(0, [0; 10]),
            queue: QUEUE.to_owned(),
            subject: String::new(),
            payload: String::new(),
            state: JobState::Leased,
            free_at: None,
            attempts,
            max_attempts: 12,
            worker: None,
            last_error: last_error.map(str::to_owned),
            made_at: 0,
            changed_at: 0,
        }
    }

    #[test]
    fn a_job_that_only_the_dns_held_up_was_not_begun_and_one_that_was_lost_after_that_was() {
        let (first, second) = (unanswered(1), unanswered(2));
        for (attempts, last_error, is_begun) in [
            (1, None, false),
            (2, None, true),
            (1, Some("the database is away"), true),
            (2, Some("the reader failed"), true),
            (2, Some(&*first), false),
            (3, Some(&*second), false),
            // The second attempt was lost without a word: it may have told some rows.
            (3, Some(&*first), true),
        ] {
            assert_eq!(is_again(&job(attempts, last_error)), is_begun, "{attempts} {last_error:?}");
        }
    }
}
