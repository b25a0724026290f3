//! One mail is heard, in two parts: first its header and envelope, then what its body hashes to
//!
//! [`Hearing::proceed`] needs no body: it is called while the body may still be arriving, again and again until no fact
//! is missing. A sub-verdict that was reached is final and never judged again. [`Hearing::close`] brings the digests of
//! the body, and [`Hearing::verdict`] puts everything together.

use std::sync::Arc;

use jiff::Timestamp;
use sekisho_core::facts::{Facts, Missing};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Rule, Step, Trace};

use crate::arc::Chain;
use crate::author::{self, flag};
use crate::body::{BodyDigests, BodyHasher, BodyPlan};
use crate::coverage::Exposed;
use crate::dkim::Signatures;
use crate::dmarc;
use crate::envelope::Envelope;
use crate::header::Header;
use crate::policy::Policy;
use crate::spf;
use crate::verdict::{
    Action, Author, AuthorResult, Disposition, DkimResult, DkimVerdict, DmarcResult, DmarcVerdict, Gap, Ground,
    Identity, SpfResult, SpfVerdict, Verdict,
};

/// A mail that is being judged.
pub struct Hearing {
    /// What was said before the mail.
    envelope: Envelope,
    /// What the house decides.
    policy: Arc<Policy>,
    /// SPF of the MAIL FROM identity.
    spf: Spf,
    /// SPF of the HELO identity.
    spf_helo: Spf,
    /// What the header alone tells.
    opened: Option<Opened>,
    /// DMARC, judged from what the others had concluded then.
    dmarc: Option<Dmarc>,
}

/// DMARC, once it was judged.
struct Dmarc {
    /// What was concluded of the signatures when it was judged.
    signatures: Vec<DkimVerdict>,
    /// The verdict.
    verdict: DmarcVerdict,
    /// Why.
    steps: Vec<Step>,
}

/// What is known once the header was read.
struct Opened {
    /// Who the author is.
    author: Author,
    /// Why.
    author_steps: Vec<Step>,
    /// The DKIM signatures.
    signatures: Signatures,
    /// What they leave open, each by its field, once all is known of them but the body.
    gaps: Option<Vec<(usize, Gap)>>,
    /// The ARC chain.
    chain: Chain,
    /// What it leaves open.
    chain_gap: Option<Gap>,
    /// Whether all is there that DMARC is sure to need.
    has_policy: bool,
}

/// SPF of one identity while it is being judged.
struct Spf {
    /// The identity.
    identity: Identity,
    /// How far it has come.
    judgement: spf::Judgement,
    /// The account.
    trace: Trace,
    /// The verdict, once it was reached.
    verdict: Option<SpfVerdict>,
}

impl Hearing {
    /// Opens the hearing of a mail that came with this envelope.
    pub fn open(envelope: Envelope, policy: Arc<Policy>) -> Hearing {
        let mut spf = Spf::new(Check::Spf, Identity::MailFrom);
        let mut spf_helo = Spf::new(Check::SpfHelo, Identity::Helo);
        if envelope.client_ip.is_none() {
            spf.trace.note(&NO_CLIENT_ADDRESS, []);
        } else {
            if envelope.mail_from.is_none() {
                spf.trace.note(&NO_MAIL_FROM, []);
            }
            if envelope.helo.is_none() {
                spf_helo.trace.note(&NO_HELO, []);
            }
        }
        Hearing { envelope, policy, spf, spf_helo, opened: None, dmarc: None }
    }

    /// Takes it that SPF of the MAIL FROM identity passes for a domain, as an MTA of the house found where only that one knew the
    /// client (RFC 8601 §1.5.2). Where the client is known here the word of nobody else counts.
    pub fn take_spf_pass(&mut self, domain: &DomainName) {
        if self.envelope.client_ip.is_some() {
            return;
        }
        let name = domain.to_string();
        self.spf.trace.restart();
        self.spf.trace.conclude(&TOLD_BY_BORDER, SpfResult::Pass.as_str(), [("domain", name.clone().into())]);
        self.spf.verdict = Some(SpfVerdict {
            result: SpfResult::Pass,
            identity: Identity::MailFrom,
            domain: name,
            name: Some(domain.clone()),
            explanation: None,
            lookups: 0,
            void_lookups: 0,
        });
    }

    /// Judges everything that the facts allow, or names every question that is known to be needed.
    pub fn proceed(&mut self, facts: &Facts, header: &Header<'_>, now: Timestamp) -> Result<(), Missing> {
        let Hearing { envelope, policy, spf, spf_helo, opened, dmarc } = self;
        let opened = opened.get_or_insert_with(|| Opened::read(header, policy));
        let mut missing = spf.proceed(facts, envelope, policy, now).err();
        missing = Missing::join(missing, spf_helo.proceed(facts, envelope, policy, now).err());
        missing = Missing::join(missing, opened.signatures.proceed(facts, header, now).err());
        missing = Missing::join(missing, opened.chain.proceed(facts, header, now).err());
        missing = Missing::join(missing, opened.ask_ahead(facts));
        if let Some(missing) = missing {
            return Err(missing);
        }
        if dmarc.is_none() {
            opened.find_gaps(header);
            // Signatures whose body is still open count as good here: most are, and so their walks are done in time.
            *dmarc = Some(Dmarc::judge(facts, &opened.author, spf.verdict.as_ref(), opened.verdicts())?);
        }
        Ok(())
    }

    /// Returns what has to be hashed of the body. It is known after the first [`Hearing::proceed`].
    pub fn body_plan(&self) -> BodyPlan {
        let mut plan = BodyPlan::new();
        if let Some(opened) = &self.opened {
            opened.signatures.plan(&mut plan);
            opened.chain.plan(&mut plan);
        }
        plan
    }

    /// Takes the digests of the body.
    pub fn close(&mut self, digests: &BodyDigests) {
        let Some(opened) = &mut self.opened else { return };
        opened.close(digests);
        let signatures = opened.verdicts();
        let is_alike = |before: &[DkimVerdict]| {
            let results = before.iter().map(|signature| signature.result);
            results.eq(signatures.iter().map(|signature| signature.result))
        };
        match &mut self.dmarc {
            Some(dmarc) if is_alike(&dmarc.signatures) => dmarc.signatures = signatures,
            // A body that differs from what was signed takes DMARC's ground away: it is judged anew.
            other => *other = None,
        }
    }

    /// Puts everything together, and ends the hearing. A body that differs from what was signed may want a walk that
    /// was not needed before, so that even now facts may be missing.
    pub fn verdict(&mut self, facts: &Facts, header: &Header<'_>, now: Timestamp) -> Result<Verdict, Missing> {
        self.proceed(facts, header, now)?;
        let (Some(opened), Some(dmarc)) = (self.opened.take(), self.dmarc.take()) else {
            return Err(Missing(Vec::new()));
        };
        Ok(self.conclude(opened, dmarc, Trace::new(Check::Verdict)))
    }

    /// Ends a hearing that does not come to its end by itself: a judge asks again for what it was told, which is our
    /// fault. What was concluded by then stays; whatever else was to be judged is a temperror.
    pub fn break_off(&mut self, facts: &Facts, header: &Header<'_>, now: Timestamp) -> Verdict {
        self.opened.get_or_insert_with(|| Opened::read(header, &self.policy)).find_gaps(header);
        self.close(&BodyHasher::new(&BodyPlan::new()).finish());
        let Hearing { envelope, policy, spf, spf_helo, opened, dmarc } = self;
        let opened = opened.take().unwrap_or_else(|| Opened::read(header, policy));
        for spf in [&mut *spf, spf_helo] {
            spf.break_off(envelope, now);
        }
        let signatures = opened.verdicts();
        let judged =
            dmarc.take().map_or_else(|| Dmarc::judge(facts, &opened.author, spf.verdict.as_ref(), signatures), Ok);
        let dmarc = judged.unwrap_or_else(|_| Dmarc::break_off(&opened));
        let mut trace = Trace::new(Check::Verdict);
        trace.note(&BROKEN_OFF, []);
        self.conclude(opened, dmarc, trace)
    }

    /// Puts what was concluded together.
    fn conclude(&mut self, opened: Opened, dmarc: Dmarc, mut trace: Trace) -> Verdict {
        let Dmarc { signatures, verdict: dmarc, steps: dmarc_steps } = dmarc;
        let mut arc = opened.chain.verdict();
        let vouches = dmarc.result == DmarcResult::Fail
            && dmarc.disposition != Disposition::None
            && dmarc.domain.as_ref().is_some_and(|author| opened.chain.vouches_for(author, &self.policy));
        // A seal, like a signature, holds for the header as we read it, and for what it covers.
        let is_sound = !flag::header_is_in_doubt(&opened.author.flags) && opened.chain_gap.is_none();
        arc.overrides = vouches && is_sound;
        if vouches && !is_sound {
            trace.note(&ARC_UNCOUNTED, []);
        }
        let (action, grounds) = decide(&opened.author, &dmarc, arc.overrides, &mut trace);
        let accounts = [
            opened.author_steps,
            std::mem::replace(&mut self.spf.trace, Trace::new(Check::Spf)).into_steps(),
            std::mem::replace(&mut self.spf_helo.trace, Trace::new(Check::SpfHelo)).into_steps(),
            opened.signatures.into_steps(),
            opened.chain.into_steps(),
            dmarc_steps,
            trace.into_steps(),
        ];
        let mut steps = Vec::with_capacity(accounts.iter().map(Vec::len).sum());
        accounts.into_iter().for_each(|mut account| steps.append(&mut account));
        Verdict {
            action,
            grounds,
            author: opened.author,
            spf: self.spf.verdict.take(),
            spf_helo: self.spf_helo.verdict.take(),
            dkim: signatures,
            arc,
            dmarc,
            steps,
        }
    }
}

impl Dmarc {
    /// Judges DMARC from what the others have concluded so far.
    fn judge(
        facts: &Facts,
        author: &Author,
        spf: Option<&SpfVerdict>,
        signatures: Vec<DkimVerdict>,
    ) -> Result<Dmarc, Missing> {
        let mut trace = Trace::new(Check::Dmarc);
        let verdict = dmarc::judge(facts, author, spf, &signatures, &mut trace)?;
        Ok(Dmarc { signatures, verdict, steps: trace.into_steps() })
    }

    /// Says that DMARC was not judged to its end.
    fn break_off(opened: &Opened) -> Dmarc {
        let mut trace = Trace::new(Check::Dmarc);
        let verdict = dmarc::break_off(&opened.author, &mut trace);
        Dmarc { signatures: opened.verdicts(), verdict, steps: trace.into_steps() }
    }
}

impl Opened {
    /// Reads what the header alone tells.
    fn read(header: &Header<'_>, policy: &Policy) -> Opened {
        if !header.is_within(policy) {
            // Nothing of it is judged, and no signature could make up for it.
            let (author, author_steps) = author::too_large(policy);
            let nothing = Header::parse(&[]);
            let (signatures, chain) = (Signatures::find(&nothing, None, policy), Chain::find(&nothing));
            return Opened { author, author_steps, signatures, gaps: None, chain, chain_gap: None, has_policy: false };
        }
        let (author, author_steps) = author::judge(header);
        let signatures = Signatures::find(header, author.domain.as_ref(), policy);
        let chain = Chain::find(header);
        let sealed = chain.message_signature();
        let chain_gap = sealed.and_then(|at| Exposed::find(header, &author.flags).gap(header, at));
        Opened { author, author_steps, signatures, gaps: None, chain, chain_gap, has_policy: false }
    }

    /// Finds what the signatures leave open that pass, or could once the DNS works again.
    fn find_gaps(&mut self, header: &Header<'_>) {
        if self.gaps.is_some() {
            return;
        }
        let exposed = Exposed::find(header, &self.author.flags);
        if exposed.is_empty() {
            self.gaps = Some(Vec::new());
            return;
        }
        let may_count = |signature: &DkimVerdict| matches!(signature.result, DkimResult::Pass | DkimResult::Temperror);
        let counted = self.signatures.verdicts().into_iter().filter(may_count).map(|signature| signature.field);
        self.gaps = Some(counted.filter_map(|at| Some((at, exposed.gap(header, at)?))).collect());
    }

    /// Returns what was concluded of the signatures.
    fn verdicts(&self) -> Vec<DkimVerdict> {
        let mut verdicts = self.signatures.verdicts();
        for (at, gap) in self.gaps.iter().flatten() {
            if let Some(signature) = verdicts.iter_mut().find(|signature| signature.field == *at) {
                signature.gap = Some(gap.clone());
            }
        }
        verdicts
    }

    /// Returns what DMARC is sure to need and nobody has asked for yet.
    fn ask_ahead(&mut self, facts: &Facts) -> Option<Missing> {
        if self.has_policy {
            return None;
        }
        let missing = dmarc::opening(facts, &self.author);
        self.has_policy = missing.is_none();
        missing
    }

    /// Compares what is left to be judged with the body.
    fn close(&mut self, digests: &BodyDigests) {
        self.signatures.close(digests);
        self.chain.close(digests);
    }
}

impl Spf {
    /// Prepares the judgement of one identity.
    fn new(check: Check, identity: Identity) -> Spf {
        Spf { identity, judgement: spf::Judgement::default(), trace: Trace::new(check), verdict: None }
    }

    /// Judges the identity, once, as far as the envelope names it.
    fn proceed(&mut self, facts: &Facts, envelope: &Envelope, policy: &Policy, now: Timestamp) -> Result<(), Missing> {
        if let Some(request) = self.request(envelope) {
            self.verdict = Some(self.judgement.proceed(facts, &request, policy, now, &mut self.trace)?);
        }
        Ok(())
    }

    /// Ends the judgement where it is still under way.
    fn break_off(&mut self, envelope: &Envelope, now: Timestamp) {
        if let Some(request) = self.request(envelope) {
            self.verdict = Some(spf::break_off(&request, now, &mut self.trace));
        }
    }

    /// Returns what is to be judged, as long as it is not, where the envelope names it.
    fn request<'e>(&self, envelope: &'e Envelope) -> Option<spf::Request<'e>> {
        let is_named = match self.identity {
            Identity::MailFrom => envelope.mail_from.is_some(),
            Identity::Helo => envelope.helo.is_some(),
        };
        let client_ip = envelope.client_ip.filter(|_| is_named && self.verdict.is_none())?;
        Some(spf::Request {
            identity: self.identity,
            client_ip,
            helo: envelope.helo.as_deref().unwrap_or_default(),
            mail_from: envelope.mail_from.as_deref().unwrap_or_default(),
            receiver: None,
        })
    }
}

/// Decides what the recommended policy does with the mail.
fn decide(author: &Author, dmarc: &DmarcVerdict, overridden: bool, trace: &mut Trace) -> (Action, Vec<Ground>) {
    let ground = match author.result {
        AuthorResult::Ok => None,
        AuthorResult::Missing => Some(Ground::AuthorMissing),
        AuthorResult::Multiple => Some(Ground::AuthorMultiple),
        AuthorResult::Unusable => Some(Ground::AuthorUnusable),
    };
    if let Some(ground) = ground {
        trace.conclude(&AUTHOR_REFUSED, Action::Reject.as_str(), [("reason", author.reason.unwrap_or("none").into())]);
        return (Action::Reject, vec![ground]);
    }
    match (dmarc.result, dmarc.disposition) {
        (DmarcResult::Temperror, _) if temperror_matters(dmarc) => {
            trace.conclude(&TRY_LATER, Action::Tempfail.as_str(), []);
            (Action::Tempfail, vec![Ground::DmarcTemperror])
        }
        (DmarcResult::Temperror, _) => {
            trace.conclude(&TEMPERROR_WITHOUT_EFFECT, Action::Accept.as_str(), []);
            (Action::Accept, Vec::new())
        }
        (DmarcResult::Fail, Disposition::Quarantine | Disposition::Reject) if overridden => {
            trace.conclude(&ARC_OVERRIDE, Action::Accept.as_str(), []);
            (Action::Accept, vec![Ground::ArcOverride])
        }
        // §5.4: a published `reject` alone is no reason to reject.
        (DmarcResult::Fail, Disposition::Reject) => {
            trace.conclude(&REJECT_NEEDS_MORE, Action::Quarantine.as_str(), []);
            (Action::Quarantine, vec![Ground::DmarcFail])
        }
        (DmarcResult::Fail, Disposition::Quarantine) => {
            trace.conclude(&QUARANTINE, Action::Quarantine.as_str(), []);
            (Action::Quarantine, vec![Ground::DmarcFail])
        }
        _ => {
            trace.conclude(&ACCEPT, Action::Accept.as_str(), [("dmarc", dmarc.result.as_str().into())]);
            (Action::Accept, Vec::new())
        }
    }
}

/// Tells whether an answer could still change what is done: not where the known policy asks for nothing.
fn temperror_matters(dmarc: &DmarcVerdict) -> bool {
    match (&dmarc.record, dmarc.policy) {
        (Some(record), Some(policy)) => record.lowered(policy) != Disposition::None,
        _ => true,
    }
}

/// SPF was not asked for want of a client address.
static NO_CLIENT_ADDRESS: Rule = Rule { id: "envelope.no-client-address", section: "RFC 7208 §4.1" };
/// SPF was judged by an MTA of the house in front.
static TOLD_BY_BORDER: Rule = Rule { id: "envelope.told-by-border", section: "RFC 8601 §1.5.2" };
/// SPF was not asked for want of a MAIL FROM address.
static NO_MAIL_FROM: Rule = Rule { id: "envelope.no-mail-from", section: "RFC 7208 §2.4" };
/// SPF was not asked for want of a HELO name.
static NO_HELO: Rule = Rule { id: "envelope.no-helo", section: "RFC 7208 §2.3" };
/// The hearing did not come to its end, by our own fault.
static BROKEN_OFF: Rule = Rule { id: "verdict.broken-off", section: "RFC 9989 §5.3.6" };
/// A mail without one usable author is refused.
static AUTHOR_REFUSED: Rule = Rule { id: "verdict.author", section: "RFC 9989 §5.3.1" };
/// Nothing speaks against the mail.
static ACCEPT: Rule = Rule { id: "verdict.accept", section: "RFC 9989 §5.4" };
/// The domain owner asks for quarantine.
static QUARANTINE: Rule = Rule { id: "verdict.quarantine", section: "RFC 9989 §5.4" };
/// The domain owner asks for rejection, which alone is not enough.
static REJECT_NEEDS_MORE: Rule = Rule { id: "verdict.reject-needs-more", section: "RFC 9989 §5.4" };
/// A trusted sealer saw DMARC pass.
static ARC_OVERRIDE: Rule = Rule { id: "verdict.arc-override", section: "RFC 8617 §7.2.1" };
/// A trusted sealer saw DMARC pass, but mail programs may show other things than were sealed.
static ARC_UNCOUNTED: Rule = Rule { id: "verdict.arc-uncounted", section: "RFC 6376 §8.15" };
/// The DNS has to answer first.
static TRY_LATER: Rule = Rule { id: "verdict.try-later", section: "RFC 9989 §5.3.6" };
/// The DNS did not answer, but whatever it says, the policy asks for nothing.
static TEMPERROR_WITHOUT_EFFECT: Rule = Rule { id: "verdict.temperror-without-effect", section: "RFC 9989 §5.3.6" };

/// Every rule of this room.
pub(crate) const RULES: &[&Rule] = &[
    &NO_CLIENT_ADDRESS,
    &TOLD_BY_BORDER,
    &NO_MAIL_FROM,
    &NO_HELO,
    &BROKEN_OFF,
    &AUTHOR_REFUSED,
    &ACCEPT,
    &QUARANTINE,
    &REJECT_NEEDS_MORE,
    &ARC_OVERRIDE,
    &ARC_UNCOUNTED,
    &TRY_LATER,
    &TEMPERROR_WITHOUT_EFFECT,
];
