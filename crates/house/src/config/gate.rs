//! `[gate]`: the mail filter in front of an MTA

use std::net::SocketAddr;
use std::ops::Range;

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::conduct::{Change, Conduct, RawConduct};
use super::network::read_network;
use super::raw::{number, required};
use super::sign::{DomainPattern, UserPattern, all, read};
use crate::fault::Fault;
use crate::received::Hop;

/// The options.
pub(super) const OPTIONS: &[&str] = &[
    "listen",
    "mode",
    "author",
    "dmarc_reject",
    "temperror",
    "failure",
    "quarantine",
    "help",
    "authserv_id",
    "verdict_id",
    "replay_copies",
    "max_sessions",
    "max_sessions_per_client",
];

/// The options of a rule.
pub(super) const RULE_OPTIONS: &[&str] = &[
    "recipients",
    "authors",
    "networks",
    "users",
    "mode",
    "author",
    "dmarc_reject",
    "temperror",
    "failure",
    "quarantine",
];

/// The options of a relay.
pub(super) const RELAY_OPTIONS: &[&str] = &["networks", "hop", "keep_results"];

/// The longest help address: an answer has to fit into one line of SMTP.
const HELP_MAX: usize = 100;

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawGate {
    /// Addresses.
    listen: Option<Vec<Spanned<String>>>,
    /// `monitor` or `enforce`.
    mode: Option<Spanned<String>>,
    /// What is done with a mail without one author to rely on.
    author: Option<Spanned<String>>,
    /// What is done where DMARC fails and the domain asks for rejection.
    dmarc_reject: Option<Spanned<String>>,
    /// What is done where the DNS does not answer.
    temperror: Option<Spanned<String>>,
    /// What is done with a mail that we failed to judge.
    failure: Option<Spanned<String>>,
    /// What quarantine is.
    quarantine: Option<Spanned<String>>,
    /// Where the refused find help.
    help: Option<Spanned<String>>,
    /// Our name.
    authserv_id: Option<Spanned<String>>,
    /// Whether each verdict gets an id.
    verdict_id: Option<bool>,
    /// From how many copies on a replay is suspected.
    replay_copies: Option<Spanned<i64>>,
    /// The most sessions.
    max_sessions: Option<Spanned<i64>>,
    /// The most sessions of one client.
    max_sessions_per_client: Option<Spanned<i64>>,
    /// `[[gate.rules]]`
    rules: Vec<Spanned<RawRule>>,
    /// `[[gate.relays]]`
    relays: Vec<Spanned<RawRelay>>,
}

/// A relay as it was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawRelay {
    /// Its networks.
    networks: Option<Vec<Spanned<String>>>,
    /// Which Received field names the client.
    hop: Option<Spanned<String>>,
    /// Whose results are kept.
    keep_results: Option<Vec<Spanned<String>>>,
}

/// A rule as it was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawRule {
    /// Recipient domains.
    recipients: Option<Vec<Spanned<String>>>,
    /// Author domains.
    authors: Option<Vec<Spanned<String>>>,
    /// Networks of clients.
    networks: Option<Vec<Spanned<String>>>,
    /// Logins.
    users: Option<Vec<Spanned<String>>>,
    /// `monitor` or `enforce`.
    mode: Option<Spanned<String>>,
    /// What is done with a mail without one author to rely on.
    author: Option<Spanned<String>>,
    /// What is done where DMARC fails and the domain asks for rejection.
    dmarc_reject: Option<Spanned<String>>,
    /// What is done where the DNS does not answer.
    temperror: Option<Spanned<String>>,
    /// What is done with a mail that we failed to judge.
    failure: Option<Spanned<String>>,
    /// What quarantine is.
    quarantine: Option<Spanned<String>>,
}

/// The mail filter in front of an MTA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GateSection {
    /// Where MTAs connect.
    pub(crate) listen: Vec<SocketAddr>,
    /// What is done with mails.
    pub(crate) conduct: Conduct,
    /// Where those who are refused find help: an address or a page.
    pub(crate) help: Option<String>,
    /// The name that we speak in; nothing means the MTA's own.
    pub(crate) authserv_id: Option<String>,
    /// Whether a field names the id under which the verdict stands in the log.
    pub(crate) verdict_id: bool,
    /// From how many copies of one signature on a replay is suspected; 0 counts none.
    pub(crate) replay_copies: u32,
    /// The most conversations at a time.
    pub(crate) max_sessions: usize,
    /// The most conversations at a time from one address. An MTA has many, and often it is the only one.
    pub(crate) max_sessions_per_client: usize,
    /// What is done otherwise with some mails; where several speak of one mail, the later ones win.
    pub(crate) rules: Vec<Rule>,
    /// The hosts of ours that hand mail on.
    pub(crate) relays: Vec<Relay>,
}

/// A host of ours that hands mail on, such as a backup MX or a content filter: `[[gate.relays]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relay {
    /// Where it is.
    pub(crate) networks: Vec<IpNet>,
    /// Which Received field names the client that it had the mail from.
    pub(crate) hop: Hop,
    /// The names in Authentication-Results that it speaks in; what it says is kept.
    pub(crate) keep_results: Vec<String>,
}

/// What is done otherwise with some mails: `[[gate.rules]]`. What is empty holds for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The domains of recipients.
    pub(crate) recipients: Vec<DomainPattern>,
    /// The author domains.
    pub(crate) authors: Vec<DomainPattern>,
    /// Where the client is.
    pub(crate) networks: Vec<IpNet>,
    /// Who has logged in.
    pub(crate) users: Vec<UserPattern>,
    /// What is done otherwise.
    pub(crate) change: Change,
}

impl Default for GateSection {
    fn default() -> GateSection {
        GateSection {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8891))],
            conduct: Conduct::default(),
            help: None,
            authserv_id: None,
            verdict_id: false,
            replay_copies: 100,
            max_sessions: 1000,
            max_sessions_per_client: 1000,
            rules: Vec::new(),
            relays: Vec::new(),
        }
    }
}

impl GateSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawGate, faults: &mut Faults) -> GateSection {
        let mut section = GateSection::default();
        if let Some(written) = raw.listen {
            section.listen = all(written, faults, super::read_listen);
        }
        let RawGate { mode, author, dmarc_reject, temperror, failure, quarantine, .. } = raw;
        let conduct = RawConduct { mode, author, dmarc_reject, temperror, failure, quarantine };
        section.conduct = Change::check(&conduct, faults).of(section.conduct);
        section.rules = raw.rules.into_iter().map(|rule| Rule::check(rule.into_inner(), faults)).collect();
        let relays = raw.relays.into_iter();
        section.relays = relays.filter_map(|relay| Relay::check(relay.span(), relay.into_inner(), faults)).collect();
        if let Some(help) = raw.help {
            if help.get_ref().len() > HELP_MAX || !help.get_ref().bytes().all(|b| b.is_ascii_graphic()) {
                faults.push((help.span(), Fault::new("fault-help", [("value", help.get_ref().clone().into())])));
            }
            section.help = Some(help.into_inner());
        }
        section.authserv_id = raw.authserv_id.and_then(|name| read(&name, faults, read_authserv));
        section.verdict_id = raw.verdict_id.unwrap_or(section.verdict_id);
        if let Some(copies) = number(raw.replay_copies, "gate.replay_copies", 0..=1_000_000, faults) {
            section.replay_copies = u32::try_from(copies).unwrap_or(section.replay_copies);
        }
        if let Some(count) = number(raw.max_sessions, "gate.max_sessions", 1..=100_000, faults) {
            section.max_sessions = usize::try_from(count).unwrap_or(section.max_sessions);
        }
        let per_client = number(raw.max_sessions_per_client, "gate.max_sessions_per_client", 1..=100_000, faults);
        if let Some(count) = per_client {
            section.max_sessions_per_client = usize::try_from(count).unwrap_or(section.max_sessions_per_client);
        }
        section
    }
}

impl Relay {
    /// Checks what was written; a relay without networks would be everybody.
    fn check(at: Range<usize>, raw: RawRelay, faults: &mut Faults) -> Option<Relay> {
        let networks = all(required(raw.networks, "gate.relays.networks", at.clone(), faults)?, faults, read_network);
        if networks.is_empty() {
            faults.push((at, Fault::new("fault-required", [("name", "gate.relays.networks".into())])));
        }
        let mut hop = Hop::Number(1);
        if let Some(written) = raw.hop {
            match written.get_ref().parse() {
                Ok(read) => hop = read,
                Err(fault) => faults.push((written.span(), fault)),
            }
        }
        let keep_results = all(raw.keep_results.unwrap_or_default(), faults, read_authserv);
        Some(Relay { networks, hop, keep_results })
    }
}

/// Reads a name for Authentication-Results (RFC 8601 §2.2): one without white space and specials is the one form that
/// nobody misreads.
pub(super) fn read_authserv(text: &str) -> Result<String, Fault> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let is_name = !text.is_empty() && text.bytes().all(is_plain);
    if is_name { Ok(text.to_owned()) } else { Err(Fault::new("fault-authserv", [("value", text.to_owned().into())])) }
}

impl Rule {
    /// Checks what was written.
    fn check(raw: RawRule, faults: &mut Faults) -> Rule {
        let RawRule {
            recipients,
            authors,
            networks,
            users,
            mode,
            author,
            dmarc_reject,
            temperror,
            failure,
            quarantine,
        } = raw;
        let conduct = RawConduct { mode, author, dmarc_reject, temperror, failure, quarantine };
        Rule {
            recipients: all(recipients.unwrap_or_default(), faults, DomainPattern::read),
            authors: all(authors.unwrap_or_default(), faults, DomainPattern::read),
            networks: all(networks.unwrap_or_default(), faults, read_network),
            users: all(users.unwrap_or_default(), faults, UserPattern::read),
            change: Change::check(&conduct, faults),
        }
    }
}
