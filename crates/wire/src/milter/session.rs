//! The conversation with an MTA: what may follow what, and the mail so far
//!
//! [`Session::take`] follows one command. It answers by itself what nobody has to decide, keeps the envelope and rebuilds
//! the header as it was on the wire; what somebody has to look at comes back as an [`Event`].

use std::fmt;

use super::command::{Address, Command};
use super::reply::Reply;
use super::terms::{Protocol, Terms, Wishes};

/// How far a conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was said.
    Start,
    /// The terms are agreed on.
    Agreed,
    /// A client is there.
    Connected,
    /// A mail was begun.
    Envelope,
    /// Its header is coming.
    Header,
    /// Its body is coming.
    Body,
}

/// What a command leads to, for the one who owns the conversation.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Nothing that has to be looked at.
    None,
    /// The header is complete: [`Session::envelope`] and [`Session::header`] may be read.
    HeaderEnded,
    /// A piece of the body.
    Body(&'a [u8]),
    /// The mail is complete, with the last piece of its body, and waits for an answer.
    MessageEnded(&'a [u8]),
    /// The mail is to be forgotten.
    Aborted,
    /// The conversation is over.
    Closed,
}

/// What a session keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of one header; what is beyond is not kept, and told.
    pub header_octets: usize,
    /// Octets of all recipients of one mail; those beyond are counted only.
    pub recipient_octets: usize,
}

/// Who is speaking to the MTA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The name that the MTA found for it.
    pub host: Box<[u8]>,
    /// Where it connected from.
    pub address: Address,
}

/// What was said before a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Who connected.
    pub client: Option<Client>,
    /// HELO, as it was said.
    pub helo: Option<Box<[u8]>>,
    /// MAIL FROM without its brackets.
    pub mail_from: Box<[u8]>,
    /// RCPT TO without their brackets, as many as are kept.
    pub recipients: Vec<Box<[u8]>>,
    /// How many recipients there are.
    pub recipient_count: usize,
}

/// The macros that are known.
#[derive(Clone, Debug, Default)]
pub struct Macros(Vec<Macro>);

/// One macro.
#[derive(Clone, Debug)]
struct Macro {
    /// The letter of the step at which the MTA told it.
    step: u8,
    /// Its name.
    name: Box<[u8]>,
    /// Its value.
    value: Box<[u8]>,
}

impl Macros {
    /// The most macros that are kept; Postfix sends about twenty.
    const MOST: usize = 100;
    /// The longest value that is kept.
    const LONGEST: usize = 1024;

    /// Returns the value of a macro, its name with braces where it has more than one letter: `j`, `{auth_authen}`.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().rev().find(|known| *known.name == *name.as_bytes()).map(|known| &*known.value)
    }

    /// Replaces what was told for a step. Postfix tells the same again before each header field and each piece of the
    /// body.
    fn tell<'a>(&mut self, step: u8, values: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) {
        let is_last = self.0.last().is_some_and(|known| known.step == step);
        let mut known = self.0.iter().filter(|known| known.step == step);
        let mut is_known =
            |(name, value)| known.next().is_some_and(|known| (&*known.name, &*known.value) == (name, value));
        if is_last && values.clone().all(&mut is_known) && known.next().is_none() {
            return;
        }
        self.0.retain(|known| known.step != step);
        for (name, value) in values {
            if self.0.len() < Macros::MOST && name.len() + value.len() <= Macros::LONGEST {
                self.0.push(Macro { step, name: name.into(), value: value.into() });
            }
        }
    }

    /// Forgets what belongs to one mail: all but what was told with connection and greeting.
    fn forget_mail(&mut self) {
        self.0.retain(|known| matches!(known.step, b'C' | b'H'));
    }
}

/// One conversation.
#[derive(Debug)]
pub struct Session {
    /// What the filter wants to be able to do.
    wishes: Wishes,
    /// What is kept at most.
    limits: Limits,
    /// How far it has come.
    stage: Stage,
    /// What was agreed on.
    terms: Option<Terms>,
    /// What was said before the mail.
    envelope: Envelope,
    /// The octets of all recipients that are kept.
    recipient_octets: usize,
    /// The macros.
    macros: Macros,
    /// The header so far, as it was on the wire.
    header: Vec<u8>,
    /// Whether there was more of it than is kept.
    header_is_cut: bool,
}

/// Says which stage a command leads to.
fn follow(stage: Stage, command: &Command<'_>) -> Option<Stage> {
    Some(match (stage, command) {
        (Stage::Start, Command::Negotiate(_)) => Stage::Agreed,
        (Stage::Start, _) | (_, Command::Negotiate(_)) => return None,
        (stage, Command::Macros { .. } | Command::Unknown) => stage,
        (_, Command::Quit | Command::QuitNewConnection) => Stage::Agreed,
        // An MTA forgets a mail whenever its client does, even where there is none.
        (Stage::Agreed, Command::Abort) => Stage::Agreed,
        (_, Command::Abort) => Stage::Connected,
        (Stage::Agreed, Command::Connect { .. }) => Stage::Connected,
        (Stage::Connected, Command::Helo(_)) => Stage::Connected,
        (Stage::Connected, Command::Mail(_)) => Stage::Envelope,
        (Stage::Envelope, Command::Rcpt(_) | Command::Data) => Stage::Envelope,
        (Stage::Envelope | Stage::Header, Command::Header { .. }) => Stage::Header,
        (Stage::Envelope | Stage::Header, Command::EndOfHeader) => Stage::Body,
        (Stage::Body, Command::Body(_)) => Stage::Body,
        (Stage::Body, Command::EndOfMessage(_)) => Stage::Connected,
        _ => return None,
    })
}

impl Session {
    /// Begins a conversation.
    pub fn new(wishes: Wishes, limits: Limits) -> Session {
        Session {
            wishes,
            limits,
            stage: Stage::Start,
            terms: None,
            envelope: Envelope::default(),
            recipient_octets: 0,
            macros: Macros::default(),
            header: Vec::new(),
            header_is_cut: false,
        }
    }

    /// Follows one command; replies that nobody has to decide are appended to `out`.
    pub fn take<'a>(&mut self, command: &Command<'a>, out: &mut Vec<u8>) -> Result<Event<'a>, OutOfOrder> {
        let stage = self.stage;
        self.stage = follow(stage, command).ok_or_else(|| OutOfOrder::new(stage, command))?;
        match *command {
            Command::Negotiate(offer) => {
                let terms = Terms::agree(offer, self.wishes).ok_or(OutOfOrder { stage, command: "OPTNEG" })?;
                self.terms = Some(terms);
                Reply::Negotiate(terms).write(out);
            }
            Command::Macros { step, values } => self.macros.tell(step, values),
            Command::Connect { host, address } => {
                self.envelope.client = Some(Client { host: host.into(), address });
                self.go_on(Protocol::NO_REPLY_CONNECT, out);
            }
            Command::Helo(name) => {
                self.envelope.helo = Some(name.into());
                self.go_on(Protocol::NO_REPLY_HELO, out);
            }
            Command::Mail(path) => {
                self.envelope.mail_from = without_brackets(path).into();
                self.go_on(Protocol::NO_REPLY_MAIL, out);
            }
            Command::Rcpt(path) => {
                self.add_recipient(without_brackets(path));
                self.go_on(Protocol::NO_REPLY_RCPT, out);
            }
            Command::Data => self.go_on(Protocol::NO_REPLY_DATA, out),
            Command::Unknown => self.go_on(Protocol::NO_REPLY_UNKNOWN, out),
            Command::Header { name, value } => {
                self.add_field(name, value);
                self.go_on(Protocol::NO_REPLY_HEADER, out);
            }
            Command::EndOfHeader => {
                self.go_on(Protocol::NO_REPLY_END_OF_HEADER, out);
                return Ok(Event::HeaderEnded);
            }
            Command::Body(piece) => {
                self.go_on(Protocol::NO_REPLY_BODY, out);
                return Ok(Event::Body(piece));
            }
            Command::EndOfMessage(piece) => return Ok(Event::MessageEnded(piece)),
            Command::Abort => {
                self.forget_mail();
                return Ok(Event::Aborted);
            }
            Command::QuitNewConnection => {
                self.forget_mail();
                self.envelope = Envelope::default();
                self.macros = Macros::default();
                return Ok(Event::Aborted);
            }
            Command::Quit => return Ok(Event::Closed),
        }
        Ok(Event::None)
    }

    /// Returns what was agreed on.
    pub fn terms(&self) -> Option<Terms> {
        self.terms
    }

    /// Tells whether a mail was begun and is not complete.
    pub fn is_in_mail(&self) -> bool {
        matches!(self.stage, Stage::Envelope | Stage::Header | Stage::Body)
    }

    /// Returns what was said before the mail.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Returns the macros that are known.
    pub fn macros(&self) -> &Macros {
        &self.macros
    }

    /// Returns how many octets of memory the header takes so far.
    pub fn header_size(&self) -> usize {
        self.header.capacity()
    }

    /// Hands the header over, each field ended by CRLF, and tells whether there was more of it than is kept.
    pub fn take_header(&mut self) -> (Vec<u8>, bool) {
        (std::mem::take(&mut self.header), std::mem::take(&mut self.header_is_cut))
    }

    /// Forgets a mail that was answered.
    pub fn forget_mail(&mut self) {
        self.envelope.mail_from = Box::default();
        self.envelope.recipients = Vec::new();
        self.envelope.recipient_count = 0;
        self.recipient_octets = 0;
        self.header.clear();
        self.header_is_cut = false;
        self.macros.forget_mail();
    }

    /// Tells the MTA to go on, where it waits for that.
    fn go_on(&self, unneeded: u32, out: &mut Vec<u8>) {
        if !self.terms.is_some_and(|terms| terms.protocol.has(unneeded)) {
            Reply::Continue.write(out);
        }
    }

    /// Keeps one recipient more.
    fn add_recipient(&mut self, path: &[u8]) {
        self.envelope.recipient_count += 1;
        if self.recipient_octets + path.len() <= self.limits.recipient_octets {
            self.recipient_octets += path.len();
            self.envelope.recipients.push(path.into());
        }
    }

    /// Rebuilds a field as it was on the wire: the MTA writes folds as LF, and takes off the first space of a value where
    /// leading white space was not agreed on. An LF that is no fold stays what it is, and is not made a new line of.
    fn add_field(&mut self, name: &[u8], value: &[u8]) {
        if self.header_is_cut || self.header.len() + name.len() + value.len() + 4 > self.limits.header_octets {
            self.header_is_cut = true;
            return;
        }
        self.header.extend_from_slice(name);
        self.header.push(b':');
        if !self.terms.is_some_and(|terms| terms.protocol.has(Protocol::LEADING_SPACE)) {
            self.header.push(b' ');
        }
        let mut rest = value;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, fold) = rest.split_at(at);
            self.header.extend_from_slice(line);
            if matches!(fold.get(1), Some(b' ' | b'\t')) && line.last() != Some(&b'\r') {
                self.header.push(b'\r');
            }
            self.header.push(b'\n');
            rest = &fold[1..];
        }
        self.header.extend_from_slice(rest);
        self.header.extend_from_slice(b"\r\n");
    }
}

/// Returns a path without its angle brackets.
fn without_brackets(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"<").and_then(|path| path.strip_suffix(b">")).unwrap_or(path)
}

/// The MTA said something that cannot follow what it said before; there is no way to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfOrder {
    /// How far the conversation had come.
    pub stage: Stage,
    /// What was said then.
    pub command: &'static str,
}

impl OutOfOrder {
    /// Names the command.
    fn new(stage: Stage, command: &Command<'_>) -> OutOfOrder {
        let command = match command {
            Command::Negotiate(_) => "OPTNEG",
            Command::Macros { .. } => "MACRO",
            Command::Connect { .. } => "CONNECT",
            Command::Helo(_) => "HELO",
            Command::Mail(_) => "MAIL",
            Command::Rcpt(_) => "RCPT",
            Command::Data => "DATA",
            Command::Header { .. } => "HEADER",
            Command::EndOfHeader => "EOH",
            Command::Body(_) => "BODY",
            Command::EndOfMessage(_) => "BODYEOB",
            Command::Abort => "ABORT",
            Command::Unknown => "UNKNOWN",
            Command::Quit => "QUIT",
            Command::QuitNewConnection => "QUIT_NC",
        };
        OutOfOrder { stage, command }
    }
}

impl fmt::Display for OutOfOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Start => "before any agreement",
            Stage::Agreed => "before CONNECT",
            Stage::Connected => "before MAIL",
            Stage::Envelope => "in the envelope",
            Stage::Header => "in the header",
            Stage::Body => "in the body",
        };
        write!(f, "`{}` {stage}", self.command)
    }
}

impl std::error::Error for OutOfOrder {}
