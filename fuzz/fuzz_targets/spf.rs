//! A client, a sender and a HELO of any octets in a world of any records: SPF comes to an end within its limits.
//!
//! The first line is the client's address, the second HELO, the third MAIL FROM; the others are the world.

#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use sekisho_core::facts::Facts;
use sekisho_core::step::{Check, Trace};
use sekisho_fuzz::{assert_speaks, now, satisfy, take_line, zone};
use sekisho_mail::policy::Policy;
use sekisho_mail::spf::{Request, judge};
use sekisho_mail::verdict::{Identity, SpfResult};

/// The most questions that one identity may cost (RFC 7208 §4.6.4, §11.1).
const QUESTIONS_MAX: usize = 111;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let client_ip = client(take_line(&mut data));
    let (helo, mail_from) = (take_line(&mut data), take_line(&mut data));
    let zone = zone(data);
    for identity in [Identity::MailFrom, Identity::Helo] {
        let request = Request { identity, client_ip, helo, mail_from, receiver: None };
        let policy = Policy::default();
        let mut facts = Facts::default();
        let mut trace = Trace::new(Check::Spf);
        let answer = |question: &_| zone.answer(question);
        let verdict = satisfy(&mut facts, answer, |facts| judge(facts, &request, &policy, now(), &mut trace));
        assert!(facts.len() <= QUESTIONS_MAX, "{} questions", facts.len());
        assert!(verdict.lookups <= policy.spf_lookups, "{} lookups", verdict.lookups);
        assert!(verdict.void_lookups <= policy.spf_void_lookups + 1, "{} void lookups", verdict.void_lookups);
        assert!(verdict.explanation.is_none() || verdict.result == SpfResult::Fail);
        assert_speaks(trace.steps());
        // Told everything at once, it says the same.
        let mut again = Trace::new(Check::Spf);
        assert_eq!(judge(&facts, &request, &policy, now(), &mut again), Ok(verdict));
        assert_eq!(again.steps(), trace.steps());
    }
});

/// Reads an address, or makes one of whatever octets there are.
fn client(line: &[u8]) -> IpAddr {
    let read = str::from_utf8(line).ok().and_then(|text| text.trim().parse().ok());
    read.unwrap_or_else(|| match line.first_chunk::<16>() {
        Some(&octets) => octets.into(),
        None => line.first_chunk::<4>().copied().unwrap_or([192, 0, 2, 1]).into(),
    })
}
