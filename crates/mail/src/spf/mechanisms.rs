//! The mechanisms that compare the client with what the DNS says: `a`, `mx`, `ptr`, `exists` (RFC 7208 §5)

use std::net::IpAddr;

use sekisho_core::facts::{Kind, Missing, Question, Record as DnsRecord};
use sekisho_core::name::DomainName;

use crate::verdict::SpfResult;

use super::evaluation::{Evaluation, Halt, NAMES_MAX, shared};
use super::record::{Directive, DomainSpec, Prefixes, same_v4, same_v6};
use super::rules;

impl<'a> Evaluation<'a> {
    /// Tests `a`: is an address of the name the client's? (RFC 7208 §5.3)
    pub(super) fn test_a(
        &mut self,
        directive: &Directive,
        target: Option<&DomainSpec>,
        prefixes: Prefixes,
        domain: &DomainName,
    ) -> Result<bool, Halt> {
        let Some(name) = self.target(&directive.text, target, domain)? else { return Ok(false) };
        let question = Question::new(self.family(), name);
        let records = self.ask(&directive.text, &question)?;
        let term = ("term", shared(&directive.text));
        if let Some(address) = self.address_of_client(records, prefixes) {
            let arguments = [term, ("name", (&question.name).into()), ("address", address.into())];
            self.trace.conclude(&rules::A_MATCH, directive.result.as_str(), arguments);
            return Ok(true);
        }
        if !records.is_empty() {
            let arguments = [term, ("name", (&question.name).into()), ("count", records.len().into())];
            self.trace.note(&rules::A_OTHER, arguments);
        }
        Ok(false)
    }

    /// Tests `mx`: is an address of a mail exchanger the client's? (RFC 7208 §5.4)
    pub(super) fn test_mx(
        &mut self,
        directive: &Directive,
        target: Option<&DomainSpec>,
        prefixes: Prefixes,
        domain: &DomainName,
    ) -> Result<bool, Halt> {
        let Some(name) = self.target(&directive.text, target, domain)? else { return Ok(false) };
        let question = Question::new(Kind::Mx, name);
        let records = self.ask(&directive.text, &question)?;
        let term = || ("term", shared(&directive.text));
        if records.len() > NAMES_MAX {
            let arguments = [term(), ("name", (&question.name).into()), ("count", records.len().into())];
            return Err(self.halt(&rules::MX_LIMIT, SpfResult::Permerror, arguments));
        }
        self.count_names(records.len());
        let exchanges = self.addresses_of(records.iter().filter_map(exchange))?;
        for (question, answer) in &exchanges {
            if let Some(address) = self.address_of_client(answer.outcome.records(), prefixes) {
                let arguments = [term(), ("exchange", (&question.name).into()), ("address", address.into())];
                self.trace.conclude(&rules::MX_MATCH, directive.result.as_str(), arguments);
                return Ok(true);
            }
        }
        // §5: a server that fails could have named the client. One that did so cannot be outdone, hence the order.
        if let Some((question, answer)) = exchanges.iter().find(|(_, answer)| answer.outcome.is_transient()) {
            return Err(self.lookup_failed(&directive.text, question, answer));
        }
        if !records.is_empty() {
            let arguments = [term(), ("name", (&question.name).into()), ("count", records.len().into())];
            self.trace.note(&rules::MX_OTHER, arguments);
        }
        Ok(false)
    }

    /// Tests `exists`: has the name any IPv4 address, whatever the client's family? (RFC 7208 §5.7)
    pub(super) fn test_exists(
        &mut self,
        directive: &Directive,
        target: &DomainSpec,
        domain: &DomainName,
    ) -> Result<bool, Halt> {
        let Some(name) = self.target(&directive.text, Some(target), domain)? else { return Ok(false) };
        let question = Question::new(Kind::A, name);
        let exists = !self.ask(&directive.text, &question)?.is_empty();
        if exists {
            let arguments = [("term", shared(&directive.text)), ("name", (&question.name).into())];
            self.trace.conclude(&rules::EXISTS_MATCH, directive.result.as_str(), arguments);
        }
        Ok(exists)
    }

    /// Tests `ptr`: does a validated name of the client lie in the domain? (RFC 7208 §5.5)
    pub(super) fn test_ptr(
        &mut self,
        directive: &Directive,
        target: Option<&DomainSpec>,
        domain: &DomainName,
    ) -> Result<bool, Halt> {
        let Some(name) = self.target(&directive.text, target, domain)? else { return Ok(false) };
        let question = self.reverse_question();
        let answer = self.facts.get(&question)?;
        if answer.outcome.is_transient() {
            // §5.5: where the name cannot be had, the mechanism does not match; this is no error.
            let arguments = [
                ("term", shared(&directive.text)),
                ("client", self.sender.client.into()),
                ("outcome", answer.outcome.word().into()),
            ];
            self.trace.note(&rules::PTR_UNAVAILABLE, arguments);
            return Ok(false);
        }
        let records = self.ask(&directive.text, &question)?;
        // §4.6.4: names beyond the tenth are ignored. Names elsewhere could not match, so they are not asked for.
        let names = records.iter().filter_map(host).take(NAMES_MAX).filter(|host| host.is_at_or_below(&name));
        self.count_names(records.len().min(NAMES_MAX));
        let validated = self.validated(names)?.into_iter().next();
        self.note_ptr(directive, &name, validated, records.len());
        Ok(validated.is_some())
    }

    /// Says what `ptr` found.
    fn note_ptr(&mut self, directive: &Directive, name: &DomainName, found: Option<&DomainName>, records: usize) {
        let term = ("term", shared(&directive.text));
        let client = ("client", self.sender.client.into());
        if let Some(host) = found {
            let arguments = [term, client, ("host", host.into())];
            self.trace.conclude(&rules::PTR_MATCH, directive.result.as_str(), arguments);
        } else if records > 0 {
            let arguments = [term, client, ("name", name.into()), ("count", records.into())];
            self.trace.note(&rules::PTR_OTHER, arguments);
        }
    }

    /// Returns what `%{p}` stands for: a validated name of the client, best the domain or one below it (§7.3).
    pub(super) fn client_name(&mut self, domain: &DomainName) -> Result<Option<&'a DomainName>, Missing> {
        if !self.may_ask_client_name() {
            return Ok(None);
        }
        let answer = self.facts.get(&self.reverse_question())?;
        let names = self.validated(answer.outcome.records().iter().filter_map(host).take(NAMES_MAX))?;
        let best = names.iter().find(|name| **name == domain);
        let best = best.or_else(|| names.iter().find(|name| name.is_at_or_below(domain)));
        Ok(best.or(names.first()).copied())
    }

    /// Returns those of the names that have the client's address; names that cannot be asked for are skipped (§5.5).
    fn validated<'n>(&self, names: impl Iterator<Item = &'n DomainName>) -> Result<Vec<&'n DomainName>, Missing> {
        let names: Vec<&DomainName> = names.collect();
        let addresses = self.addresses_of(names.iter().copied())?;
        let exact = Prefixes { v4: 32, v6: 128 };
        let has_client = |name: &DomainName| {
            let mut of_name = addresses.iter().filter(|(question, _)| question.name == *name);
            of_name.any(|(_, answer)| self.address_of_client(answer.outcome.records(), exact).is_some())
        };
        Ok(names.into_iter().filter(|name| has_client(name)).collect())
    }

    /// Returns the answers to the address questions of all these names, or names all that are missing at once.
    fn addresses_of<'n>(
        &self,
        names: impl Iterator<Item = &'n DomainName>,
    ) -> Result<Vec<(Question, &'a sekisho_core::facts::Answer)>, Missing> {
        let mut answers = Vec::new();
        let mut missing = Vec::new();
        // The root is the null exchanger (RFC 7505 §3) and has no address.
        for name in names.filter(|name| !name.is_root()) {
            let question = Question::new(self.family(), name.clone());
            match self.facts.get(&question) {
                Ok(answer) => answers.push((question, answer)),
                Err(_) if missing.contains(&question) => {}
                Err(Missing(_)) => missing.push(question),
            }
        }
        if missing.is_empty() { Ok(answers) } else { Err(Missing(missing)) }
    }

    /// Returns the question for the client's name.
    fn reverse_question(&self) -> Question {
        Question::ptr(self.sender.client)
    }

    /// Returns the first address that equals the client's in the leading bits; families are never mixed (§5).
    fn address_of_client(&self, records: &[DnsRecord], prefixes: Prefixes) -> Option<IpAddr> {
        records.iter().find_map(|record| match (record, self.sender.client) {
            (DnsRecord::A(address), IpAddr::V4(client)) if same_v4(*address, client, prefixes.v4) => {
                Some(IpAddr::V4(*address))
            }
            (DnsRecord::Aaaa(address), IpAddr::V6(client)) if same_v6(*address, client, prefixes.v6) => {
                Some(IpAddr::V6(*address))
            }
            _ => None,
        })
    }
}

/// Returns the host of an MX record.
fn exchange(record: &DnsRecord) -> Option<&DomainName> {
    match record {
        DnsRecord::Mx { exchange, .. } => Some(exchange),
        _ => None,
    }
}

/// Returns the host of a PTR record.
fn host(record: &DnsRecord) -> Option<&DomainName> {
    match record {
        DnsRecord::Ptr(name) => Some(name),
        _ => None,
    }
}
