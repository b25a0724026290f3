//! Second factor: six digits that a telephone and we compute from the time (RFC 6238, on RFC 4226)

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{hmac, rand};
use qrcode::QrCode;
use qrcode::render::svg;

use super::Trouble;

/// The seconds of a step.
const STEP: i64 = 30;
/// The octets of a secret: as many as SHA-1 gives (RFC 4226 §4, R6).
const OCTETS: usize = 20;
/// The letters of base 32 (RFC 4648 §6), as telephones read it.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a telephone and we both know.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TotpSecret([u8; OCTETS]);

impl TotpSecret {
    /// Makes a new one.
    pub(crate) fn new() -> Result<TotpSecret, Trouble> {
        let mut octets = [0; OCTETS];
        rand::fill(&mut octets).map_err(|_| Trouble::Randomness)?;
        Ok(TotpSecret(octets))
    }

    /// Reads it as [`TotpSecret::to_text`] writes it.
    pub(crate) fn parse(text: &str) -> Option<TotpSecret> {
        let mut octets = [0; OCTETS];
        if text.len() != OCTETS / 5 * 8 {
            return None;
        }
        for (five, eight) in octets.chunks_exact_mut(5).zip(text.as_bytes().chunks_exact(8)) {
            let mut bits = 0_u64;
            for letter in eight {
                let place = LETTERS.iter().position(|known| known == letter)?;
                bits = bits << 5 | u64::try_from(place).ok()?;
            }
            five.copy_from_slice(&bits.to_be_bytes()[3..]);
        }
        Some(TotpSecret(octets))
    }

    /// Writes it for a telephone without a camera, and for the ledger, which keeps it locked up.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::with_capacity(OCTETS / 5 * 8);
        for five in self.0.chunks_exact(5) {
            let bits = five.iter().fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
            for place in (0..8).rev() {
                let letter = usize::try_from(bits >> (5 * place) & 31).expect("five bits are little");
                text.push(char::from(LETTERS[letter]));
            }
        }
        text
    }

    /// Returns the address that a telephone reads. The login stands for itself, whatever is in it.
    pub(crate) fn uri(&self, house: &str, login: &str) -> String {
        let (house, login) = (encoded(house), encoded(login));
        format!(
            "otpauth://totp/{house}:{login}?secret={}&issuer={house}&algorithm=SHA1&digits=6&period=30",
            self.to_text()
        )
    }

    /// Draws that address, as SVG to stand in a page.
    pub(crate) fn drawing(&self, house: &str, login: &str) -> Result<String, Trouble> {
        let code = QrCode::new(self.uri(house, login)).map_err(|_| Trouble::Drawing)?;
        let drawn = code.render::<svg::Color>().min_dimensions(200, 200).build();
        // What stands in a page is no document of its own.
        let start = drawn.find("<svg").ok_or(Trouble::Drawing)?;
        Ok(drawn[start..].to_owned())
    }

    /// Returns the step that a code is of, if it is of this one, the one before or the one after (§5.2: clocks differ, and people are
    /// slow), and later than the last one that was used.
    pub(crate) fn step(&self, typed: &str, now: i64, last: i64) -> Option<i64> {
        let digits: String = typed.chars().filter(|c| !c.is_whitespace()).take(7).collect();
        let step = now.div_euclid(1_000_000).div_euclid(STEP);
        // All three are computed and compared, so that the time it takes tells nothing.
        let mut found = None;
        for step in [step - 1, step, step + 1] {
            let code = format!("{:06}", code(&self.0, step) % 1_000_000);
            let is_same = verify_slices_are_equal(code.as_bytes(), digits.as_bytes()).is_ok();
            if is_same && step > last && found.is_none() {
                found = Some(step);
            }
        }
        found
    }
}

/// Computes the number of a step, of which the last digits are the code (RFC 4226 §5.3).
fn code(secret: &[u8], step: i64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let octets = tag.as_ref();
    let at = usize::from(octets.last().map_or(0, |last| last & 15));
    let four = octets.get(at..at + 4).and_then(|four| four.try_into().ok());
    u32::from_be_bytes(four.expect("SHA-1 has 20 octets, and the place is at most 15")) & 0x7fff_ffff
}

/// Writes a text as it stands in an address.
fn encoded(text: &str) -> String {
    let mut address = String::new();
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => address.push(char::from(octet)),
            octet => address.push_str(&format!("%{octet:02X}")),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    fn secret() -> TotpSecret {
        TotpSecret(*b"12345678901234567890")
    }

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        for (seconds, expected) in [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(code(&secret().0, seconds / STEP) % 100_000_000, expected, "at {seconds} s");
            let typed = format!("{:06}", expected % 1_000_000);
            assert_eq!(secret().step(&typed, seconds * 1_000_000, 0), Some(seconds / STEP));
        }
    }

    #[test]
    fn a_code_is_taken_one_step_late_or_early_and_never_twice() {
        let typed = "287 082";
        for (seconds, last, step) in [
            (29, 0, Some(1)),
            (30, 0, Some(1)),
            (0, 0, Some(1)),
            (89, 0, Some(1)),
            (90, 0, None),
            (59, 1, None),
            (59, 2, None),
        ] {
            assert_eq!(secret().step(typed, seconds * 1_000_000, last), step, "{seconds} {last}");
        }
        for wrong in ["", "287081", "0287082", "94287082", "28708２", "-87082", "287082\0"] {
            assert_eq!(secret().step(wrong, 59_000_000, 0), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_read_back_and_drawn() {
        assert_eq!(secret().to_text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let new = TotpSecret::new().unwrap();
        assert!(new != TotpSecret::new().unwrap());
        assert!(TotpSecret::parse(&new.to_text()) == Some(new));
        for bad in ["", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQA", "関"] {
            assert!(TotpSecret::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(
            secret().uri("Sekisho", "hana+1@a.example?&secret=x"),
            "otpauth://totp/Sekisho:hana%2B1%40a.example%3F%26secret%3Dx?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Sekisho&algorithm=SHA1&digits=6&period=30"
        );
        let drawn = secret().drawing("Sekisho", "hana").unwrap();
        assert!(drawn.starts_with("<svg") && drawn.ends_with("</svg>") && !drawn.contains("style"), "{drawn}");
    }
}
