//! `[check]`: how mails are judged and told

use std::ops::RangeInclusive;

use sekisho_core::speech::Lang;
use sekisho_mail::policy::Policy;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::number;
use crate::fault::Fault;

/// The options.
pub(super) const OPTIONS: &[&str] = &["max_signatures", "max_header_bytes", "max_fields", "lang"];

/// How large the largest header may be: what every server lets pass, up to the largest mail.
const HEADER_BYTES: RangeInclusive<u64> = 64 * 1024..=128 * 1024 * 1024;

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawCheck {
    /// The most DKIM signatures.
    max_signatures: Option<Spanned<i64>>,
    /// The most octets of a header.
    max_header_bytes: Option<Spanned<i64>>,
    /// The most fields of a header.
    max_fields: Option<Spanned<i64>>,
    /// The language of accounts.
    lang: Option<Spanned<String>>,
}

/// How mails are judged and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckSection {
    /// The most DKIM signatures of one mail that are examined.
    pub(crate) max_signatures: usize,
    /// The most octets of a header that is judged.
    pub(crate) max_header_bytes: usize,
    /// The most fields of a header that is judged.
    pub(crate) max_fields: usize,
    /// The language of accounts; nothing means that of the locale.
    pub(crate) lang: Option<Lang>,
}

impl Default for CheckSection {
    fn default() -> CheckSection {
        let Policy { max_signatures, max_header_bytes, max_fields, .. } = Policy::default();
        CheckSection { max_signatures, max_header_bytes, max_fields, lang: None }
    }
}

impl CheckSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawCheck, faults: &mut Faults) -> CheckSection {
        let mut section = CheckSection::default();
        for (written, name, bounds, number_at) in [
            (raw.max_signatures, "check.max_signatures", 1..=100, &mut section.max_signatures),
            (raw.max_header_bytes, "check.max_header_bytes", HEADER_BYTES, &mut section.max_header_bytes),
            (raw.max_fields, "check.max_fields", 100..=1_000_000, &mut section.max_fields),
        ] {
            if let Some(count) = number(written, name, bounds, faults) {
                *number_at = usize::try_from(count).unwrap_or(*number_at);
            }
        }
        if let Some(lang) = raw.lang {
            section.lang = Lang::ALL.into_iter().find(|known| known.as_str() == lang.get_ref());
            if section.lang.is_none() {
                faults.push((lang.span(), Fault::new("fault-lang", [("value", lang.into_inner().into())])));
            }
        }
        section
    }
}
