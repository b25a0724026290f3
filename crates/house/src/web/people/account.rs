//! *Account*: what everybody looks after themselves: name, language, password, second factor, sessions

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use sekisho_core::speech::Lang;
use sekisho_ledger::Digest;
use serde::Deserialize;

use super::super::Desk;
use super::super::entrance::{closed, let_in};
use super::super::frame::{Frame, Refusal, Shown};
use super::super::shown::{self, Moment};
use super::super::visitor::Visitor;
use super::tokens::TokenLine;
use super::{Choice, owner, role, roles, told};
use crate::people::access::{Scope, Viewer};
use crate::people::totp::TotpSecret;
use crate::people::{Came, Trouble};

/// How long a browser keeps the language, in seconds: a year.
const LIKING: u32 = 31_536_000;
/// What the house is called in a telephone.
const HOUSE: &str = "Sekisho";

/// *Account*.
#[derive(Template)]
#[template(path = "account.html")]
pub(super) struct AccountPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// Whose it is.
    viewer: &'a Viewer,
    /// What they may do.
    role: String,
    /// What they may see; none is everything.
    domains: Option<Vec<String>>,
    /// Whether they have a password here.
    has_password: bool,
    /// Whether they have a second factor.
    has_second_factor: bool,
    /// What the provider of identities is called, where there is one.
    provider: Option<String>,
    /// Whether it vouches for them.
    is_vouched_for: bool,
    /// Their sessions.
    sessions: Vec<SessionLine>,
    /// Their tokens.
    tokens: Vec<TokenLine>,
    /// What a token of theirs may do.
    roles: Vec<Choice>,
    /// What was done.
    done: Option<String>,
    /// Why something was not.
    refused: Option<String>,
    /// A token that was just made.
    token: Option<String>,
}

/// A session in a list.
struct SessionLine {
    /// The hash of its token.
    id: String,
    /// When it began.
    begun: Moment,
    /// When it was last used.
    seen: Moment,
    /// Whether it is this one.
    is_this: bool,
}

/// What came of something that was done.
#[derive(Default)]
pub(super) struct Outcome {
    /// What was done.
    pub(super) done: Option<String>,
    /// Why it was not.
    pub(super) refused: Option<String>,
    /// A token that was just made.
    pub(super) token: Option<String>,
}

impl<'a> AccountPage<'a> {
    /// Gathers what is on the page.
    pub(super) async fn of(
        desk: &Desk,
        frame: &'a Frame,
        came: &'a Came,
        outcome: Outcome,
    ) -> Result<AccountPage<'a>, Trouble> {
        let viewer = &came.viewer;
        let person = desk.people.person(&viewer.login).await?;
        let line = |session: &sekisho_ledger::Session| SessionLine {
            id: session.token.to_string(),
            begun: shown::moment(session.made_at),
            seen: shown::moment(session.seen_at),
            is_this: session.token == came.session.token,
        };
        let domains = match &viewer.scope {
            Scope::All => None,
            Scope::Domains(names) => Some(names.iter().map(|name| shown::name(&name.to_string())).collect()),
        };
        Ok(AccountPage {
            frame,
            viewer,
            role: role(frame, viewer.role),
            domains,
            has_password: person.as_ref().is_some_and(|person| person.password.is_some()),
            has_second_factor: person.as_ref().is_some_and(|person| person.totp.is_some()),
            provider: desk.provider().map(|provider| provider.name().to_owned()),
            is_vouched_for: person.is_some_and(|person| person.is_vouched_for),
            sessions: desk.people.sessions(viewer).await?.iter().map(line).collect(),
            tokens: desk.people.tokens(viewer).await?.iter().map(|token| TokenLine::of(frame, token)).collect(),
            roles: roles(frame, viewer.role, sekisho_ledger::Role::Viewer),
            done: outcome.done,
            refused: outcome.refused,
            token: outcome.token,
        })
    }
}

/// What was done on the page before.
#[derive(Deserialize)]
pub(in crate::web) struct Done {
    /// A word for it.
    #[serde(default)]
    done: String,
}

/// Shows it.
pub(in crate::web) async fn show(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(Done { done }): Query<Done>,
) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    let known = ["name", "password", "second-factor", "token", "session", "identity"];
    let done = known.contains(&done.as_str()).then(|| frame.say(&format!("desk-account-done-{done}")));
    let outcome = Outcome { done, ..Outcome::default() };
    let page = AccountPage::of(&desk, frame, came, outcome).await.map_err(|why| closed(frame, &why))?;
    Ok(frame.show(&page))
}

/// How somebody is called and spoken to.
#[derive(Deserialize)]
pub(in crate::web) struct Name {
    /// The name.
    name: String,
    /// The language.
    lang: String,
}

/// Changes how somebody is called and spoken to.
pub(in crate::web) async fn rename(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Form(Name { name, lang }): Form<Name>,
) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    let lang = Lang::parse(&lang).unwrap_or(frame.talk.lang());
    desk.people.rename(&came.viewer, &name, lang, visitor.client).await.map_err(|why| closed(frame, &why))?;
    let mut answer = Redirect::to("/account?done=name").into_response();
    if let Ok(cookie) = HeaderValue::from_str(&visitor.cookie("lang", lang.as_str(), LIKING)) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// An old and a new password.
#[derive(Deserialize)]
pub(in crate::web) struct Passwords {
    /// The old one.
    old: String,
    /// The new one.
    password: String,
    /// The same once more.
    again: String,
}

/// Changes the password.
pub(in crate::web) async fn change_password(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Form(Passwords { old, password, again }): Form<Passwords>,
) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    if password != again {
        return refused(&desk, frame, came, StatusCode::BAD_REQUEST, frame.say("desk-password-differs")).await;
    }
    let changed = desk.people.change_password(&came.viewer, &old, &password, visitor.client).await;
    match told(frame, changed.map_err(|why| closed(frame, &why))?) {
        Ok(token) => Ok(let_in(&visitor, &token, "/account?done=password")),
        Err((status, why)) => refused(&desk, frame, came, status, why).await,
    }
}

/// A new second factor.
#[derive(Deserialize)]
pub(in crate::web) struct Factor {
    /// The secret that was offered.
    secret: String,
    /// A code of it.
    code: String,
    /// The password.
    password: String,
}

/// *Second factor*.
#[derive(Template)]
#[template(path = "second_factor.html")]
struct FactorPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// The secret.
    secret: String,
    /// The same, drawn for a telephone.
    drawing: String,
    /// Why it did not work.
    refused: Option<String>,
}

impl<'a> FactorPage<'a> {
    /// Offers a secret.
    fn of(frame: &'a Frame, secret: &TotpSecret, login: &str, refused: Option<String>) -> Result<Self, Trouble> {
        Ok(FactorPage { frame, secret: secret.to_text(), drawing: secret.drawing(HOUSE, login)?, refused })
    }
}

/// Offers a second factor.
pub(in crate::web) async fn show_factor(visitor: Visitor) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    let page = TotpSecret::new().and_then(|secret| FactorPage::of(frame, &secret, &came.viewer.login, None));
    Ok(frame.show(&page.map_err(|why| closed(frame, &why))?))
}

/// Sets a second factor.
pub(in crate::web) async fn set_factor(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Form(Factor { secret, code, password }): Form<Factor>,
) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    let Some(secret) = TotpSecret::parse(&secret) else {
        return Ok(Redirect::to("/account/second-factor").into_response());
    };
    let changed = desk.people.set_totp(&came.viewer, &password, (&secret, &code), visitor.client).await;
    match told(frame, changed.map_err(|why| closed(frame, &why))?) {
        Ok(token) => Ok(let_in(&visitor, &token, "/account?done=second-factor")),
        Err((status, why)) => {
            let page = FactorPage::of(frame, &secret, &came.viewer.login, Some(why));
            Ok(frame.show_as(status, &page.map_err(|why| closed(frame, &why))?))
        }
    }
}

/// A password alone.
#[derive(Deserialize)]
pub(in crate::web) struct Proven {
    /// The password.
    password: String,
}

/// Takes the second factor away.
pub(in crate::web) async fn remove_factor(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Form(Proven { password }): Form<Proven>,
) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    let changed = desk.people.clear_totp(&came.viewer, &password, visitor.client).await;
    match told(frame, changed.map_err(|why| closed(frame, &why))?) {
        Ok(token) => Ok(let_in(&visitor, &token, "/account?done=second-factor")),
        Err((status, why)) => refused(&desk, frame, came, status, why).await,
    }
}

/// Ends a session.
pub(in crate::web) async fn end_session(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(session): Path<String>,
) -> Shown {
    let came = owner(&visitor)?;
    if let Ok(session) = session.parse::<Digest>() {
        let ended = desk.people.end_session(&came.viewer, &session, visitor.client).await;
        ended.map_err(|why| closed(&visitor.frame, &why))?;
    }
    // What is not there is at its end, too.
    Ok(Redirect::to("/account?done=session").into_response())
}

/// Shows the page again, and why something was not done.
pub(in crate::web) async fn refused(
    desk: &Desk,
    frame: &Frame,
    came: &Came,
    status: StatusCode,
    why: String,
) -> Result<Response, Refusal> {
    let outcome = Outcome { refused: Some(why), ..Outcome::default() };
    let page = AccountPage::of(desk, frame, came, outcome).await.map_err(|why| closed(frame, &why))?;
    Ok(frame.show_as(status, &page))
}
