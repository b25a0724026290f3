//! TLS reports: how mail servers failed to speak TLS with those of a domain (RFC 8460)
//!
//! A report is one JSON document; [`read()`] takes it as it comes out of [`crate::unpack`].

mod read;
mod write;

use std::net::IpAddr;

pub use self::read::read;
pub use self::write::{file_name, subject, write};
use crate::warning::Warnings;

/// What a report says. Texts are empty where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsReport {
    /// Who reports.
    pub organization_name: String,
    /// When the period begins, in microseconds since 1970.
    pub begin: Option<i64>,
    /// When it ends.
    pub end: Option<i64>,
    /// How to reach the one who reports.
    pub contact_info: String,
    /// The report's name among those of its sender.
    pub report_id: String,
    /// What happened under each policy.
    pub policies: Vec<PolicyResult>,
    /// What was mended.
    pub warnings: Warnings,
}

/// What happened under one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyResult {
    /// The kind of policy.
    pub kind: PolicyKind,
    /// The policy, line by line.
    pub strings: Vec<String>,
    /// Whose policy it is, in lower case.
    pub domain: String,
    /// The hosts that it names.
    pub mx_hosts: Vec<String>,
    /// How many sessions were as they should be.
    pub successful: u64,
    /// How many were not.
    pub failed: u64,
    /// Why not.
    pub failures: Vec<Failure>,
}

/// Sessions that failed in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The way.
    pub result: ResultType,
    /// Its word as it is written, known or not.
    pub result_word: String,
    /// The host that sent.
    pub sending_mta_ip: Option<IpAddr>,
    /// The host that was to receive, as its MX record calls it.
    pub receiving_mx_hostname: String,
    /// What it calls itself.
    pub receiving_mx_helo: String,
    /// Its address.
    pub receiving_ip: Option<IpAddr>,
    /// How many sessions.
    pub sessions: u64,
    /// Where to learn more.
    pub additional_information: String,
    /// The reason in the words of a library.
    pub reason_code: String,
}

/// Kinds of policies (RFC 8460 §4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// DANE (RFC 7672).
    Tlsa,
    /// MTA-STS (RFC 8461).
    Sts,
    /// None.
    NoPolicyFound,
    /// A word that nobody defined, or none.
    #[default]
    Unknown,
}

/// Ways to fail (RFC 8460 §4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResultType {
    /// The server does not offer STARTTLS.
    StarttlsNotSupported,
    /// The certificate bears another name.
    CertificateHostMismatch,
    /// The certificate is out of date.
    CertificateExpired,
    /// Nobody vouches for the certificate.
    CertificateNotTrusted,
    /// Something else is wrong with the certificate.
    ValidationFailure,
    /// The TLSA record is not valid.
    TlsaInvalid,
    /// DNSSEC says that the records are not genuine.
    DnssecInvalid,
    /// DANE is required and the records are not signed.
    DaneRequired,
    /// The policy could not be fetched.
    StsPolicyFetchError,
    /// The policy is not valid.
    StsPolicyInvalid,
    /// The policy host has a bad certificate.
    StsWebpkiInvalid,
    /// A word that nobody defined.
    #[default]
    Unknown,
}

/// The words of [`PolicyKind`].
const POLICY_KINDS: [(&str, PolicyKind); 3] =
    [("tlsa", PolicyKind::Tlsa), ("sts", PolicyKind::Sts), ("no-policy-found", PolicyKind::NoPolicyFound)];

/// The words of [`ResultType`].
const RESULT_TYPES: [(&str, ResultType); 11] = [
    ("starttls-not-supported", ResultType::StarttlsNotSupported),
    ("certificate-host-mismatch", ResultType::CertificateHostMismatch),
    ("certificate-expired", ResultType::CertificateExpired),
    ("certificate-not-trusted", ResultType::CertificateNotTrusted),
    ("validation-failure", ResultType::ValidationFailure),
    ("tlsa-invalid", ResultType::TlsaInvalid),
    ("dnssec-invalid", ResultType::DnssecInvalid),
    ("dane-required", ResultType::DaneRequired),
    ("sts-policy-fetch-error", ResultType::StsPolicyFetchError),
    ("sts-policy-invalid", ResultType::StsPolicyInvalid),
    ("sts-webpki-invalid", ResultType::StsWebpkiInvalid),
];

impl PolicyKind {
    /// Returns the word of the format.
    pub fn word(self) -> &'static str {
        POLICY_KINDS.iter().find(|(_, meaning)| *meaning == self).map_or("unknown", |(word, _)| word)
    }
}

impl ResultType {
    /// Returns the word of the format.
    pub fn word(self) -> &'static str {
        RESULT_TYPES.iter().find(|(_, meaning)| *meaning == self).map_or("unknown", |(word, _)| word)
    }
}
