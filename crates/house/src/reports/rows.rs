//! Rows of reports as Events

use sekisho_core::event::{AggregateEvent, Event, FailureEvent, SignatureEvent, TlsEvent};
use sekisho_report::dmarc::aggregate::{DkimResult, Head, Override, Row};
use sekisho_report::dmarc::failure::{AuthFailure, Delivery, FailureReport};
use sekisho_report::tls::{Failure, PolicyResult, TlsReport};

/// Whose report it is.
pub(super) struct Origin<'a> {
    /// Our name for it.
    pub(super) report: &'a str,
    /// Who sent it, as its mail proves.
    pub(super) submitter: Option<&'a str>,
    /// When it came, for one that does not say which period it is about.
    pub(super) received_at: i64,
}

/// Makes an Event of a row of an aggregate report, the how manieth it may be.
pub(super) fn aggregate(origin: &Origin<'_>, head: &Head, row: &Row, at_row: u32) -> Event {
    let begin = head.begin.or(head.end).unwrap_or(origin.received_at);
    let end = head.end.unwrap_or(begin);
    // Of a period that ends before it begins the earlier time is the first.
    let (at, until) = (begin.min(end), begin.max(end));
    let spf = row.spf_results.iter().find(|spf| spf.scope != "helo").or(row.spf_results.first());
    Event::Aggregate(Box::new(AggregateEvent {
        at,
        until,
        report: origin.report.to_owned(),
        org: head.org_name.clone(),
        submitter: origin.submitter.map(str::to_owned),
        policy_domain: head.policy.domain.clone(),
        policy: head.policy.p.map(|policy| policy.word().to_owned()).unwrap_or_default(),
        source_ip: row.source_ip.map_or_else(|| row.source_text.clone(), |address| address.to_string()),
        count: row.count,
        disposition: row.disposition.map(|disposition| disposition.word().to_owned()).unwrap_or_default(),
        dkim_aligned: row.dkim.is_some_and(|dkim| dkim.word() == "pass"),
        spf_aligned: row.spf.is_some_and(|spf| spf.word() == "pass"),
        reasons: row.reasons.iter().map(reason).collect(),
        header_from: row.header_from.clone(),
        envelope_from: some(&row.envelope_from),
        envelope_to: some(&row.envelope_to),
        dkim: row.dkim_results.iter().map(signature).collect(),
        spf_domain: spf.and_then(|spf| some(&spf.domain)),
        spf_result: spf.and_then(|spf| spf.result).map(|result| result.word().to_owned()),
        row: at_row,
    }))
}

/// Writes a reason with its comment.
fn reason(reason: &Override) -> String {
    let kind = reason.kind.map_or("other", |kind| kind.word());
    if reason.comment.is_empty() { kind.to_owned() } else { format!("{kind}: {}", reason.comment) }
}

/// Makes the row of a signature.
fn signature(dkim: &DkimResult) -> SignatureEvent {
    SignatureEvent {
        result: dkim.result.map(|result| result.word().to_owned()).unwrap_or_default(),
        domain: some(&dkim.domain),
        selector: some(&dkim.selector),
        algorithm: None,
        reason: some(&dkim.human_result),
    }
}

/// Makes Events of a TLS report: one a policy with its sums, and one more a kind of failure.
pub(super) fn tls(origin: &Origin<'_>, report: &TlsReport) -> Vec<Event> {
    let at = report.begin.or(report.end).unwrap_or(origin.received_at);
    let mut events = Vec::new();
    for policy in &report.policies {
        let sums = TlsEvent {
            at,
            until: report.end.unwrap_or(at),
            report: origin.report.to_owned(),
            org: report.organization_name.clone(),
            submitter: origin.submitter.map(str::to_owned),
            policy_domain: policy.domain.clone(),
            policy_type: policy.kind.word().to_owned(),
            successful: policy.successful,
            failed: 0,
            ..TlsEvent::default()
        };
        events.extend(policy.failures.iter().map(|one| failed_sessions(&sums, one)));
        events.extend(untold(&sums, policy));
        events.push(sums);
    }
    (0..).zip(events).map(|(row, event)| Event::Tls(Box::new(TlsEvent { row, ..event }))).collect()
}

/// Makes the row of a kind of failure.
fn failed_sessions(sums: &TlsEvent, failure: &Failure) -> TlsEvent {
    TlsEvent {
        successful: 0,
        failed: failure.sessions,
        result_type: some(&failure.result_word),
        sending_ip: failure.sending_mta_ip.map(|address| address.to_string()),
        receiving_host: some(&failure.receiving_mx_hostname),
        receiving_ip: failure.receiving_ip.map(|address| address.to_string()),
        reason_code: some(&failure.reason_code),
        ..sums.clone()
    }
}

/// Makes a row of the failures that the details leave out, where the sum is larger.
fn untold(sums: &TlsEvent, policy: &PolicyResult) -> Option<TlsEvent> {
    let told = policy.failures.iter().fold(0_u64, |sum, failure| sum.saturating_add(failure.sessions));
    let failed = policy.failed.checked_sub(told).filter(|failed| *failed > 0)?;
    Some(TlsEvent { successful: 0, failed, ..sums.clone() })
}

/// Makes an Event of a failure report, without the people in it. `from` is the domain that its mail comes from.
pub(super) fn failure(origin: &Origin<'_>, report: &FailureReport, from: Option<&str>) -> Event {
    Event::Failure(Box::new(FailureEvent {
        at: arrived(report, origin.received_at),
        report: origin.report.to_owned(),
        org: report.reporting_host().unwrap_or_else(|| short(from.unwrap_or_default())),
        submitter: origin.submitter.map(str::to_owned),
        reported_domain: short(&report.about()),
        header_from: report.author_domain(),
        envelope_from: report.mail_from_domain().map(|domain| short(&domain)),
        envelope_to: report.recipient_domains().iter().map(|domain| short(domain)).collect(),
        source_ip: report.source_ip.map(|address| address.to_string()),
        count: report.incidents.unwrap_or(1),
        auth_failure: report.auth_failure.iter().copied().map(AuthFailure::word).map(str::to_owned).collect(),
        identity_alignment: report.identity_alignment.iter().map(|word| short(word)).collect(),
        delivery_result: report.delivery_result.map(Delivery::word).map(str::to_owned),
        dkim_domain: some(&report.dkim_domain).map(|domain| short(&domain)),
        dkim_selector: some(&report.dkim_selector).map(|selector| short(&selector)),
        row: 0,
    }))
}

/// Returns when a mail that failed arrived: as the report says, or when it came to us, where that is nothing or cannot be.
pub(super) fn arrived(report: &FailureReport, received_at: i64) -> i64 {
    /// How far clocks may differ.
    const AHEAD: i64 = 2 * 86_400_000_000;
    let can_be = 0..=received_at.saturating_add(AHEAD);
    report.arrival_date.filter(|at| can_be.contains(at)).unwrap_or(received_at)
}

/// Returns as much of a text as a name may have.
fn short(text: &str) -> String {
    /// The longest name (RFC 1035 §2.3.4), and a little more.
    const LONGEST: usize = 255;
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default().to_owned()
}

/// Returns a text that says something.
fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
