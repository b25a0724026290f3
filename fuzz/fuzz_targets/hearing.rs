//! Any mail in any world, from the envelope to the verdict: the rounds end, the steps speak, a replay says the same.
//!
//! The first three lines are the client's address, HELO and MAIL FROM; a line may be `-` for what was not said. What
//! follows up to a line `%%` is the world, the rest the mail.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_fuzz::{assert_speaks, digests, now, satisfy, take_line, zone};
use sekisho_mail::authentication_results::{AuthenticationResults, forged};
use sekisho_mail::envelope::Envelope;
use sekisho_mail::header::Header;
use sekisho_mail::hearing::Hearing;
use sekisho_mail::message::Message;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::{Action, AuthorResult, DmarcResult, Ground, Verdict};

/// The most questions that one mail may cost: two SPF identities, ten signatures, ARC's keys, and the walks.
const QUESTIONS_MAX: usize = 2 * 111 + 10 + 51 + 12 * 8;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let envelope = envelope(&mut data);
    let mut world = Vec::new();
    while !data.is_empty() {
        let line = take_line(&mut data);
        if line == b"%%" {
            break;
        }
        world.extend_from_slice(&[line, b"\n"].concat());
    }
    let zone = zone(&world);
    let message = Message::parse(data);
    let header = message.header();
    let body: Vec<u8> = message.body().flat_map(|piece| piece.into_owned()).collect();

    let mut facts = Facts::default();
    let verdict = hear(&envelope, &header, &body, &mut facts, &zone);
    assert!(facts.len() <= QUESTIONS_MAX, "{} questions", facts.len());
    assert_speaks(&verdict.steps);
    assert_sound(&verdict);
    assert_told(&verdict, &header, &envelope);
    // A replay over the facts, in a world that has forgotten everything, judges bit for bit alike.
    let known = facts.len();
    assert_eq!(hear(&envelope, &header, &body, &mut facts, &Zone::default()), verdict);
    assert_eq!(facts.len(), known, "a replay asked for more");
});

/// Reads what was said before the mail.
fn envelope(data: &mut &[u8]) -> Envelope {
    let client = take_line(data);
    let mut said = || Some(take_line(data)).filter(|line| line != b"-").map(Box::from);
    let (helo, mail_from) = (said(), said());
    Envelope { client_ip: str::from_utf8(client).ok().and_then(|text| text.trim().parse().ok()), helo, mail_from }
}

/// Judges a mail to the end.
fn hear(envelope: &Envelope, header: &Header<'_>, body: &[u8], facts: &mut Facts, zone: &Zone) -> Verdict {
    let trusted_sealers = DomainName::parse("sealer.example").into_iter().collect();
    let policy = Arc::new(Policy { trusted_sealers, ..Policy::default() });
    let mut hearing = Hearing::open(envelope.clone(), policy);
    satisfy(facts, |question| zone.answer(question), |facts| hearing.proceed(facts, header, now()));
    hearing.close(&digests(&hearing.body_plan(), body));
    satisfy(facts, |question| zone.answer(question), |facts| hearing.verdict(facts, header, now()))
}

/// What is decided has its grounds, and nobody without an author passes.
fn assert_sound(verdict: &Verdict) {
    match verdict.author.result {
        AuthorResult::Ok => assert!(verdict.dmarc.result != DmarcResult::Permerror, "{verdict:?}"),
        _ => assert_eq!((verdict.action, verdict.dmarc.result), (Action::Reject, DmarcResult::Permerror)),
    }
    match verdict.action {
        Action::Accept => assert!(verdict.grounds.iter().all(|ground| *ground == Ground::ArcOverride)),
        _ => assert!(!verdict.grounds.is_empty()),
    }
    assert_eq!(verdict.arc.overrides, verdict.grounds.contains(&Ground::ArcOverride));
}

/// The field that tells others is one field, is read back, and is known as ours.
fn assert_told(verdict: &Verdict, header: &Header<'_>, envelope: &Envelope) {
    let told = AuthenticationResults::of(verdict, header, envelope.client_ip, "mx.example.org").to_field() + "\r\n";
    let told = Header::parse(told.as_bytes());
    assert_eq!(told.fields().len(), 1);
    let read = AuthenticationResults::parse(told.fields()[0].value()).expect("our own field can be read");
    assert!(read.results.len() >= verdict.dkim.len() + 2);
    assert_eq!(forged(&told, "mx.example.org"), [0]);
}
