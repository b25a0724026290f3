//! A program's tokens, on the page of the person in whose name it comes

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use sekisho_ledger::{ApiToken, Role};
use serde::Deserialize;

use super::super::Desk;
use super::super::entrance::closed;
use super::super::frame::{Frame, Shown};
use super::super::shown;
use super::super::visitor::Visitor;
use super::account::{AccountPage, Outcome, refused};
use super::{owner, role};

/// A day.
const DAY: Duration = Duration::from_secs(86_400);
/// The most days that a token lasts.
const MOST_DAYS: u32 = 365;

/// A token in a list.
pub(super) struct TokenLine {
    /// Its id.
    pub(super) id: String,
    /// What it is for.
    pub(super) label: String,
    /// What it may do.
    pub(super) role: String,
    /// When it was last used.
    pub(super) used: String,
    /// Until when it lasts.
    pub(super) until: String,
}

impl TokenLine {
    /// Writes one.
    pub(super) fn of(frame: &Frame, token: &ApiToken) -> TokenLine {
        let moment = |at: Option<i64>| at.map_or_else(|| "–".to_owned(), |at| shown::moment(at).text);
        TokenLine {
            id: token.id.to_string(),
            label: shown::text(&token.label),
            role: role(frame, token.role),
            used: moment(token.last_used_at),
            until: moment(token.expires_at),
        }
    }
}

/// What a new token is for.
#[derive(Deserialize)]
pub(in crate::web) struct NewToken {
    /// Words for it.
    label: String,
    /// What it may do.
    role: String,
    /// How many days it lasts.
    days: u32,
}

/// Makes a token, and shows it this once.
pub(in crate::web) async fn add(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Form(NewToken { label, role, days }): Form<NewToken>,
) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    let viewer = &came.viewer;
    let role = role.parse().unwrap_or(Role::Viewer);
    let lasts = Some(DAY * days.clamp(1, MOST_DAYS));
    let made = desk.people.add_token(viewer, label.trim(), (role, &viewer.scope), lasts, visitor.client).await;
    let Some(token) = made.map_err(|why| closed(frame, &why))? else {
        return refused(&desk, frame, came, StatusCode::CONFLICT, frame.say("desk-tokens-many")).await;
    };
    let outcome = Outcome { token: Some(token.as_str().to_owned()), ..Outcome::default() };
    let page = AccountPage::of(&desk, frame, came, outcome).await.map_err(|why| closed(frame, &why))?;
    Ok(frame.show(&page))
}

/// Revokes a token.
pub(in crate::web) async fn revoke(State(desk): State<Arc<Desk>>, visitor: Visitor, Path(id): Path<String>) -> Shown {
    let came = owner(&visitor)?;
    if let Ok(id) = id.parse() {
        let revoked = desk.people.revoke_token(&came.viewer, id, visitor.client).await;
        revoked.map_err(|why| closed(&visitor.frame, &why))?;
    }
    // What is not there opens nothing, either.
    Ok(Redirect::to("/account?done=token").into_response())
}
