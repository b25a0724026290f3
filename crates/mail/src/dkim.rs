//! DKIM: who signed this, and is it what they signed? (RFC 6376, 8301, 8463, 8616)
//!
//! [`Signatures::find`] reads the fields (§6.1.1), [`Signatures::proceed`] fetches the keys (§6.1.2) and verifies the
//! header, which covers `bh=`; [`Signatures::close`] compares that with the body (§6.1.3). What was concluded about a
//! signature is final. Nothing of a mail is copied per signature.
//!
//! - `signature` reads the field, `key` the key's record, `rsa` RSA keys' numbers.
//! - `canonical` gathers what a signature covers of the header.
//! - `fault` is the table of every way not to pass.
//! - [`sign`] makes signatures with a [`signing_key`]; [`published`] compares such a key with its record.
//! - [`retold`] tells a signature of the books again, without its mail.

pub(crate) mod canonical;
pub(crate) mod fault;
pub(crate) mod field_writer;
pub(crate) mod key;
pub mod published;
pub mod retold;
pub(crate) mod rsa;
pub mod sign;
pub(crate) mod signature;
pub mod signing_key;

use jiff::Timestamp;
use sekisho_core::facts::{Facts, Missing};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Rule, Step, Trace, Value};

use crate::body::{BodyDigests, BodyPlan, BodyWant, Canonicalization};
use crate::dkim::canonical::{FieldIndex, HeaderInput};
use crate::dkim::fault::{Fault, Finding};
use crate::dkim::key::Lookup;
pub use crate::dkim::signature::Algorithm;
use crate::dkim::signature::{Claims, Signature, word};
use crate::header::Header;
use crate::policy::{Policy, Service};
use crate::tags::{BadTags, TagList, split_colons};
use crate::verdict::{DkimResult, DkimVerdict};

/// How far clocks may be apart, in seconds.
const CLOCK_SKEW: u64 = 300;

/// A signature was found.
static FOUND: Rule = Rule { id: "dkim.signature", section: "RFC 6376 §3.5" };
/// Its key was found.
static KEY: Rule = Rule { id: "dkim.key", section: "RFC 6376 §6.1.2" };
/// The key says that the domain is only testing.
static TESTING: Rule = Rule { id: "dkim.testing", section: "RFC 6376 §3.6.1" };
/// The signature fits the header.
static HEADER_FITS: Rule = Rule { id: "dkim.header-fits", section: "RFC 6376 §6.1.3" };
/// The body has the hash that was signed.
static BODY_FITS: Rule = Rule { id: "dkim.body-fits", section: "RFC 6376 §6.1.3" };
/// The body differs too, beside what decided already.
static BODY_TOO: Rule = Rule { id: "dkim.body-differs-too", section: "RFC 6376 §6.1.3" };
/// Only some octets of the body are signed.
static LENGTH: Rule = Rule { id: "dkim.length", section: "RFC 6376 §8.2" };
/// All is well.
static VALID: Rule = Rule { id: "dkim.valid", section: "RFC 6376 §6.1" };
/// Which fields were signed.
static SIGNED_FIELDS: Rule = Rule { id: "dkim.signed-fields", section: "RFC 6376 §5.4" };
/// Which of them are not there.
static ABSENT_FIELDS: Rule = Rule { id: "dkim.absent-fields", section: "RFC 6376 §5.4.2" };
/// Which of them are there more often than is usual.
static REPEATED_FIELDS: Rule = Rule { id: "dkim.repeated-fields", section: "RFC 6376 §5.4.2" };
/// The header was signed as it is, so that even refolding breaks it.
static SIMPLE_HEADER: Rule = Rule { id: "dkim.simple-header", section: "RFC 6376 §3.4.1" };
/// The body was signed as it is, so that even a trailing space breaks it.
static SIMPLE_BODY: Rule = Rule { id: "dkim.simple-body", section: "RFC 6376 §3.4.3" };

/// The rules of this judge besides those of the faults.
pub(crate) const RULES: &[&Rule] = &[
    &FOUND,
    &KEY,
    &TESTING,
    &HEADER_FITS,
    &BODY_FITS,
    &BODY_TOO,
    &LENGTH,
    &VALID,
    &SIGNED_FIELDS,
    &ABSENT_FIELDS,
    &REPEATED_FIELDS,
    &SIMPLE_HEADER,
    &SIMPLE_BODY,
];

/// All DKIM signatures of one mail, while they are judged.
#[derive(Debug)]
pub struct Signatures {
    /// One entry a field, in the order of the header.
    entries: Vec<Entry>,
    /// The fields by name; empty where there is nothing to verify.
    index: FieldIndex,
    /// What is said of those that are not examined.
    unexamined: Trace,
    /// What the mail is for.
    service: Service,
}

/// One signature.
#[derive(Debug)]
struct Entry {
    /// The index of its field in the header.
    field: usize,
    /// What it says of itself.
    claims: Claims,
    /// Whether its key says `t=y`.
    testing: bool,
    /// Whether it has `l=`.
    has_length: bool,
    /// How far it has come.
    state: State,
    /// Why.
    trace: Trace,
}

/// How far a signature has come.
#[derive(Debug)]
enum State {
    /// It is sound; its key is not known yet.
    Key(Box<Signature>),
    /// It fits the header; the body is not known yet.
    Body(BodyClaim),
    /// It was judged: `None` is a pass. Where it never came to the body, that is still told of, for the reader.
    Judged(Option<&'static Fault>, Option<BodyClaim>),
}

/// What a signature says of the body.
#[derive(Clone, Copy, Debug)]
struct BodyClaim {
    /// The wanted hash.
    want: BodyWant,
    /// The hash it should be.
    hash: [u8; 32],
}

impl Signatures {
    /// Finds the signatures, and chooses which are examined: the author domain's own first, then those of its parents
    /// and children, then the rest as they come. What cannot be examined anyway takes up no place.
    pub fn find(header: &Header<'_>, author: Option<&DomainName>, policy: &Policy) -> Signatures {
        let fields: Vec<_> = header.named("DKIM-Signature").collect();
        let mut signatures = Signatures {
            entries: Vec::with_capacity(fields.len()),
            index: FieldIndex::default(),
            unexamined: Trace::new(Check::Dkim),
            service: policy.service,
        };
        let is_crowded = fields.len() > policy.max_signatures;
        // Where there are too many, their lists of tags are read one by one and let go: thousands would fill the memory.
        let glances: Vec<Glance> =
            if is_crowded { fields.iter().map(|(_, field)| Glance::at(field.value())).collect() } else { Vec::new() };
        let chosen = choose(&glances, author, policy.max_signatures);
        let mut left = 0;
        let mut glances = glances.into_iter().zip(chosen);
        for (place, field) in fields {
            signatures.entries.push(match glances.next() {
                Some((Glance { claims, fault }, false)) => {
                    left += usize::from(fault.is_none());
                    Entry::set_aside(place, claims, fault.unwrap_or(&fault::LIMIT))
                }
                _ => Entry::open(place, TagList::parse(field.value())),
            });
        }
        if signatures.entries.iter().any(|entry| matches!(entry.state, State::Key(_))) {
            signatures.index = FieldIndex::new(header);
        }
        if left > 0 {
            let arguments = [("count", left.into()), ("limit", policy.max_signatures.into())];
            signatures.unexamined.conclude(&fault::LIMIT.rule, DkimResult::Policy.as_str(), arguments);
        }
        signatures
    }

    /// Judges all but the body, as far as the keys are known; asks for all keys at once.
    pub fn proceed(&mut self, facts: &Facts, header: &Header<'_>, now: Timestamp) -> Result<(), Missing> {
        let mut missing = Vec::new();
        let mut input = HeaderInput::default();
        for entry in &mut self.entries {
            let judged = entry.proceed(facts, header, (&self.index, self.service), &mut input, now);
            let Err(Missing(questions)) = judged else { continue };
            for question in questions {
                if !missing.contains(&question) {
                    missing.push(question);
                }
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(Missing(missing)) }
    }

    /// Says which hashes of the body are wanted; known after the first [`Signatures::proceed`].
    pub fn plan(&self, plan: &mut BodyPlan) {
        for entry in &self.entries {
            match &entry.state {
                State::Key(signature) => plan.want(signature.body),
                State::Body(claim) | State::Judged(_, Some(claim)) => plan.want(claim.want),
                State::Judged(_, None) => {}
            }
        }
    }

    /// Judges the rest.
    pub fn close(&mut self, digests: &BodyDigests) {
        for entry in &mut self.entries {
            entry.close(digests);
        }
    }

    /// Returns what was concluded, in the order of the header. Before [`Signatures::close`] a signature that waits only
    /// for the body counts as a pass, one whose key is not known yet as a temperror.
    pub fn verdicts(&self) -> Vec<DkimVerdict> {
        self.entries.iter().map(Entry::verdict).collect()
    }

    /// Returns the account, signature by signature.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.entries.iter().flat_map(|entry| entry.trace.steps()).chain(self.unexamined.steps())
    }

    /// Ends the account.
    pub fn into_steps(self) -> Vec<Step> {
        let mut accounts = self.entries.into_iter().map(|entry| entry.trace.into_steps());
        let mut steps = accounts.next().unwrap_or_default();
        accounts.for_each(|mut account| steps.append(&mut account));
        steps.append(&mut self.unexamined.into_steps());
        steps
    }
}

/// What is kept of one signature of too many until some are chosen.
struct Glance {
    /// What it says of itself.
    claims: Claims,
    /// Why it cannot be examined, where that can be read off it.
    fault: Option<&'static Fault>,
}

impl Glance {
    /// Reads the value of a field, and lets most of it go.
    fn at(value: &[u8]) -> Glance {
        let tags = TagList::parse(value);
        let claims = tags.as_ref().map(Claims::read).unwrap_or_default();
        let read = tags.map_err(signature::malformed).and_then(|tags| Signature::read(&tags, &claims));
        Glance { claims, fault: read.err().map(|finding| finding.fault) }
    }
}

/// Chooses which signatures are opened where there may be too many: so many that can be examined, and so many that
/// cannot, to tell why.
fn choose(glances: &[Glance], author: Option<&DomainName>, limit: usize) -> Vec<bool> {
    if glances.len() <= limit {
        return vec![true; glances.len()];
    }
    let distance = |claims: &Claims| match (&claims.domain, author) {
        (Some(domain), Some(author)) if domain == author => 0,
        (Some(domain), Some(author)) if domain.is_at_or_below(author) || author.is_at_or_below(domain) => 1,
        _ => 2,
    };
    let mut chosen = vec![false; glances.len()];
    for is_sound in [true, false] {
        let alike = glances.iter().enumerate().filter(|(_, glance)| glance.fault.is_none() == is_sound);
        let mut order: Vec<(u8, usize)> = alike.map(|(at, glance)| (distance(&glance.claims), at)).collect();
        order.sort_unstable();
        for (_, at) in order.into_iter().take(limit) {
            chosen[at] = true;
        }
    }
    chosen
}

impl Entry {
    /// Reads one field.
    fn open(field: usize, tags: Result<TagList<'_>, BadTags>) -> Entry {
        let claims = tags.as_ref().map(Claims::read).unwrap_or_default();
        let mut trace = Trace::new(Check::Dkim);
        let name = |name: &Option<DomainName>| name.as_ref().map_or(Value::Word("?"), Value::from);
        let arguments = [
            ("domain", name(&claims.domain)),
            ("selector", name(&claims.selector)),
            ("algorithm", claims.algorithm.clone().map_or(Value::Word("?"), Value::from)),
        ];
        trace.note(&FOUND, arguments);
        trace.enter();
        let read = tags.map_err(signature::malformed).and_then(|tags| Signature::read(&tags, &claims));
        let has_length = read.as_ref().is_ok_and(|signature| signature.body.length.is_some());
        let state = match read {
            Ok(signature) => State::Key(Box::new(signature)),
            Err(finding) => State::Judged(Some(finding.conclude(&mut trace)), None),
        };
        Entry { field, claims, testing: false, has_length, state, trace }
    }

    /// Leaves one field aside.
    fn set_aside(field: usize, claims: Claims, fault: &'static Fault) -> Entry {
        let state = State::Judged(Some(fault), None);
        Entry { field, claims, testing: false, has_length: false, state, trace: Trace::new(Check::Dkim) }
    }

    /// Judges all but the body, once the key is known.
    fn proceed(
        &mut self,
        facts: &Facts,
        header: &Header<'_>,
        (index, service): (&FieldIndex, Service),
        input: &mut HeaderInput,
        now: Timestamp,
    ) -> Result<(), Missing> {
        let State::Key(signature) = &self.state else { return Ok(()) };
        let claim = BodyClaim { want: signature.body, hash: signature.body_hash };
        let judged = match check_times(signature.time, signature.expiry, now) {
            Err(finding) => Err((finding, None)),
            Ok(()) => {
                let lookup = key::lookup(facts, &signature.key)?;
                self.testing = lookup.testing;
                check_key(signature, &lookup, service, &mut self.trace).map_err(|finding| (finding, None)).and_then(
                    |()| {
                        check_header(signature, &lookup, header, self.field, index, input, &mut self.trace)
                            .map_err(|finding| (finding, Some(claim)))
                    },
                )
            }
        };
        self.state = match judged {
            Ok(()) => State::Body(claim),
            Err((finding, claim)) => {
                let fault = finding.conclude(&mut self.trace);
                if fault.result == DkimResult::Fail {
                    hint_at_header(signature, header, self.field, index, &mut self.trace);
                }
                State::Judged(Some(fault), claim)
            }
        };
        Ok(())
    }

    /// Compares the body.
    fn close(&mut self, digests: &BodyDigests) {
        match &self.state {
            State::Key(signature) => {
                let finding = fault::KEY_UNAVAILABLE.with([("name", (&signature.key.name).into())]);
                self.state = State::Judged(Some(finding.conclude(&mut self.trace)), None);
            }
            State::Body(claim) => {
                let fault = match check_body(claim, digests, &mut self.trace) {
                    Ok(()) => {
                        self.trace.conclude(&VALID, DkimResult::Pass.as_str(), []);
                        None
                    }
                    Err(finding) => Some(finding.conclude(&mut self.trace)),
                };
                if fault == Some(&fault::BODY_DIFFERS) && claim.want.canonicalization == Canonicalization::Simple {
                    self.trace.enter();
                    self.trace.note(&SIMPLE_BODY, []);
                    self.trace.leave();
                }
                self.state = State::Judged(fault, None);
            }
            State::Judged(fault, Some(claim)) => {
                tell_of_body(claim, digests, &mut self.trace);
                self.state = State::Judged(*fault, None);
            }
            State::Judged(_, None) => {}
        }
    }

    /// Returns what was concluded.
    fn verdict(&self) -> DkimVerdict {
        let fault = match &self.state {
            State::Key(_) => Some(&fault::KEY_UNAVAILABLE),
            State::Body(_) => None,
            State::Judged(fault, _) => *fault,
        };
        DkimVerdict {
            result: fault.map_or(DkimResult::Pass, |fault| fault.result),
            domain: self.claims.domain.clone(),
            selector: self.claims.selector.clone(),
            algorithm: self.claims.algorithm.clone(),
            testing: self.testing,
            has_length: self.has_length,
            reason: fault.map(|fault| fault.reason),
            field: self.field,
            gap: None,
        }
    }
}

/// Compares `t=` and `x=` with the time. §3.5 leaves it to us whether a signature from the future counts; it says that
/// one of the clocks is wrong, and that `x=` means nothing.
pub(crate) fn check_times(time: Option<u64>, expiry: Option<u64>, now: Timestamp) -> Result<(), Finding> {
    let now = u64::try_from(now.as_second()).unwrap_or(0);
    if let Some(expiry) = expiry
        && now > expiry.saturating_add(CLOCK_SKEW)
    {
        return Err(fault::EXPIRED.with([("expiry", seconds(expiry))]));
    }
    match time {
        Some(time) if time > now.saturating_add(CLOCK_SKEW) => Err(fault::FUTURE.with([("signed", seconds(time))])),
        _ => Ok(()),
    }
}

/// Returns a moment as people write it.
fn seconds(since_1970: u64) -> Value {
    let moment = i64::try_from(since_1970).ok().and_then(|second| Timestamp::from_second(second).ok());
    moment.map_or(Value::Number(since_1970), |moment| moment.to_string().into())
}

/// Checks that there is a key, and that it may make this signature (§6.1.2).
fn check_key(signature: &Signature, lookup: &Lookup, service: Service, trace: &mut Trace) -> Result<(), Finding> {
    let name = &signature.key.name;
    let bits = || lookup.bits.map_or(Value::Word("?"), Value::from);
    let found = |fault: &'static Fault| {
        fault.with([("name", name.into()), ("bits", bits()), ("algorithm", signature.algorithm.as_str().into())])
    };
    let key = lookup.key.as_ref().map_err(|fault| found(fault))?;
    trace.note(&KEY, [("name", name.into()), ("kind", key.kind().into()), ("bits", lookup.bits.unwrap_or(256).into())]);
    if lookup.testing {
        trace.note(&TESTING, [("name", name.into())]);
    }
    key.allows(signature.algorithm, service).map_err(found)?;
    // §3.6.1, `t=s`: no subdomains.
    if key.strict && !signature.identity_is_domain { Err(found(&fault::KEY_STRICT)) } else { Ok(()) }
}

/// Verifies the header (§6.1.3).
fn check_header(
    signature: &Signature,
    lookup: &Lookup,
    header: &Header<'_>,
    own: usize,
    index: &FieldIndex,
    input: &mut HeaderInput,
    trace: &mut Trace,
) -> Result<(), Finding> {
    let (Some(field), Ok(key)) = (header.fields().get(own), &lookup.key) else {
        return Err((&fault::KEY_UNAVAILABLE).into());
    };
    let names = signed_names(signature, field.value());
    input.pick(signature.canonicalization, header, index, names, own);
    input.push_without(signature.canonicalization, field, signature.signature_at.clone());
    key.verify(&input.sha256(), &signature.signature)?;
    trace
        .note(&HEADER_FITS, [("count", signature.name_count.into()), ("way", word(signature.canonicalization).into())]);
    trace.note(&SIGNED_FIELDS, [("fields", joined(signed_names(signature, field.value())))]);
    Ok(())
}

/// Returns the names in `h=`.
fn signed_names<'v>(signature: &Signature, value: &'v [u8]) -> impl Iterator<Item = &'v [u8]> {
    split_colons(value.get(signature.names_at.clone()).unwrap_or(&[]))
}

/// Says what may have happened to the header.
fn hint_at_header(signature: &Signature, header: &Header<'_>, own: usize, index: &FieldIndex, trace: &mut Trace) {
    let Some(field) = header.fields().get(own) else { return };
    let names: Vec<&[u8]> = signed_names(signature, field.value()).collect();
    let (mut absent, mut repeated): (Vec<&[u8]>, Vec<&[u8]>) = (Vec::new(), Vec::new());
    for name in unique(&names) {
        match index.count(header, name) {
            0 => absent.push(name),
            1 => {}
            _ if name.eq_ignore_ascii_case(b"received") => {}
            _ => repeated.push(name),
        }
    }
    trace.enter();
    trace.note(&SIGNED_FIELDS, [("fields", joined(names.into_iter()))]);
    if !absent.is_empty() {
        trace.note(&ABSENT_FIELDS, [("fields", joined(absent.into_iter()))]);
    }
    if !repeated.is_empty() {
        trace.note(&REPEATED_FIELDS, [("fields", joined(repeated.into_iter()))]);
    }
    if signature.canonicalization == Canonicalization::Simple {
        trace.note(&SIMPLE_HEADER, []);
    }
    trace.leave();
}

/// Returns each name once, sorted.
fn unique<'v>(names: &[&'v [u8]]) -> Vec<&'v [u8]> {
    let mut sorted: Vec<&[u8]> = names.to_vec();
    sorted.sort_by_cached_key(|name| name.to_ascii_lowercase());
    sorted.dedup_by(|left, right| left.eq_ignore_ascii_case(right));
    sorted
}

/// Returns names in a row; what is too long to be shown is left out.
fn joined<'n>(names: impl Iterator<Item = &'n [u8]>) -> Value {
    /// The most octets that are gathered: a little more than is shown, so that the cut is seen.
    const MAX: usize = sekisho_core::visible::SHOWN_MAX + 64;
    let mut row = Vec::with_capacity(MAX);
    for name in names {
        if !row.is_empty() {
            row.extend_from_slice(b", ");
        }
        row.extend_from_slice(name);
        if row.len() > MAX {
            break;
        }
    }
    Value::from(row.as_slice())
}

/// Compares the body with `bh=`, and what `l=` covers with all there is (§3.4.5, §3.7, §8.2).
fn check_body(claim: &BodyClaim, digests: &BodyDigests, trace: &mut Trace) -> Result<(), Finding> {
    let digest = digests.get(claim.want).ok_or(&fault::BODY_NOT_HASHED)?;
    if let Some(length) = claim.want.length {
        trace.note(&LENGTH, [("length", length.into()), ("total", digest.total.into())]);
        if digest.hashed < length {
            return Err(fault::LENGTH_BEYOND.with([("length", length.into()), ("total", digest.total.into())]));
        }
    }
    if digest.sha256 != claim.hash {
        return Err(fault::BODY_DIFFERS.with([("signed", short(&claim.hash)), ("found", short(&digest.sha256))]));
    }
    trace.note(&BODY_FITS, [("count", digest.hashed.into()), ("way", word(claim.want.canonicalization).into())]);
    match digest.total.saturating_sub(digest.hashed) {
        0 => Ok(()),
        rest => Err(fault::UNCOVERED.with([("rest", rest.into())])),
    }
}

/// Says whether the body is what was signed, where something else decided already.
fn tell_of_body(claim: &BodyClaim, digests: &BodyDigests, trace: &mut Trace) {
    let Some(digest) = digests.get(claim.want) else { return };
    if digest.sha256 == claim.hash {
        trace.note(&BODY_FITS, [("count", digest.hashed.into()), ("way", word(claim.want.canonicalization).into())]);
    } else {
        trace.note(&BODY_TOO, [("signed", short(&claim.hash)), ("found", short(&digest.sha256))]);
    }
}

/// Returns the first letters of a hash in base64: enough to compare by eye.
fn short(hash: &[u8; 32]) -> Value {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(&hash[..9]).into()
}
