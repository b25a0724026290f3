//! Events: what happened, one row each, as the lake keeps them
//!
//! Plain values. The lake derives its columns from these structs in one place, and its segments have their fields in this order without
//! names ([`crate::written`]): fields are added at the end, never changed, and never moved. What an older build wrote lacks the newer
//! fields: they read as their defaults.
//! Times are microseconds since 1970. Words are the stable words of the verdict (RFC 8601) and of the reports (RFC 9990).
//! A local part is never here in the clear unless the house was told to keep it.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::known;

/// One row of what happened. Complete by definition: whoever keeps Events must know every kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The gate judged a mail.
    Mail(Box<MailEvent>),
    /// The DNS told something that a verdict rests on.
    Fact(Box<FactEvent>),
    /// A receiver told in a DMARC aggregate report what it saw.
    Aggregate(Box<AggregateEvent>),
    /// A sender told in a TLS report what it saw.
    Tls(Box<TlsEvent>),
    /// A receiver told in a failure report of a mail that failed.
    Failure(Box<FailureEvent>),
}

impl Event {
    /// Returns the name of its kind: of its table, its folder, and in segments.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mail(_) => "mail",
            Self::Fact(_) => "fact",
            Self::Aggregate(_) => "aggregate",
            Self::Tls(_) => "tls",
            Self::Failure(_) => "failure",
        }
    }

    /// Returns when it happened, in microseconds since 1970; of a report row, when the period begins.
    pub fn at(&self) -> i64 {
        match self {
            Self::Mail(mail) => mail.at,
            Self::Fact(fact) => fact.at,
            Self::Aggregate(row) => row.at,
            Self::Tls(row) => row.at,
            Self::Failure(row) => row.at,
        }
    }
}

/// A mail, as the gate judged it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailEvent {
    /// When it was judged.
    pub at: i64,
    /// The verdict's id.
    pub id: String,
    /// Which of our nodes judged it.
    pub node: String,
    /// The MTA's name for the mail.
    pub queue_id: String,
    /// The address of the client, as text.
    pub client_ip: Option<String>,
    /// What the client called itself.
    pub helo: String,
    /// The domain of the MAIL FROM address; empty for the null path.
    pub mail_from_domain: String,
    /// The local part of the MAIL FROM address, or its keyed hash.
    pub mail_from_local: String,
    /// The domains of the recipients, each once, sorted.
    pub recipient_domains: Vec<String>,
    /// How many recipients there were.
    pub recipients: u32,
    /// How many octets the mail has.
    pub size: u64,
    /// Whether there is exactly one author domain: `ok`, `missing`, `multiple`, `unusable`.
    pub author_result: String,
    /// The author domain.
    pub author_domain: Option<String>,
    /// Why the author is not ok.
    pub author_reason: Option<String>,
    /// What is odd about the author.
    pub author_flags: Vec<String>,
    /// SPF of the MAIL FROM identity.
    pub spf_result: Option<String>,
    /// The domain that SPF judged.
    pub spf_domain: Option<String>,
    /// SPF of the HELO identity.
    pub spf_helo_result: Option<String>,
    /// The signatures that were examined, in the order of the header.
    #[serde(deserialize_with = "known::each")]
    pub dkim: Vec<SignatureEvent>,
    /// The ARC chain: `none`, `pass`, `fail`.
    pub arc_result: String,
    /// The sealers, instance 1 first.
    pub arc_sealers: Vec<String>,
    /// DMARC's result.
    pub dmarc_result: String,
    /// The author domain's organizational domain, where a walk was needed to know it.
    pub organizational_domain: Option<String>,
    /// Where the policy was found.
    pub policy_domain: Option<String>,
    /// The policy that applies: `none`, `quarantine`, `reject`.
    pub policy: Option<String>,
    /// Whether the record says `t=y`.
    pub policy_testing: bool,
    /// Whether SPF passes and is aligned.
    pub spf_aligned: bool,
    /// Whether a signature passes and is aligned.
    pub dkim_aligned: bool,
    /// What the record asks for this mail.
    pub disposition: String,
    /// What the recommended policy would do: `accept`, `quarantine`, `reject`, `tempfail`.
    pub verdict: String,
    /// Why, as stable words.
    pub grounds: Vec<String>,
    /// What the house did: `pass`, `quarantine-header`, `quarantine-hold`, `tempfail`, `refuse`.
    pub decision: String,
    /// Why less was done than the record asks for (RFC 9990, PolicyOverrideType).
    pub override_type: Option<String>,
    /// What the report says beside it.
    pub override_comment: Option<String>,
    /// Why nobody judged the mail, where nobody did.
    pub unjudged: Option<String>,
    /// How many copies of it were seen, where it looks replayed.
    pub copies: Option<u32>,
    /// How long the answer took from the end of the mail on, in microseconds.
    pub waited: u64,
    /// The names of the facts that the verdict rests on ([`FactEvent::hash`]).
    pub facts: Vec<FactHash>,
}

/// A signature of a mail.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SignatureEvent {
    /// The result.
    pub result: String,
    /// `d=`.
    pub domain: Option<String>,
    /// `s=`.
    pub selector: Option<String>,
    /// `a=`.
    pub algorithm: Option<String>,
    /// Why it did not pass.
    pub reason: Option<String>,
}

/// The name of a fact: the first 128 bits of the SHA-256 of its question and its outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactHash(pub [u8; 16]);

impl Serialize for FactHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for FactHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(SixteenOctets)
    }
}

/// Reads a [`FactHash`], as octets or as a list of numbers: formats without octets have only these.
struct SixteenOctets;

impl<'de> Visitor<'de> for SixteenOctets {
    type Value = FactHash;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("16 octets")
    }

    fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<FactHash, E> {
        octets.try_into().map(FactHash).map_err(|_| E::invalid_length(octets.len(), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FactHash, A::Error> {
        let mut hash = FactHash::default();
        for (at, octet) in hash.0.iter_mut().enumerate() {
            *octet = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(at, &self))?;
        }
        Ok(hash)
    }
}

/// What the DNS told, kept once per content and day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FactEvent {
    /// When it was first used on this day.
    pub at: i64,
    /// Its name.
    pub hash: FactHash,
    /// The record type that was asked for.
    pub kind: String,
    /// The name that was asked for, in presentation format.
    pub name: String,
    /// `answer`, `nodata`, `nxdomain`, `servfail`, `timeout`, `refused` or `truncated`.
    pub outcome: String,
    /// The records, in presentation format.
    pub records: Vec<String>,
}

/// A row of a DMARC aggregate report that we received (RFC 9990 §3.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AggregateEvent {
    /// When the period of the report begins.
    pub at: i64,
    /// When it ends.
    pub until: i64,
    /// Our name for the report.
    pub report: String,
    /// Who sent the report, as it says of itself (`org_name`).
    pub org: String,
    /// Who sent the report, as its mail proves; nothing where it proves nothing.
    pub submitter: Option<String>,
    /// The domain that the policy was published for.
    pub policy_domain: String,
    /// The policy that the reporter saw.
    pub policy: String,
    /// The address of the client, as text.
    pub source_ip: String,
    /// How many mails.
    pub count: u64,
    /// What the reporter did: `none`, `pass`, `quarantine`, `reject`.
    pub disposition: String,
    /// Whether an aligned signature passed.
    pub dkim_aligned: bool,
    /// Whether SPF passed and was aligned.
    pub spf_aligned: bool,
    /// Why the reporter did less than the policy says, with a comment: `forwarded:mailing list`.
    pub reasons: Vec<String>,
    /// The author domain.
    pub header_from: String,
    /// The MAIL FROM domain.
    pub envelope_from: Option<String>,
    /// The recipient domain.
    pub envelope_to: Option<String>,
    /// The signatures.
    #[serde(deserialize_with = "known::each")]
    pub dkim: Vec<SignatureEvent>,
    /// The domain that SPF judged.
    pub spf_domain: Option<String>,
    /// SPF's result.
    pub spf_result: Option<String>,
    /// Which row of the report this is, from 0: (`report`, `row`) is kept once, however often the report is read.
    pub row: u32,
}

/// One policy, and perhaps one kind of failure, of a TLS report that we received (RFC 8460 §4.4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsEvent {
    /// When the period of the report begins.
    pub at: i64,
    /// When it ends.
    pub until: i64,
    /// Our name for the report.
    pub report: String,
    /// Who sent the report, as it says of itself (`organization-name`).
    pub org: String,
    /// Who sent the report, as its mail proves; nothing where it came by HTTPS.
    pub submitter: Option<String>,
    /// The domain that the policy was published for.
    pub policy_domain: String,
    /// `tlsa`, `sts` or `no-policy-found`.
    pub policy_type: String,
    /// How many sessions succeeded; 0 in rows that tell of a failure.
    pub successful: u64,
    /// How many sessions failed; 0 in rows that tell of none.
    pub failed: u64,
    /// The kind of failure (RFC 8460 §4.3).
    pub result_type: Option<String>,
    /// The address of the sending MTA.
    pub sending_ip: Option<String>,
    /// The MX host.
    pub receiving_host: Option<String>,
    /// The address of the MX host.
    pub receiving_ip: Option<String>,
    /// Why, where the report says more.
    pub reason_code: Option<String>,
    /// Which row of the report this is, from 0: (`report`, `row`) is kept once, however often the report is read.
    pub row: u32,
}

/// A mail that failed, as a failure report tells that we received (RFC 6591 §3, RFC 9991). Of people it has nothing: neither names
/// before an at sign nor subjects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailureEvent {
    /// When the mail arrived (`Arrival-Date`), or else when we received the report.
    pub at: i64,
    /// Our name for the report.
    pub report: String,
    /// Who sent the report, as it says of itself (`Reporting-MTA`), or else the domain that its mail comes from.
    pub org: String,
    /// Who sent the report, as its mail proves; nothing where it proves nothing.
    pub submitter: Option<String>,
    /// Whose name the mail bears (`Reported-Domain`), or else its author domain.
    pub reported_domain: String,
    /// The author domain, where the header of the mail is there.
    pub header_from: Option<String>,
    /// The MAIL FROM domain; empty for the null path.
    pub envelope_from: Option<String>,
    /// The recipient domains, each once, sorted.
    pub envelope_to: Vec<String>,
    /// The address of the client, as text.
    pub source_ip: Option<String>,
    /// How many mails.
    pub count: u64,
    /// What failed: `dmarc`, `spf`, `signature`, `bodyhash`, `revoked`, `adsp`, `unknown`.
    pub auth_failure: Vec<String>,
    /// What is aligned and failed: `dkim`, `spf`; or `none`.
    pub identity_alignment: Vec<String>,
    /// What became of the mail: `delivered`, `spam`, `policy`, `reject`, `other`, `unknown`.
    pub delivery_result: Option<String>,
    /// The domain of the signature that failed.
    pub dkim_domain: Option<String>,
    /// Its selector.
    pub dkim_selector: Option<String>,
    /// Which row of the report this is: always 0.
    pub row: u32,
}
