//! DKIM: the vectors of the RFCs, a world for every way not to pass, signing and verifying, tampering

use std::path::Path;

use jiff::Timestamp;
use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_mail::body::{BodyHasher, BodyPlan};
use sekisho_mail::dkim::Signatures;
use sekisho_mail::message::Message;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::{DkimResult, DkimVerdict};

/// Judges the signatures of a mail as the hearing does.
fn judge(mail: &[u8], zone: &Zone, now: i64) -> Vec<DkimVerdict> {
    heard(mail, zone, now).verdicts()
}

/// Hears a mail to its end.
fn heard(mail: &[u8], zone: &Zone, now: i64) -> Signatures {
    let message = Message::parse(mail);
    let header = message.header();
    let now = Timestamp::from_second(now).unwrap();
    let author = DomainName::parse("example.org").unwrap();
    let mut signatures = Signatures::find(&header, Some(&author), &Policy::default());
    zone.satisfy(&mut Facts::default(), |facts| signatures.proceed(facts, &header, now));
    let mut plan = BodyPlan::new();
    signatures.plan(&mut plan);
    let mut hasher = BodyHasher::new(&plan);
    message.body().for_each(|piece| hasher.update(&piece));
    signatures.close(&hasher.finish());
    signatures
}

/// Reads one of the vectors.
fn vector(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/dkim").join(name)).unwrap()
}

/// Reads the zone of the RFCs' keys.
fn rfc_zone() -> Zone {
    Zone::parse(std::str::from_utf8(&vector("rfc.zone")).unwrap()).unwrap()
}

#[test]
fn the_example_of_rfc_6376_verifies() {
    let verdicts = judge(&vector("rfc6376.eml"), &rfc_zone(), 1_528_637_909);
    assert_eq!(verdicts.len(), 1);
    assert_eq!((verdicts[0].result, verdicts[0].reason), (DkimResult::Pass, None));
    assert_eq!(verdicts[0].algorithm.as_deref(), Some("rsa-sha256"));
}

#[test]
fn the_example_of_rfc_8463_verifies_with_both_keys() {
    let verdicts = judge(&vector("rfc8463.eml"), &rfc_zone(), 1_528_637_909);
    let results: Vec<_> = verdicts.iter().map(|v| (v.algorithm.as_deref().unwrap(), v.result, v.reason)).collect();
    assert_eq!(results, [("ed25519-sha256", DkimResult::Pass, None), ("rsa-sha256", DkimResult::Pass, None)]);
}
