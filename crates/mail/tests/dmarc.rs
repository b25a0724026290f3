//! DMARC against the worlds of `vectors/dmarc`

use std::fmt::Write;

use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Trace};
use sekisho_core::zone::Zone;
use sekisho_mail::dmarc;
use sekisho_mail::verdict::{
    Author, AuthorResult, DkimResult, DkimVerdict, DmarcVerdict, Identity, SpfResult, SpfVerdict,
};

/// The worlds, one after the other.
const WORLDS: &str = include_str!("../../../vectors/dmarc/walk.worlds");

#[test]
fn every_world_of_the_walk_ends_as_expected() {
    let mut wrong = String::new();
    let mut judged = 0;
    for world in WORLDS.split("\n== ").skip(1) {
        let (title, body) = world.split_once('\n').unwrap();
        let (expectations, zone): (Vec<&str>, Vec<&str>) = body.lines().partition(|line| line.starts_with("expect "));
        let zone = Zone::parse(&zone.join("\n")).unwrap_or_else(|why| panic!("{title}: {why}"));
        for line in expectations {
            judged += 1;
            let (asked, expected) = line["expect ".len()..].split_once(" = ").unwrap();
            let verdict = judge(&zone, asked);
            for fault in differences(&verdict, expected) {
                writeln!(wrong, "{title}: {asked}: {fault}").unwrap();
            }
        }
    }
    assert!(judged >= 80, "only {judged} expectations were found");
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Judges `AUTHOR [spf[?] DOMAIN] [dkim[?] DOMAIN]…`.
fn judge(zone: &Zone, asked: &str) -> DmarcVerdict {
    let mut words = asked.split_whitespace();
    let domain = name(words.next().unwrap());
    let (mut spf, mut dkim) = (None, Vec::new());
    while let (Some(mechanism), Some(domain)) = (words.next(), words.next()) {
        match mechanism {
            "spf" => spf = Some(spf_verdict(SpfResult::Pass, domain)),
            "spf?" => spf = Some(spf_verdict(SpfResult::Temperror, domain)),
            "dkim" => dkim.push(dkim_verdict(DkimResult::Pass, domain)),
            "dkim?" => dkim.push(dkim_verdict(DkimResult::Temperror, domain)),
            other => panic!("unknown mechanism {other}"),
        }
    }
    let author = Author {
        result: AuthorResult::Ok,
        domain: Some(domain),
        addresses: Vec::new(),
        reason: None,
        flags: Vec::new(),
    };
    let mut trace = Trace::new(Check::Dmarc);
    zone.satisfy(&mut Facts::default(), |facts| dmarc::judge(facts, &author, spf.as_ref(), &dkim, &mut trace))
}

/// Compares a verdict with `RESULT [aligned …] [org …] [at …] [policy …] [do …]`.
fn differences(verdict: &DmarcVerdict, expected: &str) -> Vec<String> {
    let mut words = expected.split_whitespace();
    let mut faults = Vec::new();
    let mut compare = |what: &str, is: String, wanted: &str| {
        if is != wanted {
            faults.push(format!("{what} is {is}, expected {wanted}"));
        }
    };
    compare("result", verdict.result.to_string(), words.next().unwrap());
    let or_dash = |name: &Option<DomainName>| name.as_ref().map_or("-".to_owned(), ToString::to_string);
    while let (Some(what), Some(wanted)) = (words.next(), words.next()) {
        let is = match what {
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

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn spf_verdict(result: SpfResult, domain: &str) -> SpfVerdict {
    SpfVerdict {
        result,
        identity: Identity::MailFrom,
        domain: domain.to_owned(),
        name: Some(name(domain)),
        explanation: None,
        lookups: 0,
        void_lookups: 0,
    }
}

fn dkim_verdict(result: DkimResult, domain: &str) -> DkimVerdict {
    DkimVerdict {
        result,
        domain: Some(name(domain)),
        selector: Some(name("s")),
        algorithm: Some("ed25519-sha256".to_owned()),
        testing: false,
        reason: None,
        field: 0,
    }
}
