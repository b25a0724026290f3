//! A run of words, quoted strings and dots, and what it is good for

use super::lexer::{Lexeme, Token, more_telling};
use super::oddity::{Oddities, Oddity};

/// A run of words, quoted strings and dots: a display name, a local part or a domain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    /// Where it begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// How many words and quoted strings it has.
    pub(super) pieces: usize,
    /// How many dots it has.
    pub(super) dots: usize,
    /// A comment in front that holds something like an address.
    pub(super) before: Option<&'a [u8]>,
    /// Whether there is a gap inside.
    pub(super) inside: bool,
    /// Whether a comment inside holds something like an address.
    pub(super) telling: bool,
    /// How many pieces stand before the first gap inside.
    pub(super) pieces_before_gap: usize,
    /// Whether there is a quoted string.
    pub(super) quoted: bool,
    /// Whether two words stand beside each other without a dot.
    pub(super) unjoined: bool,
    /// Whether it begins with a dot.
    pub(super) led: bool,
    /// Whether it ends with a dot.
    pub(super) trailed: bool,
    /// Whether two dots stand beside each other.
    pub(super) doubled: bool,
}

impl<'a> Run<'a> {
    /// Starts a run where the next token stands.
    pub(super) fn at(ahead: &Lexeme<'a>) -> Run<'a> {
        Run {
            start: ahead.start,
            end: ahead.start,
            pieces: 0,
            dots: 0,
            before: ahead.gap.telling,
            inside: false,
            telling: false,
            pieces_before_gap: 0,
            quoted: false,
            unjoined: false,
            led: false,
            trailed: false,
            doubled: false,
        }
    }

    /// Takes one more token into the run, if it can be a part of one.
    pub(super) fn extend(&mut self, lexeme: &Lexeme<'a>) -> bool {
        let (dot, quoted) = match lexeme.token {
            Token::Atom(_) => (false, false),
            Token::Quoted(_) => (false, true),
            Token::Special(b'.') => (true, false),
            _ => return false,
        };
        let first = self.pieces + self.dots == 0;
        if !first && lexeme.gap.any {
            self.telling |= lexeme.gap.telling.is_some();
            self.before = more_telling(self.before, lexeme.gap.telling);
            if !self.inside {
                self.pieces_before_gap = self.pieces;
            }
            self.inside = true;
        }
        if dot {
            self.led |= first;
            self.doubled |= self.trailed;
            self.dots += 1;
        } else {
            self.unjoined |= !first && !self.trailed;
            self.quoted |= quoted;
            self.pieces += 1;
        }
        self.trailed = dot;
        self.end = lexeme.end;
        true
    }

    /// Finds what is odd about the run as a domain.
    pub(super) fn judge_domain(&self, odd: &mut Oddities) -> Result<(), Oddity> {
        if self.pieces == 0 {
            return Err(if self.dots > 0 { Oddity::EmptyLabel } else { Oddity::EmptyDomain });
        }
        if self.quoted {
            return Err(Oddity::QuotedDomain);
        }
        if self.unjoined {
            return Err(Oddity::TextAfter);
        }
        odd.insert_if(self.led || self.doubled, Oddity::EmptyLabel);
        odd.insert_if(self.trailed, Oddity::TrailingDot);
        odd.insert_if(self.inside && self.pieces_before_gap > 1, Oddity::SplitDomain);
        Ok(())
    }
}
