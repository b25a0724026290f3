//! The name of Evidence: its SHA-256

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256, digest};

/// The SHA-256 of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest::from_hash(&digest(&SHA256, bytes))
    }

    /// Hashes several texts so that no two lists of them meet: each is preceded by its length.
    pub(crate) fn of_parts(parts: &[&str]) -> Digest {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        Digest::from_hash(&context.finish())
    }

    /// Returns the 32 octets.
    pub fn octets(&self) -> &[u8; 32] {
        &self.0
    }

    /// Takes over what the library computed.
    fn from_hash(hash: &aws_lc_rs::digest::Digest) -> Digest {
        Digest(hash.as_ref().try_into().expect("SHA-256 has 32 octets"))
    }
}

impl From<[u8; 32]> for Digest {
    fn from(octets: [u8; 32]) -> Digest {
        Digest(octets)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = BadDigest;

    fn from_str(text: &str) -> Result<Digest, BadDigest> {
        let mut octets = [0; 32];
        if text.len() != 64 {
            return Err(BadDigest);
        }
        for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *octet = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Digest(octets))
    }
}

/// Returns the value of a hexadecimal digit in lower case.
fn nibble(digit: u8) -> Result<u8, BadDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(BadDigest),
    }
}

/// A text that is no SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadDigest;

impl fmt::Display for BadDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SHA-256 has 64 hexadecimal digits in lower case")
    }
}

impl std::error::Error for BadDigest {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_and_read_as_fips_180_has_it() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), text);
        assert_eq!(text.parse(), Ok(Digest::of(b"abc")));
        for bad in ["", &text[1..], &text.to_uppercase(), &text.replace('b', "+"), &"é".repeat(32)] {
            assert_eq!(bad.parse::<Digest>(), Err(BadDigest), "{bad}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Digest::of_parts(&["ab", "c"]), Digest::of_parts(&["a", "bc"]));
        assert_ne!(Digest::of_parts(&["a"]), Digest::of_parts(&["a", ""]));
    }
}
