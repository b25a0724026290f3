//! Passwords: which ones are taken, and how they are kept (argon2id, RFC 9106)

use std::sync::{Arc, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand;
use sekisho_ledger::Secret;
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use super::Trouble;

/// The memory of one hash, in KiB: what OWASP asks for at least with two passes.
const MEMORY: u32 = 19 * 1024;
/// The passes over it.
const PASSES: u32 = 2;
/// How many hashes are made at a time: each takes its memory and a processor.
const AT_ONCE: usize = 2;
/// The fewest characters of a password.
pub(crate) const LEAST: usize = 12;
/// The most characters of a password.
pub(crate) const MOST: usize = 256;
/// Passwords that are long enough and yet the first to be tried.
const OBVIOUS: &[&str] = &[
    "123456789012",
    "1234567890123",
    "12345678901234567890",
    "password1234",
    "passwordpassword",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiopasdfghjkl",
    "1qaz2wsx3edc",
    "administrator",
    "administrator1",
    "adminadminadmin",
    "letmeinletmein",
    "changemechangeme",
    "changeme1234",
    "correcthorsebatterystaple",
    "sekishosekisho",
    "sekisho12345",
];

/// A password that may be set: long enough, and not the first that anybody would try.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl Password {
    /// Checks what somebody wants to sign in with from now on.
    pub(crate) fn new(text: &str, login: &str) -> Result<Password, Weak> {
        // Composing makes a text at most three times as long: what is far too long is not worked on.
        if text.len() > MOST * 16 {
            return Err(Weak::Long);
        }
        let text = composed(text);
        match text.chars().count() {
            ..LEAST => return Err(Weak::Short),
            LEAST..=MOST => {}
            _ => return Err(Weak::Long),
        }
        let plain = text.to_lowercase();
        let is_login = !login.is_empty() && plain.replace(&login.to_lowercase(), "").chars().count() < 4;
        let mut letters: Vec<char> = plain.chars().collect();
        letters.sort_unstable();
        letters.dedup();
        if is_login || letters.len() < 4 || OBVIOUS.contains(&plain.as_str()) {
            return Err(Weak::Obvious);
        }
        Ok(Password(text))
    }
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weak {
    /// It has fewer than [`LEAST`] characters.
    Short,
    /// It has more than [`MOST`] characters.
    Long,
    /// It is the login, or one of those that are tried first.
    Obvious,
}

/// Makes and compares hashes, a few at a time and never on the reactor.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    /// Whoever has a permit may work.
    turns: Arc<Semaphore>,
}

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compared {
    /// Whether the password is right.
    pub(crate) is_right: bool,
    /// Whether its hash is weaker than those that are made now.
    pub(crate) is_outgrown: bool,
}

impl Hasher {
    /// Makes one.
    pub(crate) fn new() -> Hasher {
        Hasher { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Makes the text that is kept of a password.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String, Trouble> {
        let password = password.0.clone();
        self.work(move || hash(password.as_bytes())).await?
    }

    /// Compares what somebody typed with what is kept. Where nothing is, that takes just as long, and is wrong.
    pub(crate) async fn compare(&self, typed: &str, kept: Option<&Secret>) -> Result<Compared, Trouble> {
        // What nobody can have set is as wrong as anything, and costs no more.
        let typed = if typed.len() > MOST * 16 { String::new() } else { composed(typed) };
        let kept = kept.map(|secret| secret.0.clone());
        self.work(move || {
            // Every comparison asks for it, so that the first one takes no longer for a login that there is not.
            let nobody = nobody()?;
            let hash = PasswordHash::new(kept.as_deref().unwrap_or(nobody)).map_err(|_| Trouble::Hash)?;
            let is_same = argon2()?.verify_password(typed.as_bytes(), &hash).is_ok();
            Ok(Compared { is_right: is_same && kept.is_some(), is_outgrown: is_outgrown(&hash) })
        })
        .await?
    }

    /// Works where it does not hold up others.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Trouble> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Trouble::Hash)?;
        let worked = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        worked.await.map_err(|_| Trouble::Hash)
    }
}

/// Returns a text with its letters composed (NFC): keyboards differ.
fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// Returns the function.
fn argon2() -> Result<Argon2<'static>, Trouble> {
    let params = Params::new(MEMORY, PASSES, 1, None).map_err(|_| Trouble::Hash)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes with a salt of its own.
fn hash(password: &[u8]) -> Result<String, Trouble> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| Trouble::Randomness)?;
    let hash: PasswordHash = argon2()?.hash_password_with_salt(password, &salt).map_err(|_| Trouble::Hash)?;
    Ok(hash.to_string())
}

/// Returns the hash of a password that nobody knows, made once.
fn nobody() -> Result<&'static str, Trouble> {
    /// The hash.
    static NOBODY: OnceLock<String> = OnceLock::new();
    if let Some(hash) = NOBODY.get() {
        return Ok(hash);
    }
    let mut unknown = [0; 32];
    rand::fill(&mut unknown).map_err(|_| Trouble::Randomness)?;
    let made = hash(&unknown)?;
    Ok(NOBODY.get_or_init(|| made))
}

/// Tells whether a hash was made with less than is usual now.
fn is_outgrown(hash: &PasswordHash) -> bool {
    let is_ours = hash.algorithm.as_str() == "argon2id";
    let params = Params::try_from(hash);
    !is_ours || !params.is_ok_and(|params| params.m_cost() >= MEMORY && params.t_cost() >= PASSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_long_or_obvious_is_not_taken() {
        for (text, weak) in [
            ("12345678901", Weak::Short),
            ("関所関所関所関所関所関", Weak::Short),
            ("123456789012", Weak::Obvious),
            ("PassWord1234", Weak::Obvious),
            ("aaaaaaaaaaaa", Weak::Obvious),
            ("abababababab", Weak::Obvious),
            ("hana.sato@a.example", Weak::Obvious),
            ("Hana.Sato@a.example1", Weak::Obvious),
            ("hana.sato@a.examplehana.sato@a.example", Weak::Obvious),
            (&"ab12".repeat(65), Weak::Long),
            (&"x".repeat(1_000_000), Weak::Long),
        ] {
            assert_eq!(Password::new(text, "hana.sato@a.example").err(), Some(weak), "{}", &text[..10]);
        }
        for text in ["関所を越える旅人は十二人", "tortoise kettle", &"ab12".repeat(64)] {
            assert!(Password::new(text, "hana.sato@a.example").is_ok(), "{text}");
        }
        assert!(Password::new("tortoise kettle", "").is_ok());
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let hasher = Hasher::new();
        // The same letters, composed and not.
        let kept = hasher.hash(&Password::new("caf\u{e9} au lait s.v.p.", "").unwrap()).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        let kept = Secret(kept);
        let right = hasher.compare("cafe\u{301} au lait s.v.p.", Some(&kept)).await.unwrap();
        assert_eq!(right, Compared { is_right: true, is_outgrown: false });
        for wrong in ["", "cafe au lait s.v.p.", "café au lait s.v.p. ", &"x".repeat(100_000)] {
            assert!(!hasher.compare(wrong, Some(&kept)).await.unwrap().is_right);
            assert!(!hasher.compare(wrong, None).await.unwrap().is_right);
        }
        assert!(hasher.compare("x", Some(&Secret("nonsense".to_owned()))).await.is_err());
    }

    #[tokio::test]
    async fn a_hash_of_earlier_days_is_known_and_said_to_be_outgrown() {
        let params = Params::new(8 * 1024, 1, 1, None).unwrap();
        let old: PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_with_salt(b"tortoise kettle", b"0123456789abcdef")
            .unwrap();
        let compared = Hasher::new().compare("tortoise kettle", Some(&Secret(old.to_string()))).await.unwrap();
        assert_eq!(compared, Compared { is_right: true, is_outgrown: true });
    }
}
