//! UTF-7 (RFC 2152): no mailer should write it any more, but some still read it, so that `+AEA-` may be an at sign

/// How many bits a unit of UTF-16 has.
const UNIT_BITS: u32 = 16;

/// Tells whether a character set of that name is UTF-7.
pub(super) fn is_label(name: &[u8]) -> bool {
    [&b"utf-7"[..], b"utf7", b"unicode-1-1-utf-7", b"x-unicode-2-0-utf-7"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Turns UTF-7 into UTF-8: base64 of UTF-16 stands between a plus sign and the first octet that is no base64, and `+-` is
/// a plus sign.
pub(super) fn to_utf8(octets: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((direct, shifted)) = memchr::memchr(b'+', rest).and_then(|plus| rest.split_at_checked(plus)) {
        decoded.extend_from_slice(direct);
        let shifted = shifted.get(1..).unwrap_or_default();
        let end = shifted.iter().position(|&b| sextet(b).is_none()).unwrap_or(shifted.len());
        let (run, behind) = shifted.split_at_checked(end).unwrap_or((shifted, &[]));
        if run.is_empty() {
            decoded.push(b'+');
        }
        for character in char::decode_utf16(Units::of(run)) {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        rest = behind.strip_prefix(b"-").unwrap_or(behind);
    }
    decoded.extend_from_slice(rest);
    decoded
}

/// The sixteen-bit units of a run of base64; bits that fill no unit are dropped.
struct Units<'a> {
    /// What was not read yet.
    rest: std::slice::Iter<'a, u8>,
    /// The bits that were read and not used.
    bits: u32,
    /// How many they are.
    count: u32,
}

impl Units<'_> {
    /// Reads a run.
    fn of(run: &[u8]) -> Units<'_> {
        Units { rest: run.iter(), bits: 0, count: 0 }
    }
}

impl Iterator for Units<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        while self.count < UNIT_BITS {
            self.bits = self.bits << 6 | sextet(*self.rest.next()?)?;
            self.count += 6;
        }
        self.count -= UNIT_BITS;
        let unit = self.bits >> self.count;
        self.bits &= (1 << self.count) - 1;
        u16::try_from(unit).ok()
    }
}

/// Returns the six bits of a digit of base64.
fn sextet(digit: u8) -> Option<u32> {
    Some(match digit {
        b'A'..=b'Z' => u32::from(digit - b'A'),
        b'a'..=b'z' => u32::from(digit - b'a') + 26,
        b'0'..=b'9' => u32::from(digit - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_where_base64_does() {
        for (written, text) in [
            ("a+-b", "a+b"),
            ("v+AEA-x.org", "v@x.org"),
            ("v+AEA.x", "v@.x"),
            ("A+ImIDkQ.", "A≢Α."),
            ("Hi Mom -+Jjo--!", "Hi Mom -☺-!"),
            ("+2D3cSw-", "👋"),
            ("+2D0-x", "\u{fffd}x"),
            ("+A", ""),
            ("+", "+"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(to_utf8(written.as_bytes())).as_deref(), Ok(text), "{written}");
        }
        assert_eq!(to_utf8(b"\xff+AEA"), b"\xff@");
    }
}
