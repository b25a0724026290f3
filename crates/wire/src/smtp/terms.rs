//! What a receiving server offers, takes and bears

/// What a server says of itself and how far it goes; the same for all conversations of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The name it greets with.
    pub host: Box<str>,
    /// Which of the two protocols it speaks.
    pub protocol: Protocol,
    /// Whether TLS can be begun.
    pub tls: Tls,
    /// What becomes of CR and LF that stand alone.
    pub bare_line_ends: BareLineEnds,
    /// How much it takes.
    pub limits: Limits,
}

impl Terms {
    /// Returns what a server of this name offers: SMTP without TLS, strict line ends, and the usual limits.
    pub fn new(host: impl Into<Box<str>>) -> Terms {
        Terms {
            host: host.into(),
            protocol: Protocol::Smtp,
            tls: Tls::None,
            bare_line_ends: BareLineEnds::Refuse,
            limits: Limits::default(),
        }
    }
}

/// Which protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// SMTP (RFC 5321).
    Smtp,
    /// LMTP (RFC 2033): LHLO instead of EHLO, and one reply for each recipient at the end of a mail.
    Lmtp,
}

/// Whether TLS can be begun (RFC 3207).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// There is none.
    None,
    /// Who wants it may have it.
    Offered,
    /// No mail is taken without it.
    Required,
}

/// What becomes of CR and LF that stand alone. They never end a line, nor a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BareLineEnds {
    /// A command that holds one ends the conversation with 521, content that holds one is answered with 554.
    Refuse,
    /// They are octets like others: content keeps them, and no command has any.
    Keep,
}

/// How much a server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a command line with its CR LF: 512, and what extensions and long paths need (RFC 5321 §4.5.3.1.4).
    pub command_octets: usize,
    /// Octets of a mail's content.
    pub message_octets: u64,
    /// Recipients of a mail.
    pub recipients: usize,
    /// Commands that were refused since the last mail was stored.
    pub errors: u32,
    /// Commands that led to nothing since the last mail was stored.
    pub idle_commands: u32,
    /// Mails of one conversation.
    pub mails: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            command_octets: 1024,
            message_octets: 25 << 20,
            // RFC 5321 §4.5.3.1.8: no fewer.
            recipients: 100,
            errors: 20,
            idle_commands: 100,
            mails: 1000,
        }
    }
}

/// What a peer is trusted to say of others; nothing, unless it is one of our own MTAs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// It may say where a mail came from (XFORWARD).
    pub xforward: bool,
    /// It may say that it is somebody else (XCLIENT).
    pub xclient: bool,
}
