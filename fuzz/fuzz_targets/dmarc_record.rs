//! Any octets as DMARC records along a walk: each is read, and the whole judge comes to an end.
//!
//! The lines are the records of a.b.example.org, b.example.org, example.org and org, in turn.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Trace};
use sekisho_core::zone::Zone;
use sekisho_fuzz::{assert_speaks, satisfy, take_line, txt};
use sekisho_mail::author;
use sekisho_mail::dmarc::judge;
use sekisho_mail::dmarc::record::{Record, Standing};
use sekisho_mail::header::Header;
use sekisho_mail::verdict::{Disposition, DkimResult, DkimVerdict, DmarcResult};

/// The most questions that one mail with two identifiers may cost (RFC 9989 §4.10).
const QUESTIONS_MAX: usize = 24;

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let mut zone = Zone::default();
    for name in ["a.b.example.org", "b.example.org", "example.org", "org"].into_iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let text = take_line(&mut rest);
        read(text);
        let name = DomainName::parse(["_dmarc.", name].concat()).expect("a name of ours");
        zone.add(name, txt(text));
    }
    let (author, _) = author::judge(&Header::parse(b"From: x@a.b.example.org\r\n"));
    let mut facts = Facts::default();
    let mut trace = Trace::new(Check::Dmarc);
    let signature = passed("c.example.org");
    let verdict = satisfy(
        &mut facts,
        |question| zone.answer(question),
        |facts| judge(facts, &author, None, std::slice::from_ref(&signature), &mut trace),
    );
    assert!(facts.len() <= QUESTIONS_MAX, "{} questions", facts.len());
    assert_eq!(verdict.result == DmarcResult::Pass, !verdict.aligned.is_empty(), "{verdict:?}");
    assert!(verdict.result == DmarcResult::Fail || verdict.disposition == Disposition::None, "{verdict:?}");
    assert_speaks(trace.steps());
});

/// Reads one record; what it asks for stands in it.
fn read(text: &[u8]) {
    let Some(record) = Record::parse(text) else { return };
    assert_eq!(&*record.text, text);
    for policy in [record.own_policy().1, record.subdomain_policy(true).1, record.subdomain_policy(false).1] {
        assert!(policy == Disposition::None || record.standing == Standing::AsWritten);
        assert!(record.lowered(policy) <= policy);
    }
    assert!(!matches!(record.standing, Standing::AsNone(_)) || !record.rua.is_empty());
}

/// Returns the verdict on a valid signature of a domain.
fn passed(domain: &str) -> DkimVerdict {
    DkimVerdict {
        result: DkimResult::Pass,
        domain: DomainName::parse(domain).ok(),
        selector: DomainName::parse("s").ok(),
        algorithm: Some("ed25519-sha256".into()),
        testing: false,
        has_length: false,
        gap: None,
        reason: None,
        field: 0,
    }
}
