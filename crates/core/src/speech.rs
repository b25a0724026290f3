//! Steps become sentences, in Japanese and English
//!
//! Every rule has one message in each language, found by its id with `-` for `.`. The messages stand in `.ftl` files
//! beside the judges that speak them; a test in each crate checks that none is missing and none is left over.

use std::fmt;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::step::{Step, Value};

/// A language that Sekisho speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

impl Lang {
    /// Every language there is.
    pub const ALL: [Lang; 2] = [Lang::En, Lang::Ja];

    /// Returns the language's tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ja => "ja",
        }
    }

    /// Reads a tag or a locale such as `ja_JP.UTF-8`.
    pub fn parse(tag: &str) -> Option<Lang> {
        let primary = tag.split(['_', '-', '.']).next()?;
        Lang::ALL.into_iter().find(|lang| lang.as_str().eq_ignore_ascii_case(primary))
    }

    /// Returns the identifier that Fluent picks plural rules by.
    fn identifier(self) -> LanguageIdentifier {
        self.as_str().parse().unwrap_or_default()
    }
}

/// The sentences of one language.
pub struct Speech {
    /// The language.
    lang: Lang,
    /// The messages.
    bundle: FluentBundle<FluentResource>,
}

impl Speech {
    /// Reads message files of one language. They are part of the program, so a broken one is our fault and an error.
    pub fn new(lang: Lang, sources: &[&str]) -> Result<Speech, BadMessages> {
        let mut bundle = FluentBundle::new_concurrent(vec![lang.identifier()]);
        // Isolation marks are for markup that mixes directions; a terminal would show them.
        bundle.set_use_isolating(false);
        for source in sources {
            let resource = FluentResource::try_new((*source).to_owned())
                .map_err(|(_, errors)| BadMessages(format!("{errors:?}")))?;
            bundle.add_resource(resource).map_err(|errors| BadMessages(format!("{errors:?}")))?;
        }
        Ok(Speech { lang, bundle })
    }

    /// Returns the language spoken.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// Says a step as one sentence.
    pub fn step(&self, step: &Step) -> String {
        self.say(&message_id(step.rule.id), &step.arguments)
    }

    /// Says one message. A message that is missing is shown by its id, so that nothing is ever silent.
    pub fn say(&self, id: &str, arguments: &[(&'static str, Value)]) -> String {
        let Some(pattern) = self.bundle.get_message(id).and_then(|message| message.value()) else {
            return id.to_owned();
        };
        let arguments: FluentArgs = arguments.iter().map(|(name, value)| (*name, fluent(value))).collect();
        let mut errors = Vec::new();
        self.bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned()
    }

    /// Tells whether there is such a message, and whether these arguments are all it wants; for tests.
    pub fn check(&self, id: &str, arguments: &[(&'static str, Value)]) -> Result<(), String> {
        let message = self.bundle.get_message(id).ok_or_else(|| format!("no message `{id}`"))?;
        let pattern = message.value().ok_or_else(|| format!("message `{id}` has no text"))?;
        let arguments: FluentArgs = arguments.iter().map(|(name, value)| (*name, fluent(value))).collect();
        let mut errors = Vec::new();
        self.bundle.format_pattern(pattern, Some(&arguments), &mut errors);
        if errors.is_empty() { Ok(()) } else { Err(format!("message `{id}`: {errors:?}")) }
    }
}

impl fmt::Debug for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speech").field("lang", &self.lang).finish_non_exhaustive()
    }
}

/// Message files that cannot be read.
#[derive(Debug)]
pub struct BadMessages(String);

impl fmt::Display for BadMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message files cannot be read: {}", self.0)
    }
}

impl std::error::Error for BadMessages {}

/// Returns the message id of a rule: Fluent ids have no dots.
pub fn message_id(rule: &str) -> String {
    rule.replace('.', "-")
}

/// Returns a value as Fluent wants it: counts stay counts, so that plurals work.
fn fluent(value: &Value) -> FluentValue<'_> {
    match value {
        #[allow(clippy::cast_precision_loss)] // Counts of records, octets and seconds stay far below 2^53.
        Value::Number(number) => FluentValue::from(*number as f64),
        other => FluentValue::from(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_have_plurals_and_show_hostile_text_harmlessly() {
        let source = "seen = { $count ->\n    [one] one record\n   *[other] { $count } records\n } at { $name }\n";
        let speech = Speech::new(Lang::En, &[source]).unwrap();
        let said = speech.say("seen", &[("count", 1u64.into()), ("name", Value::from(&b"a\x1b"[..]))]);
        assert_eq!(said, "one record at a\\x1b");
        assert_eq!(speech.say("unknown", &[]), "unknown");
        assert!(speech.check("seen", &[("count", 2u64.into())]).is_err());
    }

    #[test]
    fn locales_name_languages() {
        assert_eq!(Lang::parse("ja_JP.UTF-8"), Some(Lang::Ja));
        assert_eq!(Lang::parse("en"), Some(Lang::En));
        assert_eq!(Lang::parse("C"), None);
    }
}
