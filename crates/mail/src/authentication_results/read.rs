//! Authentication-Results, read: comments and folding wherever the grammar has them (RFC 8601 §2.2)

use std::fmt;

use super::{AuthenticationResults, MethodResult, Property, Word};
use crate::address::{Lexer, Oddity, unquote};

/// The most results that one field may have; honest ones have a dozen.
const RESULTS_MAX: usize = 1_000;

/// Why a field is no Authentication-Results field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// It does not say who speaks.
    NoAuthservId,
    /// It says neither a result nor `none`.
    NoResult,
    /// A result is not of the form `method=result`.
    BadResult,
    /// A property is not of the form `type.name=value`.
    BadProperty,
    /// A value is missing or broken.
    BadValue,
    /// A comment or a quoted string has no end.
    Unclosed,
    /// A version is no number.
    BadVersion,
    /// There are more than a thousand results.
    TooMany,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::NoAuthservId => "there is no authserv-id",
            Malformed::NoResult => "there is no result",
            Malformed::BadResult => "a result is not of the form `method=result`",
            Malformed::BadProperty => "a property is not of the form `type.name=value`",
            Malformed::BadValue => "a value is missing or broken",
            Malformed::Unclosed => "a comment or a quoted string has no end",
            Malformed::BadVersion => "a version is no number",
            Malformed::TooMany => "there are more than 1000 results",
        })
    }
}

impl std::error::Error for Malformed {}

impl AuthenticationResults {
    /// Reads the value of a field. A semicolon behind the last result is tolerated: many writers leave one.
    pub fn parse(field: &[u8]) -> Result<AuthenticationResults, Malformed> {
        let mut reader = Reader(Lexer::new(field));
        let read = reader.payload();
        let odd = reader.0.oddities;
        if odd.contains(Oddity::UnclosedComment) || odd.contains(Oddity::UnclosedQuote) {
            return Err(Malformed::Unclosed);
        }
        read
    }
}

/// Reads a field from left to right.
struct Reader<'a>(Lexer<'a>);

impl Reader<'_> {
    /// Reads everything.
    fn payload(&mut self) -> Result<AuthenticationResults, Malformed> {
        self.0.skip_gap();
        let authserv_id = self.value().map_err(|_| Malformed::NoAuthservId)?;
        self.0.skip_gap();
        let version = self.version()?;
        self.0.skip_gap();
        let mut results = Vec::new();
        loop {
            if !self.0.eat(b';') {
                return Err(if results.is_empty() { Malformed::NoResult } else { Malformed::BadProperty });
            }
            self.0.skip_gap();
            if self.0.peek().is_none() {
                break;
            }
            let method = self.keyword().ok_or(Malformed::BadResult)?;
            self.0.skip_gap();
            if results.is_empty() && method.eq_ignore_ascii_case("none") && self.0.peek().is_none() {
                return Ok(AuthenticationResults { authserv_id, version, results });
            }
            if results.len() == RESULTS_MAX {
                return Err(Malformed::TooMany);
            }
            results.push(self.result(method)?);
            if self.0.peek().is_none() {
                break;
            }
        }
        if results.is_empty() {
            return Err(Malformed::NoResult);
        }
        Ok(AuthenticationResults { authserv_id, version, results })
    }

    /// Reads one result behind its method, up to the next semicolon.
    fn result(&mut self, method: Word) -> Result<MethodResult, Malformed> {
        let mut version = None;
        if self.0.eat(b'/') {
            self.0.skip_gap();
            version = Some(self.version()?.ok_or(Malformed::BadVersion)?);
            self.0.skip_gap();
        }
        self.equals().ok_or(Malformed::BadResult)?;
        let result = self.keyword().ok_or(Malformed::BadResult)?;
        let (mut reason, mut properties) = (None, Vec::new());
        loop {
            self.0.skip_gap();
            if matches!(self.0.peek(), None | Some(b';')) {
                return Ok(MethodResult { method, version, result, comment: None, reason, properties });
            }
            let kind = self.keyword().ok_or(Malformed::BadProperty)?;
            self.0.skip_gap();
            // Some writers put the reason behind the properties; it is clear wherever it stands.
            if self.0.peek() == Some(b'=') && kind.eq_ignore_ascii_case("reason") && reason.is_none() {
                self.equals();
                reason = Some(self.value()?);
                continue;
            }
            if !self.0.eat(b'.') {
                return Err(Malformed::BadProperty);
            }
            self.0.skip_gap();
            let name = self.keyword().ok_or(Malformed::BadProperty)?;
            self.0.skip_gap();
            self.equals().ok_or(Malformed::BadProperty)?;
            properties.push(Property { kind, name, value: self.property_value()? });
        }
    }

    /// Takes an equals sign with the gaps around it.
    fn equals(&mut self) -> Option<()> {
        let found = self.0.eat(b'=');
        self.0.skip_gap();
        found.then_some(())
    }

    /// Takes a word of the format.
    fn keyword(&mut self) -> Option<Word> {
        let word = self.0.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        (!word.is_empty()).then(|| String::from_utf8_lossy(word).into_owned().into())
    }

    /// Takes a version, where one comes.
    fn version(&mut self) -> Result<Option<u32>, Malformed> {
        let digits = self.0.take_while(|b| b.is_ascii_digit());
        if digits.is_empty() {
            return Ok(None);
        }
        std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).map(Some).ok_or(Malformed::BadVersion)
    }

    /// Takes a token or a quoted string.
    fn value(&mut self) -> Result<String, Malformed> {
        if self.0.peek() == Some(b'"') {
            return self.quoted();
        }
        let token = self.0.take_while(|b| (b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b)) || b >= 0x80);
        text(token).filter(|token| !token.is_empty()).ok_or(Malformed::BadValue)
    }

    /// Takes a quoted string.
    fn quoted(&mut self) -> Result<String, Malformed> {
        let inside = self.0.quoted().ok_or(Malformed::Unclosed)?;
        let mut bytes = Vec::with_capacity(inside.len());
        unquote(inside, &mut bytes);
        text(&bytes).ok_or(Malformed::BadValue)
    }

    /// Takes the value of a property: a token, a quoted string, or an address or network address without quotes.
    fn property_value(&mut self) -> Result<String, Malformed> {
        let bare = |b: u8| (b.is_ascii_graphic() && !b"()\\\";".contains(&b)) || b >= 0x80;
        let quoted = if self.0.peek() == Some(b'"') { Some(self.quoted()?) } else { None };
        let rest = match &quoted {
            // `"odd local part"@example.org`
            Some(_) if self.0.peek() != Some(b'@') => &[],
            _ => self.0.take_while(bare),
        };
        let rest = text(rest).ok_or(Malformed::BadValue)?;
        if quoted.is_none() && rest.is_empty() {
            return Err(Malformed::BadValue);
        }
        Ok(quoted.unwrap_or_default() + &rest)
    }
}

/// Returns octets as text, where they are UTF-8.
fn text(octets: &[u8]) -> Option<String> {
    std::str::from_utf8(octets).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stand_wherever_the_grammar_has_them() {
        let field = b" (c) foo.example.net (foobar) 1 (baz);\r\n dkim (x) / 1 (y) = (z) fail reason (r) = (s) \"a \\\"b\\\"\"\r\n (Because I like it) policy (A dot (nested)) . (w) expired (this) = (that) \"1362471462\";spf=pass smtp.mailfrom=\"a b\"@x.org";
        let read = AuthenticationResults::parse(field).unwrap();
        assert_eq!((read.authserv_id.as_str(), read.version), ("foo.example.net", Some(1)));
        let dkim = &read.results[0];
        assert_eq!((dkim.method.as_ref(), dkim.version, dkim.result.as_ref()), ("dkim", Some(1), "fail"));
        assert_eq!(dkim.reason.as_deref(), Some("a \"b\""));
        let value = |kind: &'static str, name: &'static str, value: &str| Property {
            kind: kind.into(),
            name: name.into(),
            value: value.to_owned(),
        };
        assert_eq!(dkim.properties, [value("policy", "expired", "1362471462")]);
        assert_eq!(read.results[1].properties, [value("smtp", "mailfrom", "a b@x.org")]);
    }

    #[test]
    fn none_is_no_result() {
        let read = AuthenticationResults::parse(b"example.org 1; none").unwrap();
        assert_eq!((read.version, read.results.len()), (Some(1), 0));
        assert_eq!(AuthenticationResults::parse(b"example.org; spf=none;").unwrap().results.len(), 1);
    }

    #[test]
    fn what_is_no_such_field_says_why() {
        for (field, why) in [
            (&b""[..], Malformed::NoAuthservId),
            (b"; spf=pass", Malformed::NoAuthservId),
            (b"a.org", Malformed::NoResult),
            (b"a.org;", Malformed::NoResult),
            (b"a.org; spf", Malformed::BadResult),
            (b"a.org; spf/x=pass", Malformed::BadVersion),
            (b"a.org; spf=pass smtp=x", Malformed::BadProperty),
            (b"a.org; spf=pass smtp.mailfrom=", Malformed::BadValue),
            (b"a.org; spf=pass (", Malformed::Unclosed),
            (b"a.org 99999999999; none", Malformed::BadVersion),
            (b"example.net(.example.com; dmarc=pass", Malformed::Unclosed),
        ] {
            assert_eq!(AuthenticationResults::parse(field), Err(why), "{}", String::from_utf8_lossy(field));
        }
        let many = [b"a.org".to_vec(), b"; spf=pass".repeat(10_000)].concat();
        assert_eq!(AuthenticationResults::parse(&many), Err(Malformed::TooMany));
    }
}
