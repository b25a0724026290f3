//! What is asked of a page by its address: each parameter by its name, and what cannot be read of it, said beside its field
//!
//! The API refuses what it cannot read. A page is shown all the same, with what is wrong where it stands, and without an answer to
//! something else than was asked.

use std::sync::Arc;

use axum::http::StatusCode;
use sekisho_core::name::DomainName;
use sekisho_core::step::Value;

use super::shown;
use super::visitor::Visitor;
use crate::config::nearest::nearest;
use crate::sign::read_name;
use crate::speech::Talk;

/// The days that may be chosen.
pub(super) const DAYS: [u32; 5] = [1, 7, 14, 30, 90];
/// How many unknown parameters are named.
const UNKNOWN: usize = 5;

/// What is asked of a page.
pub(super) struct Asked {
    /// The parameters that the page knows, each with what is said of it.
    said: Vec<(&'static str, String)>,
    /// What cannot be read.
    pub(super) faults: Faults,
    /// The language of what is said.
    talk: Arc<Talk>,
}

/// What is wrong with the fields of a form: the field, and the sentence that stands beside it.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(&'static str, String)>);

impl Visitor {
    /// Reads what is asked of a page that knows these parameters. It says which others there are.
    pub(super) fn asked(&mut self, known: &[&'static str]) -> Asked {
        let frame = &mut self.frame;
        let query = frame.path.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
        let (asked, unknown) = Asked::read(&query, known, &frame.talk);
        frame.unknown = unknown.iter().take(UNKNOWN).map(|name| say_unknown(name, known, &frame.talk)).collect();
        asked
    }
}

impl Asked {
    /// Reads a query. Returns the names that the page does not know, too, each once.
    fn read(query: &str, known: &[&'static str], talk: &Arc<Talk>) -> (Asked, Vec<String>) {
        let (mut said, mut unknown) = (Vec::new(), Vec::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match known.iter().find(|known| **known == name) {
                Some(known) => said.push((*known, value.into_owned())),
                None if unknown.iter().any(|known| *known == name) => {}
                None => unknown.push(name.into_owned()),
            }
        }
        (Asked { said, faults: Faults::default(), talk: Arc::clone(talk) }, unknown)
    }

    /// Returns what is said of a parameter that stands there once, without white space around; nothing where nothing is.
    pub(super) fn text(&mut self, name: &'static str) -> String {
        let mut said = self.said.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.trim().to_owned());
        let (first, more) = (said.next().unwrap_or_default(), said.next());
        if more.is_some() {
            self.wrong(name, "desk-wrong-twice", &[]);
        }
        first
    }

    /// Returns all that is said of a parameter that may stand there several times.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.said.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.clone()).collect()
    }

    /// Returns what is said of a parameter, which has to be one of some words or nothing.
    pub(super) fn word(&mut self, name: &'static str, words: &[&str]) -> String {
        let text = self.text(name);
        if !text.is_empty() && !words.contains(&text.as_str()) {
            let words = [("value", text.clone().into()), ("words", words.join(", ").into())];
            self.wrong(name, "desk-wrong-word", &words);
        }
        text
    }

    /// Returns of how many days is asked: so many where nothing can be read.
    pub(super) fn days(&mut self, usual: u32) -> u32 {
        let words = DAYS.map(|days| days.to_string());
        let text = self.word("days", &words.each_ref().map(String::as_str));
        text.parse().ok().filter(|days| DAYS.contains(days)).unwrap_or(usual)
    }

    /// Returns the domain that a parameter names, or nothing.
    pub(super) fn domain(&mut self, name: &'static str) -> Option<DomainName> {
        let text = self.text(name);
        if text.is_empty() {
            return None;
        }
        let read = read_name("desk-not-a-domain", &text);
        read.map_err(|why| self.faults.note(name, &why.say(&self.talk))).ok()
    }

    /// Notes what is wrong with a parameter.
    pub(super) fn wrong(&mut self, name: &'static str, message: &str, named: &[(&'static str, Value)]) {
        self.faults.note(name, &self.talk.say(message, named));
    }
}

impl Faults {
    /// Notes one, unless one is known of the field: the first is the nearest to the matter.
    pub(super) fn note(&mut self, field: &'static str, says: &str) {
        if self.of(field).is_none() {
            self.0.push((field, shown::long(says)));
        }
    }

    /// Tells whether there are none.
    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what is wrong with a field.
    pub(super) fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == field).map(|(_, says)| says.as_str())
    }

    /// Returns the attributes of a field: where what is wrong with it is said. The names of fields are ours.
    pub(super) fn mark(&self, field: &str) -> String {
        self.of(field).map(|_| format!(" aria-invalid=\"true\" aria-describedby=\"{field}-fault\"")).unwrap_or_default()
    }

    /// Returns the status of a page that says it.
    pub(super) fn status(&self) -> StatusCode {
        if self.are_none() { StatusCode::OK } else { StatusCode::BAD_REQUEST }
    }
}

/// Says that a page does not know a parameter, and which one was probably meant.
fn say_unknown(name: &str, known: &[&str], talk: &Talk) -> String {
    // Any two letters are near each other.
    let guess = nearest(name, known).filter(|_| name.chars().count() > 2);
    let has_guess = if guess.is_some() { "yes" } else { "no" };
    let (name, guess) = (shown::text(name).into(), guess.unwrap_or_default().to_owned().into());
    talk.say("desk-unknown-parameter", &[("name", name), ("nearest", guess), ("known", has_guess.into())])
}

#[cfg(test)]
mod tests {
    use sekisho_core::speech::Lang;

    use super::*;

    /// Reads a query of a page.
    fn read(query: &str) -> (Asked, Vec<String>) {
        Asked::read(query, &["domain", "days", "side", "own"], &Arc::new(Talk::new(Lang::En)))
    }

    #[test]
    fn what_cannot_be_read_is_said_of_its_field_in_words() {
        let (mut asked, unknown) =
            read("domain=a..example&days=banana&side=up&own=1&own=2&dmain=x&x=%E2%80%AE&dmain=y");
        assert_eq!((asked.domain("domain"), asked.days(30), asked.texts("own").len()), (None, 30, 2));
        asked.word("side", &["in", "out"]);
        assert!(asked.faults.of("domain").is_some_and(|says| says.starts_with("`a..example` is not a domain name: ")));
        assert!(
            asked.faults.of("days").is_some_and(|says| says.contains("`banana`") && says.contains("1, 7, 14, 30, 90"))
        );
        assert!(asked.faults.of("side").is_some_and(|says| says.contains("in, out")));
        assert_eq!((asked.faults.of("own"), asked.faults.status()), (None, StatusCode::BAD_REQUEST));
        assert_eq!(unknown, ["dmain", "x"]);
        let said = say_unknown(&unknown[0], &["domain", "days"], &asked.talk);
        assert!(said.contains("`dmain`") && said.contains("`domain`"), "{said}");
        assert!(!say_unknown("\u{202e}", &[], &asked.talk).contains('\u{202e}'));
    }

    #[test]
    fn what_is_said_once_and_well_is_taken_and_what_is_empty_does_not_matter() {
        let (mut asked, unknown) = read("domain=%20B%C3%BCcher.Example.&days=7&side=");
        let domain = asked.domain("domain").map(|domain| domain.to_string());
        assert_eq!((domain.as_deref(), asked.days(30)), (Some("xn--bcher-kva.example"), 7));
        assert_eq!((asked.word("side", &["in"]), unknown.len(), asked.faults.are_none()), (String::new(), 0, true));
        let (mut twice, _) = read("days=7&days=1");
        twice.days(30);
        assert!(twice.faults.mark("days").contains("days-fault") && twice.faults.mark("side").is_empty());
    }
}
