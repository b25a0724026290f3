//! How deep and how wide a mail's MIME structure is, before any recursive parser sees it (RFC 2045, 2046)
//!
//! [`PreScan`] reads a mail line by line as it arrives and builds no tree: it keeps the boundaries that are open, never more than the
//! depth limit allows, and stops at the first limit that is passed. Attached messages in base64 or quoted-printable are decoded and
//! scanned as well, since parsers open them.
//!
//! Parsers disagree on sloppy structure, so one more count does not depend on any reading of it: each level of nesting needs a
//! `Content-Type` field, and lines that begin like one may not be more than the parts limit, wherever they stand.

mod content_type;
mod decode;
#[cfg(test)]
mod tests;

use memchr::memchr;

use self::content_type::{ContentType, Multipart};
use self::decode::Encoding;

/// How many octets of a line are looked at: RFC 5322 allows 998.
const LINE: usize = 4096;
/// How long a boundary may be: RFC 2046 allows 70.
const BOUNDARY: usize = 250;
/// How many encoded messages may lie in each other; honest ones do not at all (RFC 2046 §5.2.1).
const ENCODED: usize = 3;

/// Looks at a mail in passing.
pub struct PreScan {
    /// What was found so far.
    tally: Tally,
    /// The mail itself.
    mail: Layer,
}

impl PreScan {
    /// Begins a mail, with its header.
    pub fn new(limits: Limits) -> PreScan {
        let mut tally = Tally { limits, shape: Shape::default(), declared: 0 };
        let mail = Layer::new(0, 0, &mut tally);
        PreScan { tally, mail }
    }

    /// Takes the next octets, cut anywhere.
    pub fn update(&mut self, piece: &[u8]) {
        self.mail.update(piece, &mut self.tally);
    }

    /// Ends the mail and returns what it is like, as far as the limits allowed to look.
    pub fn finish(mut self) -> Shape {
        self.mail.finish(&mut self.tally);
        self.tally.shape
    }
}

/// What a mail may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many multiparts and messages may lie in each other.
    pub depth: usize,
    /// How many parts there may be, containers included.
    pub parts: usize,
    /// How many octets one header may have, that of the mail or of a part.
    pub header_octets: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 30, parts: 1000, header_octets: 256 * 1024 }
    }
}

/// What a mail is like; where there is an excess, as far as that was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// How many multiparts and messages lie in each other at the deepest place.
    pub depth: usize,
    /// How many parts there are: the mail itself, containers and what is in them.
    pub parts: usize,
    /// How many octets the largest header has.
    pub header_octets: u64,
    /// Why no recursive parser should see this mail.
    pub excess: Option<Excess>,
}

/// Why a mail is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Excess {
    /// Too many containers in each other.
    Depth,
    /// Too many parts, or lines that could declare one.
    Parts,
    /// A header is too large.
    Header,
    /// A line, field or boundary on which the structure depends is too long to be read.
    Line,
    /// Too many transfer-encoded messages in each other.
    Encoding,
}

/// What was found so far, in all layers.
struct Tally {
    /// What may be found.
    limits: Limits,
    /// The result.
    shape: Shape,
    /// How many lines begin like a `Content-Type` field.
    declared: usize,
}

impl Tally {
    /// Tells whether nothing more needs to be looked at.
    fn is_done(&self) -> bool {
        self.shape.excess.is_some()
    }

    /// Notes an excess where there is one; the first one stays.
    fn exceeds(&mut self, exceeds: bool, excess: Excess) {
        if exceeds {
            self.shape.excess.get_or_insert(excess);
        }
    }

    /// Counts a part.
    fn part(&mut self) {
        self.shape.parts += 1;
        self.exceeds(self.shape.parts > self.limits.parts, Excess::Parts);
    }

    /// Notes how many containers are open.
    fn depth(&mut self, depth: usize) {
        self.shape.depth = self.shape.depth.max(depth);
        self.exceeds(depth > self.limits.depth, Excess::Depth);
    }

    /// Notes how large a header is by now.
    fn header(&mut self, octets: u64) {
        self.shape.header_octets = self.shape.header_octets.max(octets);
        self.exceeds(octets > self.limits.header_octets, Excess::Header);
    }

    /// Counts a line that begins like a declaration of what a part is.
    fn declaration(&mut self) {
        self.declared += 1;
        self.exceeds(self.declared > self.limits.parts, Excess::Parts);
    }
}

/// A text that is a message: the mail itself, or what an encoded part hides.
struct Layer {
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// How many octets of that line came.
    length: u64,
    /// The header being read; nothing in a body.
    header: Option<HeaderBlock>,
    /// The containers open in this layer, the innermost last.
    open: Vec<Container>,
    /// How many containers are open around it.
    around: usize,
    /// How many layers are around it.
    layers: usize,
    /// The decoded text of the encoded message that this body is.
    inner: Option<(Encoding, Box<Layer>)>,
}

/// What has parts in it.
enum Container {
    /// Parts between boundaries.
    Multipart(Multipart),
    /// One message.
    Message,
}

/// A header that is being read.
#[derive(Default)]
struct HeaderBlock {
    /// How many octets it has.
    octets: u64,
    /// The field whose lines are being read, if it matters.
    field: Option<(Field, Vec<u8>)>,
    /// What the part is, where that was said.
    content: Option<ContentType>,
    /// How the part is encoded, where that matters.
    encoding: Option<Encoding>,
}

/// A field that decides about structure.
#[derive(Clone, Copy)]
enum Field {
    /// What the part is.
    ContentType,
    /// How it is encoded.
    TransferEncoding,
}

impl Layer {
    /// Begins a message; `around` containers and `layers` layers are around it.
    fn new(around: usize, layers: usize, tally: &mut Tally) -> Layer {
        tally.part();
        let header = Some(HeaderBlock::default());
        Layer { line: Vec::new(), length: 0, header, open: Vec::new(), around, layers, inner: None }
    }

    /// Takes the next octets.
    fn update(&mut self, mut piece: &[u8], tally: &mut Tally) {
        while !tally.is_done() {
            let Some(end) = memchr(b'\n', piece) else { return self.keep(piece) };
            let (line, rest) = piece.split_at(end + 1);
            if self.length == 0 {
                self.take(line.get(..LINE).unwrap_or(line), line.len() as u64, tally);
            } else {
                self.keep(line);
                self.take_kept(tally);
            }
            piece = rest;
        }
    }

    /// Ends the text, whose last line may have no end.
    fn finish(&mut self, tally: &mut Tally) {
        if self.length > 0 && !tally.is_done() {
            self.take_kept(tally);
        }
        if let Some((_, inner)) = &mut self.inner {
            inner.finish(tally);
        }
    }

    /// Keeps the beginning of a line.
    fn keep(&mut self, octets: &[u8]) {
        let room = LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(octets.get(..room).unwrap_or(octets));
        self.length += octets.len() as u64;
    }

    /// Takes the line that was kept.
    fn take_kept(&mut self, tally: &mut Tally) {
        let (mut line, length) = (std::mem::take(&mut self.line), std::mem::take(&mut self.length));
        self.take(&line, length, tally);
        line.clear();
        self.line = line;
    }

    /// Takes one line, or the beginning of a long one, and how long it is with its end.
    fn take(&mut self, line: &[u8], length: u64, tally: &mut Tally) {
        let long = length > line.len() as u64;
        let line = if long { line } else { trim_line_end(line) };
        if field_value(line, b"content-type").is_some() {
            tally.declaration();
        }
        if !self.take_boundary(line, tally) {
            if self.header.is_some() {
                self.take_header_line(line, length, long, tally);
            } else if let Some((encoding, inner)) = &mut self.inner {
                tally.exceeds(long, Excess::Line);
                encoding.decode(line, |decoded| inner.update(decoded, tally));
            }
        }
    }

    /// Looks whether a line is a boundary of any open multipart, and does what it says.
    fn take_boundary(&mut self, line: &[u8], tally: &mut Tally) -> bool {
        let Some(mark) = line.strip_prefix(b"--") else { return false };
        let mark = mark.trim_ascii_end();
        let end = mark.strip_suffix(b"--");
        let is = |container: &Container, mark| matches!(container, Container::Multipart(multipart) if multipart.boundary == mark);
        if let Some(at) = self.open.iter().rposition(|container| is(container, mark)) {
            self.open.truncate(at + 1);
            self.begin_part(tally);
        } else if let Some(at) = end.and_then(|end| self.open.iter().rposition(|container| is(container, end))) {
            self.open.truncate(at);
            self.header = None;
            self.inner = None;
        } else {
            return false;
        }
        true
    }

    /// Begins a part, with its header.
    fn begin_part(&mut self, tally: &mut Tally) {
        tally.part();
        self.header = Some(HeaderBlock::default());
        self.inner = None;
    }

    /// Takes a line of a header.
    fn take_header_line(&mut self, line: &[u8], length: u64, long: bool, tally: &mut Tally) {
        let Some(header) = &mut self.header else { return };
        header.octets += length;
        tally.header(header.octets);
        if header.take_line(line, long).is_err() {
            tally.exceeds(true, Excess::Line);
        }
        if line.is_empty() && !tally.is_done() {
            self.end_header(tally);
        }
    }

    /// Opens the container that a header announced, if it did.
    fn end_header(&mut self, tally: &mut Tally) {
        let Some(header) = self.header.take() else { return };
        let in_digest = matches!(self.open.last(), Some(Container::Multipart(Multipart { digest: true, .. })));
        let container = match header.content {
            Some(ContentType::Multipart(multipart)) => Container::Multipart(multipart),
            Some(ContentType::Message) => Container::Message,
            None if in_digest => Container::Message,
            None | Some(ContentType::Other) => return,
        };
        let is_message = matches!(container, Container::Message);
        self.open.push(container);
        let depth = self.around + self.open.len();
        tally.depth(depth);
        match header.encoding {
            Some(encoding) if is_message => {
                tally.exceeds(self.layers >= ENCODED, Excess::Encoding);
                self.inner = Some((encoding, Box::new(Layer::new(depth, self.layers + 1, tally))));
            }
            _ if is_message => self.begin_part(tally),
            _ => {} // RFC 2045 §6.4: a multipart is not encoded, and parsers do not decode one.
        }
    }
}

impl HeaderBlock {
    /// Takes a line; fails where a field that matters is too long to be read.
    fn take_line(&mut self, line: &[u8], long: bool) -> Result<(), ()> {
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            self.end_field()?;
            let fields =
                [(Field::ContentType, &b"content-type"[..]), (Field::TransferEncoding, b"content-transfer-encoding")];
            let found = fields.into_iter().find_map(|(field, name)| Some((field, field_value(line, name)?)));
            self.field = found.map(|(field, value)| (field, value.to_vec()));
        } else if let Some((_, value)) = &mut self.field {
            value.extend_from_slice(line);
        }
        match &self.field {
            Some((_, value)) if long || value.len() > LINE => Err(()),
            _ => Ok(()),
        }
    }

    /// Reads the field that came to its end. Of several the one that nests wins: parsers take the first or the last.
    fn end_field(&mut self) -> Result<(), ()> {
        match self.field.take() {
            None => {}
            Some((Field::TransferEncoding, value)) => {
                self.encoding = self.encoding.take().or_else(|| Encoding::read(&value));
            }
            Some((Field::ContentType, value)) => match ContentType::read(&value) {
                ContentType::Multipart(multipart) if multipart.boundary.len() > BOUNDARY => return Err(()),
                content if matches!(self.content, None | Some(ContentType::Other)) => self.content = Some(content),
                _ => {}
            },
        }
        Ok(())
    }
}

/// Returns what follows the colon of a field with that name, which is in lower case.
fn field_value<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (begin, rest) = line.split_at_checked(name.len())?;
    if !begin.eq_ignore_ascii_case(name) {
        return None;
    }
    rest.trim_ascii_start().strip_prefix(b":")
}

/// Returns a line without its end.
fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
