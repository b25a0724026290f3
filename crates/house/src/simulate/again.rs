//! One mail of the books, judged again from the facts that were kept with it
//!
//! What only the mail itself could tell (its signatures, its chain) is as the gate found it; SPF and DMARC are judged anew, with
//! every step, and with other records where some are proposed.

use std::net::IpAddr;

use sekisho_core::event::{MailEvent, SignatureEvent};
use sekisho_core::facts::Missing;
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Step, Trace};
use sekisho_core::sums::Reported;
use sekisho_mail::dmarc;
use sekisho_mail::spf;
use sekisho_mail::verdict::{
    Author, AuthorResult, DkimResult, DkimVerdict, DmarcVerdict, Identity, SpfResult, SpfVerdict,
};

use super::judge::{Doubt, Ruling, dkim_verdict, rule, spf_verdict};
use super::stream::{self, Identity as Stream};
use crate::world::World;

/// What other records would change for a mail.
pub(crate) struct Changed {
    /// The stable word of the change.
    pub(crate) change: &'static str,
    /// Whether it is worse off.
    pub(crate) is_worse: bool,
    /// What DMARC says as the DNS was.
    pub(crate) before: DmarcVerdict,
    /// What it would say.
    pub(crate) after: DmarcVerdict,
    /// Why nobody can tell, as stable words.
    pub(crate) doubts: Vec<&'static str>,
}

/// Judges a mail again in a world, and returns the steps of SPF and DMARC.
pub(crate) fn steps(mail: &MailEvent, world: World<'_>) -> Result<Vec<Step>, Missing> {
    let author = author(mail);
    let client = mail.client_ip.as_deref().and_then(|address| address.parse::<IpAddr>().ok());
    let mut steps = Vec::new();
    let spf = match client {
        Some(client_ip) => {
            let (identity, policy, mut trace) = (Identity::MailFrom, world.policy, Trace::new(Check::Spf));
            // The null path is judged as postmaster of the HELO name (RFC 7208 §2.4), and so is a domain without a name before it.
            let request = spf::Request {
                identity,
                client_ip,
                helo: mail.helo.as_bytes(),
                mail_from: mail.mail_from_domain.as_bytes(),
                receiver: None,
            };
            let (judged, _) = world.hear(|facts| spf::judge(facts, &request, policy, world.now, &mut trace))?;
            steps.extend(trace.into_steps());
            Some(judged)
        }
        None => None,
    };
    // What the gate found stands: it knew the whole address, of which the books may keep only a hash.
    let found = found_spf(mail).or_else(|| spf.clone());
    let mut trace = Trace::new(Check::Dmarc);
    world.hear(|facts| dmarc::judge(facts, &author, found.as_ref(), &signatures(mail), &mut trace))?;
    steps.extend(trace.into_steps());
    Ok(steps)
}

/// Judges a mail in two worlds, and tells what differs.
pub(crate) fn compare(mail: &MailEvent, before: World<'_>, after: World<'_>) -> Result<Changed, Missing> {
    let judges_spf = super::proposal::touch_spf(after.replaced);
    let Ruling { before, after, change, doubts, .. } = rule(&identity(mail), before, after, judges_spf)?;
    let doubts = doubts.into_iter().map(Doubt::as_str).collect();
    Ok(Changed { change: change.as_str(), is_worse: change.is_worse(), before, after, doubts })
}

/// Returns what a mail has in common with others like it.
fn identity(mail: &MailEvent) -> Stream {
    stream::identity(&Reported {
        submitter: None,
        day: String::new(),
        source_ip: mail.client_ip.clone().unwrap_or_default(),
        header_from: mail.author_domain.clone().unwrap_or_default(),
        envelope_from: Some(mail.mail_from_domain.clone()),
        spf_domain: mail.spf_domain.clone(),
        spf_result: mail.spf_result.clone(),
        spf_aligned: mail.spf_aligned,
        dkim: mail.dkim.clone(),
        dkim_aligned: mail.dkim_aligned,
        disposition: mail.disposition.clone(),
        mails: 1,
    })
}

/// Returns the author, as the gate found it.
fn author(mail: &MailEvent) -> Author {
    let domain = mail.author_domain.as_deref().and_then(|domain| DomainName::parse(domain).ok());
    let is_ok = mail.author_result == AuthorResult::Ok.as_str() && domain.is_some();
    let result = if is_ok { AuthorResult::Ok } else { AuthorResult::Unusable };
    Author { result, domain, addresses: Vec::new(), reason: None, flags: Vec::new() }
}

/// Returns SPF, as the gate found it.
fn found_spf(mail: &MailEvent) -> Option<SpfVerdict> {
    let word = mail.spf_result.as_deref()?;
    let result = SpfResult::ALL.iter().copied().find(|result| result.as_str() == word)?;
    Some(spf_verdict(result, mail.spf_domain.as_deref()?))
}

/// Returns the signatures, as the gate found them.
fn signatures(mail: &MailEvent) -> Vec<DkimVerdict> {
    let name = |text: &Option<String>| text.as_deref().and_then(|text| DomainName::parse(text).ok());
    let verdict = |dkim: &SignatureEvent| {
        let result = DkimResult::ALL.iter().copied().find(|result| result.as_str() == dkim.result);
        dkim_verdict(result.unwrap_or(DkimResult::Fail), name(&dkim.domain), name(&dkim.selector))
    };
    mail.dkim.iter().map(verdict).collect()
}
