//! Leases: a job belongs to one worker at a time, and to another when that one is not heard of

use std::error::Error;
use std::fmt;

use sqlx::AnyConnection;
use sqlx::any::AnyQueryResult;

use super::{Job, JobState, Lane};
use crate::column::{parse, text, text_of};
use crate::fault::Fault;
use crate::ledger::Ledger;
use crate::turn::{Turn, in_time};

impl Ledger {
    /// Leases up to `count` jobs of a queue, or of a lane of it, until `until`: those that are due, and those whose worker let its lease run out.
    ///
    /// `worker` names this process and no other, not even an earlier one. A job whose last attempt was lost with its worker is
    /// dead: what kills its worker again and again is not tried for ever.
    pub async fn lease(
        &self,
        lane: impl Into<Lane<'_>>,
        worker: &str,
        count: u16,
        now: i64,
        until: i64,
    ) -> Result<Vec<Lease>, Fault> {
        let lane = lane.into();
        // On PostgreSQL two claimants may choose the same rows; the later one then gets none of them, and chooses again.
        for _ in 0..8 {
            let (leases, chosen) = in_time(self.try_lease(lane, worker, count, now, until)).await?;
            if !leases.is_empty() || !chosen {
                return Ok(leases);
            }
        }
        Ok(Vec::new())
    }

    /// Leases once; tells also whether there was something to be had.
    async fn try_lease(
        &self,
        lane: Lane<'_>,
        worker: &str,
        count: u16,
        now: i64,
        until: i64,
    ) -> Result<(Vec<Lease>, bool), Fault> {
        /// Whose last attempt was lost.
        const BURY: &str = "UPDATE jobs SET state = 'dead', free_at = NULL, worker = NULL, changed_at = $1, \
            last_error = 'the worker was lost in the last attempt' \
            WHERE queue = $2 AND state = 'leased' AND free_at <= $1 AND attempts >= max_attempts";
        /// The condition stands twice: rows that another claimant took meanwhile are looked at again, the subselect is not.
        const LEASE: &str = "UPDATE jobs SET state = 'leased', worker = $1, free_at = $2, attempts = attempts + 1, \
            changed_at = $3 WHERE queue = $4 AND free_at <= $3 AND attempts BETWEEN $5 AND $6 AND id IN \
            (SELECT id FROM jobs WHERE queue = $4 AND free_at <= $3 AND attempts BETWEEN $5 AND $6 \
            ORDER BY free_at, id LIMIT $7) \
            RETURNING id, queue, subject, payload, state, free_at, attempts, max_attempts, worker, last_error, made_at, changed_at";
        /// Whether anything is free.
        const FREE: &str =
            "SELECT id FROM jobs WHERE queue = $1 AND free_at <= $2 AND attempts BETWEEN $3 AND $4 LIMIT 1";
        let queue = text_of(lane.queue, 100);
        let (least, most) = (i64::from(lane.least), i64::from(lane.most));
        let worker = text(worker);
        let mut turn = self.writing().await?;
        sqlx::query(BURY).bind(now).bind(&*queue).execute(turn.on()).await?;
        let rows = sqlx::query(LEASE)
            .bind(&*worker)
            .bind(until)
            .bind(now)
            .bind(&*queue)
            .bind(least)
            .bind(most)
            .bind(i64::from(count))
            .fetch_all(turn.on())
            .await?;
        let mut jobs = rows.iter().map(Job::of).collect::<Result<Vec<_>, _>>()?;
        jobs.sort_by_key(|job| (job.made_at, job.id));
        let left = match jobs.is_empty() && count > 0 {
            true => {
                let free = sqlx::query(FREE).bind(&*queue).bind(now).bind(least).bind(most);
                free.fetch_optional(turn.on()).await?.is_some()
            }
            false => false,
        };
        turn.end((jobs.into_iter().map(|job| Lease { job, worker: worker.to_string() }).collect(), left)).await
    }

    /// Says that the worker lives, and keeps the job until `until`.
    pub async fn heartbeat(&self, lease: &Lease, now: i64, until: i64) -> Result<(), LeaseError> {
        /// Only for whom it belongs to.
        const KEEP: &str = "UPDATE jobs SET free_at = $1, changed_at = $2 \
            WHERE id = $3 AND worker = $4 AND attempts = $5 AND state = 'leased'";
        in_time(async {
            let mut turn = self.writing().await?;
            let done = lease.bind(sqlx::query(KEEP).bind(until).bind(now)).execute(turn.on()).await;
            held(turn, done).await
        })
        .await
    }

    /// Says that the job was done.
    pub async fn finish(&self, lease: &Lease, now: i64) -> Result<(), LeaseError> {
        in_time(async {
            let mut turn = self.writing().await?;
            let is_held = finish(turn.on(), lease, now).await?;
            turn.end(()).await?;
            if is_held { Ok(()) } else { Err(LeaseError::Lost) }
        })
        .await
    }

    /// Says that the attempt failed, and that the job may be tried again at `again`; after the last attempt it is dead.
    pub async fn fail(&self, lease: &Lease, error: &str, now: i64, again: i64) -> Result<Failed, LeaseError> {
        /// The row says itself how often it was tried.
        const FAIL: &str = "UPDATE jobs SET state = CASE WHEN attempts >= max_attempts THEN 'dead' ELSE 'waiting' END, \
            free_at = CASE WHEN attempts >= max_attempts THEN NULL ELSE CAST($1 AS BIGINT) END, \
            worker = NULL, last_error = $2, changed_at = $3 \
            WHERE id = $4 AND worker = $5 AND attempts = $6 AND state = 'leased' RETURNING state";
        in_time(async {
            let mut turn = self.writing().await?;
            let query = sqlx::query(FAIL).bind(again).bind(text(error).into_owned()).bind(now);
            let rows = lease.bind(query).fetch_all(turn.on()).await.map_err(Fault::from)?;
            let state = rows.first().map(|row| parse::<JobState>(row, "state")).transpose()?;
            let failed = match turn.end(state).await? {
                None => return Err(LeaseError::Lost),
                Some(JobState::Dead) => Failed::Dead,
                Some(_) => Failed::Again(again),
            };
            Ok(failed)
        })
        .await
    }

    /// Says that the job can never be done: it is dead at once.
    pub async fn give_up(&self, lease: &Lease, error: &str, now: i64) -> Result<(), LeaseError> {
        /// As if it had been tried as often as it may be.
        const GIVE_UP: &str = "UPDATE jobs SET state = 'dead', free_at = NULL, worker = NULL, last_error = $1, changed_at = $2 \
            WHERE id = $3 AND worker = $4 AND attempts = $5 AND state = 'leased'";
        in_time(async {
            let mut turn = self.writing().await?;
            let query = sqlx::query(GIVE_UP).bind(text(error).into_owned()).bind(now);
            let done = lease.bind(query).execute(turn.on()).await;
            held(turn, done).await
        })
        .await
    }

    /// Hands the job back until `again` as if it had not been tried: what it needs is out of order, and the job is not to blame.
    pub async fn postpone(&self, lease: &Lease, error: &str, now: i64, again: i64) -> Result<(), LeaseError> {
        /// The attempt is not counted.
        const POSTPONE: &str = "UPDATE jobs SET state = 'waiting', free_at = $1, worker = NULL, last_error = $2, changed_at = $3, \
            attempts = attempts - 1 WHERE id = $4 AND worker = $5 AND attempts = $6 AND state = 'leased'";
        in_time(async {
            let mut turn = self.writing().await?;
            let query = sqlx::query(POSTPONE).bind(again).bind(text(error).into_owned()).bind(now);
            let done = lease.bind(query).execute(turn.on()).await;
            held(turn, done).await
        })
        .await
    }
}

/// A job in the hands of a worker, until the lease runs out or is ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Lease {
    /// The job.
    pub job: Job,
    /// Who has it.
    worker: String,
}

/// A statement with its arguments.
type Query = sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments>;

impl Lease {
    /// Binds what tells this lease from every other: the job, the worker, and which attempt it is.
    fn bind(&self, query: Query) -> Query {
        query.bind(self.job.id.to_string()).bind(self.worker.clone()).bind(i64::from(self.job.attempts))
    }
}

/// What becomes of a job that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It is tried again at this time.
    Again(i64),
    /// It was tried as often as it may be.
    Dead,
}

/// Why something cannot be said of a job.
#[derive(Debug)]
pub enum LeaseError {
    /// The lease is over: it ran out and another worker has the job, or the job was ended already. Do no more of it.
    Lost,
    /// The database.
    Ledger(Fault),
}

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeaseError::Lost => f.write_str("the job is not leased to this worker any more"),
            LeaseError::Ledger(fault) => fault.fmt(f),
        }
    }
}

impl Error for LeaseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            LeaseError::Lost => None,
            LeaseError::Ledger(fault) => fault.source(),
        }
    }
}

impl From<Fault> for LeaseError {
    fn from(fault: Fault) -> LeaseError {
        LeaseError::Ledger(fault)
    }
}

/// Says within a transaction that the job was done; tells whether it was still this worker's.
pub(crate) async fn finish(connection: &mut AnyConnection, lease: &Lease, now: i64) -> Result<bool, Fault> {
    /// It stays, so that its key is known.
    const FINISH: &str = "UPDATE jobs SET state = 'done', free_at = NULL, worker = NULL, changed_at = $1 \
        WHERE id = $2 AND worker = $3 AND attempts = $4 AND state = 'leased'";
    let done = lease.bind(sqlx::query(FINISH).bind(now)).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// Commits what was said of a lease, where it is still held.
async fn held(turn: Turn, done: Result<AnyQueryResult, sqlx::Error>) -> Result<(), LeaseError> {
    let held = done.map_err(Fault::from)?.rows_affected() > 0;
    turn.end(()).await?;
    if held { Ok(()) } else { Err(LeaseError::Lost) }
}
