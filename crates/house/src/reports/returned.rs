//! Mails of ours that come back: the notice is noted with the report that it answers
//!
//! Anybody may write to where our reports come from. A notice counts only where it names the mail that it answers by what nobody
//! else knows: its Message-ID, which is the name of its envelope too, and has 80 random bits. Nothing is ever answered.

use std::fmt;

use sekisho_ledger::{Fault, Id, Ledger, Outgoing, OutgoingMark, OutgoingState, Report, ReportState};
use sekisho_report::bounce::Bounce;
use tracing::warn;

use super::news;
use super::reason;
use crate::webhooks::Announcer;

/// What came of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Returned {
    /// It is about a report of ours: its id, the domain that it is about, and why it could not be delivered.
    Noted(Id, String, String),
    /// The mail is late, or was handed on.
    NoFailure,
    /// It names no mail of ours.
    Stranger,
    /// It has a sender, and notices have none (RFC 5321 §4.5.5): a program answers, or somebody pretends.
    HasSender,
}

/// Notes what a notice tells with the report of ours that it answers. Noted twice it is as noted once.
pub(super) async fn note(
    ledger: &Ledger,
    announcer: &Announcer,
    report: &Report,
    notice: &Bounce,
    now: i64,
) -> Result<Returned, Fault> {
    // Of a mail that was imported nobody knows the envelope.
    if report.envelope.mail_from.as_deref().is_some_and(|sender| !sender.is_empty()) {
        return Ok(Returned::HasSender);
    }
    let Some(row) = answered(ledger, notice).await? else { return Ok(Returned::Stranger) };
    let Some(why) = notice.failure() else { return Ok(Returned::NoFailure) };
    let news = news::of_outgoing(&row, OutgoingState::Bounced, row.attempts, now);
    let mark = OutgoingMark {
        state: OutgoingState::Bounced,
        reason: Some(why.clone()),
        evidence: None,
        message_id: None,
        attempted: false,
        at: now,
        jobs: news.iter().flat_map(|news| announcer.jobs(news)).collect(),
    };
    if ledger.mark_outgoing(row.id, &mark).await? {
        warn!(domain = %row.domain, report.id = %row.id, reason = %why, "a report of ours came back");
    }
    Ok(Returned::Noted(row.id, row.domain, why))
}

/// Returns the report of ours that a notice answers.
async fn answered(ledger: &Ledger, notice: &Bounce) -> Result<Option<Outgoing>, Fault> {
    for name in [&notice.envelope_id, &notice.message_id].into_iter().flatten() {
        if let Some(row) = ledger.outgoing_by_message_id(name).await? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

impl Returned {
    /// Returns what became of the notice.
    pub(super) fn state(&self) -> ReportState {
        if matches!(self, Returned::Noted(..)) { ReportState::Read } else { ReportState::Ignored }
    }

    /// Returns the domain that the report of ours is about.
    pub(super) fn domain(&self) -> Option<String> {
        if let Returned::Noted(_, domain, _) = self { Some(domain.clone()) } else { None }
    }
}

impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Returned::Noted(id, _, why) => f.write_str(&reason::write_came_back(&id.to_string(), why)),
            Returned::NoFailure => f.write_str(reason::NO_FAILURE),
            Returned::Stranger => f.write_str(reason::STRANGER),
            Returned::HasSender => f.write_str(reason::HAS_SENDER),
        }
    }
}
