//! `[spf]`: the one limit of SPF that a receiver may choose (RFC 7208 §4.6.4)

use sekisho_mail::policy::Policy;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::number;

/// The options.
pub(super) const OPTIONS: &[&str] = &["void_lookups"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawSpf {
    /// The most lookups that may find nothing.
    void_lookups: Option<Spanned<i64>>,
}

/// SPF's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpfSection {
    /// The most lookups of one evaluation that may find nothing.
    pub(crate) void_lookups: u32,
}

impl Default for SpfSection {
    fn default() -> SpfSection {
        SpfSection { void_lookups: Policy::default().spf_void_lookups }
    }
}

impl SpfSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawSpf, faults: &mut Faults) -> SpfSection {
        let default = SpfSection::default();
        let void_lookups = number(raw.void_lookups, "spf.void_lookups", 0..=10, faults);
        SpfSection {
            void_lookups: void_lookups.and_then(|count| count.try_into().ok()).unwrap_or(default.void_lookups),
        }
    }
}
