//! One packet from the MTA, read (`SMFIC_*`)

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::terms::{Actions, Offer, Protocol};

/// What the MTA says. Everything borrows from the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `O`: let us agree on terms.
    Negotiate(Offer),
    /// `D`: values of macros that hold from the named step on.
    Macros {
        /// The letter of the step.
        step: u8,
        /// Names and values in turn.
        values: MacroValues<'a>,
    },
    /// `C`: a client connected.
    Connect {
        /// Its name, as the MTA found it; an address in brackets where it has none.
        host: &'a [u8],
        /// Where it connected from.
        address: Address,
    },
    /// `H`: HELO or EHLO.
    Helo(&'a [u8]),
    /// `M`: MAIL FROM, with the brackets.
    Mail(&'a [u8]),
    /// `R`: RCPT TO, with the brackets.
    Rcpt(&'a [u8]),
    /// `T`: DATA.
    Data,
    /// `L`: one header field.
    Header {
        /// Its name.
        name: &'a [u8],
        /// What stands behind its colon, folds as LF.
        value: &'a [u8],
    },
    /// `N`: the header is complete.
    EndOfHeader,
    /// `B`: a piece of the body.
    Body(&'a [u8]),
    /// `E`: the mail is complete; a last piece of the body may come with it.
    EndOfMessage(&'a [u8]),
    /// `A`: forget the mail.
    Abort,
    /// `U`: a command that the MTA does not know.
    Unknown,
    /// `Q`: the conversation is over.
    Quit,
    /// `K`: the conversation is over, another one follows on this connection.
    QuitNewConnection,
}

/// Where a client connected from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address of the internet.
    Ip(IpAddr),
    /// A socket of this host.
    Local,
    /// The MTA does not know.
    Unknown,
}

/// Names and values of macros in turn, each ended by NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacroValues<'a>(&'a [u8]);

impl<'a> Iterator for MacroValues<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.0;
        let (name, value) = (string(&mut rest)?, string(&mut rest)?);
        self.0 = rest;
        Some((name, value))
    }
}

impl<'a> Command<'a> {
    /// Reads a packet.
    pub fn read(packet: &'a [u8]) -> Result<Command<'a>, BadCommand> {
        let (&letter, mut data) = packet.split_first().ok_or(BadCommand::Unknown(0))?;
        let broken = BadCommand::Broken(letter);
        Ok(match letter {
            b'O' => Command::Negotiate(offer(data).ok_or(broken)?),
            b'D' => {
                let (&step, values) = data.split_first().ok_or(broken)?;
                Command::Macros { step, values: MacroValues(values) }
            }
            b'C' => {
                let host = string(&mut data).ok_or(broken)?;
                Command::Connect { host, address: address(data).ok_or(broken)? }
            }
            b'H' => Command::Helo(string(&mut data).ok_or(broken)?),
            b'M' => Command::Mail(string(&mut data).ok_or(broken)?),
            b'R' => Command::Rcpt(string(&mut data).ok_or(broken)?),
            b'T' => Command::Data,
            b'L' => {
                let name = string(&mut data).filter(|name| !name.is_empty()).ok_or(broken)?;
                Command::Header { name, value: string(&mut data).ok_or(broken)? }
            }
            b'N' => Command::EndOfHeader,
            b'B' => Command::Body(data),
            b'E' => Command::EndOfMessage(data),
            b'A' => Command::Abort,
            b'U' => Command::Unknown,
            b'Q' => Command::Quit,
            b'K' => Command::QuitNewConnection,
            other => return Err(BadCommand::Unknown(other)),
        })
    }
}

/// Takes a string that NUL ends off the data.
fn string<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = memchr::memchr(0, data)?;
    let (string, rest) = data.split_at(end);
    *data = rest.get(1..)?;
    Some(string)
}

/// Reads an offer; what newer versions append is passed over.
fn offer(data: &[u8]) -> Option<Offer> {
    let number = |at: usize| data.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    Some(Offer { version: number(0)?, actions: Actions(number(4)?), protocol: Protocol(number(8)?) })
}

/// Reads family, port and address of a client. An address that cannot be read is refused, not taken for none: the
/// verdict rests on it.
fn address(data: &[u8]) -> Option<Address> {
    let (&family, rest) = data.split_first()?;
    let text = || {
        let mut rest = rest.get(2..)?;
        std::str::from_utf8(string(&mut rest)?).ok()
    };
    Some(match family {
        b'U' => Address::Unknown,
        b'L' => Address::Local,
        b'4' => Address::Ip(IpAddr::V4(text()?.parse().ok()?)),
        b'6' => {
            let text = text()?;
            // Sendmail writes the tag of RFC 5321 §4.1.3 in front.
            let bare = text.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPv6:")).map_or(text, |_| &text[5..]);
            Address::Ip(IpAddr::V6(bare.parse::<Ipv6Addr>().ok()?))
        }
        _ => return None,
    })
}

/// Why a packet is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadCommand {
    /// No command has this letter.
    Unknown(u8),
    /// The data of the command with this letter cannot be read.
    Broken(u8),
}

impl fmt::Display for BadCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadCommand::Unknown(letter) => write!(f, "no command has the letter `{}`", letter.escape_ascii()),
            BadCommand::Broken(letter) => write!(f, "the command `{}` has data that is none", letter.escape_ascii()),
        }
    }
}

impl std::error::Error for BadCommand {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn clients_come_from_addresses_of_every_family() {
        let from = |data: &[u8]| match Command::read(&[b"Chost.example\0", data].concat()) {
            Ok(Command::Connect { host: b"host.example", address }) => Ok(address),
            Ok(other) => panic!("{other:?}"),
            Err(why) => Err(why),
        };
        assert_eq!(from(b"4\x12\x34192.0.2.1\0"), Ok(Address::Ip("192.0.2.1".parse().unwrap())));
        assert_eq!(from(b"6\x12\x342001:db8::1\0"), Ok(Address::Ip("2001:db8::1".parse().unwrap())));
        assert_eq!(from(b"6\x12\x34IPv6:2001:db8::1\0"), Ok(Address::Ip("2001:db8::1".parse().unwrap())));
        assert_eq!(from(b"L\0\0/run/socket\0"), Ok(Address::Local));
        assert_eq!(from(b"U"), Ok(Address::Unknown));
        for broken in [&b""[..], b"4", b"4\0\0", b"4\0\x00192.0.2.1", b"4\0\x00192.0.2.256\0", b"X\0\0x\0", b"6\0\0:\0"]
        {
            assert_eq!(from(broken), Err(BadCommand::Broken(b'C')), "{}", broken.escape_ascii());
        }
    }

    #[test]
    fn a_header_field_is_a_name_and_a_value() {
        let read = Command::read(b"LSubject\0 one\n\ttwo\0");
        assert_eq!(read, Ok(Command::Header { name: b"Subject", value: b" one\n\ttwo" }));
        assert_eq!(Command::read(b"LSubject\0"), Err(BadCommand::Broken(b'L')));
        assert_eq!(Command::read(b"L\0x\0"), Err(BadCommand::Broken(b'L')));
    }

    #[test]
    fn macros_come_in_pairs() {
        let Ok(Command::Macros { step: b'M', values }) = Command::read(b"DMi\x00ABC\0{auth_authen}\0me\0odd\0") else {
            panic!()
        };
        assert_eq!(values.collect::<Vec<_>>(), [(&b"i"[..], &b"ABC"[..]), (b"{auth_authen}", b"me")]);
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(Command::Macros { values, .. }) = Command::read(&packet) {
                let _ = values.count();
            }
        }
    }
}
