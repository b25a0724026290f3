//! The rules that DMARC's steps name

use sekisho_core::step::Rule;

/// Declares the rules, and the list of all of them.
macro_rules! rules {
    ($($name:ident = $id:literal, $section:literal;)*) => {
        $(#[doc = $id] pub(crate) static $name: Rule = Rule { id: $id, section: $section };)*
        /// Every rule of DMARC.
        pub(crate) const RULES: &[&Rule] = &[$(&$name,)*];
    };
}

rules! {
    AUTHOR = "dmarc.author", "RFC 9989 §5.3.1";
    NO_AUTHOR = "dmarc.no-author", "RFC 9989 §5.3.1";
    RECORD = "dmarc.record", "RFC 9989 §4.10.1";
    RECORD_ABSENT = "dmarc.record-absent", "RFC 9989 §4.10.1";
    RECORD_SEVERAL = "dmarc.record-several", "RFC 9989 §4.10";
    RECORD_UNAVAILABLE = "dmarc.record-unavailable", "RFC 9989 §5.3.6";
    RECORD_AS_NONE = "dmarc.record-as-none", "RFC 9989 §4.10.1";
    RECORD_UNUSABLE = "dmarc.record-unusable", "RFC 9989 §4.10.1";
    WALK = "dmarc.walk", "RFC 9989 §4.10";
    WALK_FOUND = "dmarc.walk-found", "RFC 9989 §4.10";
    WALK_ABSENT = "dmarc.walk-absent", "RFC 9989 §4.10";
    WALK_SEVERAL = "dmarc.walk-several", "RFC 9989 §4.10";
    WALK_UNAVAILABLE = "dmarc.walk-unavailable", "RFC 9989 §5.3.6";
    ORGANIZATION_PSD_N = "dmarc.organization-psd-n", "RFC 9989 §4.10.2";
    ORGANIZATION_BELOW_PSD = "dmarc.organization-below-psd", "RFC 9989 §4.10.2";
    ORGANIZATION_FEWEST_LABELS = "dmarc.organization-fewest-labels", "RFC 9989 §4.10.2";
    ORGANIZATION_ITSELF = "dmarc.organization-itself", "RFC 9989 §4.10.2";
    ORGANIZATION_BY_SUFFIX_LIST = "dmarc.organization-by-suffix-list", "RFC 7489 §3.2";
    NOBODY_ASKS = "dmarc.no-record-anywhere", "RFC 9989 §4.10.1";
    POLICY = "dmarc.policy", "RFC 9989 §4.10.1";
    AUTHOR_EXISTS_UNKNOWN = "dmarc.existence-unknown", "RFC 9989 §5.3.6";
    AUTHOR_DOES_NOT_EXIST = "dmarc.author-does-not-exist", "RFC 9989 §4.7 (np)";
    ALIGNED_SAME = "dmarc.aligned-same", "RFC 9989 §4.10.2";
    ALIGNED_ORGANIZATION = "dmarc.aligned-organization", "RFC 9989 §4.4";
    UNALIGNED_STRICT = "dmarc.unaligned-strict", "RFC 9989 §4.4";
    UNALIGNED_ORGANIZATION = "dmarc.unaligned-organization", "RFC 9989 §4.4";
    ALIGNMENT_UNKNOWN = "dmarc.alignment-unknown", "RFC 9989 §5.3.6";
    IDENTIFIER_TEMPERROR = "dmarc.identifier-temperror", "RFC 9989 §5.3.6";
    SIGNATURES_UNCOUNTED = "dmarc.signatures-uncounted", "RFC 6376 §8.15";
    SIGNATURE_REPEATED = "dmarc.signature-leaves-second", "RFC 6376 §8.15";
    SIGNATURE_SPACED = "dmarc.signature-leaves-spaced", "RFC 6376 §8.15";
    NO_IDENTIFIER = "dmarc.no-identifier", "RFC 9989 §5.3.3";
    NO_SIGNATURE = "dmarc.no-signature", "RFC 9989 §5.3.3";
    SPF_UNASKED = "dmarc.spf-unasked", "RFC 9989 §5.3.3";
    PASS = "dmarc.pass", "RFC 9989 §5.3.5";
    FAIL = "dmarc.fail", "RFC 9989 §5.3.5";
    TEMPERROR = "dmarc.temperror", "RFC 9989 §5.3.6";
    BROKEN_OFF = "dmarc.broken-off", "RFC 9989 §5.3.6";
    TESTING = "dmarc.testing", "RFC 9989 §4.7 (t)";
}
