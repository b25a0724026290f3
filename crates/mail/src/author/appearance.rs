//! How an author looks: display names and domains that pretend to be others (UTS 39)

use sekisho_core::name::DomainName;
use sekisho_core::visible::is_harmless;
use unicode_normalization::UnicodeNormalization;
use unicode_script::{Script, UnicodeScript};
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::skeleton;

use super::{Findings, flag};
use crate::address::{self, Mailbox};

/// Notes what a display name and an author domain pretend to be.
pub(super) fn examine(mailbox: &Mailbox<'_>, domain: &DomainName, found: &mut Findings) {
    if !mailbox.phrase.is_empty() {
        examine_name(&address::display(mailbox.phrase), domain, found);
    }
    if domain.labels().any(|label| label.starts_with(b"xn--")) {
        examine_domain(&domain.to_unicode(), found);
    }
}

/// Examines a display name as it is shown.
fn examine_name(name: &str, domain: &DomainName, found: &mut Findings) {
    let other = if name.is_ascii() { other_domain(name, domain) } else { other_domain(&plain(name), domain) };
    if let Some(other) = other {
        found.flag(&flag::NAME_ADDRESS, other.as_bytes());
    }
    let mut before = ' ';
    for character in name.chars() {
        if is_bidi_control(character) {
            found.flag(&flag::BIDI_CONTROLS, name.as_bytes());
        } else if !is_harmless(character) && !joins(before, character) {
            found.flag(&flag::INVISIBLE, name.as_bytes());
        }
        before = character;
    }
    if !name.is_ascii() {
        note_mixed_scripts(name, found);
    }
}

/// Examines the labels of a domain as they are shown.
fn examine_domain(shown: &str, found: &mut Findings) {
    for label in shown.split('.').filter(|label| !label.is_ascii()) {
        note_mixed_scripts(label, found);
        let ascii = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let looks: String = skeleton(label).collect();
        if looks.chars().all(ascii) {
            found.flag(&flag::CONFUSABLE_DOMAIN, looks.as_bytes());
        }
    }
}

/// Returns a name in the letters that it is read as: full-width forms and the like as ASCII, the ideographic full stop as
/// the dot that it is in domain names (RFC 3490 §3.1), and nothing invisible.
fn plain(name: &str) -> String {
    let dot = |character| if character == '\u{3002}' { '.' } else { character };
    name.nfkc().filter(|&character| is_harmless(character)).map(dot).collect()
}

/// Returns the domain of an address in a display name, where it is not the author domain.
fn other_domain(name: &str, domain: &DomainName) -> Option<String> {
    let mut pieces = name.split('@');
    let mut before = pieces.next()?;
    for piece in pieces {
        let end = piece.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(piece.len());
        let named = piece.get(..end).unwrap_or_default().trim_matches('.');
        let has_local = before.ends_with(|c: char| !c.is_whitespace());
        let is_other = DomainName::parse_unicode(named).map_or(true, |other| other != *domain);
        if has_local && named.contains('.') && is_other {
            return Some(named.to_owned());
        }
        before = piece;
    }
    None
}

/// Notes a word whose scripts do not belong together: beyond one script, only Latin beside those of Japan, China and
/// Korea is usual (UTS 39 §5.2, "highly restrictive").
fn note_mixed_scripts(text: &str, found: &mut Findings) {
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if word.is_ascii() || !AugmentedScriptSet::for_str(word).is_empty() {
            continue;
        }
        let rest: String = word.chars().filter(|c| c.script() != Script::Latin).collect();
        let rest = AugmentedScriptSet::for_str(&rest);
        if !(rest.jpan || rest.hanb || rest.kore) {
            found.flag(&flag::MIXED_SCRIPTS, word.as_bytes());
        }
    }
}

/// Tells whether a character turns the direction of text (UAX 9 §2).
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Tells whether an invisible character is a joiner or a variation selector where scripts and emoji need it.
fn joins(before: char, character: char) -> bool {
    match character {
        '\u{200c}' | '\u{200d}' | '\u{180b}'..='\u{180d}' | '\u{180f}' => !before.is_ascii(),
        // Keycaps are made of ASCII.
        '\u{fe00}'..='\u{fe0f}' => !before.is_ascii() || matches!(before, '0'..='9' | '#' | '*'),
        '\u{e0100}'..='\u{e01ef}' => !before.is_ascii(),
        _ => false,
    }
}
