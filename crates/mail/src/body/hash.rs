//! Hashes canonical octets and looks at the hash wherever an `l=` ends (RFC 6376 §3.5)

use aws_lc_rs::digest::{Context, SHA256};

/// One hash over a canonical body, and the lengths at which somebody wants to see it.
#[derive(Clone)]
pub(super) struct Hash {
    /// The hash so far.
    context: Context,
    /// How many octets came so far.
    total: u64,
    /// Whether the hash of the whole body is wanted too.
    whole: bool,
    /// The lengths not reached yet, the nearest one last.
    ahead: Vec<u64>,
    /// The lengths reached, and the hash there.
    reached: Vec<(u64, [u8; 32])>,
}

/// The hash of a body or of its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyDigest {
    /// SHA-256 of the canonical octets.
    pub sha256: [u8; 32],
    /// How many canonical octets were hashed: less than `l=` where the body is shorter than that.
    pub hashed: u64,
    /// How many canonical octets the whole body has: more than `hashed` where content follows what `l=` covers.
    pub total: u64,
}

impl Hash {
    /// Begins a hash for these lengths, which ascend.
    pub(super) fn new(whole: bool, mut lengths: Vec<u64>) -> Hash {
        lengths.reverse();
        Hash { context: Context::new(&SHA256), total: 0, whole, ahead: lengths, reached: Vec::new() }
    }

    /// Returns how many octets came so far.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Takes canonical octets.
    pub(super) fn push(&mut self, mut octets: &[u8]) {
        while let Some(&length) = self.ahead.last() {
            let left = usize::try_from(length - self.total).ok();
            let Some((covered, rest)) = left.and_then(|left| octets.split_at_checked(left)) else { break };
            self.add(covered);
            self.reached.push((length, sha256(self.context.clone())));
            self.ahead.pop();
            octets = rest;
        }
        self.add(octets);
    }

    /// Hashes octets as long as somebody waits for it, and counts them in any case.
    fn add(&mut self, octets: &[u8]) {
        if self.whole || !self.ahead.is_empty() {
            self.context.update(octets);
        }
        self.total += octets.len() as u64;
    }

    /// Ends the body and returns the wanted hashes; a length never reached gets that of the whole body.
    pub(super) fn finish(self) -> impl Iterator<Item = (Option<u64>, BodyDigest)> {
        let Hash { context, total, whole, ahead, reached } = self;
        let at_end = whole.then_some(None).into_iter().chain(ahead.into_iter().map(Some));
        let sha256 = sha256(context);
        let at_end = at_end.map(move |length| (length, BodyDigest { sha256, hashed: total, total }));
        reached
            .into_iter()
            .map(move |(length, sha256)| (Some(length), BodyDigest { sha256, hashed: length, total }))
            .chain(at_end)
    }
}

/// Returns what the hash says.
fn sha256(context: Context) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(context.finish().as_ref());
    octets
}
