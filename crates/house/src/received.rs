//! What our own servers wrote on top of a mail: the client in `Received`, the path in `Return-Path` (RFC 5321 §4.4)
//!
//! A reader names the hop to trust; only that field is read. Servers write the client each in their own way, and beside
//! it the greeting, which is the client's own words and may look like anything. So the address is taken only from the
//! place where a known server writes it, and a field that fits no such form from end to end is refused: a guess would
//! let the greeting choose.
//!
//! | server | form |
//! | --- | --- |
//! | Postfix, Sendmail, Google, OpenSMTPD, Courier | `from HELO (NAME [IP])`, `from HELO (IDENT@NAME [IP] (may be forged))` |
//! | Exim | `from [IP] (helo=HELO)`, `from NAME ([IP]:PORT helo=HELO ident=IDENT)` |
//! | Exchange | `from HELO (IP)` |
//! | qmail, IronPort | `from NAME (HELO HELO) (IDENT@IP)`, `from NAME (HELO HELO) ([IP])` |
//! | CommuniGate, Yahoo | `from [IP] (HELO HELO)`, `from IP (EHLO HELO)` |

use std::fmt;
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
    type Err = Fault;

    fn from_str(text: &str) -> Result<Hop, Fault> {
        let wrong = || Fault::new("why-not-hop", []);
        if text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().filter(|number| *number > 0).map(Hop::Number).ok_or_else(wrong);
        }
        DomainName::parse_unicode(text).map(Hop::Host).map_err(|why| wrong().because(why))
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hop::Number(number) => number.fmt(f),
            Hop::Host(host) => host.fmt(f),
        }
    }
}

/// The client that a `Received` field names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address.
    pub(crate) address: IpAddr,
    /// How it greeted, where the field tells.
    pub(crate) helo: Option<Box<[u8]>>,
}

/// Reads the client from the field that `hop` names.
pub(crate) fn client(header: &Header<'_>, hop: &Hop) -> Result<Client, Fault> {
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
            .find(|(_, field)| names_writer(field, host))
            .map(|(index, field)| (index + 1, field))
            .ok_or_else(|| Fault::new("fault-received-host", [("host", host.into())]))?,
    };
    read_client(field.value()).map_err(|why| {
        let message = match why {
            Unread::Nobody => "fault-received-client",
            Unread::Unsure => "fault-received-unsure",
        };
        Fault::new(message, [("number", number.into()), ("field", flat(field.value()).into())])
    })
}

/// Tells whether a field was written by one of `hosts` when it took the mail by LMTP (RFC 3848): it names one host behind `by` and
/// one protocol behind `with`, and a greeting that pretends to be more makes it none.
pub(crate) fn is_delivery_to(field: &Field<'_>, hosts: &[String]) -> bool {
    let Some(tokens) = tokens(field.value()).filter(|_| field.is("received")) else { return false };
    let behind = |word: &[u8]| -> Option<&[u8]> {
        let mut pairs = tokens.windows(2).filter(|pair| pair.first().is_some_and(|token| token.is(word)));
        match (pairs.next(), pairs.next()) {
            (Some([_, Token::Word(said)]), None) => Some(said),
            _ => None,
        }
    };
    let by = behind(b"by").and_then(|host| DomainName::parse_unicode(host).ok());
    let is_listed = by.is_some_and(|by| hosts.iter().any(|host| DomainName::parse_unicode(host).as_ref() == Ok(&by)));
    let is_lmtp = |with: &[u8]| LMTP.iter().any(|name| with.eq_ignore_ascii_case(name));
    is_listed && behind(b"with").is_some_and(is_lmtp)
}

/// What servers write behind `with` that took a mail by LMTP (RFC 3848).
const LMTP: [&[u8]; 4] = [b"LMTP", b"LMTPA", b"LMTPS", b"LMTPSA"];

/// Returns the path of the `Return-Path` field above the first `Received`; empty for the null path.
pub(crate) fn return_path(header: &Header<'_>) -> Option<Box<[u8]>> {
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

/// Tells whether a field may have been written by `host`: wherever `by HOST` stands in it. A greeting may say so too;
/// then the field is refused below, rather than passed over for one that came with the mail.
fn names_writer(field: &Field<'_>, host: &DomainName) -> bool {
    let is_end = |b: &u8| b.is_ascii_whitespace() || b"();".contains(b);
    let words: Vec<&[u8]> = field.value().split(is_end).filter(|word| !word.is_empty()).collect();
    words.windows(2).any(|pair| match pair {
        [by, name] => by.eq_ignore_ascii_case(b"by") && DomainName::parse_unicode(name).as_ref() == Ok(host),
        _ => false,
    })
}

/// Why no client is taken from a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// It names no address.
    Nobody,
    /// It names one, but not in a way in which only the server could have written it.
    Unsure,
}

/// Reads the client from a field's value.
fn read_client(value: &[u8]) -> Result<Client, Unread> {
    let unread = || if names_address(value) { Unread::Unsure } else { Unread::Nobody };
    let tokens = tokens(value).ok_or_else(unread)?;
    read_form(from_part(&tokens).ok_or_else(unread)?).ok_or_else(unread)
}

/// Tells whether an address stands anywhere in what a field says of the client.
fn names_address(value: &[u8]) -> bool {
    let is_end = |b: &u8| b.is_ascii_whitespace() || b"()[]<>;@=".contains(b);
    let mut words = value.split(is_end).filter(|word| !word.is_empty());
    words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"from"))
        && words.take_while(|word| !word.eq_ignore_ascii_case(b"by")).any(|word| parse_address(word).is_some())
}

/// A piece of a `Received` field.
#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    /// What stands outside of comments.
    Word(&'a [u8]),
    /// What stands between the outermost parentheses.
    Comment(&'a [u8]),
    /// The `;` before the date.
    Semicolon,
}

impl Token<'_> {
    /// Tells whether it is this word, in whatever case.
    fn is(&self, expected: &[u8]) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(expected))
    }
}

/// Cuts a value into words and comments; nothing where a parenthesis or an angle bracket has no partner.
fn tokens(value: &[u8]) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        let rest = value.get(at..)?;
        let (length, token) = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => (1, None),
            b';' => (1, Some(Token::Semicolon)),
            b'(' => {
                let length = comment_length(rest)?;
                (length, Some(Token::Comment(rest.get(1..length - 1)?.trim_ascii())))
            }
            // A path in `for <…>` is one word whatever it holds, but for one more `<`: that may be a later path's.
            b'<' => {
                let length = rest.iter().position(|&b| b == b'>')? + 1;
                if rest.get(1..length)?.contains(&b'<') {
                    return None;
                }
                (length, Some(Token::Word(rest.get(..length)?)))
            }
            b')' => return None,
            _ => {
                let length = rest.iter().position(|b| b" \t\r\n();".contains(b)).unwrap_or(rest.len());
                (length, Some(Token::Word(rest.get(..length)?)))
            }
        };
        tokens.extend(token);
        at += length;
    }
    Some(tokens)
}

/// Returns how long the comment at the beginning is, parentheses included; nothing where it has no end.
fn comment_length(rest: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at + 1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Returns what stands between `from` and `by`. A second `from`, `by` or `;` may be the server's own behind a greeting
/// that pretends to be a whole field, so there must be just one of each.
fn from_part<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    let (from, rest) = tokens.split_first()?;
    let by = rest.iter().position(|token| token.is(b"by"))?;
    let (part, behind) = rest.split_at_checked(by)?;
    let is_alone = !behind.iter().skip(1).any(|token| token.is(b"by"))
        && tokens.iter().filter(|token| **token == Token::Semicolon).count() <= 1
        && !part.contains(&Token::Semicolon);
    (from.is(b"from") && is_alone).then_some(part)
}

/// Reads what stands between `from` and `by`, if it is one of the forms that servers write.
fn read_form(part: &[Token<'_>]) -> Option<Client> {
    let (Token::Word(name), rest) = part.split_first()? else { return None };
    let mut comments = Vec::with_capacity(rest.len());
    for token in rest {
        let Token::Comment(comment) = token else { return None };
        comments.push(*comment);
    }
    // What a server adds of the connection stands behind the client.
    while comments.last().is_some_and(|comment| is_of_connection(comment)) {
        comments.pop();
    }
    let (address, helo) = match comments.as_slice() {
        [one] if said_helo(one).is_some() || attributes(one).is_some() => (before_greeting(name, one)?, greeting(one)),
        [one] => peer(one, name)?,
        // Behind an address this would be CommuniGate's form, with a greeting that closes its own parenthesis.
        [first, second] if any_address(name).is_none() => (peer(second, name)?.0, said_helo(first)?),
        _ => return None,
    };
    Some(Client { address, helo: (!helo.is_empty()).then(|| helo.into()) })
}

/// Reads the address that Exim, CommuniGate and Yahoo write before the greeting, of a client without a name.
fn before_greeting(name: &[u8], comment: &[u8]) -> Option<IpAddr> {
    // Sendmail writes the same where a client greets with an address and is itself named `HELO` or logged in as
    // `helo=x`; then its own address stands in the comment.
    let is_odd = |word: &[u8]| word.contains(&b'[') && word.strip_prefix(b"helo=").and_then(literal).is_none();
    if words(comment).any(is_odd) {
        return None;
    }
    if said_helo(comment).is_some() { any_address(name) } else { literal(name) }
}

/// Tells whether a comment describes the connection: encryption, certificate, login. None of these beginnings fits a
/// comment that holds a name and an address.
fn is_of_connection(comment: &[u8]) -> bool {
    let beginnings: [&[u8]; 11] = [
        b"using TLS",
        b"Using TLS",
        b"using SSL",
        b"Client CN \"",
        b"Client did not ",
        b"No client certificate ",
        b"Authenticated sender: ",
        b"authenticated bits=",
        b"TLS: ",
        b"AUTH: ",
        b"IDENT: ",
    ];
    comment == b"authenticated" || beginnings.iter().any(|beginning| comment.starts_with(beginning))
}

/// Reads the comment that names the client by its address, and returns how it greeted: `name` unless Exim says it.
fn peer<'a>(comment: &'a [u8], name: &'a [u8]) -> Option<(IpAddr, &'a [u8])> {
    // Sendmail: the name does not lead back to the address.
    let comment = comment.strip_suffix(b"(may be forged)").unwrap_or(comment).trim_ascii_end();
    let mut words = words(comment);
    let first = words.next()?;
    if let Some(address) = literal(first) {
        // Exim: `[IP]:25 helo=NAME ident=NAME`. What follows is the client's, and cannot take back what stands before.
        let rest = comment.get(first.len()..)?.trim_ascii_start();
        return Some((address, if rest.is_empty() { name } else { attributes(rest)?.unwrap_or(name) }));
    }
    let address = match (words.next(), words.next()) {
        // `IP`, `ident@IP`, `ident@[IP]`: of several signs the last one is the server's.
        (None, _) => first.rsplit(|&b| b == b'@').next().and_then(any_address)?,
        // `name [IP]`, `ident@name [IP]`; a bracket in the name is none that a server writes.
        (Some(second), None) if !first.iter().any(|b| b"[]()".contains(b)) => literal(second)?,
        _ => return None,
    };
    Some((address, name))
}

/// Returns how the client greeted, by a comment that holds nothing else of it; empty where it does not say.
fn greeting(comment: &[u8]) -> &[u8] {
    said_helo(comment).or_else(|| attributes(comment)?).unwrap_or_default()
}

/// Reads `HELO NAME` and `EHLO NAME`.
fn said_helo(comment: &[u8]) -> Option<&[u8]> {
    let mut words = words(comment);
    let first = words.next()?;
    let is_command = first.eq_ignore_ascii_case(b"HELO") || first.eq_ignore_ascii_case(b"EHLO");
    is_command.then(|| words.next().unwrap_or_default())
}

/// Reads the greeting from what Exim writes of a client, if that is what it is: `port=25 helo=NAME ident=NAME`.
fn attributes(text: &[u8]) -> Option<Option<&[u8]>> {
    let first = words(text).next()?;
    let is_exim = [&b"port="[..], b"helo=", b"ident="].iter().any(|name| first.starts_with(name));
    is_exim.then(|| words(text).find_map(|word| word.strip_prefix(b"helo=")))
}

/// Cuts text into words.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Reads an address literal and nothing else, `[192.0.2.1]` or `[IPv6:2001:db8::1]`, with or without a port behind it.
fn literal(word: &[u8]) -> Option<IpAddr> {
    let close = word.iter().position(|&b| b == b']')?;
    let (inside, behind) = (word.get(1..close)?, word.get(close + 1..)?);
    let is_port = behind.strip_prefix(b":").is_some_and(|port| port.iter().all(u8::is_ascii_digit));
    (word.starts_with(b"[") && (behind.is_empty() || is_port)).then(|| parse_address(inside)).flatten()
}

/// Reads an address, as a literal or bare.
fn any_address(word: &[u8]) -> Option<IpAddr> {
    literal(word).or_else(|| parse_address(word))
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
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Reads a value, and returns address and greeting as text.
    fn read(value: &str) -> Result<(String, String), Unread> {
        read_client(value.as_bytes()).map(|client| {
            let helo = client.helo.map_or_else(String::new, |helo| String::from_utf8_lossy(&helo).into_owned());
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
            assert_eq!(read(value), Ok((address.to_owned(), helo.to_owned())), "{value}");
        }
    }

    /// What servers write, with the greeting of a client at 192.0.2.1 in its place.
    fn written_by_servers(helo: &str) -> [String; 8] {
        let end = "by mx.example (10.0.0.2) with ESMTP id 1 for <a@b.example>; Thu, 1 Jan 2026 00:00:00 +0000 (UTC)";
        [
            format!("from {helo} (r.example [192.0.2.1])\r\n\t(using TLSv1.3 with cipher X) {end}"),
            format!("from {helo} (joe@r.example [192.0.2.1] (may be forged)) {end}"),
            format!("from [192.0.2.1] (helo={helo}) {end}"),
            format!("from r.example ([192.0.2.1]:25 helo={helo} ident=x) {end}"),
            format!("from {helo} (192.0.2.1) {end}"),
            format!("from unknown (HELO {helo}) (joe@192.0.2.1) {end}"),
            format!("from unknown (HELO {helo}) ([192.0.2.1]) {end}"),
            format!("from [192.0.2.1] (HELO {helo}) {end}"),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        #[test]
        fn no_greeting_changes_which_address_is_taken(pieces in vec(select(PIECES), 0..12)) {
            for value in written_by_servers(&pieces.concat()) {
                if let Ok((address, _)) = read(&value) {
                    prop_assert_eq!(address, "192.0.2.1", "{}", value);
                }
            }
        }

        #[test]
        fn an_honest_greeting_is_read_whole(helo in "[a-zA-Z0-9][-a-zA-Z0-9._]{0,30}") {
            // These words say where the server's own begin.
            prop_assume!(!helo.eq_ignore_ascii_case("by"));
            for value in written_by_servers(&helo) {
                prop_assert_eq!(read(&value), Ok(("192.0.2.1".to_owned(), helo.clone())), "{}", value);
            }
        }
    }

    /// What a hostile greeting is made of.
    const PIECES: &[&str] = &[
        "x",
        " ",
        " ",
        "(",
        ")",
        "<",
        ">",
        ";",
        "@",
        "\"",
        "\\",
        "=",
        "r.example",
        "[203.0.113.9]",
        "203.0.113.9",
        "[203.0.113.9]:25",
        " (r.example [203.0.113.9])",
        " ([203.0.113.9])",
        " (203.0.113.9)",
        ") (203.0.113.9",
        ") ([203.0.113.9]",
        " (HELO x)",
        " (EHLO x",
        " (helo=x)",
        " helo=x",
        " (helo=x [203.0.113.9]",
        " port=25",
        "HELO ",
        "from ",
        " by ",
        " by mx.example (Postfix) with ESMTP id 2",
        "; Thu, 1 Jan 2026 00:00:00 +0000",
        "\r\n\t",
        " (may be forged)",
        " (using TLSv1.3 with cipher X)",
        ") (using TLS",
        " for <a@b>",
        "[IPv6:2001:db8::9]",
        "]",
        "[",
    ];

    #[test]
    fn what_fits_no_form_is_refused_and_not_guessed() {
        for value in [
            "from x ([203.0.113.9]) by mx.example (r.example [192.0.2.1]) by mx.example (Postfix) with SMTP",
            "from x (r.example [203.0.113.9]) (r.example [192.0.2.1]) by mx.example",
            "from [203.0.113.9] (HELO [192.0.2.1]) by mx.example",
            "from [203.0.113.9] (helo=x@[192.0.2.1]) by mx.example",
            "from [192.0.2.1] (HELO x) (203.0.113.9) by mx.example",
            "from x (r.example [192.0.2.1]) via y by mx.example",
            "from x (r.example [192.0.2.1]) by mx.example (",
            "from x (r.example [192.0.2.1]); date",
            "from [192.0.2.1] by mx.example",
        ] {
            assert_eq!(read(value), Err(Unread::Unsure), "{value}");
        }
        let exim = "from x ([198.51.100.66] helo=evil ([192.0.2.1])) by mx.example with esmtp (Exim 4.96)";
        assert_eq!(read(exim).unwrap().0, "198.51.100.66");
    }

    #[test]
    fn fields_without_a_client_are_not_guessed() {
        for value in [
            "by mx.example with local",
            "from h.example by mx",
            "from h.example (unknown [unknown]) by mx (10.0.0.2)",
            "(qmail 1 invoked by uid 1); date",
            "",
            "from",
        ] {
            assert_eq!(read(value), Err(Unread::Nobody), "{value}");
        }
    }

    #[test]
    fn a_field_whose_greeting_names_a_writer_is_not_passed_over() {
        let raw = b"Received: from x by mx9.example; (r [192.0.2.1]) by mx1.example (P); d\r\nReceived: from y (r [203.0.113.9]) by mx1.example (P); d\r\n";
        assert!(client(&Header::parse(raw), &"mx1.example".parse().unwrap()).is_err());
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
