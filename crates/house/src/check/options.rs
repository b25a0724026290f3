//! What `sekisho check` was asked to do, checked and complete: the command line over the configuration

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sekisho_core::facts::Facts;
use sekisho_core::zone::Zone;
use sekisho_mail::envelope::Envelope;
use sekisho_mail::policy::Policy;

use super::what_if;
use crate::cli::{CheckArguments, StepsShown};
use crate::config::{Config, Upstream, bad_upstream};
use crate::fault::{Fault, shown};
use crate::received::Hop;

/// The most octets of a zone file.
const ZONE_MAX: u64 = 16 * 1024 * 1024;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Options {
    /// The envelope, as far as the command line says.
    pub(super) envelope: Envelope,
    /// The hop to take the client from.
    pub(super) trust_received: Option<Hop>,
    /// Where answers come from.
    pub(super) answers: Answers,
    /// How long answers are waited for, for one mail.
    pub(super) timeout: Duration,
    /// The deciding configuration.
    pub(super) policy: Arc<Policy>,
    /// Whether the command line names a configuration, so that it beats a kept one.
    pub(super) config_given: bool,
    /// The answers to replace for a second hearing.
    pub(super) what_if: Option<Facts>,
    /// Where facts are kept.
    pub(super) save_facts: Option<PathBuf>,
    /// Where kept facts are.
    pub(super) facts: Option<PathBuf>,
    /// The time to judge by.
    pub(super) at: Option<Timestamp>,
    /// Whose steps are shown.
    pub(super) steps: StepsShown,
    /// Whether JSON is written.
    pub(super) json: bool,
}

/// Where answers come from.
#[derive(Clone, Debug)]
pub(super) enum Answers {
    /// Name servers; none means those of the system.
    Dns(Vec<Upstream>),
    /// A zone of one's own.
    Zone(Zone),
    /// Only what was kept.
    Kept,
}

impl Options {
    /// Puts the command line over the configuration.
    pub(super) fn new(arguments: CheckArguments, config: &Config) -> Result<Options, Fault> {
        let answers = match (&arguments.facts, &arguments.zone, &arguments.dns) {
            (Some(_), _, _) => Answers::Kept,
            (None, Some(path), _) => Answers::Zone(read_zone(path)?),
            (None, None, Some(server)) => Answers::Dns(vec![server.parse().map_err(|why| {
                Fault::new("fault-dns", [("server", server.clone().into())]).because(bad_upstream(&why))
            })?]),
            (None, None, None) => Answers::Dns(config.dns.upstreams.clone()),
        };
        let what_if = if arguments.what_if.is_empty() { None } else { Some(what_if::parse(&arguments.what_if)?) };
        Ok(Options {
            envelope: Envelope {
                client_ip: arguments.client_ip,
                helo: arguments.helo.map(octets),
                mail_from: arguments.mail_from.map(octets).map(without_brackets),
            },
            trust_received: arguments.trust_received,
            answers,
            timeout: arguments.timeout.unwrap_or(config.dns.timeout),
            policy: Arc::new(config.policy()),
            config_given: arguments.config.is_some(),
            what_if,
            save_facts: arguments.save_facts,
            facts: arguments.facts,
            at: arguments.at,
            steps: arguments.steps,
            json: arguments.json,
        })
    }
}

/// Returns an argument's octets.
fn octets(argument: OsString) -> Box<[u8]> {
    argument.into_vec().into_boxed_slice()
}

/// Returns a path without the angle brackets that SMTP puts around it.
fn without_brackets(path: Box<[u8]>) -> Box<[u8]> {
    match path.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")) {
        Some(inside) => inside.into(),
        None => path,
    }
}

/// Reads a zone file.
pub(crate) fn read_zone(path: &Path) -> Result<Zone, Fault> {
    let refused = |error: std::io::Error| Fault::io("fault-read", path, &error);
    if fs::metadata(path).map_err(refused)?.len() > ZONE_MAX {
        return Err(Fault::new("fault-large", [("path", shown(path)), ("size", (ZONE_MAX / (1024 * 1024)).into())]));
    }
    let text = fs::read(path).map_err(refused)?;
    Zone::parse(&String::from_utf8_lossy(&text)).map_err(|bad| {
        Fault::new("fault-line", [("path", shown(path)), ("line", bad.line.to_string().into())]).because(bad.why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_come_with_its_brackets() {
        for (written, path) in [("<a@b>", "a@b"), ("a@b", "a@b"), ("<>", ""), ("", ""), ("<", "<")] {
            assert_eq!(&*without_brackets(octets(written.into())), path.as_bytes());
        }
    }
}
