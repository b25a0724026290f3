//! `[gate]`: the mail filter in front of an MTA

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::conduct::{Change, Conduct, RawConduct};
use super::raw::number;
use crate::fault::Fault;

/// The options.
pub(super) const OPTIONS: &[&str] = &[
    "listen",
    "mode",
    "author",
    "dmarc_reject",
    "temperror",
    "quarantine",
    "help",
    "authserv_id",
    "verdict_id",
    "max_sessions",
];

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
    /// What quarantine is.
    quarantine: Option<Spanned<String>>,
    /// Where the refused find help.
    help: Option<Spanned<String>>,
    /// Our name.
    authserv_id: Option<Spanned<String>>,
    /// Whether each verdict gets an id.
    verdict_id: Option<bool>,
    /// The most sessions.
    max_sessions: Option<Spanned<i64>>,
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
    /// The most conversations at a time.
    pub(crate) max_sessions: usize,
}

impl Default for GateSection {
    fn default() -> GateSection {
        GateSection {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8891))],
            conduct: Conduct::default(),
            help: None,
            authserv_id: None,
            verdict_id: false,
            max_sessions: 1000,
        }
    }
}

impl GateSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawGate, faults: &mut Faults) -> GateSection {
        let mut section = GateSection::default();
        if let Some(written) = raw.listen {
            section.listen = written.into_iter().filter_map(|address| listen_address(&address, faults)).collect();
        }
        let RawGate { mode, author, dmarc_reject, temperror, quarantine, .. } = raw;
        let conduct = RawConduct { mode, author, dmarc_reject, temperror, quarantine };
        section.conduct = Change::check(&conduct, faults).of(section.conduct);
        if let Some(help) = raw.help {
            if help.get_ref().len() > HELP_MAX || !help.get_ref().bytes().all(|b| b.is_ascii_graphic()) {
                faults.push((help.span(), Fault::new("fault-help", [("value", help.get_ref().clone().into())])));
            }
            section.help = Some(help.into_inner());
        }
        if let Some(name) = raw.authserv_id {
            // RFC 8601 §2.2: a value; a name without white space and specials is the one form that nobody misreads.
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            if name.get_ref().is_empty() || !name.get_ref().bytes().all(is_plain) {
                faults.push((name.span(), Fault::new("fault-authserv", [("value", name.get_ref().clone().into())])));
            }
            section.authserv_id = Some(name.into_inner());
        }
        section.verdict_id = raw.verdict_id.unwrap_or(section.verdict_id);
        if let Some(count) = number(raw.max_sessions, "gate.max_sessions", 1..=100_000, faults) {
            section.max_sessions = usize::try_from(count).unwrap_or(section.max_sessions);
        }
        section
    }
}

/// Reads an address to listen on.
fn listen_address(written: &Spanned<String>, faults: &mut Faults) -> Option<SocketAddr> {
    let address = written.get_ref().parse().ok();
    if address.is_none() {
        let value = written.get_ref().clone().into();
        faults.push((written.span(), Fault::new("fault-listen", [("value", value)])));
    }
    address
}
