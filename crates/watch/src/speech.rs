//! The sentences of what is found, in Japanese and English: what it is, and what to do about it

use sekisho_core::finding::Finding;
use sekisho_core::speech::{Lang, Speech, message_id};

/// Returns the message files of one language.
pub fn sources(lang: Lang) -> &'static [&'static str] {
    match lang {
        Lang::En => &[include_str!("../speech/en/audit.ftl")],
        Lang::Ja => &[include_str!("../speech/ja/audit.ftl")],
    }
}

/// Says what was found.
pub fn says(speech: &Speech, finding: &Finding) -> String {
    speech.say(&message_id(finding.rule.id), &finding.arguments)
}

/// Says what to do about it.
pub fn advice(speech: &Speech, finding: &Finding) -> String {
    speech.say(&format!("{}-advice", message_id(finding.rule.id)), &finding.arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::RULES;

    #[test]
    fn every_finding_speaks_and_advises_in_both_languages() {
        for lang in Lang::ALL {
            let speech = Speech::new(lang, sources(lang)).unwrap();
            for rule in RULES {
                for id in [message_id(rule.id), format!("{}-advice", message_id(rule.id))] {
                    assert_ne!(speech.say(&id, &[]), id, "{lang:?} has no sentence `{id}`");
                }
            }
            let messages = sources(lang).iter().flat_map(|file| file.lines());
            let messages = messages.filter(|line| !line.starts_with([' ', '#']) && line.contains(" =")).count();
            assert_eq!(messages, RULES.len() * 2, "{lang:?} has a sentence too many");
        }
    }
}
