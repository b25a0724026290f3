//! What the commands say to people, in Japanese and English
//!
//! The sentences stand in `speech/`, those of the web desk in files of their own; those of steps and findings come from the judges' own crates.

use sekisho_core::finding::Finding;
use sekisho_core::speech::{Lang, Speech};
use sekisho_core::step::{Step, Value};

use crate::phrase;

/// The sentences of one language: ours and those of the judges.
#[derive(Debug)]
pub(crate) struct Talk(Speech);

impl Talk {
    /// Makes ready to speak one language.
    pub(crate) fn new(lang: Lang) -> Talk {
        let mut sources = sekisho_mail::speech::sources(lang).to_vec();
        sources.extend(sekisho_watch::speech::sources(lang));
        sources.extend(files(lang));
        Talk(Speech::new(lang, &sources).expect("the message files are part of the program, and a test reads them"))
    }

    /// Returns the language that is spoken.
    pub(crate) fn lang(&self) -> Lang {
        self.0.lang()
    }

    /// Says one message.
    pub(crate) fn say(&self, message: &str, arguments: &[(&'static str, Value)]) -> String {
        self.0.say(message, arguments)
    }

    /// Says one message that names nothing.
    pub(crate) fn word(&self, message: &str) -> String {
        self.0.say(message, &[])
    }

    /// Lists the ids of all messages of a language.
    #[cfg(test)]
    pub(crate) fn messages_of(lang: Lang) -> Vec<String> {
        let lines = files(lang).into_iter().flat_map(str::lines);
        let ids = lines.filter(|line| !line.starts_with([' ', '#'])).filter_map(|line| line.split_once(" ="));
        ids.map(|(id, _)| id.to_owned()).collect()
    }

    /// Says a step, and the stable phrase that is its reason in the same language.
    pub(crate) fn step(&self, step: &Step) -> String {
        let reason =
            step.arguments.iter().position(|(name, value)| *name == "reason" && matches!(value, Value::Word(_)));
        let Some(at) = reason.filter(|_| self.lang() != Lang::En) else { return self.0.step(step) };
        let mut said = step.clone();
        if let Some((_, Value::Word(phrase))) = step.arguments.get(at) {
            said.arguments[at].1 = phrase::say(phrase, self).into();
        }
        self.0.step(&said)
    }

    /// Says what was found.
    pub(crate) fn finding(&self, finding: &Finding) -> String {
        sekisho_watch::speech::says(&self.0, finding)
    }

    /// Says what to do about it.
    pub(crate) fn advice(&self, finding: &Finding) -> String {
        sekisho_watch::speech::advice(&self.0, finding)
    }
}

/// Returns the message files of one language: those of the commands, of the desk and of the API.
fn files(lang: Lang) -> [&'static str; 3] {
    match lang {
        Lang::En => [
            include_str!("../speech/en.ftl"),
            include_str!("../speech/desk.en.ftl"),
            include_str!("../speech/api.en.ftl"),
        ],
        Lang::Ja => [
            include_str!("../speech/ja.ftl"),
            include_str!("../speech/desk.ja.ftl"),
            include_str!("../speech/api.ja.ftl"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sekisho_core::step::Check;
    use sekisho_mail::verdict::Ground;

    use super::*;

    /// The ids of all messages of one file, each with the arguments it names.
    fn messages(lang: Lang) -> BTreeSet<(String, BTreeSet<String>)> {
        let mut all = Vec::<(String, BTreeSet<String>)>::new();
        for line in files(lang).into_iter().flat_map(str::lines) {
            if let Some((id, _)) = line.split_once(" =")
                && !line.starts_with([' ', '#'])
            {
                all.push((id.to_owned(), BTreeSet::new()));
            }
            if let Some((_, names)) = all.last_mut() {
                let named = line.split('$').skip(1).filter_map(|rest| rest.split([' ', '}']).next());
                names.extend(named.map(str::to_owned));
            }
        }
        all.into_iter().collect()
    }

    #[test]
    fn both_languages_say_the_same_things_about_the_same_things() {
        assert!(messages(Lang::En).len() > 50);
        assert_eq!(messages(Lang::En), messages(Lang::Ja));
    }

    #[test]
    fn the_reason_of_a_step_is_said_in_its_language() {
        let rule = sekisho_mail::speech::rules().find(|rule| rule.id == "dmarc.no-author").unwrap();
        let reason = ("reason", Value::Word("several From fields"));
        let step =
            Step { check: Check::Dmarc, depth: 0, rule, result: None, arguments: [reason].into_iter().collect() };
        let (en, ja) = (Talk::new(Lang::En).step(&step), Talk::new(Lang::Ja).step(&step));
        assert!(en.contains("several From fields"), "{en}");
        assert!(ja.contains("From フィールドが複数ある") && !ja.contains("several"), "{ja}");
    }

    #[test]
    fn every_ground_has_words() {
        for lang in Lang::ALL {
            let talk = Talk::new(lang);
            for ground in Ground::ALL {
                let id = format!("ground-{ground}");
                assert_ne!(talk.word(&id), id);
            }
        }
    }
}
