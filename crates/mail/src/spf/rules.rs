//! The rules that SPF's steps name, each with its place in RFC 7208

use sekisho_core::step::Rule;

/// Declares the rules and the list of all of them.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $section:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: Rule = Rule { id: $id, section: $section };)*

        /// Every rule of this judge.
        pub(crate) const RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    /// The judgement did not come to its end, by our own fault.
    BROKEN_OFF = "spf.broken-off", "RFC 7208 §2.6.6";
    /// The MAIL FROM identity is being judged.
    ASKED_MAIL_FROM = "spf.asked-mail-from", "RFC 7208 §2.4";
    /// The path is null, so postmaster at the HELO name is being judged.
    ASKED_NULL_PATH = "spf.asked-null-path", "RFC 7208 §2.4";
    /// The HELO identity is being judged.
    ASKED_HELO = "spf.asked-helo", "RFC 7208 §2.3";
    /// There is no domain.
    DOMAIN_EMPTY = "spf.domain-empty", "RFC 7208 §4.3";
    /// The domain is an address literal.
    DOMAIN_LITERAL = "spf.domain-literal", "RFC 7208 §4.3";
    /// The domain has one label only.
    DOMAIN_SINGLE_LABEL = "spf.domain-single-label", "RFC 7208 §4.3";
    /// The domain is no domain name.
    DOMAIN_MALFORMED = "spf.domain-malformed", "RFC 7208 §4.3";

    /// A record was found.
    RECORD = "spf.record", "RFC 7208 §4.5";
    /// There is no record.
    RECORD_ABSENT = "spf.record-absent", "RFC 7208 §4.5";
    /// There are several records.
    RECORD_SEVERAL = "spf.record-several", "RFC 7208 §4.5";
    /// The record is not to be had for now.
    RECORD_UNAVAILABLE = "spf.record-unavailable", "RFC 7208 §4.4";

    /// A term has an octet that is no visible ASCII character.
    ODD_OCTET = "spf.odd-octet", "RFC 7208 §4.6.1";
    /// There is no such mechanism.
    UNKNOWN_MECHANISM = "spf.unknown-mechanism", "RFC 7208 §4.6.1";
    /// A modifier has no proper name.
    MODIFIER_NAME = "spf.modifier-name", "RFC 7208 §4.6.1";
    /// A mechanism that takes no such argument has one.
    UNEXPECTED_ARGUMENT = "spf.unexpected-argument", "RFC 7208 §4.6.1";
    /// A domain is missing.
    DOMAIN_MISSING = "spf.domain-missing", "RFC 7208 §7.1";
    /// A domain-spec ends in no top-level label.
    DOMAIN_SPEC = "spf.domain-spec", "RFC 7208 §7.1";
    /// An address stands where a domain belongs.
    ADDRESS_AS_DOMAIN = "spf.address-as-domain", "RFC 7208 §7.1";
    /// A macro is malformed.
    MACRO_SYNTAX = "spf.macro-syntax", "RFC 7208 §7.1";
    /// A macro letter is used outside explanations.
    MACRO_EXP_ONLY = "spf.macro-exp-only", "RFC 7208 §7.2";
    /// The network of an `ip4` is none.
    IP4_NETWORK = "spf.ip4-network", "RFC 7208 §5.6";
    /// The network of an `ip6` is none.
    IP6_NETWORK = "spf.ip6-network", "RFC 7208 §5.6";
    /// A prefix length is none.
    PREFIX_LENGTH = "spf.prefix-length", "RFC 7208 §5.6";
    /// A modifier stands twice.
    MODIFIER_TWICE = "spf.modifier-twice", "RFC 7208 §6";

    /// The terms with networks do not hold the client.
    NETWORKS_OTHER = "spf.networks-other", "RFC 7208 §5.6";
    /// A network holds the client.
    NETWORK_MATCH = "spf.network-match", "RFC 7208 §5.6";
    /// `all` matches.
    ALL_MATCH = "spf.all-match", "RFC 7208 §5.1";
    /// An address of the name is the client's.
    A_MATCH = "spf.a-match", "RFC 7208 §5.3";
    /// No address of the name is the client's.
    A_OTHER = "spf.a-other", "RFC 7208 §5.3";
    /// An address of an exchanger is the client's.
    MX_MATCH = "spf.mx-match", "RFC 7208 §5.4";
    /// No address of the exchangers is the client's.
    MX_OTHER = "spf.mx-other", "RFC 7208 §5.4";
    /// There are more exchangers than may be asked for.
    MX_LIMIT = "spf.mx-limit", "RFC 7208 §4.6.4";
    /// A validated name of the client lies in the domain.
    PTR_MATCH = "spf.ptr-match", "RFC 7208 §5.5";
    /// No validated name of the client lies in the domain.
    PTR_OTHER = "spf.ptr-other", "RFC 7208 §5.5";
    /// The client's name is not to be had, which is no match and no error.
    PTR_UNAVAILABLE = "spf.ptr-unavailable", "RFC 7208 §5.5";
    /// The name exists.
    EXISTS_MATCH = "spf.exists-match", "RFC 7208 §5.7";
    /// A lookup found nothing.
    VOID_LOOKUP = "spf.void-lookup", "RFC 7208 §4.6.4";
    /// More lookups found nothing than may.
    VOID_LOOKUPS = "spf.void-lookups", "RFC 7208 §4.6.4";
    /// More terms want lookups than may.
    LOOKUPS = "spf.lookups", "RFC 7208 §4.6.4";
    /// A term's name cannot be asked for.
    UNASKABLE = "spf.unaskable", "RFC 7208 §4.8";
    /// A lookup failed for now.
    LOOKUP_FAILED = "spf.lookup-failed", "RFC 7208 §5";
    /// An included record is being followed.
    INCLUDE = "spf.include", "RFC 7208 §5.2";
    /// The included record passes, so `include` matches.
    INCLUDE_MATCH = "spf.include-match", "RFC 7208 §5.2";
    /// The included record does not pass, so `include` does not match.
    INCLUDE_OTHER = "spf.include-other", "RFC 7208 §5.2";
    /// The included domain has no record.
    INCLUDE_NONE = "spf.include-none", "RFC 7208 §5.2";
    /// The included record cannot be followed.
    INCLUDE_ERROR = "spf.include-error", "RFC 7208 §5.2";
    /// The record of another domain takes over.
    REDIRECT = "spf.redirect", "RFC 7208 §6.1";
    /// The domain that should take over has no record.
    REDIRECT_NONE = "spf.redirect-none", "RFC 7208 §6.1";

    /// The client may use the name.
    PASS = "spf.pass", "RFC 7208 §8.3";
    /// The client may not use the name.
    FAIL = "spf.fail", "RFC 7208 §8.4";
    /// The client probably may not use the name.
    SOFTFAIL = "spf.softfail", "RFC 7208 §8.5";
    /// The domain says nothing of the client.
    NEUTRAL = "spf.neutral", "RFC 7208 §8.2";
    /// No term matched.
    DEFAULT = "spf.default", "RFC 7208 §4.7";
    /// The domain explains its fail.
    EXPLANATION = "spf.explanation", "RFC 7208 §6.2";
    /// The explanation is not there, or not to be had.
    EXPLANATION_ABSENT = "spf.explanation-absent", "RFC 7208 §6.2";
    /// The explanation is no sound text.
    EXPLANATION_SYNTAX = "spf.explanation-syntax", "RFC 7208 §6.2";
}
