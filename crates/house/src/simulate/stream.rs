//! Streams: mails that have everything in common that a verdict could rest on, out of the rows of reports

use std::collections::{BTreeMap, BTreeSet};

use sekisho_core::name::DomainName;
use sekisho_core::sums::Reported;
use sekisho_mail::verdict::{DkimResult, SpfResult};

/// Mails of one source, one author domain and the same identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// What they have in common.
    pub(super) of: Identity,
    /// How many mails.
    pub(super) mails: u64,
    /// The days on which they came.
    pub(super) days: BTreeSet<String>,
}

/// What the mails of a stream have in common, as receivers told it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    /// The address of the source.
    pub(super) source: String,
    /// The author domain.
    pub(super) author: String,
    /// The MAIL FROM domain, by which SPF was judged.
    pub(super) envelope: Option<String>,
    /// What SPF came to.
    pub(super) spf: Option<SpfResult>,
    /// Whether SPF passed and was aligned.
    pub(super) spf_aligned: bool,
    /// The signatures.
    pub(super) dkim: Vec<Signature>,
    /// Whether a signature passed and was aligned.
    pub(super) dkim_aligned: bool,
}

/// A signature, as receivers told it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Signature {
    /// What became of it.
    pub(super) result: DkimResult,
    /// `d=`.
    pub(super) domain: Option<DomainName>,
    /// `s=`; many receivers leave it out.
    pub(super) selector: Option<DomainName>,
}

/// Makes streams of rows, the largest first.
pub(super) fn streams(rows: &[Reported]) -> Vec<Stream> {
    let mut all: BTreeMap<Identity, (u64, BTreeSet<String>)> = BTreeMap::new();
    for row in rows {
        let (mails, days) = all.entry(identity(row)).or_default();
        *mails = mails.saturating_add(row.mails);
        days.insert(row.day.clone());
    }
    let mut all: Vec<Stream> = all.into_iter().map(|(of, (mails, days))| Stream { of, mails, days }).collect();
    all.sort_by(|one, other| (other.mails, &one.of).cmp(&(one.mails, &other.of)));
    all
}

/// Reads what a row says.
pub(super) fn identity(row: &Reported) -> Identity {
    let some =
        |text: &Option<String>| text.clone().filter(|text| !text.is_empty()).map(|text| text.to_ascii_lowercase());
    let name = |text: &Option<String>| text.as_deref().and_then(|text| DomainName::parse(text).ok());
    let spf = row.spf_result.as_deref();
    let spf = spf.and_then(|word| SpfResult::ALL.iter().copied().find(|result| result.as_str() == word));
    let mut dkim: Vec<Signature> = row
        .dkim
        .iter()
        .map(|dkim| Signature {
            // Receivers have words of their own for what is no pass (`neutral`, `none`): it is none either way.
            result: DkimResult::ALL
                .iter()
                .copied()
                .find(|result| result.as_str() == dkim.result)
                .unwrap_or(DkimResult::Fail),
            domain: name(&dkim.domain),
            selector: name(&dkim.selector),
        })
        .collect();
    dkim.sort();
    Identity {
        source: row.source_ip.clone(),
        author: row.header_from.to_ascii_lowercase(),
        envelope: some(&row.spf_domain).or_else(|| some(&row.envelope_from)),
        // A result without a word rests on what DMARC made of it.
        spf: spf.or(row.spf_aligned.then_some(SpfResult::Pass)),
        spf_aligned: row.spf_aligned,
        dkim,
        dkim_aligned: row.dkim_aligned,
    }
}
