//! The content of a mail as it comes: dots taken off, the end found, stray line ends noted
//!
//! A mail ends at CR LF `.` CR LF (RFC 5321 §4.1.1.4) and nowhere else. Who takes LF `.` CR LF or its like for the end can
//! be told two mails where another server saw one (VU#302671).

use std::ops::Range;

use memchr::memchr2_iter;

use super::line::BareLineEnd;

/// What stands at the front of the waiting octets: a piece of content, or the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// How many of the octets are done with.
    pub(super) done: usize,
    /// Where among them content stands.
    pub(super) piece: Range<usize>,
    /// Whether the mail ends here.
    pub(super) is_end: bool,
}

/// One mail's content on its way.
#[derive(Debug)]
pub(super) struct Content {
    /// How many octets it has so far, without dots that were taken off.
    pub(super) octets: u64,
    /// The first stray line end in it.
    pub(super) bare: Option<BareLineEnd>,
    /// Whether a line begins here.
    at_line_start: bool,
    /// Whether the chunk before ended with CR.
    after_cr: bool,
}

impl Content {
    /// Begins a mail.
    pub(super) fn new() -> Content {
        Content { octets: 0, bare: None, at_line_start: true, after_cr: false }
    }

    /// Reads on what comes after DATA. Where a CR, or a dot at the beginning of a line, has nothing behind it yet, it
    /// stays until something comes: what follows says what it is.
    pub(super) fn read_text(&mut self, waiting: &[u8]) -> Cut {
        let begin = match (self.at_line_start, waiting) {
            (true, [b'.', b'\r', b'\n', ..]) => return Cut { done: 3, piece: 0..0, is_end: true },
            (true, [b'.'] | [b'.', b'\r']) => return Cut { done: 0, piece: 0..0, is_end: false },
            (true, [b'.', ..]) => 1,
            _ => 0,
        };
        let end = self.end_of_piece(waiting, begin);
        if end > begin {
            self.octets = self.octets.saturating_add((end - begin) as u64);
        }
        Cut { done: end, piece: begin..end, is_end: false }
    }

    /// Finds how far content goes on without a dot that has to be looked at.
    fn end_of_piece(&mut self, waiting: &[u8], begin: usize) -> usize {
        self.at_line_start &= begin == waiting.len();
        let mut expected_lf = None;
        for at in memchr2_iter(b'\r', b'\n', &waiting[begin..]).map(|at| begin + at) {
            match (waiting[at], waiting.get(at + 1)) {
                (b'\r', Some(b'\n')) => expected_lf = Some(at + 1),
                (b'\r', Some(_)) => self.note(BareLineEnd::Cr),
                (b'\r', None) => return at,
                _ if expected_lf != Some(at) => self.note(BareLineEnd::Lf),
                (_, None | Some(b'.')) => {
                    self.at_line_start = true;
                    return at + 1;
                }
                _ => {}
            }
        }
        waiting.len()
    }

    /// Reads on what comes after BDAT: every octet is content.
    pub(super) fn read_chunk(&mut self, piece: &[u8]) {
        self.octets = self.octets.saturating_add(piece.len() as u64);
        if let (true, Some(first)) = (self.after_cr, piece.first())
            && *first != b'\n'
        {
            self.note(BareLineEnd::Cr);
        }
        for at in memchr2_iter(b'\r', b'\n', piece) {
            let is_after_cr = at.checked_sub(1).map_or(self.after_cr, |before| piece[before] == b'\r');
            match (piece[at], piece.get(at + 1)) {
                (b'\n', _) if !is_after_cr => self.note(BareLineEnd::Lf),
                (b'\r', Some(next)) if *next != b'\n' => self.note(BareLineEnd::Cr),
                _ => {}
            }
        }
        self.after_cr = piece.last().map_or(self.after_cr, |last| *last == b'\r');
    }

    /// Ends what came by BDAT.
    pub(super) fn end_chunks(&mut self) {
        if self.after_cr {
            self.note(BareLineEnd::Cr);
        }
    }

    /// Notes a stray line end.
    fn note(&mut self, bare: BareLineEnd) {
        self.bare.get_or_insert(bare);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads octets that come in pieces of these lengths; returns the content, what is behind its end, and the stray end.
    fn read(octets: &[u8], pieces: &[usize]) -> (Vec<u8>, Option<Vec<u8>>, Option<BareLineEnd>) {
        let (mut content, mut text, mut at, mut end) = (Content::new(), Vec::new(), 0, 0);
        for piece in pieces.iter().cycle() {
            end = (end + piece).min(octets.len());
            loop {
                let cut = content.read_text(&octets[at..end]);
                text.extend_from_slice(&octets[at..end][cut.piece.clone()]);
                at += cut.done;
                if cut.is_end {
                    assert_eq!(content.octets, text.len() as u64);
                    return (text, Some(octets[at..].to_vec()), content.bare);
                }
                if cut.done == 0 {
                    break;
                }
            }
            // Memory is bounded by what may have to wait.
            assert!(end - at <= 2);
            if end == octets.len() {
                return (text, None, content.bare);
            }
        }
        unreachable!("pieces come for ever")
    }

    #[test]
    fn dots_are_taken_off_and_the_end_is_found() {
        for piece in [1, 2, 3, 4, 100] {
            for (octets, text, rest) in [
                (&b".\r\nQUIT"[..], &b""[..], Some(&b"QUIT"[..])),
                (b"\r\n.\r\n", b"\r\n", Some(b"")),
                (b"a\r\n.\r\nb", b"a\r\n", Some(b"b")),
                (b"..\r\n.\r\n", b".\r\n", Some(b"")),
                (b".a\r\n...\r\n.\r\n", b"a\r\n..\r\n", Some(b"")),
                (b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n", Some(b"")),
                (b"a\r\n.\r", b"a\r\n", None),
                (b"a.\r\n.", b"a.\r\n", None),
                (b"a\r\n\r\n\r\n.\r\n.\r\n", b"a\r\n\r\n\r\n", Some(b".\r\n")),
            ] {
                let expected = (text.to_vec(), rest.map(<[u8]>::to_vec), None);
                assert_eq!(read(octets, &[piece]), expected, "{} by {piece}", octets.escape_ascii());
            }
        }
    }

    #[test]
    fn nothing_else_is_an_end() {
        use BareLineEnd::{Cr, Lf};
        for piece in [1, 2, 3, 4, 100] {
            for (fake, bare) in [
                (&b"\n.\n"[..], Lf),
                (b"\n.\r\n", Lf),
                (b"\r.\r", Cr),
                (b"\r.\r\n", Cr),
                (b"\r\n.\r", Cr),
                (b"\r\n.\n", Lf),
                (b"\r\n\n.\r\n", Lf),
                (b"\r\r\n.\r\r\n", Cr),
                (b"\n\r.\r\n", Lf),
                (b"\r\n.\r\r\n", Cr),
            ] {
                let octets = [&b"a"[..], fake, b"b\r\n.\r\n"].concat();
                let (text, rest, noted) = read(&octets, &[piece]);
                assert!(text.ends_with(b"b\r\n"), "{}", octets.escape_ascii());
                assert_eq!((rest.as_deref(), noted), (Some(&b""[..]), Some(bare)), "{}", octets.escape_ascii());
            }
        }
    }

    #[test]
    fn stray_line_ends_are_seen_over_the_edges_of_chunks() {
        for (pieces, bare) in [
            (&[&b"a\r\nb\r\n"[..]][..], None),
            (&[b"a\r", b"\nb"], None),
            (&[b"a\r", b"", b"\nb"], None),
            (&[b"a", b"\nb"], Some(BareLineEnd::Lf)),
            (&[b"a\r", b"b"], Some(BareLineEnd::Cr)),
            (&[b"a\r"], Some(BareLineEnd::Cr)),
            (&[b"\n"], Some(BareLineEnd::Lf)),
            (&[b"a\r\r\n"], Some(BareLineEnd::Cr)),
            (&[b"a\r\n\n"], Some(BareLineEnd::Lf)),
        ] {
            let mut content = Content::new();
            pieces.iter().for_each(|piece| content.read_chunk(piece));
            content.end_chunks();
            assert_eq!(content.bare, bare, "{pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn the_same_content_comes_out_however_it_is_cut(
            octets in proptest::collection::vec(proptest::sample::select(&b"\r\n\r\n..ab"[..]), 0..40),
            pieces in proptest::collection::vec(1usize..6, 1..10),
        ) {
            let (text, rest, bare) = read(&octets, &[octets.len().max(1)]);
            prop_assert_eq!(read(&octets, &pieces), (text.clone(), rest.clone(), bare));
            // By the book: lines end at CR LF, one dot is taken off, a line that is a dot is the end.
            let mut book = (Vec::new(), None);
            let mut lines = octets.as_slice();
            while let Some(end) = memchr::memmem::find(lines, b"\r\n") {
                let (line, behind) = (&lines[..end], &lines[end + 2..]);
                if line == b"." {
                    book.1 = Some(behind.to_vec());
                    break;
                }
                book.0.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
                book.0.extend_from_slice(b"\r\n");
                lines = behind;
            }
            if book.1.is_some() {
                prop_assert_eq!((text, rest), book);
            } else {
                prop_assert_eq!(rest, None);
            }
        }
    }
}
