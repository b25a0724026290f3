//! Reduces white space: none at the end of a line, one space anywhere else (RFC 6376 §3.4.4)
//!
//! Seen backwards the rule is short: white space goes where white space or a line end follows it, and else is one space. So
//! an octet is decided by the two behind it, sixty-four at a time and without branches. Blocks in which nothing changes, most
//! blocks of most mails, are handed on as they lie there; what is mended is gathered first.

use super::hash::BodyDigest;
use super::lines::Lines;

/// How many octets are looked at together.
const BLOCK: usize = 64;
/// A block and the two octets that decide about its last ones.
const SEEN: usize = BLOCK + 2;
/// How many mended octets are gathered before they are hashed; a power of two.
const GATHERED: usize = 4096;
/// Octets that need no change and are fewer than this are gathered too: to hash them alone costs more than to copy them.
const WORTH_PASSING: usize = 512;
/// Octets that need no change are handed on when they are this many: they are still in the first cache then.
const PASSED_AT_ONCE: usize = 16 * 1024;

/// The body so far, with its white space reduced.
#[derive(Clone)]
pub(super) struct Relaxed {
    /// Where it goes.
    lines: Lines,
    /// Mended octets on their way there.
    gathered: Box<[u8; GATHERED]>,
    /// How many they are; there is always room for one block.
    fill: usize,
    /// What the last piece ended with and only the next one can decide.
    held: Held,
}

/// Octets at the end of a piece that nothing decides yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// None.
    Nothing,
    /// White space: it may end a line, or more may follow.
    Space,
    /// White space and CR: it may be a line end or content.
    SpaceCr,
}

impl Relaxed {
    /// Begins a body.
    pub(super) fn new(lines: Lines) -> Relaxed {
        Relaxed { lines, gathered: Box::new([0; GATHERED]), fill: 0, held: Held::Nothing }
    }

    /// Takes the next octets, cut anywhere.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let Some(piece) = self.decide_held(piece) else { return };
        let (mut at, mut clean_from) = (0, 0);
        while let Some(seen) = piece[at..].first_chunk() {
            let clean = is_clean(seen);
            if !clean || at - clean_from >= PASSED_AT_ONCE {
                self.pass(&piece[clean_from..at]);
                clean_from = at;
            }
            if !clean {
                self.mend(seen, BLOCK);
                clean_from += BLOCK;
            }
            at += BLOCK;
        }
        self.pass(&piece[clean_from..at]);
        self.take_end(&piece[at..]);
    }

    /// Ends the body.
    pub(super) fn finish(mut self) -> impl Iterator<Item = (Option<u64>, BodyDigest)> {
        if self.held == Held::SpaceCr {
            self.gather(b" \r"); // A bare CR is content, so the space before it is not at the end of a line.
        }
        self.flush();
        self.lines.finish()
    }

    /// Decides what the last piece left open; returns what is left of this one, or nothing where that stays open.
    fn decide_held<'p>(&mut self, piece: &'p [u8]) -> Option<&'p [u8]> {
        let decided: &[u8] = match (self.held, piece) {
            (_, []) => return None,
            (Held::Space, [b'\r']) => {
                self.held = Held::SpaceCr;
                return None;
            }
            (Held::Nothing, _) | (Held::Space, [b' ' | b'\t', ..] | [b'\r', b'\n', ..]) => b"",
            (Held::Space, _) => b" ",
            (Held::SpaceCr, [b'\n', ..]) => b"\r",
            (Held::SpaceCr, _) => b" \r",
        };
        self.gather(decided);
        self.held = Held::Nothing;
        Some(piece)
    }

    /// Takes the last octets of a piece, fewer than [`SEEN`], and holds those that the next piece decides.
    fn take_end(&mut self, end: &[u8]) {
        let held = match end {
            [.., b' ' | b'\t'] => 1,
            [.., b' ' | b'\t', b'\r'] => 2,
            _ => 0,
        };
        self.held = [Held::Nothing, Held::Space, Held::SpaceCr][held];
        let mut rest = end;
        while rest.len() > held {
            let mut seen = [0; SEEN];
            seen[..rest.len()].copy_from_slice(rest);
            let decided = (rest.len() - held).min(BLOCK);
            self.mend(&seen, decided);
            rest = &rest[decided..];
        }
    }

    /// Mends the first octets of a block.
    fn mend(&mut self, seen: &[u8; SEEN], count: usize) {
        let (kept, octets) = reduce(seen);
        for (&octet, &kept) in octets.iter().zip(&kept).take(count) {
            // Written in any case, and overwritten by the next octet where it goes: a branch would be guessed wrong.
            self.gathered[self.fill % GATHERED] = octet;
            self.fill += usize::from(kept);
        }
        if self.fill > GATHERED - BLOCK {
            self.flush();
        }
    }

    /// Hands on octets that need no change.
    fn pass(&mut self, octets: &[u8]) {
        if octets.len() < WORTH_PASSING {
            self.gather(octets);
        } else {
            self.flush();
            self.lines.push(octets);
        }
    }

    /// Gathers a few octets that need no change any more.
    fn gather(&mut self, octets: &[u8]) {
        if self.fill + octets.len() > GATHERED - BLOCK {
            self.flush();
        }
        self.gathered[self.fill..][..octets.len()].copy_from_slice(octets);
        self.fill += octets.len();
    }

    /// Hands on what was gathered.
    fn flush(&mut self) {
        self.lines.push(&self.gathered[..self.fill]);
        self.fill = 0;
    }
}

/// Tells whether nothing in a block changes; says no a little too often (a tab, a space before any control character).
fn is_clean(seen: &[u8; SEEN]) -> bool {
    let (these, next) = (&seen[..BLOCK], &seen[1..=BLOCK]);
    let changes = these.iter().zip(next).map(|(&this, &next)| (this == b'\t') | ((this == b' ') & (next <= b' ')));
    !changes.fold(false, |any, changes| any | changes)
}

/// Returns which octets of a block stay, as zeros and ones, and what they are then.
fn reduce(seen: &[u8; SEEN]) -> ([u8; BLOCK], [u8; BLOCK]) {
    let (mut kept, mut octets) = ([0; BLOCK], [0; BLOCK]);
    for at in 0..BLOCK {
        let (this, next, after) = (seen[at], seen[at + 1], seen[at + 2]);
        let goes = is_space(this) & (is_space(next) | ((next == b'\r') & (after == b'\n')));
        kept[at] = u8::from(!goes);
        octets[at] = if this == b'\t' { b' ' } else { this };
    }
    (kept, octets)
}

/// Tells whether this is what the RFC calls WSP.
fn is_space(octet: u8) -> bool {
    (octet == b' ') | (octet == b'\t')
}
