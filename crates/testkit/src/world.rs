//! World files: a small DNS, and what is expected of judges that live in it (STYLE §12)
//!
//! ```text
//! # A file holds worlds, one after the other. This is a comment.
//! == a host named by MX passes
//! example.org       TXT  "v=spf1 mx -all"
//! example.org       MX   10 mail.example.org
//! mail.example.org  A    192.0.2.1
//! expect spf from 192.0.2.1 helo h for user@example.org = pass, lookups 1, voids 0
//! ```
//!
//! - `== TITLE` begins a world; what stands before the first one is a world without a title.
//! - `expect CHECK [WORD VALUE]… = RESULT [, WORD VALUE]…` expects something; the commas may be left out. A value in
//!   double quotes may have spaces and commas, with `\"` and `\\` inside, and may be empty: `for ""` is the null path.
//!   The words are those of the check; [`Expectation`] hands them over as they stand. A word may be
//!   given more than once.
//! - Every other line is one of the zone, as [`Zone`] reads it.
//!
//! Nothing is judged here: the crate that judges runs what it finds, and takes every word with
//! [`Words::take`], so that [`Words::finish`] tells of a misspelt one and no expectation is skipped silently.

use std::fmt;

use sekisho_core::zone::{BadLine, Zone};

/// A small DNS and what is expected in it.
#[derive(Clone, Debug)]
pub struct World {
    /// What it shows.
    pub title: String,
    /// Its records.
    pub zone: Zone,
    /// What is expected.
    pub expectations: Vec<Expectation>,
}

/// What a judge is asked, and what it should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The line of the file, counted from 1.
    pub line: usize,
    /// Which check is asked: `spf`, `dmarc`, …
    pub check: String,
    /// What it is told, such as `from 192.0.2.1`.
    pub asked: Words,
    /// The result word.
    pub result: String,
    /// What else is expected, such as `lookups 1`.
    pub wanted: Words,
}

/// Words with their values, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<(String, String)>);

impl Words {
    /// Takes a word's first value out.
    pub fn take(&mut self, word: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == word)?;
        Some(self.0.remove(at).1)
    }

    /// Returns the word that nobody took, so that none is overlooked.
    pub fn finish(self) -> Option<String> {
        self.0.into_iter().next().map(|(word, _)| word)
    }
}

impl World {
    /// Reads a file of worlds.
    pub fn parse_all(text: &str) -> Result<Vec<World>, BadWorld> {
        let mut worlds: Vec<World> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let (number, line) = (index + 1, line.trim());
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(title) = line.strip_prefix("==") {
                worlds.push(World::new(title.trim()));
                continue;
            }
            if worlds.is_empty() {
                worlds.push(World::new(""));
            }
            let world = worlds.last_mut().expect("there is a world to add to");
            world.parse_line(number, line).map_err(|why| BadWorld { line: number, why })?;
        }
        Ok(worlds)
    }

    /// Returns an empty world.
    fn new(title: &str) -> World {
        World { title: title.to_owned(), zone: Zone::default(), expectations: Vec::new() }
    }

    /// Reads a line of the zone or an expectation.
    fn parse_line(&mut self, number: usize, line: &str) -> Result<(), WhyBadWorld> {
        match line.strip_prefix("expect ") {
            Some(expectation) => self.expectations.push(parse_expectation(number, expectation)?),
            None => self.zone.parse_line(line).map_err(WhyBadWorld::Zone)?,
        }
        Ok(())
    }
}

/// Reads what follows `expect`.
fn parse_expectation(line: usize, text: &str) -> Result<Expectation, WhyBadWorld> {
    let mut tokens = tokens(text)?.into_iter();
    let check = tokens.next().ok_or(WhyBadWorld::Expectation)?;
    // An equals sign in quotes is a value and no sign.
    let asked: Vec<Token> = tokens.by_ref().take_while(|token| *token != Token::sign()).collect();
    let result = tokens.next().ok_or(WhyBadWorld::Expectation)?;
    if check == Token::sign() {
        return Err(WhyBadWorld::Expectation);
    }
    Ok(Expectation {
        line,
        check: check.text,
        asked: words(asked)?,
        result: result.text,
        wanted: words(tokens.collect())?,
    })
}

/// Pairs words with their values.
fn words(tokens: Vec<Token>) -> Result<Words, WhyBadWorld> {
    let mut words = Words::default();
    let mut tokens = tokens.into_iter();
    while let Some(word) = tokens.next() {
        let value = tokens.next().ok_or_else(|| WhyBadWorld::NoValue(word.text.clone()))?;
        words.0.push((word.text, value.text));
    }
    Ok(words)
}

/// A piece of an expectation.
#[derive(Debug, PartialEq, Eq)]
struct Token {
    /// The piece, without its quotes.
    text: String,
    /// Whether it stood in quotes.
    quoted: bool,
}

impl Token {
    /// Returns the sign between what is asked and what is expected.
    fn sign() -> Token {
        Token { text: "=".to_owned(), quoted: false }
    }
}

/// Cuts an expectation at white space and commas outside of quotes.
fn tokens(text: &str) -> Result<Vec<Token>, WhyBadWorld> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (token, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_token(quoted)?,
            None => {
                let end = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
                let (token, behind) = rest.split_at(end);
                (Token { text: token.to_owned(), quoted: false }, behind)
            }
        };
        tokens.push(token);
        rest = behind.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
    }
    Ok(tokens)
}

/// Reads a quoted piece from behind its first quote; returns it and what follows its last one.
fn quoted_token(text: &str) -> Result<(Token, &str), WhyBadWorld> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next().ok_or(WhyBadWorld::Quotes)? {
            '"' => {
                let behind = characters.as_str();
                let ends = behind.chars().next().is_none_or(|c| c.is_whitespace() || c == ',');
                return if ends { Ok((Token { text: value, quoted: true }, behind)) } else { Err(WhyBadWorld::Quotes) };
            }
            '\\' => value.push(characters.next().ok_or(WhyBadWorld::Quotes)?),
            other => value.push(other),
        }
    }
}

/// A line of a world file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadWorld {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: WhyBadWorld,
}

impl fmt::Display for BadWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for BadWorld {}

/// What is wrong with a line of a world file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyBadWorld {
    /// The zone cannot read it.
    Zone(BadLine),
    /// It is not `expect CHECK … = RESULT …`.
    Expectation,
    /// A quote is not closed, or something sticks to it.
    Quotes,
    /// A word has no value.
    NoValue(String),
}

impl fmt::Display for WhyBadWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyBadWorld::Zone(why) => write!(f, "{why}"),
            WhyBadWorld::Expectation => {
                f.write_str("an expectation is `expect CHECK [WORD VALUE]… = RESULT [, WORD VALUE]…`")
            }
            WhyBadWorld::Quotes => f.write_str("a quote is not closed, or something sticks to it"),
            WhyBadWorld::NoValue(word) => write!(f, "`{word}` has no value"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use sekisho_core::facts::Question;
    use sekisho_core::name::DomainName;

    use super::*;

    /// Returns the fault of a file.
    fn fault(text: &str) -> (usize, WhyBadWorld) {
        let bad = World::parse_all(text).unwrap_err();
        (bad.line, bad.why)
    }

    #[test]
    fn worlds_keep_their_zones_and_expectations_apart() {
        let worlds = World::parse_all(
            "# two worlds\n\n== one\na.example TXT \"= expect\"\nexpect spf from 192.0.2.1 for \"\" = pass, lookups 1, voids 0\n== two\nexpect dmarc for \"a, = \\\"b\\\"@x\" dkim x dkim y = fail",
        )
        .unwrap();
        assert_eq!(worlds.iter().map(|world| world.title.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        let question = Question::txt(DomainName::parse("a.example").unwrap());
        assert_eq!(worlds[0].zone.answer(&question).outcome.word(), "answer");
        assert_eq!(worlds[1].zone.answer(&question).outcome.word(), "nxdomain");
        let mut expectation = worlds[0].expectations[0].clone();
        assert_eq!((expectation.line, &*expectation.check, &*expectation.result), (5, "spf", "pass"));
        assert_eq!(expectation.asked.take("from").as_deref(), Some("192.0.2.1"));
        assert_eq!(expectation.asked.take("for").as_deref(), Some(""));
        assert_eq!(expectation.asked.finish(), None);
        assert_eq!(expectation.wanted.take("voids").as_deref(), Some("0"));
        assert_eq!(expectation.wanted.take("voids"), None);
        assert_eq!(expectation.wanted.finish().as_deref(), Some("lookups"));
        let mut asked = worlds[1].expectations[0].asked.clone();
        assert_eq!(asked.take("for").as_deref(), Some("a, = \"b\"@x"));
        assert_eq!(
            [asked.take("dkim"), asked.take("dkim"), asked.take("dkim")],
            [Some("x".into()), Some("y".into()), None]
        );
    }

    #[test]
    fn broken_lines_are_named() {
        assert_eq!(fault("== x\na.example TXT"), (2, WhyBadWorld::Zone(BadLine::TooShort)));
        assert_eq!(fault("expect spf from 192.0.2.1"), (1, WhyBadWorld::Expectation));
        assert_eq!(fault("expect spf for x = "), (1, WhyBadWorld::Expectation));
        assert_eq!(fault("expect = pass"), (1, WhyBadWorld::Expectation));
        assert_eq!(fault("expect spf for = pass"), (1, WhyBadWorld::NoValue("for".into())));
        assert_eq!(fault("expect spf for \"a\"b = pass"), (1, WhyBadWorld::Quotes));
        assert_eq!(fault("expect spf for \"a = pass"), (1, WhyBadWorld::Quotes));
    }
}
