//! Any octets as the value of a DKIM-Signature field: judged to the end, with the key of RFC 8463 at every name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_core::facts::Facts;
use sekisho_fuzz::{assert_speaks, digests, everywhere, now, satisfy, txt};
use sekisho_mail::body::BodyPlan;
use sekisho_mail::dkim::Signatures;
use sekisho_mail::header::Header;
use sekisho_mail::message::Message;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::DkimResult;

/// The mail of RFC 8463, appendix A, with the signatures that the RFC gives it.
const MAIL: &[u8] = include_bytes!("../../vectors/dkim/rfc8463.eml");
/// Its Ed25519 key.
const KEY: &[u8] = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

fuzz_target!(|data: &[u8]| {
    let message = Message::parse(MAIL);
    let from = message.header().first("From").map_or(0, |from| from.raw.as_ptr().addr());
    let unsigned = &message.raw_header()[from - message.raw_header().as_ptr().addr()..];
    let raw = [b"DKIM-Signature:", data, b"\r\n", unsigned].concat();
    let header = Header::parse(&raw);
    let mut signatures = Signatures::find(&header, None, &Policy::default());
    satisfy(&mut Facts::default(), everywhere(vec![txt(KEY)]), |facts| signatures.proceed(facts, &header, now()));
    let before = signatures.verdicts();
    let mut plan = BodyPlan::new();
    signatures.plan(&mut plan);
    let body: Vec<u8> = message.body().flat_map(|piece| piece.into_owned()).collect();
    signatures.close(&digests(&plan, &body));
    let after = signatures.verdicts();
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        // The body can only take a pass away.
        assert!(before.result == DkimResult::Pass || before == after, "{before:?} became {after:?}");
        assert_eq!(after.result == DkimResult::Pass, after.reason.is_none(), "{after:?}");
        assert!(after.result != DkimResult::Pass || (after.domain.is_some() && after.selector.is_some()));
    }
    assert_speaks(signatures.steps());
});
