//! `[names]`: what sources are called, and which of them are a domain's own

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;

use ipnet::IpNet;
use sekisho_core::name::DomainName;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::network::{contain, read_network};
use super::raw::required;
use super::sign::{all, read};
use crate::fault::Fault;
use crate::names::{Named, senders};
use crate::sign::read_name;

/// The options.
pub(super) const OPTIONS: &[&str] = &["as_database", "country_database"];
/// The options of `[[names.own]]`.
pub(super) const OWN_OPTIONS: &[&str] = &["domain", "sources"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawNames {
    /// A path.
    as_database: Option<String>,
    /// A path.
    country_database: Option<String>,
    /// `[[names.own]]`
    own: Vec<Spanned<RawOwn>>,
}

/// What was written of one `[[names.own]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawOwn {
    /// A domain.
    domain: Option<Spanned<String>>,
    /// Addresses, networks, names.
    sources: Option<Vec<Spanned<String>>>,
}

/// What sources are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NamesSection {
    /// The file that tells the AS of an address.
    pub(crate) as_database: Option<PathBuf>,
    /// The file that tells its country.
    pub(crate) country_database: Option<PathBuf>,
    /// Which sources are whose: what the operator has confirmed.
    pub(crate) own: Vec<Own>,
}

/// The sources that send for a domain, and with its will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Own {
    /// The domain.
    pub(crate) domain: DomainName,
    /// Its sources.
    pub(crate) sources: Vec<OwnSource>,
}

/// A source that sends with a domain's will.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnSource {
    /// All hosts of a network.
    Network(IpNet),
    /// A well-known sender.
    Sender(String),
    /// A host by its confirmed name, or all hosts below a name.
    Host(DomainName),
}

impl NamesSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawNames, faults: &mut Faults) -> NamesSection {
        let path = |path: Option<String>| path.filter(|path| !path.is_empty()).map(PathBuf::from);
        let own = raw.own.into_iter().filter_map(|own| Own::check(own.span(), own.into_inner(), faults)).collect();
        NamesSection { as_database: path(raw.as_database), country_database: path(raw.country_database), own }
    }

    /// Returns the sources that were confirmed to be a domain's own.
    pub(crate) fn own_of(&self, domain: &DomainName) -> Vec<OwnSource> {
        let own = self.own.iter().filter(|own| own.domain == *domain);
        own.flat_map(|own| own.sources.iter().cloned()).collect()
    }
}

impl Own {
    /// Checks what was written.
    fn check(at: Range<usize>, raw: RawOwn, faults: &mut Faults) -> Option<Own> {
        let domain = required(raw.domain, "names.own.domain", at.clone(), faults);
        let sources = required(raw.sources, "names.own.sources", at, faults);
        let domain = domain.and_then(|domain| read(&domain, faults, |text| read_name("fault-domain", text)));
        let sources = all(sources.unwrap_or_default(), faults, OwnSource::read);
        Some(Own { domain: domain?, sources })
    }
}

impl OwnSource {
    /// Reads an address, a network, the name of a well-known sender or of a host.
    pub(crate) fn read(text: &str) -> Result<OwnSource, Fault> {
        if let Ok(network) = read_network(text) {
            return Ok(OwnSource::Network(network));
        }
        if senders::is_known(text) {
            return Ok(OwnSource::Sender(text.to_owned()));
        }
        let is_number =
            text.contains('/') || text.split('.').next_back().is_some_and(|last| last.parse::<u8>().is_ok());
        let name = DomainName::parse(text.strip_prefix("*.").unwrap_or(text)).ok();
        let name = name.filter(|name| name.label_count() >= 2 && !is_number && !text.contains([':', ' ']));
        name.map(OwnSource::Host).ok_or_else(|| Fault::new("fault-own", [("value", text.to_owned().into())]))
    }

    /// Tells whether a source is meant, by its address or by what it is called.
    pub(crate) fn holds(&self, address: IpAddr, named: Option<&Named>) -> bool {
        match self {
            OwnSource::Network(network) => contain(&[*network], address),
            OwnSource::Sender(name) => {
                named.and_then(|named| named.sender).is_some_and(|(sender, _)| sender.is_called(name))
            }
            OwnSource::Host(name) => {
                named.and_then(|named| named.host.as_ref()).is_some_and(|host| host.is_at_or_below(name))
            }
        }
    }
}

impl fmt::Display for OwnSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OwnSource::Network(network) if network.prefix_len() == network.max_prefix_len() => network.addr().fmt(f),
            OwnSource::Network(network) => network.fmt(f),
            OwnSource::Sender(name) => f.write_str(name),
            OwnSource::Host(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_a_network_a_sender_or_a_host() {
        for (written, shown) in [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("amazon ses", "amazon ses"),
            ("*.mail.example.org", "mail.example.org"),
        ] {
            assert_eq!(OwnSource::read(written).unwrap().to_string(), shown);
        }
        for slip in ["", "192.0.2.1/24", "192.0.2", "localhost", "some thing", "a..b", "2001:db8::g"] {
            assert!(OwnSource::read(slip).is_err(), "{slip}");
        }
    }
}
