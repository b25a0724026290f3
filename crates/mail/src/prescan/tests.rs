//! Shapes of honest mails, of bombs, and of anything at all in any pieces.

use base64::prelude::{BASE64_STANDARD, Engine};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Scans a mail that comes whole.
fn scan(mail: &[u8]) -> Shape {
    scan_pieces([mail])
}

/// Scans a mail that comes in pieces.
fn scan_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Shape {
    let mut scan = PreScan::new(Limits::default());
    pieces.into_iter().for_each(|piece| scan.update(piece));
    scan.finish()
}

/// Returns depth and number of parts of a mail that is within the limits.
fn shape(mail: &str) -> (usize, usize) {
    let shape = scan(mail.as_bytes());
    assert_eq!(shape, scan(mail.replace("\r\n", "\n").as_bytes()).with_header_of(shape), "with LF alone");
    assert_eq!(shape.excess, None);
    (shape.depth, shape.parts)
}

impl Shape {
    /// Returns this shape with another's size of header, which depends on the line ends.
    fn with_header_of(self, other: Shape) -> Shape {
        Shape { header_octets: other.header_octets, ..self }
    }
}

/// Returns a mail whose body is base64 of a message.
fn in_base64(message: &str) -> String {
    let lines = BASE64_STANDARD.encode(message);
    let lines: Vec<_> = lines.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: Base64\r\n\r\n{}\r\n", lines.join("\r\n"))
}

const MIXED: &str = "From: a@b\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\npreamble\r\n--o\r\n\
    Content-Type: multipart/alternative;\r\n boundary=\"i i\"\r\n\r\n--i i\r\n\r\ntext\r\n--i i  \r\nContent-Type: text/html\r\n\r\n<p>\r\n\
    --i i--\r\nepilogue\r\n--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n--o--\r\n--o\r\n";

#[test]
fn honest_mails_are_measured() {
    assert_eq!(shape("From: a@b\r\n\r\nHello\r\n--\r\nname\r\n"), (0, 1));
    assert_eq!(shape(MIXED), (2, 6));
    assert_eq!(scan(b"From: a\r\nTo: b\r\n\r\nx").header_octets, 18);
    assert_eq!(shape(""), (0, 1));
}

#[test]
fn an_outer_boundary_ends_what_is_open_inside() {
    let mail = "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\
        Content-Type: message/rfc822\r\n\r\nSubject: no empty line\r\n--o\r\nContent-Type: text/plain\r\n\r\n--i\r\n--o--\r\n";
    assert_eq!(shape(mail), (3, 5));
    let cut_header = "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nA: b\r\n--o--\r\nContent-Type: message/rfc822\r\n\r\nB: c";
    assert_eq!(shape(cut_header), (1, 2));
}

#[test]
fn parts_of_a_digest_are_messages_unless_they_say_otherwise() {
    let digest = "Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: a\r\n\r\nb\r\n--d\r\nContent-Type: text/plain\r\n\r\nc\r\n--d--";
    assert_eq!(shape(digest), (2, 4));
}

#[test]
fn the_field_that_nests_counts_where_there_are_two() {
    for fields in [["text/plain", "message/rfc822"], ["message/rfc822", "text/plain"]] {
        let [first, second] = fields;
        assert_eq!(shape(&format!("Content-Type: {first}\r\nContent-type : {second}\r\n\r\nA: b\r\n\r\nc")), (1, 2));
    }
}

#[test]
fn encoded_messages_are_looked_into() {
    let inside = "Content-Type: message/rfc822\r\n\r\n";
    assert_eq!(shape(&in_base64(MIXED)), (3, 7));
    assert_eq!(shape(&in_base64(&in_base64(MIXED))), (4, 8));
    let quoted = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nContent-=\r\nType=3A message/rfc822\r\n=0A";
    assert_eq!(shape(&format!("{quoted}A: b\r\n")), (2, 3));
    assert_eq!(scan(in_base64(&inside.repeat(200_000)).as_bytes()).excess, Some(Excess::Depth));
    assert_eq!(scan(in_base64(&MIXED.repeat(2000)).as_bytes()).excess, Some(Excess::Parts));
    let deep = (0..5).fold(MIXED.to_owned(), |mail, _| in_base64(&mail));
    assert_eq!(scan(deep.as_bytes()).excess, Some(Excess::Encoding));
    let one_line = format!(
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        BASE64_STANDARD.encode(inside.repeat(1000))
    );
    assert_eq!(scan(one_line.as_bytes()).excess, Some(Excess::Line));
    let (header, body) = in_base64(inside).split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let outside =
        format!("Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n{header}\r\n\r\nQTogYg0K\r\n--o--\r\n{body}");
    assert_eq!(shape(&outside), (2, 3));
    // What stands in an attachment that nobody opens as a message is no structure.
    assert_eq!(shape(&in_base64(&inside.repeat(100)).replacen("message/rfc822", "application/pdf", 1)), (0, 1));
}

#[test]
fn the_limits_are_the_last_that_is_allowed() {
    let nested = |depth| "Content-Type: message/rfc822\n\n".repeat(depth);
    assert_eq!(scan(nested(30).as_bytes()), Shape { depth: 30, parts: 31, header_octets: 30, excess: None });
    assert_eq!(scan(nested(31).as_bytes()).excess, Some(Excess::Depth));
    let siblings = |count| format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\n".repeat(count));
    assert_eq!(scan(siblings(999).as_bytes()).excess, None);
    assert_eq!(scan(siblings(1000).as_bytes()).excess, Some(Excess::Parts));
    let header = |octets: usize| format!("{}\r\n\r\n", "a".repeat(octets - 4));
    assert_eq!(
        scan(header(256 * 1024).as_bytes()),
        Shape { depth: 0, parts: 1, header_octets: 256 * 1024, excess: None }
    );
    assert_eq!(scan(header(256 * 1024 + 1).as_bytes()).excess, Some(Excess::Header));
}

#[test]
fn bombs_are_told_and_cost_little_memory() {
    let multiparts = |count: usize| -> String {
        (0..count).map(|at| format!("Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n")).collect()
    };
    let bombs = [
        ("Content-Type: message/rfc822\r\n\r\n".repeat(200_000), Excess::Depth),
        (multiparts(200_000), Excess::Depth),
        (
            format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", "--b\r\n\r\nx\r\n".repeat(500_000)),
            Excess::Parts,
        ),
        (format!("Content-Type: multipart/digest; boundary=b\r\n\r\n{}", "--b\r\n\r\n".repeat(500_000)), Excess::Parts),
        ("X: y\r\n".repeat(1_000_000), Excess::Header),
        ("X".repeat(10_000_000), Excess::Header),
        (format!("Content-Type: multipart/mixed;{}", " x*1=y;\r\n".repeat(100_000)), Excess::Line),
        (format!("Content-Type: multipart/mixed; boundary={}\r\n\r\n", "b".repeat(300)), Excess::Line),
        // Structure that we do not see, because no boundary fits: another reader might.
        (format!("Content-Type: multipart/mixed; boundary=q\r\n\r\n{}", multiparts(20_000)), Excess::Parts),
    ];
    for (bomb, excess) in bombs {
        let mut scan = PreScan::new(Limits::default());
        for piece in bomb.as_bytes().chunks(60_000) {
            scan.update(piece);
            let (kept, open) = kept(&scan.mail);
            assert!(kept < 200_000 && open <= 31, "{kept} octets and {open} containers are kept");
        }
        let shape = scan.finish();
        assert_eq!(shape.excess, Some(excess), "{}", &bomb[..80]);
        assert!(shape.depth <= 31 && shape.parts <= 1001);
    }
}

/// Returns how many octets and how many containers a layer and those in it keep.
fn kept(layer: &Layer) -> (usize, usize) {
    let boundary = |container: &Container| match container {
        Container::Multipart(multipart) => multipart.boundary.capacity(),
        Container::Message => 0,
    };
    let field = layer.header.as_ref().and_then(|header| header.field.as_ref()).map_or(0, |(_, value)| value.capacity());
    let own = layer.line.capacity() + field + layer.open.iter().map(boundary).sum::<usize>();
    let (inner, open) = layer.inner.as_ref().map_or((0, 0), |(_, inner)| kept(inner));
    (own + inner, layer.open.len() + open)
}

/// Makes mails of lines that matter, some of them encoded.
fn mails() -> impl Strategy<Value = Vec<u8>> {
    let lines = [
        "Content-Type: multipart/mixed; boundary=a",
        "Content-Type: multipart/digest;",
        " boundary=\"b\"",
        "\tboundary*0=a; boundary*1=b",
        "Content-Type: message/rfc822",
        "Content-Transfer-Encoding: base64",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "",
        "",
        "",
        "--a",
        "--b",
        "--ab",
        "--a--",
        "--b--",
        "--ab-- ",
        "-",
        "--",
        "Subject: x",
        "Q29udGVudC1UeXBlOiBtZXNzYWdlL3JmYzgyMgoK",
        "Content-Type=3A message/rfc822=",
        "=0A=0D",
    ];
    let ends = prop::sample::select(vec!["\r\n", "\n", "\r", "\r\n", "\r\n"]);
    let line = prop_oneof![
        20 => prop::sample::select(lines.to_vec()).prop_map(|line| line.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..40),
        1 => (4090..4100_usize).prop_map(|length| [&b"Content-Type: "[..], &vec![b'x'; length - 14]].concat()),
    ];
    vec((line, ends), 0..60)
        .prop_map(|lines| lines.into_iter().flat_map(|(line, end)| [line, end.into()].concat()).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn pieces_change_nothing(mail in mails(), sizes in vec(1..200_usize, 1..20)) {
        let mut pieces = Vec::new();
        let mut rest = &mail[..];
        for size in sizes.iter().cycle() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() { break }
        }
        let whole = scan(&mail);
        prop_assert_eq!(scan_pieces(pieces), whole);
        prop_assert_eq!(scan_pieces(mail.chunks(1)), whole);
    }

    #[test]
    fn what_is_built_is_what_is_found((mail, depth, parts) in built()) {
        let shape = scan(&mail);
        prop_assert_eq!((shape.depth, shape.parts, shape.excess), (depth, parts, None), "{}", String::from_utf8_lossy(&mail));
    }
}

/// Builds a well-formed mail of known depth and number of parts.
fn built() -> impl Strategy<Value = (Vec<u8>, usize, usize)> {
    let leaf =
        prop::sample::select(vec!["Content-Type: text/plain\r\n\r\nx\r\n--\r\n", "\r\n", "Subject: y\r\n\r\nz\r\n"])
            .prop_map(|leaf| (leaf.as_bytes().to_vec(), 0, 1));
    leaf.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|(mail, depth, parts)| {
                ([&b"Content-Type: message/rfc822\r\n\r\n"[..], &mail].concat(), depth + 1, parts + 1)
            }),
            (vec(inner, 1..4), any::<u32>(), any::<bool>()).prop_map(|(inner, boundary, closed)| {
                let (depth, parts) =
                    inner.iter().fold((0, 1), |(most, sum), (_, depth, parts)| (most.max(*depth), sum + parts));
                let mut mail = format!("Content-Type: multipart/mixed; boundary=\"{boundary:x}\"\r\n\r\n").into_bytes();
                inner.iter().for_each(|(part, ..)| {
                    mail.extend([format!("--{boundary:x}\r\n").as_bytes(), part, b"\r\n"].concat());
                });
                mail.extend(if closed { format!("--{boundary:x}--\r\n") } else { String::new() }.into_bytes());
                (mail, depth + 1, parts)
            }),
        ]
    })
}
