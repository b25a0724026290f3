//! What was written in the file: known options of the right type, each with its place, and nothing else

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use sekisho_core::step::Value;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::arc::RawArc;
use super::check::RawCheck;
use super::dns::RawDns;
use super::gate::RawGate;
use super::http::RawHttp;
use super::log::RawLog;
use super::nearest::nearest;
use super::serve::RawServe;
use super::spf::RawSpf;
use crate::fault::{Fault, shown};

/// What was written.
#[derive(Debug)]
pub(super) struct RawConfig {
    /// The options.
    pub(super) sections: RawSections,
    /// The line of each, by `section.option`.
    pub(super) lines: BTreeMap<String, usize>,
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
    /// `[http]`
    pub(super) http: RawHttp,
    /// `[log]`
    pub(super) log: RawLog,
    /// `[serve]`
    pub(super) serve: RawServe,
}

/// Every section with its options.
const KNOWN: &[(&str, &[&str])] = &[
    ("dns", super::dns::OPTIONS),
    ("check", super::check::OPTIONS),
    ("spf", super::spf::OPTIONS),
    ("arc", super::arc::OPTIONS),
    ("gate", super::gate::OPTIONS),
    ("http", super::http::OPTIONS),
    ("log", super::log::OPTIONS),
    ("serve", super::serve::OPTIONS),
];

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

    /// Names the file too.
    pub(super) fn at(self, path: &Path) -> Fault {
        Fault::new("fault-line", [("path", shown(path)), ("line", self.line.to_string().into())]).because(self.fault)
    }
}

impl RawConfig {
    /// Reads a file's text and names everything that is not known; a value of the wrong type is named first come first.
    pub(super) fn parse(text: &str) -> Result<RawConfig, Vec<LineFault>> {
        let refused = |error: toml::de::Error| {
            let at = error.span().unwrap_or_default();
            vec![LineFault::of(text, at, Fault::quote(error.message().to_owned()))]
        };
        let table = DeTable::parse(text).map_err(refused)?;
        let (lines, unknown) = survey(table.get_ref(), text);
        if !unknown.is_empty() {
            return Err(unknown);
        }
        Ok(RawConfig { sections: toml::from_str(text).map_err(refused)?, lines })
    }
}

/// Lists the options that are known, with their lines, and names those that are not.
fn survey(table: &DeTable<'_>, text: &str) -> (BTreeMap<String, usize>, Vec<LineFault>) {
    let (mut lines, mut unknown) = (BTreeMap::new(), Vec::new());
    let sections: Vec<&str> = KNOWN.iter().map(|(section, _)| *section).collect();
    for (section, content) in table {
        let name = section.get_ref().as_ref();
        let options = KNOWN.iter().find(|(known, _)| *known == name).map(|(_, options)| *options);
        match (options, content.get_ref()) {
            (None, DeValue::Table(_)) => {
                unknown.push(stranger("fault-section", name, None, &sections, section.span(), text));
            }
            (None, _) => {
                let everywhere: Vec<&str> = KNOWN.iter().flat_map(|(_, options)| *options).copied().collect();
                unknown.push(stranger("fault-option", name, None, &everywhere, section.span(), text));
            }
            (Some(options), DeValue::Table(content)) => {
                for key in content.keys() {
                    let option = key.get_ref().as_ref();
                    if options.contains(&option) {
                        lines.insert(format!("{name}.{option}"), line(text, key.span().start));
                    } else {
                        unknown.push(stranger("fault-option", option, Some(name), options, key.span(), text));
                    }
                }
            }
            // The type is wrong; the second reading says so.
            (Some(_), _) => {}
        }
    }
    unknown.sort_by_key(|fault| fault.line);
    (lines, unknown)
}

/// Names something that is not known, and what was probably meant.
fn stranger(
    message: &'static str,
    name: &str,
    section: Option<&str>,
    known: &[&str],
    at: Range<usize>,
    text: &str,
) -> LineFault {
    let whole = match section {
        Some(section) => format!("{section}.{name}"),
        None => name.to_owned(),
    };
    let guess: Value = nearest(name, known).unwrap_or_default().to_owned().into();
    let has_guess = if nearest(name, known).is_some() { "yes" } else { "no" };
    let fault = Fault::new(message, [("name", whole.into()), ("nearest", guess), ("known", has_guess.into())]);
    LineFault::of(text, at, fault)
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
        let faults = RawConfig::parse(text).unwrap_err();
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
    fn wrong_types_and_broken_syntax_have_lines() {
        assert!(refusals("[check]\nmax_signatures = \"three\"\n")[0].starts_with("x.toml:2: "));
        assert!(refusals("[check]\n\nmax_signatures =\n")[0].starts_with("x.toml:3: "));
        assert!(refusals("check = 3\n")[0].starts_with("x.toml:1: "));
    }
}
