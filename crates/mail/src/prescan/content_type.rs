//! What a `Content-Type` field says about structure (RFC 2045 §5.1, RFC 2231 §3)
//!
//! Written for what is sent, not for what is right: comments, odd white space, quotes around anything, parameters in pieces.

/// What a part is, as far as that makes structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ContentType {
    /// Parts between boundaries.
    Multipart(Multipart),
    /// A message, or what may be opened as one.
    Message,
    /// Neither.
    Other,
}

/// Parts between boundaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Multipart {
    /// What stands behind the two hyphens of a boundary; never empty.
    pub(super) boundary: Vec<u8>,
    /// Whether the parts are messages unless they say otherwise (RFC 2046 §5.1.5).
    pub(super) digest: bool,
}

impl ContentType {
    /// Reads the value of the field, unfolded or not.
    pub(super) fn read(value: &[u8]) -> ContentType {
        let mut sections = sections(value).into_iter();
        let mut media_type = sections.next().unwrap_or_default();
        media_type.retain(|octet| !octet.is_ascii_whitespace());
        media_type.make_ascii_lowercase();
        if media_type.starts_with(b"message/") {
            return ContentType::Message;
        }
        if !media_type.starts_with(b"multipart/") {
            return ContentType::Other;
        }
        match boundary(sections) {
            Some(boundary) => ContentType::Multipart(Multipart { boundary, digest: media_type == b"multipart/digest" }),
            None => ContentType::Other,
        }
    }
}

/// Cuts a value at its semicolons, with quotes and comments taken away.
fn sections(value: &[u8]) -> Vec<Vec<u8>> {
    let mut sections = vec![Vec::new()];
    let (mut quoted, mut comments) = (false, 0_usize);
    let mut octets = value.iter().copied().filter(|octet| !b"\r\n".contains(octet));
    while let Some(octet) = octets.next() {
        let section = sections.last_mut().expect("there is one from the start");
        // A parenthesis inside a word is a part of a sloppy boundary rather than a comment.
        let between_words = section.last().is_none_or(u8::is_ascii_whitespace);
        match octet {
            b'\\' if quoted || comments > 0 => section.extend(octets.next().filter(|_| comments == 0)),
            b'(' if !quoted && (comments > 0 || between_words) => comments += 1,
            b')' if !quoted && comments > 0 => comments -= 1,
            _ if comments > 0 => {}
            b'"' => quoted = !quoted,
            b';' if !quoted => sections.push(Vec::new()),
            octet => section.push(octet),
        }
    }
    sections
}

/// Returns the boundary, put together where it comes in pieces (RFC 2231 §3); the whole one first where there are both.
fn boundary(sections: impl Iterator<Item = Vec<u8>>) -> Option<Vec<u8>> {
    let mut pieces: Vec<(u32, Vec<u8>)> = Vec::new();
    for section in sections {
        let Some(equals) = section.iter().position(|&octet| octet == b'=') else { continue };
        let (name, value) = (section[..equals].trim_ascii(), section[equals + 1..].trim_ascii());
        let mut marks = name.split(|&octet| octet == b'*');
        if !marks.next().is_some_and(|name| name.eq_ignore_ascii_case(b"boundary")) {
            continue;
        }
        let number = marks.next().and_then(|mark| std::str::from_utf8(mark).ok()?.parse().ok());
        let extended = name.ends_with(b"*");
        match number {
            None if !value.is_empty() => return Some(decoded(value, extended, true)),
            None => {}
            Some(number) => pieces.push((number, decoded(value, extended, number == 0))),
        }
    }
    pieces.sort_by_key(|(number, _)| *number);
    let boundary: Vec<u8> = pieces.into_iter().flat_map(|(_, piece)| piece).collect();
    (!boundary.is_empty()).then_some(boundary)
}

/// Returns the value of a parameter; an extended one has its character set in front and percent signs in it (RFC 2231 §4).
fn decoded(value: &[u8], extended: bool, first: bool) -> Vec<u8> {
    if !extended {
        return value.to_vec();
    }
    let mut rest = match value.splitn(3, |&octet| octet == b'\'').nth(2) {
        Some(text) if first => text,
        _ => value,
    };
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((&octet, after)) = rest.split_first() {
        let escaped =
            if octet == b'%' { after.first_chunk().and_then(|&digits| super::decode::hex(digits)) } else { None };
        decoded.push(escaped.unwrap_or(octet));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the boundary that a value has.
    fn boundary_of(value: &str) -> Option<String> {
        match ContentType::read(value.as_bytes()) {
            ContentType::Multipart(multipart) => Some(String::from_utf8(multipart.boundary).unwrap()),
            _ => None,
        }
    }

    #[test]
    fn boundaries_are_found_however_they_are_written() {
        let same = [
            "multipart/mixed; boundary=b1",
            " Multipart/Mixed;\r\n\tBOUNDARY=\"b1\"",
            "(a;b) multipart / mixed (\"c); charset=x ; boundary = b1 (why; \"not)",
            "\"multipart/mixed\"; boundary=\"\\b1\"",
            "multipart/mixed; boundary*0=b; boundary*1=1",
            "multipart/mixed; boundary*1=1; boundary*0=\"b\"",
            "multipart/mixed; boundary*=us-ascii'en'%62%31",
            "multipart/mixed; boundary*0*=''%62; boundary*1*=%31",
            "multipart/mixed; x=\"; boundary=no\"; boundary=b1; boundary=b2",
            "multipart/mixed; boundary=; boundary=b1",
        ];
        for value in same {
            assert_eq!(boundary_of(value).as_deref(), Some("b1"), "{value}");
        }
        assert_eq!(boundary_of("multipart/x; boundary=\"a b;c\"").as_deref(), Some("a b;c"));
        assert_eq!(boundary_of("multipart/x; boundary=a(1)b").as_deref(), Some("a(1)b"));
        assert_eq!(boundary_of("multipart/x; boundary*=''%6x").as_deref(), Some("%6x"));
    }

    #[test]
    fn what_makes_no_structure_is_other() {
        for value in [
            "",
            ";",
            "text/plain; boundary=b",
            "multipart/mixed",
            "application/x-message",
            "(multipart/mixed; boundary=b",
        ] {
            assert_eq!(ContentType::read(value.as_bytes()), ContentType::Other, "{value}");
        }
        assert_eq!(ContentType::read(b" MESSAGE/RFC822"), ContentType::Message);
        assert_eq!(
            ContentType::read(b"multipart/digest; boundary=b"),
            ContentType::Multipart(Multipart { boundary: b"b".to_vec(), digest: true })
        );
    }
}
