//! Simulate: which streams of mail proposed records would break, mend or leave

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::asked::{Asked, domain};
use super::caller::Caller;
use super::domains::{MOST_DAYS, USUAL_DAYS, over};
use super::message::MOST_RECORDS;
use super::problem::{Answer, BAD_BODY, BAD_RECORDS, NO_ANSWER, NOT_YOURS, NOTHING_KNOWN, Problem, no_answer};
use super::shape::{Bodies, Missing, Refusals, SimulationShape, Unjudged};
use super::told::{body, written};
use crate::fault::Fault;
use crate::lake::LakeError;
use crate::simulate::forecast::{self, Asked as Case};
use crate::web::Desk;

/// What is proposed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Proposal {
    /// The domain.
    #[schema(pattern = r"^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$", max_length = 253, example = "example.org")]
    domain: String,
    /// The records, each as a line of a zone, or the text of a DMARC or SPF record alone.
    #[schema(min_items = 1, max_items = 50, example = json!(["v=DMARC1; p=reject"]))]
    records: Vec<String>,
    /// Of how many days, up to today.
    #[serde(default = "usual")]
    #[schema(minimum = 1, maximum = 90, default = 30)]
    days: u32,
}

/// Returns how many days are looked at where nobody says.
fn usual() -> u32 {
    USUAL_DAYS
}

/// Judges what receivers told and the gate saw as if other records were published, and tells it as `sekisho simulate --json` does.
/// Nothing is kept of it.
#[utoipa::path(post, path = "/api/v1/simulate", operation_id = "simulate", tag = "judging",
    request_body(content = Proposal),
    responses((status = 200, description = "What would become of every stream.", body = SimulationShape), Missing, Refusals, Bodies, Unjudged))]
pub(super) async fn judge(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    octets: Bytes,
) -> Answer {
    Asked::read(query.as_deref(), &[])?;
    let Proposal { domain: name, records, days } = body(&headers, &octets)?;
    let fields = [
        ("domain", domain(&name).is_some()),
        ("records", (1..=MOST_RECORDS).contains(&records.len())),
        ("days", (1..=MOST_DAYS).contains(&days)),
    ];
    if let Some((wrong, _)) = fields.into_iter().find(|(_, is_sound)| !is_sound) {
        return Err(Problem::new(BAD_BODY, []).about(wrong));
    }
    let case = Case::read(&name, &records, days).map_err(|why| Problem::new(BAD_RECORDS, []).because(why))?;
    if !case.is_within(&caller.viewer.scope) {
        return Err(Problem::new(NOT_YOURS, []));
    }
    let _turn = desk.line.turn().await.map_err(|closed| no_answer(&closed))?;
    let judged = forecast::json(case, over(&desk)).await.map_err(|why| failed(&why))?;
    judged.map(|json| written(&json)).ok_or_else(|| Problem::new(NOTHING_KNOWN, [("domain", name.into())]))
}

/// Says in the log why a simulation failed.
fn failed(why: &anyhow::Error) -> Problem {
    match why.downcast_ref::<Fault>() {
        Some(fault) => no_answer(&LakeError(fault.to_string())),
        None => {
            tracing::error!(error = %format!("{why:#}"), "a simulation failed");
            Problem::new(NO_ANSWER, [])
        }
    }
}
