//! Who sent a report, by what its mail proves: our own judges say so, and nobody's word counts

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sekisho_ask::{Errand, Source};
use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_ledger::ProvenBy;
use sekisho_mail::body::BodyHasher;
use sekisho_mail::envelope::Envelope;
use sekisho_mail::hearing::Hearing;
use sekisho_mail::message::Message;
use sekisho_mail::policy::{Policy, Service};
use sekisho_mail::verdict::{DkimResult, DkimVerdict, DmarcResult, Mechanism, SpfResult, Verdict};

/// How reporters are judged.
#[derive(Clone)]
pub(crate) struct Examiner {
    /// Where answers come from.
    pub(crate) source: Source,
    /// What decides verdicts.
    pub(crate) policy: Arc<Policy>,
    /// How long answers are waited for.
    pub(crate) timeout: Duration,
}

/// What a mail proves of its sender.
pub(super) enum Proof {
    /// This domain sent it, and so we know.
    Domain(String, ProvenBy),
    /// Nothing.
    Nothing,
    /// The DNS did not answer: asking again later may tell.
    NotNow,
}

impl Examiner {
    /// Returns one who waits for the DNS for so long.
    pub(super) fn within(&self, timeout: Duration) -> Examiner {
        Examiner { source: self.source.clone(), policy: Arc::clone(&self.policy), timeout }
    }

    /// Examines a mail as it was received: for what a DMARC report has to prove, or a TLS report.
    pub(super) async fn examine(
        &self,
        mail: &[u8],
        envelope: Heard,
        received_at: Timestamp,
        service: Service,
    ) -> Proof {
        let spf = if envelope.told_spf.is_some() { ProvenBy::AuthenticationResults } else { ProvenBy::Spf };
        let verdict = self.judge(mail, envelope, received_at, service).await;
        verdict.map_or(Proof::NotNow, |verdict| match service {
            Service::Email => proof(&verdict, spf),
            Service::TlsReport => signer(&verdict),
        })
    }

    /// Judges a mail as it was received; nothing where a judge did not come to its end.
    pub(super) async fn judge(
        &self,
        mail: &[u8],
        envelope: impl Into<Heard>,
        received_at: Timestamp,
        service: Service,
    ) -> Option<Verdict> {
        Some(self.listen(mail, envelope.into(), received_at, service).await?.0)
    }

    /// Judges a mail as it was received. Returns also what the verdict rests on.
    pub(crate) async fn hear(
        &self,
        mail: &[u8],
        envelope: Envelope,
        received_at: Timestamp,
    ) -> Option<(Verdict, Facts)> {
        self.listen(mail, envelope.into(), received_at, Service::Email).await
    }

    /// Listens to a mail until there is a verdict.
    async fn listen(
        &self,
        mail: &[u8],
        heard: Heard,
        received_at: Timestamp,
        service: Service,
    ) -> Option<(Verdict, Facts)> {
        let message = Message::parse(mail);
        let header = message.header();
        let (mut facts, mut errand) = (Facts::default(), Errand::new(self.timeout, Errand::QUESTIONS));
        let policy = match service {
            Service::Email => Arc::clone(&self.policy),
            other => Arc::new(Policy { service: other, ..Policy::clone(&self.policy) }),
        };
        let Heard { envelope, told_spf } = heard;
        let mut hearing = Hearing::open(envelope, policy);
        told_spf.iter().for_each(|domain| hearing.take_spf_pass(domain));
        let asked = self.source.satisfy(&mut facts, &mut errand, |facts| hearing.proceed(facts, &header, received_at));
        asked.await.ok()?;
        let mut hasher = BodyHasher::new(&hearing.body_plan());
        message.body().for_each(|piece| hasher.update(&piece));
        hearing.close(&hasher.finish());
        let judged = self.source.satisfy(&mut facts, &mut errand, |facts| hearing.verdict(facts, &header, received_at));
        let verdict = judged.await.ok()?;
        Some((verdict, facts))
    }
}

/// What is known of how a mail came.
pub(super) struct Heard {
    /// The envelope.
    envelope: Envelope,
    /// The domain for which the border found that SPF passes; only where the client is not known.
    told_spf: Option<DomainName>,
}

impl From<Envelope> for Heard {
    fn from(envelope: Envelope) -> Heard {
        Heard { envelope, told_spf: None }
    }
}

/// Returns what is known of how a report came, by what was noted of it.
pub(super) fn heard(noted: &sekisho_ledger::Envelope) -> Heard {
    let text = |text: &str| Some(text.as_bytes().into()).filter(|_| !text.is_empty());
    let envelope = Envelope {
        client_ip: noted.client.parse::<IpAddr>().ok(),
        helo: text(&noted.helo),
        mail_from: noted.mail_from.as_deref().map(|path| path.as_bytes().into()),
    };
    let told_spf = noted.told_spf.as_deref().filter(|_| envelope.client_ip.is_none());
    let told_spf = told_spf.and_then(|domain| DomainName::parse(domain).ok());
    Heard { envelope, told_spf }
}

/// Returns whose mail it is: the author's, where DMARC passes, or where the author's own domain, or one above it, signed the
/// mail or vouches for its host. `spf` says who judged the host.
fn proof(verdict: &Verdict, spf: ProvenBy) -> Proof {
    let Some(author) = &verdict.author.domain else { return Proof::Nothing };
    if verdict.dmarc.result == DmarcResult::Pass {
        let is_signed = verdict.dmarc.aligned.contains(&Mechanism::Dkim);
        return Proof::Domain(author.to_string(), if is_signed { ProvenBy::Dkim } else { spf });
    }
    let signers = verdict.dkim.iter().filter(|dkim| dkim.result == DkimResult::Pass && dkim.gap.is_none());
    let signers = signers.filter_map(|dkim| dkim.domain.as_ref()).map(|domain| (domain, ProvenBy::Dkim));
    let host = verdict.spf.as_ref().filter(|spf| spf.result == SpfResult::Pass).and_then(|spf| spf.name.as_ref());
    let mut vouchers = signers.chain(host.map(|domain| (domain, spf)));
    // Without a policy record nobody says how far alignment reaches: a domain speaks for itself and what is below it.
    if verdict.dmarc.result == DmarcResult::None
        && let Some((domain, by)) = vouchers.find(|(domain, _)| *domain == author || is_below(author, domain))
    {
        return Proof::Domain(domain.to_string(), by);
    }
    let is_open = verdict.dkim.iter().any(|dkim| dkim.result == DkimResult::Temperror)
        || verdict.spf.as_ref().is_some_and(|spf| spf.result == SpfResult::Temperror)
        || verdict.dmarc.result == DmarcResult::Temperror;
    if is_open { Proof::NotNow } else { Proof::Nothing }
}

/// Returns who signed a mail, all of its body, for the domain it comes from (RFC 8460 §3).
fn signer(verdict: &Verdict) -> Proof {
    let Some(author) = &verdict.author.domain else { return Proof::Nothing };
    let is_whole = |dkim: &&DkimVerdict| !dkim.has_length && dkim.gap.is_none();
    let speaks = |domain: &&DomainName| *domain == author || is_below(author, domain) || is_below(domain, author);
    let of = |result| verdict.dkim.iter().filter(is_whole).filter(move |dkim| dkim.result == result);
    match of(DkimResult::Pass).filter_map(|dkim| dkim.domain.as_ref()).find(speaks) {
        Some(domain) => Proof::Domain(domain.to_string(), ProvenBy::Dkim),
        None if of(DkimResult::Temperror).next().is_some() => Proof::NotNow,
        None => Proof::Nothing,
    }
}

/// Tells whether a name lies below another that has at least two labels.
fn is_below(name: &DomainName, above: &DomainName) -> bool {
    let (name, above) = (name.to_string(), above.to_string());
    above.contains('.') && name.strip_suffix(&above).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use sekisho_core::zone::Zone;
    use sekisho_ledger::Envelope as Noted;
    use sekisho_mail::body::BodyPlan;
    use sekisho_mail::dkim::sign::Signer;
    use sekisho_mail::dkim::signing_key::{NewKey, SigningKey};

    use super::*;

    /// Examines a mail that came from an address, and returns whose it is.
    fn whose(zone: &str, from: &str, client: &str, mail_from: &str) -> Option<String> {
        let (client, mail_from) = (client.to_owned(), Some(mail_from.to_owned()));
        let helo = "mx.example.org".to_owned();
        told(zone, from, &Noted { client, helo, mail_from, ..Noted::default() })
    }

    /// Examines a mail of which this was noted, and returns whose it is, and by what.
    fn told(zone: &str, from: &str, noted: &Noted) -> Option<String> {
        let mail = format!("From: {from}\r\nSubject: Report Domain: example.net\r\n\r\n");
        let source = Source::Zone(Zone::parse(zone).unwrap());
        let examiner = Examiner { source, policy: Arc::default(), timeout: Duration::from_secs(5) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let heard = heard(noted);
        match runtime.block_on(examiner.examine(mail.as_bytes(), heard, Timestamp::UNIX_EPOCH, Service::Email)) {
            Proof::Domain(domain, ProvenBy::Spf) => Some(domain),
            Proof::Domain(domain, by) => Some(format!("{domain} by {by}")),
            Proof::Nothing => None,
            Proof::NotNow => Some("not now".to_owned()),
        }
    }

    #[test]
    fn a_report_is_its_authors_only_where_its_mail_proves_that() {
        let spf = "example.org TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n";
        let dmarc = "_dmarc.example.org TXT \"v=DMARC1; p=none\"\n";
        let both = format!("{spf}{dmarc}");
        assert_eq!(whose(&both, "r@example.org", "192.0.2.1", "r@example.org").as_deref(), Some("example.org"));
        assert_eq!(whose(&both, "r@example.org", "192.0.2.1", "r@attack.example"), None);
        assert_eq!(whose(&both, "r@example.org", "203.0.113.1", "r@example.org"), None);
        assert_eq!(whose(spf, "r@example.org", "192.0.2.1", "r@example.org").as_deref(), Some("example.org"));
        assert_eq!(whose(spf, "r@example.com", "192.0.2.1", "r@example.org"), None);
        assert_eq!(
            whose("example.org TXT !servfail", "r@example.org", "192.0.2.1", "r@example.org").as_deref(),
            Some("not now")
        );
        // Below a domain that passes: it speaks for what is below it, and not for its neighbours.
        assert_eq!(whose(spf, "r@dmarc.example.org", "192.0.2.1", "r@example.org").as_deref(), Some("example.org"));
        assert_eq!(whose(spf, "r@badexample.org", "192.0.2.1", "r@example.org"), None);
    }

    #[test]
    fn what_the_border_found_proves_what_spf_proves_and_no_more() {
        let zone = "example.org TXT \"v=spf1 -all\"\n_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n";
        let noted = |told: &str| Noted { told_spf: Some(told.to_owned()), ..Noted::default() };
        let by = |domain: &str| Some(format!("{domain} by authentication-results"));
        assert_eq!(told(zone, "r@example.org", &noted("example.org")), by("example.org"));
        assert_eq!(told(zone, "r@example.org", &noted("bounce.example.org")), by("example.org"));
        assert_eq!(told("", "r@dmarc.example.org", &noted("example.org")), by("example.org"));
        for other in ["example.com", "badexample.org", "org", "", "..", "\0"] {
            assert_eq!(told(zone, "r@example.org", &noted(other)), None, "{other:?}");
        }
        // Where the client is known its word is not needed, and does not count.
        let known = Noted {
            client: "192.0.2.1".to_owned(),
            mail_from: Some("r@example.org".to_owned()),
            ..noted("example.org")
        };
        assert_eq!(told(zone, "r@example.org", &known), None);
    }

    #[test]
    fn a_tls_report_is_its_signers_and_its_key_may_be_for_that_alone() {
        let name = |text: &str| DomainName::parse(text).unwrap();
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let raw = b"From: r@reports.example.org\r\nTo: t@example.net\r\nSubject: Report Domain: example.net\r\n\r\n";
        for (services, signs_for, found) in [
            ("s=tlsrpt; ", "example.org", Some("example.org")),
            ("s=email; ", "reports.example.org", Some("reports.example.org")),
            ("s=other; ", "example.org", None),
            ("s=tlsrpt; ", "attack.example", None),
        ] {
            let key = SigningKey::generate(NewKey::Ed25519, &SystemRandom::new()).unwrap();
            let record = key.record().replacen("v=DKIM1; ", &format!("v=DKIM1; {services}"), 1);
            let zone = Zone::parse(&format!("s._domainkey.{signs_for} TXT {record}")).unwrap();
            let signer_of = Signer::new(name(signs_for), name("s"), key);
            let mut plan = BodyPlan::new();
            signer_of.plan(&mut plan);
            let field = signer_of.sign(&Message::parse(raw).header(), &BodyHasher::new(&plan).finish(), now).unwrap();
            let mail = [&field[..], raw].concat();
            let source = Source::Zone(zone);
            let examiner = Examiner { source, policy: Arc::default(), timeout: Duration::from_secs(5) };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let judged = |service| runtime.block_on(examiner.judge(&mail, Envelope::default(), now, service)).unwrap();
            let whose = |verdict: &Verdict| match signer(verdict) {
                Proof::Domain(domain, by) => Some(domain).filter(|_| by == ProvenBy::Dkim),
                Proof::Nothing | Proof::NotNow => None,
            };
            let mut verdict = judged(Service::TlsReport);
            assert_eq!(whose(&verdict).as_deref(), found, "{services}{signs_for}");
            if services == "s=tlsrpt; " {
                assert_eq!(whose(&judged(Service::Email)), None, "mail verification refuses such a key");
            }
            // RFC 8460 §3: no `l=`, whatever it covers.
            verdict.dkim[0].has_length = true;
            assert_eq!(whose(&verdict), None);
        }
    }
}
