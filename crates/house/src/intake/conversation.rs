//! One connection of a sender: octets between the socket and the session, and the clocks beside them
//!
//! A sender has to say something whole in time: single octets buy none. Content has a time of its own, and the memory that
//! it waits in comes out of one stock for all conversations.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use sekisho_core::visible::Visible;
use sekisho_ledger::{Channel, Envelope, ReportKind};
use sekisho_wire::smtp::{Decision, Event, Farewell, Mailbox, Outcome, Peer, Protocol, Session, Trust};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::bounds::Load;
use super::desk::{Fate, Kept};
use super::{HouseRules, Intake};
use crate::door::{Portion, Seat};
use crate::reports::border;

/// How long memory is kept for a sender that says nothing.
const BRISK: Duration = Duration::from_secs(3);
/// How long TLS may take to begin.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// What a sender hears whose mail could not be kept.
const LATER: &str = "the report cannot be kept now: come again";
/// What a sender hears that brings more than it may.
const TOO_FAST: &str = "too many mails in a minute: come again";
/// What it hears that brings more octets than it may.
const TOO_MUCH: &str = "too much in a minute: come again";
/// What it hears where others have brought too much, or the disk is nearly full.
const NO_ROOM: &str = "there is no room for more reports now: come again later";

/// What ends a part of a conversation.
enum Pause {
    /// It is over.
    Over,
    /// TLS is to begin.
    StartTls,
}

/// Why a conversation could not go on.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The socket.
    Socket(io::Error),
    /// The sender went away in the middle of a mail.
    Cut,
    /// The sender said nothing whole for too long, or did not listen.
    Silent,
    /// TLS did not begin.
    Tls(io::Error),
}

impl Broken {
    /// The stable words for counters.
    pub(crate) const KINDS: [&str; 5] = ["socket", "cut", "silent", "tls", "panic"];

    /// Returns the stable word.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Broken::Socket(_) => "socket",
            Broken::Cut => "cut",
            Broken::Silent => "silent",
            Broken::Tls(_) => "tls",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Socket(why) => write!(f, "the connection failed: {why}"),
            Broken::Cut => f.write_str("the sender went away in the middle of a mail"),
            Broken::Silent => f.write_str("the sender said nothing whole for too long"),
            Broken::Tls(why) => write!(f, "TLS did not begin: {why}"),
        }
    }
}

impl From<io::Error> for Broken {
    fn from(why: io::Error) -> Broken {
        Broken::Socket(why)
    }
}

/// Follows one conversation to its end.
pub(super) async fn converse(
    mut stream: TcpStream,
    client: IpAddr,
    house: &Intake,
    (rules, speech): (&HouseRules, Protocol),
    seat: &Seat,
    shutdown: &CancellationToken,
) -> Result<(), Broken> {
    let mut conversation = Conversation::new(client, house, (rules, speech), seat);
    match conversation.follow(&mut stream, shutdown).await? {
        Pause::Over => return Ok(()),
        Pause::StartTls => {}
    }
    let Some(acceptor) = &rules.tls else { return Ok(()) };
    let begun = timeout(HANDSHAKE, acceptor.accept(stream)).await.map_err(|_| Broken::Silent)?;
    let mut stream = begun.map_err(Broken::Tls)?;
    conversation.session.tls_begun();
    conversation.heard = Instant::now();
    conversation.follow(&mut stream, shutdown).await?;
    // A goodbye that nobody hears is none the worse.
    let _ = timeout(HANDSHAKE, stream.shutdown()).await;
    Ok(())
}

/// A conversation with a sender.
struct Conversation<'a> {
    /// What all conversations share.
    house: &'a Intake,
    /// The rules that it began with.
    rules: &'a HouseRules,
    /// How its reports come.
    channel: Channel,
    /// Its place among the others.
    seat: &'a Seat,
    /// Who connected.
    client: IpAddr,
    /// Whether that is an MTA of ours.
    is_relay: bool,
    /// What was said so far.
    session: Session<ReportKind>,
    /// What is to be said.
    outbox: Vec<u8>,
    /// The content of the mail under way.
    spool: Spool,
    /// When the sender last said something whole.
    heard: Instant,
    /// When the content began to come that is still coming.
    content_since: Option<Instant>,
}

/// The content of a mail as far as it came.
struct Spool {
    /// The octets.
    octets: Vec<u8>,
    /// What they take of the memory that all conversations share.
    portion: Portion,
    /// Whether there was no memory left for them.
    is_spilt: bool,
}

impl Spool {
    /// Begins anew.
    fn clear(&mut self) {
        self.octets = Vec::new();
        // Nothing at all is never refused.
        self.is_spilt = !self.portion.hold(0);
    }

    /// Adds a piece, where there is memory for it.
    fn add(&mut self, piece: &[u8]) {
        if self.is_spilt {
            return;
        }
        self.octets.extend_from_slice(piece);
        if !self.portion.hold(self.octets.capacity()) {
            self.clear();
            self.is_spilt = true;
        }
    }
}

impl<'a> Conversation<'a> {
    /// Begins a conversation.
    fn new(
        client: IpAddr,
        house: &'a Intake,
        (rules, speech): (&'a HouseRules, Protocol),
        seat: &'a Seat,
    ) -> Conversation<'a> {
        let is_relay = rules.section.is_relay(client);
        let mut outbox = Vec::new();
        let peer = Peer { address: Some(client), ..Peer::default() };
        let trust = Trust { xforward: is_relay, xclient: false };
        let session = Session::new(rules.terms(speech), peer, trust, &mut outbox);
        let spool = Spool { octets: Vec::new(), portion: Portion::of(seat.stock()), is_spilt: false };
        let heard = Instant::now();
        let channel = match speech {
            Protocol::Smtp => Channel::Smtp,
            Protocol::Lmtp => Channel::Lmtp,
        };
        Conversation {
            house,
            rules,
            channel,
            seat,
            client,
            is_relay,
            session,
            outbox,
            spool,
            heard,
            content_since: None,
        }
    }

    /// Follows the sender until it is over, or TLS is to begin.
    async fn follow<S>(&mut self, stream: &mut S, shutdown: &CancellationToken) -> Result<Pause, Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let pause = self.answer().await;
            self.write(stream).await?;
            if let Some(pause) = pause {
                return Ok(pause);
            }
            let in_mail = self.session.envelope().is_some();
            let read = tokio::select! {
                read = self.read(stream) => read?,
                () = shutdown.cancelled(), if !in_mail => return self.part(Farewell::Shutdown, stream).await,
            };
            match read {
                Some(0) if in_mail => return Err(Broken::Cut),
                Some(0) => return Ok(Pause::Over),
                Some(count) => self.session.filled(count),
                None => {
                    self.part(Farewell::Silence, stream).await?;
                    return Err(Broken::Silent);
                }
            }
        }
    }

    /// Answers what came. Mails that are complete are kept before that is said.
    async fn answer(&mut self) -> Option<Pause> {
        loop {
            let said = self.outbox.len();
            let event = self.session.next(&mut self.outbox);
            if self.outbox.len() > said {
                self.heard = Instant::now();
                self.seat.beat();
            }
            match event? {
                Event::Recipient(mailbox) => {
                    let (local, domain) = (mailbox.local_part(), mailbox.domain());
                    let kind = self.rules.section.kind(&local, domain);
                    let is_return = self.rules.returns.as_ref().is_some_and(|ours| ours.fits(&local, domain));
                    let decision = self.decide(kind, is_return);
                    self.session.answer_recipient(decision, &mut self.outbox);
                }
                Event::MailBegun => self.begin_content(),
                Event::Content(piece) => self.spool.add(piece),
                Event::Aborted => self.end_content(),
                Event::MailEnded => self.keep().await,
                Event::StartTls => return Some(Pause::StartTls),
                Event::Close => return Some(Pause::Over),
            }
        }
    }

    /// Decides on a recipient. Where reports of ours come from (`is_return`), notices about them are taken: they have no sender, and
    /// who answers as a person shall not be swallowed here.
    fn decide(&mut self, kind: Option<ReportKind>, is_return: bool) -> Decision<'static, ReportKind> {
        let counts = &self.house.metrics.intake.recipients_refused;
        let has_no_sender = self.session.envelope().is_some_and(|envelope| envelope.mail_from.is_none());
        let Some(kind) = kind.or_else(|| (is_return && has_no_sender).then_some(ReportKind::Bounce)) else {
            counts.count("unknown");
            return Decision::Unknown;
        };
        let is_first = self.session.envelope().is_none_or(|envelope| envelope.recipients.is_empty());
        if is_first && !self.may_bring() {
            counts.count("rate");
            return Decision::TryLater(TOO_FAST);
        }
        Decision::Wanted(kind)
    }

    /// Tells whether whoever sends may bring one more mail now.
    fn may_bring(&self) -> bool {
        let limit = self.rules.section.mails_per_minute;
        self.counted().is_none_or(|client| self.house.rates.admit(client, limit, std::time::Instant::now()))
    }

    /// Returns for whom a mail counts. A relay of ours is not counted for what it does not know.
    fn counted(&self) -> Option<IpAddr> {
        let forwarded = self.session.forwarded().and_then(|peer| peer.address);
        forwarded.or_else(|| (!self.is_relay).then_some(self.client))
    }

    /// Notes that content comes.
    fn begin_content(&mut self) {
        self.spool.clear();
        self.content_since = Some(Instant::now());
        self.seat.set_hearing(true);
    }

    /// Notes that no content comes any more.
    fn end_content(&mut self) {
        self.spool.clear();
        self.content_since = None;
        self.seat.set_hearing(false);
    }

    /// Keeps a mail that is complete, and says what became of it.
    async fn keep(&mut self) {
        self.seat.set_ours(true);
        let mail = std::mem::take(&mut self.spool.octets);
        let (size, envelopes) = (mail.len(), self.envelopes(&mail));
        let kinds: Vec<ReportKind> = envelopes.iter().map(|(kind, _)| *kind).collect();
        let kept = match self.spool.is_spilt {
            true => Err(self.put_off(&kinds)),
            false => self.hand_in(mail, envelopes, &kinds).await,
        };
        match &kept {
            Ok(kept) => {
                kept.iter().for_each(|kept| self.note(kept, size));
                let ids: Vec<&str> = kept.iter().map(|kept| &*kept.id).collect();
                self.session.answer_mail(Outcome::Stored(&ids.join(" ")), &mut self.outbox);
            }
            Err(later) => {
                debug!(client.ip = %self.client, size, "put a report off");
                self.session.answer_mail(*later, &mut self.outbox);
            }
        }
        self.end_content();
        self.seat.set_ours(false);
        self.heard = Instant::now();
    }

    /// Hands a mail in at the desk, within the bounds; or returns what its sender hears instead.
    async fn hand_in(
        &self,
        mail: Vec<u8>,
        envelopes: Vec<(ReportKind, Envelope)>,
        kinds: &[ReportKind],
    ) -> Result<Vec<Kept>, Outcome<'static>> {
        let octets = u64::try_from(mail.len()).unwrap_or(u64::MAX);
        let load = Load { channel: self.channel, client: self.counted(), octets };
        let weighed = self.house.weigh(load, &self.rules.section).await;
        weighed.map_err(|beyond| match beyond.bound.is_the_clients() {
            true => Outcome::TryLater(TOO_MUCH),
            false => Outcome::Full(NO_ROOM),
        })?;
        let kept = self.house.desk.take(mail, self.channel, envelopes).await;
        kept.map_err(|_| self.put_off(kinds))
    }

    /// Counts a mail that could not be kept by a fault of ours, and returns what its sender hears.
    fn put_off(&self, kinds: &[ReportKind]) -> Outcome<'static> {
        kinds.iter().for_each(|kind| self.house.metrics.intake.count(*kind, Fate::Later));
        Outcome::TryLater(LATER)
    }

    /// Writes down what was kept.
    fn note(&self, kept: &Kept, size: usize) {
        self.house.metrics.intake.count(kept.kind, kept.fate);
        let sender = self.session.envelope().and_then(|envelope| envelope.mail_from.as_ref());
        info!(
            report.id = %kept.id,
            report.kind = kept.kind.word(),
            outcome = kept.fate.as_str(),
            client.ip = %self.sender_address(),
            helo = %Visible(self.helo().as_bytes()),
            sender.domain = %Visible(sender.map(Mailbox::domain).unwrap_or_default().as_bytes()),
            size,
            tls = self.session.is_tls(),
            "took a report"
        );
    }

    /// Returns who brought the mail and for whom, once for each kind of recipient.
    fn envelopes(&self, mail: &[u8]) -> Vec<(ReportKind, Envelope)> {
        let Some(envelope) = self.session.envelope() else { return Vec::new() };
        let told_spf = self.told_spf(mail);
        let mut seen = BTreeSet::new();
        let firsts = envelope.recipients.iter().filter(|recipient| seen.insert(recipient.kind.word()));
        firsts
            .map(|recipient| {
                let envelope = Envelope {
                    client: self.sender_address(),
                    helo: self.helo().to_owned(),
                    mail_from: Some(envelope.mail_from.as_ref().map_or_else(String::new, ToString::to_string)),
                    recipient: recipient.mailbox.to_string(),
                    told_spf: told_spf.clone(),
                };
                (recipient.kind, envelope)
            })
            .collect()
    }

    /// Returns the domain for which SPF passes, as a relay of ours found it that does not say where the mail came from.
    fn told_spf(&self, mail: &[u8]) -> Option<String> {
        if !self.is_relay || !self.sender_address().is_empty() {
            return None;
        }
        border::spf_pass(mail, &self.rules.section.trusted_authserv_ids).map(|domain| domain.to_string())
    }

    /// Returns the address that the mail came from into this house; empty where that is not known. An MTA on this very host that
    /// is no listed relay tells nothing: its own address must not stand for the sender's, which names like `ip4:127.0.0.1`
    /// in SPF records would vouch for.
    fn sender_address(&self) -> String {
        if let Some(forwarded) = self.session.forwarded() {
            return forwarded.address.map(|address| address.to_canonical().to_string()).unwrap_or_default();
        }
        if self.is_relay || self.client.is_loopback() { String::new() } else { self.client.to_string() }
    }

    /// Returns what the sender called itself; a relay's own name is not the sender's.
    fn helo(&self) -> &str {
        match self.session.forwarded() {
            Some(forwarded) => forwarded.helo.as_deref().unwrap_or_default(),
            None if self.is_relay => "",
            None => self.session.hello().map(|(_, name)| name).unwrap_or_default(),
        }
    }

    /// Reads what comes; nothing where it does not come in time.
    async fn read<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<Option<usize>, Broken> {
        let begun = Instant::now();
        let (idle, data) = (self.rules.section.idle, self.rules.section.data);
        let deadline = match self.content_since {
            Some(since) => (since + data).min(begun + idle),
            None => self.heard + idle,
        };
        if let Ok(read) = timeout_at(deadline.min(begun + BRISK), stream.read(self.session.room())).await {
            return Ok(Some(read?));
        }
        self.session.doze();
        match timeout_at(deadline, stream.read(self.session.room())).await {
            Ok(read) => Ok(Some(read?)),
            Err(_) => Ok(None),
        }
    }

    /// Writes what is to be said.
    async fn write<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> Result<(), Broken> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let written = timeout(self.rules.section.idle, async {
            stream.write_all(&self.outbox).await?;
            stream.flush().await
        });
        written.await.map_err(|_| Broken::Silent)??;
        self.outbox.clear();
        Ok(())
    }

    /// Ends the conversation from here.
    async fn part<S: AsyncWrite + Unpin>(&mut self, why: Farewell, stream: &mut S) -> Result<Pause, Broken> {
        self.session.close(why, &mut self.outbox);
        self.write(stream).await?;
        Ok(Pause::Over)
    }
}
