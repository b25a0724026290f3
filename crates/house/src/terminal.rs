//! Text for a terminal: colours, widths in columns, lines wrapped where a reader expects it
//!
//! Japanese characters take two columns and may be parted anywhere but before closing and after opening marks.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How wide lines are where no terminal says.
const WIDTH_DEFAULT: usize = 100;
/// Lines that are longer are hard to read, however wide the terminal.
const WIDTH_MAX: usize = 120;
/// Narrower terminals get lines that they wrap themselves.
const WIDTH_MIN: usize = 40;

/// Returns how many columns this process's terminal has.
pub(crate) fn columns() -> usize {
    terminal_size::terminal_size().map_or(WIDTH_DEFAULT, |(width, _)| usize::from(width.0))
}

/// Returns how wide lines shall be on a terminal of `width` columns, or where there is none.
pub(crate) fn line_width(width: Option<usize>) -> usize {
    width.unwrap_or(WIDTH_DEFAULT).clamp(WIDTH_MIN, WIDTH_MAX)
}

/// Returns how many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Returns the text with spaces behind it up to `columns`.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Writes what others said: exactly, into files and pipes, and without what a terminal would obey onto a terminal.
pub(crate) struct Harmless<W> {
    /// Where it goes.
    out: W,
    /// Whether a terminal is there.
    is_terminal: bool,
    /// The octet that came last.
    before: u8,
}

impl<W: Write> Harmless<W> {
    /// Returns one that has written nothing yet.
    pub(crate) fn new(out: W, is_terminal: bool) -> Harmless<W> {
        Harmless { out, is_terminal, before: 0 }
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if !self.is_terminal {
            return self.out.write(octets);
        }
        let mut shown = Vec::with_capacity(octets.len());
        for &octet in octets {
            let is_control = octet.is_ascii_control() && !matches!(octet, b'\n' | b'\r' | b'\t');
            // C1 controls are U+0080 to U+009F: after UTF-8's C2 their second octet shall not be read as one.
            let is_c1 = self.before == 0xc2 && (0x80..=0x9f).contains(&octet);
            if is_control || is_c1 {
                // Where it came with the write before, it stands alone, and shows as what it is: no character.
                shown.pop_if(|last| is_c1 && *last == 0xc2);
                shown.extend_from_slice(format!("\\x{octet:02x}").as_bytes());
            } else {
                shown.push(octet);
            }
            self.before = octet;
        }
        self.out.write_all(&shown)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// How a piece of text sounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// Something passed.
    Good,
    /// Something failed.
    Bad,
    /// Something is odd, or not known for now.
    Odd,
    /// Something of little weight.
    Dim,
    /// Something that names what follows.
    Strong,
}

/// Puts colours on text, or leaves it alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paint {
    /// Whether colours are shown.
    pub(crate) on: bool,
}

impl Paint {
    /// Colours a text.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Odd => AnsiColor::Yellow.on_default(),
            Tone::Dim => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
        };
        if self.on && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Colours what failed.
    pub(crate) fn bad(self, text: &str) -> String {
        self.tone(Tone::Bad, text)
    }
}

/// A run of words of one tone.
pub(crate) type Piece = (Tone, String);

/// What does not part: a word, or a wide character with the marks that stick to it.
#[derive(Debug)]
struct Atom {
    /// Its text.
    text: String,
    /// How it sounds.
    tone: Tone,
    /// Whether white space stands before it.
    spaced: bool,
}

/// Lays text out in lines of at most `columns`; each line comes with the columns it takes.
pub(crate) fn wrap(pieces: &[Piece], columns: usize, paint: Paint) -> Vec<(String, usize)> {
    let columns = columns.max(8);
    let mut lines: Vec<(String, usize)> = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for atom in atoms(pieces, columns) {
        let space = usize::from(atom.spaced && used > 0);
        let wide = width(&atom.text);
        if used > 0 && used + space + wide > columns {
            lines.push((std::mem::take(&mut line), used));
            used = 0;
        } else if space == 1 {
            line.push(' ');
            used += 1;
        }
        line.push_str(&paint.tone(atom.tone, &atom.text));
        used += wide;
    }
    if used > 0 || lines.is_empty() {
        lines.push((line, used));
    }
    lines
}

/// Cuts text into what does not part.
fn atoms(pieces: &[Piece], columns: usize) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    let (mut spaced, mut before) = (false, None::<char>);
    for (tone, text) in pieces {
        for character in text.chars() {
            if character == ' ' {
                (spaced, before) = (true, None);
                continue;
            }
            // A hard space parts nothing, and is shown as any other.
            let character = if character == '\u{a0}' { ' ' } else { character };
            let sticks = before.is_some_and(|before| sticks(before, character));
            match atoms.last_mut() {
                Some(last) if sticks && last.tone == *tone && width(&last.text) < columns => last.text.push(character),
                _ => atoms.push(Atom { text: character.to_string(), tone: *tone, spaced }),
            }
            (spaced, before) = (false, Some(character));
        }
    }
    atoms
}

/// Tells whether a line may not end between two characters.
fn sticks(before: char, after: char) -> bool {
    let is_wide = |character: char| character.width().unwrap_or(0) > 1;
    let is_hard_space = before == ' ' || after == ' ';
    let is_one_word = is_katakana(before) && is_katakana(after);
    is_hard_space || is_one_word || opens(before) || closes(after) || !(is_wide(before) || is_wide(after))
}

/// Tells whether a character is one that borrowed words are written in.
fn is_katakana(character: char) -> bool {
    matches!(character, '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}')
}

/// Tells whether a character may not begin a line.
fn closes(character: char) -> bool {
    "、。，．・：；？！ー）」』】〉》〕］｝ぁぃぅぇぉっゃゅょァィゥェォッャュョ々".contains(character)
}

/// Tells whether a character may not end a line.
fn opens(character: char) -> bool {
    "（「『【〈《〔［｛".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, columns: usize) -> Vec<String> {
        let lines = wrap(&[(Tone::Plain, text.to_owned())], columns, Paint::default());
        for (line, used) in &lines {
            assert_eq!(width(line), *used);
        }
        lines.into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_terminal_gets_nothing_to_obey_and_a_file_gets_what_was_said() {
        let said = "a\u{1b}[2J\tb\u{9b}31mé\u{7f}\n";
        let written = |is_terminal| {
            let mut out = Vec::new();
            Harmless::new(&mut out, is_terminal).write_all(said.as_bytes()).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written(true), "a\\x1b[2J\tb\\x9b31mé\\x7f\n");
        assert_eq!(written(false), said);
        let mut out = Vec::new();
        let mut harmless = Harmless::new(&mut out, true);
        let both = harmless.write_all(b"\xc2").and_then(|()| harmless.write_all(b"\x9b"));
        assert!(both.is_ok() && out == b"\xc2\\x9b", "{out:?}");
    }

    #[test]
    fn words_stay_whole_and_giants_do_not() {
        assert_eq!(wrapped("one two  three", 8), ["one two", "three"]);
        assert_eq!(wrapped(&"x".repeat(20), 8), ["xxxxxxxx", "xxxxxxxx", "xxxx"]);
        assert_eq!(wrapped("", 8), [""]);
        assert_eq!(wrapped("one two →\u{a0}a", 9), ["one two", "→ a"]);
    }

    #[test]
    fn japanese_parts_between_characters_but_not_before_closing_marks() {
        assert_eq!(wrapped("送信元は、許可なし。", 8), ["送信元", "は、許可", "なし。"]);
        assert_eq!(wrapped("鍵「abc」を", 8), ["鍵", "「abc」", "を"]);
        assert_eq!(wrapped("このメールは", 8), ["この", "メールは"]);
    }

    #[test]
    fn colour_takes_no_columns() {
        let lines = wrap(&[(Tone::Bad, "fail".into()), (Tone::Plain, " it is".into())], 20, Paint { on: true });
        assert_eq!(lines, [("\u{1b}[1m\u{1b}[31mfail\u{1b}[0m it is".to_owned(), 10)]);
    }
}
