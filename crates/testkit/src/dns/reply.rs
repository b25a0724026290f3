//! What the loopback server answers to a question

use sekisho_core::facts::{Kind, Outcome, Question};
use sekisho_core::zone::{Here, Zone};

use super::wire::{Query, Reply};
use super::{Manners, Transport};

/// The most aliases that are followed: far more than anybody should accept.
const ALIASES_MAX: usize = 200;

/// The response codes that the server says (RFC 1035 §4.1.1).
mod code {
    /// The message is not understood.
    pub(super) const FORMERR: u8 = 1;
    /// The server failed.
    pub(super) const SERVFAIL: u8 = 2;
    /// There is no such name.
    pub(super) const NXDOMAIN: u8 = 3;
    /// The server will not answer.
    pub(super) const REFUSED: u8 = 5;
}

/// Returns the message that answers `query`; nothing where the zone says `!timeout`.
pub(super) fn answer(zone: &Zone, manners: &Manners, query: &Query, transport: Transport) -> Option<Vec<u8>> {
    if manners.without_edns && query.payload.is_some() {
        return Some(Reply::code(code::FORMERR).write(query));
    }
    let reply = reply(zone, manners, query)?;
    let message = reply.write(query);
    let limit = match transport {
        Transport::Udp => usize::from(query.payload.unwrap_or(512).max(512)),
        _ => usize::from(u16::MAX),
    };
    let cut = message.len() > limit || (manners.without_tcp && transport == Transport::Udp);
    Some(if cut { Reply { truncated: true, ..Reply::default() }.write(query) } else { message })
}

/// Returns what the zone says, following aliases.
fn reply(zone: &Zone, manners: &Manners, query: &Query) -> Option<Reply> {
    let ttl = manners.ttl.unwrap_or(300);
    // A type that no judge asks for has no records, wherever it is asked.
    let kind = query.known_kind();
    let mut question = Question::new(kind.unwrap_or(Kind::A), query.name.clone());
    let mut reply = Reply { ttl, ..Reply::default() };
    let outcome = loop {
        match zone.here(&question) {
            Here::Outcome(Outcome::Records(_)) if kind.is_none() => break Outcome::NoData,
            Here::Outcome(outcome) => break outcome,
            Here::Alias(_) if reply.aliases.len() >= ALIASES_MAX => break Outcome::Servfail,
            Here::Alias(target) => {
                question.name = target.clone();
                reply.aliases.push(target.clone());
                if manners.aliases_unfollowed {
                    return Some(reply);
                }
            }
        }
    };
    match outcome {
        Outcome::Records(records) => reply.records = records,
        Outcome::NoData => reply.soa = !manners.without_soa,
        Outcome::NoName => {
            reply.code = code::NXDOMAIN;
            reply.soa = !manners.without_soa;
        }
        Outcome::Servfail => reply = Reply::code(code::SERVFAIL),
        Outcome::Refused => reply = Reply::code(code::REFUSED),
        Outcome::Truncated => reply = Reply { truncated: true, ..Reply::default() },
        Outcome::Timeout => return None,
    }
    Some(reply)
}

/// Returns two forgeries that somebody off the path could send: one with a wrong id, one to another question.
pub(super) fn junk(query: &Query) -> [Vec<u8>; 2] {
    let mut wrong_id = Reply::code(code::NXDOMAIN).write(query);
    wrong_id[0] ^= 0xff;
    let mut wrong_name = Reply::code(code::NXDOMAIN).write(query);
    // The first octet of the first label: `example` becomes another name of the same length.
    if let Some(octet) = wrong_name.get_mut(13) {
        *octet = octet.wrapping_add(1);
    }
    [wrong_id, wrong_name]
}
