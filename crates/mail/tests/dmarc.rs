//! DMARC against the worlds of `vectors/dmarc`

use std::collections::BTreeMap;
use std::fmt::Write;

use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Trace};
use sekisho_core::zone::Zone;
use sekisho_mail::dmarc;
use sekisho_mail::verdict::{
    Author, AuthorResult, DkimResult, DkimVerdict, DmarcVerdict, Identity, SpfResult, SpfVerdict,
};
use sekisho_testkit::second_opinion;
use sekisho_testkit::suites::dmarc::{Expectation, Identifier, Mechanism, World, worlds};

#[test]
fn every_world_of_the_walk_ends_as_expected() {
    let mut wrong = String::new();
    let mut judged = 0;
    for World { title, zone, expectations } in worlds() {
        for expectation in expectations {
            judged += 1;
            for fault in differences(&judge(&zone, &expectation), &expectation) {
                writeln!(wrong, "{title}: {}: {fault}", expectation.asked).unwrap();
            }
        }
    }
    assert!(judged >= 80, "only {judged} expectations were found");
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// In which worlds `mail-auth` 0.13.3 concludes otherwise, how often, with which result and disposition, and why we stay with ours.
const OTHERWISE: &[(&str, usize, &str, &str)] = &[
    (
        "an author domain's own record needs no walk (4.10.2)",
        4,
        "temperror none",
        "it walks to the top at once, so that a parent's servers that fail spoil what does not rest on them",
    ),
    ("names without a common end need no walk (4.10.2)", 2, "temperror none", "the same"),
    ("a failing parent spoils only what rests on it (5.3.6)", 2, "temperror none", "the same"),
    (
        "several records at a name are all discarded (4.10, steps 2 and 6)",
        1,
        "fail none",
        "it takes the first record that it can read",
    ),
    ("several records at a name are all discarded (4.10, steps 2 and 6)", 1, "fail reject", "the same"),
    (
        "records that are not of this version are discarded (4.7, v)",
        1,
        "fail reject",
        "it takes a record whose version is written otherwise",
    ),
    (
        "np is for names that do not exist, and NXDOMAIN alone says so (4.7, np)",
        2,
        "fail quarantine",
        "through its cache it cannot be told that a name does not exist",
    ),
    ("np alone falls back to p for names that exist (4.7, np)", 1, "fail quarantine", "the same"),
    (
        "a wrong policy tag means none when reports are wanted (4.10.1)",
        3,
        "none none",
        "it discards the record, although it wants reports",
    ),
];

#[test]
fn every_difference_from_the_second_opinion_is_explained() {
    let mut found = BTreeMap::<(String, String), usize>::new();
    for World { title, zone, expectations } in worlds() {
        for expectation in expectations {
            let (theirs, ours) = (second_opinion::dmarc::ask(&zone, &expectation), judge(&zone, &expectation));
            if (theirs.result, theirs.disposition) != (ours.result.as_str(), ours.disposition.as_str()) {
                let conclusion = format!("{} {}", theirs.result, theirs.disposition);
                *found.entry((title.clone(), conclusion)).or_default() += 1;
            }
        }
    }
    let known = OTHERWISE.iter().map(|(title, times, theirs, _)| (((*title).to_owned(), (*theirs).to_owned()), *times));
    assert_eq!(found, known.collect());
}

/// Judges what the identifiers come to.
fn judge(zone: &Zone, expectation: &Expectation) -> DmarcVerdict {
    let (mut spf, mut dkim) = (None, Vec::new());
    for Identifier { mechanism, passes, domain } in &expectation.identifiers {
        match mechanism {
            Mechanism::Spf => spf = Some(spf_verdict(*passes, domain)),
            Mechanism::Dkim => dkim.push(dkim_verdict(*passes, domain)),
        }
    }
    let author = Author {
        result: AuthorResult::Ok,
        domain: Some(expectation.author.clone()),
        addresses: Vec::new(),
        reason: None,
        flags: Vec::new(),
    };
    let mut trace = Trace::new(Check::Dmarc);
    zone.satisfy(&mut Facts::default(), |facts| dmarc::judge(facts, &author, spf.as_ref(), &dkim, &mut trace))
}

/// Compares a verdict with what is expected.
fn differences(verdict: &DmarcVerdict, expectation: &Expectation) -> Vec<String> {
    let mut faults = Vec::new();
    let mut compare = |what: &str, is: String, wanted: &str| {
        if is != wanted {
            faults.push(format!("{what} is {is}, expected {wanted}"));
        }
    };
    compare("result", verdict.result.to_string(), &expectation.result);
    let or_dash = |name: &Option<DomainName>| name.as_ref().map_or("-".to_owned(), ToString::to_string);
    for (what, wanted) in &expectation.wanted {
        let is = match what.as_str() {
            "aligned" => verdict.aligned.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(","),
            "org" => or_dash(&verdict.organizational_domain),
            "at" => or_dash(&verdict.policy_domain),
            "policy" => verdict.policy.map_or("-".to_owned(), |policy| policy.to_string()),
            "do" => verdict.disposition.to_string(),
            other => panic!("unknown expectation {other}"),
        };
        compare(what, is, wanted);
    }
    faults
}

fn spf_verdict(passes: bool, domain: &DomainName) -> SpfVerdict {
    SpfVerdict {
        result: if passes { SpfResult::Pass } else { SpfResult::Temperror },
        identity: Identity::MailFrom,
        domain: domain.to_string(),
        name: Some(domain.clone()),
        explanation: None,
        lookups: 0,
        void_lookups: 0,
    }
}

fn dkim_verdict(passes: bool, domain: &DomainName) -> DkimVerdict {
    DkimVerdict {
        result: if passes { DkimResult::Pass } else { DkimResult::Temperror },
        domain: Some(domain.clone()),
        selector: Some(DomainName::parse("s").unwrap()),
        algorithm: Some("ed25519-sha256".into()),
        testing: false,
        has_length: false,
        reason: None,
        field: 0,
        gap: None,
    }
}
