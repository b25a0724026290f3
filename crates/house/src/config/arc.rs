//! `[arc]`: whose ARC chains count (RFC 8617 §7.2.1)

use sekisho_core::name::DomainName;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use crate::fault::Fault;

/// The options.
pub(super) const OPTIONS: &[&str] = &["trusted_sealers"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawArc {
    /// Domains.
    trusted_sealers: Option<Vec<Spanned<String>>>,
}

/// Whose ARC chains count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ArcSection {
    /// Sealers whose chain may override a DMARC failure.
    pub(crate) trusted_sealers: Vec<DomainName>,
}

impl ArcSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawArc, faults: &mut Faults) -> ArcSection {
        let mut section = ArcSection::default();
        for sealer in raw.trusted_sealers.into_iter().flatten() {
            match DomainName::parse_unicode(sealer.get_ref()) {
                Ok(name) => section.trusted_sealers.push(name),
                Err(why) => {
                    let fault = Fault::new("fault-domain", [("value", sealer.get_ref().clone().into())]);
                    faults.push((sealer.span(), fault.because(why)));
                }
            }
        }
        section
    }
}
