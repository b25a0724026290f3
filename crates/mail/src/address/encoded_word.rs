//! Encoded words: `=?utf-8?q?J=C3=B6rg?=` (RFC 2047)
//!
//! This is how readers of mail see a display name, mended as they mend it: long words, spaces inside and characters cut
//! in two by neighbouring words are all accepted. What cannot be decoded stays as it is written.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::{Encoding, UTF_8};

use super::utf7;

/// Base64 as mailers write it: with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The most octets that the name of a character set may have.
const CHARSET_MAX: usize = 64;

/// Decodes every encoded word of a text; the rest is taken as UTF-8.
pub fn decode(text: &[u8]) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut pending: Option<(&'static Encoding, Vec<u8>)> = None;
    let mut plain = 0; // where the text begins that is not yet written
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memmem::find(rest, b"=?")) {
        let start = at + found;
        let Some(word) = text.get(start..).and_then(Word::read) else {
            at = start + 2;
            continue;
        };
        let between = text.get(plain..start).unwrap_or_default();
        // §6.2: white space between two encoded words is not shown.
        if pending.is_none() || !between.iter().all(u8::is_ascii_whitespace) {
            flush(&mut pending, &mut decoded);
            decoded.push_str(&String::from_utf8_lossy(between));
        }
        match &mut pending {
            Some((encoding, octets)) if *encoding == word.encoding => octets.extend_from_slice(&word.octets),
            _ => {
                flush(&mut pending, &mut decoded);
                pending = Some((word.encoding, word.octets));
            }
        }
        at = start + word.length;
        plain = at;
    }
    flush(&mut pending, &mut decoded);
    decoded.push_str(&String::from_utf8_lossy(text.get(plain..).unwrap_or_default()));
    decoded
}

/// Tells whether there is something that a reader could take for an encoded word.
pub fn is_present(text: &[u8]) -> bool {
    // Few addresses have a question mark, and looking for one octet is cheaper.
    memchr::memchr(b'?', text)
        .and_then(|_| memchr::memmem::find(text, b"=?"))
        .is_some_and(|at| memchr::memmem::find(text.get(at + 2..).unwrap_or_default(), b"?=").is_some())
}

/// Writes the octets that were gathered from neighbouring words of one character set.
fn flush(pending: &mut Option<(&'static Encoding, Vec<u8>)>, decoded: &mut String) {
    if let Some((encoding, octets)) = pending.take() {
        decoded.push_str(&encoding.decode_without_bom_handling(&octets).0);
    }
}

/// One encoded word.
struct Word {
    /// Its character set.
    encoding: &'static Encoding,
    /// What it encodes.
    octets: Vec<u8>,
    /// How long it is as written.
    length: usize,
}

impl Word {
    /// Reads the encoded word that a text begins with, if it is one that can be decoded.
    fn read(text: &[u8]) -> Option<Word> {
        let rest = text.get(2..)?;
        let charset_end = rest.iter().take(CHARSET_MAX).position(|&b| b == b'?')?;
        let charset = rest.get(..charset_end)?.split(|&b| b == b'*').next()?; // RFC 2231 §5: a language may follow
        let is_utf7 = utf7::is_label(charset);
        let encoding = if is_utf7 { UTF_8 } else { Encoding::for_label(charset)? };
        let &[kind, b'?', ref rest @ ..] = rest.get(charset_end + 1..)? else { return None };
        let length = memchr::memchr(b'?', rest)?;
        if rest.get(length + 1) != Some(&b'=') {
            return None;
        }
        let encoded = rest.get(..length)?;
        let octets = match kind {
            b'q' | b'Q' => q(encoded),
            b'b' | b'B' => BASE64.decode(encoded).ok()?,
            _ => return None,
        };
        let octets = if is_utf7 { utf7::to_utf8(&octets) } else { octets };
        Some(Word { encoding, octets, length: 2 + charset_end + 3 + length + 2 })
    }
}

/// Decodes the "Q" encoding (§4.2); a broken escape stays as it is.
fn q(encoded: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(encoded.len());
    let mut at = 0;
    while let Some(&byte) = encoded.get(at) {
        let escape = encoded.get(at + 1..at + 3).filter(|_| byte == b'=').and_then(hex);
        octets.push(match (byte, escape) {
            (_, Some(octet)) => octet,
            (b'_', _) => b' ',
            (other, _) => other,
        });
        at += if escape.is_some() { 3 } else { 1 };
    }
    octets
}

/// Reads two hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    match digits {
        [high, low] => Some(digit(high)? * 16 + digit(low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded_in_their_character_set() {
        assert_eq!(decode(b"=?utf-8?Q?J=C3=B6rg_M?="), "Jörg M");
        assert_eq!(decode(b"=?ISO-8859-1*de?q?J=F6rg?= x"), "Jörg x");
        assert_eq!(decode(b"=?ISO-2022-JP?B?GyRCNFg9ahsoQg==?="), "関所");
        assert_eq!(decode(b"=?Shift_JIS?B?itaPig?="), "関所");
        assert_eq!(decode(b"=?UTF-7?Q?v+AEA-victim+AC4-example?="), "v@victim.example");
        assert_eq!(decode(b"=?unicode-1-1-utf-7?B?K2xhSmlRQS0=?="), "関所");
    }

    #[test]
    fn neighbours_are_joined_even_within_a_character() {
        assert_eq!(decode(b"=?utf-8?q?=E9=96?= \r\n =?utf-8?q?=A2=E6=89=80?="), "関所");
        assert_eq!(decode(b"=?utf-8?q?a?= =?us-ascii?q?b?= c =?utf-8?q?d?="), "ab c d");
    }

    #[test]
    fn what_cannot_be_decoded_stays_as_written() {
        for text in ["=?utf-8?x?a?=", "=?no-such?q?a?=", "=?utf-8?q?a", "=?", "a=?b", "=?utf-8?b?!?="] {
            assert_eq!(decode(text.as_bytes()), text);
        }
        assert_eq!(decode(b"=?utf-8?q?=4?="), "=4");
    }
}
