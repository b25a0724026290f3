//! A small DNS of one's own: records in a text file, answered as an authoritative server would
//!
//! One record a line, `name TYPE data`, as zone files write them but with the name always in full:
//!
//! ```text
//! # examples/zone
//! example.org          TXT    "v=spf1 mx -all"
//! example.org          MX     10 mail.example.org
//! mail.example.org     A      192.0.2.1
//! www.example.org      CNAME  example.org
//! slow.example.org     TXT    !timeout
//! broken.example.org   *      !servfail
//! ```
//!
//! A record can be pasted from a zone file: a TTL and the class `IN` may stand before the type, and the data in
//! parentheses, then also over several lines and with `;` comments. The TTL is read over, since every answer lives as long.
//!
//! `!servfail`, `!timeout`, `!refused` and `!truncated` stand for servers that fail; `*` for every type. Names in
//! between that have no records of their own exist (RFC 8020), so they answer NODATA and not NXDOMAIN.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::facts::{Answer, Facts, Kind, Outcome, Question, Record};
use crate::name::{BadName, DomainName};
use crate::presentation::BadRecord;

/// The time to live of every answer, in seconds.
const TTL: u32 = 300;
/// The most octets of one record, and the most lines: more than the DNS could carry.
const RECORD_MAX: usize = 128 * 1024;
/// The most CNAME records that are followed.
const CNAME_MAX: usize = 8;

/// Records by name.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    /// What each name has.
    nodes: BTreeMap<DomainName, Node>,
}

/// What one name has.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Its records.
    records: Vec<Record>,
    /// The name it stands for.
    cname: Option<DomainName>,
    /// Its failures; `None` as kind means all kinds.
    failures: Vec<(Option<Kind>, Outcome)>,
}

impl Zone {
    /// Reads a zone from text.
    pub fn parse(text: &str) -> Result<Zone, BadZone> {
        let mut zone = Zone::default();
        let mut lines = text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let bad = |why| BadZone { line: index + 1, why };
            let head = Head::read(line).map_err(bad)?;
            let mut data = Cow::Borrowed(head.data);
            if let Some(first) = head.data.strip_prefix('(') {
                data = gathered(first, lines.by_ref().map(|(_, line)| line)).map_err(bad)?.into();
            }
            zone.add_read(&head, data.trim()).map_err(bad)?;
        }
        Ok(zone)
    }

    /// Reads one record in one line, `name TYPE data`.
    pub fn parse_line(&mut self, line: &str) -> Result<(), BadLine> {
        let head = Head::read(line)?;
        match head.data.strip_prefix('(') {
            Some(first) => self.add_read(&head, gathered(first, std::iter::empty())?.trim()),
            None => self.add_read(&head, head.data),
        }
    }

    /// Adds what was read.
    fn add_read(&mut self, head: &Head<'_>, data: &str) -> Result<(), BadLine> {
        let name = DomainName::from_presentation(head.name).map_err(BadLine::Name)?;
        if head.kind.eq_ignore_ascii_case("CNAME") {
            let target = DomainName::from_presentation(data).map_err(BadLine::Name)?;
            self.add_cname(name, target);
            return Ok(());
        }
        let kind = if head.kind == "*" { None } else { Some(Kind::parse(head.kind).ok_or(BadLine::Kind)?) };
        if let Some(failure) = data.strip_prefix('!') {
            self.add_failure(name, kind, parse_failure(failure)?);
            return Ok(());
        }
        let kind = kind.ok_or(BadLine::Kind)?;
        self.add(name, Record::from_presentation(kind, data).map_err(BadLine::Record)?);
        Ok(())
    }

    /// Adds a record.
    pub fn add(&mut self, name: DomainName, record: Record) {
        self.nodes.entry(name).or_default().records.push(record);
    }

    /// Lets `name` stand for `target`.
    pub fn add_cname(&mut self, name: DomainName, target: DomainName) {
        self.nodes.entry(name).or_default().cname = Some(target);
    }

    /// Lets questions at `name` fail, all of them where `kind` is not given.
    pub fn add_failure(&mut self, name: DomainName, kind: Option<Kind>, outcome: Outcome) {
        self.nodes.entry(name).or_default().failures.push((kind, outcome));
    }

    /// Answers a question.
    pub fn answer(&self, question: &Question) -> Answer {
        Answer::new(self.outcome(question), TTL)
    }

    /// Answers every question that `judge` asks, until it needs no more.
    pub fn satisfy<T>(
        &self,
        facts: &mut Facts,
        mut judge: impl FnMut(&Facts) -> Result<T, crate::facts::Missing>,
    ) -> T {
        loop {
            match judge(facts) {
                Ok(verdict) => return verdict,
                Err(missing) => {
                    let known = facts.len();
                    for question in missing.0 {
                        let answer = self.answer(&question);
                        facts.insert(question, answer.into());
                    }
                    assert!(facts.len() > known, "a judge asked again for what it was told");
                }
            }
        }
    }

    /// Returns what an authoritative server would say.
    fn outcome(&self, question: &Question) -> Outcome {
        let mut question = question.clone();
        for _ in 0..=CNAME_MAX {
            match self.here(&question) {
                Here::Outcome(outcome) => return outcome,
                Here::Alias(target) => question.name = target.clone(),
            }
        }
        Outcome::Servfail
    }

    /// Returns what there is at the very name asked for: an alias is not followed.
    pub fn here(&self, question: &Question) -> Here<'_> {
        let Some(node) = self.nodes.get(&question.name) else {
            let known = self.has_names_below(&question.name);
            return Here::Outcome(if known { Outcome::NoData } else { Outcome::NoName });
        };
        let failure = node.failures.iter().find(|(kind, _)| kind.is_none_or(|kind| kind == question.kind));
        if let Some((_, outcome)) = failure {
            return Here::Outcome(outcome.clone());
        }
        if let Some(target) = &node.cname {
            return Here::Alias(target);
        }
        let records: Vec<Record> =
            node.records.iter().filter(|record| record.kind() == question.kind).cloned().collect();
        Here::Outcome(if records.is_empty() { Outcome::NoData } else { Outcome::Records(records) })
    }

    /// Tells whether some name lies below this one, so that it exists without records.
    fn has_names_below(&self, name: &DomainName) -> bool {
        self.nodes.keys().any(|known| known.is_at_or_below(name))
    }
}

/// What a zone has at one name.
#[derive(Debug)]
pub enum Here<'a> {
    /// The name stands for another.
    Alias(&'a DomainName),
    /// What an authoritative server says.
    Outcome(Outcome),
}

/// A record as it is written, up to the end of its first line.
struct Head<'a> {
    /// Whose it is.
    name: &'a str,
    /// Its type.
    kind: &'a str,
    /// What is left.
    data: &'a str,
}

impl<'a> Head<'a> {
    /// Cuts a line into name, type and data, and reads over a TTL and the class in whichever order (RFC 1035 §5.1).
    fn read(line: &'a str) -> Result<Head<'a>, BadLine> {
        let cut = |text: &'a str| -> Result<(&'a str, &'a str), BadLine> {
            let (word, rest) = text.split_once(char::is_whitespace).ok_or(BadLine::TooShort)?;
            Ok((word, rest.trim_start()))
        };
        let (name, mut rest) = cut(line.trim())?;
        let (mut ttl, mut class) = (false, false);
        loop {
            let (word, behind) = cut(rest)?;
            if !class && word.eq_ignore_ascii_case("IN") {
                class = true;
            } else if !ttl && word.parse::<u32>().is_ok() {
                ttl = true;
            } else {
                return Ok(Head { name, kind: word, data: behind });
            }
            rest = behind;
        }
    }
}

/// Returns what stands between parentheses that have been opened: `first`, and as many `lines` as they go on. Outside of
/// quotes a `;` begins a comment, behind the closing parenthesis too; nothing else may follow it.
fn gathered<'a>(first: &'a str, mut lines: impl Iterator<Item = &'a str>) -> Result<String, BadLine> {
    let mut data = String::new();
    let (mut line, mut read) = (first, 0);
    loop {
        read += line.len() + 1;
        if read > RECORD_MAX {
            return Err(BadLine::Parenthesis);
        }
        match end_of_line(line) {
            (inside, Some(behind)) => {
                data.push_str(inside);
                let behind = behind.trim_start();
                return if behind.is_empty() || behind.starts_with(';') { Ok(data) } else { Err(BadLine::Parenthesis) };
            }
            (inside, None) => {
                data.push_str(inside);
                data.push(' ');
                line = lines.next().ok_or(BadLine::Parenthesis)?;
            }
        }
    }
}

/// Returns what a line holds before its comment or the closing parenthesis, and in the latter case what follows that.
fn end_of_line(line: &str) -> (&str, Option<&str>) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in line.char_indices() {
        let (before, behind) = line.split_at(at);
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => return (before, None),
            ')' if !quoted => return (before, behind.get(1..)),
            _ => {}
        }
    }
    (line, None)
}

/// Reads the word of a failure.
fn parse_failure(word: &str) -> Result<Outcome, BadLine> {
    [Outcome::Servfail, Outcome::Timeout, Outcome::Refused, Outcome::Truncated]
        .into_iter()
        .find(|outcome| outcome.word() == word)
        .ok_or(BadLine::Failure)
}

/// A line of a zone that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadZone {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: BadLine,
}

impl fmt::Display for BadZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for BadZone {}

/// What is wrong with a line of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadLine {
    /// It is not `name TYPE data`.
    TooShort,
    /// The name cannot be read.
    Name(BadName),
    /// The type is none that judges ask for.
    Kind,
    /// The failure is none of the known ones.
    Failure,
    /// A parenthesis is not closed, or something follows where it is.
    Parenthesis,
    /// The data cannot be read.
    Record(BadRecord),
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadLine::TooShort => f.write_str("a record is `name TYPE data`"),
            BadLine::Name(why) => write!(f, "{why}"),
            BadLine::Kind => f.write_str(
                "the type is none of A, AAAA, MX, TXT, PTR and CNAME, nor `*` before a failure such as `!timeout`",
            ),
            BadLine::Parenthesis => f.write_str("a parenthesis is not closed, or something follows where it is"),
            BadLine::Failure => f.write_str("a failure is `!servfail`, `!timeout`, `!refused` or `!truncated`"),
            BadLine::Record(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for BadLine {}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(zone: &Zone, kind: Kind, name: &str) -> Outcome {
        zone.answer(&Question::new(kind, DomainName::parse(name).unwrap())).outcome
    }

    #[test]
    fn absence_failure_and_aliases_are_told_apart() {
        let zone = Zone::parse(
            "# a zone\na.b.example TXT \"x\"\nwww.example CNAME a.b.example\nslow.example * !timeout\nloop.example CNAME loop.example",
        )
        .unwrap();
        assert_eq!(ask(&zone, Kind::Txt, "www.example"), ask(&zone, Kind::Txt, "a.b.example"));
        assert_eq!(ask(&zone, Kind::A, "a.b.example"), Outcome::NoData);
        assert_eq!(ask(&zone, Kind::A, "b.example"), Outcome::NoData);
        assert_eq!(ask(&zone, Kind::A, "c.example"), Outcome::NoName);
        assert_eq!(ask(&zone, Kind::Mx, "slow.example"), Outcome::Timeout);
        assert_eq!(ask(&zone, Kind::Mx, "loop.example"), Outcome::Servfail);
    }

    #[test]
    fn records_can_be_pasted_from_zone_files() {
        let zone = Zone::parse(concat!(
            "a.example. 3600 IN TXT \"v=spf1 -all\"\n",
            "b.example. in 3600 A 192.0.2.1\n",
            "c.example. IN TXT ( \"one; (\" \"two\" )\n",
            "d.example. IN MX ( 10 ; the first\n  mail.example. ) ; and the only one\n",
            "e.example IN TXT ( \"v=DKIM1; k=rsa; \"\n\t  \"p=AA\\\")BB\" )  ; ----- key e\n",
            "f.example TXT v=spf1 (all) ; as it is\n",
        ))
        .unwrap();
        let said = |kind, name| ask(&zone, kind, name).records().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(said(Kind::Txt, "a.example"), ["\"v=spf1 -all\""]);
        assert_eq!(said(Kind::A, "b.example"), ["192.0.2.1"]);
        assert_eq!(said(Kind::Txt, "c.example"), ["\"one; (\" \"two\""]);
        assert_eq!(said(Kind::Mx, "d.example"), ["10 mail.example"]);
        assert_eq!(said(Kind::Txt, "e.example"), ["\"v=DKIM1; k=rsa; \" \"p=AA\\\")BB\""]);
        assert_eq!(said(Kind::Txt, "f.example"), ["\"v=spf1 (all) ; as it is\""]);
        let mut zone = Zone::default();
        assert_eq!(zone.parse_line("a.example IN TXT ( \"x\" )"), Ok(()));
        assert_eq!(zone.parse_line("a.example IN TXT ( \"x\""), Err(BadLine::Parenthesis));
    }

    #[test]
    fn parentheses_and_headers_that_cannot_be_read_are_named_by_the_records_first_line() {
        let why = |text: &str| Zone::parse(text).map(|_| ()).unwrap_err();
        let bad = |line, why| BadZone { line, why };
        assert_eq!(why("\na.example TXT (\n\"x\"\n"), bad(2, BadLine::Parenthesis));
        assert_eq!(why("a.example TXT ( \"x\" ) y"), bad(1, BadLine::Parenthesis));
        assert_eq!(why("a.example TXT ( \"x\n\" )"), bad(1, BadLine::Parenthesis));
        assert_eq!(why(&format!("a.example TXT (\n{}", "\"x\"\n".repeat(RECORD_MAX))), bad(1, BadLine::Parenthesis));
        assert_eq!(why("a.example IN 300"), bad(1, BadLine::TooShort));
        assert_eq!(why("a.example IN IN A 192.0.2.1").why, BadLine::Kind);
        assert_eq!(why("a.example CH TXT x").why, BadLine::Kind);
        assert_eq!(why("a.example 99999999999 TXT x").why, BadLine::Kind);
    }

    #[test]
    fn broken_lines_are_named() {
        assert_eq!(Zone::parse("\nexample.org TXT").unwrap_err(), BadZone { line: 2, why: BadLine::TooShort });
        assert_eq!(Zone::parse("example.org SRV x").unwrap_err().why, BadLine::Kind);
        assert_eq!(Zone::parse("example.org A !gone").unwrap_err().why, BadLine::Failure);
    }
}
