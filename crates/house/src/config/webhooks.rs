//! `[[webhooks]]`: who is told of what happens here, and of what

use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;

use reqwest::Url;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::oidc::{is_here, read_place};
use super::raw::required;
use super::sign::{all, read};
use crate::fault::Fault;
use crate::webhooks::{Topic, is_global};

/// The options.
pub(super) const OPTIONS: &[&str] = &["url", "secret_file", "events", "private"];

/// What was written of one `[[webhooks]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawWebhook {
    /// An address.
    url: Option<Spanned<String>>,
    /// A path.
    secret_file: Option<String>,
    /// Patterns.
    events: Option<Vec<Spanned<String>>>,
    /// Whether addresses within may be called.
    private: Option<bool>,
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Webhook {
    /// Where: by TLS, or on this machine; without [`Webhook::private`] no address that leads inside.
    pub(crate) url: Url,
    /// The file with the secret that we share.
    pub(crate) secret: PathBuf,
    /// Of what, as patterns; none is all.
    pub(crate) events: Vec<String>,
    /// Whether it may be an address that not everybody can reach.
    pub(crate) private: bool,
}

impl Webhook {
    /// Checks what was written.
    pub(super) fn check_all(raw: Vec<Spanned<RawWebhook>>, faults: &mut Faults) -> Vec<Webhook> {
        let mut hooks: Vec<Webhook> = Vec::new();
        for one in raw {
            let at = one.span();
            match Webhook::check(at.clone(), one.into_inner(), faults) {
                // One secret for two tables: which of them would be signed with?
                Some(hook) if hooks.iter().any(|other| other.url == hook.url) => {
                    faults.push((at, Fault::new("fault-webhook-twice", [("value", hook.url.to_string().into())])));
                }
                hook => hooks.extend(hook),
            }
        }
        hooks
    }

    /// Checks what was written of one.
    fn check(at: Range<usize>, raw: RawWebhook, faults: &mut Faults) -> Option<Webhook> {
        let private = raw.private.unwrap_or(false);
        let secret = required(raw.secret_file, "webhooks.secret_file", at.clone(), faults).map(PathBuf::from);
        let events = all(raw.events.unwrap_or_default(), faults, read_pattern);
        let url = required(raw.url, "webhooks.url", at, faults)?;
        let url = read(&url, faults, |text| read_url(text, private))?;
        Some(Webhook { url, secret: secret?, events, private })
    }

    /// Tells whether it is told of a topic.
    pub(crate) fn wants(&self, topic: Topic) -> bool {
        self.events.is_empty() || self.events.iter().any(|pattern| topic.is_meant_by(pattern))
    }
}

/// Reads where somebody is called.
fn read_url(text: &str, private: bool) -> Result<Url, Fault> {
    let url = read_place(text)?;
    if private || !leads_inside(&url) {
        return Ok(url);
    }
    Err(Fault::new("fault-webhook-private", [("value", text.to_owned().into())]))
}

/// Tells whether an address leads inside as it is written, without asking anybody.
fn leads_inside(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    url.scheme() != "https" || is_here(url) || host.parse::<IpAddr>().is_ok_and(|address| !is_global(address))
}

/// Reads which events are meant.
fn read_pattern(text: &str) -> Result<String, Fault> {
    if Topic::ALL.into_iter().any(|topic| topic.is_meant_by(text)) {
        return Ok(text.to_owned());
    }
    let choices = Topic::ALL.map(Topic::word).join(", ");
    Err(Fault::new("fault-webhook-event", [("value", text.to_owned().into()), ("choices", choices.into())]))
}

#[cfg(test)]
mod tests {
    use super::super::config_for_testing;
    use super::*;

    #[test]
    fn without_events_it_is_told_of_all() {
        let table = "[[webhooks]]\nurl = \"https://hooks.example.org/x\"\nsecret_file = \"s\"\n";
        let hooks =
            config_for_testing(&format!("{table}\n{}events = [\"report.*\"]\n", table.replace("/x", "/y"))).webhooks;
        assert!(Topic::ALL.into_iter().all(|topic| hooks[0].wants(topic)));
        assert!(hooks[1].wants(Topic::ReportSent) && !hooks[1].wants(Topic::PersonChanged));
        assert!(!hooks[0].private);
    }

    #[test]
    fn what_leads_inside_is_called_only_where_that_is_meant() {
        let inside = [
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://127.1/",
            "https://localhost/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest",
            "https://100.64.0.1/",
            "https://[fc00::1]/",
            "https://10.0.0.1./",
            "http://127.0.0.1:8000/",
            "http://localhost/",
        ];
        for url in inside {
            assert!(read_url(url, false).is_err(), "{url}");
            assert!(read_url(url, true).is_ok(), "{url}");
        }
        for never in
            ["http://hooks.example.org/", "http://10.0.0.1/", "ftp://127.0.0.1/", "https://u:p@hooks.example.org/", ""]
        {
            assert!(read_url(never, false).is_err() && read_url(never, true).is_err(), "{never}");
        }
        assert!(read_url("https://hooks.example.org:8443/a?b=c", false).is_ok());
    }
}
