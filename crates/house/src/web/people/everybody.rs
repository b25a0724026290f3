//! *People*: for admins, who may come in, and as what

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use sekisho_ledger::{Cursor, Person, Role};
use serde::Deserialize;

use super::super::Desk;
use super::super::entrance::closed;
use super::super::frame::{Frame, Refusal, Shown};
use super::super::shown;
use super::super::visitor::Visitor;
use super::{Choice, owner, roles};
use crate::people::Came;
use crate::people::access::Scope;
use crate::people::command::address;
use crate::people::session::Token;

/// How many people a page lists.
const PAGE: u16 = 100;

/// *People*.
#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// Who is there.
    people: Vec<PersonLine>,
    /// Where the next ones are.
    next: Option<String>,
    /// What somebody new may do.
    roles: Vec<Choice>,
    /// A link that was just made.
    link: Option<String>,
    /// Why something was not done.
    refused: Option<String>,
}

/// A person in a list.
struct PersonLine {
    /// The name to sign in by.
    login: String,
    /// How they are called.
    name: String,
    /// What they may do, to be changed.
    roles: Vec<Choice>,
    /// What they may see, one domain a line; empty is everything.
    domains: String,
    /// Whether what is kept of that cannot be read.
    is_broken: bool,
    /// Whether they are locked out.
    is_out: bool,
    /// Whether they have a second factor.
    has_second_factor: bool,
    /// Whether it is who looks.
    is_self: bool,
}

/// Where to go on.
#[derive(Default, Deserialize)]
pub(in crate::web) struct After {
    /// Behind this one.
    #[serde(default)]
    after: String,
}

/// What came of something that was done.
#[derive(Default)]
struct Outcome {
    /// A link that was made.
    link: Option<String>,
    /// Why it was not.
    refused: Option<String>,
}

/// Shows them.
pub(in crate::web) async fn show(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(After { after }): Query<After>,
) -> Shown {
    page(&desk, &visitor.frame, owner(&visitor)?, after.parse().ok(), Outcome::default()).await
}

/// A role, and the domains that bound it.
#[derive(Deserialize)]
pub(in crate::web) struct Office {
    /// The role.
    role: String,
    /// Domains, by lines or spaces; none is everything.
    #[serde(default)]
    domains: String,
}

impl Office {
    /// Reads it.
    fn read(&self) -> Option<(Role, Scope)> {
        let role = self.role.parse().ok()?;
        let mut domains =
            self.domains.split([' ', ',', '\r', '\n', '\t']).filter(|domain| !domain.is_empty()).peekable();
        if domains.peek().is_none() {
            return Some((role, Scope::All));
        }
        Some((role, Scope::of(domains).ok()?))
    }
}

/// Invites somebody.
pub(in crate::web) async fn invite(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(office): Form<Office>,
) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    let Some((role, scope)) = office.read() else { return unreadable(&desk, frame, came).await };
    let link = desk.people.invite(visitor.actor(), role, &scope).await;
    let link = link.map_err(|why| closed(frame, &why))?;
    show_link(&desk, frame, came, &link, &headers).await
}

/// Changes what somebody may do and see.
pub(in crate::web) async fn appoint(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
    Form(office): Form<Office>,
) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    refuse_oneself(frame, came, &login)?;
    let Some((role, scope)) = office.read() else { return unreadable(&desk, frame, came).await };
    let is_there = desk.people.appoint(visitor.actor(), &login, role, &scope).await;
    back(frame, is_there.map_err(|why| closed(frame, &why))?)
}

/// Locks somebody out.
pub(in crate::web) async fn disable(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    refuse_oneself(frame, came, &login)?;
    let is_there = desk.people.lock_out(visitor.actor(), &login, true).await;
    back(frame, is_there.map_err(|why| closed(frame, &why))?)
}

/// Lets somebody in again.
pub(in crate::web) async fn enable(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(login): Path<String>,
) -> Shown {
    let frame = &visitor.frame;
    let is_there = desk.people.lock_out(visitor.actor(), &login, false).await;
    back(frame, is_there.map_err(|why| closed(frame, &why))?)
}

/// Makes a link for a new password.
pub(in crate::web) async fn reset(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(login): Path<String>,
) -> Shown {
    let (frame, came) = (&visitor.frame, owner(&visitor)?);
    let link = desk.people.reset_link(visitor.actor(), &login).await;
    match link.map_err(|why| closed(frame, &why))? {
        Some(link) => show_link(&desk, frame, came, &link, &headers).await,
        None => Err(nobody(frame)),
    }
}

/// Shows a link that was just made, at the address under which this desk was reached.
async fn show_link(desk: &Desk, frame: &Frame, came: &Came, link: &Token, headers: &HeaderMap) -> Shown {
    let origin =
        headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).filter(|origin| origin.starts_with("http"));
    let place = origin.map_or_else(|| desk.front.gate().config.http.usual_desk(), str::to_owned);
    page(desk, frame, came, None, Outcome { link: Some(address(&place, link)), refused: None }).await
}

/// Says that domains or a role cannot be read.
async fn unreadable(desk: &Desk, frame: &Frame, came: &Came) -> Shown {
    let outcome = Outcome { link: None, refused: Some(frame.say("desk-scope-bad")) };
    let mut answer = page(desk, frame, came, None, outcome).await?;
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    Ok(answer)
}

/// Shows the page.
async fn page(desk: &Desk, frame: &Frame, came: &Came, after: Option<Cursor>, outcome: Outcome) -> Shown {
    let found = desk.people.list(after, PAGE).await.map_err(|why| closed(frame, &why))?;
    let people = found.rows.iter().map(|person| PersonLine::of(frame, person, came)).collect();
    let next = found.next.map(|cursor| format!("/people?after={cursor}"));
    let Outcome { link, refused } = outcome;
    let page = PeoplePage { frame, people, next, roles: roles(frame, Role::Admin, Role::Viewer), link, refused };
    Ok(frame.show(&page))
}

/// Nobody takes their own rights away by a slip: another admin does, or the shell.
fn refuse_oneself(frame: &Frame, came: &Came, login: &str) -> Result<(), Refusal> {
    if came.viewer.login != login.trim().to_ascii_lowercase() {
        return Ok(());
    }
    Err(frame.refuse(StatusCode::CONFLICT, "desk-not-oneself", &frame.say("desk-not-oneself-says")))
}

/// Goes back to the list, where there was such a person.
fn back(frame: &Frame, is_there: bool) -> Result<Response, Refusal> {
    if is_there { Ok(Redirect::to("/people").into_response()) } else { Err(nobody(frame)) }
}

/// Says that nobody has this login.
fn nobody(frame: &Frame) -> Refusal {
    frame.refuse(StatusCode::NOT_FOUND, "desk-nobody", &frame.say("desk-nobody-says"))
}

impl PersonLine {
    /// Writes one.
    fn of(frame: &Frame, person: &Person, came: &Came) -> PersonLine {
        let scope = Scope::parse(&person.scope);
        let domains = match &scope {
            Ok(Scope::Domains(names)) => names.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            _ => String::new(),
        };
        PersonLine {
            login: person.login.clone(),
            name: shown::text(&person.name),
            roles: roles(frame, Role::Admin, person.role),
            domains,
            is_broken: !matches!(&scope, Ok(Scope::All))
                && !matches!(&scope, Ok(Scope::Domains(names)) if !names.is_empty()),
            is_out: person.disabled_at.is_some(),
            has_second_factor: person.totp.is_some(),
            is_self: person.id == came.viewer.person,
        }
    }
}
