//! One message: its verdict unfolded, the facts behind it, and what other records would change

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use sekisho_core::event::MailEvent;
use sekisho_core::step::Step;
use sekisho_mail::verdict::DmarcVerdict;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::asked::Asked;
use super::caller::Caller;
use super::messages::Signature;
use super::problem::{Answer, BAD_BODY, BAD_RECORDS, NO_MESSAGE, Problem, no_answer};
use super::shape::{Bodies, FactShape, Ids, Missing, Refusals, StepShape, Unjudged};
use super::told::{self, body, told};
use crate::check::json;
use crate::people::access::Scope;
use crate::recall::{self, Recalled};
use crate::simulate::again::Changed;
use crate::speech::Talk;
use crate::web::Desk;

/// The most records that may be proposed at once.
pub(super) const MOST_RECORDS: usize = 50;

/// A message.
#[derive(Serialize, ToSchema)]
pub(super) struct Message {
    /// The id of the verdict.
    id: String,
    /// When it was judged.
    #[schema(format = DateTime)]
    judged_at: String,
    /// Which node judged it.
    node: String,
    /// The MTA's name for the mail.
    queue_id: String,
    /// The address of the client; null where nobody knows it.
    #[schema(required = true)]
    client_ip: Option<String>,
    /// What the client called itself.
    helo: String,
    /// The domain of MAIL FROM; empty for the null path.
    mail_from_domain: String,
    /// The local part of MAIL FROM, or the hash that the books keep of it.
    mail_from_local: String,
    /// The domains of the recipients.
    recipient_domains: Vec<String>,
    /// How many recipients there were.
    recipients: u32,
    /// How many octets the mail has.
    size_octets: u64,
    /// How long the answer took from the end of the mail on, in microseconds.
    waited_microseconds: u64,
    /// What the recommended policy would do.
    verdict: String,
    /// Why, as stable words.
    grounds: Vec<String>,
    /// What the house did.
    decision: String,
    /// Why less was done than the policy asks for (RFC 9990); null where as much was done.
    #[schema(required = true)]
    override_type: Option<String>,
    /// What a report says beside it.
    #[schema(required = true)]
    override_comment: Option<String>,
    /// Why nobody judged the mail; null where somebody did.
    #[schema(required = true)]
    unjudged: Option<String>,
    /// How many copies were seen, where it looks replayed.
    #[schema(required = true)]
    copies: Option<u32>,
    /// Who the author is.
    author: AuthorTold,
    /// SPF by MAIL FROM; null where it was not asked.
    #[schema(required = true)]
    spf: Option<SpfTold>,
    /// SPF by HELO; null where it was not asked.
    #[schema(required = true)]
    spf_helo: Option<SpfTold>,
    /// The signatures that were examined, in the order of the header.
    dkim: Vec<Signature>,
    /// The ARC chain.
    arc: ArcTold,
    /// DMARC.
    dmarc: DmarcTold,
    /// SPF and DMARC step by step, judged again from the facts that were kept, where none is gone that they need; then each signature,
    /// as far as what was noted of it and its key tell.
    #[schema(value_type = Vec<StepShape>)]
    steps: Vec<Value>,
    /// The facts that the verdict rests on, as far as they are kept.
    #[schema(value_type = Vec<FactShape>)]
    facts: Value,
    /// Whether every fact is still there.
    facts_complete: bool,
}

/// Who the author is.
#[derive(Serialize, ToSchema)]
struct AuthorTold {
    /// `ok`, `missing`, `multiple` or `unusable`.
    result: String,
    /// The author domain.
    #[schema(required = true)]
    domain: Option<String>,
    /// Why it is not ok.
    #[schema(required = true)]
    reason: Option<String>,
    /// What is odd about it.
    flags: Vec<String>,
}

/// SPF of one identity.
#[derive(Serialize, ToSchema)]
struct SpfTold {
    /// The result (RFC 7208).
    result: String,
    /// `mailfrom` or `helo`.
    identity: &'static str,
    /// The domain that was judged; null where the books do not say.
    #[schema(required = true)]
    domain: Option<String>,
}

/// The ARC chain.
#[derive(Serialize, ToSchema)]
struct ArcTold {
    /// `none`, `pass` or `fail`.
    result: String,
    /// How many instances are known.
    instances: usize,
    /// Who sealed, instance 1 first.
    sealers: Vec<String>,
}

/// DMARC.
#[derive(Serialize, ToSchema)]
struct DmarcTold {
    /// The result (RFC 9989).
    result: String,
    /// The author domain.
    #[schema(required = true)]
    domain: Option<String>,
    /// Its organizational domain; null where no walk was needed.
    #[schema(required = true)]
    organizational_domain: Option<String>,
    /// Where the policy was found.
    #[schema(required = true)]
    policy_domain: Option<String>,
    /// The published policy that applies.
    #[schema(required = true)]
    policy: Option<String>,
    /// Whether the record says `t=y`.
    testing: bool,
    /// What is aligned and passes: `spf`, `dkim`.
    aligned: Vec<&'static str>,
    /// What the record asks for this mail.
    disposition: String,
}

/// Tells one message, as the page *Message* does.
#[utoipa::path(get, path = "/api/v1/messages/{id}", operation_id = "message", tag = "messages", params(Ids),
    responses((status = 200, description = "The message.", body = Message), Missing, Refusals))]
pub(super) async fn tell(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    Asked::read(query.as_deref(), &[])?;
    let recalled = find(&desk, &caller.viewer.scope, id).await?;
    Ok(told(&Message::of(&recalled, &caller.talk)))
}

/// Finds a message that somebody may see.
async fn find(desk: &Desk, scope: &Scope, id: String) -> Result<Recalled, Problem> {
    let within = scope.names();
    let found = desk.ask(Arc::clone(&desk.lake), move |lake| recall::find(lake, &id, within.as_deref())).await;
    found.map_err(|why| no_answer(&why))?.ok_or_else(|| Problem::new(NO_MESSAGE, []))
}

/// What is proposed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhatIf {
    /// Records that are other ones, each `TYPE NAME=DATA`; several of one type and name are several records. `!nxdomain` and its
    /// like in place of the data say that there is none.
    #[schema(min_items = 1, max_items = 50, example = json!(["TXT _dmarc.example.org=v=DMARC1; p=reject"]))]
    records: Vec<String>,
}

/// What other records would change.
#[derive(Serialize, ToSchema)]
pub(super) struct WhatIfTold {
    /// The stable word of the change.
    change: &'static str,
    /// Whether the mail would be worse off.
    is_worse: bool,
    /// DMARC as the DNS was.
    before: Outcome,
    /// DMARC with the records.
    after: Outcome,
    /// Why nobody can tell, as stable words.
    doubts: Vec<&'static str>,
}

/// What DMARC comes to.
#[derive(Serialize, ToSchema)]
struct Outcome {
    /// The result.
    result: &'static str,
    /// What the record asks for.
    disposition: &'static str,
    /// What is aligned and passes.
    aligned: Vec<&'static str>,
    /// Where the policy was found.
    #[schema(required = true)]
    policy_domain: Option<String>,
}

/// Judges a message of the books again, with other records. Nothing is kept of it.
#[utoipa::path(post, path = "/api/v1/messages/{id}/what-if", operation_id = "whatIf", tag = "messages",
    params(Ids), request_body(content = WhatIf),
    responses((status = 200, description = "What would change.", body = WhatIfTold), Missing, Refusals, Bodies, Unjudged))]
pub(super) async fn what_if(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    octets: Bytes,
) -> Answer {
    Asked::read(query.as_deref(), &[])?;
    let WhatIf { records } = body(&headers, &octets)?;
    if records.is_empty() || records.len() > MOST_RECORDS {
        return Err(Problem::new(BAD_BODY, []).about("records"));
    }
    let recalled = find(&desk, &caller.viewer.scope, id).await?;
    let source = desk.front.gate().source.clone();
    let judged = recalled.what_if(&records, source).await;
    let changed = judged.map_err(|why| Problem::new(BAD_RECORDS, []).because(why))?;
    Ok(compared(changed))
}

/// Tells what would change.
fn compared(changed: Changed) -> Response {
    let Changed { change, is_worse, before, after, doubts } = changed;
    told(&WhatIfTold { change, is_worse, before: Outcome::of(&before), after: Outcome::of(&after), doubts })
}

impl Outcome {
    /// Tells what DMARC says.
    fn of(verdict: &DmarcVerdict) -> Outcome {
        Outcome {
            result: verdict.result.as_str(),
            disposition: verdict.disposition.as_str(),
            aligned: verdict.aligned.iter().map(|by| by.as_str()).collect(),
            policy_domain: verdict.policy_domain.as_ref().map(ToString::to_string),
        }
    }
}

impl Message {
    /// Tells a mail of the books.
    fn of(recalled: &Recalled, talk: &Talk) -> Message {
        let mail = recalled.mail.clone();
        let signatures: Vec<Step> = recalled.signatures().flat_map(|(_, retold)| retold.steps).collect();
        let steps = recalled.steps.iter().flatten().chain(&signatures).map(|step| json::step(step, talk)).collect();
        Message {
            author: AuthorTold::of(&mail),
            spf: SpfTold::of(mail.spf_result.as_ref(), "mailfrom", mail.spf_domain.as_ref()),
            spf_helo: SpfTold::of(mail.spf_helo_result.as_ref(), "helo", None),
            arc: ArcTold::of(&mail),
            dmarc: DmarcTold::of(&mail),
            id: mail.id,
            judged_at: told::moment(mail.at),
            node: mail.node,
            queue_id: mail.queue_id,
            client_ip: mail.client_ip,
            helo: mail.helo,
            mail_from_domain: mail.mail_from_domain,
            mail_from_local: mail.mail_from_local,
            recipient_domains: mail.recipient_domains,
            recipients: mail.recipients,
            size_octets: mail.size,
            waited_microseconds: mail.waited,
            verdict: mail.verdict,
            grounds: mail.grounds,
            decision: mail.decision,
            override_type: mail.override_type,
            override_comment: mail.override_comment,
            unjudged: mail.unjudged,
            copies: mail.copies,
            dkim: mail.dkim.into_iter().map(Signature::from).collect(),
            steps,
            facts: json::facts(&recalled.kept),
            facts_complete: !recalled.is_worn(),
        }
    }
}

impl AuthorTold {
    /// Tells the author of a mail.
    fn of(mail: &MailEvent) -> AuthorTold {
        AuthorTold {
            result: mail.author_result.clone(),
            domain: mail.author_domain.clone(),
            reason: mail.author_reason.clone(),
            flags: mail.author_flags.clone(),
        }
    }
}

impl SpfTold {
    /// Tells SPF of an identity; nothing where it was not asked.
    fn of(result: Option<&String>, identity: &'static str, domain: Option<&String>) -> Option<SpfTold> {
        Some(SpfTold { result: result?.clone(), identity, domain: domain.cloned() })
    }
}

impl ArcTold {
    /// Tells the chain of a mail.
    fn of(mail: &MailEvent) -> ArcTold {
        let sealers = mail.arc_sealers.clone();
        ArcTold { result: mail.arc_result.clone(), instances: sealers.len(), sealers }
    }
}

impl DmarcTold {
    /// Tells DMARC of a mail.
    fn of(mail: &MailEvent) -> DmarcTold {
        let aligned = [("spf", mail.spf_aligned), ("dkim", mail.dkim_aligned)];
        DmarcTold {
            result: mail.dmarc_result.clone(),
            domain: mail.author_domain.clone(),
            organizational_domain: mail.organizational_domain.clone(),
            policy_domain: mail.policy_domain.clone(),
            policy: mail.policy.clone(),
            testing: mail.policy_testing,
            aligned: aligned.into_iter().filter(|(_, is_aligned)| *is_aligned).map(|(by, _)| by).collect(),
            disposition: mail.disposition.clone(),
        }
    }
}
