//! The text of one value, put together of its pieces and decoded

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8};
use memchr::memchr;

use crate::warning::{Mend, Warnings};

/// A value being read.
pub(super) struct Text {
    /// Its octets as they are written.
    raw: Vec<u8>,
    /// How many of them are kept.
    limit: usize,
    /// Whether there were more.
    is_cut: bool,
    /// The encoding that the document declares, where that is not UTF-8 and can be.
    encoding: Option<&'static Encoding>,
}

impl Text {
    /// Makes room for values.
    pub(super) fn new(limit: usize) -> Text {
        Text { raw: Vec::with_capacity(256), limit, is_cut: false, encoding: None }
    }

    /// Takes note of the encoding that the document declares.
    pub(super) fn declare(&mut self, label: &[u8], warnings: &mut Warnings) {
        match Encoding::for_label(label) {
            Some(encoding) if encoding == UTF_8 => {}
            Some(encoding) if encoding.is_ascii_compatible() || encoding == ISO_2022_JP => {
                self.encoding = Some(encoding);
            }
            _ => warnings.note(Mend::OtherEncoding, || {
                format!("the document says that it is in `{}`, which it is not", label.escape_ascii())
            }),
        }
    }

    /// Begins a value.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.raw.clear();
        self.is_cut = false;
    }

    /// Takes a piece as it is written.
    #[inline]
    pub(super) fn push(&mut self, piece: &[u8]) {
        let room = self.limit.saturating_sub(self.raw.len());
        self.is_cut |= piece.len() > room;
        self.raw.extend_from_slice(piece.get(..room).unwrap_or(piece));
    }

    /// Takes a piece in which `&` is no entity.
    pub(super) fn push_literal(&mut self, piece: &[u8]) {
        for part in piece.split_inclusive(|&b| b == b'&') {
            let (plain, entity) = part.strip_suffix(b"&").map_or((part, &b""[..]), |plain| (plain, &b"&amp;"[..]));
            self.push(plain);
            self.push(entity);
        }
    }

    /// Ends the value; notes what had to be mended.
    #[inline]
    pub(super) fn end(&self, warnings: &mut Warnings) -> Cow<'_, str> {
        let raw = self.raw.trim_ascii();
        if self.is_cut {
            warnings.note(Mend::LongValue, || format!("a value has more than {} octets", self.limit));
        }
        match str::from_utf8(raw) {
            Ok(text) if self.encoding.is_none() && memchr(b'&', raw).is_none() => Cow::Borrowed(text),
            _ => Cow::Owned(self.decode(raw, warnings)),
        }
    }

    /// Decodes what is not plain UTF-8.
    fn decode(&self, raw: &[u8], warnings: &mut Warnings) -> String {
        let text = match (str::from_utf8(raw), self.encoding) {
            (_, Some(encoding)) if encoding == ISO_2022_JP => encoding.decode_without_bom_handling(raw).0,
            (Ok(text), Some(_)) if !text.is_ascii() => {
                warnings.note(Mend::OtherEncoding, || "a value is UTF-8 where something else is declared".into());
                Cow::Borrowed(text)
            }
            (Ok(text), _) => Cow::Borrowed(text),
            (Err(_), Some(encoding)) => encoding.decode_without_bom_handling(raw).0,
            (Err(_), None) => {
                warnings.note(Mend::InvalidText, || format!("`{}` is no UTF-8", raw.escape_ascii()));
                String::from_utf8_lossy(raw)
            }
        };
        resolve(&text, warnings)
    }
}

/// Puts characters in the place of entities; those that XML does not define stay.
fn resolve(text: &str, warnings: &mut Warnings) -> String {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        resolved.push_str(before);
        match behind.split_once(';').and_then(|(name, rest)| Some((character(name)?, rest))) {
            Some((character, behind)) => {
                resolved.push(character);
                rest = behind;
            }
            None => {
                warnings.note(Mend::UnknownEntity, || {
                    format!("`&{}` is no entity", behind.chars().take(16).collect::<String>().escape_debug())
                });
                resolved.push('&');
                rest = behind;
            }
        }
    }
    resolved.push_str(rest);
    resolved
}

/// Returns the character that an entity stands for; controls are none (XML 1.0 §2.2).
fn character(name: &str) -> Option<char> {
    let code = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let number = match code.strip_prefix(['x', 'X']) {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(digits, 16).ok()?,
        None if code.bytes().all(|b| b.is_ascii_digit()) => code.parse().ok()?,
        _ => return None,
    };
    let found = char::from_u32(number)?;
    Some(if found.is_control() && !matches!(found, '\t' | '\n' | '\r') { char::REPLACEMENT_CHARACTER } else { found })
}
