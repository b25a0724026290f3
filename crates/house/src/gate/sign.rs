//! The outbound role: a mail that goes out is signed for its author's domain
//!
//! Once the header is there it is known who the author is, whether this client may have that domain signed
//! ([`authority`]) and by which keys ([`keyring`]); the body streams through the hash, and the signatures go on top of the
//! mail. A mail that may not be signed passes as it is or is refused, as the configuration says, and the log says why.
//! [`published`] compares the keys with the DNS before anything is signed.

mod authority;
pub(super) mod keyring;
mod published;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use jiff::Timestamp;
use sekisho_ask::Source;
use sekisho_core::name::DomainName;
use sekisho_mail::author;
use sekisho_mail::body::{BodyDigests, BodyHasher, BodyPlan};
use sekisho_mail::dkim::sign::{SignError, Signer};
use sekisho_mail::header::Header;
use sekisho_mail::policy::Policy;
use sekisho_wire::milter::{Reply, Session};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{error, info, warn};

use self::keyring::Keyring;
use self::published::Weight;
use super::annotation::Deletion;
use super::conversation::{Broken, Conversation, Happening};
use super::seal::{NewField, Seal};
use super::{Gate, annotation, answer, poison};
use crate::config::sign::{SenderTable, Strictness, Unsigned};
use crate::config::{Config, SignSection};
use crate::fault::Fault;
pub(crate) use published::{Doubt, keep_checking};

/// The field of a signature.
const NAME: &str = "DKIM-Signature";
/// The option that names the file of the key that seals.
const SEAL_KEY: &str = "seal.key";

/// The office that signs: its keys, and for whom it uses them. The default has none, and signs nothing.
#[derive(Debug, Default)]
pub(crate) struct Office {
    /// The keys.
    keys: Keyring,
    /// Who may have what signed.
    senders: Vec<SenderTable>,
    /// What becomes of a mail that may not be signed.
    unsigned: Unsigned,
    /// Who seals what is handed on.
    seal: Option<Seal>,
}

impl Office {
    /// Opens the office of a configuration: reads the keys and tries each of them; names every one that cannot be used.
    pub(crate) fn open(config: &Config) -> Result<Arc<Office>, Vec<Fault>> {
        let SignSection { senders, unsigned, .. } = &config.sign;
        let seal = Seal::open(config).map_err(|fault| config.blame(SEAL_KEY, fault));
        match (Keyring::open(config), seal) {
            (Ok(keys), Ok(seal)) => Ok(Arc::new(Office { keys, senders: senders.clone(), unsigned: *unsigned, seal })),
            (keys, seal) => Err(keys.err().into_iter().flatten().chain(seal.err()).collect()),
        }
    }

    /// Returns an office whose keys are at hand, and which signs for nobody who comes with a mail.
    pub(crate) fn of(signers: impl IntoIterator<Item = Signer>) -> Office {
        Office { keys: Keyring::of(signers), ..Office::default() }
    }

    /// Returns those who sign for an author's domain.
    pub(crate) fn signers(&self, author: &DomainName) -> Vec<&Signer> {
        self.keys.signers(author)
    }

    /// Returns who seals mails on arrival.
    pub(super) fn seal_on_arrival(&self) -> Option<&Seal> {
        self.seal.as_ref().filter(|seal| seal.is_on_arrival())
    }

    /// Compares the keys with the DNS: at the start, and on reload. Returns what was found, or every fault that forbids
    /// to go on.
    pub(crate) async fn settle(self: &Arc<Office>, config: &Config, source: &Source) -> Result<Vec<Doubt>, Vec<Fault>> {
        let is_signing = !config.sign.listen.is_empty();
        if !is_signing && config.seal.key.is_none() {
            return Ok(Vec::new());
        }
        let doubts = self.compare(source).await;
        let forbids = |doubt: &&Doubt| doubt.weight == Weight::InVain && config.sign.check == Strictness::Error;
        let faults: Vec<Fault> = doubts.iter().filter(forbids).map(|doubt| doubt.at(config)).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        doubts.iter().for_each(|doubt| doubt.log(&doubt.at(config)));
        if is_signing && (self.keys.is_empty() || self.senders.is_empty()) {
            warn!("nothing is signed: `sekisho config check` says what is missing");
        }
        Ok(doubts)
    }

    /// Returns the author's domain and the signers for it, or why the mail is not to be signed.
    fn choose(
        &self,
        session: &Session,
        header: &Header<'_>,
        policy: &Policy,
    ) -> Result<(DomainName, Vec<&Signer>), Unfit> {
        if header.fields().len() > policy.max_fields {
            return Err(Unfit::TooLarge);
        }
        let (author, _) = author::judge(header);
        let Some(domain) = author.domain else { return Err(Unfit::NoAuthor(author.reason)) };
        let signers = self.keys.signers(&domain);
        if signers.is_empty() {
            return Err(Unfit::NoKey(domain));
        }
        if !self.senders.iter().any(|sender| authority::may_sign(sender, session, &domain)) {
            return Err(Unfit::NotAllowed(domain));
        }
        Ok((domain, signers))
    }
}

/// What became of a mail on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was signed.
    Signed,
    /// It passed without a signature.
    Unsigned,
    /// It was refused, since it may not be signed.
    Refused,
    /// It was put off, since signing failed.
    Failed,
}

impl Fate {
    /// Everything that may become of it.
    pub(crate) const ALL: [Fate; 4] = [Fate::Signed, Fate::Unsigned, Fate::Refused, Fate::Failed];

    /// Returns the stable word for counters.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Fate::Signed => "signed",
            Fate::Unsigned => "unsigned",
            Fate::Refused => "refused",
            Fate::Failed => "failed",
        }
    }
}

/// Why a mail is not to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It was in work when the program died.
    Suspect,
    /// Its header is larger than what is judged.
    TooLarge,
    /// It has no single author domain, maybe for this reason.
    NoAuthor(Option<&'static str>),
    /// There is no key for the author's domain.
    NoKey(DomainName),
    /// Neither the client's network nor its login may have this domain signed.
    NotAllowed(DomainName),
}

impl Unfit {
    /// Every stable word.
    pub(crate) const WORDS: [&str; 6] =
        ["suspect", "header too large", "no author", "no key", "sender not allowed", Unfit::SWAMPED];
    /// The word for a mail with more forged fields than can be taken away, which is refused whatever else it is.
    const SWAMPED: &str = "too many forged fields";

    /// Returns the stable word for logs and counters.
    fn as_str(&self) -> &'static str {
        match self {
            Unfit::Suspect => "suspect",
            Unfit::TooLarge => "header too large",
            Unfit::NoAuthor(_) => "no author",
            Unfit::NoKey(_) => "no key",
            Unfit::NotAllowed(_) => "sender not allowed",
        }
    }

    /// Returns the author's domain, where there is one.
    fn domain(&self) -> Option<&DomainName> {
        match self {
            Unfit::NoKey(domain) | Unfit::NotAllowed(domain) => Some(domain),
            Unfit::Suspect | Unfit::TooLarge | Unfit::NoAuthor(_) => None,
        }
    }

    /// Returns the answer to a client whose mail is refused for it.
    fn refusal(&self) -> String {
        match self {
            Unfit::Suspect => "451 4.3.0 This mail could not be dealt with, please report it".to_owned(),
            Unfit::TooLarge => "550 5.7.1 Refused: the header is too large to be signed".to_owned(),
            Unfit::NoAuthor(why) => {
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                format!("550 5.7.1 Refused: nobody can tell the author of this mail (From field{why})")
            }
            Unfit::NoKey(domain) => format!("550 5.7.1 Refused: mail from {domain} is not signed here"),
            Unfit::NotAllowed(domain) => format!("550 5.7.1 Refused: you may not send mail from {domain}"),
        }
    }
}

/// Attends to the mail whose header has just come, to its end.
pub(super) async fn attend<S>(gate: &Gate, conversation: &mut Conversation<S>) -> Result<Happening, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (raw, is_cut) = conversation.session().take_header();
    let (now, mark) = (Timestamp::now(), poison::mark(&raw));
    let paper = Paper { raw: &raw, is_cut, is_suspect: gate.in_work.is_suspect(&mark), now };
    let making = AssertUnwindSafe(make(gate, conversation, paper)).catch_unwind();
    // A signer that panics costs one mail its signatures, and nobody else anything: what fails is put off, as ever.
    let made = match gate.in_work.watch(&mark, u64::try_from(now.as_second()).unwrap_or(0), making).await {
        Ok(made) => made?,
        Err(_) => {
            gate.metrics.signing.count(Fate::Failed.as_str());
            let queue_id = answer::queue_id(conversation.session());
            error!(queue.id = %queue_id, decision = "tempfail", "could not sign a mail, by a fault of ours: please report it");
            match conversation.ignore_body().await? {
                Happening::MessageEnded => Made::Answer(PUT_OFF.to_owned()),
                over => Made::Over(over),
            }
        }
    };
    match made {
        Made::Fields { forged, fields } => {
            answer::annotate(conversation, forged, fields.iter().map(|(name, value)| (&**name, &**value)));
        }
        Made::Answer(text) => conversation.say(&Reply::Code(&text)),
        Made::Over(over) => {
            gate.metrics.abandoned.inc();
            return Ok(over);
        }
    }
    conversation.flush().await?;
    conversation.forget_mail();
    Ok(Happening::Aborted)
}

/// The answer about a mail that could not be signed.
const PUT_OFF: &str = "451 4.3.0 This mail could not be signed, please try again later";

/// What was made of a mail.
enum Made {
    /// It passes, with these fields taken away and those inserted, the last one topmost.
    Fields {
        /// What speaks in our name.
        forged: Vec<Deletion>,
        /// What is new.
        fields: Vec<NewField>,
    },
    /// It does not pass, and the client hears this.
    Answer(String),
    /// The MTA does not want it any more.
    Over(Happening),
}

/// A mail that is to be signed.
#[derive(Clone, Copy)]
struct Paper<'m> {
    /// Its header.
    raw: &'m [u8],
    /// Whether there was more of it than is kept.
    is_cut: bool,
    /// Whether it was in work when a process died.
    is_suspect: bool,
    /// When it came.
    now: Timestamp,
}

/// Makes what a mail gets, while its body comes in.
async fn make<S>(gate: &Gate, conversation: &mut Conversation<S>, paper: Paper<'_>) -> Result<Made, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Paper { raw, is_cut, is_suspect, now } = paper;
    #[cfg(test)]
    assert!(!raw.starts_with(b"X-Fail:"), "a test wants to see a signer fail");
    let choose = || {
        let header = Header::parse(raw);
        let chosen = match (is_suspect, is_cut) {
            (true, _) => Err(Unfit::Suspect),
            (_, true) => Err(Unfit::TooLarge),
            _ => gate.office.choose(conversation.session(), &header, &gate.policy),
        };
        (header, chosen)
    };
    let (header, chosen) = gate.turns.work(raw.len(), choose).await;
    let client = authority::client_ip(conversation.session());
    let seal = gate.office.seal.as_ref().filter(|seal| !is_suspect && !is_cut && seal.is_for(client));
    let mut plan = BodyPlan::new();
    chosen.iter().flat_map(|(_, signers)| signers).for_each(|signer| signer.plan(&mut plan));
    seal.iter().for_each(|seal| seal.plan(&mut plan));
    conversation.hear_body(BodyHasher::new(&plan));
    match conversation.next().await? {
        Happening::MessageEnded => {}
        over => return Ok(Made::Over(over)),
    }
    let digests = conversation.take_hasher().map(BodyHasher::finish).unwrap_or_default();
    let session = conversation.session();
    let finish = || {
        let authserv_id = answer::authserv_id(gate, session);
        // Nothing was judged here.
        let forged = match annotation::forgeries(&header, &authserv_id, &[]) {
            Ok(forged) => forged,
            Err(_) => return refuse_swamped(gate, session),
        };
        let sealed = seal.map(|seal| seal.on_departure(&header, &authserv_id, &digests, now));
        let signed = match chosen {
            Ok((domain, signers)) => sign(gate, session, &header, &Signing { domain, signers, digests: &digests, now }),
            Err(unfit) => leave_unsigned(gate, session, &unfit, seal.is_some()),
        };
        match signed {
            Err(refusal) => Made::Answer(refusal),
            Ok(signatures) => {
                let sealed = sealed.map(|sealed| answer::told(gate, session, sealed)).unwrap_or_default();
                // Each goes above the one before: the seal comes to stand on top, below it the first key's signature.
                let fields = signatures.into_iter().rev().chain(sealed.into_iter().rev()).collect();
                Made::Fields { forged, fields }
            }
        }
    };
    Ok(gate.turns.work(raw.len(), finish).await)
}

/// Refuses a mail with more forged fields than the MTA can be asked to take away.
fn refuse_swamped(gate: &Gate, session: &Session) -> Made {
    gate.metrics.signing.count(Fate::Refused.as_str());
    gate.metrics.unsigned.count(Unfit::SWAMPED);
    info!(
        queue.id = %answer::queue_id(session),
        client.ip = client(session),
        has_login = authority::login(session).is_some(),
        reason = Unfit::SWAMPED,
        decision = "refuse",
        "did not sign a mail"
    );
    Made::Answer(answer::refuse_swamped(gate))
}

/// What is known when a mail is signed.
struct Signing<'o> {
    /// The author's domain.
    domain: DomainName,
    /// Those who sign.
    signers: Vec<&'o Signer>,
    /// What the body hashes to.
    digests: &'o BodyDigests,
    /// When.
    now: Timestamp,
}

/// Signs, with all keys or not at all: where one of them fails the mail is put off. Returns the fields, or the answer to
/// the client.
fn sign(gate: &Gate, session: &Session, header: &Header<'_>, signing: &Signing<'_>) -> Result<Vec<NewField>, String> {
    let queue_id = answer::queue_id(session);
    let Signing { domain, signers, digests, now } = signing;
    let made: Result<Vec<NewField>, SignError> =
        signers.iter().map(|signer| Ok((NAME.to_owned(), value(&signer.sign(header, digests, *now)?)))).collect();
    let made = made.map_err(|why| {
        gate.metrics.signing.count(Fate::Failed.as_str());
        error!(queue.id = %queue_id, author.domain = %domain, error = %why, decision = "tempfail", "cannot sign a mail");
        PUT_OFF.to_owned()
    })?;
    gate.metrics.signing.count(Fate::Signed.as_str());
    let selectors: Vec<String> = signers.iter().map(|signer| signer.selector.to_string()).collect();
    info!(
        queue.id = %queue_id,
        client.ip = client(session),
        has_login = authority::login(session).is_some(),
        author.domain = %domain,
        signed_by = signers.first().map(|signer| tracing::field::display(&signer.domain)),
        selectors = selectors.join(","),
        decision = "sign",
        "signed a mail"
    );
    Ok(made)
}

/// Lets a mail pass without a signature, or returns the refusal. A mail that a list hands on is another's, and never
/// refused.
fn leave_unsigned(gate: &Gate, session: &Session, unfit: &Unfit, is_of_list: bool) -> Result<Vec<NewField>, String> {
    let is_refused = gate.office.unsigned == Unsigned::Refuse && !is_of_list;
    let fate = if is_refused { Fate::Refused } else { Fate::Unsigned };
    gate.metrics.signing.count(fate.as_str());
    gate.metrics.unsigned.count(unfit.as_str());
    info!(
        queue.id = %answer::queue_id(session),
        client.ip = client(session),
        has_login = authority::login(session).is_some(),
        author.domain = unfit.domain().map(tracing::field::display),
        reason = unfit.as_str(),
        decision = if is_refused { "refuse" } else { "pass" },
        "did not sign a mail"
    );
    if is_refused { Err(unfit.refusal()) } else { Ok(Vec::new()) }
}

/// Returns what stands behind the colon of a field that was made here.
fn value(field: &[u8]) -> String {
    let value = field.get(NAME.len() + 1..).unwrap_or_default();
    String::from_utf8_lossy(value.trim_ascii_end()).into_owned()
}

/// Returns the client's address for a log line.
fn client(session: &Session) -> Option<tracing::field::DisplayValue<std::net::IpAddr>> {
    authority::client_ip(session).map(tracing::field::display)
}
