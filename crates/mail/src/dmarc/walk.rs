//! The DNS tree walk: where does an organization begin? (RFC 9989 §4.10)
//!
//! From `_dmarc.<name>` upwards to the top-level domain, at most eight questions; the records on the way tell the
//! organizational domain. Every name is asked at once: which of them count is decided afterwards, in order.

use std::sync::Arc;

use sekisho_core::facts::{Facts, Missing, Question};
use sekisho_core::name::DomainName;
use sekisho_core::step::Trace;

use super::record::{Found, Psd, Record};
use super::rules;

/// The most labels that the second question of a walk has (§4.10, step 4).
const SECOND_LABELS: usize = 7;

/// A walk that was done.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    /// The organizational domain; nothing where the DNS failed before it could be told.
    pub(crate) organization: Option<DomainName>,
    /// The record that applies to the start: its organizational domain's, or else its public suffix's. Where the
    /// organization cannot be told, some record of those that would come into question.
    pub(crate) applicable: Option<(DomainName, Arc<Record>)>,
}

/// Walks up from `start`, or names every question of the walk that is not answered yet.
pub(crate) fn walk(facts: &Facts, start: &DomainName, trace: &mut Trace) -> Result<Walk, Missing> {
    let asked: Vec<_> = names(start).into_iter().map(|name| (question(&name), name)).collect();
    let missing = facts.unanswered(asked.iter().filter_map(|(question, _)| question.clone()));
    if !missing.is_empty() {
        return Err(Missing(missing));
    }
    trace.note(&rules::WALK, [("name", start.into())]);
    trace.enter();
    let walk = follow(facts, start, &asked, trace);
    trace.leave();
    Ok(walk)
}

/// Returns the questions of a walk that are not answered yet.
pub(crate) fn unanswered(facts: &Facts, start: &DomainName) -> Vec<Question> {
    facts.unanswered(names(start).iter().filter_map(question))
}

/// Reads the answers from the longest name to the shortest, and stops where the RFC says so.
fn follow(facts: &Facts, start: &DomainName, asked: &[(Option<Question>, DomainName)], trace: &mut Trace) -> Walk {
    let mut found: Vec<(DomainName, Arc<Record>)> = Vec::new();
    let mut unavailable = false;
    for (question, name) in asked {
        match read(facts, question.as_ref()) {
            Found::One(record) => {
                trace.note(&rules::WALK_FOUND, [("name", name.into()), ("record", record.text.clone().into())]);
                let stop = record.psd != Psd::Unknown;
                found.push((name.clone(), record));
                if stop {
                    break;
                }
            }
            // Step 2: several records at a name are all discarded.
            Found::Several(count) => {
                trace.note(&rules::WALK_SEVERAL, [("name", name.into()), ("count", count.into())]);
            }
            Found::Absent => trace.note(&rules::WALK_ABSENT, [("name", name.into())]),
            Found::Unavailable => {
                trace.conclude(&rules::WALK_UNAVAILABLE, "temperror", [("name", name.into())]);
                unavailable = true;
            }
        }
    }
    if unavailable {
        return Walk { organization: None, applicable: found.pop() };
    }
    choose(start, &found, trace)
}

/// Selects the organizational domain from the records that were found (§4.10.2).
fn choose(start: &DomainName, found: &[(DomainName, Arc<Record>)], trace: &mut Trace) -> Walk {
    // The walk stops at `psd=y` and `psd=n`, so such a record is the last one, and the one with the fewest labels.
    let (organization, rule) = match found.last() {
        Some((name, record)) if record.psd == Psd::No => (name.clone(), &rules::ORGANIZATION_PSD_N),
        Some((name, record)) if record.psd == Psd::Yes && name != start => {
            (start.suffix(name.label_count() + 1), &rules::ORGANIZATION_BELOW_PSD)
        }
        Some((name, _)) => (name.clone(), &rules::ORGANIZATION_FEWEST_LABELS),
        None => (start.clone(), &rules::ORGANIZATION_ITSELF),
    };
    trace.note(rule, [("organization", (&organization).into()), ("name", start.into())]);
    // §4.10.1: the organizational domain's record, else the public suffix's.
    let own = found.iter().find(|(name, _)| *name == organization);
    let applicable = own.or_else(|| found.last().filter(|(_, record)| record.psd == Psd::Yes)).cloned();
    Walk { organization: Some(organization), applicable }
}

/// Reads the answer to the question for a policy record. A name too long to be asked has none.
pub(crate) fn read(facts: &Facts, question: Option<&Question>) -> Found {
    match question.map(|question| facts.get(question).map(|answer| answer.parsed(Found::read))) {
        Some(Ok(found)) => (*found).clone(),
        Some(Err(_)) => Found::Unavailable,
        None => Found::Absent,
    }
}

/// Returns the question for the policy record of a name.
pub(crate) fn question(name: &DomainName) -> Option<Question> {
    name.child(b"_dmarc").ok().map(Question::txt)
}

/// Returns the names that a walk asks about, in order.
fn names(start: &DomainName) -> Vec<DomainName> {
    let labels = start.label_count();
    let second = labels.saturating_sub(1).min(SECOND_LABELS);
    std::iter::once(start.clone()).chain((1..=second).rev().map(|count| start.suffix(count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_asks_at_most_eight_names() {
        let asked = |text: &str| -> Vec<String> {
            names(&DomainName::parse(text).unwrap()).iter().map(ToString::to_string).collect()
        };
        assert_eq!(asked("a.mail.example.com"), ["a.mail.example.com", "mail.example.com", "example.com", "com"]);
        assert_eq!(asked("com"), ["com"]);
        let long = asked("a.b.c.d.e.f.g.h.i.j.mail.example.com");
        assert_eq!(long.len(), 8);
        assert_eq!((long[1].as_str(), long[7].as_str()), ("g.h.i.j.mail.example.com", "com"));
        assert_eq!(asked("1.2.3.4.5.6.7.8")[1], "2.3.4.5.6.7.8");
        assert_eq!(asked("1.2.3.4.5.6.7.8").len(), 8);
        assert_eq!(asked("1.2.3.4.5.6.7").len(), 7);
    }
}
