//! An SPF record with all that it includes: what each term costs, and how many addresses it lets pass (RFC 7208 §4.6.4)
//!
//! [`judge`] answers for one client and ends at the first match. An outline is for whoever publishes the record: it follows
//! every term as for a client that none of them matches, and goes on where a limit would end the judgement, so that one sees by
//! how much it is exceeded.
//!
//! [`judge`]: super::judge

use std::sync::Arc;

use sekisho_core::facts::{Facts, Kind, Missing, Outcome, Question, Record as DnsRecord};
use sekisho_core::name::DomainName;
use sekisho_core::step::Rule;

use super::evaluation::NAMES_MAX;
use super::record::{Directive, DomainSpec, Mechanism, Publication, Record, publication};
use crate::verdict::SpfResult;

/// The most terms with lookups that are followed: whoever has more knows enough.
const TERMS_MAX: usize = 60;

/// The record of one domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// The domain.
    pub domain: DomainName,
    /// What is published there.
    pub standing: Standing,
    /// The terms, in the order in which they are evaluated; those behind `all` never are.
    pub terms: Vec<Term>,
}

/// What a name publishes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Standing {
    /// One record.
    Single(Arc<[u8]>),
    /// None.
    Absent,
    /// Several, which is an error (§4.5).
    Several(usize),
    /// One that cannot be followed (§4.6).
    Broken {
        /// Its text.
        text: Arc<[u8]>,
        /// The term that is wrong.
        term: Arc<[u8]>,
        /// The rule that it breaks.
        rule: &'static Rule,
    },
    /// The DNS does not say just now; the outcome's word.
    Unavailable(&'static str),
    /// A record that leads here again.
    Loop,
    /// It was not looked at: there were enough.
    Unfollowed,
}

/// A term.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The term as written.
    pub text: Arc<[u8]>,
    /// What a match leads to; nothing for `redirect=`.
    pub result: Option<SpfResult>,
    /// Which kind it is.
    pub kind: TermKind,
    /// Whether it counts as a lookup (§4.6.4).
    pub is_lookup: bool,
    /// What is wrong with it.
    pub trouble: Option<Trouble>,
    /// The IPv4 addresses that it names, as first and last one.
    pub networks: Vec<(u32, u32)>,
    /// The record that it leads to.
    pub below: Option<Box<Outline>>,
}

/// The kinds of terms that an outline tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermKind {
    /// `all`.
    All,
    /// `include`.
    Include,
    /// `redirect`.
    Redirect,
    /// `ptr`.
    Ptr,
    /// Any other.
    Other,
}

/// What is wrong with a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Its lookup finds nothing, and few of those are allowed (§4.6.4).
    Void,
    /// Its name has more mail exchangers than are looked at (§4.6.4).
    Exchanges(usize),
    /// The record that it needs is not there (§5.2, §6.1).
    NoRecord,
    /// What it names cannot be had just now.
    Unavailable,
    /// Its name depends on the client or the sender.
    Macros,
}

/// What an outline adds up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many terms count as lookups.
    pub lookups: usize,
    /// How many lookups find nothing.
    pub voids: usize,
    /// How many IPv4 addresses pass, each counted once; all of them where `all` passes.
    pub ipv4: u64,
}

/// Draws the outline of a domain's record, or names the questions that it needs.
pub fn outline(facts: &Facts, domain: &DomainName) -> Result<Outline, Missing> {
    let mut draft = Draft { facts, above: Vec::new(), left: TERMS_MAX, missing: Vec::new() };
    let outline = draft.outline(domain);
    if draft.missing.is_empty() { Ok(outline) } else { Err(Missing(draft.missing)) }
}

impl Outline {
    /// Adds it up.
    pub fn sums(&self) -> Sums {
        let (mut sums, mut networks) = (Sums::default(), Vec::new());
        self.add(true, &mut sums, &mut networks);
        sums.ipv4 = count(networks);
        sums
    }

    /// Adds its terms; `passes` is whether a pass here is a pass for whoever asks.
    fn add(&self, passes: bool, sums: &mut Sums, networks: &mut Vec<(u32, u32)>) {
        for term in &self.terms {
            let passes = passes && term.result.is_none_or(|result| result == SpfResult::Pass);
            sums.lookups += usize::from(term.is_lookup);
            sums.voids += usize::from(term.trouble == Some(Trouble::Void));
            if passes {
                networks.extend(&term.networks);
            }
            if let Some(below) = &term.below {
                below.add(passes, sums, networks);
            }
        }
    }

    /// Returns it and all below, each before what it leads to.
    pub fn all(&self) -> Vec<&Outline> {
        let below = self.terms.iter().filter_map(|term| term.below.as_deref());
        std::iter::once(self).chain(below.flat_map(Outline::all)).collect()
    }

    /// Returns the term that decides what no other matches: `all`, here or where `redirect=` leads.
    pub fn end(&self) -> Option<&Term> {
        let last = self.terms.last()?;
        match (last.kind, &last.below) {
            (TermKind::All, _) => Some(last),
            (TermKind::Redirect, Some(below)) => below.end(),
            _ => None,
        }
    }
}

/// Counts the addresses of networks that may overlap.
fn count(mut networks: Vec<(u32, u32)>) -> u64 {
    networks.sort_unstable();
    let (mut sum, mut counted) = (0_u64, None::<u32>);
    for (first, last) in networks {
        let begin = counted.map_or(u64::from(first), |counted| u64::from(first).max(u64::from(counted) + 1));
        sum += (u64::from(last) + 1).saturating_sub(begin);
        counted = Some(counted.map_or(last, |counted| counted.max(last)));
    }
    sum
}

/// An outline while it is drawn.
struct Draft<'a> {
    /// What is known.
    facts: &'a Facts,
    /// The domains whose records led here.
    above: Vec<DomainName>,
    /// How many terms with lookups may still be followed.
    left: usize,
    /// What is not known yet.
    missing: Vec<Question>,
}

impl<'a> Draft<'a> {
    /// Draws the record of a domain.
    fn outline(&mut self, domain: &DomainName) -> Outline {
        let (standing, record) = self.find(domain);
        self.above.push(domain.clone());
        let terms = record.map(|record| self.terms(&record, domain)).unwrap_or_default();
        self.above.pop();
        Outline { domain: domain.clone(), standing, terms }
    }

    /// Finds the record of a domain.
    fn find(&mut self, domain: &DomainName) -> (Standing, Option<Arc<Record>>) {
        if self.above.contains(domain) {
            return (Standing::Loop, None);
        }
        let answer = match self.facts.get(&Question::txt(domain.clone())) {
            Ok(answer) => answer,
            Err(Missing(more)) => {
                self.missing.extend(more);
                return (Standing::Unfollowed, None);
            }
        };
        if answer.outcome.is_transient() {
            return (Standing::Unavailable(answer.outcome.word()), None);
        }
        match &*answer.parsed(publication) {
            Publication::Absent => (Standing::Absent, None),
            Publication::Several(count) => (Standing::Several(*count), None),
            Publication::Broken(fault) => {
                let (text, term) = (Arc::clone(&fault.text), Arc::clone(&fault.term));
                (Standing::Broken { text, term, rule: fault.rule }, None)
            }
            Publication::Single(record) => (Standing::Single(Arc::clone(&record.text)), Some(Arc::clone(record))),
        }
    }

    /// Draws the terms of a record up to its end.
    fn terms(&mut self, record: &Record, domain: &DomainName) -> Vec<Term> {
        let mut terms = Vec::new();
        for directive in &record.directives {
            terms.push(self.term(directive, domain));
            // §5.1: mechanisms behind `all` are never tested.
            if matches!(directive.mechanism, Mechanism::All) {
                return terms;
            }
        }
        if let Some(redirect) = record.redirects() {
            let (trouble, below) = self.lead(&redirect.target);
            let (text, kind) = (Arc::clone(&redirect.text), TermKind::Redirect);
            terms.push(Term { text, result: None, kind, is_lookup: true, trouble, networks: Vec::new(), below });
        }
        terms
    }

    /// Draws a mechanism.
    fn term(&mut self, directive: &Directive, domain: &DomainName) -> Term {
        let (mut kind, mut networks, mut below) = (TermKind::Other, Vec::new(), None);
        let trouble = match &directive.mechanism {
            Mechanism::All => {
                kind = TermKind::All;
                networks.push((0, u32::MAX));
                None
            }
            Mechanism::Include(target) => {
                kind = TermKind::Include;
                let (trouble, record) = self.lead(target);
                below = record;
                trouble
            }
            Mechanism::Ip4(network, prefix) => {
                networks.push(range(network.to_bits(), *prefix));
                None
            }
            Mechanism::A(target, prefixes) => self.hosts(target.as_ref(), domain, prefixes.v4, &mut networks),
            Mechanism::Mx(target, prefixes) => self.exchanges(target.as_ref(), domain, prefixes.v4, &mut networks),
            Mechanism::Ptr(_) => {
                kind = TermKind::Ptr;
                None
            }
            Mechanism::Exists(target) => target.fixed().is_none().then_some(Trouble::Macros),
            Mechanism::Ip6(..) => None,
        };
        let (text, result) = (Arc::clone(&directive.text), Some(directive.result));
        Term { text, result, kind, is_lookup: directive.mechanism.asks(), trouble, networks, below }
    }

    /// Draws the record that a term leads to.
    fn lead(&mut self, target: &DomainSpec) -> (Option<Trouble>, Option<Box<Outline>>) {
        let Some(name) = target.fixed() else { return (Some(Trouble::Macros), None) };
        let below = match self.take() {
            true => self.outline(name),
            false => Outline { domain: name.clone(), standing: Standing::Unfollowed, terms: Vec::new() },
        };
        let trouble = match below.standing {
            Standing::Absent => Some(Trouble::NoRecord),
            Standing::Unavailable(_) => Some(Trouble::Unavailable),
            _ => None,
        };
        (trouble, Some(Box::new(below)))
    }

    /// Finds the addresses of an `a`.
    fn hosts(
        &mut self,
        target: Option<&DomainSpec>,
        domain: &DomainName,
        prefix: u8,
        networks: &mut Vec<(u32, u32)>,
    ) -> Option<Trouble> {
        let Some(name) = target.map_or(Some(domain), DomainSpec::fixed) else { return Some(Trouble::Macros) };
        if !self.take() {
            return None;
        }
        let (v4, v6) = (self.ask(Kind::A, name), self.ask(Kind::Aaaa, name));
        networks.extend(v4.map(|outcome| addresses(outcome, prefix)).unwrap_or_default());
        match (v4, v6) {
            (Some(v4), Some(v6)) if v4.is_transient() || v6.is_transient() => Some(Trouble::Unavailable),
            // A client of either family would find nothing.
            (Some(v4), Some(v6)) if v4.is_absent() && v6.is_absent() => Some(Trouble::Void),
            _ => None,
        }
    }

    /// Finds the addresses of an `mx`.
    fn exchanges(
        &mut self,
        target: Option<&DomainSpec>,
        domain: &DomainName,
        prefix: u8,
        networks: &mut Vec<(u32, u32)>,
    ) -> Option<Trouble> {
        let Some(name) = target.map_or(Some(domain), DomainSpec::fixed) else { return Some(Trouble::Macros) };
        let outcome = if self.take() { self.ask(Kind::Mx, name)? } else { return None };
        if outcome.is_transient() {
            return Some(Trouble::Unavailable);
        }
        let exchanges: Vec<&DomainName> = outcome.records().iter().filter_map(exchange).collect();
        for exchange in exchanges.iter().take(NAMES_MAX).filter(|exchange| !exchange.is_root()) {
            networks.extend(self.ask(Kind::A, exchange).map(|outcome| addresses(outcome, prefix)).unwrap_or_default());
        }
        match exchanges.len() {
            0 => Some(Trouble::Void),
            few if few <= NAMES_MAX => None,
            many => Some(Trouble::Exchanges(many)),
        }
    }

    /// Takes one of the terms that may be followed.
    fn take(&mut self) -> bool {
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }

    /// Returns an answer, or notes that it is missing.
    fn ask(&mut self, kind: Kind, name: &DomainName) -> Option<&'a Outcome> {
        match self.facts.get(&Question::new(kind, name.clone())) {
            Ok(answer) => Some(&answer.outcome),
            Err(Missing(more)) => {
                self.missing.extend(more);
                None
            }
        }
    }
}

/// Returns the host of an MX record.
fn exchange(record: &DnsRecord) -> Option<&DomainName> {
    match record {
        DnsRecord::Mx { exchange, .. } => Some(exchange),
        _ => None,
    }
}

/// Returns the networks of the addresses in an answer.
fn addresses(outcome: &Outcome, prefix: u8) -> Vec<(u32, u32)> {
    let address = |record: &DnsRecord| match record {
        DnsRecord::A(address) => Some(range(address.to_bits(), prefix)),
        _ => None,
    };
    outcome.records().iter().filter_map(address).collect()
}

/// Returns the first and the last address of a network.
fn range(address: u32, prefix: u8) -> (u32, u32) {
    let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    (address & !host, address | host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_core::zone::Zone;

    fn drawn(zone: &str, domain: &str) -> Outline {
        let (zone, domain) = (Zone::parse(zone).unwrap(), DomainName::parse(domain).unwrap());
        let mut facts = Facts::default();
        for _ in 0..70 {
            match outline(&facts, &domain) {
                Ok(drawn) => return drawn,
                Err(Missing(questions)) => {
                    for question in questions {
                        let answer = zone.answer(&question);
                        facts.insert(question, Arc::new(answer));
                    }
                }
            }
        }
        panic!("the outline asks for ever");
    }

    #[test]
    fn each_term_that_asks_is_counted_through_all_that_is_included() {
        let outline = drawn(
            "a.example TXT \"v=spf1 a mx include:b.example ip4:192.0.2.0/25 ip4:192.0.2.64/26 -all\"\n\
             a.example A 198.51.100.1\na.example MX 10 m.example\nm.example A 198.51.100.2\n\
             b.example TXT \"v=spf1 include:c.example ?ip4:203.0.113.0/24 ~all\"\n\
             c.example TXT \"v=spf1 exists:%{i}.c.example ip4:198.51.100.2 -all\"\n",
            "a.example",
        );
        // a, mx, include, include, exists; 128 + 2 addresses, what is neutral and what is named twice left out.
        assert_eq!(outline.sums(), Sums { lookups: 5, voids: 0, ipv4: 130 });
        assert_eq!(outline.all().len(), 3);
        assert_eq!(outline.end().and_then(|term| term.result), Some(SpfResult::Fail));
    }

    #[test]
    fn what_leads_to_nothing_is_named() {
        let outline = drawn(
            "a.example TXT \"v=spf1 a:gone.example mx:gone.example include:gone.example include:a.example redirect=b.example\"\n\
             b.example TXT \"v=spf1 ptr moo\"\n",
            "a.example",
        );
        let troubles: Vec<_> = outline.terms.iter().map(|term| term.trouble).collect();
        assert_eq!(troubles, [Some(Trouble::Void), Some(Trouble::Void), Some(Trouble::NoRecord), None, None]);
        let below = |index: usize| outline.terms[index].below.as_ref().unwrap();
        assert_eq!(below(3).standing, Standing::Loop);
        assert!(matches!(&below(4).standing, Standing::Broken { term, .. } if &**term == b"moo"));
        assert_eq!(outline.end(), None);
    }

    #[test]
    fn a_record_that_branches_without_end_is_followed_for_a_while() {
        let mut zone = String::new();
        for level in 0..9 {
            let includes: String = (0..10).map(|to| format!("include:d{}x{to}.example ", level + 1)).collect();
            for from in 0..10 {
                zone += &format!("d{level}x{from}.example TXT \"v=spf1 {includes}-all\"\n");
            }
        }
        let outline = drawn(&zone, "d0x0.example");
        assert!(outline.sums().lookups > 50);
        assert!(outline.all().len() <= 700, "{}", outline.all().len());
    }

    #[test]
    fn everybody_is_everybody() {
        let outline = drawn("a.example TXT \"v=spf1 ip4:10.0.0.0/8 +all ip4:192.0.2.1\"\n", "a.example");
        assert_eq!(outline.sums().ipv4, 1 << 32);
        // What stands behind `all` is never tested.
        assert_eq!(outline.terms.len(), 2);
    }
}
