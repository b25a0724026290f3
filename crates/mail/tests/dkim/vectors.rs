//! The examples of the RFCs

use sekisho_core::zone::Zone;
use sekisho_mail::verdict::DkimResult;

use super::{hear, vector};

/// When the example of RFC 8463 was signed.
const SIGNED: i64 = 1_528_637_909;

/// Reads the zone of the RFCs' keys.
fn zone() -> Zone {
    Zone::parse(std::str::from_utf8(&vector("rfc.zone")).unwrap()).unwrap()
}

/// Returns algorithm, result and reason of each signature of a vector.
fn judged(mail: &[u8]) -> Vec<(String, DkimResult, Option<&'static str>)> {
    let verdicts = hear(mail, &zone(), SIGNED).0.verdicts();
    verdicts
        .into_iter()
        .map(|verdict| (verdict.algorithm.unwrap().into_owned(), verdict.result, verdict.reason))
        .collect()
}

#[test]
fn the_example_of_rfc_6376_verifies() {
    assert_eq!(judged(&vector("rfc6376.eml")), [("rsa-sha256".into(), DkimResult::Pass, None)]);
}

#[test]
fn the_example_of_rfc_8463_verifies_with_both_keys() {
    let expected = [("ed25519-sha256".into(), DkimResult::Pass, None), ("rsa-sha256".into(), DkimResult::Pass, None)];
    assert_eq!(judged(&vector("rfc8463.eml")), expected);
}

#[test]
fn the_examples_say_what_was_changed() {
    let changed = |name: &str, from: &str, to: &str| {
        let mail = String::from_utf8(vector(name)).unwrap();
        assert!(mail.contains(from));
        judged(mail.replacen(from, to, 1).as_bytes()).into_iter().map(|(_, _, reason)| reason).collect::<Vec<_>>()
    };
    assert_eq!(changed("rfc6376.eml", "We lost", "We won"), [Some("body hash differs")]);
    assert_eq!(changed("rfc6376.eml", "dinner", "supper"), [Some("header differs")]);
    assert_eq!(changed("rfc6376.eml", "b=AuUo", "b=BuUo"), [Some("key differs")]);
    assert_eq!(changed("rfc8463.eml", "dinner", "supper"), [Some("header or key differs"), Some("header differs")]);
}
