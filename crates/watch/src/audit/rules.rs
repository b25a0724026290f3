//! What an audit looks for, each with its place in the standards

use sekisho_core::step::Rule;

/// Declares the rules and the list of all of them.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $section:literal;)*) => {
        $($(#[$doc])* pub(super) static $name: Rule = Rule { id: $id, section: $section };)*

        /// Every rule of an audit.
        pub const RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    /// There is no SPF record.
    SPF_ABSENT = "audit.spf-absent", "RFC 7208 §3";
    /// There are several SPF records.
    SPF_SEVERAL = "audit.spf-several", "RFC 7208 §3.2";
    /// A record cannot be followed.
    SPF_BROKEN = "audit.spf-broken", "RFC 7208 §4.6";
    /// A record cannot be had just now.
    SPF_UNAVAILABLE = "audit.spf-unavailable", "RFC 7208 §4.4";
    /// A record leads to itself.
    SPF_LOOP = "audit.spf-loop", "RFC 7208 §4.6.4";
    /// More lookups than are allowed.
    SPF_LOOKUPS = "audit.spf-lookups", "RFC 7208 §4.6.4";
    /// Nearly as many lookups as are allowed.
    SPF_LOOKUPS_NEAR = "audit.spf-lookups-near", "RFC 7208 §4.6.4";
    /// More lookups that find nothing than are allowed.
    SPF_VOIDS = "audit.spf-voids", "RFC 7208 §4.6.4";
    /// A term leads to a name without a record.
    SPF_NO_RECORD = "audit.spf-no-record", "RFC 7208 §5.2";
    /// A name has more mail exchangers than are looked at.
    SPF_EXCHANGES = "audit.spf-exchanges", "RFC 7208 §4.6.4";
    /// Everybody passes.
    SPF_EVERYBODY = "audit.spf-everybody", "RFC 7208 §5.1";
    /// Who is not named is neither passed nor failed.
    SPF_OPEN_END = "audit.spf-open-end", "RFC 7208 §4.7";
    /// `ptr` is used.
    SPF_PTR = "audit.spf-ptr", "RFC 7208 §5.5";
    /// Very many addresses pass: they are shared with strangers.
    SPF_MANY_ADDRESSES = "audit.spf-many-addresses", "RFC 7208 §11.4";

    /// There is no DMARC policy.
    DMARC_ABSENT = "audit.dmarc-absent", "RFC 9989 §4.10.1";
    /// There are several DMARC policies.
    DMARC_SEVERAL = "audit.dmarc-several", "RFC 9989 §4.10";
    /// The policy cannot be had just now.
    DMARC_UNAVAILABLE = "audit.dmarc-unavailable", "RFC 9989 §4.10";
    /// A policy tag is wrong, and the record is taken as `p=none`.
    DMARC_AS_NONE = "audit.dmarc-as-none", "RFC 9989 §4.10.1";
    /// A policy tag is wrong, and the record counts for nothing.
    DMARC_UNUSABLE = "audit.dmarc-unusable", "RFC 9989 §4.10.1";
    /// The policy asks for nothing.
    DMARC_WATCHES = "audit.dmarc-watches", "RFC 9989 §4.7";
    /// Subdomains have a weaker policy.
    DMARC_SUBDOMAINS = "audit.dmarc-subdomains", "RFC 9989 §4.7";
    /// The policy is lowered for a test.
    DMARC_TESTING = "audit.dmarc-testing", "RFC 9989 §4.7";
    /// Nobody hears how the policy fares.
    DMARC_NO_REPORTS = "audit.dmarc-no-reports", "RFC 9989 §4.7";
}
