//! Cuts XML into tokens as reports use it, without keeping more than a window of it (XML 1.0)
//!
//! Why not a library: a report's octets are often no UTF-8, and `quick-xml` takes only UTF-8 since 0.42; a token must have a
//! bound; and this is where the time of reading goes, twenty elements a row. `quick-xml` is the second opinion in the tests.
//! Nothing is expanded here: a document type is told as such and refused above, entities stay as they are written.

#[cfg(test)]
mod tests;
mod utf16;

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memmem};

use self::utf16::Utf16;
use crate::unreadable::{Fault, Place, Unreadable};

/// How many octets are looked at together: no tag, comment or CDATA section may be longer.
const WINDOW: usize = 64 * 1024;
/// How many are looked at together at first: most reports are small, and so are all honest tags.
const WINDOW_FIRST: usize = 8 * 1024;

/// Cuts a document into tokens.
pub(crate) struct Scanner<R> {
    /// Where octets come from, as UTF-8 or something like it.
    input: Source<R>,
    /// The octets at hand.
    window: Vec<u8>,
    /// How many of them are used up.
    at: usize,
    /// How many of them there are.
    end: usize,
    /// Whether no more will come.
    is_over: bool,
    /// Why no more will come, where that is a fault.
    broken: Option<io::Error>,
    /// What came before the window.
    before: Place,
}

/// A piece of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'w> {
    /// `<name attributes>`, or `<name attributes/>`.
    Start {
        /// The name with its prefix.
        name: &'w [u8],
        /// What stands behind the name.
        attributes: &'w [u8],
        /// Whether it is its own end.
        is_empty: bool,
    },
    /// `</name>`.
    End(&'w [u8]),
    /// Text as written, or a piece of it.
    Text(&'w [u8]),
    /// The inside of a CDATA section.
    Literal(&'w [u8]),
    /// The inside of a processing instruction, the XML declaration among them.
    Instruction(&'w [u8]),
    /// A document type declaration begins.
    Doctype,
    /// There is no more.
    Over,
}

/// The octets of plain names.
const IS_PLAIN: [bool; 256] = {
    let mut is = [false; 256];
    let mut octet = 0_u8;
    while octet < 128 {
        is[octet as usize] = octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-' | b':' | b'.');
        octet += 1;
    }
    is
};

/// What the window says of the token at its beginning.
enum Cut {
    /// It has so many octets.
    Whole(usize),
    /// Its end is not in sight.
    More,
    /// No token begins like that.
    Broken(&'static str),
}

impl<R: Read> Scanner<R> {
    /// Begins a document.
    pub(crate) fn new(input: R) -> Scanner<R> {
        Scanner {
            input: Source::Unknown(Some(input)),
            window: vec![0; WINDOW_FIRST],
            at: 0,
            end: 0,
            is_over: false,
            broken: None,
            before: Place { line: 1, octet: 0 },
        }
    }

    /// Returns the next token.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Token<'_>, Unreadable> {
        if let Some((name, length)) = self.plain_tag() {
            let tag = &self.window[self.at..self.at + length];
            self.at += length;
            let name = &tag[name..length - 1];
            let is_end = tag[1] == b'/';
            return Ok(if is_end { Token::End(name) } else { Token::Start { name, attributes: &[], is_empty: false } });
        }
        loop {
            match self.cut() {
                Cut::Whole(length) => {
                    let token = &self.window[self.at..self.at + length];
                    self.at += length;
                    return Ok(Token::read(token));
                }
                Cut::Broken(why) => return Err(self.fault(Fault::IllFormed, why)),
                Cut::More if self.fill() => {}
                Cut::More => return self.last(),
            }
        }
    }

    /// Returns where the next token begins.
    pub(crate) fn place(&self) -> Place {
        let used = &self.window[..self.at];
        Place {
            line: self.before.line + memchr_iter(b'\n', used).count() as u64,
            octet: self.before.octet + used.len() as u64,
        }
    }

    /// Returns why the octets came to their end, where that is a fault.
    pub(crate) fn broken(&self) -> Option<&io::Error> {
        self.broken.as_ref()
    }

    /// Makes an error that says where it is.
    pub(crate) fn fault(&self, fault: Fault, detail: impl Into<String>) -> Unreadable {
        Unreadable::new(fault, detail).at(self.place())
    }

    /// Returns what is left where no more octets come: the beginning of a tag is nothing.
    fn last(&mut self) -> Result<Token<'_>, Unreadable> {
        if self.end - self.at == WINDOW {
            return Err(self.fault(Fault::Long, format!("a tag or comment has more than {WINDOW} octets")));
        }
        let rest = &self.window[self.at..self.end];
        self.at = self.end;
        Ok(if rest.is_empty() || rest.starts_with(b"<") { Token::Over } else { Token::Text(rest) })
    }

    /// Recognizes a tag that has a name and nothing else, as nearly all have; returns where the name begins, and how long
    /// the tag is.
    #[inline]
    fn plain_tag(&self) -> Option<(usize, usize)> {
        let rest = &self.window[self.at..self.end];
        let &[b'<', first, ..] = rest else { return None };
        let name = if first == b'/' { 2 } else { 1 };
        let mut end = name;
        while IS_PLAIN[usize::from(*rest.get(end)?)] {
            end += 1;
        }
        (rest[end] == b'>' && end > name && rest[name].is_ascii_alphabetic()).then_some((name, end + 1))
    }

    /// Looks how long the next token is.
    #[inline]
    fn cut(&self) -> Cut {
        let rest = &self.window[self.at..self.end];
        match rest.first() {
            None => Cut::More,
            Some(b'<') => cut_markup(rest),
            Some(_) => match memchr(b'<', rest) {
                Some(length) => Cut::Whole(length),
                None if rest.len() == self.window.len() => Cut::Whole(rest.len()),
                None => Cut::More,
            },
        }
    }

    /// Brings as many octets as the window has room for; tells whether any came.
    #[cold]
    fn fill(&mut self) -> bool {
        self.before = self.place();
        self.window.copy_within(self.at..self.end, 0);
        (self.at, self.end) = (0, self.end - self.at);
        let had = self.end;
        if had == self.window.len() && had < WINDOW {
            self.window.resize(WINDOW, 0);
        }
        while !self.is_over && self.end < self.window.len() {
            match self.input.read(&mut self.window[self.end..]) {
                Ok(0) => self.is_over = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => (self.is_over, self.broken) = (true, Some(error)),
            }
        }
        self.end > had
    }
}

impl<'w> Token<'w> {
    /// Reads a token that is known to be whole.
    #[inline]
    fn read(token: &'w [u8]) -> Token<'w> {
        match token {
            [b'<', b'/', name @ .., b'>'] => Token::End(name.trim_ascii_end()),
            [b'<', b'!', b'-', b'-', ..] => Token::Text(&[]),
            [b'<', b'!', b'[', b'C', b'D', b'A', b'T', b'A', b'[', inside @ .., b']', b']', b'>'] => {
                Token::Literal(inside)
            }
            [b'<', b'!', ..] => Token::Doctype,
            [b'<', b'?', inside @ .., b'?', b'>'] => Token::Instruction(inside),
            [b'<', inside @ .., b'/', b'>'] => Token::start(inside, true),
            [b'<', inside @ .., b'>'] => Token::start(inside, false),
            text => Token::Text(text),
        }
    }

    /// Reads the inside of a start tag.
    #[inline]
    fn start(inside: &'w [u8], is_empty: bool) -> Token<'w> {
        let end = inside.iter().position(u8::is_ascii_whitespace).unwrap_or(inside.len());
        let (name, attributes) = inside.split_at(end);
        Token::Start { name, attributes, is_empty }
    }
}

/// Looks how long the markup is that begins with this `<`.
#[inline]
fn cut_markup(rest: &[u8]) -> Cut {
    match rest.get(1) {
        None => Cut::More,
        Some(b'!') => cut_declaration(rest),
        Some(b'?') => cut_at(rest, 2, b"?>"),
        Some(b'/') => match rest[2..].iter().position(|&b| matches!(b, b'>' | b'<')) {
            Some(0) => Cut::Broken("an end tag has no name"),
            Some(at) if rest[at + 2] == b'>' => Cut::Whole(at + 3),
            Some(_) => Cut::Broken("an end tag has no end"),
            None => Cut::More,
        },
        Some(b) if is_name_start(*b) => cut_start(rest),
        Some(_) => Cut::Broken("a `<` begins no tag"),
    }
}

/// Tells whether a name may begin with an octet; what is not ASCII is not looked at closer.
fn is_name_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || matches!(b, b'_' | b':') || !b.is_ascii()
}

/// Looks where a start tag ends: `>` in the value of an attribute is no end.
#[inline]
fn cut_start(rest: &[u8]) -> Cut {
    let mut at = 1;
    while let Some(&b) = rest.get(at) {
        match b {
            b'>' => return Cut::Whole(at + 1),
            b'<' => return Cut::Broken("a start tag has no end"),
            b'"' | b'\'' => match memchr(b, &rest[at + 1..]) {
                Some(length) => at += length + 1,
                None => return Cut::More,
            },
            _ => {}
        }
        at += 1;
    }
    Cut::More
}

/// Looks where a comment, a CDATA section or what else begins with `<!` ends.
fn cut_declaration(rest: &[u8]) -> Cut {
    let begins = |with: &[u8]| rest.iter().zip(with).all(|(one, other)| one.eq_ignore_ascii_case(other));
    for (start, end) in [(&b"<!--"[..], &b"-->"[..]), (b"<![CDATA[", b"]]>")] {
        if begins(start) {
            return if rest.len() < start.len() { Cut::More } else { cut_at(rest, start.len(), end) };
        }
    }
    // Its inside does not matter, since nobody goes on behind it.
    match begins(b"<!DOCTYPE") {
        true if rest.len() < 9 => Cut::More,
        true => Cut::Whole(9),
        false => Cut::Broken("a `<!` begins no comment and no section"),
    }
}

/// Looks for the end of markup behind its beginning.
fn cut_at(rest: &[u8], from: usize, end: &[u8]) -> Cut {
    match rest.get(from..).and_then(|inside| memmem::find(inside, end)) {
        Some(at) => Cut::Whole(from + at + end.len()),
        None => Cut::More,
    }
}

/// Where octets come from.
enum Source<R> {
    /// Nothing was read yet.
    Unknown(Option<R>),
    /// Octets like ASCII, the first of which were looked at already.
    Plain(Whole<R>),
    /// Two octets a character.
    Wide(Box<Utf16<Whole<R>>>),
}

/// A document with the first octets put back.
type Whole<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

impl<R: Read> Source<R> {
    /// Looks at the first octets: UTF-16 shows itself there, and a byte order mark is no text.
    fn look(mut input: R) -> io::Result<Source<R>> {
        let mut first = Vec::with_capacity(4);
        (&mut input).take(4).read_to_end(&mut first)?;
        let wide = Utf16::<R>::is(&first);
        if first.starts_with(b"\xef\xbb\xbf") {
            first.drain(..3);
        }
        let whole = io::Cursor::new(first).chain(input);
        Ok(match wide {
            Some(encoding) => Source::Wide(Box::new(Utf16::new(encoding, whole))),
            None => Source::Plain(whole),
        })
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Source::Unknown(input) = self
            && let Some(input) = input.take()
        {
            *self = Source::look(input)?;
        }
        match self {
            Source::Plain(input) => input.read(into),
            Source::Wide(input) => input.read(into),
            Source::Unknown(_) => Ok(0),
        }
    }
}
