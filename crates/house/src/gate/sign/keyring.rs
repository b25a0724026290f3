//! The keys: read from their files, tried, and found by the author's domain

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use jiff::Timestamp;
use sekisho_core::name::DomainName;
use sekisho_mail::body::{BodyHasher, BodyPlan};
use sekisho_mail::dkim::sign::Signer;
use sekisho_mail::dkim::signing_key::SigningKey;
use sekisho_mail::header::Header;

use crate::config::sign::KeyTable;
use crate::config::{Config, SignSection};
use crate::fault::{Fault, shown};
use crate::key_file;
use crate::sign::{KEY_MAX, bad_key, bad_sign};

/// The seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// The keys, by the domain that they vouch for.
#[derive(Debug, Default)]
pub(super) struct Keyring(BTreeMap<DomainName, Vec<Held>>);

/// One key.
#[derive(Debug)]
pub(super) struct Held {
    /// Who signs with it.
    pub(super) signer: Signer,
    /// Whether it signs for authors below the domain, too.
    pub(super) subdomains: bool,
    /// The option that names its file, for faults.
    pub(super) option: String,
}

impl Keyring {
    /// Reads the keys and tries each of them; names every one that cannot be used.
    pub(super) fn open(config: &Config) -> Result<Keyring, Vec<Fault>> {
        let (mut keys, mut faults) = (Keyring::default(), Vec::new());
        for (number, table) in config.sign.keys.iter().enumerate() {
            let option = format!("sign.keys[{number}].key");
            let held = keys.0.entry(table.domain.clone()).or_default();
            if held.iter().any(|other| other.signer.selector == table.selector) {
                let named = [("selector", (&table.selector).into()), ("domain", (&table.domain).into())];
                faults
                    .push(config.blame(&format!("sign.keys[{number}].selector"), Fault::new("fault-key-twice", named)));
                continue;
            }
            match signer(&config.sign, table) {
                Ok(signer) => held.push(Held { signer, subdomains: table.subdomains, option }),
                Err(fault) => faults.push(config.blame(&option, fault)),
            }
        }
        if faults.is_empty() { Ok(keys) } else { Err(faults) }
    }

    /// Returns a ring of keys that are at hand.
    pub(super) fn of(signers: impl IntoIterator<Item = Signer>) -> Keyring {
        let mut keys = Keyring::default();
        for signer in signers {
            let held = Held { subdomains: false, option: String::new(), signer };
            keys.0.entry(held.signer.domain.clone()).or_default().push(held);
        }
        keys
    }

    /// Returns those who sign for an author's domain: its own keys, or else those of the nearest domain above that sign
    /// for what is below it.
    pub(super) fn signers(&self, author: &DomainName) -> Vec<&Signer> {
        if let Some(own) = self.0.get(author) {
            return own.iter().map(|held| &held.signer).collect();
        }
        let mut above = author.parent();
        while let Some(domain) = above.filter(|domain| !domain.is_root()) {
            let held = self.0.get(&domain).into_iter().flatten().filter(|held| held.subdomains);
            let signers: Vec<&Signer> = held.map(|held| &held.signer).collect();
            if !signers.is_empty() {
                return signers;
            }
            above = domain.parent();
        }
        Vec::new()
    }

    /// Tells whether there is no key.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns every key.
    pub(super) fn all(&self) -> impl Iterator<Item = &Held> {
        self.0.values().flatten()
    }
}

/// Prepares the one who signs with a key, and lets it sign once: what cannot sign is told at the start, not with a mail.
fn signer(section: &SignSection, table: &KeyTable) -> Result<Signer, Fault> {
    let mut signer = Signer::new(table.domain.clone(), table.selector.clone(), read_key(&table.path)?);
    signer.header = section.header;
    signer.body = section.body;
    signer.oversigned = section.oversigned.clone();
    signer.expire_after = section.expire_days.map(|days| days * DAY);
    let mut plan = BodyPlan::new();
    signer.plan(&mut plan);
    let digests = BodyHasher::new(&plan).finish();
    let header = Header::parse(b"From: trial\r\n");
    let tried = signer.sign(&header, &digests, Timestamp::UNIX_EPOCH);
    let refused = |why| Fault::new("fault-key", [("path", shown(&table.path))]).because(bad_sign(&why));
    tried.map_err(refused).map(|_| signer)
}

/// Reads a key file, unless others could read it as well.
pub(crate) fn read_key(path: &Path) -> Result<SigningKey, Fault> {
    let mut text = Vec::new();
    let read = key_file::open(path)?.take(KEY_MAX).read_to_end(&mut text);
    read.map_err(|why| Fault::io("fault-read", path, &why))?;
    SigningKey::from_pem(&String::from_utf8_lossy(&text))
        .map_err(|why| Fault::new("fault-key", [("path", shown(path))]).because(bad_key(why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_the_author_and_from_above_only_where_they_say_so() {
        let name = |text: &str| DomainName::parse(text).unwrap();
        let mut keys = Keyring::default();
        for (domain, selector, subdomains) in [
            ("example.org", "a", true),
            ("example.org", "b", false),
            ("own.example.org", "c", false),
            ("example.net", "d", false),
        ] {
            let signer = Signer::new(name(domain), name(selector), SigningKey::from_seed(&[7; 32]).unwrap());
            keys.0.entry(name(domain)).or_default().push(Held { signer, subdomains, option: String::new() });
        }
        let found = |author: &str| {
            keys.signers(&name(author)).iter().map(|signer| signer.selector.to_string()).collect::<Vec<_>>().join("")
        };
        assert_eq!(found("example.org"), "ab");
        assert_eq!(found("x.y.example.org"), "a");
        assert_eq!(found("own.example.org"), "c");
        assert_eq!(found("x.own.example.org"), "a");
        assert_eq!(found("x.example.net"), "");
        assert_eq!(found("badexample.org"), "");
        assert_eq!(found("org"), "");
    }
}
