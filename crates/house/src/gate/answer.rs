//! What the MTA is told about a mail: the fields to delete and to insert, and the last word

use sekisho_mail::authentication_results::NAME;
use sekisho_mail::header::Header;
use sekisho_wire::milter::{Reply, Session};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{info, warn};

use super::Gate;
use super::annotation;
use super::conversation::Conversation;
use super::decision::{Decision, decide};
use super::hearing::Judged;

/// Answers the MTA about a mail that was judged.
pub(super) fn judged<S>(gate: &Gate, conversation: &mut Conversation<S>, judged: &Judged)
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
    conversation.say(&annotation::insert(terms, NAME, &results));
    conversation.say(&Reply::Continue);
}

/// Answers about a mail that was in work when a process died: it passes, and nobody can take it for judged.
pub(super) fn suspect<S>(gate: &Gate, conversation: &mut Conversation<S>, header: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    warn!(queue.id = %queue_id(conversation.session()), "let a mail pass unjudged: the program died while it was in work");
    for (name, index) in annotation::all_results(&Header::parse(header)) {
        conversation.say(&Reply::DeleteHeader { index, name: &name });
    }
    let authserv_id = authserv_id(gate, conversation.session());
    let results = annotation::nobody_judged(&authserv_id, "the filter died while it was in work");
    let terms = conversation.session().terms();
    conversation.say(&annotation::insert(terms, NAME, &results));
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
    let queue_id = queue_id(conversation.session());
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

/// Returns the MTA's own name for the mail.
fn queue_id(session: &Session) -> String {
    session.macros().get("i").map(|id| id.escape_ascii().to_string()).unwrap_or_default()
}
