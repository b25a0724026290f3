//! What is wrong with an SPF record, and with what it includes

use std::sync::Arc;

use sekisho_core::finding::{Finding, Severity};
use sekisho_core::step::Value;
use sekisho_mail::policy::Policy;
use sekisho_mail::spf::outline::{Outline, Standing, Sums, Term, TermKind, Trouble};
use sekisho_mail::verdict::SpfResult;

use super::rules;

/// From so many lookups on, the next change of an included record may be one too many.
const NEAR: usize = 9;
/// More IPv4 addresses than these are hardly one's own: strangers send from them, too.
const MANY: u64 = 100_000;

/// Finds it.
pub(super) fn findings(outline: &Outline, sums: &Sums, policy: &Policy) -> Vec<Finding> {
    let mut findings: Vec<Finding> = outline.all().into_iter().flat_map(|part| standing(part, outline)).collect();
    let parts = outline.all();
    findings.extend(parts.iter().flat_map(|part| part.terms.iter().filter_map(|term| trouble(part, term))));
    findings.extend(costs(outline, sums, policy));
    findings.extend(end(outline));
    findings.extend(breadth(outline, sums));
    findings
}

/// Names what is wrong with a record as a whole. What lies below the `first` one and is absent is its term's trouble.
fn standing(part: &Outline, first: &Outline) -> Option<Finding> {
    let domain = ("domain", (&part.domain).into());
    Some(match &part.standing {
        Standing::Absent if std::ptr::eq(part, first) => {
            Finding::new(Severity::Warning, &rules::SPF_ABSENT, &part.domain, [domain])
        }
        Standing::Several(count) => {
            Finding::new(Severity::Fault, &rules::SPF_SEVERAL, &part.domain, [domain, ("count", (*count).into())])
        }
        Standing::Broken { term, rule, .. } => {
            let arguments = [domain, ("term", Value::Shared(Arc::clone(term))), ("rule", rule.id.into())];
            Finding::new(Severity::Fault, &rules::SPF_BROKEN, &part.domain, arguments)
        }
        Standing::Unavailable(outcome) => {
            let arguments = [domain, ("outcome", (*outcome).into())];
            Finding::new(Severity::Warning, &rules::SPF_UNAVAILABLE, &part.domain, arguments)
        }
        Standing::Loop => Finding::new(Severity::Fault, &rules::SPF_LOOP, &part.domain, [domain]),
        _ => return None,
    })
}

/// Names what is wrong with a term.
fn trouble(part: &Outline, term: &Term) -> Option<Finding> {
    let arguments = [("domain", (&part.domain).into()), ("term", Value::Shared(Arc::clone(&term.text)))];
    Some(match (term.trouble, term.kind) {
        (Some(Trouble::NoRecord), _) => Finding::new(Severity::Fault, &rules::SPF_NO_RECORD, &part.domain, arguments),
        (Some(Trouble::Exchanges(count)), _) => {
            let [domain, term] = arguments;
            let arguments = [domain, term, ("count", count.into())];
            Finding::new(Severity::Fault, &rules::SPF_EXCHANGES, &part.domain, arguments)
        }
        (_, TermKind::Ptr) => Finding::new(Severity::Warning, &rules::SPF_PTR, &part.domain, arguments),
        _ => return None,
    })
}

/// Names the limits that are exceeded, or nearly so.
fn costs(outline: &Outline, sums: &Sums, policy: &Policy) -> Vec<Finding> {
    let (lookups, voids) = (policy.spf_lookups as usize, policy.spf_void_lookups as usize);
    let told = |count: usize, limit: usize| {
        [("domain", (&outline.domain).into()), ("count", count.into()), ("limit", limit.into())]
    };
    let mut findings = Vec::new();
    // A record that leads to itself has no number of lookups: it is told apart.
    let is_loop = outline.all().iter().any(|part| part.standing == Standing::Loop);
    if sums.lookups > lookups {
        let arguments = told(sums.lookups, lookups);
        findings.push(Finding::new(Severity::Fault, &rules::SPF_LOOKUPS, &outline.domain, arguments));
    } else if sums.lookups >= NEAR && !is_loop {
        let arguments = told(sums.lookups, lookups);
        findings.push(Finding::new(Severity::Note, &rules::SPF_LOOKUPS_NEAR, &outline.domain, arguments));
    }
    if sums.voids > voids {
        let arguments = told(sums.voids, voids);
        findings.push(Finding::new(Severity::Fault, &rules::SPF_VOIDS, &outline.domain, arguments));
    }
    findings
}

/// Names what becomes of those whom no term names. Nothing is known of a record whose end cannot be read.
fn end(outline: &Outline) -> Option<Finding> {
    let is_read = outline.all().iter().all(|part| matches!(part.standing, Standing::Single(_)));
    let is_open = match outline.end() {
        Some(all) => all.result == Some(SpfResult::Neutral),
        None => is_read,
    };
    let (domain, is_there) = (&outline.domain, matches!(outline.standing, Standing::Single(_)));
    (is_open && is_there)
        .then(|| Finding::new(Severity::Warning, &rules::SPF_OPEN_END, domain, [("domain", domain.into())]))
}

/// Names a record that lets everybody pass, or very many.
fn breadth(outline: &Outline, sums: &Sums) -> Option<Finding> {
    let domain = ("domain", (&outline.domain).into());
    if sums.ipv4 > u64::from(u32::MAX) {
        return Some(Finding::new(Severity::Fault, &rules::SPF_EVERYBODY, &outline.domain, [domain]));
    }
    let arguments = [domain, ("count", sums.ipv4.into())];
    (sums.ipv4 > MANY).then(|| Finding::new(Severity::Warning, &rules::SPF_MANY_ADDRESSES, &outline.domain, arguments))
}
