//! What `mail-auth` 0.13.3 says of a case of the SPF suites
//!
//! It is given the zone through its caches. What a cache cannot hold, a failure of an address lookup, is a miss, and
//! behind the caches stands a resolver without servers, which fails.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use mail_auth::common::parse::TxtRecordParser;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::spf::{Macro, Spf};
use mail_auth::{DnsError, DnssecStatus, Error, MX, MessageAuthenticator, Parameters, RecordSet, SpfResult, Txt};
use sekisho_core::facts::{Kind, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;

use super::cache::{Answering, Overheard, no_such_name};
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
    let txt = Answering(|asked: &Overheard| texts(zone, asked));
    let mx = Answering(|asked: &Overheard| exchangers(zone, asked));
    let v4 = Answering(|asked: &Overheard| v4(zone, asked));
    let v6 = Answering(|asked: &Overheard| v6(zone, asked));
    let ptr = Answering(|asked: &Overheard| names(zone, asked));
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

/// Reads the records as `mail-auth`'s own resolver does: the first that can be read counts.
fn texts(zone: &Zone, asked: &Overheard) -> Option<Txt> {
    let outcome = outcome(zone, Kind::Txt, asked)?;
    let texts: Vec<Vec<u8>> = outcome.records().iter().filter_map(|record| Some(record.text()?.into_owned())).collect();
    if outcome.is_transient() {
        return Some(Txt::Error(Error::Dns(DnsError::Resolver(outcome.word().to_owned()))));
    }
    if texts.is_empty() {
        return Some(no_such_name());
    }
    // The cache is not told which kind is wanted. Policies name their version; explanations do not.
    if texts.iter().any(|text| text.to_ascii_lowercase().starts_with(b"v=spf")) {
        return Some(first(&texts, |text| Spf::parse(text).map(|spf| Txt::Spf(Arc::new(spf)))));
    }
    Some(first(&texts, |text| Macro::parse(text).map(|words| Txt::SpfMacro(Arc::new(words)))))
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

/// Returns the exchangers by preference.
fn exchangers(zone: &Zone, asked: &Overheard) -> Option<RecordSet<MX>> {
    let mut exchangers: Vec<MX> = records(zone, Kind::Mx, asked, |record| match record {
        Record::Mx { preference, exchange } => {
            Some(MX { preference: *preference, exchanges: Box::new([fqdn(exchange)]) })
        }
        _ => None,
    })?;
    exchangers.sort_by_key(|one| one.preference);
    Some(set(exchangers))
}

/// Returns the IPv4 addresses.
fn v4(zone: &Zone, asked: &Overheard) -> Option<RecordSet<Ipv4Addr>> {
    let address = |record: &Record| if let Record::A(address) = record { Some(*address) } else { None };
    records(zone, Kind::A, asked, address).map(set)
}

/// Returns the IPv6 addresses.
fn v6(zone: &Zone, asked: &Overheard) -> Option<RecordSet<Ipv6Addr>> {
    let address = |record: &Record| if let Record::Aaaa(address) = record { Some(*address) } else { None };
    records(zone, Kind::Aaaa, asked, address).map(set)
}

/// Returns the names of an address.
fn names(zone: &Zone, asked: &Overheard) -> Option<RecordSet<Box<str>>> {
    let host = |record: &Record| if let Record::Ptr(host) = record { Some(fqdn(host)) } else { None };
    records(zone, Kind::Ptr, asked, host).map(set)
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
