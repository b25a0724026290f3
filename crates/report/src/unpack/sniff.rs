//! What octets are, told by how they begin

use super::{Content, PEEK, base64};

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Gzip.
    Gzip,
    /// Zip.
    Zip,
    /// Base64 of something known.
    Base64,
    /// A document, of which nothing is unpacked any more.
    Document(Content),
}

/// Tells what octets are that begin like this.
pub(super) fn sniff(octets: &[u8]) -> Kind {
    let peek = usize::try_from(PEEK).unwrap_or(usize::MAX);
    sniff_within(octets.get(..peek).unwrap_or(octets), 3)
}

/// Tells what octets are, looking into so many layers of base64.
fn sniff_within(start: &[u8], layers: usize) -> Kind {
    match start {
        [0x1f, 0x8b, ..] => return Kind::Gzip,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => return Kind::Zip,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..] => return Kind::Document(Content::Xml),
        _ => {}
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    match text.first() {
        Some(b'<') => return Kind::Document(Content::Xml),
        Some(b'{' | b'[') => return Kind::Document(Content::Json),
        _ => {}
    }
    let inside = if layers > 0 { base64::decode_start(text) } else { None };
    match inside.map(|inside| sniff_within(&inside, layers - 1)) {
        None | Some(Kind::Document(Content::Other)) => Kind::Document(Content::Other),
        Some(_) => Kind::Base64,
    }
}
