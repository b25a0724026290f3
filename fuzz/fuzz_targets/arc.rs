//! Any octets as a header with ARC fields: judged to the end, and sealed once more where that is allowed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_core::facts::{Facts, Record};
use sekisho_core::name::DomainName;
use sekisho_fuzz::{assert_speaks, digests, everywhere, now, satisfy, txt};
use sekisho_mail::arc::Chain;
use sekisho_mail::arc::seal::{Sealer, merge_results};
use sekisho_mail::body::BodyPlan;
use sekisho_mail::dkim::signing_key::SigningKey;
use sekisho_mail::header::Header;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::{ArcResult, ArcVerdict};

/// The body of every mail.
const BODY: &[u8] = b"Hi.\r\n";

fuzz_target!(|data: &[u8]| {
    let key = SigningKey::from_seed(&[7; 32]).expect("any seed makes a key");
    let name = DomainName::parse("sealer.example").expect("a name of ours");
    let records = vec![txt(key.record().as_bytes())];
    let header = Header::parse(data);
    let (chain, verdict) = judge(&header, records.clone());
    let _ = chain.vouches_for(&name, &Policy { trusted_sealers: vec![name.clone()], ..Policy::default() });
    let _ = merge_results(&header, "mx.example.org");
    let Some(status) = chain.status() else { return };
    // What goes on top of a line that continues another would be continued by it.
    if data.starts_with(b" ") || data.starts_with(b"\t") {
        return;
    }
    let sealer = Sealer::new(name.clone(), name, key);
    let mut plan = BodyPlan::new();
    sealer.plan(&mut plan);
    let Ok(Some(seal)) =
        sealer.seal(&header, &chain, status, b"mx.example.org; spf=pass", &digests(&plan, BODY), now())
    else {
        return;
    };
    let raw = [&seal, data].concat();
    let (_, sealed) = judge(&Header::parse(&raw), records);
    match verdict.result {
        ArcResult::Fail => assert_eq!(sealed.result, ArcResult::Fail, "sealing mended a broken chain"),
        ArcResult::None | ArcResult::Pass => {
            assert_eq!((sealed.result, sealed.instances), (ArcResult::Pass, verdict.instances + 1), "{sealed:?}");
        }
    }
});

/// Judges the chain of a header; whole chains have a sealer for each instance, broken ones a reason.
fn judge(header: &Header<'_>, records: Vec<Record>) -> (Chain, ArcVerdict) {
    let mut chain = Chain::find(header);
    satisfy(&mut Facts::default(), everywhere(records), |facts| chain.proceed(facts, header, now()));
    let mut plan = BodyPlan::new();
    chain.plan(&mut plan);
    chain.close(&digests(&plan, BODY));
    let verdict = chain.verdict();
    assert_eq!(verdict.result == ArcResult::Fail, verdict.reason.is_some(), "{verdict:?}");
    assert!(verdict.result != ArcResult::None || verdict.instances == 0, "{verdict:?}");
    assert!(verdict.result != ArcResult::Pass || verdict.sealers.len() == verdict.instances as usize, "{verdict:?}");
    assert_speaks(chain.steps());
    (chain, verdict)
}
