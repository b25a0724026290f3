//! A mail as a whole: where the header ends, and how its lines end (RFC 5322 §2.1)
//!
//! On the wire lines end with CRLF; in files often with LF alone. Which of the two a mail uses is read off its first
//! line: where that ends with LF alone, every LF without CR becomes CRLF; otherwise bare LF and bare CR are content.

use std::borrow::Cow;

use crate::header::{Field, Header, find_crlf};

/// How much of a body with LF line ends is mended at a time.
const PIECE: usize = 64 * 1024;

/// A mail cut in two.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The header with its last CRLF, without the empty line.
    header: Cow<'a, [u8]>,
    /// The body as it stands in the file.
    body: &'a [u8],
    /// Whether the file's lines end with LF alone.
    bare_lf: bool,
}

impl<'a> Message<'a> {
    /// Cuts a mail where its header ends.
    pub fn parse(raw: &'a [u8]) -> Message<'a> {
        let first = raw.iter().position(|&b| b == b'\n');
        let bare_lf = first.is_some_and(|at| at == 0 || raw[at - 1] != b'\r');
        if bare_lf {
            let (header, body) = split_lf(raw);
            return Message { header: Cow::Owned(with_crlf(header, None)), body, bare_lf };
        }
        let (header, body) = split_crlf(raw);
        Message { header: Cow::Borrowed(header), body, bare_lf }
    }

    /// Returns the octets of the header, lines ending with CRLF.
    pub fn raw_header(&self) -> &[u8] {
        &self.header
    }

    /// Returns the fields.
    pub fn header(&self) -> Header<'_> {
        Header::parse(&self.header)
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
    let mut at = 0;
    loop {
        match find_crlf(&raw[at..]) {
            Some(0) => return (&raw[..at], &raw[at + 2..]),
            Some(end) => at += end + 2,
            None => return (raw, &[]),
        }
    }
}

/// Cuts a mail with LF at its first empty line; a line of CR alone counts as empty.
fn split_lf(raw: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(end) = raw[at..].iter().position(|&b| b == b'\n') {
        if matches!(&raw[at..at + end], b"" | b"\r") {
            return (&raw[..at], &raw[at + end + 1..]);
        }
        at += end + 1;
    }
    (raw, &[])
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
    fn headers_and_bodies_may_be_absent() {
        assert_eq!(Message::parse(b"From: a\r\n").raw_header(), b"From: a\r\n");
        assert_eq!(body(b"\r\nbody"), b"body");
        assert!(!Message::parse(b"\x7fELF\x02\x01\x01\x00\nxx").is_plausible());
    }
}
