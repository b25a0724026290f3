//! What our own servers wrote on top of a mail: the client in `Received`, the path in `Return-Path` (RFC 5321 §4.4)
//!
//! A reader names the hop to trust; only that field is read. Postfix, Exim, Sendmail, Exchange, qmail and Google write
//! the client each in their own way. The greeting is the client's own words and may hold what looks like an address,
//! so where several places could be meant, the last one before the last `by` counts: that one the server wrote.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use sekisho_core::name::DomainName;
use sekisho_mail::header::{Field, Header};

use crate::fault::Fault;

/// Which `Received` field is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// The N-th from the top, counted from 1.
    Number(usize),
    /// The first one that this host wrote.
    Host(DomainName),
}

impl FromStr for Hop {
    type Err = String;

    fn from_str(text: &str) -> Result<Hop, String> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return match text.parse() {
                Ok(number) if number > 0 => Ok(Hop::Number(number)),
                _ => Err("the fields are counted from 1".to_owned()),
            };
        }
        DomainName::parse_unicode(text).map(Hop::Host).map_err(|why| why.to_string())
    }
}

/// The client that a `Received` field names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// Its address.
    pub(super) address: IpAddr,
    /// How it greeted, where the field tells.
    pub(super) helo: Option<Box<[u8]>>,
}

/// Reads the client from the field that `hop` names.
pub(super) fn client(header: &Header<'_>, hop: &Hop) -> Result<Client, Fault> {
    let mut fields = header.named("received").map(|(_, field)| field);
    let (number, field) = match hop {
        Hop::Number(number) => {
            let count = header.named("received").count();
            let field = fields.nth(number - 1).ok_or_else(|| {
                Fault::new("fault-received-count", [("number", (*number).into()), ("count", count.into())])
            })?;
            (*number, field)
        }
        Hop::Host(host) => fields
            .enumerate()
            .find(|(_, field)| is_by(field, host))
            .map(|(index, field)| (index + 1, field))
            .ok_or_else(|| Fault::new("fault-received-host", [("host", host.into())]))?,
    };
    read_client(field.value()).ok_or_else(|| {
        Fault::new("fault-received-client", [("number", number.into()), ("field", flat(field.value()).into())])
    })
}

/// Returns the path of the `Return-Path` field above the first `Received`; empty for the null path.
pub(super) fn return_path(header: &Header<'_>) -> Option<Box<[u8]>> {
    let above = header.fields().iter().take_while(|field| !field.is("received"));
    let value = above.into_iter().find(|field| field.is("return-path"))?.value().trim_ascii();
    let (open, close) = (value.iter().position(|&b| b == b'<'), value.iter().rposition(|&b| b == b'>'));
    match (open, close) {
        (Some(open), Some(close)) => value.get(open + 1..close).map(|path| path.trim_ascii().into()),
        _ => value.contains(&b'@').then(|| value.into()),
    }
}

/// Returns a folded value in one line.
fn flat(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A word of a `Received` field, or one of its comments.
#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    /// What stands outside of comments.
    Word(&'a [u8]),
    /// What stands between the outermost parentheses.
    Comment(&'a [u8]),
}

/// Cuts a value into words and comments, up to the `;` before the date.
fn tokens(value: &[u8]) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        let rest = value.get(at..).unwrap_or_default();
        let length = match byte {
            b';' => break,
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'(' => {
                let length = comment_length(rest);
                tokens.push(Token::Comment(rest.get(1..length.saturating_sub(1)).unwrap_or_default().trim_ascii()));
                length
            }
            // A path in `for <…>` is one word whatever it holds.
            b'<' => {
                let length = rest.iter().position(|&b| b == b'>').map_or(rest.len(), |end| end + 1);
                tokens.push(Token::Word(rest.get(..length).unwrap_or_default()));
                length
            }
            _ => {
                let length = rest.iter().position(|b| b" \t\r\n(;".contains(b)).unwrap_or(rest.len());
                tokens.push(Token::Word(rest.get(..length).unwrap_or_default()));
                length
            }
        };
        at += length.max(1);
    }
    tokens
}

/// Returns how long the comment at the beginning is, parentheses included.
fn comment_length(rest: &[u8]) -> usize {
    let mut depth = 0usize;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return at + 1,
            b')' => depth -= 1,
            _ => {}
        }
    }
    rest.len()
}

/// Returns where the last `by` stands: a greeting before it may pretend to be one.
fn by(tokens: &[Token<'_>]) -> Option<usize> {
    tokens.iter().rposition(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(b"by")))
}

/// Tells whether `host` wrote a field.
fn is_by(field: &Field<'_>, host: &DomainName) -> bool {
    let tokens = tokens(field.value());
    let writer = by(&tokens).and_then(|at| tokens.get(at + 1));
    matches!(writer, Some(Token::Word(word)) if DomainName::parse_unicode(word).as_ref() == Ok(host))
}

/// Reads the client from a field's value.
fn read_client(value: &[u8]) -> Option<Client> {
    let tokens = tokens(value);
    let tokens = tokens.get(..by(&tokens).unwrap_or(tokens.len()))?;
    let (Token::Word(from), rest) = tokens.split_first()? else { return None };
    if !from.eq_ignore_ascii_case(b"from") {
        return None;
    }
    let name = match rest.first() {
        Some(Token::Word(name)) => Some(*name),
        _ => None,
    };
    let comments = || {
        rest.iter().filter_map(|token| match token {
            Token::Comment(comment) => Some(*comment),
            Token::Word(_) => None,
        })
    };
    let address = comments().filter_map(address_in).next_back().or_else(|| literal(name?))?;
    let helo = comments().find_map(greeting_in).or(name).map(Box::from);
    Some(Client { address, helo })
}

/// Reads the greeting that Exim (`helo=NAME`), qmail and CommuniGate (`HELO NAME`) write into a comment.
fn greeting_in(comment: &[u8]) -> Option<&[u8]> {
    let mut words = comment.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word.len() > 5 && word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"helo=")) {
            return word.get(5..);
        }
        if word.eq_ignore_ascii_case(b"HELO") || word.eq_ignore_ascii_case(b"EHLO") {
            return words.next();
        }
    }
    None
}

/// Finds the client's address in a comment: `name [192.0.2.1]`, `[192.0.2.1]:25 helo=name`, `ident@192.0.2.1`.
fn address_in(comment: &[u8]) -> Option<IpAddr> {
    let mut words = comment.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).peekable();
    let first = *words.peek()?;
    if first.eq_ignore_ascii_case(b"HELO") || first.eq_ignore_ascii_case(b"EHLO") {
        return None;
    }
    let bare = |word: &[u8]| {
        let word = word.rsplit(|&b| b == b'@').next()?;
        parse_address(word)
    };
    words.clone().filter(|word| !is_greeting(word)).filter_map(literal).next_back().or_else(|| bare(first))
}

/// Tells whether a word is Exim's `helo=NAME`, whose end the client chose.
fn is_greeting(word: &[u8]) -> bool {
    word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"helo="))
}

/// Reads an address literal, `[192.0.2.1]` or `[IPv6:2001:db8::1]`, with whatever port behind it.
fn literal(word: &[u8]) -> Option<IpAddr> {
    let open = word.iter().position(|&b| b == b'[')?;
    let inside = word.get(open + 1..)?;
    let close = inside.iter().position(|&b| b == b']')?;
    parse_address(inside.get(..close)?)
}

/// Reads an address with or without the tag that RFC 5321 §4.1.3 puts before IPv6 ones.
fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let tagged = text.get(..5).filter(|tag| tag.eq_ignore_ascii_case("ipv6:")).and_then(|_| text.get(5..));
    match tagged {
        Some(address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.split('%').next()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(String, String)> {
        read_client(value.as_bytes()).map(|client| {
            let helo = client.helo.map_or_else(String::new, |helo| String::from_utf8(helo.into_vec()).unwrap());
            (client.address.to_string(), helo)
        })
    }

    #[test]
    fn every_server_writes_the_client_in_its_own_way() {
        for (value, address, helo) in [
            // Postfix
            (
                "from h.example (r.example [192.0.2.1])\r\n\tby mx (Postfix) with ESMTP id 1\r\n\tfor <a@b>; date",
                "192.0.2.1",
                "h.example",
            ),
            (
                "from [10.0.0.1] (unknown [IPv6:2001:db8::1]) (using TLSv1.3) by mx (Postfix)",
                "2001:db8::1",
                "[10.0.0.1]",
            ),
            // Exim
            ("from [192.0.2.1] (helo=h.example) by mx with esmtp", "192.0.2.1", "h.example"),
            ("from r.example ([192.0.2.1]:25 helo=h.example) by mx with esmtps", "192.0.2.1", "h.example"),
            ("from r.example ([2001:db8::1] helo=[192.0.2.9]) by mx", "2001:db8::1", "[192.0.2.9]"),
            ("from r.example ([192.0.2.1]) by mx with esmtps (Exim 4.96)", "192.0.2.1", "r.example"),
            // Sendmail
            (
                "from h.example (IDENT:joe@r.example [192.0.2.1] (may be forged)) by mx (8.17/8.17) with ESMTP",
                "192.0.2.1",
                "h.example",
            ),
            // Exchange
            (
                "from h.example (192.0.2.1) by mx.example (10.0.0.2) with Microsoft SMTP Server id 15.1",
                "192.0.2.1",
                "h.example",
            ),
            (
                "from h.example (2001:db8::1) by mx.example (2001:db8::2) with Microsoft SMTP Server",
                "2001:db8::1",
                "h.example",
            ),
            // qmail, CommuniGate, Google
            ("from unknown (HELO h.example) (192.0.2.1) by mx with SMTP; date", "192.0.2.1", "h.example"),
            ("from r.example (HELO [203.0.113.9]) (joe@192.0.2.1) by mx with SMTP", "192.0.2.1", "[203.0.113.9]"),
            ("from [192.0.2.1] (HELO h.example) by mx (CommuniGate Pro)", "192.0.2.1", "h.example"),
            (
                "from h.example (r.example. [192.0.2.1]) by mx.google.com with ESMTPS id x for <a@b>",
                "192.0.2.1",
                "h.example",
            ),
        ] {
            assert_eq!(read(value), Some((address.to_owned(), helo.to_owned())), "{value}");
        }
    }

    #[test]
    fn a_greeting_cannot_pretend_to_be_the_address() {
        let forged = "from x ([203.0.113.9]) by mx.example (r.example [192.0.2.1]) by mx.example (Postfix) with SMTP";
        assert_eq!(read(forged).unwrap().0, "192.0.2.1");
    }

    #[test]
    fn fields_without_a_client_are_not_guessed() {
        for value in
            ["by mx.example with local", "from h.example by mx", "(qmail 1 invoked by uid 1); date", "", "from"]
        {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn hops_are_found_by_number_and_by_host() {
        let raw = b"Received: from a (a [192.0.2.1]) by mx1.example (P)\r\nReceived: from b (b [192.0.2.2])\r\n by MX2.example. with X\r\n";
        let header = Header::parse(raw);
        let address = |hop: &str| client(&header, &hop.parse().unwrap()).map(|client| client.address.to_string());
        assert_eq!(address("2").unwrap(), "192.0.2.2");
        assert_eq!(address("mx2.example").unwrap(), "192.0.2.2");
        assert!(address("3").is_err() && address("mx3.example").is_err());
        assert!("0".parse::<Hop>().is_err());
    }

    #[test]
    fn only_a_return_path_on_top_counts() {
        let path = |raw: &'static [u8]| return_path(&Header::parse(raw));
        assert_eq!(path(b"Return-Path: <a@b>\r\nReceived: x\r\n").as_deref(), Some(&b"a@b"[..]));
        assert_eq!(path(b"Return-Path: <>\r\n").as_deref(), Some(&b""[..]));
        assert_eq!(path(b"Received: x\r\nReturn-Path: <a@b>\r\n"), None);
    }
}
