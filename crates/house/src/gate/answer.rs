//! What the MTA is told about a mail: the fields to delete and to insert, and the last word

use std::net::IpAddr;

use sekisho_mail::authentication_results::NAME;
use sekisho_mail::dkim::sign::SignError;
use sekisho_mail::header::Header;
use sekisho_wire::milter::{Reply, Session};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::error;

use super::Gate;
use super::annotation::{self, Deletion};
use super::conversation::Conversation;
use super::decision::{self, Act, Circumstances, Decision, decide};
use super::event::Delivery;
use super::failed::{Around, failed_mail};
use super::hearing::{Judged, Unjudged, client_ip};
use super::record::{record, record_unjudged};
use super::seal::NewField;

/// Answers the MTA about a mail that was judged.
pub(super) fn judged<S>(gate: &Gate, conversation: &mut Conversation<S>, judged: &Judged, header: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let header = Header::parse(header);
    let session = conversation.session();
    let around = circumstances(session, judged.envelope.client_ip);
    let (authserv_id, mut decision) =
        (authserv_id(gate, session), decide(&gate.section, &around, &judged.verdict, &header));
    let kept = gate.relay(client_ip(session)).map_or(&[][..], |relay| &relay.keep_results);
    let forged = annotation::forgeries(&header, &authserv_id, kept);
    // Such a mail passes in no mode: it would stall the MTA, or keep what speaks in our name.
    let swamped = forged.as_ref().err().filter(|_| decision.act != Act::Refuse).map(|_| refuse_swamped(gate));
    if swamped.is_some() {
        decision = Decision { act: Act::Refuse, departs: None };
    }
    let act = decision.act;
    // What is put off comes again, and what is refused reaches nobody: neither is a copy.
    let is_delivered = !matches!(act, Act::Refuse | Act::PutOff);
    // All of them, also those whose addresses are not kept.
    let recipients = session.envelope().recipient_count;
    let threshold = gate.section.replay_copies;
    let copies = if is_delivered { gate.copies.count(&judged.verdict, &header, recipients, threshold) } else { None };
    let noted = Noted { decision, copies, forged: forged.as_ref().map_or_else(|why| why.fields, Vec::len) };
    let forged = match (is_delivered, forged) {
        (true, Ok(forged)) => forged,
        _ => {
            write_down(gate, session, judged, &header, noted);
            let help = gate.section.help.as_deref();
            let text = swamped.unwrap_or_else(|| decision::refusal(act, &judged.verdict, help));
            return conversation.say(&Reply::Code(&text));
        }
    };
    let results = annotation::results(judged, &header, &authserv_id, copies.is_some());
    let seal = gate.office.seal_on_arrival();
    let sealed = seal.map(|seal| seal.on_arrival(&header, &judged.verdict.arc, &results, &judged.digests, judged.now));
    let sealed = sealed.map(|sealed| told(gate, session, sealed)).unwrap_or_default();
    // Nothing is written down as judged before all that may fail is done.
    let id = write_down(gate, session, judged, &header, noted);
    let (id, mark) = (format!(" {id}"), act == Act::Mark);
    if act == Act::Hold {
        conversation.say(&Reply::Quarantine("Sekisho: DMARC asks for quarantine"));
    }
    let fields = [
        Some((annotation::QUARANTINE, " yes")).filter(|_| mark),
        Some((annotation::VERDICT_ID, id.as_str())).filter(|_| gate.section.verdict_id),
        Some((NAME, results.as_str())),
    ];
    let sealed = sealed.iter().rev().map(|(name, value)| (&**name, &**value));
    annotate(conversation, forged, fields.into_iter().flatten().chain(sealed));
}

/// Counts a mail with more forged fields than an MTA can be asked to take away, and returns what its client hears.
pub(super) fn refuse_swamped(gate: &Gate) -> String {
    gate.metrics.swamped.inc();
    let most = annotation::DELETIONS;
    let said = format!("550 5.7.1 Refused: more than {most} fields of this mail claim to be results of a filter here");
    match &gate.section.help {
        Some(help) => format!("{said}; help: {help}"),
        None => said,
    }
}

/// What is done with a mail that was judged, and what is odd about it.
#[derive(Clone, Copy)]
struct Noted {
    /// What is done.
    decision: Decision,
    /// Where it looks replayed: how many copies there were, and how many such mails.
    copies: Option<(u32, u64)>,
    /// How many fields speak in our name.
    forged: usize,
}

/// Writes down what was found and what is done, for those who watch and for the books. Returns the verdict's id.
fn write_down(gate: &Gate, session: &Session, judged: &Judged, header: &Header<'_>, noted: Noted) -> String {
    let Noted { decision, copies, forged } = noted;
    let kept = gate.clerk.kept(&session.envelope().recipients);
    let id = record(&gate.metrics, session, judged, &kept, decision, (copies, forged));
    let delivery = Delivery {
        id: &id,
        queue_id: session.macros().get("i").unwrap_or_default(),
        recipients: &session.envelope().recipients,
        recipient_count: session.envelope().recipient_count,
        copies: copies.map(|(copies, _)| copies),
        decision,
    };
    gate.clerk.tell(judged, &delivery);
    // Whoever wants nothing kept wants nobody told.
    if gate.reports.failures && kept.events {
        leave_failed(gate, session, judged, header, decision.act);
    }
    id
}

/// Leaves what may be told of a mail that failed to those who tell it.
fn leave_failed(gate: &Gate, session: &Session, judged: &Judged, header: &Header<'_>, act: Act) {
    let around = Around {
        section: &gate.reports,
        authserv_id: &authserv_id(gate, session),
        host: &gate.host,
        recipients: &session.envelope().recipients,
        act,
    };
    failed_mail(judged, header, &around).into_iter().for_each(|mail| gate.failures.leave(mail));
}

/// Returns the fields of a seal. A mail that cannot be sealed goes without: a seal only ever adds to what a mail proves.
pub(super) fn told(gate: &Gate, session: &Session, sealed: Result<Vec<NewField>, SignError>) -> Vec<NewField> {
    let (result, fields) = match sealed {
        Ok(fields) if !fields.is_empty() => ("sealed", fields),
        // Without an author there is nothing to vouch for, and not every chain is carried on.
        Ok(_) | Err(SignError::NoFrom) => ("skipped", Vec::new()),
        Err(why) => {
            error!(queue.id = %queue_id(session), error = %why, "cannot seal a mail");
            ("failed", Vec::new())
        }
    };
    gate.metrics.seals.count(result);
    fields
}

/// Answers about a mail that nobody judged, and that nobody shall take for judged.
pub(super) fn unjudged<S>(gate: &Gate, conversation: &mut Conversation<S>, why: Unjudged, header: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let session = conversation.session();
    let around = circumstances(session, client_ip(session));
    let decided = decision::decide_unjudged(&gate.section, &around, why);
    let forged = annotation::all_results(&Header::parse(header));
    let act = if forged.is_err() { Act::Refuse } else { decided };
    record_unjudged(&gate.metrics, session, why, act);
    match (decided, forged) {
        (Act::Refuse, _) => {
            conversation.say(&Reply::Code("550 5.7.1 Refused: the header of this mail is too large"));
        }
        (_, Err(_)) => conversation.say(&Reply::Code(&refuse_swamped(gate))),
        (Act::PutOff, Ok(_)) => conversation.say(&Reply::Tempfail),
        (Act::Pass | Act::Mark | Act::Hold, Ok(forged)) => {
            if decided == Act::Hold {
                conversation.say(&Reply::Quarantine("Sekisho: nobody could judge this mail"));
            }
            let results = annotation::nobody_judged(&authserv_id(gate, conversation.session()), why.as_str());
            let mark = Some((annotation::QUARANTINE, " yes")).filter(|_| decided == Act::Mark);
            annotate(conversation, forged, mark.into_iter().chain([(NAME, results.as_str())]));
        }
    }
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

/// Returns the MTA's own name for the mail.
pub(super) fn queue_id(session: &Session) -> String {
    session.macros().get("i").map(|id| id.escape_ascii().to_string()).unwrap_or_default()
}
