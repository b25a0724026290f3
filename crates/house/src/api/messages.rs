//! Messages: mails by any field, result and time, the newest first

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use jiff::Timestamp;
use sekisho_core::event::SignatureEvent;
use sekisho_core::search::{MailRow, MailSearch};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::asked::{Asked, Field, Kind, bad};
use super::caller::Caller;
use super::cursor::Place;
use super::problem::{Answer, no_answer};
use super::shape::{Lists, Refusals};
use super::told::{self, page};
use crate::web::Desk;
use crate::web::messages::{ARC, DECISION, DKIM, DMARC, SPF, VERDICT, Wanted, span};

/// Where this room is.
const ROOM: &str = "/api/v1/messages";
/// How many messages a page has where nobody says.
const USUAL: u32 = 50;
/// How many it has at most.
pub(super) const MOST: u32 = 500;

/// What may be asked: the fields of the page *Messages*.
const FIELDS: &[Field] = &[
    Field::new("from", Kind::Moment, "Judged at this moment or later; a day before `until` where nobody says."),
    Field::new("until", Kind::Moment, "Judged before this moment; now where nobody says."),
    Field::new("id", Kind::Text(64), "The id of the verdict."),
    Field::new("queue", Kind::Text(255), "The MTA's name for the mail."),
    Field::new("author", Kind::Domain, "The author domain, or one above it."),
    Field::new("sender", Kind::Domain, "The domain of MAIL FROM, or one above it."),
    Field::new("recipient", Kind::Domain, "The domain of a recipient, or one above it."),
    Field::new("signer", Kind::Domain, "The `d=` of a signature, or a domain above it."),
    Field::new("client", Kind::Network, "The client's address, or a network that it lies in."),
    Field::new("helo", Kind::Text(255), "A part of what the client called itself, in whatever case."),
    Field::new("spf", Kind::Word(SPF), "The result of SPF by MAIL FROM."),
    Field::new(
        "dkim",
        Kind::Word(DKIM),
        "The result of a signature; with `signer`, of one of theirs. `none`: unsigned.",
    ),
    Field::new("arc", Kind::Word(ARC), "The result of the ARC chain."),
    Field::new("dmarc", Kind::Word(DMARC), "The result of DMARC."),
    Field::new("verdict", Kind::Word(VERDICT), "What the recommended policy would do."),
    Field::new("decision", Kind::Word(DECISION), "What the house did."),
    Field::new("limit", Kind::Number(1, MOST, USUAL), "How many messages a page has at most."),
    Field::new("cursor", Kind::Cursor, "Where the last page ended: its `next`, for the same search."),
];

/// The parameters, for the document.
pub(super) struct Parameters;

impl utoipa::IntoParams for Parameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        FIELDS.iter().map(Field::parameter).collect()
    }
}

/// A page of messages.
#[derive(Serialize, ToSchema)]
pub(super) struct Messages {
    /// The messages, the newest first.
    messages: Vec<MessageLine>,
    /// The cursor of the next page; null on the last one.
    #[schema(required = true)]
    next: Option<String>,
}

/// A message in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageLine {
    /// The id of the verdict.
    id: String,
    /// When it was judged.
    #[schema(format = DateTime)]
    judged_at: String,
    /// The address of the client; null where nobody knows it.
    #[schema(required = true)]
    client_ip: Option<String>,
    /// What the client called itself.
    helo: String,
    /// The domain of MAIL FROM; empty for the null path.
    mail_from_domain: String,
    /// The author domain; null where there is not exactly one.
    #[schema(required = true)]
    author_domain: Option<String>,
    /// The domains of the recipients.
    recipient_domains: Vec<String>,
    /// How many octets the mail has.
    size_octets: u64,
    /// The result of SPF by MAIL FROM; null where it was not asked.
    #[schema(required = true)]
    spf_result: Option<String>,
    /// The signatures that were examined, in the order of the header.
    dkim: Vec<Signature>,
    /// The result of the ARC chain.
    arc_result: String,
    /// The result of DMARC.
    dmarc_result: String,
    /// The published policy that applies; null where there is none.
    #[schema(required = true)]
    policy: Option<String>,
    /// What the recommended policy would do.
    verdict: String,
    /// What the house did.
    decision: String,
    /// Why nobody judged the mail; null where somebody did.
    #[schema(required = true)]
    unjudged: Option<String>,
}

/// A DKIM signature.
#[derive(Serialize, ToSchema)]
pub(super) struct Signature {
    /// The result (RFC 8601).
    result: String,
    /// `d=`; null where it cannot be read.
    #[schema(required = true)]
    domain: Option<String>,
    /// `s=`.
    #[schema(required = true)]
    selector: Option<String>,
    /// `a=`.
    #[schema(required = true)]
    algorithm: Option<String>,
    /// Why it did not pass.
    #[schema(required = true)]
    reason: Option<String>,
}

/// Lists mails that the gate judged, the newest first.
///
/// A mail that is judged while somebody turns pages is not on them: the next page goes on behind the last row, within the span
/// of time of the first page. Of a caller with a scope only mails are listed whose recipients all lie in it.
#[utoipa::path(get, path = "/api/v1/messages", operation_id = "messages", tag = "messages", params(Parameters),
    responses((status = 200, description = "A page of messages.", body = Messages,
        headers(("Link" = Option<String>, description = "The next page, with `rel=\"next\"` (RFC 8288); absent on the last one."))), Refusals, Lists))]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let asked = Asked::read(query.as_deref(), FIELDS)?;
    let place = Place::read(&asked, ROOM)?;
    let now = Timestamp::now().as_microsecond();
    let said = || span(asked.moment("from"), asked.moment("until"), now);
    let span = place.as_ref().map_or_else(said, |place| place.span);
    let limit = asked.number("limit").unwrap_or(USUAL);
    let wanted = Wanted::read(|name| asked.text(name).unwrap_or_default().to_owned());
    let search = MailSearch {
        within: caller.viewer.scope.names(),
        after: place.map(|place| (place.at, place.id)),
        limit: limit + 1,
        ..wanted.narrow(span).map_err(bad)?
    };
    let found = desk.ask(Arc::clone(&desk.lake), move |lake| lake.mails(&search)).await;
    let mut found = found.map_err(|why| no_answer(&why))?;
    let is_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let last = found.last().filter(|_| is_more);
    let next = last.map(|last| Place { span, at: last.at, id: last.id.clone() }.write(&asked, ROOM));
    let answer = Messages { messages: found.into_iter().map(MessageLine::from).collect(), next };
    Ok(page(&answer, ROOM, &asked, answer.next.as_deref()))
}

impl From<MailRow> for MessageLine {
    fn from(row: MailRow) -> MessageLine {
        MessageLine {
            id: row.id,
            judged_at: told::moment(row.at),
            client_ip: row.client_ip,
            helo: row.helo,
            mail_from_domain: row.mail_from_domain,
            author_domain: row.author_domain,
            recipient_domains: row.recipient_domains,
            size_octets: row.size,
            spf_result: row.spf_result,
            dkim: row.dkim.into_iter().map(Signature::from).collect(),
            arc_result: row.arc_result,
            dmarc_result: row.dmarc_result,
            policy: row.policy,
            verdict: row.verdict,
            decision: row.decision,
            unjudged: row.unjudged,
        }
    }
}

impl From<SignatureEvent> for Signature {
    fn from(signature: SignatureEvent) -> Signature {
        let SignatureEvent { result, domain, selector, algorithm, reason } = signature;
        Signature { result, domain, selector, algorithm, reason }
    }
}
