//! Where a request comes from: the client's address, and whether it came by TLS
//!
//! A proxy in front of us speaks for its clients, and only those proxies that the configuration names are believed: everybody can
//! write a field.

use std::net::IpAddr;

use axum::http::{Extensions, HeaderMap};

use crate::config::HttpSection;

/// Each proxy adds whom it heard from behind what it was told.
const FOR: &str = "x-forwarded-for";
/// How the client spoke to the proxy.
const PROTO: &str = "x-forwarded-proto";

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The address of the client.
    pub(crate) address: IpAddr,
    /// Whether what it said came by TLS.
    pub(crate) is_tls: bool,
}

impl Peer {
    /// Returns where a request comes from, as the listener found out.
    pub(crate) fn noted(extensions: &Extensions) -> Peer {
        let unknown = Peer { address: IpAddr::from([0, 0, 0, 0]), is_tls: false };
        extensions.get::<Peer>().copied().unwrap_or(unknown)
    }

    /// Finds out where a request comes from that came over a connection with this address, and with or without TLS.
    pub(crate) fn of(connected: IpAddr, is_tls: bool, headers: &HeaderMap, section: &HttpSection) -> Peer {
        let connected = connected.to_canonical();
        if !section.trusts(connected) {
            return Peer { address: connected, is_tls };
        }
        let told = list(headers, FOR).map(|one| one.parse::<IpAddr>().ok().map(|address| address.to_canonical()));
        // From the right: what a proxy of ours wrote, then what it was told. The first address that is none of ours is the client.
        let (mut address, mut told) = (connected, told.collect::<Vec<_>>());
        while section.trusts(address) {
            match told.pop() {
                Some(Some(next)) => address = next,
                // Nobody said more, or nobody can read it.
                Some(None) | None => break,
            }
        }
        // How the proxy speaks to us says nothing of its client, unless it keeps silent.
        let is_tls = list(headers, PROTO).last().map_or(is_tls, |proto| proto.eq_ignore_ascii_case("https"));
        Peer { address, is_tls }
    }
}

/// Returns the parts of a list in a header, which may stand in several fields.
fn list<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    let fields = headers.get_all(name).iter().map(|field| field.to_str().unwrap_or_default());
    fields.flat_map(|field| field.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds out where a request comes from, with these fields, where 127.0.0.1 and 192.0.2.0/24 are proxies.
    fn peer(connected: &str, fields: &[(&'static str, &'static str)]) -> (String, bool) {
        peer_by(connected, false, fields)
    }

    /// Does so of what came with or without TLS.
    fn peer_by(connected: &str, is_tls: bool, fields: &[(&'static str, &'static str)]) -> (String, bool) {
        let networks = ["127.0.0.1", "192.0.2.0/24"].map(|text| crate::config::network::read_network(text).unwrap());
        let section = HttpSection { trusted_proxies: networks.into(), ..HttpSection::default() };
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let peer = Peer::of(connected.parse().unwrap(), is_tls, &headers, &section);
        (peer.address.to_string(), peer.is_tls)
    }

    #[test]
    fn a_proxy_of_ours_is_believed_and_nobody_else() {
        let told = [(FOR, "198.51.100.1"), (PROTO, "https")];
        assert_eq!(peer("127.0.0.1", &told), ("198.51.100.1".to_owned(), true));
        assert_eq!(peer("::ffff:127.0.0.1", &told), ("198.51.100.1".to_owned(), true));
        assert_eq!(peer("203.0.113.9", &told), ("203.0.113.9".to_owned(), false));
        assert_eq!(peer("127.0.0.1", &[]), ("127.0.0.1".to_owned(), false));
    }

    #[test]
    fn what_came_by_tls_did_unless_a_proxy_of_ours_says_otherwise() {
        assert!(peer_by("203.0.113.9", true, &[(PROTO, "http")]).1, "a client says what it likes");
        assert!(peer_by("127.0.0.1", true, &[]).1 && peer_by("127.0.0.1", true, &[(PROTO, "https")]).1);
        assert!(!peer_by("127.0.0.1", true, &[(PROTO, "http")]).1);
    }

    #[test]
    fn what_a_client_wrote_itself_stands_further_left_and_does_not_count() {
        for (fields, client) in [
            (&[(FOR, "10.9.9.9, 198.51.100.1")][..], "198.51.100.1"),
            (&[(FOR, "10.9.9.9, 198.51.100.1, 192.0.2.5")], "198.51.100.1"),
            (&[(FOR, "10.9.9.9"), (FOR, "198.51.100.1")], "198.51.100.1"),
            (&[(FOR, "192.0.2.7, 192.0.2.5")], "192.0.2.7"),
            (&[(FOR, "198.51.100.1, unknown")], "127.0.0.1"),
            (&[(FOR, "198.51.100.1:4711")], "127.0.0.1"),
            (&[(FOR, "")], "127.0.0.1"),
            (&[(FOR, "2001:db8::1")], "2001:db8::1"),
        ] {
            assert_eq!(peer("127.0.0.1", fields).0, client, "{fields:?}");
        }
        assert!(!peer("127.0.0.1", &[(PROTO, "https, http")]).1, "the last word is that of our proxy");
    }
}
