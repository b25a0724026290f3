//! What webhooks are told of reports: which one it is, and how much is in it; nothing of what it says

use sekisho_ledger::{Counted, Lease, Mark, Outgoing, OutgoingState, Report, ReportState};
use serde_json::json;

use super::out::day_of;
use crate::webhooks::{News, Topic, tellable};

/// Tells of a report that was read, or that cannot be.
pub(super) fn of_report(report: &Report, mark: &Mark, counted: &[Counted], lease: &Lease) -> Option<News> {
    let (topic, reason) = match mark.state {
        ReportState::Read => (Topic::ReportRead, None),
        // The stable word alone: the sentence behind it may say what stands in the report.
        ReportState::Unreadable => {
            (Topic::ReportUnreadable, mark.reason.as_deref().and_then(|why| why.split(':').next()))
        }
        _ => return None,
    };
    let submitter = mark.submitter.as_ref().or(report.submitter.as_ref());
    let data = json!({
        "report": report.id.to_string(),
        "kind": mark.read_as.unwrap_or(report.kind).word(),
        "channel": report.channel.word(),
        "domain": mark.domain.as_deref().and_then(tellable),
        "submitter": submitter.and_then(|domain| tellable(domain)),
        "rows": counted.iter().map(|part| part.rows).sum::<u64>(),
        "messages": counted.iter().fold(0_u64, |sum, part| sum.saturating_add(part.messages)),
        "reason": reason,
    });
    // A report that is proven later is read once more, by another job.
    let once = Some(format!("{} {}", report.id, lease.job.id));
    Some(News { topic, at: mark.at, data, once })
}

/// Tells of a report of ours that a server took, or that nobody gets.
pub(super) fn of_outgoing(row: &Outgoing, state: OutgoingState, attempts: u64, at: i64) -> Option<News> {
    let topic = match state {
        OutgoingState::Sent => Topic::ReportSent,
        OutgoingState::Failed | OutgoingState::Bounced => Topic::ReportFailed,
        _ => return None,
    };
    let recipient = row.destination.rsplit_once('@').map(|(_, domain)| domain);
    let data = json!({
        "report": row.id.to_string(),
        "kind": row.kind.word(),
        "state": state.word(),
        "domain": tellable(&row.domain),
        "recipient_domain": recipient.and_then(tellable),
        "day": day_of(row.day).map(|day| day.to_string()),
        "attempts": attempts,
    });
    Some(News { topic, at, data, once: Some(format!("{} {}", row.id, state.word())) })
}
