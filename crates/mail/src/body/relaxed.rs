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
/// How many mended octets are gathered, and a block at most, before they are hashed.
const GATHERED: usize = 2048;
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
    gathered: Vec<u8>,
    /// How many they are.
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
        Relaxed { lines, gathered: Vec::new(), fill: 0, held: Held::Nothing }
    }

    /// Takes the next octets, cut anywhere.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let Some(piece) = self.decide_held(piece) else { return };
        let decided = piece.len() - self.hold(piece);
        let (mut at, mut clean_from) = (0, 0);
        while at < decided {
            let rest = &piece[at..];
            let mut padded;
            let seen = match rest.first_chunk() {
                Some(seen) => seen,
                None => {
                    padded = [0; SEEN];
                    padded[..rest.len()].copy_from_slice(rest);
                    &padded
                }
            };
            let count = BLOCK.min(decided - at);
            if !is_clean(seen) {
                self.pass(&piece[clean_from..at]);
                self.mend(seen, count);
                clean_from = at + count;
            } else if at - clean_from >= PASSED_AT_ONCE {
                self.pass(&piece[clean_from..at]);
                clean_from = at;
            }
            at += count;
        }
        self.pass(&piece[clean_from..decided]);
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
        Some(piece)
    }

    /// Holds what only the next piece decides; returns how many octets that are.
    fn hold(&mut self, piece: &[u8]) -> usize {
        let (held, count) = match piece {
            [.., b' ' | b'\t'] => (Held::Space, 1),
            [.., b' ' | b'\t', b'\r'] => (Held::SpaceCr, 2),
            _ => (Held::Nothing, 0),
        };
        self.held = held;
        count
    }

    /// Mends the first octets of a block.
    fn mend(&mut self, seen: &[u8; SEEN], count: usize) {
        let (octets, stays) = reduce(seen);
        let mut stays = stays & (u64::MAX >> (BLOCK - count));
        let room = self.room();
        let mut length = 0;
        while stays != 0 {
            // To add the lowest one carries through the whole lowest run of ones: start and end without a loop.
            let carried = stays.wrapping_add(stays & stays.wrapping_neg());
            let (start, end) = (stays.trailing_zeros() as usize, carried.trailing_zeros() as usize);
            // A block is copied whatever the run's length: a known size is fast, and what is too much is overwritten.
            room[length % BLOCK..][..BLOCK].copy_from_slice(&octets[start % BLOCK..][..BLOCK]);
            length += end - start;
            stays &= carried;
        }
        self.fill += length;
    }

    /// Hands on octets that need no change.
    fn pass(&mut self, octets: &[u8]) {
        if self.fill > 0 && octets.len() < WORTH_PASSING {
            self.gather(octets);
        } else if !octets.is_empty() {
            self.flush();
            self.lines.push(octets);
        }
    }

    /// Gathers a few octets that need no change any more.
    fn gather(&mut self, octets: &[u8]) {
        for some in octets.chunks(BLOCK) {
            self.room()[..some.len()].copy_from_slice(some);
            self.fill += some.len();
        }
    }

    /// Returns room for two blocks behind what was gathered. Mails without anything to mend never need any.
    fn room(&mut self) -> &mut [u8; 2 * BLOCK] {
        if self.fill > GATHERED {
            self.flush();
        }
        self.gathered.resize(GATHERED + 2 * BLOCK, 0);
        self.gathered[self.fill..].first_chunk_mut().expect("no more than GATHERED octets are there")
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

/// Returns the octets of a block with plain spaces for white space, and a mask of those that stay.
fn reduce(seen: &[u8; SEEN]) -> ([u8; 2 * BLOCK], u64) {
    let (mut octets, mut stays) = ([0; 2 * BLOCK], [0; BLOCK]);
    for at in 0..BLOCK {
        let (this, next, after) = (seen[at], seen[at + 1], seen[at + 2]);
        let goes = is_space(this) & (is_space(next) | ((next == b'\r') & (after == b'\n')));
        stays[at] = u8::from(!goes);
        octets[at] = if this == b'\t' { b' ' } else { this };
    }
    // The product brings the lowest bits of eight octets together in the highest octet.
    let bits =
        stays.as_chunks().0.iter().map(|&eight| u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56);
    (octets, bits.rev().fold(0, |mask, bits| mask << 8 | bits))
}

/// Tells whether this is what the RFC calls WSP.
fn is_space(octet: u8) -> bool {
    (octet == b' ') | (octet == b'\t')
}
