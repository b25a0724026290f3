//! Who is speaking, or for whom: what a connection tells, and what a trusted MTA says with XCLIENT and XFORWARD
//!
//! Both commands are Postfix's: `XFORWARD NAME=… ADDR=…` says where the next mail came from, `XCLIENT` that all that
//! follows is to be taken as from another client. Values are xtext (RFC 3461 §4), or `[UNAVAILABLE]`.

use std::net::{IpAddr, Ipv6Addr};

/// The longest value that is taken.
const VALUE_MAX: usize = 255;

/// One who hands a mail over. What is not known is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its name, as it was found for its address.
    pub name: Option<Box<str>>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: Option<u16>,
    /// What it said with HELO or EHLO, as another MTA heard it.
    pub helo: Option<Box<str>>,
    /// The protocol it spoke with another MTA.
    pub protocol: Option<Box<str>>,
    /// The name it logged in with at another MTA.
    pub login: Option<Box<str>>,
    /// The name of its mail at another MTA.
    pub ident: Option<Box<str>>,
    /// Whether it came from elsewhere or from the same host: `REMOTE`, `LOCAL`.
    pub source: Option<Box<str>>,
}

impl Peer {
    /// What XFORWARD may name.
    pub(super) const XFORWARD: &str = "NAME ADDR PORT PROTO HELO IDENT SOURCE";
    /// What XCLIENT may name.
    pub(super) const XCLIENT: &str = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

    /// Returns this peer with what the attributes of a command say, if all of them are among the known ones and sound.
    pub(super) fn told(&self, attributes: &[u8], known: &str) -> Option<Peer> {
        let mut peer = self.clone();
        let mut attributes =
            attributes.split(|&octet| octet == b' ').filter(|attribute| !attribute.is_empty()).peekable();
        attributes.peek()?;
        for attribute in attributes {
            let equals = memchr::memchr(b'=', attribute)?;
            let name = str::from_utf8(&attribute[..equals]).ok()?.to_ascii_uppercase();
            known.split(' ').any(|known| known == name).then_some(())?;
            peer.tell(&name, &attribute[equals + 1..])?;
        }
        Some(peer)
    }

    /// Notes one attribute.
    fn tell(&mut self, name: &str, value: &[u8]) -> Option<()> {
        let value = value_of(value)?;
        let text = value.as_deref();
        match name {
            "NAME" => self.name = value,
            "HELO" => self.helo = value,
            "PROTO" => self.protocol = value,
            "LOGIN" => self.login = value,
            "IDENT" => self.ident = value,
            "SOURCE" => self.source = value,
            "ADDR" => self.address = checked(text.map(address))?,
            "PORT" => self.port = checked(text.map(|port| port.parse().ok()))?,
            // Where the client had connected to tells nothing about it.
            "DESTADDR" => {
                checked(text.map(address))?;
            }
            "DESTPORT" => {
                checked(text.map(|port| port.parse::<u16>().ok()))?;
            }
            _ => return None,
        }
        Some(())
    }
}

/// Returns nothing for a value that was there and could not be read.
fn checked<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(None) => None,
        Some(value) => Some(value),
        None => Some(None),
    }
}

/// Reads an address: `192.0.2.1`, `IPV6:2001:db8::1`.
fn address(text: &str) -> Option<IpAddr> {
    match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPV6:") => text[5..].parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => text.parse().ok(),
    }
}

/// Reads a value; the inner `None` is one that the other MTA does not know.
fn value_of(xtext: &[u8]) -> Option<Option<Box<str>>> {
    if [&b"[UNAVAILABLE]"[..], b"[TEMPUNAVAIL]"].iter().any(|none| none.eq_ignore_ascii_case(xtext)) {
        return Some(None);
    }
    let mut octets = Vec::new();
    let mut rest = xtext.iter().copied();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'+' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            b'!'..=b'~' | 0x80.. if octet != b'=' => octet,
            _ => return None,
        });
    }
    let text = String::from_utf8(octets).ok()?;
    // These values are shown to people and written to logs.
    let is_sound = (1..=VALUE_MAX).contains(&text.len()) && !text.contains(char::is_control);
    is_sound.then(|| Some(text.into()))
}

/// Returns what a hexadecimal digit means.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| digit.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(attributes: &str) -> Option<Peer> {
        Peer::default().told(attributes.as_bytes(), Peer::XFORWARD)
    }

    #[test]
    fn attributes_are_kept_over_several_commands() {
        let first = told("NAME=spike.example ADDR=192.0.2.1 PORT=4711").unwrap();
        let peer =
            first.told(b"PROTO=ESMTP HELO=a+2Bb+20c source=REMOTE addr=IPV6:2001:db8::1", Peer::XFORWARD).unwrap();
        assert_eq!(peer.name.as_deref(), Some("spike.example"));
        assert_eq!(peer.address, Some("2001:db8::1".parse().unwrap()));
        assert_eq!((peer.port, peer.helo.as_deref()), (Some(4711), Some("a+b c")));
        assert_eq!((peer.protocol.as_deref(), peer.source.as_deref()), (Some("ESMTP"), Some("REMOTE")));
        let peer = peer.told(b"NAME=[UNAVAILABLE] PORT=[unavailable] ADDR=[TEMPUNAVAIL]", Peer::XFORWARD).unwrap();
        assert_eq!((peer.name, peer.port, peer.address), (None, None, None));
    }

    #[test]
    fn an_unsound_attribute_spoils_the_command() {
        for attributes in [
            "",
            " ",
            "NAME",
            "NAME=",
            "WHAT=x",
            "LOGIN=x",
            "ADDR=192.0.2.256",
            "ADDR=IPV6:192.0.2.1",
            "PORT=65536",
            "PORT=-1",
            "NAME=a+0Ab",
            "NAME=a+00",
            "NAME=a+0",
            "NAME=a+zz",
            "NAME=a=b",
            "NAME=a\tb",
            "NAME=+ff",
            "=x",
        ] {
            assert_eq!(told(attributes), None, "{attributes}");
        }
        assert_eq!(told(&format!("HELO={}", "x".repeat(256))), None);
        assert!(Peer::default().told(b"LOGIN=x DESTADDR=192.0.2.1 DESTPORT=25", Peer::XCLIENT).is_some());
        assert_eq!(Peer::default().told(b"DESTPORT=x", Peer::XCLIENT), None);
    }
}
