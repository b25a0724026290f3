//! DMARC: does the author domain vouch for this mail? (RFC 9989)
//!
//! [`judge`] follows §5.3 from top to bottom: the author domain, its policy record, the identifiers that SPF and DKIM
//! authenticated, their alignment, the result and the disposition. Walks ([`walk`]) are done only where they can change
//! the answer, so that a failing server at a parent never spoils an aligned author domain.

mod published;
pub mod record;
pub(crate) mod rules;
pub(crate) mod walk;

use std::sync::Arc;

use sekisho_core::facts::{Facts, Kind, Missing, Outcome, Question};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Trace, Value};

use self::record::{Alignment, Found, Record, Standing};
use self::walk::Walk;
use crate::author::flag;
use crate::verdict::{
    Author, AuthorResult, Disposition, DkimResult, DkimVerdict, DmarcResult, DmarcVerdict, Mechanism, SpfResult,
    SpfVerdict,
};

pub use self::published::{Published, published};
pub(crate) use self::rules::RULES;

/// Judges DMARC from what the other judges concluded.
///
/// `spf` is the verdict on the MAIL FROM identity: HELO counts only where the path is null (§4.4.2), and then it *is*
/// that identity.
pub fn judge(
    facts: &Facts,
    author: &Author,
    spf: Option<&SpfVerdict>,
    dkim: &[DkimVerdict],
    trace: &mut Trace,
) -> Result<DmarcVerdict, Missing> {
    trace.restart();
    // §5.3.1: without exactly one author domain there is nothing to validate.
    let (AuthorResult::Ok, Some(domain)) = (author.result, &author.domain) else {
        trace.conclude(&rules::NO_AUTHOR, "permerror", [("reason", author.reason.unwrap_or("none").into())]);
        return Ok(verdict(DmarcResult::Permerror, None));
    };
    trace.note(&rules::AUTHOR, [("domain", domain.into())]);
    let mut inquiry = Inquiry { facts, domain, walk: None, trace };
    // §5.3.2: does the mechanism apply?
    let policy = match inquiry.find_policy()? {
        Search::Found(policy) => policy,
        Search::Ended(result) => {
            let mut ended = verdict(result, Some(domain));
            ended.organizational_domain = inquiry.organization();
            return Ok(ended);
        }
    };
    // §5.3.3, §5.3.4: which authenticated identifiers are there, and are they aligned?
    let is_signed = dkim.iter().any(|signature| signature.result == DkimResult::Pass);
    let dkim = if flag::header_is_in_doubt(&author.flags) { inquiry.discount(dkim) } else { dkim };
    inquiry.note_gaps(dkim);
    let candidates = Candidate::all(spf, dkim, &policy.record);
    if candidates.is_empty() && !is_signed {
        inquiry.trace.note(if spf.is_some() { &rules::NO_IDENTIFIER } else { &rules::NO_SIGNATURE }, []);
    }
    let findings = inquiry.align(&candidates)?;
    let applied = inquiry.applied_policy(&policy)?;
    if spf.is_none() && findings.aligned.is_empty() {
        inquiry.trace.note(&rules::SPF_UNASKED, [("domain", domain.into())]);
    }
    Ok(inquiry.conclude(&policy, applied, findings))
}

/// Says that a judgement did not come to its end, by our own fault.
pub(crate) fn break_off(author: &Author, trace: &mut Trace) -> DmarcVerdict {
    trace.conclude(&rules::BROKEN_OFF, DmarcResult::Temperror.as_str(), []);
    verdict(DmarcResult::Temperror, author.domain.as_ref())
}

/// Returns the questions that a judgement needs whatever SPF and DKIM conclude: the author domain's own record, and the
/// walk where it has none. They are asked beside the others', so that a slow sender's SPF does not use up their time.
pub fn opening(facts: &Facts, author: &Author) -> Option<Missing> {
    let domain = author.domain.as_ref().filter(|_| author.result == AuthorResult::Ok)?;
    let first = walk::question(domain)?;
    if let Err(missing) = facts.get(&first) {
        return Some(missing);
    }
    let needs_walk = matches!(walk::read(facts, Some(&first)), Found::Absent | Found::Several(_));
    let missing = if needs_walk { walk::unanswered(facts, domain) } else { Vec::new() };
    Some(Missing(missing)).filter(|missing| !missing.0.is_empty())
}

/// Returns the organizational domain of a name (§4.10.2), or nothing where the DNS failed before it could be told.
pub fn organizational_domain(facts: &Facts, name: &DomainName) -> Result<Option<DomainName>, Missing> {
    Ok(walk::walk(facts, name, &mut Trace::new(Check::Dmarc))?.organization)
}

/// A judgement under way.
struct Inquiry<'a> {
    /// What is known.
    facts: &'a Facts,
    /// The author domain.
    domain: &'a DomainName,
    /// The walk from the author domain, where one was needed.
    walk: Option<Walk>,
    /// The account.
    trace: &'a mut Trace,
}

/// How the search for a policy ended.
enum Search {
    /// With a policy.
    Found(Policy),
    /// With a result, for want of one.
    Ended(DmarcResult),
}

/// The policy record that applies.
struct Policy {
    /// Where it stands.
    domain: DomainName,
    /// What it says.
    record: Arc<Record>,
    /// Whether it is the right one; not so where the DNS failed on the way, and another may stand there.
    certain: bool,
}

/// What alignment came to.
#[derive(Default)]
struct Findings {
    /// The mechanisms that pass and are aligned.
    aligned: Vec<Mechanism>,
    /// Whether a mechanism might still be, once the DNS works again.
    pending: bool,
}

/// An identifier that a mechanism authenticated, or might have.
struct Candidate<'a> {
    /// The mechanism.
    mechanism: Mechanism,
    /// The identifier's domain.
    domain: &'a DomainName,
    /// How close it must be.
    mode: Alignment,
    /// Whether the mechanism passed; otherwise it failed for now.
    passed: bool,
}

/// Whether an identifier is aligned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aligned {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// The DNS failed before that could be told.
    Unknown,
}

impl<'a> Candidate<'a> {
    /// Collects the identifiers, those that passed first.
    fn all(spf: Option<&'a SpfVerdict>, dkim: &'a [DkimVerdict], record: &Record) -> Vec<Candidate<'a>> {
        let spf = spf.and_then(|spf| {
            let passed = match spf.result {
                SpfResult::Pass => true,
                SpfResult::Temperror => false,
                _ => return None,
            };
            let domain = spf.name.as_ref()?;
            Some(Candidate { mechanism: Mechanism::Spf, domain, mode: record.aspf, passed })
        });
        let dkim = dkim.iter().filter(|signature| signature.gap.is_none()).filter_map(|signature| {
            let passed = match signature.result {
                DkimResult::Pass => true,
                DkimResult::Temperror => false,
                _ => return None,
            };
            let domain = signature.domain.as_ref()?;
            Some(Candidate { mechanism: Mechanism::Dkim, domain, mode: record.adkim, passed })
        });
        let mut all: Vec<Candidate<'a>> = spf.into_iter().chain(dkim).collect();
        all.sort_by_key(|candidate| !candidate.passed);
        all
    }
}

impl Inquiry<'_> {
    /// Finds the record to be applied: the author domain's, its organization's, or its public suffix's (§4.10.1).
    fn find_policy(&mut self) -> Result<Search, Missing> {
        let name = self.domain;
        let question = walk::question(name);
        if let Some(question) = &question {
            self.facts.get(question)?;
        }
        match walk::read(self.facts, question.as_ref()) {
            Found::One(record) => return Ok(self.standing(name.clone(), record, true)),
            Found::Several(count) => {
                self.trace.note(&rules::RECORD_SEVERAL, [("name", name.into()), ("count", count.into())]);
            }
            Found::Absent => self.trace.note(&rules::RECORD_ABSENT, [("name", name.into())]),
            Found::Unavailable => {
                self.trace.conclude(&rules::RECORD_UNAVAILABLE, "temperror", [("name", name.into())]);
                return Ok(Search::Ended(DmarcResult::Temperror));
            }
        }
        self.walk_from_author()?;
        let (certain, applicable) =
            self.walk.as_ref().map_or((false, None), |walk| (walk.organization.is_some(), walk.applicable.clone()));
        match applicable {
            // Some record applies, whichever it is: enough for an identifier that is the author domain itself.
            Some((domain, record)) => Ok(self.standing(domain, record, certain)),
            None if certain => {
                self.trace.conclude(&rules::NOBODY_ASKS, "none", [("domain", name.into())]);
                Ok(Search::Ended(DmarcResult::None))
            }
            None => {
                self.trace.conclude(&rules::TEMPERROR, "temperror", [("domain", name.into())]);
                Ok(Search::Ended(DmarcResult::Temperror))
            }
        }
    }

    /// Looks whether a record that was found can be acted upon (§4.10.1).
    fn standing(&mut self, domain: DomainName, record: Arc<Record>, certain: bool) -> Search {
        let text = Value::Shared(record.text.clone());
        self.trace.note(&rules::RECORD, [("name", (&domain).into()), ("record", text)]);
        match record.standing {
            Standing::AsWritten => {}
            Standing::AsNone(fault) => self.trace.note(&rules::RECORD_AS_NONE, [("tag", fault.tag().into())]),
            Standing::Unusable(_) if !certain => {
                self.trace.conclude(&rules::TEMPERROR, "temperror", [("domain", self.domain.into())]);
                return Search::Ended(DmarcResult::Temperror);
            }
            Standing::Unusable(fault) => {
                self.trace.conclude(&rules::RECORD_UNUSABLE, "none", [("tag", fault.tag().into())]);
                return Search::Ended(DmarcResult::None);
            }
        }
        Search::Found(Policy { domain, record, certain })
    }

    /// Walks up from the author domain, once.
    fn walk_from_author(&mut self) -> Result<(), Missing> {
        if self.walk.is_none() {
            let walk = walk::walk(self.facts, self.domain, self.trace)?;
            if let Some(organization) = &walk.organization {
                compare_with_suffix_list(self.domain, organization, self.trace);
            }
            self.walk = Some(walk);
        }
        Ok(())
    }

    /// Returns the author's organizational domain, where a walk told it.
    fn organization(&self) -> Option<DomainName> {
        self.walk.as_ref().and_then(|walk| walk.organization.clone())
    }

    /// Lets no signature count, where known readers of mail see another header than we do. A signature holds for the header as we
    /// read it, and whoever passes a mail on may move its fields and add others; SPF holds for the host that hands over
    /// the mail as it is. This departs from §5.3.3.
    fn discount<'d>(&mut self, dkim: &[DkimVerdict]) -> &'d [DkimVerdict] {
        if dkim.iter().any(|signature| signature.result == DkimResult::Pass) {
            self.trace.note(&rules::SIGNATURES_UNCOUNTED, []);
        }
        &[]
    }

    /// Says which signatures do not count, since they leave open what mail programs may show. This departs from §5.3.3.
    fn note_gaps(&mut self, dkim: &[DkimVerdict]) {
        for signature in dkim.iter().filter(|signature| signature.result == DkimResult::Pass) {
            let (Some(gap), Some(domain)) = (&signature.gap, &signature.domain) else { continue };
            let (domain, field) = (("domain", domain.into()), ("field", Value::from(&*gap.field)));
            if gap.spaced {
                self.trace.note(&rules::SIGNATURE_SPACED, [domain, field]);
            } else {
                let counts = (("there", gap.there.into()), ("signed", gap.signed.into()));
                self.trace.note(&rules::SIGNATURE_REPEATED, [domain, field, counts.0, counts.1]);
            }
        }
    }

    /// Compares every identifier with the author domain (§4.10.2).
    fn align(&mut self, candidates: &[Candidate<'_>]) -> Result<Findings, Missing> {
        let mut findings = Findings::default();
        // The same domain needs no walk, so it goes first: it may save the others theirs.
        let author = self.domain;
        let of = |is_same| candidates.iter().filter(move |candidate| (candidate.domain == author) == is_same);
        for candidate in of(true).chain(of(false)) {
            if findings.aligned.contains(&candidate.mechanism) {
                continue;
            }
            let aligned = self.is_aligned(candidate)?;
            match (aligned, candidate.passed) {
                (Aligned::Yes, true) => findings.aligned.push(candidate.mechanism),
                (Aligned::No, _) => {}
                (Aligned::Yes | Aligned::Unknown, _) => findings.pending = true,
            }
            if !candidate.passed && aligned != Aligned::No {
                let arguments =
                    [("mechanism", candidate.mechanism.as_str().into()), ("domain", candidate.domain.into())];
                self.trace.conclude(&rules::IDENTIFIER_TEMPERROR, "temperror", arguments);
            }
        }
        findings.aligned.sort_unstable();
        Ok(findings)
    }

    /// Compares one identifier with the author domain.
    fn is_aligned(&mut self, candidate: &Candidate<'_>) -> Result<Aligned, Missing> {
        let mechanism = ("mechanism", Value::from(candidate.mechanism.as_str()));
        let domain = ("domain", Value::from(candidate.domain));
        let author = ("author", Value::from(self.domain));
        if candidate.domain == self.domain {
            let result = if candidate.passed { "pass" } else { "temperror" };
            self.trace.conclude(&rules::ALIGNED_SAME, result, [mechanism, domain]);
            return Ok(Aligned::Yes);
        }
        if candidate.mode == Alignment::Strict {
            self.trace.conclude(&rules::UNALIGNED_STRICT, "fail", [mechanism, domain, author]);
            return Ok(Aligned::No);
        }
        // An organizational domain is the end of both names, so names without a common end need no walk.
        let common = candidate.domain.labels().last() == self.domain.labels().last();
        let same = if common { self.same_organization(candidate.domain)? } else { Aligned::No };
        let organization = ("organization", self.organization().as_ref().map_or(Value::Word("-"), Value::from));
        match same {
            Aligned::Yes => {
                let result = if candidate.passed { "pass" } else { "temperror" };
                self.trace.conclude(&rules::ALIGNED_ORGANIZATION, result, [mechanism, domain, author, organization]);
            }
            Aligned::No => self.trace.conclude(&rules::UNALIGNED_ORGANIZATION, "fail", [mechanism, domain, author]),
            Aligned::Unknown => {
                self.trace.conclude(&rules::ALIGNMENT_UNKNOWN, "temperror", [mechanism, domain, author]);
            }
        }
        Ok(same)
    }

    /// Tells whether a domain has the author's organizational domain (relaxed alignment, §4.4).
    fn same_organization(&mut self, domain: &DomainName) -> Result<Aligned, Missing> {
        if let Err(missing) = self.walk_from_author() {
            // Names that share more than the top-level domain will want both walks: they are asked for together.
            let shared = self.domain.suffix(2);
            let theirs = if domain.is_at_or_below(&shared) { walk::unanswered(self.facts, domain) } else { Vec::new() };
            return Err(Missing([missing.0, theirs].concat()));
        }
        let Some(organization) = self.organization() else { return Ok(Aligned::Unknown) };
        if !domain.is_at_or_below(&organization) {
            return Ok(Aligned::No);
        }
        Ok(match walk::walk(self.facts, domain, self.trace)?.organization {
            Some(theirs) if theirs == organization => Aligned::Yes,
            Some(_) => Aligned::No,
            None => Aligned::Unknown,
        })
    }

    /// Returns the published policy that applies to the author domain; nothing where that cannot be told for now.
    fn applied_policy(&mut self, policy: &Policy) -> Result<Option<Disposition>, Missing> {
        if !policy.certain {
            return Ok(None);
        }
        let (tag, applied) = if policy.domain == *self.domain {
            policy.record.own_policy()
        } else {
            let (existing, absent) = (policy.record.subdomain_policy(true), policy.record.subdomain_policy(false));
            if existing == absent {
                existing
            } else {
                match self.author_exists()? {
                    Some(true) => existing,
                    Some(false) => {
                        self.trace.note(&rules::AUTHOR_DOES_NOT_EXIST, [("domain", self.domain.into())]);
                        absent
                    }
                    None if existing.1 == absent.1 => existing,
                    None => {
                        self.trace.conclude(
                            &rules::AUTHOR_EXISTS_UNKNOWN,
                            "temperror",
                            [("domain", self.domain.into())],
                        );
                        return Ok(None);
                    }
                }
            }
        };
        let arguments = [("policy", applied.as_str().into()), ("tag", tag.into()), ("domain", (&policy.domain).into())];
        self.trace.note(&rules::POLICY, arguments);
        Ok(Some(applied))
    }

    /// Tells whether the author domain exists: NXDOMAIN alone says that it does not (§3.2.13, as `np` uses it).
    fn author_exists(&mut self) -> Result<Option<bool>, Missing> {
        let told = |outcome: &Outcome| (!outcome.is_transient()).then_some(*outcome != Outcome::NoName);
        for kind in [Kind::Txt, Kind::Mx] {
            let question = Question::new(kind, self.domain.clone());
            if let Some(exists) = self.facts.get(&question).ok().and_then(|answer| told(&answer.outcome)) {
                return Ok(Some(exists));
            }
        }
        Ok(told(&self.facts.get(&Question::new(Kind::A, self.domain.clone()))?.outcome))
    }

    /// Decides (§5.3.5, §5.3.6).
    fn conclude(self, policy: &Policy, applied: Option<Disposition>, findings: Findings) -> DmarcVerdict {
        let organizational_domain = self.organization();
        let (result, rule) = match (findings.aligned.is_empty(), findings.pending || applied.is_none()) {
            (false, _) => (DmarcResult::Pass, &rules::PASS),
            (true, true) => (DmarcResult::Temperror, &rules::TEMPERROR),
            (true, false) => (DmarcResult::Fail, &rules::FAIL),
        };
        self.trace.conclude(rule, result.as_str(), [("domain", self.domain.into())]);
        let asked = applied.filter(|_| result == DmarcResult::Fail).unwrap_or(Disposition::None);
        let disposition = policy.record.lowered(asked);
        if disposition != asked {
            let arguments = [("policy", asked.as_str().into()), ("disposition", disposition.as_str().into())];
            self.trace.note(&rules::TESTING, arguments);
        }
        DmarcVerdict {
            result,
            domain: Some(self.domain.clone()),
            organizational_domain,
            policy_domain: Some(policy.domain.clone()),
            policy: applied,
            testing: policy.record.testing,
            aligned: findings.aligned,
            disposition,
            record: Some(Arc::clone(&policy.record)),
        }
    }
}

/// Returns a verdict that rests on no record.
fn verdict(result: DmarcResult, domain: Option<&DomainName>) -> DmarcVerdict {
    DmarcVerdict {
        result,
        domain: domain.cloned(),
        organizational_domain: None,
        policy_domain: None,
        policy: None,
        testing: false,
        aligned: Vec::new(),
        disposition: Disposition::None,
        record: None,
    }
}

/// Says where the public suffix list, as RFC 7489 used it, would have chosen another organizational domain.
fn compare_with_suffix_list(domain: &DomainName, organization: &DomainName, trace: &mut Trace) {
    let dotted = domain.to_dotted();
    // A name that is itself a public suffix was its own organizational domain.
    let listed = psl::domain(&dotted).map_or(Ok(domain.clone()), |found| DomainName::parse(found.as_bytes()));
    if let Ok(listed) = listed.as_ref()
        && listed != organization
    {
        let arguments = [("domain", domain.into()), ("listed", listed.into()), ("organization", organization.into())];
        trace.note(&rules::ORGANIZATION_BY_SUFFIX_LIST, arguments);
    }
}
