//! The way in: signing in, the second factor, and the links by which somebody gets an account or a new password

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use sekisho_ledger::InvitationKind;
use serde::Deserialize;

use super::Desk;
use super::frame::{Frame, Refusal, Shown, local};
use super::visitor::{Visitor, value};
use crate::people::access::Need;
use crate::people::accounts::Welcome;
use crate::people::command::address;
use crate::people::session::Token;
use crate::people::{SignIn, Trouble};

/// How long a browser keeps the cookie of a session, in seconds; the session itself may end sooner.
const KEPT: u32 = 7 * 86_400;
/// How long it keeps the cookie of somebody who has yet to show a second factor.
const HALF: u32 = 300;

/// Where somebody wanted to go.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Way {
    /// The path.
    pub(super) back: String,
}

/// What somebody shows at the door.
#[derive(Deserialize)]
pub(super) struct Shows {
    /// The login.
    #[serde(default)]
    login: String,
    /// The password.
    #[serde(default)]
    password: String,
    /// The code of the second factor.
    #[serde(default)]
    code: String,
    /// The path where they wanted to go.
    #[serde(default)]
    back: String,
}

/// The door.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct DoorPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// Where to go afterwards.
    back: &'a str,
    /// The login that was typed.
    login: &'a str,
    /// What was wrong.
    refused: Option<String>,
    /// Whether the code is asked for.
    wants_code: bool,
    /// Whether nobody has an account.
    is_empty: bool,
    /// Who else lets people in, and by which link.
    identity: Option<(String, String)>,
}

/// Shows the door.
pub(super) async fn door(State(desk): State<Arc<Desk>>, visitor: Visitor, Query(way): Query<Way>) -> Shown {
    let frame = &visitor.frame;
    let is_empty = desk.is_empty().await.map_err(|why| closed(frame, &why))?;
    let (back, identity) = (local(&way.back), desk.other_way(&way.back));
    Ok(frame.show(&DoorPage { frame, back, login: "", refused: None, wants_code: false, is_empty, identity }))
}

/// Lets somebody in who shows login and password.
pub(super) async fn sign_in(State(desk): State<Arc<Desk>>, visitor: Visitor, Form(shows): Form<Shows>) -> Shown {
    let signed = desk.people.sign_in(&shows.login, &shows.password, visitor.client).await;
    answer(&desk, &visitor, signed, &shows, false)
}

/// Lets somebody in who shows the code, too.
pub(super) async fn second_factor(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(shows): Form<Shows>,
) -> Shown {
    let Some(token) = value(&headers, "half").and_then(Token::shown) else {
        return Ok(Redirect::to("/sign-in").into_response());
    };
    let signed = desk.people.second_factor(&token, &shows.code, visitor.client).await;
    answer(&desk, &visitor, signed, &shows, true)
}

/// Answers what came of it.
fn answer(desk: &Desk, visitor: &Visitor, signed: Result<SignIn, Trouble>, shows: &Shows, is_second: bool) -> Shown {
    let (frame, back) = (&visitor.frame, local(&shows.back));
    let page = |refused, wants_code: bool| {
        let identity = desk.other_way(back).filter(|_| !wants_code);
        DoorPage { frame, back, login: &shows.login, refused, wants_code, is_empty: false, identity }
    };
    match signed.map_err(|why| closed(frame, &why))? {
        SignIn::Whole(token) => Ok(let_in(visitor, &token, back)),
        SignIn::SecondFactor(token) => {
            let mut answer = frame.show(&page(None, true));
            answer.headers_mut().append(header::SET_COOKIE, visitor.door_cookie("half", token.as_str(), HALF));
            Ok(answer)
        }
        SignIn::Refused => Ok(frame.show_as(StatusCode::UNAUTHORIZED, &page(Some(frame.say("desk-wrong")), is_second))),
        SignIn::Wait(time) => {
            let seconds = time.as_secs().max(1);
            let said = frame.tell("desk-wait", &[("seconds", seconds.into())]);
            let mut answer = frame.show_as(StatusCode::TOO_MANY_REQUESTS, &page(Some(said), is_second));
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            Ok(answer)
        }
    }
}

/// Gives somebody the cookie of their session, and shows them where they wanted to go.
pub(super) fn let_in(visitor: &Visitor, token: &Token, back: &str) -> Response {
    let mut answer = Redirect::to(back).into_response();
    answer.headers_mut().append(header::SET_COOKIE, visitor.door_cookie("session", token.as_str(), KEPT));
    answer
}

/// Lets somebody out.
pub(super) async fn sign_out(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Shown {
    if let Some(came) = &visitor.came {
        desk.people.sign_out(came, visitor.client).await.map_err(|why| closed(&visitor.frame, &why))?;
    }
    let mut answer = Redirect::to("/sign-in").into_response();
    answer.headers_mut().append(header::SET_COOKIE, visitor.door_cookie("session", "", 0));
    Ok(answer)
}

/// What somebody fills in who comes with a link.
#[derive(Deserialize)]
pub(super) struct Joins {
    /// The login.
    #[serde(default)]
    login: String,
    /// The name.
    #[serde(default)]
    name: String,
    /// The password.
    password: String,
}

/// Somebody comes with a link.
#[derive(Template)]
#[template(path = "join.html")]
struct JoinPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// Whether it is for a new password, and not for an account.
    is_reset: bool,
    /// The login that was typed.
    login: &'a str,
    /// The name that was typed.
    name: &'a str,
    /// What was wrong.
    refused: Option<String>,
    /// Who else could vouch for them, and by which link.
    identity: Option<(String, String)>,
}

/// Welcomes somebody with a link.
pub(super) async fn welcome(State(desk): State<Arc<Desk>>, visitor: Visitor, Path(link): Path<String>) -> Shown {
    let frame = &visitor.frame;
    let (_, is_reset) = desk.invited(frame, &link).await?;
    let identity = desk.other_way_to_join(&link, is_reset);
    Ok(frame.show(&JoinPage { frame, is_reset, login: "", name: "", refused: None, identity }))
}

/// Gives somebody with a link their account, or their new password.
pub(super) async fn join(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(link): Path<String>,
    Form(joins): Form<Joins>,
) -> Shown {
    let frame = &visitor.frame;
    let (link, is_reset) = desk.invited(frame, &link).await?;
    let welcome = if is_reset {
        desk.people.reset(&link, &joins.password, visitor.client).await
    } else {
        let who = (joins.login.as_str(), joins.name.as_str());
        desk.people.accept(&link, who, &joins.password, frame.talk.lang(), visitor.client).await
    };
    let refused = match welcome.map_err(|why| closed(frame, &why))? {
        Welcome::Whole(token) => {
            // Who looks after the house sees first what is connected; others cannot enter there.
            let came = desk.people.who(&token).await.map_err(|why| closed(frame, &why))?;
            let is_keeper = came.is_some_and(|came| came.viewer.may(Need::LookAtHouse));
            return Ok(let_in(&visitor, &token, if is_keeper && !is_reset { "/start" } else { "/" }));
        }
        Welcome::SignIn => return Ok(Redirect::to("/sign-in").into_response()),
        Welcome::Refused => return Err(gone(frame)),
        Welcome::BadLogin => "desk-join-bad-login",
        Welcome::Taken => "desk-join-taken",
        Welcome::Weak(_) => "desk-weak",
    };
    let (refused, identity) = (Some(frame.say(refused)), desk.other_way_to_join(link.as_str(), is_reset));
    let page = JoinPage { frame, is_reset, login: &joins.login, name: &joins.name, refused, identity };
    Ok(frame.show_as(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

impl Desk {
    /// Returns the link for the first account, where there is nobody yet; a ledger that does not open is logged.
    pub(crate) async fn first_link(&self, desk: &str) -> Option<String> {
        match self.people.first_link().await {
            Ok(link) => link.map(|link| address(desk, &link)),
            Err(why) => {
                tracing::warn!(error = %why, "the book of people cannot be opened: nobody can sign in at the web desk");
                None
            }
        }
    }

    /// Tells whether nobody has an account.
    async fn is_empty(&self) -> Result<bool, Trouble> {
        Ok(self.people.list(None, 1).await?.rows.is_empty())
    }

    /// Returns a link that works, and whether it is for a new password.
    pub(super) async fn invited(&self, frame: &Frame, link: &str) -> Result<(Token, bool), Refusal> {
        let link = Token::shown(link).ok_or_else(|| gone(frame))?;
        let found = self.people.invitation(&link).await.map_err(|why| closed(frame, &why))?;
        let invitation = found.ok_or_else(|| gone(frame))?;
        Ok((link, invitation.kind == InvitationKind::Reset))
    }
}

/// Says that a link does not work.
pub(super) fn gone(frame: &Frame) -> Refusal {
    frame.refuse(StatusCode::NOT_FOUND, "desk-join-gone", &frame.say("desk-join-gone-says"))
}

/// Says that the book of people does not answer.
pub(super) fn closed(frame: &Frame, why: &Trouble) -> Refusal {
    tracing::error!(error = %why, "nobody can be let in");
    frame.refuse(StatusCode::SERVICE_UNAVAILABLE, "desk-no-answer-for-people", &frame.say("desk-no-answer-says"))
}
