//! Any body in any pieces: hashed as the RFC's text says it, in one piece, and in all the others.

#![no_main]

use aws_lc_rs::digest::{SHA256, digest};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sekisho_mail::body::{BodyDigest, BodyDigests, BodyHasher, BodyPlan, BodyWant, Canonicalization};

/// A body and how it comes.
#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// The lengths of the pieces, over and over again.
    pieces: [u8; 4],
    /// What `l=` may say.
    lengths: [Option<u16>; 2],
    /// How often each octet stands there: runs of white space and line ends as long as the blocks of the hasher.
    repeats: u8,
    /// The body.
    body: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let repeats = usize::from(input.repeats % 80) + 1;
    let body: Vec<u8> = match repeats {
        1 => input.body.to_vec(),
        _ => input.body.chunks(2).flat_map(|pair| pair.repeat(repeats)).collect(),
    };
    let mut plan = BodyPlan::new();
    let mut wants = Vec::new();
    for canonicalization in [Canonicalization::Simple, Canonicalization::Relaxed] {
        for length in input.lengths.into_iter().map(|length| length.map(u64::from)) {
            let want = BodyWant { canonicalization, length };
            plan.want(want);
            wants.push(want);
        }
    }
    let whole = hash(&plan, [&body[..]]);
    assert_eq!(hash(&plan, pieces(&body, input.pieces)), whole);
    for want in wants {
        assert_eq!(whole.get(want), Some(expected(want, &body)), "{want:?}");
    }
});

/// Cuts a body into pieces of these lengths, none of them too short for the whole to end in time.
fn pieces(body: &[u8], lengths: [u8; 4]) -> impl Iterator<Item = &[u8]> {
    let mut lengths = lengths.into_iter().cycle();
    let mut rest = body;
    std::iter::from_fn(move || {
        // Empty pieces come as well, but not for ever.
        let length = lengths.next().map_or(0, usize::from).min(rest.len());
        let length = if length == 0 && lengths.clone().take(4).all(|length| length == 0) { rest.len() } else { length };
        let (piece, after) = rest.split_at(length);
        let is_over = rest.is_empty();
        rest = after;
        (!is_over).then_some(piece)
    })
}

/// Hashes a body that comes in these pieces.
fn hash<'a>(plan: &BodyPlan, pieces: impl IntoIterator<Item = &'a [u8]>) -> BodyDigests {
    let mut hasher = BodyHasher::new(plan);
    pieces.into_iter().for_each(|piece| hasher.update(piece));
    hasher.finish()
}

/// Returns the digest of the canonical body's beginning.
fn expected(want: BodyWant, body: &[u8]) -> BodyDigest {
    let canonical = by_the_book(want.canonicalization, body);
    let length = want.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
    let covered = &canonical[..length.min(canonical.len())];
    let sha256 = digest(&SHA256, covered).as_ref().try_into().expect("SHA-256 has 32 octets");
    BodyDigest { sha256, hashed: covered.len() as u64, total: canonical.len() as u64 }
}

/// Returns a canonical body as RFC 6376 §3.4.3 and §3.4.4 tell it: line by line, then without the last empty ones.
fn by_the_book(canonicalization: Canonicalization, body: &[u8]) -> Vec<u8> {
    let is_relaxed = canonicalization == Canonicalization::Relaxed;
    let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
    let mut octets = body.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        let line = lines.last_mut().expect("there is always a line");
        match octet {
            b'\r' if octets.next_if_eq(&b'\n').is_some() => lines.push(Vec::new()),
            b' ' | b'\t' if is_relaxed && line.last() == Some(&b' ') => {}
            b' ' | b'\t' if is_relaxed => line.push(b' '),
            other => line.push(other),
        }
    }
    if is_relaxed {
        // What is left of the white space at the end of a line is one space.
        for line in &mut lines {
            let _ = line.pop_if(|last| *last == b' ');
        }
    }
    while lines.pop_if(|line| line.is_empty()).is_some() {}
    if lines.is_empty() && !is_relaxed {
        lines.push(Vec::new());
    }
    lines.iter().flat_map(|line| line.iter().chain(b"\r\n")).copied().collect()
}
