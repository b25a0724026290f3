//! `[dns]`: where answers come from, and how long they are waited for

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use sekisho_ask::Upstream;
use sekisho_ask::upstream::{BadUpstream, WhyBadUpstream};
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use crate::fault::Fault;

/// The options.
pub(super) const OPTIONS: &[&str] = &["upstreams", "timeout_seconds", "cache_megabytes", "ca_file"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawDns {
    /// Name servers.
    upstreams: Option<Vec<Spanned<String>>>,
    /// The deadline of one verdict.
    timeout_seconds: Option<Spanned<i64>>,
    /// The bound of the answer cache.
    cache_megabytes: Option<Spanned<i64>>,
    /// Further authorities.
    ca_file: Option<Spanned<String>>,
}

/// Where answers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DnsSection {
    /// The name servers; none means those of the system.
    pub(crate) upstreams: Vec<Upstream>,
    /// How long the answers to one mail are waited for (RFC 7208 §4.6.4 advises 20 s).
    pub(crate) timeout: Duration,
    /// How many octets of answers are kept.
    pub(crate) cache_octets: u64,
    /// Certificates of authorities to trust besides the usual ones, for DoT and DoH.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Default for DnsSection {
    fn default() -> DnsSection {
        DnsSection {
            upstreams: Vec::new(),
            timeout: Duration::from_secs(20),
            cache_octets: 64 * 1024 * 1024,
            ca_file: None,
        }
    }
}

impl DnsSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawDns, faults: &mut Faults) -> DnsSection {
        let mut section = DnsSection::default();
        for server in raw.upstreams.into_iter().flatten() {
            match server.get_ref().parse() {
                Ok(upstream) => section.upstreams.push(upstream),
                Err(why) => {
                    let fault = Fault::new("fault-dns", [("server", server.get_ref().clone().into())]);
                    faults.push((server.span(), fault.because(bad_upstream(&why))));
                }
            }
        }
        if let Some(seconds) = super::raw::number(raw.timeout_seconds, "dns.timeout_seconds", 1..=600, faults) {
            section.timeout = Duration::from_secs(seconds);
        }
        if let Some(megabytes) = super::raw::number(raw.cache_megabytes, "dns.cache_megabytes", 1..=65_536, faults) {
            section.cache_octets = megabytes * 1024 * 1024;
        }
        section.ca_file = raw.ca_file.map(|path| PathBuf::from(path.into_inner()));
        section
    }
}

/// Says what is wrong with the text of a name server.
pub(crate) fn bad_upstream(bad: &BadUpstream) -> Fault {
    let message = match bad.why {
        WhyBadUpstream::Scheme => "why-dns-scheme",
        WhyBadUpstream::Address => "why-dns-address",
        WhyBadUpstream::Port => "why-dns-port",
        WhyBadUpstream::Name => "why-dns-name",
        WhyBadUpstream::NeedsName => "why-dns-needs-name",
        other => return Fault::quote(other.to_string()),
    };
    Fault::new(message, [])
}
