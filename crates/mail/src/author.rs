//! The author: exactly one author domain, or a reason why not (RFC 5322 §3.6.2, RFC 9989 §5.3.1)
//!
//! Every DMARC verdict rests on this one: if we read one author and the reader of mail shows another, the best
//! signature proves nothing. So a header is accepted only where no reader can see another author domain than we do;
//! whatever is open to doubt is [`AuthorResult::Unusable`], with the reason. What is odd but not in doubt is a flag.

mod appearance;
pub mod fault;
pub mod flag;
mod lines;

use std::borrow::Cow;

use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Rule, Step, Trace, Value};
use sekisho_core::visible::Visible;

use crate::address::{Addresses, Entry, Mailbox, Oddities, Oddity, is_crossed};
use crate::header::Header;
use crate::policy::Policy;
use crate::verdict::{Author, AuthorResult};
use fault::Fault;
use flag::Flag;

/// There is exactly one author domain.
static DOMAIN: Rule = Rule { id: "author.domain", section: "RFC 9989 §5.3.1" };

/// The rules of this file; [`fault`] and [`flag`] have the others.
pub(crate) const RULES: &[&Rule] = &[&DOMAIN];

/// The most author addresses that are named.
const ADDRESSES_MAX: usize = 100;
/// The most octets of a field that a sentence shows.
const SHOWN_MAX: usize = 120;

/// Finds the author of a mail, or says why there is none to rely on.
pub fn judge(header: &Header<'_>) -> (Author, Vec<Step>) {
    let mut found = Findings::default();
    let lines = lines::examine(header, &mut found);
    let mut authors = Authors::default();
    for field in &lines.from {
        authors.read(field.value(), &mut found);
    }
    authors.close(&lines, &mut found);
    conclude(authors, found)
}

/// Says that the header is too large to look for an author in it.
pub(crate) fn too_large(policy: &Policy) -> (Author, Vec<Step>) {
    let fault = &fault::TOO_LARGE;
    let mut trace = Trace::new(Check::Author);
    let arguments = [("octets", policy.max_header_bytes.into()), ("fields", policy.max_fields.into())];
    trace.conclude(&fault.rule, fault.result.as_str(), arguments);
    let (result, reason) = (fault.result, Some(fault.reason));
    let author = Author { result, domain: None, addresses: Vec::new(), reason, flags: Vec::new() };
    (author, trace.into_steps())
}

/// Makes the verdict and its account of what was found.
fn conclude(authors: Authors<'_>, found: Findings) -> (Author, Vec<Step>) {
    let mut trace = Trace::new(Check::Author);
    let first = found.faults.first().map(|(fault, _)| *fault);
    for (fault, text) in found.faults {
        trace.conclude(&fault.rule, fault.result.as_str(), [("text", text)]);
    }
    let domain = authors.domain.map(|(name, _)| name).filter(|_| first.is_none());
    if let Some(name) = &domain {
        trace.conclude(&DOMAIN, AuthorResult::Ok.as_str(), [("domain", name.into())]);
    }
    let mut flags: Vec<&'static str> = Vec::with_capacity(found.flags.len());
    trace.enter();
    for Flagged { word, rule, argument, count } in found.flags {
        flags.push(word);
        match count {
            None => trace.note(rule, [("text", argument)]),
            Some(count) => trace.note(rule, [("name", argument), ("count", count.into())]),
        }
    }
    let author = Author {
        result: first.map_or(AuthorResult::Ok, |fault| fault.result),
        domain,
        addresses: authors.addresses,
        reason: first.map(|fault| fault.reason),
        flags,
    };
    (author, trace.into_steps())
}

/// What was found so far: each fault and each flag once.
#[derive(Debug, Default)]
struct Findings {
    /// What decides, in the order it was found; the first is the reason.
    faults: Vec<(&'static Fault, Value)>,
    /// What does not.
    flags: Vec<Flagged>,
}

/// A flag with what its sentence names.
#[derive(Debug)]
struct Flagged {
    /// The stable word.
    word: &'static str,
    /// The rule.
    rule: &'static Rule,
    /// What the sentence names.
    argument: Value,
    /// How often it was seen, where that matters.
    count: Option<usize>,
}

impl Findings {
    /// Notes a fault, and the text that shows it.
    fn fault(&mut self, fault: &'static Fault, text: &[u8]) {
        if !self.faults.iter().any(|(known, _)| known.reason == fault.reason) {
            self.faults.push((fault, shown(text)));
        }
    }

    /// Notes a flag, and the text that shows it.
    fn flag(&mut self, flag: &'static Flag, text: &[u8]) {
        if !self.has_flag(flag.word) {
            self.flags.push(Flagged { word: flag.word, rule: &flag.rule, argument: shown(text), count: None });
        }
    }

    /// Notes a flag that is a matter of number.
    fn count(&mut self, word: &'static str, rule: &'static Rule, name: &'static str, count: usize) {
        self.flags.push(Flagged { word, rule, argument: Value::Word(name), count: Some(count) });
    }

    /// Tells whether a flag was noted.
    fn has_flag(&self, word: &str) -> bool {
        self.flags.iter().any(|known| known.word == word)
    }
}

/// Cuts text to what a sentence shows.
fn shown(text: &[u8]) -> Value {
    let text = text.trim_ascii();
    match text.get(..SHOWN_MAX) {
        Some(start) if text.len() > SHOWN_MAX => Value::Text([start, "…".as_bytes()].concat().into_boxed_slice()),
        _ => Value::from(text),
    }
}

/// The authors read so far.
#[derive(Debug, Default)]
struct Authors<'a> {
    /// The domain of the first one, and how it was written.
    domain: Option<(DomainName, Cow<'a, [u8]>)>,
    /// The addresses, shown harmlessly.
    addresses: Vec<String>,
    /// How many mailboxes there are.
    count: usize,
    /// Another domain than the first.
    other: Option<DomainName>,
    /// Whether anything but commas was read.
    any: bool,
}

impl<'a> Authors<'a> {
    /// Reads the value of one From field.
    fn read(&mut self, value: &'a [u8], found: &mut Findings) {
        note_octets(Addresses::survey(value), value, found);
        if is_crossed(value) {
            found.fault(&fault::CROSSED_WORD, value);
        }
        let mut group: Option<&[u8]> = None;
        let (before, first_fault) = (self.count, found.faults.len());
        let mut broken = Vec::new();
        let mut entries = Addresses::parse(value);
        for entry in entries.by_ref() {
            self.any |= entry != Entry::Empty;
            match entry {
                Entry::Mailbox(mailbox) => self.mailbox(mailbox, found),
                Entry::Group(name) => group = Some(name),
                Entry::Empty => found.flag(&flag::EMPTY_ELEMENT, &[]),
                Entry::Broken(oddity, text) if broken.len() < 8 => broken.push((oddity, text)),
                Entry::Broken(..) => {}
            }
        }
        // What is never closed explains everything behind it, so it is told first.
        let faults = found.faults.len() - first_fault;
        note_unclosed(entries.oddities(), value, found);
        found.faults.get_mut(first_fault..).unwrap_or_default().rotate_left(faults);
        if let Some(name) = group {
            found.fault(if self.count == before { &fault::GROUP } else { &fault::GROUP_MEMBERS }, name);
        }
        for (oddity, text) in broken {
            found.fault(fault_of(oddity).unwrap_or(&fault::UNPARSEABLE), text);
        }
    }

    /// Takes one author.
    fn mailbox(&mut self, mailbox: Mailbox<'a>, found: &mut Findings) {
        self.count += 1;
        // What is beyond the addresses that are named is shown by its domain alone: there may be 300,000 of them.
        let text = if self.count <= ADDRESSES_MAX { address(&mailbox) } else { String::new() };
        let shown: &[u8] = if text.is_empty() { &mailbox.domain } else { text.as_bytes() };
        for (fault, _) in DECISIVE.iter().map(|&o| (fault_of(o), o)).filter(|&(_, o)| mailbox.oddities.contains(o)) {
            found.fault(fault.unwrap_or(&fault::UNPARSEABLE), shown);
        }
        note_tolerated(&mailbox, shown, found);
        if self.other.is_some() {
            return self.name(text); // already too many domains: one more changes nothing
        }
        let known = self.domain.as_ref().filter(|(_, written)| written.eq_ignore_ascii_case(&mailbox.domain));
        let name = match known {
            Some((name, _)) => name.clone(),
            None => match usable(&mailbox.domain) {
                Ok(name) => name,
                Err(fault) => {
                    // A literal or a trailing dot was named already; it is no name because of that.
                    if found.faults.is_empty() {
                        found.fault(fault, shown);
                    }
                    return self.name(text);
                }
            },
        };
        if self.count <= ADDRESSES_MAX {
            appearance::examine(&mailbox, &name, found);
        }
        self.name(text);
        match &self.domain {
            None => self.domain = Some((name, mailbox.domain)),
            Some((first, _)) if *first != name => self.other = Some(name),
            Some(_) => {}
        }
    }

    /// Keeps the address of an author.
    fn name(&mut self, text: String) {
        if !text.is_empty() {
            self.addresses.push(text);
        }
    }

    /// Draws what can be said only of all authors together.
    fn close(&mut self, lines: &lines::Lines<'_>, found: &mut Findings) {
        if let Some(other) = &self.other {
            found.fault(&fault::SEVERAL_DOMAINS, other.to_string().as_bytes());
        }
        if !self.any && found.faults.is_empty() {
            found.fault(if lines.from.is_empty() { &fault::NO_FROM } else { &fault::EMPTY_FROM }, &[]);
        }
        if self.count > 1 {
            if self.other.is_none() {
                found.count(flag::SEVERAL_AUTHORS.word, &flag::SEVERAL_AUTHORS.rule, "From", self.count);
            }
            if !lines.has_sender {
                found.flag(&flag::SENDER_MISSING, &[]);
            }
        }
        if let Some((name, _)) = self.domain.as_ref().filter(|(name, _)| name.label_count() == 1) {
            found.flag(&flag::SINGLE_LABEL_DOMAIN, name.to_string().as_bytes());
        }
    }
}

/// What makes an address that could be read useless: readers disagree on it.
const DECISIVE: &[Oddity] = &[
    Oddity::Route,
    Oddity::DomainLiteral,
    Oddity::TrailingDot,
    Oddity::EmptyLabel,
    Oddity::EncodedWord,
    Oddity::SplitDomain,
    Oddity::CommentInAddress,
];

/// Returns the fault that an oddity is, where it is one.
fn fault_of(oddity: Oddity) -> Option<&'static Fault> {
    Some(match oddity {
        Oddity::Nul => &fault::NUL,
        Oddity::BareBreak => &fault::BARE_BREAK,
        Oddity::HiddenBreak => &fault::HIDDEN_BREAK,
        Oddity::BlankLine => &fault::BLANK_LINE,
        Oddity::Control => &fault::CONTROL,
        Oddity::UndeclaredCharset => &fault::UNDECLARED_CHARSET,
        Oddity::UnclosedQuote => &fault::UNCLOSED_QUOTE,
        Oddity::UnclosedComment => &fault::UNCLOSED_COMMENT,
        Oddity::UnclosedLiteral => &fault::UNCLOSED_LITERAL,
        Oddity::UnclosedAngle => &fault::UNCLOSED_ANGLE,
        Oddity::DeepComment => &fault::DEEP_COMMENT,
        Oddity::NoAtSign => &fault::NO_ADDRESS,
        Oddity::EmptyAddress => &fault::EMPTY_ADDRESS,
        Oddity::EmptyLocal => &fault::EMPTY_LOCAL,
        Oddity::EmptyDomain => &fault::EMPTY_DOMAIN,
        Oddity::TwoAtSigns => &fault::TWO_AT_SIGNS,
        Oddity::Route => &fault::ROUTE,
        Oddity::DomainLiteral => &fault::DOMAIN_LITERAL,
        Oddity::TrailingDot => &fault::TRAILING_DOT,
        Oddity::EmptyLabel | Oddity::QuotedDomain => &fault::BAD_DOMAIN,
        Oddity::EncodedWord => &fault::ENCODED_ADDRESS,
        Oddity::SplitDomain => &fault::SPLIT_DOMAIN,
        Oddity::CommentInAddress => &fault::COMMENT_IN_ADDRESS,
        Oddity::TextBefore => &fault::TEXT_BEFORE,
        Oddity::TextAfter => &fault::TEXT_AFTER,
        Oddity::SecondAngle => &fault::SECOND_ANGLE,
        Oddity::Semicolon => &fault::SEMICOLON,
        Oddity::NestedGroup | Oddity::UnclosedGroup | Oddity::Stray => &fault::UNPARSEABLE,
        Oddity::NotUtf8
        | Oddity::LocalDots
        | Oddity::QuotedLocal
        | Oddity::GapInAddress
        | Oddity::AddressBeforeAngle
        | Oddity::ObsoletePhrase => return None,
    })
}

/// Notes what is wrong with the octets of From, whatever they mean.
fn note_octets(odd: Oddities, value: &[u8], found: &mut Findings) {
    for oddity in [
        Oddity::Nul,
        Oddity::BareBreak,
        Oddity::HiddenBreak,
        Oddity::BlankLine,
        Oddity::Control,
        Oddity::UndeclaredCharset,
    ] {
        if let Some(fault) = fault_of(oddity).filter(|_| odd.contains(oddity)) {
            found.fault(fault, value);
        }
    }
}

/// Notes what has no end in From.
fn note_unclosed(odd: Oddities, value: &[u8], found: &mut Findings) {
    for oddity in [Oddity::UnclosedQuote, Oddity::UnclosedComment, Oddity::UnclosedLiteral, Oddity::DeepComment] {
        if let Some(fault) = fault_of(oddity).filter(|_| odd.contains(oddity)) {
            found.fault(fault, value);
        }
    }
}

/// Notes what is odd about an address that can be read all the same, and what only looks so.
fn note_tolerated(mailbox: &Mailbox<'_>, text: &[u8], found: &mut Findings) {
    if mailbox.oddities.contains(Oddity::GapInAddress) {
        found.flag(&flag::OBSOLETE_ADDRESS, text);
    }
    if mailbox.oddities.contains(Oddity::LocalDots) {
        found.flag(&flag::LOCAL_DOTS, text);
    }
    // `"<a@victim>"@attacker`: whoever takes the quotes off sees two addresses.
    if mailbox.local.iter().any(|b| matches!(b, b'@' | b'<' | b'>')) {
        found.fault(&fault::QUOTED_AT, text);
    }
    if let Some(comment) = mailbox.comment.filter(|comment| comment.contains(&b'@')) {
        found.flag(&flag::COMMENT_ADDRESS, comment);
    }
    if mailbox.oddities.contains(Oddity::AddressBeforeAngle) {
        let before = match Addresses::parse(mailbox.phrase).next() {
            Some(Entry::Mailbox(before)) => usable(&before.domain).ok(),
            _ => None,
        };
        if before.is_some() && before == usable(&mailbox.domain).ok() {
            found.flag(&flag::UNQUOTED_NAME, mailbox.phrase);
        } else {
            found.fault(&fault::ADDRESS_BEFORE, mailbox.phrase);
        }
    }
}

/// Returns the address as it may be shown: controls escaped, quoted where it needs quotes.
fn address(mailbox: &Mailbox<'_>) -> String {
    let domain = Visible(&mailbox.domain).text();
    let literal = mailbox.oddities.contains(Oddity::DomainLiteral);
    let (open, close) = if literal { ("[", "]") } else { ("", "") };
    if mailbox.local.iter().all(|&b| b == b'.' || crate::address::is_atom(b)) {
        return [&*Visible(&mailbox.local).text(), "@", open, &*domain, close].concat();
    }
    let mut local = Vec::with_capacity(mailbox.local.len() + 2);
    for &byte in mailbox.local.iter() {
        if matches!(byte, b'"' | b'\\') {
            local.push(b'\\');
        }
        local.push(byte);
    }
    format!("\"{}\"@{open}{domain}{close}", Visible(&local))
}

/// Returns the domain of an address as a name that hosts can have, in A-labels (RFC 9989 §5.3.1).
fn usable(domain: &[u8]) -> Result<DomainName, &'static Fault> {
    if !domain.is_ascii() {
        return from_u_labels(domain).ok_or(&fault::BAD_IDN);
    }
    if domain.ends_with(b".") || !domain.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b)) {
        return Err(&fault::BAD_DOMAIN);
    }
    let name = DomainName::parse(domain).map_err(|_| &fault::BAD_DOMAIN)?;
    let a_label = |label: &[u8]| label.starts_with(b"xn--");
    if name.labels().any(a_label) && DomainName::parse_unicode(name.to_unicode()).as_ref() != Ok(&name) {
        return Err(&fault::BAD_IDN);
    }
    // A name whose last label is a number is an IPv4 address to many (RFC 1123 §2.1).
    if name.labels().last().is_none_or(|label| label.iter().all(u8::is_ascii_digit)) {
        return Err(&fault::BAD_DOMAIN);
    }
    Ok(name)
}

/// Turns U-labels into A-labels; text that only becomes a U-label by mapping is none (RFC 5891 §4, RFC 5890 §2.3.2.1).
fn from_u_labels(domain: &[u8]) -> Option<DomainName> {
    let text = std::str::from_utf8(domain).ok()?;
    let name = DomainName::parse_unicode(text).ok()?;
    let mut written = text.split('.');
    let same = name.labels().all(|label| {
        let Some(written) = written.next() else { return false };
        if written.is_ascii() {
            return written.as_bytes().eq_ignore_ascii_case(label);
        }
        DomainName::from_labels([label]).is_ok_and(|label| label.to_unicode() == written.to_lowercase())
    });
    (same && written.next().is_none()).then_some(name)
}

#[cfg(test)]
mod tests;
