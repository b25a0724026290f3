//! Hostile bytes made safe to show: in a terminal, a log line, a page
//!
//! Control characters, bidirectional controls and invisible characters are written as escapes, invalid UTF-8 as `\xNN`,
//! and what is too long is cut, with `…` to say so.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// The most bytes of one value that are shown.
pub const SHOWN_MAX: usize = 256;

/// Bytes from outside, shown harmlessly.
#[derive(Clone, Copy, Debug)]
pub struct Visible<'a>(pub &'a [u8]);

impl<'a> Visible<'a> {
    /// Returns the text, which is most often there already.
    pub fn text(self) -> Cow<'a, str> {
        let short = Some(self.0).filter(|text| text.len() <= SHOWN_MAX);
        short.and_then(plain).map_or_else(|| Cow::Owned(self.to_string()), Cow::Borrowed)
    }
}

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, cut) = match self.0.get(..SHOWN_MAX) {
            Some(start) if self.0.len() > SHOWN_MAX => (start, true),
            _ => (self.0, false),
        };
        if let Some(text) = plain(shown) {
            f.write_str(text)?;
            return if cut { f.write_char('…') } else { Ok(()) };
        }
        for chunk in shown.utf8_chunks() {
            for character in chunk.valid().chars() {
                if is_harmless(character) {
                    f.write_char(character)?;
                } else if character.is_ascii() {
                    write!(f, "\\x{:02x}", u32::from(character))?;
                } else {
                    write!(f, "\\u{{{:x}}}", u32::from(character))?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        if cut { f.write_char('…') } else { Ok(()) }
    }
}

/// Returns text of printing ASCII alone as it is: nearly all there is.
fn plain(shown: &[u8]) -> Option<&str> {
    if shown.iter().all(|b| matches!(b, 0x20..=0x7e)) { std::str::from_utf8(shown).ok() } else { None }
}

/// Tells whether a character may be shown as it is: no control, no bidirectional control, nothing invisible.
pub fn is_harmless(character: char) -> bool {
    !matches!(character, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
        && (character < '\u{ad}' || !is_ignorable(character))
}

/// Tells whether a character is shown as nothing by default (`Default_Ignorable_Code_Point` of Unicode, UAX 44 §5.7), the
/// bidirectional controls and variation selectors among them.
fn is_ignorable(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_escaped_and_words_are_not() {
        assert_eq!(
            Visible("関所 \x1b[2J\r\n\u{202e}exe".as_bytes()).to_string(),
            "関所 \\x1b[2J\\x0d\\x0a\\u{202e}exe"
        );
        assert_eq!(Visible(b"a\xffb").to_string(), "a\\xffb");
        for text in [&b"a b"[..], b"a\nb", &[b'x'; SHOWN_MAX], &[b'x'; SHOWN_MAX + 1]] {
            assert_eq!(Visible(text).text(), Visible(text).to_string());
        }
    }

    #[test]
    fn what_is_shown_as_nothing_is_escaped() {
        for character in
            ['\u{34f}', '\u{115f}', '\u{3164}', '\u{fe0f}', '\u{200d}', '\u{e0041}', '\u{e01ef}', '\u{2029}']
        {
            let shown = Visible(format!("a{character}b").as_bytes()).to_string();
            assert_eq!(shown, format!("a\\u{{{:x}}}b", u32::from(character)));
        }
        for text in ["ä", "関所", "한글", "e\u{301}", "👩", "\u{ffa1}", "\u{a0}"] {
            assert_eq!(Visible(text.as_bytes()).to_string(), text);
        }
    }

    #[test]
    fn long_values_are_cut_and_say_so() {
        let shown = Visible(&[b'x'; 300]).to_string();
        assert_eq!(shown.chars().count(), SHOWN_MAX + 1);
        assert!(shown.ends_with('…'));
    }
}
