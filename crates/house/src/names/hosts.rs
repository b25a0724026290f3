//! What the DNS tells of a host: its name, and whose include lets it use an envelope

use std::net::IpAddr;

use jiff::Timestamp;
use sekisho_core::facts::{Facts, Kind, Missing, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Trace, Value};
use sekisho_mail::policy::Policy;
use sekisho_mail::spf;
use sekisho_mail::verdict::{Identity, SpfResult};

use super::senders::{self, Sender};

/// The most names of an address that are followed: whoever has an address may write as many as they like.
const NAMES: usize = 3;
/// The most envelopes of a source that are looked into.
const ENVELOPES: usize = 3;

/// Returns the name of a host, where it leads back to the address (RFC 8601 §2.7.3, `iprev`).
pub(super) fn confirmed(facts: &Facts, address: IpAddr) -> Result<Option<DomainName>, Missing> {
    let address = address.to_canonical();
    let answer = facts.get(&Question::ptr(address))?;
    let names = answer.outcome.records().iter().filter_map(|record| match record {
        Record::Ptr(name) if !name.is_root() => Some(name),
        _ => None,
    });
    let kind = if address.is_ipv4() { Kind::A } else { Kind::Aaaa };
    let asked: Vec<_> = names.take(NAMES).map(|name| Question::new(kind, name.clone())).collect();
    let missing = facts.unanswered(asked.iter().cloned());
    if !missing.is_empty() {
        return Err(Missing(missing));
    }
    for question in asked {
        if facts.get(&question)?.outcome.records().iter().any(|record| is_address(record, address)) {
            return Ok(Some(question.name));
        }
    }
    Ok(None)
}

/// Returns the sender whose include lets a host use one of some envelopes.
pub(super) fn included(
    facts: &Facts,
    address: IpAddr,
    envelopes: &[&str],
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<&'static Sender>, Missing> {
    let mut missing = None;
    for envelope in envelopes.iter().take(ENVELOPES) {
        match include_of(facts, address, envelope, policy, now) {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(more) => missing = Missing::join(missing, Some(more)),
        }
    }
    missing.map_or(Ok(None), Err)
}

/// Returns the sender whose include lets a host use an envelope.
fn include_of(
    facts: &Facts,
    address: IpAddr,
    envelope: &str,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<&'static Sender>, Missing> {
    let (identity, mail_from) = (Identity::MailFrom, envelope.as_bytes());
    let request = spf::Request { identity, client_ip: address, helo: b"", mail_from, receiver: None };
    let mut trace = Trace::new(Check::Spf);
    if mail_from.is_empty() || spf::judge(facts, &request, policy, now, &mut trace)?.result != SpfResult::Pass {
        return Ok(None);
    }
    let matched = trace.steps().iter().filter(|step| step.rule.id == "spf.include-match");
    let mut names = matched.flat_map(|step| &step.arguments).filter_map(|(_, value)| match value {
        Value::Name(name) => Some(name.to_string()),
        _ => None,
    });
    Ok(names.find_map(|name| senders::by_include(&name)))
}

/// Tells whether a record is an address.
fn is_address(record: &Record, address: IpAddr) -> bool {
    match (record, address) {
        (Record::A(one), IpAddr::V4(other)) => *one == other,
        (Record::Aaaa(one), IpAddr::V6(other)) => *one == other,
        _ => false,
    }
}
