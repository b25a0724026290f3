//! The sets of an ARC chain, read: results, message signature and seal of each hop (RFC 8617 §4.1, §4.2)

use std::ops::Range;

use sekisho_core::facts::Question;
use sekisho_core::name::DomainName;

use crate::address::Lexer;
use crate::body::{BodyWant, Canonicalization};
use crate::dkim::key;
use crate::dkim::signature::{Algorithm, Claims, read_base64, read_canonicalization, read_number};
use crate::header::{Field, Header};
use crate::tags::{TagList, split_colons};

/// The most sets that a chain may have (§4.2.1).
pub(crate) const INSTANCES_MAX: u32 = 50;

/// One hop's set.
#[derive(Debug)]
pub(crate) struct Set {
    /// Its number, 1 for the first hop.
    pub(crate) instance: u32,
    /// Where its results stand in the header.
    pub(crate) results_at: usize,
    /// Where its message signature stands.
    pub(crate) message_at: usize,
    /// Where its seal stands.
    pub(crate) seal_at: usize,
    /// The results behind `i=`, as the hop wrote them.
    pub(crate) results: Box<[u8]>,
    /// The message signature.
    pub(crate) message: MessageSignature,
    /// The seal.
    pub(crate) seal: Seal,
}

/// An ARC-Message-Signature (§4.1.2).
#[derive(Debug)]
pub(crate) struct MessageSignature {
    /// `d=`.
    pub(crate) domain: DomainName,
    /// Where the key is.
    pub(crate) key: Question,
    /// `a=`.
    pub(crate) algorithm: Algorithm,
    /// How the header is made alike.
    pub(crate) canonicalization: Canonicalization,
    /// The wanted hash of the body.
    pub(crate) body: BodyWant,
    /// `bh=`.
    pub(crate) body_hash: [u8; 32],
    /// `b=`.
    pub(crate) signature: Vec<u8>,
    /// `t=`, in seconds since 1970.
    pub(crate) time: Option<u64>,
    /// `x=`, in seconds since 1970.
    pub(crate) expiry: Option<u64>,
    /// Where `h=` stands in the value of the field.
    pub(crate) names_at: Range<usize>,
    /// Where `b=` stands in the value of the field.
    pub(crate) signature_at: Range<usize>,
}

/// An ARC-Seal (§4.1.3).
#[derive(Debug)]
pub(crate) struct Seal {
    /// `d=`.
    pub(crate) domain: DomainName,
    /// Where the key is.
    pub(crate) key: Question,
    /// `a=`.
    pub(crate) algorithm: Algorithm,
    /// `cv=`.
    pub(crate) chain: ChainValue,
    /// `b=`.
    pub(crate) signature: Vec<u8>,
    /// Where `b=` stands in the value of the field.
    pub(crate) signature_at: Range<usize>,
}

/// What a seal says of the chain before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChainValue {
    /// There was none.
    None,
    /// It was broken.
    Fail,
    /// It was whole.
    Pass,
}

/// Fields that do not make a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadChain {
    /// The highest instance that was seen.
    pub(crate) instances: u32,
    /// The instance at fault, 0 where none can be told.
    pub(crate) instance: u32,
    /// Why, as a stable phrase.
    pub(crate) reason: &'static str,
}

/// Gathers the sets: one field of each kind for every instance from 1 on (§5.2, step 3).
pub(crate) fn gather(header: &Header<'_>) -> Result<Vec<Set>, BadChain> {
    let results = numbered(header, "ARC-Authentication-Results", results_instance);
    let messages = numbered(header, "ARC-Message-Signature", tagged_instance);
    let seals = numbered(header, "ARC-Seal", tagged_instance);
    let all = || results.iter().chain(&messages).chain(&seals);
    let instances = all().filter_map(|(instance, _)| *instance).max().unwrap_or(0);
    let fault = |instance, reason| BadChain { instances, instance, reason };
    if all().any(|(instance, _)| instance.is_none()) {
        return Err(fault(0, "instance malformed"));
    }
    if instances > INSTANCES_MAX {
        return Err(fault(instances, "too many instances"));
    }
    (1..=instances)
        .map(|instance| {
            let only = |fields: &[(Option<u32>, usize)]| {
                let mut of_instance = fields.iter().filter(|(of, _)| *of == Some(instance)).map(|(_, at)| *at);
                match (of_instance.next(), of_instance.next()) {
                    (Some(at), None) => Ok(at),
                    (None, _) => Err(fault(instance, "set incomplete")),
                    (Some(_), Some(_)) => Err(fault(instance, "instance duplicated")),
                }
            };
            let (results_at, message_at, seal_at) = (only(&results)?, only(&messages)?, only(&seals)?);
            let value = |at: usize| header.fields().get(at).map_or(&[][..], Field::value);
            Ok(Set {
                instance,
                results_at,
                message_at,
                seal_at,
                results: read_results(value(results_at)).map_or(&[][..], |(_, results)| results).into(),
                message: read_message(value(message_at))
                    .ok_or_else(|| fault(instance, "message signature malformed"))?,
                seal: read_seal(value(seal_at)).ok_or_else(|| fault(instance, "seal malformed"))?,
            })
        })
        .collect()
}

/// Returns the fields of one name with their instances; `None` as instance where it cannot be read.
fn numbered(header: &Header<'_>, name: &'static str, instance: fn(&[u8]) -> Option<u32>) -> Vec<(Option<u32>, usize)> {
    header.named(name).map(|(at, field)| (instance(field.value()), at)).collect()
}

/// Reads the instance of results.
fn results_instance(value: &[u8]) -> Option<u32> {
    read_results(value).map(|(instance, _)| instance)
}

/// Reads results: `i=N;` comes first, with comments wherever the grammar has them, then what the hop wrote (§4.1.1).
fn read_results(value: &[u8]) -> Option<(u32, &[u8])> {
    let mut lexer = Lexer::new(value);
    lexer.skip_gap();
    let is_named = lexer.eat(b'i');
    lexer.skip_gap();
    let is_given = is_named && lexer.eat(b'=');
    lexer.skip_gap();
    let instance = parse_instance(lexer.take_while(|b| b.is_ascii_digit())).filter(|_| is_given)?;
    lexer.skip_gap();
    lexer.eat(b';').then(|| (instance, lexer.rest()))
}

/// Reads the instance of a signature or seal.
fn tagged_instance(value: &[u8]) -> Option<u32> {
    parse_instance(TagList::parse(value).ok()?.get("i")?)
}

/// Reads a number from 1 on (§4.2.1); one that is far too large is read as such.
fn parse_instance(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u32, digit: &u8| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    Some(text.iter().fold(0, add)).filter(|instance| *instance > 0)
}

/// Reads an ARC-Message-Signature: a DKIM signature with an instance for `i=`, and without `v=` (§4.1.2).
fn read_message(value: &[u8]) -> Option<MessageSignature> {
    let tags = TagList::parse(value).ok()?;
    let (domain, key) = read_signer(&tags)?;
    let names = tags.tag("h")?;
    // §4.1.2: seals are not among what it covers.
    if split_colons(names.value).any(|name| name.eq_ignore_ascii_case(b"arc-seal")) {
        return None;
    }
    // §4.1.2: there is no version.
    if tags.get("v").is_some() {
        return None;
    }
    // Sealers that leave `c=` out mean relaxed, unlike DKIM's default: the public suite and what is deployed agree.
    let (header, body) = read_canonicalization(tags.get("c").or(Some(b"relaxed/relaxed"))).ok()?;
    Some(MessageSignature {
        domain,
        key,
        algorithm: Algorithm::read(tags.get("a")?).ok()?,
        canonicalization: header,
        body: BodyWant { canonicalization: body, length: read_number(&tags, "l", 76).ok()? },
        body_hash: read_base64(&tags, "bh").ok()?.try_into().ok()?,
        signature: read_base64(&tags, "b").ok()?,
        time: read_number(&tags, "t", 12).ok()?,
        expiry: read_number(&tags, "x", 12).ok()?,
        names_at: names.span.clone(),
        signature_at: tags.tag("b")?.span.clone(),
    })
}

/// Reads an ARC-Seal. It has neither `h=` nor `bh=`: what it covers is fixed (§4.1.3).
fn read_seal(value: &[u8]) -> Option<Seal> {
    let tags = TagList::parse(value).ok()?;
    if tags.get("h").is_some() || tags.get("bh").is_some() {
        return None;
    }
    let (domain, key) = read_signer(&tags)?;
    read_number(&tags, "t", 12).ok()?;
    Some(Seal {
        domain,
        key,
        algorithm: Algorithm::read(tags.get("a")?).ok()?,
        chain: ChainValue::read(tags.get("cv")?)?,
        signature: read_base64(&tags, "b").ok()?,
        signature_at: tags.tag("b")?.span.clone(),
    })
}

/// Reads who signed, and where the key is.
fn read_signer(tags: &TagList<'_>) -> Option<(DomainName, Question)> {
    let claims = Claims::read(tags);
    let (domain, selector) = (claims.domain?, claims.selector?);
    let key = key::question(&selector, &domain)?;
    Some((domain, key))
}

impl ChainValue {
    /// Reads `cv=`.
    fn read(text: &[u8]) -> Option<ChainValue> {
        [ChainValue::None, ChainValue::Fail, ChainValue::Pass]
            .into_iter()
            .find(|value| text.eq_ignore_ascii_case(value.as_str().as_bytes()))
    }

    /// Returns the word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ChainValue::None => "none",
            ChainValue::Fail => "fail",
            ChainValue::Pass => "pass",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_say_their_instance_first() {
        assert_eq!(results_instance(b" i=1; mx.example; spf=pass"), Some(1));
        assert_eq!(results_instance(b"\r\n i = 12 ;mx.example"), Some(12));
        assert_eq!(results_instance(b" (a;b) i (c) = (d) 7 (e (f));mx.example"), Some(7));
        assert_eq!(read_results(b"i=1 (c); x; y"), Some((1, &b" x; y"[..])));
        for bad in [
            "mx.example; i=1; spf=pass",
            "i=1 mx.example; spf=pass",
            "i=0; a",
            "i=; a",
            "i=x; a",
            "i=1",
            "",
            "i=1 (a; b",
            "i=1 2; a",
        ] {
            assert_eq!(results_instance(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn sets_are_whole_and_numbered_without_gaps() {
        let reason = |raw: &str| gather(&Header::parse(raw.as_bytes())).map_err(|bad| (bad.instance, bad.reason));
        assert!(reason("From: a@example.org\r\n").unwrap().is_empty());
        assert_eq!(reason("ARC-Seal: i=1\r\n").unwrap_err(), (1, "set incomplete"));
        assert_eq!(reason("ARC-Seal: a=b\r\n").unwrap_err(), (0, "instance malformed"));
        assert_eq!(reason("ARC-Seal: i=51\r\n").unwrap_err(), (51, "too many instances"));
        assert_eq!(reason("ARC-Seal: i=99999999999999\r\n").unwrap_err().1, "too many instances");
        let results = "ARC-Authentication-Results: i=1; a\r\n";
        assert_eq!(reason(&[results, results].concat()).unwrap_err(), (1, "instance duplicated"));
    }
}
