//! The body of a mail, canonicalized and hashed by the book (RFC 6376 §3.4.3, §3.4.4)

use aws_lc_rs::digest;

/// How a header or a body is made alike before it is hashed (RFC 6376 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Canonicalization {
    /// As it is.
    Simple,
    /// With white space made alike.
    Relaxed,
}

/// One hash of the body that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyWant {
    /// How the body is made alike.
    pub canonicalization: Canonicalization,
    /// How many canonical octets are hashed; all where nothing is said.
    pub length: Option<u64>,
}

/// The hashes that somebody wants.
#[derive(Clone, Debug, Default)]
pub struct BodyPlan(Vec<BodyWant>);

impl BodyPlan {
    /// Returns a plan without wants.
    pub fn new() -> BodyPlan {
        BodyPlan::default()
    }

    /// Adds a want.
    pub fn want(&mut self, want: BodyWant) {
        if !self.0.contains(&want) {
            self.0.push(want);
        }
    }

    /// Tells whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes the body in pieces.
pub struct BodyHasher {
    /// What is wanted.
    wants: Vec<BodyWant>,
    /// The body so far.
    body: Vec<u8>,
}

impl BodyHasher {
    /// Starts.
    pub fn new(plan: &BodyPlan) -> BodyHasher {
        BodyHasher { wants: plan.0.clone(), body: Vec::new() }
    }

    /// Takes a piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.body.extend_from_slice(piece);
    }

    /// Ends.
    pub fn finish(self) -> BodyDigests {
        BodyDigests(self.wants.iter().map(|&want| (want, hash(want, &self.body))).collect())
    }
}

/// The hashes that were wanted.
#[derive(Clone, Debug)]
pub struct BodyDigests(Vec<(BodyWant, BodyDigest)>);

impl BodyDigests {
    /// Returns one of them.
    pub fn get(&self, want: BodyWant) -> Option<BodyDigest> {
        self.0.iter().find(|(known, _)| *known == want).map(|(_, digest)| *digest)
    }
}

/// A hash of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyDigest {
    /// The hash.
    pub sha256: [u8; 32],
    /// How many octets it covers.
    pub hashed: u64,
    /// How many canonical octets the whole body has.
    pub total: u64,
}

/// Hashes a body.
fn hash(want: BodyWant, body: &[u8]) -> BodyDigest {
    let canonical = canonical(want.canonicalization, body);
    let total = canonical.len() as u64;
    let hashed = want.length.unwrap_or(total).min(total);
    let digest = digest::digest(&digest::SHA256, &canonical[..usize::try_from(hashed).unwrap_or(0)]);
    BodyDigest { sha256: digest.as_ref().try_into().expect("SHA-256 has 32 octets"), hashed, total }
}

/// Returns the canonical body.
fn canonical(how: Canonicalization, body: &[u8]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end = crate::header::find_crlf(rest);
        let line = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[][..], |end| &rest[end + 2..]);
        lines.push(if how == Canonicalization::Relaxed { relax(line) } else { line.to_vec() });
    }
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    let mut out = lines.join(&b"\r\n"[..]);
    if !out.is_empty() || how == Canonicalization::Simple {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Returns a line with white space made alike.
fn relax(line: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::new();
    for &byte in line {
        let byte = if byte == b'\t' { b' ' } else { byte };
        if byte != b' ' || out.last() != Some(&b' ') {
            out.push(byte);
        }
    }
    if out.last() == Some(&b' ') {
        out.pop();
    }
    out
}
