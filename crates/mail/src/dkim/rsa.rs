//! RSA public keys: their two numbers read by our own hand, and a failed signature opened to say why (RFC 8017)
//!
//! Verifying itself is `aws-lc-rs`' work. The numbers are read first, so that a key of a size or an exponent that is
//! not accepted never reaches it.

use num_bigint::BigUint;

/// DER of the object identifier `rsaEncryption` (RFC 8017 §A.1).
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// What stands before a SHA-256 hash inside a signature: DER of DigestInfo (RFC 8017 §9.2, note 1).
const SHA256_PREFIX: &[u8] = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
/// The most bits of a public exponent.
const EXPONENT_BITS: usize = 33;

/// The numbers of an RSA public key, big-endian, without zeros in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RsaNumbers {
    /// The modulus.
    pub(crate) modulus: Box<[u8]>,
    /// The public exponent.
    pub(crate) exponent: Box<[u8]>,
}

impl RsaNumbers {
    /// Reads DER, as SubjectPublicKeyInfo or as bare RSAPublicKey (RFC 6376 §3.6.1, erratum 3017).
    pub(crate) fn from_der(der: &[u8]) -> Option<RsaNumbers> {
        let key = subject_public_key(der).unwrap_or(der);
        let (sequence, []) = element(key, 0x30)? else { return None };
        let (modulus, rest) = element(sequence, 0x02)?;
        let (exponent, []) = element(rest, 0x02)? else { return None };
        Some(RsaNumbers { modulus: positive(modulus)?.into(), exponent: positive(exponent)?.into() })
    }

    /// Returns how many bits the modulus has.
    pub(crate) fn bits(&self) -> usize {
        bits(&self.modulus)
    }

    /// Tells whether numbers like these can belong to an RSA key: both odd, and the exponent neither 1 nor huge.
    pub(crate) fn are_sound(&self) -> bool {
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        is_odd(&self.modulus)
            && is_odd(&self.exponent)
            && *self.exponent != [1]
            && bits(&self.exponent) <= EXPONENT_BITS
    }

    /// Opens a signature and returns the SHA-256 hash inside, where the padding shows that this key made it.
    pub(crate) fn open(&self, signature: &[u8]) -> Option<[u8; 32]> {
        let (modulus, signature_number) = (BigUint::from_bytes_be(&self.modulus), BigUint::from_bytes_be(signature));
        if signature.len() != self.modulus.len() || signature_number >= modulus {
            return None;
        }
        let opened = signature_number.modpow(&BigUint::from_bytes_be(&self.exponent), &modulus).to_bytes_be();
        // The first octet, a zero, is lost in the number. §9.2: 00 01 FF … FF 00 DigestInfo.
        let (padding, hash) = opened.split_at_checked(opened.len().checked_sub(32)?)?;
        let padding = padding.strip_suffix(SHA256_PREFIX)?.strip_suffix(&[0])?.strip_prefix(&[1])?;
        let is_whole = opened.len() + 1 == self.modulus.len() && padding.len() >= 8;
        (is_whole && padding.iter().all(|&b| b == 0xff)).then(|| hash.try_into().ok())?
    }
}

/// Returns the RSAPublicKey inside a SubjectPublicKeyInfo (RFC 5280 §4.1).
fn subject_public_key(der: &[u8]) -> Option<&[u8]> {
    let (info, []) = element(der, 0x30)? else { return None };
    let (algorithm, rest) = element(info, 0x30)?;
    let (identifier, _) = element(algorithm, 0x06)?;
    let (bit_string, []) = element(rest, 0x03)? else { return None };
    // The first octet counts the bits that are not used.
    (identifier == RSA_ENCRYPTION).then(|| bit_string.strip_prefix(&[0]))?
}

/// Reads one element of DER: its content, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    if first < 0x80 {
        return rest.split_at_checked(usize::from(first));
    }
    let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if length.is_empty() || length.len() > 3 {
        return None;
    }
    rest.split_at_checked(length.iter().fold(0, |sum, &octet| sum << 8 | usize::from(octet)))
}

/// Returns the octets of a positive INTEGER without zeros in front.
fn positive(integer: &[u8]) -> Option<&[u8]> {
    let first = integer.iter().position(|&octet| octet != 0)?;
    (first > 0 || integer.first()? < &0x80).then(|| &integer[first..])
}

/// Counts the bits of a number without zeros in front.
fn bits(number: &[u8]) -> usize {
    number.len() * 8 - number.first().map_or(0, |first| first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_of_a_key_are_read() {
        let bare = [0x30, 0x08, 0x02, 0x03, 0x00, 0xc0, 0x01, 0x02, 0x01, 0x03];
        let numbers = RsaNumbers { modulus: Box::new([0xc0, 0x01]), exponent: Box::new([3]) };
        assert_eq!(RsaNumbers::from_der(&bare), Some(numbers.clone()));
        let mut info = vec![0x30, 0x1c, 0x30, 0x0d, 0x06, 0x09];
        info.extend_from_slice(RSA_ENCRYPTION);
        info.extend_from_slice(&[0x05, 0x00, 0x03, 0x0b, 0x00]);
        info.extend_from_slice(&bare);
        assert_eq!(RsaNumbers::from_der(&info), Some(numbers.clone()));
        assert_eq!(numbers.bits(), 16);
        info.push(0);
        assert_eq!(RsaNumbers::from_der(&info), None);
    }

    #[test]
    fn numbers_of_no_key_are_told_apart() {
        let sound = |modulus: &[u8], exponent: &[u8]| {
            RsaNumbers { modulus: modulus.into(), exponent: exponent.into() }.are_sound()
        };
        assert!(sound(&[0xff; 128], &[1, 0, 1]));
        assert!(!sound(&[0xff; 128], &[0x80, 0, 0, 0]));
        assert!(!sound(&[0xff; 128], &[0x03, 0, 0, 0, 1]));
        assert!(!sound(&[0xff; 128], &[1]));
        assert!(!sound(&[0xfe; 128], &[3]));
        assert_eq!(RsaNumbers::from_der(&[0x30, 0x06, 0x02, 0x01, 0xff, 0x02, 0x01, 0x03]), None);
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(
            der in proptest::collection::vec(any::<u8>(), 0..80),
            lengths in proptest::collection::vec(0u8..0x90, 4),
        ) {
            let _ = RsaNumbers::from_der(&der);
            let mut shaped = vec![0x30, lengths[0], 0x30, lengths[1], 0x06, lengths[2], 0x03, lengths[3], 0x30, 0x82];
            shaped.extend_from_slice(&der);
            if let Some(numbers) = RsaNumbers::from_der(&shaped) {
                let _ = numbers.open(&der);
            }
        }
    }
}
