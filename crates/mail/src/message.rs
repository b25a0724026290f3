//! A mail as a whole: where the header ends, and how its lines end (RFC 5322 §2.1)
//!
//! On the wire lines end with CRLF; in files often with LF alone. Which of the two a mail uses is read off its first
//! line: where that ends with LF alone, every LF without CR becomes CRLF; otherwise bare LF and bare CR are content.

use std::borrow::Cow;

use crate::header::{Field, Header};
use crate::policy::Policy;

/// How much of a body with LF line ends is mended at a time.
const PIECE: usize = 64 * 1024;

/// A mail cut in two.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The header with its last CRLF, without the empty line; only its first lines where it is too large.
    header: Cow<'a, [u8]>,
    /// Whether the header is larger than that.
    is_cut: bool,
    /// The most fields that are read.
    max_fields: usize,
    /// The body as it stands in the file.
    body: &'a [u8],
    /// Whether the file's lines end with LF alone.
    bare_lf: bool,
}

impl<'a> Message<'a> {
    /// Cuts a mail where its header ends, however large that is.
    pub fn parse(raw: &'a [u8]) -> Message<'a> {
        Message::cut(raw, usize::MAX, usize::MAX)
    }

    /// Cuts a mail where its header ends, and reads no more of the header than the policy judges.
    pub fn parse_within(raw: &'a [u8], policy: &Policy) -> Message<'a> {
        Message::cut(raw, policy.max_header_bytes, policy.max_fields)
    }

    /// Cuts a mail where its header ends, and that after so many octets.
    fn cut(raw: &'a [u8], max_octets: usize, max_fields: usize) -> Message<'a> {
        let first = memchr::memchr(b'\n', raw);
        let bare_lf = first.is_some_and(|at| at == 0 || raw.get(at - 1) != Some(&b'\r'));
        let (whole, body) = if bare_lf { split_lf(raw) } else { split_crlf(raw) };
        let header = first_lines(whole, max_octets);
        let is_cut = header.len() < whole.len();
        let header = if bare_lf { Cow::Owned(with_crlf(header, None)) } else { Cow::Borrowed(header) };
        Message { header, is_cut, max_fields, body, bare_lf }
    }

    /// Returns the octets of the header as far as it is read, lines ending with CRLF.
    pub fn raw_header(&self) -> &[u8] {
        &self.header
    }

    /// Returns the fields.
    pub fn header(&self) -> Header<'_> {
        let header = Header::parse_some(&self.header, self.max_fields);
        if self.is_cut { header.cut_short() } else { header }
    }

    /// Returns the body in pieces, lines ending with CRLF.
    pub fn body(&self) -> impl Iterator<Item = Cow<'a, [u8]>> + use<'a> {
        let (body, bare_lf) = (self.body, self.bare_lf);
        let size = if bare_lf { PIECE } else { body.len().max(1) };
        body.chunks(size).scan(None, move |before, piece| {
            let mended = if bare_lf { Cow::Owned(with_crlf(piece, *before)) } else { Cow::Borrowed(piece) };
            *before = piece.last().copied();
            Some(mended)
        })
    }

    /// Tells whether this can be a mail at all: at least one well-formed field, were there no NULs in its name.
    pub fn is_plausible(&self) -> bool {
        self.header().fields().iter().any(Field::is_field_with_nuls)
    }
}

/// Cuts a mail with CRLF at its first empty line.
fn split_crlf(raw: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = raw.strip_prefix(b"\r\n") {
        return (&[], body);
    }
    let Some(end) = memchr::memmem::find(raw, b"\r\n\r\n") else { return (raw, &[]) };
    (raw.get(..end + 2).unwrap_or(raw), raw.get(end + 4..).unwrap_or_default())
}

/// Cuts a mail with LF at its first empty line; a line of CR alone counts as empty.
fn split_lf(raw: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = raw.strip_prefix(b"\n").or(raw.strip_prefix(b"\r\n")) {
        return (&[], body);
    }
    let plain = memchr::memmem::find(raw, b"\n\n");
    let before = plain.map_or(raw, |end| raw.get(..=end).unwrap_or(raw));
    let (end, gap) = match (memchr::memmem::find(before, b"\n\r\n"), plain) {
        (Some(end), _) => (end, 3),
        (None, Some(end)) => (end, 2),
        (None, None) => return (raw, &[]),
    };
    (raw.get(..end + 1).unwrap_or(raw), raw.get(end + gap..).unwrap_or_default())
}

/// Returns the whole lines that fit into so many octets; where not even one does, the beginning of the first.
fn first_lines(header: &[u8], max_octets: usize) -> &[u8] {
    let Some(start) = header.get(..max_octets).filter(|start| start.len() < header.len()) else { return header };
    let end = memchr::memrchr(b'\n', start).map_or(start.len(), |at| at + 1);
    start.get(..end).unwrap_or(start)
}

/// Writes CR before each LF that has none; `before` is the octet in front of the piece.
fn with_crlf(piece: &[u8], before: Option<u8>) -> Vec<u8> {
    let mut mended = Vec::with_capacity(piece.len() + piece.len() / 32);
    let mut before = before;
    for line in piece.split_inclusive(|&b| b == b'\n') {
        if let Some(text) = line.strip_suffix(b"\n") {
            mended.extend_from_slice(text);
            if text.last().copied().or(before) != Some(b'\r') {
                mended.push(b'\r');
            }
            mended.push(b'\n');
        } else {
            mended.extend_from_slice(line);
        }
        before = line.last().copied();
    }
    mended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(raw: &[u8]) -> Vec<u8> {
        Message::parse(raw).body().flat_map(Cow::into_owned).collect()
    }

    #[test]
    fn a_file_with_line_feeds_is_mended() {
        let raw = b"From: a\nTo: b\n\none\r\ntwo\n\n";
        assert_eq!(Message::parse(raw).raw_header(), b"From: a\r\nTo: b\r\n");
        assert_eq!(body(raw), b"one\r\ntwo\r\n\r\n");
    }

    #[test]
    fn a_mail_with_crlf_keeps_its_bare_line_feeds() {
        let raw = b"From: a\r\nSubject: x\ny\r\n\r\none\ntwo\r\n";
        assert_eq!(Message::parse(raw).raw_header(), b"From: a\r\nSubject: x\ny\r\n");
        assert_eq!(body(raw), b"one\ntwo\r\n");
    }

    #[test]
    fn pieces_do_not_change_what_is_mended() {
        let raw = [b"A: b\n\n".to_vec(), b"x\r\ny\n".repeat(30_000)].concat();
        assert_eq!(body(&raw), b"x\r\ny\r\n".repeat(30_000));
    }

    #[test]
    fn a_header_ends_at_the_first_empty_line_whatever_ends_the_lines() {
        /// The way of the book: line by line.
        fn by_line(raw: &[u8]) -> (&[u8], &[u8]) {
            let mut at = 0;
            let lf = raw.iter().position(|&b| b == b'\n').is_some_and(|at| at == 0 || raw[at - 1] != b'\r');
            while let Some(length) = raw[at..].iter().position(|&b| b == b'\n') {
                let line = &raw[at..at + length];
                let is_line = lf || at == 0 || raw[..at].ends_with(b"\r\n");
                if is_line && (line == b"\r" || (lf && line.is_empty())) {
                    return (&raw[..at], &raw[at + length + 1..]);
                }
                at += length + 1;
            }
            (raw, &[])
        }
        // Every text of eight of these octets: where two differ, they differ in one of them.
        for number in 0..3_u32.pow(8) {
            let raw: Vec<u8> = (0..8).map(|place| b"a\r\n"[(number / 3_u32.pow(place) % 3) as usize]).collect();
            let message = Message::parse(&raw);
            let (header, body) = by_line(&raw);
            let header = if message.bare_lf { with_crlf(header, None) } else { header.to_vec() };
            assert_eq!((message.raw_header(), message.body), (&*header, body), "{raw:?}");
        }
    }

    #[test]
    fn of_a_header_that_is_too_large_only_the_first_lines_are_read() {
        let policy = |max_header_bytes, max_fields| Policy { max_header_bytes, max_fields, ..Policy::default() };
        let raw = b"From: a\r\nTo: b\r\nSubject: c\r\n\r\nbody";
        for (octets, fields, read, is_within) in [
            (28, 3, 3, true),
            (27, 3, 2, false),
            (15, 3, 1, false),
            (4, 3, 1, false),
            (28, 2, 2, false),
            (0, 0, 0, false),
        ] {
            let policy = policy(octets, fields);
            let message = Message::parse_within(raw, &policy);
            let header = message.header();
            assert_eq!((header.fields().len(), header.is_within(&policy)), (read, is_within), "{octets} {fields}");
            assert_eq!(message.body, b"body");
        }
        // A header that was read without bounds is held to them all the same.
        assert!(!Message::parse(raw).header().is_within(&policy(27, 3)));
        assert!(!Message::parse(raw).header().is_within(&policy(28, 2)));
    }

    #[test]
    fn headers_and_bodies_may_be_absent() {
        assert_eq!(Message::parse(b"From: a\r\n").raw_header(), b"From: a\r\n");
        assert_eq!(body(b"\r\nbody"), b"body");
        assert!(!Message::parse(b"\x7fELF\x02\x01\x01\x00\nxx").is_plausible());
    }
}
