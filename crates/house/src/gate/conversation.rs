//! One connection of an MTA: octets between the socket and the session
//!
//! Whatever is awaited here may be left off at any time and taken up again: nothing is lost when a verdict comes first.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use sekisho_mail::body::BodyHasher;
use sekisho_wire::milter::{BadCommand, BadPacket, Command, Event, Inbox, OutOfOrder, Reply, Session};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::line_ends::LineEnds;
use crate::door::{Portion, Seat};

/// How long an MTA may be silent: no less than the longest patience of an MTA with its own client (libmilter's default,
/// and more than Postfix's `smtpd_timeout`), so that an honest slow session lives.
const SILENCE: Duration = Duration::from_secs(7210);
/// How long memory is kept for an MTA that says nothing.
const BRISK: Duration = Duration::from_secs(3);
/// How long an MTA may take to read an answer.
const DEAF: Duration = Duration::from_secs(300);

/// A conversation with an MTA.
pub(super) struct Conversation<S> {
    /// The socket.
    stream: S,
    /// What came and is not yet dealt with.
    inbox: Inbox,
    /// What was said so far.
    session: Session,
    /// What is to be said.
    outbox: Vec<u8>,
    /// Who listens to the body of the mail that is coming in.
    ear: Ear,
    /// Whether a mail is complete and waits for an answer.
    is_message_ended: bool,
    /// Where it is told that the MTA goes on.
    seat: Arc<Seat>,
    /// What it takes of the memory that all conversations share.
    portion: Portion,
    /// How much the header takes that is being heard.
    heard: usize,
}

/// What listens to a body.
#[derive(Default)]
struct Ear {
    /// What hashes it, where somebody wants that.
    hasher: Option<BodyHasher>,
    /// How its lines end.
    line_ends: LineEnds,
    /// How many octets it has.
    octets: u64,
}

impl Ear {
    /// Hears the next octets.
    fn hear(&mut self, piece: &[u8]) {
        self.line_ends.update(piece);
        self.hasher.iter_mut().for_each(|hasher| hasher.update(piece));
        self.octets = self.octets.saturating_add(piece.len() as u64);
    }
}

/// What has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// The header of a mail is complete.
    HeaderEnded,
    /// A mail is complete, and waits for an answer.
    MessageEnded,
    /// The mail is to be forgotten.
    Aborted,
    /// The conversation is over.
    Closed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<S> {
    /// Begins a conversation.
    pub(super) fn new(stream: S, session: Session, seat: Arc<Seat>) -> Conversation<S> {
        let portion = Portion::of(seat.stock());
        Conversation {
            stream,
            inbox: Inbox::default(),
            session,
            outbox: Vec::new(),
            ear: Ear::default(),
            is_message_ended: false,
            seat,
            portion,
            heard: 0,
        }
    }

    /// Returns where the conversation sits.
    pub(super) fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Returns the session.
    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Tells whether an MTA agreed with us on how to talk.
    pub(super) fn is_agreed(&self) -> bool {
        self.session.terms().is_some()
    }

    /// Tells whether a mail was begun and is not complete.
    pub(super) fn is_in_mail(&self) -> bool {
        self.session.is_in_mail()
    }

    /// Lets the body that follows be hashed.
    pub(super) fn hear_body(&mut self, hasher: BodyHasher) {
        self.ear = Ear { hasher: Some(hasher), ..Ear::default() };
    }

    /// Returns what heard the body.
    pub(super) fn take_hasher(&mut self) -> Option<BodyHasher> {
        self.ear.hasher.take()
    }

    /// Forgets a mail that was answered.
    pub(super) fn forget_mail(&mut self) {
        self.ear.hasher = None;
        self.is_message_ended = false;
        self.heard = 0;
        self.session.forget_mail();
    }

    /// Returns how the lines of the body end.
    pub(super) fn line_ends(&self) -> LineEnds {
        self.ear.line_ends
    }

    /// Returns how many octets the body has.
    pub(super) fn body_octets(&self) -> u64 {
        self.ear.octets
    }

    /// Follows the MTA to the end of the mail, or to where it goes away before that; nobody listens to its body any more.
    pub(super) async fn ignore_body(&mut self) -> Result<Happening, Broken> {
        self.ear.hasher = None;
        while !self.is_message_ended {
            match self.next().await? {
                Happening::MessageEnded => {}
                over => return Ok(over),
            }
        }
        Ok(Happening::MessageEnded)
    }

    /// Returns how much is to be said.
    pub(super) fn said(&self) -> usize {
        self.outbox.len()
    }

    /// Takes back what was said since then, where nothing of it went out yet.
    pub(super) fn take_back(&mut self, said: usize) {
        self.outbox.truncate(said);
    }

    /// Says something, with the next octets that go out.
    pub(super) fn say(&mut self, reply: &Reply<'_>) {
        reply.write(&mut self.outbox);
    }

    /// Gives the memory of a mail back after its end; where the MTA goes on at once there is more to come.
    pub(super) fn rest(&mut self) {
        if !self.inbox.is_waiting() {
            self.inbox.doze();
        }
        if self.outbox.is_empty() {
            self.outbox = Vec::new();
        }
    }

    /// Follows the MTA until something has to be looked at. What is to be said goes out before anybody waits.
    pub(super) async fn next(&mut self) -> Result<Happening, Broken> {
        loop {
            let mut has_moved = false;
            while let Some(packet) = self.inbox.packet().map_err(Broken::Packet)? {
                if !has_moved {
                    has_moved = true;
                    self.seat.beat();
                }
                let command = Command::read(packet).map_err(Broken::Command)?;
                let event = self.session.take(&command, &mut self.outbox).map_err(Broken::Order)?;
                match event {
                    Event::None => {}
                    Event::Body(piece) => self.ear.hear(piece),
                    Event::MessageEnded(piece) => {
                        self.ear.hear(piece);
                        self.is_message_ended = true;
                        return Ok(Happening::MessageEnded);
                    }
                    Event::HeaderEnded => {
                        // Whoever hears it takes it out of the session, and keeps it to the end of the mail.
                        self.heard = self.session.header_size();
                        return Ok(Happening::HeaderEnded);
                    }
                    Event::Aborted => {
                        self.ear.hasher = None;
                        self.heard = 0;
                        return Ok(Happening::Aborted);
                    }
                    Event::Closed => return Ok(Happening::Closed),
                }
            }
            self.flush().await?;
            self.inbox.rest();
            let kept = self.heard + self.session.header_size() + self.inbox.size();
            if !self.portion.hold(kept) {
                return Err(Broken::Memory);
            }
            let count = match timeout(BRISK, self.stream.read(self.inbox.room())).await {
                Ok(count) => count,
                Err(_) => {
                    self.inbox.doze();
                    self.outbox = Vec::new();
                    timeout(SILENCE, self.stream.read(self.inbox.room())).await.map_err(|_| Broken::Silent)?
                }
            };
            match count.map_err(Broken::Socket)? {
                0 if self.inbox.is_waiting() => return Err(Broken::Cut),
                0 => return Ok(Happening::Closed),
                count => self.inbox.filled(count),
            }
        }
    }

    /// Sends what is to be said.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        while !self.outbox.is_empty() {
            let count = timeout(DEAF, self.stream.write(&self.outbox)).await.map_err(|_| Broken::Silent)?;
            match count.map_err(Broken::Socket)? {
                0 => return Err(Broken::Cut),
                count => drop(self.outbox.drain(..count)),
            }
        }
        Ok(())
    }
}

/// Why a conversation cannot go on.
#[derive(Debug)]
pub(crate) enum Broken {
    /// What came is no packet.
    Packet(BadPacket),
    /// A packet is no command.
    Command(BadCommand),
    /// A command that cannot follow what was said before.
    Order(OutOfOrder),
    /// The MTA says nothing, or hears nothing, for too long.
    Silent,
    /// The MTA went away in the middle of a packet.
    Cut,
    /// It wants more memory than all conversations together may have.
    Memory,
    /// The socket fails.
    Socket(io::Error),
}

impl Broken {
    /// Every kind, as counters name it; a fault of ours that ended a conversation is among them.
    pub(crate) const KINDS: [&str; 8] = ["packet", "command", "order", "silent", "cut", "memory", "socket", "panic"];

    /// Returns the stable word for counters.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Broken::Packet(_) => "packet",
            Broken::Command(_) => "command",
            Broken::Order(_) => "order",
            Broken::Silent => "silent",
            Broken::Cut => "cut",
            Broken::Memory => "memory",
            Broken::Socket(_) => "socket",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Packet(why) => why.fmt(f),
            Broken::Command(why) => why.fmt(f),
            Broken::Order(why) => why.fmt(f),
            Broken::Silent => f.write_str("silent for too long"),
            Broken::Cut => f.write_str("the connection ended in the middle of a packet"),
            Broken::Memory => f.write_str("no memory is left for so large a mail"),
            Broken::Socket(why) => why.fmt(f),
        }
    }
}
