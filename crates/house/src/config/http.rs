//! `[http]`: where the daemon can be watched

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::network::{contain, read_network};
use super::raw::addresses;
use super::sign::all;

/// The options.
pub(super) const OPTIONS: &[&str] = &["listen", "trusted_proxies"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawHttp {
    /// Addresses.
    listen: Option<Vec<Spanned<String>>>,
    /// Networks.
    trusted_proxies: Option<Vec<Spanned<String>>>,
}

/// Where the daemon can be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpSection {
    /// Where it answers by HTTP.
    pub(crate) listen: Vec<SocketAddr>,
    /// Proxies whose word on their clients counts.
    pub(crate) trusted_proxies: Vec<IpNet>,
}

impl Default for HttpSection {
    fn default() -> HttpSection {
        HttpSection { listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))], trusted_proxies: Vec::new() }
    }
}

impl HttpSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawHttp, faults: &mut Faults) -> HttpSection {
        let default = HttpSection::default();
        HttpSection {
            listen: raw.listen.map_or(default.listen, |written| addresses(written, faults)),
            trusted_proxies: all(raw.trusted_proxies.unwrap_or_default(), faults, read_network),
        }
    }

    /// Tells whether a client is a proxy whose word counts.
    pub(crate) fn trusts(&self, client: IpAddr) -> bool {
        contain(&self.trusted_proxies, client)
    }
}
