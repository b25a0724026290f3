//! What Events add up to: the answers to the questions that the house asks the lake

use serde::{Deserialize, Serialize};

use crate::event::SignatureEvent;

/// Who sends as an author domain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Sender {
    /// The address of the client.
    pub client_ip: Option<String>,
    /// How many mails.
    pub mails: u64,
    /// How many of them pass DMARC.
    pub pass: u64,
    /// How many fail it.
    pub fail: u64,
    /// In how many SPF passes and is aligned.
    pub spf_aligned: u64,
    /// In how many a signature passes and is aligned.
    pub dkim_aligned: u64,
}

/// Mails of an author domain that have everything in common that DMARC looks at.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Stream {
    /// The address of the client.
    pub client_ip: Option<String>,
    /// The MAIL FROM domain.
    pub mail_from_domain: String,
    /// The domain that SPF judged.
    pub spf_domain: Option<String>,
    /// SPF's result.
    pub spf_result: Option<String>,
    /// Whether SPF passes and is aligned.
    pub spf_aligned: bool,
    /// The signatures.
    pub dkim: Vec<SignatureEvent>,
    /// Whether a signature passes and is aligned.
    pub dkim_aligned: bool,
    /// DMARC's result.
    pub dmarc_result: String,
    /// How many mails.
    pub mails: u64,
    /// When the first was judged.
    pub first_at: i64,
    /// When the last was judged.
    pub last_at: i64,
}

/// What receivers told about a domain, or what our own gate saw of it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Reported {
    /// Who told it; nobody where the report proves no sender, and where it is what our own gate saw.
    pub submitter: Option<String>,
    /// The day on which the report's period begins, as `2026-11-22`.
    pub day: String,
    /// The address of the client.
    pub source_ip: String,
    /// The author domain.
    pub header_from: String,
    /// The MAIL FROM domain.
    pub envelope_from: Option<String>,
    /// The domain that SPF judged.
    pub spf_domain: Option<String>,
    /// SPF's result.
    pub spf_result: Option<String>,
    /// Whether SPF passed and was aligned.
    pub spf_aligned: bool,
    /// The signatures.
    pub dkim: Vec<SignatureEvent>,
    /// Whether an aligned signature passed.
    pub dkim_aligned: bool,
    /// What the receivers did.
    pub disposition: String,
    /// How many mails.
    pub mails: u64,
}

/// Mails that failed, as failure reports tell (RFC 9991).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Failed {
    /// Who told it; nobody where the report proves no sender.
    pub submitter: Option<String>,
    /// The address of the client, where it is told.
    pub source_ip: Option<String>,
    /// Whose name the mails bear.
    pub reported_domain: String,
    /// What failed.
    pub auth_failure: Vec<String>,
    /// What became of the mails.
    pub delivery_result: Option<String>,
    /// The domain of the signature that failed.
    pub dkim_domain: Option<String>,
    /// The MAIL FROM domain.
    pub envelope_from: Option<String>,
    /// When the last one arrived, in microseconds since 1970.
    pub last_at: i64,
    /// How many mails.
    pub mails: u64,
}

/// A row of our own aggregate report (RFC 9990 §3.1.1.7).
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ReportRow {
    /// The address of the client.
    pub source_ip: String,
    /// What was done: `none`, `pass`, `quarantine`, `reject`.
    pub disposition: String,
    /// Why less was done than the policy says.
    pub override_type: Option<String>,
    /// What the report says beside it.
    pub override_comment: Option<String>,
    /// Whether a signature passes and is aligned.
    pub dkim_aligned: bool,
    /// Whether SPF passes and is aligned.
    pub spf_aligned: bool,
    /// The author domain.
    pub header_from: Option<String>,
    /// The MAIL FROM domain; empty for the null path.
    pub envelope_from: String,
    /// The recipient domain, where there is one.
    pub envelope_to: Option<String>,
    /// The domain that SPF judged.
    pub spf_domain: Option<String>,
    /// SPF's result.
    pub spf_result: Option<String>,
    /// The signatures.
    pub dkim: Vec<SignatureEvent>,
    /// How many mails.
    pub mails: u64,
}

/// A domain that published the policy of mails.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct PolicyDomain {
    /// The domain.
    pub policy_domain: String,
    /// How many mails.
    pub mails: u64,
}
