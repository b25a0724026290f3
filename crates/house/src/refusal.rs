//! What is wrong with a command line, in the reader's language: clap finds it, we say it

use std::error::Error;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use sekisho_core::speech::Lang;
use sekisho_core::step::Value;

use crate::fault::Fault;
use crate::speech::Talk;

/// Says what is wrong and how the command is used; nothing for what clap says itself, such as the help.
pub(crate) fn say(refusal: &clap::Error, talk: &Talk) -> Option<String> {
    let said = fault(refusal)?.say(talk);
    let usage = refusal.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let in_a_line = |usage: &str| usage.split_whitespace().collect::<Vec<_>>().join(" ");
    let usage = usage.strip_prefix("Usage: ").map(|usage| usage.lines().map(in_a_line).collect::<Vec<_>>().join(" | "));
    Some(match usage {
        Some(usage) => format!("{said}\n{}", talk.say("refusal-usage", &[("usage", usage.into())])),
        None => said,
    })
}

/// Finds the language that a command line asks for, even where the rest of it cannot be read.
pub(crate) fn lang(args: &[OsString]) -> Option<Lang> {
    let mut args = args.iter().filter_map(|arg| arg.to_str());
    let mut found = None;
    while let Some(arg) = args.next() {
        let value = if arg == "--lang" { args.next() } else { arg.strip_prefix("--lang=") };
        found = value.and_then(named).or(found);
    }
    found
}

/// Returns the language of a word on the command line.
pub(crate) fn named(word: &str) -> Option<Lang> {
    Lang::ALL.into_iter().find(|lang| lang.as_str() == word)
}

/// Finds the words for the kinds of refusal that our commands know.
fn fault(refusal: &clap::Error) -> Option<Fault> {
    let argument = || text(refusal, ContextKind::InvalidArg).map(Value::from);
    Some(match refusal.kind() {
        ErrorKind::UnknownArgument => {
            let (known, nearest) = suggestion(refusal, ContextKind::SuggestedArg);
            Fault::new("refusal-unknown", [("argument", argument()?), known, nearest])
        }
        ErrorKind::InvalidSubcommand => {
            let (known, nearest) = suggestion(refusal, ContextKind::SuggestedSubcommand);
            let command = text(refusal, ContextKind::InvalidSubcommand)?;
            Fault::new("refusal-command", [("command", command.into()), known, nearest])
        }
        ErrorKind::InvalidValue => invalid_value(refusal, argument()?)?,
        ErrorKind::ValueValidation => {
            let value = text(refusal, ContextKind::InvalidValue)?;
            let said = Fault::new("refusal-value", [("value", value.into()), ("argument", argument()?)]);
            let source = refusal.source()?;
            match source.downcast_ref::<Fault>() {
                Some(why) => said.because(why.clone()),
                None => said.because(Fault::quote(source.to_string())),
            }
        }
        ErrorKind::TooManyValues => {
            let value = text(refusal, ContextKind::InvalidValue)?;
            Fault::new("refusal-no-more", [("value", value.into()), ("argument", argument()?)])
        }
        ErrorKind::MissingRequiredArgument => Fault::new("refusal-missing", [("arguments", argument()?)]),
        ErrorKind::ArgumentConflict => {
            let (argument, other) = (text(refusal, ContextKind::InvalidArg)?, text(refusal, ContextKind::PriorArg)?);
            let is_same = argument == other;
            let named = [("argument", argument.into()), ("other", other.into())];
            Fault::new(if is_same { "refusal-twice" } else { "refusal-conflict" }, named)
        }
        ErrorKind::MissingSubcommand => {
            let commands = text(refusal, ContextKind::ValidSubcommand).unwrap_or_default();
            Fault::new("refusal-no-command", [("commands", commands.into())])
        }
        ErrorKind::InvalidUtf8 => Fault::new("refusal-utf8", []),
        _ => return None,
    })
}

/// Says that an option has no value, or one that is none of its choices.
fn invalid_value(refusal: &clap::Error, argument: Value) -> Option<Fault> {
    let value = text(refusal, ContextKind::InvalidValue)?;
    let choices = text(refusal, ContextKind::ValidValue).unwrap_or_default();
    if value.is_empty() {
        let is_open = if choices.is_empty() { "yes" } else { "no" };
        return Some(Fault::new(
            "refusal-no-value",
            [("argument", argument), ("open", is_open.into()), ("choices", choices.into())],
        ));
    }
    let (known, nearest) = suggestion(refusal, ContextKind::SuggestedValue);
    let named = [("value", value.into()), ("argument", argument), ("choices", choices.into()), known, nearest];
    Some(Fault::new("refusal-choice", named))
}

/// Returns what clap says of one thing, several words as a list.
fn text(refusal: &clap::Error, kind: ContextKind) -> Option<String> {
    match refusal.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(words) => Some(words.join(", ")),
        _ => None,
    }
}

/// Returns clap's guess at what was meant, and whether it has one.
fn suggestion(refusal: &clap::Error, kind: ContextKind) -> ((&'static str, Value), (&'static str, Value)) {
    let nearest = text(refusal, kind).unwrap_or_default();
    (("known", if nearest.is_empty() { "no" } else { "yes" }.into()), ("nearest", nearest.into()))
}
