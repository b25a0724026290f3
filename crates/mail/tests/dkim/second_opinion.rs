//! What `mail-auth` 0.13.3 says of the same worlds, and why where it differs

use std::collections::BTreeSet;

use sekisho_core::facts::Question;
use sekisho_testkit::second_opinion;

use super::faults::all_cases;
use super::{NOW, hear, name};

/// Our reason, what `mail-auth` says then (`""`: nothing at all), and why we stay with ours.
const DIFFERENCES: &[(Option<&str>, &str, &str)] = &[
    // The same in other words: RFC 8601 §2.7.1 has `neutral` for a syntax error, DESIGN §7 has `permerror` for it.
    (Some("version unknown"), "neutral", "another word for the same"),
    (Some("algorithm unknown"), "neutral", "another word for the same"),
    (Some("canonicalization unknown"), "neutral", "another word for the same"),
    (Some("expiry not after signing"), "neutral", "another word for the same"),
    (Some("sha1 not accepted"), "neutral", "another word for the same"),
    (Some("tag malformed"), "neutral", "a bh= of a wrong length is a hash that differs to it"),
    (Some("body hash differs"), "neutral", "RFC 8601 §2.7.1: a hash that does not match is a fail"),
    (Some("header differs"), "neutral", "it looks at the body first, and the body of that mail differs too"),
    (Some("identity outside domain"), "fail", "RFC 6376 §6.1.1: a permanent error, whatever the hashes"),
    (Some("identity not allowed by key"), "fail", "RFC 6376 §3.6.1: a permanent error, whatever the hashes"),
    (Some("key type differs"), "fail", "RFC 6376 §6.1.2: a permanent error, nothing was hashed"),
    (Some("key too short"), "fail", "RFC 8301 §3.2: not accepted, whether it verifies or not"),
    (Some("key too long"), "fail", "RFC 8301 §3.2: not accepted, whether it verifies or not"),
    (Some("tag missing"), "fail", "without a= it takes RSA for granted"),
    (Some("key malformed"), "fail", "it notices a broken key only when it verifies"),
    (Some("tag malformed"), "fail", "it reads h= and i= leniently and fails later"),
    (Some("signature malformed"), "fail", "it goes on behind a tag without `=`, and swallows the one after it"),
    // It leaves fields out that it cannot read, since that saves it a result.
    (Some("tag missing"), "", "a field without d=, s=, h=, bh= or b= is no signature to it"),
    (Some("tag malformed"), "", "a field whose values are empty or no base64 is no signature to it"),
    // It refuses `l=` as a whole.
    (None, "neutral", "it refuses l= even where all is covered"),
    (Some("content not covered"), "neutral", "it refuses l=, in another word"),
    (Some("length beyond body"), "neutral", "it refuses l=, in another word"),
    // It lets pass what the RFC does not.
    (Some("tag missing"), "pass", "RFC 6376 §3.5: v= is required"),
    (Some("version unknown"), "pass", "RFC 6376 §3.5: v= is compared as text, and 01 is not 1"),
    (Some("tag duplicated"), "pass", "RFC 6376 §3.2: duplicates make the list invalid"),
    (Some("tag malformed"), "pass", "RFC 6376 §3.2, §3.5: no control octets, no space in d=, no empty name in h="),
    (Some("canonicalization unknown"), "pass", "RFC 6376 §3.5: at most one `/`"),
    (Some("query method unknown"), "pass", "RFC 6376 §3.5: unknown query methods are ignored, and none is left"),
    (Some("from not signed"), "pass", "RFC 6376 §6.1.1: From must be signed"),
    (Some("signature expired"), "pass", "it reads the machine's clock, which is not there yet"),
    (Some("signed in the future"), "pass", "RFC 6376 §3.5 leaves this to the verifier"),
    (Some("key malformed"), "pass", "RFC 6376 §3.2, §3.6.1: no duplicates, and v= comes first"),
    (Some("hash not allowed by key"), "pass", "RFC 6376 §6.1.2: the key's h= must list the hash"),
    (Some("key not for email"), "pass", "RFC 6376 §3.6.1: the key's s= must list email or *"),
];

#[test]
fn every_difference_from_the_second_opinion_is_explained() {
    let mut used = BTreeSet::new();
    for (mail, zone, result, reason) in all_cases() {
        let (_, mut facts) = hear(&mail, &zone, NOW);
        for selector in ["ed", "rsa"] {
            let question = Question::txt(name(&format!("{selector}._domainkey.example.org")));
            facts.insert(question.clone(), zone.answer(&question).into());
        }
        let theirs = second_opinion::dkim::ask(&mail, &facts).join(" ");
        if theirs != result.as_str() {
            let row = DIFFERENCES.iter().position(|row| row.0 == reason && row.1 == theirs);
            let mail = String::from_utf8_lossy(&mail);
            used.insert(row.unwrap_or_else(|| panic!("{reason:?}, but they say `{theirs}`: {mail}")));
        }
    }
    let idle: Vec<_> = (0..DIFFERENCES.len()).filter(|row| !used.contains(row)).map(|row| DIFFERENCES[row]).collect();
    assert!(idle.is_empty(), "explained, but no difference: {idle:?}");
}
