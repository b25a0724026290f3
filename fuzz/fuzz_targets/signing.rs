//! Any mail, signed: if it can be signed, the signature is valid; and it is not once the mail is another.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_fuzz::{assert_speaks, digests, everywhere, now, satisfy, txt};
use sekisho_mail::body::{BodyPlan, Canonicalization};
use sekisho_mail::dkim::Signatures;
use sekisho_mail::dkim::sign::Signer;
use sekisho_mail::dkim::signing_key::SigningKey;
use sekisho_mail::header::Header;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::{DkimResult, DkimVerdict};

/// A mail and how it is signed.
#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Whether the header is signed as it is.
    simple_header: bool,
    /// Whether the body is.
    simple_body: bool,
    /// For whom.
    identity: Option<&'a str>,
    /// The body.
    body: &'a [u8],
    /// The header.
    header: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let key = SigningKey::from_seed(&[7; 32]).expect("any seed makes a key");
    let record = key.record();
    let mut signer = Signer::new(name("example.org"), name("s"), key);
    let way = |simple| if simple { Canonicalization::Simple } else { Canonicalization::Relaxed };
    (signer.header, signer.body) = (way(input.simple_header), way(input.simple_body));
    signer.identity = input.identity.map(|local| format!("{local}@a.example.org").into());
    let raw = [b"From: a@example.org\r\n", input.header].concat();
    let header = Header::parse(&raw);
    let mut plan = BodyPlan::new();
    signer.plan(&mut plan);
    let field = signer.sign(&header, &digests(&plan, input.body), now()).expect("a mail with From can be signed");

    let signed = [&field, &raw[..]].concat();
    assert_eq!(judge(&signed, input.body, &record).map(|verdict| verdict.result), Some(DkimResult::Pass));
    // One more From on top, and one more word in the body: neither goes unseen.
    let another = [&field, &b"From: b@example.org\r\n"[..], &raw].concat();
    assert_eq!(judge(&another, input.body, &record).map(|verdict| verdict.result), Some(DkimResult::Fail));
    let longer = [input.body, b"!"].concat();
    assert_eq!(judge(&signed, &longer, &record).map(|verdict| verdict.result), Some(DkimResult::Fail));
});

/// Judges the first signature of a mail.
fn judge(raw: &[u8], body: &[u8], record: &str) -> Option<DkimVerdict> {
    let header = Header::parse(raw);
    let mut signatures = Signatures::find(&header, Some(&name("example.org")), &Policy::default());
    let records = vec![txt(record.as_bytes())];
    satisfy(&mut Facts::default(), everywhere(records), |facts| signatures.proceed(facts, &header, now()));
    let mut plan = BodyPlan::new();
    signatures.plan(&mut plan);
    signatures.close(&digests(&plan, body));
    assert_speaks(signatures.steps());
    signatures.verdicts().into_iter().next()
}

/// Returns a name.
fn name(text: &str) -> DomainName {
    DomainName::parse(text).expect("a name of ours")
}
