//! Following a record: its terms in order, and the limits on what that may cost (RFC 7208 §4.4 to §4.7)
//!
//! The limits of §4.6.4 are counted here and nowhere else. They bound the questions, too: a record's terms are asked
//! for ahead only as far as the limit lets them be reached, so one identity costs at most 111 questions (§11.1): its
//! record, ten terms, and ten more for each of them.

use std::sync::Arc;

use sekisho_core::facts::{Answer, Facts, Kind, Missing, Question, Record as DnsRecord};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Trace, Value};

use crate::policy::Policy;
use crate::verdict::SpfResult;

use super::macros::{Scope, Sender};
use super::record::{Directive, DomainSpec, Mechanism, Modifier, Publication, Record, publication};
use super::rules;

/// The most names of one `mx`, `ptr` or `%{p}` whose addresses are asked for (RFC 7208 §4.6.4).
pub(super) const NAMES_MAX: usize = 10;
/// The most terms with lookups, whatever the policy says: records nest no deeper than this.
const LOOKUPS_CEILING: u32 = 100;

/// One identity while it is being judged.
pub(super) struct Evaluation<'a> {
    /// What is known.
    pub(super) facts: &'a Facts,
    /// Who is speaking.
    pub(super) sender: &'a Sender<'a>,
    /// The account.
    pub(super) trace: &'a mut Trace,
    /// The most terms with lookups.
    lookups_max: u32,
    /// The most lookups that find nothing.
    voids_max: u32,
    /// How many terms with lookups were evaluated.
    lookups: u32,
    /// How many lookups found nothing.
    voids: u32,
    /// How many questions may have been asked at most, those ahead of their need included.
    questions: usize,
    /// Whether the questions behind `%{p}` are among them.
    client_name_paid: bool,
}

/// Why an evaluation ends before its record does.
#[derive(Debug)]
pub(super) enum Halt {
    /// An answer is missing.
    Missing(Missing),
    /// An error, which ends every record that led here, too (RFC 7208 §5.2).
    Error(SpfResult),
}

impl From<Missing> for Halt {
    fn from(missing: Missing) -> Halt {
        Halt::Missing(missing)
    }
}

/// What a record led to.
pub(super) struct Conclusion {
    /// The result.
    pub(super) result: SpfResult,
    /// The term that matched.
    pub(super) term: Option<Arc<[u8]>>,
    /// The domain whose record ended it, after all redirects.
    pub(super) domain: DomainName,
    /// That record.
    pub(super) record: Option<Arc<Record>>,
}

impl<'a> Evaluation<'a> {
    /// Starts with all limits unspent.
    pub(super) fn new(
        facts: &'a Facts,
        sender: &'a Sender<'a>,
        policy: &Policy,
        trace: &'a mut Trace,
    ) -> Evaluation<'a> {
        Evaluation {
            facts,
            sender,
            trace,
            lookups_max: policy.spf_lookups.min(LOOKUPS_CEILING),
            voids_max: policy.spf_void_lookups,
            lookups: 0,
            voids: 0,
            questions: 1,
            client_name_paid: false,
        }
    }

    /// Returns how many terms with lookups were evaluated, and how many lookups found nothing.
    pub(super) fn spent(&self) -> (u32, u32) {
        (self.lookups, self.voids)
    }

    /// Judges by the record of `name` (RFC 7208 §4), following redirects (§6.1).
    pub(super) fn check_host(&mut self, name: &DomainName) -> Result<Conclusion, Halt> {
        let mut domain = name.clone();
        let Some(mut record) = self.find(&domain)? else {
            return Ok(Conclusion { result: SpfResult::None, term: None, domain, record: None });
        };
        loop {
            if let Some(directive) = self.follow(&record, &domain)? {
                let (result, term) = (directive.result, Some(Arc::clone(&directive.text)));
                return Ok(Conclusion { result, term, domain, record: Some(record) });
            }
            let Some(redirect) = record.redirects() else {
                // §4.7: where nothing matches, the result is neutral.
                let result = SpfResult::Neutral;
                self.trace.conclude(&rules::DEFAULT, result.as_str(), [("name", (&domain).into())]);
                return Ok(Conclusion { result, term: None, domain, record: Some(record) });
            };
            (domain, record) = self.redirect(redirect, &domain)?;
        }
    }

    /// Says which term decided, and for whom.
    pub(super) fn note_conclusion(&mut self, asked: &DomainName, conclusion: &Conclusion) {
        let rule = match conclusion.result {
            SpfResult::Pass => &rules::PASS,
            SpfResult::Fail => &rules::FAIL,
            SpfResult::Softfail => &rules::SOFTFAIL,
            _ => &rules::NEUTRAL,
        };
        if let Some(term) = &conclusion.term {
            let arguments = [
                ("client", self.sender.client.into()),
                ("domain", asked.into()),
                ("term", shared(term)),
                ("name", (&conclusion.domain).into()),
            ];
            self.trace.conclude(rule, conclusion.result.as_str(), arguments);
        }
    }

    /// Finds the record of a domain (RFC 7208 §4.4, §4.5).
    fn find(&mut self, domain: &DomainName) -> Result<Option<Arc<Record>>, Halt> {
        let name = || [("name", Value::from(domain))];
        // §4.3: a domain of one label has no record.
        if domain.label_count() < 2 {
            self.trace.note(&rules::DOMAIN_SINGLE_LABEL, [("domain", domain.into())]);
            return Ok(None);
        }
        let answer = self.facts.get(&Question::txt(domain.clone()))?;
        if answer.outcome.is_transient() {
            let arguments = [("name", domain.into()), ("outcome", answer.outcome.word().into())];
            return Err(self.halt(&rules::RECORD_UNAVAILABLE, SpfResult::Temperror, arguments));
        }
        match &*answer.parsed(publication) {
            Publication::Single(record) => {
                self.trace.note(&rules::RECORD, [("name", domain.into()), ("record", shared(&record.text))]);
                Ok(Some(Arc::clone(record)))
            }
            Publication::Absent => {
                self.trace.conclude(&rules::RECORD_ABSENT, SpfResult::None.as_str(), name());
                Ok(None)
            }
            Publication::Several(count) => {
                let arguments = [("name", domain.into()), ("count", (*count).into())];
                Err(self.halt(&rules::RECORD_SEVERAL, SpfResult::Permerror, arguments))
            }
            Publication::Broken(fault) => {
                self.trace.note(&rules::RECORD, [("name", domain.into()), ("record", shared(&fault.text))]);
                let arguments = [("term", shared(&fault.term)), ("name", domain.into())];
                Err(self.halt(fault.rule, SpfResult::Permerror, arguments))
            }
        }
    }

    /// Tests the terms of a record in order, and returns the first that matches (RFC 7208 §4.6.2).
    fn follow<'r>(&mut self, record: &'r Record, domain: &DomainName) -> Result<Option<&'r Directive>, Halt> {
        let asking = record.directives.iter().filter(|directive| directive.mechanism.asks()).count();
        self.questions += (asking + usize::from(record.redirect.is_some())).min(self.lookups_left());
        // Terms with networks that do not hold the client make one step together: records have hundreds of them.
        let mut others: &[Directive] = &[];
        for (at, directive) in record.directives.iter().enumerate() {
            if directive.mechanism.asks() {
                self.note_networks(others);
                others = &[];
                match self.test(directive, domain) {
                    Ok(true) => return Ok(Some(directive)),
                    Ok(false) => {}
                    Err(halt) => return Err(self.with_ahead(halt, record, at + 1, domain)),
                }
            } else if directive.mechanism.holds(self.sender.client) {
                self.note_networks(others);
                self.note_match(directive);
                return Ok(Some(directive));
            } else {
                others = &record.directives[at - others.len()..=at];
            }
        }
        self.note_networks(others);
        Ok(None)
    }

    /// Tests a term that costs a lookup (RFC 7208 §5).
    fn test(&mut self, directive: &Directive, domain: &DomainName) -> Result<bool, Halt> {
        self.count_lookup(&directive.text)?;
        match &directive.mechanism {
            Mechanism::Include(target) => self.include(directive, target, domain),
            Mechanism::A(target, prefixes) => self.test_a(directive, target.as_ref(), *prefixes, domain),
            Mechanism::Mx(target, prefixes) => self.test_mx(directive, target.as_ref(), *prefixes, domain),
            Mechanism::Ptr(target) => self.test_ptr(directive, target.as_ref(), domain),
            Mechanism::Exists(target) => self.test_exists(directive, target, domain),
            Mechanism::All | Mechanism::Ip4(..) | Mechanism::Ip6(..) => {
                Ok(directive.mechanism.holds(self.sender.client))
            }
        }
    }

    /// Tests `include`: only a pass of the other record matches (RFC 7208 §5.2).
    fn include(&mut self, directive: &Directive, target: &DomainSpec, domain: &DomainName) -> Result<bool, Halt> {
        let Some(name) = self.target(&directive.text, Some(target), domain)? else {
            return Err(self.none_where_needed(&rules::INCLUDE_NONE, &directive.text, None));
        };
        self.trace.note(&rules::INCLUDE, [("term", shared(&directive.text)), ("name", (&name).into())]);
        self.trace.enter();
        let inner = self.check_host(&name);
        self.trace.leave();
        let said = |result: SpfResult| {
            [("term", shared(&directive.text)), ("name", Value::from(&name)), ("result", result.as_str().into())]
        };
        match inner {
            Ok(Conclusion { result: SpfResult::Pass, .. }) => {
                self.trace.conclude(&rules::INCLUDE_MATCH, directive.result.as_str(), said(SpfResult::Pass));
                Ok(true)
            }
            Ok(Conclusion { result: SpfResult::None, .. }) => {
                Err(self.none_where_needed(&rules::INCLUDE_NONE, &directive.text, Some(&name)))
            }
            Ok(Conclusion { result, .. }) => {
                self.trace.note(&rules::INCLUDE_OTHER, said(result));
                Ok(false)
            }
            Err(Halt::Error(result)) => Err(self.halt(&rules::INCLUDE_ERROR, result, said(result))),
            Err(missing) => Err(missing),
        }
    }

    /// Lets the record of another domain take over (RFC 7208 §6.1).
    fn redirect(&mut self, redirect: &Modifier, domain: &DomainName) -> Result<(DomainName, Arc<Record>), Halt> {
        self.count_lookup(&redirect.text)?;
        let Some(name) = self.target(&redirect.text, Some(&redirect.target), domain)? else {
            return Err(self.none_where_needed(&rules::REDIRECT_NONE, &redirect.text, None));
        };
        self.trace.note(&rules::REDIRECT, [("term", shared(&redirect.text)), ("name", (&name).into())]);
        match self.find(&name)? {
            Some(record) => Ok((name, record)),
            None => Err(self.none_where_needed(&rules::REDIRECT_NONE, &redirect.text, Some(&name))),
        }
    }

    /// Ends with a permerror, since a record that another one relies on does not exist (RFC 7208 §5.2, §6.1).
    fn none_where_needed(
        &mut self,
        rule: &'static sekisho_core::step::Rule,
        term: &Arc<[u8]>,
        name: Option<&DomainName>,
    ) -> Halt {
        let answer = name.and_then(|name| self.facts.get(&Question::txt(name.clone())).ok());
        self.voids += u32::from(answer.is_some_and(|answer| answer.outcome.is_absent()));
        self.halt(rule, SpfResult::Permerror, [("term", shared(term))])
    }

    /// Returns the name that a term is about; nothing where it can be no name, so that the term cannot match (§4.8).
    pub(super) fn target(
        &mut self,
        term: &Arc<[u8]>,
        target: Option<&DomainSpec>,
        domain: &DomainName,
    ) -> Result<Option<DomainName>, Halt> {
        let expanded = match target {
            None => return Ok(Some(domain.clone())),
            Some(DomainSpec::Fixed(Some(name), _)) => return Ok(Some(name.clone())),
            Some(DomainSpec::Fixed(None, text)) => Err(text.to_vec()),
            Some(DomainSpec::Macros(string)) => {
                let client_name = if string.uses_client_name() { self.client_name(domain)? } else { None };
                string.expand_name(&Scope { sender: self.sender, domain, client_name })
            }
        };
        match expanded {
            Ok(name) => Ok(Some(name)),
            Err(text) => {
                self.trace.note(&rules::UNASKABLE, [("term", shared(term)), ("name", text.as_slice().into())]);
                Ok(None)
            }
        }
    }

    /// Counts a term with a lookup (RFC 7208 §4.6.4).
    fn count_lookup(&mut self, term: &Arc<[u8]>) -> Result<(), Halt> {
        if self.lookups >= self.lookups_max {
            let arguments = [("term", shared(term)), ("limit", u64::from(self.lookups_max).into())];
            return Err(self.halt(&rules::LOOKUPS, SpfResult::Permerror, arguments));
        }
        self.lookups += 1;
        Ok(())
    }

    /// Counts a term's lookup that found nothing (RFC 7208 §4.6.4).
    pub(super) fn count_void(&mut self, term: &Arc<[u8]>, question: &Question) -> Result<(), Halt> {
        self.voids += 1;
        let arguments = || {
            [
                ("term", shared(term)),
                ("kind", question.kind.as_str().into()),
                ("name", (&question.name).into()),
                ("count", u64::from(self.voids).into()),
                ("limit", u64::from(self.voids_max).into()),
            ]
        };
        if self.voids > self.voids_max {
            let arguments = arguments();
            return Err(self.halt(&rules::VOID_LOOKUPS, SpfResult::Permerror, arguments));
        }
        self.trace.note(&rules::VOID_LOOKUP, arguments());
        Ok(())
    }

    /// Counts questions behind a term: at most ten for each, so they are always within the bound.
    pub(super) fn count_names(&mut self, names: usize) {
        self.questions += names;
    }

    /// Tells whether `count` questions that belong to no term may still be asked, and counts them.
    pub(super) fn may_ask(&mut self, count: usize) -> bool {
        let bound = 1 + usize::try_from(self.lookups_max).unwrap_or(usize::MAX).saturating_mul(1 + NAMES_MAX);
        let may = self.questions + count <= bound;
        self.questions += if may { count } else { 0 };
        may
    }

    /// Like [`Self::may_ask`] for the names behind `%{p}`, which are paid for once.
    pub(super) fn may_ask_client_name(&mut self) -> bool {
        self.client_name_paid = self.client_name_paid || self.may_ask(1 + NAMES_MAX);
        self.client_name_paid
    }

    /// Returns the records that answer a term's question; failing and finding nothing have their own rules (§5, §4.6.4).
    pub(super) fn ask(&mut self, term: &Arc<[u8]>, question: &Question) -> Result<&'a [DnsRecord], Halt> {
        let answer: &'a Answer = self.facts.get(question)?;
        if answer.outcome.is_transient() {
            return Err(self.lookup_failed(term, question, answer));
        }
        if answer.outcome.records().is_empty() {
            self.count_void(term, question)?;
        }
        Ok(answer.outcome.records())
    }

    /// Ends with a temperror: a server failed (RFC 7208 §5).
    pub(super) fn lookup_failed(&mut self, term: &Arc<[u8]>, question: &Question, answer: &Answer) -> Halt {
        let arguments = [
            ("term", shared(term)),
            ("kind", question.kind.as_str().into()),
            ("name", (&question.name).into()),
            ("outcome", answer.outcome.word().into()),
        ];
        self.halt(&rules::LOOKUP_FAILED, SpfResult::Temperror, arguments)
    }

    /// Writes why the evaluation ends with an error.
    pub(super) fn halt<const N: usize>(
        &mut self,
        rule: &'static sekisho_core::step::Rule,
        result: SpfResult,
        arguments: [(&'static str, Value); N],
    ) -> Halt {
        self.trace.conclude(rule, result.as_str(), arguments);
        Halt::Error(result)
    }

    /// Adds to what is missing the first questions of the terms that follow, as far as the limit lets them be reached.
    ///
    /// Names with macros are left out: they may be made for this one sender, and asking tells who he is.
    fn with_ahead(&self, halt: Halt, record: &Record, from: usize, domain: &DomainName) -> Halt {
        let Halt::Missing(Missing(mut missing)) = halt else {
            return halt;
        };
        let mut left = self.lookups_left();
        let following = record.directives.get(from..).unwrap_or_default();
        for directive in following {
            if directive.mechanism.holds(self.sender.client) {
                return Halt::Missing(Missing(missing));
            }
            if directive.mechanism.asks() {
                let Some(rest) = left.checked_sub(1) else { break };
                left = rest;
                self.push_ahead(&mut missing, self.first_question(&directive.mechanism, domain));
            }
        }
        if let Some(redirect) = record.redirects().filter(|_| left > 0) {
            self.push_ahead(&mut missing, redirect.target.fixed().cloned().map(Question::txt));
        }
        Halt::Missing(Missing(missing))
    }

    /// Adds a question that is not answered and not named yet.
    fn push_ahead(&self, missing: &mut Vec<Question>, question: Option<Question>) {
        if let Some(question) = question.filter(|question| !self.facts.has(question) && !missing.contains(question)) {
            missing.push(question);
        }
    }

    /// Returns the question that a term without macros begins with.
    fn first_question(&self, mechanism: &Mechanism, domain: &DomainName) -> Option<Question> {
        let named = |target: &Option<DomainSpec>| match target {
            None => Some(domain.clone()),
            Some(target) => target.fixed().cloned(),
        };
        match mechanism {
            Mechanism::Include(target) => target.fixed().cloned().map(Question::txt),
            Mechanism::A(target, _) => named(target).map(|name| Question::new(self.family(), name)),
            Mechanism::Mx(target, _) => named(target).map(|name| Question::new(Kind::Mx, name)),
            _ => None,
        }
    }

    /// Returns the kind of address records that can name the client (RFC 7208 §5).
    pub(super) fn family(&self) -> Kind {
        if self.sender.client.is_ipv4() { Kind::A } else { Kind::Aaaa }
    }

    /// Returns how many terms with lookups may still be evaluated.
    fn lookups_left(&self) -> usize {
        usize::try_from(self.lookups_max.saturating_sub(self.lookups)).unwrap_or(usize::MAX)
    }

    /// Says that a run of terms with networks does not hold the client.
    fn note_networks(&mut self, others: &[Directive]) {
        if let [first, ..] = others
            && let Some(last) = others.last()
        {
            let arguments = [
                ("first", shared(&first.text)),
                ("last", shared(&last.text)),
                ("count", others.len().into()),
                ("client", self.sender.client.into()),
            ];
            self.trace.note(&rules::NETWORKS_OTHER, arguments);
        }
    }

    /// Says that a term without lookups matches.
    fn note_match(&mut self, directive: &Directive) {
        let all = matches!(directive.mechanism, Mechanism::All);
        let rule = if all { &rules::ALL_MATCH } else { &rules::NETWORK_MATCH };
        let arguments = [("term", shared(&directive.text)), ("client", self.sender.client.into())];
        self.trace.conclude(rule, directive.result.as_str(), arguments);
    }
}

/// Returns text of a cached record for a step.
pub(super) fn shared(text: &Arc<[u8]>) -> Value {
    Value::Shared(Arc::clone(text))
}
