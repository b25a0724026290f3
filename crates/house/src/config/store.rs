//! `[store]`: what is kept, and where

use std::fmt;
use std::path::PathBuf;

use sekisho_ledger::vault::S3;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::privacy::{Privacy, RawPrivacy};
use super::raw::choice;
use super::sign::read;
use crate::fault::Fault;
use crate::lake::Forget;

/// The options.
pub(super) const OPTIONS: &[&str] = &[
    "folder",
    "events",
    "local_parts",
    "ledger",
    "vault",
    "vault_region",
    "vault_endpoint",
    "lake",
    "lake_region",
    "lake_endpoint",
];

/// The region of a bucket, unless it is told.
const REGION: &str = "us-east-1";

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawStore {
    /// A folder.
    folder: Option<String>,
    /// Whether Events are kept.
    events: Option<bool>,
    /// What is kept of the names of people.
    local_parts: Option<Spanned<String>>,
    /// Where the ledger is.
    ledger: Option<Spanned<String>>,
    /// Where the vault is.
    vault: Option<Spanned<String>>,
    /// The region of its bucket.
    vault_region: Option<String>,
    /// Where its bucket is asked for.
    vault_endpoint: Option<Spanned<String>>,
    /// Where the files of the lake are.
    lake: Option<Spanned<String>>,
    /// The region of their bucket.
    lake_region: Option<String>,
    /// Where their bucket is asked for.
    lake_endpoint: Option<Spanned<String>>,
    /// `[[store.privacy]]`
    privacy: Vec<Spanned<RawPrivacy>>,
}

/// What an Event keeps of a name before the at sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalParts {
    /// A hash of it that only this house can make: the same name is seen to be the same, and nobody can read it.
    Hash,
    /// The name itself.
    Keep,
    /// Nothing.
    Drop,
}

impl LocalParts {
    /// Every way.
    pub(super) const ALL: [LocalParts; 3] = [LocalParts::Hash, LocalParts::Keep, LocalParts::Drop];

    /// Returns the word of the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            LocalParts::Hash => "hash",
            LocalParts::Keep => "keep",
            LocalParts::Drop => "drop",
        }
    }

    /// Returns the one of two that keeps less.
    pub(super) fn stricter(self, other: LocalParts) -> LocalParts {
        let rank = |parts: LocalParts| {
            [LocalParts::Keep, LocalParts::Hash, LocalParts::Drop].iter().position(|known| *known == parts)
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

/// What is kept, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreSection {
    /// The data folder; nothing means the usual one of the system, or else the user's own.
    pub(crate) folder: Option<PathBuf>,
    /// Whether verdicts are kept as Events.
    pub(crate) events: bool,
    /// What an Event keeps of a name before the at sign.
    pub(crate) local_parts: LocalParts,
    /// The ledger that several nodes share; nothing means a file in the data folder.
    pub(crate) ledger: Option<LedgerAddress>,
    /// The bucket of the vault that several nodes share; nothing means a folder in the data folder.
    pub(crate) vault: Option<Bucket>,
    /// The region of that bucket.
    pub(crate) vault_region: String,
    /// Where that bucket is asked for, if not at Amazon's.
    pub(crate) vault_endpoint: Option<String>,
    /// The bucket of the lake's files that several nodes share; nothing means a folder in the data folder.
    pub(crate) lake: Option<Bucket>,
    /// The region of that bucket.
    pub(crate) lake_region: String,
    /// Where that bucket is asked for, if not at Amazon's.
    pub(crate) lake_endpoint: Option<String>,
    /// What is kept otherwise of mails for some recipients.
    pub(crate) privacy: Vec<Privacy>,
}

/// Where a shared ledger is: `postgres://…`. It is shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LedgerAddress(String);

/// A bucket and what stands before every name in it: `s3://BUCKET/PREFIX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Its name.
    pub(crate) name: String,
    /// The prefix; may be empty.
    pub(crate) prefix: String,
}

impl Default for StoreSection {
    fn default() -> StoreSection {
        StoreSection {
            folder: None,
            events: true,
            local_parts: LocalParts::Hash,
            ledger: None,
            vault: None,
            vault_region: REGION.to_owned(),
            vault_endpoint: None,
            lake: None,
            lake_region: REGION.to_owned(),
            lake_endpoint: None,
            privacy: Vec::new(),
        }
    }
}

impl StoreSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawStore, faults: &mut Faults) -> StoreSection {
        let default = StoreSection::default();
        let local_parts = choice(raw.local_parts, "store.local_parts", &LocalParts::ALL, LocalParts::as_str, faults);
        let privacy = raw.privacy.into_iter();
        let privacy = privacy.filter_map(|rule| Privacy::check(rule.span(), rule.into_inner(), faults)).collect();
        StoreSection {
            folder: raw.folder.filter(|folder| !folder.is_empty()).map(PathBuf::from),
            events: raw.events.unwrap_or(default.events),
            local_parts: local_parts.unwrap_or(default.local_parts),
            ledger: raw.ledger.and_then(|ledger| read(&ledger, faults, LedgerAddress::read)),
            vault: raw.vault.and_then(|vault| read(&vault, faults, Bucket::read)),
            vault_region: raw.vault_region.unwrap_or(default.vault_region),
            vault_endpoint: raw.vault_endpoint.and_then(|endpoint| read(&endpoint, faults, read_endpoint)),
            lake: raw.lake.and_then(|lake| read(&lake, faults, Bucket::read)),
            lake_region: raw.lake_region.unwrap_or(default.lake_region),
            lake_endpoint: raw.lake_endpoint.and_then(|endpoint| read(&endpoint, faults, read_endpoint)),
            privacy,
        }
    }

    /// Returns the bucket of the vault; nothing where it is a folder.
    pub(crate) fn vault_bucket(&self) -> Option<S3> {
        self.vault.as_ref().map(|bucket| bucket.at(&self.vault_region, self.vault_endpoint.as_deref()))
    }

    /// Returns the bucket of the lake's files; nothing where they lie in a folder.
    pub(crate) fn lake_bucket(&self) -> Option<S3> {
        self.lake.as_ref().map(|bucket| bucket.at(&self.lake_region, self.lake_endpoint.as_deref()))
    }

    /// Returns what is forgotten earlier than the rest.
    pub(crate) fn forgetting(&self) -> Vec<Forget> {
        let forget = |rule: &Privacy| {
            let domains = rule.recipients.iter().map(ToString::to_string).collect();
            rule.days.map(|days| Forget { domains, days })
        };
        self.privacy.iter().filter_map(forget).collect()
    }
}

impl LedgerAddress {
    /// Reads an address. What stands behind the scheme is the driver's to read; no fault repeats it, since it may hold a password.
    fn read(text: &str) -> Result<LedgerAddress, Fault> {
        let is_known = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        if is_known { Ok(LedgerAddress(text.to_owned())) } else { Err(Fault::new("fault-store-ledger", [])) }
    }

    /// Returns it with its password, for the driver.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// Returns the file of the authorities that vouch for the server, where it names one.
    pub(crate) fn authorities(&self) -> Option<PathBuf> {
        let (_, query) = self.0.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix("sslrootcert=")).map(PathBuf::from)
    }
}

impl fmt::Display for LedgerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, query) = self.0.split_once('?').unwrap_or((&self.0, ""));
        let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
        // A password may hold any character but the last at sign.
        match rest.rsplit_once('@').map(|(user, host)| (user.split_once(':'), host)) {
            Some((Some((user, _)), host)) => write!(f, "{scheme}://{user}:…@{host}")?,
            _ => f.write_str(address)?,
        }
        let masked = |pair: &str| match pair.split_once('=') {
            Some(("password", _)) => "password=…".to_owned(),
            _ => pair.to_owned(),
        };
        if query.is_empty() {
            return Ok(());
        }
        write!(f, "?{}", query.split('&').map(masked).collect::<Vec<_>>().join("&"))
    }
}

impl fmt::Debug for LedgerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Bucket {
    /// Reads `s3://BUCKET` or `s3://BUCKET/PREFIX`.
    fn read(text: &str) -> Result<Bucket, Fault> {
        let refused = || Fault::new("fault-store-bucket", [("value", text.to_owned().into())]);
        let place = text.strip_prefix("s3://").ok_or_else(refused)?;
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_');
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(refused());
        }
        Ok(Bucket { name: name.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }

    /// Returns it with where it is asked for.
    fn at(&self, region: &str, endpoint: Option<&str>) -> S3 {
        S3 {
            bucket: self.name.clone(),
            prefix: self.prefix.clone(),
            region: region.to_owned(),
            endpoint: endpoint.map(str::to_owned),
            // Keys come from the environment or the machine's role, and stand in no file of ours.
            credentials: None,
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bucket { name, prefix } = self;
        let slash = if prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{name}{slash}{prefix}")
    }
}

/// Reads where a bucket is asked for.
fn read_endpoint(text: &str) -> Result<String, Fault> {
    let is_known = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
    let fault = || Fault::new("fault-store-endpoint", [("value", text.to_owned().into())]);
    is_known.then(|| text.to_owned()).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (written, shown) in [
            ("postgres://sekisho:se:c@ret@db:5432/x?sslmode=require", "postgres://sekisho:…@db:5432/x?sslmode=require"),
            ("postgres://db/x?user=a&password=secret", "postgres://db/x?user=a&password=…"),
            ("postgresql://sekisho@db/x", "postgresql://sekisho@db/x"),
        ] {
            let address = LedgerAddress::read(written).unwrap();
            assert_eq!((address.to_string(), format!("{address:?}")), (shown.to_owned(), shown.to_owned()));
            assert_eq!(address.secret(), written);
        }
        let refused = LedgerAddress::read("mysql://a:secret@b").unwrap_err().to_string();
        assert!(!refused.contains("secret"), "{refused}");
        let address = LedgerAddress::read("postgres://db/x?sslmode=verify-full&sslrootcert=/etc/pg.pem").unwrap();
        assert_eq!(address.authorities(), Some(PathBuf::from("/etc/pg.pem")));
    }

    #[test]
    fn a_bucket_has_a_name_and_maybe_a_prefix() {
        for (written, shown) in [("s3://a", "s3://a"), ("s3://a-b.c/x/y/", "s3://a-b.c/x/y"), ("s3://a/", "s3://a")] {
            assert_eq!(Bucket::read(written).unwrap().to_string(), shown);
        }
        for odd in ["a", "s3://", "s3:///x", "s3://A B", "gs://a"] {
            assert!(Bucket::read(odd).is_err(), "{odd}");
        }
    }
}
