//! Today: the last day by hour, the busiest author domains, the newest failures

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::Asked;
use super::caller::Caller;
use super::domains::AuthorDomainTold;
use super::messages::MessageLine;
use super::problem::{Answer, no_answer};
use super::shape::Refusals;
use super::told::{self, told};
use crate::web::Desk;
use crate::web::today::{Hour, Sums};

/// The last day.
#[derive(Serialize, ToSchema)]
pub(super) struct Today {
    /// When its first hour begins.
    #[schema(format = DateTime)]
    from: String,
    /// Now.
    #[schema(format = DateTime)]
    until: String,
    /// How many mails there are.
    sums: SumsTold,
    /// The hours, the earliest first, also those without mails.
    hours: Vec<HourTold>,
    /// The busiest author domains.
    domains: Vec<AuthorDomainTold>,
    /// The newest messages that fail DMARC.
    failures: Vec<MessageLine>,
}

/// How many mails there are.
#[derive(Serialize, ToSchema)]
struct SumsTold {
    /// All of them.
    messages: u64,
    /// Those that pass DMARC.
    dmarc_pass: u64,
    /// Those that fail it.
    dmarc_fail: u64,
    /// Those that do neither.
    dmarc_other: u64,
    /// Those that the house marked or held.
    quarantined: u64,
    /// Those that it refused or put off.
    turned_away: u64,
}

/// The mails of an hour.
#[derive(Serialize, ToSchema)]
struct HourTold {
    /// When it begins.
    #[schema(format = DateTime)]
    at: String,
    /// Those that pass DMARC.
    dmarc_pass: u64,
    /// Those that fail it.
    dmarc_fail: u64,
    /// Those that do neither.
    dmarc_other: u64,
}

/// Tells the last day, as the page *Today* does.
#[utoipa::path(get, path = "/api/v1/today", operation_id = "today", tag = "messages",
    responses((status = 200, description = "The last day.", body = Today), Refusals))]
pub(super) async fn tell(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    Asked::read(query.as_deref(), &[])?;
    let within = caller.viewer.scope.names();
    let day = desk.day(Arc::clone(&desk.lake), within).await.map_err(|why| no_answer(&why))?;
    Ok(told(&Today {
        from: told::moment(day.from_at),
        until: told::moment(day.until_at),
        sums: SumsTold::of(day.sums),
        hours: day.hours.iter().map(HourTold::of).collect(),
        domains: day.domains.iter().cloned().map(AuthorDomainTold::from).collect(),
        failures: day.failures.iter().cloned().map(MessageLine::from).collect(),
    }))
}

impl SumsTold {
    /// Tells sums.
    fn of(sums: Sums) -> SumsTold {
        let Sums { mails, pass, fail, quarantined, turned_away } = sums;
        let other = mails.saturating_sub(pass).saturating_sub(fail);
        SumsTold { messages: mails, dmarc_pass: pass, dmarc_fail: fail, dmarc_other: other, quarantined, turned_away }
    }
}

impl HourTold {
    /// Tells an hour.
    fn of(hour: &Hour) -> HourTold {
        let Hour { at, pass, fail, other } = *hour;
        HourTold { at: told::moment(at), dmarc_pass: pass, dmarc_fail: fail, dmarc_other: other }
    }
}
