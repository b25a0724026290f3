//! A small MTA for tests and benchmarks: shows mails to a mail filter as Postfix does, and does to them what it says
//!
//! It offers what Postfix 3.7 offers, sends macros where Postfix sends them, waits for replies only where they were not
//! negotiated away, and cuts bodies into pieces of 65,535 octets. A mail comes back as it would have been delivered. One
//! connection serves many mails of one client; another client gets a connection of its own, as in an MTA.
//!
//! ```no_run
//! # use sekisho_testkit::milter::{Delivery, Mta};
//! let mut mta = Mta::new("127.0.0.1:8891".parse().unwrap());
//! let seen = mta.deliver(&Delivery::of(b"From: a@example.org\r\n\r\nhello\r\n")).unwrap();
//! println!("{:?}\n{}", seen.answer, String::from_utf8_lossy(&seen.mail));
//! ```

mod mail;
mod packet;

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::linux::net::TcpStreamExt;
use std::time::Duration;

use self::mail::Mail;
use self::packet::{Packets, string};

/// How long a filter may be silent, as Postfix has it (`milter_content_timeout`).
const PATIENCE: Duration = Duration::from_secs(300);
/// How long the pieces of a body are.
const CHUNK: usize = 65_535;
/// The filter may say that it has seen enough of a body (`SMFIP_SKIP`).
const SKIP: u32 = 0x400;

/// An MTA with one filter.
pub struct Mta {
    /// Where the filter listens.
    filter: SocketAddr,
    /// What is offered to it.
    offer: Offer,
    /// The conversation, once there is one.
    line: Option<Line>,
}

/// What an MTA offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The version.
    pub version: u32,
    /// What the filter may do.
    pub actions: u32,
    /// Which steps the filter may leave out or leave unanswered.
    pub protocol: u32,
}

impl Offer {
    /// What Postfix 3.7 offers.
    pub const POSTFIX: Offer = Offer { version: 6, actions: 0x1ff, protocol: 0x1f_ffff };
    /// What an MTA offers that knows neither unanswered steps nor leading white space.
    pub const OLD: Offer = Offer { version: 2, actions: 0x3f, protocol: 0x7f };
}

/// A mail and how it comes.
#[derive(Clone, Debug)]
pub struct Delivery<'a> {
    /// The client's address; nothing is an unknown one.
    pub client_ip: Option<IpAddr>,
    /// The name that the MTA found for it.
    pub client_host: &'a str,
    /// What it greeted with.
    pub helo: &'a str,
    /// Who has logged in.
    pub login: Option<&'a str>,
    /// The return path, without brackets.
    pub mail_from: &'a str,
    /// The recipients, without brackets.
    pub recipients: &'a [&'a str],
    /// The queue's name for the mail.
    pub queue_id: &'a str,
    /// The mail; lines may end with CRLF or LF.
    pub mail: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// Delivers a mail from 192.0.2.1, for tests that do not care how it comes.
    pub fn of(mail: &'a [u8]) -> Delivery<'a> {
        Delivery {
            client_ip: Some(IpAddr::from([192, 0, 2, 1])),
            client_host: "out.example.org",
            helo: "out.example.org",
            login: None,
            mail_from: "alice@example.org",
            recipients: &["bob@example.net"],
            queue_id: "4XyZ12abc",
            mail,
        }
    }
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What the client is told.
    pub answer: Answer,
    /// The mail as it would be delivered, the MTA's own Received field in it. It is as whole where it is refused.
    pub mail: Vec<u8>,
    /// Why it goes into quarantine.
    pub quarantine: Option<String>,
    /// How often the filter said that it was still at work.
    pub progress: usize,
    /// What it changed about the envelope: recipients (`+`, `2`, `-`) or the return path (`e`), each with its letter.
    pub envelope: Vec<String>,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The mail is taken.
    Accept,
    /// The mail is taken and thrown away.
    Discard,
    /// 451.
    Tempfail,
    /// 550.
    Reject,
    /// This.
    Code(String),
}

/// A mail made ready, so that it can be shown many times at little cost.
pub struct Prepared {
    /// The mail.
    mail: Mail,
    /// The client.
    client: Vec<u8>,
    /// The packets of the mail, and which of them are answered.
    packets: Packets,
}

/// What a filter said at the end of a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// The packets, each with its letter, without those that only say that it is at work.
    pub packets: Vec<Vec<u8>>,
    /// How often it said that it was still at work.
    pub progress: usize,
    /// How many octets it was shown, packets of the body and all that is around it.
    pub shown: usize,
    /// How many octets it did not let us show, because it had seen enough.
    pub spared: usize,
}

/// A conversation with a filter.
struct Line {
    /// The socket.
    stream: TcpStream,
    /// What came and is not yet read.
    inbox: Vec<u8>,
    /// Where the next packet begins.
    at: usize,
    /// What was agreed on for the steps.
    protocol: u32,
    /// The client that was told.
    client: Option<Vec<u8>>,
    /// What the filter says to all mails of this client, where it did not want to hear of them.
    settled: Option<Vec<u8>>,
}

impl Mta {
    /// Makes an MTA that behaves as Postfix does.
    pub fn new(filter: SocketAddr) -> Mta {
        Mta::offering(filter, Offer::POSTFIX)
    }

    /// Makes an MTA that offers something else.
    pub fn offering(filter: SocketAddr, offer: Offer) -> Mta {
        Mta { filter, offer, line: None }
    }

    /// Shows a mail to the filter, and does what it says.
    pub fn deliver(&mut self, delivery: &Delivery<'_>) -> io::Result<Seen> {
        let prepared = self.prepare(delivery)?;
        let replies = self.show(&prepared)?;
        prepared.apply(&replies)
    }

    /// Makes a mail ready for this MTA's filter.
    pub fn prepare(&mut self, delivery: &Delivery<'_>) -> io::Result<Prepared> {
        let protocol = self.line()?.protocol;
        let mail = Mail::read(delivery);
        let packets = Packets::of(delivery, &mail, protocol);
        Ok(Prepared { client: packet::client(delivery, protocol), mail, packets })
    }

    /// Shows a mail, and returns what the filter says at its end.
    pub fn show(&mut self, prepared: &Prepared) -> io::Result<Replies> {
        if self.line.as_ref().is_some_and(|line| line.client.as_ref().is_some_and(|client| *client != prepared.client))
        {
            self.hang_up();
        }
        let shown = self.line()?.show(prepared);
        if shown.is_err() {
            self.line = None;
        }
        shown
    }

    /// Ends the conversation as an MTA does whose client went away; the next mail begins another.
    pub fn hang_up(&mut self) {
        if let Some(mut line) = self.line.take() {
            // The filter may have gone already.
            let _ = line.stream.write_all(&packet::framed(&[b"A", b"Q"]));
        }
    }

    /// Returns the conversation, and begins one where there is none.
    fn line(&mut self) -> io::Result<&mut Line> {
        if self.line.is_none() {
            self.line = Some(Line::open(self.filter, self.offer)?);
        }
        self.line.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Mta {
    fn drop(&mut self) {
        self.hang_up();
    }
}

impl Line {
    /// Connects, and agrees on terms.
    fn open(filter: SocketAddr, offer: Offer) -> io::Result<Line> {
        let stream = TcpStream::connect(filter)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = Line { stream, inbox: Vec::new(), at: 0, protocol: 0, client: None, settled: None };
        let numbers = [offer.version, offer.actions, offer.protocol].map(u32::to_be_bytes).concat();
        line.stream.write_all(&packet::framed(&[&[b"O", &*numbers].concat()]))?;
        let terms = line.packet()?;
        let number =
            |at: usize| terms.get(at..at + 4).and_then(|octets| octets.try_into().ok()).map(u32::from_be_bytes);
        match (terms.first(), number(5), number(9)) {
            (Some(b'O'), Some(actions), Some(protocol))
                if actions & !offer.actions == 0 && protocol & !offer.protocol == 0 =>
            {
                line.protocol = protocol;
                Ok(line)
            }
            _ => Err(odd("the filter agreed on what was not offered", &terms)),
        }
    }

    /// Shows a mail.
    fn show(&mut self, prepared: &Prepared) -> io::Result<Replies> {
        if self.client.is_none() {
            self.settled = self.say(&prepared.client, packet::answered_of_client(self.protocol))?;
            self.client = Some(prepared.client.clone());
        }
        let mut replies = Replies::default();
        let early = match &self.settled {
            Some(settled) => Some(settled.clone()),
            None => self.say_pieces(&prepared.packets, &mut replies)?,
        };
        replies.spared = prepared.packets.octets.len() - replies.shown;
        if let Some(early) = early {
            replies.packets.push(early);
            return Ok(replies);
        }
        loop {
            let packet = self.reply(&mut replies.progress)?;
            let is_last = is_final(&packet);
            replies.packets.push(packet);
            if is_last {
                return Ok(replies);
            }
        }
    }

    /// Says who the client is, and reads the replies that are due; where the filter has decided with that, returns how.
    fn say(&mut self, packets: &[u8], answers: usize) -> io::Result<Option<Vec<u8>>> {
        self.stream.write_all(packets)?;
        let mut settled = None;
        for _ in 0..answers {
            let reply = self.reply(&mut 0)?;
            match reply.first() {
                Some(b'c') => {}
                _ if is_final(&reply) => settled = settled.or(Some(reply)),
                _ => return Err(odd("no reply to a client", &reply)),
            }
        }
        Ok(settled)
    }

    /// Shows the packets of a mail; where the filter ends it early, returns what it said.
    fn say_pieces(&mut self, packets: &Packets, replies: &mut Replies) -> io::Result<Option<Vec<u8>>> {
        let mut from = 0;
        for &to in &packets.answered {
            replies.shown += self.write(packets.octets.get(from..to))?;
            let reply = self.reply(&mut replies.progress)?;
            match reply.first() {
                Some(b'c') => from = to,
                // It has seen enough of the body, which it may say of a body alone, and only where we said that we understand.
                Some(b's') if self.protocol & SKIP != 0 && to > packets.body => {
                    from = packets.end;
                    break;
                }
                _ if is_final(&reply) => {
                    self.stream.write_all(&packet::framed(&[b"A"]))?;
                    return Ok(Some(reply));
                }
                _ => return Err(odd("no reply in the middle of a mail", &reply)),
            }
        }
        replies.shown += self.write(packets.octets.get(from..))?;
        Ok(None)
    }

    /// Writes octets at once; returns how many.
    fn write(&mut self, octets: Option<&[u8]>) -> io::Result<usize> {
        let octets = octets.unwrap_or_default();
        self.stream.write_all(octets)?;
        Ok(octets.len())
    }

    /// Reads one reply that says something: a filter may say at any step that it is still at work, or that it goes away.
    fn reply(&mut self, progress: &mut usize) -> io::Result<Vec<u8>> {
        loop {
            let packet = self.packet()?;
            match packet.as_slice() {
                b"p" => *progress += 1,
                b"4" | b"f" => return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the filter goes away")),
                _ => return Ok(packet),
            }
        }
    }

    /// Reads one packet.
    fn packet(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let waiting = self.inbox.get(self.at..).unwrap_or_default();
            if let Some((length, rest)) = waiting.split_first_chunk() {
                let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
                if let Some(packet) = rest.get(..length) {
                    self.at += 4 + length;
                    return Ok(packet.to_vec());
                }
            }
            self.inbox.drain(..self.at);
            self.at = 0;
            // libmilter writes each of its replies by itself and leaves Nagle's algorithm on: the second waits until we have
            // acknowledged the first, which Linux puts off for 40 ms. Over a Unix socket, where it is mostly used, nobody waits.
            self.stream.set_quickack(true)?;
            let mut room = [0; 16 * 1024];
            match self.stream.read(&mut room)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.inbox.extend_from_slice(room.get(..count).unwrap_or_default()),
            }
        }
    }
}

impl Prepared {
    /// Does to the mail what the filter said.
    pub fn apply(&self, replies: &Replies) -> io::Result<Seen> {
        let mut mail = self.mail.clone();
        let mut seen = Seen {
            answer: Answer::Accept,
            mail: Vec::new(),
            quarantine: None,
            progress: replies.progress,
            envelope: Vec::new(),
        };
        let mut body: Option<Vec<u8>> = None;
        for packet in &replies.packets {
            let (letter, data) = packet.split_first().ok_or_else(|| odd("an empty packet", packet))?;
            let text = || String::from_utf8_lossy(string(data).0).into_owned();
            match letter {
                b'c' | b'a' => {}
                b'd' => seen.answer = Answer::Discard,
                b't' => seen.answer = Answer::Tempfail,
                b'r' => seen.answer = Answer::Reject,
                b'y' => seen.answer = Answer::Code(text().replace("%%", "%")),
                b'q' => seen.quarantine = Some(text()),
                b'b' => body.get_or_insert_default().extend_from_slice(data),
                b'+' | b'2' | b'-' | b'e' => seen.envelope.push(format!("{}{}", char::from(*letter), text())),
                b'i' | b'm' | b'h' => {
                    mail.change(*letter, data, self.packets.keeps_space).ok_or_else(|| odd("an odd change", packet))?;
                }
                _ => return Err(odd("an unknown reply", packet)),
            }
        }
        mail.body = body.unwrap_or(mail.body);
        seen.mail = mail.write();
        Ok(seen)
    }
}

/// Tells whether a reply ends a mail. `c` does so only behind its end.
fn is_final(reply: &[u8]) -> bool {
    matches!(reply.first(), Some(b'a' | b'c' | b'd' | b'r' | b't' | b'y'))
}

/// Says that the filter does what no filter may.
fn odd(what: &str, packet: &[u8]) -> io::Error {
    let shown = packet.get(..packet.len().min(200)).unwrap_or_default();
    io::Error::new(io::ErrorKind::InvalidData, format!("{what}: {}", shown.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use super::*;

    /// A filter that agrees on `protocol`, answers each command by `answer`, and returns the letters of what it was shown.
    fn filter(
        protocol: u32,
        answer: impl Fn(u8) -> Vec<&'static [u8]> + Send + 'static,
    ) -> (SocketAddr, JoinHandle<String>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let stream = listener.accept().unwrap().0;
            let mut line = Line { stream, inbox: Vec::new(), at: 0, protocol, client: None, settled: None };
            let mut letters = String::new();
            while let Ok(packet) = line.packet() {
                let letter = packet[0];
                let replies = match letter {
                    b'O' => vec![[&b"O"[..], &[6, 0x1ff, protocol].map(u32::to_be_bytes).concat()].concat()],
                    _ => answer(letter).into_iter().map(<[u8]>::to_vec).collect(),
                };
                letters.push(char::from(letter));
                let replies: Vec<&[u8]> = replies.iter().map(Vec::as_slice).collect();
                line.stream.write_all(&packet::framed(&replies)).unwrap();
            }
            letters.replace('D', "")
        });
        (address, thread)
    }

    /// A mail whose body takes four pieces.
    fn large() -> Vec<u8> {
        [b"From: a@example.org\r\n\r\n".to_vec(), b"some words of a line\r\n".repeat(10_000)].concat()
    }

    #[test]
    fn a_filter_is_shown_no_greeting_that_it_does_not_want_and_no_more_of_a_body_than_it_wants() {
        // OpenDKIM's terms: no greeting (0x2), no DATA (0x200), SKIP.
        let (address, thread) = filter(0x10_0602, |letter| match letter {
            b'B' => vec![b"p", b"s"],
            b'E' => vec![b"hX-Seen\0 yes\0".as_slice(), b"+<c@example.net>\0", b"a"],
            b'D' | b'A' | b'Q' => vec![],
            _ => vec![b"c"],
        });
        let mail = large();
        let mut mta = Mta::new(address);
        let prepared = mta.prepare(&Delivery::of(&mail)).unwrap();
        let first = mta.show(&prepared).unwrap();
        assert_eq!(first, mta.show(&prepared).unwrap(), "no answer is left over for the next mail");
        assert!(first.spared > 100_000 && first.shown > 65_535, "{} {}", first.spared, first.shown);
        assert_eq!((first.progress, first.packets.len()), (1, 3));
        let seen = prepared.apply(&first).unwrap();
        assert_eq!((seen.answer, seen.envelope), (Answer::Accept, vec!["+<c@example.net>".to_owned()]));
        drop(mta);
        assert_eq!(thread.join().unwrap(), "OCAMRLNBEAMRLNBEAQ");
    }

    #[test]
    fn a_filter_may_decide_by_the_client_alone_and_may_go_away() {
        let (address, thread) = filter(0, |letter| match letter {
            b'C' => vec![b"a"],
            b'D' | b'A' | b'Q' => vec![],
            _ => vec![b"c"],
        });
        let mut mta = Mta::new(address);
        assert_eq!(mta.deliver(&Delivery::of(&large())).unwrap().answer, Answer::Accept);
        drop(mta);
        assert_eq!(thread.join().unwrap(), "OCHAQ");
        let (address, thread) = filter(0, |letter| {
            if letter == b'L' {
                vec![b"4"]
            } else if b"DAQ".contains(&letter) {
                vec![]
            } else {
                vec![b"c"]
            }
        });
        let mut mta = Mta::new(address);
        let why = mta.deliver(&Delivery::of(&large())).unwrap_err();
        assert_eq!(why.kind(), io::ErrorKind::ConnectionAborted);
        drop(mta);
        thread.join().unwrap();
    }
}
