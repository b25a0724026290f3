//! Any text as a zone: read or refused with a line number, and every question at its names has an answer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_core::facts::{Kind, Outcome, Question};
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;

fuzz_target!(|text: &str| {
    let zone = match Zone::parse(text) {
        Ok(zone) => zone,
        Err(why) => {
            assert!((1..=text.lines().count()).contains(&why.line), "{why}");
            sekisho_fuzz::zone(text.as_bytes())
        }
    };
    let words = text.split_whitespace().filter_map(|word| DomainName::from_presentation(word).ok());
    for name in words.take(64).flat_map(|name| [name.parent(), Some(name)]).flatten() {
        for kind in Kind::ALL {
            let answer = zone.answer(&Question::new(kind, name.clone()));
            let records = answer.outcome.records();
            assert!(records.iter().all(|record| record.kind() == kind));
            assert!(!matches!(&answer.outcome, Outcome::Records(records) if records.is_empty()));
        }
    }
});
