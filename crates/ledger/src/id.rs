//! Ids: 128 bits whose order is that of the times they were made at

use std::fmt;
use std::str::FromStr;

/// The id of a row: made by the caller, unique over all nodes without their talking.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u128);

impl Id {
    /// Makes one out of the time, in microseconds since 1970, and 80 random bits.
    pub fn new(at: i64, random: [u8; 10]) -> Id {
        let milliseconds = u128::from(at.div_euclid(1000).max(0).unsigned_abs()) & 0xffff_ffff_ffff;
        let random = random.iter().fold(0, |sum: u128, octet| sum << 8 | u128::from(*octet));
        Id(milliseconds << 80 | random)
    }

    /// Returns the time it was made at, in microseconds since 1970, to the millisecond.
    pub fn made_at(self) -> i64 {
        i64::try_from(self.0 >> 80).map_or(i64::MAX, |milliseconds| milliseconds.saturating_mul(1000))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl FromStr for Id {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Id, BadId> {
        let sound = text.len() == 32 && text.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
        let number = sound.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        number.map(Id).ok_or(BadId)
    }
}

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadId;

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id has 32 hexadecimal digits in lower case")
    }
}

impl std::error::Error for BadId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_as_their_times_and_their_texts() {
        let early = Id::new(1_700_000_000_000_000, [0xff; 10]);
        let late = Id::new(1_700_000_000_001_000, [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(late.made_at(), 1_700_000_000_001_000);
        assert_eq!(Id::new(-1, [0; 10]).to_string(), "0".repeat(32));
    }

    #[test]
    fn a_text_is_read_back_and_other_texts_are_refused() {
        let id = Id::new(1_700_000_000_000_000, *b"0123456789");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "+f", &"F".repeat(32), &"0".repeat(33), &format!("+{}", "0".repeat(31))] {
            assert_eq!(text.parse::<Id>(), Err(BadId), "{text}");
        }
    }
}
