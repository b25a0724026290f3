//! Decodes what hides a message, line by line (RFC 2045 §6.7, §6.8); what does not belong there is passed over

/// How a text is encoded, and where its decoding stands.
pub(super) enum Encoding {
    /// Base64.
    Base64 {
        /// The last bits.
        bits: u32,
        /// How many of them are not handed on yet.
        count: u32,
    },
    /// Quoted-printable: each line is decoded by itself.
    QuotedPrintable,
}

impl Encoding {
    /// Reads the value of a `Content-Transfer-Encoding` field; nothing where the text stands as it is.
    pub(super) fn read(value: &[u8]) -> Option<Encoding> {
        let value = value.to_ascii_lowercase();
        let says = |word: &[u8]| value.windows(word.len()).any(|window| window == word);
        if says(b"base64") {
            Some(Encoding::Base64 { bits: 0, count: 0 })
        } else {
            says(b"quoted-printable").then_some(Encoding::QuotedPrintable)
        }
    }

    /// Decodes a line, given without its end.
    pub(super) fn decode(&mut self, line: &[u8], hand_on: impl FnOnce(&[u8])) {
        let mut decoded = Vec::with_capacity(line.len() + 2);
        match self {
            Encoding::Base64 { bits, count } => {
                for &octet in line {
                    match sextet(octet) {
                        Some(sextet) => (*bits, *count) = (*bits << 6 | sextet, *count + 6),
                        None if octet == b'=' => *count = 0, // Padding; some begin anew behind it.
                        None => {}
                    }
                    if *count >= 8 {
                        *count -= 8;
                        decoded.push((*bits >> *count).to_le_bytes()[0]);
                    }
                }
            }
            Encoding::QuotedPrintable => unquote(line, &mut decoded),
        }
        hand_on(&decoded);
    }
}

/// Decodes a line of quoted-printable, with its end where that is not a soft one.
fn unquote(line: &[u8], decoded: &mut Vec<u8>) {
    let mut rest = line.trim_ascii_end();
    while let Some((&octet, after)) = rest.split_first() {
        if octet != b'=' {
            decoded.push(octet);
            rest = after;
        } else if let Some(octet) = after.first_chunk().and_then(|&digits| hex(digits)) {
            decoded.push(octet);
            rest = &after[2..];
        } else if after.is_empty() {
            return;
        } else {
            decoded.push(octet);
            rest = after;
        }
    }
    decoded.extend_from_slice(b"\r\n");
}

/// Returns the six bits of a letter of base64, in either of its alphabets.
fn sextet(octet: u8) -> Option<u32> {
    match octet {
        b'A'..=b'Z' => Some(u32::from(octet - b'A')),
        b'a'..=b'z' => Some(u32::from(octet - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(octet - b'0') + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Returns the octet that two hexadecimal digits name.
pub(super) fn hex(digits: [u8; 2]) -> Option<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(digits[0])? << 4 | digit(digits[1])?)
}
