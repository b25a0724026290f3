//! The questions answered over Events at hand: what they mean, told without SQL
//!
//! The lake is held against this, and lakes of tests have no other way.

use std::collections::{BTreeMap, BTreeSet};

use super::{AuthorDomain, MailRow, MailSearch, Volume, all_within, is_within};
use crate::event::{Event, FactEvent, FactHash, FailureEvent, MailEvent};
use crate::sums::Failed;

/// Returns the mails that are looked for, newest first.
pub fn mails(events: &[Event], search: &MailSearch) -> Vec<MailRow> {
    let mut found: Vec<MailRow> =
        judged(events).filter(|mail| search.finds(mail)).cloned().map(MailRow::from).collect();
    found.sort_by(|one, other| (other.at, &other.id).cmp(&(one.at, &one.id)));
    found.truncate(usize::try_from(search.limit).unwrap_or(usize::MAX));
    found
}

/// Returns how many mails had each result in each span of `step`, which is at least 1.
pub fn volumes(events: &[Event], from_at: i64, until_at: i64, step: i64, within: Option<&[String]>) -> Vec<Volume> {
    let step = step.max(1);
    let mut counts: BTreeMap<Volume, u64> = BTreeMap::new();
    for mail in judged(events).filter(|mail| (from_at..until_at).contains(&mail.at) && is_seen(mail, within)) {
        let at = mail.at - mail.at.rem_euclid(step);
        let (dmarc_result, decision) = (mail.dmarc_result.clone(), mail.decision.clone());
        *counts.entry(Volume { at, dmarc_result, decision, mails: 0 }).or_default() += 1;
    }
    counts.into_iter().map(|(volume, mails)| Volume { mails, ..volume }).collect()
}

/// Returns a mail by its verdict's id.
pub fn mail(events: &[Event], id: &str, within: Option<&[String]>) -> Option<MailEvent> {
    judged(events).find(|mail| mail.id == id && is_seen(mail, within)).cloned()
}

/// Returns facts by their names, each as it was first used.
pub fn facts(events: &[Event], hashes: &[FactHash]) -> Vec<FactEvent> {
    let mut found: BTreeMap<FactHash, &FactEvent> = BTreeMap::new();
    for event in events {
        let Event::Fact(fact) = event else { continue };
        if hashes.contains(&fact.hash) && found.get(&fact.hash).is_none_or(|known| fact.at < known.at) {
            found.insert(fact.hash, fact);
        }
    }
    found.into_values().cloned().collect()
}

/// Returns the mails that failed in the name of a domain or one below it, as failure reports tell, the latest of each reporter first, then
/// the next; with `unproven`, also those whose report proves no sender.
pub fn failures(events: &[Event], domain: &str, (from_at, until_at): (i64, i64), unproven: bool) -> Vec<Failed> {
    let mut found: Vec<Failed> = Vec::new();
    for row in failed(events).filter(|row| (from_at..until_at).contains(&row.at)) {
        if !is_within(&row.reported_domain, domain) || !unproven && row.submitter.is_none() {
            continue;
        }
        let told = Failed {
            submitter: row.submitter.clone(),
            source_ip: row.source_ip.clone(),
            reported_domain: row.reported_domain.clone(),
            auth_failure: row.auth_failure.clone(),
            delivery_result: row.delivery_result.clone(),
            dkim_domain: row.dkim_domain.clone(),
            envelope_from: row.envelope_from.clone(),
            last_at: row.at,
            mails: row.count,
        };
        match found.iter_mut().find(|one| Failed { last_at: told.last_at, mails: told.mails, ..(*one).clone() } == told)
        {
            Some(one) => (one.last_at, one.mails) = (one.last_at.max(row.at), one.mails.saturating_add(row.count)),
            None => found.push(told),
        }
    }
    found.sort_by_key(|one| std::cmp::Reverse((one.last_at, one.mails)));
    let mut of_reporter: BTreeMap<Option<String>, usize> = BTreeMap::new();
    let mut ranked = Vec::new();
    for one in found {
        let rank = of_reporter.entry(one.submitter.clone()).or_default();
        ranked.push((*rank, one));
        *rank += 1;
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, one)| one).collect()
}

/// Returns what a failure report tells.
pub fn failure(events: &[Event], report: &str) -> Option<FailureEvent> {
    failed(events).find(|row| row.report == report).cloned()
}

/// Returns the mails that failed, as failure reports tell.
fn failed(events: &[Event]) -> impl Iterator<Item = &FailureEvent> {
    events.iter().filter_map(|event| if let Event::Failure(row) = event { Some(&**row) } else { None })
}

/// Returns who sends, by author domain, the busiest first: of all mails, of those in the name of some domains, or of those to some.
pub fn author_domains(
    events: &[Event],
    from_at: i64,
    until_at: i64,
    domains: Option<&[String]>,
    within: Option<&[String]>,
    limit: u32,
) -> Vec<AuthorDomain> {
    let mut found: BTreeMap<&str, Vec<&MailEvent>> = BTreeMap::new();
    for mail in judged(events).filter(|mail| (from_at..until_at).contains(&mail.at) && is_seen(mail, within)) {
        let Some(author) = mail.author_domain.as_deref() else { continue };
        if domains.is_none_or(|domains| domains.iter().any(|domain| is_within(author, domain))) {
            found.entry(author).or_default().push(mail);
        }
    }
    let mut summed: Vec<AuthorDomain> = found.into_iter().map(|(domain, mails)| summed(domain, &mails)).collect();
    summed.sort_by(|one, other| (other.mails, &one.domain).cmp(&(one.mails, &other.domain)));
    summed.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    summed
}

/// Adds the mails of an author domain up.
fn summed(domain: &str, mails: &[&MailEvent]) -> AuthorDomain {
    let count = |is: &dyn Fn(&MailEvent) -> bool| {
        u64::try_from(mails.iter().filter(|mail| is(mail)).count()).unwrap_or(u64::MAX)
    };
    let clients: BTreeSet<&str> = mails.iter().filter_map(|mail| mail.client_ip.as_deref()).collect();
    let last = mails.iter().max_by_key(|mail| (mail.at, &mail.id));
    AuthorDomain {
        domain: domain.to_owned(),
        mails: count(&|_| true),
        pass: count(&|mail| mail.dmarc_result == "pass"),
        fail: count(&|mail| mail.dmarc_result == "fail"),
        clients: u64::try_from(clients.len()).unwrap_or(u64::MAX),
        policy: last.and_then(|mail| mail.policy.clone()),
        last_at: last.map_or(0, |mail| mail.at),
    }
}

/// Returns whether somebody with a scope may see a mail.
fn is_seen(mail: &MailEvent, within: Option<&[String]>) -> bool {
    within.is_none_or(|scope| all_within(&mail.recipient_domains, scope))
}

/// Returns the mails among Events.
fn judged(events: &[Event]) -> impl Iterator<Item = &MailEvent> {
    events.iter().filter_map(|event| if let Event::Mail(mail) = event { Some(&**mail) } else { None })
}
