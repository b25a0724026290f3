//! An MTA that speaks milter as Postfix does, just enough to show a mail and hear what becomes of it

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer is waited for on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A conversation.
pub(crate) struct Mta(TcpStream);

impl Mta {
    /// Connects, and agrees on terms.
    pub(crate) fn connect(gate: SocketAddr) -> io::Result<Mta> {
        let mut mta = Mta(TcpStream::connect(gate)?);
        mta.0.set_read_timeout(Some(PATIENCE))?;
        mta.0.set_nodelay(true)?;
        mta.send(&[b'O', 0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff])?;
        mta.expect(b'O')?;
        Ok(mta)
    }

    /// Connects, and says octets that are no milter.
    pub(super) fn babble(gate: SocketAddr, octets: &[u8]) -> Mta {
        let mut mta = Mta(TcpStream::connect(gate).unwrap());
        mta.0.set_read_timeout(Some(PATIENCE)).unwrap();
        mta.write(octets);
        mta
    }

    /// Writes octets as they are; whoever has hung up does not hear them.
    pub(super) fn write(&mut self, octets: &[u8]) {
        let _ = self.0.write_all(octets);
    }

    /// Sends a packet.
    pub(super) fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        let length = u32::try_from(packet.len()).unwrap();
        self.0.write_all(&[&length.to_be_bytes()[..], packet].concat())
    }

    /// Shows a mail up to its last piece; it is not complete yet.
    pub(super) fn begin(&mut self, helo: &str, header: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
        self.send(b"DCj\0mx.example.net\0")?;
        self.send(b"C[192.0.2.1]\x004\x12\x34192.0.2.1\0")?;
        self.send(format!("H{helo}\0").as_bytes())?;
        self.send(b"M<alice@example.org>\0")?;
        self.send(b"R<bob@example.net>\0")?;
        for (name, value) in header {
            self.send(b"DLi\x004zQUEUE\0")?;
            self.send(format!("L{name}\0 {value}\0").as_bytes())?;
        }
        self.send(b"N")?;
        self.send(&[b"B", body].concat())
    }

    /// Ends the mail and returns the packets of the answer.
    pub(super) fn end(&mut self) -> io::Result<Vec<Vec<u8>>> {
        self.send(b"E")?;
        let mut answer = Vec::new();
        loop {
            let packet = self.hear()?;
            let is_last = matches!(packet.first(), Some(b'c' | b'a' | b't' | b'y' | b'r'));
            answer.push(packet);
            if is_last {
                return Ok(answer);
            }
        }
    }

    /// Shows a usual mail, and lets the MTA's next client come after it; returns our field.
    pub(crate) fn mail(&mut self) -> io::Result<String> {
        self.begin("out.example.org", &[("From", "alice@example.org"), ("Subject", "x")], b"hello\r\n")?;
        let answer = self.end()?;
        // Another client on the same connection.
        self.send(b"K")?;
        let field = answer.iter().find(|packet| packet.first() == Some(&b'i'));
        Ok(field.map(|packet| String::from_utf8_lossy(packet).into_owned()).unwrap_or_default())
    }

    /// Tells whether the other side hung up.
    pub(super) fn is_over(&mut self) -> bool {
        // A reset is an end as well: it did not read what we said.
        matches!(self.0.read(&mut [0; 64]), Ok(0) | Err(_))
    }

    /// Hears a packet that has to be of a kind.
    fn expect(&mut self, letter: u8) -> io::Result<()> {
        let packet = self.hear()?;
        if packet.first() == Some(&letter) { Ok(()) } else { Err(io::Error::other(format!("{packet:?}"))) }
    }

    /// Hears a packet.
    fn hear(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut packet = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        self.0.read_exact(&mut packet)?;
        Ok(packet)
    }
}
