//! `[reports]`: the reports that we send to others each day

use std::fmt;

use lettre::Address;
use sekisho_core::name::DomainName;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::{choice, number, required};
use super::sign::read;
use crate::fault::Fault;
use crate::sign::read_name;

/// The options.
pub(super) const OPTIONS: &[&str] = &[
    "relay",
    "relay_tls",
    "from",
    "organization",
    "contact",
    "domain",
    "max_recipients",
    "max_megabytes",
    "failures",
    "failures_per_day",
];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawReports {
    /// `HOST:PORT`.
    relay: Option<Spanned<String>>,
    /// `none` or `starttls`.
    relay_tls: Option<Spanned<String>>,
    /// An address.
    from: Option<Spanned<String>>,
    /// A name.
    organization: Option<Spanned<String>>,
    /// An address.
    contact: Option<Spanned<String>>,
    /// A domain.
    domain: Option<Spanned<String>>,
    /// A number.
    max_recipients: Option<Spanned<i64>>,
    /// A number.
    max_megabytes: Option<Spanned<i64>>,
    /// Whether failure reports are sent.
    failures: Option<Spanned<bool>>,
    /// A number.
    failures_per_day: Option<Spanned<i64>>,
}

/// The reports that we send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportsSection {
    /// The server that sends them; nothing means that nothing is sent.
    pub(crate) relay: Option<SmtpRelay>,
    /// How we speak to it.
    pub(crate) relay_tls: RelayTls,
    /// The author of their mails, who also hears of those that come back.
    pub(crate) from: Option<Address>,
    /// Who reports.
    pub(crate) organization: Option<String>,
    /// Whom people may ask about them.
    pub(crate) contact: Option<Address>,
    /// The domain that reports; nothing means that of `from`.
    pub(crate) domain: Option<DomainName>,
    /// To how many addresses a report goes at most.
    pub(crate) max_recipients: usize,
    /// How many octets a mail with a report has at most.
    pub(crate) max_octets: u64,
    /// Whether failure reports are sent, too.
    pub(crate) failures: bool,
    /// Of how many failures a domain hears in a day.
    pub(crate) failures_per_day: u32,
}

/// An SMTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SmtpRelay {
    /// Its name or address.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
}

/// How we speak to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelayTls {
    /// In clear text: right for a server on this machine.
    None,
    /// With TLS, and a certificate of a public authority for its name.
    StartTls,
}

impl RelayTls {
    /// Both ways.
    const ALL: [RelayTls; 2] = [RelayTls::None, RelayTls::StartTls];

    /// Returns the word of the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RelayTls::None => "none",
            RelayTls::StartTls => "starttls",
        }
    }
}

impl Default for ReportsSection {
    fn default() -> ReportsSection {
        ReportsSection {
            relay: None,
            relay_tls: RelayTls::None,
            from: None,
            organization: None,
            contact: None,
            domain: None,
            max_recipients: 5,
            max_octets: 10 << 20,
            failures: false,
            failures_per_day: 10,
        }
    }
}

impl ReportsSection {
    /// Returns the domain in whose name our reports come.
    pub(crate) fn sender_domain(&self) -> Option<DomainName> {
        DomainName::parse(self.from.as_ref()?.domain()).ok()
    }

    /// Checks what was written.
    pub(super) fn check(raw: RawReports, faults: &mut Faults) -> ReportsSection {
        let default = ReportsSection::default();
        let megabytes = number(raw.max_megabytes, "reports.max_megabytes", 1..=40, faults);
        let recipients = number(raw.max_recipients, "reports.max_recipients", 1..=100, faults);
        let failures = number(raw.failures_per_day, "reports.failures_per_day", 1..=1000, faults);
        let section = ReportsSection {
            relay: raw.relay.as_ref().and_then(|relay| read(relay, faults, SmtpRelay::read)),
            relay_tls: choice(raw.relay_tls, "reports.relay_tls", &RelayTls::ALL, RelayTls::as_str, faults)
                .unwrap_or(default.relay_tls),
            organization: raw.organization.map(Spanned::into_inner).filter(|name| !name.is_empty()),
            contact: raw.contact.as_ref().and_then(|address| read(address, faults, read_address)),
            domain: raw.domain.as_ref().and_then(|name| read(name, faults, |text| read_name("fault-domain", text))),
            max_recipients: recipients.and_then(|most| most.try_into().ok()).unwrap_or(default.max_recipients),
            max_octets: megabytes.map_or(default.max_octets, |most| most << 20),
            failures: raw.failures.as_ref().map_or(default.failures, |on| *on.get_ref()),
            failures_per_day: failures.and_then(|most| most.try_into().ok()).unwrap_or(default.failures_per_day),
            from: raw.from.as_ref().and_then(|address| read(address, faults, read_address)),
        };
        if let Some(on) = raw.failures.filter(|on| *on.get_ref()) {
            required(raw.relay.as_ref(), "reports.relay", on.span(), faults);
        }
        if let Some(relay) = raw.relay {
            required(raw.from, "reports.from", relay.span(), faults);
        }
        section
    }
}

impl SmtpRelay {
    /// Reads `HOST:PORT`, where an IPv6 address stands in brackets.
    fn read(text: &str) -> Result<SmtpRelay, Fault> {
        let parted = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let bare = |host: &str| host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).map(str::to_owned);
        match parted {
            Some((host, port)) if port != 0 => {
                let host = bare(host).unwrap_or_else(|| host.to_owned());
                let is_host = host.parse::<std::net::IpAddr>().is_ok() || read_name("fault-relay", &host).is_ok();
                if is_host && !host.is_empty() { Ok(SmtpRelay { host, port }) } else { Err(SmtpRelay::bad(text)) }
            }
            _ => Err(SmtpRelay::bad(text)),
        }
    }

    /// Says that a text names no server.
    fn bad(text: &str) -> Fault {
        Fault::new("fault-relay", [("value", text.to_owned().into())])
    }
}

impl fmt::Display for SmtpRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SmtpRelay { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Reads a mail address in ASCII.
fn read_address(text: &str) -> Result<Address, Fault> {
    let read = Some(text).filter(|text| text.is_ascii()).and_then(|text| text.parse::<Address>().ok());
    read.filter(|address| read_name("fault-domain", address.domain()).is_ok())
        .ok_or_else(|| Fault::new("fault-address", [("value", text.to_owned().into())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_only_where_there_is_a_relay_for_that() {
        let faults = |text: &str| {
            let mut faults = Vec::new();
            let section = ReportsSection::check(toml::from_str(text).unwrap(), &mut faults);
            (section.failures, section.failures_per_day, faults.len())
        };
        assert_eq!(faults(""), (false, 10, 0));
        assert_eq!(faults("failures = false"), (false, 10, 0));
        assert_eq!(faults("failures = true"), (true, 10, 1));
        assert_eq!(
            faults("failures = true\nrelay = '[::1]:25'\nfrom = 'a@b.example'\nfailures_per_day = 7"),
            (true, 7, 0)
        );
        assert_eq!(faults("failures_per_day = 0").2, 1);
    }

    #[test]
    fn relays_are_hosts_with_ports() {
        for text in ["127.0.0.1:25", "[::1]:2525", "mail.example.org:587"] {
            assert_eq!(SmtpRelay::read(text).unwrap().to_string(), text);
        }
        for text in ["", "127.0.0.1", ":25", "mail.example.org:0", "mail.example.org:x", "a b:25", "::1"] {
            assert!(SmtpRelay::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn authors_are_plain_addresses() {
        assert_eq!(read_address("dmarc-reports@example.org").unwrap().domain(), "example.org");
        for text in ["", "example.org", "a@b@example.org", "a@[192.0.2.1]", "\u{fc}@example.org", "A <a@example.org>"] {
            assert!(read_address(text).is_err(), "{text}");
        }
    }
}
