//! What the fuzz targets share: worlds made of arbitrary lines, judges heard to their end, and what must hold then.

use std::sync::LazyLock;

use jiff::Timestamp;
use sekisho_core::facts::{Answer, Facts, Missing, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::presentation::split_string;
use sekisho_core::speech::{Lang, Speech, message_id};
use sekisho_core::step::Step;
use sekisho_core::visible::is_harmless;
use sekisho_core::zone::Zone;
use sekisho_mail::body::{BodyDigests, BodyHasher, BodyPlan};

/// How often a judge may come back for more facts: ten SPF terms that each need a lookup behind a lookup, twice.
const ROUNDS_MAX: usize = 48;

/// Returns the moment at which everything is judged.
pub fn now() -> Timestamp {
    Timestamp::constant(1_780_000_000, 0)
}

/// Returns the next line without its LF, and leaves the rest.
pub fn take_line<'a>(data: &mut &'a [u8]) -> &'a [u8] {
    let (line, rest) = match data.iter().position(|&b| b == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (*data, &[][..]),
    };
    *data = rest;
    line
}

/// Makes a world of lines: `name TYPE data` as zone files have it, or else `name octets`, a TXT record of just these
/// octets; what is neither is left out.
pub fn zone(text: &[u8]) -> Zone {
    let mut zone = Zone::default();
    for line in text.split(|&b| b == b'\n') {
        if str::from_utf8(line).is_ok_and(|line| zone.parse_line(line.trim()).is_ok()) {
            continue;
        }
        let Some(end) = line.iter().position(|&b| b == b' ') else { continue };
        if let Ok(name) = DomainName::parse(&line[..end]) {
            zone.add(name, txt(&line[end + 1..]));
        }
    }
    zone
}

/// Returns a TXT record of any octets.
pub fn txt(octets: &[u8]) -> Record {
    Record::Txt(split_string(octets))
}

/// Judges until nothing is missing, and holds the judge to its word: it asks for what is not known yet, and comes to an
/// end. `answer` is asked for every fact.
pub fn satisfy<T>(
    facts: &mut Facts,
    answer: impl Fn(&Question) -> Answer,
    mut judge: impl FnMut(&Facts) -> Result<T, Missing>,
) -> T {
    for _ in 0..ROUNDS_MAX {
        match judge(facts) {
            Ok(verdict) => return verdict,
            Err(Missing(questions)) => {
                assert!(!questions.is_empty(), "a judge is missing nothing in particular");
                let again = questions.iter().find(|question| facts.has(question));
                assert!(again.is_none(), "a judge asked again for {again:?}");
                for question in questions {
                    let answer = answer(&question);
                    facts.insert(question, answer.into());
                }
            }
        }
    }
    panic!("no end after {ROUNDS_MAX} rounds and {} questions", facts.len());
}

/// Returns a world in which every question has one answer.
pub fn everywhere(records: Vec<Record>) -> impl Fn(&Question) -> Answer {
    let outcome = if records.is_empty() { Outcome::NoData } else { Outcome::Records(records) };
    move |_| Answer::new(outcome.clone(), 300)
}

/// Hashes a body in one piece.
pub fn digests(plan: &BodyPlan, body: &[u8]) -> BodyDigests {
    let mut hasher = BodyHasher::new(plan);
    hasher.update(body);
    hasher.finish()
}

/// Says every step in both languages: each has a sentence that wants no more than it is given, and no hostile octet of
/// the mail comes through.
pub fn assert_speaks<'s>(steps: impl IntoIterator<Item = &'s Step>) {
    for step in steps {
        let id = message_id(step.rule.id);
        for speech in &*SPEECHES {
            speech.check(&id, &step.arguments).unwrap_or_else(|why| panic!("{:?}: {why}", speech.lang()));
            let said = speech.step(step);
            assert!(said.chars().all(is_harmless), "{} says {said:?}", step.rule.id);
        }
    }
}

/// Every sentence of the judges, in every language.
static SPEECHES: LazyLock<[Speech; 2]> = LazyLock::new(|| {
    Lang::ALL.map(|lang| Speech::new(lang, sekisho_mail::speech::sources(lang)).expect("our own message files"))
});
