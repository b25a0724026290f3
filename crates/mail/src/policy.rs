//! What the house decides: limits, trust, and how strict to be

use sekisho_core::name::DomainName;

/// The deciding configuration of a verdict. It is stored with the verdict, so that a replay judges alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The most DKIM signatures of one mail that are examined, author-domain ones first (RFC 6376 §6.1).
    pub max_signatures: usize,
    /// The most octets of a header that is judged; a larger one is refused unread. Postfix lets 100 KB pass.
    pub max_header_bytes: usize,
    /// The most fields of a header that is judged; one with more is refused unread.
    pub max_fields: usize,
    /// Sealers whose ARC chain may override a DMARC failure (RFC 8617 §7.2.1).
    pub trusted_sealers: Vec<DomainName>,
    /// The most DNS lookups that SPF's terms may cause (RFC 7208 §4.6.4).
    pub spf_lookups: u32,
    /// The most of them that may find nothing (RFC 7208 §4.6.4).
    pub spf_void_lookups: u32,
    /// What the mail is for, so that the keys which may sign it are known.
    pub service: Service,
}

/// What a mail is for, as `s=` of a key names it (RFC 6376 §3.6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// Mail between people.
    #[default]
    Email,
    /// It carries a TLS report: keys may be for that alone (RFC 8460 §3).
    TlsReport,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            max_signatures: 10,
            max_header_bytes: 2 * 1024 * 1024,
            max_fields: 20_000,
            trusted_sealers: Vec::new(),
            spf_lookups: 10,
            spf_void_lookups: 2,
            service: Service::Email,
        }
    }
}
