//! A stream is judged twice, by our own judges: as the DNS is, and as it is proposed to be
//!
//! What a report does not tell is not guessed. Where it could matter the stream is judged both ways, and where the two differ
//! the answer is that nobody can tell, with the reason.

use std::collections::BTreeSet;
use std::net::IpAddr;

use sekisho_core::facts::{Facts, Missing, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Trace};
use sekisho_mail::dkim::published::{self, Succession};
use sekisho_mail::dmarc;
use sekisho_mail::dmarc::record::{Alignment, Record as Policy};
use sekisho_mail::verdict::{
    Author, AuthorResult, DkimResult, DkimVerdict, DmarcResult, DmarcVerdict, Identity as Spoken, SpfResult, SpfVerdict,
};

use super::stream::{Identity, Signature};
use crate::spf_record::is_spf;
use crate::world::World;

/// What becomes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// It passes, and would fail.
    Breaks,
    /// It fails, and would be treated more severely.
    Harsher,
    /// Nobody can tell.
    Unknown,
    /// It fails, and would be treated less severely.
    Milder,
    /// It fails, and would pass.
    Mended,
    /// Nothing.
    Same,
}

impl Change {
    /// Every change, the worst first.
    pub(super) const ALL: [Change; 6] =
        [Change::Breaks, Change::Harsher, Change::Unknown, Change::Milder, Change::Mended, Change::Same];

    /// Returns the stable word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Change::Breaks => "breaks",
            Change::Harsher => "harsher",
            Change::Unknown => "unknown",
            Change::Milder => "milder",
            Change::Mended => "mended",
            Change::Same => "same",
        }
    }

    /// Tells whether somebody's mail is worse off.
    pub(super) fn is_worse(self) -> bool {
        matches!(self, Change::Breaks | Change::Harsher)
    }

    /// Compares two verdicts.
    fn between(before: &DmarcVerdict, after: &DmarcVerdict) -> Change {
        let is_open =
            |verdict: &DmarcVerdict| matches!(verdict.result, DmarcResult::Temperror | DmarcResult::Permerror);
        match (before.result, after.result) {
            _ if is_open(before) || is_open(after) => Change::Unknown,
            (DmarcResult::Pass, DmarcResult::Fail) => Change::Breaks,
            (DmarcResult::Fail, DmarcResult::Pass) => Change::Mended,
            _ if after.disposition > before.disposition => Change::Harsher,
            _ if after.disposition < before.disposition => Change::Milder,
            _ => Change::Same,
        }
    }
}

/// What a report does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// By which domain SPF passed.
    SpfDomain,
    /// Which domain signed.
    Signer,
    /// Which key a domain signed with.
    Selector,
    /// Whether a signature is for `d=` itself or for a name below it, which the proposed key rules out.
    SignedFor,
    /// Which key it was: none is published any more to compare with.
    Key,
    /// The name before the at sign, or that in HELO, by which the proposed SPF decides.
    Macros,
    /// The address of the source.
    Address,
    /// The author domain.
    Author,
    /// What the DNS says just now.
    Dns,
}

impl Doubt {
    /// Returns the stable word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Doubt::SpfDomain => "spf-domain",
            Doubt::Signer => "signer",
            Doubt::Selector => "selector",
            Doubt::SignedFor => "signed-for",
            Doubt::Key => "key",
            Doubt::Macros => "spf-macros",
            Doubt::Address => "address",
            Doubt::Author => "author",
            Doubt::Dns => "dns",
        }
    }
}

/// What was found of a stream.
#[derive(Clone, Debug)]
pub(super) struct Ruling {
    /// How it is judged as the DNS is.
    pub(super) before: DmarcVerdict,
    /// How it would be judged; where that is open, in the worse case.
    pub(super) after: DmarcVerdict,
    /// What that comes to.
    pub(super) change: Change,
    /// Why it is open.
    pub(super) doubts: BTreeSet<Doubt>,
    /// What would be authenticated, in the worse case.
    pub(super) case: Case,
    /// What is authenticated as the DNS is.
    pub(super) was: Case,
    /// The names of proposed keys by which signatures verify no longer.
    pub(super) lost: Vec<DomainName>,
}

/// What a mail has to show to DMARC.
#[derive(Clone, Debug, Default)]
pub(super) struct Case {
    /// SPF of the MAIL FROM domain.
    pub(super) spf: Option<SpfVerdict>,
    /// The signatures.
    pub(super) dkim: Vec<DkimVerdict>,
}

/// Judges a stream in both worlds; `judges_spf` where the proposals may change what SPF says.
pub(super) fn rule(of: &Identity, before: World<'_>, after: World<'_>, judges_spf: bool) -> Result<Ruling, Missing> {
    let author = DomainName::parse(&of.author).ok();
    let was = as_told(of, author.as_ref());
    let told = [dmarc_of(before, author.as_ref(), &was), dmarc_of(after, author.as_ref(), &was)];
    let [was_judged, as_told] = joined(told)?;
    let is_tighter = |mode: fn(&Policy) -> Alignment| match (&was_judged.record, &as_told.record) {
        (Some(before), Some(after)) => mode(before) == Alignment::Relaxed && mode(after) == Alignment::Strict,
        _ => true,
    };
    let mut open = Open {
        of,
        before,
        after,
        spf_tighter: is_tighter(|record| record.aspf),
        dkim_tighter: is_tighter(|record| record.adkim),
        doubts: BTreeSet::new(),
        lost: Vec::new(),
    };
    let (spf_low, spf_high) = open.spf(&was, judges_spf)?;
    let (dkim_low, dkim_high) = open.dkim(&was)?;
    let (low, high) = (Case { spf: spf_low, dkim: dkim_low }, Case { spf: spf_high, dkim: dkim_high });
    let Open { mut doubts, lost, .. } = open;
    let verdicts = [dmarc_of(after, author.as_ref(), &low), dmarc_of(after, author.as_ref(), &high)];
    let [at_worst, at_best] = joined(verdicts)?;
    let (worst, best) = (Change::between(&was_judged, &at_worst), Change::between(&was_judged, &at_best));
    let is_open = at_worst.result != at_best.result || at_worst.disposition != at_best.disposition;
    let change = if is_open { Change::Unknown } else { worst };
    if author.is_none() {
        doubts.insert(Doubt::Author);
    } else if worst == Change::Unknown || best == Change::Unknown {
        doubts.insert(Doubt::Dns);
    }
    if change != Change::Unknown {
        doubts.clear();
    }
    Ok(Ruling { before: was_judged, after: at_worst, change, doubts, case: low, was, lost })
}

/// Judges DMARC in a world.
pub(super) fn dmarc_of(world: World<'_>, author: Option<&DomainName>, case: &Case) -> Result<DmarcVerdict, Missing> {
    let result = if author.is_some() { AuthorResult::Ok } else { AuthorResult::Unusable };
    let author = Author { result, domain: author.cloned(), addresses: Vec::new(), reason: None, flags: Vec::new() };
    let mut trace = Trace::new(Check::Dmarc);
    let heard = world.hear(|facts| dmarc::judge(facts, &author, case.spf.as_ref(), &case.dkim, &mut trace))?;
    Ok(heard.0)
}

/// Makes a verdict on a MAIL FROM domain.
pub(super) fn spf_verdict(result: SpfResult, domain: &str) -> SpfVerdict {
    SpfVerdict {
        result,
        identity: Spoken::MailFrom,
        domain: domain.to_owned(),
        name: DomainName::parse(domain).ok(),
        explanation: None,
        lookups: 0,
        void_lookups: 0,
    }
}

/// Makes a verdict on a signature.
pub(super) fn dkim_verdict(
    result: DkimResult,
    domain: Option<DomainName>,
    selector: Option<DomainName>,
) -> DkimVerdict {
    DkimVerdict {
        result,
        domain,
        selector,
        algorithm: None,
        testing: false,
        has_length: false,
        reason: None,
        field: 0,
        gap: None,
    }
}

/// Returns what receivers told. Where they only say that something passed and was aligned, it is taken as the author domain's.
fn as_told(of: &Identity, author: Option<&DomainName>) -> Case {
    let spf = match (&of.envelope, of.spf) {
        (Some(domain), Some(result)) => Some(spf_verdict(result, domain)),
        (None, _) if of.spf_aligned => author.map(|author| spf_verdict(SpfResult::Pass, &author.to_string())),
        _ => None,
    };
    let verdict = |dkim: &Signature| dkim_verdict(dkim.result, dkim.domain.clone(), dkim.selector.clone());
    let mut dkim: Vec<DkimVerdict> = of.dkim.iter().map(verdict).collect();
    if of.dkim_aligned && !of.dkim.iter().any(|dkim| dkim.result == DkimResult::Pass && dkim.domain.is_some()) {
        dkim.push(dkim_verdict(DkimResult::Pass, author.cloned(), None));
    }
    Case { spf, dkim }
}

/// A stream while it is being judged.
struct Open<'a> {
    /// The stream.
    of: &'a Identity,
    /// The DNS as it is.
    before: World<'a>,
    /// The DNS as it would be.
    after: World<'a>,
    /// Whether SPF would have to be aligned more closely.
    spf_tighter: bool,
    /// Whether signatures would have to be.
    dkim_tighter: bool,
    /// What is open.
    doubts: BTreeSet<Doubt>,
    /// The names of proposed keys by which signatures verify no longer.
    lost: Vec<DomainName>,
}

/// A value at worst and at best.
type Between<T> = (T, T);

impl Open<'_> {
    /// Returns what SPF would come to.
    fn spf(&mut self, was: &Case, judges: bool) -> Result<Between<Option<SpfVerdict>>, Missing> {
        let told = was.spf.clone();
        let Some(domain) = &self.of.envelope else {
            // Aligned as closely as ever: whichever domain it was, it still is.
            if told.is_none() || !(judges || self.spf_tighter) {
                return Ok((told.clone(), told));
            }
            self.doubts.insert(Doubt::SpfDomain);
            return Ok((None, told));
        };
        if !judges {
            return Ok((told.clone(), told));
        }
        let Ok(address) = self.of.source.parse::<IpAddr>() else {
            self.doubts.insert(Doubt::Address);
            return Ok((None, told));
        };
        let (_, asked) = self.before.spf(address, domain)?;
        // Whatever the proposals do not touch is as receivers told it.
        if !self.after.replaced.iter().any(|(question, _)| asked.has(question)) {
            return Ok((told.clone(), told));
        }
        let (judged, rests_on) = self.after.spf(address, domain)?;
        if judged.result == SpfResult::Temperror {
            self.doubts.insert(Doubt::Dns);
            return Ok((None, told));
        }
        if needs_more_than_a_domain(&rests_on) {
            self.doubts.insert(Doubt::Macros);
            return Ok((None, Some(spf_verdict(SpfResult::Pass, domain))));
        }
        Ok((Some(judged.clone()), Some(judged)))
    }

    /// Returns what would become of the signatures.
    fn dkim(&mut self, was: &Case) -> Result<Between<Vec<DkimVerdict>>, Missing> {
        let (mut low, mut high, mut missing) = (Vec::new(), Vec::new(), None);
        for (at, signature) in was.dkim.iter().enumerate() {
            let is_told = at < self.of.dkim.len();
            match self.signature(signature, is_told) {
                Ok((at_worst, at_best)) => {
                    low.push(at_worst);
                    high.push(at_best);
                }
                Err(more) => missing = Missing::join(missing, Some(more)),
            }
        }
        missing.map_or(Ok((low, high)), Err)
    }

    /// Returns what would become of one signature.
    fn signature(&mut self, was: &DkimVerdict, is_told: bool) -> Result<Between<DkimVerdict>, Missing> {
        let gone = DkimVerdict { result: DkimResult::Permerror, ..was.clone() };
        let is_key = |question: &Question| question.name.labels().any(|label| label == b"_domainkey");
        if !is_told {
            let is_touched = self.after.replaced.iter().any(|(question, _)| is_key(question));
            if !(is_touched || self.dkim_tighter) {
                return Ok((was.clone(), was.clone()));
            }
            self.doubts.insert(Doubt::Signer);
            return Ok((gone, was.clone()));
        }
        let (Some(domain), DkimResult::Pass) = (&was.domain, was.result) else { return Ok((was.clone(), was.clone())) };
        let Some(selector) = &was.selector else {
            let keys = domain.child(b"_domainkey").ok();
            let is_touched =
                |keys: &DomainName| self.after.replaced.iter().any(|(question, _)| question.name.is_at_or_below(keys));
            if !keys.as_ref().is_some_and(is_touched) {
                return Ok((was.clone(), was.clone()));
            }
            self.doubts.insert(Doubt::Selector);
            return Ok((gone, was.clone()));
        };
        let Some(question) = published::question(selector, domain) else { return Ok((was.clone(), was.clone())) };
        let Ok(proposed) = self.after.replaced.get(&question) else { return Ok((was.clone(), was.clone())) };
        match published::succeed(&self.before.outcome(&question)?, &proposed.outcome) {
            Succession::Kept => return Ok((was.clone(), was.clone())),
            Succession::Lost(_) => {
                self.lost.push(question.name);
                return Ok((gone.clone(), gone));
            }
            Succession::Narrowed => self.doubts.insert(Doubt::SignedFor),
            Succession::Unknown => self.doubts.insert(Doubt::Key),
        };
        Ok((gone, was.clone()))
    }
}

/// Tells whether SPF decides by more than the address and the domain: macros of the local part or the HELO name.
fn needs_more_than_a_domain(rests_on: &Facts) -> bool {
    let records = rests_on.iter().flat_map(|(_, answer)| answer.outcome.records()).filter_map(Record::text);
    records.filter(|text| is_spf(text)).any(|text| {
        let letters = text.windows(3).filter(|three| three.starts_with(b"%{")).filter_map(|three| three.last());
        letters.into_iter().any(|letter| matches!(letter.to_ascii_lowercase(), b's' | b'l' | b'h'))
    })
}

/// Joins what several judges miss.
pub(super) fn joined<T, const N: usize>(all: [Result<T, Missing>; N]) -> Result<[T; N], Missing> {
    let mut missing = None;
    let all = all.map(|one| one.map_err(|more| missing = Missing::join(missing.take(), Some(more))).ok());
    let concluded: Vec<T> = all.into_iter().flatten().collect();
    concluded.try_into().map_err(|_: Vec<T>| missing.unwrap_or(Missing(Vec::new())))
}

/// Returns the question for the policy record of a domain.
pub(super) fn policy_question(domain: &DomainName) -> Option<Question> {
    domain.child(b"_dmarc").ok().map(Question::txt)
}
