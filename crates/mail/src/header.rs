//! The header of a mail: its fields as bytes, none lost, none mended (RFC 5322 §2.2)
//!
//! Lines end with CRLF here ([`crate::message`] sees to it). A line without a colon is kept as a field without a name:
//! readers disagree on such lines, so [`crate::author`] must see them.

use crate::policy::Policy;

/// The fields of one header, in their order.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// The whole header with its last CRLF, without the empty line that ends it.
    raw: &'a [u8],
    /// The fields.
    fields: Vec<Field<'a>>,
    /// Whether there was no more than was read.
    is_whole: bool,
}

/// One field with its continuation lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The octets as they came, with the last CRLF where there is one.
    pub raw: &'a [u8],
    /// How long the name is, or the whole first line where there is no colon. Small numbers, since a hostile header
    /// has a million fields.
    name: u32,
    /// Where the colon stands; [`NO_COLON`] where a line has none.
    colon: u32,
}

/// Says that there is no colon. (No field is as long as that; were one, its name would be no name.)
const NO_COLON: u32 = u32::MAX;

impl<'a> Header<'a> {
    /// Cuts a header into fields: a line that begins with white space continues the one before (§2.2.3).
    pub fn parse(raw: &'a [u8]) -> Header<'a> {
        Header::parse_some(raw, usize::MAX)
    }

    /// Cuts a header into its first fields, so many at most.
    pub(crate) fn parse_some(raw: &'a [u8], max_fields: usize) -> Header<'a> {
        let mut fields = Vec::with_capacity(32);
        let mut rest = raw;
        while !rest.is_empty() && fields.len() < max_fields {
            let (line_end, length) = field_length(rest);
            let (field, after) = rest.split_at(length);
            fields.push(Field::with_line_end(field, line_end));
            rest = after;
        }
        Header { raw, fields, is_whole: rest.is_empty() }
    }

    /// Says that there was more than was read.
    pub fn cut_short(self) -> Header<'a> {
        Header { is_whole: false, ..self }
    }

    /// Tells whether this is all of a header that is small enough to be judged.
    pub(crate) fn is_within(&self, policy: &Policy) -> bool {
        self.is_whole && self.raw.len() <= policy.max_header_bytes && self.fields.len() <= policy.max_fields
    }

    /// Returns the octets of the whole header.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Returns the fields in their order.
    pub fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// Returns the fields of one name in their order, each with its index.
    pub fn named(&self, name: &'static str) -> impl DoubleEndedIterator<Item = (usize, &Field<'a>)> {
        self.fields.iter().enumerate().filter(move |(_, field)| field.is(name))
    }

    /// Returns the first field of one name.
    pub fn first(&self, name: &'static str) -> Option<&Field<'a>> {
        self.named(name).next().map(|(_, field)| field)
    }
}

impl<'a> Field<'a> {
    /// Reads one field from its octets.
    pub fn new(raw: &'a [u8]) -> Field<'a> {
        Field::with_line_end(raw, find_crlf(raw).unwrap_or(raw.len()))
    }

    /// Reads one field whose first line is known to end there.
    fn with_line_end(raw: &'a [u8], line_end: usize) -> Field<'a> {
        // §2.2: a name has no control characters and no spaces, so a colon behind the first line's end is no colon.
        let colon = raw[..line_end].iter().position(|&b| b == b':');
        let name = raw[..colon.unwrap_or(line_end)].trim_ascii_end();
        let short = |length: usize| u32::try_from(length).unwrap_or(NO_COLON);
        Field { raw, name: short(name.len()), colon: colon.map_or(NO_COLON, short) }
    }

    /// Returns the name as written, without the white space that obsolete syntax allows before the colon (§4.5.8);
    /// the whole first line where there is no colon.
    pub fn name(&self) -> &'a [u8] {
        self.raw.get(..self.name as usize).unwrap_or(self.raw)
    }

    /// Returns what follows the colon, folding and all, without the last CRLF.
    pub fn value(&self) -> &'a [u8] {
        if !self.has_colon() {
            return &[];
        }
        let value = self.raw.get(self.colon as usize + 1..).unwrap_or(&[]);
        value.strip_suffix(b"\r\n").unwrap_or(value)
    }

    /// Tells whether there is a colon.
    pub fn has_colon(&self) -> bool {
        self.colon != NO_COLON
    }

    /// Tells whether white space stands between the name and the colon, as only old mail has it (§4.5).
    pub(crate) fn has_space_before_colon(&self) -> bool {
        self.has_colon() && self.name < self.colon
    }

    /// Tells whether the name is made of printing characters only (§2.2) and there is a colon.
    pub fn is_well_formed(&self) -> bool {
        self.has_colon() && !self.name().is_empty() && self.name().iter().all(u8::is_ascii_graphic)
    }

    /// Tells whether this is a well-formed field but for NULs in its name.
    pub fn is_field_with_nuls(&self) -> bool {
        let mut name = self.name().iter().filter(|&&b| b != 0).peekable();
        self.has_colon() && name.peek().is_some() && name.all(u8::is_ascii_graphic)
    }

    /// Tells whether this is a field of that name.
    pub fn is(&self, name: &str) -> bool {
        self.has_colon() && self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// Tells whether some reader may take this for a field of that name: it has the name once spaces, controls, folding
    /// and octets beyond ASCII are taken out, or it begins with the name as a word and is no well-formed field at all.
    pub fn reads_as(&self, name: &str) -> bool {
        if self.is_well_formed() {
            return self.is(name); // there is nothing to take out but white space behind the name
        }
        line_reads_as(self.raw, name) || line_begins_with(self.raw, name)
    }
}

/// Returns where the first line of the first field ends, and how long that field is with its continuation lines and
/// last CRLF.
fn field_length(rest: &[u8]) -> (usize, usize) {
    let mut line_end = None;
    for at in memchr::memchr_iter(b'\n', rest) {
        if at == 0 || rest[at - 1] != b'\r' {
            continue;
        }
        let line_end = *line_end.get_or_insert(at - 1);
        if !matches!(rest.get(at + 1), Some(b' ' | b'\t')) {
            return (line_end, at + 1);
        }
    }
    (line_end.unwrap_or(rest.len()), rest.len())
}

/// Tells whether a line becomes `name:` without spaces, controls and octets beyond ASCII.
pub(crate) fn line_reads_as(line: &[u8], name: &str) -> bool {
    let mut seen = line.iter().filter(|b| b.is_ascii_graphic());
    name.bytes().chain([b':']).all(|wanted| seen.next().is_some_and(|b| b.eq_ignore_ascii_case(&wanted)))
}

/// Tells whether the first word of a line is that name.
pub(crate) fn line_begins_with(line: &[u8], name: &str) -> bool {
    let word = line.split(|b| !b.is_ascii_graphic() || matches!(b, b'<' | b'"' | b';')).next();
    word.is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
}

/// Returns where the first CRLF stands.
pub(crate) fn find_crlf(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find(|&at| at > 0 && bytes[at - 1] == b'\r').map(|at| at - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_lines_belong_to_their_field() {
        let header = Header::parse(b"From: a\r\n <a@b>\r\nSubject : x\r\nno colon here\r\n\tfolded: y\r\n");
        let names: Vec<_> = header.fields().iter().map(Field::name).collect();
        assert_eq!(names, [&b"From"[..], b"Subject", b"no colon here"]);
        assert_eq!(header.first("from").unwrap().value(), b" a\r\n <a@b>");
        assert!(!header.fields()[2].is_well_formed());
    }

    #[test]
    fn a_well_formed_field_reads_as_its_name_alone() {
        for (line, reads) in [
            ("From: x", true),
            ("FROM \t: x", true),
            ("Fro: m:", false),
            ("From-: x", false),
            ("F rom: x", true),
            ("Fr\u{f6}om: x", true),
            ("From", true),
            ("From x: y", true),
            ("From<x: y", false),
            ("Sender: From:", false),
        ] {
            let field = Field::new(line.as_bytes());
            let by_the_line = line_reads_as(line.as_bytes(), "From");
            assert_eq!(field.reads_as("From"), reads, "{line}");
            assert!(!field.is_well_formed() || by_the_line == reads, "{line}");
        }
    }

    #[test]
    fn bare_line_feeds_do_not_end_a_field() {
        let header = Header::parse(b"Subject: a\nFrom: b\r\nTo: c");
        assert_eq!(header.fields().len(), 2);
        assert_eq!(header.fields()[1].value(), b" c");
    }
}
