//! The smallest change that saves a stream, tried by the judges before anybody reads of it

use std::net::IpAddr;

use sekisho_core::facts::{Missing, Outcome, Record};
use sekisho_core::name::DomainName;
use sekisho_core::presentation::split_string;
use sekisho_mail::dmarc::record::Alignment;
use sekisho_mail::verdict::{DkimResult, DmarcResult, SpfResult};

use super::judge::{Case, Ruling, dkim_verdict, dmarc_of, policy_question, spf_verdict};
use super::stream::Identity;
use crate::names::Named;
use crate::spf_record::{self, Mended, Wanted};
use crate::world::{self, World};

/// What saves a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// Relaxed alignment: `adkim=r` or `aspf=r` in the policy record.
    Relax {
        /// The tag.
        tag: &'static str,
        /// Where the record stands.
        name: DomainName,
        /// The whole record.
        text: String,
    },
    /// The key stays as it is published until nothing is signed with it.
    KeepKey {
        /// Where its record stands.
        name: DomainName,
    },
    /// The source is named in the SPF record of its MAIL FROM domain.
    Spf(Mended),
    /// The source signs with the author domain.
    Sign {
        /// That domain.
        domain: DomainName,
    },
}

/// What is known of a source, beside its mails.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    /// What it is called.
    pub(super) named: Option<&'a Named>,
    /// Whether it looks as if it handed mails on: such a one belongs into nobody's SPF, and does not sign for the author.
    pub(super) is_forwarder: bool,
    /// Whether its mails prove now whose they are, or the operator has confirmed that it is one of its own. Of any other one nobody
    /// knows whether it forges the domain, and what would let it pass is not for us to propose.
    pub(super) is_known: bool,
}

/// Finds the smallest change that lets a stream pass again.
pub(super) fn advise(
    of: &Identity,
    ruling: &Ruling,
    after: World<'_>,
    Standing { named, is_forwarder, is_known }: Standing<'_>,
) -> Result<Option<Advice>, Missing> {
    let Ok(author) = DomainName::parse(&of.author) else { return Ok(None) };
    let passes = |world: World<'_>, case: &Case| Ok(dmarc_of(world, Some(&author), case)?.result == DmarcResult::Pass);
    if let Some(advice) = relax(ruling, after, &passes)? {
        return Ok(Some(advice));
    }
    if let Some(name) = ruling.lost.first()
        && passes(after, &Case { spf: ruling.case.spf.clone(), dkim: ruling.was.dkim.clone() })?
    {
        return Ok(Some(Advice::KeepKey { name: name.clone() }));
    }
    if is_forwarder || !is_known {
        return Ok(None);
    }
    if let (Some(envelope), Ok(address)) = (&of.envelope, of.source.parse::<IpAddr>())
        && let Ok(domain) = DomainName::parse(envelope)
        && passes(after, &Case { spf: Some(spf_verdict(SpfResult::Pass, envelope)), ..ruling.case.clone() })?
    {
        let sender = named.and_then(|named| named.sender).map(|(sender, _)| sender);
        if let Ok(mended) = spf_record::mend(after, &domain, &[Wanted { address, network: None, sender }])? {
            return Ok(Some(Advice::Spf(mended)));
        }
    }
    let signed = dkim_verdict(DkimResult::Pass, Some(author.clone()), None);
    let signed = Case { dkim: [ruling.case.dkim.as_slice(), &[signed]].concat(), ..ruling.case.clone() };
    Ok(passes(after, &signed)?.then_some(Advice::Sign { domain: author.clone() }))
}

/// Tries relaxed alignment, where the record is strict.
fn relax(
    ruling: &Ruling,
    after: World<'_>,
    passes: &impl Fn(World<'_>, &Case) -> Result<bool, Missing>,
) -> Result<Option<Advice>, Missing> {
    let (Some(record), Some(domain)) = (&ruling.after.record, &ruling.after.policy_domain) else { return Ok(None) };
    let Some(question) = policy_question(domain) else { return Ok(None) };
    for (tag, mode) in [("adkim", record.adkim), ("aspf", record.aspf)] {
        if mode != Alignment::Strict {
            continue;
        }
        let text = relaxed(&String::from_utf8_lossy(&record.text), tag);
        let outcome = Outcome::Records(vec![Record::Txt(split_string(text.as_bytes()))]);
        let replaced = world::with(after.replaced, question.clone(), outcome);
        if passes(World { replaced: &replaced, ..after }, &ruling.case)? {
            return Ok(Some(Advice::Relax { tag, name: question.name, text }));
        }
    }
    Ok(None)
}

/// Returns a policy record in which a tag says `r`.
fn relaxed(text: &str, tag: &str) -> String {
    let is_it = |part: &str| part.split_once('=').is_some_and(|(name, _)| name.trim() == tag);
    let parts = text.split(';').map(|part| {
        let space = " ".repeat(part.len() - part.trim_start().len());
        if is_it(part) { format!("{space}{tag}=r") } else { part.to_owned() }
    });
    parts.collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_is_relaxed_and_the_rest_stays_as_it_was_written() {
        assert_eq!(
            relaxed("v=DMARC1; p=reject;adkim = s; aspf=s ; rua=mailto:a@b.example", "adkim"),
            "v=DMARC1; p=reject;adkim=r; aspf=s ; rua=mailto:a@b.example"
        );
    }
}
