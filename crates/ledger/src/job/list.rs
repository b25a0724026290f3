//! Jobs as those who run the house see them: listed, counted, revived, forgotten

use super::{Job, JobState};
use crate::column::{count, get, parse, text_of};
use crate::fault::Fault;
use crate::id::Id;
use crate::ledger::Ledger;
use crate::page::{Cursor, Page};
use crate::turn::in_time;

impl Ledger {
    /// Returns the jobs that the filter lets through, those first whose row changed last, at most `limit`.
    pub async fn jobs(&self, filter: &JobFilter, after: Option<Cursor>, limit: u16) -> Result<Page<Job>, Fault> {
        /// A filter that is null lets all through.
        const ALL: &str = "SELECT id, queue, subject, payload, state, free_at, attempts, max_attempts, worker, last_error, made_at, \
            changed_at FROM jobs WHERE (CAST($1 AS TEXT) IS NULL OR state = $1) AND (CAST($2 AS TEXT) IS NULL OR queue = $2) \
            AND (changed_at < $3 OR (changed_at = $3 AND id < $4)) ORDER BY changed_at DESC, id DESC LIMIT $5";
        /// Of one state the index on states finds the few: nearly all jobs are done.
        const OF_A_STATE: &str = "SELECT id, queue, subject, payload, state, free_at, attempts, max_attempts, worker, last_error, \
            made_at, changed_at FROM jobs WHERE state = $1 AND (CAST($2 AS TEXT) IS NULL OR queue = $2) \
            AND (changed_at < $3 OR (changed_at = $3 AND id < $4)) ORDER BY changed_at DESC, id DESC LIMIT $5";
        let list = if filter.state.is_some() { OF_A_STATE } else { ALL };
        let (at, id) = after.map_or_else(Cursor::newest, |cursor| (cursor.at, cursor.id.to_string()));
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(list)
                .bind(filter.state.map(JobState::word))
                .bind(filter.queue.as_deref().map(|queue| text_of(queue, 100).into_owned()))
                .bind(at)
                .bind(id)
                .bind(i64::from(limit) + 1)
                .fetch_all(turn.on())
                .await?;
            let jobs = rows.iter().map(Job::of).collect::<Result<_, _>>()?;
            turn.end(Page::cut(jobs, limit.into(), |job: &Job| Cursor { at: job.changed_at, id: job.id })).await
        })
        .await
    }

    /// Returns how many jobs there are of each queue and state.
    pub async fn job_counts(&self) -> Result<Vec<JobCount>, Fault> {
        /// Sums are cast: the engines differ in what they return.
        const COUNTS: &str = "SELECT queue, state, CAST(COUNT(*) AS BIGINT) AS jobs, CAST(MIN(made_at) AS BIGINT) AS oldest \
            FROM jobs GROUP BY queue, state";
        self.counted(COUNTS).await
    }

    /// The same of those that are not done: what was done is nearly all there is, and is not looked at.
    pub async fn unfinished_job_counts(&self) -> Result<Vec<JobCount>, Fault> {
        /// The index on states finds them.
        const COUNTS: &str = "SELECT queue, state, CAST(COUNT(*) AS BIGINT) AS jobs, CAST(MIN(made_at) AS BIGINT) AS oldest \
            FROM jobs WHERE state IN ('waiting', 'leased', 'dead') GROUP BY queue, state";
        self.counted(COUNTS).await
    }

    /// Returns what a statement counts.
    async fn counted(&self, statement: &'static str) -> Result<Vec<JobCount>, Fault> {
        in_time(async {
            let mut turn = self.reading().await?;
            let rows = sqlx::query(statement).fetch_all(turn.on()).await?;
            let mut counts = Vec::with_capacity(rows.len());
            for row in &rows {
                counts.push(JobCount {
                    queue: get(row, "queue")?,
                    state: parse(row, "state")?,
                    jobs: count(row, "jobs")?,
                    oldest: get(row, "oldest")?,
                });
            }
            counts.sort_by(|a, b| (&a.queue, a.state.word()).cmp(&(&b.queue, b.state.word())));
            turn.end(counts).await
        })
        .await
    }

    /// Lets a dead job be tried again, as often as at first; false where it is not dead.
    pub async fn revive(&self, id: Id, now: i64) -> Result<bool, Fault> {
        /// Its last error stays until it fails or not.
        const REVIVE: &str = "UPDATE jobs SET state = 'waiting', free_at = $1, attempts = 0, changed_at = $1 \
            WHERE id = $2 AND state = 'dead'";
        in_time(async {
            let mut turn = self.writing().await?;
            let done = sqlx::query(REVIVE).bind(now).bind(id.to_string()).execute(turn.on()).await?;
            turn.end(done.rows_affected() > 0).await
        })
        .await
    }

    /// Removes jobs that were done before a time, and with them the memory of their keys; returns how many.
    pub async fn forget_done(&self, before: i64) -> Result<u64, Fault> {
        /// Dead ones stay: somebody must look.
        const FORGET: &str = "DELETE FROM jobs WHERE state = 'done' AND changed_at < $1";
        in_time(async {
            let mut turn = self.writing().await?;
            let done = sqlx::query(FORGET).bind(before).execute(turn.on()).await?;
            turn.end(done.rows_affected()).await
        })
        .await
    }
}

/// Which jobs to list; what is none lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only those of this state.
    pub state: Option<JobState>,
    /// Only those of this queue.
    pub queue: Option<String>,
}

/// How many jobs of a queue are in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// The queue.
    pub queue: String,
    /// The state.
    pub state: JobState,
    /// How many.
    pub jobs: u64,
    /// When the oldest of them was enqueued.
    pub oldest: i64,
}
