//! The way in by a provider of identities: leaving for it, coming back, and linking an account with what it knows

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use form_urlencoded::Serializer;
use serde::Deserialize;

use super::Desk;
use super::entrance::{Way, closed, gone, let_in};
use super::frame::{Frame, Refusal, Shown, local};
use super::people::account::refused;
use super::people::{owner, told};
use super::visitor::{Visitor, value};
use crate::oidc::{Journey, LASTS, Provider, Returned, Unproven, Vouched, Wish};
use crate::people::Trouble;
use crate::people::session::Token;
use crate::people::vouched::{Linked, Welcomed};

/// The cookie of a browser that is on its way.
const COOKIE: &str = "identity";

/// Sends somebody to the provider who wants to sign in.
pub(super) async fn leave(State(desk): State<Arc<Desk>>, visitor: Visitor, Query(way): Query<Way>) -> Shown {
    let (place, cookie) = desk.begin_journey(&visitor, Wish::Enter, local(&way.back)).await?;
    Ok(sent(Redirect::to(&place).into_response(), cookie))
}

/// Sends somebody to the provider who comes with an invitation.
pub(super) async fn join(State(desk): State<Arc<Desk>>, visitor: Visitor, Path(link): Path<String>) -> Shown {
    let (link, is_reset) = desk.invited(&visitor.frame, &link).await?;
    if is_reset {
        return Err(gone(&visitor.frame));
    }
    let (place, cookie) = desk.begin_journey(&visitor, Wish::Join(link.as_str().to_owned()), "/").await?;
    Ok(sent(Redirect::to(&place).into_response(), cookie))
}

/// What proves who wants to change their own way in.
#[derive(Deserialize)]
pub(super) struct Proof {
    /// The password.
    password: String,
}

/// The way to the provider, for who linked an account.
#[derive(Template)]
#[template(path = "leave.html")]
struct LeavePage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// What the provider is called.
    name: &'a str,
    /// Where it is.
    place: &'a str,
}

/// Shows the way to the provider to who links their account with it. A form leads to no other site, so it is one click more.
pub(super) async fn link(State(desk): State<Arc<Desk>>, visitor: Visitor, Form(proof): Form<Proof>) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    let provider = desk.trusted(frame)?;
    let proven = desk.people.prove_oneself(&came.viewer, &proof.password, visitor.client).await;
    if let Some(changed) = proven.map_err(|why| closed(frame, &why))? {
        return not_changed(&desk, &visitor, told(frame, changed)).await;
    }
    let wish = Wish::Link(came.viewer.person.to_string());
    let (place, cookie) = desk.begin_journey(&visitor, wish, "/account?done=identity").await?;
    Ok(sent(frame.show(&LeavePage { frame, name: provider.name(), place: &place }), cookie))
}

/// Takes the identity from an account.
pub(super) async fn unlink(State(desk): State<Arc<Desk>>, visitor: Visitor, Form(proof): Form<Proof>) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    let unlinked = desk.people.unlink_identity(&came.viewer, &proof.password, visitor.client).await;
    match unlinked.map_err(|why| closed(frame, &why))? {
        None => Ok(Redirect::to("/account?done=identity").into_response()),
        Some(changed) => not_changed(&desk, &visitor, told(frame, changed)).await,
    }
}

/// Shows the account again, and why nothing was changed.
async fn not_changed(desk: &Desk, visitor: &Visitor, told: Result<Token, (StatusCode, String)>) -> Shown {
    let came = owner(visitor)?;
    match told {
        Ok(_) => Ok(Redirect::to("/account").into_response()),
        Err((status, why)) => refused(desk, &visitor.frame, came, status, why).await,
    }
}

/// Welcomes somebody who comes back from the provider. Whatever comes of it, the journey is over.
pub(super) async fn come_back(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Response {
    let cookie = value(&headers, COOKIE).unwrap_or_default();
    let shown = desk.welcome_back(&visitor, &headers, cookie, &returned).await;
    sent(shown.into_response(), visitor.door_cookie(COOKIE, "", 0))
}

impl Desk {
    /// Returns what another way in is called, and where it is.
    pub(super) fn other_way(&self, back: &str) -> Option<(String, String)> {
        let name = self.provider()?.name().to_owned();
        let mut place = Serializer::for_suffix(String::from("/sign-in/identity?"), "/sign-in/identity?".len());
        Some((name, place.append_pair("back", local(back)).finish()))
    }

    /// Returns the same for who comes with an invitation.
    pub(super) fn other_way_to_join(&self, link: &str, is_reset: bool) -> Option<(String, String)> {
        let provider = self.provider().filter(|_| !is_reset)?;
        Some((provider.name().to_owned(), format!("/join/{link}/identity")))
    }

    /// Returns who vouches for people; where nobody does there are no such pages.
    fn trusted(&self, frame: &Frame) -> Result<Arc<Provider>, Refusal> {
        let nowhere = || frame.refuse(StatusCode::NOT_FOUND, "desk-nowhere", &frame.say("desk-nowhere-says"));
        self.provider().ok_or_else(nowhere)
    }

    /// Begins a journey: returns where it leads, and the cookie that the browser takes along.
    async fn begin_journey(&self, visitor: &Visitor, wish: Wish, back: &str) -> Result<(String, HeaderValue), Refusal> {
        let frame = &visitor.frame;
        let provider = self.trusted(frame)?;
        let journey = Journey::begin(&self.people, wish, back).map_err(|why| closed(frame, &why))?;
        let place = provider.authorize(&journey).await.map_err(|why| unproven(frame, &why))?;
        Ok((place.into(), visitor.door_cookie(COOKIE, journey.cookie(), LASTS)))
    }

    /// Lets somebody in who comes back, or says why not.
    async fn welcome_back(&self, visitor: &Visitor, headers: &HeaderMap, cookie: &str, returned: &Returned) -> Shown {
        let frame = &visitor.frame;
        let provider = self.trusted(frame)?;
        let wait = self.people.count_return(visitor.client).await.map_err(|why| closed(frame, &why))?;
        if let Some(wait) = wait {
            let because = super::people::wait(frame, wait);
            return Err(frame.refuse(StatusCode::TOO_MANY_REQUESTS, "desk-identity-refused", &because));
        }
        let journey = Journey::resume(&self.people, cookie, &returned.state);
        let journey = journey.filter(|journey| self.travelled.end(journey, self.people.now()));
        let Some(journey) = journey else {
            tracing::warn!("somebody came back from the provider of identities by no journey of this browser");
            return Err(frame.refuse(
                StatusCode::BAD_REQUEST,
                "desk-identity-stale",
                &frame.say("desk-identity-stale-says"),
            ));
        };
        let vouched = match provider.vouch(returned, &journey, self.people.now() / 1_000_000).await {
            Ok(vouched) => vouched,
            Err(why) => {
                if matches!(why, Unproven::Provider(_)) {
                    self.excuse(visitor).await?;
                }
                return Err(unproven(frame, &why));
            }
        };
        let welcomed = self.fulfil(visitor, headers, &journey, &vouched).await?;
        self.excuse(visitor).await?;
        Ok(welcomed)
    }

    /// Does what somebody travelled for.
    async fn fulfil(&self, visitor: &Visitor, headers: &HeaderMap, journey: &Journey, vouched: &Vouched) -> Shown {
        let (frame, client) = (&visitor.frame, visitor.client);
        let rules = self.front.gate().config.oidc.people.clone();
        let lang = frame.talk.lang();
        let welcomed = match journey.wish() {
            Wish::Link(person) => return self.link_account(visitor, headers, person, vouched, journey.way()).await,
            Wish::Enter => self.people.enter(vouched, &rules, lang, client).await,
            Wish::Join(link) => {
                let link = Token::shown(link).ok_or_else(|| gone(frame))?;
                self.people.join_vouched(&link, vouched, &rules, lang, client).await
            }
        };
        let (status, message) = match welcomed.map_err(|why| closed(frame, &why))? {
            Welcomed::In(token) => return Ok(let_in(visitor, &token, local(journey.way()))),
            Welcomed::Gone => return Err(gone(frame)),
            Welcomed::Stranger => (StatusCode::FORBIDDEN, "desk-identity-stranger"),
            Welcomed::Refused => (StatusCode::UNAUTHORIZED, "desk-identity-refused"),
            Welcomed::Known => (StatusCode::CONFLICT, "desk-identity-known"),
        };
        Err(frame.refuse(status, message, &frame.say(&format!("{message}-says"))))
    }

    /// Links the account of who is signed in, where it is they who began.
    async fn link_account(
        &self,
        visitor: &Visitor,
        headers: &HeaderMap,
        person: &str,
        vouched: &Vouched,
        way: &str,
    ) -> Shown {
        let frame = &visitor.frame;
        let came = match value(headers, "session").and_then(Token::shown) {
            Some(token) => self.people.who(&token).await.map_err(|why| closed(frame, &why))?,
            None => None,
        };
        let Some(came) = came.filter(|came| came.viewer.person.to_string() == person) else {
            return Err(frame.refuse(
                StatusCode::BAD_REQUEST,
                "desk-identity-stale",
                &frame.say("desk-identity-stale-says"),
            ));
        };
        let linked = self.people.link_identity(&came.viewer, vouched, visitor.client).await;
        match linked.map_err(|why| closed(frame, &why))? {
            Linked::Done => Ok(Redirect::to(local(way)).into_response()),
            Linked::Taken => {
                Err(frame.refuse(StatusCode::CONFLICT, "desk-identity-known", &frame.say("desk-identity-known-says")))
            }
        }
    }

    /// Says that coming back was no failure of whoever did.
    async fn excuse(&self, visitor: &Visitor) -> Result<(), Refusal> {
        let excused: Result<(), Trouble> = self.people.excuse_return(visitor.client).await;
        excused.map_err(|why| closed(&visitor.frame, &why))
    }
}

/// Sends an answer with a cookie.
fn sent(mut answer: Response, cookie: HeaderValue) -> Response {
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    answer
}

/// Says why nobody is vouched for. The reason is for the log: whoever tries something learns nothing by it.
fn unproven(frame: &Frame, why: &Unproven) -> Refusal {
    let (status, message) = match why {
        Unproven::Provider(_) => (StatusCode::BAD_GATEWAY, "desk-identity-silent"),
        Unproven::Refused(_) => (StatusCode::UNAUTHORIZED, "desk-identity-refused"),
    };
    tracing::warn!(error = %why, "nobody is let in by the provider of identities");
    frame.refuse(status, message, &frame.say(&format!("{message}-says")))
}
