//! `[seal]`: an ARC seal, for those who hand mails on (RFC 8617 §5.1)

use std::path::PathBuf;

use ipnet::IpNet;
use sekisho_core::name::DomainName;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::network::read_network;
use super::raw::word;
use super::sign::{all, read};
use crate::fault::Fault;
use crate::sign::read_name;

/// The options.
pub(super) const OPTIONS: &[&str] = &["domain", "selector", "key", "when", "lists"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawSeal {
    /// A domain.
    domain: Option<Spanned<String>>,
    /// A selector.
    selector: Option<Spanned<String>>,
    /// A path.
    key: Option<Spanned<String>>,
    /// `arrival` or `departure`.
    when: Option<Spanned<String>>,
    /// Networks.
    lists: Option<Vec<Spanned<String>>>,
}

/// An ARC seal on what is handed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SealSection {
    /// By which key; nothing where nothing is sealed.
    pub(crate) key: Option<SealKey>,
    /// When mails are sealed.
    pub(crate) when: When,
    /// Where the list software is that gives mails back to be sealed at their departure.
    pub(crate) lists: Vec<IpNet>,
}

/// Who seals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SealKey {
    /// The domain that seals, `d=`.
    pub(crate) domain: DomainName,
    /// Where below the domain the key's record is, `s=`.
    pub(crate) selector: DomainName,
    /// The file with the private key.
    pub(crate) path: PathBuf,
}

/// When mails are sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum When {
    /// When they were judged: right where nobody changes them before they are handed on.
    #[default]
    Arrival,
    /// When they go out again: right for lists, which change what they hand on.
    Departure,
}

impl When {
    /// Every value with its word.
    const ALL: [(&str, When); 2] = [("arrival", When::Arrival), ("departure", When::Departure)];

    /// Returns the word of the configuration.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            When::Arrival => "arrival",
            When::Departure => "departure",
        }
    }
}

impl SealSection {
    /// Checks what was written: who seals has a domain, a selector and a key, or none of them.
    pub(super) fn check(raw: RawSeal, faults: &mut Faults) -> SealSection {
        let mut section = SealSection::default();
        section.when = word(raw.when, &When::ALL, "fault-seal-when", faults).unwrap_or(section.when);
        section.lists = all(raw.lists.unwrap_or_default(), faults, read_network);
        let written = [("seal.domain", &raw.domain), ("seal.selector", &raw.selector), ("seal.key", &raw.key)];
        if let Some(first) = written.iter().find_map(|(_, option)| option.as_ref()) {
            for (name, _) in written.iter().filter(|(_, option)| option.is_none()) {
                faults.push((first.span(), Fault::new("fault-required", [("name", (*name).into())])));
            }
        }
        if let (Some(domain), Some(selector), Some(key)) = (raw.domain, raw.selector, raw.key) {
            let domain = read(&domain, faults, |text| read_name("fault-domain", text));
            let selector = read(&selector, faults, |text| read_name("fault-selector", text));
            if let (Some(domain), Some(selector)) = (domain, selector) {
                section.key = Some(SealKey { domain, selector, path: PathBuf::from(key.into_inner()) });
            }
        }
        section
    }
}
