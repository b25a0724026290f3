//! Reports: what receivers told, what this house told others, and the raw evidence

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use sekisho_core::event::FailureEvent;
use sekisho_ledger::{AggregateRead, Cursor, Outgoing, Page, Report};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::asked::{Asked, Field, Kind};
use super::caller::Caller;
use super::cursor::Place;
use super::problem::{Answer, BAD_CURSOR, NO_ANSWER, NO_REPORT, Problem, no_answer};
use super::shape::{Ids, Lists, Missing, Refusals};
use super::told::{self, page, told};
use crate::lake::LakeError;
use crate::people::access::Scope;
use crate::web::Desk;
use crate::web::reports::{as_file, find, received, sent};

/// Where this room is.
const ROOM: &str = "/api/v1/reports";
/// How many reports a page has where nobody says.
const USUAL: u32 = 50;
/// How many it has at most.
const MOST: u32 = 500;

/// What may be asked.
const FIELDS: &[Field] = &[
    Field::new(
        "side",
        Kind::Word(&["in", "out"]),
        "`in`: reports that came, as where nobody says. `out`: reports of this house.",
    ),
    Field::new("state", Kind::Word(&["unreadable"]), "Only reports that came and could not be read."),
    Field::new("limit", Kind::Number(1, MOST, USUAL), "How many reports a page has at most."),
    Field::new("cursor", Kind::Cursor, "Where the last page ended: its `next`, for the same list."),
];

/// The parameters, for the document.
pub(super) struct Parameters;

impl utoipa::IntoParams for Parameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        FIELDS.iter().map(Field::parameter).collect()
    }
}

/// A page of reports.
#[derive(Serialize, ToSchema)]
pub(super) struct Reports {
    /// The reports, the newest first.
    reports: Vec<ReportLine>,
    /// The cursor of the next page; null on the last one.
    #[schema(required = true)]
    next: Option<String>,
}

/// A report in a list.
#[derive(Serialize, ToSchema)]
struct ReportLine {
    /// Its id.
    id: String,
    /// `in` where it came, `out` where it is one of ours.
    side: &'static str,
    /// When it came, or was planned.
    #[schema(format = DateTime)]
    at: String,
    /// What it is.
    kind: &'static str,
    /// The domain that it is about; null where nobody knows.
    #[schema(required = true)]
    domain: Option<String>,
    /// Whose it is, as its mail proves; null where nothing does, and of ours.
    #[schema(required = true)]
    submitter: Option<String>,
    /// To whom one of ours goes; null where it came.
    #[schema(required = true)]
    destination: Option<String>,
    /// What became of it.
    state: &'static str,
    /// Why.
    #[schema(required = true)]
    reason: Option<String>,
}

/// Lists reports, the newest first, as the page *Reports* does.
///
/// A page may be shorter than `limit` though there is a next one: a caller with a scope is told only of domains of theirs.
#[utoipa::path(get, path = "/api/v1/reports", operation_id = "reports", tag = "reports", params(Parameters),
    responses((status = 200, description = "A page of reports.", body = Reports,
        headers(("Link" = Option<String>, description = "The next page, with `rel=\"next\"` (RFC 8288); absent on the last one."))), Refusals, Lists))]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let asked = Asked::read(query.as_deref(), FIELDS)?;
    let after = Place::read(&asked, ROOM)?.map(|place| cursor(&place)).transpose()?;
    let limit = asked.number("limit").unwrap_or(USUAL);
    let turn = (after, u16::try_from(limit).unwrap_or(u16::MAX));
    let (archive, scope) = (&desk.archive, &caller.viewer.scope);
    let found = if asked.text("side") == Some("out") {
        sent(archive, scope, turn).await.map(|page| lines(page, ReportLine::sent))
    } else {
        let is_unreadable = asked.text("state").is_some();
        received(archive, scope, is_unreadable, turn).await.map(|page| lines(page, ReportLine::received))
    };
    let (reports, next) = found.map_err(|why| no_answer(&why))?;
    // The ledger's own cursor is the id of the place.
    let place = |cursor: Cursor| Place { span: (0, 0), at: 0, id: cursor.to_string() };
    let answer = Reports { reports, next: next.map(|cursor| place(cursor).write(&asked, ROOM)) };
    Ok(page(&answer, ROOM, &asked, answer.next.as_deref()))
}

/// Returns where the ledger goes on.
fn cursor(place: &Place) -> Result<Cursor, Problem> {
    place.id.parse().map_err(|_| Problem::new(BAD_CURSOR, []).about("cursor"))
}

/// Tells the rows of a page.
fn lines<T>(page: Page<T>, line: impl Fn(T) -> ReportLine) -> (Vec<ReportLine>, Option<Cursor>) {
    (page.rows.into_iter().map(line).collect(), page.next)
}

impl ReportLine {
    /// Tells a report that came.
    fn received(report: Report) -> ReportLine {
        ReportLine {
            id: report.id.to_string(),
            side: "in",
            at: told::moment(report.received_at),
            kind: report.read_as.unwrap_or(report.kind).word(),
            domain: report.domain,
            submitter: report.submitter,
            destination: None,
            state: report.state.word(),
            reason: report.reason,
        }
    }

    /// Tells a report of ours.
    fn sent(report: Outgoing) -> ReportLine {
        ReportLine {
            id: report.id.to_string(),
            side: "out",
            at: told::moment(report.planned_at),
            kind: report.kind.word(),
            domain: Some(report.domain),
            submitter: None,
            destination: Some(report.destination),
            state: report.state.word(),
            reason: report.reason,
        }
    }
}

/// A report that came.
#[derive(Serialize, ToSchema)]
pub(super) struct ReportTold {
    /// Its id.
    id: String,
    /// When it came.
    #[schema(format = DateTime)]
    received_at: String,
    /// What it is.
    kind: &'static str,
    /// What became of it.
    state: &'static str,
    /// Why.
    #[schema(required = true)]
    reason: Option<String>,
    /// The domain that it is about.
    #[schema(required = true)]
    domain: Option<String>,
    /// Whose it is, as its mail proves; null where nothing does.
    #[schema(required = true)]
    submitter: Option<String>,
    /// How it came.
    channel: &'static str,
    /// The address of who handed it over; empty where the channel has none.
    client_ip: String,
    /// How many octets its evidence has.
    size_octets: u64,
    /// The SHA-256 of its evidence, in hexadecimal.
    sha256: String,
    /// The documents in it that count. A failure report calls itself nothing: its `report_id` is the SHA-256 of what it says.
    parts: Vec<Part>,
    /// What a failure report says of the mail that failed, without the people in it; null for other reports, and where it is kept no
    /// longer.
    #[schema(required = true)]
    failure: Option<FailureTold>,
}

/// A document of a report.
#[derive(Serialize, ToSchema)]
struct Part {
    /// Who made it, as it says.
    org: String,
    /// What it calls itself.
    report_id: String,
    /// What it is about.
    domain: String,
    /// When its period begins.
    #[schema(format = DateTime)]
    begin: String,
    /// When it ends.
    #[schema(format = DateTime)]
    end: String,
    /// How many rows it has.
    rows: u64,
    /// How many messages they speak of.
    messages: u64,
}

/// A mail that failed, as a failure report tells (RFC 6591, RFC 9991).
#[derive(Serialize, ToSchema)]
struct FailureTold {
    /// When it arrived (`Arrival-Date`), or else when the report came.
    #[schema(format = DateTime)]
    at: String,
    /// The address of the client; null where the report does not tell it.
    #[schema(required = true)]
    source_ip: Option<String>,
    /// Whose name it bears.
    reported_domain: String,
    /// The author domain; null where its header is not there.
    #[schema(required = true)]
    header_from: Option<String>,
    /// The MAIL FROM domain: empty for the null path, null where it is not told.
    #[schema(required = true)]
    envelope_from: Option<String>,
    /// The recipient domains.
    envelope_to: Vec<String>,
    /// For how many mails the report stands.
    messages: u64,
    /// What failed.
    auth_failure: Vec<String>,
    /// What is aligned and failed: `dkim`, `spf`; or `none`.
    identity_alignment: Vec<String>,
    /// What became of the mail; null where it is not told.
    #[schema(required = true)]
    delivery_result: Option<String>,
    /// The domain of the signature that failed; null where none did.
    #[schema(required = true)]
    dkim_domain: Option<String>,
    /// Its selector.
    #[schema(required = true)]
    dkim_selector: Option<String>,
    /// Who sent the report, as it says.
    reporting_mta: String,
}

impl FailureTold {
    /// Tells a mail that failed.
    fn of(failure: FailureEvent) -> FailureTold {
        FailureTold {
            at: told::moment(failure.at),
            source_ip: failure.source_ip,
            reported_domain: failure.reported_domain,
            header_from: failure.header_from,
            envelope_from: failure.envelope_from,
            envelope_to: failure.envelope_to,
            messages: failure.count,
            auth_failure: failure.auth_failure,
            identity_alignment: failure.identity_alignment,
            delivery_result: failure.delivery_result,
            dkim_domain: failure.dkim_domain,
            dkim_selector: failure.dkim_selector,
            reporting_mta: failure.org,
        }
    }
}

/// Tells one report that came, as the page *Report* does, but for its evidence.
#[utoipa::path(get, path = "/api/v1/reports/{id}", operation_id = "report", tag = "reports", params(Ids),
    responses((status = 200, description = "The report.", body = ReportTold), Missing, Refusals))]
pub(super) async fn tell(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    Asked::read(query.as_deref(), &[])?;
    let report = find_for(&desk, &caller.viewer.scope, &id).await?;
    let ledger = desk.archive.ledger().await.map_err(|why| no_answer(&LakeError(why.to_string())))?;
    let read = ledger.aggregates_of(report.id).await.map_err(|why| no_answer(&LakeError(why.to_string())))?;
    let failure = desk.failure_of(Arc::clone(&desk.lake), &read).await.map_err(|why| no_answer(&why))?;
    Ok(told(&ReportTold::of(report, &read, failure)))
}

/// Finds a report that somebody may read.
async fn find_for(desk: &Desk, scope: &Scope, id: &str) -> Result<Report, Problem> {
    let ledger = desk.archive.ledger().await.map_err(|why| no_answer(&LakeError(why.to_string())))?;
    let found = find(&ledger, id).await.map_err(|why| no_answer(&why))?;
    let theirs = found.filter(|report| scope.covers_text(report.domain.as_deref()));
    theirs.ok_or_else(|| Problem::new(NO_REPORT, []))
}

impl ReportTold {
    /// Tells a report and its documents.
    fn of(report: Report, read: &[AggregateRead], failure: Option<FailureEvent>) -> ReportTold {
        ReportTold {
            id: report.id.to_string(),
            received_at: told::moment(report.received_at),
            kind: report.read_as.unwrap_or(report.kind).word(),
            state: report.state.word(),
            reason: report.reason,
            domain: report.domain,
            submitter: report.submitter,
            channel: report.channel.word(),
            client_ip: report.envelope.client,
            size_octets: report.size,
            sha256: report.evidence.to_string(),
            parts: read.iter().map(Part::of).collect(),
            failure: failure.map(FailureTold::of),
        }
    }
}

impl Part {
    /// Tells a document.
    fn of(read: &AggregateRead) -> Part {
        Part {
            org: read.key.org.clone(),
            report_id: read.key.report_id.clone(),
            domain: read.key.domain.clone(),
            begin: told::moment(read.key.begin),
            end: told::moment(read.key.end),
            rows: read.rows,
            messages: read.messages,
        }
    }
}

/// Gives the evidence of a report as it came. Each look is written into the audit log before it is answered.
#[utoipa::path(get, path = "/api/v1/reports/{id}/evidence", operation_id = "evidence", tag = "reports", params(Ids),
    responses((status = 200, description = "The octets, as a file.", body = String, content_type = "application/octet-stream"), Missing, Refusals))]
pub(super) async fn evidence(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    Asked::read(query.as_deref(), &[])?;
    let report = find_for(&desk, &caller.viewer.scope, &id).await?;
    let looked = desk.look(caller.actor, &desk.archive, &report).await.map_err(|why| no_answer(&why))?;
    let octets = looked.ok_or_else(|| Problem::new(NO_ANSWER, []))?;
    Ok(as_file(&report, octets))
}
