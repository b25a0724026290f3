//! What a source is called: a person reads "Google Workspace", and not 209.85.220.41
//!
//! Three things tell, and the first that does counts: the host's name, where it leads back to the address; the envelope that
//! SPF lets it use, and the include by which; its signatures. What stands in a mail but nobody proved names nothing.
//! AS and country come out of files. What nothing is known of stays its address.

mod hosts;
pub(crate) mod places;
pub(crate) mod senders;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use sekisho_ask::{Errand, Source, Stuck};
use sekisho_core::facts::{Facts, Missing};
use sekisho_core::name::DomainName;
use sekisho_core::speech::Lang;
use sekisho_mail::policy::Policy;

use self::places::{Places, System};
use self::senders::Sender;

/// The most sources whose names are asked for: those that come first.
const ASKED: usize = 200;
/// The most questions.
const QUESTIONS: usize = 2_000;
/// The longest time that all names together are waited for.
const DEADLINE: Duration = Duration::from_secs(5);

/// Who finds names.
pub(crate) struct Namer {
    /// Who is asked; nothing where nobody is.
    pub(crate) source: Option<Source>,
    /// How long.
    pub(crate) timeout: Duration,
    /// The limits of SPF.
    pub(crate) policy: Policy,
    /// Where addresses are.
    pub(crate) places: Places,
}

/// What reports tell of a source that may name it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clue<'a> {
    /// Its address.
    pub(crate) address: Option<IpAddr>,
    /// The MAIL FROM domains that SPF lets it use.
    pub(crate) envelopes: Vec<&'a str>,
    /// The domains whose signatures on its mails are valid.
    pub(crate) signers: Vec<&'a str>,
    /// Whether SPF is aligned in some of its mails: it sends by itself, and does not hand on what others signed.
    pub(crate) is_direct: bool,
}

/// What a source was found to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Named {
    /// The well-known sender whose host it is, and what tells so.
    pub(crate) sender: Option<(&'static Sender, By)>,
    /// Its name, which leads back to the address.
    pub(crate) host: Option<DomainName>,
    /// The AS that announces it.
    pub(crate) system: Option<System>,
    /// Its country.
    pub(crate) country: Option<String>,
}

/// What tells who a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The name of the host, which leads back to the address.
    Host,
    /// The MAIL FROM domain, which SPF lets it use.
    Envelope,
    /// An include of the MAIL FROM domain's SPF record.
    Include,
    /// A valid signature. Whoever hands a mail on hands on its signatures, too.
    Signature,
}

impl By {
    /// Returns the stable word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            By::Host => "host",
            By::Envelope => "envelope",
            By::Include => "include",
            By::Signature => "signature",
        }
    }
}

impl Named {
    /// Returns what people call it; nothing where nothing is known.
    pub(crate) fn label(&self, lang: Lang) -> Option<String> {
        let sender = self.sender.map(|(sender, _)| sender.name_in(lang).to_owned());
        let host = || self.host.as_ref().map(ToString::to_string);
        let system = || self.system.as_ref().map(|system| format!("AS{} {}", system.number, system.organization));
        sender.or_else(host).or_else(system)
    }
}

impl Namer {
    /// Names sources, in their order. Within its deadline every one is named as far as can be.
    pub(crate) async fn name(&self, clues: &[Clue<'_>]) -> anyhow::Result<Vec<Named>> {
        let mut told = match &self.source {
            Some(source) => self.ask(source, clues.get(..ASKED).unwrap_or(clues)).await?,
            None => Vec::new(),
        };
        told.resize(clues.len(), Told::default());
        clues.iter().zip(told).map(|(clue, told)| self.conclude(clue, told)).collect()
    }

    /// Asks the DNS about sources, all at once.
    async fn ask(&self, source: &Source, clues: &[Clue<'_>]) -> Result<Vec<Told>, Stuck> {
        let (mut facts, mut errand) = (Facts::default(), Errand::new(self.timeout.min(DEADLINE), QUESTIONS));
        let now = Timestamp::now();
        let each = |facts: &Facts| {
            let mut all = Vec::with_capacity(clues.len());
            let mut missing = None;
            for clue in clues {
                match Told::of(facts, clue, &self.policy, now) {
                    Ok(told) => all.push(told),
                    Err(more) => missing = Missing::join(missing, Some(more)),
                }
            }
            missing.map_or(Ok(all), Err)
        };
        source.satisfy(&mut facts, &mut errand, each).await
    }

    /// Puts together what is known of a source.
    fn conclude(&self, clue: &Clue<'_>, told: Told) -> anyhow::Result<Named> {
        let of_host = told.host.as_ref().and_then(|host| senders::by_domain(&host.to_string()));
        let of_envelope = || clue.envelopes.iter().find_map(|domain| senders::by_domain(domain));
        let of_signature = || clue.signers.iter().find_map(|domain| senders::by_domain(domain));
        let found = of_host.map(|sender| (sender, By::Host));
        let found = found.or_else(|| Some((of_envelope()?, By::Envelope)));
        let found = found.or_else(|| Some((told.include?, By::Include)));
        // Under a name of its own a source that hands on what others signed is called by that name.
        let may_sign = clue.is_direct || told.host.is_none();
        let sender = found.or_else(|| Some((of_signature().filter(|_| may_sign)?, By::Signature)));
        let system = clue.address.map(|address| self.places.system(address)).transpose()?.flatten();
        let country = clue.address.map(|address| self.places.country(address)).transpose()?.flatten();
        Ok(Named { sender, host: told.host, system, country })
    }
}

/// What the DNS told of a source.
#[derive(Clone, Debug, Default)]
struct Told {
    /// Its name.
    host: Option<DomainName>,
    /// Whose include lets it use an envelope.
    include: Option<&'static Sender>,
}

impl Told {
    /// Reads what is known of a source, or names all that is missing.
    fn of(facts: &Facts, clue: &Clue<'_>, policy: &Policy, now: Timestamp) -> Result<Told, Missing> {
        let Some(address) = clue.address else { return Ok(Told::default()) };
        let host = hosts::confirmed(facts, address);
        let include = hosts::included(facts, address, &clue.envelopes, policy, now);
        match (host, include) {
            (Ok(host), Ok(include)) => Ok(Told { host, include }),
            (host, include) => Err(Missing::join(host.err(), include.err()).unwrap_or(Missing(Vec::new()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use sekisho_core::zone::Zone;

    use super::*;

    /// Names a source in a small DNS; returns what it is called, and what tells so.
    fn called(zone: &str, clue: Clue<'_>) -> (Option<String>, Option<&'static str>) {
        let source = Source::Zone(Zone::parse(zone).unwrap());
        let namer = Namer {
            source: Some(source),
            timeout: Duration::from_secs(1),
            policy: Policy::default(),
            places: Places::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let named = runtime.block_on(namer.name(&[clue])).unwrap().remove(0);
        (named.label(Lang::En), named.sender.map(|(_, by)| by.as_str()))
    }

    /// A source at 192.0.2.41 with nothing else to it.
    fn clue<'a>() -> Clue<'a> {
        Clue { address: "192.0.2.41".parse().ok(), ..Clue::default() }
    }

    #[test]
    fn a_host_is_named_only_where_its_name_leads_back() {
        let back = "41.2.0.192.in-addr.arpa PTR mail-sor-f41.google.com\n";
        let there = format!("{back}mail-sor-f41.google.com A 192.0.2.41\n");
        assert_eq!(called(&there, clue()), (Some("Google Workspace".to_owned()), Some("host")));
        // Whoever has an address may write any name behind it.
        assert_eq!(called(back, clue()), (None, None));
        assert_eq!(called(&format!("{back}mail-sor-f41.google.com A 192.0.2.42\n"), clue()), (None, None));
        let own = "41.2.0.192.in-addr.arpa PTR mx.example.org\nmx.example.org A 192.0.2.41\n";
        assert_eq!(called(own, clue()), (Some("mx.example.org".to_owned()), None));
    }

    #[test]
    fn an_envelope_names_a_source_by_its_domain_or_by_the_include_that_lets_it() {
        let spf = "example.org TXT \"v=spf1 include:_spf.google.com include:spf.mtasv.net -all\"\n\
                   _spf.google.com TXT \"v=spf1 ip4:203.0.113.0/24 -all\"\n\
                   spf.mtasv.net TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n";
        let of = |domain| Clue { envelopes: vec![domain], ..clue() };
        assert_eq!(called(spf, of("example.org")), (Some("Postmark".to_owned()), Some("include")));
        assert_eq!(called(spf, of("eu-west-1.amazonses.com")), (Some("Amazon SES".to_owned()), Some("envelope")));
        // The DNS no longer lets it: the report's word alone names no include.
        assert_eq!(called("", of("example.org")), (None, None));
    }

    #[test]
    fn who_hands_on_a_signed_mail_is_not_the_signer() {
        let forwarder = "41.2.0.192.in-addr.arpa PTR mx.university.example\nmx.university.example A 192.0.2.41\n";
        let signed = |is_direct| Clue { signers: vec!["example.org", "sendgrid.net"], is_direct, ..clue() };
        assert_eq!(called(forwarder, signed(false)), (Some("mx.university.example".to_owned()), None));
        assert_eq!(called(forwarder, signed(true)), (Some("SendGrid".to_owned()), Some("signature")));
        assert_eq!(called("", signed(false)), (Some("SendGrid".to_owned()), Some("signature")));
    }

    #[test]
    fn what_is_no_address_keeps_its_text() {
        assert_eq!(called("", Clue { address: None, ..Clue::default() }), (None, None));
    }
}
