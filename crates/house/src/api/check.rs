//! Check: a mail judged here and now, and not kept

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use sekisho_mail::envelope::Envelope;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::asked::{Asked, Field, Kind};
use super::caller::Caller;
use super::problem::{Answer, NO_MAIL, Problem};
use super::shape::{Bodies, CheckShape, Refusals, Unjudged};
use super::told::{of_kind, written};
use crate::check::judge::Judge;
use crate::check::told;
use crate::web::Desk;

/// The media type of a mail.
const MAIL: &str = "message/rfc822";

/// What may be said of how the mail came.
const FIELDS: &[Field] = &[
    Field::new("client_ip", Kind::Address, "The address of the client; without it SPF is not asked."),
    Field::new("helo", Kind::Text(255), "What the client called itself."),
    Field::new(
        "mail_from",
        Kind::TextOrNothing(320),
        "The MAIL FROM address without `<>`; empty is the null path. Without it the Return-Path field counts, where there is a client.",
    ),
];

/// The parameters, for the document.
pub(super) struct Parameters;

impl utoipa::IntoParams for Parameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        FIELDS.iter().map(Field::parameter).collect()
    }
}

/// Judges a mail, and tells what it proves as `sekisho check --json --steps all` does. It is not kept.
#[utoipa::path(post, path = "/api/v1/check", operation_id = "check", tag = "judging",
    params(Parameters), request_body(content = serde_json::Value, content_type = "message/rfc822", description = "The mail, at most 26 MiB."),
    responses((status = 200, description = "What the mail proves.", body = CheckShape), Refusals, Bodies, Unjudged))]
pub(super) async fn judge(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    octets: Bytes,
) -> Answer {
    let asked = Asked::read(query.as_deref(), FIELDS)?;
    of_kind(&headers, MAIL)?;
    let gate = desk.front.gate();
    let judge = Judge::over(gate.source.clone(), gate.timeout());
    let judged = told(&judge, &octets, envelope(&asked), &caller.talk).await;
    judged.map(|json| written(&json)).ok_or_else(|| Problem::new(NO_MAIL, []))
}

/// Returns the envelope, as far as it is said.
fn envelope(asked: &Asked) -> Envelope {
    let octets = |name: &str| asked.text(name).map(|text| text.as_bytes().into());
    let client_ip = asked.text("client_ip").and_then(|address| address.parse::<IpAddr>().ok());
    Envelope { client_ip, helo: octets("helo"), mail_from: octets("mail_from") }
}
