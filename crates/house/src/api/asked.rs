//! What may be asked: each parameter of a room once, for reading it and for the document
//!
//! A room names its [`Field`]s. What stands in the document is what is taken, to the letter: nobody finds by trying what is
//! refused there.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use sekisho_core::name::DomainName;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required};

use super::problem::{BAD_PARAMETER, Problem, UNKNOWN_PARAMETER};
use crate::config::nearest::nearest;

/// A name as the DNS has it, U-labels as A-labels.
pub(super) const DOMAIN: &str = r"^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$";
/// The longest of them.
pub(super) const LONGEST_DOMAIN: usize = 253;
/// A number below 256.
const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

/// A parameter.
pub(super) struct Field {
    /// Its name.
    name: &'static str,
    /// What it may be.
    kind: Kind,
    /// What it does.
    says: &'static str,
}

/// What a parameter may be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A moment (RFC 3339).
    Moment,
    /// A domain name.
    Domain,
    /// An address.
    Address,
    /// An address or a network.
    Network,
    /// Text of so many characters at most, none of them a control.
    Text(usize),
    /// The same, or nothing.
    TextOrNothing(usize),
    /// One of some words.
    Word(&'static [&'static str]),
    /// A number, from and to, and what it is where nobody says.
    Number(u32, u32, u32),
    /// Where the last page ended.
    Cursor,
}

impl Field {
    /// Names a parameter.
    pub(super) const fn new(name: &'static str, kind: Kind, says: &'static str) -> Field {
        Field { name, kind, says }
    }

    /// Returns its part of the document.
    pub(super) fn parameter(&self) -> Parameter {
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(self.says))
            .schema(Some(self.kind.schema()))
            .build()
    }
}

impl Kind {
    /// Tells whether a value may stand there.
    fn takes(self, value: &str) -> bool {
        let is_text = |most: usize| value.chars().count() <= most && !value.chars().any(char::is_control);
        match self {
            Kind::Moment => moment(value).is_some(),
            Kind::Domain => domain(value).is_some(),
            Kind::Address => value.parse::<IpAddr>().is_ok(),
            Kind::Network => value.parse::<IpAddr>().is_ok() || value.parse::<IpNet>().is_ok(),
            Kind::Text(most) => !value.is_empty() && is_text(most),
            Kind::TextOrNothing(most) => is_text(most),
            Kind::Word(words) => words.contains(&value),
            Kind::Number(least, most, _) => number(value).is_some_and(|number| (least..=most).contains(&number)),
            Kind::Cursor => is_cursor(value),
        }
    }

    /// Returns its schema.
    fn schema(self) -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let format = |format: KnownFormat| text().format(Some(SchemaFormat::KnownFormat(format)));
        let other = |format: &str| text().format(Some(SchemaFormat::Custom(format.to_owned())));
        let pattern = |pattern: &str| text().pattern(Some(pattern));
        let printing = |most: usize| pattern(r"^[^\u0000-\u001f\u007f-\u009f]*$").max_length(Some(most));
        match self {
            Kind::Moment => format(KnownFormat::DateTime).into(),
            Kind::Domain => pattern(DOMAIN).max_length(Some(LONGEST_DOMAIN)).into(),
            Kind::Address => any(vec![other("ipv4"), other("ipv6")]),
            Kind::Network => any(vec![
                other("ipv4"),
                other("ipv6"),
                pattern(&format!(r"^({OCTET}\.){{3}}{OCTET}/(3[0-2]|[12]?[0-9])$")),
                pattern(r"^([0-9a-f]{1,4}:){1,7}:/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$"),
            ]),
            Kind::Text(most) => printing(most).min_length(Some(1)).into(),
            Kind::TextOrNothing(most) => printing(most).into(),
            Kind::Word(words) => text().enum_values(Some(words.iter().copied())).into(),
            Kind::Number(least, most, usual) => ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(least))
                .maximum(Some(most))
                .default(Some(usual.into()))
                .into(),
            Kind::Cursor => pattern("^[A-Za-z0-9_-]+$").max_length(Some(CURSOR)).into(),
        }
    }
}

/// Returns a schema that takes what any of these takes.
fn any(schemas: Vec<ObjectBuilder>) -> RefOr<Schema> {
    let any = schemas.into_iter().fold(AnyOfBuilder::new(), AnyOfBuilder::item);
    RefOr::T(Schema::AnyOf(any.build()))
}

/// The longest cursor.
const CURSOR: usize = 300;

/// Tells whether a value has the form of a cursor.
fn is_cursor(value: &str) -> bool {
    let is_sound = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    !value.is_empty() && value.len() <= CURSOR && value.bytes().all(is_sound)
}

/// Reads a moment (RFC 3339 §5.6): a date, a time, an offset, and nothing of what else readers of dates are used to take.
fn moment(value: &str) -> Option<i64> {
    let octets = value.as_bytes();
    let is_shaped = octets.len() >= 20
        && octets.iter().take(19).enumerate().all(|(at, octet)| match at {
            4 | 7 => *octet == b'-',
            10 => matches!(octet, b'T' | b't'),
            13 | 16 => *octet == b':',
            _ => octet.is_ascii_digit(),
        });
    let has_offset = value.ends_with(['Z', 'z']) || octets.iter().rev().nth(2) == Some(&b':');
    let at = value.parse::<Timestamp>().ok().filter(|_| is_shaped && has_offset)?;
    Some(at.as_microsecond())
}

/// Reads a domain name.
pub(super) fn domain(value: &str) -> Option<DomainName> {
    let is_sound = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    let is_name = value.len() <= LONGEST_DOMAIN && !value.ends_with('.') && value.bytes().all(is_sound);
    DomainName::parse(value).ok().filter(|_| is_name)
}

/// Reads a number in digits alone.
fn number(value: &str) -> Option<u32> {
    value.parse().ok().filter(|_| value.bytes().all(|octet| octet.is_ascii_digit()))
}

/// What a request asks.
#[derive(Debug)]
pub(super) struct Asked(Vec<(&'static str, String)>);

impl Asked {
    /// Reads a query. Each parameter is one that there is, stands there once, and has a value that it may have.
    pub(super) fn read(query: Option<&str>, fields: &[Field]) -> Result<Asked, Problem> {
        let mut asked = Asked(Vec::new());
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let Some(field) = fields.iter().find(|field| field.name == name) else {
                return Err(unknown(&name, fields));
            };
            if !field.kind.takes(&value) || asked.text(field.name).is_some() {
                return Err(bad(field.name));
            }
            asked.0.push((field.name, value.into_owned()));
        }
        Ok(asked)
    }

    /// Returns what is said of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Returns a moment, in microseconds since 1970.
    pub(super) fn moment(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(moment)
    }

    /// Returns a number.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.text(name).and_then(number)
    }

    /// Returns all that is asked, but for the cursor.
    pub(super) fn filters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).filter(|(name, _)| *name != "cursor")
    }
}

/// Says that a parameter has a value that it cannot have.
pub(super) fn bad(name: &str) -> Problem {
    Problem::new(BAD_PARAMETER, [("name", name.to_owned().into())]).about(name)
}

/// Says that there is no such parameter, and which one was probably meant.
fn unknown(name: &str, fields: &[Field]) -> Problem {
    let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let guess = nearest(name, &known);
    let has_guess = if guess.is_some() { "yes" } else { "no" };
    let (named, guess) = (name.to_owned().into(), guess.unwrap_or_default().to_owned().into());
    Problem::new(UNKNOWN_PARAMETER, [("name", named), ("nearest", guess), ("known", has_guess.into())]).about(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of a small room.
    const FIELDS: &[Field] = &[
        Field::new("dmarc", Kind::Word(&["pass", "fail"]), ""),
        Field::new("limit", Kind::Number(1, 500, 50), ""),
        Field::new("from", Kind::Moment, ""),
        Field::new("client", Kind::Network, ""),
        Field::new("author", Kind::Domain, ""),
    ];

    #[test]
    fn what_is_asked_is_read() {
        let asked = Asked::read(Some("dmarc=fail&limit=7&from=2026-01-01T00:00:01%2B00:00"), FIELDS).unwrap();
        assert_eq!((asked.text("dmarc"), asked.number("limit")), (Some("fail"), Some(7)));
        assert_eq!((asked.moment("from"), asked.text("client")), (Some(1_767_225_601_000_000), None));
        assert_eq!(asked.filters().count(), 3);
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_name() {
        for wrong in [
            "dmarc=",
            "dmarc=Pass",
            "dmarc=pass&dmarc=fail",
            "limit=0",
            "limit=501",
            "limit=%2B5",
            "limit=99999999999",
            "from=2026-01-01",
            "from=2026-01-01T00:00:00",
            "from=20260101T000000Z",
            "from=2026-02-30T00:00:00Z",
            "from=2026-01-01T00:00:00%2B00:00[UTC]",
            "client=192.0.2",
            "client=192.0.2.0/33",
            "author=a..example",
            "author=a.example.",
            "author=a%20b",
            "author=%E9%96%A2.example",
        ] {
            let problem = Asked::read(Some(wrong), FIELDS).unwrap_err();
            assert_eq!(problem.kind(), BAD_PARAMETER, "{wrong}");
        }
        for unknown in ["dmrac=pass", "after=1", "=", "a", "Limit=5"] {
            assert_eq!(Asked::read(Some(unknown), FIELDS).unwrap_err().kind(), UNKNOWN_PARAMETER, "{unknown}");
        }
    }
}
