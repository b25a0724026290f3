//! The conversation with a client: what may follow what, and the mail so far
//!
//! [`Session::next`] reads as far as it can without anybody's help and answers what nobody has to decide; what somebody
//! has to look at comes back as an [`Event`]. Replies stand in the order of the commands (RFC 2920 §3.2).

mod intake;

use std::ops::Range;
use std::sync::Arc;

use super::command::{BadCommand, Command, Hello, MailParameters};
use super::content::Content;
use super::envelope::{Envelope, Recipient};
use super::event::{Decision, Event, Farewell, Outcome};
use super::inbox::Inbox;
use super::line::{Line, LineFinder};
use super::mailbox::Mailbox;
use super::peer::Peer;
use super::reply::Reply;
use super::terms::{Protocol, Terms, Tls, Trust};

/// How many recipients beyond the limit are answered in one mail.
const OVERSHOOT_MAX: u32 = 1000;

/// How far a conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No hello was said.
    Start,
    /// Mail is welcome.
    Ready,
    /// A mail was begun.
    Envelope,
    /// Its content is coming, line by line.
    Text,
    /// Some chunks of its content came.
    Chunks,
    /// A chunk is coming.
    Chunk {
        /// How many octets of it are to come.
        left: u64,
        /// How long it is.
        length: u64,
        /// Whether it is the last one.
        is_last: bool,
    },
    /// A chunk is coming that is passed over, for the reason that it is answered with.
    Waste {
        /// How many octets of it are to come.
        left: u64,
        /// Whether it is the last one.
        is_last: bool,
        /// The reason.
        reason: Reply<'static>,
    },
    /// A decision on a recipient is waited for.
    Asking,
    /// The outcome of a mail is waited for.
    Storing,
    /// TLS is about to begin.
    Handshake,
    /// It is over, and the owner was not told yet.
    Closing,
    /// It is over.
    Closed,
}

/// What reading leads to.
enum Step {
    /// Read on.
    Again,
    /// Nothing more can be read.
    Wait,
    /// The event without anything in it.
    Event(Event<'static>),
    /// A piece of content, there in the inbox.
    Content(Range<usize>),
    /// A recipient is to be decided on.
    Recipient,
}

/// One conversation, in which recipients are of kinds `K`.
#[derive(Debug)]
pub struct Session<K> {
    /// What is offered, taken and borne.
    terms: Arc<Terms>,
    /// What the peer may say of others.
    trust: Trust,
    /// Octets that are not yet dealt with.
    inbox: Inbox,
    /// Finds lines among them.
    lines: LineFinder,
    /// How far it has come.
    stage: Stage,
    /// Who is speaking.
    client: Peer,
    /// For whom a trusted MTA is speaking.
    forwarded: Option<Peer>,
    /// How the client said hello, and which name it gave.
    hello: Option<(Hello, Box<str>)>,
    /// Whether it speaks in TLS.
    is_tls: bool,
    /// The mail.
    envelope: Option<Envelope<K>>,
    /// A recipient that is to be decided on.
    candidate: Option<Mailbox>,
    /// The mail's content.
    content: Option<Content>,
    /// Why the content will not be taken, though it is still coming.
    trouble: Option<Reply<'static>>,
    /// Commands that were refused since the last mail.
    errors: u32,
    /// Commands that led to nothing since the last mail.
    idle_commands: u32,
    /// Mails that were stored.
    mails: u32,
}

/// Says whether a command may come now.
fn follow(stage: Stage, command: &Command, protocol: Protocol) -> Result<(), Reply<'static>> {
    use Stage::{Chunks, Envelope, Ready, Start};
    match (stage, command) {
        (_, Command::Hello(hello, _)) => match (protocol, hello) {
            (Protocol::Lmtp, Hello::Lhlo) | (Protocol::Smtp, Hello::Helo | Hello::Ehlo) => Ok(()),
            // RFC 2033 §4.1: neither HELO nor EHLO may be taken; and LHLO is LMTP's.
            (Protocol::Lmtp, _) => Err(Reply::NO_LHLO),
            (Protocol::Smtp, _) => Err(Reply::NO_HELLO),
        },
        // RFC 5321 §4.1.4: these may come at any time.
        (_, Command::Noop | Command::Help | Command::Vrfy | Command::Rset | Command::Quit) => Ok(()),
        (Start | Ready, Command::StartTls | Command::XForward(_) | Command::XClient(_)) => Ok(()),
        (_, Command::StartTls | Command::XForward(_) | Command::XClient(_)) => Err(Reply::IN_MAIL),
        (Start, _) if protocol == Protocol::Lmtp => Err(Reply::NO_LHLO),
        (Start, _) => Err(Reply::NO_HELLO),
        (Ready, Command::Mail(..)) => Ok(()),
        (Ready, _) => Err(Reply::NO_MAIL),
        (_, Command::Mail(..)) => Err(Reply::IN_MAIL),
        (Envelope, Command::Rcpt(_) | Command::Data | Command::Bdat(..)) | (Chunks, Command::Bdat(..)) => Ok(()),
        (_, Command::Rcpt(_) | Command::Data | Command::Bdat(..)) => Err(Reply::IN_CHUNKS),
    }
}

impl<K> Session<K> {
    /// Begins a conversation with a client, and greets it.
    pub fn new(terms: Arc<Terms>, client: Peer, trust: Trust, out: &mut Vec<u8>) -> Session<K> {
        let session = Session {
            terms,
            trust,
            inbox: Inbox::default(),
            lines: LineFinder::default(),
            stage: Stage::Start,
            client,
            forwarded: None,
            hello: None,
            is_tls: false,
            envelope: None,
            candidate: None,
            content: None,
            trouble: None,
            errors: 0,
            idle_commands: 0,
            mails: 0,
        };
        session.greet(out);
        session
    }

    /// Returns room for octets from the client; tell with [`Session::filled`] how many came, and call [`Session::next`]
    /// until it has nothing more before more is filled in.
    pub fn room(&mut self) -> &mut [u8] {
        let is_content = matches!(self.stage, Stage::Text | Stage::Chunk { .. } | Stage::Waste { .. });
        self.inbox.room(is_content)
    }

    /// Says how many octets came.
    pub fn filled(&mut self, count: usize) {
        self.inbox.filled(count);
    }

    /// Gives memory back that no octet is waiting in: nothing came for a while.
    pub fn doze(&mut self) {
        self.inbox.doze();
    }

    /// Reads on, up to the next thing that somebody has to look at; nothing while more octets have to come. Replies are
    /// appended to `out`; they have to be written before anybody waits for the client.
    ///
    /// What was asked for and not answered in between is answered with 451.
    pub fn next<'a>(&'a mut self, out: &mut Vec<u8>) -> Option<Event<'a>> {
        self.answer_undecided(out);
        loop {
            match self.step(out) {
                Step::Again => {}
                Step::Wait => return None,
                Step::Event(event) => return Some(event),
                Step::Content(piece) => return Some(Event::Content(self.inbox.piece(piece))),
                Step::Recipient => return self.candidate.as_ref().map(Event::Recipient),
            }
        }
    }

    /// Says whether mail for the recipient is wanted that was asked for last.
    pub fn answer_recipient(&mut self, decision: Decision<'_, K>, out: &mut Vec<u8>) {
        let (Some(mailbox), Some(envelope)) = (self.candidate.take(), &mut self.envelope) else { return };
        self.stage = Stage::Envelope;
        match decision {
            Decision::Wanted(kind) => {
                envelope.recipients.push(Recipient { mailbox, kind });
                Reply::RECIPIENT.write(out);
            }
            Decision::Unknown => self.complain(Reply::new(550, "5.1.1", "there is no such mailbox"), out),
            Decision::NotHere => self.complain(Reply::new(550, "5.7.1", "no mail is taken for this domain"), out),
            Decision::Refused(reason) => self.complain(Reply::new(550, "5.7.1", reason), out),
            Decision::TryLater(reason) => self.idle(Reply::new(451, "4.3.0", reason), out),
        }
    }

    /// Says what became of the mail that ended last, and forgets it. Whoever hears 250 may forget it, too.
    pub fn answer_mail(&mut self, outcome: Outcome<'_>, out: &mut Vec<u8>) {
        if self.stage != Stage::Storing {
            return;
        }
        let stored;
        let reply = match outcome {
            Outcome::Stored(name) => {
                (self.errors, self.idle_commands) = (0, 0);
                self.mails = self.mails.saturating_add(1);
                stored = format!("stored as {name}");
                Reply::new(250, "2.0.0", &stored)
            }
            Outcome::TryLater(reason) => Reply::new(451, "4.3.0", reason),
            // RFC 5321 §4.2.2, RFC 3463 §3.4: the mail system is full.
            Outcome::Full(reason) => Reply::new(452, "4.3.1", reason),
            Outcome::Refused(reason) => Reply::new(554, "5.7.1", reason),
        };
        self.write_for_mail(&reply, out);
        self.forget_mail();
    }

    /// Says that TLS has begun. Nothing that was said before is known any more (RFC 3207 §4.2), and what may have come
    /// since is dropped: it was not said in TLS.
    pub fn tls_begun(&mut self) {
        self.inbox.clear();
        self.lines = LineFinder::default();
        self.forget_mail();
        (self.hello, self.forwarded) = (None, None);
        (self.stage, self.is_tls) = (Stage::Start, true);
    }

    /// Ends the conversation from here, with the line that says so. A mail under way was not taken.
    pub fn close(&mut self, why: Farewell, out: &mut Vec<u8>) {
        if !matches!(self.stage, Stage::Closing | Stage::Closed) {
            why.write(out);
        }
        self.stage = Stage::Closed;
    }

    /// Returns who is speaking: who connected, or who a trusted peer said with XCLIENT.
    pub fn client(&self) -> &Peer {
        &self.client
    }

    /// Returns for whom a trusted MTA is speaking in this mail (XFORWARD).
    pub fn forwarded(&self) -> Option<&Peer> {
        self.forwarded.as_ref()
    }

    /// Returns how the client said hello, and the name it gave.
    pub fn hello(&self) -> Option<(Hello, &str)> {
        self.hello.as_ref().map(|(hello, name)| (*hello, &**name))
    }

    /// Tells whether the client speaks in TLS.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns the mail under way. At [`Event::MailEnded`] it is complete.
    pub fn envelope(&self) -> Option<&Envelope<K>> {
        self.envelope.as_ref()
    }

    /// Returns how many octets of content the mail under way has.
    pub fn content_octets(&self) -> u64 {
        self.content.as_ref().map_or(0, |content| content.octets)
    }

    /// Tells whether the content has CR or LF alone, which happens only where that is not refused.
    pub fn has_bare_line_ends(&self) -> bool {
        self.content.as_ref().is_some_and(|content| content.bare.is_some())
    }

    /// Returns how many mails were stored.
    pub fn mails(&self) -> u32 {
        self.mails
    }

    /// Goes one step on.
    fn step(&mut self, out: &mut Vec<u8>) -> Step {
        match self.stage {
            Stage::Start | Stage::Ready | Stage::Envelope | Stage::Chunks => self.read_line(out),
            Stage::Text => self.read_text(out),
            Stage::Chunk { left, length, is_last } => self.read_chunk(left, length, is_last, out),
            Stage::Waste { left, is_last, reason } => self.read_waste(left, is_last, reason, out),
            // Octets that came before TLS began are none of TLS.
            Stage::Handshake if !self.inbox.is_empty() => self.end(None, out),
            Stage::Closing => {
                self.stage = Stage::Closed;
                Step::Event(Event::Close)
            }
            Stage::Closed => {
                self.inbox.clear();
                Step::Wait
            }
            Stage::Asking | Stage::Storing | Stage::Handshake => Step::Wait,
        }
    }

    /// Reads a command and follows it.
    fn read_line(&mut self, out: &mut Vec<u8>) -> Step {
        let (longest, bare) = (self.terms.limits.command_octets, self.terms.bare_line_ends);
        let (done, line) = self.lines.find(self.inbox.waiting(), longest, bare);
        let range = self.inbox.take(done, 0..if let Some(Line::Whole(length)) = line { length } else { 0 });
        match line {
            None => Step::Wait,
            Some(Line::Whole(_)) => match Command::read(self.inbox.piece(range)) {
                Ok(command) => self.take(command, out),
                Err(why @ (BadCommand::Foreign | BadCommand::Chunk)) => self.end(Some(Reply::to_bad(why)), out),
                Err(why) => {
                    self.note_refused_recipient(why);
                    self.complain_step(Reply::to_bad(why), out)
                }
            },
            Some(Line::TooLong) => self.complain_step(Reply::TOO_LONG, out),
            Some(Line::Endless) => self.end(Some(Reply::TOO_MANY_ERRORS), out),
            Some(Line::Bare(_)) => self.end(Some(Reply::BARE_IN_COMMAND), out),
        }
    }

    /// Notes that a recipient was named, though it is none: DATA is answered otherwise then.
    fn note_refused_recipient(&mut self, why: BadCommand) {
        if let (Some(envelope), BadCommand::Recipient) = (&mut self.envelope, why) {
            envelope.was_told_recipients = true;
        }
    }

    /// Follows one command.
    fn take(&mut self, command: Command, out: &mut Vec<u8>) -> Step {
        let order = follow(self.stage, &command, self.terms.protocol);
        if let (Err(reason), Command::Bdat(length, is_last)) = (order, &command) {
            // RFC 3030 §2: the octets come all the same, and are passed over.
            return self.waste(*length, *is_last, reason, out);
        }
        if let Err(reply) = order {
            return self.complain_step(reply, out);
        }
        match command {
            Command::Hello(hello, name) => return self.take_hello(hello, name, out),
            Command::Mail(sender, parameters) => self.take_mail(sender, parameters, out),
            Command::Rcpt(mailbox) => return self.take_recipient(mailbox, out),
            Command::Data => return self.take_data(out),
            Command::Bdat(length, is_last) => return self.take_bdat(length, is_last, out),
            Command::Rset => {
                let step = self.abort();
                self.idle(Reply::OK, out);
                return step;
            }
            Command::Noop => self.idle(Reply::OK, out),
            Command::Vrfy => self.idle(Reply::MAYBE, out),
            Command::Help => self.idle(Reply::HELP, out),
            Command::Quit => return self.end(Some(Reply::BYE), out),
            Command::StartTls => return self.take_starttls(out),
            Command::XForward(attributes) => self.take_xforward(&attributes, out),
            Command::XClient(attributes) => self.take_xclient(&attributes, out),
        }
        Step::Again
    }

    /// Notes the client's name, forgets its mail (RFC 5321 §4.1.4), and says what is offered.
    fn take_hello(&mut self, hello: Hello, name: Box<str>, out: &mut Vec<u8>) -> Step {
        self.hello = Some((hello, name));
        let step = self.abort();
        match hello {
            Hello::Helo => Reply::write_lines(250, [&*self.terms.host], out),
            Hello::Ehlo | Hello::Lhlo => self.offer(out),
        }
        self.count_idle(out);
        step
    }

    /// Says what is offered.
    fn offer(&self, out: &mut Vec<u8>) {
        let (size, xforward, xclient) = (
            format!("SIZE {}", self.terms.limits.message_octets),
            format!("XFORWARD {}", Peer::XFORWARD),
            format!("XCLIENT {}", Peer::XCLIENT),
        );
        let mut lines =
            vec![&*self.terms.host, "PIPELINING", &size, "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"];
        let mut offer_if = |is_offered, line| {
            if is_offered {
                lines.push(line);
            }
        };
        // RFC 3207 §4.2: not in TLS.
        offer_if(self.terms.tls != Tls::None && !self.is_tls, "STARTTLS");
        offer_if(self.trust.xforward, &xforward);
        offer_if(self.trust.xclient, &xclient);
        Reply::write_lines(250, lines, out);
    }

    /// Begins a mail.
    fn take_mail(&mut self, mail_from: Option<Mailbox>, parameters: MailParameters, out: &mut Vec<u8>) {
        if self.terms.tls == Tls::Required && !self.is_tls {
            return self.complain(Reply::NEEDS_TLS, out);
        }
        if self.mails >= self.terms.limits.mails {
            self.end(Some(Reply::TOO_MANY_MAILS), out);
            return;
        }
        if parameters.size.is_some_and(|size| size > self.terms.limits.message_octets) {
            return self.complain(Reply::TOO_LARGE, out);
        }
        if !parameters.is_utf8 && mail_from.as_ref().is_some_and(|sender| !sender.is_ascii()) {
            return self.complain(Reply::SENDER_NEEDS_UTF8, out);
        }
        self.envelope = Some(Envelope::new(mail_from, parameters));
        self.stage = Stage::Envelope;
        self.idle(Reply::SENDER, out);
    }

    /// Asks whether mail for a recipient is wanted, where it can be.
    fn take_recipient(&mut self, mailbox: Mailbox, out: &mut Vec<u8>) -> Step {
        let Some(envelope) = &mut self.envelope else { return Step::Again };
        envelope.was_told_recipients = true;
        if envelope.recipients.len() >= self.terms.limits.recipients {
            envelope.refused_for_number += 1;
            Reply::TOO_MANY_RECIPIENTS.write(out);
            // Those within the limit shall get their mail, though the client has a long list: it is borne for a while.
            if envelope.refused_for_number > OVERSHOOT_MAX {
                self.end(Some(Reply::TOO_MANY_ERRORS), out);
            }
            return Step::Again;
        }
        if !envelope.parameters.is_utf8 && !mailbox.is_ascii() {
            return self.complain_step(Reply::RECIPIENT_NEEDS_UTF8, out);
        }
        self.candidate = Some(mailbox);
        self.stage = Stage::Asking;
        Step::Recipient
    }

    /// Lets TLS begin. Whatever came behind the command in the same breath was put there by somebody on the way, who
    /// wants it taken for what the client says in TLS (CVE-2011-0411): there is no going on with him.
    fn take_starttls(&mut self, out: &mut Vec<u8>) -> Step {
        if self.is_tls {
            return self.complain_step(Reply::IN_TLS, out);
        }
        if self.terms.tls == Tls::None {
            return self.complain_step(Reply::NO_TLS, out);
        }
        if !self.inbox.is_empty() {
            return self.end(Some(Reply::INJECTED), out);
        }
        Reply::BEGIN_TLS.write(out);
        self.stage = Stage::Handshake;
        Step::Event(Event::StartTls)
    }

    /// Notes where the next mail came from.
    fn take_xforward(&mut self, attributes: &[u8], out: &mut Vec<u8>) {
        if !self.trust.xforward {
            return self.complain(Reply::NOT_TRUSTED, out);
        }
        let known = self.forwarded.take().unwrap_or_default();
        let Some(forwarded) = known.told(attributes, Peer::XFORWARD) else {
            self.forwarded = Some(known);
            return self.complain(Reply::BAD_ATTRIBUTE, out);
        };
        self.forwarded = Some(forwarded);
        self.idle(Reply::OK, out);
    }

    /// Takes the client for another one, as if it had just connected.
    fn take_xclient(&mut self, attributes: &[u8], out: &mut Vec<u8>) {
        if !self.trust.xclient {
            return self.complain(Reply::NOT_TRUSTED, out);
        }
        let Some(client) = self.client.told(attributes, Peer::XCLIENT) else {
            return self.complain(Reply::BAD_ATTRIBUTE, out);
        };
        self.client = client;
        (self.hello, self.forwarded) = (None, None);
        self.stage = Stage::Start;
        self.greet(out);
        self.count_idle(out);
    }

    /// Answers what was asked for and not decided: a failure of ours, so the client may try again.
    fn answer_undecided(&mut self, out: &mut Vec<u8>) {
        match self.stage {
            Stage::Asking => self.answer_recipient(Decision::TryLater("this could not be decided now"), out),
            Stage::Storing => {
                self.write_for_mail(&Reply::UNDECIDED, out);
                self.forget_mail();
            }
            _ => {}
        }
    }

    /// Writes the answer to a mail: in LMTP once for each recipient (RFC 2033 §4.2).
    fn write_for_mail(&self, reply: &Reply<'_>, out: &mut Vec<u8>) {
        let recipients = self.envelope.as_ref().map_or(1, |envelope| envelope.recipients.len());
        let times = if self.terms.protocol == Protocol::Lmtp { recipients } else { 1 };
        (0..times).for_each(|_| reply.write(out));
    }

    /// Forgets the mail, and tells whether the owner has something to forget, too.
    fn abort(&mut self) -> Step {
        let has_content = self.content.is_some() && self.trouble.is_none();
        self.forget_mail();
        if has_content { Step::Event(Event::Aborted) } else { Step::Again }
    }

    /// Forgets the mail, and where it came from.
    fn forget_mail(&mut self) {
        (self.envelope, self.candidate, self.content) = (None, None, None);
        (self.trouble, self.forwarded) = (None, None);
        self.stage = self.resting();
    }

    /// Returns where a conversation stands without a mail.
    fn resting(&self) -> Stage {
        if self.hello.is_some() { Stage::Ready } else { Stage::Start }
    }

    /// Greets the client.
    fn greet(&self, out: &mut Vec<u8>) {
        let protocol = if self.terms.protocol == Protocol::Lmtp { "LMTP" } else { "ESMTP" };
        Reply::write_lines(220, [&*format!("{} {protocol}", self.terms.host)], out);
    }

    /// Answers a command that led to nothing.
    fn idle(&mut self, reply: Reply<'_>, out: &mut Vec<u8>) {
        reply.write(out);
        self.count_idle(out);
    }

    /// Counts a command that led to nothing.
    fn count_idle(&mut self, out: &mut Vec<u8>) {
        self.idle_commands = self.idle_commands.saturating_add(1);
        if self.idle_commands > self.terms.limits.idle_commands {
            self.end(Some(Reply::TOO_MANY_ERRORS), out);
        }
    }

    /// Refuses a command.
    fn complain(&mut self, reply: Reply<'_>, out: &mut Vec<u8>) {
        reply.write(out);
        self.count_error(out);
    }

    /// Refuses a command; then, it can be read on.
    fn complain_step(&mut self, reply: Reply<'_>, out: &mut Vec<u8>) -> Step {
        self.complain(reply, out);
        Step::Again
    }

    /// Counts a command that was refused.
    fn count_error(&mut self, out: &mut Vec<u8>) {
        self.errors = self.errors.saturating_add(1);
        if self.errors > self.terms.limits.errors {
            self.end(Some(Reply::TOO_MANY_ERRORS), out);
        }
    }

    /// Ends the conversation.
    fn end(&mut self, reply: Option<Reply<'_>>, out: &mut Vec<u8>) -> Step {
        if let Some(reply) = reply {
            reply.write(out);
        }
        self.stage = Stage::Closing;
        Step::Again
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::smtp::terms::{BareLineEnds, Limits};

    /// The most memory that a session may hold for octets that came.
    const MEMORY_MAX: usize = 80 * 1024;

    /// Fills octets in as fast as there is room; returns how much was replied, and the most memory that was held.
    fn flood(octets: impl Iterator<Item = Vec<u8>>, limits: Limits) -> (usize, usize) {
        let terms = Terms { limits, bare_line_ends: BareLineEnds::Keep, ..Terms::new("mx.example") };
        let (mut out, mut held) = (Vec::new(), 0);
        let mut session = Session::new(Arc::new(terms), Peer::default(), Trust::default(), &mut out);
        for piece in octets {
            let mut rest = piece.as_slice();
            while !rest.is_empty() {
                let room = session.room();
                let (now, behind) = rest.split_at(rest.len().min(room.len()));
                room[..now.len()].copy_from_slice(now);
                session.filled(now.len());
                rest = behind;
                while let Some(event) = session.next(&mut out) {
                    match event {
                        Event::Recipient(_) => session.answer_recipient(Decision::Wanted(()), &mut out),
                        Event::MailEnded => session.answer_mail(Outcome::TryLater("later"), &mut out),
                        _ => {}
                    }
                }
                held = held.max(session.inbox.capacity());
            }
        }
        (out.len(), held)
    }

    #[test]
    fn memory_stays_small_whatever_comes() {
        let mail = b"HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";
        let begin = |rest: &[u8]| [mail, rest].concat();
        for (first, then) in [
            (Vec::new(), &b"x"[..]),
            (Vec::new(), b"\r"),
            (Vec::new(), b"NOOP\r\n"),
            (Vec::new(), b"RCPT TO:<"),
            (begin(b""), b"RCPT TO:<e@f>\r\n"),
            (begin(b"DATA\r\n"), b"x"),
            (begin(b"DATA\r\n"), b"\r"),
            (begin(b"DATA\r\n"), b"\r\n.."),
            (begin(b"BDAT 50000000\r\n"), b"\r\n"),
            (begin(b"BDAT 20000000\r\n"), b"x"),
        ] {
            let flooding = std::iter::repeat_n(then.repeat((8 << 20) / then.len()), 1);
            let (replied, held) = flood(std::iter::once(first).chain(flooding), Limits::default());
            assert!(held <= MEMORY_MAX, "{}: {held}", then.escape_ascii());
            assert!(replied <= 100_000, "{}: {replied}", then.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn garbage_takes_no_memory(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2000), 0..50)) {
            let (replied, held) = flood(pieces.into_iter(), Limits::default());
            prop_assert!(held <= MEMORY_MAX && replied <= 10_000);
        }
    }
}
