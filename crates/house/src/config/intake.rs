//! `[intake]`: where reports arrive by SMTP

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use lettre::Address;
use sekisho_core::name::DomainName;
use sekisho_ledger::ReportKind;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::gate::read_authserv;
use super::network::{self, read_network};
use super::raw::{addresses, number};
use super::sign::{all, read};
use crate::fault::Fault;
use crate::sign::read_name;

/// The options.
pub(super) const OPTIONS: &[&str] = &[
    "listen",
    "lmtp",
    "host",
    "rua",
    "ruf",
    "tlsrpt",
    "abuse",
    "fbl",
    "relays",
    "trusted_authserv_ids",
    "distrusted_reporters",
    "certificate",
    "key",
    "require_tls",
    "max_message_megabytes",
    "max_recipients",
    "max_mails",
    "max_sessions",
    "max_sessions_per_client",
    "mails_per_minute",
    "posts_per_minute",
    "megabytes_per_minute",
    "megabytes_per_day",
    "reserve_megabytes",
    "idle_seconds",
    "data_seconds",
];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawIntake {
    /// Addresses to listen on.
    listen: Option<Vec<Spanned<String>>>,
    /// Addresses to listen on for LMTP.
    lmtp: Option<Vec<Spanned<String>>>,
    /// A name.
    host: Option<Spanned<String>>,
    /// Recipients of aggregate reports.
    rua: Option<Vec<Spanned<String>>>,
    /// Recipients of failure reports.
    ruf: Option<Vec<Spanned<String>>>,
    /// Recipients of TLS reports.
    tlsrpt: Option<Vec<Spanned<String>>>,
    /// Recipients of complaints.
    abuse: Option<Vec<Spanned<String>>>,
    /// Recipients of feedback loops.
    fbl: Option<Vec<Spanned<String>>>,
    /// Networks of our own MTAs.
    relays: Option<Vec<Spanned<String>>>,
    /// What they call themselves in Authentication-Results.
    trusted_authserv_ids: Option<Vec<Spanned<String>>>,
    /// Whose reports do not count.
    distrusted_reporters: Option<Vec<Spanned<String>>>,
    /// A file.
    certificate: Option<Spanned<String>>,
    /// A file.
    key: Option<Spanned<String>>,
    /// Whether there is no mail without TLS.
    require_tls: Option<Spanned<bool>>,
    /// The largest mail.
    max_message_megabytes: Option<Spanned<i64>>,
    /// The most recipients of a mail.
    max_recipients: Option<Spanned<i64>>,
    /// The most mails of a connection.
    max_mails: Option<Spanned<i64>>,
    /// The most connections.
    max_sessions: Option<Spanned<i64>>,
    /// The most connections of one client.
    max_sessions_per_client: Option<Spanned<i64>>,
    /// The most mails of one client in a minute.
    mails_per_minute: Option<Spanned<i64>>,
    /// The most reports that one client posts in a minute.
    posts_per_minute: Option<Spanned<i64>>,
    /// How much one client brings in a minute.
    megabytes_per_minute: Option<Spanned<i64>>,
    /// How much all strangers bring in a day.
    megabytes_per_day: Option<Spanned<i64>>,
    /// How much of the disk is kept free.
    reserve_megabytes: Option<Spanned<i64>>,
    /// How long a client may be silent.
    idle_seconds: Option<Spanned<i64>>,
    /// How long the content of a mail may take.
    data_seconds: Option<Spanned<i64>>,
}

/// Where reports arrive by SMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IntakeSection {
    /// Where senders of reports, or an MTA before us, connect.
    pub(crate) listen: Vec<SocketAddr>,
    /// Where our own MTAs deliver by LMTP.
    pub(crate) lmtp: Vec<SocketAddr>,
    /// The name that we greet with; nothing means that of this host.
    pub(crate) host: Option<String>,
    /// Whose mail is taken, and what it is for.
    pub(crate) recipients: Vec<(ReportKind, Vec<AddressPattern>)>,
    /// Our own MTAs, which say where a mail came from (XFORWARD).
    pub(crate) relays: Vec<IpNet>,
    /// Whose Authentication-Results are believed where the client is not known.
    pub(crate) trusted_authserv_ids: Vec<String>,
    /// Domains whose reports count in no sum, nor those of domains below them.
    pub(crate) distrusted_reporters: Vec<DomainName>,
    /// TLS, where it can be had.
    pub(crate) tls: Option<TlsFiles>,
    /// Whether there is no mail without TLS.
    pub(crate) require_tls: bool,
    /// The most octets of a mail.
    pub(crate) message_octets: u64,
    /// The most recipients of a mail.
    pub(crate) max_recipients: usize,
    /// The most mails of a connection.
    pub(crate) max_mails: u32,
    /// The most connections at a time.
    pub(crate) max_sessions: usize,
    /// The most connections at a time from one address.
    pub(crate) max_sessions_per_client: usize,
    /// The most mails of one client in a minute; 0 sets no limit.
    pub(crate) mails_per_minute: u32,
    /// The most reports that one client posts by HTTP in a minute; 0 sets no limit.
    pub(crate) posts_per_minute: u32,
    /// The most octets that one client brings in a minute; 0 sets no limit.
    pub(crate) octets_per_minute: u64,
    /// The most octets that all strangers bring in a day, by SMTP and by HTTP each; 0 sets no limit.
    pub(crate) octets_per_day: u64,
    /// How many octets of the disk no report takes.
    pub(crate) reserve_octets: u64,
    /// How long a client may take to say the next thing.
    pub(crate) idle: Duration,
    /// How long the content of a mail may take.
    pub(crate) data: Duration,
}

/// What TLS stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The file with our certificate, and with those above it.
    pub(crate) certificate: PathBuf,
    /// The file with its private key.
    pub(crate) key: PathBuf,
}

/// Mailboxes: `local@domain`, `local@` in every domain, `@domain` whatever stands before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddressPattern {
    /// What stands before the at sign, in lower case; nothing means anything.
    local: Option<String>,
    /// The domain; nothing means any.
    domain: Option<DomainName>,
}

/// Every kind: its option, what it means, and the usual names before the at sign.
const KINDS: [(&str, ReportKind, &[&str]); 5] = [
    ("rua", ReportKind::DmarcAggregate, &["dmarc-reports@", "dmarc@", "dmarc-rua@", "rua@"]),
    ("ruf", ReportKind::DmarcFailure, &["dmarc-failures@", "dmarc-ruf@", "ruf@"]),
    ("tlsrpt", ReportKind::Tls, &["tls-reports@", "tlsrpt@", "smtp-tls-reports@"]),
    ("abuse", ReportKind::Abuse, &["abuse@"]),
    ("fbl", ReportKind::Fbl, &["fbl@", "feedback@"]),
];

impl Default for IntakeSection {
    fn default() -> IntakeSection {
        let usual = |names: &[&str]| names.iter().filter_map(|name| AddressPattern::read(name).ok()).collect();
        IntakeSection {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8025))],
            lmtp: Vec::new(),
            host: None,
            recipients: KINDS.iter().map(|(_, kind, names)| (*kind, usual(names))).collect(),
            relays: Vec::new(),
            trusted_authserv_ids: Vec::new(),
            distrusted_reporters: Vec::new(),
            tls: None,
            require_tls: false,
            message_octets: 25_000_000,
            max_recipients: 100,
            max_mails: 1000,
            max_sessions: 200,
            max_sessions_per_client: 50,
            mails_per_minute: 600,
            posts_per_minute: 60,
            octets_per_minute: 50_000_000,
            octets_per_day: 5_000_000_000,
            reserve_octets: 256_000_000,
            idle: Duration::from_secs(300),
            data: Duration::from_secs(600),
        }
    }
}

impl IntakeSection {
    /// Checks what was written.
    pub(super) fn check(mut raw: RawIntake, faults: &mut Faults) -> IntakeSection {
        let mut section = IntakeSection::default();
        if let Some(written) = raw.listen.take() {
            section.listen = addresses(written, faults);
        }
        section.lmtp = addresses(raw.lmtp.take().unwrap_or_default(), faults);
        section.host = raw.host.take().and_then(|host| {
            let name = read(&host, faults, |text| read_name("fault-domain", text))?;
            Some(name.to_string())
        });
        section.relays = all(raw.relays.take().unwrap_or_default(), faults, read_network);
        section.trusted_authserv_ids = all(raw.trusted_authserv_ids.take().unwrap_or_default(), faults, read_authserv);
        let distrusted = raw.distrusted_reporters.take().unwrap_or_default();
        section.distrusted_reporters = all(distrusted, faults, |text| read_name("fault-domain", text));
        section.check_recipients(&mut raw, faults);
        section.check_tls(&mut raw, faults);
        section.check_limits(raw, faults);
        section
    }

    /// Checks whose mail is taken: one mailbox is for one thing.
    fn check_recipients(&mut self, raw: &mut RawIntake, faults: &mut Faults) {
        let written = [raw.rua.take(), raw.ruf.take(), raw.tlsrpt.take(), raw.abuse.take(), raw.fbl.take()].into_iter();
        let mut seen = Vec::new();
        for ((_, patterns), written) in self.recipients.iter_mut().zip(written) {
            let Some(written) = written else { continue };
            patterns.clear();
            for one in written {
                let Some(pattern) = read(&one, faults, AddressPattern::read) else { continue };
                if seen.contains(&pattern) {
                    let twice = Fault::new("fault-intake-twice", [("value", one.get_ref().clone().into())]);
                    faults.push((one.span(), twice));
                }
                seen.push(pattern.clone());
                patterns.push(pattern);
            }
        }
    }

    /// Checks what TLS stands on, and whether it is demanded.
    fn check_tls(&mut self, raw: &mut RawIntake, faults: &mut Faults) {
        let names = ["intake.certificate", "intake.key"];
        self.tls = TlsFiles::check(raw.certificate.take(), raw.key.take(), names, faults);
        if let Some(required) = raw.require_tls.take() {
            self.require_tls = *required.get_ref();
            if self.require_tls && self.tls.is_none() {
                let missing = Fault::new("fault-required", [("name", names[0].into())]);
                faults.push((required.span(), missing));
            }
        }
    }

    /// Checks how much is taken.
    fn check_limits(&mut self, raw: RawIntake, faults: &mut Faults) {
        let mut limit = |written, name, bounds, usual: u64| number(written, name, bounds, faults).unwrap_or(usual);
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        // What is kept is opened later, and no delivery beyond 40 MB is.
        let megabytes = limit(raw.max_message_megabytes, "intake.max_message_megabytes", 1..=40, 25);
        self.message_octets = megabytes * 1_000_000;
        self.max_recipients = count(limit(raw.max_recipients, "intake.max_recipients", 1..=1000, 100));
        self.max_mails = small(limit(raw.max_mails, "intake.max_mails", 1..=1_000_000, 1000));
        self.max_sessions = count(limit(raw.max_sessions, "intake.max_sessions", 1..=10_000, 200));
        let per_client = limit(raw.max_sessions_per_client, "intake.max_sessions_per_client", 1..=10_000, 50);
        self.max_sessions_per_client = count(per_client);
        self.mails_per_minute = small(limit(raw.mails_per_minute, "intake.mails_per_minute", 0..=1_000_000, 600));
        self.posts_per_minute = small(limit(raw.posts_per_minute, "intake.posts_per_minute", 0..=1_000_000, 60));
        let mut octets = |written, name, usual| limit(written, name, 0..=1_000_000_000, usual) * 1_000_000;
        self.octets_per_minute = octets(raw.megabytes_per_minute, "intake.megabytes_per_minute", 50);
        self.octets_per_day = octets(raw.megabytes_per_day, "intake.megabytes_per_day", 5000);
        self.reserve_octets = octets(raw.reserve_megabytes, "intake.reserve_megabytes", 256);
        self.idle = Duration::from_secs(limit(raw.idle_seconds, "intake.idle_seconds", 1..=3600, 300));
        self.data = Duration::from_secs(limit(raw.data_seconds, "intake.data_seconds", 1..=3600, 600));
    }

    /// Tells whether reports arrive anywhere.
    pub(crate) fn is_open(&self) -> bool {
        !self.listen.is_empty() || !self.lmtp.is_empty()
    }

    /// Lists the kinds of recipients with the names of their options.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (&'static str, &[AddressPattern])> {
        KINDS.iter().zip(&self.recipients).map(|((option, ..), (_, patterns))| (*option, patterns.as_slice()))
    }

    /// Returns what mail to a mailbox is for; the pattern that says most of it decides.
    pub(crate) fn kind(&self, local: &str, domain: &str) -> Option<ReportKind> {
        let (local, domain) = (local.to_lowercase(), DomainName::parse(domain).ok());
        let patterns = self.recipients.iter().flat_map(|(kind, patterns)| patterns.iter().map(|one| (*kind, one)));
        let fitting = patterns.filter(|(_, pattern)| pattern.matches(&local, domain.as_ref()));
        fitting.max_by_key(|(_, pattern)| pattern.weight()).map(|(kind, _)| kind)
    }

    /// Tells whether a client is an MTA of ours.
    pub(crate) fn is_relay(&self, client: IpAddr) -> bool {
        network::contain(&self.relays, client)
    }
}

impl TlsFiles {
    /// Checks what TLS stands on: both files, or none of them. `names` are those of the options.
    pub(super) fn check(
        certificate: Option<Spanned<String>>,
        key: Option<Spanned<String>>,
        names: [&'static str; 2],
        faults: &mut Faults,
    ) -> Option<TlsFiles> {
        let missing = |name: &'static str| Fault::new("fault-required", [("name", name.into())]);
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                let [certificate, key] = [certificate, key].map(|path| PathBuf::from(path.into_inner()));
                return Some(TlsFiles { certificate, key });
            }
            (Some(certificate), None) => faults.push((certificate.span(), missing(names[1]))),
            (None, Some(key)) => faults.push((key.span(), missing(names[0]))),
            (None, None) => {}
        }
        None
    }
}

impl AddressPattern {
    /// Reads `local@domain`, `local@` or `@domain`.
    fn read(text: &str) -> Result<AddressPattern, Fault> {
        let refused = || Fault::new("fault-intake-address", [("value", text.to_owned().into())]);
        let (local, domain) = text.rsplit_once('@').ok_or_else(refused)?;
        if local.is_empty() && domain.is_empty() || local.contains(char::is_whitespace) {
            return Err(refused());
        }
        let domain = match domain {
            "" => None,
            domain => Some(read_name("fault-domain", domain)?),
        };
        Ok(AddressPattern { local: Some(local.to_lowercase()).filter(|local| !local.is_empty()), domain })
    }

    /// Returns the pattern of one mailbox.
    pub(crate) fn of(address: &Address) -> AddressPattern {
        let domain = DomainName::parse(address.domain()).ok();
        AddressPattern { local: Some(address.user().to_lowercase()), domain }
    }

    /// Tells whether an address is meant.
    pub(crate) fn fits(&self, local: &str, domain: &str) -> bool {
        self.matches(&local.to_lowercase(), DomainName::parse(domain).ok().as_ref())
    }

    /// Tells whether a mailbox is meant. What follows a plus sign is for its owner to sort by.
    fn matches(&self, local: &str, domain: Option<&DomainName>) -> bool {
        let base = local.split('+').next().unwrap_or_default();
        self.local.as_deref().is_none_or(|wanted| wanted == local || wanted == base)
            && self.domain.as_ref().is_none_or(|wanted| Some(wanted) == domain)
    }

    /// Returns how much it says.
    fn weight(&self) -> u8 {
        2 * u8::from(self.local.is_some()) + u8::from(self.domain.is_some())
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.local.as_deref().unwrap_or_default())?;
        f.write_str("@")?;
        self.domain.as_ref().map_or(Ok(()), |domain| domain.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use super::super::config_for_testing;
    use super::*;

    #[test]
    fn recipients_decide_what_a_mail_is_for() {
        let usual = IntakeSection::default();
        assert_eq!(usual.kind("DMARC-Reports", "example.org"), Some(ReportKind::DmarcAggregate));
        assert_eq!(usual.kind("dmarc+example.org", "reports.example"), Some(ReportKind::DmarcAggregate));
        assert_eq!(usual.kind("tls-reports", "[192.0.2.1]"), Some(ReportKind::Tls));
        assert_eq!((usual.kind("postmaster", ""), usual.kind("alice", "example.org")), (None, None));
        let section =
            config_for_testing("[intake]\nrua = [\"@rua.example\", \"a@\"]\nruf = [\"a@rua.example\"]\ntlsrpt = []\n")
                .intake;
        let kind = |local, domain| section.kind(local, domain);
        assert_eq!(kind("anybody", "RUA.example"), Some(ReportKind::DmarcAggregate));
        assert_eq!(kind("a", "rua.example"), Some(ReportKind::DmarcFailure));
        assert_eq!(kind("a", "other.example"), Some(ReportKind::DmarcAggregate));
        assert_eq!((kind("tlsrpt", "x.example"), kind("a", "")), (None, Some(ReportKind::DmarcAggregate)));
    }
}
