//! `[check]`: how mails are judged and told

use sekisho_core::speech::Lang;
use sekisho_mail::policy::Policy;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::number;
use crate::fault::Fault;

/// The options.
pub(super) const OPTIONS: &[&str] = &["max_signatures", "lang"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawCheck {
    /// The most DKIM signatures.
    max_signatures: Option<Spanned<i64>>,
    /// The language of accounts.
    lang: Option<Spanned<String>>,
}

/// How mails are judged and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckSection {
    /// The most DKIM signatures of one mail that are examined.
    pub(crate) max_signatures: usize,
    /// The language of accounts; nothing means that of the locale.
    pub(crate) lang: Option<Lang>,
}

impl Default for CheckSection {
    fn default() -> CheckSection {
        CheckSection { max_signatures: Policy::default().max_signatures, lang: None }
    }
}

impl CheckSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawCheck, faults: &mut Faults) -> CheckSection {
        let mut section = CheckSection::default();
        if let Some(count) = number(raw.max_signatures, "check.max_signatures", 1..=100, faults) {
            section.max_signatures = usize::try_from(count).unwrap_or(section.max_signatures);
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
