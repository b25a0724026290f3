//! Base64 where somebody encoded once more than the mail says

use ::base64::Engine as _;
use ::base64::alphabet;
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::unreadable::{Fault, Unreadable};

/// Base64 as it comes: padded or not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes a text of base64 and white space.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let dense: Vec<u8> = text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    LENIENT
        .decode(dense)
        .map_err(|error| Unreadable::new(Fault::Corrupt, format!("what is encoded in base64 is damaged: {error}")))
}

/// Decodes the beginning of a text, if it is base64.
pub(super) fn decode_start(text: &[u8]) -> Option<Vec<u8>> {
    /// How many characters are enough to tell.
    const ENOUGH: usize = 16;
    let mut dense: Vec<u8> = text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    dense.truncate(dense.len() / 4 * 4);
    if dense.len() < ENOUGH { None } else { LENIENT.decode(dense).ok() }
}
