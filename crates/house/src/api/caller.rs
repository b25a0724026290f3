//! Who asks the API: a program with a token, or a page in a browser with a session, which may only GET
//!
//! Nobody is led to the sign-in page from here: whoever has not come in is told how.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{self, BAD_TOKEN, NO_ANSWER, NO_TOKEN, NOT_ALLOWED, Problem, TOKEN_ONLY, TOO_MANY, TWO_TOKENS};
use crate::http::peer::Peer;
use crate::people::access::{Need, Viewer};
use crate::people::session::Token;
use crate::people::{Actor, Trouble};
use crate::speech::Talk;
use crate::web::{Desk, visitor};

/// Who asks.
#[derive(Clone)]
pub(super) struct Caller {
    /// Who it is, or in whose name it comes.
    pub(super) viewer: Viewer,
    /// Who is written into the audit log.
    pub(super) actor: Actor,
    /// The language of what is said.
    pub(super) talk: Arc<Talk>,
}

/// Lets in who may do this.
pub(super) async fn admit(State((desk, need)): State<(Arc<Desk>, Need)>, mut request: Request, next: Next) -> Response {
    match enter(&desk, need, request.method(), request.headers()).await {
        Ok(viewer) => {
            let actor = Actor::of(&viewer, Peer::noted(request.extensions()).address);
            let talk = desk.talk(problem::lang(request.headers()));
            let Some(place) = desk.line.admit(viewer.person) else {
                return Problem::new(TOO_MANY, []).into_response();
            };
            request.extensions_mut().insert(Caller { viewer, actor, talk });
            place.work(next.run(request)).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Finds out who asks, and whether they may.
async fn enter(desk: &Desk, need: Need, method: &Method, headers: &HeaderMap) -> Result<Viewer, Problem> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let found = match (shown.next(), shown.next()) {
        // RFC 6750 §3.1: none of two tokens counts.
        (Some(_), Some(_)) => return Err(Problem::new(TWO_TOKENS, [])),
        // A wrong token is not made good by the cookie of a browser.
        (Some(shown), None) => Some(by_token(desk, shown).await?),
        (None, _) => by_session(desk, method, headers).await?,
    };
    let viewer = found.ok_or_else(|| Problem::new(NO_TOKEN, []))?;
    if viewer.may(need) { Ok(viewer) } else { Err(Problem::new(NOT_ALLOWED, [])) }
}

/// Finds out whose token is shown (RFC 6750 §2.1); the name of a scheme is in whatever case (RFC 9110 §11.1).
async fn by_token(desk: &Desk, shown: &HeaderValue) -> Result<Viewer, Problem> {
    let shown = shown.to_str().ok().and_then(|shown| shown.split_once(' '));
    let token = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some(token) = token.and_then(|(_, token)| Token::shown(token.trim())) else {
        return Err(Problem::new(BAD_TOKEN, []));
    };
    let viewer = desk.people.bearer(&token).await.map_err(|why| trouble(&why))?;
    viewer.ok_or_else(|| Problem::new(BAD_TOKEN, []))
}

/// Finds out whose session a browser shows. It carries no proof that a page of ours asks: it looks, and no more.
async fn by_session(desk: &Desk, method: &Method, headers: &HeaderMap) -> Result<Option<Viewer>, Problem> {
    let Some(token) = visitor::value(headers, "session").and_then(Token::shown) else { return Ok(None) };
    let came = desk.people.who(&token).await.map_err(|why| trouble(&why))?;
    if came.is_some() && !visitor::is_safe(method) {
        return Err(Problem::new(TOKEN_ONLY, []));
    }
    Ok(came.map(|came| came.viewer))
}

/// Says that nobody can be let in just now.
fn trouble(why: &Trouble) -> Problem {
    tracing::error!(error = %why, "no program can be let in");
    Problem::new(NO_ANSWER, [])
}
