//! SMTP, the receiving side: what a client says, and what a server that stores mail answers (RFC 5321)
//!
//! With PIPELINING (RFC 2920), SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531), ENHANCEDSTATUSCODES (RFC 2034),
//! CHUNKING (RFC 3030), STARTTLS (RFC 3207), Postfix's XFORWARD and XCLIENT from trusted peers, and LMTP (RFC 2033) as the
//! other tongue of the same session.
//!
//! - [`Session`] is the conversation. It is filled with octets cut anywhere, holds few of them, and says what to do.
//! - [`Terms`] are what a listener offers and bears; [`Trust`] is what it believes of one peer.
//! - [`Event`] is what the owner is told, [`Decision`] and [`Outcome`] are its answers.
//! - [`Command`] is one line of the client, [`Mailbox`] an address in it.
//!
//! The owner moves octets, begins TLS, stores mail and looks at the clock; nothing here waits. It writes the replies
//! whenever [`Session::next`] has nothing more, before it begins TLS, and before it ends the connection:
//!
//! ```
//! use std::sync::Arc;
//! use sekisho_wire::smtp::{Decision, Event, Farewell, Outcome, Peer, Session, Terms, Trust};
//!
//! /// What mail to a report address is.
//! enum Kind { Aggregate, Abuse }
//!
//! // What the client sends, in pieces as the network likes; TLS, time-outs and the store are left out.
//! let mut socket_in = [
//!     &b"EHLO mta.example\r\nMAIL FROM:<rep"[..],
//!     b"orts@example.net>\r\nRCPT TO:<rua@example.org>\r\nRCPT TO:<x@example.org>\r\nDATA\r\n",
//!     b"Subject: Report Domain: example.org\r\n\r\n..\r\n.\r",
//!     b"\nQUIT\r\n",
//! ].into_iter();
//! let mut socket_out = Vec::new();
//!
//! let peer = Peer { address: Some([192, 0, 2, 1].into()), ..Peer::default() };
//! let mut out = Vec::new();
//! let mut session = Session::new(Arc::new(Terms::new("mx.example.org")), peer, Trust::default(), &mut out);
//! let (mut spool, mut vault) = (Vec::new(), Vec::new());
//! 'connection: loop {
//!     while let Some(event) = session.next(&mut out) {
//!         match event {
//!             Event::Recipient(mailbox) => {
//!                 let decision = match &*mailbox.local_part() {
//!                     "rua" => Decision::Wanted(Kind::Aggregate),
//!                     "abuse" => Decision::Wanted(Kind::Abuse),
//!                     _ => Decision::Unknown,
//!                 };
//!                 session.answer_recipient(decision, &mut out);
//!             }
//!             Event::MailBegun | Event::Aborted => spool.clear(),
//!             Event::Content(piece) => spool.extend_from_slice(piece),
//!             // Here the mail is written and synced; only then is it acknowledged.
//!             Event::MailEnded => {
//!                 vault.push(std::mem::take(&mut spool));
//!                 session.answer_mail(Outcome::Stored("4711"), &mut out);
//!             }
//!             // Write `out`, begin TLS, then `session.tls_begun()`.
//!             Event::StartTls => unreachable!("it was not offered"),
//!             Event::Close => break 'connection,
//!         }
//!     }
//!     socket_out.append(&mut out);
//!     // Where nothing comes in time, or the server stops, `Farewell` says which.
//!     let Some(piece) = socket_in.next() else {
//!         session.close(Farewell::Silence, &mut out);
//!         break;
//!     };
//!     session.room()[..piece.len()].copy_from_slice(piece);
//!     session.filled(piece.len());
//! }
//! socket_out.append(&mut out);
//!
//! assert_eq!(vault, [b"Subject: Report Domain: example.org\r\n\r\n.\r\n"]);
//! assert_eq!(
//!     String::from_utf8(socket_out).unwrap().lines().collect::<Vec<_>>(),
//!     [
//!         "220 mx.example.org ESMTP",
//!         "250-mx.example.org",
//!         "250-PIPELINING",
//!         "250-SIZE 26214400",
//!         "250-8BITMIME",
//!         "250-SMTPUTF8",
//!         "250-ENHANCEDSTATUSCODES",
//!         "250 CHUNKING",
//!         "250 2.1.0 sender ok",
//!         "250 2.1.5 recipient ok",
//!         "550 5.1.1 there is no such mailbox",
//!         "354 end the message with a dot on a line of its own",
//!         "250 2.0.0 stored as 4711",
//!         "221 2.0.0 bye",
//!     ]
//! );
//! ```

mod command;
mod content;
mod envelope;
mod event;
mod inbox;
mod line;
mod mailbox;
mod peer;
mod reply;
mod session;
mod terms;

pub use command::{BadCommand, Command, Hello, MailParameters};
pub use envelope::{Envelope, Recipient};
pub use event::{Decision, Event, Farewell, Outcome};
pub use mailbox::Mailbox;
pub use peer::Peer;
pub use session::Session;
pub use terms::{BareLineEnds, Limits, Protocol, Terms, Tls, Trust};
