//! *People*: for admins, who may come in, and as what

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::uri::Authority;
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
use crate::sign::read_name;

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
    /// What is to be known of where it leads.
    place: Option<String>,
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
    /// Where it leads, where the configuration does not say.
    place: Option<String>,
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
    /// Reads it, or says why it cannot be read.
    fn read(&self, frame: &Frame) -> Result<(Role, Scope), String> {
        let role = self.role.parse().map_err(|_| frame.say("desk-scope-bad"))?;
        let domains: Vec<&str> =
            self.domains.split([' ', ',', '\r', '\n', '\t']).filter(|domain| !domain.is_empty()).collect();
        if domains.is_empty() {
            return Ok((role, Scope::All));
        }
        let scope = Scope::read(&domains).map_err(|why| shown::text(&why.say(&frame.talk)))?;
        Ok((role, scope))
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
    let (role, scope) = match office.read(frame) {
        Ok(read) => read,
        Err(why) => return unreadable(&desk, frame, came, why).await,
    };
    let link = desk.people.invite(visitor.actor(), role, &scope).await;
    let link = link.map_err(|why| closed(frame, &why))?;
    show_link(&desk, &visitor, came, &link, &headers).await
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
    let (role, scope) = match office.read(frame) {
        Ok(read) => read,
        Err(why) => return unreadable(&desk, frame, came, why).await,
    };
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
        Some(link) => show_link(&desk, &visitor, came, &link, &headers).await,
        None => Err(nobody(frame)),
    }
}

/// Shows a link that was just made: at the address that the configuration names, or else the one by which we were reached, which is said.
async fn show_link(desk: &Desk, visitor: &Visitor, came: &Came, link: &Token, headers: &HeaderMap) -> Shown {
    let (frame, config) = (&visitor.frame, Arc::clone(&desk.front.gate().config));
    if let Some(place) = config.public_desk() {
        return page(desk, frame, came, None, Outcome { link: Some(address(place, link)), ..Outcome::default() }).await;
    }
    let reached = reached(headers, visitor.is_tls).unwrap_or_else(|| config.http.usual_desk());
    let place = Some(frame.tell("desk-link-place", &[("place", reached.clone().into())]));
    page(desk, frame, came, None, Outcome { link: Some(address(&reached, link)), place, refused: None }).await
}

/// Returns under which address a browser reached this desk: one host, and the one whose page sends the form.
fn reached(headers: &HeaderMap, is_tls: bool) -> Option<String> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, None) = (hosts.next()?.to_str().ok()?, hosts.next()) else { return None };
    let authority: Authority = host.parse().ok()?;
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = authority.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    // Nothing stands in it but a host and a port.
    let is_whole = host == format!("{}{port}", authority.host());
    let is_named = is_whole && (name.parse::<IpAddr>().is_ok() || read_name("fault-domain", name).is_ok());
    let place = |scheme: &str| Some(format!("{scheme}://{host}")).filter(|_| is_named);
    match headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default().split_once("://")) {
        None => place(if is_tls { "https" } else { "http" }),
        // The browser knows how it came; we do not behind a proxy that does not say.
        Some(Some((scheme @ ("http" | "https"), from))) if from == host => place(scheme),
        Some(_) => None,
    }
}

/// Says that domains or a role cannot be read.
async fn unreadable(desk: &Desk, frame: &Frame, came: &Came, why: String) -> Shown {
    let outcome = Outcome { refused: Some(why), ..Outcome::default() };
    let mut answer = page(desk, frame, came, None, outcome).await?;
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    Ok(answer)
}

/// Shows the page.
async fn page(desk: &Desk, frame: &Frame, came: &Came, after: Option<Cursor>, outcome: Outcome) -> Shown {
    let found = desk.people.list(after, PAGE).await.map_err(|why| closed(frame, &why))?;
    let people = found.rows.iter().map(|person| PersonLine::of(frame, person, came)).collect();
    let next = found.next.map(|cursor| format!("/people?after={cursor}"));
    let (Outcome { link, place, refused }, roles) = (outcome, roles(frame, Role::Admin, Role::Viewer));
    Ok(frame.show(&PeoplePage { frame, people, next, roles, link, place, refused }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_one_host_whose_own_page_asked_for_it() {
        let reached = |fields: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, value.parse().unwrap());
            }
            reached(&headers, false)
        };
        let host = ("host", "desk.example:8443");
        assert_eq!(reached(&[host]), Some("http://desk.example:8443".to_owned()));
        assert_eq!(
            reached(&[host, ("origin", "https://desk.example:8443")]),
            Some("https://desk.example:8443".to_owned())
        );
        assert_eq!(reached(&[("host", "[2001:db8::1]:1")]), Some("http://[2001:db8::1]:1".to_owned()));
        for odd in
            ["evil.example/x", "a@evil.example", "evil example", "<b>", "", "desk.example:port", "a_\u{e9}.example"]
        {
            let mut headers = HeaderMap::new();
            headers.append("host", axum::http::HeaderValue::from_bytes(odd.as_bytes()).unwrap());
            assert_eq!(super::reached(&headers, true), None, "{odd}");
        }
        for other in ["https://evil.example", "null", "ftp://desk.example:8443", "desk.example:8443"] {
            assert_eq!(reached(&[host, ("origin", other)]), None, "{other}");
        }
        assert_eq!(reached(&[host, ("host", "evil.example")]), None);
        assert_eq!(reached(&[]), None);
    }
}
