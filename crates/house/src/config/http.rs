//! `[http]`: where the daemon can be watched

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::intake::TlsFiles;
use super::network::{contain, read_network};
use super::raw::addresses;
use super::sign::all;

/// The options.
pub(super) const OPTIONS: &[&str] = &["listen", "trusted_proxies", "certificate", "key"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawHttp {
    /// Addresses.
    listen: Option<Vec<Spanned<String>>>,
    /// Networks.
    trusted_proxies: Option<Vec<Spanned<String>>>,
    /// A file.
    certificate: Option<Spanned<String>>,
    /// A file.
    key: Option<Spanned<String>>,
}

/// Where the daemon can be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpSection {
    /// Where it answers by HTTP.
    pub(crate) listen: Vec<SocketAddr>,
    /// Proxies whose word on their clients counts.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// TLS, where it is spoken here.
    pub(crate) tls: Option<TlsFiles>,
}

impl Default for HttpSection {
    fn default() -> HttpSection {
        HttpSection { listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))], trusted_proxies: Vec::new(), tls: None }
    }
}

impl HttpSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawHttp, faults: &mut Faults) -> HttpSection {
        let default = HttpSection::default();
        HttpSection {
            listen: raw.listen.map_or(default.listen, |written| addresses(written, faults)),
            trusted_proxies: all(raw.trusted_proxies.unwrap_or_default(), faults, read_network),
            tls: TlsFiles::check(raw.certificate, raw.key, ["http.certificate", "http.key"], faults),
        }
    }

    /// Tells whether a client is a proxy whose word counts.
    pub(crate) fn trusts(&self, client: IpAddr) -> bool {
        contain(&self.trusted_proxies, client)
    }

    /// Returns where a browser on this machine reaches the desk. Whoever listens everywhere listens here, too.
    pub(crate) fn usual_desk(&self) -> String {
        let mut place = self.listen.first().copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        if place.ip().is_unspecified() {
            place.set_ip(match place.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{place}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_here_reaches_whoever_listens_everywhere() {
        for (listen, desk) in [
            (vec!["0.0.0.0:80".parse().unwrap()], "http://127.0.0.1:80"),
            (vec!["[::]:8080".parse().unwrap(), "192.0.2.1:1".parse().unwrap()], "http://[::1]:8080"),
            (vec!["192.0.2.1:8080".parse().unwrap()], "http://192.0.2.1:8080"),
            (vec![], "http://127.0.0.1:8080"),
        ] {
            let section = HttpSection { listen, ..HttpSection::default() };
            assert_eq!(section.usual_desk(), desk);
            let tls = Some(TlsFiles { certificate: "c".into(), key: "k".into() });
            assert_eq!(HttpSection { tls, ..section }.usual_desk(), desk.replace("http:", "https:"));
        }
    }
}
