//! What a name server's message says about a question
//!
//! Only records of the name asked for, and of the names its aliases lead to, count; whatever else a message brings is
//! ignored, so nobody answers for another.

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record as WireRecord, RecordType};
use sekisho_core::facts::{Answer, Kind, Outcome, Question, Record};
use sekisho_core::name::{BadName, DomainName};

/// The most aliases that are followed from one name.
const ALIASES_MAX: usize = 8;
/// The most octets that the strings of one TXT record may have together.
///
/// Where one has more, the whole answer is [`Outcome::Truncated`] ("larger than the bounds allow"): without that record
/// the answer would tell something else than the domain said. Their number is not bounded.
const TEXT_MAX: usize = 8192;
/// The longest that an answer is kept, in seconds.
const TTL_MAX: u32 = 86_400;
/// The longest that an absence is kept, in seconds (RFC 2308 §5).
const ABSENCE_MAX: u32 = 10_800;
/// How long an absence is kept where nobody says how long, in seconds.
const ABSENCE_DEFAULT: u32 = 60;
/// How long a failure is kept, in seconds, so that a broken zone is not hammered (RFC 9520 §3.2).
const FAILURE: u32 = 5;

/// What a message says.
pub(crate) enum Reading {
    /// This is the answer.
    Answer(Answer),
    /// The server speaks no EDNS (RFC 6891 §7).
    WithoutEdns,
    /// The name stands for another, and the server does not say what that one has.
    Elsewhere(Trail),
}

/// The way from the name asked for along its aliases.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    /// Where it has led to.
    pub(crate) name: DomainName,
    /// How many aliases were followed.
    aliases: usize,
    /// The shortest time to live of these.
    ttl: u32,
}

impl Trail {
    /// Begins at the name asked for.
    pub(crate) fn new(name: DomainName) -> Trail {
        Trail { name, aliases: 0, ttl: TTL_MAX }
    }

    /// Follows the aliases that a message shows. `None` where there are too many, or one leads to no proper name.
    fn follow(&mut self, answers: &[WireRecord]) -> Option<()> {
        loop {
            let alias = answers.iter().find_map(|record| match &record.data {
                RData::CNAME(target) if owns(record, &self.name) => Some((record.ttl, target)),
                _ => None,
            });
            let Some((ttl, target)) = alias else { return Some(()) };
            self.aliases += 1;
            if self.aliases > ALIASES_MAX {
                return None;
            }
            self.ttl = self.ttl.min(proper_ttl(ttl));
            self.name = domain_name(target).ok()?;
        }
    }
}

/// Reads the answer to `kind` at the end of `trail`, which began at the name that the message was asked about.
pub(crate) fn read(message: &Message, kind: Kind, mut trail: Trail) -> Reading {
    if !is_about(message, kind, &trail.name) {
        return Reading::Answer(failure(Outcome::Servfail));
    }
    let absence = match message.metadata.response_code {
        ResponseCode::NoError => Outcome::NoData,
        ResponseCode::NXDomain => Outcome::NoName,
        ResponseCode::Refused => return Reading::Answer(failure(Outcome::Refused)),
        ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::BADVERS => return Reading::WithoutEdns,
        _ => return Reading::Answer(failure(Outcome::Servfail)),
    };
    if message.metadata.truncation {
        return Reading::Answer(failure(Outcome::Truncated));
    }
    let aliases_before = trail.aliases;
    if trail.follow(&message.answers).is_none() {
        return Reading::Answer(failure(Outcome::Servfail));
    }
    if absence == Outcome::NoData {
        match records(&message.answers, kind, &trail) {
            Ok((records, _)) if records.is_empty() => {}
            Ok((records, ttl)) => return Reading::Answer(bounded(records, ttl)),
            Err(_) => return Reading::Answer(failure(Outcome::Servfail)),
        }
    }
    match absence_ttl(message, &trail) {
        Some(ttl) => Reading::Answer(Answer::new(absence, ttl.min(trail.ttl))),
        // §2.1 and §2.2 of RFC 2308: without a SOA record it may be an alias into another server's zone, …
        None if absence == Outcome::NoData && trail.aliases > aliases_before => Reading::Elsewhere(trail),
        // … or a referral by a server that does not look further.
        None if absence == Outcome::NoData && is_referral(message) => Reading::Answer(failure(Outcome::Servfail)),
        None => Reading::Answer(Answer::new(absence, ABSENCE_DEFAULT.min(trail.ttl))),
    }
}

/// Returns a failure, to be remembered shortly.
pub(crate) fn failure(outcome: Outcome) -> Answer {
    Answer::new(outcome, FAILURE)
}

/// Tells whether a message answers what was asked.
fn is_about(message: &Message, kind: Kind, name: &DomainName) -> bool {
    match message.queries.as_slice() {
        [query] => query.query_type() == record_type(kind) && is_name(query.name(), name),
        _ => false,
    }
}

/// Returns the records of `kind` at the end of the trail, and how long they may be kept.
fn records(answers: &[WireRecord], kind: Kind, trail: &Trail) -> Result<(Vec<Record>, u32), BadName> {
    let mut records = Vec::new();
    let mut ttl = trail.ttl;
    for answer in answers.iter().filter(|answer| owns(answer, &trail.name)) {
        let record = match (&answer.data, kind) {
            (RData::A(address), Kind::A) => Record::A(address.0),
            (RData::AAAA(address), Kind::Aaaa) => Record::Aaaa(address.0),
            (RData::MX(mx), Kind::Mx) => Record::Mx { preference: mx.preference, exchange: domain_name(&mx.exchange)? },
            (RData::TXT(text), Kind::Txt) => Record::Txt(text.txt_data.to_vec()),
            (RData::PTR(name), Kind::Ptr) => Record::Ptr(domain_name(name)?),
            _ => continue,
        };
        ttl = ttl.min(proper_ttl(answer.ttl));
        records.push(record);
    }
    Ok((records, ttl))
}

/// Returns an answer of these records, or says that one is larger than the bounds allow.
fn bounded(records: Vec<Record>, ttl: u32) -> Answer {
    let length = |record: &Record| match record {
        Record::Txt(strings) => strings.iter().map(|string| string.len()).sum(),
        _ => 0,
    };
    let outcome = if records.iter().any(|record| length(record) > TEXT_MAX) {
        Outcome::Truncated
    } else {
        Outcome::Records(records)
    };
    Answer::new(outcome, ttl)
}

/// Returns how long the absence of the trail's end may be believed, where a SOA record says so (RFC 2308 §5).
fn absence_ttl(message: &Message, trail: &Trail) -> Option<u32> {
    message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) if domain_name(&record.name).is_ok_and(|zone| trail.name.is_at_or_below(&zone)) => {
            Some(proper_ttl(record.ttl).min(proper_ttl(soa.minimum)).min(ABSENCE_MAX))
        }
        _ => None,
    })
}

/// Tells whether a server only says whom else to ask.
fn is_referral(message: &Message) -> bool {
    !message.metadata.authoritative && message.authorities.iter().any(|record| record.record_type() == RecordType::NS)
}

/// Tells whether a record is `name`'s.
fn owns(record: &WireRecord, name: &DomainName) -> bool {
    record.dns_class == DNSClass::IN && is_name(&record.name, name)
}

/// Tells whether two names are the same, in whatever case.
fn is_name(wire: &Name, name: &DomainName) -> bool {
    wire.iter().count() == name.label_count() && wire.iter().zip(name.labels()).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Returns a name as ours, octet by octet.
fn domain_name(name: &Name) -> Result<DomainName, BadName> {
    DomainName::from_labels(name.iter())
}

/// Returns a time to live within bounds; with its highest bit set it is zero (RFC 2181 §8).
fn proper_ttl(ttl: u32) -> u32 {
    if ttl > u32::MAX / 2 { 0 } else { ttl.min(TTL_MAX) }
}

/// Returns the library's word for a kind.
pub(crate) fn record_type(kind: Kind) -> RecordType {
    match kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Mx => RecordType::MX,
        Kind::Txt => RecordType::TXT,
        Kind::Ptr => RecordType::PTR,
    }
}

/// Returns a question as the library asks it, octet by octet.
pub(crate) fn wire_question(question: &Question) -> Option<(Name, RecordType)> {
    let mut name = Name::from_labels(question.name.labels()).ok()?;
    name.set_fqdn(true);
    Some((name, record_type(question.kind)))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_resolver::proto::op::Query;
    use hickory_resolver::proto::rr::rdata::name::{CNAME, NS};
    use hickory_resolver::proto::rr::rdata::{A, SOA};

    use super::*;

    /// The name that is asked about.
    const ASKED: &str = "asked.example.";

    /// Returns a name as the library has it.
    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    /// Returns an empty answer to the question for the address of `ASKED`.
    fn message() -> Message {
        let mut message = Message::query();
        message.queries.push(Query::query(name(ASKED), RecordType::A));
        message
    }

    /// Returns an address record.
    fn address(owner: &str, last: u8) -> WireRecord {
        WireRecord::from_rdata(name(owner), 300, RData::A(A(Ipv4Addr::new(192, 0, 2, last))))
    }

    /// Returns an alias.
    fn alias(owner: &str, target: &str) -> WireRecord {
        WireRecord::from_rdata(name(owner), 200, RData::CNAME(CNAME(name(target))))
    }

    /// Returns a zone's first record.
    fn soa(zone: &str, minimum: u32) -> WireRecord {
        let soa = SOA::new(Name::root(), Name::root(), 1, 1, 1, 1, minimum);
        WireRecord::from_rdata(name(zone), 900, RData::SOA(soa))
    }

    /// Reads a message as the answer for the address of `ASKED`.
    fn answer(message: &Message) -> (Outcome, u32) {
        match read(message, Kind::A, Trail::new(DomainName::parse(ASKED).unwrap())) {
            Reading::Answer(answer) => (answer.outcome, answer.ttl),
            Reading::WithoutEdns => panic!("without EDNS"),
            Reading::Elsewhere(trail) => panic!("elsewhere: {}", trail.name),
        }
    }

    /// Returns the outcome of one address.
    fn one(last: u8) -> Outcome {
        Outcome::Records(vec![Record::A(Ipv4Addr::new(192, 0, 2, last))])
    }

    #[test]
    fn only_records_of_the_name_and_its_aliases_are_believed() {
        let mut wrong_class = address(ASKED, 5);
        wrong_class.dns_class = DNSClass::CH;
        let mut message = message();
        message.answers = vec![address("other.example.", 3), wrong_class, address("ASKED.Example.", 1)];
        message.additionals = vec![address(ASKED, 4)];
        message.authorities = vec![address(ASKED, 6)];
        assert_eq!(answer(&message), (one(1), 300));

        message.answers = vec![address("end.example.", 2), alias("end2.example.", ASKED), alias(ASKED, "END.example.")];
        assert_eq!(answer(&message), (one(2), 200));
    }

    #[test]
    fn a_message_about_something_else_is_no_answer() {
        let mut other_name = message();
        other_name.answers = vec![address(ASKED, 1)];
        let (mut other_kind, mut nothing) = (other_name.clone(), other_name.clone());
        assert_eq!(answer(&other_name).0, one(1));
        other_name.queries = vec![Query::query(name("other.example."), RecordType::A)];
        other_kind.queries = vec![Query::query(name(ASKED), RecordType::TXT)];
        nothing.queries.clear();
        for message in [other_name, other_kind, nothing] {
            assert_eq!(answer(&message), (Outcome::Servfail, 5));
        }
    }

    #[test]
    fn absence_is_believed_as_long_as_the_zone_says() {
        let mut message = message();
        message.authorities = vec![soa("elsewhere.test.", 7), soa("example.", 70)];
        assert_eq!(answer(&message), (Outcome::NoData, 70));
        message.metadata.response_code = ResponseCode::NXDomain;
        assert_eq!(answer(&message), (Outcome::NoName, 70));
        message.authorities = vec![soa("example.", 7000)];
        assert_eq!(answer(&message), (Outcome::NoName, 900));
        message.answers = vec![alias(ASKED, "gone.example.")];
        assert_eq!(answer(&message), (Outcome::NoName, 200));
    }

    #[test]
    fn a_referral_is_no_absence() {
        let mut message = message();
        let ns = WireRecord::from_rdata(name("example."), 300, RData::NS(NS(name("ns.example."))));
        message.authorities = vec![ns.clone()];
        assert_eq!(answer(&message), (Outcome::Servfail, 5));
        message.authorities = vec![ns, soa("example.", 70)];
        assert_eq!(answer(&message), (Outcome::NoData, 70));
    }

    #[test]
    fn response_codes_are_told_apart() {
        for (code, outcome) in [
            (ResponseCode::ServFail, Outcome::Servfail),
            (ResponseCode::Refused, Outcome::Refused),
            (ResponseCode::NotAuth, Outcome::Servfail),
            (ResponseCode::Unknown(3000), Outcome::Servfail),
        ] {
            let mut message = message();
            message.metadata.response_code = code;
            message.answers = vec![address(ASKED, 1)];
            assert_eq!(answer(&message), (outcome, 5), "{code}");
        }
    }
}
