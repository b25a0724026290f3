//! An mbox file cut into mails while it streams by (RFC 4155, and what programs really write)
//!
//! A line that begins with `From ` parts two mails where an empty line stands before it or it ends like the date that
//! mail programs write, and where a header field follows: bodies hold such words too. `>From ` loses one `>`, as
//! mboxrd says; mboxo differs only for lines that its writer spoiled anyway.

use std::io::{self, BufRead, BufReader, Read};

use sekisho_mail::header::Field;

use super::input::MAIL_MAX;

/// How much of an endless line is held at a time.
const PIECE: u64 = 64 * 1024;

/// The mails of one mbox.
pub(crate) struct Mbox<R> {
    /// The file.
    file: BufReader<R>,
    /// A piece that was read to see what follows; whether it begins a line.
    ahead: Option<Piece>,
    /// Whether the next piece begins a line.
    at_line_start: bool,
    /// How many mails have been returned.
    number: usize,
}

/// A line, or a piece of an endless one.
#[derive(Debug, Default)]
struct Piece {
    /// The octets, with the line end where there is one.
    octets: Vec<u8>,
    /// Whether it begins a line.
    starts: bool,
}

/// The mail is larger than what is judged; it was read over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl<R: Read> Mbox<R> {
    /// Makes ready to read.
    pub(crate) fn new(file: R) -> Mbox<R> {
        Mbox { file: BufReader::with_capacity(128 * 1024, file), ahead: None, at_line_start: true, number: 0 }
    }

    /// Returns how many mails have been returned.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Tells whether another mail follows the one that was returned last.
    pub(super) fn has_more(&self) -> bool {
        self.ahead.is_some()
    }

    /// Returns the next mail, or nothing at the end of the file.
    pub(crate) fn next_mail(&mut self) -> io::Result<Option<Result<Vec<u8>, TooLarge>>> {
        let mut mail = Collected::default();
        if self.number == 0 {
            // The first `From ` line needs no empty line before it.
            match self.next_piece()? {
                Some(first) if is_from_line(&first.octets) => {}
                first => self.ahead = first,
            }
        }
        let Some(mut piece) = self.next_piece()? else { return Ok(None) };
        self.number += 1;
        loop {
            let next = self.next_piece()?;
            let parts = piece.starts && is_from_line(&piece.octets) && parts(&mail, &piece, next.as_ref());
            if parts {
                self.ahead = next;
                break;
            }
            mail.push(&piece);
            match next {
                Some(next) => piece = next,
                None => break,
            }
        }
        Ok(Some(mail.finish()))
    }

    /// Returns the next line, or the next piece of an endless one.
    fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        if let Some(piece) = self.ahead.take() {
            return Ok(Some(piece));
        }
        let mut octets = Vec::new();
        self.file.by_ref().take(PIECE).read_until(b'\n', &mut octets)?;
        if octets.is_empty() {
            return Ok(None);
        }
        let starts = std::mem::replace(&mut self.at_line_start, octets.ends_with(b"\n"));
        Ok(Some(Piece { octets, starts }))
    }
}

/// Tells whether a line may part two mails. `From :` does not: that is a From field in obsolete syntax (RFC 5322 §4.5),
/// and an author that a mail program may show is never dropped.
pub(crate) fn is_from_line(line: &[u8]) -> bool {
    line.strip_prefix(b"From ").is_some_and(|rest| !rest.trim_ascii_start().starts_with(b":"))
}

/// Tells whether a `From ` line parts the mail so far from what follows.
fn parts(mail: &Collected, line: &Piece, next: Option<&Piece>) -> bool {
    let field_follows = next.is_some_and(|next| Field::new(&next.octets).is_well_formed());
    let dated = is_dated(&line.octets);
    match next {
        Some(_) => field_follows && (dated || mail.ends_with_empty_line()),
        None => dated && mail.ends_with_empty_line(),
    }
}

/// Tells whether a line names a time of day, as the `From ` lines of mail programs do.
fn is_dated(line: &[u8]) -> bool {
    line.split(u8::is_ascii_whitespace).any(|word| {
        let shape: Vec<u8> = word.iter().map(|b| if b.is_ascii_digit() { b'0' } else { *b }).collect();
        matches!(shape.as_slice(), b"00:00:00" | b"0:00:00" | b"00:00")
    })
}

/// The mail that is being read.
#[derive(Default)]
struct Collected {
    /// Its octets so far.
    octets: Vec<u8>,
    /// Whether it became too large.
    too_large: bool,
    /// Whether the last line was empty, even where its octets were not kept.
    after_empty: bool,
}

impl Collected {
    /// Adds a line, without one `>` where it was quoted.
    fn push(&mut self, piece: &Piece) {
        self.after_empty = piece.starts && matches!(piece.octets.as_slice(), b"\n" | b"\r\n");
        let octets = if piece.starts { unquoted(&piece.octets) } else { &piece.octets };
        if self.octets.len() + octets.len() > MAIL_MAX {
            self.too_large = true;
            self.octets = Vec::new();
        }
        if !self.too_large {
            self.octets.extend_from_slice(octets);
        }
    }

    /// Tells whether the last line was empty; the beginning counts as such.
    fn ends_with_empty_line(&self) -> bool {
        self.after_empty || (self.octets.is_empty() && !self.too_large)
    }

    /// Ends the mail: the empty line before the next one belongs to the mbox.
    fn finish(mut self) -> Result<Vec<u8>, TooLarge> {
        if self.too_large {
            return Err(TooLarge);
        }
        if self.octets.ends_with(b"\r\n\r\n") {
            self.octets.truncate(self.octets.len() - 2);
        } else if self.octets.ends_with(b"\n\n") {
            self.octets.truncate(self.octets.len() - 1);
        }
        Ok(self.octets)
    }
}

/// Returns a line without one `>` where it is a quoted `From ` line.
fn unquoted(line: &[u8]) -> &[u8] {
    let bare = line.iter().position(|&b| b != b'>').and_then(|at| line.get(at..)).unwrap_or_default();
    match line.strip_prefix(b">") {
        Some(rest) if is_from_line(bare) => rest,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_from_field_in_obsolete_syntax_parts_nothing() {
        assert!(is_from_line(b"From a@b Mon Jun  1 10:00:00 2026\r\n"));
        assert!(!is_from_line(b"From : ceo@victim.example\r\n"));
        assert!(!is_from_line(b"From \t: ceo@victim.example\r\n"));
    }

    /// Cuts a text and returns the mails.
    fn cut(text: &str) -> Vec<String> {
        let mut mbox = Mbox::new(text.as_bytes());
        let mut mails = Vec::new();
        while let Some(mail) = mbox.next_mail().unwrap() {
            mails.push(String::from_utf8(mail.unwrap()).unwrap());
        }
        mails
    }

    #[test]
    fn mails_are_parted_at_from_lines() {
        let text = "From a@b Thu Jan  1 00:00:00 1970\nA: 1\n\none\n\nFrom c@d\nA: 2\n\ntwo\n\n";
        assert_eq!(cut(text), ["A: 1\n\none\n", "A: 2\n\ntwo\n"]);
        assert_eq!(cut(&text.replace('\n', "\r\n")), ["A: 1\r\n\r\none\r\n", "A: 2\r\n\r\ntwo\r\n"]);
    }

    #[test]
    fn a_from_line_with_a_date_needs_no_empty_line_before_it() {
        let text = "From x\nA: 1\n\none\nFrom a@b Thu Jan  1 00:00:00 1970\nA: 2\n\ntwo";
        assert_eq!(cut(text), ["A: 1\n\none\n", "A: 2\n\ntwo"]);
    }

    #[test]
    fn words_in_a_body_part_nothing() {
        let text = "From x\nA: 1\n\none\n\nFrom the desk of Bob\nand so on\nFrom me: to you\n";
        assert_eq!(cut(text).len(), 1);
    }

    #[test]
    fn quoted_lines_lose_one_mark() {
        let text = "From x\nA: 1\n\n>From here\n>>From there\n> From elsewhere\n>Fro\n";
        assert_eq!(cut(text), ["A: 1\n\nFrom here\n>From there\n> From elsewhere\n>Fro\n"]);
    }

    #[test]
    fn endless_lines_are_read_in_pieces_and_stay_whole() {
        let long = "x".repeat(200_000);
        let text = format!("From x\nA: 1\n\n{long}From y\n\nFrom z 10:00\nA: 2\n\n");
        assert_eq!(cut(&text), [format!("A: 1\n\n{long}From y\n"), "A: 2\n".to_owned()]);
    }

    #[test]
    fn the_reader_knows_whether_more_follows() {
        let mut mbox = Mbox::new(&b"From x\nA: 1\n\nFrom y\nA: 2\n"[..]);
        mbox.next_mail().unwrap();
        assert!(mbox.has_more());
        mbox.next_mail().unwrap();
        assert!(!mbox.has_more() && mbox.number() == 2);
        assert_eq!(mbox.next_mail().unwrap(), None);
    }
}
