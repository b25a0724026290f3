//! Following a record: its terms in order, and the limits on what that may cost (RFC 7208 §4.4 to §4.7)
//!
//! The limits of §4.6.4 are counted here and nowhere else. They bound the questions, too: a record's terms are asked
//! for ahead only as far as the limit lets them be reached, so one identity costs at most 111 questions (§11.1): its
//! record, ten terms, and ten more for each of them.
//!
//! Whatever was evaluated is never evaluated again: where an answer is missing, the records under way wait at the term
//! that wants it ([`Visit`]).

use std::sync::Arc;

use sekisho_core::facts::{Answer, Facts, Kind, Missing, Question, Record as DnsRecord};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Mark, Trace, Value};

use crate::policy::Policy;
use crate::verdict::SpfResult;

use super::macros::{Scope, Sender};
use super::record::{Directive, DomainSpec, Mechanism, Publication, Record, publication};
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
    /// What was spent so far.
    spent: &'a mut Spent,
}

/// What one identity has cost so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    /// How many terms with lookups were evaluated.
    pub(super) lookups: u32,
    /// How many lookups found nothing.
    pub(super) voids: u32,
    /// How many questions beside the first may have been asked at most, those ahead of their need included.
    questions: usize,
    /// Whether the questions behind `%{p}` are among them.
    client_name_paid: bool,
}

/// A record that is being followed.
pub(super) struct Visit {
    /// The domain that was asked for.
    asked: DomainName,
    /// The domain whose record it is, after all redirects.
    domain: DomainName,
    /// The record.
    record: Arc<Record>,
    /// Which of its terms comes next, or is the `include` that led to the visit behind this one.
    next: usize,
}

/// Where a term leads.
enum Turn {
    /// To the term behind it.
    On,
    /// Into the record that it includes.
    Into(Visit),
    /// To the end of its record.
    End(Conclusion),
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

impl Conclusion {
    /// Ends without a term that matched.
    fn bare(result: SpfResult, domain: &DomainName) -> Conclusion {
        Conclusion { result, term: None, domain: domain.clone(), record: None }
    }
}

impl Visit {
    /// Goes where the next term leads, whether it matches or not.
    fn turn(&mut self, matches: bool) -> Turn {
        match self.record.directives.get(self.next).filter(|_| matches) {
            Some(directive) => Turn::End(self.end(directive.result, Some(Arc::clone(&directive.text)))),
            None => {
                self.next += 1;
                Turn::On
            }
        }
    }

    /// Ends the record.
    fn end(&self, result: SpfResult, term: Option<Arc<[u8]>>) -> Conclusion {
        Conclusion { result, term, domain: self.domain.clone(), record: Some(Arc::clone(&self.record)) }
    }
}

impl<'a> Evaluation<'a> {
    /// Goes on with what was spent so far.
    pub(super) fn new(
        facts: &'a Facts,
        sender: &'a Sender<'a>,
        policy: &Policy,
        spent: &'a mut Spent,
        trace: &'a mut Trace,
    ) -> Evaluation<'a> {
        let (lookups_max, voids_max) = (policy.spf_lookups.min(LOOKUPS_CEILING), policy.spf_void_lookups);
        Evaluation { facts, sender, trace, lookups_max, voids_max, spent }
    }

    /// Judges by the record of `name` (RFC 7208 §4), beginning with it or going on with the visits under way.
    pub(super) fn check_host(&mut self, name: &DomainName, visits: &mut Vec<Visit>) -> Result<Conclusion, Missing> {
        if visits.is_empty() {
            match self.visit(name) {
                Ok(Some(visit)) => visits.push(visit),
                Ok(None) => return Ok(Conclusion::bare(SpfResult::None, name)),
                Err(Halt::Error(result)) => return Ok(Conclusion::bare(result, name)),
                Err(Halt::Missing(missing)) => return Err(missing),
            }
        }
        self.follow(visits)
    }

    /// Follows the records under way to the end of the first one.
    fn follow(&mut self, visits: &mut Vec<Visit>) -> Result<Conclusion, Missing> {
        let mut included = None;
        while let Some(visit) = visits.last_mut() {
            let before = (*self.spent, self.trace.mark());
            let turn = match included.take() {
                Some((name, result)) => self.close_include(visit, &name, result),
                None => self.advance(visit),
            };
            let conclusion = match turn {
                Ok(Turn::On) => continue,
                Ok(Turn::Into(included)) => {
                    visits.push(included);
                    continue;
                }
                Ok(Turn::End(conclusion)) => conclusion,
                Err(Halt::Error(result)) => Conclusion::bare(result, &visit.domain),
                Err(Halt::Missing(missing)) => {
                    let missing = self.with_ahead(missing, visits);
                    self.undo(before);
                    return Err(missing);
                }
            };
            match visits.pop() {
                Some(ended) if !visits.is_empty() => {
                    self.trace.leave();
                    included = Some((ended.asked, conclusion.result));
                }
                _ => return Ok(conclusion),
            }
        }
        Err(Missing(Vec::new())) // Never: the first visit ends with a conclusion.
    }

    /// Does what is done again from its beginning where an answer is missing.
    pub(super) fn attempt<T>(
        &mut self,
        attempt: impl FnOnce(&mut Evaluation<'a>) -> Result<T, Missing>,
    ) -> Result<T, Missing> {
        let before = (*self.spent, self.trace.mark());
        attempt(self).inspect_err(|_| self.undo(before))
    }

    /// Forgets what was spent and said since then: it is evaluated again once the answers are there.
    fn undo(&mut self, (spent, mark): (Spent, Mark)) {
        *self.spent = spent;
        self.trace.return_to(mark);
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

    /// Begins to follow the record of a domain, where it has one.
    fn visit(&mut self, name: &DomainName) -> Result<Option<Visit>, Halt> {
        let Some(record) = self.find(name)? else { return Ok(None) };
        self.foresee(&record);
        Ok(Some(Visit { asked: name.clone(), domain: name.clone(), record, next: 0 }))
    }

    /// Counts the questions that a record's terms may begin with.
    fn foresee(&mut self, record: &Record) {
        let asking = record.directives.iter().filter(|directive| directive.mechanism.asks()).count();
        self.spent.questions += (asking + usize::from(record.redirect.is_some())).min(self.lookups_left());
    }

    /// Evaluates the next term of a record (RFC 7208 §4.6.2): one that costs a lookup, or all up to there that do not.
    fn advance(&mut self, visit: &mut Visit) -> Result<Turn, Halt> {
        let rest = visit.record.directives.get(visit.next..).unwrap_or_default();
        let Some(directive) = rest.first() else { return self.run_out(visit) };
        if !directive.mechanism.asks() {
            return Ok(self.pass_networks(visit));
        }
        self.count_lookup(&directive.text)?;
        if let Mechanism::Include(target) = &directive.mechanism {
            return self.include(directive, target, &visit.domain);
        }
        let matches = self.test(directive, &visit.domain)?;
        Ok(visit.turn(matches))
    }

    /// Tests terms with networks up to the next one that costs a lookup.
    fn pass_networks(&mut self, visit: &mut Visit) -> Turn {
        let client = self.sender.client;
        let rest = visit.record.directives.get(visit.next..).unwrap_or_default();
        let decides = |directive: &Directive| directive.mechanism.asks() || directive.mechanism.holds(client);
        let others = rest.iter().position(decides).unwrap_or(rest.len());
        let (others, rest) = rest.split_at(others);
        // Terms that do not hold the client make one step together: records have hundreds of them.
        self.note_networks(others);
        visit.next += others.len();
        match rest.first() {
            Some(directive) if !directive.mechanism.asks() => {
                self.note_match(directive);
                visit.turn(true)
            }
            _ => Turn::On,
        }
    }

    /// Tests a term that costs a lookup and includes nothing (RFC 7208 §5).
    fn test(&mut self, directive: &Directive, domain: &DomainName) -> Result<bool, Halt> {
        match &directive.mechanism {
            Mechanism::A(target, prefixes) => self.test_a(directive, target.as_ref(), *prefixes, domain),
            Mechanism::Mx(target, prefixes) => self.test_mx(directive, target.as_ref(), *prefixes, domain),
            Mechanism::Ptr(target) => self.test_ptr(directive, target.as_ref(), domain),
            Mechanism::Exists(target) => self.test_exists(directive, target, domain),
            Mechanism::All | Mechanism::Include(_) | Mechanism::Ip4(..) | Mechanism::Ip6(..) => Ok(false),
        }
    }

    /// Begins to test `include`: the other record is followed first (RFC 7208 §5.2).
    fn include(&mut self, directive: &Directive, target: &DomainSpec, domain: &DomainName) -> Result<Turn, Halt> {
        let Some(name) = self.target(&directive.text, Some(target), domain)? else {
            return Err(self.none_where_needed(&rules::INCLUDE_NONE, &directive.text, None));
        };
        self.trace.note(&rules::INCLUDE, [("term", shared(&directive.text)), ("name", (&name).into())]);
        self.trace.enter();
        let result = match self.visit(&name) {
            Ok(Some(included)) => return Ok(Turn::Into(included)),
            Ok(None) => SpfResult::None,
            Err(Halt::Error(result)) => result,
            Err(missing) => return Err(missing),
        };
        self.trace.leave();
        Err(self.include_failed(directive, &name, result))
    }

    /// Ends the test of the next term, an `include`: only a pass of the other record matches (RFC 7208 §5.2).
    fn close_include(&mut self, visit: &mut Visit, name: &DomainName, result: SpfResult) -> Result<Turn, Halt> {
        let Some(directive) = visit.record.directives.get(visit.next) else { return self.run_out(visit) };
        match result {
            SpfResult::None | SpfResult::Temperror | SpfResult::Permerror => {
                return Err(self.include_failed(directive, name, result));
            }
            SpfResult::Pass => {
                let said = included(directive, name, result);
                self.trace.conclude(&rules::INCLUDE_MATCH, directive.result.as_str(), said);
            }
            _ => self.trace.note(&rules::INCLUDE_OTHER, included(directive, name, result)),
        }
        Ok(visit.turn(result == SpfResult::Pass))
    }

    /// Ends with an error, since the included record is not there or led to one (RFC 7208 §5.2).
    fn include_failed(&mut self, directive: &Directive, name: &DomainName, result: SpfResult) -> Halt {
        match result {
            SpfResult::None => self.none_where_needed(&rules::INCLUDE_NONE, &directive.text, Some(name)),
            error => self.halt(&rules::INCLUDE_ERROR, error, included(directive, name, error)),
        }
    }

    /// Ends a record none of whose terms matches: another record may take over (RFC 7208 §6.1).
    fn run_out(&mut self, visit: &mut Visit) -> Result<Turn, Halt> {
        let Some(redirect) = visit.record.redirects() else {
            // §4.7: where nothing matches, the result is neutral.
            let result = SpfResult::Neutral;
            self.trace.conclude(&rules::DEFAULT, result.as_str(), [("name", (&visit.domain).into())]);
            return Ok(Turn::End(visit.end(result, None)));
        };
        self.count_lookup(&redirect.text)?;
        let Some(name) = self.target(&redirect.text, Some(&redirect.target), &visit.domain)? else {
            return Err(self.none_where_needed(&rules::REDIRECT_NONE, &redirect.text, None));
        };
        self.trace.note(&rules::REDIRECT, [("term", shared(&redirect.text)), ("name", (&name).into())]);
        let Some(other) = self.visit(&name)? else {
            return Err(self.none_where_needed(&rules::REDIRECT_NONE, &redirect.text, Some(&name)));
        };
        *visit = Visit { asked: visit.asked.clone(), ..other };
        Ok(Turn::On)
    }

    /// Ends with a permerror, since a record that another one relies on does not exist (RFC 7208 §5.2, §6.1).
    fn none_where_needed(
        &mut self,
        rule: &'static sekisho_core::step::Rule,
        term: &Arc<[u8]>,
        name: Option<&DomainName>,
    ) -> Halt {
        let answer = name.and_then(|name| self.facts.get(&Question::txt(name.clone())).ok());
        self.spent.voids += u32::from(answer.is_some_and(|answer| answer.outcome.is_absent()));
        self.halt(rule, SpfResult::Permerror, [("term", shared(term))])
    }

    /// Returns the name that a term is about; nothing where it can be no name, so that the term cannot match (§4.8).
    pub(super) fn target(
        &mut self,
        term: &Arc<[u8]>,
        target: Option<&DomainSpec>,
        domain: &DomainName,
    ) -> Result<Option<DomainName>, Missing> {
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
        if self.spent.lookups >= self.lookups_max {
            let arguments = [("term", shared(term)), ("limit", u64::from(self.lookups_max).into())];
            return Err(self.halt(&rules::LOOKUPS, SpfResult::Permerror, arguments));
        }
        self.spent.lookups += 1;
        Ok(())
    }

    /// Counts a term's lookup that found nothing (RFC 7208 §4.6.4).
    pub(super) fn count_void(&mut self, term: &Arc<[u8]>, question: &Question) -> Result<(), Halt> {
        self.spent.voids += 1;
        let arguments = || {
            [
                ("term", shared(term)),
                ("kind", question.kind.as_str().into()),
                ("name", (&question.name).into()),
                ("count", u64::from(self.spent.voids).into()),
                ("limit", u64::from(self.voids_max).into()),
            ]
        };
        if self.spent.voids > self.voids_max {
            let arguments = arguments();
            return Err(self.halt(&rules::VOID_LOOKUPS, SpfResult::Permerror, arguments));
        }
        self.trace.note(&rules::VOID_LOOKUP, arguments());
        Ok(())
    }

    /// Counts questions behind a term: at most ten for each, so they are always within the bound.
    pub(super) fn count_names(&mut self, names: usize) {
        self.spent.questions += names;
    }

    /// Tells whether `count` questions that belong to no term may still be asked, and counts them.
    pub(super) fn may_ask(&mut self, count: usize) -> bool {
        let bound = usize::try_from(self.lookups_max).unwrap_or(usize::MAX).saturating_mul(1 + NAMES_MAX);
        let may = self.spent.questions + count <= bound;
        self.spent.questions += if may { count } else { 0 };
        may
    }

    /// Like [`Self::may_ask`] for the names behind `%{p}`, which are paid for once.
    pub(super) fn may_ask_client_name(&mut self) -> bool {
        self.spent.client_name_paid = self.spent.client_name_paid || self.may_ask(1 + NAMES_MAX);
        self.spent.client_name_paid
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

    /// Adds to what is missing the first questions of the terms that follow in all records under way, as far as the
    /// limit lets them be reached.
    fn with_ahead(&self, missing: Missing, visits: &[Visit]) -> Missing {
        let Missing(mut missing) = missing;
        for visit in visits.iter().rev() {
            self.push_following(&mut missing, visit);
        }
        Missing(missing)
    }

    /// Adds the first questions of the terms behind the next one.
    ///
    /// Names with macros are left out: they may be made for this one sender, and asking tells who he is.
    fn push_following(&self, missing: &mut Vec<Question>, visit: &Visit) {
        let Some(following) = visit.record.directives.get(visit.next + 1..) else { return };
        let mut left = self.lookups_left();
        for directive in following {
            if directive.mechanism.holds(self.sender.client) {
                return;
            }
            if directive.mechanism.asks() {
                let Some(rest) = left.checked_sub(1) else { break };
                left = rest;
                self.push_ahead(missing, self.first_question(&directive.mechanism, &visit.domain));
            }
        }
        if let Some(redirect) = visit.record.redirects().filter(|_| left > 0) {
            self.push_ahead(missing, redirect.target.fixed().cloned().map(Question::txt));
        }
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
        usize::try_from(self.lookups_max.saturating_sub(self.spent.lookups)).unwrap_or(usize::MAX)
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

/// Returns what the end of an `include` says.
fn included(directive: &Directive, name: &DomainName, result: SpfResult) -> [(&'static str, Value); 3] {
    [("term", shared(&directive.text)), ("name", name.into()), ("result", result.as_str().into())]
}

/// Returns text of a cached record for a step.
pub(super) fn shared(text: &Arc<[u8]>) -> Value {
    Value::Shared(Arc::clone(text))
}
