//! The OpenAPI document, made of the rooms themselves, and the list of problems that it points to

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::problem::{ProblemKind, Told, kinds, lang};
use super::told::{told, written};
use super::{check, domains, me, message, messages, reports, simulate, today};
use crate::web::Desk;

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sekisho",
        description = "What the web desk shows, for programs. Times are RFC 3339 in UTC, names are A-labels, units stand in the names of fields, fields are added and never renamed. docs/api.md says the rest.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        today::tell, messages::list, message::tell, message::what_if, domains::list, domains::tell, reports::list, reports::tell,
        reports::evidence, simulate::judge, check::judge, me::tell, problems, give
    ),
    components(schemas(Told)),
    modifiers(&Token),
    security(("token" = [])),
    tags(
        (name = "messages", description = "Mails that the gate judged."),
        (name = "domains", description = "In whose name mail is sent."),
        (name = "reports", description = "What others told, and what they were told."),
        (name = "judging", description = "What would be."),
        (name = "about", description = "The API itself.")
    )
)]
struct Whole;

/// How a program says who it is.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut Document) {
        let says = "A token of the account page (docs/people.md).";
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(says)).build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Gives the document. It tells nothing about anybody.
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "document", tag = "about", security(()),
    responses((status = 200, description = "This document.", body = serde_json::Value)))]
pub(super) async fn give() -> Response {
    /// It is always the same.
    static WRITTEN: OnceLock<String> = OnceLock::new();
    written(WRITTEN.get_or_init(|| Whole::openapi().to_json().expect("the document is JSON")))
}

/// Lists the kinds of problems.
#[utoipa::path(get, path = "/api/v1/problems", operation_id = "problems", tag = "about", security(()),
    responses((status = 200, description = "Every kind of problem.", body = Vec<ProblemKind>)))]
pub(super) async fn problems(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    told(&kinds(&desk.talk(lang(&headers))))
}

/// Returns the document, for tests.
#[cfg(test)]
pub(super) fn document() -> serde_json::Value {
    serde_json::to_value(Whole::openapi()).expect("the document is JSON")
}
