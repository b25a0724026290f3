//! What was written in the file: known options of the right type, each with its place, and nothing else

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use sekisho_core::step::Value;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::arc::RawArc;
use super::check::RawCheck;
use super::dns::RawDns;
use super::gate::RawGate;
use super::http::RawHttp;
use super::intake::RawIntake;
use super::lake::RawLake;
use super::log::RawLog;
use super::names::RawNames;
use super::nearest::nearest;
use super::oidc::RawOidc;
use super::reports::RawReports;
use super::seal::RawSeal;
use super::serve::RawServe;
use super::sign::RawSign;
use super::spf::RawSpf;
use super::store::RawStore;
use super::webhooks::RawWebhook;
use crate::fault::{Fault, shown};

/// What was written.
#[derive(Debug)]
pub(super) struct RawConfig {
    /// The options.
    pub(super) sections: RawSections,
    /// The line of each, by `section.option` or `section.list[0].option`.
    pub(super) lines: BTreeMap<String, usize>,
    /// What is not known.
    pub(super) unknown: Vec<LineFault>,
}

/// The sections as they were written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawSections {
    /// `[dns]`
    pub(super) dns: RawDns,
    /// `[check]`
    pub(super) check: RawCheck,
    /// `[spf]`
    pub(super) spf: RawSpf,
    /// `[arc]`
    pub(super) arc: RawArc,
    /// `[gate]`
    pub(super) gate: RawGate,
    /// `[sign]`
    pub(super) sign: RawSign,
    /// `[http]`
    pub(super) http: RawHttp,
    /// `[oidc]`
    pub(super) oidc: RawOidc,
    /// `[intake]`
    pub(super) intake: RawIntake,
    /// `[log]`
    pub(super) log: RawLog,
    /// `[serve]`
    pub(super) serve: RawServe,
    /// `[seal]`
    pub(super) seal: RawSeal,
    /// `[store]`
    pub(super) store: RawStore,
    /// `[lake]`
    pub(super) lake: RawLake,
    /// `[reports]`
    pub(super) reports: RawReports,
    /// `[names]`
    pub(super) names: RawNames,
    /// `[[webhooks]]`
    pub(super) webhooks: Vec<Spanned<RawWebhook>>,
}

/// Every section with its options; `section.list` stands for the tables that are written `[[section.list]]`.
const KNOWN: &[(&str, &[&str])] = &[
    ("dns", super::dns::OPTIONS),
    ("check", super::check::OPTIONS),
    ("spf", super::spf::OPTIONS),
    ("arc", super::arc::OPTIONS),
    ("gate", super::gate::OPTIONS),
    ("gate.rules", super::gate::RULE_OPTIONS),
    ("gate.relays", super::gate::RELAY_OPTIONS),
    ("sign", super::sign::OPTIONS),
    ("sign.keys", super::sign::KEY_OPTIONS),
    ("sign.senders", super::sign::SENDER_OPTIONS),
    ("http", super::http::OPTIONS),
    ("oidc", super::oidc::OPTIONS),
    ("oidc.people", super::oidc::PEOPLE_OPTIONS),
    ("intake", super::intake::OPTIONS),
    ("log", super::log::OPTIONS),
    ("serve", super::serve::OPTIONS),
    ("seal", super::seal::OPTIONS),
    ("store", super::store::OPTIONS),
    ("store.privacy", super::privacy::OPTIONS),
    ("lake", super::lake::OPTIONS),
    ("reports", super::reports::OPTIONS),
    ("names", super::names::OPTIONS),
    ("names.own", super::names::OWN_OPTIONS),
    ("webhooks", super::webhooks::OPTIONS),
];
/// The sections that are written `[[section]]`: lists of tables, each with these options.
pub(super) const LISTS: &[&str] = &["webhooks"];

/// Returns the options of a section, or of the tables of a list.
fn options(path: &str) -> Option<&'static [&'static str]> {
    KNOWN.iter().find(|(known, _)| *known == path).map(|(_, options)| *options)
}

/// Lists the sections, each without its lists.
fn sections() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    KNOWN.iter().filter(|(path, _)| !path.contains('.')).copied()
}

/// Lists the lists of tables: section and name of each.
pub(super) fn lists() -> impl Iterator<Item = (&'static str, &'static str)> {
    KNOWN.iter().filter_map(|(path, _)| path.split_once('.'))
}

/// A fault with its line.
#[derive(Debug)]
pub(super) struct LineFault {
    /// The line, counted from 1.
    line: usize,
    /// What is wrong.
    fault: Fault,
}

impl LineFault {
    /// Finds the line of a fault.
    pub(super) fn of(text: &str, at: Range<usize>, fault: Fault) -> LineFault {
        LineFault { line: line(text, at.start), fault }
    }

    /// Returns the line.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Names the file too.
    pub(super) fn at(self, path: &Path) -> Fault {
        Fault::new("fault-line", [("path", shown(path)), ("line", self.line.to_string().into())]).because(self.fault)
    }
}

impl RawConfig {
    /// Reads a file's text, and what is not known in it. Where values are of the wrong type, each is named, beside everything
    /// that is not known.
    pub(super) fn parse(text: &str) -> Result<RawConfig, Vec<LineFault>> {
        let refused = |message, error: &toml::de::Error| {
            let why = Fault::new(message, []).because(why(error.message()));
            LineFault::of(text, error.span().unwrap_or_default(), why)
        };
        let table = DeTable::parse(text).map_err(|error| vec![refused("fault-syntax", &error)])?;
        let (lines, mut unknown) = survey(table.get_ref(), text);
        match toml::from_str(text) {
            Ok(sections) => Ok(RawConfig { sections, lines, unknown }),
            Err(first) => {
                let mut errors = mistyped(table);
                if errors.is_empty() {
                    errors.push(first);
                }
                unknown.extend(errors.iter().map(|error| refused("fault-type", error)));
                unknown.sort_by_key(|fault| fault.line);
                Err(unknown)
            }
        }
    }
}

/// Finds every value of the wrong type. The reader stops at the first one of a document, so each value is read in a document
/// of its own.
fn mistyped(table: Spanned<DeTable<'_>>) -> Vec<toml::de::Error> {
    let at = table.span();
    let mut errors: Vec<toml::de::Error> = Vec::new();
    for one in alone(&Spanned::new(at.clone(), DeValue::Table(table.into_inner()))) {
        let DeValue::Table(document) = one.into_inner() else { continue };
        let read = RawSections::deserialize(toml::Deserializer::from(Spanned::new(at.clone(), document)));
        // A list where one value is expected is one fault, however many values it has.
        errors.extend(read.err().filter(|error| errors.iter().all(|other| other.span() != error.span())));
    }
    errors
}

/// Takes what was written apart: each value alone, within the tables and lists that it stands in.
fn alone<'t>(written: &Spanned<DeValue<'t>>) -> Vec<Spanned<DeValue<'t>>> {
    let around = |value: DeValue<'t>| Spanned::new(written.span(), value);
    match written.get_ref() {
        DeValue::Table(table) if !table.is_empty() => {
            let each = table.iter().flat_map(|(key, value)| alone(value).into_iter().map(move |one| (key, one)));
            each.map(|(key, one)| around(DeValue::Table(DeTable::from_iter([(key.clone(), one)])))).collect()
        }
        DeValue::Array(list) if !list.is_empty() => {
            list.iter().flat_map(alone).map(|one| around(DeValue::Array(DeArray::from_iter([one])))).collect()
        }
        other => vec![around(other.clone())],
    }
}

/// Says what the reader of TOML says: in our words where a value is of another type than the option's.
fn why(message: &str) -> Fault {
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    let expected = match expected {
        Some("i64" | "u64" | "u32" | "u16") => "number",
        Some("a string") => "text",
        Some("a boolean") => "truth",
        Some("a sequence") => "list",
        Some(expected) if expected == "a map" || expected.starts_with("struct ") => "table",
        _ => return Fault::quote(message.to_owned()),
    };
    Fault::new("why-wrong-type", [("expected", expected.into())])
}

/// Lists the options that are known, with their lines, and names those that are not.
fn survey(table: &DeTable<'_>, text: &str) -> (BTreeMap<String, usize>, Vec<LineFault>) {
    let mut found = Survey { text, lines: BTreeMap::new(), unknown: Vec::new() };
    for (section, content) in table {
        let name = section.get_ref().as_ref();
        let known = sections().find(|(known, _)| *known == name);
        match (known, content.get_ref()) {
            (None, DeValue::Table(_) | DeValue::Array(_)) => {
                let sections: Vec<&str> = sections().map(|(section, _)| section).collect();
                found.stranger("fault-section", None, name, &sections, section.span());
            }
            (None, _) => {
                let everywhere: Vec<&str> = sections().flat_map(|(_, options)| options).copied().collect();
                found.stranger("fault-option", None, name, &everywhere, section.span());
            }
            (Some((section, _)), DeValue::Table(content)) => found.table(section, section, content),
            (Some((section, _)), DeValue::Array(tables)) if LISTS.contains(&section) => found.list(section, tables),
            // The type is wrong; the second reading says so.
            (Some(_), _) => {}
        }
    }
    found.unknown.sort_by_key(|fault| fault.line);
    (found.lines, found.unknown)
}

/// What a file was found to say.
struct Survey<'t> {
    /// The file's text.
    text: &'t str,
    /// The line of each option that is known.
    lines: BTreeMap<String, usize>,
    /// What is not known.
    unknown: Vec<LineFault>,
}

impl Survey<'_> {
    /// Looks through one section, or one table of a list. `kind` is what [`KNOWN`] calls it, `place` where it stands.
    fn table(&mut self, kind: &str, place: &str, table: &DeTable<'_>) {
        let known = options(kind).unwrap_or_default();
        for (key, content) in table {
            let name = key.get_ref().as_ref();
            let list = lists().find(|(section, list)| *section == kind && *list == name);
            match (list, content.get_ref()) {
                (Some((_, list)), DeValue::Array(tables)) => self.list(&format!("{kind}.{list}"), tables),
                // The type is wrong; the second reading says so.
                (Some(_), _) => {}
                (None, _) if known.contains(&name) => {
                    self.lines.insert(format!("{place}.{name}"), line(self.text, key.span().start));
                }
                (None, _) => {
                    let below = lists().filter(|(section, _)| *section == kind).map(|(_, list)| list);
                    let known: Vec<&str> = known.iter().copied().chain(below).collect();
                    self.stranger("fault-option", Some(kind), name, &known, key.span());
                }
            }
        }
    }

    /// Looks through the tables of a list.
    fn list(&mut self, kind: &str, tables: &DeArray<'_>) {
        for (number, table) in tables.iter().enumerate() {
            if let DeValue::Table(table) = table.get_ref() {
                self.table(kind, &format!("{kind}[{number}]"), table);
            }
        }
    }

    /// Names something that is not known, and what was probably meant.
    fn stranger(&mut self, message: &'static str, section: Option<&str>, name: &str, known: &[&str], at: Range<usize>) {
        let whole = match section {
            Some(section) => format!("{section}.{name}"),
            None => name.to_owned(),
        };
        let guess: Value = nearest(name, known).unwrap_or_default().to_owned().into();
        let has_guess = if nearest(name, known).is_some() { "yes" } else { "no" };
        let fault = Fault::new(message, [("name", whole.into()), ("nearest", guess), ("known", has_guess.into())]);
        self.unknown.push(LineFault::of(self.text, at, fault));
    }
}

/// Checks that a number lies within its bounds.
pub(super) fn number(
    written: Option<Spanned<i64>>,
    option: &'static str,
    bounds: RangeInclusive<u64>,
    faults: &mut super::Faults,
) -> Option<u64> {
    let written = written?;
    let number = u64::try_from(*written.get_ref()).ok().filter(|number| bounds.contains(number));
    if number.is_none() {
        let value = written.get_ref().to_string().into();
        let (low, high) = ((*bounds.start()).into(), (*bounds.end()).into());
        let fault =
            Fault::new("fault-bounds", [("name", option.into()), ("value", value), ("low", low), ("high", high)]);
        faults.push((written.span(), fault));
    }
    number
}

/// Returns what a table of a list cannot do without; where it is missing, the fault names the table's first line.
pub(super) fn required<T>(
    written: Option<T>,
    option: &'static str,
    table: Range<usize>,
    faults: &mut super::Faults,
) -> Option<T> {
    if written.is_none() {
        faults.push((table, Fault::new("fault-required", [("name", option.into())])));
    }
    written
}

/// Finds the value that a word of the file names; a word that names none is a fault, which `message` says.
pub(super) fn word<T: Copy>(
    written: Option<Spanned<String>>,
    known: &[(&str, T)],
    message: &'static str,
    faults: &mut super::Faults,
) -> Option<T> {
    let written = written?;
    let found = known.iter().find(|(word, _)| word == written.get_ref()).map(|(_, value)| *value);
    if found.is_none() {
        faults.push((written.span(), Fault::new(message, [("value", written.into_inner().into())])));
    }
    found
}

/// Reads addresses to listen on.
pub(super) fn addresses(written: Vec<Spanned<String>>, faults: &mut super::Faults) -> Vec<SocketAddr> {
    let mut read = Vec::new();
    for address in written {
        match address.get_ref().parse() {
            Ok(address) => read.push(address),
            Err(_) => {
                let value = address.get_ref().clone().into();
                faults.push((address.span(), Fault::new("fault-listen", [("value", value)])));
            }
        }
    }
    read
}

/// Finds which of some words was written.
pub(super) fn choice<T: Copy>(
    written: Option<Spanned<String>>,
    option: &'static str,
    all: &[T],
    word: impl Fn(T) -> &'static str,
    faults: &mut super::Faults,
) -> Option<T> {
    let written = written?;
    let chosen = all.iter().copied().find(|known| word(*known) == written.get_ref());
    if chosen.is_none() {
        let choices = all.iter().map(|known| word(*known)).collect::<Vec<_>>().join(", ");
        let value = written.get_ref().clone().into();
        let named = [("name", option.into()), ("value", value), ("choices", choices.into())];
        faults.push((written.span(), Fault::new("fault-choice", named)));
    }
    chosen
}

/// Returns the line of an offset, counted from 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&b| b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(text: &str) -> Vec<String> {
        let faults = RawConfig::parse(text).map_or_else(|faults| faults, |raw| raw.unknown);
        faults.into_iter().map(|fault| fault.at(Path::new("x.toml")).to_string()).collect()
    }

    #[test]
    fn strangers_are_named_with_their_lines_and_the_nearest_names() {
        let said = refusals("[check]\nmax_signatures = 3\nmax_signature = 3\n\n[dsn]\nx = 1\n");
        assert_eq!(
            said,
            [
                "x.toml:3: no option is called `check.max_signature`; did you mean `max_signatures`?",
                "x.toml:5: no section is called `dsn`; did you mean `dns`?",
            ]
        );
    }

    #[test]
    fn lists_of_tables_are_looked_through_like_sections() {
        let said = refusals(
            "[[sign.keys]]\ndomain = \"a.example\"\n\n[[sign.keys]]\ndomian = \"b.example\"\n\n[[sign.sender]]\n[[sing]]\n",
        );
        assert_eq!(
            said,
            [
                "x.toml:5: no option is called `sign.keys.domian`; did you mean `domain`?",
                "x.toml:7: no option is called `sign.sender`; did you mean `senders`?",
                "x.toml:8: no section is called `sing`; did you mean `sign`?",
            ]
        );
        let written = "[sign]\ncheck = \"warn\"\n[[sign.keys]]\ndomain = \"a\"\n[[sign.keys]]\n\nselector = \"s\"\n";
        let lines: Vec<_> = RawConfig::parse(written).unwrap().lines.into_iter().collect();
        let expected = [("sign.check", 2), ("sign.keys[0].domain", 4), ("sign.keys[1].selector", 7)];
        assert_eq!(lines, expected.map(|(path, line)| (path.to_owned(), line)));
    }

    #[test]
    fn a_wrong_type_is_told_without_the_words_of_a_library() {
        let said = refusals("[check]\nmax_signatures = \"three\"\n[dns]\nupstreams = 1\n");
        assert!(said[0].ends_with("a whole number is expected"), "{said:?}");
        for (text, expected) in [
            ("[dns]\nupstreams = 1\n", "a list in square brackets is expected"),
            ("[check]\nlang = 1\n", "text in quotation marks is expected"),
            ("[serve]\nconfine = 1\n", "true or false is expected"),
            ("check = 3\n", "a section is expected"),
        ] {
            assert!(refusals(text)[0].ends_with(expected), "{:?}", refusals(text));
        }
    }

    #[test]
    fn wrong_types_and_broken_syntax_have_lines() {
        assert!(refusals("[check]\nmax_signatures = \"three\"\n")[0].starts_with("x.toml:2: "));
        assert!(refusals("[check]\n\nmax_signatures =\n")[0].starts_with("x.toml:3: "));
        assert!(refusals("check = 3\n")[0].starts_with("x.toml:1: "));
        assert!(refusals("[dns]\n[sign.keys]\ndomain = \"a\"\n")[0].starts_with("x.toml:2: "));
        assert!(refusals("[[sign.keys]]\n[[sign.keys]]\ndomain = 3\n")[0].starts_with("x.toml:3: "));
        assert!(refusals("\n[[sign]]\n")[0].starts_with("x.toml:2: "));
        let every = refusals(
            "[check]\nmax_signatures = \"three\"\nlang = 1\n[dns]\nupstreams = [1, \"192.0.2.1\", 2]\n[serve]\nconfine = [1,\n 2]\n\
             [[sign.keys]]\ndomain = \"a\"\n[[sign.keys]]\ndomain = 3\nselector = true\n",
        );
        let lines: Vec<_> = every.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
        assert_eq!(
            lines,
            ["x.toml:2", "x.toml:3", "x.toml:5", "x.toml:5", "x.toml:7", "x.toml:12", "x.toml:13"],
            "{every:?}"
        );
        let both = refusals("[check]\nmax_signatures = \"three\"\nmax_signature = 3\n[dsn]\n");
        assert_eq!(both.iter().map(|fault| &fault[..9]).collect::<Vec<_>>(), ["x.toml:2:", "x.toml:3:", "x.toml:4:"]);
    }
}
