//! The official SPF suites through the whole command: odd octets in argv, questions over the loopback, JSON

use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::suites;
use sekisho_testkit::suites::spf::{CHANGED, Scenario, Test, load};
use serde_json::Value;

use crate::whole::{Check, side_by_side, wrong_facts};

/// A mail that is there to be judged with its envelope.
const MAIL: &str = "From: <author@unrelated.test>\r\nSubject: x\r\n\r\nx\r\n";

/// What its author domain says, so that DMARC has nothing to ask once SPF has used up the time.
const AUTHOR: &str = "_dmarc.unrelated.test TXT \"v=DMARC1; p=none\"";

/// How long one verdict waits: longer than any answer that comes, shorter than the three tries for one that does not.
const TIMEOUT: &str = "3";

#[test]
fn every_case_of_rfc_7208_holds_in_the_command() {
    let Some(path) = suites::find("spf/rfc7208-tests.yml") else { return };
    let results = judge_all(load(&path));
    let wrong: Vec<&str> = results.iter().filter_map(|result| result.wrong.as_deref()).collect();
    assert!(wrong.is_empty(), "{} of {} fail:\n{}", wrong.len(), results.len(), wrong.join("\n"));
    assert_eq!(results.len(), 203);
}

#[test]
fn every_case_of_rfc_4408_holds_in_the_command_and_those_that_rfc_7208_changed_are_named() {
    let Some(path) = suites::find("spf/rfc4408-tests.yml") else { return };
    let results = judge_all(load(&path));
    let wrong: Vec<&str> = results.iter().filter_map(|result| result.wrong.as_deref()).collect();
    assert!(wrong.is_empty(), "{} of {} fail:\n{}", wrong.len(), results.len(), wrong.join("\n"));
    assert_eq!(results.len(), 191);
    let others = results.iter().filter(|result| !result.preferred);
    let others: Vec<_> = others.map(|result| (result.name.as_str(), result.ours.as_str())).collect();
    assert_eq!(others, CHANGED.iter().map(|(name, ours, _)| (*name, *ours)).collect::<Vec<_>>());
}

/// What became of one case.
struct Outcome {
    /// Its name in the suite.
    name: String,
    /// Our result.
    ours: String,
    /// Whether that is the result that the suite prefers.
    preferred: bool,
    /// What is not as the suite says.
    wrong: Option<String>,
}

/// Judges every test of a suite, each scenario with a server of its own.
fn judge_all(mut scenarios: Vec<Scenario>) -> Vec<Outcome> {
    scenarios.iter_mut().for_each(|scenario| scenario.zone.parse_line(AUTHOR).unwrap());
    let servers: Vec<DnsServer> = scenarios.iter().map(|scenario| DnsServer::start(scenario.zone.clone())).collect();
    let tests: Vec<(&Scenario, &DnsServer, &Test)> = scenarios
        .iter()
        .zip(&servers)
        .flat_map(|(scenario, server)| scenario.tests.iter().map(move |test| (scenario, server, test)))
        .collect();
    side_by_side(&tests, |(scenario, server, test)| judge(scenario, server, test))
}

/// Judges one test and compares.
fn judge(scenario: &Scenario, server: &DnsServer, test: &Test) -> Outcome {
    let json = Check::mail(MAIL)
        .dns(server)
        .and("--timeout", TIMEOUT)
        .envelope(&test.host.to_string(), test.helo.as_slice(), test.mail_from.as_slice())
        .judge();
    let ours = json["spf"]["result"].as_str().unwrap_or("null").to_owned();
    let mut wrong = wrong_facts(&json, &scenario.zone);
    wrong.extend(differences(&json["spf"], "mailfrom", test));
    if test.mail_from.is_empty() {
        // RFC 7208 §2.3, §2.4: the null path is judged by postmaster@HELO, which is the HELO identity.
        wrong.extend(differences(&json["spf_helo"], "helo", test));
    }
    let steps = json["steps"].as_array().unwrap();
    if !steps.iter().any(|step| step["check"] == "spf" && step["result"] == json["spf"]["result"]) {
        wrong.push(format!("no step of spf concludes {ours}"));
    }
    if let Some(step) = steps.iter().find(|step| step["says"].as_str().is_none_or(str::is_empty)) {
        wrong.push(format!("a step says nothing: {step}"));
    }
    let wrong = (!wrong.is_empty())
        .then(|| format!("{} / {} (§{}): {}", scenario.name, test.name, test.spec, wrong.join("; ")));
    Outcome { name: test.name.clone(), preferred: test.results.first() == Some(&ours), ours, wrong }
}

/// Names what is not as the test says.
fn differences(spf: &Value, identity: &str, test: &Test) -> Vec<String> {
    let mut wrong = Vec::new();
    if spf["identity"] != identity {
        wrong.push(format!("identity is {}, expected {identity}", spf["identity"]));
    }
    if !test.results.iter().any(|right| spf["result"] == right.as_str()) {
        wrong.push(format!("{identity} is {}, expected {:?}", spf["result"], test.results));
    }
    if !test.explanation.allows(spf["explanation"].as_str()) {
        wrong.push(format!("{identity} explains {}, expected {:?}", spf["explanation"], test.explanation));
    }
    wrong
}
