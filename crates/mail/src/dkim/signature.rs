//! The DKIM-Signature field, read (RFC 6376 §3.5, §6.1.1)
//!
//! [`Claims`] is what can be said of any field, however broken; [`Signature`] is one that is worth asking a key for.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sekisho_core::facts::Question;
use sekisho_core::name::DomainName;
use sekisho_core::step::Value;
use sekisho_core::visible::Visible;

use crate::body::{BodyWant, Canonicalization};
use crate::dkim::fault::{self, Finding};
use crate::dkim::key;
use crate::tags::{BadTags, TagList, is_space, split_colons, trim_fws};

/// What a field claims about itself, as far as it can be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    /// `d=`.
    pub(crate) domain: Option<DomainName>,
    /// `s=`.
    pub(crate) selector: Option<DomainName>,
    /// `a=`, shown harmlessly.
    pub(crate) algorithm: Option<Cow<'static, str>>,
}

/// The kinds of signature that are verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with SHA-256 (RFC 6376 §3.3.2).
    RsaSha256,
    /// Ed25519 with SHA-256 (RFC 8463).
    Ed25519Sha256,
}

/// A signature that is sound in itself.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    /// `a=`.
    pub(crate) algorithm: Algorithm,
    /// Where the key is.
    pub(crate) key: Question,
    /// Whether the domain of `i=` is `d=` itself.
    pub(crate) identity_is_domain: bool,
    /// How the header is made alike.
    pub(crate) canonicalization: Canonicalization,
    /// The wanted hash of the body.
    pub(crate) body: BodyWant,
    /// `bh=`.
    pub(crate) body_hash: [u8; 32],
    /// `b=`.
    pub(crate) signature: Vec<u8>,
    /// `t=`, in seconds since 1970.
    pub(crate) time: Option<u64>,
    /// `x=`, in seconds since 1970.
    pub(crate) expiry: Option<u64>,
    /// Where `h=` stands in the value of the field.
    pub(crate) names_at: Range<usize>,
    /// How many names stand there.
    pub(crate) name_count: usize,
    /// Where `b=` stands in the value of the field.
    pub(crate) signature_at: Range<usize>,
}

impl Claims {
    /// Reads what can be read.
    pub(crate) fn read(tags: &TagList<'_>) -> Claims {
        Claims {
            domain: tags.get("d").and_then(read_domain),
            selector: tags.get("s").and_then(read_domain),
            algorithm: tags.get("a").map(|name| match Algorithm::named(name) {
                Some(algorithm) => Cow::Borrowed(algorithm.as_str()),
                None => Cow::Owned(Visible(name).to_string()),
            }),
        }
    }
}

impl Algorithm {
    /// Returns the name, as `a=` writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::RsaSha256 => "rsa-sha256",
            Algorithm::Ed25519Sha256 => "ed25519-sha256",
        }
    }

    /// Returns the algorithm of this very name.
    fn named(name: &[u8]) -> Option<Algorithm> {
        [Algorithm::RsaSha256, Algorithm::Ed25519Sha256].into_iter().find(|known| known.as_str().as_bytes() == name)
    }

    /// Reads `a=`; a literal of the grammar has no case (RFC 5234 §2.3).
    pub(crate) fn read(name: &[u8]) -> Result<Algorithm, Finding> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match [Algorithm::RsaSha256, Algorithm::Ed25519Sha256].into_iter().find(|known| is(known.as_str())) {
            Some(known) => Ok(known),
            None if is("rsa-sha1") => Err((&fault::SHA1).into()),
            None => Err(fault::ALGORITHM.with([("value", name.into())])),
        }
    }
}

impl Signature {
    /// Reads a signature in the order of §6.1.1.
    pub(crate) fn read(tags: &TagList<'_>, claims: &Claims) -> Result<Signature, Finding> {
        let version = required(tags, "v")?;
        if version != b"1" {
            return Err(fault::VERSION.with([("value", version.into())]));
        }
        for name in ["a", "b", "bh", "d", "h", "s"] {
            required(tags, name)?;
        }
        let algorithm = Algorithm::read(required(tags, "a")?)?;
        let (header, body) = read_canonicalization(tags.get("c"))?;
        let domain = claims.domain.as_ref().ok_or_else(|| bad_value(tags, "d"))?;
        let selector = claims.selector.as_ref().ok_or_else(|| bad_value(tags, "s"))?;
        let (time, expiry) = (read_number(tags, "t", 12)?, read_number(tags, "x", 12)?);
        if let (Some(time), Some(expiry)) = (time, expiry)
            && expiry <= time
        {
            return Err(fault::EXPIRY_ORDER.with([("signed", time.into()), ("expiry", expiry.into())]));
        }
        let query = tags.get("q").unwrap_or(b"dns/txt");
        if !split_colons(query).any(|method| method.eq_ignore_ascii_case(b"dns/txt")) {
            return Err(fault::QUERY.with([("value", query.into())]));
        }
        let name_count = count_names(tags)?;
        Ok(Signature {
            algorithm,
            key: key::question(selector, domain).ok_or_else(|| bad_value(tags, "s"))?,
            identity_is_domain: read_identity(tags, domain)?,
            canonicalization: header,
            body: BodyWant { canonicalization: body, length: read_number(tags, "l", 76)? },
            body_hash: read_base64(tags, "bh")?.try_into().map_err(|_| bad_value(tags, "bh"))?,
            signature: read_base64(tags, "b")?,
            time,
            expiry,
            names_at: tags.tag("h").map_or(0..0, |tag| tag.span.clone()),
            name_count,
            signature_at: tags.tag("b").map_or(0..0, |tag| tag.span.clone()),
        })
    }
}

/// Says what is wrong with a list of tags.
pub(crate) fn malformed(why: BadTags) -> Finding {
    match why {
        BadTags::Duplicate(tag) => fault::DUPLICATE_TAG.with([("tag", Value::Text(tag))]),
        BadTags::BadValue(tag) => fault::BAD_OCTETS.with([("tag", Value::Text(tag))]),
        BadTags::NoEquals | BadTags::BadName => (&fault::MALFORMED).into(),
    }
}

/// Returns the value of a tag that must be there.
pub(crate) fn required<'a>(tags: &TagList<'a>, name: &'static str) -> Result<&'a [u8], Finding> {
    tags.get(name).ok_or_else(|| fault::MISSING_TAG.with([("tag", name.into())]))
}

/// Says that the value of a tag cannot be read.
pub(crate) fn bad_value(tags: &TagList<'_>, name: &'static str) -> Finding {
    fault::BAD_VALUE.with([("tag", name.into()), ("value", tags.get(name).unwrap_or(b"").into())])
}

/// Reads a tag in base64 that must be there and not be empty.
pub(crate) fn read_base64(tags: &TagList<'_>, name: &'static str) -> Result<Vec<u8>, Finding> {
    let octets = decode_base64(required(tags, name)?).ok_or_else(|| bad_value(tags, name))?;
    if octets.is_empty() { Err(bad_value(tags, name)) } else { Ok(octets) }
}

/// Reads base64 with white space and folds in it; the grammar leaves the padding free (§2.10).
pub(crate) fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    /// Standard base64 with or without padding.
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let mut joined = Vec::with_capacity(text.len());
    let mut rest = text;
    // A CR stands nowhere but before LF: the tag list saw to it.
    while let Some(at) = memchr::memchr3(b' ', b'\t', b'\n', rest) {
        let (line, space) = rest.split_at(at);
        joined.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        rest = &space[1..];
    }
    joined.extend_from_slice(rest);
    BASE64.decode(joined).ok()
}

/// Reads a domain or a selector, with U-labels where somebody writes them (RFC 8616 §4).
pub(crate) fn read_domain(text: &[u8]) -> Option<DomainName> {
    let is_sound = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.') || *b >= 0x80;
    if text.ends_with(b".") || !text.iter().all(is_sound) {
        return None;
    }
    DomainName::parse_unicode(text).ok()
}

/// Reads `c=`: for the header, and for the body, which is simple where nothing is said (§3.5).
pub(crate) fn read_canonicalization(value: Option<&[u8]>) -> Result<(Canonicalization, Canonicalization), Finding> {
    let value = value.unwrap_or(b"simple");
    let (header, body) = match value.iter().position(|&b| b == b'/') {
        Some(slash) => (&value[..slash], &value[slash + 1..]),
        None => (value, &b"simple"[..]),
    };
    let read = |word: &[u8]| match word {
        word if word.eq_ignore_ascii_case(b"simple") => Some(Canonicalization::Simple),
        word if word.eq_ignore_ascii_case(b"relaxed") => Some(Canonicalization::Relaxed),
        _ => None,
    };
    let unknown = || fault::CANONICALIZATION.with([("value", value.into())]);
    Ok((read(header).ok_or_else(unknown)?, read(body).ok_or_else(unknown)?))
}

/// Returns the word of a canonicalization, as `c=` writes it.
pub(crate) fn word(how: Canonicalization) -> &'static str {
    match how {
        Canonicalization::Simple => "simple",
        Canonicalization::Relaxed => "relaxed",
    }
}

/// Reads a number of at most `digits` digits; what is too large for us is as good as endless (§3.5, `x=`).
pub(crate) fn read_number(tags: &TagList<'_>, name: &'static str, digits: usize) -> Result<Option<u64>, Finding> {
    let Some(text) = tags.get(name) else { return Ok(None) };
    if text.is_empty() || text.len() > digits || !text.iter().all(u8::is_ascii_digit) {
        return Err(bad_value(tags, name));
    }
    let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Ok(Some(text.iter().fold(0, add)))
}

/// Checks `h=`: names, and From among them. Returns how many.
fn count_names(tags: &TagList<'_>) -> Result<usize, Finding> {
    let (mut count, mut has_from) = (0, false);
    for name in split_colons(required(tags, "h")?) {
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return Err(bad_value(tags, "h"));
        }
        has_from |= name.eq_ignore_ascii_case(b"from");
        count += 1;
    }
    if has_from { Ok(count) } else { Err((&fault::FROM_NOT_SIGNED).into()) }
}

/// Reads the domain of `i=` and tells whether it is `d=` itself; it must not lie outside of it.
fn read_identity(tags: &TagList<'_>, domain: &DomainName) -> Result<bool, Finding> {
    let Some(identity) = tags.get("i") else { return Ok(true) };
    let at = identity.iter().rposition(|&b| b == b'@').ok_or_else(|| bad_value(tags, "i"))?;
    let decoded = decode_quoted_printable(&identity[at + 1..]);
    let identity = decoded.and_then(|text| read_domain(trim_fws(&text))).ok_or_else(|| bad_value(tags, "i"))?;
    if !identity.is_at_or_below(domain) {
        return Err(fault::IDENTITY_OUTSIDE.with([("identity", (&identity).into()), ("domain", domain.into())]));
    }
    Ok(identity == *domain)
}

/// Reads `dkim-quoted-printable` (§2.11): `=XX` is an octet, white space is nothing.
fn decode_quoted_printable(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut octets = text.iter().copied().filter(|&b| !is_space(b));
    while let Some(octet) = octets.next() {
        decoded.push(match octet {
            b'=' => hex(octets.next()?)? << 4 | hex(octets.next()?)?,
            other => other,
        });
    }
    Some(decoded)
}

/// Reads one hexadecimal digit.
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Signature, &'static str> {
        let tags = TagList::parse(text.as_bytes()).unwrap();
        Signature::read(&tags, &Claims::read(&tags)).map_err(|finding| finding.fault.reason)
    }

    fn with(more: &str) -> Result<Signature, &'static str> {
        let hash = "A".repeat(43);
        read(&format!("v=1; a=rsa-sha256; d=example.org; s=sel; h=to : FROM; bh={hash}=; b=AA AA{more}"))
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let signature = with("").unwrap();
        assert_eq!(signature.canonicalization, Canonicalization::Simple);
        assert_eq!(signature.body, BodyWant { canonicalization: Canonicalization::Simple, length: None });
        assert_eq!(signature.key.to_string(), "TXT sel._domainkey.example.org");
        assert_eq!(signature.signature, [0, 0, 0]);
        assert!(signature.identity_is_domain);
        assert_eq!(with("; c=relaxed").unwrap().body.canonicalization, Canonicalization::Simple);
        assert_eq!(with("; c=simple/relaxed").unwrap().body.canonicalization, Canonicalization::Relaxed);
        assert_eq!(with(&format!("; l={}", "9".repeat(76))).unwrap().body.length, Some(u64::MAX));
    }

    #[test]
    fn identities_lie_at_or_below_the_domain() {
        assert!(with("; i=@example.org").unwrap().identity_is_domain);
        assert!(!with("; i=a=3Db@=53ub.Example.org").unwrap().identity_is_domain);
        assert_eq!(with("; i=@notexample.org").unwrap_err(), "identity outside domain");
        assert_eq!(with("; i=example.org").unwrap_err(), "tag malformed");
        assert_eq!(with("; i=@exa=mple.org").unwrap_err(), "tag malformed");
    }

    #[test]
    fn internationalized_names_become_a_labels() {
        let hash = "A".repeat(43);
        let text =
            format!("v=1; a=rsa-sha256; d=日本語.example; s=関所; i=x@sub.日本語.example; h=from; bh={hash}; b=AAAA");
        let signature = read(&text).unwrap();
        assert_eq!(signature.key.name, DomainName::parse_unicode("関所._domainkey.日本語.example").unwrap());
        assert!(signature.key.name.to_string().is_ascii());
    }

    proptest! {
        #[test]
        fn no_values_make_it_panic(
            values in proptest::collection::vec("(1|rsa-sha256|example\\.org|from:to|AAAA|=4|@a|[0-9]{0,80}|[!-:<-~]{0,12})", 14),
        ) {
            let names = ["v", "a", "b", "bh", "c", "d", "h", "i", "l", "q", "s", "t", "x", "z"];
            let specs: Vec<String> = names.iter().zip(&values).map(|(name, value)| format!("{name}={value}")).collect();
            let text = specs.join(";");
            let tags = TagList::parse(text.as_bytes()).unwrap();
            let _ = Signature::read(&tags, &Claims::read(&tags));
        }
    }
}
