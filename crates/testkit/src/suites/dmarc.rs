//! Our own worlds of DMARC's walk: a zone each, and what is expected of mails from its domains
//!
//! Unlike the public suites they lie in the project, at `vectors/dmarc/walk.worlds`; its first lines say how to read it.

use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;

/// The worlds, one after the other.
const WORLDS: &str = include_str!("../../../../vectors/dmarc/walk.worlds");

/// A zone, and what is expected in it.
#[derive(Clone, Debug)]
pub struct World {
    /// What it shows.
    pub title: String,
    /// Its DNS, without what makes identifiers pass.
    pub zone: Zone,
    /// What is expected.
    pub expectations: Vec<Expectation>,
}

/// One mail, and what DMARC makes of it.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// What is asked, as it stands in the file.
    pub asked: String,
    /// The author domain.
    pub author: DomainName,
    /// What SPF and DKIM found out; what is not named was not looked at.
    pub identifiers: Vec<Identifier>,
    /// The result word.
    pub result: String,
    /// What else is expected: `aligned`, `org`, `at`, `policy`, `do`, each with its value; `-` is none.
    pub wanted: Vec<(String, String)>,
}

/// What a mechanism found out about a domain.
#[derive(Clone, Debug)]
pub struct Identifier {
    /// The mechanism.
    pub mechanism: Mechanism,
    /// Whether it passed; otherwise the DNS failed.
    pub passes: bool,
    /// The domain.
    pub domain: DomainName,
}

/// The mechanisms that DMARC rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// SPF, by MAIL FROM.
    Spf,
    /// DKIM.
    Dkim,
}

/// Reads the worlds.
///
/// # Panics
///
/// Panics where the file cannot be read as its first lines say.
pub fn worlds() -> Vec<World> {
    WORLDS.split("\n== ").skip(1).map(world).collect()
}

/// Reads one world.
fn world(text: &str) -> World {
    let (title, body) = text.split_once('\n').expect("a world has lines");
    let (expectations, zone): (Vec<&str>, Vec<&str>) = body.lines().partition(|line| line.starts_with("expect "));
    World {
        title: title.to_owned(),
        zone: Zone::parse(&zone.join("\n")).unwrap_or_else(|why| panic!("{title}: {why}")),
        expectations: expectations.iter().map(|line| expectation(&line["expect ".len()..])).collect(),
    }
}

/// Reads `AUTHOR [spf[?] DOMAIN] [dkim[?] DOMAIN]… = RESULT [WORD VALUE]…`.
fn expectation(line: &str) -> Expectation {
    let (asked, expected) = line.split_once(" = ").expect("an expectation expects something");
    let name = |text: &str| DomainName::parse(text).expect("a domain name");
    let (mut words, mut wanted) = (asked.split_whitespace(), expected.split_whitespace());
    let author = name(words.next().expect("an author domain"));
    let result = wanted.next().expect("a result").to_owned();
    let identifier = |(mechanism, domain): (&str, &str)| Identifier {
        mechanism: match mechanism.trim_end_matches('?') {
            "spf" => Mechanism::Spf,
            "dkim" => Mechanism::Dkim,
            other => panic!("unknown mechanism {other}"),
        },
        passes: !mechanism.ends_with('?'),
        domain: name(domain),
    };
    Expectation {
        asked: asked.to_owned(),
        author,
        identifiers: pairs(words).into_iter().map(identifier).collect(),
        result,
        wanted: pairs(wanted).into_iter().map(|(word, value)| (word.to_owned(), value.to_owned())).collect(),
    }
}

/// Pairs words with their values.
fn pairs<'a>(mut words: impl Iterator<Item = &'a str>) -> Vec<(&'a str, &'a str)> {
    let mut pairs = Vec::new();
    while let Some(word) = words.next() {
        pairs.push((word, words.next().expect("a word has a value")));
    }
    pairs
}
