//! `sekisho sign`: signs a mail with DKIM, or makes a new key and says what to publish
//!
//! The mail goes to stdout with its signatures on top and is otherwise left as it came, line ends included.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use sekisho_core::name::DomainName;
use sekisho_mail::author;
use sekisho_mail::body::{BodyHasher, BodyPlan, Canonicalization};
use sekisho_mail::dkim::sign::{SignError, Signer, sign_all};
use sekisho_mail::dkim::signing_key::{BadKey, NewKey, SigningKey};
use sekisho_mail::header::Header;
use sekisho_mail::message::Message;
use serde_json::json;

use crate::check::mbox::is_from_line;
use crate::cli::{KeyKind, SignArguments};
use crate::fault::{Fault, shown};
use crate::speech::Talk;
use crate::{Exit, Streams, key_file};

/// The most octets of a mail that is signed.
const MAIL_MAX: u64 = 128 * 1024 * 1024;
/// The most octets of a key file.
pub(crate) const KEY_MAX: u64 = 64 * 1024;
/// The seconds of a day.
const DAY: u64 = 24 * 60 * 60;

impl SignArguments {
    /// Signs a mail, or makes a key.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let domain = read_name("fault-domain", &self.domain)?;
        let selectors: Vec<DomainName> =
            self.selector.iter().map(|text| read_name("fault-selector", text)).collect::<Result<_, _>>()?;
        let said = match (self.new_key, &self.out, &self.file) {
            (Some(kind), Some(out), _) => self.make_key(kind, out, &domain, &selectors, talk, streams)?.into_bytes(),
            (_, _, Some(file)) => self.sign(file, &domain, &selectors, talk, streams)?,
            // The command line asks for one of the two.
            _ => return Err(Fault::new("fault-ours", []).into()),
        };
        match streams.stdout.write_all(&said).and_then(|()| streams.stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(Exit::Clean),
        }
    }

    /// Makes a key, writes it where only its owner can read it, and returns the record to publish.
    fn make_key(
        &self,
        kind: KeyKind,
        out: &Path,
        domain: &DomainName,
        selectors: &[DomainName],
        talk: &Talk,
        streams: &mut Streams<'_>,
    ) -> Result<String, Fault> {
        let [selector] = selectors else { return Err(Fault::new("fault-one-selector", [])) };
        let kind = match kind {
            KeyKind::Rsa2048 => NewKey::Rsa2048,
            KeyKind::Rsa3072 => NewKey::Rsa3072,
            KeyKind::Ed25519 => NewKey::Ed25519,
        };
        let made = || Fault::new("fault-key-made", []);
        // The place is taken first: no key is made that cannot be kept.
        let refused = |error: io::Error| Fault::io("fault-write", out, &error);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(out).map_err(refused)?;
        let key = SigningKey::generate(kind, &SystemRandom::new()).map_err(|why| made().because(bad_key(why)))?;
        let pem = key.to_pem().ok_or_else(made)?;
        file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(refused)?;
        if self.json {
            let name = format!("{selector}._domainkey.{domain}");
            let object = json!({ "path": out.to_string_lossy(), "name": name, "type": "TXT", "value": key.record() });
            return Ok(format!("{object}\n"));
        }
        // Nobody is left to hear that stderr is closed.
        let _ = writeln!(streams.stderr, "{}", talk.say("key-written", &[("path", shown(out))]));
        Ok(format!("{}\n", key.dns_record(selector, domain)))
    }

    /// Returns the mail with its signatures on top.
    fn sign(
        &self,
        file: &Path,
        domain: &DomainName,
        selectors: &[DomainName],
        talk: &Talk,
        streams: &mut Streams<'_>,
    ) -> Result<Vec<u8>, Fault> {
        let mut signers = self.signers(domain, selectors)?;
        self.warn_of_open_keys(talk, streams)?;
        let raw = read_mail(file, streams.stdin)?;
        let refused = |why: Fault| Fault::new("fault-sign", [("path", shown(file))]).because(why);
        if is_from_line(&raw) {
            return Err(refused(Fault::new("why-sign-mbox", [])));
        }
        let message = Message::parse(&raw);
        if !message.is_plausible() {
            return Err(Fault::new("fault-no-mail", [("path", shown(file))]));
        }
        let header = message.header();
        if header.named("From").count() > 1 {
            // RFC 5322 §3.6: nobody counts such a mail, and the signature would vouch for an author of anybody's choice.
            return Err(refused(Fault::new("why-sign-several", [])));
        }
        if let Some(names) = &self.headers {
            let (signed, oversigned) = listed_names(names, &header);
            for signer in &mut signers {
                (signer.signed, signer.oversigned) = (signed.clone(), oversigned.clone());
            }
        }
        let mut plan = BodyPlan::new();
        signers.iter().for_each(|signer| signer.plan(&mut plan));
        let mut hasher = BodyHasher::new(&plan);
        message.body().for_each(|piece| hasher.update(&piece));
        let now = self.at.unwrap_or_else(Timestamp::now);
        let fields = sign_all(&signers, &header, &hasher.finish(), now).map_err(|why| refused(bad_sign(&why)))?;
        if let Some(author) = author::judge(&header).0.domain.filter(|author| !is_aligned(domain, author)) {
            let named = [("domain", domain.into()), ("author", (&author).into())];
            // Nobody is left to hear that stderr is closed.
            let _ = writeln!(streams.stderr, "sekisho: {}", talk.say("note-unaligned", &named));
        }
        Ok([with_line_ends_of(&raw, fields), raw].concat())
    }

    /// Warns of keys that are no secret; the mail is signed all the same, since whoever calls knows what the key is for.
    fn warn_of_open_keys(&self, talk: &Talk, streams: &mut Streams<'_>) -> Result<(), Fault> {
        for path in &self.key {
            let about = fs::metadata(path).map_err(|error| Fault::io("fault-read", path, &error))?;
            if let Some(why) = key_file::too_open(&about).filter(|_| about.is_file()) {
                let note = Fault::new("note-key-open", [("path", shown(path))]).because(why);
                streams.tell(&format!("sekisho: {}", note.say(talk)));
            }
        }
        Ok(())
    }

    /// Returns a signer for each pair of selector and key.
    fn signers(&self, domain: &DomainName, selectors: &[DomainName]) -> Result<Vec<Signer>, Fault> {
        if selectors.len() != self.key.len() {
            let (selectors, keys) = (selectors.len().into(), self.key.len().into());
            return Err(Fault::new("fault-pairs", [("selectors", selectors), ("keys", keys)]));
        }
        let (header, body) = match &self.canonicalization {
            None => (Canonicalization::Relaxed, Canonicalization::Relaxed),
            Some(text) => read_canonicalization(text)
                .ok_or_else(|| Fault::new("fault-canonicalization", [("value", text.clone().into())]))?,
        };
        let pairs = selectors.iter().zip(&self.key);
        pairs
            .map(|(selector, path)| {
                let mut signer = Signer::new(domain.clone(), selector.clone(), read_key(path)?);
                (signer.header, signer.body) = (header, body);
                signer.expire_after = self.expire.map(|days| u64::from(days) * DAY);
                Ok(signer)
            })
            .collect()
    }
}

/// Names of fields.
type Names = Vec<Box<str>>;

/// Reads the names to be signed: those that are signed as often as they are there, and those that are listed more often,
/// absent ones among them, which are guarded against one more.
fn listed_names(text: &str, header: &Header<'_>) -> (Names, Names) {
    let names: Vec<&str> = text.split(':').map(str::trim).collect();
    let is_guarded = |wanted: &&str| {
        let listed = names.iter().filter(|name| name.eq_ignore_ascii_case(wanted)).count();
        listed > header.fields().iter().filter(|field| field.is(wanted)).count()
    };
    let (guarded, plain): (Vec<&str>, Vec<&str>) = names.iter().copied().partition(is_guarded);
    let boxed = |names: Vec<&str>| names.into_iter().map(Box::from).collect();
    (boxed(plain), boxed(guarded))
}

/// Reads a domain or a selector: a name that may stand in a signature.
pub(crate) fn read_name(message: &'static str, text: &str) -> Result<DomainName, Fault> {
    let wrong = || Fault::new(message, [("value", text.to_owned().into())]);
    let name = DomainName::parse_unicode(text).map_err(|why| wrong().because(why))?;
    let is_plain = |label: &[u8]| label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if name.labels().all(is_plain) && !name.is_root() {
        return Ok(name);
    }
    Err(wrong().because(Fault::new("why-name-characters", [])))
}

/// Tells whether DMARC can be expected to count a signature of `domain` for `author`: both belong to one organization.
/// The suffix list is enough for a hint; the DNS, which decides, is not asked where mails are signed.
fn is_aligned(domain: &DomainName, author: &DomainName) -> bool {
    let organization = |name: &DomainName| psl::domain(&name.to_dotted()).map(|found| found.as_bytes().to_vec());
    domain == author || organization(domain).is_some_and(|found| organization(author) == Some(found))
}

/// Reads `relaxed/simple`; one word alone is the header's, and the body's is then simple (RFC 6376 §3.5).
pub(crate) fn read_canonicalization(text: &str) -> Option<(Canonicalization, Canonicalization)> {
    let word = |word: &str| match word {
        "simple" => Some(Canonicalization::Simple),
        "relaxed" => Some(Canonicalization::Relaxed),
        _ => None,
    };
    let (header, body) = text.split_once('/').unwrap_or((text, "simple"));
    Some((word(header)?, word(body)?))
}

/// Reads a key file.
fn read_key(path: &Path) -> Result<SigningKey, Fault> {
    let refused = |error: io::Error| Fault::io("fault-read", path, &error);
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(KEY_MAX).read_to_end(&mut text)).map_err(refused)?;
    SigningKey::from_pem(&String::from_utf8_lossy(&text))
        .map_err(|why| Fault::new("fault-key", [("path", shown(path))]).because(bad_key(why)))
}

/// Reads the mail.
fn read_mail(path: &Path, stdin: &mut dyn Read) -> Result<Vec<u8>, Fault> {
    let refused = |error: io::Error| Fault::io("fault-read", path, &error);
    let mut raw = Vec::new();
    if path == Path::new("-") {
        stdin.take(MAIL_MAX + 1).read_to_end(&mut raw).map_err(refused)?;
    } else {
        if fs::metadata(path).map_err(refused)?.is_dir() {
            return Err(refused(io::ErrorKind::IsADirectory.into()));
        }
        File::open(path).and_then(|file| file.take(MAIL_MAX + 1).read_to_end(&mut raw)).map_err(refused)?;
    }
    if raw.len() as u64 > MAIL_MAX {
        return Err(Fault::new("fault-large", [("path", shown(path)), ("size", (MAIL_MAX / (1024 * 1024)).into())]));
    }
    if raw.is_empty() { Err(Fault::new("fault-empty", [("path", shown(path))])) } else { Ok(raw) }
}

/// Returns fields with the line ends that the mail has.
fn with_line_ends_of(raw: &[u8], fields: Vec<u8>) -> Vec<u8> {
    let line = raw.split_inclusive(|&b| b == b'\n').next().unwrap_or_default();
    if line.ends_with(b"\r\n") || !line.ends_with(b"\n") {
        return fields;
    }
    fields.into_iter().filter(|&b| b != b'\r').collect()
}

/// Says what is wrong with a key.
pub(crate) fn bad_key(why: BadKey) -> Fault {
    let message = match why {
        BadKey::NoPem => "why-key-pem",
        BadKey::Encrypted => "why-key-encrypted",
        BadKey::Unreadable => "why-key-unreadable",
        BadKey::TooSmall => "why-key-small",
        BadKey::TooLarge => "why-key-large",
        other => return Fault::quote(other.to_string()),
    };
    Fault::new(message, [])
}

/// Says why a mail cannot be signed.
pub(crate) fn bad_sign(why: &SignError) -> Fault {
    match why {
        SignError::NoFrom => Fault::new("why-sign-from", []),
        SignError::NameTooLong => Fault::new("why-sign-long", []),
        SignError::BadName(name) => Fault::new("why-sign-name", [("name", name.into())]),
        SignError::BadFieldName(name) => Fault::new("why-sign-field", [("name", name.to_string().into())]),
        other => Fault::quote(other.to_string()),
    }
}
