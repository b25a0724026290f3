//! Private keys: read, written, made, and what the DNS must say of them (RFC 6376 §3.6.1, RFC 8463 §4)

use std::fmt;

use aws_lc_rs::digest::Digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_core::name::DomainName;
use sekisho_core::presentation::split_string;

use crate::dkim::sign::SignError;
use crate::dkim::signature::{Algorithm, decode_base64};

/// A private key, or the way to one. It is never shown.
pub struct SigningKey(Kind);

/// The kinds of key.
enum Kind {
    /// RSA of at least 2048 bits.
    Rsa(Box<RsaKeyPair>),
    /// Ed25519.
    Ed25519(Box<Ed25519KeyPair>),
    /// Somebody else keeps the key and signs hashes for us.
    Elsewhere {
        /// What it makes.
        algorithm: Algorithm,
        /// The public key as `p=` has it.
        public: Vec<u8>,
        /// Signs a SHA-256 hash; `None` is a refusal.
        sign: Box<SignHash>,
    },
}

/// Signs a SHA-256 hash; `None` is a refusal.
type SignHash = dyn Fn(&[u8; 32]) -> Option<Vec<u8>> + Send + Sync;

/// The kinds of key that can be made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewKey {
    /// RSA with 2048 bits: what everybody verifies.
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
    /// Ed25519: short, but not yet verified by everybody, so better beside RSA than alone.
    Ed25519,
}

impl SigningKey {
    /// Reads PEM: `PRIVATE KEY` (PKCS #8) or `RSA PRIVATE KEY` (PKCS #1).
    pub fn from_pem(text: &str) -> Result<SigningKey, BadKey> {
        let (_, rest) = text.split_once("-----BEGIN ").ok_or(BadKey::NoPem)?;
        let (label, rest) = rest.split_once("-----").ok_or(BadKey::NoPem)?;
        let (body, _) = rest.split_once("-----END ").ok_or(BadKey::NoPem)?;
        if label.starts_with("ENCRYPTED") || body.contains("ENCRYPTED") {
            return Err(BadKey::Encrypted);
        }
        SigningKey::from_der(&decode_base64(body.as_bytes()).ok_or(BadKey::NoPem)?)
    }

    /// Reads DER: PKCS #8, or PKCS #1 for RSA.
    pub fn from_der(der: &[u8]) -> Result<SigningKey, BadKey> {
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            return Ok(SigningKey(Kind::Ed25519(Box::new(pair))));
        }
        match RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)) {
            Ok(pair) if pair.public_modulus_len() <= 512 => Ok(SigningKey(Kind::Rsa(Box::new(pair)))),
            Ok(_) => Err(BadKey::TooLarge),
            // The library says what is wrong with the size only in words.
            Err(why) if why.to_string() == "TooSmall" => Err(BadKey::TooSmall),
            Err(_) => Err(BadKey::Unreadable),
        }
    }

    /// Returns the Ed25519 key of a seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<SigningKey, BadKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| BadKey::Unreadable)?;
        Ok(SigningKey(Kind::Ed25519(Box::new(pair))))
    }

    /// Uses a key that somebody else keeps, such as a hardware module: `public` is what `p=` holds, `sign` signs a
    /// SHA-256 hash or refuses.
    pub fn elsewhere(
        algorithm: Algorithm,
        public: Vec<u8>,
        sign: impl Fn(&[u8; 32]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> SigningKey {
        SigningKey(Kind::Elsewhere { algorithm, public, sign: Box::new(sign) })
    }

    /// Makes a new key from the caller's randomness; for RSA the crypto library draws its own and leaves `rng` alone.
    pub fn generate(kind: NewKey, rng: &dyn SecureRandom) -> Result<SigningKey, BadKey> {
        let size = match kind {
            NewKey::Rsa2048 => KeySize::Rsa2048,
            NewKey::Rsa3072 => KeySize::Rsa3072,
            NewKey::Rsa4096 => KeySize::Rsa4096,
            NewKey::Ed25519 => {
                let mut seed = [0; 32];
                rng.fill(&mut seed).map_err(|_| BadKey::NotMade)?;
                return SigningKey::from_seed(&seed);
            }
        };
        RsaKeyPair::generate(size).map(|pair| SigningKey(Kind::Rsa(Box::new(pair)))).map_err(|_| BadKey::NotMade)
    }

    /// Writes the private key as PEM (PKCS #8); `None` where somebody else keeps it.
    pub fn to_pem(&self) -> Option<String> {
        let der = match &self.0 {
            Kind::Rsa(pair) => pair.as_der().ok()?.as_ref().to_vec(),
            Kind::Ed25519(pair) => pair.to_pkcs8v1().ok()?.as_ref().to_vec(),
            Kind::Elsewhere { .. } => return None,
        };
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        for line in STANDARD.encode(der).as_bytes().chunks(64) {
            pem.extend(line.iter().copied().map(char::from));
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Some(pem)
    }

    /// Returns what it signs by.
    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Kind::Rsa(_) => Algorithm::RsaSha256,
            Kind::Ed25519(_) => Algorithm::Ed25519Sha256,
            Kind::Elsewhere { algorithm, .. } => *algorithm,
        }
    }

    /// Returns the text of the key's TXT record.
    pub fn record(&self) -> String {
        let public = match &self.0 {
            Kind::Rsa(pair) => pair.public_key().as_der().map(|der| der.as_ref().to_vec()).unwrap_or_default(),
            Kind::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
            Kind::Elsewhere { public, .. } => public.clone(),
        };
        let kind = match self.algorithm() {
            Algorithm::RsaSha256 => "rsa",
            Algorithm::Ed25519Sha256 => "ed25519",
        };
        format!("v=DKIM1; k={kind}; p={}", STANDARD.encode(public))
    }

    /// Returns the line of a zone file that publishes the key.
    pub fn dns_record(&self, selector: &DomainName, domain: &DomainName) -> String {
        let strings: Vec<String> = split_string(self.record().as_bytes())
            .iter()
            .map(|string| format!("\"{}\"", String::from_utf8_lossy(string)))
            .collect();
        let strings = match strings.as_slice() {
            [one] => one.clone(),
            many => format!("( {} )", many.join(" ")),
        };
        format!("{selector}._domainkey.{domain}. IN TXT {strings}")
    }

    /// Signs a hash.
    pub(crate) fn sign(&self, hash: &Digest) -> Result<Vec<u8>, SignError> {
        match &self.0 {
            Kind::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign_digest(&RSA_PKCS1_SHA256, hash, &mut signature);
                signed.map(|()| signature).map_err(|_| SignError::Refused)
            }
            // RFC 8463 §3: what Ed25519 signs is the hash itself.
            Kind::Ed25519(pair) => pair
                .try_sign(hash.as_ref())
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignError::Refused),
            Kind::Elsewhere { sign, .. } => hash.as_ref().try_into().ok().and_then(sign).ok_or(SignError::Refused),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.algorithm()).finish_non_exhaustive()
    }
}

/// Why something is no private key for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadKey {
    /// The text is no PEM.
    NoPem,
    /// The key is locked with a passphrase.
    Encrypted,
    /// The octets are neither PKCS #8 nor PKCS #1, or the numbers do not belong together.
    Unreadable,
    /// The RSA key has fewer than 2048 bits.
    TooSmall,
    /// The RSA key has more than 4096 bits.
    TooLarge,
    /// The crypto library could not make a key.
    NotMade,
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadKey::NoPem => "the text is no PEM; it begins with `-----BEGIN PRIVATE KEY-----`",
            BadKey::Encrypted => "the key is locked with a passphrase",
            BadKey::Unreadable => "the key is neither RSA nor Ed25519 in PKCS #8 or PKCS #1",
            BadKey::TooSmall => "the RSA key has fewer than 2048 bits",
            BadKey::TooLarge => "the RSA key has more than 4096 bits, which receivers do not verify",
            BadKey::NotMade => "no key could be made",
        })
    }
}

impl std::error::Error for BadKey {}
