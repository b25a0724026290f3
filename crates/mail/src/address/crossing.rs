//! Encoded words that a quoted string or a comment begins or ends in (RFC 2047 §5)
//!
//! By the grammar neither is allowed there. To whoever looks for encoded words first, as Python does, the quote is a part
//! of the word, and what we took for quoted is the address; so both readings must have the same strings and comments.

use std::ops::Range;

/// Tells whether a quoted string, a comment or a domain literal reaches from the inside of what can be taken for an
/// encoded word to its outside.
pub(crate) fn is_crossed(value: &[u8]) -> bool {
    // Few values have a question mark, and looking for one octet is cheaper.
    if memchr::memchr(b'?', value).is_none() {
        return false;
    }
    let mut words = Words::new(value).peekable();
    if words.peek().is_none() {
        return false;
    }
    let spans = delimited(value);
    words.any(|word| {
        let last = spans.partition_point(|span| span.start < word.end).checked_sub(1).and_then(|at| spans.get(at));
        let first = spans.get(spans.partition_point(|span| span.end <= word.start));
        last.is_some_and(|span| span.start > word.start && span.end > word.end)
            || first.is_some_and(|span| span.start < word.start && span.end < word.end)
    })
}

/// Whatever can be taken for an encoded word, even by those who read loosely.
struct Words<'a> {
    /// The text.
    text: &'a [u8],
    /// Where to go on.
    at: usize,
    /// Where the last `?=` that was found ends; it is looked for only once.
    end: usize,
}

impl<'a> Words<'a> {
    /// Starts at the beginning of a text.
    fn new(text: &'a [u8]) -> Words<'a> {
        Words { text, at: 0, end: 0 }
    }

    /// Returns where the encoded text behind `=?charset?q?` begins.
    fn inside(&self, start: usize) -> Option<usize> {
        let rest = self.text.get(start + 2..)?;
        let charset = memchr::memchr(b'?', rest.get(..rest.len().min(256))?)?;
        matches!(rest.get(charset + 1..)?, [b'q' | b'Q' | b'b' | b'B', b'?', ..]).then_some(start + charset + 5)
    }
}

impl Iterator for Words<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let start = self.at + memchr::memmem::find(self.text.get(self.at..)?, b"=?")?;
            self.at = start + 2;
            let Some(inside) = self.inside(start) else { continue };
            if self.end < inside + 2 {
                self.end = inside + memchr::memmem::find(self.text.get(inside..)?, b"?=")? + 2;
            }
            return Some(start..self.end);
        }
    }
}

/// Finds the quoted strings, comments and domain literals in their order, as [`super::Lexer`] reads them.
fn delimited(text: &[u8]) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr3(b'"', b'(', b'[', rest)) {
        let start = at + found;
        let (open, close) = match text.get(start) {
            Some(b'(') => (Some(b'('), b')'),
            Some(b'[') => (None, b']'),
            _ => (None, b'"'),
        };
        at = start + 1;
        let mut depth = 1usize;
        while let Some(&byte) = text.get(at).filter(|_| depth > 0) {
            at += if byte == b'\\' { 2 } else { 1 };
            depth = if byte == close { depth - 1 } else { depth + usize::from(Some(byte) == open) };
        }
        spans.push(start..at);
    }
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::lexer::{Lexer, Token};
    use super::*;

    #[test]
    fn what_begins_or_ends_in_a_word_crosses_it() {
        for value in [
            "=?utf-8?q?\"?= <v@v.org>, \" <a@x.org>",
            "=?utf-8?q?V(?= <v@v.org>) <a@x.org>",
            "=?utf-8?B?\"?= <v@v.org>, \" <a@x.org>",
            "=?a b?q?\"?= <v@v.org>, \" <a@x.org>",
            "\"=?utf-8?q?\" <a@x.org> (?=\" <v@v.org> )",
            "(=?utf-8?q?a) <a@x.org> (?=)",
            "a =?=?utf-8?q?[?= ]",
            "=?utf-8?q?\"",
        ] {
            assert_eq!(is_crossed(value.as_bytes()), value.contains("?="), "{value}");
        }
        for value in [
            "=?utf-8?q?J=C3=B6rg?= <a@x.org>",
            "\"=?utf-8?q?J=C3=B6rg?=\" <a@x.org>",
            "=?utf-8?q?Firma_(Berlin)?= <a@x.org>",
            "=?utf-8?q?a?= (b) =?utf-8?q?c?= \"d\" <a@x.org>",
            "\"a =? b\" <a@x.org> (c ?= d)",
            "=?utf-8?x?\"?= \"",
        ] {
            assert!(!is_crossed(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn long_values_cost_their_length() {
        for value in ["=?a?q? ".repeat(200_000), "=?a?q?(?=)".repeat(100_000), "=?a?q?\\".repeat(100_000)] {
            is_crossed(value.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn strings_are_found_where_the_lexer_finds_them(text in "[\"()\\[\\]\\\\a ]{0,24}") {
            let mut lexer = Lexer::new(text.as_bytes());
            let mut quoted = Vec::new();
            loop {
                let lexeme = lexer.read();
                match lexeme.token {
                    Token::End => break,
                    Token::Quoted(_) | Token::Literal(_) => quoted.push(lexeme.start),
                    _ => {}
                }
            }
            let is_comment = |span: &Range<usize>| text.as_bytes()[span.start] == b'(';
            let found: Vec<usize> =
                delimited(text.as_bytes()).into_iter().filter(|span| !is_comment(span)).map(|span| span.start).collect();
            prop_assert_eq!(found, quoted);
        }
    }
}
