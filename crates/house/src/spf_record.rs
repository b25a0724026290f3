//! Mending an SPF record: the fewest terms that let some hosts pass, tried by the judge itself before anybody reads of them

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use sekisho_core::facts::{Missing, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::presentation::split_string;
use sekisho_mail::verdict::SpfResult;

use crate::names::senders::Sender;
use crate::world::{self, World};

/// A host that shall pass.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Its address.
    pub(crate) address: IpAddr,
    /// The network that somebody named for it.
    pub(crate) network: Option<IpNet>,
    /// The well-known sender that it belongs to.
    pub(crate) sender: Option<&'static Sender>,
}

/// A record that lets hosts pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mended {
    /// Where it is published.
    pub(crate) name: DomainName,
    /// Its text.
    pub(crate) text: String,
    /// How many of the ten lookups of RFC 7208 §4.6.4 it needs at most.
    pub(crate) lookups: u32,
}

/// Why no record can be proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hopeless {
    /// The DNS does not answer.
    Dns,
    /// There are several records.
    Several,
    /// It would need more lookups than the ten of RFC 7208 §4.6.4, or too many that find nothing, or it has an error.
    Unusable,
}

impl Hopeless {
    /// Returns the stable word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Hopeless::Dns => "dns",
            Hopeless::Several => "several-records",
            Hopeless::Unusable => "unusable",
        }
    }
}

/// Proposes a record for a domain under which all of some hosts pass.
pub(crate) fn mend(
    world: World<'_>,
    domain: &DomainName,
    wanted: &[Wanted],
) -> Result<Result<Mended, Hopeless>, Missing> {
    let question = Question::txt(domain.clone());
    let outcome = world.outcome(&question)?;
    if outcome.is_transient() {
        return Ok(Err(Hopeless::Dns));
    }
    let texts: Vec<Vec<u8>> = outcome.records().iter().filter_map(|record| Some(record.text()?.into_owned())).collect();
    let (published, others): (Vec<_>, Vec<_>) = texts.into_iter().partition(|text| is_spf(text));
    let text = match published.as_slice() {
        [] => "v=spf1 ~all".to_owned(),
        [one] => String::from_utf8_lossy(one).into_owned(),
        _ => return Ok(Err(Hopeless::Several)),
    };
    let mut ended = Hopeless::Unusable;
    for terms in [terms(world, wanted)?, wanted.iter().map(term).collect()] {
        let text = insert(&text, &terms);
        let all = others.iter().cloned().chain([text.clone().into_bytes()]);
        let records = all.map(|text| Record::Txt(split_string(&text))).collect();
        let replaced = world::with(world.replaced, question.clone(), Outcome::Records(records));
        match judge(World { replaced: &replaced, ..world }, domain, wanted)? {
            Ok(lookups) => return Ok(Ok(Mended { name: domain.clone(), text, lookups })),
            Err(why) => ended = why,
        }
    }
    Ok(Err(ended))
}

/// Writes the text of a TXT record as a zone file has it: strings of at most 255 octets, in quotes.
pub(crate) fn quoted(text: &str) -> String {
    Record::Txt(split_string(text.as_bytes())).to_string()
}

/// Tells whether a TXT record is one of SPF (RFC 7208 §4.5).
pub(crate) fn is_spf(text: &[u8]) -> bool {
    let version = text.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"v=spf1"));
    version && text.get(6).is_none_or(|octet| *octet == b' ')
}

/// Judges whether all hosts pass, and returns how many lookups the record needs at most.
fn judge(world: World<'_>, domain: &DomainName, wanted: &[Wanted]) -> Result<Result<u32, Hopeless>, Missing> {
    // Nobody sends from here, so that it is followed to its end.
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let (mut most, mut missing) = (0, None);
    for (address, has_to_pass) in wanted.iter().map(|one| (one.address, true)).chain([(nobody, false)]) {
        match world.spf(address, &domain.to_string()) {
            Ok((verdict, _)) => {
                let is_error = matches!(verdict.result, SpfResult::Permerror | SpfResult::Temperror);
                if is_error || has_to_pass && verdict.result != SpfResult::Pass {
                    let is_dns = verdict.result == SpfResult::Temperror;
                    return Ok(Err(if is_dns { Hopeless::Dns } else { Hopeless::Unusable }));
                }
                most = most.max(verdict.lookups);
            }
            Err(more) => missing = Missing::join(missing, Some(more)),
        }
    }
    missing.map_or(Ok(Ok(most)), Err)
}

/// Returns the terms that people would write: the include of a well-known sender where that lets the host pass, else the
/// address or its network.
fn terms(world: World<'_>, wanted: &[Wanted]) -> Result<Vec<String>, Missing> {
    let mut terms = Vec::new();
    for one in wanted {
        let include = match one.sender {
            Some(sender) => include(world, one.address, sender)?,
            None => None,
        };
        terms.push(include.unwrap_or_else(|| term(one)));
    }
    Ok(terms)
}

/// Returns the include of a sender that lets a host pass.
fn include(world: World<'_>, address: IpAddr, sender: &Sender) -> Result<Option<String>, Missing> {
    for name in &sender.spf {
        if world.spf(address, name)?.0.result == SpfResult::Pass {
            return Ok(Some(format!("include:{name}")));
        }
    }
    Ok(None)
}

/// Returns the term of a host or its network.
fn term(wanted: &Wanted) -> String {
    let network = wanted.network.filter(|network| network.prefix_len() < network.max_prefix_len());
    let text = network.map_or_else(|| wanted.address.to_canonical().to_string(), |network| network.to_string());
    if wanted.address.to_canonical().is_ipv4() { format!("ip4:{text}") } else { format!("ip6:{text}") }
}

/// Puts terms into a record, each once, before what is for everybody else.
fn insert(text: &str, terms: &[String]) -> String {
    let mut words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let is_last = |word: &&str| {
        let bare = word.trim_start_matches(['+', '-', '~', '?']);
        bare.eq_ignore_ascii_case("all") || bare.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("redirect="))
    };
    let at = words.iter().position(is_last).unwrap_or(words.len());
    let mut new: Vec<&str> = Vec::new();
    for term in terms {
        if !new.contains(&term.as_str()) && !words.contains(&term.as_str()) {
            new.push(term);
        }
    }
    words.splice(at..at, new);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sekisho_core::facts::Facts;
    use sekisho_core::zone::Zone;
    use sekisho_mail::policy::Policy;

    use super::*;
    use crate::names::senders;

    /// Mends the record of example.org in a small DNS.
    fn mended(zone: &str, hosts: &[(&str, Option<&str>)]) -> Result<(String, u32), Hopeless> {
        let zone = Zone::parse(zone).unwrap();
        let wanted: Vec<_> = hosts
            .iter()
            .map(|(address, sender)| Wanted {
                address: address.parse().unwrap(),
                network: None,
                sender: sender.and_then(senders::by_domain),
            })
            .collect();
        let (mut known, replaced, policy) = (Facts::default(), Facts::default(), Policy::default());
        let domain = DomainName::parse("example.org").unwrap();
        let mended = zone.satisfy(&mut known, |known| {
            mend(World { replaced: &replaced, known, policy: &policy, now: Timestamp::UNIX_EPOCH }, &domain, &wanted)
        });
        mended.map(|mended| (mended.text, mended.lookups))
    }

    #[test]
    fn terms_stand_before_what_is_for_everybody_else() {
        let terms = ["ip4:192.0.2.1".to_owned(), "mx".to_owned(), "ip4:192.0.2.1".to_owned()];
        for (record, mended) in [
            ("v=spf1 mx -all", "v=spf1 mx ip4:192.0.2.1 -all"),
            ("v=spf1  a ~ALL", "v=spf1 a ip4:192.0.2.1 mx ~ALL"),
            ("v=spf1 redirect=_spf.example", "v=spf1 ip4:192.0.2.1 mx redirect=_spf.example"),
            ("v=spf1", "v=spf1 ip4:192.0.2.1 mx"),
        ] {
            assert_eq!(insert(record, &terms), mended);
        }
    }

    #[test]
    fn an_include_is_proposed_only_where_it_lets_the_host_pass_and_the_lookups_suffice() {
        let google = "_spf.google.com TXT \"v=spf1 ip4:192.0.2.0/24 ~all\"\n";
        let few = format!("{google}example.org TXT \"v=spf1 a -all\"\nexample.org A 198.51.100.1\n");
        let (one, other) = (("192.0.2.7", Some("google.com")), ("203.0.113.7", Some("google.com")));
        assert_eq!(mended(&few, &[one]), Ok(("v=spf1 a include:_spf.google.com -all".to_owned(), 2)));
        // Its name says Google, and Google's record does not: the address alone.
        let both = "v=spf1 a include:_spf.google.com ip4:203.0.113.7 -all";
        assert_eq!(mended(&few, &[one, other]), Ok((both.to_owned(), 2)));
        let many: String = (0..10).map(|at| format!("h{at}.example.org A 198.51.100.{at}\n")).collect();
        let terms: String = (0..10).map(|at| format!("a:h{at}.example.org ")).collect();
        let many = format!("{google}{many}example.org TXT \"v=spf1 {terms}-all\"\n");
        assert_eq!(mended(&many, &[one]), Ok((format!("v=spf1 {terms}ip4:192.0.2.7 -all"), 10)));
        let more = many.replace("a:h0", "a:h9.example.org a:h0");
        assert_eq!(mended(&more, &[one]), Err(Hopeless::Unusable));
    }

    #[test]
    fn without_a_record_one_is_made_and_of_several_none_is_chosen() {
        let host = [("2001:db8::7", None)];
        assert_eq!(mended("", &host), Ok(("v=spf1 ip6:2001:db8::7 ~all".to_owned(), 0)));
        let several = "example.org TXT \"v=spf1 -all\"\nexample.org TXT \"v=spf1 mx -all\"\n";
        assert_eq!(mended(several, &host), Err(Hopeless::Several));
        assert_eq!(mended("example.org TXT !servfail\n", &host), Err(Hopeless::Dns));
    }
}
