//! *Settings*: what is in force and where it comes from, and what is kept of whose mail
//!
//! The configuration is a file, so that it can be reviewed, kept under version control and put back; this page shows what is made
//! of it and how it is changed.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;

use super::Desk;
use super::frame::{Frame, Shown};
use super::shown;
use super::visitor::Visitor;
use crate::config::privacy::{Field, Privacy};
use crate::config::show::{InForce, in_force, written};
use crate::config::{Config, LocalParts};

/// *Settings*.
#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// The file, where there is one.
    file: Option<String>,
    /// What is kept of everybody's mail, and what otherwise.
    kept: Vec<Keeping>,
    /// The options that the file sets: path, value, and where it stands.
    written: Vec<(String, String, String)>,
    /// Every option.
    sections: Vec<InForce>,
}

/// What is kept of whose mail.
struct Keeping {
    /// Whose.
    whose: String,
    /// Whether anything is.
    events: bool,
    /// Names before the at sign.
    local_parts: String,
    /// What is left out.
    omit: String,
    /// For how long.
    days: String,
    /// On whose consent.
    consent: String,
}

/// Shows it.
pub(super) async fn show(State(desk): State<Arc<Desk>>, mut visitor: Visitor) -> Shown {
    visitor.asked(&[]);
    let (frame, gate) = (&visitor.frame, desk.front.gate());
    let config = &gate.config;
    let otherwise = config.store.privacy.iter().map(|rule| Keeping::otherwise(frame, config, rule));
    let page = SettingsPage {
        frame,
        file: config.path.as_ref().map(|path| shown::long(&path.to_string_lossy())),
        kept: std::iter::once(Keeping::usual(frame, config)).chain(otherwise).collect(),
        written: written(config, &frame.talk),
        sections: in_force(config, &frame.talk),
    };
    Ok(frame.show(&page))
}

impl Keeping {
    /// Says what is kept of everybody's mail.
    fn usual(frame: &Frame, config: &Config) -> Keeping {
        Keeping {
            whose: frame.say("desk-privacy-everybody"),
            events: config.store.events,
            local_parts: parts(frame, config.store.local_parts),
            omit: String::new(),
            days: days(frame, config.lake.mail),
            consent: String::new(),
        }
    }

    /// Says what is kept of some mail.
    fn otherwise(frame: &Frame, config: &Config, rule: &Privacy) -> Keeping {
        let Privacy { recipients, events, omit, local_parts, consent, .. } = rule;
        Keeping {
            whose: recipients.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            events: *events && config.store.events,
            local_parts: parts(frame, local_parts.unwrap_or(config.store.local_parts)),
            omit: omit.iter().copied().map(Field::as_str).collect::<Vec<_>>().join(", "),
            days: days(frame, rule.forgets_after().map_or(config.lake.mail, |kept| at_most(kept, config.lake.mail))),
            consent: consent.as_deref().map(shown::long).unwrap_or_default(),
        }
    }
}

/// Returns the shorter of two numbers of days, of which the second one is for ever where it is none.
fn at_most(days: u32, usual: u32) -> u32 {
    if usual == 0 { days } else { days.min(usual) }
}

/// Says what becomes of names before the at sign.
fn parts(frame: &Frame, parts: LocalParts) -> String {
    frame.word("local-parts", parts.as_str())
}

/// Says for how long.
fn days(frame: &Frame, days: u32) -> String {
    match days {
        0 => frame.say("desk-privacy-for-ever"),
        days => frame.tell("desk-privacy-days", &[("days", u64::from(days).into())]),
    }
}
