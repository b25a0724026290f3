//! Where a command line ends: at CR LF and nowhere else (RFC 5321 §2.3.8)

use memchr::{memchr, memmem};

use super::terms::BareLineEnds;

/// How much of one over-long line is passed over before the conversation ends.
const SWALLOWED_MAX: usize = 64 * 1024;

/// A line end that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BareLineEnd {
    /// CR without LF behind it.
    Cr,
    /// LF without CR before it.
    Lf,
}

/// What stands at the front of the waiting octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line of so many octets, and its CR LF.
    Whole(usize),
    /// A line that was longer than any command; it was passed over.
    TooLong,
    /// A line without an end.
    Endless,
    /// A line that holds CR or LF alone, which is refused.
    Bare(BareLineEnd),
}

/// Finds lines. Octets of a line that is too long are passed over as they come.
#[derive(Debug, Default)]
pub(super) struct LineFinder {
    /// How much of a line that is too long was passed over, and whether its last octet was CR.
    swallowed: Option<(usize, bool)>,
}

impl LineFinder {
    /// Returns how many octets are done with, and the line among them, if it came whole.
    pub(super) fn find(&mut self, waiting: &[u8], longest: usize, bare: BareLineEnds) -> (usize, Option<Line>) {
        if self.swallowed.is_some() {
            return self.swallow(waiting, bare);
        }
        // Only the octets that a command may have are looked at, so that no cut of the octets makes a difference.
        let window = &waiting[..waiting.len().min(longest)];
        match end_of_line(window, bare) {
            Some(Ok(end)) => (end + 2, Some(self.whole(&window[..end], bare))),
            Some(Err(end)) => (end + 1, Some(Line::Bare(BareLineEnd::Lf))),
            None if waiting.len() >= longest => {
                self.swallowed = Some((0, false));
                self.swallow(waiting, bare)
            }
            None => (0, None),
        }
    }

    /// Returns a line whose end was found.
    fn whole(&self, line: &[u8], bare: BareLineEnds) -> Line {
        match bare {
            BareLineEnds::Refuse if memchr(b'\r', line).is_some() => Line::Bare(BareLineEnd::Cr),
            _ => Line::Whole(line.len()),
        }
    }

    /// Passes over what belongs to a line that is too long.
    fn swallow(&mut self, waiting: &[u8], bare: BareLineEnds) -> (usize, Option<Line>) {
        let (before, mut after_cr) = self.swallowed.unwrap_or_default();
        let window = &waiting[..waiting.len().min(SWALLOWED_MAX - before)];
        let mut begin = 0;
        while let Some(lf) = memchr(b'\n', &window[begin..]).map(|lf| begin + lf) {
            let is_end = if lf == 0 { after_cr } else { window[lf - 1] == b'\r' };
            if is_end || bare == BareLineEnds::Refuse {
                self.swallowed = None;
                return (lf + 1, Some(if is_end { Line::TooLong } else { Line::Bare(BareLineEnd::Lf) }));
            }
            begin = lf + 1;
        }
        after_cr = window.last().map_or(after_cr, |last| *last == b'\r');
        self.swallowed = Some((before + window.len(), after_cr));
        (window.len(), (before + window.len() >= SWALLOWED_MAX).then_some(Line::Endless))
    }
}

/// Finds the CR LF that ends a line; or else, where that is refused, an LF that does not.
fn end_of_line(window: &[u8], bare: BareLineEnds) -> Option<Result<usize, usize>> {
    if bare == BareLineEnds::Keep {
        return memmem::find(window, b"\r\n").map(Ok);
    }
    let lf = memchr(b'\n', window)?;
    Some(match lf.checked_sub(1) {
        Some(end) if window[end] == b'\r' => Ok(end),
        _ => Err(lf),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the first line that comes when octets come in pieces of this length, and what is left then.
    fn first(octets: &[u8], piece: usize, bare: BareLineEnds) -> (Option<Line>, &[u8]) {
        let (mut finder, mut at) = (LineFinder::default(), 0);
        for end in (0..=octets.len()).step_by(piece).chain([octets.len()]) {
            if end < at {
                continue;
            }
            let (done, line) = finder.find(&octets[at..end], 12, bare);
            at += done;
            if line.is_some() {
                return (line, &octets[at..]);
            }
        }
        (None, &octets[at..])
    }

    #[test]
    fn a_line_ends_at_cr_lf_however_it_comes() {
        use BareLineEnds::{Keep, Refuse};
        let long = [&[b'x'; 80_000][..], b"\r\nNOOP\r\n"].concat();
        for piece in [1, 2, 3, 5, 100_000] {
            for (octets, bare, line, rest) in [
                (&b"NOOP\r\nQUIT\r\n"[..], Refuse, Some(Line::Whole(4)), &b"QUIT\r\n"[..]),
                (b"\r\n", Refuse, Some(Line::Whole(0)), b""),
                (b"0123456789\r\n", Refuse, Some(Line::Whole(10)), b""),
                (b"0123456789x\r\nQ", Refuse, Some(Line::TooLong), b"Q"),
                (b"0123456789xyz\r\r\nQ", Refuse, Some(Line::TooLong), b"Q"),
                (b"NOOP\nQ\r\n", Refuse, Some(Line::Bare(BareLineEnd::Lf)), b"Q\r\n"),
                (b"\nQ\r\n", Refuse, Some(Line::Bare(BareLineEnd::Lf)), b"Q\r\n"),
                (b"NO\rQ\r\nX", Refuse, Some(Line::Bare(BareLineEnd::Cr)), b"X"),
                (b"NOOP\r\r\nX", Refuse, Some(Line::Bare(BareLineEnd::Cr)), b"X"),
                (b"0123456789xyz\nQ\r\n", Refuse, Some(Line::Bare(BareLineEnd::Lf)), b"Q\r\n"),
                (b"NO\nQ\r\nX", Keep, Some(Line::Whole(4)), b"X"),
                (b"NO\rQ\r\nX", Keep, Some(Line::Whole(4)), b"X"),
                (b"0123456789xyz\nQ\r\nX", Keep, Some(Line::TooLong), b"X"),
                (b"NOOP\r", Refuse, None, b"NOOP\r"),
                (&long, Refuse, Some(Line::Endless), &long[SWALLOWED_MAX..]),
            ] {
                assert_eq!(
                    first(octets, piece, bare),
                    (line, rest),
                    "{} by {piece}",
                    octets[..20.min(octets.len())].escape_ascii()
                );
            }
        }
    }
}
