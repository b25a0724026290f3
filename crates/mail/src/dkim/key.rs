//! The key of a signer: where it is asked for, how its record is read, and how it verifies (RFC 6376 §3.6, RFC 8463)
//!
//! A record is parsed once and kept with the cached answer. Keys that are not accepted never reach the crypto library.

use std::sync::Arc;

use aws_lc_rs::digest::Digest;
use aws_lc_rs::signature::{
    ED25519, ParsedPublicKey, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RsaPublicKeyComponents,
};
use sekisho_core::facts::{Facts, Missing, Outcome, Question};
use sekisho_core::name::DomainName;

use crate::dkim::fault::{self, Fault};
use crate::dkim::rsa::RsaNumbers;
use crate::dkim::signature::{Algorithm, decode_base64};
use crate::policy::Service;
use crate::tags::{TagList, split_colons};

/// The fewest bits of an RSA key that is accepted (RFC 8301 §3.2).
const RSA_BITS_MIN: usize = 1024;
/// The most bits of an RSA key that is accepted: more costs us more than it gives anyone.
const RSA_BITS_MAX: usize = 4096;

/// What the DNS has at the name of a key.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// Whether the record says `t=y`: the domain is only testing.
    pub(crate) testing: bool,
    /// How many bits an RSA key has, where it could be read.
    pub(crate) bits: Option<usize>,
    /// The key, or why there is none.
    pub(crate) key: Result<Key, &'static Fault>,
}

/// A key that is accepted.
#[derive(Debug)]
pub(crate) struct Key {
    /// The public key.
    public: PublicKey,
    /// Whether `h=` allows SHA-256.
    sha256: bool,
    /// Whether `s=` allows mail.
    email: bool,
    /// Whether `s=` allows TLS reports by mail (RFC 8460 §3).
    tls_reports: bool,
    /// Whether `t=s` asks that the domain of `i=` is `d=` itself.
    pub(crate) strict: bool,
}

/// A public key, ready to verify.
#[derive(Debug)]
enum PublicKey {
    /// RSA, and its numbers to open what fails.
    Rsa(ParsedPublicKey, RsaNumbers),
    /// Ed25519.
    Ed25519(ParsedPublicKey),
}

/// Returns the question for a key: `<selector>._domainkey.<domain>`; `None` where that is too long for a name (§3.6.2.1).
pub(crate) fn question(selector: &DomainName, domain: &DomainName) -> Option<Question> {
    let labels = selector.labels().chain([&b"_domainkey"[..]]).chain(domain.labels());
    DomainName::from_labels(labels).ok().map(Question::txt)
}

/// Returns what is at the name of a key, parsed once for as long as the answer lives.
pub(crate) fn lookup(facts: &Facts, question: &Question) -> Result<Arc<Lookup>, Missing> {
    Ok(facts.get(question)?.parsed(Lookup::from_outcome))
}

impl Lookup {
    /// Reads an answer. §3.6.2.2 leaves several records undefined: the first that is a key record counts.
    pub(crate) fn from_outcome(outcome: &Outcome) -> Lookup {
        if outcome.is_transient() {
            return Lookup::without_key(&fault::KEY_UNAVAILABLE);
        }
        let mut first_broken = None;
        for text in outcome.records().iter().filter_map(sekisho_core::facts::Record::text) {
            match Lookup::from_record(&text) {
                Some(found) if found.key.as_ref().err() == Some(&&fault::KEY_MALFORMED) => {
                    first_broken.get_or_insert(found);
                }
                Some(found) => return found,
                None => {}
            }
        }
        first_broken.unwrap_or_else(|| Lookup::without_key(&fault::KEY_ABSENT))
    }

    /// Reads one record; `None` where it is of another kind and says so by its `v=` (§3.6.1).
    pub(crate) fn from_record(text: &[u8]) -> Option<Lookup> {
        let Ok(tags) = TagList::parse(text) else { return Some(Lookup::without_key(&fault::KEY_MALFORMED)) };
        if tags.get("v").is_some_and(|version| version != b"DKIM1") {
            return None;
        }
        let has_flag = |flag: &[u8]| tags.get("t").is_some_and(|flags| lists(flags, flag));
        let serves = |word| tags.get("s").is_none_or(|services| lists(services, word) || lists(services, b"*"));
        let mut found = Lookup { testing: has_flag(b"y"), bits: None, key: Err(&fault::KEY_MALFORMED) };
        // §3.6.1: `v=` must be the first tag.
        if tags.get("v").is_none() || tags.iter().next().is_some_and(|first| first.name == b"v") {
            found.key = read_public_key(&tags, &mut found.bits).map(|public| Key {
                public,
                sha256: tags.get("h").is_none_or(|hashes| lists(hashes, b"sha256")),
                email: serves(b"email"),
                tls_reports: serves(b"email") || serves(b"tlsrpt"),
                strict: has_flag(b"s"),
            });
        }
        Some(found)
    }

    /// Returns a lookup that led to no key.
    fn without_key(fault: &'static Fault) -> Lookup {
        Lookup { testing: false, bits: None, key: Err(fault) }
    }
}

impl Key {
    /// Returns the word of the key's kind, as `k=` writes it.
    pub(crate) fn kind(&self) -> &'static str {
        match self.public {
            PublicKey::Rsa(..) => "rsa",
            PublicKey::Ed25519(_) => "ed25519",
        }
    }

    /// Tells whether the record lets this key make signatures of that kind on such mail (§6.1.2, points 4 to 7).
    pub(crate) fn allows(&self, algorithm: Algorithm, service: Service) -> Result<(), &'static Fault> {
        let serves = match service {
            Service::Email => self.email,
            Service::TlsReport => self.tls_reports,
        };
        let is_kind = matches!(
            (&self.public, algorithm),
            (PublicKey::Rsa(..), Algorithm::RsaSha256) | (PublicKey::Ed25519(_), Algorithm::Ed25519Sha256)
        );
        if !is_kind {
            Err(&fault::KEY_TYPE)
        } else if !self.sha256 {
            Err(&fault::KEY_HASH)
        } else if !serves {
            Err(&fault::KEY_SERVICE)
        } else {
            Ok(())
        }
    }

    /// Tells whether another record has the same key.
    pub(crate) fn is_same(&self, other: &Key) -> bool {
        match (&self.public, &other.public) {
            (PublicKey::Rsa(one, _), PublicKey::Rsa(other, _)) => one.as_ref() == other.as_ref(),
            (PublicKey::Ed25519(one), PublicKey::Ed25519(other)) => one.as_ref() == other.as_ref(),
            _ => false,
        }
    }

    /// Tells whether the record lets this key sign mail, by whichever algorithm its kind has.
    pub(crate) fn allows_mail(&self) -> Result<(), &'static Fault> {
        let algorithm = match self.public {
            PublicKey::Rsa(..) => Algorithm::RsaSha256,
            PublicKey::Ed25519(_) => Algorithm::Ed25519Sha256,
        };
        self.allows(algorithm, Service::Email)
    }

    /// Verifies the signature of a header hash; where it does not fit, says which of header and key differs.
    pub(crate) fn verify(&self, hash: &Digest, signature: &[u8]) -> Result<(), &'static Fault> {
        match &self.public {
            PublicKey::Rsa(key, numbers) => key.verify_digest_sig(hash, signature).map_err(|_| {
                let is_opened = numbers.open(signature).is_some();
                if is_opened { &fault::HEADER_DIFFERS } else { &fault::KEY_DIFFERS }
            }),
            // RFC 8463 §3: what Ed25519 signs is the hash itself.
            PublicKey::Ed25519(key) => key.verify_sig(hash.as_ref(), signature).map_err(|_| &fault::SIGNATURE_DIFFERS),
        }
    }
}

/// Reads `k=` and `p=`.
fn read_public_key(tags: &TagList<'_>, bits: &mut Option<usize>) -> Result<PublicKey, &'static Fault> {
    let data = tags.get("p").ok_or(&fault::KEY_MALFORMED)?;
    if data.is_empty() {
        return Err(&fault::KEY_REVOKED);
    }
    let kind = tags.get("k").unwrap_or(b"rsa");
    let data = decode_base64(data).ok_or(&fault::KEY_MALFORMED);
    if kind.eq_ignore_ascii_case(b"rsa") {
        read_rsa(&data?, bits)
    } else if kind.eq_ignore_ascii_case(b"ed25519") {
        // RFC 8463 §4.2: the 32 octets alone.
        let data = data?;
        let octets: &[u8; 32] = data.as_slice().try_into().map_err(|_| &fault::KEY_MALFORMED)?;
        ParsedPublicKey::new(&ED25519, octets).map(PublicKey::Ed25519).map_err(|_| &fault::KEY_MALFORMED)
    } else {
        Err(&fault::KEY_TYPE)
    }
}

/// Reads an RSA key, and refuses it by its size before the crypto library sees it.
fn read_rsa(der: &[u8], bits: &mut Option<usize>) -> Result<PublicKey, &'static Fault> {
    let numbers = RsaNumbers::from_der(der).ok_or(&fault::KEY_MALFORMED)?;
    *bits = Some(numbers.bits());
    match numbers.bits() {
        ..RSA_BITS_MIN => return Err(&fault::KEY_SHORT),
        RSA_BITS_MIN..=RSA_BITS_MAX if numbers.are_sound() => {}
        RSA_BITS_MIN..=RSA_BITS_MAX => return Err(&fault::KEY_MALFORMED),
        _ => return Err(&fault::KEY_LONG),
    }
    let components = RsaPublicKeyComponents { n: &*numbers.modulus, e: &*numbers.exponent };
    let key = components.to_parsed_public_key(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY);
    key.map(|key| PublicKey::Rsa(key, numbers)).map_err(|_| &fault::KEY_MALFORMED)
}

/// Tells whether a list between colons has a word; a literal of the grammar has no case (RFC 5234 §2.3).
fn lists(list: &[u8], word: &[u8]) -> bool {
    split_colons(list).any(|item| item.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sekisho_core::facts::Record;

    use super::*;

    /// The Ed25519 key of RFC 8463 §A.2.
    const ED: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    fn fault_of(text: &str) -> Option<&'static Fault> {
        Lookup::from_record(text.as_bytes()).unwrap().key.err()
    }

    fn rsa_record(modulus: &[u8], exponent: &[u8]) -> String {
        use base64::Engine;
        let integer =
            |number: &[u8]| [&[0x02, 0x82], &u16::try_from(number.len()).unwrap().to_be_bytes()[..], number].concat();
        let numbers = [integer(modulus), integer(exponent)].concat();
        let der = [&[0x30, 0x82], &u16::try_from(numbers.len()).unwrap().to_be_bytes()[..], &numbers].concat();
        format!("p={}", base64::engine::general_purpose::STANDARD.encode(der))
    }

    #[test]
    fn records_are_read_as_the_rfc_says() {
        assert_eq!(fault_of(&format!("v=DKIM1; k=ed25519; p={ED}")), None);
        assert_eq!(fault_of(&format!("k=ed25519; n=note; x=unknown; p={ED};")), None);
        assert_eq!(fault_of(&format!("k=ed25519; v=DKIM1; p={ED}")), Some(&fault::KEY_MALFORMED));
        assert_eq!(fault_of("v=DKIM1; p="), Some(&fault::KEY_REVOKED));
        assert_eq!(fault_of("v=DKIM1; k=rsa"), Some(&fault::KEY_MALFORMED));
        assert_eq!(fault_of("v=DKIM1; k=ed25519; p=AAAA"), Some(&fault::KEY_MALFORMED));
        assert_eq!(fault_of("v=DKIM1; p=!!!!"), Some(&fault::KEY_MALFORMED));
        assert_eq!(fault_of("v=DKIM1; p=AAAA"), Some(&fault::KEY_MALFORMED));
        assert_eq!(fault_of("v=DKIM1;; p="), Some(&fault::KEY_MALFORMED));
        assert_eq!(fault_of("v=DKIM1; k=ml-dsa; p=AAAA"), Some(&fault::KEY_TYPE));
        assert!(Lookup::from_record(b"v=DKIM2; p=").is_none());
        assert!(Lookup::from_record(b"v=spf1 -all").is_none());
        let key = |text: String| Lookup::from_record(text.as_bytes()).unwrap().key.unwrap();
        let allows =
            |tags: &str, service| key(format!("k=ed25519; {tags}p={ED}")).allows(Algorithm::Ed25519Sha256, service);
        assert_eq!(allows("h=sha1; ", Service::Email), Err(&fault::KEY_HASH));
        assert_eq!(allows("h=sha1 : sha256; ", Service::Email), Ok(()));
        assert_eq!(allows("s=tlsrpt; ", Service::Email), Err(&fault::KEY_SERVICE));
        assert_eq!(allows("s=x:email; ", Service::Email), Ok(()));
        for (tags, service) in
            [("s=tlsrpt; ", Service::TlsReport), ("s=email; ", Service::TlsReport), ("", Service::TlsReport)]
        {
            assert_eq!(allows(tags, service), Ok(()), "{tags}");
        }
        assert_eq!(allows("s=x; ", Service::TlsReport), Err(&fault::KEY_SERVICE));
        let other = key(format!("k=ed25519; p={ED}")).allows(Algorithm::RsaSha256, Service::Email);
        assert_eq!(other, Err(&fault::KEY_TYPE));
        assert!(key(format!("k=ed25519; t=y:s; p={ED}")).strict);
    }

    #[test]
    fn rsa_keys_of_sizes_and_exponents_that_are_not_accepted_are_refused_at_once() {
        let number = |octets: usize| [vec![0, 0x80], vec![0xff; octets - 1]].concat();
        assert_eq!(fault_of(&rsa_record(&number(128), &[1, 0, 1])), None);
        assert_eq!(fault_of(&rsa_record(&number(512), &[3])), None);
        assert_eq!(fault_of(&rsa_record(&[vec![0x7f], vec![0xff; 127]].concat(), &[3])), Some(&fault::KEY_SHORT));
        assert_eq!(fault_of(&rsa_record(&[vec![0x01], vec![0xff; 512]].concat(), &[3])), Some(&fault::KEY_LONG));
        assert_eq!(fault_of(&rsa_record(&number(2048), &[3])), Some(&fault::KEY_LONG));
        assert_eq!(fault_of(&rsa_record(&number(256), &[0, 0x80, 0, 0, 0])), Some(&fault::KEY_MALFORMED));
        assert_eq!(Lookup::from_record(rsa_record(&number(2048), &[3]).as_bytes()).unwrap().bits, Some(16_384));
    }

    #[test]
    fn among_several_records_the_first_key_counts() {
        let records = |texts: &[&str]| {
            Outcome::Records(texts.iter().map(|text| Record::Txt(vec![text.as_bytes().into()])).collect())
        };
        let ed = format!("k=ed25519; p={ED}");
        let lookup = Lookup::from_outcome(&records(&["v=spf1 -all", "k=rsa; p=AAAA", &ed, "p="]));
        assert_eq!(lookup.key.unwrap().kind(), "ed25519");
        let key = |texts: &[&str]| Lookup::from_outcome(&records(texts)).key.unwrap_err();
        assert_eq!(key(&["v=spf1 -all", "k=rsa; p=AAAA"]), &fault::KEY_MALFORMED);
        assert_eq!(key(&["v=spf1 -all"]), &fault::KEY_ABSENT);
        assert_eq!(key(&["p=", &ed]), &fault::KEY_REVOKED);
    }

    proptest! {
        #[test]
        fn no_record_makes_it_panic(
            tags in proptest::collection::vec(("[vhknpst]", "(DKIM1|rsa|ed25519|sha256|email|y|s|[A-Za-z0-9+/=]{0,60})"), 0..7),
            octets in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let text: Vec<String> = tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let _ = Lookup::from_record(text.join(";").as_bytes());
            let _ = Lookup::from_record(&octets);
        }
    }
}
