//! What a session tells its owner, and what the owner answers

use super::mailbox::Mailbox;
use super::reply::Reply;

/// What the conversation leads to, for the one who owns it.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Is mail for this one wanted? Waits for [`Session::answer_recipient`](super::Session::answer_recipient).
    Recipient(&'a Mailbox),
    /// The envelope is complete, content is about to come.
    MailBegun,
    /// A piece of the content.
    Content(&'a [u8]),
    /// The content is complete. Waits for [`Session::answer_mail`](super::Session::answer_mail).
    MailEnded,
    /// The content that came so far is to be forgotten: it is refused, or the client thought better of it.
    Aborted,
    /// Write the replies, then begin TLS on this connection, then say [`Session::tls_begun`](super::Session::tls_begun).
    StartTls,
    /// Write the replies, then end the connection. A mail that was begun and did not end is to be forgotten.
    Close,
}

/// Whether a recipient's mail is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a, K> {
    /// Yes, and this is what it is for.
    Wanted(K),
    /// No: there is no such mailbox (550 5.1.1).
    Unknown,
    /// No: this server takes no mail for that domain (550 5.7.1).
    NotHere,
    /// No, for this reason (550 5.7.1).
    Refused(&'a str),
    /// Not now, for this reason (451).
    TryLater(&'a str),
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It is kept under this name and will not be lost (250).
    Stored(&'a str),
    /// It could not be kept now, for this reason (451).
    TryLater(&'a str),
    /// There is no room for it now, for this reason (452).
    Full(&'a str),
    /// It is not wanted, for this reason (554).
    Refused(&'a str),
}

/// Why a conversation is ended from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// The client was silent for too long.
    Silence,
    /// The server stops.
    Shutdown,
    /// There are too many conversations.
    Busy,
}

impl Farewell {
    /// Appends the line that says so, also to one who was not even greeted.
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Farewell::Silence => Reply::new(421, "4.4.2", "nothing came for too long"),
            Farewell::Shutdown => Reply::new(421, "4.3.2", "the server is stopping: come again"),
            Farewell::Busy => Reply::new(421, "4.3.2", "too many connections: come again"),
        }
        .write(out);
    }
}
