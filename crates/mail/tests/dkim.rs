//! DKIM, asked from outside: the vectors of the RFCs, a world for every way not to pass, signing, tampering, load

mod faults;
mod load;
mod second_opinion;
mod signing;
mod tampering;
mod vectors;

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sekisho_core::facts::Facts;
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_mail::body::{BodyHasher, BodyPlan};
use sekisho_mail::dkim::Signatures;
use sekisho_mail::dkim::signing_key::SigningKey;
use sekisho_mail::message::Message;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::{DkimResult, DkimVerdict};

/// The moment of every judgement that does not say another: far off, since the second opinion reads a clock.
const NOW: i64 = 4_000_000_000;

/// Hears a mail to its end, as the hearing does.
fn hear(mail: &[u8], zone: &Zone, now: i64) -> (Signatures, Facts) {
    let message = Message::parse(mail);
    let header = message.header();
    let mut facts = Facts::default();
    let mut signatures = Signatures::find(&header, Some(&name("example.org")), &Policy::default());
    zone.satisfy(&mut facts, |facts| signatures.proceed(facts, &header, moment(now)));
    let mut plan = BodyPlan::new();
    signatures.plan(&mut plan);
    let mut hasher = BodyHasher::new(&plan);
    message.body().for_each(|piece| hasher.update(&piece));
    signatures.close(&hasher.finish());
    (signatures, facts)
}

/// Returns what is concluded about the signatures of a mail.
fn judge(mail: &[u8], zone: &Zone) -> Vec<DkimVerdict> {
    hear(mail, zone, NOW).0.verdicts()
}

/// Returns what is concluded about the only signature of a mail.
fn judge_one(mail: &[u8], zone: &Zone) -> (DkimResult, Option<&'static str>) {
    let verdicts = judge(mail, zone);
    assert_eq!(verdicts.len(), 1);
    (verdicts[0].result, verdicts[0].reason)
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

/// Reads one of the vectors.
fn vector(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/dkim").join(name)).unwrap()
}

/// Reads one of the test keys, in PEM.
fn pem(name: &str) -> String {
    String::from_utf8(vector(&format!("keys/{name}.pem"))).unwrap()
}

/// Returns the octets inside PEM.
fn der(pem: &str) -> Vec<u8> {
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

/// Returns the text of a key's record.
fn record(key: &str) -> String {
    SigningKey::from_pem(&pem(key)).unwrap().record()
}

/// Returns the zone of most worlds: an Ed25519 key at `ed`, an RSA key at `rsa`.
fn usual_zone() -> Zone {
    let line = |selector: &str, key: &str| format!("{selector}._domainkey.example.org TXT {}\n", record(key));
    Zone::parse(&(line("ed", "ed25519") + &line("rsa", "rsa2048"))).unwrap()
}

/// A mail that is signed by hand: by the book, with none of the code under test.
struct ByHand {
    /// The tags of the signature but `b=`; `{bh}` stands for the hash of the body.
    tags: String,
    /// The fields.
    header: &'static str,
    /// The body, which canonicalization does not change.
    body: String,
}

impl ByHand {
    /// Returns the usual mail, signed with Ed25519.
    fn usual() -> ByHand {
        ByHand {
            tags: "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=ed; h=from:to:subject; bh={bh}".into(),
            header: "From: Hana <hana@example.org>\r\nTo: ken@example.net\r\nSubject: Tea at three\r\n",
            body: "Will you come?\r\n".into(),
        }
    }

    /// Returns the usual mail with something replaced in its tags.
    fn with(from: &str, to: &str) -> ByHand {
        let mut mail = ByHand::usual();
        assert!(mail.tags.contains(from));
        mail.tags = mail.tags.replacen(from, to, 1);
        mail
    }

    /// Returns the usual mail with more tags.
    fn and(more: &str) -> ByHand {
        ByHand::with("bh={bh}", &format!("bh={{bh}}; {more}"))
    }

    /// Returns the mail with its signature.
    fn sign(&self) -> Vec<u8> {
        self.sign_by(|hash| {
            if self.tags.contains("a=rsa-") {
                let pair = RsaKeyPair::from_pkcs8(&der(&pem("rsa2048"))).unwrap();
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(&RSA_PKCS1_SHA256, hash, &mut signature).unwrap();
                signature
            } else {
                Ed25519KeyPair::from_pkcs8(&der(&pem("ed25519"))).unwrap().sign(hash.as_ref()).as_ref().to_vec()
            }
        })
    }

    /// Returns the mail with a signature that `sign` makes of the hash of its header.
    fn sign_by(&self, sign: impl Fn(&aws_lc_rs::digest::Digest) -> Vec<u8>) -> Vec<u8> {
        let tag = |name: &str| {
            self.tags.split(';').map(str::trim).find_map(|tag| tag.strip_prefix(name)?.trim_start().strip_prefix('='))
        };
        let length = tag("l").and_then(|length| length.parse().ok()).unwrap_or(self.body.len());
        let covered = &self.body.as_bytes()[..length.min(self.body.len())];
        let tags = self.tags.replace("{bh}", &STANDARD.encode(digest(&SHA256, covered)));
        let is_simple = tag("c").is_none_or(|how| how.starts_with("simple"));
        let canonical = |field: &str| {
            let (name, value) = field.split_once(':').unwrap();
            let words = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            if is_simple { field.to_owned() } else { format!("{}:{words}", name.to_lowercase()) }
        };
        let mut fields: Vec<&str> = self.header.split_terminator("\r\n").collect();
        let mut input = String::new();
        for wanted in tag("h").unwrap_or_default().split(':').map(str::trim) {
            let is_wanted = |field: &&str| field.split(':').next().unwrap().trim().eq_ignore_ascii_case(wanted);
            if let Some(at) = fields.iter().rposition(is_wanted) {
                input += &(canonical(fields.remove(at)) + "\r\n");
            }
        }
        let own = format!("DKIM-Signature: {tags}; b=");
        input += &canonical(&own);
        let signature = STANDARD.encode(sign(&digest(&SHA256, input.as_bytes())));
        format!("{own}{signature}\r\n{}\r\n{}", self.header, self.body).into_bytes()
    }
}
