//! The body hasher beside a version that follows the book line by line, cut into pieces anywhere.

use aws_lc_rs::digest::{SHA256, digest};
use base64::prelude::{BASE64_STANDARD, Engine};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Returns a canonical body as §3.4.3 and §3.4.4 tell it: cut into lines, mend each, drop the last empty ones.
fn by_the_book(canonicalization: Canonicalization, body: &[u8]) -> Vec<u8> {
    let mut lines = vec![Vec::new()];
    let mut rest = body;
    while let Some(&octet) = rest.first() {
        if rest.starts_with(b"\r\n") {
            lines.push(Vec::new());
            rest = &rest[2..];
        } else {
            lines.last_mut().unwrap().push(octet);
            rest = &rest[1..];
        }
    }
    if canonicalization == Canonicalization::Relaxed {
        lines = lines.iter().map(|line| reduced(line)).collect();
    }
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    if canonicalization == Canonicalization::Simple && lines.is_empty() {
        lines.push(Vec::new());
    }
    lines.into_iter().flat_map(|line| [line, b"\r\n".to_vec()].concat()).collect()
}

/// Returns one line with its white space reduced.
fn reduced(line: &[u8]) -> Vec<u8> {
    let end = line.iter().rposition(|octet| !b" \t".contains(octet)).map_or(0, |last| last + 1);
    let mut reduced = Vec::new();
    for &octet in &line[..end] {
        match octet {
            b' ' | b'\t' if reduced.last() == Some(&b' ') => {}
            b' ' | b'\t' => reduced.push(b' '),
            octet => reduced.push(octet),
        }
    }
    reduced
}

/// Returns the digest of the canonical body's beginning.
fn expected(want: BodyWant, body: &[u8]) -> BodyDigest {
    let canonical = by_the_book(want.canonicalization, body);
    let length = want.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
    let covered = &canonical[..length.min(canonical.len())];
    let sha256 = digest(&SHA256, covered).as_ref().try_into().unwrap();
    BodyDigest { sha256, hashed: covered.len() as u64, total: canonical.len() as u64 }
}

/// Hashes a body that comes in these pieces.
fn hash<'a>(plan: &BodyPlan, pieces: impl IntoIterator<Item = &'a [u8]>) -> BodyDigests {
    let mut hasher = BodyHasher::new(plan);
    pieces.into_iter().for_each(|piece| hasher.update(piece));
    hasher.finish()
}

/// Wants both canonicalizations at all these lengths.
fn wants(lengths: impl IntoIterator<Item = Option<u64>>) -> Vec<BodyWant> {
    let both = [Canonicalization::Simple, Canonicalization::Relaxed];
    let wants =
        lengths.into_iter().flat_map(|length| both.map(|canonicalization| BodyWant { canonicalization, length }));
    wants.collect()
}

/// Plans them.
fn plan(wants: &[BodyWant]) -> BodyPlan {
    let mut plan = BodyPlan::new();
    wants.iter().for_each(|want| plan.want(*want));
    plan
}

/// Compares one body, whole and octet by octet, at every length that can be told apart.
fn compare_everywhere(body: &[u8]) {
    let all = wants((0..=body.len() as u64 + 3).map(Some).chain([None, Some(u64::MAX)]));
    let whole = hash(&plan(&all), [body]);
    let octets = hash(&plan(&all), body.chunks(1));
    for want in all {
        assert_eq!(whole.get(want), Some(expected(want, body)), "{want:?} of {body:?}");
        assert_eq!(octets.get(want), Some(expected(want, body)), "{want:?} of {body:?} by octets");
    }
}

/// Returns what a body becomes, as text, if the hash agrees.
fn canonical(canonicalization: Canonicalization, body: &[u8]) -> String {
    compare_everywhere(body);
    String::from_utf8(by_the_book(canonicalization, body)).unwrap()
}

#[test]
fn the_example_of_section_3_4_5_comes_out() {
    let body = b" C \r\nD \t E\r\n\r\n\r\n";
    assert_eq!(canonical(Canonicalization::Relaxed, body), " C\r\nD E\r\n");
    assert_eq!(canonical(Canonicalization::Simple, body), " C \r\nD \t E\r\n");
}

#[test]
fn an_empty_body_is_a_line_or_nothing() {
    for body in [&b""[..], b"\r\n", b"\r\n\r\n\r\n"] {
        assert_eq!(canonical(Canonicalization::Simple, body), "\r\n");
        assert_eq!(canonical(Canonicalization::Relaxed, body), "");
    }
    // The digests that the RFC prints there, so that our own book is not trusted alone.
    let all = wants([None]);
    let digests = hash(&plan(&all), []);
    let printed = ["frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="];
    for (want, printed) in all.into_iter().zip(printed) {
        assert_eq!(BASE64_STANDARD.encode(digests.get(want).unwrap().sha256), printed);
    }
}

#[test]
fn lines_of_white_space_are_empty_where_relaxed() {
    for body in [&b"  "[..], b" \t\r\n", b"\t\r\n \r\n\r\n \t"] {
        assert_eq!(canonical(Canonicalization::Relaxed, body), "");
    }
    assert_eq!(canonical(Canonicalization::Relaxed, b"a\r\n \r\n\t\r\n"), "a\r\n");
    assert_eq!(canonical(Canonicalization::Relaxed, b" \r\n\t\r\nb"), "\r\n\r\nb\r\n");
    assert_eq!(canonical(Canonicalization::Simple, b" \r\n\r\n"), " \r\n");
}

#[test]
fn bare_cr_and_lf_are_content() {
    assert_eq!(canonical(Canonicalization::Relaxed, b"a \rb \nc \r\r\n"), "a \rb \nc \r\r\n");
    assert_eq!(canonical(Canonicalization::Relaxed, b"a \r"), "a \r\r\n");
    assert_eq!(canonical(Canonicalization::Relaxed, b"\n\n"), "\n\n\r\n");
    assert_eq!(canonical(Canonicalization::Simple, b"\r\n\r"), "\r\n\r\r\n");
}

#[test]
fn a_last_line_without_end_gets_one() {
    assert_eq!(canonical(Canonicalization::Simple, b"a\r\nb"), "a\r\nb\r\n");
    assert_eq!(canonical(Canonicalization::Relaxed, b"a\r\nb \t"), "a\r\nb\r\n");
}

#[test]
fn nothing_else_is_known_than_what_was_planned() {
    let [whole, begin] = [None, Some(3)].map(|length| BodyWant { canonicalization: Canonicalization::Simple, length });
    let mut plan = BodyPlan::new();
    assert!(plan.is_empty());
    assert_eq!(hash(&plan, [&b"abc"[..]]), BodyDigests::default());
    plan.want(begin);
    plan.want(begin);
    assert!(!plan.is_empty());
    let digests = hash(&plan, [&b"abc"[..]]);
    assert_eq!(digests.0.len(), 1);
    assert_eq!(digests.get(begin), Some(expected(begin, b"abc")));
    assert_eq!(digests.get(whole), None);
}

#[test]
fn every_short_body_of_the_octets_that_matter_is_right() {
    let octets = b" \t\r\na";
    for length in 0..=6 {
        for number in 0..octets.len().pow(length) {
            let body: Vec<_> = (0..length).map(|at| octets[number / octets.len().pow(at) % octets.len()]).collect();
            if length < 5 {
                compare_everywhere(&body);
            } else {
                let all = wants([None]);
                let digests = hash(&plan(&all), [&body[..2], &body[2..]]);
                all.iter().for_each(|want| assert_eq!(digests.get(*want), Some(expected(*want, &body)), "{body:?}"));
            }
        }
    }
}

#[test]
fn every_place_around_the_edges_of_blocks_is_right() {
    let troubles: [&[u8]; 9] =
        [b"  ", b" \r\n", b"\t", b" \t \r\n", b" \r", b" \n", b"\r\n\r\n", b" \r\n \r\n", b"  \r\n\r\n\r\n"];
    let all = wants([None, Some(64), Some(65), Some(4096)]);
    for (trouble, at) in troubles.iter().flat_map(|trouble| (56..140).map(move |at| (trouble, at))) {
        for after in [0, 1, 2, 3, 63, 64, 65, 66, 67, 200] {
            let body = [&vec![b'x'; at], *trouble, &vec![b'y'; after]].concat();
            let digests = hash(&plan(&all), [&body[..]]);
            all.iter().for_each(|want| assert_eq!(digests.get(*want), Some(expected(*want, &body)), "{body:?}"));
        }
    }
}

/// Makes the bits that bodies are made of; a number asks for text up to that place in a block of 64.
fn bit() -> impl Strategy<Value = Result<Vec<u8>, usize>> {
    let mixed = vec(prop::sample::select(b" \t\r\na\0".to_vec()), 1..90);
    prop_oneof![
        6 => vec(prop::sample::select(b" \t".to_vec()), 1..5).prop_map(Ok),
        6 => prop::sample::select(vec![&b"\r\n"[..], b"\r", b"\n", b" \r\n", b"\t", b" ", b"\r\n\r\n"]).prop_map(|bit| Ok(bit.to_vec())),
        4 => (1..80_usize).prop_map(|length| Ok(vec![b'w'; length])),
        4 => prop::sample::select(vec![60_usize, 61, 62, 63, 0, 1, 2, 3]).prop_map(Err),
        3 => mixed.prop_map(Ok),
        2 => (1..70_usize).prop_map(|count| Ok(b"\r\n".repeat(count))),
        2 => (60..70_usize).prop_map(|count| Ok(vec![b' '; count])),
        1 => (400..600_usize).prop_map(|count| Ok(b"clean text of some length ".repeat(count / 20))),
        1 => (100..300_usize).prop_map(|count| Ok(b"a\t  b ".repeat(count))),
    ]
}

/// Makes bodies.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    vec(bit(), 0..24).prop_map(|bits| {
        bits.into_iter().fold(Vec::new(), |mut body, bit| {
            match bit {
                Ok(octets) => body.extend(octets),
                Err(place) => body.resize(body.len() + (64 + place - body.len() % 64) % 64, b'e'),
            }
            body
        })
    })
}

/// Makes sizes of pieces.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(
        prop_oneof![4 => 0..5_usize, 4 => 60..70_usize, 2 => 120..140_usize, 2 => 1..2000_usize, 1 => Just(usize::MAX)],
        1..12,
    )
}

/// Cuts a body into pieces of these sizes, over and over.
fn cut<'a>(mut body: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().chain([&1]).cycle() {
        let (piece, rest) = body.split_at((*size).min(body.len()));
        pieces.push(piece);
        body = rest;
        if body.is_empty() {
            return pieces;
        }
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn any_body_in_any_pieces_is_hashed_by_the_book(body in bodies(), sizes in sizes(), places in vec(0.0..1.1, 0..4)) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let lengths = places.iter().map(|place| Some((body.len() as f64 * place) as u64));
        let all = wants(lengths.chain([None]));
        let digests = hash(&plan(&all), cut(&body, &sizes));
        for want in all {
            prop_assert_eq!(digests.get(want), Some(expected(want, &body)));
        }
    }
}

#[test]
fn bodies_beyond_all_buffers_are_right() {
    let lines = [&b"text without any need for change, line by line\r\n"[..], b"\t  a  b \r\n", b" \r\n\r\n"];
    let body =
        (0..9000_usize).flat_map(|at| lines[if at / 500 % 3 == 1 { at % 3 } else { 0 }].to_vec()).collect::<Vec<u8>>();
    let all = wants([None, Some(0), Some(100_000), Some(100_001)]);
    for sizes in [vec![usize::MAX], vec![65_535], vec![4096, 1]] {
        let digests = hash(&plan(&all), cut(&body, &sizes));
        all.iter().for_each(|want| assert_eq!(digests.get(*want), Some(expected(*want, &body))));
    }
}

#[test]
fn many_empty_lines_count_where_something_follows_them() {
    let empty = b"\r\n".repeat(1000);
    let all = wants([None, Some(1), Some(1001), Some(1500), Some(1999), Some(2000), Some(2001), Some(2002)]);
    for body in [[&empty[..], b"a", &empty].concat(), [b"a \r\n ", &empty[..], b"\t\r\nb"].concat(), empty.clone()] {
        for size in [1, 511, 5000] {
            let digests = hash(&plan(&all), body.chunks(size));
            all.iter().for_each(|want| assert_eq!(digests.get(*want), Some(expected(*want, &body)), "{want:?}"));
        }
    }
}
