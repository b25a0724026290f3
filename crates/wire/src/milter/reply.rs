//! One packet to the MTA, written (`SMFIR_*`)

use super::terms::Terms;

/// What the filter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// `O`: these terms.
    Negotiate(Terms),
    /// `c`: go on.
    Continue,
    /// `a`: take the mail as it is, and show no more of it.
    Accept,
    /// `t`: answer 451, the client shall try again.
    Tempfail,
    /// `y`: answer this, a code of three digits first.
    Code(&'a str),
    /// `p`: still at work; the MTA's patience begins anew.
    Progress,
    /// `i`: insert a field so that so many stand before it.
    InsertHeader {
        /// How many fields stand before it.
        index: u32,
        /// Its name.
        name: &'a str,
        /// What stands behind its colon.
        value: &'a str,
    },
    /// `m` without a value: delete the field of this name that comes at this place among those of its name, from 1.
    DeleteHeader {
        /// The place.
        index: u32,
        /// The name.
        name: &'a [u8],
    },
    /// `q`: put the mail into quarantine.
    Quarantine(&'a str),
}

impl Reply<'_> {
    /// Appends the packet.
    pub fn write(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(&[0; 4]);
        match self {
            Reply::Negotiate(terms) => {
                out.push(b'O');
                for number in [terms.version, terms.actions.0, terms.protocol.0] {
                    out.extend_from_slice(&number.to_be_bytes());
                }
            }
            Reply::Continue => out.push(b'c'),
            Reply::Accept => out.push(b'a'),
            Reply::Tempfail => out.push(b't'),
            Reply::Progress => out.push(b'p'),
            Reply::Code(text) => {
                out.push(b'y');
                // The MTA formats the text with `printf`: a percent sign is written twice.
                push_string(out, text.replace('%', "%%").as_bytes());
            }
            Reply::InsertHeader { index, name, value } => {
                out.push(b'i');
                out.extend_from_slice(&index.to_be_bytes());
                push_string(out, name.as_bytes());
                push_value(out, value);
            }
            Reply::DeleteHeader { index, name } => {
                out.push(b'm');
                out.extend_from_slice(&index.to_be_bytes());
                push_string(out, name);
                out.push(0);
            }
            Reply::Quarantine(reason) => {
                out.push(b'q');
                push_string(out, reason.as_bytes());
            }
        }
        let length = u32::try_from(out.len() - begin - 4).expect("replies are short");
        out[begin..begin + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// Writes a string, without what would end it early.
fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(text.iter().filter(|octet| !matches!(octet, 0 | b'\r' | b'\n')));
    out.push(0);
}

/// Writes the value of a field: folds are LF and white space here, any other line break is taken out.
fn push_value(out: &mut Vec<u8>, value: &str) {
    let mut octets = value.bytes().filter(|octet| !matches!(octet, 0 | b'\r')).peekable();
    while let Some(octet) = octets.next() {
        if octet != b'\n' || matches!(octets.peek(), Some(b' ' | b'\t')) {
            out.push(octet);
        }
    }
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::super::terms::{Actions, Protocol};
    use super::*;

    fn written(reply: &Reply<'_>) -> Vec<u8> {
        let mut out = b"before".to_vec();
        reply.write(&mut out);
        out.split_off(6)
    }

    #[test]
    fn replies_are_a_length_a_letter_and_data() {
        assert_eq!(written(&Reply::Continue), b"\0\0\0\x01c");
        let terms = Terms { version: 6, actions: Actions(0x31), protocol: Protocol(0x10_0000) };
        assert_eq!(written(&Reply::Negotiate(terms)), b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x31\0\x10\0\0");
        assert_eq!(written(&Reply::DeleteHeader { index: 2, name: b"X" }), b"\0\0\0\x08m\0\0\0\x02X\0\0");
        assert_eq!(written(&Reply::Code("550 5.7.1 100% no")), b"\0\0\0\x14y550 5.7.1 100%% no\0");
    }

    #[test]
    fn nothing_can_end_a_field_before_its_time() {
        let insert = |value| written(&Reply::InsertHeader { index: 0, name: "X\r\nY", value });
        assert_eq!(insert(" a\r\n\tb\r\nFrom: c\0d\n"), b"\0\0\0\x16i\0\0\0\0XY\0 a\n\tbFrom: cd\0");
    }
}
