//! SPF: may this host speak for that domain? (RFC 7208)
//!
//! [`judge`] judges one identity from the facts at hand. What is asked for is settled here (§2.4, §4.3); the record is
//! read in `record`, followed in `evaluation` (§4.6, with its limits), each mechanism in `mechanisms` (§5), macros in
//! `macros` (§7), and a fail's own words in `explanation` (§6.2).

mod evaluation;
mod explanation;
mod macros;
mod mechanisms;
pub mod outline;
mod record;
mod rules;

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use sekisho_core::facts::{Facts, Missing};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Rule, Trace};
use sekisho_core::visible::Visible;

use crate::policy::Policy;
use crate::verdict::{Identity, SpfResult, SpfVerdict};

use self::evaluation::{Conclusion, Evaluation, Spent, Visit};
use self::macros::Sender;
pub(crate) use self::rules::RULES;

/// What is asked: may this client use this name?
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Which identity is judged.
    pub identity: Identity,
    /// The address of the client.
    pub client_ip: IpAddr,
    /// The name in HELO or EHLO, as it was said.
    pub helo: &'a [u8],
    /// The address in MAIL FROM without angle brackets, as it was said; empty for the null path.
    pub mail_from: &'a [u8],
    /// Who is asking, for `%{r}`.
    pub receiver: Option<&'a DomainName>,
}

/// Judges one identity, or names every question that is already known to be needed.
///
/// `trace` is started again at each call. Questions are named ahead of their need where the record makes them certain
/// enough; what is asked so never changes the verdict.
pub fn judge(
    facts: &Facts,
    request: &Request<'_>,
    policy: &Policy,
    now: Timestamp,
    trace: &mut Trace,
) -> Result<SpfVerdict, Missing> {
    trace.restart();
    Judgement::default().proceed(facts, request, policy, now, trace)
}

/// One identity while it is being judged: where an answer is missing, it goes on from there once the answer is known,
/// and ends as [`judge`] would with all answers at hand.
#[derive(Default)]
pub struct Judgement {
    /// The domain, once the request was found to name one.
    name: Option<DomainName>,
    /// What was spent of the limits.
    spent: Spent,
    /// The records under way, each but the first included by the one before.
    visits: Vec<Visit>,
    /// What they led to.
    conclusion: Option<Conclusion>,
}

impl Judgement {
    /// Judges as far as the facts allow, or names every question that is already known to be needed.
    ///
    /// All but the facts must be what it was at the first call; `trace` is to be new then.
    pub fn proceed(
        &mut self,
        facts: &Facts,
        request: &Request<'_>,
        policy: &Policy,
        now: Timestamp,
        trace: &mut Trace,
    ) -> Result<SpfVerdict, Missing> {
        let sender = sender(request, now);
        let name = match &self.name {
            Some(name) => name,
            None => {
                note_request(request, &sender, trace);
                match usable_domain(&sender.domain) {
                    Ok(name) => self.name.insert(name),
                    Err((rule, name)) => {
                        trace.conclude(rule, SpfResult::None.as_str(), [("domain", sender.domain.as_ref().into())]);
                        return Ok(verdict(request, &sender, name));
                    }
                }
            }
        };
        let mut evaluation = Evaluation::new(facts, &sender, policy, &mut self.spent, trace);
        let conclusion = match &self.conclusion {
            Some(conclusion) => conclusion,
            None => {
                let conclusion = evaluation.check_host(name, &mut self.visits)?;
                evaluation.note_conclusion(name, &conclusion);
                self.conclusion.insert(conclusion)
            }
        };
        let result = conclusion.result;
        // §6.2: a fail may come with the domain's own words.
        let explanation = match result {
            SpfResult::Fail => evaluation.attempt(|evaluation| explanation::explain(evaluation, conclusion))?,
            _ => None,
        };
        let Spent { lookups, voids: void_lookups, .. } = self.spent;
        Ok(SpfVerdict { result, explanation, lookups, void_lookups, ..verdict(request, &sender, Some(name.clone())) })
    }
}

/// Says that a judgement did not come to its end, by our own fault.
pub(crate) fn break_off(request: &Request<'_>, now: Timestamp, trace: &mut Trace) -> SpfVerdict {
    trace.restart();
    let sender = sender(request, now);
    note_request(request, &sender, trace);
    trace.conclude(&rules::BROKEN_OFF, SpfResult::Temperror.as_str(), []);
    let name = usable_domain(&sender.domain).ok();
    SpfVerdict { result: SpfResult::Temperror, ..verdict(request, &sender, name) }
}

/// Returns a verdict on a domain that says nothing yet.
fn verdict(request: &Request<'_>, sender: &Sender<'_>, name: Option<DomainName>) -> SpfVerdict {
    SpfVerdict {
        result: SpfResult::None,
        identity: request.identity,
        domain: Visible(&sender.domain).text().into_owned(),
        name,
        explanation: None,
        lookups: 0,
        void_lookups: 0,
    }
}

/// Settles who is speaking (RFC 7208 §2.3, §2.4, §4.3).
fn sender<'a>(request: &Request<'a>, now: Timestamp) -> Sender<'a> {
    // §2.4: the null path stands for postmaster at the HELO name.
    let address = match request.identity {
        Identity::MailFrom if !request.mail_from.is_empty() => request.mail_from,
        _ => &[],
    };
    let (local, domain) = match memchr::memrchr(b'@', address) {
        Some(at) => (&address[..at], &address[at + 1..]),
        None if address.is_empty() => (&[][..], request.helo),
        None => (&[][..], address),
    };
    Sender {
        // §5: an IPv4 client seen through an IPv6 socket is still an IPv4 client.
        client: request.client_ip.to_canonical(),
        // §4.3: where there is no local part, it is postmaster.
        local: if local.is_empty() { b"postmaster" } else { local },
        domain: in_a_labels(domain),
        helo: request.helo,
        receiver: request.receiver,
        now,
    }
}

/// Turns a domain with U-labels into A-labels (RFC 8616 §4); any other stays as it was said.
fn in_a_labels(domain: &[u8]) -> Cow<'_, [u8]> {
    if domain.is_ascii() {
        return Cow::Borrowed(domain);
    }
    match DomainName::parse_unicode(domain) {
        Ok(name) => Cow::Owned(name.to_dotted()),
        Err(_) => Cow::Borrowed(domain),
    }
}

/// Says what is being asked.
fn note_request(request: &Request<'_>, sender: &Sender<'_>, trace: &mut Trace) {
    let rule = match request.identity {
        Identity::Helo => &rules::ASKED_HELO,
        Identity::MailFrom if request.mail_from.is_empty() => &rules::ASKED_NULL_PATH,
        Identity::MailFrom => &rules::ASKED_MAIL_FROM,
    };
    trace.note(rule, [("client", sender.client.into()), ("domain", sender.domain.as_ref().into())]);
}

/// Returns the domain where it can have a record at all, or the rule that says why not (RFC 7208 §4.3).
fn usable_domain(domain: &[u8]) -> Result<DomainName, (&'static Rule, Option<DomainName>)> {
    if domain.is_empty() {
        return Err((&rules::DOMAIN_EMPTY, None));
    }
    if domain.starts_with(b"[") {
        return Err((&rules::DOMAIN_LITERAL, None));
    }
    // Octets beyond ASCII are still here only where they are no U-labels.
    let name = DomainName::parse(domain).ok().filter(|_| domain.is_ascii());
    match name {
        None => Err((&rules::DOMAIN_MALFORMED, None)),
        Some(name) if name.label_count() < 2 => Err((&rules::DOMAIN_SINGLE_LABEL, Some(name))),
        Some(name) => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(identity: Identity, helo: &'a str, mail_from: &'a str) -> Sender<'a> {
        let request = Request {
            identity,
            client_ip: "::ffff:192.0.2.1".parse().unwrap(),
            helo: helo.as_bytes(),
            mail_from: mail_from.as_bytes(),
            receiver: None,
        };
        sender(&request, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_null_path_is_postmaster_at_the_helo_name() {
        let sender = of(Identity::MailFrom, "mail.example", "");
        assert_eq!((sender.local, sender.domain.as_ref()), (&b"postmaster"[..], &b"mail.example"[..]));
    }

    #[test]
    fn the_helo_identity_ignores_the_path() {
        let sender = of(Identity::Helo, "mail.example", "a@b.example");
        assert_eq!((sender.local, sender.domain.as_ref()), (&b"postmaster"[..], &b"mail.example"[..]));
    }

    #[test]
    fn the_domain_stands_behind_the_last_at_sign() {
        let sender = of(Identity::MailFrom, "h", "\"a@b\"@c.example");
        assert_eq!((sender.local, sender.domain.as_ref()), (&b"\"a@b\""[..], &b"c.example"[..]));
        assert_eq!(of(Identity::MailFrom, "h", "@c.example").local, b"postmaster");
        assert_eq!(of(Identity::MailFrom, "h", "c.example").domain.as_ref(), b"c.example");
    }

    #[test]
    fn a_mapped_address_is_an_ipv4_address() {
        assert!(of(Identity::Helo, "mail.example", "").client.is_ipv4());
    }

    #[test]
    fn domains_that_can_have_no_record_say_why() {
        let why = |domain: &[u8]| usable_domain(domain).unwrap_err().0.id;
        assert_eq!(why(b""), "spf.domain-empty");
        assert_eq!(why(b"[192.0.2.1]"), "spf.domain-literal");
        assert_eq!(why(b"localhost"), "spf.domain-single-label");
        assert_eq!(why(b"a..example"), "spf.domain-malformed");
        assert_eq!(why(b"\xff.example"), "spf.domain-malformed");
        assert_eq!(in_a_labels("日本語.example".as_bytes()).as_ref(), b"xn--wgv71a119e.example");
    }
}
