//! The keys of a provider (RFC 7517), and whether one of them signed a token (RFC 7515)

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, crypto, decode_header};
use serde_json::{Map, Value};

use super::Unproven;

/// What a token may be signed with: with keys of which we know the public half alone. `none` proves nothing, and a secret that we
/// share with the provider (HS256) could be mistaken for a public key.
const ALGORITHMS: [(Algorithm, KeyAlgorithm); 3] = [
    (Algorithm::RS256, KeyAlgorithm::RS256),
    (Algorithm::ES256, KeyAlgorithm::ES256),
    (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
];
/// The most keys of a provider that are looked at.
const MOST: usize = 100;

/// The keys of a provider.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Jwk>);

/// What a token has come to.
#[derive(Debug)]
pub(super) enum Opened {
    /// One of the keys signed it, and this is what it says.
    Signed(Map<String, Value>),
    /// It names a key that is not known; the provider may have a new one.
    UnknownKey,
}

impl Keys {
    /// Reads the document of the provider. Keys of kinds that are not known are no fault of the others (RFC 7517 §5).
    pub(super) fn read(document: &[u8]) -> Result<Keys, Unproven> {
        let document: Value = serde_json::from_slice(document).map_err(|_| unreadable())?;
        let all = document.get("keys").and_then(Value::as_array).ok_or_else(unreadable)?;
        let known = all.iter().take(MOST).filter_map(|key| serde_json::from_value(key.clone()).ok());
        Ok(Keys(known.collect()))
    }

    /// Opens a token.
    pub(super) fn open(&self, token: &str) -> Result<Opened, Unproven> {
        let header = decode_header(token).map_err(|_| Unproven::Refused("the token cannot be read"))?;
        let known = ALGORITHMS.iter().find(|(algorithm, _)| *algorithm == header.alg);
        let (algorithm, name) = known.ok_or(Unproven::Refused("the token is signed by no algorithm of ours"))?;
        // RFC 7515 §4.1.11: what is critical has to be understood, and we understand nothing of that kind.
        if header.crit.is_some() {
            return Err(Unproven::Refused("the token wants something critical"));
        }
        let kid = header.kid.as_deref();
        let mut fitting = self
            .0
            .iter()
            .filter(|key| is_for(key, *name) && (kid.is_none() || key.common.key_id.as_deref() == kid))
            .peekable();
        if fitting.peek().is_none() {
            return Ok(Opened::UnknownKey);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Unproven::Refused("the token cannot be read"))?;
        let is_by = |key: &Jwk| {
            let key = DecodingKey::from_jwk(key);
            key.and_then(|key| crypto::verify(signature, message.as_bytes(), &key, *algorithm)).unwrap_or(false)
        };
        if !fitting.any(is_by) {
            return Err(Unproven::Refused("the token is signed by somebody else"));
        }
        claims(message).map(Opened::Signed).ok_or(Unproven::Refused("the token cannot be read"))
    }
}

/// Tells whether a key is there to sign with by an algorithm.
fn is_for(key: &Jwk, algorithm: KeyAlgorithm) -> bool {
    let is_to_sign = key.common.public_key_use.as_ref().is_none_or(|known| *known == PublicKeyUse::Signature);
    is_to_sign && key.common.key_algorithm.is_none_or(|known| known == algorithm)
}

/// Reads the claims of a token.
fn claims(message: &str) -> Option<Map<String, Value>> {
    let (_, claims) = message.split_once('.')?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// Says that the provider's keys cannot be read.
fn unreadable() -> Unproven {
    Unproven::Provider("the keys of the provider cannot be read".to_owned())
}
