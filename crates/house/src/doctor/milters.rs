//! The milters that a Postfix names, and which of them are ours

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// A milter as a Postfix names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Milter {
    /// The whole entry as it was written, with its braces.
    pub(super) entry: String,
    /// What names the place.
    pub(super) written: String,
    /// Where it listens, where that is an address.
    pub(super) addresses: Vec<SocketAddr>,
    /// What becomes of mails while it fails, where that is said for this one alone.
    pub(super) default_action: Option<String>,
}

impl Milter {
    /// Reads a list such as `inet:127.0.0.1:8891, { unix:/run/x, default_action = accept }`.
    pub(super) fn list(text: &str) -> Vec<Milter> {
        parts(text).iter().map(|part| Milter::read(part)).collect()
    }

    /// Reads one of them.
    fn read(text: &str) -> Milter {
        let inside = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let mut words = inside.unwrap_or(text).split(',').map(str::trim);
        let written = words.next().unwrap_or_default().to_owned();
        let action = words.filter_map(|word| word.split_once('=')).find(|(name, _)| name.trim() == "default_action");
        let default_action = action.map(|(_, value)| value.trim().to_owned());
        Milter { entry: text.to_owned(), addresses: addresses(&written), written, default_action }
    }

    /// Tells whether this is one of these listeners.
    pub(super) fn is_one_of(&self, listeners: &[SocketAddr]) -> bool {
        self.addresses.iter().any(|address| listeners.iter().any(|listener| reaches(*listener, *address)))
    }
}

/// Tells whether who listens at `listener` hears who connects to `address`.
fn reaches(listener: SocketAddr, address: SocketAddr) -> bool {
    let is_any = listener.ip().is_unspecified() && (listener.is_ipv6() || address.is_ipv4());
    listener.port() == address.port() && (is_any || listener.ip() == address.ip())
}

/// Parts a list at commas and white space; what stands in braces is one part.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' | ' ' | '\t' | '\n' if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts.retain(|part| !part.is_empty());
    parts
}

/// Returns the addresses that `inet:HOST:PORT` stands for.
fn addresses(written: &str) -> Vec<SocketAddr> {
    let Some((host, port)) = written.strip_prefix("inet:").and_then(|rest| rest.rsplit_once(':')) else {
        return Vec::new();
    };
    let Ok(port) = port.parse::<u16>() else { return Vec::new() };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => (host, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_milter_is_read() {
        let list =
            Milter::list("inet:127.0.0.1:8891,unix:/a { inet:[::1]:9, connect_timeout=1s, default_action = accept }");
        assert_eq!(list.len(), 3);
        assert_eq!(list[0].addresses, ["127.0.0.1:8891".parse().unwrap()]);
        assert_eq!((list[1].written.as_str(), list[1].addresses.len()), ("unix:/a", 0));
        assert_eq!((list[2].written.as_str(), list[2].default_action.as_deref()), ("inet:[::1]:9", Some("accept")));
        assert_eq!(list[2].addresses, ["[::1]:9".parse().unwrap()]);
        assert_eq!(Milter::list(" , ").len(), 0);
        assert_eq!(Milter::list("inet:nonsense inet:a:99999999 {")[0].addresses.len(), 0);
    }

    #[test]
    fn a_listener_on_every_address_is_reached_by_each() {
        let list = |text: &str| Milter::list(text).remove(0);
        let at = |text: &str| [text.parse().unwrap()];
        assert!(list("inet:127.0.0.1:8891").is_one_of(&at("0.0.0.0:8891")));
        assert!(list("inet:127.0.0.1:8891").is_one_of(&at("[::]:8891")));
        assert!(!list("inet:[::1]:8891").is_one_of(&at("0.0.0.0:8891")));
        assert!(!list("inet:127.0.0.1:8892").is_one_of(&at("0.0.0.0:8891")));
        assert!(!list("inet:127.0.0.2:8891").is_one_of(&at("127.0.0.1:8891")));
        assert!(list("inet:localhost:8891").is_one_of(&at("127.0.0.1:8891")));
    }
}
