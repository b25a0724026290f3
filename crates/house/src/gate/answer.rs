//! What the MTA is told about a mail: the fields to delete and to insert, and the last word

use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use sekisho_mail::authentication_results::NAME;
use sekisho_mail::dkim::sign::SignError;
use sekisho_mail::header::Header;
use sekisho_wire::milter::{Reply, Session};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{error, info, warn};

use super::Gate;
use super::annotation::{self, Deletion};
use super::conversation::Conversation;
use super::decision::{self, Act, Circumstances, Decision, Override, decide};
use super::hearing::{Judged, Unjudged, client_ip};
use super::seal::NewField;

/// Answers the MTA about a mail that was judged.
pub(super) fn judged<S>(gate: &Gate, conversation: &mut Conversation<S>, judged: &Judged, header: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let header = Header::parse(header);
    let session = conversation.session();
    let around = circumstances(session, judged.envelope.client_ip);
    let Decision { act, departs } = decide(&gate.section, &around, &judged.verdict, &header);
    let authserv_id = authserv_id(gate, session);
    let id = tell(session, judged, act, departs);
    if matches!(act, Act::Refuse | Act::PutOff) {
        let text = decision::refusal(act, &judged.verdict, gate.section.help.as_deref());
        return conversation.say(&Reply::Code(&text));
    }
    let kept = gate.relay(client_ip(session)).map_or(&[][..], |relay| &relay.keep_results);
    let forged = annotation::forgeries(&header, &authserv_id, kept);
    let results = annotation::results(judged, &header, &authserv_id);
    let (id, mark) = (format!(" {id}"), act == Act::Mark);
    if act == Act::Hold {
        conversation.say(&Reply::Quarantine("Sekisho: DMARC asks for quarantine"));
    }
    let fields = [
        Some((annotation::QUARANTINE, " yes")).filter(|_| mark),
        Some((annotation::VERDICT_ID, id.as_str())).filter(|_| gate.section.verdict_id),
        Some((NAME, results.as_str())),
    ];
    let seal = gate.office.seal_on_arrival();
    let sealed = seal.map(|seal| seal.on_arrival(&header, &judged.verdict.arc, &results, &judged.digests, judged.now));
    let sealed = sealed.map(|sealed| told(conversation.session(), sealed)).unwrap_or_default();
    let sealed = sealed.iter().rev().map(|(name, value)| (&**name, &**value));
    annotate(conversation, forged, fields.into_iter().flatten().chain(sealed));
}

/// Returns the fields of a seal. A mail that cannot be sealed goes without: a seal only ever adds to what a mail proves.
pub(super) fn told(session: &Session, sealed: Result<Vec<NewField>, SignError>) -> Vec<NewField> {
    match sealed {
        Ok(fields) => fields,
        // Without an author there is nothing to vouch for.
        Err(SignError::NoFrom) => Vec::new(),
        Err(why) => {
            error!(queue.id = %queue_id(session), error = %why, "cannot seal a mail");
            Vec::new()
        }
    }
}

/// Answers about a mail that nobody judged, and that nobody shall take for judged.
pub(super) fn unjudged<S>(gate: &Gate, conversation: &mut Conversation<S>, why: Unjudged, header: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let session = conversation.session();
    let around = circumstances(session, client_ip(session));
    // A mail that may kill us again is not sent for a third time.
    let act = if why == Unjudged::Suspect { Act::Pass } else { decision::decide_unjudged(&gate.section, &around) };
    warn!(queue.id = %queue_id(session), reason = why.as_str(), decision = act.as_str(), "did not judge a mail");
    if act == Act::PutOff {
        return conversation.say(&Reply::Tempfail);
    }
    let results = annotation::nobody_judged(&authserv_id(gate, session), why.as_str());
    annotate(conversation, annotation::all_results(&Header::parse(header)), [(NAME, results.as_str())]);
}

/// Takes fields away, inserts others at the top, the last one topmost, and lets the mail pass.
pub(super) fn annotate<'a, S>(
    conversation: &mut Conversation<S>,
    deletions: Vec<Deletion>,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let terms = conversation.session().terms();
    for (name, index) in deletions {
        conversation.say(&Reply::DeleteHeader { index, name: &name });
    }
    for (name, value) in fields {
        conversation.say(&annotation::insert(terms, name, value));
    }
    conversation.say(&Reply::Continue);
}

/// Returns what rules may ask of a mail.
fn circumstances(session: &Session, client: Option<IpAddr>) -> Circumstances<'_> {
    let login = session.macros().get("{auth_authen}");
    Circumstances { client, login, recipients: &session.envelope().recipients }
}

/// Returns the name that we speak in: the configured one, else the MTA's own.
pub(super) fn authserv_id(gate: &Gate, session: &Session) -> String {
    if let Some(name) = &gate.section.authserv_id {
        return name.clone();
    }
    let known = session.macros().get("j").and_then(|name| std::str::from_utf8(name).ok());
    known.filter(|name| !name.is_empty()).unwrap_or(&gate.host).to_owned()
}

/// Writes the line of a verdict, and returns the id that it stands under.
fn tell(session: &Session, judged: &Judged, act: Act, departs: Option<Override>) -> String {
    let verdict = &judged.verdict;
    let queue_id = queue_id(session);
    let word = |result: Option<&'static str>| result.unwrap_or("-");
    let id = verdict_id();
    info!(
        verdict.id = %id,
        queue.id = %queue_id,
        client = judged.envelope.client_ip.map(tracing::field::display),
        author = verdict.author.domain.as_ref().map(tracing::field::display),
        spf = word(verdict.spf.as_ref().map(|spf| spf.result.as_str())),
        dkim = word(verdict.dkim.iter().map(|dkim| dkim.result.as_str()).next()),
        dmarc = verdict.dmarc.result.as_str(),
        arc = verdict.arc.result.as_str(),
        verdict = verdict.action.as_str(),
        decision = act.as_str(),
        override.type = departs.map(Override::as_str),
        override.comment = departs.map(Override::comment),
        questions = judged.asked,
        wait_ms = u64::try_from(judged.waited.as_millis()).unwrap_or(u64::MAX),
        "judged a mail"
    );
    id
}

/// Returns a name for a verdict that no other has: when this process began, and how many it named before.
fn verdict_id() -> String {
    /// How many were named.
    static NAMED: AtomicU64 = AtomicU64::new(0);
    /// When this process named its first, in microseconds since 1970.
    static BEGUN: LazyLock<i64> = LazyLock::new(|| Timestamp::now().as_microsecond());
    format!("{:x}-{:x}", *BEGUN, NAMED.fetch_add(1, Ordering::Relaxed))
}

/// Returns the MTA's own name for the mail.
pub(super) fn queue_id(session: &Session) -> String {
    session.macros().get("i").map(|id| id.escape_ascii().to_string()).unwrap_or_default()
}
