//! The official SPF suites: every case of RFC 7208, and those of RFC 4408 that the newer RFC left standing

use jiff::Timestamp;
use sekisho_core::facts::Facts;
use sekisho_core::step::{Check, Trace};
use sekisho_core::zone::Zone;
use sekisho_mail::policy::Policy;
use sekisho_mail::spf::{Request, judge};
use sekisho_mail::verdict::{Identity, SpfVerdict};
use sekisho_testkit::suites::spf::{CHANGED, Scenario, Test, load};
use sekisho_testkit::{second_opinion, suites};

use crate::spf_worlds;

/// The cases on which `mail-auth` 0.13.3 is of another opinion than the suite: its opinion, and why.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("emptylabel", "permerror", "a name with an empty label is a permerror to it, not `none`"),
    ("nolocalpart", "", "an empty local part stays empty instead of `postmaster`"),
    ("non-ascii-policy", "fail", "octets beyond ASCII are accepted"),
    ("non-ascii-mech", "fail", "octets beyond ASCII are accepted"),
    ("control-char-policy", "pass", "a control character divides terms, too"),
    ("badip4", "pass", "a control character divides terms, too"),
    ("multitxt1", "fail", "the first record that it can read counts; others are not seen"),
    ("multitxt2", "fail", "the first record that it can read counts; others are not seen"),
    ("modifier-charset-good", "permerror", "hyphens, underscores and dots in a modifier's name are refused"),
    ("redirect-after-mechanisms2", "permerror", "hyphens, underscores and dots in a modifier's name are refused"),
    ("invalid-domain", "fail", "the top-level label of a domain-spec is not checked"),
    (
        "invalid-domain-empty-label",
        "temperror",
        "a name that cannot be asked for is a temperror to it, not a non-match",
    ),
    ("invalid-domain-long", "temperror", "a name that cannot be asked for is a temperror to it, not a non-match"),
    (
        "invalid-domain-long-via-macro",
        "temperror",
        "a name that cannot be asked for is a temperror to it, not a non-match",
    ),
    ("ptr-match-implicit", "fail", "compares the PTR name with its last dot and the domain without"),
    ("ptr-match-ip6", "fail", "compares the PTR name with its last dot and the domain without"),
    ("a-bad-cidr4", "fail", "a prefix length that is none is accepted"),
    ("a-bad-cidr6", "fail", "a prefix length that is none is accepted"),
    ("a-dual-cidr-ip4-err", "pass", "a prefix length that is none is accepted"),
    ("a-bad-domain", "neutral", "the top-level label of a domain-spec is not checked"),
    ("a-cidr6-0-ip4mapped", "pass", "an IPv4-mapped client is compared with IPv6 networks"),
    ("a-null", "neutral", "the top-level label of a domain-spec is not checked"),
    ("a-numeric", "neutral", "the top-level label of a domain-spec is not checked"),
    ("a-numeric-toplabel", "neutral", "the top-level label of a domain-spec is not checked"),
    ("a-bad-toplabel", "neutral", "the top-level label of a domain-spec is not checked"),
    ("a-only-toplabel", "neutral", "the top-level label of a domain-spec is not checked"),
    ("a-only-toplabel-trailing-dot", "neutral", "the top-level label of a domain-spec is not checked"),
    ("a-colon-domain", "permerror", "a colon or a slash inside a domain-spec is refused"),
    ("a-colon-domain-ip4mapped", "permerror", "a colon or a slash inside a domain-spec is refused"),
    ("mx-bad-cidr4", "fail", "a prefix length that is none is accepted"),
    ("mx-bad-cidr6", "fail", "a prefix length that is none is accepted"),
    ("mx-bad-domain", "neutral", "the top-level label of a domain-spec is not checked"),
    ("mx-cidr6-0-ip4mapped", "pass", "an IPv4-mapped client is compared with IPv6 networks"),
    ("mx-null", "neutral", "the top-level label of a domain-spec is not checked"),
    ("mx-numeric-top-label", "neutral", "the top-level label of a domain-spec is not checked"),
    ("mx-colon-domain", "permerror", "a colon or a slash inside a domain-spec is refused"),
    ("mx-colon-domain-ip4mapped", "permerror", "a colon or a slash inside a domain-spec is refused"),
    ("mx-bad-toplab", "neutral", "the top-level label of a domain-spec is not checked"),
    ("exists-ip6only", "pass", "IPv6 addresses count for `exists`, too"),
    ("cidr4-33", "pass", "a prefix length that is none is accepted"),
    ("cidr4-032", "pass", "a prefix length that is none is accepted"),
    ("cidr6-0-ip4", "pass", "an IPv4 client is compared with IPv6 networks"),
    ("cidr6-ip4", "pass", "an IPv4-mapped client is compared with IPv6 networks"),
    ("cidr6-129", "neutral", "a prefix length that is none is accepted"),
    ("redirect-syntax-error", "neutral", "the top-level label of a domain-spec is not checked"),
    ("invalid-modifier", "neutral", "what is no modifier is skipped, not refused"),
    ("empty-modifier-name", "neutral", "what is no modifier is skipped, not refused"),
    (
        "exp-multiple-txt",
        "Answer a fool according to his folly.",
        "the first record that it can read counts; others are not seen",
    ),
    ("exp-syntax-error", "neutral", "the top-level label of a domain-spec is not checked"),
    ("non-ascii-exp", "\u{feff}Explanation", "octets beyond ASCII are accepted"),
    ("two-exp-records", "one", "the first record that it can read counts; others are not seen"),
    ("domain-name-truncation", "", "a name that is too long is not cut"),
    (
        "v-macro-ip6",
        "cafe:babe::1 is queried as 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.e.b.a.b.e.f.a.c.ip6.arpa",
        "the same, but for the case of hexadecimal digits",
    ),
    ("p-macro-ip4-novalid", "connect from ", "`%{p}` in an explanation is never looked up"),
    ("p-macro-ip4-valid", "connect from ", "`%{p}` in an explanation is never looked up"),
    ("p-macro-ip6-novalid", "connect from ", "`%{p}` in an explanation is never looked up"),
    ("p-macro-ip6-valid", "connect from ", "`%{p}` in an explanation is never looked up"),
    ("p-macro-multiple", "temperror", "`%{p}` ends in a dot, so the name has an empty label and cannot be asked for"),
    (
        "upper-macro",
        "http://example.com/why.html?l=~jack%26jill%3dup-a_b3.c",
        "the same, but for the case of hexadecimal digits",
    ),
    ("void-over-limit", "neutral", "lookups that find nothing are not limited"),
];

#[test]
fn every_case_of_rfc_7208_holds() {
    let Some(path) = suites::find("spf/rfc7208-tests.yml") else { return };
    let scenarios = load(&path);
    let failed = failures(&scenarios);
    assert_eq!(scenarios.iter().map(|scenario| scenario.tests.len()).sum::<usize>(), 203);
    assert!(failed.is_empty(), "{} of 203 fail:\n{}", failed.len(), texts(&failed));
}

#[test]
fn every_case_of_rfc_4408_holds_and_those_that_rfc_7208_changed_are_named() {
    let Some(path) = suites::find("spf/rfc4408-tests.yml") else { return };
    let scenarios = load(&path);
    let failed = failures(&scenarios);
    assert!(failed.is_empty(), "{}", texts(&failed));
    let tests = scenarios.iter().flat_map(|scenario| scenario.tests.iter().map(|test| (&scenario.zone, test)));
    assert_eq!(tests.clone().count(), 191);
    let mut others = Vec::new();
    for (zone, test) in tests {
        let ours = verdict(zone, test).0.result.as_str();
        if test.results.first().is_none_or(|preferred| preferred != ours) {
            others.push((test.name.as_str(), ours));
        }
    }
    assert_eq!(others, CHANGED.iter().map(|(name, ours, _)| (*name, *ours)).collect::<Vec<_>>());
}

#[test]
fn the_second_opinion_differs_where_it_is_known_to() {
    let Some(path) = suites::find("spf/rfc7208-tests.yml") else { return };
    let mut others = Vec::new();
    for scenario in load(&path) {
        for test in &scenario.tests {
            let opinion = second_opinion::spf::ask(&scenario.zone, test);
            let allowed = test.results.iter().any(|right| right == opinion.result);
            if !allowed {
                others.push((test.name.clone(), opinion.result.to_owned()));
            } else if !test.explanation.allows(opinion.explanation.as_deref()) {
                others.push((test.name.clone(), opinion.explanation.unwrap_or_default()));
            }
        }
    }
    let known: Vec<_> = OTHERWISE.iter().map(|(name, other, _)| ((*name).to_owned(), (*other).to_owned())).collect();
    assert_eq!(others, known);
}

/// Judges one test in its world.
fn verdict(zone: &Zone, test: &Test) -> (SpfVerdict, Trace) {
    let request = Request {
        identity: Identity::MailFrom,
        client_ip: test.host,
        helo: &test.helo,
        mail_from: &test.mail_from,
        receiver: None,
    };
    let mut trace = Trace::new(Check::Spf);
    let mut facts = Facts::default();
    let now = Timestamp::UNIX_EPOCH;
    let verdict = zone.satisfy(&mut facts, |facts| judge(facts, &request, &Policy::default(), now, &mut trace));
    (verdict, trace)
}

/// Returns the tests that do not hold, with what was concluded instead.
fn failures(scenarios: &[Scenario]) -> Vec<(String, String)> {
    let mut failed = Vec::new();
    for scenario in scenarios {
        for test in &scenario.tests {
            let (verdict, trace) = verdict(&scenario.zone, test);
            spf_worlds::assert_speaks(&trace);
            let explanation = verdict.explanation.as_deref();
            let result = verdict.result.as_str();
            if !test.results.iter().any(|right| right == result) || !test.explanation.allows(explanation) {
                let rules: Vec<&str> = trace.steps().iter().map(|step| step.rule.id).collect();
                let text = format!(
                    "{} / {} (§{}): {result} {explanation:?} instead of {:?} {:?}: {rules:?}",
                    scenario.name, test.name, test.spec, test.results, test.explanation
                );
                failed.push((test.name.clone(), text));
            }
        }
    }
    failed
}

/// Returns failures one a line.
fn texts(failed: &[(String, String)]) -> String {
    failed.iter().map(|(_, text)| format!("{text}\n")).collect()
}
