//! Which mailbox is meant: `imaps://USER@HOST[:PORT]/FOLDER` (RFC 5092, without its search and its sections)

use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use sekisho_core::name::DomainName;

use crate::fault::Fault;

/// A mailbox on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whether TLS begins at once, and not by STARTTLS.
    pub(super) is_implicit: bool,
    /// Who logs in.
    pub(super) user: String,
    /// The server, a name or an address without brackets.
    pub(super) host: String,
    /// Its port.
    pub(super) port: u16,
    /// The folder.
    pub(super) folder: String,
}

impl Place {
    /// Tells whether a path is meant to be a mailbox.
    pub(crate) fn is_meant(path: &str) -> bool {
        scheme(path).is_some()
    }

    /// Reads a mailbox.
    pub(crate) fn read(text: &str) -> Result<Place, Fault> {
        Place::parse(text).ok_or_else(|| Fault::new("fault-imap-place", [("value", text.to_owned().into())]))
    }

    /// Reads a mailbox; nothing where it is none.
    fn parse(text: &str) -> Option<Place> {
        let (is_implicit, rest) = scheme(text)?;
        let (authority, folder) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, server) = authority.rsplit_once('@')?;
        let (host, port) = match server.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']').map(|(host, port)| (host, port.strip_prefix(':')))?,
            None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            None => {
                if is_implicit {
                    993
                } else {
                    143
                }
            }
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        };
        let is_host = host.parse::<IpAddr>().is_ok() || DomainName::parse(host).is_ok();
        // A password does not belong on the command line, where everybody can read it.
        let has_password = user.contains(':');
        let (user, folder) = (decoded(user)?, decoded(folder.trim_end_matches('/'))?);
        let folder = if folder.is_empty() { "INBOX".to_owned() } else { folder };
        let is_plain = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        (is_host && !has_password && is_plain(&user) && is_plain(&folder)).then(|| Place {
            is_implicit,
            user,
            host: host.to_owned(),
            port,
            folder,
        })
    }

    /// Returns the folder's name as servers want it: UTF-7 of their own kind (RFC 3501 §5.1.3).
    pub(super) fn folder_on_the_wire(&self) -> String {
        let (mut text, mut odd) = (String::new(), Vec::new());
        for character in self.folder.chars() {
            if !matches!(character, ' '..='~') {
                odd.extend(character.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
                continue;
            }
            flush(&mut odd, &mut text);
            text.push(character);
            if character == '&' {
                text.push('-');
            }
        }
        flush(&mut odd, &mut text);
        text
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_implicit { "imaps" } else { "imap" };
        let Place { user, host, port, folder, .. } = self;
        if host.contains(':') {
            return write!(f, "{scheme}://{user}@[{host}]:{port}/{folder}");
        }
        write!(f, "{scheme}://{user}@{host}:{port}/{folder}")
    }
}

/// Splits the scheme off: whether TLS begins at once, and the rest.
fn scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_implicit = scheme.eq_ignore_ascii_case("imaps");
    (is_implicit || scheme.eq_ignore_ascii_case("imap")).then_some((is_implicit, rest))
}

/// Takes percent signs for what they stand for; nothing where that is no text.
fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        octets.push(match octet {
            b'%' => 16 * digit(rest.next()?)? + digit(rest.next()?)?,
            octet => octet,
        });
    }
    String::from_utf8(octets).ok()
}

/// Writes what is not ASCII, as far as it was gathered.
fn flush(odd: &mut Vec<u8>, text: &mut String) {
    /// Base64 with a comma for the slash, and no padding.
    const UTF_7: GeneralPurpose =
        GeneralPurpose::new(&alphabet::IMAP_MUTF7, GeneralPurposeConfig::new().with_encode_padding(false));
    if !odd.is_empty() {
        text.push('&');
        UTF_7.encode_string(&*odd, text);
        text.push('-');
        odd.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_named_by_user_server_and_folder() {
        for (text, told) in [
            ("imaps://alice@mail.example.org/Reports", "imaps://alice@mail.example.org:993/Reports"),
            (
                "IMAP://alice%40example.org@mail.example.org:1143",
                "imap://alice@example.org@mail.example.org:1143/INBOX",
            ),
            ("imaps://a@b.example@192.0.2.1/a/b/", "imaps://a@b.example@192.0.2.1:993/a/b"),
            ("imaps://a@[2001:db8::1]:994/%E9%96%A2", "imaps://a@[2001:db8::1]:994/関"),
        ] {
            assert_eq!(Place::read(text).unwrap().to_string(), told);
        }
        for text in [
            "imaps://mail.example.org/INBOX",
            "imaps://a@/INBOX",
            "imaps://@b.example/",
            "imaps://a:secret@b.example/",
            "imaps://a@b.example:0/",
            "imaps://a@b.example:99999/",
            "imaps://a@b.example/x%0d%0aLOGOUT",
            "imaps://a@b.example/%zz",
            "imaps://a@b.example/%f",
            "imaps://a@b.example/%ff",
            "imaps://a@[::1/",
        ] {
            assert!(Place::is_meant(text) && Place::read(text).is_err(), "{text}");
        }
        assert!(!Place::is_meant("/var/mail/imap") && !Place::is_meant("https://x@y/"));
    }

    #[test]
    fn folders_are_named_as_servers_want_it() {
        let named = |folder: &str| {
            let place = Place::read("imaps://a@b.example/").unwrap();
            Place { folder: folder.to_owned(), ..place }.folder_on_the_wire()
        };
        // The examples of RFC 3501 §5.1.3.
        assert_eq!(named("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(named("Q&A"), "Q&-A");
        assert_eq!(named("☺"), "&Jjo-");
    }
}
