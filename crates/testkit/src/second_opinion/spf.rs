//! What `mail-auth` 0.13.3 says of a case of the SPF suites
//!
//! It is given the zone through its caches. They are asked with a key of any type that hashes like a name, so the name
//! is read off the hashing. What a cache cannot hold, a failure of an address lookup, is a miss, and behind the caches
//! stands a resolver without servers, which fails.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::spf::{Macro, Spf};
use mail_auth::{
    DnsError, DnssecStatus, Error, MX, MessageAuthenticator, Parameters, RecordSet, ResolverCache, SpfResult, Txt,
};
use sekisho_core::facts::{Kind, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;

use crate::suites::spf::Test;

/// What was concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// The result, in RFC 7208's words.
    pub result: &'static str,
    /// The domain's explanation of a fail.
    pub explanation: Option<String>,
}

/// Asks for an opinion on one test.
///
/// # Panics
///
/// Panics where the test's names are no UTF-8, since `mail-auth` takes nothing else.
pub fn ask(zone: &Zone, test: &Test) -> Opinion {
    let helo = std::str::from_utf8(&test.helo).expect("a HELO name in UTF-8");
    let mail_from = std::str::from_utf8(&test.mail_from).expect("an address in UTF-8");
    let identity = if mail_from.is_empty() {
        SpfParameters::verify_ehlo(test.host, helo, "unknown")
    } else {
        SpfParameters::verify_mail_from(test.host, helo, "unknown", mail_from)
    };
    let (txt, mx, v4, v6, ptr) = (Texts(zone), Exchangers(zone), V4(zone), V6(zone), Names(zone));
    let parameters = Parameters {
        params: identity,
        cache_txt: Some(&txt),
        cache_mx: Some(&mx),
        cache_ptr: Some(&ptr),
        cache_ipv4: Some(&v4),
        cache_ipv6: Some(&v6),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let output = runtime.block_on(async {
        let resolver = MessageAuthenticator::new(Default::default(), Default::default()).expect("a resolver");
        resolver.verify_spf(parameters).await
    });
    Opinion { result: word(output.result()), explanation: output.explanation().map(str::to_owned) }
}

/// Returns the RFC's word for a result.
fn word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    }
}

/// The zone as a cache of TXT records.
struct Texts<'z>(&'z Zone);
/// The zone as a cache of mail exchangers.
struct Exchangers<'z>(&'z Zone);
/// The zone as a cache of IPv4 addresses.
struct V4<'z>(&'z Zone);
/// The zone as a cache of IPv6 addresses.
struct V6<'z>(&'z Zone);
/// The zone as a cache of the names of addresses.
struct Names<'z>(&'z Zone);

/// Lets a cache answer from the zone.
macro_rules! answers_from_zone {
    ($cache:ident, $key:ty, $value:ty) => {
        impl ResolverCache<$key, $value> for $cache<'_> {
            fn get<Q>(&self, name: &Q) -> Option<$value>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                self.answer(&Overheard::of(name))
            }

            fn remove<Q>(&self, _: &Q) -> Option<$value>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                None
            }

            fn insert(&self, _: $key, _: $value, _: std::time::Instant) {}
        }
    };
}

answers_from_zone!(Texts, Box<str>, Txt);
answers_from_zone!(Exchangers, Box<str>, RecordSet<MX>);
answers_from_zone!(V4, Box<str>, RecordSet<Ipv4Addr>);
answers_from_zone!(V6, Box<str>, RecordSet<Ipv6Addr>);
answers_from_zone!(Names, IpAddr, RecordSet<Box<str>>);

impl Texts<'_> {
    /// Reads the records as `mail-auth`'s own resolver does: the first that can be read counts.
    fn answer(&self, key: &Overheard) -> Option<Txt> {
        let outcome = outcome(self.0, Kind::Txt, key)?;
        let texts: Vec<Vec<u8>> =
            outcome.records().iter().filter_map(|record| Some(record.text()?.into_owned())).collect();
        if outcome.is_transient() {
            return Some(Txt::Error(Error::Dns(DnsError::Resolver(outcome.word().to_owned()))));
        }
        if texts.is_empty() {
            return Some(Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain))));
        }
        // The cache is not told which kind is wanted. Policies name their version; explanations do not.
        if texts.iter().any(|text| text.to_ascii_lowercase().starts_with(b"v=spf")) {
            return Some(first(&texts, |text| Spf::parse(text).map(|spf| Txt::Spf(Arc::new(spf)))));
        }
        Some(first(&texts, |text| Macro::parse(text).map(|words| Txt::SpfMacro(Arc::new(words)))))
    }
}

/// Returns the first text that can be read, or the error of the last.
fn first(texts: &[Vec<u8>], read: impl Fn(&[u8]) -> Result<Txt, Error>) -> Txt {
    let mut last = Err(Error::Dns(DnsError::InvalidRecordType));
    for text in texts {
        last = read(text);
        if last.is_ok() {
            break;
        }
    }
    last.unwrap_or_else(Txt::Error)
}

impl Exchangers<'_> {
    /// Returns the exchangers by preference.
    fn answer(&self, key: &Overheard) -> Option<RecordSet<MX>> {
        let mut exchangers: Vec<MX> = records(self.0, Kind::Mx, key, |record| match record {
            Record::Mx { preference, exchange } => {
                Some(MX { preference: *preference, exchanges: Box::new([fqdn(exchange)]) })
            }
            _ => None,
        })?;
        exchangers.sort_by_key(|one| one.preference);
        Some(set(exchangers))
    }
}

impl V4<'_> {
    /// Returns the IPv4 addresses.
    fn answer(&self, key: &Overheard) -> Option<RecordSet<Ipv4Addr>> {
        let address = |record: &Record| if let Record::A(address) = record { Some(*address) } else { None };
        records(self.0, Kind::A, key, address).map(set)
    }
}

impl V6<'_> {
    /// Returns the IPv6 addresses.
    fn answer(&self, key: &Overheard) -> Option<RecordSet<Ipv6Addr>> {
        let address = |record: &Record| if let Record::Aaaa(address) = record { Some(*address) } else { None };
        records(self.0, Kind::Aaaa, key, address).map(set)
    }
}

impl Names<'_> {
    /// Returns the names of an address.
    fn answer(&self, key: &Overheard) -> Option<RecordSet<Box<str>>> {
        let host = |record: &Record| if let Record::Ptr(host) = record { Some(fqdn(host)) } else { None };
        records(self.0, Kind::Ptr, key, host).map(set)
    }
}

/// Returns what the zone says; nothing where the key is no name.
fn outcome(zone: &Zone, kind: Kind, key: &Overheard) -> Option<Outcome> {
    Some(zone.answer(&Question::new(kind, key.name()?)).outcome)
}

/// Returns the records of an answer, none where there are none, and nothing where the servers fail.
fn records<T>(zone: &Zone, kind: Kind, key: &Overheard, of: impl Fn(&Record) -> Option<T>) -> Option<Vec<T>> {
    let outcome = outcome(zone, kind, key).filter(|outcome| !outcome.is_transient())?;
    Some(outcome.records().iter().filter_map(of).collect())
}

/// Wraps records as `mail-auth` has them.
fn set<T>(records: Vec<T>) -> RecordSet<T> {
    RecordSet { rrset: records.into(), dnssec_status: DnssecStatus::Indeterminate }
}

/// Writes a name with its last dot.
fn fqdn(name: &DomainName) -> Box<str> {
    let mut text = name.to_dotted();
    text.push(b'.');
    String::from_utf8_lossy(&text).into()
}

/// What a key tells a hasher: its octets.
#[derive(Default)]
pub(super) struct Overheard(Vec<u8>);

impl Overheard {
    /// Listens to a key.
    pub(super) fn of<Q: Hash + ?Sized>(key: &Q) -> Overheard {
        let mut overheard = Overheard::default();
        key.hash(&mut overheard);
        overheard
    }

    /// Returns the name that was hashed, or the reverse name of the address.
    pub(super) fn name(&self) -> Option<DomainName> {
        // Text ends in an octet that no UTF-8 text has; an address begins with its variant and its length.
        match self.0.strip_suffix(&[0xff]) {
            Some(b".") => return Some(DomainName::root()),
            Some(text) => return DomainName::parse(text).ok(),
            None => {}
        }
        let reversed = |octets: &[u8]| octets.iter().rev().map(u8::to_string).collect::<Vec<_>>().join(".");
        if let Some(octets) = self.0.last_chunk::<16>().filter(|_| self.0.len() > 20) {
            let nibbles = octets.iter().rev().map(|octet| format!("{:x}.{:x}.", octet & 15, octet >> 4));
            return DomainName::parse(format!("{}ip6.arpa", nibbles.collect::<String>())).ok();
        }
        let octets = self.0.last_chunk::<4>()?;
        DomainName::parse(format!("{}.in-addr.arpa", reversed(octets))).ok()
    }
}

impl Hasher for Overheard {
    fn write(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_overheard() {
        let name = |overheard: &Overheard| overheard.name().unwrap().to_string();
        assert_eq!(name(&Overheard::of("a.example.")), "a.example");
        assert_eq!(name(&Overheard::of(&IpAddr::from([192, 0, 2, 1]))), "1.2.0.192.in-addr.arpa");
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        assert!(name(&Overheard::of(&v6)).starts_with("1.0.0.0."));
        assert!(name(&Overheard::of(&v6)).ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"));
    }
}
