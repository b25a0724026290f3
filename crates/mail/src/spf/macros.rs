//! Macros of SPF: `%{ir}.%{v}._spf.%{d2}` and what it stands for (RFC 7208 §7)
//!
//! A macro string is parsed once, with its record. Names are expanded from right to left, since only the right-most 253
//! characters can matter (§7.3); so 64 kB of macros cost no more than a few.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use sekisho_core::name::{BadName, DomainName};

/// The longest name that can be asked for (RFC 7208 §7.3).
const NAME_MAX: usize = 253;
/// The most octets of a local part or HELO name that are expanded: an SMTP command has no more (RFC 5321 §4.5.3.1.4).
const VALUE_MAX: usize = 512;
/// The characters that may divide a value into parts (RFC 7208 §7.1).
const DELIMITERS: &[u8; 7] = b".-+,/_=";

/// Who is speaking: what the macros stand for (RFC 7208 §4.1, §7.2).
pub(crate) struct Sender<'a> {
    /// The client's address, never an IPv4 address in an IPv6 one.
    pub(crate) client: IpAddr,
    /// The local part.
    pub(crate) local: &'a [u8],
    /// The domain as it was said, in A-labels.
    pub(crate) domain: Cow<'a, [u8]>,
    /// The HELO name as it was said.
    pub(crate) helo: &'a [u8],
    /// Who is asking.
    pub(crate) receiver: Option<&'a DomainName>,
    /// When.
    pub(crate) now: Timestamp,
}

/// What a macro string is expanded with.
pub(crate) struct Scope<'a> {
    /// Who is speaking.
    pub(crate) sender: &'a Sender<'a>,
    /// The domain whose record is being followed.
    pub(crate) domain: &'a DomainName,
    /// The validated name of the client; nothing where the string does not use it, or there is none.
    pub(crate) client_name: Option<&'a DomainName>,
}

/// Where a macro string stands: it decides which letters and characters are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The domain of a mechanism or modifier.
    Domain,
    /// The value of a modifier that is ignored.
    Ignored,
    /// The text of an explanation.
    Explanation,
}

/// Text with macros.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MacroString {
    /// Its pieces.
    tokens: Vec<Token>,
    /// Where in the text the characters behind the last macro begin.
    tail: usize,
}

/// A piece of a macro string.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// Characters that stand for themselves.
    Literal(Vec<u8>),
    /// A macro.
    Macro(Macro),
}

/// `%{`, a letter, transformers, delimiters, `}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Macro {
    /// The letter in lower case.
    letter: u8,
    /// Whether the letter was in upper case: the value is escaped for URLs.
    escape: bool,
    /// How many right-most parts are kept.
    keep: Option<usize>,
    /// Whether the parts are reversed first.
    reverse: bool,
    /// Which of [`DELIMITERS`] divide the value, as bits; none stands for the dot.
    delimiters: u8,
}

/// Why some text is no macro string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadMacro {
    /// A `%` begins nothing that is known.
    Syntax,
    /// The letter is allowed in explanations only.
    ExplanationOnly,
    /// A character is not allowed here.
    Character,
}

impl MacroString {
    /// Reads text with macros (RFC 7208 §7.1).
    pub(crate) fn parse(text: &[u8], place: Place) -> Result<MacroString, BadMacro> {
        let mut tokens = Vec::new();
        let mut tail = 0;
        let mut rest = text;
        while let Some((&first, after)) = rest.split_first() {
            rest = match (first, after.first()) {
                (b'%', Some(b'{')) => {
                    let inside = &after[1..];
                    let end = memchr::memchr(b'}', inside).ok_or(BadMacro::Syntax)?;
                    tokens.push(Token::Macro(Macro::parse(&inside[..end], place)?));
                    tail = text.len() - inside.len() + end + 1;
                    &inside[end + 1..]
                }
                (b'%', escape) => {
                    push_literal(&mut tokens, literal_of(escape).ok_or(BadMacro::Syntax)?);
                    tail = text.len() - after.len() + 1;
                    &after[1..]
                }
                (b' ', _) if place != Place::Explanation => return Err(BadMacro::Character),
                (b' '..=b'~', _) => {
                    push_literal(&mut tokens, &[first]);
                    after
                }
                _ => return Err(BadMacro::Character),
            };
        }
        Ok(MacroString { tokens, tail })
    }

    /// Returns where in the text the characters behind the last macro begin.
    pub(crate) fn tail(&self) -> usize {
        self.tail
    }

    /// Returns the text where there is no macro in it.
    pub(crate) fn as_literal(&self) -> Option<&[u8]> {
        match self.tokens.as_slice() {
            [] => Some(&[]),
            [Token::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Tells whether one of the letters is used.
    fn uses(&self, letters: &[u8]) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::Macro(one) if letters.contains(&one.letter)))
    }

    /// Tells whether the client's validated name is needed.
    pub(crate) fn uses_client_name(&self) -> bool {
        self.uses(b"p")
    }

    /// Expands to a name that can be asked for; the text says what cannot.
    pub(crate) fn expand_name(&self, scope: &Scope<'_>) -> Result<DomainName, Vec<u8>> {
        let mut pieces = Vec::new();
        let mut length = 0;
        for token in self.tokens.iter().rev() {
            let piece = token.expand(scope);
            length += piece.len();
            pieces.push(piece);
            if length > NAME_MAX + 1 {
                break;
            }
        }
        pieces.reverse();
        let text = pieces.concat();
        // RFC 8616 §4: a local part beyond ASCII is in no name, so such terms match nothing.
        if !scope.sender.local.is_ascii() && self.uses(b"sl") {
            return Err(text);
        }
        askable_name(&text).map_err(|_| text)
    }

    /// Expands to text of at most `max` octets.
    pub(crate) fn expand_text(&self, scope: &Scope<'_>, max: usize) -> Vec<u8> {
        let mut text = Vec::new();
        for token in &self.tokens {
            text.extend_from_slice(&token.expand(scope));
            if text.len() >= max {
                break;
            }
        }
        text.truncate(max);
        text
    }
}

/// Makes a name of expanded text: too long a one loses labels from its left (RFC 7208 §7.3).
pub(crate) fn askable_name(text: &[u8]) -> Result<DomainName, BadName> {
    let mut text = text.strip_suffix(b".").unwrap_or(text);
    while text.len() > NAME_MAX {
        let dot = memchr::memchr(b'.', text).ok_or(BadName::LabelTooLong)?;
        text = &text[dot + 1..];
    }
    DomainName::parse(text)
}

/// Returns what `%%`, `%_` and `%-` stand for.
fn literal_of(escape: Option<&u8>) -> Option<&'static [u8]> {
    match escape? {
        b'%' => Some(b"%"),
        b'_' => Some(b" "),
        b'-' => Some(b"%20"),
        _ => None,
    }
}

/// Appends characters that stand for themselves.
fn push_literal(tokens: &mut Vec<Token>, text: &[u8]) {
    match tokens.last_mut() {
        Some(Token::Literal(literal)) => literal.extend_from_slice(text),
        _ => tokens.push(Token::Literal(text.to_vec())),
    }
}

impl Token {
    /// Returns what the piece stands for.
    fn expand<'a>(&'a self, scope: &'a Scope<'_>) -> Cow<'a, [u8]> {
        match self {
            Token::Literal(text) => Cow::Borrowed(text),
            Token::Macro(one) => one.expand(scope),
        }
    }
}

impl Macro {
    /// Reads what stands between the braces.
    fn parse(inside: &[u8], place: Place) -> Result<Macro, BadMacro> {
        let (&letter, rest) = inside.split_first().ok_or(BadMacro::Syntax)?;
        let lower = letter.to_ascii_lowercase();
        match lower {
            b's' | b'l' | b'o' | b'd' | b'i' | b'p' | b'h' | b'v' => {}
            b'c' | b'r' | b't' if place == Place::Domain => return Err(BadMacro::ExplanationOnly),
            b'c' | b'r' | b't' => {}
            _ => return Err(BadMacro::Syntax),
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at(digits);
        let (reverse, rest) = match rest.split_first() {
            Some((b'r' | b'R', rest)) => (true, rest),
            _ => (false, rest),
        };
        let mut delimiters = 0;
        for byte in rest {
            let at = DELIMITERS.iter().position(|delimiter| delimiter == byte).ok_or(BadMacro::Syntax)?;
            delimiters |= 1 << at;
        }
        Ok(Macro { letter: lower, escape: letter.is_ascii_uppercase(), keep: count(digits)?, reverse, delimiters })
    }

    /// Returns what the macro stands for.
    fn expand<'a>(&self, scope: &'a Scope<'_>) -> Cow<'a, [u8]> {
        let value = self.transform(self.value(scope));
        if self.escape { Cow::Owned(escaped(&value)) } else { value }
    }

    /// Returns what the letter stands for (RFC 7208 §7.2).
    fn value<'a>(&self, scope: &'a Scope<'_>) -> Cow<'a, [u8]> {
        let sender = scope.sender;
        match self.letter {
            b's' => Cow::Owned([clipped(sender.local), b"@", &sender.domain].concat()),
            b'l' => Cow::Borrowed(clipped(sender.local)),
            b'o' => Cow::Borrowed(&sender.domain),
            b'd' => Cow::Owned(scope.domain.to_dotted()),
            b'i' => Cow::Owned(dotted(sender.client)),
            b'p' => scope.client_name.map_or(Cow::Borrowed(&b"unknown"[..]), |name| Cow::Owned(name.to_dotted())),
            b'v' => Cow::Borrowed(if sender.client.is_ipv4() { b"in-addr" } else { b"ip6" }),
            b'h' => Cow::Borrowed(clipped(sender.helo)),
            b'c' => Cow::Owned(sender.client.to_string().into_bytes()),
            b't' => Cow::Owned(sender.now.as_second().to_string().into_bytes()),
            // The receiver's name, `unknown` where it is not told.
            _ => sender.receiver.map_or(Cow::Borrowed(&b"unknown"[..]), |name| Cow::Owned(name.to_dotted())),
        }
    }

    /// Divides, reverses, keeps and joins with dots (RFC 7208 §7.3).
    fn transform<'a>(&self, value: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        if self.keep.is_none() && !self.reverse && self.delimiters == 0 {
            return value;
        }
        let mut parts: Vec<&[u8]> = value.split(|&byte| self.divides(byte)).collect();
        if self.reverse {
            parts.reverse();
        }
        let skipped = parts.len().saturating_sub(self.keep.unwrap_or(usize::MAX));
        Cow::Owned(parts[skipped..].join(&b'.'))
    }

    /// Tells whether a character divides the value.
    fn divides(&self, byte: u8) -> bool {
        match self.delimiters {
            0 => byte == b'.',
            some => DELIMITERS.iter().position(|&delimiter| delimiter == byte).is_some_and(|at| some & (1 << at) != 0),
        }
    }
}

/// Reads how many parts are kept; zero is an error (RFC 7208 §7.3), and more than there can be means all.
fn count(digits: &[u8]) -> Result<Option<usize>, BadMacro> {
    if digits.is_empty() {
        return Ok(None);
    }
    let digit = |sum: usize, byte: &u8| sum.saturating_mul(10).saturating_add(usize::from(byte - b'0'));
    match digits.iter().fold(0, digit) {
        0 => Err(BadMacro::Syntax),
        some => Ok(Some(some)),
    }
}

/// Cuts a value from outside at what an SMTP command can hold.
fn clipped(value: &[u8]) -> &[u8] {
    value.get(..VALUE_MAX).unwrap_or(value)
}

/// Writes an address as `%{i}` wants it: an IPv6 one as 32 nibbles.
pub(crate) fn dotted(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.to_string().into_bytes(),
        IpAddr::V6(address) => {
            let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble & 15)];
            let nibbles = address.octets().into_iter().flat_map(|octet| [digit(octet >> 4), digit(octet)]);
            let mut text: Vec<u8> = nibbles.flat_map(|nibble| [nibble, b'.']).collect();
            text.pop();
            text
        }
    }
}

/// Escapes all but the unreserved characters of URIs (RFC 7208 §7.3, RFC 3986 §2.3).
fn escaped(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len());
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(byte);
        } else {
            let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble & 15)];
            text.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sender of the examples in RFC 7208 §7.4.
    fn expand(text: &str, client: &str) -> String {
        let sender = Sender {
            client: client.parse().unwrap(),
            local: b"strong-bad",
            domain: Cow::Borrowed(b"email.example.com"),
            helo: b"mx.example.org",
            receiver: None,
            now: Timestamp::from_second(1_700_000_000).unwrap(),
        };
        let domain = DomainName::parse("email.example.com").unwrap();
        let scope = Scope { sender: &sender, domain: &domain, client_name: None };
        let string = MacroString::parse(text.as_bytes(), Place::Explanation).unwrap();
        String::from_utf8(string.expand_text(&scope, usize::MAX)).unwrap()
    }

    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (text, expected) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
            ("%{c} %{r} %{t} %{p} %{h}", "192.0.2.3 unknown 1700000000 unknown mx.example.org"),
            ("%%%_%-", "% %20"),
            ("%{S}", "strong-bad%40email.example.com"),
        ] {
            assert_eq!(expand(text, "192.0.2.3"), expected, "{text}");
        }
        assert_eq!(
            expand("%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01"),
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com"
        );
    }

    #[test]
    fn what_is_no_macro_is_an_error() {
        for text in ["%", "%a", "%{", "%{}", "%{d", "%{x}", "%{d0}", "%{d2x}", "%{dr2}", "%{d2r*}", "%(d)"] {
            assert_eq!(MacroString::parse(text.as_bytes(), Place::Explanation), Err(BadMacro::Syntax), "{text}");
        }
        assert_eq!(MacroString::parse(b"%{c}", Place::Domain), Err(BadMacro::ExplanationOnly));
        assert_eq!(MacroString::parse(b"a b", Place::Domain), Err(BadMacro::Character));
        assert_eq!(MacroString::parse(b"a\xff", Place::Explanation), Err(BadMacro::Character));
    }

    #[test]
    fn counts_beyond_all_numbers_mean_all_parts() {
        assert_eq!(expand("%{d99999999999999999999999999}", "192.0.2.3"), "email.example.com");
    }

    #[test]
    fn long_names_lose_labels_from_the_left() {
        let label = "a".repeat(60);
        let text = format!("{label}.{label}.{label}.{label}.example");
        assert_eq!(text.len(), 251);
        assert_eq!(askable_name(text.as_bytes()).unwrap().label_count(), 5);
        assert_eq!(askable_name(format!("bbb.{text}.").as_bytes()).unwrap().to_string(), text);
        assert_eq!(askable_name(format!("b.{text}.").as_bytes()).unwrap().to_string(), format!("b.{text}"));
        assert_eq!(askable_name("a".repeat(300).as_bytes()), Err(BadName::LabelTooLong));
        assert_eq!(askable_name(b""), Err(BadName::Empty));
    }
}
