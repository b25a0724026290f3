//! Mailboxes of MAIL and RCPT (RFC 5321 §4.1.2)
//!
//! What the RFC tells a server to bear is borne: source routes are passed over (§4.1.1.3), dots may stand anywhere in a
//! local part, as those of Japanese carriers do, and a host name may have an underscore.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest domain.
const DOMAIN_MAX: usize = 255;
/// The longest label of a domain.
const LABEL_MAX: usize = 63;

/// A mailbox as it was said, without brackets and source route.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    /// The octets: no control character among them, and UTF-8.
    octets: Box<str>,
    /// How long the local part is, its quotes included.
    local: usize,
}

impl Mailbox {
    /// Reads what stands between the brackets of a path.
    pub fn read(path: &[u8]) -> Option<Mailbox> {
        let path = str::from_utf8(without_route(path)?).ok()?;
        let local = local_part(path)?;
        let domain = path[local..].strip_prefix('@')?;
        is_domain(domain).then(|| Mailbox { octets: path.into(), local })
    }

    /// Reads what stands between the brackets of a forward path, where `Postmaster` needs no domain (RFC 5321 §4.5.1).
    pub fn read_forward(path: &[u8]) -> Option<Mailbox> {
        if path.eq_ignore_ascii_case(b"postmaster") {
            return Some(Mailbox { octets: str::from_utf8(path).ok()?.into(), local: path.len() });
        }
        Mailbox::read(path)
    }

    /// Returns the mailbox as it was said.
    pub fn as_str(&self) -> &str {
        &self.octets
    }

    /// Returns the local part without quotes: `"a\ b"@c` and `"a b"@c` are the same mailbox.
    pub fn local_part(&self) -> Cow<'_, str> {
        let raw = &self.octets[..self.local];
        let Some(quoted) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) else {
            return Cow::Borrowed(raw);
        };
        let mut is_escaped = false;
        quoted
            .chars()
            .filter(|&char| {
                is_escaped = char == '\\' && !is_escaped;
                !is_escaped
            })
            .collect()
    }

    /// Returns the domain or the address in brackets; nothing for a `Postmaster` without one.
    pub fn domain(&self) -> &str {
        self.octets.get(self.local + 1..).unwrap_or_default()
    }

    /// Tells whether it needs SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.octets.is_ascii()
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.octets)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.octets)
    }
}

/// Returns a path without its source route. §4.1.1.3: servers must be prepared to meet one, and should ignore it.
fn without_route(path: &[u8]) -> Option<&[u8]> {
    if path.first() != Some(&b'@') {
        return Some(path);
    }
    let colon = memchr::memchr(b':', path)?;
    let mut hosts = path[..colon].split(|&octet| octet == b',');
    hosts
        .all(|host| is_host(str::from_utf8(host.strip_prefix(b"@").unwrap_or_default()).unwrap_or_default()))
        .then_some(())?;
    path.get(colon + 1..)
}

/// Returns how long the local part is that a path begins with.
fn local_part(path: &str) -> Option<usize> {
    if path.starts_with('"') {
        return quoted_string(path);
    }
    let end = path.bytes().position(|octet| !is_atext(octet) && octet != b'.')?;
    (end > 0).then_some(end)
}

/// Returns how long the quoted string is that a path begins with.
fn quoted_string(path: &str) -> Option<usize> {
    let mut octets = path.bytes().enumerate().skip(1);
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'"' => return Some(at + 1),
            // A quoted pair: no octet of a longer character may be one.
            b'\\' => {
                octets.next().filter(|(_, octet)| matches!(octet, b' '..=b'~'))?;
            }
            b' '..=b'~' | 0x80.. => {}
            _ => return None,
        }
    }
    None
}

/// Tells whether an octet may stand in a local part without quotes (RFC 5322 §3.2.3, RFC 6531 §3.3).
fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet) || octet >= 0x80
}

/// Tells whether a text is a domain, or an address in brackets.
fn is_domain(domain: &str) -> bool {
    match domain.strip_prefix('[') {
        Some(literal) => literal.strip_suffix(']').is_some_and(is_address),
        None => is_host(domain),
    }
}

/// Tells whether a text is the name of a host.
fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | 0x80..))
    };
    name.len() <= DOMAIN_MAX && name.split('.').all(is_label)
}

/// Tells whether a text is an address as it stands in brackets (§4.1.3).
fn is_address(literal: &str) -> bool {
    match literal.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => literal[5..].parse::<Ipv6Addr>().is_ok(),
        _ => literal.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mailbox_is_a_local_part_and_a_domain() {
        for (path, local, domain) in [
            ("a@b.example", "a", "b.example"),
            ("a..b.@docomo.example", "a..b.", "docomo.example"),
            ("#!$%&'*+-/=?^_`{|}~@x", "#!$%&'*+-/=?^_`{|}~", "x"),
            ("\"a b\"@c", "a b", "c"),
            ("\"a\\ \\\"b\\\\@\"@c", "a \"b\\@", "c"),
            ("\"\"@c", "", "c"),
            ("\">@<\"@c", ">@<", "c"),
            ("a@[192.0.2.1]", "a", "[192.0.2.1]"),
            ("a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]"),
            ("a@[ipv6:::1]", "a", "[ipv6:::1]"),
            ("@one.example,@two.example:a@b", "a", "b"),
            ("a@under_score.example", "a", "under_score.example"),
            ("用户@例え.jp", "用户", "例え.jp"),
        ] {
            let mailbox = Mailbox::read(path.as_bytes()).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((&*mailbox.local_part(), mailbox.domain()), (local, domain));
            assert!(path.ends_with(mailbox.as_str()));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for path in [
            "",
            "a",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a@.b",
            "a@b.",
            "a@b..c",
            "a@-b",
            "a@b-",
            "\"a@b",
            "\"a\"b@c",
            "\"a\u{7}\"@b",
            "\"a\\\"@b",
            "\"a\\\u{e9}\"@b",
            "a@[192.0.2.256]",
            "a@[192.0.2.1",
            "a@[::1]",
            "a@[IPv6:1.2.3.4]",
            "a@[x:y]",
            "a\0@b",
            "a@b\0",
            "a@b\r",
            "<a@b>",
            "@one:@b",
            "@one",
            "one:a@b",
            "@:a@b",
            "@a,:a@b",
            "a,b@c",
            "a@b,c",
            "postmaster",
        ] {
            assert_eq!(Mailbox::read(path.as_bytes()), None, "{path}");
        }
        assert_eq!(Mailbox::read(b"\xff@b"), None);
        assert_eq!(Mailbox::read(format!("a@{}", "b".repeat(64)).as_bytes()), None);
        assert_eq!(Mailbox::read(format!("a@{}b", "b.".repeat(128)).as_bytes()), None);
    }

    #[test]
    fn postmaster_needs_no_domain() {
        let postmaster = Mailbox::read_forward(b"PostMaster").unwrap();
        assert_eq!((&*postmaster.local_part(), postmaster.domain()), ("PostMaster", ""));
        assert_eq!(Mailbox::read_forward(b"somebody"), None);
    }

    proptest! {
        #[test]
        fn what_was_read_reads_as_itself(path in "[a\"\\\\@.:,\\[\\] é-]{0,12}@[a-c.]{1,4}") {
            if let Some(mailbox) = Mailbox::read(path.as_bytes()) {
                prop_assert_eq!(Mailbox::read(mailbox.as_str().as_bytes()), Some(mailbox.clone()));
                prop_assert!(!mailbox.as_str().contains(char::is_control));
                prop_assert!(mailbox.as_str().ends_with(mailbox.domain()));
            }
        }
    }
}
