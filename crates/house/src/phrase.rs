//! Stable phrases in the reader's language: why there is no author, a signature does not pass, nobody judged, less was done
//!
//! Judges and gate say them in English; so do the books, and the reports that others get. Programs read them as they are.

use sekisho_core::speech::Lang;

use crate::speech::Talk;

/// Says a stable phrase; one that is none stands as it is.
pub(crate) fn say(phrase: &str, talk: &Talk) -> String {
    if talk.lang() == Lang::En {
        return phrase.to_owned();
    }
    let message = message(phrase);
    let said = talk.word(&message);
    if said == message { phrase.to_owned() } else { said }
}

/// Returns the id of its message.
fn message(phrase: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    format!("phrase-{}", phrase.chars().map(letter).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate;

    #[test]
    fn every_phrase_stands_as_it_is_in_english_and_has_words_in_japanese() {
        let (en, ja) = (Talk::new(Lang::En), Talk::new(Lang::Ja));
        let phrases: Vec<&str> = sekisho_mail::speech::reasons().chain(gate::phrases()).collect();
        assert!(phrases.len() > 80, "{}", phrases.len());
        for phrase in phrases {
            assert_eq!((say(phrase, &en).as_str(), en.word(&message(phrase)).as_str()), (phrase, phrase));
            let is_japanese = |letter: char| matches!(letter, 'ぁ'..='ヿ' | '一'..='龥');
            assert!(say(phrase, &ja).contains(is_japanese), "{phrase}: {}", say(phrase, &ja));
        }
        assert_eq!(say("somebody else's words: { $x }", &ja), "somebody else's words: { $x }");
    }
}
