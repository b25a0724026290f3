//! What is wrong with a DMARC policy

use sekisho_core::finding::{Finding, Severity};
use sekisho_core::name::DomainName;
use sekisho_core::step::Rule;
use sekisho_mail::dmarc::Published;
use sekisho_mail::dmarc::record::{Record, Standing};
use sekisho_mail::verdict::Disposition;

use super::rules;

/// Finds it: what holds for mail of `domain`.
pub(super) fn findings(domain: &DomainName, published: &Published) -> Vec<Finding> {
    match published {
        Published::Record { at, record } => of_record(domain, at, record),
        Published::Absent => {
            vec![Finding::new(Severity::Warning, &rules::DMARC_ABSENT, domain, [("domain", domain.into())])]
        }
        Published::Several { at, count } => {
            let arguments = [("domain", at.into()), ("count", (*count).into())];
            vec![Finding::new(Severity::Fault, &rules::DMARC_SEVERAL, at, arguments)]
        }
        Published::Unavailable => {
            vec![Finding::new(Severity::Warning, &rules::DMARC_UNAVAILABLE, domain, [("domain", domain.into())])]
        }
    }
}

/// Finds what is wrong with the record that applies, which stands at `at`.
fn of_record(domain: &DomainName, at: &DomainName, record: &Record) -> Vec<Finding> {
    let tagged = |severity, rule: &'static Rule, tag: &'static str| {
        Finding::new(severity, rule, at, [("domain", at.into()), ("tag", tag.into())])
    };
    match record.standing {
        Standing::Unusable(fault) => return vec![tagged(Severity::Fault, &rules::DMARC_UNUSABLE, fault.tag())],
        Standing::AsNone(fault) => return vec![tagged(Severity::Fault, &rules::DMARC_AS_NONE, fault.tag())],
        Standing::AsWritten => {}
    }
    let plain = |severity, rule| Finding::new(severity, rule, at, [("domain", at.into())]);
    let (tag, policy) = if domain == at { record.own_policy() } else { record.subdomain_policy(true) };
    let mut findings = Vec::new();
    if policy == Disposition::None {
        findings.push(tagged(Severity::Note, &rules::DMARC_WATCHES, tag));
    } else if domain == at && strength(record.subdomain_policy(true).1) < strength(policy) {
        findings.push(plain(Severity::Warning, &rules::DMARC_SUBDOMAINS));
    }
    if record.testing && policy != Disposition::None {
        findings.push(plain(Severity::Note, &rules::DMARC_TESTING));
    }
    if record.rua.is_empty() {
        findings.push(plain(Severity::Warning, &rules::DMARC_NO_REPORTS));
    }
    findings
}

/// Returns how much a policy asks for.
fn strength(policy: Disposition) -> u8 {
    match policy {
        Disposition::None => 0,
        Disposition::Quarantine => 1,
        Disposition::Reject => 2,
    }
}
