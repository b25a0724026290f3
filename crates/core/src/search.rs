//! Searches: which mails somebody looks for, and what a list of them shows
//!
//! [`MailSearch::finds`] is what a search means, and [`plain`] answers it over Events at hand; the lake answers the same in SQL,
//! and a test holds the two together.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::event::{MailEvent, SignatureEvent};

pub mod plain;

/// Which mails are looked for. What is `None` or empty does not matter. Domains: the domain itself and names below it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct MailSearch {
    /// The first moment, in microseconds since 1970.
    pub from_at: i64,
    /// The moment before which they were judged.
    pub until_at: i64,
    /// The verdict's id.
    pub id: Option<String>,
    /// The MTA's name for the mail.
    pub queue_id: Option<String>,
    /// The author domain.
    pub author_domain: Option<String>,
    /// The domain of the MAIL FROM address.
    pub mail_from_domain: Option<String>,
    /// The domain of a recipient.
    pub recipient_domain: Option<String>,
    /// The `d=` of a signature that was examined.
    pub signer: Option<String>,
    /// The client's address, or a network that it lies in. What is neither finds nothing.
    pub client: Option<String>,
    /// A part of what the client called itself, in whatever case.
    pub helo: Option<String>,
    /// The result of SPF.
    pub spf: Option<String>,
    /// The result of a signature: where a signer is looked for, too, of one of his. `none`: there is no signature.
    pub dkim: Option<String>,
    /// The result of ARC.
    pub arc: Option<String>,
    /// The result of DMARC.
    pub dmarc: Option<String>,
    /// What the recommended policy would do.
    pub verdict: Option<String>,
    /// What the house did.
    pub decision: Option<String>,
    /// Whose mails may be seen: those of which every recipient domain is one of these or below. None of them: no mail.
    pub within: Option<Vec<String>>,
    /// The moment and the id of the last one that was shown: those that follow are looked for, newest first.
    pub after: Option<(i64, String)>,
    /// How many at most.
    pub limit: u32,
}

impl MailSearch {
    /// Returns whether a mail is one of those that are looked for; [`MailSearch::limit`] is not looked at.
    pub fn finds(&self, mail: &MailEvent) -> bool {
        let same = |wanted: &Option<String>, value: &str| given(wanted).is_none_or(|wanted| wanted == value);
        let below = |wanted: &Option<String>, domain: Option<&str>| {
            given(wanted).is_none_or(|wanted| domain.is_some_and(|domain| is_within(domain, wanted)))
        };
        (self.from_at..self.until_at).contains(&mail.at)
            && self.after.as_ref().is_none_or(|(at, id)| (mail.at, mail.id.as_str()) < (*at, id.as_str()))
            && same(&self.id, &mail.id)
            && same(&self.queue_id, &mail.queue_id)
            && below(&self.author_domain, mail.author_domain.as_deref())
            && below(&self.mail_from_domain, Some(&mail.mail_from_domain))
            && given(&self.recipient_domain)
                .is_none_or(|wanted| mail.recipient_domains.iter().any(|domain| is_within(domain, wanted)))
            && self.finds_signature(&mail.dkim)
            && given(&self.client).is_none_or(|wanted| mail.client_ip.as_deref().is_some_and(|ip| lies_in(ip, wanted)))
            && given(&self.helo).is_none_or(|wanted| mail.helo.to_lowercase().contains(&wanted.to_lowercase()))
            && same(&self.spf, mail.spf_result.as_deref().unwrap_or_default())
            && same(&self.arc, &mail.arc_result)
            && same(&self.dmarc, &mail.dmarc_result)
            && same(&self.verdict, &mail.verdict)
            && same(&self.decision, &mail.decision)
            && self.within.as_deref().is_none_or(|scope| all_within(&mail.recipient_domains, scope))
    }

    /// Returns whether the signatures of a mail are such as are looked for.
    fn finds_signature(&self, signatures: &[SignatureEvent]) -> bool {
        let (signer, result) = (given(&self.signer), given(&self.dkim));
        if result == Some("none") {
            return signatures.is_empty() && signer.is_none();
        }
        let fits = |signature: &SignatureEvent| {
            result.is_none_or(|wanted| signature.result == wanted)
                && signer.is_none_or(|wanted| signature.domain.as_deref().is_some_and(|name| is_within(name, wanted)))
        };
        (signer.is_none() && result.is_none()) || signatures.iter().any(fits)
    }
}

/// Returns what is looked for, where anything is.
pub fn given(wanted: &Option<String>) -> Option<&str> {
    wanted.as_deref().filter(|wanted| !wanted.is_empty())
}

/// Returns whether a domain is another one, or lies below it. Neither is empty.
pub fn is_within(domain: &str, other: &str) -> bool {
    let Some(above) = domain.len().checked_sub(other.len()) else { return false };
    let (head, tail) = domain.as_bytes().split_at(above);
    !other.is_empty() && tail.eq_ignore_ascii_case(other.as_bytes()) && (head.is_empty() || head.ends_with(b"."))
}

/// Returns whether there are domains, and each is one of those of a scope or lies below one. Who has no recipient domain is in
/// nobody's scope.
pub fn all_within(domains: &[String], scope: &[String]) -> bool {
    let covered = |domain: &String| scope.iter().any(|other| is_within(domain, other));
    !domains.is_empty() && domains.iter().all(covered)
}

/// Returns whether an address is another one, or lies in a network.
fn lies_in(ip: &str, network: &str) -> bool {
    let address = |text: &str| text.parse::<IpAddr>().ok();
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (address(base), Some(length)),
        None => (address(network).map(|ip| ip.to_canonical()), None),
    };
    match (address(ip).map(|ip| ip.to_canonical()), base) {
        (Some(IpAddr::V4(ip)), Some(IpAddr::V4(base))) => agree((ip.to_bits() ^ base.to_bits()).into(), 32, length),
        (Some(IpAddr::V6(ip)), Some(IpAddr::V6(base))) => agree(ip.to_bits() ^ base.to_bits(), 128, length),
        _ => false,
    }
}

/// Returns whether two addresses of so many bits, which differ in these, agree in the first ones.
fn agree(differ: u128, bits: u32, length: Option<&str>) -> bool {
    let length = length.map_or(Some(bits), |length| length.parse().ok().filter(|length| *length <= bits));
    length.is_some_and(|length| differ.checked_shr(bits - length).unwrap_or_default() == 0)
}

/// A line of a list of mails.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct MailRow {
    /// When it was judged, in microseconds since 1970.
    pub at: i64,
    /// The verdict's id.
    pub id: String,
    /// The address of the client.
    pub client_ip: Option<String>,
    /// What the client called itself.
    pub helo: String,
    /// The domain of the MAIL FROM address; empty for the null path.
    pub mail_from_domain: String,
    /// The author domain.
    pub author_domain: Option<String>,
    /// The domains of the recipients.
    pub recipient_domains: Vec<String>,
    /// How many octets the mail has.
    pub size: u64,
    /// SPF of the MAIL FROM identity.
    pub spf_result: Option<String>,
    /// The signatures that were examined.
    pub dkim: Vec<SignatureEvent>,
    /// The ARC chain.
    pub arc_result: String,
    /// DMARC's result.
    pub dmarc_result: String,
    /// The policy that applies.
    pub policy: Option<String>,
    /// What the recommended policy would do.
    pub verdict: String,
    /// What the house did.
    pub decision: String,
    /// Why nobody judged the mail, where nobody did.
    pub unjudged: Option<String>,
}

impl From<MailEvent> for MailRow {
    fn from(mail: MailEvent) -> MailRow {
        MailRow {
            at: mail.at,
            id: mail.id,
            client_ip: mail.client_ip,
            helo: mail.helo,
            mail_from_domain: mail.mail_from_domain,
            author_domain: mail.author_domain,
            recipient_domains: mail.recipient_domains,
            size: mail.size,
            spf_result: mail.spf_result,
            dkim: mail.dkim,
            arc_result: mail.arc_result,
            dmarc_result: mail.dmarc_result,
            policy: mail.policy,
            verdict: mail.verdict,
            decision: mail.decision,
            unjudged: mail.unjudged,
        }
    }
}

/// How many mails of a span of time had a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub struct Volume {
    /// When the span begins, in microseconds since 1970: a multiple of its length.
    pub at: i64,
    /// DMARC's result.
    pub dmarc_result: String,
    /// What the house did.
    pub decision: String,
    /// How many mails.
    pub mails: u64,
}

/// An author domain in some days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct AuthorDomain {
    /// The domain.
    pub domain: String,
    /// How many mails.
    pub mails: u64,
    /// How many of them pass DMARC.
    pub pass: u64,
    /// How many fail it.
    pub fail: u64,
    /// From how many addresses they came.
    pub clients: u64,
    /// The policy that applied to the last of them.
    pub policy: Option<String>,
    /// When the last of them was judged.
    pub last_at: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a mail of noon.
    fn mail() -> MailEvent {
        let signed = |result: &str, domain: &str| SignatureEvent {
            result: result.into(),
            domain: Some(domain.into()),
            ..SignatureEvent::default()
        };
        MailEvent {
            at: 12,
            id: "m".into(),
            client_ip: Some("192.0.2.7".into()),
            helo: "MX.example".into(),
            author_domain: Some("news.example.org".into()),
            recipient_domains: vec!["a.example".into(), "mail.b.example".into()],
            dkim: vec![signed("fail", "example.org"), signed("pass", "list.example")],
            ..MailEvent::default()
        }
    }

    /// Returns whether a search for all of the day, changed, finds the mail.
    fn found(change: impl Fn(&mut MailSearch)) -> bool {
        let mut search = MailSearch { until_at: 24, ..MailSearch::default() };
        change(&mut search);
        search.finds(&mail())
    }

    #[test]
    fn what_is_empty_does_not_matter_and_times_end_before_their_end() {
        assert!(found(|_| ()) && found(|search| search.author_domain = Some(String::new())));
        assert!(found(|search| search.from_at = 12) && !found(|search| search.until_at = 12));
        assert!(found(|search| search.after = Some((12, "n".into()))));
        assert!(!found(|search| search.after = Some((12, "m".into()))));
    }

    #[test]
    fn a_domain_is_itself_and_what_lies_below() {
        assert!(found(|search| search.author_domain = Some("Example.org".into())));
        assert!(!found(|search| search.author_domain = Some("ample.org".into())));
        assert!(!found(|search| search.author_domain = Some("x.news.example.org".into())));
        assert!(found(|search| search.recipient_domain = Some("b.example".into())));
    }

    #[test]
    fn a_scope_covers_every_recipient_or_shows_nothing() {
        let scope = |domains: &[&str]| Some(domains.iter().map(|domain| (*domain).to_owned()).collect());
        assert!(found(|search| search.within = scope(&["b.example", "a.example"])));
        for narrow in [&["a.example"][..], &[], &[""], &["mail.b.example"]] {
            assert!(!found(|search| search.within = scope(narrow)), "{narrow:?}");
        }
        assert!(!all_within(&[], &["a.example".to_owned()]));
    }

    #[test]
    fn signer_and_result_are_those_of_one_signature() {
        let look = |signer: Option<&str>, result: &str| {
            found(|search| (search.signer, search.dkim) = (signer.map(Into::into), Some(result.into())))
        };
        assert!(look(None, "pass") && look(Some("example.org"), "fail") && look(Some("list.example"), ""));
        assert!(!look(Some("example.org"), "pass") && !look(None, "none"));
    }

    #[test]
    fn clients_lie_in_networks() {
        for (client, is_in) in [
            ("192.0.2.7", true),
            ("192.0.2.0/24", true),
            ("192.0.2.9/24", true),
            ("0.0.0.0/0", true),
            ("192.0.2.8", false),
            ("192.0.2.0/29", true),
            ("192.0.2.8/29", false),
            ("::/0", false),
            ("192.0.2.0/33", false),
            ("' OR 1=1 --", false),
        ] {
            assert_eq!(found(|search| search.client = Some(client.into())), is_in, "{client}");
        }
        assert!(lies_in("2001:db8::1", "2001:db8::/32") && !lies_in("2001:db9::1", "2001:db8::/32"));
    }

    #[test]
    fn a_part_of_the_helo_is_enough() {
        assert!(found(|search| search.helo = Some("mx.EX".into())) && !found(|search| search.helo = Some("%".into())));
    }
}
