//! *Reports*: what receivers told, what could not be read and why, what this house told others; and the raw evidence, safely

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use sekisho_core::event::FailureEvent;
use sekisho_ledger::{
    AggregateRead, Cursor, Id, Ledger, Outgoing, OutgoingFilter, Page, Report, ReportFilter, ReportKind, ReportState,
};

use super::Desk;
use super::asked::{Asked, Faults};
use super::frame::{Frame, Refusal, Shown};
use super::shown::{self, Moment};
use super::visitor::Visitor;
use crate::lake::{Lake, LakeError};
use crate::people::Actor;
use crate::people::access::{Need, Scope};
use crate::reports::{reason, say_unsent};
use crate::store::Archive;

/// How many reports a page has.
const PAGE: u16 = 50;
/// How many rows are looked at at a time, and how often: who may see few of many is not kept waiting for ever.
const LOOK: u16 = 500;
/// How often.
const LOOKS: usize = 20;
/// How many octets of evidence are shown as text.
const TEXT: usize = 4_000;

/// What is asked of the list.
struct Wanted {
    /// `in` or `out`.
    side: String,
    /// Only those that could not be read.
    state: String,
    /// Where the last page ended.
    after: Option<Cursor>,
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
    /// What was asked and cannot be read.
    faults: &'a Faults,
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
    kind: String,
    /// The domain that it is about.
    domain: String,
    /// Who sent it, or to whom it goes.
    other: String,
    /// What became of it.
    state: String,
    /// Why.
    reason: String,
}

/// Lists them, the newest first.
pub(super) async fn list(State(desk): State<Arc<Desk>>, mut visitor: Visitor) -> Shown {
    let mut asked = visitor.asked(&["side", "state", "after"]);
    let (frame, wanted) = (&visitor.frame, Wanted::asked(&mut asked));
    let (faults, after) = (&asked.faults, wanted.after);
    let (is_out, is_unreadable) = (wanted.side == "out", wanted.state == "unreadable");
    if !faults.are_none() {
        let page = ReportsPage { frame, is_out, is_unreadable, faults, lines: Vec::new(), next: None };
        return Ok(frame.show_as(faults.status(), &page));
    }
    let (archive, scope) = (desk.archive_of(&visitor), visitor.scope());
    let found = if is_out {
        sent(&archive, &scope, (after, PAGE)).await.map(|page| Lines::of(&page, |report| Line::sent(frame, report)))
    } else {
        received(&archive, &scope, is_unreadable, (after, PAGE))
            .await
            .map(|page| Lines::of(&page, |report| Line::received(frame, report)))
    };
    let Lines { lines, next } = found.map_err(|why| frame.no_answer(&why))?;
    let mut path = form_urlencoded::Serializer::for_suffix(String::from("/reports?"), "/reports?".len());
    for (name, value) in [("side", &wanted.side), ("state", &wanted.state)] {
        if !value.is_empty() {
            path.append_pair(name, value);
        }
    }
    let next = next.map(|cursor| path.append_pair("after", &cursor.to_string()).finish());
    Ok(frame.show(&ReportsPage { frame, is_out, is_unreadable, faults, lines, next }))
}

impl Wanted {
    /// Reads what is asked of the list, and notes what of it cannot be read.
    fn asked(asked: &mut Asked) -> Wanted {
        let (side, state) = (asked.word("side", &["in", "out"]), asked.word("state", &["unreadable"]));
        let text = asked.text("after");
        let after = text.parse::<Cursor>().ok();
        if after.is_none() && !text.is_empty() {
            asked.wrong("after", "desk-wrong-place", &[("value", text.into())]);
        }
        Wanted { side, state, after }
    }
}

/// Lines, and where the next ones begin.
struct Lines {
    /// The lines.
    lines: Vec<Line>,
    /// Where the next ones begin.
    next: Option<Cursor>,
}

impl Lines {
    /// Puts what was found into words.
    fn of<T>(page: &Page<T>, line: impl Fn(&T) -> Line) -> Lines {
        Lines { lines: page.rows.iter().map(line).collect(), next: page.next }
    }
}

impl Line {
    /// Puts a report that came into words.
    fn received(frame: &Frame, report: &Report) -> Line {
        Line {
            id: Some(report.id.to_string()),
            at: shown::moment(report.received_at),
            kind: frame.word("report-kind", report.read_as.unwrap_or(report.kind).word()),
            domain: report.domain.as_deref().map(shown::name).unwrap_or_default(),
            other: report.submitter.as_deref().map(shown::name).unwrap_or_default(),
            state: frame.word("report-state", report.state.word()),
            reason: report.reason.as_deref().map(|why| shown::long(&reason::say(why, &frame.talk))).unwrap_or_default(),
        }
    }

    /// Puts a report of our own into words.
    fn sent(frame: &Frame, report: &Outgoing) -> Line {
        Line {
            id: None,
            at: shown::moment(report.planned_at),
            kind: frame.word("report-kind", report.kind.word()),
            domain: shown::name(&report.domain),
            other: shown::text(&report.destination),
            state: frame.word("outgoing", report.state.word()),
            reason: report.reason.as_deref().map(|why| shown::long(&say_unsent(why, &frame.talk))).unwrap_or_default(),
        }
    }
}

/// Returns reports that came and that somebody may see, the newest first, from a place on.
pub(crate) async fn received(
    archive: &Archive,
    scope: &Scope,
    is_unreadable: bool,
    (mut after, limit): (Option<Cursor>, u16),
) -> Result<Page<Report>, LakeError> {
    let ledger = archive.ledger().await.map_err(|why| LakeError(why.to_string()))?;
    let state = is_unreadable.then_some(ReportState::Unreadable);
    let filter = ReportFilter { state, ..ReportFilter::default() };
    let (mut gathered, look) = (Gathered::new(limit), look(scope, limit));
    for _ in 0..LOOKS {
        let page = ledger.reports(&filter, after, look).await.map_err(|why| LakeError(why.to_string()))?;
        let place = |report: &Report| Cursor::new(report.received_at, report.id);
        after = gathered.take(page, |report| scope.covers_text(report.domain.as_deref()), place);
        if after.is_none() || gathered.is_full() {
            break;
        }
    }
    Ok(gathered.page(after))
}

/// Returns reports of our own that somebody may see, those first that were planned last, from a place on.
pub(crate) async fn sent(
    archive: &Archive,
    scope: &Scope,
    (mut after, limit): (Option<Cursor>, u16),
) -> Result<Page<Outgoing>, LakeError> {
    let ledger = archive.ledger().await.map_err(|why| LakeError(why.to_string()))?;
    let (mut gathered, look) = (Gathered::new(limit), look(scope, limit));
    for _ in 0..LOOKS {
        let page = ledger.outgoings(&OutgoingFilter::default(), after, look).await;
        let page = page.map_err(|why| LakeError(why.to_string()))?;
        let place = |report: &Outgoing| Cursor::new(report.planned_at, report.id);
        after = gathered.take(page, |report| scope.covers_text(Some(&report.domain)), place);
        if after.is_none() || gathered.is_full() {
            break;
        }
    }
    Ok(gathered.page(after))
}

/// Returns how many rows are looked at at a time: who sees all needs no more than a page.
fn look(scope: &Scope, limit: u16) -> u16 {
    if *scope == Scope::All { limit } else { LOOK }
}

/// What somebody may see of many rows, gathered until a page is full: the rows of neighbours are passed over.
struct Gathered<T> {
    /// The rows.
    rows: Vec<T>,
    /// How many a page has.
    limit: usize,
}

impl<T> Gathered<T> {
    /// Begins a page.
    fn new(limit: u16) -> Gathered<T> {
        Gathered { rows: Vec::new(), limit: limit.into() }
    }

    /// Tells whether no more rows fit.
    fn is_full(&self) -> bool {
        self.rows.len() >= self.limit
    }

    /// Takes what may be seen, as far as it fits. Returns where more is, if there is more.
    fn take(&mut self, page: Page<T>, may_see: impl Fn(&T) -> bool, place: impl Fn(&T) -> Cursor) -> Option<Cursor> {
        let mut rows = page.rows.into_iter().filter(may_see);
        let fits = self.limit.saturating_sub(self.rows.len());
        self.rows.extend(rows.by_ref().take(fits));
        // Somebody may go on behind the last row that they saw, and learns of no other where it is.
        let is_more = rows.next().is_some() || page.next.is_some();
        if self.is_full() { self.rows.last().map(place).filter(|_| is_more) } else { page.next }
    }

    /// Ends the page.
    fn page(self, next: Option<Cursor>) -> Page<T> {
        Page { rows: self.rows, next }
    }
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
    /// What it says of a mail that failed: name and value, as RFC 6591 calls them.
    failure: Vec<(&'static str, String)>,
    /// Whether what a failure report says is not kept any more.
    is_let_go: bool,
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
pub(super) async fn show(State(desk): State<Arc<Desk>>, mut visitor: Visitor, Path(id): Path<String>) -> Shown {
    visitor.asked(&[]);
    let frame = &visitor.frame;
    let archive = desk.archive_of(&visitor);
    let failed = |why: LakeError| frame.no_answer(&why);
    let ledger = archive.ledger().await.map_err(|why| failed(LakeError(why.to_string())))?;
    let found = find(&ledger, &id).await.map_err(failed)?;
    let report = found.filter(|report| desk.may_read(&visitor, report)).ok_or_else(|| no_such(frame))?;
    let read = ledger.aggregates_of(report.id).await.map_err(|why| failed(LakeError(why.to_string())))?;
    let part = |part: &AggregateRead| Part {
        org: shown::text(&part.key.org),
        report_id: shown::text(&part.key.report_id),
        domain: shown::name(&part.key.domain),
        period: format!("{} – {}", shown::moment(part.key.begin).text, shown::moment(part.key.end).text),
        rows: part.rows,
        mails: part.messages,
    };
    // A failure report is about one mail, and has neither a name nor a period.
    let (about_mails, about_days): (Vec<_>, Vec<_>) = read.iter().partition(|part| is_failure(part));
    let failure = desk.failure_of(desk.lake_of(&visitor), &read).await.map_err(failed)?;
    let looks = visitor.frame.is_sample || visitor.viewer().is_some_and(|viewer| viewer.may(Need::LookAtEvidence));
    let evidence = if looks { desk.look(visitor.actor(), &archive, &report).await.map_err(failed)? } else { None };
    let text = evidence.as_ref().and_then(|octets| excerpt(octets));
    let some = |text: &Option<String>| text.as_deref().map(shown::long);
    let is_dmarc = |kind| matches!(kind, ReportKind::DmarcAggregate | ReportKind::DmarcFailure);
    let counts_by_proof = is_dmarc(report.read_as.unwrap_or(report.kind));
    let from = match &report.submitter {
        Some(domain) if counts_by_proof && !desk.config_of(&visitor).trust(false).counts(Some(domain)) => {
            frame.talk.say("desk-report-distrusted", &[("domain", shown::name(domain).into())])
        }
        Some(domain) => shown::name(domain),
        None if counts_by_proof && report.state == ReportState::Read => frame.say("desk-report-left-out"),
        None => frame.say("desk-report-unproven"),
    };
    let facts = [
        ("desk-report-kind", Some(frame.word("report-kind", report.read_as.unwrap_or(report.kind).word()))),
        ("desk-report-state", Some(frame.word("report-state", report.state.word()))),
        ("desk-reason", some(&report.reason.as_deref().map(|why| reason::say(why, &frame.talk)))),
        ("desk-report-about", report.domain.as_deref().map(shown::name)),
        ("desk-report-from", Some(from)),
        ("desk-report-channel", Some(frame.word("channel", report.channel.word()))),
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
        parts: about_days.into_iter().map(part).collect(),
        is_let_go: failure.is_none() && !about_mails.is_empty(),
        failure: failure.map(|failure| failure_facts(&failure)).unwrap_or_default(),
        is_gone: evidence.is_none(),
        text,
    };
    Ok(frame.show(&page))
}

/// Tells whether a document is a failure report.
fn is_failure(part: &AggregateRead) -> bool {
    part.key.kind == ReportKind::DmarcFailure
}

/// Says what a failure report tells; its fields are called as RFC 6591 calls them. The lake has nothing of the people in it.
fn failure_facts(failure: &FailureEvent) -> Vec<(&'static str, String)> {
    let joined = |texts: &[String]| texts.iter().map(|text| shown::name(text)).collect::<Vec<_>>().join(", ");
    let named = |name: &Option<String>| name.as_deref().map(shown::name).unwrap_or_default();
    let null_path = |domain: String| if domain.is_empty() { "<>".to_owned() } else { domain };
    let facts = [
        ("Auth-Failure", joined(&failure.auth_failure)),
        ("Identity-Alignment", joined(&failure.identity_alignment)),
        ("Delivery-Result", named(&failure.delivery_result)),
        ("Source-IP", named(&failure.source_ip)),
        ("Reported-Domain", shown::name(&failure.reported_domain)),
        ("From", named(&failure.header_from)),
        ("Original-Mail-From", failure.envelope_from.as_deref().map(shown::name).map(null_path).unwrap_or_default()),
        ("Original-Rcpt-To", joined(&failure.envelope_to)),
        ("DKIM-Domain", named(&failure.dkim_domain)),
        ("DKIM-Selector", named(&failure.dkim_selector)),
        ("Arrival-Date", format!("{} UTC", shown::moment(failure.at).text)),
        ("Incidents", shown::number(failure.count)),
        ("Reporting-MTA", shown::text(&failure.org)),
    ];
    facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// Leads from where reports were once to where they are.
pub(super) async fn moved(place: Uri) -> Redirect {
    let place = place.path_and_query().map_or("", |place| place.as_str());
    Redirect::permanent(&format!("/reports/{}", place.strip_prefix("/report/").unwrap_or_default()))
}

/// Gives the evidence as it came: as a file that no browser opens.
pub(super) async fn evidence(State(desk): State<Arc<Desk>>, visitor: Visitor, Path(id): Path<String>) -> Shown {
    let frame = &visitor.frame;
    let archive = desk.archive_of(&visitor);
    let ledger = archive.ledger().await.map_err(|why| frame.no_answer(&LakeError(why.to_string())))?;
    let found = find(&ledger, &id).await.map_err(|why| frame.no_answer(&why))?;
    let report = found.filter(|report| desk.may_read(&visitor, report)).ok_or_else(|| no_such(frame))?;
    let looked = desk.look(visitor.actor(), &archive, &report).await;
    let Some(octets) = looked.map_err(|why| frame.no_answer(&why))? else {
        return Err(frame.refuse(StatusCode::SERVICE_UNAVAILABLE, "desk-no-answer", &frame.say("desk-report-gone")));
    };
    Ok(as_file(&report, octets))
}

/// Gives evidence as a file that no browser opens.
pub(crate) fn as_file(report: &Report, octets: Vec<u8>) -> Response {
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
    answer
}

impl Desk {
    /// Looks at the evidence of a report, and writes down who does: what cannot be written down is not shown.
    pub(crate) async fn look(
        &self,
        actor: Actor,
        archive: &Archive,
        report: &Report,
    ) -> Result<Option<Vec<u8>>, LakeError> {
        let (subject, detail) = (report.id.to_string(), serde_json::json!({}));
        let noted = self.people.audit(actor, "evidence.look", &subject, &detail).await;
        noted.map_err(|why| LakeError(why.to_string()))?;
        Ok(evidence_of(archive, report).await)
    }

    /// Finds what a failure report tells; nothing where none of the documents that count is one, or it was let go.
    pub(crate) async fn failure_of(
        &self,
        lake: Arc<dyn Lake>,
        read: &[AggregateRead],
    ) -> Result<Option<FailureEvent>, LakeError> {
        let Some(part) = read.iter().find(|part| is_failure(part)) else { return Ok(None) };
        let name = format!("{}.{}", part.report, part.part);
        self.ask(lake, move |lake| lake.failure(&name)).await
    }

    /// Tells whether a visitor may read a report: those about a domain of theirs, and of the whole house all.
    #[expect(clippy::unused_self, reason = "rights are asked at the desk")]
    fn may_read(&self, visitor: &Visitor, report: &Report) -> bool {
        visitor.scope().covers_text(report.domain.as_deref())
    }
}

/// Finds a report.
pub(crate) async fn find(ledger: &Ledger, id: &str) -> Result<Option<Report>, LakeError> {
    let Ok(id) = id.parse::<Id>() else { return Ok(None) };
    ledger.report(id).await.map_err(|why| LakeError(why.to_string()))
}

/// Says that there is no such report, or that it is a neighbour's: which of the two is nobody's business.
fn no_such(frame: &Frame) -> Refusal {
    frame.refuse(StatusCode::NOT_FOUND, "desk-no-such-report", &frame.say("desk-no-such-report-says"))
}

/// Returns the evidence of a report; nothing where it cannot be had, which the log says.
async fn evidence_of(archive: &Archive, report: &Report) -> Option<Vec<u8>> {
    let vault =
        archive.vault().await.inspect_err(|why| tracing::error!(error = %why, "the vault does not open")).ok()?;
    let got = vault.get(&report.evidence).await;
    got.inspect_err(|why| tracing::error!(error = %why, report.id = %report.id, "evidence cannot be read")).ok()
}

/// Returns the first lines of what is text.
pub(super) fn excerpt(octets: &[u8]) -> Option<String> {
    let start = octets.get(..octets.len().min(TEXT))?;
    let text = String::from_utf8_lossy(start);
    let odd = text.chars().filter(|c| (c.is_control() && !matches!(c, '\r' | '\n' | '\t')) || *c == '\u{fffd}').count();
    if odd * 20 > text.len() {
        return None;
    }
    // A tab is no harm: folded fields begin with one.
    let mut lines: Vec<String> = text.lines().map(|line| shown::long(&line.replace('\t', "    "))).collect();
    if octets.len() > TEXT {
        lines.push("…".to_owned());
    }
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use sekisho_core::speech::Lang;
    use sekisho_ledger::{Channel, OutgoingKind, OutgoingState, ReportKind};

    use super::*;
    use crate::speech::Talk;

    #[test]
    fn every_word_of_a_report_is_said_in_both_languages() {
        for lang in Lang::ALL {
            let talk = Talk::new(lang);
            let kinds = ReportKind::ALL.iter().map(|kind| format!("report-kind-{kind}"));
            let kinds = kinds.chain(OutgoingKind::ALL.iter().map(|kind| format!("report-kind-{kind}")));
            let states = ReportState::ALL.iter().map(|state| format!("report-state-{state}"));
            let states = states.chain(OutgoingState::ALL.iter().map(|state| format!("outgoing-{state}")));
            let channels = Channel::ALL.iter().map(|channel| format!("channel-{channel}"));
            for word in kinds.chain(states).chain(channels) {
                let message = format!("desk-{word}");
                assert_ne!(talk.word(&message), message, "{lang:?}");
            }
        }
    }

    #[test]
    fn an_excerpt_is_text_and_harmless() {
        assert_eq!(excerpt(b"From: a\r\n<script>\x1b[2J"), Some("From: a\n<script>\\u{1b}[2J".to_owned()));
        assert_eq!(excerpt(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xfe]), None);
        assert!(excerpt("あ".repeat(2_000).as_bytes()).unwrap().ends_with('…'));
    }
}
