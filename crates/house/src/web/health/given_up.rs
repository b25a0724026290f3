//! Jobs that were given up, as *Health* lists them, and another try for them
//!
//! The books put an admin of the whole house before them, and everything that is tried again is in the audit log first.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use jiff::Timestamp;
use sekisho_ledger::{Fault, Id, Job, JobFilter, JobState, Ledger};

use super::super::Desk;
use super::super::entrance::closed;
use super::super::frame::{Frame, Shown};
use super::super::shown::{self, Moment};
use super::super::visitor::Visitor;
use crate::people::Trouble;
use crate::reports::{QUEUE, say_unsent};

/// How many are listed, and tried again by one press: a page of them is what somebody looks at.
const PAGE: u16 = 50;

/// A job that was given up.
pub(super) struct GivenUp {
    /// Its id.
    pub(super) id: String,
    /// Who does it.
    pub(super) queue: String,
    /// What it is about.
    pub(super) subject: String,
    /// Where that is shown, where it is.
    pub(super) path: Option<String>,
    /// How often it was begun.
    pub(super) attempts: u32,
    /// When it was given up.
    pub(super) at: Moment,
    /// Why it failed last.
    pub(super) why: String,
}

impl GivenUp {
    /// Lists those that were given up last.
    pub(super) async fn list(ledger: &Ledger, frame: &Frame) -> Result<Vec<GivenUp>, Fault> {
        Ok(dead(ledger).await?.iter().map(|job| GivenUp::of(job, frame)).collect())
    }

    /// Puts one into words.
    fn of(job: &Job, frame: &Frame) -> GivenUp {
        let why = job.last_error.as_deref().unwrap_or_default();
        GivenUp {
            id: job.id.to_string(),
            path: job.subject.parse::<Id>().ok().filter(|_| job.queue == QUEUE).map(|id| format!("/reports/{id}")),
            queue: shown::text(&job.queue),
            subject: shown::text(&job.subject),
            attempts: job.attempts,
            at: shown::moment(job.changed_at),
            why: shown::long(&say_unsent(why, &frame.talk)),
        }
    }
}

/// Lets one be tried again.
pub(in crate::web) async fn retry(State(desk): State<Arc<Desk>>, visitor: Visitor, Path(id): Path<String>) -> Shown {
    let ids: Vec<Id> = id.parse().into_iter().collect();
    // What is no id is no job, and was done by somebody else as far as anybody can tell.
    revive(&desk, &visitor, ids).await.map_err(|why| closed(&visitor.frame, &why))?;
    Ok(Redirect::to("/health").into_response())
}

/// Lets all of the page be tried again.
pub(in crate::web) async fn retry_all(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Shown {
    let tried = async {
        let ids = dead(&desk.people.ledger().await?).await?.into_iter().map(|job| job.id).collect();
        revive(&desk, &visitor, ids).await
    };
    tried.await.map_err(|why: Trouble| closed(&visitor.frame, &why))?;
    Ok(Redirect::to("/health").into_response())
}

/// Returns the jobs that were given up last.
async fn dead(ledger: &Ledger) -> Result<Vec<Job>, Fault> {
    let filter = JobFilter { state: Some(JobState::Dead), queue: None };
    Ok(ledger.jobs(&filter, None, PAGE).await?.rows)
}

/// Writes down who lets jobs be tried again, and lets them. One that is not given up any more stays as it is.
async fn revive(desk: &Desk, visitor: &Visitor, ids: Vec<Id>) -> Result<(), Trouble> {
    let ledger = desk.people.ledger().await?;
    for id in ids {
        let Some(job) = ledger.job(id).await?.filter(|job| job.state == JobState::Dead) else { continue };
        let detail = serde_json::json!({ "queue": job.queue });
        desk.people.audit(visitor.actor(), "job.retry", &id.to_string(), &detail).await?;
        ledger.revive(id, Timestamp::now().as_microsecond()).await?;
    }
    Ok(())
}
