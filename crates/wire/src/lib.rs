//! Conversations as pure files: octets become commands, commands become replies, and nothing here waits
//!
//! A codec turns octets into commands and replies into octets; a session says which command may follow which, and keeps
//! what was said. Whoever owns the socket only moves octets between the two.
//!
//! - [`milter`]: what an MTA says to a mail filter, and what that may answer (protocol version 6, as Postfix and Sendmail
//!   speak it).
//! - [`smtp`]: what a client says to a server that receives mail, and what that answers.

pub mod milter;
pub mod smtp;
