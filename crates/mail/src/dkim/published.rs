//! Whether the DNS lets a key of ours sign (RFC 6376 §3.6.1)
//!
//! Receivers verify by the published record and not by the key file; where the two differ, every mail is signed in vain,
//! and its author domain's own policy may have it refused. So they are compared before anything is signed.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use sekisho_core::facts::{Outcome, Question};
use sekisho_core::name::DomainName;

use crate::dkim::fault;
use crate::dkim::key::{self, Lookup};
use crate::dkim::signing_key::SigningKey;
use crate::policy::Service;

/// Returns the question for the record of a key; `None` where selector and domain are too long together.
pub fn question(selector: &DomainName, domain: &DomainName) -> Option<Question> {
    key::question(selector, domain)
}

/// What a record says of a key that it lets sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// `t=y`: receivers are asked to treat its mails as unsigned.
    pub testing: bool,
    /// `t=s`: it is for its own domain, and for none below.
    pub strict: bool,
}

/// Compares a key with what the DNS answered at its name.
pub fn compare(key: &SigningKey, outcome: &Outcome) -> Result<Published, Mismatch> {
    if outcome.is_transient() {
        return Err(Mismatch::Unavailable);
    }
    let texts = outcome.records().iter().filter_map(sekisho_core::facts::Record::text);
    let found: Vec<Lookup> = texts.filter_map(|text| Lookup::from_record(&text)).collect();
    let lookup = match found.as_slice() {
        [] => return Err(Mismatch::Absent),
        [one] => one,
        // §3.6.2.2 leaves undefined which of them a verifier takes, and the DNS shuffles them.
        _ => return Err(Mismatch::Several),
    };
    let published = lookup.key.as_ref().map_err(|why| Mismatch::of(why))?;
    published.allows(key.algorithm(), Service::Email).map_err(Mismatch::of)?;
    // One signature shows whether the two halves belong together, for every kind of key.
    let hash = digest(&SHA256, b"sekisho");
    let signature = key.sign(&hash).map_err(|_| Mismatch::Refused)?;
    published.verify(&hash, &signature).map_err(|_| Mismatch::OtherKey)?;
    Ok(Published { testing: lookup.testing, strict: published.strict })
}

/// What a proposed record makes of signatures that verify by the record that is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// They verify as before.
    Kept,
    /// Only those whose `i=` names `d=` itself do: the proposed record says `t=s`, and the published one does not.
    Narrowed,
    /// They verify no longer.
    Lost(Mismatch),
    /// Nobody can tell: there is no published key to compare with.
    Unknown,
}

/// Tells what becomes of signatures by the published key under a proposed record.
pub fn succeed(published: &Outcome, proposed: &Outcome) -> Succession {
    if proposed.is_transient() {
        return Succession::Lost(Mismatch::Unavailable);
    }
    let next = match Lookup::from_outcome(proposed).key {
        Ok(key) => key,
        Err(why) if *why == fault::KEY_ABSENT => return Succession::Lost(Mismatch::Absent),
        Err(why) => return Succession::Lost(Mismatch::of(why)),
    };
    if let Err(why) = next.allows_mail() {
        return Succession::Lost(Mismatch::of(why));
    }
    match Lookup::from_outcome(published).key {
        Err(_) => Succession::Unknown,
        Ok(key) if !key.is_same(&next) => Succession::Lost(Mismatch::OtherKey),
        Ok(key) if next.strict && !key.strict => Succession::Narrowed,
        Ok(_) => Succession::Kept,
    }
}

/// Why the DNS does not let a key sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The DNS does not answer just now.
    Unavailable,
    /// There is no key record.
    Absent,
    /// There are several key records.
    Several,
    /// The record takes the key back: its `p=` is empty.
    Revoked,
    /// The record cannot be read.
    Malformed,
    /// The record has another key.
    OtherKey,
    /// The record's `s=` leaves mail out, or its `h=` leaves SHA-256 out.
    NotForMail,
    /// Whoever keeps the private key refuses to sign.
    Refused,
}

impl Mismatch {
    /// Says what a record's fault means here.
    fn of(why: &fault::Fault) -> Mismatch {
        match why {
            why if *why == fault::KEY_REVOKED => Mismatch::Revoked,
            why if *why == fault::KEY_MALFORMED => Mismatch::Malformed,
            why if *why == fault::KEY_HASH || *why == fault::KEY_SERVICE => Mismatch::NotForMail,
            // Of another kind, or of a size that we never sign with.
            _ => Mismatch::OtherKey,
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mismatch::Unavailable => "the DNS does not answer",
            Mismatch::Absent => "there is no key record",
            Mismatch::Several => "there are several key records",
            Mismatch::Revoked => "the record takes the key back",
            Mismatch::Malformed => "the record cannot be read",
            Mismatch::OtherKey => "the record has another key",
            Mismatch::NotForMail => "the record does not allow this key for mail with SHA-256",
            Mismatch::Refused => "the key refused to sign",
        })
    }
}

impl std::error::Error for Mismatch {}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use sekisho_core::facts::Record;

    use super::*;
    use crate::dkim::signing_key::NewKey;

    fn answer(texts: &[&str]) -> Outcome {
        Outcome::Records(texts.iter().map(|text| Record::Txt(vec![text.as_bytes().into()])).collect())
    }

    #[test]
    fn a_proposed_record_keeps_narrows_or_loses_what_the_published_key_signed() {
        let rsa = SigningKey::generate(NewKey::Rsa2048, &SystemRandom::new()).unwrap().record();
        let ed = SigningKey::from_seed(&[7; 32]).unwrap().record();
        for key in [&rsa, &ed] {
            let published = answer(&[key]);
            for (proposed, becomes) in [
                (answer(&[&key.replace("; p=", "; t=y; n=new; p=")]), Succession::Kept),
                (answer(&[&key.replace("; p=", "; t=s; p=")]), Succession::Narrowed),
                (answer(&["v=DKIM1; p="]), Succession::Lost(Mismatch::Revoked)),
                (answer(&["v=DKIM1; k=rsa"]), Succession::Lost(Mismatch::Malformed)),
                (answer(&[if *key == rsa { &ed } else { &rsa }]), Succession::Lost(Mismatch::OtherKey)),
                (answer(&[&key.replace("; p=", "; s=tlsrpt; p=")]), Succession::Lost(Mismatch::NotForMail)),
                (Outcome::NoName, Succession::Lost(Mismatch::Absent)),
                (Outcome::Servfail, Succession::Lost(Mismatch::Unavailable)),
            ] {
                assert_eq!(succeed(&published, &proposed), becomes, "{proposed:?}");
            }
            assert_eq!(succeed(&Outcome::NoName, &published), Succession::Unknown);
        }
    }

    #[test]
    fn a_key_is_compared_with_its_record() {
        let rsa = SigningKey::generate(NewKey::Rsa2048, &SystemRandom::new()).unwrap();
        let ed = SigningKey::from_seed(&[7; 32]).unwrap();
        let other = SigningKey::from_seed(&[8; 32]).unwrap();
        for key in [&rsa, &ed] {
            let record = key.record();
            let plain = Published { testing: false, strict: false };
            assert_eq!(compare(key, &answer(&["v=spf1 -all", &record])), Ok(plain));
            let flags = record.replace("; p=", "; t=y:s; p=");
            assert_eq!(compare(key, &answer(&[&flags])), Ok(Published { testing: true, strict: true }));
            let refusals = [
                (answer(&[&other.record()]), Mismatch::OtherKey),
                (answer(&[&record, &record]), Mismatch::Several),
                (answer(&["v=DKIM1; p="]), Mismatch::Revoked),
                (answer(&["v=DKIM1; p=!"]), Mismatch::Malformed),
                (answer(&["v=spf1 -all"]), Mismatch::Absent),
                (answer(&[&record.replace("; p=", "; s=tlsrpt; p=")]), Mismatch::NotForMail),
                (answer(&[&record.replace("; p=", "; h=sha1; p=")]), Mismatch::NotForMail),
                (Outcome::NoName, Mismatch::Absent),
                (Outcome::Timeout, Mismatch::Unavailable),
            ];
            for (outcome, why) in refusals {
                assert_eq!(compare(key, &outcome), Err(why), "{outcome:?}");
            }
        }
        assert_eq!(compare(&rsa, &answer(&[&ed.record()])), Err(Mismatch::OtherKey));
    }
}
