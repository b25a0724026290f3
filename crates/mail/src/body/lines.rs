//! Holds empty lines back until something follows them: the last ones of a body do not count (RFC 6376 §3.4.3, §3.4.4)
//!
//! Only the two ends of a piece matter, so a piece of text passes through as one slice.

use super::hash::{BodyDigest, Hash};

/// Many line ends at once.
const LINE_ENDS: &[u8; 512] = &{
    let mut octets = [b'\r'; 512];
    let mut at = 1;
    while at < octets.len() {
        octets[at] = b'\n';
        at += 2;
    }
    octets
};

/// The body so far, without the line ends that it ends with.
#[derive(Clone)]
pub(super) struct Lines {
    /// Where the rest went.
    hash: Hash,
    /// How many line ends are held back.
    held: u64,
    /// Whether a CR is held back behind them: half a line end, or content.
    held_cr: bool,
    /// What a body without any content becomes.
    empty_body: EmptyBody,
}

/// What a body without any content becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EmptyBody {
    /// One empty line, CRLF (§3.4.3).
    Line,
    /// Nothing at all (§3.4.4).
    Nothing,
}

impl Lines {
    /// Begins a body.
    pub(super) fn new(hash: Hash, empty_body: EmptyBody) -> Lines {
        Lines { hash, held: 0, held_cr: false, empty_body }
    }

    /// Takes the next octets, cut anywhere.
    pub(super) fn push(&mut self, mut piece: &[u8]) {
        if self.held_cr {
            match piece.split_first() {
                None => return,
                Some((b'\n', rest)) => {
                    self.held += 1;
                    self.held_cr = false;
                    piece = rest;
                }
                Some(_) => self.release_cr(),
            }
        }
        let (piece, held_cr) = match piece.strip_suffix(b"\r") {
            Some(rest) => (rest, true),
            None => (piece, false),
        };
        let mut content = piece;
        let mut held = 0;
        while let Some(rest) = content.strip_suffix(b"\r\n") {
            content = rest;
            held += 1;
        }
        if !content.is_empty() {
            self.release();
            self.hash.push(content);
        }
        self.held += held;
        self.held_cr = held_cr;
    }

    /// Ends the body, with exactly one line end where there is any content.
    pub(super) fn finish(mut self) -> impl Iterator<Item = (Option<u64>, BodyDigest)> {
        if self.held_cr {
            self.release_cr();
        }
        if self.hash.total() > 0 || self.empty_body == EmptyBody::Line {
            self.hash.push(b"\r\n");
        }
        self.hash.finish()
    }

    /// Lets the held CR go: no LF follows it, so it is content.
    fn release_cr(&mut self) {
        self.release();
        self.hash.push(b"\r");
        self.held_cr = false;
    }

    /// Lets the held line ends go: content follows them.
    fn release(&mut self) {
        let mut octets = self.held.saturating_mul(2);
        while octets > 0 {
            let some = LINE_ENDS.get(..usize::try_from(octets).unwrap_or(usize::MAX)).unwrap_or(LINE_ENDS);
            self.hash.push(some);
            octets -= some.len() as u64;
        }
        self.held = 0;
    }
}
