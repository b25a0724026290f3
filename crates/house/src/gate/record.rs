//! What is written down about a mail: one line of the log, and the counters

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use sekisho_core::visible::Visible;
use sekisho_mail::verdict::DkimVerdict;
use sekisho_wire::milter::Session;
use tracing::{info, warn};

use super::decision::{Act, Decision, Override};
use super::hearing::{Judged, Unjudged};
use crate::config::privacy::{Field, Kept};
use crate::metrics::Metrics;

/// The most signatures that a line tells of.
const SIGNATURES: usize = 10;

/// Writes a verdict down, under an id that it returns. Of addresses only the domain is told, and nothing of the body.
/// `copies` tells of a mail that looks replayed how many of it there were, and how many such mails; `forged` is how many
/// fields speak in our name.
pub(super) fn record(
    metrics: &Metrics,
    session: &Session,
    judged: &Judged,
    kept: &Kept,
    decision: Decision,
    (copies, forged): (Option<(u32, u64)>, usize),
) -> String {
    let (verdict, Decision { act, departs }, id) = (&judged.verdict, decision, verdict_id());
    metrics.judged(verdict);
    metrics.decision.count(act.as_str());
    if copies.is_some() {
        metrics.replays.inc();
    }
    metrics.wait.observe(judged.waited.as_secs_f64());
    // What the books may not keep is not in the log either.
    if !kept.events {
        return id;
    }
    info!(
        verdict.id = %id,
        queue.id = %Visible(told(kept, Field::QueueId, session.macros().get("i"))),
        client.ip = judged.envelope.client_ip.filter(|_| kept.has(Field::ClientIp)).map(tracing::field::display),
        helo = %Visible(told(kept, Field::Helo, judged.envelope.helo.as_deref())),
        sender.domain = %Visible(told(kept, Field::MailFrom, judged.envelope.mail_from.as_deref().map(domain))),
        author.domain = verdict.author.domain.as_ref().map(tracing::field::display),
        author.result = verdict.author.result.as_str(),
        spf.result = verdict.spf.as_ref().map(|spf| spf.result.as_str()),
        spf_helo.result = verdict.spf_helo.as_ref().map(|spf| spf.result.as_str()),
        dkim.result = %Signatures(&verdict.dkim),
        arc.result = verdict.arc.result.as_str(),
        dmarc.result = verdict.dmarc.result.as_str(),
        dmarc.disposition = verdict.dmarc.disposition.as_str(),
        verdict = verdict.action.as_str(),
        grounds = %Listed(verdict.grounds.iter().map(|ground| ground.as_str())),
        decision = act.as_str(),
        override.type = departs.map(Override::as_str),
        override.comment = departs.map(Override::comment),
        replay.copies = copies.map(|(copies, _)| copies),
        replay.mails = copies.map(|(_, mails)| mails),
        forged.fields = (forged > 0).then_some(forged),
        stray_line_ends = judged.has_stray_line_ends.then_some(true),
        dns.questions = judged.asked,
        wait_ms = u64::try_from(judged.waited.as_millis()).unwrap_or(u64::MAX),
        "judged a mail"
    );
    id
}

/// Returns what a client said, where that may be told.
fn told<'s>(kept: &Kept, field: Field, said: Option<&'s [u8]>) -> &'s [u8] {
    said.filter(|_| kept.has(field)).unwrap_or_default()
}

/// Writes down that nobody judged a mail.
pub(super) fn record_unjudged(metrics: &Metrics, session: &Session, why: Unjudged, act: Act) {
    metrics.broken_off.inc();
    metrics.decision.count(act.as_str());
    let queue_id = Visible(session.macros().get("i").unwrap_or_default());
    warn!(queue.id = %queue_id, reason = why.as_str(), decision = act.as_str(), "did not judge a mail");
}

/// Returns a name for a verdict that no other has: when this process began, and how many it named before.
fn verdict_id() -> String {
    /// How many were named.
    static NAMED: AtomicU64 = AtomicU64::new(0);
    /// When this process named its first, in microseconds since 1970.
    static BEGUN: LazyLock<i64> = LazyLock::new(|| Timestamp::now().as_microsecond());
    format!("{:x}-{:x}", *BEGUN, NAMED.fetch_add(1, Ordering::Relaxed))
}

/// Returns what stands behind the last `@` of an address: people have names before it.
fn domain(address: &[u8]) -> &[u8] {
    address.rsplit(|&b| b == b'@').next().filter(|domain| domain.len() < address.len()).unwrap_or_default()
}

/// The signatures of a mail: `pass:example.org,fail:list.example`.
struct Signatures<'a>(&'a [DkimVerdict]);

impl fmt::Display for Signatures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (at, signature) in self.0.iter().take(SIGNATURES).enumerate() {
            f.write_str(if at > 0 { "," } else { "" })?;
            f.write_str(signature.result.as_str())?;
            if let Some(domain) = &signature.domain {
                write!(f, ":{domain}")?;
            }
        }
        f.write_str(if self.0.len() > SIGNATURES { ",…" } else { "" })
    }
}

/// Words with commas between them.
struct Listed<I>(I);

impl<I: Iterator<Item = &'static str> + Clone> fmt::Display for Listed<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.0.clone().enumerate() {
            f.write_str(if at > 0 { "," } else { "" })?;
            f.write_str(word)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_the_domain_is_told() {
        for (address, told) in [("a@b@c.example", "c.example"), ("nobody", ""), ("", ""), ("x@", "")] {
            assert_eq!(domain(address.as_bytes()), told.as_bytes());
        }
    }
}
