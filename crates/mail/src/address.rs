//! Address fields: lists, groups, mailboxes, with every oddity named (RFC 5322 §3.4, §4.4; RFC 6532)
//!
//! [`Addresses`] reads a field's value from left to right, once, and keeps nothing: hundreds of thousands of addresses
//! cost time in proportion and no memory. It mends nothing. What the grammar does not have comes back as
//! [`Entry::Broken`]; what it has but readers disagree on is among the [`Mailbox::oddities`]. Whether that matters is
//! for the asker to decide.

mod crossing;
pub mod encoded_word;
mod lexer;
mod oddity;
mod run;
mod utf7;

use std::borrow::Cow;

pub(crate) use crossing::is_crossed;
use lexer::{Lexeme, Token, more_telling};
pub(crate) use lexer::{Lexer, is_atom, unquote};
pub(crate) use oddity::HIDDEN_BREAKS;
pub use oddity::{Oddities, Oddity};
use run::Run;

/// The entries of an address field, read one by one.
#[derive(Clone, Debug)]
pub struct Addresses<'a> {
    /// Where the tokens come from.
    lexer: Lexer<'a>,
    /// The next token.
    ahead: Lexeme<'a>,
    /// Whether a group is open.
    in_group: bool,
    /// What was read since the list began.
    before: Before,
}

/// What stands in front of the next entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// The beginning of the list or of a group.
    Start,
    /// A comma.
    Comma,
    /// An entry.
    Entry,
}

/// One entry of an address field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// An address, with or without a display name.
    Mailbox(Mailbox<'a>),
    /// A group begins; what is before the colon.
    Group(&'a [u8]),
    /// Nothing, between two commas (§4.4).
    Empty,
    /// Something that is no address, and why.
    Broken(Oddity, &'a [u8]),
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox<'a> {
    /// The display name as written; empty where there is none. [`display`] says how it is shown.
    pub phrase: &'a [u8],
    /// The local part without quotes and gaps.
    pub local: Cow<'a, [u8]>,
    /// The domain without gaps, as written; for a domain literal the inside of the brackets.
    pub domain: Cow<'a, [u8]>,
    /// Whether it stands in angle brackets.
    pub angle: bool,
    /// Whether it is a member of a group.
    pub in_group: bool,
    /// A comment beside it that holds something like an address.
    pub comment: Option<&'a [u8]>,
    /// What is odd about it.
    pub oddities: Oddities,
}

impl<'a> Addresses<'a> {
    /// Reads the value of an address field.
    pub fn parse(value: &'a [u8]) -> Addresses<'a> {
        let mut lexer = Lexer::new(value);
        let ahead = lexer.read();
        Addresses { lexer, ahead, in_group: false, before: Before::Start }
    }

    /// Returns what is odd about a value's octets: NUL, bare line breaks, other controls, no UTF-8.
    pub fn survey(value: &[u8]) -> Oddities {
        oddity::survey(value)
    }

    /// Returns what is odd about the comments, quotes and brackets read so far.
    pub fn oddities(&self) -> Oddities {
        self.lexer.oddities
    }

    /// Takes the next token.
    fn take(&mut self) -> Lexeme<'a> {
        let next = self.lexer.read();
        std::mem::replace(&mut self.ahead, next)
    }

    /// Returns a part of the text.
    fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.lexer.text().get(start..end).unwrap_or_default()
    }

    /// Tells whether an entry may end before the next token.
    fn at_separator(&self) -> bool {
        match self.ahead.token {
            Token::End | Token::Special(b',') => true,
            Token::Special(b';') => self.in_group,
            _ => false,
        }
    }

    /// Reads words, quoted strings and dots as far as they go.
    fn run(&mut self) -> Run<'a> {
        let mut run = Run::at(&self.ahead);
        while run.extend(&self.ahead) {
            self.take();
        }
        run
    }

    /// Reads one entry that begins with the next token.
    fn entry(&mut self) -> Result<Entry<'a>, Oddity> {
        let start = self.ahead;
        let words = self.run();
        match self.ahead.token {
            Token::Special(b'<') => self.angle(self.slice(words.start, words.end), words.before, Oddities::default()),
            Token::Special(b'@') => self.bare(&words),
            Token::Special(b':') if words.pieces == 0 => Err(Oddity::Stray),
            Token::Special(b':') if self.in_group => Err(Oddity::NestedGroup),
            Token::Special(b':') => {
                self.take();
                self.in_group = true;
                Ok(Entry::Group(self.slice(words.start, words.end)))
            }
            Token::Special(b';') => Err(Oddity::Semicolon),
            _ if !self.at_separator() => Err(Oddity::Stray),
            _ => {
                let text = self.slice(start.start, words.end);
                let hidden = encoded_word::is_present(text) && encoded_word::decode(text).contains('@');
                Err(if hidden { Oddity::EncodedWord } else { Oddity::NoAtSign })
            }
        }
    }

    /// Reads an address without angle brackets, whose local part was read (§3.4.1).
    fn bare(&mut self, local: &Run<'a>) -> Result<Entry<'a>, Oddity> {
        if local.unjoined {
            return Err(Oddity::TextBefore);
        }
        let mut mailbox = self.address(local)?;
        match self.ahead.token {
            Token::Special(b'<') => {
                let phrase = self.slice(local.start, self.ahead.start).trim_ascii_end();
                let mut odd = Oddities::default();
                odd.insert(Oddity::AddressBeforeAngle);
                return self.angle(phrase, more_telling(local.before, mailbox.comment), odd);
            }
            Token::Special(b';') if !self.in_group => return Err(Oddity::Semicolon),
            _ if !self.at_separator() => return Err(Oddity::TextAfter),
            _ => {}
        }
        // A comment that touches the address is a part of it to some eyes; one that stands apart is a name (§3.4).
        let touches = [local.start.checked_sub(1), Some(mailbox.end)].map(|at| at.and_then(|at| self.byte(at)));
        let odd = (local.before.is_some() && touches[0] == Some(b')'))
            || (self.ahead.gap.telling.is_some() && touches[1] == Some(b'('));
        mailbox.oddities.insert_if(odd, Oddity::CommentInAddress);
        mailbox.comment = more_telling(local.before, self.ahead.gap.telling);
        Ok(Entry::Mailbox(mailbox.finish(&[], false, self.in_group)))
    }

    /// Returns one octet of the text.
    fn byte(&self, at: usize) -> Option<u8> {
        self.lexer.text().get(at).copied()
    }

    /// Reads an address in angle brackets, from the opening one (§3.4, §4.4).
    fn angle(&mut self, phrase: &'a [u8], before: Option<&'a [u8]>, mut odd: Oddities) -> Result<Entry<'a>, Oddity> {
        let mut comment = more_telling(before, self.ahead.gap.telling);
        self.take();
        if self.ahead.is(b'>') {
            return Err(Oddity::EmptyAddress);
        }
        odd.insert_if(self.ahead.gap.telling.is_some(), Oddity::CommentInAddress);
        if self.ahead.is(b'@') {
            self.route()?;
            odd.insert(Oddity::Route);
        }
        let local = self.run();
        if local.unjoined {
            return Err(Oddity::Stray);
        }
        if self.ahead.is(b'>') {
            return Err(Oddity::NoAtSign);
        }
        let mut mailbox = self.address(&local)?;
        odd.insert_if(self.ahead.gap.telling.is_some(), Oddity::CommentInAddress);
        match self.ahead.token {
            Token::Special(b'>') => self.take(),
            Token::End => return Err(Oddity::UnclosedAngle),
            _ => return Err(Oddity::Stray),
        };
        comment = more_telling(comment, self.ahead.gap.telling);
        match self.ahead.token {
            Token::Special(b'<') => return Err(Oddity::SecondAngle),
            Token::Special(b';') if !self.in_group => return Err(Oddity::Semicolon),
            _ if !self.at_separator() => return Err(Oddity::TextAfter),
            _ => {}
        }
        mailbox.oddities.extend(odd);
        mailbox.comment = comment;
        Ok(Entry::Mailbox(mailbox.finish(phrase, true, self.in_group)))
    }

    /// Skips a source route, `@a,@b:` (§4.4); without a colon it is an address without a local part.
    fn route(&mut self) -> Result<(), Oddity> {
        loop {
            match self.ahead.token {
                Token::Special(b':') => {
                    self.take();
                    return Ok(());
                }
                Token::Special(b'@' | b',' | b'.') | Token::Atom(_) | Token::Literal(_) => self.take(),
                Token::Special(b'>') => return Err(Oddity::EmptyLocal),
                Token::End => return Err(Oddity::UnclosedAngle),
                _ => return Err(Oddity::Stray),
            };
        }
    }

    /// Reads `@domain` behind a local part.
    fn address(&mut self, local: &Run<'a>) -> Result<Address<'a>, Oddity> {
        let mut odd = Oddities::default();
        match self.ahead.token {
            Token::Special(b'@') => {}
            Token::End => return Err(Oddity::UnclosedAngle),
            _ => return Err(Oddity::Stray),
        }
        if local.pieces == 0 {
            return Err(if local.dots > 0 { Oddity::Stray } else { Oddity::EmptyLocal });
        }
        let mut gap = local.inside || self.ahead.gap.any;
        let mut telling = local.telling || self.ahead.gap.telling.is_some();
        self.take();
        gap |= self.ahead.gap.any;
        telling |= self.ahead.gap.telling.is_some();
        let (domain, end) = if let Token::Literal(inside) = self.ahead.token {
            odd.insert(Oddity::DomainLiteral);
            (Cow::Borrowed(inside), self.take().end)
        } else {
            let domain = self.run();
            telling |= domain.telling;
            gap |= domain.inside;
            domain.judge_domain(&mut odd)?;
            (self.join(&domain), domain.end)
        };
        if self.ahead.is(b'@') {
            return Err(Oddity::TwoAtSigns);
        }
        let text = self.join(local);
        odd.insert_if(local.quoted, Oddity::QuotedLocal);
        odd.insert_if(local.doubled || local.led || local.trailed, Oddity::LocalDots);
        odd.insert_if(gap, Oddity::GapInAddress);
        odd.insert_if(telling, Oddity::CommentInAddress);
        odd.insert_if(encoded_word::is_present(&text) || encoded_word::is_present(&domain), Oddity::EncodedWord);
        Ok(Address { local: text, domain, end, comment: self.ahead.gap.telling, oddities: odd })
    }

    /// Returns the text of a run without its gaps and quotes.
    fn join(&self, run: &Run<'a>) -> Cow<'a, [u8]> {
        let text = self.slice(run.start, run.end);
        if !run.inside && !run.quoted {
            return Cow::Borrowed(text);
        }
        let mut joined = Vec::with_capacity(text.len());
        let mut lexer = Lexer::new(text);
        loop {
            match lexer.read().token {
                Token::Atom(atom) => joined.extend_from_slice(atom),
                Token::Quoted(inside) => unquote(inside, &mut joined),
                Token::Special(byte) => joined.push(byte),
                Token::Literal(_) | Token::End => return Cow::Owned(joined),
            }
        }
    }

    /// Skips what is left of a broken entry.
    fn recover(&mut self) {
        while !self.at_separator() {
            self.take();
        }
    }
}

impl<'a> Iterator for Addresses<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            let before = self.before;
            match self.ahead.token {
                Token::End if self.in_group => {
                    self.in_group = false;
                    self.before = Before::Entry;
                    return Some(Entry::Broken(Oddity::UnclosedGroup, &[]));
                }
                Token::End => {
                    self.before = Before::Start;
                    return (before == Before::Comma).then_some(Entry::Empty);
                }
                Token::Special(b',') => {
                    self.take();
                    self.before = Before::Comma;
                    if before != Before::Entry {
                        return Some(Entry::Empty);
                    }
                }
                Token::Special(b';') if self.in_group => {
                    self.take();
                    self.in_group = false;
                    self.before = Before::Entry;
                }
                _ => {
                    let start = self.ahead.start;
                    self.before = Before::Entry;
                    let read = if before == Before::Entry { Err(Oddity::TextAfter) } else { self.entry() };
                    if let Ok(Entry::Group(_)) = read {
                        self.before = Before::Start;
                    }
                    return Some(read.unwrap_or_else(|oddity| {
                        self.recover();
                        Entry::Broken(oddity, self.slice(start, self.ahead.start).trim_ascii_end())
                    }));
                }
            }
        }
    }
}

/// Returns a display name as a reader of mail shows it: quotes removed, encoded words decoded.
pub fn display(phrase: &[u8]) -> String {
    let mut text = Vec::with_capacity(phrase.len());
    let mut lexer = Lexer::new(phrase);
    loop {
        let lexeme = lexer.read();
        if lexeme.gap.any && !text.is_empty() && lexeme.token != Token::End {
            text.push(b' ');
        }
        match lexeme.token {
            Token::Atom(atom) => text.extend_from_slice(atom),
            Token::Quoted(inside) => unquote(inside, &mut text),
            Token::Literal(_) => text.extend_from_slice(phrase.get(lexeme.start..lexeme.end).unwrap_or_default()),
            Token::Special(byte) => text.push(byte),
            Token::End => return encoded_word::decode(&text),
        }
    }
}

/// A local part and a domain that were read.
struct Address<'a> {
    /// The local part.
    local: Cow<'a, [u8]>,
    /// The domain.
    domain: Cow<'a, [u8]>,
    /// Where the domain ends in the text.
    end: usize,
    /// A comment beside it that holds something like an address.
    comment: Option<&'a [u8]>,
    /// What is odd about them.
    oddities: Oddities,
}

impl<'a> Address<'a> {
    /// Makes it a mailbox.
    fn finish(self, phrase: &'a [u8], angle: bool, in_group: bool) -> Mailbox<'a> {
        let Address { local, domain, comment, mut oddities, .. } = self;
        // §4.1: a dot in a display name is obsolete without quotes, and harmless.
        let obsolete = angle && phrase.contains(&b'.') && !phrase.contains(&b'"');
        oddities.insert_if(obsolete, Oddity::ObsoletePhrase);
        Mailbox { phrase, local, domain, angle, in_group, comment, oddities }
    }
}
