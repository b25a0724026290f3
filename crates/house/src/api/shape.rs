//! What the document says beside the structs that are answered: refusals, ids, and the JSON that commands print

use std::collections::BTreeMap;

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Required, Response};
use utoipa::{IntoParams, IntoResponses, ToSchema};

use super::asked::{DOMAIN, LONGEST_DOMAIN};
use super::problem::MEDIA_TYPE;

/// What any room may answer instead.
pub(super) struct Refusals;
/// What a list may.
pub(super) struct Lists;
/// What a room with a body may.
pub(super) struct Bodies;
/// What a room may that judges what it is given.
pub(super) struct Unjudged;
/// What a room about one thing may.
pub(super) struct Missing;

/// Answers by their status.
type Responses = BTreeMap<String, RefOr<Response>>;

/// Returns the problem of a status.
fn refusal(status: u16, says: &str) -> (String, RefOr<Response>) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    (status.to_string(), ResponseBuilder::new().description(says).content(MEDIA_TYPE, content).build().into())
}

impl IntoResponses for Refusals {
    fn responses() -> Responses {
        [
            refusal(400, "The request cannot be read: an unknown parameter, or a value that it cannot have."),
            refusal(401, "No token, or one that opens nothing."),
            refusal(403, "Not for this caller: their role, their scope, or a session where a token is needed."),
            refusal(429, "Too many requests of this account are under way; `Retry-After` says when to ask again."),
            refusal(503, "The books do not answer just now; `Retry-After` says when to ask again."),
        ]
        .into()
    }
}

impl IntoResponses for Lists {
    fn responses() -> Responses {
        [refusal(400, "The request cannot be read, or the cursor is one of another search.")].into()
    }
}

impl IntoResponses for Bodies {
    fn responses() -> Responses {
        [refusal(413, "The body is too long."), refusal(415, "The body is of another media type.")].into()
    }
}

impl IntoResponses for Unjudged {
    fn responses() -> Responses {
        [refusal(422, "The mail or the records cannot be read, or cannot be judged.")].into()
    }
}

impl IntoResponses for Missing {
    fn responses() -> Responses {
        [refusal(404, "There is no such thing, or not for this caller.")].into()
    }
}

/// The id in a path.
pub(super) struct Ids;
/// The domain in a path.
pub(super) struct Domains;

/// Returns a parameter of a path.
fn in_path(name: &str, schema: ObjectBuilder, says: &str) -> Vec<Parameter> {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
    vec![parameter.schema(Some(schema.schema_type(Type::String))).description(Some(says)).build()]
}

impl IntoParams for Ids {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        in_path("id", ObjectBuilder::new().pattern(Some("^[0-9a-f]{32}$")), "The id, as a list tells it.")
    }
}

impl IntoParams for Domains {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new().pattern(Some(DOMAIN)).max_length(Some(LONGEST_DOMAIN));
        in_path("domain", schema, "The domain, as A-labels.")
    }
}

/// One line of an explanation.
#[derive(ToSchema)]
#[schema(as = Step)]
#[expect(dead_code, reason = "the document alone is made of it")]
pub(super) struct StepShape {
    /// The check that it belongs to.
    check: String,
    /// How deep it lies: an included record lies one deeper.
    depth: u8,
    /// The stable id of the rule.
    rule: String,
    /// Where the rule is written.
    section: String,
    /// What it led to; null where it only leads on.
    #[schema(required = true)]
    result: Option<String>,
    /// The same in words, in the language of `Accept-Language`.
    says: String,
}

/// What the DNS told.
#[derive(ToSchema)]
#[schema(as = Fact)]
#[expect(dead_code, reason = "the document alone is made of it")]
pub(super) struct FactShape {
    /// The record type that was asked for.
    r#type: String,
    /// The name.
    name: String,
    /// `answer`, `nodata`, `nxdomain`, `servfail`, `timeout`, `refused` or `truncated`.
    outcome: String,
    /// The records, in presentation format.
    records: Vec<String>,
    /// How long the answer lives, in seconds.
    ttl: u32,
}

/// What a mail proves: the object of `sekisho check --json` (docs/check.md).
#[derive(ToSchema)]
#[schema(as = Check)]
#[expect(dead_code, reason = "the document alone is made of it")]
pub(super) struct CheckShape {
    /// What was judged.
    input: serde_json::Map<String, serde_json::Value>,
    /// When.
    #[schema(format = DateTime)]
    judged_at: String,
    /// `accept`, `quarantine`, `reject` or `tempfail`.
    verdict: String,
    /// Why, as stable words.
    grounds: Vec<String>,
    /// Who the author is.
    author: serde_json::Map<String, serde_json::Value>,
    /// SPF by MAIL FROM; null where it was not asked.
    #[schema(required = true)]
    spf: Option<serde_json::Map<String, serde_json::Value>>,
    /// SPF by HELO; null where it was not asked.
    #[schema(required = true)]
    spf_helo: Option<serde_json::Map<String, serde_json::Value>>,
    /// The signatures, in the order of the header.
    dkim: Vec<serde_json::Map<String, serde_json::Value>>,
    /// The ARC chain.
    arc: serde_json::Map<String, serde_json::Value>,
    /// DMARC.
    dmarc: serde_json::Map<String, serde_json::Value>,
    /// Why, step by step.
    steps: Vec<StepShape>,
    /// What it rests on.
    facts: Vec<FactShape>,
}

/// What would become of every stream: the object of `sekisho simulate --json` (docs/reports.md).
#[derive(ToSchema)]
#[schema(as = Simulation)]
#[expect(dead_code, reason = "the document alone is made of it")]
pub(super) struct SimulationShape {
    /// The domain.
    domain: String,
    /// The first day.
    #[schema(format = Date)]
    first: String,
    /// The last day.
    #[schema(format = Date)]
    last: String,
    /// How many of the mails the own gate saw.
    gate_messages: u64,
    /// What is proposed.
    proposed: Vec<serde_json::Map<String, serde_json::Value>>,
    /// How many streams, messages and days each change has, by its stable word.
    sums: serde_json::Map<String, serde_json::Value>,
    /// The streams, the largest first.
    streams: Vec<serde_json::Map<String, serde_json::Value>>,
}
