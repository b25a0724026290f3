//! The sentences of every rule of this crate, in Japanese and English
//!
//! One message file a judge and language, under `speech/`.

use sekisho_core::speech::Lang;
use sekisho_core::step::Rule;

use crate::{arc, author, dkim, dmarc, hearing, spf};

/// Returns the message files of one language.
pub fn sources(lang: Lang) -> &'static [&'static str] {
    match lang {
        Lang::En => &[
            include_str!("../speech/en/author.ftl"),
            include_str!("../speech/en/spf.ftl"),
            include_str!("../speech/en/dkim.ftl"),
            include_str!("../speech/en/arc.ftl"),
            include_str!("../speech/en/dmarc.ftl"),
            include_str!("../speech/en/verdict.ftl"),
        ],
        Lang::Ja => &[
            include_str!("../speech/ja/author.ftl"),
            include_str!("../speech/ja/spf.ftl"),
            include_str!("../speech/ja/dkim.ftl"),
            include_str!("../speech/ja/arc.ftl"),
            include_str!("../speech/ja/dmarc.ftl"),
            include_str!("../speech/ja/verdict.ftl"),
        ],
    }
}

/// Every rule that a step of this crate can name.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let all: [&[&Rule]; _] =
        [author::RULES, author::flag::RULES, spf::RULES, dkim::RULES, arc::RULES, dmarc::RULES, hearing::RULES];
    let authors = author::fault::FAULTS.iter().map(|fault| &fault.rule);
    let signatures = dkim::fault::FAULTS.iter().map(|fault| &fault.rule);
    all.into_iter().flatten().copied().chain(authors).chain(signatures)
}

/// Every stable phrase that says why there is not exactly one author, or why a signature or a chain does not pass.
pub fn reasons() -> impl Iterator<Item = &'static str> {
    let authors = author::fault::FAULTS.iter().map(|fault| fault.reason);
    authors.chain(dkim::fault::FAULTS.iter().map(|fault| fault.reason)).chain(arc::REASONS)
}

#[cfg(test)]
mod tests {
    use sekisho_core::speech::{Speech, message_id};

    use super::*;

    #[test]
    fn every_rule_speaks_both_languages() {
        for lang in Lang::ALL {
            let speech = Speech::new(lang, sources(lang)).unwrap();
            for rule in rules() {
                let id = message_id(rule.id);
                assert_ne!(speech.say(&id, &[]), id, "{lang:?} has no sentence for {}", rule.id);
            }
        }
    }

    #[test]
    fn sentences_end_without_a_full_stop_and_the_author_has_one_name() {
        for lang in Lang::ALL {
            let lines = sources(lang).iter().flat_map(|source| source.lines()).filter(|line| !line.starts_with('#'));
            for line in lines {
                assert!(!line.trim_end().ends_with(['.', '。']), "{line}");
                assert!(!["著者", "作成者", "アラインメント"].iter().any(|word| line.contains(word)), "{line}");
            }
        }
    }
}
