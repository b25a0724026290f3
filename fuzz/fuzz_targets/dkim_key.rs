//! Any octets as key records: whatever they hold, a signature that nobody made never passes.
//!
//! Each line is one TXT record; all of them are at every name. Mail and signatures are fixed, so only the key varies.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_core::facts::{Facts, Record};
use sekisho_fuzz::{assert_speaks, digests, everywhere, now, satisfy, txt};
use sekisho_mail::body::BodyPlan;
use sekisho_mail::dkim::Signatures;
use sekisho_mail::header::Header;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::DkimResult;

/// A mail with a signature of each kind; `b=` is the hash of nothing, three times over.
const MAIL: &[u8] = b"From: a@example.org\r\n\
    DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=ed; h=From;\r\n\
    \tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\
    \tb=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFXjsMRCmPwcFJr79MiZb7kkJ65B5GSbk0yklZkbeFK4VQ==\r\n\
    DKIM-Signature: v=1; a=rsa-sha256; c=simple/relaxed; d=example.org; s=rsa; i=b@a.example.org; h=From;\r\n\
    \tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\
    \tb=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFXjsMRCmPwcFJr79MiZb7kkJ65B5GSbk0yklZkbeFK4VeOwxEKY/BwUmvv0yJlv\r\n\
    \tuSQnrkHkZJuTTKSVmRt4UrhV47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n";

fuzz_target!(|data: &[u8]| {
    let records: Vec<Record> = data.split(|&b| b == b'\n').map(txt).collect();
    let header = Header::parse(MAIL);
    let mut signatures = Signatures::find(&header, None, &Policy::default());
    satisfy(&mut Facts::default(), everywhere(records), |facts| signatures.proceed(facts, &header, now()));
    let mut plan = BodyPlan::new();
    signatures.plan(&mut plan);
    signatures.close(&digests(&plan, b""));
    let verdicts = signatures.verdicts();
    assert_eq!(verdicts.len(), 2);
    for verdict in verdicts {
        assert!(verdict.reason.is_some() && verdict.result != DkimResult::Pass, "{verdict:?}");
    }
    assert_speaks(signatures.steps());
});
