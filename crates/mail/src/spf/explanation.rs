//! A fail in the domain's own words: `exp=` (RFC 7208 §6.2)
//!
//! Whatever is wrong with the words, the fail stays a fail; the words are left out, and a step says why.

use sekisho_core::facts::{Missing, Outcome, Question, Record as DnsRecord};
use sekisho_core::name::DomainName;

use super::evaluation::{Conclusion, Evaluation, shared};
use super::macros::{MacroString, Place, Scope};
use super::record::Modifier;
use super::rules;

/// The most characters of an explanation: it goes into a reply of one line (RFC 5321 §4.5.3.1.5).
const WORDS_MAX: usize = 512;

/// The text found where `exp=` points.
enum Words {
    /// There is none, or more than one.
    Absent,
    /// It is not ASCII, or has a broken macro.
    Unsound,
    /// It can be expanded.
    Sound(MacroString),
}

/// Returns the domain's own explanation of its fail, in printable ASCII.
pub(super) fn explain(evaluation: &mut Evaluation<'_>, conclusion: &Conclusion) -> Result<Option<String>, Missing> {
    let Some(modifier) = conclusion.record.as_ref().and_then(|record| record.explanation.as_ref()) else {
        return Ok(None);
    };
    let domain = &conclusion.domain;
    let Some(name) = evaluation.target(&modifier.text, Some(&modifier.target), domain)? else {
        return Ok(None);
    };
    // This lookup is no term's and counts toward no limit (§4.6.4), but the sum of all questions stays bounded.
    if !evaluation.may_ask(1) {
        return Ok(None);
    }
    let answer = evaluation.facts.get(&Question::txt(name.clone()))?;
    match &*answer.parsed(words) {
        Words::Absent => {
            let count = answer.outcome.records().len();
            let arguments = [
                ("term", shared(&modifier.text)),
                ("name", (&name).into()),
                ("outcome", answer.outcome.word().into()),
                ("count", count.into()),
            ];
            evaluation.trace.note(&rules::EXPLANATION_ABSENT, arguments);
            Ok(None)
        }
        Words::Unsound => {
            let arguments = [("term", shared(&modifier.text)), ("name", (&name).into())];
            evaluation.trace.note(&rules::EXPLANATION_SYNTAX, arguments);
            Ok(None)
        }
        Words::Sound(string) => say(evaluation, modifier, string, domain),
    }
}

/// Reads the text that explains a fail; there must be exactly one (RFC 7208 §6.2).
fn words(outcome: &Outcome) -> Words {
    let [record] = outcome.records() else { return Words::Absent };
    let text = DnsRecord::text(record).unwrap_or_default();
    if text.is_empty() {
        return Words::Absent;
    }
    MacroString::parse(&text, Place::Explanation).map_or(Words::Unsound, Words::Sound)
}

/// Expands the words; what a sender put into them is made printable.
fn say(
    evaluation: &mut Evaluation<'_>,
    modifier: &Modifier,
    string: &MacroString,
    domain: &DomainName,
) -> Result<Option<String>, Missing> {
    let client_name = if string.uses_client_name() { evaluation.client_name(domain)? } else { None };
    let scope = Scope { sender: evaluation.sender, domain, client_name };
    let text = string.expand_text(&scope, WORDS_MAX);
    let printable = |byte: u8| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '?' };
    let text: String = text.into_iter().map(printable).collect();
    let arguments = [("term", shared(&modifier.text)), ("text", text.clone().into())];
    evaluation.trace.note(&rules::EXPLANATION, arguments);
    Ok(Some(text))
}
