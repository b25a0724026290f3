//! DMARC aggregate reports: who sent how much in a domain's name, and how it was judged (RFC 7489 appendix C, RFC 9990)
//!
//! [`Reader`] hands out one row after the other, so that a report of a million rows needs no more room than one of ten.

mod element;
pub mod letter;
mod read;
mod same;
mod text;
mod word;
pub mod write;

use std::net::IpAddr;

pub use self::read::{Reader, Report, read};
pub use self::word::{Alignment, AuthResult, Discovery, Disposition, Evaluated, OverrideKind};

/// The namespace of RFC 9990.
pub const NAMESPACE: &str = "urn:ietf:params:xml:ns:dmarc-2.0";

/// What a report may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many elements may lie in each other.
    pub depth: usize,
    /// How many attributes an element may have.
    pub attributes: usize,
    /// How many octets a value may have; longer ones are cut.
    pub value: usize,
    /// How many results, reasons or errors are kept of one list.
    pub list: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 32, attributes: 64, value: 2048, list: 100 }
    }
}

/// What a report says of itself, and the policy that it is about. Texts are empty where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The namespace of the document.
    pub namespace: String,
    /// The version of the format.
    pub version: String,
    /// Who reports.
    pub org_name: String,
    /// How to reach them.
    pub email: String,
    /// More about that.
    pub extra_contact_info: String,
    /// The report's name among those of its sender.
    pub report_id: String,
    /// When the period begins, in microseconds since 1970.
    pub begin: Option<i64>,
    /// When it ends.
    pub end: Option<i64>,
    /// What went wrong while the policy was looked for.
    pub errors: Vec<String>,
    /// The program that made the report.
    pub generator: String,
    /// The policy.
    pub policy: Policy,
}

/// The policy that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The domain whose record it is, in lower case.
    pub domain: String,
    /// How DKIM has to be aligned.
    pub adkim: Option<Alignment>,
    /// How SPF has to be aligned.
    pub aspf: Option<Alignment>,
    /// What is asked for.
    pub p: Option<Disposition>,
    /// What is asked for subdomains.
    pub sp: Option<Disposition>,
    /// What is asked for names that do not exist.
    pub np: Option<Disposition>,
    /// For how many of a hundred mails (RFC 7489 only).
    pub pct: Option<u8>,
    /// When failure reports are wanted.
    pub fo: String,
    /// Whether the domain is testing.
    pub testing: Option<bool>,
    /// How the record was found.
    pub discovery_method: Option<Discovery>,
}

/// Mails of one source that were judged alike. Texts are empty where nothing is said; domains are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The host that sent them; nothing where the text is no address.
    pub source_ip: Option<IpAddr>,
    /// The text that is no address.
    pub source_text: String,
    /// How many mails.
    pub count: u64,
    /// What was done with them.
    pub disposition: Option<Disposition>,
    /// Whether DKIM passed and was aligned.
    pub dkim: Option<Evaluated>,
    /// Whether SPF passed and was aligned.
    pub spf: Option<Evaluated>,
    /// Why something else was done than the policy asks for.
    pub reasons: Vec<Override>,
    /// The author domain.
    pub header_from: String,
    /// The domain of the return path.
    pub envelope_from: String,
    /// The domain of the recipient.
    pub envelope_to: String,
    /// What DKIM said.
    pub dkim_results: Vec<DkimResult>,
    /// What SPF said.
    pub spf_results: Vec<SpfResult>,
}

/// Why something else was done than the policy asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// The kind of reason.
    pub kind: Option<OverrideKind>,
    /// More about it.
    pub comment: String,
}

/// The result of one DKIM signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DkimResult {
    /// Whose signature it is.
    pub domain: String,
    /// Where its key is.
    pub selector: String,
    /// What came out.
    pub result: Option<AuthResult>,
    /// More about it.
    pub human_result: String,
}

/// The result of an SPF check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpfResult {
    /// The domain that was checked.
    pub domain: String,
    /// Which identity that was: `mfrom` or `helo`.
    pub scope: String,
    /// What came out.
    pub result: Option<AuthResult>,
    /// More about it.
    pub human_result: String,
}
