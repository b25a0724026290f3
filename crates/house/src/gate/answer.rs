//! What the MTA is told about a mail: the fields to delete and to insert, and the last word

use sekisho_mail::authentication_results::NAME;
use sekisho_mail::header::Header;
use sekisho_wire::milter::{Reply, Session};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{info, warn};

use super::Gate;
use super::annotation;
use super::conversation::Conversation;
use super::decision::{self, Act, Circumstances, Decision, Override, decide};
use super::hearing::Judged;

/// Answers the MTA about a mail that was judged.
pub(super) fn judged<S>(gate: &Gate, conversation: &mut Conversation<S>, judged: &Judged)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let header = Header::parse(&judged.header);
    let recipients = conversation.session().envelope().recipients.len();
    let Decision { act, departs } = {
        let session = conversation.session();
        let login = session.macros().get("{auth_authen}");
        let recipients = &session.envelope().recipients;
        let around = Circumstances { client: judged.envelope.client_ip, login, recipients };
        decide(&gate.section, &around, &judged.verdict, &header)
    };
    // What is put off comes again, and what is refused reaches nobody: neither is a copy.
    let is_delivered = !matches!(act, Act::Refuse | Act::PutOff);
    let copies = if is_delivered { gate.count_copies(&judged.verdict, &header, recipients) } else { None };
    tell(conversation.session(), judged, act, departs, copies);
    if matches!(act, Act::Refuse | Act::PutOff) {
        let text = decision::refusal(act, &judged.verdict, gate.section.help.as_deref());
        return conversation.say(&Reply::Code(&text));
    }
    let authserv_id = authserv_id(gate, conversation.session());
    for (name, index) in annotation::forgeries(&header, &authserv_id) {
        conversation.say(&Reply::DeleteHeader { index, name: &name });
    }
    let results = if judged.is_broken_off || judged.is_cut {
        annotation::nobody_judged(&authserv_id, "not judged to the end")
    } else {
        annotation::results(judged, &header, &authserv_id, copies.is_some())
    };
    let terms = conversation.session().terms();
    match act {
        Act::Mark => conversation.say(&annotation::insert(terms, "X-Sekisho-Quarantine", " yes")),
        Act::Hold => conversation.say(&Reply::Quarantine("Sekisho: DMARC asks for quarantine")),
        Act::Pass | Act::PutOff | Act::Refuse => {}
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
fn tell(session: &Session, judged: &Judged, act: Act, departs: Option<Override>, copies: Option<(u32, u64)>) {
    let verdict = &judged.verdict;
    let queue_id = queue_id(session);
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
        decision = act.as_str(),
        override.type = departs.map(Override::as_str),
        override.comment = departs.map(Override::comment),
        replay.copies = copies.map(|(copies, _)| copies),
        replay.mails = copies.map(|(_, mails)| mails),
        stray_line_ends = judged.has_stray_line_ends.then_some(true),
        questions = judged.asked,
        wait_ms = u64::try_from(judged.waited.as_millis()).unwrap_or(u64::MAX),
        "judged a mail"
    );
}

/// Returns the MTA's own name for the mail.
fn queue_id(session: &Session) -> String {
    session.macros().get("i").map(|id| id.escape_ascii().to_string()).unwrap_or_default()
}
