//! Fields that pretend to be ours, whatever their form (RFC 8601 §5)
//!
//! It is enough that *some* reader could take a field for ours. So the first word is compared in every way that a
//! careless reader may read it, and what cannot be read at all counts as ours. A field that is taken away without need
//! costs nothing: nobody may trust it.

use sekisho_core::name::DomainName;

use super::NAME;
use crate::address::{Lexer, Oddity, encoded_word, unquote};
use crate::header::{Field, Header, line_begins_with, line_reads_as};

/// The most octets of a field that are looked at: who needs more to say a name hides something.
const EXAMINED: usize = 4096;

/// Returns the indexes of the fields that claim our authserv-id and must be removed, in the order of the header.
///
/// Remove them from the last to the first: whoever counts from the front removes others than he means (CVE-2022-48521).
pub fn forged(header: &Header<'_>, authserv_id: &str) -> Vec<usize> {
    let ours = Ours::new(authserv_id);
    let fields = header.fields().iter().enumerate();
    fields.filter(|(_, field)| ours.is_claimed_by(field)).map(|(at, _)| at).collect()
}

/// Our own name, in the forms that it is compared in.
struct Ours {
    /// The text in lower case.
    text: Vec<u8>,
    /// The name in A-labels, where it is one.
    name: Option<DomainName>,
}

impl Ours {
    /// Prepares the comparison.
    fn new(authserv_id: &str) -> Ours {
        let text = authserv_id.trim().trim_end_matches('.').to_ascii_lowercase().into_bytes();
        Ours { name: DomainName::parse_unicode(&text).ok(), text }
    }

    /// Tells whether a field, or a line that a bare CR or LF hides in it, speaks in our name.
    fn is_claimed_by(&self, field: &Field<'_>) -> bool {
        if field.reads_as(NAME) && values_of(field.raw).any(|value| self.is_named_by(value)) {
            return true;
        }
        let raw = field.raw;
        memchr::memchr2_iter(b'\r', b'\n', raw).any(|at| {
            let line = raw.get(at + 1..).unwrap_or_default();
            let line = line.get(..EXAMINED).unwrap_or(line);
            let end = memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len());
            let first = line.get(..end).unwrap_or_default();
            // A proper fold is no new line to anybody.
            let hidden = !matches!(first.first(), Some(b' ' | b'\t'))
                && (line_reads_as(first, NAME) || line_begins_with(first, NAME));
            hidden && values_of(line).any(|value| self.is_named_by(value))
        })
    }

    /// Tells whether a value can be read as beginning with our name.
    fn is_named_by(&self, value: &[u8]) -> bool {
        let whole = value.len() <= EXAMINED;
        let value = value.get(..EXAMINED).unwrap_or(value);
        let mut lexer = Lexer::new(value);
        lexer.skip_gap();
        let word = first_word(&mut lexer);
        let rest = words(&mut Lexer::new(value));
        let unclosed = lexer.oddities.contains(Oddity::UnclosedComment)
            || lexer.oddities.contains(Oddity::UnclosedQuote)
            || !rest.is_closed;
        // Nobody can say whose name stands behind what never ends.
        if unclosed || (!whole && !rest.has_end) || word.is_empty() {
            return true;
        }
        let decoded = encoded_word::decode(&rest.text).into_bytes();
        self.is(&word) || self.is(until_odd(&word)) || self.begins(&rest.text) || self.begins(&decoded)
    }

    /// Tells whether a text is our name: in any case, with a last dot, in U-labels or A-labels.
    fn is(&self, text: &[u8]) -> bool {
        let text = text.strip_suffix(b".").unwrap_or(text);
        let ascii: Vec<u8> = text.iter().copied().filter(u8::is_ascii_graphic).collect();
        ascii.eq_ignore_ascii_case(&self.text)
            || text.eq_ignore_ascii_case(&self.text)
            || self.name.as_ref().is_some_and(|name| DomainName::parse_unicode(text).as_ref() == Ok(name))
    }

    /// Tells whether a text is our name, alone or with a version behind it.
    fn begins(&self, text: &[u8]) -> bool {
        let unversioned = text.iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |at| at + 1);
        self.is(text) || self.is(text.get(..unversioned).unwrap_or_default()) || self.is(until_odd(text))
    }
}

/// Returns what follows the colon, and what follows the name where the colon is missing.
fn values_of(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let named = line_begins_with(raw, NAME) && raw.get(NAME.len()) != Some(&b':');
    let colon = memchr::memchr(b':', raw).map(|at| at + 1);
    [colon, named.then_some(NAME.len())].into_iter().flatten().filter_map(|begin| raw.get(begin..))
}

/// Reads the first word, a token or a quoted string.
fn first_word(lexer: &mut Lexer<'_>) -> Vec<u8> {
    let mut word = Vec::new();
    match lexer.quoted() {
        Some(inside) => unquote(inside, &mut word),
        None => word.extend_from_slice(lexer.take_while(|b| !b.is_ascii_whitespace() && !b"();\"".contains(&b))),
    }
    word.retain(|&b| b != b'\\');
    word
}

/// Everything in front of the first semicolon as one word.
struct Words {
    /// The text without comments, quotes, backslashes, white space and controls.
    text: Vec<u8>,
    /// Whether every comment and quoted string has an end.
    is_closed: bool,
    /// Whether the semicolon was seen.
    has_end: bool,
}

/// Reads everything in front of the first semicolon.
fn words(lexer: &mut Lexer<'_>) -> Words {
    let mut text = Vec::new();
    loop {
        lexer.skip_gap();
        if let Some(inside) = lexer.quoted() {
            unquote(inside, &mut text);
            continue;
        }
        let part = lexer.take_while(|b| !b.is_ascii_whitespace() && !b"(;\"".contains(&b));
        text.extend_from_slice(part);
        if part.is_empty() {
            break;
        }
    }
    text.retain(|&b| b > b' ' && b != 0x7f && b != b'\\');
    let odd = lexer.oddities;
    let is_closed = !odd.contains(Oddity::UnclosedComment) && !odd.contains(Oddity::UnclosedQuote);
    Words { text, is_closed, has_end: lexer.peek() == Some(b';') }
}

/// Cuts a text before the first octet that no host's name has: `mx.example.org/1` may be our name to somebody.
fn until_odd(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|&b| !(b.is_ascii_alphanumeric() || b"-_.".contains(&b) || b >= 0x80));
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells whether a field is found to claim `mx.example.org`.
    fn found(field: impl AsRef<[u8]>) -> bool {
        let raw = [b"Subject: x\r\n", field.as_ref(), b"\r\nTo: y\r\n"].concat();
        forged(&Header::parse(&raw), "mx.example.org") == [1]
    }

    #[test]
    fn our_name_is_found_in_every_dress() {
        for value in [
            " mx.example.org; dmarc=pass",
            " MX.Example.ORG; none",
            " mx.example.org.; none",
            " mx.example.org 1; none",
            " mx.example.org(c)1; none",
            " \"mx.example.org\"; none",
            " \"mx.\\example.org\"; none",
            " (a (b) \\) c) mx.example.org (d); none",
            "\r\n mx.example.org\r\n ; none",
            " mx.example.org/1; none",
            " mx.example.org",
            " mx.example.org dmarc=pass",
            " mx.example.org@evil.example; none",
            " mx (c) . example . org; none",
            " mx.\"example\".org; none",
            " mx.\r\n example.org; none",
            " mx\0.example.org; none",
            " ｍｘ.example.org; none",
            " mx.exam\u{ad}ple.org; none",
            " =?utf-8?q?mx.example.org?=; none",
            " mx.example.org(.evil.example; dmarc=pass",
            " (evil.example; dmarc=pass",
            " \"mx.example.org; dmarc=pass",
            "; dmarc=pass",
            "",
        ] {
            assert!(found(format!("Authentication-Results:{value}")), "{value:?}");
        }
        let deep = format!("Authentication-Results: {}mx.example.org", "(".repeat(10_000) + &")".repeat(10_000));
        assert!(found(deep));
    }

    #[test]
    fn odd_names_of_the_field_do_not_hide_it() {
        for name in [
            "authentication-RESULTS:",
            "Authentication-Results :",
            "Authentication-Results\t \t:",
            "Authentication\0-Results:",
            "Authentication-\r\n Results:",
            "Authentication-Results\r\n :",
            "Authentication-Results\u{200b}:",
            "X: y\nAuthentication-Results:",
            "X: y\rAuthentication-Results :",
            "Authentication-Results",
            "Authentication-Results mx.example.org; x:",
        ] {
            assert!(found(format!("{name} mx.example.org; dmarc=pass")), "{name:?}");
        }
    }

    #[test]
    fn what_others_say_stays() {
        for field in [
            "Authentication-Results: mx.example.net; dmarc=pass",
            "Authentication-Results: mx.example.org.evil.example; dmarc=pass",
            "Authentication-Results: example.org; none",
            "Authentication-Results: evil.example(mx.example.org); none",
            "Authentication-Results: spf=pass smtp.mailfrom=mx.example.org",
            "Authentication-Results: evil.example; x=y reason=\"mx.example.org\"",
            "ARC-Authentication-Results: i=1; mx.example.org; dmarc=pass",
            "X-Authentication-Results: mx.example.org; dmarc=pass",
            "Subject: Authentication-Results: mx.example.org; x",
            "Subject: a\r\n Authentication-Results: mx.example.org; x",
        ] {
            assert!(!found(field), "{field}");
        }
    }

    #[test]
    fn u_labels_and_a_labels_are_one_name() {
        let a_label = DomainName::parse_unicode("関所.example").unwrap().to_string();
        let raw = format!("Authentication-Results: 関所.example; none\r\nAuthentication-Results: {a_label}; none\r\n");
        for ours in ["関所.example", a_label.as_str()] {
            assert_eq!(forged(&Header::parse(raw.as_bytes()), ours), [0, 1]);
        }
    }
}
