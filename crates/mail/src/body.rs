//! The body of a mail as a signature sees it: canonicalized and hashed while it arrives (RFC 6376 §3.4.3, §3.4.4)
//!
//! All signatures of a mail say first what they want hashed ([`BodyPlan`]); one [`BodyHasher`] then serves them all, with
//! one hash per canonicalization that is cloned where an `l=` ends. Lines end with CRLF here: a bare CR or LF is content.
//!
//! A piece goes through up to three rooms: `relaxed` mends white space, `lines` holds back empty lines that may turn out to
//! be the last ones, `hash` hashes and cuts. Each of them hands on slices of what came in as far as nothing changes.

mod hash;
mod lines;
mod relaxed;
#[cfg(test)]
mod tests;

pub use self::hash::BodyDigest;
use self::hash::Hash;
use self::lines::{EmptyBody, Lines};
use self::relaxed::Relaxed;

/// Canonicalizes a body and hashes it, as all its signatures want it, in one go.
#[derive(Clone)]
pub struct BodyHasher {
    /// The body as it is but for empty lines at its end, where somebody wants that.
    simple: Option<Lines>,
    /// The body with its white space reduced, where somebody wants that.
    relaxed: Option<Relaxed>,
}

impl BodyHasher {
    /// Begins a body.
    pub fn new(plan: &BodyPlan) -> BodyHasher {
        let hash = |canonicalization| plan.lengths(canonicalization).map(|(whole, lengths)| Hash::new(whole, lengths));
        BodyHasher {
            simple: hash(Canonicalization::Simple).map(|hash| Lines::new(hash, EmptyBody::Line)),
            relaxed: hash(Canonicalization::Relaxed).map(|hash| Relaxed::new(Lines::new(hash, EmptyBody::Nothing))),
        }
    }

    /// Takes the next octets, cut anywhere.
    pub fn update(&mut self, piece: &[u8]) {
        if let Some(simple) = &mut self.simple {
            simple.push(piece);
        }
        if let Some(relaxed) = &mut self.relaxed {
            relaxed.push(piece);
        }
    }

    /// Ends the body and returns what was planned.
    pub fn finish(self) -> BodyDigests {
        let simple = self.simple.into_iter().flat_map(Lines::finish).map(|found| (Canonicalization::Simple, found));
        let relaxed =
            self.relaxed.into_iter().flat_map(Relaxed::finish).map(|found| (Canonicalization::Relaxed, found));
        let digests = simple
            .chain(relaxed)
            .map(|(canonicalization, (length, digest))| (BodyWant { canonicalization, length }, digest));
        BodyDigests(digests.collect())
    }
}

/// How much a body may change on its way without breaking its hash (§3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Canonicalization {
    /// Nothing may change but empty lines at the end.
    Simple,
    /// White space may also come, go and change at the ends of lines, and change within them.
    Relaxed,
}

/// What one signature wants to know about the body; the hash is always SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BodyWant {
    /// How the body is canonicalized.
    pub canonicalization: Canonicalization,
    /// How many canonical octets are hashed, where `l=` says so.
    pub length: Option<u64>,
}

/// What all signatures of one mail want to know about its body, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyPlan(Vec<BodyWant>);

impl BodyPlan {
    /// Wants nothing.
    pub fn new() -> BodyPlan {
        BodyPlan::default()
    }

    /// Wants one thing more.
    pub fn want(&mut self, want: BodyWant) {
        if let Err(at) = self.0.binary_search(&want) {
            self.0.insert(at, want);
        }
    }

    /// Tells whether nobody wants anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the whole body is wanted and at which lengths else, ascending, or nothing for nobody.
    fn lengths(&self, canonicalization: Canonicalization) -> Option<(bool, Vec<u64>)> {
        let lengths = || self.0.iter().filter(|want| want.canonicalization == canonicalization).map(|want| want.length);
        lengths().next()?;
        Some((lengths().any(|length| length.is_none()), lengths().flatten().collect()))
    }
}

/// What became of a [`BodyPlan`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyDigests(Vec<(BodyWant, BodyDigest)>);

impl BodyDigests {
    /// Returns what was wanted; nothing where it was not planned.
    pub fn get(&self, want: BodyWant) -> Option<BodyDigest> {
        self.0.iter().find(|(planned, _)| *planned == want).map(|(_, digest)| *digest)
    }
}
