//! Every way in which a signature does not pass, in one table: result, reason, rule
//!
//! The reasons are stable: other programs read them.

use sekisho_core::step::{Rule, Trace, Value};

use crate::verdict::DkimResult;

/// One way in which a signature does not pass.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What it leads to.
    pub(crate) result: DkimResult,
    /// Why, as a stable phrase.
    pub(crate) reason: &'static str,
    /// The rule that its sentence is found by.
    pub(crate) rule: Rule,
}

/// A fault that was found, and what its sentence names.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The fault.
    pub(crate) fault: &'static Fault,
    /// The sentence's arguments.
    pub(crate) arguments: Vec<(&'static str, Value)>,
}

impl Finding {
    /// Writes the step that ends the judgement.
    pub(crate) fn conclude(self, trace: &mut Trace) -> &'static Fault {
        trace.conclude_with(&self.fault.rule, self.fault.result.as_str(), self.arguments);
        self.fault
    }
}

impl Fault {
    /// Finds this fault.
    pub(crate) fn with<const N: usize>(&'static self, arguments: [(&'static str, Value); N]) -> Finding {
        Finding { fault: self, arguments: arguments.into() }
    }
}

impl Fault {
    /// Tells whether its sentence names something of the mail or of the signature, beside what is said of the key.
    pub(crate) fn names_more_than_the_key(&self) -> bool {
        [
            &DUPLICATE_TAG,
            &MISSING_TAG,
            &BAD_OCTETS,
            &BAD_VALUE,
            &VERSION,
            &ALGORITHM,
            &CANONICALIZATION,
            &QUERY,
            &IDENTITY_OUTSIDE,
            &EXPIRY_ORDER,
            &EXPIRED,
            &FUTURE,
            &LIMIT,
            &BODY_DIFFERS,
            &LENGTH_BEYOND,
            &UNCOVERED,
        ]
        .contains(&self)
    }
}

/// Returns the fault of a reason; nothing where several have it, or none.
pub(crate) fn with_reason(reason: &str) -> Option<&'static Fault> {
    let mut alike = FAULTS.iter().filter(|fault| fault.reason == reason);
    alike.next().filter(|_| alike.next().is_none()).copied()
}

impl From<&'static Fault> for Finding {
    fn from(fault: &'static Fault) -> Finding {
        Finding { fault, arguments: Vec::new() }
    }
}

/// Declares the faults and the list of them.
macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $result:ident, $reason:literal, $id:literal, $section:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: Fault =
            Fault { result: DkimResult::$result, reason: $reason, rule: Rule { id: $id, section: $section } };)*
        /// Every fault there is.
        pub(crate) const FAULTS: &[&Fault] = &[$(&$name,)*];
    };
}

faults! {
    /// The field is no list of tags.
    MALFORMED = Permerror, "signature malformed", "dkim.malformed", "RFC 6376 §3.2";
    /// A tag is there twice.
    DUPLICATE_TAG = Permerror, "tag duplicated", "dkim.duplicate-tag", "RFC 6376 §3.2";
    /// A required tag is not there.
    MISSING_TAG = Permerror, "tag missing", "dkim.missing-tag", "RFC 6376 §6.1.1";
    /// The value of a tag has octets that no value may have.
    BAD_OCTETS = Permerror, "tag malformed", "dkim.bad-octets", "RFC 6376 §3.2";
    /// The value of a tag cannot be read.
    BAD_VALUE = Permerror, "tag malformed", "dkim.bad-value", "RFC 6376 §3.5";
    /// `v=` is not 1.
    VERSION = Permerror, "version unknown", "dkim.version", "RFC 6376 §6.1.1";
    /// `a=` is not known.
    ALGORITHM = Permerror, "algorithm unknown", "dkim.algorithm", "RFC 6376 §3.3";
    /// `c=` is not known.
    CANONICALIZATION = Permerror, "canonicalization unknown", "dkim.canonicalization", "RFC 6376 §3.4";
    /// `q=` lists no way to the key that we know.
    QUERY = Permerror, "query method unknown", "dkim.query", "RFC 6376 §3.5";
    /// `h=` does not list From.
    FROM_NOT_SIGNED = Permerror, "from not signed", "dkim.from-not-signed", "RFC 6376 §6.1.1";
    /// The domain of `i=` is neither `d=` nor below it.
    IDENTITY_OUTSIDE = Permerror, "identity outside domain", "dkim.identity-outside", "RFC 6376 §6.1.1";
    /// `x=` is not later than `t=`.
    EXPIRY_ORDER = Permerror, "expiry not after signing", "dkim.expiry-order", "RFC 6376 §3.5";
    /// `x=` is past.
    EXPIRED = Permerror, "signature expired", "dkim.expired", "RFC 6376 §6.1.1";
    /// `t=` is still to come.
    FUTURE = Permerror, "signed in the future", "dkim.future", "RFC 6376 §3.5";
    /// The DNS failed for now.
    KEY_UNAVAILABLE = Temperror, "key not available", "dkim.key-unavailable", "RFC 6376 §6.1.2";
    /// There is no key.
    KEY_ABSENT = Permerror, "key absent", "dkim.key-absent", "RFC 6376 §6.1.2";
    /// The key was taken back: `p=` is empty.
    KEY_REVOKED = Permerror, "key revoked", "dkim.key-revoked", "RFC 6376 §6.1.2";
    /// The key's record or the key itself cannot be read.
    KEY_MALFORMED = Permerror, "key malformed", "dkim.key-malformed", "RFC 6376 §6.1.2";
    /// The key is of another kind than `a=` says.
    KEY_TYPE = Permerror, "key type differs", "dkim.key-type", "RFC 6376 §6.1.2";
    /// The key's `h=` leaves SHA-256 out.
    KEY_HASH = Permerror, "hash not allowed by key", "dkim.key-hash", "RFC 6376 §6.1.2";
    /// The key's `s=` leaves mail out.
    KEY_SERVICE = Permerror, "key not for email", "dkim.key-service", "RFC 6376 §3.6.1";
    /// The key says `t=s`, and the domain of `i=` is not `d=`.
    KEY_STRICT = Permerror, "identity not allowed by key", "dkim.key-strict", "RFC 6376 §3.6.1";
    /// The RSA key has fewer than 1024 bits.
    KEY_SHORT = Policy, "key too short", "dkim.key-short", "RFC 8301 §3.2";
    /// The RSA key has more than 4096 bits.
    KEY_LONG = Policy, "key too long", "dkim.key-long", "RFC 8301 §3.2";
    /// The hash is SHA-1.
    SHA1 = Policy, "sha1 not accepted", "dkim.sha1", "RFC 8301 §3.1";
    /// There are more signatures than are examined.
    LIMIT = Policy, "beyond the signature limit", "dkim.unexamined", "RFC 6376 §6.1";
    /// The signature opens with the key, and another hash is inside.
    HEADER_DIFFERS = Fail, "header differs", "dkim.header-differs", "RFC 6376 §6.1.3";
    /// The signature does not open with the key.
    KEY_DIFFERS = Fail, "key differs", "dkim.key-differs", "RFC 6376 §6.1.3";
    /// The signature does not fit, and its kind does not tell why.
    SIGNATURE_DIFFERS = Fail, "header or key differs", "dkim.signature-differs", "RFC 8463 §3";
    /// The body has another hash.
    BODY_DIFFERS = Fail, "body hash differs", "dkim.body-differs", "RFC 6376 §6.1.3";
    /// `l=` is larger than the body.
    LENGTH_BEYOND = Permerror, "length beyond body", "dkim.length-beyond", "RFC 6376 §3.5";
    /// Content follows what `l=` covers.
    UNCOVERED = Policy, "content not covered", "dkim.uncovered", "RFC 6376 §8.2";
    /// Nobody hashed the body as the plan asked.
    BODY_NOT_HASHED = Temperror, "body not hashed", "dkim.body-not-hashed", "RFC 6376 §6.1.3";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_apart_by_their_rules_and_speak_of_their_result() {
        for (at, fault) in FAULTS.iter().enumerate() {
            assert!(FAULTS.iter().skip(at + 1).all(|other| other.rule.id != fault.rule.id), "{}", fault.rule.id);
            assert_ne!(fault.result, DkimResult::Pass);
        }
    }
}
