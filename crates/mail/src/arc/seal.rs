//! Sealing: a hop adds its set to the chain (RFC 8617 §5.1)
//!
//! Three fields go on top of the mail: what this hop found, its signature of the message, and its seal over the whole
//! chain. The tags stand in the order of their names, as other sealers write them.

use jiff::Timestamp;
use sekisho_core::name::DomainName;

use crate::arc::Chain;
use crate::arc::set::INSTANCES_MAX;
use crate::body::{BodyDigests, BodyPlan, BodyWant, Canonicalization};
use crate::dkim::canonical::{FieldIndex, HeaderInput};
use crate::dkim::field_writer::FieldWriter;
use crate::dkim::sign::{OVERSIGNED, SIGNED, SignError, ascii};
use crate::dkim::signing_key::SigningKey;
use crate::header::{Field, Header};
use crate::tags::trim_fws;
use crate::verdict::ArcResult;

/// How header and body are made alike: a chain is for mails that are changed on their way.
const RELAXED: Canonicalization = Canonicalization::Relaxed;
/// What is hashed of the body.
const BODY: BodyWant = BodyWant { canonicalization: RELAXED, length: None };

/// Seals for one domain with one key.
#[derive(Debug)]
pub struct Sealer {
    /// The domain that seals, `d=`.
    pub domain: DomainName,
    /// Where below the domain the key is, `s=`.
    pub selector: DomainName,
    /// The key.
    pub key: SigningKey,
    /// The names of the fields that the message signature covers, each as often as it is there.
    pub signed: Vec<Box<str>>,
}

impl Sealer {
    /// Returns a sealer that signs the usual fields, the DKIM signatures among them (RFC 8617 §4.1.2).
    pub fn new(domain: DomainName, selector: DomainName, key: SigningKey) -> Sealer {
        let signed = OVERSIGNED.iter().chain(SIGNED).chain(&["DKIM-Signature"]).map(|name| Box::from(*name)).collect();
        Sealer { domain, selector, key, signed }
    }

    /// Says which hash of the body is wanted.
    pub fn plan(&self, plan: &mut BodyPlan) {
        plan.want(BODY);
    }

    /// Returns the three fields that go on top of the mail; nothing where a seal has said `cv=fail` already, since such
    /// a chain is not carried on (§5.1, step 2), nor where the mail has as many sets as it may have (§4.2.1).
    ///
    /// `results` is what this hop found, authserv-id first, as an Authentication-Results field would say it. `status` is
    /// the state in which this hop found the chain: [`Chain::status`], or what the filter before us said of it.
    pub fn seal(
        &self,
        header: &Header<'_>,
        chain: &Chain,
        status: ArcResult,
        results: &[u8],
        digests: &BodyDigests,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, SignError> {
        // A broken chain may name any instance, the greatest there is among them.
        if chain.status().is_none() || chain.instances >= INSTANCES_MAX {
            return Ok(None);
        }
        let digest = digests.get(BODY).ok_or(SignError::BodyNotHashed)?;
        let set = NewSet {
            sealer: self,
            instance: (chain.instances + 1).to_string(),
            time: u64::try_from(now.as_second()).map_err(|_| SignError::BadTime)?.to_string(),
            domain: ascii(&self.domain)?,
            selector: ascii(&self.selector)?,
        };
        let results = set.results(results);
        let message = set.message(header, &digest.sha256)?;
        let seal = set.seal(header, chain, status, &results, &message)?;
        Ok(Some([seal, message, results].concat()))
    }
}

/// Gathers what the Authentication-Results fields of one authserv-id say into one value: authserv-id, then the results
/// of all of them (§4.1.1). Nothing where there is no such field.
pub fn merge_results(header: &Header<'_>, authserv_id: &str) -> Option<Vec<u8>> {
    let mut merged: Option<Vec<u8>> = None;
    for (_, field) in header.named("Authentication-Results") {
        let (id, results) = field.value().split_at_checked(memchr::memchr(b';', field.value())?)?;
        if !trim_fws(id).eq_ignore_ascii_case(authserv_id.as_bytes()) {
            continue;
        }
        let merged = merged.get_or_insert_with(|| trim_fws(id).to_vec());
        let results = trim_fws(results.get(1..).unwrap_or(&[]));
        merged.extend_from_slice(b";\r\n ");
        merged.extend_from_slice(trim_fws(results.strip_suffix(b";").unwrap_or(results)));
    }
    merged
}

/// A set while it is made.
struct NewSet<'s> {
    /// Who makes it.
    sealer: &'s Sealer,
    /// `i=`.
    instance: String,
    /// `t=`.
    time: String,
    /// `d=`.
    domain: String,
    /// `s=`.
    selector: String,
}

impl NewSet<'_> {
    /// Writes what this hop found.
    fn results(&self, results: &[u8]) -> Vec<u8> {
        let name = format!("ARC-Authentication-Results: i={}; ", self.instance);
        [name.as_bytes(), trim_fws(results), b"\r\n"].concat()
    }

    /// Signs the message (§4.1.2).
    fn message(&self, header: &Header<'_>, body_hash: &[u8; 32]) -> Result<Vec<u8>, SignError> {
        let index = FieldIndex::new(header);
        let count = |name: &str| index.count(header, name.as_bytes());
        // RFC 6376 §5.4: From must be signed; a mail without any of our fields would get an empty `h=`, which is none.
        if count("From") == 0 {
            return Err(SignError::NoFrom);
        }
        let names: Vec<&str> =
            self.sealer.signed.iter().flat_map(|name| std::iter::repeat_n(&**name, count(name))).collect();
        let mut field = FieldWriter::new("ARC-Message-Signature");
        field.tag("a", self.sealer.key.algorithm().as_str());
        field.signature();
        field.base64("bh", body_hash);
        field.tag("c", "relaxed/relaxed");
        field.tag("d", &self.domain);
        field.list("h", &names);
        field.tag("i", &self.instance);
        field.tag("s", &self.selector);
        field.tag("t", &self.time);
        let mut input = HeaderInput::default();
        input.pick(RELAXED, header, &index, names.iter().map(|name| name.as_bytes()), usize::MAX);
        field.seal(&self.sealer.key, RELAXED, &mut input)
    }

    /// Seals the chain (§5.1.1). A chain that was found broken is not covered, only this set is (§5.1.2).
    fn seal(
        &self,
        header: &Header<'_>,
        chain: &Chain,
        status: ArcResult,
        results: &[u8],
        message: &[u8],
    ) -> Result<Vec<u8>, SignError> {
        let mut field = FieldWriter::new("ARC-Seal");
        field.tag("a", self.sealer.key.algorithm().as_str());
        field.signature();
        field.tag("cv", status.as_str());
        field.tag("d", &self.domain);
        field.tag("i", &self.instance);
        field.tag("s", &self.selector);
        field.tag("t", &self.time);
        let mut input = HeaderInput::default();
        input.restart();
        let covered = if status == ArcResult::Fail { &[] } else { chain.sets.as_slice() };
        for at in covered.iter().flat_map(|set| [set.results_at, set.message_at, set.seal_at]) {
            if let Some(field) = header.fields().get(at) {
                input.push(RELAXED, field);
            }
        }
        input.push(RELAXED, &Field::new(results));
        input.push(RELAXED, &Field::new(message));
        field.seal(&self.sealer.key, RELAXED, &mut input)
    }
}

#[cfg(test)]
mod tests {
    use sekisho_core::facts::Facts;
    use sekisho_core::zone::Zone;

    use super::*;
    use crate::body::BodyHasher;

    /// Seals the header of a mail without a body.
    fn seal(raw: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        let name = DomainName::parse("sealer.example").unwrap();
        let sealer = Sealer::new(name.clone(), name, SigningKey::from_seed(&[7; 32]).unwrap());
        let mut plan = BodyPlan::new();
        sealer.plan(&mut plan);
        let digests = BodyHasher::new(&plan).finish();
        let header = Header::parse(raw);
        let chain = Chain::find(&header);
        let status = chain.verdict().result;
        sealer.seal(&header, &chain, status, b"mx.example", &digests, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_mail_without_from_is_not_sealed() {
        assert_eq!(seal(b""), Err(SignError::NoFrom));
        assert_eq!(seal(b"Subject: x\r\n"), Err(SignError::NoFrom));
        assert!(seal(b"From : a\r\n").unwrap().is_some());
    }

    /// Judges at a moment a mail that is sealed as usual, but for these tags of its message signature.
    fn judge_tags(h: &[&str], more: &[(&str, &str)], now: i64) -> (ArcResult, Option<&'static str>) {
        let name = DomainName::parse("sealer.example").unwrap();
        let sealer = Sealer::new(name.clone(), name, SigningKey::from_seed(&[7; 32]).unwrap());
        let mut plan = BodyPlan::new();
        sealer.plan(&mut plan);
        let digests = BodyHasher::new(&plan).finish();
        let raw = b"From: a@x.org\r\nSubject: x\r\n";
        let header = Header::parse(raw);
        let word = || "sealer.example".to_owned();
        let set =
            NewSet { sealer: &sealer, instance: "1".into(), time: "1000".into(), domain: word(), selector: word() };
        let results = b"ARC-Authentication-Results: i=1 (one; two); mx.example\r\n";
        let mut field = FieldWriter::new("ARC-Message-Signature");
        field.tag("a", "ed25519-sha256");
        field.signature();
        field.base64("bh", &digests.get(BODY).unwrap().sha256);
        for (tag, value) in [("d", "sealer.example"), ("s", "sealer.example"), ("i", "1"), ("c", "relaxed/relaxed")] {
            field.tag(tag, value);
        }
        field.list("h", h);
        more.iter().for_each(|(tag, value)| field.tag(tag, value));
        let mut input = HeaderInput::default();
        let index = FieldIndex::new(&header);
        input.pick(RELAXED, &header, &index, h.iter().map(|name| name.as_bytes()), usize::MAX);
        let message = field.seal(&sealer.key, RELAXED, &mut input).unwrap();
        let seal = set.seal(&header, &Chain::find(&header), ArcResult::None, results, &message).unwrap();
        let raw = [&seal, &message, &results[..], raw].concat();
        let header = Header::parse(&raw);
        let mut chain = Chain::find(&header);
        let record = sealer.key.record();
        let zone = Zone::parse(&format!("sealer.example._domainkey.sealer.example TXT \"{record}\"")).unwrap();
        let now = Timestamp::from_second(now).unwrap();
        zone.satisfy(&mut Facts::default(), |facts| chain.proceed(facts, &header, now));
        chain.close(&digests);
        let verdict = chain.verdict();
        (verdict.result, verdict.reason)
    }

    #[test]
    fn a_message_signature_covers_from_and_holds_for_its_time() {
        let judge = |h: &[&str], more: &[(&str, &str)], now| judge_tags(h, more, now);
        let from = &["from", "subject"];
        let failed = |reason| (ArcResult::Fail, Some(reason));
        assert_eq!(judge(from, &[], 2000), (ArcResult::Pass, None));
        assert_eq!(judge(&["subject"], &[], 2000), failed("from not signed"));
        assert_eq!(judge(from, &[("t", "1000"), ("x", "1700")], 2000), (ArcResult::Pass, None));
        assert_eq!(judge(from, &[("t", "1000"), ("x", "1699")], 2000), failed("signature expired"));
        assert_eq!(judge(from, &[("t", "2300")], 2000), (ArcResult::Pass, None));
        assert_eq!(judge(from, &[("t", "2301")], 2000), failed("signed in the future"));
        assert_eq!(judge(from, &[("x", "never")], 2000), failed("message signature malformed"));
        assert_eq!(judge(from, &[("v", "1")], 2000), failed("message signature malformed"));
    }

    #[test]
    fn no_set_is_added_beyond_the_last_instance() {
        let seal = |instance: &str| seal(format!("ARC-Seal: i={instance}; cv=none\r\nFrom: a\r\n").as_bytes()).unwrap();
        assert!(seal("49").unwrap().windows(5).any(|octets| octets == b"i=50;"));
        assert_eq!(seal("50"), None);
        assert_eq!(seal("51"), None);
        assert_eq!(seal("99999999999999999999"), None);
    }
}
