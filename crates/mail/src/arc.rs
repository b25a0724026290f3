//! ARC: what did the hops before us see, and is their account whole? (RFC 8617)
//!
//! [`Chain::find`] gathers the sets and checks their structure (§5.2, steps 1 to 3), [`Chain::proceed`] verifies every
//! seal and the newest message signature as far as the header goes (steps 4 to 6), [`Chain::close`] compares the body.
//! The chain proves who handled the mail, not that any of them is honest: [`Chain::vouches_for`] therefore counts only
//! sealers that the house lists. (ARC is on its way to Historic; it informs an override and nothing else.)

pub mod seal;
pub(crate) mod set;

use aws_lc_rs::digest::{Context, Digest, SHA256};
use jiff::Timestamp;
use sekisho_core::facts::{Facts, Missing, Question};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Rule, Step, Trace, Value};

use crate::arc::set::{ChainValue, Set};
use crate::authentication_results::AuthenticationResults;
use crate::body::{BodyDigests, BodyPlan, Canonicalization};
use crate::dkim::canonical::{FieldIndex, HeaderInput};
use crate::dkim::check_times;
use crate::dkim::fault::Fault;
use crate::dkim::key;
use crate::dkim::signature::Algorithm;
use crate::header::Header;
use crate::policy::{Policy, Service};
use crate::tags::split_colons;
use crate::verdict::{ArcResult, ArcVerdict};

/// The ARC chain of one mail, while it is judged.
#[derive(Debug)]
pub struct Chain {
    /// The sets, instance 1 first; empty where there are none or they do not fit together.
    sets: Vec<Set>,
    /// How many instances the fields name.
    instances: u32,
    /// Whether the newest message signature covers From.
    covers_author: bool,
    /// How far it has come.
    state: State,
    /// Why.
    trace: Trace,
}

/// How far a chain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its structure is sound; the keys are not known yet.
    Keys,
    /// Every seal fits, and so does the newest message signature; the body is not known yet.
    Body,
    /// It was judged.
    Judged(ArcResult, Option<&'static str>),
}

impl Chain {
    /// Gathers the sets of a mail.
    pub fn find(header: &Header<'_>) -> Chain {
        let mut chain = Chain {
            sets: Vec::new(),
            instances: 0,
            covers_author: false,
            state: State::Keys,
            trace: Trace::new(Check::Arc),
        };
        match set::gather(header) {
            Ok(sets) if sets.is_empty() => chain.judge(&NONE, ArcResult::None, None, []),
            Ok(sets) => {
                chain.instances = u32::try_from(sets.len()).unwrap_or(u32::MAX);
                chain.sets = sets;
                chain.check_values();
            }
            Err(fault) => {
                chain.instances = fault.instances;
                let arguments = [("instance", u64::from(fault.instance).into()), ("reason", fault.reason.into())];
                chain.judge(&STRUCTURE, ArcResult::Fail, Some(fault.reason), arguments);
            }
        }
        chain
    }

    /// Verifies the seals and the newest message signature, once the keys are known; asks for all keys at once.
    pub fn proceed(&mut self, facts: &Facts, header: &Header<'_>, now: Timestamp) -> Result<(), Missing> {
        if self.state != State::Keys {
            return Ok(());
        }
        let missing = facts.unanswered(self.questions().into_iter().cloned());
        if !missing.is_empty() {
            return Err(Missing(missing));
        }
        self.state = State::Body;
        let mut input = HeaderInput::default();
        let verified = self
            .verify_message(facts, header, now, &mut input)
            .and_then(|()| self.verify_seals(facts, header, &mut input));
        if let Err(fault) = verified {
            self.trace.enter();
            let arguments = [
                ("instance", u64::from(fault.instance).into()),
                ("domain", (&fault.domain).into()),
                ("reason", fault.fault.reason.into()),
            ];
            self.judge(fault.rule, ArcResult::Fail, Some(fault.fault.reason), arguments);
        }
        Ok(())
    }

    /// Says which hash of the body is wanted; known from the start.
    pub fn plan(&self, plan: &mut BodyPlan) {
        if let (State::Keys | State::Body, Some(newest)) = (self.state, self.sets.last()) {
            plan.want(newest.message.body);
        }
    }

    /// Compares the body with what the newest message signature says.
    pub fn close(&mut self, digests: &BodyDigests) {
        let (State::Keys | State::Body, Some(newest)) = (self.state, self.sets.last()) else { return };
        let message = &newest.message;
        let instance = ("instance", u64::from(self.instances).into());
        if self.state == State::Keys {
            let reason = crate::dkim::fault::KEY_UNAVAILABLE.reason;
            return self.judge(&STRUCTURE, ArcResult::Fail, Some(reason), [instance, ("reason", reason.into())]);
        }
        match digests.get(message.body) {
            Some(digest) if digest.sha256 != message.body_hash => {
                self.judge(&BODY_DIFFERS, ArcResult::Fail, Some("body hash differs"), [instance]);
            }
            Some(digest) if digest.total > digest.hashed => {
                self.judge(&BODY_UNCOVERED, ArcResult::Fail, Some("content not covered"), [instance]);
            }
            Some(_) => {
                let sealer = message.domain.clone();
                self.judge(&PASS, ArcResult::Pass, None, [instance, ("domain", (&sealer).into())]);
            }
            None => self.judge(&BODY_DIFFERS, ArcResult::Fail, Some("body not hashed"), [instance]),
        }
    }

    /// Returns what was concluded. Whether it overrides anything is for [`crate::hearing`] to say.
    pub fn verdict(&self) -> ArcVerdict {
        let (result, reason) = match self.state {
            State::Judged(result, reason) => (result, reason),
            State::Keys | State::Body => (ArcResult::Fail, Some("not judged to the end")),
        };
        let sealers = self.sets.iter().map(|set| set.seal.domain.clone()).collect();
        ArcVerdict { result, instances: self.instances, sealers, overrides: false, reason }
    }

    /// Returns the chain's status, as a new seal's `cv=` states it; nothing once a seal has said `cv=fail`, since then
    /// no set is added any more (§5.1, step 2).
    pub fn status(&self) -> Option<ArcResult> {
        let closed = self.sets.last().is_some_and(|set| set.seal.chain == ChainValue::Fail);
        (!closed).then(|| self.verdict().result)
    }

    /// Returns where the newest message signature stands in the header.
    pub(crate) fn message_signature(&self) -> Option<usize> {
        self.sets.last().map(|set| set.message_at)
    }

    /// Tells whether a listed sealer saw DMARC pass for that author, and everybody who sealed since is listed too.
    pub fn vouches_for(&self, author: &DomainName, policy: &Policy) -> bool {
        if self.verdict().result != ArcResult::Pass || !self.covers_author {
            return false;
        }
        let is_trusted = |set: &&Set| policy.trusted_sealers.contains(&set.seal.domain);
        self.sets.iter().rev().take_while(is_trusted).any(|set| set.saw_dmarc_pass_for(author))
    }

    /// Returns the account.
    pub fn steps(&self) -> &[Step] {
        self.trace.steps()
    }

    /// Ends the account.
    pub fn into_steps(self) -> Vec<Step> {
        self.trace.into_steps()
    }

    /// Checks what the seals say of the chain before them (§5.2, steps 2 and 3).
    fn check_values(&mut self) {
        for set in &self.sets {
            let arguments = [
                ("instance", u64::from(set.instance).into()),
                ("domain", (&set.seal.domain).into()),
                ("cv", set.seal.chain.as_str().into()),
            ];
            self.trace.note(&SET, arguments);
        }
        let newest_failed = self.sets.last().is_some_and(|set| set.seal.chain == ChainValue::Fail);
        if newest_failed {
            let instance = u64::from(self.instances);
            return self.judge(&CLOSED, ArcResult::Fail, Some("sealed as failed"), [("instance", instance.into())]);
        }
        let expected = |set: &Set| if set.instance == 1 { ChainValue::None } else { ChainValue::Pass };
        if let Some(set) = self.sets.iter().find(|set| set.seal.chain != expected(set)) {
            let arguments = [
                ("instance", u64::from(set.instance).into()),
                ("cv", set.seal.chain.as_str().into()),
                ("expected", expected(set).as_str().into()),
            ];
            self.judge(&VALUE, ArcResult::Fail, Some("chain value wrong"), arguments);
        }
    }

    /// Returns the questions for every key.
    fn questions(&self) -> Vec<&Question> {
        let newest = self.sets.last().map(|set| &set.message.key);
        let mut questions: Vec<&Question> = self.sets.iter().map(|set| &set.seal.key).chain(newest).collect();
        questions.sort_unstable();
        questions.dedup();
        questions
    }

    /// Verifies what the newest message signature says of the header (§5.2, step 4).
    fn verify_message(
        &mut self,
        facts: &Facts,
        header: &Header<'_>,
        now: Timestamp,
        input: &mut HeaderInput,
    ) -> Result<(), Broken> {
        let Some(set) = self.sets.last() else { return Ok(()) };
        let message = &set.message;
        let broken =
            |fault| Broken { rule: &MESSAGE_DIFFERS, instance: set.instance, domain: message.domain.clone(), fault };
        let Some(field) = header.fields().get(set.message_at) else {
            return Err(broken(&crate::dkim::fault::MALFORMED));
        };
        check_times(message.time, message.expiry, now).map_err(|finding| broken(finding.fault))?;
        let listed = field.value().get(message.names_at.clone()).unwrap_or(&[]);
        // RFC 6376 §5.4: it is signed in DKIM's way, so From is among what it covers.
        // The public suite wants an empty `h=` to pass, which covers no field at all: it vouches for nobody.
        let mut names = split_colons(listed).filter(|name| !name.is_empty()).peekable();
        let is_empty = names.peek().is_none();
        self.covers_author = split_colons(listed).any(|name| name.eq_ignore_ascii_case(b"from"));
        if !self.covers_author && !is_empty {
            return Err(broken(&crate::dkim::fault::FROM_NOT_SIGNED));
        }
        input.pick(message.canonicalization, header, &FieldIndex::new(header), names, set.message_at);
        input.push_without(message.canonicalization, field, message.signature_at.clone());
        verify(facts, &message.key, message.algorithm, &input.sha256(), &message.signature).map_err(broken)?;
        self.trace
            .note(&MESSAGE_FITS, [("instance", u64::from(set.instance).into()), ("domain", (&message.domain).into())]);
        Ok(())
    }

    /// Verifies every seal (§5.2, steps 5 and 6). Each covers all sets up to its own (§5.1.1), so what was hashed for
    /// one is carried on for the next.
    fn verify_seals(&mut self, facts: &Facts, header: &Header<'_>, input: &mut HeaderInput) -> Result<(), Broken> {
        let mut carried = Context::new(&SHA256);
        let mut first_broken = None;
        for set in &self.sets {
            let digest = seal_digest(&mut carried, header, set, input);
            match verify(facts, &set.seal.key, set.seal.algorithm, &digest, &set.seal.signature) {
                Ok(()) => {
                    let arguments =
                        [("instance", u64::from(set.instance).into()), ("domain", (&set.seal.domain).into())];
                    self.trace.note(&SEAL_FITS, arguments);
                }
                Err(fault) => {
                    let domain = set.seal.domain.clone();
                    first_broken.get_or_insert(Broken { rule: &SEAL_DIFFERS, instance: set.instance, domain, fault });
                }
            }
        }
        first_broken.map_or(Ok(()), Err)
    }

    /// Ends the judgement.
    fn judge<const N: usize>(
        &mut self,
        rule: &'static Rule,
        result: ArcResult,
        reason: Option<&'static str>,
        arguments: [(&'static str, Value); N],
    ) {
        self.trace.conclude(rule, result.as_str(), arguments);
        self.state = State::Judged(result, reason);
    }
}

/// A signature of the chain that does not fit.
struct Broken {
    /// The rule that says so.
    rule: &'static Rule,
    /// The instance.
    instance: u32,
    /// Who signed.
    domain: DomainName,
    /// Why it does not fit.
    fault: &'static Fault,
}

/// Hashes what a seal covers: all sets before it, its own results and message signature, and itself without `b=`.
fn seal_digest(carried: &mut Context, header: &Header<'_>, set: &Set, input: &mut HeaderInput) -> Digest {
    let relaxed = Canonicalization::Relaxed;
    let fields = header.fields();
    input.restart();
    for at in [set.results_at, set.message_at] {
        if let Some(field) = fields.get(at) {
            input.push(relaxed, field);
        }
    }
    carried.update(input.octets());
    let mut own = carried.clone();
    if let Some(field) = fields.get(set.seal_at) {
        input.restart();
        input.push_without(relaxed, field, set.seal.signature_at.clone());
        own.update(input.octets());
        input.restart();
        input.push(relaxed, field);
        carried.update(input.octets());
    }
    own.finish()
}

/// Verifies one signature with the key that the facts hold.
fn verify(
    facts: &Facts,
    question: &Question,
    algorithm: Algorithm,
    digest: &Digest,
    signature: &[u8],
) -> Result<(), &'static Fault> {
    let found = key::lookup(facts, question).map_err(|_| &crate::dkim::fault::KEY_UNAVAILABLE)?;
    let key = found.key.as_ref().map_err(|fault| *fault)?;
    key.allows(algorithm, Service::Email)?;
    key.verify(digest, signature)
}

impl Set {
    /// Tells whether this hop's results say that DMARC passed for that author, and none of them says otherwise: results
    /// that contradict each other may be somebody else's words in the hop's mouth.
    fn saw_dmarc_pass_for(&self, author: &DomainName) -> bool {
        let Ok(results) = AuthenticationResults::parse(&self.results) else { return false };
        let mut dmarc = results.results.iter().filter(|result| result.method.eq_ignore_ascii_case("dmarc")).peekable();
        dmarc.peek().is_some()
            && dmarc.all(|result| {
                result.result.eq_ignore_ascii_case("pass")
                    && result.properties.iter().any(|property| {
                        property.kind.eq_ignore_ascii_case("header")
                            && property.name.eq_ignore_ascii_case("from")
                            && DomainName::parse_unicode(&property.value).is_ok_and(|from| from == *author)
                    })
            })
    }
}

/// The stable phrases that say why a chain fails, beside those of a signature ([`crate::dkim`]).
pub(crate) const REASONS: [&str; 9] = [
    "instance malformed",
    "too many instances",
    "set incomplete",
    "instance duplicated",
    "message signature malformed",
    "seal malformed",
    "sealed as failed",
    "chain value wrong",
    "not judged to the end",
];

/// There is no chain.
static NONE: Rule = Rule { id: "arc.none", section: "RFC 8617 §5.2" };
/// A set of the chain.
static SET: Rule = Rule { id: "arc.set", section: "RFC 8617 §4.2" };
/// The fields do not make a chain.
static STRUCTURE: Rule = Rule { id: "arc.structure", section: "RFC 8617 §5.2" };
/// The newest sealer says that the chain was broken already.
static CLOSED: Rule = Rule { id: "arc.closed", section: "RFC 8617 §5.2" };
/// A seal says of the chain what cannot be.
static VALUE: Rule = Rule { id: "arc.chain-value", section: "RFC 8617 §5.2" };
/// The newest message signature fits the header.
static MESSAGE_FITS: Rule = Rule { id: "arc.message-fits", section: "RFC 8617 §5.2" };
/// The newest message signature does not fit.
static MESSAGE_DIFFERS: Rule = Rule { id: "arc.message-differs", section: "RFC 8617 §5.2" };
/// A seal fits.
static SEAL_FITS: Rule = Rule { id: "arc.seal-fits", section: "RFC 8617 §5.2" };
/// A seal does not fit.
static SEAL_DIFFERS: Rule = Rule { id: "arc.seal-differs", section: "RFC 8617 §5.2" };
/// The body is not the one that was signed.
static BODY_DIFFERS: Rule = Rule { id: "arc.body-differs", section: "RFC 8617 §5.2" };
/// Content follows what was signed.
static BODY_UNCOVERED: Rule = Rule { id: "arc.body-uncovered", section: "RFC 6376 §8.2" };
/// The chain is whole.
static PASS: Rule = Rule { id: "arc.pass", section: "RFC 8617 §5.2" };

/// Every rule of this judge.
pub(crate) const RULES: &[&Rule] = &[
    &NONE,
    &SET,
    &STRUCTURE,
    &CLOSED,
    &VALUE,
    &MESSAGE_FITS,
    &MESSAGE_DIFFERS,
    &SEAL_FITS,
    &SEAL_DIFFERS,
    &BODY_DIFFERS,
    &BODY_UNCOVERED,
    &PASS,
];
