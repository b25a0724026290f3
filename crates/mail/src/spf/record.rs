//! The SPF record: found among the TXT records of a name and read once (RFC 7208 §4.5, §4.6.1, §12)
//!
//! A syntax error anywhere makes the whole record unusable before anything is evaluated (§4.6), so reading yields
//! either all terms or the one that is wrong.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use sekisho_core::facts::{Outcome, Record as DnsRecord};
use sekisho_core::name::DomainName;
use sekisho_core::step::Rule;

use crate::verdict::SpfResult;

use super::macros::{BadMacro, MacroString, Place, askable_name};
use super::rules;

/// What a name's TXT records say about SPF.
pub(crate) enum Publication {
    /// None of them is an SPF record.
    Absent,
    /// Several are.
    Several(usize),
    /// One is, and cannot be followed.
    Broken(Fault),
    /// One is.
    Single(Arc<Record>),
}

/// An SPF record.
pub(crate) struct Record {
    /// Its text.
    pub(crate) text: Arc<[u8]>,
    /// Its mechanisms, in order.
    pub(crate) directives: Vec<Directive>,
    /// Whose record takes over where no mechanism matches.
    pub(crate) redirect: Option<Modifier>,
    /// Where the explanation of a fail stands.
    pub(crate) explanation: Option<Modifier>,
}

/// A mechanism and what its match leads to.
pub(crate) struct Directive {
    /// The term as written.
    pub(crate) text: Arc<[u8]>,
    /// What a match leads to.
    pub(crate) result: SpfResult,
    /// The mechanism.
    pub(crate) mechanism: Mechanism,
}

/// The mechanisms (RFC 7208 §5).
pub(crate) enum Mechanism {
    /// Matches always.
    All,
    /// Matches where another record passes.
    Include(DomainSpec),
    /// Matches the addresses of a name.
    A(Option<DomainSpec>, Prefixes),
    /// Matches the addresses of a name's mail exchangers.
    Mx(Option<DomainSpec>, Prefixes),
    /// Matches where the client's validated name lies in a domain.
    Ptr(Option<DomainSpec>),
    /// Matches an IPv4 network.
    Ip4(Ipv4Addr, u8),
    /// Matches an IPv6 network.
    Ip6(Ipv6Addr, u8),
    /// Matches where a name has any IPv4 address.
    Exists(DomainSpec),
}

/// A modifier with a domain: `redirect=` or `exp=` (RFC 7208 §6).
pub(crate) struct Modifier {
    /// The term as written.
    pub(crate) text: Arc<[u8]>,
    /// The domain.
    pub(crate) target: DomainSpec,
}

/// The domain of a term.
pub(crate) enum DomainSpec {
    /// It has no macro; nothing where it is no name that can be asked for.
    Fixed(Option<DomainName>, Box<[u8]>),
    /// It is expanded each time.
    Macros(MacroString),
}

/// How many leading bits are compared, for IPv4 and IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefixes {
    /// For IPv4 addresses.
    pub(crate) v4: u8,
    /// For IPv6 addresses.
    pub(crate) v6: u8,
}

/// Why a record cannot be followed.
pub(crate) struct Fault {
    /// The record's text.
    pub(crate) text: Arc<[u8]>,
    /// The term that is wrong.
    pub(crate) term: Arc<[u8]>,
    /// The rule that it breaks.
    pub(crate) rule: &'static Rule,
}

/// Finds the SPF record in an answer and reads it (RFC 7208 §4.5).
pub(crate) fn publication(outcome: &Outcome) -> Publication {
    let texts = || outcome.records().iter().filter_map(DnsRecord::text).filter(|text| is_spf(text));
    match texts().count() {
        0 => Publication::Absent,
        1 => match texts().next().map(|text| Record::parse(&text)) {
            Some(Ok(record)) => Publication::Single(Arc::new(record)),
            Some(Err(fault)) => Publication::Broken(fault),
            None => Publication::Absent,
        },
        several => Publication::Several(several),
    }
}

/// The word that every record begins with.
const VERSION: &[u8] = b"v=spf1";

/// Tells whether a TXT record is an SPF record: the version ends at a space or at the end (RFC 7208 §4.5).
fn is_spf(text: &[u8]) -> bool {
    text.split_at_checked(VERSION.len()).is_some_and(|(version, rest)| {
        version.eq_ignore_ascii_case(VERSION) && rest.first().is_none_or(|&next| next == b' ')
    })
}

impl Record {
    /// Reads a record that begins with its version.
    fn parse(text: &[u8]) -> Result<Record, Fault> {
        let mut record = Record { text: text.into(), directives: Vec::new(), redirect: None, explanation: None };
        // §4.6.1: terms are divided by spaces and by nothing else.
        let terms = text.get(VERSION.len()..).unwrap_or_default().split(|&byte| byte == b' ');
        for term in terms.filter(|term| !term.is_empty()) {
            if let Err(rule) = record.add(term) {
                return Err(Fault { text: record.text, term: term.into(), rule });
            }
        }
        Ok(record)
    }

    /// Reads one term; the error is the rule that it breaks.
    fn add(&mut self, term: &[u8]) -> Result<(), &'static Rule> {
        if !term.iter().all(u8::is_ascii_graphic) {
            return Err(&rules::ODD_OCTET);
        }
        let end = term.iter().position(|byte| matches!(byte, b':' | b'/' | b'=')).unwrap_or(term.len());
        let (name, argument) = term.split_at(end);
        match argument.strip_prefix(b"=") {
            Some(value) => self.add_modifier(term, name, value),
            None => {
                self.directives.push(Directive::parse(term, name, argument)?);
                Ok(())
            }
        }
    }

    /// Reads a modifier; unknown ones are read for their syntax only (RFC 7208 §6).
    fn add_modifier(&mut self, term: &[u8], name: &[u8], value: &[u8]) -> Result<(), &'static Rule> {
        let place = if name.eq_ignore_ascii_case(b"redirect") {
            &mut self.redirect
        } else if name.eq_ignore_ascii_case(b"exp") {
            &mut self.explanation
        } else {
            return check_unknown_modifier(name, value);
        };
        let target = DomainSpec::parse(value)?;
        match place.replace(Modifier { text: term.into(), target }) {
            Some(_) => Err(&rules::MODIFIER_TWICE),
            None => Ok(()),
        }
    }

    /// Tells whether `redirect=` can ever take over: `all` anywhere rules it out (RFC 7208 §6.1).
    pub(crate) fn redirects(&self) -> Option<&Modifier> {
        let ends = self.directives.iter().any(|directive| matches!(directive.mechanism, Mechanism::All));
        self.redirect.as_ref().filter(|_| !ends)
    }
}

/// Checks a modifier that is ignored (RFC 7208 §4.6.1, §12).
fn check_unknown_modifier(name: &[u8], value: &[u8]) -> Result<(), &'static Rule> {
    let begins = name.first().is_some_and(u8::is_ascii_alphabetic);
    if !begins || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)) {
        return Err(&rules::MODIFIER_NAME);
    }
    MacroString::parse(value, Place::Ignored).map(|_| ()).map_err(BadMacro::rule)
}

impl Directive {
    /// Reads `[qualifier] mechanism`; `name` still holds the qualifier.
    fn parse(term: &[u8], name: &[u8], argument: &[u8]) -> Result<Directive, &'static Rule> {
        let (result, name) = match name.split_first() {
            Some((b'+', name)) => (SpfResult::Pass, name),
            Some((b'-', name)) => (SpfResult::Fail, name),
            Some((b'~', name)) => (SpfResult::Softfail, name),
            Some((b'?', name)) => (SpfResult::Neutral, name),
            _ => (SpfResult::Pass, name),
        };
        Ok(Directive { text: term.into(), result, mechanism: Mechanism::parse(name, argument)? })
    }
}

impl Mechanism {
    /// Reads a mechanism; `argument` begins with `:` or `/`, or is empty.
    fn parse(name: &[u8], argument: &[u8]) -> Result<Mechanism, &'static Rule> {
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        if is("all") {
            return if argument.is_empty() { Ok(Mechanism::All) } else { Err(&rules::UNEXPECTED_ARGUMENT) };
        }
        if is("include") {
            return Ok(Mechanism::Include(required_domain(argument)?));
        }
        if is("exists") {
            return Ok(Mechanism::Exists(required_domain(argument)?));
        }
        if is("ptr") {
            return Ok(Mechanism::Ptr(optional_domain(argument)?));
        }
        if is("a") || is("mx") {
            let (argument, prefixes) = Prefixes::split(argument)?;
            let target = optional_domain(argument)?;
            return Ok(if is("a") { Mechanism::A(target, prefixes) } else { Mechanism::Mx(target, prefixes) });
        }
        if is("ip4") {
            let (network, prefix) = network(argument, 32, &rules::IP4_NETWORK)?;
            return Ok(Mechanism::Ip4(network, prefix));
        }
        if is("ip6") {
            let (network, prefix) = network(argument, 128, &rules::IP6_NETWORK)?;
            return Ok(Mechanism::Ip6(network, prefix));
        }
        Err(&rules::UNKNOWN_MECHANISM)
    }

    /// Tells whether the mechanism counts as a lookup (RFC 7208 §4.6.4).
    pub(crate) fn asks(&self) -> bool {
        !matches!(self, Mechanism::All | Mechanism::Ip4(..) | Mechanism::Ip6(..))
    }

    /// Tells whether the mechanism matches this client without any question.
    pub(crate) fn holds(&self, client: IpAddr) -> bool {
        match (self, client) {
            (Mechanism::All, _) => true,
            (Mechanism::Ip4(network, prefix), IpAddr::V4(client)) => same_v4(*network, client, *prefix),
            (Mechanism::Ip6(network, prefix), IpAddr::V6(client)) => same_v6(*network, client, *prefix),
            // §5: families are never compared with each other.
            _ => false,
        }
    }
}

impl DomainSpec {
    /// Reads a domain-spec (RFC 7208 §7.1): macros and text that end in a macro or a top-level label.
    fn parse(text: &[u8]) -> Result<DomainSpec, &'static Rule> {
        if text.is_empty() {
            return Err(&rules::DOMAIN_MISSING);
        }
        let string = MacroString::parse(text, Place::Domain).map_err(BadMacro::rule)?;
        if !ends_properly(text.get(string.tail()..).unwrap_or_default()) {
            let address = std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv4Addr>().is_ok());
            return Err(if address { &rules::ADDRESS_AS_DOMAIN } else { &rules::DOMAIN_SPEC });
        }
        Ok(match string.as_literal() {
            Some(literal) => DomainSpec::Fixed(askable_name(literal).ok(), literal.into()),
            None => DomainSpec::Macros(string),
        })
    }

    /// Returns the name where it is the same for everybody.
    pub(crate) fn fixed(&self) -> Option<&DomainName> {
        match self {
            DomainSpec::Fixed(name, _) => name.as_ref(),
            DomainSpec::Macros(_) => None,
        }
    }
}

/// Tells whether what follows the last macro is nothing, or ends in a dot and a top-level label.
fn ends_properly(tail: &[u8]) -> bool {
    let name = tail.strip_suffix(b".").unwrap_or(tail);
    tail.is_empty() || memchr::memrchr(b'.', name).is_some_and(|dot| is_top_label(&name[dot + 1..]))
}

/// Tells whether a label can stand at the top: letters, digits, hyphens inside, and not digits alone.
fn is_top_label(label: &[u8]) -> bool {
    let ends_soundly = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    label.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && ends_soundly(label.first())
        && ends_soundly(label.last())
        && !label.iter().all(u8::is_ascii_digit)
}

/// Reads the domain of a mechanism that must have one.
fn required_domain(argument: &[u8]) -> Result<DomainSpec, &'static Rule> {
    match argument.split_first() {
        Some((b':', text)) => DomainSpec::parse(text),
        Some(_) => Err(&rules::UNEXPECTED_ARGUMENT),
        None => Err(&rules::DOMAIN_MISSING),
    }
}

/// Reads the domain of a mechanism that may have one.
fn optional_domain(argument: &[u8]) -> Result<Option<DomainSpec>, &'static Rule> {
    if argument.is_empty() { Ok(None) } else { required_domain(argument).map(Some) }
}

impl Prefixes {
    /// Cuts `/24`, `//64` or `/24//64` off the end (RFC 7208 §5.3).
    fn split(argument: &[u8]) -> Result<(&[u8], Prefixes), &'static Rule> {
        let mut prefixes = Prefixes { v4: 32, v6: 128 };
        let mut rest = argument;
        if let Some((before, digits)) = cut_digits(rest)
            && let Some(before) = before.strip_suffix(b"/")
        {
            prefixes.v6 = prefix_length(digits, 128)?;
            rest = before;
        }
        if let Some((before, digits)) = cut_digits(rest) {
            prefixes.v4 = prefix_length(digits, 32)?;
            rest = before;
        }
        // What begins with a slash still is neither a domain nor a length.
        if rest.first() == Some(&b'/') { Err(&rules::PREFIX_LENGTH) } else { Ok((rest, prefixes)) }
    }
}

/// Cuts a slash and digits off the end.
fn cut_digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = text.iter().rposition(|byte| !byte.is_ascii_digit())?;
    let (before, digits) = text.split_at(slash + 1);
    before.strip_suffix(b"/").filter(|_| !digits.is_empty()).map(|before| (before, digits))
}

/// Reads a prefix length without leading zeros.
fn prefix_length(digits: &[u8], max: u8) -> Result<u8, &'static Rule> {
    let text = std::str::from_utf8(digits).ok().filter(|text| !(text.len() > 1 && text.starts_with('0')));
    let sound = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    sound.and_then(|text| text.parse().ok()).filter(|&length| length <= max).ok_or(&rules::PREFIX_LENGTH)
}

/// Reads `:network` and `/length` (RFC 7208 §5.6).
fn network<T: std::str::FromStr>(argument: &[u8], max: u8, rule: &'static Rule) -> Result<(T, u8), &'static Rule> {
    let text = argument.strip_prefix(b":").ok_or(rule)?;
    let (address, prefix) = match memchr::memchr(b'/', text) {
        Some(slash) => (&text[..slash], prefix_length(&text[slash + 1..], max)?),
        None => (text, max),
    };
    let address = std::str::from_utf8(address).ok().and_then(|text| text.parse().ok()).ok_or(rule)?;
    Ok((address, prefix))
}

/// Compares the leading bits of two IPv4 addresses.
pub(crate) fn same_v4(one: Ipv4Addr, other: Ipv4Addr, prefix: u8) -> bool {
    (one.to_bits() ^ other.to_bits()).checked_shr(32 - u32::from(prefix)).is_none_or(|bits| bits == 0)
}

/// Compares the leading bits of two IPv6 addresses.
pub(crate) fn same_v6(one: Ipv6Addr, other: Ipv6Addr, prefix: u8) -> bool {
    (one.to_bits() ^ other.to_bits()).checked_shr(128 - u32::from(prefix)).is_none_or(|bits| bits == 0)
}

impl BadMacro {
    /// Returns the rule that the text breaks.
    fn rule(self) -> &'static Rule {
        match self {
            BadMacro::Syntax => &rules::MACRO_SYNTAX,
            BadMacro::ExplanationOnly => &rules::MACRO_EXP_ONLY,
            BadMacro::Character => &rules::ODD_OCTET,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (&'static str, String) {
        match Record::parse(text.as_bytes()) {
            Ok(_) => panic!("{text} has no fault"),
            Err(fault) => (fault.rule.id, String::from_utf8(fault.term.to_vec()).unwrap()),
        }
    }

    #[test]
    fn the_version_ends_at_a_space_or_the_end() {
        assert!(is_spf(b"v=spf1") && is_spf(b"V=SPF1 -all"));
        assert!(!is_spf(b"v=spf10") && !is_spf(b"v=spf1\t-all") && !is_spf(b"v=spf") && !is_spf(b" v=spf1"));
    }

    #[test]
    fn each_fault_names_its_term() {
        for (term, rule) in [
            ("moo", "spf.unknown-mechanism"),
            ("-redirect:x.example", "spf.unknown-mechanism"),
            ("moo.cow/far=x", "spf.unknown-mechanism"),
            ("=x", "spf.modifier-name"),
            ("1up=x", "spf.modifier-name"),
            ("-all=x", "spf.modifier-name"),
            ("all:x.example", "spf.unexpected-argument"),
            ("all.", "spf.unknown-mechanism"),
            ("ptr/24", "spf.unexpected-argument"),
            ("include", "spf.domain-missing"),
            ("include:", "spf.domain-missing"),
            ("a:", "spf.domain-missing"),
            ("exp=", "spf.domain-missing"),
            ("a:museum", "spf.domain-spec"),
            ("a:museum.", "spf.domain-spec"),
            ("a:x.example:8080", "spf.domain-spec"),
            ("a:x.-com", "spf.domain-spec"),
            ("a:%{d}com", "spf.domain-spec"),
            ("a:%%{d}", "spf.domain-spec"),
            ("exists:x.example/24", "spf.domain-spec"),
            ("a:192.0.2.1", "spf.address-as-domain"),
            ("a:192.0.2.1/24", "spf.address-as-domain"),
            ("a:%a.example", "spf.macro-syntax"),
            ("x=%abc", "spf.macro-syntax"),
            ("exp=%{r}.example", "spf.macro-exp-only"),
            ("ip4", "spf.ip4-network"),
            ("ip4:192.0.2", "spf.ip4-network"),
            ("ip4:192.0.2.1:25", "spf.ip4-network"),
            ("ip4:192.0.2.1//32", "spf.prefix-length"),
            ("ip4:192.0.2.1/33", "spf.prefix-length"),
            ("ip4:192.0.2.1/032", "spf.prefix-length"),
            ("ip4:192.0.2.1/", "spf.prefix-length"),
            ("ip4:192.0.2.1/+8", "spf.prefix-length"),
            ("ip6::CAFE::BABE", "spf.ip6-network"),
            ("ip6:::1/129", "spf.prefix-length"),
            ("a/33", "spf.prefix-length"),
            ("a//129", "spf.prefix-length"),
            ("a/24/64", "spf.prefix-length"),
            ("a/", "spf.prefix-length"),
            ("a\tb", "spf.odd-octet"),
        ] {
            assert_eq!(fault(&format!("v=spf1 {term} -all")), (rule, term.to_owned()), "{term}");
        }
        assert_eq!(fault("v=spf1 exp=a.example exp=b.example").0, "spf.modifier-twice");
    }

    #[test]
    fn sound_records_are_read_whole() {
        for text in [
            "v=spf1",
            "v=spf1  a  -all ",
            "v=spf1 a:foo:bar/baz.example.com/24//64 MX/0 Include:%{d2} exists:%{i}.x-y.example. ?PTR:a.xn--zckzah",
            "v=spf1 moo.cow-far_out=man:dog/cat default=%{c} a:%{d}/24 a:%% a:%%.com",
        ] {
            assert!(Record::parse(text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn prefixes_are_cut_off_the_end_only() {
        let cut = |text: &'static str| Prefixes::split(text.as_bytes()).map(|(rest, cut)| (rest, cut.v4, cut.v6));
        assert_eq!(cut(":a/b.example/24//64").unwrap(), (&b":a/b.example"[..], 24, 64));
        assert_eq!(cut("//64").unwrap(), (&b""[..], 32, 64));
        assert_eq!(cut("/0").unwrap(), (&b""[..], 0, 128));
        assert!(same_v4(Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST, 0));
        assert!(!same_v6(Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED, 128));
    }

    #[test]
    fn redirect_is_void_beside_all() {
        let redirects = |text: &str| Record::parse(text.as_bytes()).ok().unwrap().redirects().is_some();
        assert!(redirects("v=spf1 mx redirect=a.example"));
        assert!(!redirects("v=spf1 redirect=a.example ?all"));
    }
}
