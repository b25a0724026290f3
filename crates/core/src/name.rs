//! Domain names: bytes in lower case, since real names have odd ones (RFC 1035 §3.1, RFC 2181 §11)
//!
//! A [`DomainName`] that exists is a valid one: labels of 1 to 63 octets, 255 in all. It is kept as the DNS sends it,
//! each label behind its length, so that a dot *inside* a label is no trouble.

use std::fmt;
use std::sync::Arc;

/// The most octets a label may have (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;
/// The most octets a name may have without the root's zero octet (RFC 1035 §2.3.4).
const NAME_MAX: usize = 254;

/// A domain name in wire form and lower case, without the root's zero octet. The root itself is empty.
///
/// Questions, steps and verdicts all name names, so a clone must cost nothing: the octets are shared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(Arc<[u8]>);

impl DomainName {
    /// Returns the root, `.`.
    #[inline]
    pub fn root() -> DomainName {
        DomainName(Arc::default())
    }

    /// Reads dotted text; one final dot is allowed, escapes are not: every octet but the dot stands for itself.
    pub fn parse(text: impl AsRef<[u8]>) -> Result<DomainName, BadName> {
        let text = text.as_ref();
        let text = text.strip_suffix(b".").unwrap_or(text);
        if text.is_empty() {
            return Err(BadName::Empty);
        }
        DomainName::from_labels(text.split(|&b| b == b'.'))
    }

    /// Reads dotted text that may hold U-labels, and turns them into A-labels (RFC 5890 §2.3).
    pub fn parse_unicode(text: impl AsRef<[u8]>) -> Result<DomainName, BadName> {
        let text = text.as_ref();
        if text.is_ascii() {
            return DomainName::parse(text);
        }
        let ascii = idna::domain_to_ascii_cow(text, idna::AsciiDenyList::EMPTY).map_err(|_| BadName::BadUnicode)?;
        DomainName::parse(ascii.as_bytes())
    }

    /// Builds a name from its labels, left-most first.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Result<DomainName, BadName> {
        let mut wire = Wire::new();
        for label in labels {
            wire.push_label(label)?;
        }
        Ok(wire.into_name())
    }

    /// Reads a name as zone files write it, with `\.` and `\DDD` (RFC 1035 §5.1). `.` is the root.
    pub fn from_presentation(text: &str) -> Result<DomainName, BadName> {
        if text == "." {
            return Ok(DomainName::root());
        }
        let mut labels: Vec<Vec<u8>> = vec![Vec::new()];
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let last = labels.last_mut().expect("there is always a label being read");
            match byte {
                b'.' => labels.push(Vec::new()),
                b'\\' => last.push(unescape(&mut bytes).ok_or(BadName::BadEscape)?),
                other => last.push(other),
            }
        }
        if labels.last().is_some_and(Vec::is_empty) {
            labels.pop();
        }
        if labels.is_empty() {
            return Err(BadName::Empty);
        }
        DomainName::from_labels(labels.iter().map(Vec::as_slice))
    }

    /// Returns the name with one more label on its left.
    #[inline]
    pub fn child(&self, label: &[u8]) -> Result<DomainName, BadName> {
        let mut wire = Wire::new();
        wire.push_label(label)?;
        wire.push(&self.0)?;
        Ok(wire.into_name())
    }

    /// Returns the labels, left-most first.
    #[inline]
    pub fn labels(&self) -> Labels<'_> {
        Labels(&self.0)
    }

    /// Returns how many labels the name has; the root has none.
    #[inline]
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// Returns the name made of the right-most `count` labels, or the whole where there are no more.
    #[inline]
    pub fn suffix(&self, count: usize) -> DomainName {
        let mut rest = self.labels();
        for _ in count..self.label_count() {
            rest.next();
        }
        DomainName(rest.0.into())
    }

    /// Returns the name without its left-most label; the root has no parent.
    #[inline]
    pub fn parent(&self) -> Option<DomainName> {
        let mut rest = self.labels();
        rest.next().map(|_| DomainName(rest.0.into()))
    }

    /// Tells whether this name is `other` or lies below it.
    #[inline]
    pub fn is_at_or_below(&self, other: &DomainName) -> bool {
        let mut rest = self.labels();
        while rest.0.len() > other.0.len() {
            rest.next();
        }
        rest.0 == &*other.0
    }

    /// Tells whether this is the root.
    #[inline]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the octets as the DNS sends them, without the root's zero octet.
    #[inline]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Returns the dotted octets as they are, without escapes: for macros and comparisons, not for eyes.
    pub fn to_dotted(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.0.len());
        for label in self.labels() {
            if !text.is_empty() {
                text.push(b'.');
            }
            text.extend_from_slice(label);
        }
        text
    }

    /// Writes the name out, where every octet of its labels stands for itself.
    fn plain<'t>(&self, text: &'t mut [u8; NAME_MAX]) -> Option<&'t str> {
        let mut length = 0;
        for label in self.labels() {
            if !label.iter().all(|&byte| stands_for_itself(byte)) {
                return None;
            }
            if length > 0 {
                *text.get_mut(length)? = b'.';
                length += 1;
            }
            text.get_mut(length..length + label.len())?.copy_from_slice(label);
            length += label.len();
        }
        std::str::from_utf8(text.get(..length)?).ok()
    }

    /// Returns the name with U-labels where it has A-labels, for eyes only.
    pub fn to_unicode(&self) -> String {
        idna::domain_to_unicode(&self.to_string()).0
    }
}

impl fmt::Display for DomainName {
    /// Writes the name as zone files do, without the last dot: `\DDD` for odd octets, `\.` for a dot inside a label.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        // Nearly every name is plain. Written in one piece it makes a text grow once, not for each label.
        if let Some(plain) = self.plain(&mut [0; NAME_MAX]) {
            return f.write_str(plain);
        }
        for (i, label) in self.labels().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            match std::str::from_utf8(label) {
                Ok(plain) if label.iter().all(|&byte| stands_for_itself(byte)) => f.write_str(plain)?,
                _ => write_escaped(f, label)?,
            }
        }
        Ok(())
    }
}

/// Tells whether zone files write an octet of a label as it is.
fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$')
}

/// Writes a label that has octets which do not stand for themselves.
fn write_escaped(f: &mut fmt::Formatter<'_>, label: &[u8]) -> fmt::Result {
    label.iter().try_for_each(|&byte| match byte {
        byte if stands_for_itself(byte) => write!(f, "{}", char::from(byte)),
        byte if byte.is_ascii_graphic() => write!(f, "\\{}", char::from(byte)),
        byte => write!(f, "\\{byte:03}"),
    })
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

/// The labels of a name, left-most first.
#[derive(Clone, Debug)]
pub struct Labels<'a>(&'a [u8]);

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (&length, rest) = self.0.split_first()?;
        let (label, rest) = rest.split_at(usize::from(length));
        self.0 = rest;
        Some(label)
    }
}

/// Why some text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadName {
    /// There is nothing.
    Empty,
    /// Two dots meet, or the first character is a dot.
    EmptyLabel,
    /// A label has more than 63 octets.
    LabelTooLong,
    /// The name has more than 255 octets.
    TooLong,
    /// A backslash is followed neither by a character nor by three digits up to 255.
    BadEscape,
    /// The text cannot be turned into A-labels.
    BadUnicode,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadName::Empty => "the name is empty",
            BadName::EmptyLabel => "a label of the name is empty",
            BadName::LabelTooLong => "a label of the name has more than 63 octets",
            BadName::TooLong => "the name has more than 255 octets",
            BadName::BadEscape => "the name has a broken escape",
            BadName::BadUnicode => "the name cannot be written in A-labels",
        })
    }
}

impl std::error::Error for BadName {}

/// A name that is being built, where nothing need be allocated until it is done: names are made all the time.
struct Wire {
    /// The octets so far, and room.
    octets: [u8; NAME_MAX],
    /// How many there are.
    length: usize,
}

impl Wire {
    /// Begins with nothing.
    fn new() -> Wire {
        Wire { octets: [0; NAME_MAX], length: 0 }
    }

    /// Appends a label in lower case behind its length.
    fn push_label(&mut self, label: &[u8]) -> Result<(), BadName> {
        if label.is_empty() {
            return Err(BadName::EmptyLabel);
        }
        let length = u8::try_from(label.len()).ok().filter(|&n| usize::from(n) <= LABEL_MAX);
        self.push(&[length.ok_or(BadName::LabelTooLong)?])?;
        let begin = self.length;
        self.push(label)?;
        self.octets[begin..self.length].make_ascii_lowercase();
        Ok(())
    }

    /// Appends octets as they are.
    fn push(&mut self, octets: &[u8]) -> Result<(), BadName> {
        let end = self.length + octets.len();
        self.octets.get_mut(self.length..end).ok_or(BadName::TooLong)?.copy_from_slice(octets);
        self.length = end;
        Ok(())
    }

    /// Ends the name.
    fn into_name(self) -> DomainName {
        DomainName(self.octets[..self.length].into())
    }
}

/// Reads what follows a backslash: three digits, or a character that stands for itself (RFC 1035 §5.1).
pub(crate) fn unescape(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = bytes.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let digits = [first, bytes.next()?, bytes.next()?];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0u16, |sum, d| sum * 10 + u16::from(d - b'0'));
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    #[test]
    fn names_are_lower_case_and_lose_one_final_dot() {
        assert_eq!(name("Mail.Example.ORG.").to_string(), "mail.example.org");
        assert_eq!(DomainName::parse("a..b"), Err(BadName::EmptyLabel));
        assert_eq!(DomainName::parse("a.."), Err(BadName::EmptyLabel));
        assert_eq!(DomainName::parse("."), Err(BadName::Empty));
    }

    #[test]
    fn limits_are_those_of_the_rfc() {
        assert!(DomainName::parse("a".repeat(63)).is_ok());
        assert_eq!(DomainName::parse("a".repeat(64)), Err(BadName::LabelTooLong));
        let longest = [["a".repeat(63).as_str(); 3].join("."), "b".repeat(61)].join(".");
        assert_eq!(longest.len(), 253);
        assert!(DomainName::parse(&longest).is_ok());
        assert_eq!(DomainName::parse(format!("{longest}b")), Err(BadName::TooLong));
    }

    #[test]
    fn odd_octets_survive_a_round_trip_through_presentation() {
        let odd = DomainName::from_labels([&b"a.b\\\x00\xff "[..], b"example"]).unwrap();
        assert_eq!(odd.to_string(), "a\\.b\\\\\\000\\255\\032.example");
        assert_eq!(DomainName::from_presentation(&odd.to_string()), Ok(odd));
    }

    #[test]
    fn suffixes_and_parents_are_cut_at_labels() {
        let long = name("a.b.c.example.com");
        assert_eq!(long.suffix(2), name("example.com"));
        assert_eq!(long.suffix(9), long);
        assert_eq!(long.parent(), Some(name("b.c.example.com")));
        assert!(long.is_at_or_below(&name("c.example.com")));
        assert!(!name("notexample.com").is_at_or_below(&name("example.com")));
        assert!(long.is_at_or_below(&DomainName::root()));
    }

    #[test]
    fn u_labels_become_a_labels() {
        assert_eq!(DomainName::parse_unicode("日本語.example").unwrap(), name("xn--wgv71a119e.example"));
        assert_eq!(name("xn--wgv71a119e.example").to_unicode(), "日本語.example");
        assert_eq!(DomainName::parse_unicode(b"\xff.example"), Err(BadName::BadUnicode));
    }
}
