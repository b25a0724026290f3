//! Signing: a mail gets fields that vouch for it (RFC 6376 §5, RFC 8301, RFC 8463)
//!
//! The body is hashed as [`Signer::plan`] asks; [`Signer::sign`] returns a whole field that goes on top of the mail.
//! RSA by PKCS #1 v1.5 and Ed25519 need no randomness, so that the same mail, key and time give the same field.

use std::fmt;

use jiff::Timestamp;
use sekisho_core::name::DomainName;

use crate::body::{BodyDigests, BodyPlan, BodyWant, Canonicalization};
use crate::dkim::canonical::{FieldIndex, HeaderInput};
use crate::dkim::field_writer::FieldWriter;
use crate::dkim::key;
use crate::dkim::signature::word;
use crate::dkim::signing_key::SigningKey;
use crate::header::Header;

/// The fields that are signed where they are there (§5.4.1), besides those of [`OVERSIGNED`].
pub const SIGNED: &[&str] = &[
    "Sender",
    "In-Reply-To",
    "References",
    "Content-ID",
    "Content-Description",
    "List-Id",
    "List-Help",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-Subscribe",
    "List-Post",
    "List-Owner",
    "List-Archive",
    "Feedback-ID",
    "Autocrypt",
];

/// The fields that are signed once more than they are there, so that none can be added (§5.4.2, §8.15): those that mail
/// programs show, and those that say how the body is read. Sender is not one of them, since lists honestly add it.
pub const OVERSIGNED: &[&str] = &[
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
];

/// Signs for one domain with one key.
#[derive(Debug)]
pub struct Signer {
    /// The domain that vouches, `d=`.
    pub domain: DomainName,
    /// Where below the domain the key is, `s=`.
    pub selector: DomainName,
    /// The key.
    pub key: SigningKey,
    /// How the header is made alike, `c=`.
    pub header: Canonicalization,
    /// How the body is made alike, `c=`.
    pub body: Canonicalization,
    /// The names of the fields that are signed, each as often as it is there; absent ones are left out.
    pub signed: Vec<Box<str>>,
    /// The names of the fields that are signed once more than they are there. From is always one of the signed.
    pub oversigned: Vec<Box<str>>,
    /// After how many seconds the signature expires, `x=`.
    pub expire_after: Option<u64>,
    /// For whom it was signed, `i=`: an address at or below the domain, maybe without a local part.
    pub identity: Option<Box<str>>,
}

impl Signer {
    /// Returns a signer with the usual choices: relaxed, the usual fields, no expiry.
    pub fn new(domain: DomainName, selector: DomainName, key: SigningKey) -> Signer {
        let list = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        Signer {
            domain,
            selector,
            key,
            header: Canonicalization::Relaxed,
            body: Canonicalization::Relaxed,
            signed: list(SIGNED),
            oversigned: list(OVERSIGNED),
            expire_after: None,
            identity: None,
        }
    }

    /// Says which hash of the body is wanted.
    pub fn plan(&self, plan: &mut BodyPlan) {
        plan.want(self.want());
    }

    /// Returns the field that goes on top of the mail, with its last CRLF.
    pub fn sign(&self, header: &Header<'_>, digests: &BodyDigests, now: Timestamp) -> Result<Vec<u8>, SignError> {
        let digest = digests.get(self.want()).ok_or(SignError::BodyNotHashed)?;
        key::question(&self.selector, &self.domain).ok_or(SignError::NameTooLong)?;
        let index = FieldIndex::new(header);
        let names = self.names(header, &index)?;
        let time = u64::try_from(now.as_second()).map_err(|_| SignError::BadTime)?;
        let mut field = FieldWriter::new("DKIM-Signature");
        field.tag("v", "1");
        field.tag("a", self.key.algorithm().as_str());
        field.tag("c", &format!("{}/{}", word(self.header), word(self.body)));
        field.tag("d", &ascii(&self.domain)?);
        field.tag("s", &ascii(&self.selector)?);
        field.tag("t", &time.to_string());
        if let Some(seconds) = self.expire_after {
            field.tag("x", &time.saturating_add(seconds.max(1)).to_string());
        }
        if let Some(identity) = &self.identity {
            field.tag("i", &self.encode_identity(identity)?);
        }
        field.list("h", &names);
        field.base64("bh", &digest.sha256);
        let mut input = HeaderInput::default();
        // The new field stands above the header, so no field of the header is its own.
        input.pick(self.header, header, &index, names.iter().map(|name| name.as_bytes()), usize::MAX);
        field.seal(&self.key, self.header, &mut input)
    }

    /// Returns the wanted hash of the body.
    fn want(&self) -> BodyWant {
        BodyWant { canonicalization: self.body, length: None }
    }

    /// Returns the names for `h=`: each as often as the mail has it, once more where none may be added.
    fn names<'s>(&'s self, header: &Header<'_>, index: &FieldIndex) -> Result<Vec<&'s str>, SignError> {
        let count = |name: &str| index.count(header, name.as_bytes());
        let mut listed = self.oversigned.iter().chain(&self.signed);
        if let Some(name) = listed.find(|name| !is_field_name(name)) {
            return Err(SignError::BadFieldName(name.clone()));
        }
        // §5.4: From must be signed.
        if count("From") == 0 {
            return Err(SignError::NoFrom);
        }
        let mut names: Vec<&str> = Vec::with_capacity(32);
        let mut add = |name: &'s str, extra: usize| {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.extend(std::iter::repeat_n(name, count(name) + extra));
            }
        };
        self.oversigned.iter().for_each(|name| add(name, 1));
        self.signed.iter().for_each(|name| add(name, 0));
        add("From", 0);
        Ok(names)
    }

    /// Writes `i=` in quoted-printable (§2.11), after checking that it lies at or below `d=`.
    fn encode_identity(&self, identity: &str) -> Result<String, SignError> {
        let bad = || SignError::BadIdentity(identity.into());
        let (local, domain) = identity.rsplit_once('@').ok_or_else(bad)?;
        let domain = DomainName::parse_unicode(domain).map_err(|_| bad())?;
        if !domain.is_at_or_below(&self.domain) {
            return Err(bad());
        }
        let mut encoded = String::with_capacity(identity.len());
        for octet in local.bytes() {
            if octet.is_ascii_graphic() && !matches!(octet, b';' | b'=') {
                encoded.push(char::from(octet));
            } else {
                encoded.push_str(&format!("={octet:02X}"));
            }
        }
        Ok(format!("{encoded}@{}", ascii(&domain)?))
    }
}

/// Signs with each of the signers: their fields, one below the other, go on top of the mail.
pub fn sign_all(
    signers: &[Signer],
    header: &Header<'_>,
    digests: &BodyDigests,
    now: Timestamp,
) -> Result<Vec<u8>, SignError> {
    let fields: Result<Vec<Vec<u8>>, SignError> =
        signers.iter().map(|signer| signer.sign(header, digests, now)).collect();
    Ok(fields?.concat())
}

/// Tells whether text can be the name of a field that stands in `h=`.
fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':' && b != b';')
}

/// Returns a name as a field may hold it: letters, digits, hyphens and underscores.
pub(crate) fn ascii(name: &DomainName) -> Result<String, SignError> {
    let text = name.to_string();
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if is_plain && !name.is_root() { Ok(text) } else { Err(SignError::BadName(name.clone())) }
}

/// Why a mail could not be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The mail has no From field.
    NoFrom,
    /// The body was not hashed as the plan asks.
    BodyNotHashed,
    /// Selector and domain are too long together.
    NameTooLong,
    /// The domain or the selector has characters that no signature may hold.
    BadName(DomainName),
    /// The name of a field to sign is no field name.
    BadFieldName(Box<str>),
    /// The identity is no address at or below the domain.
    BadIdentity(Box<str>),
    /// The moment lies before 1970.
    BadTime,
    /// The crypto library, or whoever keeps the key, refused to sign.
    Refused,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignError::NoFrom => f.write_str("the mail has no From field"),
            SignError::BodyNotHashed => f.write_str("the body was not hashed as the signer's plan asks"),
            SignError::NameTooLong => f.write_str("selector and domain are too long together"),
            SignError::BadName(name) => write!(f, "`{name}` cannot stand in a signature"),
            SignError::BadFieldName(name) => write!(f, "`{name}` is no field name"),
            SignError::BadIdentity(identity) => write!(f, "`{identity}` is no address at or below the signing domain"),
            SignError::BadTime => f.write_str("a signature cannot be made before 1970"),
            SignError::Refused => f.write_str("the key refused to sign"),
        }
    }
}

impl std::error::Error for SignError {}
