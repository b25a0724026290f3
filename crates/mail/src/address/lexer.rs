//! Address fields as tokens, with what stands between them (RFC 5322 §3.2)
//!
//! Comments and white space are no tokens: each token remembers the [`Gap`] in front of it, since a gap in the wrong
//! place is what readers disagree on. Nested comments are counted, not followed by recursion.

use super::oddity::{Oddities, Oddity};

/// How deeply comments may be nested before it is odd; readers have limits of their own.
const COMMENT_DEPTH: usize = 32;

/// One token of an address field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A run of atom characters; everything beyond ASCII counts as such (RFC 6532 §3.2).
    Atom(&'a [u8]),
    /// The inside of a quoted string, escapes and all.
    Quoted(&'a [u8]),
    /// The inside of a domain literal.
    Literal(&'a [u8]),
    /// Any other character.
    Special(u8),
    /// There is nothing more.
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lexeme<'a> {
    /// The token.
    pub(crate) token: Token<'a>,
    /// Where it begins.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
    /// What stands in front of it.
    pub(crate) gap: Gap<'a>,
}

impl Lexeme<'_> {
    /// Tells whether this is that special character.
    pub(crate) fn is(&self, special: u8) -> bool {
        self.token == Token::Special(special)
    }
}

/// White space and comments in front of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gap<'a> {
    /// Whether there is any.
    pub(crate) any: bool,
    /// A comment that holds an at sign or a dot before a letter: somebody may take it for a part of an address.
    pub(crate) telling: Option<&'a [u8]>,
}

/// Cuts an address field into tokens.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    /// The whole text.
    text: &'a [u8],
    /// Where the next token or gap begins.
    at: usize,
    /// What was odd so far.
    pub(crate) oddities: Oddities,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of a text.
    pub(crate) fn new(text: &'a [u8]) -> Lexer<'a> {
        Lexer { text, at: 0, oddities: Oddities::default() }
    }

    /// Returns the whole text.
    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Returns what was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Reads the next token and the gap in front of it.
    pub(crate) fn read(&mut self) -> Lexeme<'a> {
        let gap = self.skip_gap();
        let start = self.at;
        let token = match self.text.get(start) {
            None => Token::End,
            Some(b'"') => Token::Quoted(self.delimited(b'"', Oddity::UnclosedQuote)),
            Some(b'[') => Token::Literal(self.delimited(b']', Oddity::UnclosedLiteral)),
            Some(&byte) if is_atom(byte) => {
                let rest = self.text.get(start..).unwrap_or_default();
                let length = rest.iter().position(|&b| !is_atom(b)).unwrap_or(rest.len());
                self.at += length;
                Token::Atom(rest.get(..length).unwrap_or_default())
            }
            Some(&byte) => {
                self.at += 1;
                Token::Special(byte)
            }
        };
        Lexeme { token, start, end: self.at, gap }
    }

    /// Returns the next octet without taking it.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Takes the next octet if it is this one.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes octets as long as they are wanted.
    pub(crate) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&b| !wanted(b)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Takes a quoted string, if one comes next, and returns its inside; one without an end is none.
    pub(crate) fn quoted(&mut self) -> Option<&'a [u8]> {
        let inside = (self.peek() == Some(b'"')).then(|| self.delimited(b'"', Oddity::UnclosedQuote))?;
        (!self.oddities.contains(Oddity::UnclosedQuote)).then_some(inside)
    }

    /// Skips white space and comments.
    pub(crate) fn skip_gap(&mut self) -> Gap<'a> {
        let mut gap = Gap::default();
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'(') => {
                    let comment = self.comment();
                    gap.telling = more_telling(gap.telling, Some(comment).filter(|c| looks_like_address_part(c)));
                }
                _ => return gap,
            }
            gap.any = true;
        }
    }

    /// Reads a comment with the comments inside it, and returns what the outer parentheses hold (§3.2.2).
    fn comment(&mut self) -> &'a [u8] {
        let start = self.at + 1;
        let mut depth = 0usize;
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'(' => {
                    depth += 1;
                    if depth > COMMENT_DEPTH {
                        self.oddities.insert(Oddity::DeepComment);
                    }
                }
                b')' if depth == 1 => return self.text.get(start..self.at - 1).unwrap_or_default(),
                b')' => depth -= 1,
                _ => {}
            }
        }
        self.at = self.text.len();
        self.oddities.insert(Oddity::UnclosedComment);
        self.text.get(start..).unwrap_or_default()
    }

    /// Reads up to the closing character, which a backslash may hide (§3.2.4, §3.4.1).
    fn delimited(&mut self, close: u8, unclosed: Oddity) -> &'a [u8] {
        let start = self.at + 1;
        self.at = start;
        while let Some(&byte) = self.text.get(self.at) {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == close {
                return self.text.get(start..self.at - 1).unwrap_or_default();
            }
        }
        self.at = self.text.len();
        self.oddities.insert(unclosed);
        self.text.get(start..).unwrap_or_default()
    }
}

/// Tells whether a character may stand in an atom (§3.2.3, RFC 6532 §3.2).
pub(crate) fn is_atom(byte: u8) -> bool {
    /// The answer for each octet.
    const ATOM: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0x21usize;
        while byte < 256 {
            table[byte] = byte != 0x7f;
            byte += 1;
        }
        let special = b"()<>[]:;@\\,.\"";
        let mut i = 0;
        while i < special.len() {
            table[special[i] as usize] = false;
            i += 1;
        }
        table
    };
    ATOM[usize::from(byte)]
}

/// Appends the inside of a quoted string without the escapes (§3.2.4); folding is no part of it.
pub(crate) fn unquote(inside: &[u8], into: &mut Vec<u8>) {
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => into.extend(bytes.next()),
            b'\r' | b'\n' => {}
            other => into.push(other),
        }
    }
}

/// Returns the comment that tells more: one with an at sign before one with dots, and the first of equals.
pub(super) fn more_telling<'a>(first: Option<&'a [u8]>, second: Option<&'a [u8]>) -> Option<&'a [u8]> {
    let has_at = |comment: &Option<&[u8]>| comment.is_some_and(|comment| comment.contains(&b'@'));
    if has_at(&second) && !has_at(&first) { second } else { first.or(second) }
}

/// Tells whether somebody could take a comment for a part of an address: it has an at sign, or a dot before a letter.
fn looks_like_address_part(comment: &[u8]) -> bool {
    memchr::memchr2_iter(b'@', b'.', comment)
        .any(|at| comment.get(at) == Some(&b'@') || comment.get(at + 1).is_some_and(u8::is_ascii_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_remembered_with_their_comments() {
        let mut lexer = Lexer::new(b" (a (b\\)) c) joe \"x\\\" y\"@[192.0.2.1](x.org)");
        let joe = lexer.read();
        assert_eq!(joe.token, Token::Atom(b"joe"));
        assert_eq!(joe.gap, Gap { any: true, telling: None });
        assert_eq!(lexer.read().token, Token::Quoted(b"x\\\" y"));
        assert!(lexer.read().is(b'@'));
        assert_eq!(lexer.read().token, Token::Literal(b"192.0.2.1"));
        let end = lexer.read();
        assert_eq!((end.token, end.gap.telling), (Token::End, Some(&b"x.org"[..])));
        assert!(lexer.oddities.is_empty());
    }

    #[test]
    fn what_is_never_closed_is_odd_and_ends_the_text() {
        for (text, oddity) in [
            (&b"(a (b)"[..], Oddity::UnclosedComment),
            (b"(a\\", Oddity::UnclosedComment),
            (b"\"a\\", Oddity::UnclosedQuote),
            (b"[a", Oddity::UnclosedLiteral),
        ] {
            let mut lexer = Lexer::new(text);
            while lexer.read().token != Token::End {}
            assert!(lexer.oddities.contains(oddity), "{oddity:?}");
        }
    }

    #[test]
    fn deep_comments_are_counted_not_followed() {
        let text = [b"(".repeat(100_000), b")".repeat(100_000), b"a".to_vec()].concat();
        let mut lexer = Lexer::new(&text);
        assert_eq!(lexer.read().token, Token::Atom(b"a"));
        assert!(lexer.oddities.contains(Oddity::DeepComment));
    }
}
