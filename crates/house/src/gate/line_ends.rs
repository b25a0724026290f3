//! Line ends that are none: a CR or an LF alone, which some servers take for the end of a line and others do not
//!
//! Whatever a filter sees is parsed already, so a second mail that was smuggled in shows no more (CVE-2023-51764); but where
//! a lone CR or LF still stands in a mail, a server behind may part it there. It is annotated, not judged.

/// Looks for CR and LF that do not stand together, in octets that come in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineEnds {
    /// Whether the last octet was a CR.
    after_cr: bool,
    /// Whether one stood alone.
    has_stray: bool,
}

impl LineEnds {
    /// Looks at the next octets.
    pub(super) fn update(&mut self, piece: &[u8]) {
        let (Some(first), Some(last)) = (piece.first(), piece.last()) else { return };
        // A CR before and an LF behind go together, or neither is there. Without a branch, many octets are looked at at once.
        let unequal = |cr: bool, lf: bool| u8::from(cr) ^ u8::from(lf);
        let pairs = piece.iter().zip(piece.iter().skip(1));
        let inside = pairs.fold(0, |found, (one, next)| found | unequal(*one == b'\r', *next == b'\n'));
        self.has_stray |= (inside | unequal(self.after_cr, *first == b'\n')) != 0;
        self.after_cr = *last == b'\r';
    }

    /// Tells whether a CR or an LF stood alone.
    pub(super) fn has_stray(self) -> bool {
        self.has_stray || self.after_cr
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Looks at text in one piece.
    fn has_stray(text: &[u8]) -> bool {
        let mut ends = LineEnds::default();
        ends.update(text);
        ends.has_stray()
    }

    #[test]
    fn a_cr_or_an_lf_alone_is_seen_and_a_pair_is_not() {
        for clean in ["", "a", "a\r\nb\r\n", "\r\n", "\r\n\r\n.\r\n"] {
            assert!(!has_stray(clean.as_bytes()), "{clean:?}");
        }
        for odd in ["\n", "\r", "a\nb", "a\rb", "\r\r\n", "\r\n\n", "\n.\r\n", "\r\n.\r", "\r.\r\n"] {
            assert!(has_stray(odd.as_bytes()), "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_are_as_good_as_the_whole(text in "[\r\nab]{0,40}", cuts in prop::collection::vec(0_usize..41, 0..6)) {
            let octets = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(octets.len())).chain([0, octets.len()]).collect();
            cuts.sort_unstable();
            let mut ends = LineEnds::default();
            cuts.windows(2).for_each(|cut| ends.update(&octets[cut[0]..cut[1]]));
            let pairs = text.matches("\r\n").count();
            let expected = text.matches('\r').count() != pairs || text.matches('\n').count() != pairs;
            prop_assert_eq!(ends.has_stray(), expected);
            prop_assert_eq!(has_stray(octets), expected);
        }
    }
}
