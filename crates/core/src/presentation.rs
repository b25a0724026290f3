//! DNS records as zone files write them, read and written (RFC 1035 §5.1)

use std::fmt;

use crate::facts::{Kind, Record};
use crate::name::{BadName, DomainName, unescape};

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::A(address) => write!(f, "{address}"),
            Record::Aaaa(address) => write!(f, "{address}"),
            Record::Mx { preference, exchange } if exchange.is_root() => write!(f, "{preference} ."),
            Record::Mx { preference, exchange } => write!(f, "{preference} {exchange}"),
            Record::Ptr(name) => write!(f, "{name}"),
            Record::Txt(strings) => {
                for (i, string) in strings.iter().enumerate() {
                    f.write_str(if i == 0 { "\"" } else { " \"" })?;
                    write_string(f, string)?;
                    f.write_str("\"")?;
                }
                Ok(())
            }
        }
    }
}

/// Writes the inside of a character-string.
fn write_string(f: &mut fmt::Formatter<'_>, string: &[u8]) -> fmt::Result {
    for &byte in string {
        match byte {
            b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
            0x20..=0x7e => write!(f, "{}", char::from(byte))?,
            _ => write!(f, "\\{byte:03}")?,
        }
    }
    Ok(())
}

impl Record {
    /// Reads the data of one record of the given kind, as zone files write it.
    ///
    /// TXT data without quotes is taken as one string, spaces and all: people paste records so.
    pub fn from_presentation(kind: Kind, data: &str) -> Result<Record, BadRecord> {
        let data = data.trim();
        Ok(match kind {
            Kind::A => Record::A(data.parse().map_err(|_| BadRecord::Address)?),
            Kind::Aaaa => Record::Aaaa(data.parse().map_err(|_| BadRecord::Address)?),
            Kind::Ptr => Record::Ptr(DomainName::from_presentation(data).map_err(BadRecord::Name)?),
            Kind::Mx => {
                let (preference, exchange) = data.split_once(char::is_whitespace).ok_or(BadRecord::Preference)?;
                Record::Mx {
                    preference: preference.parse().map_err(|_| BadRecord::Preference)?,
                    exchange: DomainName::from_presentation(exchange.trim()).map_err(BadRecord::Name)?,
                }
            }
            Kind::Txt if data.starts_with('"') => Record::Txt(quoted_strings(data)?),
            Kind::Txt => Record::Txt(split_string(data.as_bytes())),
        })
    }
}

/// Cuts octets into character-strings of at most 255.
pub fn split_string(text: &[u8]) -> Vec<Box<[u8]>> {
    if text.is_empty() {
        return vec![Box::default()];
    }
    text.chunks(255).map(Box::from).collect()
}

/// Reads `"one" "two"`, with `\"` and `\DDD` inside.
fn quoted_strings(data: &str) -> Result<Vec<Box<[u8]>>, BadRecord> {
    let mut strings = Vec::new();
    let mut bytes = data.bytes();
    while let Some(byte) = bytes.next() {
        if byte.is_ascii_whitespace() {
            continue;
        }
        if byte != b'"' {
            return Err(BadRecord::Quotes);
        }
        let mut string = Vec::new();
        loop {
            match bytes.next().ok_or(BadRecord::Quotes)? {
                b'"' => break,
                b'\\' => string.push(unescape(&mut bytes).ok_or(BadRecord::Quotes)?),
                other => string.push(other),
            }
        }
        if string.len() > 255 {
            return Err(BadRecord::StringTooLong);
        }
        strings.push(string.into_boxed_slice());
    }
    Ok(strings)
}

/// Why some text is no record of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRecord {
    /// The address cannot be read.
    Address,
    /// The name cannot be read.
    Name(BadName),
    /// The preference of the exchanger is missing or no number up to 65535.
    Preference,
    /// The quotes of a string do not match.
    Quotes,
    /// A quoted string has more than 255 octets.
    StringTooLong,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadRecord::Address => f.write_str("the address cannot be read"),
            BadRecord::Name(why) => write!(f, "{why}"),
            BadRecord::Preference => f.write_str("an MX record is a preference from 0 to 65535 and a host name"),
            BadRecord::Quotes => f.write_str("the quotes of the TXT strings do not match"),
            BadRecord::StringTooLong => f.write_str("a TXT string has more than 255 octets: split it"),
        }
    }
}

impl std::error::Error for BadRecord {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_a_round_trip() {
        for (kind, data) in [
            (Kind::A, "192.0.2.1"),
            (Kind::Aaaa, "2001:db8::1"),
            (Kind::Mx, "10 mail.example.org"),
            (Kind::Mx, "0 ."),
            (Kind::Ptr, "a\\.b.example.org"),
            (Kind::Txt, "\"v=spf1 -all\""),
            (Kind::Txt, "\"one\" \"t\\\"w\\\\o\\000\\255\""),
            (Kind::Txt, "\"\""),
        ] {
            assert_eq!(Record::from_presentation(kind, data).unwrap().to_string(), data);
        }
    }

    #[test]
    fn text_without_quotes_is_one_string_however_long() {
        let record = Record::from_presentation(Kind::Txt, "v=DMARC1; p=reject").unwrap();
        assert_eq!(record.text().unwrap(), &b"v=DMARC1; p=reject"[..]);
        let long = "x".repeat(600);
        let record = Record::from_presentation(Kind::Txt, &long).unwrap();
        assert_eq!(record.text().unwrap(), long.as_bytes());
    }

    #[test]
    fn broken_records_say_why() {
        assert_eq!(Record::from_presentation(Kind::A, "192.0.2"), Err(BadRecord::Address));
        assert_eq!(Record::from_presentation(Kind::Mx, "mail"), Err(BadRecord::Preference));
        assert_eq!(Record::from_presentation(Kind::Txt, "\"open"), Err(BadRecord::Quotes));
    }
}
