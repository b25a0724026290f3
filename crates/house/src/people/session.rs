//! Tokens: what a browser, a program or a link shows, of which we keep the hash alone
//!
//! A token has 256 random bits. It is looked up by its SHA-256, so that comparing it tells nothing by the time it takes, and that
//! whoever reads the ledger can open nothing with what stands there.

use std::fmt;

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sekisho_ledger::{Digest, Secret};

use super::Trouble;

/// What the token of a program begins with, so that those who search texts for secrets know it.
const PROGRAM: &str = "sekisho_";
/// The most octets of what somebody shows.
const MOST: usize = 128;

/// Something that opens a door.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// Makes one for a browser or a link.
    pub(crate) fn new() -> Result<Token, Trouble> {
        let mut octets = [0; 32];
        rand::fill(&mut octets).map_err(|_| Trouble::Randomness)?;
        Ok(Token(BASE64_URL_SAFE_NO_PAD.encode(octets)))
    }

    /// Makes one for a program.
    pub(crate) fn for_a_program() -> Result<Token, Trouble> {
        Ok(Token(format!("{PROGRAM}{}", Token::new()?.0)))
    }

    /// Takes what somebody shows; nothing where it cannot be one of ours.
    pub(crate) fn shown(text: &str) -> Option<Token> {
        (!text.is_empty() && text.len() <= MOST && text.is_ascii()).then(|| Token(text.to_owned()))
    }

    /// Returns its text: for a cookie, a link, or the one time that a program's token is shown.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what is kept of it.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Makes the secret that the forms of a session are proven with.
pub(crate) fn new_secret() -> Result<Secret, Trouble> {
    Ok(Secret(Token::new()?.0))
}

/// Returns what stands in every form of a session. Another site can send our forms, but does not know it.
pub(crate) fn form_proof(secret: &Secret) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key(secret), FORMS))
}

/// Tells whether a form is of the session with this secret.
pub(crate) fn is_form_proof(secret: &Secret, shown: &str) -> bool {
    let octets = if shown.len() > MOST { None } else { BASE64_URL_SAFE_NO_PAD.decode(shown).ok() };
    octets.is_some_and(|octets| hmac::verify(&key(secret), FORMS, &octets).is_ok())
}

/// What the secret of a session is used for.
const FORMS: &[u8] = b"csrf";

/// Makes a key of the secret of a session.
fn key(secret: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.0.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_are_known_by_their_hash() {
        let (one, other) = (Token::new().unwrap(), Token::for_a_program().unwrap());
        assert_eq!((one.as_str().len(), other.as_str().len()), (43, 51));
        assert!(other.as_str().starts_with("sekisho_") && one.digest() != other.digest());
        assert_eq!(Token::shown(one.as_str()).unwrap().digest(), one.digest());
        assert_eq!(format!("{one:?}"), "Token");
        for bad in ["", "関", &"a".repeat(129)] {
            assert!(Token::shown(bad).is_none());
        }
    }

    #[test]
    fn a_form_is_of_one_session() {
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        let proof = form_proof(&one);
        assert!(is_form_proof(&one, &proof) && !is_form_proof(&other, &proof));
        for bad in ["", "=", &proof[1..], &format!("{proof}A"), &"A".repeat(43), &"A".repeat(1_000_000)] {
            assert!(!is_form_proof(&one, bad));
        }
    }
}
