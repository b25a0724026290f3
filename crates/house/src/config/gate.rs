//! `[gate]`: the mail filter in front of an MTA

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::{addresses, number};
use crate::fault::Fault;

/// The options.
pub(super) const OPTIONS: &[&str] = &["listen", "mode", "authserv_id", "max_sessions", "max_sessions_per_client"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawGate {
    /// Addresses.
    listen: Option<Vec<Spanned<String>>>,
    /// `monitor` or `enforce`.
    mode: Option<Spanned<String>>,
    /// Our name.
    authserv_id: Option<Spanned<String>>,
    /// The most sessions.
    max_sessions: Option<Spanned<i64>>,
    /// The most sessions of one client.
    max_sessions_per_client: Option<Spanned<i64>>,
}

/// Whether verdicts have consequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Every mail is judged and annotated, none is refused.
    Monitor,
    /// Verdicts decide.
    Enforce,
}

impl Mode {
    /// Every mode.
    const ALL: [Mode; 2] = [Mode::Monitor, Mode::Enforce];

    /// Returns the word of the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Mode::Monitor => "monitor",
            Mode::Enforce => "enforce",
        }
    }
}

/// The mail filter in front of an MTA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GateSection {
    /// Where MTAs connect.
    pub(crate) listen: Vec<SocketAddr>,
    /// Whether verdicts have consequences.
    pub(crate) mode: Mode,
    /// The name that we speak in; nothing means the MTA's own.
    pub(crate) authserv_id: Option<String>,
    /// The most conversations at a time.
    pub(crate) max_sessions: usize,
    /// The most conversations at a time from one address. An MTA has many, and often it is the only one.
    pub(crate) max_sessions_per_client: usize,
}

impl Default for GateSection {
    fn default() -> GateSection {
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 8891))];
        GateSection {
            listen,
            mode: Mode::Monitor,
            authserv_id: None,
            max_sessions: 1000,
            max_sessions_per_client: 1000,
        }
    }
}

impl GateSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawGate, faults: &mut Faults) -> GateSection {
        let mut section = GateSection::default();
        if let Some(written) = raw.listen {
            section.listen = addresses(written, faults);
        }
        if let Some(mode) = raw.mode {
            match Mode::ALL.into_iter().find(|known| known.as_str() == mode.get_ref()) {
                Some(known) => section.mode = known,
                None => faults.push((mode.span(), Fault::new("fault-mode", [("value", mode.into_inner().into())]))),
            }
        }
        if let Some(name) = raw.authserv_id {
            // RFC 8601 §2.2: a value; a name without white space and specials is the one form that nobody misreads.
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            if name.get_ref().is_empty() || !name.get_ref().bytes().all(is_plain) {
                faults.push((name.span(), Fault::new("fault-authserv", [("value", name.get_ref().clone().into())])));
            }
            section.authserv_id = Some(name.into_inner());
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
