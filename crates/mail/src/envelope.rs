//! What was said before the mail itself: who connected, how it greeted, where failures go (RFC 5321 §2.3.1)

use std::net::IpAddr;

/// The SMTP envelope, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The address of the client that handed the mail over.
    pub client_ip: Option<IpAddr>,
    /// The name in HELO or EHLO, as it was said.
    pub helo: Option<Box<[u8]>>,
    /// The address in MAIL FROM without angle brackets, as it was said; empty for the null path `<>`.
    pub mail_from: Option<Box<[u8]>>,
}
