//! The secret that a webhook's receiver shares with us, and what is signed with it

use std::io::Read;
use std::path::Path;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::fault::{Fault, shown};
use crate::key_file;

/// What a secret begins with where it is written.
const PREFIX: &str = "whsec_";
/// How many octets it may have.
const OCTETS: std::ops::RangeInclusive<usize> = 24..=64;
/// The most octets of a file with a secret.
const MOST: u64 = 4096;

/// A secret.
pub(super) struct Secret(hmac::Key);

impl Secret {
    /// Reads it from its file, which others must not be able to read.
    pub(super) fn read(path: &Path) -> Result<Secret, Fault> {
        let mut text = String::new();
        let read = key_file::open(path)?.take(MOST).read_to_string(&mut text);
        read.map_err(|why| Fault::io("fault-read", path, &why))?;
        Secret::parse(text.trim()).ok_or_else(|| Fault::new("fault-webhook-secret", [("path", shown(path))]))
    }

    /// Reads what was written.
    pub(super) fn parse(text: &str) -> Option<Secret> {
        let octets = BASE64_STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        OCTETS.contains(&octets.len()).then(|| Secret(hmac::Key::new(hmac::HMAC_SHA256, &octets)))
    }

    /// Returns the signature of what is sent under an id at a time, in seconds: the scheme `v1` of Standard Webhooks.
    pub(super) fn sign(&self, id: &str, time: i64, body: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{id}.{time}.{body}").as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_other_libraries() {
        // The example of the library of Standard Webhooks (its README and its tests have these four).
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_neither_short_nor_long_nor_without_its_mark() {
        let written = |octets: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; octets]));
        assert_eq!(
            [23, 24, 64, 65].map(|octets| Secret::parse(&written(octets)).is_some()),
            [false, true, true, false]
        );
        assert!(
            ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"]
                .iter()
                .all(|text| Secret::parse(text).is_none())
        );
    }
}
