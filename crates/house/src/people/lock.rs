//! A lock on what the ledger keeps of second factors: who reads a backup, or the database of several nodes, has no codes
//!
//! AES-256-GCM, with a key made of the secret of the house, which is in the data folder and in no ledger. What is locked up belongs to one
//! person: behind somebody else's login it opens nothing.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sekisho_ledger::Id;

use super::Trouble;

/// How what is locked begins; before there was a lock, a text stood there as it is.
const LOCKED: &str = "locked:";

/// The lock of a house.
pub(super) struct Lock(RandomizedNonceKey);

impl Lock {
    /// Makes the lock of a house of its secret.
    pub(super) fn new(house: &hmac::Key) -> Lock {
        let key = hmac::sign(house, b"second factors in the ledger");
        Lock(RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).expect("HMAC-SHA256 has the 32 octets of a key"))
    }

    /// Locks a text of a person up.
    pub(super) fn close(&self, person: Id, text: &str) -> Result<String, Trouble> {
        let mut octets = text.as_bytes().to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(person.to_string()), &mut octets);
        let nonce = nonce.map_err(|_| Trouble::Randomness)?;
        Ok(LOCKED.to_owned() + &BASE64_URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &octets].concat()))
    }

    /// Returns the text of a person that was locked up, or never was.
    pub(super) fn open(&self, person: Id, kept: &str) -> Option<String> {
        let Some(locked) = kept.strip_prefix(LOCKED) else { return Some(kept.to_owned()) };
        let octets = BASE64_URL_SAFE_NO_PAD.decode(locked).ok()?;
        let (nonce, octets) = octets.split_first_chunk::<NONCE_LEN>()?;
        let (nonce, mut octets) = (Nonce::from(nonce), octets.to_vec());
        let text = self.0.open_in_place(nonce, Aad::from(person.to_string()), &mut octets).ok()?;
        Some(str::from_utf8(text).ok()?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_up_opens_with_the_same_secret_for_the_same_person_alone() {
        let lock = |secret: &[u8]| Lock::new(&hmac::Key::new(hmac::HMAC_SHA256, secret));
        let (ours, theirs) = (lock(b"ours"), lock(b"theirs"));
        let (hana, taro): (Id, Id) = (Id::new(0, [1; 10]), Id::new(0, [2; 10]));
        let kept = ours.close(hana, "GEZDGNBV").unwrap();
        assert!(!kept.contains("GEZDGNBV") && kept != ours.close(hana, "GEZDGNBV").unwrap(), "{kept}");
        assert_eq!(ours.open(hana, &kept).as_deref(), Some("GEZDGNBV"));
        assert_eq!((ours.open(taro, &kept), theirs.open(hana, &kept)), (None, None));
        for at in LOCKED.len()..kept.len() {
            let mut changed = kept.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(ours.open(hana, str::from_utf8(&changed).unwrap()), None, "octet {at}");
        }
        assert_eq!((ours.open(hana, "locked:"), ours.open(hana, "locked:!")), (None, None));
        assert_eq!(ours.open(hana, "GEZDGNBV").as_deref(), Some("GEZDGNBV"), "kept by an earlier version");
    }
}
