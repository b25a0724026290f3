//! `[sign]`: what goes out is signed, by whose keys, and for whom

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;

use ipnet::IpNet;
use sekisho_core::name::DomainName;
use sekisho_mail::body::Canonicalization;
use sekisho_mail::dkim::sign::OVERSIGNED;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::network::read_network;
use super::raw::{number, required, word};
use crate::fault::Fault;
use crate::sign::{read_canonicalization, read_name};

/// The options.
pub(super) const OPTIONS: &[&str] = &["listen", "check", "unsigned", "canonicalization", "expire_days", "oversigned"];
/// The options of a key.
pub(super) const KEY_OPTIONS: &[&str] = &["domain", "selector", "key", "subdomains"];
/// The options of a sender.
pub(super) const SENDER_OPTIONS: &[&str] = &["networks", "users", "domains"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawSign {
    /// Addresses.
    listen: Option<Vec<Spanned<String>>>,
    /// `error` or `warn`.
    check: Option<Spanned<String>>,
    /// `pass` or `refuse`.
    unsigned: Option<Spanned<String>>,
    /// `relaxed/relaxed` and the like.
    canonicalization: Option<Spanned<String>>,
    /// Days.
    expire_days: Option<Spanned<i64>>,
    /// Names of fields.
    oversigned: Option<Vec<Spanned<String>>>,
    /// `[[sign.keys]]`
    keys: Vec<Spanned<RawKey>>,
    /// `[[sign.senders]]`
    senders: Vec<Spanned<RawSender>>,
}

/// A key as it was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawKey {
    /// A domain.
    domain: Option<Spanned<String>>,
    /// A selector.
    selector: Option<Spanned<String>>,
    /// A path.
    key: Option<String>,
    /// Whether it signs for what is below the domain, too.
    subdomains: Option<bool>,
}

/// A sender as it was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawSender {
    /// Networks.
    networks: Option<Vec<Spanned<String>>>,
    /// Logins.
    users: Option<Vec<Spanned<String>>>,
    /// Domains.
    domains: Option<Vec<Spanned<String>>>,
}

/// What goes out is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignSection {
    /// Where MTAs connect.
    pub(crate) listen: Vec<SocketAddr>,
    /// What a key means whose published record is another one.
    pub(crate) check: Strictness,
    /// What becomes of a mail that may not be signed.
    pub(crate) unsigned: Unsigned,
    /// How the header is made alike.
    pub(crate) header: Canonicalization,
    /// How the body is made alike.
    pub(crate) body: Canonicalization,
    /// After how many days a signature expires.
    pub(crate) expire_days: Option<u64>,
    /// The fields that nobody may add behind us.
    pub(crate) oversigned: Vec<Box<str>>,
    /// The keys.
    pub(crate) keys: Vec<KeyTable>,
    /// Who may have what signed.
    pub(crate) senders: Vec<SenderTable>,
}

/// A key: `[[sign.keys]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyTable {
    /// The domain that vouches, `d=`.
    pub(crate) domain: DomainName,
    /// Where below the domain its record is, `s=`.
    pub(crate) selector: DomainName,
    /// The file with the private key.
    pub(crate) path: PathBuf,
    /// Whether it signs for authors below the domain, too.
    pub(crate) subdomains: bool,
}

/// Who may have which domains signed: `[[sign.senders]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SenderTable {
    /// Where the client is; nothing means that this does not matter.
    pub(crate) networks: Vec<IpNet>,
    /// Who has logged in; nothing means that this does not matter.
    pub(crate) users: Vec<UserPattern>,
    /// The author domains.
    pub(crate) domains: Vec<DomainPattern>,
}

/// Logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserPattern {
    /// `*`: whoever has logged in.
    Anyone,
    /// `@example.org`: whoever has a login of that domain.
    OfDomain(String),
    /// This login.
    Exactly(String),
}

/// Author domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DomainPattern {
    /// `*`: each domain there is a key for.
    Any,
    /// `*.example.org`: what is below the domain.
    Below(DomainName),
    /// This domain.
    Exactly(DomainName),
}

/// What a key means whose published record is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// We do not start.
    Error,
    /// We say so.
    Warn,
}

/// What becomes of a mail that may not be signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Unsigned {
    /// It passes as it is.
    #[default]
    Pass,
    /// It is refused.
    Refuse,
}

impl Strictness {
    /// Every value with its word.
    const ALL: [(&str, Strictness); 2] = [("error", Strictness::Error), ("warn", Strictness::Warn)];

    /// Returns the word of the configuration.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Strictness::Error => "error",
            Strictness::Warn => "warn",
        }
    }
}

impl Unsigned {
    /// Every value with its word.
    const ALL: [(&str, Unsigned); 2] = [("pass", Unsigned::Pass), ("refuse", Unsigned::Refuse)];

    /// Returns the word of the configuration.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Unsigned::Pass => "pass",
            Unsigned::Refuse => "refuse",
        }
    }
}

impl Default for SignSection {
    fn default() -> SignSection {
        SignSection {
            listen: Vec::new(),
            check: Strictness::Error,
            unsigned: Unsigned::Pass,
            header: Canonicalization::Relaxed,
            body: Canonicalization::Relaxed,
            expire_days: None,
            oversigned: OVERSIGNED.iter().map(|name| Box::from(*name)).collect(),
            keys: Vec::new(),
            senders: Vec::new(),
        }
    }
}

impl SignSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawSign, faults: &mut Faults) -> SignSection {
        let mut section = SignSection::default();
        if let Some(written) = raw.listen {
            section.listen = all(written, faults, super::read_listen);
        }
        section.check = word(raw.check, &Strictness::ALL, "fault-sign-check", faults).unwrap_or(section.check);
        section.unsigned =
            word(raw.unsigned, &Unsigned::ALL, "fault-sign-unsigned", faults).unwrap_or(section.unsigned);
        if let Some(written) = raw.canonicalization {
            match read_canonicalization(written.get_ref()) {
                Some((header, body)) => (section.header, section.body) = (header, body),
                None => {
                    let value = written.get_ref().clone().into();
                    faults.push((written.span(), Fault::new("fault-canonicalization", [("value", value)])));
                }
            }
        }
        section.expire_days = number(raw.expire_days, "sign.expire_days", 1..=36_500, faults);
        if let Some(written) = raw.oversigned {
            section.oversigned = all(written, faults, read_field_name);
        }
        let keys = raw.keys.into_iter().filter_map(|key| KeyTable::check(key.span(), key.into_inner(), faults));
        section.keys = keys.collect();
        let senders = raw.senders.into_iter();
        let senders = senders.filter_map(|sender| SenderTable::check(sender.span(), sender.into_inner(), faults));
        section.senders = senders.collect();
        section
    }

    /// Writes the canonicalization as it is written.
    pub(super) fn canonicalization(&self) -> String {
        let word = |canonicalization| match canonicalization {
            Canonicalization::Simple => "simple",
            Canonicalization::Relaxed => "relaxed",
        };
        format!("{}/{}", word(self.header), word(self.body))
    }
}

impl KeyTable {
    /// Checks what was written.
    fn check(at: Range<usize>, raw: RawKey, faults: &mut Faults) -> Option<KeyTable> {
        let domain = required(raw.domain, "sign.keys.domain", at.clone(), faults);
        let selector = required(raw.selector, "sign.keys.selector", at.clone(), faults);
        let path = required(raw.key, "sign.keys.key", at, faults);
        let domain = read(&domain?, faults, |text| read_name("fault-domain", text));
        let selector = read(&selector?, faults, |text| read_name("fault-selector", text));
        let subdomains = raw.subdomains.unwrap_or(false);
        Some(KeyTable { domain: domain?, selector: selector?, path: PathBuf::from(path?), subdomains })
    }
}

impl SenderTable {
    /// Checks what was written. A sender without networks and users would be everybody, which nobody means.
    fn check(at: Range<usize>, raw: RawSender, faults: &mut Faults) -> Option<SenderTable> {
        let domains = required(raw.domains, "sign.senders.domains", at.clone(), faults);
        let networks = all(raw.networks.unwrap_or_default(), faults, read_network);
        let users = all(raw.users.unwrap_or_default(), faults, UserPattern::read);
        if networks.is_empty() && users.is_empty() {
            faults.push((at, Fault::new("fault-sender-nobody", [])));
        }
        let domains = all(domains?, faults, DomainPattern::read);
        Some(SenderTable { networks, users, domains })
    }
}

impl UserPattern {
    /// Reads a login, `@domain` or `*`.
    pub(super) fn read(text: &str) -> Result<UserPattern, Fault> {
        match text.strip_prefix('@') {
            _ if text.is_empty() || text == "@" => Err(Fault::new("fault-user", [("value", text.to_owned().into())])),
            Some(domain) => Ok(UserPattern::OfDomain(domain.to_owned())),
            None if text == "*" => Ok(UserPattern::Anyone),
            None => Ok(UserPattern::Exactly(text.to_owned())),
        }
    }

    /// Tells whether a login is meant. Only the domain of a login is without case: who else is `Alice` and who `alice`
    /// is the login server's to say.
    pub(crate) fn matches(&self, login: &[u8]) -> bool {
        match self {
            UserPattern::Anyone => !login.is_empty(),
            UserPattern::OfDomain(domain) => login
                .iter()
                .rposition(|&octet| octet == b'@')
                .and_then(|at| login.get(at + 1..))
                .is_some_and(|of| of.eq_ignore_ascii_case(domain.as_bytes())),
            UserPattern::Exactly(name) => login == name.as_bytes(),
        }
    }
}

impl std::fmt::Display for UserPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            UserPattern::Anyone => f.write_str("*"),
            UserPattern::OfDomain(domain) => write!(f, "@{domain}"),
            UserPattern::Exactly(name) => f.write_str(name),
        }
    }
}

impl DomainPattern {
    /// Reads a domain, `*.domain` or `*`.
    pub(super) fn read(text: &str) -> Result<DomainPattern, Fault> {
        match text.strip_prefix("*.") {
            _ if text == "*" => Ok(DomainPattern::Any),
            Some(domain) => read_name("fault-domain", domain).map(DomainPattern::Below),
            None => read_name("fault-domain", text).map(DomainPattern::Exactly),
        }
    }

    /// Tells whether a domain is meant.
    pub(crate) fn matches(&self, domain: &DomainName) -> bool {
        match self {
            DomainPattern::Any => true,
            DomainPattern::Below(parent) => domain != parent && domain.is_at_or_below(parent),
            DomainPattern::Exactly(name) => domain == name,
        }
    }
}

impl std::fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DomainPattern::Any => f.write_str("*"),
            DomainPattern::Below(domain) => write!(f, "*.{domain}"),
            DomainPattern::Exactly(domain) => domain.fmt(f),
        }
    }
}

/// Reads one value; a fault is noted with its place.
pub(super) fn read<T>(
    written: &Spanned<String>,
    faults: &mut Faults,
    read: impl Fn(&str) -> Result<T, Fault>,
) -> Option<T> {
    read(written.get_ref()).map_err(|fault| faults.push((written.span(), fault))).ok()
}

/// Reads every value of a list; faults are noted with their places.
pub(super) fn all<T>(
    written: Vec<Spanned<String>>,
    faults: &mut Faults,
    one: impl Fn(&str) -> Result<T, Fault>,
) -> Vec<T> {
    written.into_iter().filter_map(|value| read(&value, faults, &one)).collect()
}

/// Reads the name of a field (RFC 5322 §2.2).
fn read_field_name(text: &str) -> Result<Box<str>, Fault> {
    let is_name = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b':' && b != b';');
    if is_name { Ok(text.into()) } else { Err(Fault::new("fault-field-name", [("value", text.to_owned().into())])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_and_domains_are_matched_as_they_are_written() {
        let user = |pattern: &str, login: &str| UserPattern::read(pattern).unwrap().matches(login.as_bytes());
        assert!(user("alice", "alice") && !user("alice", "Alice") && !user("alice", "alice@example.org"));
        assert!(user("@example.org", "a@EXAMPLE.org") && !user("@example.org", "a@mail.example.org"));
        assert!(!user("@example.org", "example.org") && !user("@example.org", "a@example.org@evil.example"));
        assert!(user("*", "anyone") && !user("*", ""));
        let domain = |pattern: &str, name: &str| {
            DomainPattern::read(pattern).unwrap().matches(&DomainName::parse(name).unwrap())
        };
        assert!(domain("example.org", "example.org") && !domain("example.org", "a.example.org"));
        assert!(domain("*.example.org", "a.b.example.org") && !domain("*.example.org", "example.org"));
        assert!(!domain("*.example.org", "badexample.org") && domain("*", "anything.example"));
    }
}
