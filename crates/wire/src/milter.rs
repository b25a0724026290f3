//! The milter protocol, version 6: an MTA shows a mail to a filter, step by step, and asks what to do with it
//!
//! There is no standard; this follows what libmilter's header files name and what Postfix and Sendmail send. Every packet
//! is a length of four octets, one letter, and data.
//!
//! - [`Inbox`] cuts octets into packets, and bounds them.
//! - [`Command`] is one packet from the MTA, [`Reply`] one to it.
//! - [`Offer`] and [`Terms`] are what the two agree on at the beginning.
//! - [`Session`] is the conversation: what may follow what, and the mail so far.

mod command;
mod inbox;
mod reply;
mod session;
mod terms;

pub use command::{Address, BadCommand, Command, MacroValues};
pub use inbox::{BadPacket, Inbox};
pub use reply::Reply;
pub use session::{Client, Envelope, Event, Limits, Macros, OutOfOrder, Session, Stage};
pub use terms::{Actions, Offer, Protocol, Terms, Wishes};
