//! *Reports*: what receivers told, what could not be read and why, what this house told others; and the raw evidence, safely

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sekisho_core::name::DomainName;
use sekisho_ledger::{Cursor, Id, OutgoingFilter, ReportFilter, ReportState};
use serde::Deserialize;

use super::Desk;
use super::frame::{Frame, Refusal, Shown};
use super::shown::{self, Moment};
use super::visitor::Visitor;
use crate::lake::LakeError;
use crate::people::access::{Need, Scope};
use crate::store::Archive;

/// How many reports a page has.
const PAGE: u16 = 50;
/// How many octets of evidence are shown as text.
const TEXT: usize = 4_000;

/// What is asked of the list.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// `in` or `out`.
    side: String,
    /// Only those that could not be read.
    state: String,
    /// Where the last page ended.
    after: String,
}

/// *Reports*.
#[derive(Template)]
#[template(path = "reports.html")]
struct ReportsPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// Whether these are those that this house sent.
    is_out: bool,
    /// Whether only those are shown that could not be read.
    is_unreadable: bool,
    /// The reports.
    lines: Vec<Line>,
    /// Where the next page is.
    next: Option<String>,
}

/// A report in a list.
struct Line {
    /// Its id; nothing where it has no page of its own.
    id: Option<String>,
    /// When it came, or was planned.
    at: Moment,
    /// What it is.
    kind: &'static str,
    /// The domain that it is about.
    domain: String,
    /// Who sent it, or to whom it goes.
    other: String,
    /// What became of it.
    state: &'static str,
    /// Why.
    reason: String,
}

/// Lists them, the newest first.
pub(super) async fn list(State(desk): State<Arc<Desk>>, visitor: Visitor, Query(wanted): Query<Wanted>) -> Shown {
    let frame = &visitor.frame;
    let archive = desk.archive_of(&visitor);
    let (is_out, is_unreadable) = (wanted.side == "out", wanted.state == "unreadable");
    let after = wanted.after.parse::<Cursor>().ok();
    let scope = visitor.scope();
    let found = if is_out {
        sent(&archive, &scope, after).await
    } else {
        received(&archive, &scope, is_unreadable, after).await
    };
    let (lines, next) = found.map_err(|why| frame.no_answer(&LakeError(why)))?;
    let mut path = form_urlencoded::Serializer::for_suffix(String::from("/reports?"), "/reports?".len());
    for (name, value) in [("side", &wanted.side), ("state", &wanted.state)] {
        if !value.is_empty() {
            path.append_pair(name, value);
        }
    }
    let next = next.map(|cursor| path.append_pair("after", &cursor.to_string()).finish());
    Ok(frame.show(&ReportsPage { frame, is_out, is_unreadable, lines, next }))
}

/// Lines, and where the next ones begin.
type Lines = (Vec<Line>, Option<Cursor>);

/// Returns reports that came.
async fn received(
    archive: &Archive,
    scope: &Scope,
    is_unreadable: bool,
    after: Option<Cursor>,
) -> Result<Lines, String> {
    let ledger = archive.ledger().await.map_err(|why| why.to_string())?;
    let state = is_unreadable.then_some(ReportState::Unreadable);
    let filter = ReportFilter { state, ..ReportFilter::default() };
    let page = ledger.reports(&filter, after, PAGE).await.map_err(|why| why.to_string())?;
    let line = |report: &sekisho_ledger::Report| Line {
        id: Some(report.id.to_string()),
        at: shown::moment(report.received_at),
        kind: report.read_as.unwrap_or(report.kind).word(),
        domain: report.domain.as_deref().map(shown::name).unwrap_or_default(),
        other: report.submitter.as_deref().map(shown::name).unwrap_or_default(),
        state: report.state.word(),
        reason: report.reason.as_deref().map(shown::long).unwrap_or_default(),
    };
    let theirs = page.rows.iter().filter(|report| covers(scope, report.domain.as_deref()));
    Ok((theirs.map(line).collect(), page.next))
}

/// Returns reports of our own.
async fn sent(archive: &Archive, scope: &Scope, after: Option<Cursor>) -> Result<Lines, String> {
    let ledger = archive.ledger().await.map_err(|why| why.to_string())?;
    let page = ledger.outgoings(&OutgoingFilter::default(), after, PAGE).await.map_err(|why| why.to_string())?;
    let line = |report: &sekisho_ledger::Outgoing| Line {
        id: None,
        at: shown::moment(report.planned_at),
        kind: report.kind.word(),
        domain: shown::name(&report.domain),
        other: shown::text(&report.destination),
        state: report.state.word(),
        reason: report.reason.as_deref().map(shown::long).unwrap_or_default(),
    };
    let theirs = page.rows.iter().filter(|report| covers(scope, Some(&report.domain)));
    Ok((theirs.map(line).collect(), page.next))
}

/// *Report*.
#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// Its id.
    id: String,
    /// When it came.
    at: Moment,
    /// What is known of it: name and value.
    facts: Vec<(String, String)>,
    /// What it says.
    parts: Vec<Part>,
    /// The first lines of its evidence; nothing where it is no text.
    text: Option<String>,
    /// Why its evidence cannot be had.
    is_gone: bool,
}

/// One document of a report.
struct Part {
    /// Who made it, as it says.
    org: String,
    /// What it calls itself.
    report_id: String,
    /// What it is about.
    domain: String,
    /// From when to when.
    period: String,
    /// How many rows.
    rows: u64,
    /// How many mails.
    mails: u64,
}

/// Shows one.
pub(super) async fn show(State(desk): State<Arc<Desk>>, visitor: Visitor, Path(id): Path<String>) -> Shown {
    let frame = &visitor.frame;
    let archive = desk.archive_of(&visitor);
    let failed = |why: String| frame.no_answer(&LakeError(why));
    let ledger = archive.ledger().await.map_err(|why| failed(why.to_string()))?;
    let report = find(frame, &ledger, &id).await?;
    let read = ledger.aggregates_of(report.id).await.map_err(|why| failed(why.to_string()))?;
    let part = |part: &sekisho_ledger::AggregateRead| Part {
        org: shown::text(&part.key.org),
        report_id: shown::text(&part.key.report_id),
        domain: shown::name(&part.key.domain),
        period: format!("{} – {}", shown::moment(part.key.begin).text, shown::moment(part.key.end).text),
        rows: part.rows,
        mails: part.messages,
    };
    if !desk.may_read(&visitor, &report) {
        return Err(not_yours(frame));
    }
    let looks = visitor.frame.is_sample || visitor.viewer().is_some_and(|viewer| viewer.may(Need::LookAtEvidence));
    let evidence = if looks { desk.look(&visitor, &archive, &report).await? } else { None };
    let text = evidence.as_ref().and_then(|octets| excerpt(octets));
    let some = |text: &Option<String>| text.as_deref().map(shown::long);
    let facts = [
        ("desk-report-kind", Some(report.read_as.unwrap_or(report.kind).word().to_owned())),
        ("desk-report-state", Some(report.state.word().to_owned())),
        ("desk-reason", some(&report.reason)),
        ("desk-report-about", report.domain.as_deref().map(shown::name)),
        (
            "desk-report-from",
            report.submitter.as_deref().map(shown::name).or_else(|| Some(frame.say("desk-report-unproven"))),
        ),
        ("desk-report-channel", Some(report.channel.word().to_owned())),
        ("desk-client", some(&Some(report.envelope.client.clone()))),
        ("desk-size", Some(shown::octets(report.size))),
        ("desk-report-hash", Some(report.evidence.to_string())),
    ];
    let facts =
        facts.into_iter().filter_map(|(name, value)| Some((frame.say(name), value.filter(|value| !value.is_empty())?)));
    let page = ReportPage {
        frame,
        id: report.id.to_string(),
        at: shown::moment(report.received_at),
        facts: facts.collect(),
        parts: read.iter().map(part).collect(),
        is_gone: evidence.is_none(),
        text,
    };
    Ok(frame.show(&page))
}

/// Gives the evidence as it came: as a file that no browser opens.
pub(super) async fn evidence(State(desk): State<Arc<Desk>>, visitor: Visitor, Path(id): Path<String>) -> Shown {
    let frame = &visitor.frame;
    let archive = desk.archive_of(&visitor);
    let ledger = archive.ledger().await.map_err(|why| frame.no_answer(&LakeError(why.to_string())))?;
    let report = find(frame, &ledger, &id).await?;
    if !desk.may_read(&visitor, &report) {
        return Err(not_yours(frame));
    }
    let Some(octets) = desk.look(&visitor, &archive, &report).await? else {
        return Err(frame.refuse(StatusCode::SERVICE_UNAVAILABLE, "desk-no-answer", &frame.say("desk-report-gone")));
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut answer: Response = (headers, octets).into_response();
    if let Ok(named) = HeaderValue::from_str(&format!("attachment; filename=\"{}.bin\"", report.id)) {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, named);
    }
    Ok(answer)
}

impl Desk {
    /// Looks at the evidence of a report, and writes down who does: what cannot be written down is not shown.
    async fn look(
        &self,
        visitor: &Visitor,
        archive: &Archive,
        report: &sekisho_ledger::Report,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let (subject, detail) = (report.id.to_string(), serde_json::json!({}));
        let noted = self.people.audit(visitor.actor(), "evidence.look", &subject, &detail).await;
        noted.map_err(|why| visitor.frame.no_answer(&LakeError(why.to_string())))?;
        Ok(evidence_of(archive, report).await)
    }

    /// Tells whether a visitor may read a report: those about a domain of theirs, and of the whole house all.
    #[expect(clippy::unused_self, reason = "rights are asked at the desk")]
    fn may_read(&self, visitor: &Visitor, report: &sekisho_ledger::Report) -> bool {
        covers(&visitor.scope(), report.domain.as_deref())
    }
}

/// Tells whether something is about a domain that somebody may see. What is about none is the house's.
fn covers(scope: &Scope, domain: Option<&str>) -> bool {
    *scope == Scope::All || domain.and_then(|name| DomainName::parse(name).ok()).is_some_and(|name| scope.covers(&name))
}

/// Refuses what is a neighbour's.
fn not_yours(frame: &Frame) -> Refusal {
    frame.refuse(StatusCode::FORBIDDEN, "desk-not-yours", &frame.say("desk-not-yours-says"))
}

/// Finds a report.
async fn find(frame: &Frame, ledger: &sekisho_ledger::Ledger, id: &str) -> Result<sekisho_ledger::Report, Refusal> {
    let found = match id.parse::<Id>() {
        Ok(id) => ledger.report(id).await.map_err(|why| frame.no_answer(&LakeError(why.to_string())))?,
        Err(_) => None,
    };
    let refuse = || frame.refuse(StatusCode::NOT_FOUND, "desk-no-such-report", &frame.say("desk-no-such-report-says"));
    found.ok_or_else(refuse)
}

/// Returns the evidence of a report; nothing where it cannot be had, which the log says.
async fn evidence_of(archive: &Archive, report: &sekisho_ledger::Report) -> Option<Vec<u8>> {
    let vault =
        archive.vault().await.inspect_err(|why| tracing::error!(error = %why, "the vault does not open")).ok()?;
    let got = vault.get(&report.evidence).await;
    got.inspect_err(|why| tracing::error!(error = %why, report.id = %report.id, "evidence cannot be read")).ok()
}

/// Returns the first lines of what is text.
fn excerpt(octets: &[u8]) -> Option<String> {
    let start = octets.get(..octets.len().min(TEXT))?;
    let text = String::from_utf8_lossy(start);
    let odd = text.chars().filter(|c| (c.is_control() && !matches!(c, '\r' | '\n' | '\t')) || *c == '\u{fffd}').count();
    if odd * 20 > text.len() {
        return None;
    }
    let mut lines: Vec<String> = text.lines().map(shown::long).collect();
    if octets.len() > TEXT {
        lines.push("…".to_owned());
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_text_and_harmless() {
        assert_eq!(excerpt(b"From: a\r\n<script>\x1b[2J"), Some("From: a\n<script>\\u{1b}[2J".to_owned()));
        assert_eq!(excerpt(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xfe]), None);
        assert!(excerpt("あ".repeat(2_000).as_bytes()).unwrap().ends_with('…'));
    }
}
