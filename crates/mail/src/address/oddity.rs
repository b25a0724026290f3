//! What is odd about an address field: named, never mended

/// Something that readers of addresses may disagree on, or that the grammar does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Oddity {
    /// A NUL.
    Nul,
    /// A CR without LF, or an LF without CR, or a line break that no white space follows.
    BareBreak,
    /// A character beyond ASCII that breaks lines: U+0085, U+2028, U+2029.
    HiddenBreak,
    /// A line of white space alone, where some readers see the end of the header.
    BlankLine,
    /// Another control character; raw ISO-2022-JP has them.
    Control,
    /// Octets that are no UTF-8.
    NotUtf8,
    /// Octets that are no UTF-8 right before a character that Shift_JIS, Big5 or GBK would swallow.
    UndeclaredCharset,
    /// A quoted string without its end.
    UnclosedQuote,
    /// A comment without its end.
    UnclosedComment,
    /// A domain literal without its end.
    UnclosedLiteral,
    /// An angle bracket without its end.
    UnclosedAngle,
    /// A group without its semicolon.
    UnclosedGroup,
    /// Comments nested deeper than anybody writes them.
    DeepComment,
    /// Words without an address.
    NoAtSign,
    /// `<>`.
    EmptyAddress,
    /// Nothing before the at sign.
    EmptyLocal,
    /// Nothing behind the at sign.
    EmptyDomain,
    /// `x@a@b`.
    TwoAtSigns,
    /// `<@a,@b:x@c>` (§4.4).
    Route,
    /// `x@[192.0.2.1]`.
    DomainLiteral,
    /// `x@"a"`.
    QuotedDomain,
    /// A dot behind the domain.
    TrailingDot,
    /// A dot in front of the domain, or two in a row.
    EmptyLabel,
    /// Dots at the ends of the local part, or two in a row: mobile carriers in Japan once gave such addresses away.
    LocalDots,
    /// A quoted local part.
    QuotedLocal,
    /// An encoded word where an address should be.
    EncodedWord,
    /// Comments or white space inside the address (§4.4).
    GapInAddress,
    /// White space or a comment behind what is already a domain name, with more of the domain behind it.
    SplitDomain,
    /// A comment in or at an address that looks like a part of it.
    CommentInAddress,
    /// Words before an address without angle brackets.
    TextBefore,
    /// Words behind an address.
    TextAfter,
    /// `<a@b> <c@d>`.
    SecondAngle,
    /// `a@b <c@d>`: the display name is an address without quotes.
    AddressBeforeAngle,
    /// A group inside a group.
    NestedGroup,
    /// A semicolon outside a group: some readers take it for a comma.
    Semicolon,
    /// A character that has no meaning where it stands.
    Stray,
    /// A dot in a display name without quotes (§4.1, obs-phrase).
    ObsoletePhrase,
}

/// A set of oddities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities(u64);

impl Oddities {
    /// Adds one.
    pub fn insert(&mut self, oddity: Oddity) {
        self.0 |= bit(oddity);
    }

    /// Adds one where `odd` holds.
    pub(crate) fn insert_if(&mut self, odd: bool, oddity: Oddity) {
        if odd {
            self.insert(oddity);
        }
    }

    /// Adds all of another set.
    pub fn extend(&mut self, others: Oddities) {
        self.0 |= others.0;
    }

    /// Tells whether one is among them.
    pub fn contains(self, oddity: Oddity) -> bool {
        self.0 & bit(oddity) != 0
    }

    /// Tells whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Returns the bit of one oddity.
fn bit(oddity: Oddity) -> u64 {
    1 << (oddity as u8)
}

/// Finds what is odd about the octets of a field's value, whatever they mean.
pub(crate) fn survey(value: &[u8]) -> Oddities {
    let mut odd = Oddities::default();
    let is_control = |b: u8| (b < b' ' && !matches!(b, 0 | b'\t' | b'\r' | b'\n')) | (b == 0x7f);
    // Without an early end the compiler looks at many octets at once.
    odd.insert_if(value.iter().fold(false, |any, &b| any | is_control(b)), Oddity::Control);
    odd.insert_if(memchr::memchr(0, value).is_some(), Oddity::Nul);
    for at in memchr::memchr2_iter(b'\r', b'\n', value) {
        let next = value.get(at + 1);
        let bare = if value.get(at) == Some(&b'\r') {
            next != Some(&b'\n')
        } else {
            at == 0 || value.get(at - 1) != Some(&b'\r') || !matches!(next, Some(b' ' | b'\t'))
        };
        odd.insert_if(bare, Oddity::BareBreak);
    }
    let mut lines = value.trim_ascii_end().split(|&b| b == b'\n').skip(1);
    odd.insert_if(lines.any(|line| line.trim_ascii().is_empty()), Oddity::BlankLine);
    if !value.is_ascii() {
        survey_octets(value, &mut odd);
    }
    odd
}

/// The characters beyond ASCII at which some programs begin a new line, Python's `splitlines` among them.
pub(crate) const HIDDEN_BREAKS: [&str; 3] = ["\u{85}", "\u{2028}", "\u{2029}"];

/// Finds octets that are no UTF-8, and those of them that a reader could join with the next character.
fn survey_octets(value: &[u8], odd: &mut Oddities) {
    let breaks = |hidden: &str| memchr::memmem::find(value, hidden.as_bytes()).is_some();
    odd.insert_if(HIDDEN_BREAKS.into_iter().any(breaks), Oddity::HiddenBreak);
    let mut after_invalid = false;
    for chunk in value.utf8_chunks() {
        let first = chunk.valid().as_bytes().first();
        odd.insert_if(after_invalid && matches!(first, Some(b'@' | b'[' | b'\\')), Oddity::UndeclaredCharset);
        after_invalid = !chunk.invalid().is_empty();
        odd.insert_if(after_invalid, Oddity::NotUtf8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_surveyed() {
        let found = |value: &[u8], oddity| survey(value).contains(oddity);
        assert!(survey(b" a\r\n <a@b>").is_empty());
        assert!(found(b"a\0", Oddity::Nul));
        assert!(found(b"a\rb", Oddity::BareBreak));
        assert!(found(b"a\nb", Oddity::BareBreak));
        assert!(found(b"a\n b", Oddity::BareBreak));
        assert!(found(b"a\r\n \r\n b", Oddity::BlankLine));
        assert!(!found(b"a\r\n \t", Oddity::BlankLine));
        assert!(found(b"\x1b$B", Oddity::Control));
        assert!(found(b"\x83\x5c", Oddity::UndeclaredCharset));
        assert!(found("a\u{2028}b".as_bytes(), Oddity::HiddenBreak));
        assert!(survey("関所".as_bytes()).is_empty());
    }
}
