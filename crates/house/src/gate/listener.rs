//! Connections: taken, bounded, heard, and ended in order

use std::sync::Arc;
use std::time::Duration;

use sekisho_mail::header::Header;
use sekisho_wire::milter::{Actions, Limits, Reply, Session, Wishes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Gate;
use super::annotation;
use super::conversation::{Broken, Conversation, Happening};
use super::decision::{Decision, decide};
use super::hearing::{Heard, Judged, hear};

/// What we have to be able to do with a mail.
const WISHES: Wishes = Wishes { needed: Actions::ADD_HEADERS | Actions::CHANGE_HEADERS, welcome: Actions::QUARANTINE };
/// The most octets of recipients that are kept of one mail.
const RECIPIENT_OCTETS: usize = 64 * 1024;
/// How long we wait before we take connections again, where that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// Takes connections until `shutdown`; the conversations that are under way then are finished.
pub(crate) async fn listen(listener: TcpListener, gate: Arc<Gate>, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(gate.section.max_sessions));
    let mut conversations = JoinSet::new();
    loop {
        let taken = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = conversations.join_next() => continue,
            taken = listener.accept() => taken,
        };
        let (stream, peer) = match taken {
            Ok(taken) => taken,
            Err(why) => {
                warn!(error = %why, "cannot take a connection; trying again");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            warn!(%peer, limit = gate.section.max_sessions, "refused a connection beyond the limit");
            continue;
        };
        if let Err(why) = stream.set_nodelay(true) {
            warn!(%peer, error = %why, "cannot send without delay");
        }
        let gate = Arc::clone(&gate);
        let shutdown = shutdown.clone();
        conversations.spawn(async move {
            if let Err(why) = converse(&gate, stream, &shutdown).await {
                warn!(%peer, error = %why, "ended a conversation");
            }
            drop(permit);
        });
    }
    drop(listener);
    while conversations.join_next().await.is_some() {}
}

/// Follows one conversation to its end.
async fn converse<S>(gate: &Gate, stream: S, shutdown: &CancellationToken) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = Limits { header_octets: gate.policy.max_header_bytes, recipient_octets: RECIPIENT_OCTETS };
    let mut conversation = Conversation::new(stream, Session::new(WISHES, limits));
    loop {
        let happening = tokio::select! {
            biased;
            happening = conversation.next() => happening?,
            // Between two mails nobody waits for us.
            () = shutdown.cancelled() => return Ok(()),
        };
        let over = match happening {
            Happening::HeaderEnded => match hear(gate, &mut conversation).await? {
                Heard::Verdict(judged) => {
                    answer(gate, &mut conversation, &judged);
                    conversation.flush().await?;
                    conversation.session().forget_mail();
                    Happening::Aborted
                }
                Heard::Over(over) => over,
            },
            other => other,
        };
        match over {
            Happening::Closed => return Ok(()),
            Happening::Aborted => {}
            // The session lets no mail end before its header did.
            Happening::HeaderEnded | Happening::MessageEnded => conversation.say(&Reply::Tempfail),
        }
    }
}

/// Answers the MTA about a mail that was judged.
fn answer<S>(gate: &Gate, conversation: &mut Conversation<S>, judged: &Judged)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let decision = decide(&gate.section, &judged.verdict);
    tell(conversation, judged, &decision);
    match &decision {
        Decision::Refuse(text) | Decision::PutOff(text) => return conversation.say(&Reply::Code(text)),
        Decision::Pass | Decision::Mark => {}
    }
    let authserv_id = authserv_id(gate, conversation.session());
    let header = Header::parse(&judged.header);
    for (name, index) in annotation::forgeries(&header, &authserv_id) {
        conversation.say(&Reply::DeleteHeader { index, name: &name });
    }
    let results = if judged.is_broken_off || judged.is_cut {
        annotation::nobody_judged(&authserv_id, "not judged to the end")
    } else {
        annotation::results(judged, &header, &authserv_id)
    };
    let terms = conversation.session().terms();
    if decision == Decision::Mark {
        conversation.say(&annotation::insert(terms, "X-Sekisho-Quarantine", " yes"));
    }
    conversation.say(&annotation::insert(terms, "Authentication-Results", &results));
    conversation.say(&Reply::Continue);
}

/// Returns the name that we speak in: the configured one, else the MTA's own.
fn authserv_id(gate: &Gate, session: &Session) -> String {
    if let Some(name) = &gate.section.authserv_id {
        return name.clone();
    }
    let known = session.macros().get("j").and_then(|name| std::str::from_utf8(name).ok());
    known.filter(|name| !name.is_empty()).unwrap_or(&gate.host).to_owned()
}

/// Writes the line of a verdict.
fn tell<S>(conversation: &mut Conversation<S>, judged: &Judged, decision: &Decision)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let verdict = &judged.verdict;
    let queue_id = conversation.session().macros().get("i").map(<[u8]>::escape_ascii);
    let queue_id = queue_id.map(|id| id.to_string()).unwrap_or_default();
    let word = |result: Option<&'static str>| result.unwrap_or("-");
    info!(
        queue.id = %queue_id,
        client = judged.envelope.client_ip.map(tracing::field::display),
        author = verdict.author.domain.as_ref().map(tracing::field::display),
        spf = word(verdict.spf.as_ref().map(|spf| spf.result.as_str())),
        dkim = word(verdict.dkim.iter().map(|dkim| dkim.result.as_str()).next()),
        dmarc = verdict.dmarc.result.as_str(),
        arc = verdict.arc.result.as_str(),
        verdict = verdict.action.as_str(),
        decision = decision.as_str(),
        questions = judged.asked,
        wait_ms = u64::try_from(judged.waited.as_millis()).unwrap_or(u64::MAX),
        "judged a mail"
    );
}
