//! `[store]`: what is kept, and where

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::choice;

/// The options.
pub(super) const OPTIONS: &[&str] = &["folder", "events", "local_parts"];

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
    const ALL: [LocalParts; 3] = [LocalParts::Hash, LocalParts::Keep, LocalParts::Drop];

    /// Returns the word of the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            LocalParts::Hash => "hash",
            LocalParts::Keep => "keep",
            LocalParts::Drop => "drop",
        }
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
}

impl Default for StoreSection {
    fn default() -> StoreSection {
        StoreSection { folder: None, events: true, local_parts: LocalParts::Hash }
    }
}

impl StoreSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawStore, faults: &mut Faults) -> StoreSection {
        let default = StoreSection::default();
        let local_parts = choice(raw.local_parts, "store.local_parts", &LocalParts::ALL, LocalParts::as_str, faults);
        StoreSection {
            folder: raw.folder.filter(|folder| !folder.is_empty()).map(PathBuf::from),
            events: raw.events.unwrap_or(default.events),
            local_parts: local_parts.unwrap_or(default.local_parts),
        }
    }
}
