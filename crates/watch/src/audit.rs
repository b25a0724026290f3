//! What a domain publishes for its mail: its SPF record with all that it includes, its DMARC policy, and what is wrong with them
//!
//! [`audit`] is a judge: from the facts at hand it finds all there is to tell, or names the questions that it lacks.

mod dmarc;
mod rules;
mod spf;

use std::sync::Arc;

use sekisho_core::facts::{Facts, Missing};
use sekisho_core::finding::Finding;
use sekisho_core::name::DomainName;
use sekisho_mail::dmarc::Published;
use sekisho_mail::dmarc::record::Record;
use sekisho_mail::policy::Policy;
use sekisho_mail::spf::outline::{Outline, Sums, outline};

pub use self::rules::RULES;

/// What was found.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The SPF record.
    pub spf: Outline,
    /// What it adds up to.
    pub sums: Sums,
    /// The DMARC policy that applies to mail of the domain, and where it stands.
    pub dmarc: Option<(DomainName, Arc<Record>)>,
    /// What there is to tell, the worst first.
    pub findings: Vec<Finding>,
}

/// Audits a domain.
pub fn audit(facts: &Facts, domain: &DomainName, policy: &Policy) -> Result<Audit, Missing> {
    let (spf, dmarc) = match (outline(facts, domain), sekisho_mail::dmarc::published(facts, domain)) {
        (Ok(spf), Ok(dmarc)) => (spf, dmarc),
        (spf, dmarc) => return Err(Missing::join(spf.err(), dmarc.err()).unwrap_or(Missing(Vec::new()))),
    };
    let sums = spf.sums();
    let mut findings = spf::findings(&spf, &sums, policy);
    findings.extend(dmarc::findings(domain, &dmarc));
    // A stable sort: what is equally bad stays in the order in which it was found.
    findings.sort_by_key(|finding| finding.severity);
    let dmarc = match dmarc {
        Published::Record { at, record } => Some((at, record)),
        _ => None,
    };
    Ok(Audit { spf, sums, dmarc, findings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_core::zone::Zone;

    fn found(zone: &str) -> Vec<&'static str> {
        let domain = DomainName::parse("a.example").unwrap();
        let audited = Zone::parse(zone)
            .unwrap()
            .satisfy(&mut Facts::default(), |facts| audit(facts, &domain, &Policy::default()));
        audited.findings.iter().map(|finding| finding.rule.id).collect()
    }

    #[test]
    fn a_sound_domain_has_no_findings() {
        let zone = "a.example TXT \"v=spf1 ip4:192.0.2.0/28 -all\"\n\
                    _dmarc.a.example TXT \"v=DMARC1; p=reject; rua=mailto:d@a.example\"\n";
        assert!(found(zone).is_empty(), "{:?}", found(zone));
    }

    #[test]
    fn a_domain_that_publishes_nothing_hears_so() {
        assert_eq!(found(""), ["audit.spf-absent", "audit.dmarc-absent"]);
    }

    #[test]
    fn the_policy_of_the_organization_counts() {
        let domain = DomainName::parse("news.a.example").unwrap();
        let zone = Zone::parse(
            "news.a.example TXT \"v=spf1 -all\"\n_dmarc.a.example TXT \"v=DMARC1; p=reject; sp=none; rua=mailto:d@a.example\"\n",
        );
        let policy = Policy::default();
        let audited = zone.unwrap().satisfy(&mut Facts::default(), |facts| audit(facts, &domain, &policy));
        let found: Vec<&str> = audited.findings.iter().map(|finding| finding.rule.id).collect();
        assert_eq!(found, ["audit.dmarc-watches"]);
        assert_eq!(audited.dmarc.unwrap().0.to_string(), "a.example");
    }

    #[test]
    fn each_fault_of_a_record_is_found() {
        let dmarc = "\n_dmarc.a.example TXT \"v=DMARC1; p=reject; rua=mailto:d@a.example\"\n";
        let eleven: String = (0..11).map(|host| format!("a:h{host}.b.example ")).collect();
        let hosts: String = (0..11).map(|host| format!("\nh{host}.b.example A 192.0.2.{host}")).collect();
        for (zone, rule) in [
            ("a.example TXT \"v=spf1 -all\"\na.example TXT \"v=spf1 ~all\"".to_owned(), "audit.spf-several"),
            ("a.example TXT \"v=spf1 moo -all\"".to_owned(), "audit.spf-broken"),
            (format!("a.example TXT \"v=spf1 {eleven}-all\"{hosts}"), "audit.spf-lookups"),
            ("a.example TXT \"v=spf1 a:x.b.example a:y.b.example a:z.b.example -all\"".to_owned(), "audit.spf-voids"),
            ("a.example TXT \"v=spf1 include:b.example -all\"".to_owned(), "audit.spf-no-record"),
            (
                "a.example TXT \"v=spf1 include:b.example -all\"\nb.example TXT \"v=spf1 include:a.example -all\""
                    .to_owned(),
                "audit.spf-loop",
            ),
            ("a.example TXT \"v=spf1 +all\"".to_owned(), "audit.spf-everybody"),
            ("a.example TXT \"v=spf1 ip4:192.0.2.1\"".to_owned(), "audit.spf-open-end"),
            ("a.example TXT \"v=spf1 ?all\"".to_owned(), "audit.spf-open-end"),
            ("a.example TXT \"v=spf1 ptr -all\"".to_owned(), "audit.spf-ptr"),
            ("a.example TXT \"v=spf1 ip4:10.0.0.0/8 -all\"".to_owned(), "audit.spf-many-addresses"),
        ] {
            assert_eq!(found(&(zone + dmarc)), [rule]);
        }
    }

    #[test]
    fn each_fault_of_a_policy_is_found() {
        let spf = "a.example TXT \"v=spf1 -all\"\n_dmarc.a.example TXT ";
        for (record, rules) in [
            ("\"v=DMARC1; p=none; rua=mailto:d@a.example\"", &["audit.dmarc-watches"] as &[&str]),
            ("\"v=DMARC1; p=reject\"", &["audit.dmarc-no-reports"]),
            ("\"v=DMARC1; p=reject; t=y; rua=mailto:d@a.example\"", &["audit.dmarc-testing"]),
            ("\"v=DMARC1; p=reject; sp=none; rua=mailto:d@a.example\"", &["audit.dmarc-subdomains"]),
            ("\"v=DMARC1; p=rejct; rua=mailto:d@a.example\"", &["audit.dmarc-as-none"]),
            ("\"v=DMARC1; p=rejct\"", &["audit.dmarc-unusable"]),
            (
                "\"v=DMARC1; p=none; rua=mailto:d@a.example\"\n_dmarc.a.example TXT \"v=DMARC1; p=reject\"",
                &["audit.dmarc-several"],
            ),
        ] {
            assert_eq!(found(&format!("{spf}{record}\n")), rules, "{record}");
        }
    }
}
