//! The official SPF suites: every case of RFC 7208, and those of RFC 4408 that the newer RFC left standing

use jiff::Timestamp;
use sekisho_core::facts::Facts;
use sekisho_core::step::{Check, Trace};
use sekisho_core::zone::Zone;
use sekisho_mail::policy::Policy;
use sekisho_mail::spf::{Request, judge};
use sekisho_mail::verdict::{Identity, SpfVerdict};
use sekisho_testkit::suites;
use sekisho_testkit::suites::spf::{Scenario, Test, load};

/// The cases of RFC 4408's suite that RFC 7208 decides otherwise, each with the reason.
const CHANGED: &[(&str, &str)] = &[];

#[test]
fn every_case_of_rfc_7208_holds() {
    let Some(path) = suites::find("spf/rfc7208-tests.yml") else { return };
    let scenarios = load(&path);
    let failed = failures(&scenarios);
    assert_eq!(scenarios.iter().map(|scenario| scenario.tests.len()).sum::<usize>(), 203);
    assert!(failed.is_empty(), "{} of 203 fail:\n{}", failed.len(), texts(&failed));
}

#[test]
fn every_case_of_rfc_4408_holds_but_for_those_that_rfc_7208_changed() {
    let Some(path) = suites::find("spf/rfc4408-tests.yml") else { return };
    let failed = failures(&load(&path));
    let names: Vec<&str> = failed.iter().map(|(name, _)| name.as_str()).collect();
    let changed: Vec<&str> = CHANGED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, changed, "{}", texts(&failed));
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
