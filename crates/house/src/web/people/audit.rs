//! *Audit*: for admins, what people and programs did and looked at

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use sekisho_ledger::{AuditFilter, Id};
use serde::Deserialize;

use super::super::Desk;
use super::super::entrance::closed;
use super::super::frame::{Frame, Shown};
use super::super::shown::{self, Moment};
use super::super::visitor::Visitor;
use crate::people::Trouble;

/// How many lines a page has.
const PAGE: u16 = 100;

/// *Audit*.
#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// What was asked for.
    wanted: &'a Wanted,
    /// What was done.
    lines: Vec<Line>,
    /// Where older lines are.
    next: Option<String>,
}

/// What to list.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::web) struct Wanted {
    /// Only what this login did.
    login: String,
    /// Only this word.
    what: String,
    /// Behind this line.
    after: String,
}

/// Something that was done.
struct Line {
    /// When.
    at: Moment,
    /// By whom.
    who: String,
    /// What: a stable word.
    what: String,
    /// To what.
    subject: String,
    /// What else is known.
    detail: String,
    /// From where.
    client: String,
}

/// Shows it.
pub(in crate::web) async fn show(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Shown {
    let frame = &visitor.frame;
    let (lines, next) = list(&desk, frame, &wanted).await.map_err(|why| closed(frame, &why))?;
    Ok(frame.show(&AuditPage { frame, wanted: &wanted, lines, next }))
}

/// Lists what is wanted, and says where older lines are.
async fn list(desk: &Desk, frame: &Frame, wanted: &Wanted) -> Result<(Vec<Line>, Option<String>), Trouble> {
    let person = match wanted.login.trim() {
        "" => None,
        login => match desk.people.person(login).await? {
            Some(person) => Some(person.id),
            // Who is not there did nothing.
            None => return Ok((Vec::new(), None)),
        },
    };
    let what = Some(wanted.what.trim().to_owned()).filter(|what| !what.is_empty());
    let page = desk.people.audited(&AuditFilter { person, what }, wanted.after.parse().ok(), PAGE).await?;
    let mut names = BTreeMap::new();
    let mut lines = Vec::with_capacity(page.rows.len());
    for entry in page.rows {
        let who = match entry.person {
            Some(id) => name(desk, &mut names, id).await?,
            None if entry.client.is_some() => frame.say("desk-audit-stranger"),
            None => frame.say("desk-audit-nobody"),
        };
        lines.push(Line {
            at: shown::moment(entry.at),
            who,
            what: shown::text(&entry.what),
            subject: shown::text(&entry.subject),
            detail: if entry.detail == "{}" { String::new() } else { shown::long(&entry.detail) },
            client: entry.client.as_deref().map(shown::text).unwrap_or_default(),
        });
    }
    let next = page.next.map(|cursor| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("login", &wanted.login).append_pair("what", &wanted.what);
        format!("/audit?{}", query.append_pair("after", &cursor.to_string()).finish())
    });
    Ok((lines, next))
}

/// Returns the login of a person, and remembers it.
async fn name(desk: &Desk, names: &mut BTreeMap<Id, String>, id: Id) -> Result<String, Trouble> {
    if let Some(known) = names.get(&id) {
        return Ok(known.clone());
    }
    let person = desk.people.ledger().await?.person(id).await?;
    let name = person.map_or_else(|| id.to_string(), |person| person.login);
    names.insert(id, name.clone());
    Ok(name)
}
