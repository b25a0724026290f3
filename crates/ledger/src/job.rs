//! Jobs: work that is leased, tried again with back-off, and laid out visibly when it cannot be done

mod backoff;
mod lane;
mod lease;
mod list;

use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::column::{get, parse, text_of};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::id::Id;
use crate::ledger::Ledger;
use crate::turn::in_time;
use crate::words::words;

pub use backoff::Backoff;
pub use lane::Lane;
pub(crate) use lease::finish;
pub use lease::{Failed, Lease, LeaseError};
pub use list::{JobCount, JobFilter};

impl Ledger {
    /// Enqueues a job, unless there is one of the same queue and key: then that one stands, done or not.
    pub async fn enqueue(&self, job: &NewJob) -> Result<Enqueued, Fault> {
        in_time(async {
            let mut turn = self.writing().await?;
            let enqueued = insert(turn.on(), job).await?;
            turn.end(enqueued).await
        })
        .await
    }

    /// Returns a job.
    pub async fn job(&self, id: Id) -> Result<Option<Job>, Fault> {
        /// One by its id.
        const ONE: &str = "SELECT id, queue, subject, payload, state, free_at, attempts, max_attempts, worker, last_error, made_at, \
            changed_at FROM jobs WHERE id = $1";
        in_time(async {
            let mut turn = self.reading().await?;
            let row = sqlx::query(ONE).bind(id.to_string()).fetch_optional(turn.on()).await?;
            turn.end(row.as_ref().map(Job::of).transpose()?).await
        })
        .await
    }
}

/// A job to be enqueued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Its id.
    pub id: Id,
    /// Who does it.
    pub queue: String,
    /// What it is about: the id of a report, say.
    pub subject: String,
    /// What else the worker must know; opaque here.
    pub payload: String,
    /// Its idempotency key within the queue; none is a job that may stand twice.
    pub once: Option<String>,
    /// When it may begin.
    pub due: i64,
    /// Now.
    pub made_at: i64,
    /// How often it is tried.
    pub max_attempts: u32,
}

/// What became of a job that was to be enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It is new.
    New,
    /// There is one of this key already.
    Known(Id),
}

/// A row of the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: Id,
    /// Who does it.
    pub queue: String,
    /// What it is about.
    pub subject: String,
    /// What else the worker must know.
    pub payload: String,
    /// Where it stands.
    pub state: JobState,
    /// When it may begin, or when its lease runs out; none where it is done or dead.
    pub free_at: Option<i64>,
    /// How often it was begun.
    pub attempts: u32,
    /// How often it may be.
    pub max_attempts: u32,
    /// Who has it.
    pub worker: Option<String>,
    /// Why it failed last.
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub made_at: i64,
    /// When its row last changed.
    pub changed_at: i64,
}

impl Job {
    /// Reads a row.
    fn of(row: &AnyRow) -> Result<Job, Fault> {
        Ok(Job {
            id: parse(row, "id")?,
            queue: get(row, "queue")?,
            subject: get(row, "subject")?,
            payload: get(row, "payload")?,
            state: parse(row, "state")?,
            free_at: get(row, "free_at")?,
            attempts: times(row, "attempts")?,
            max_attempts: times(row, "max_attempts")?,
            worker: get(row, "worker")?,
            last_error: get(row, "last_error")?,
            made_at: get(row, "made_at")?,
            changed_at: get(row, "changed_at")?,
        })
    }
}

words! {
    /// Where a job stands.
    JobState, "state of a job" {
        /// It waits for its time, or for a worker.
        Waiting = "waiting",
        /// A worker has it.
        Leased = "leased",
        /// It was done.
        Done = "done",
        /// It was tried as often as it may be; somebody must look.
        Dead = "dead",
    }
}

/// Returns a column that says how often.
fn times(row: &AnyRow, column: &'static str) -> Result<u32, Fault> {
    let number: i64 = get(row, column)?;
    number.try_into().map_err(|_| Fault::nonsense(column, number.to_string()))
}

/// How much of a payload is kept; ours are a few words.
const MOST_OF_A_PAYLOAD: usize = 64 * 1024;

/// Enqueues a job within a transaction.
pub(crate) async fn insert(connection: &mut AnyConnection, job: &NewJob) -> Result<Enqueued, Fault> {
    /// The first one of a key stays.
    const INSERT: &str = "INSERT INTO jobs (id, queue, subject, payload, once, state, free_at, attempts, max_attempts, made_at, \
        changed_at) VALUES ($1, $2, $3, $4, $5, 'waiting', $6, 0, $7, $8, $8) ON CONFLICT (once) DO NOTHING";
    /// The one that stands.
    const KNOWN: &str = "SELECT id FROM jobs WHERE once = $1";
    let once = match &job.once {
        Some(key) => Digest::of_parts(&[&job.queue, key]).to_string(),
        None => job.id.to_string(),
    };
    let done = sqlx::query(INSERT)
        .bind(job.id.to_string())
        .bind(text_of(&job.queue, 100).into_owned())
        .bind(text_of(&job.subject, 1000).into_owned())
        .bind(text_of(&job.payload, MOST_OF_A_PAYLOAD).into_owned())
        .bind(&once)
        .bind(job.due)
        .bind(i64::from(job.max_attempts.max(1)))
        .bind(job.made_at)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() > 0 {
        return Ok(Enqueued::New);
    }
    let row = sqlx::query(KNOWN).bind(&once).fetch_one(connection).await?;
    Ok(Enqueued::Known(parse(&row, "id")?))
}
