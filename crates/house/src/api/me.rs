//! Who asks: in whose name a token comes, and what it may

use axum::Extension;
use axum::extract::RawQuery;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::Asked;
use super::caller::Caller;
use super::problem::Answer;
use super::shape::Refusals;
use super::told::told;

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// The name that the person signs in by.
    login: String,
    /// How they are called.
    name: String,
    /// What this token or session may do: `viewer`, `analyst` or `admin`.
    role: &'static str,
    /// The domains that it may see; null is every one.
    #[schema(required = true)]
    domains: Option<Vec<String>>,
}

/// Tells who asks, and what they may.
#[utoipa::path(get, path = "/api/v1/people/me", operation_id = "me", tag = "about",
    responses((status = 200, description = "Who asks.", body = Me), Refusals))]
pub(super) async fn tell(Extension(caller): Extension<Caller>, RawQuery(query): RawQuery) -> Answer {
    Asked::read(query.as_deref(), &[])?;
    let Caller { viewer, .. } = caller;
    Ok(told(&Me { role: viewer.role.word(), domains: viewer.scope.names(), login: viewer.login, name: viewer.name }))
}
