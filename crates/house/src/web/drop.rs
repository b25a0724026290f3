//! *Drop*: a mail dragged onto the desk, or pasted, and judged there as `sekisho check` does; or a report, and read. Nothing is kept
//!
//! What it is, its octets say and never its name: a mail is judged, a report is read ([`report`]), and of a mail that brings one both is
//! done.

mod report;

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use sekisho_core::facts::Facts;
use sekisho_core::step::Check;
use sekisho_mail::envelope::Envelope;
use sekisho_mail::message::Message;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::Verdict;

use self::report::Read;
use super::Desk;
use super::asked::Faults;
use super::drawing::{self, Drawn, DrawnFact};
use super::frame::{Frame, Shown};
use super::shown;
use super::visitor::Visitor;
use crate::check::judge::{Heard, Judge, Layers};
use crate::check::mbox::is_from_line;
use crate::check::what_if;
use crate::fault::Fault;
use crate::people::session::is_form_proof;
use crate::reports::glance;

/// The longest request, in octets: a mail or a report of 25 MB and the form around it.
pub(crate) const LONGEST: usize = 26 << 20;
/// The longest text that the form keeps, in octets: a page is no store.
const KEPT: usize = 1 << 20;

/// What is dropped, and what is known of how it came.
#[derive(Default)]
struct Dropped {
    /// The mail or the report.
    octets: Bytes,
    /// The client's address.
    client: String,
    /// What it called itself.
    helo: String,
    /// The MAIL FROM address.
    sender: String,
    /// Records that are other ones: `TYPE NAME=DATA`, one a line.
    what_if: String,
    /// That the form is one of ours.
    proof: String,
}

/// *Drop*.
#[derive(Template)]
#[template(path = "drop.html")]
struct DropPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// What was dropped.
    dropped: &'a Dropped,
    /// The mail as text; nothing where it is none, or too long.
    pasted: &'a str,
    /// What of the form could not be taken.
    faults: Faults,
    /// What its reports say.
    read: Option<Read>,
    /// What was found of the mail.
    found: Option<Found>,
}

/// What was found of a mail.
struct Found {
    /// What the policy would do.
    verdict: &'static str,
    /// Why.
    grounds: Vec<String>,
    /// The author domain.
    author: String,
    /// The checks.
    checks: Vec<Drawn>,
    /// What they rest on.
    facts: Vec<DrawnFact>,
    /// What other records change.
    changes: Vec<what_if::Change>,
    /// Whether other records were proposed.
    is_compared: bool,
}

/// Shows the form.
pub(super) async fn show(mut visitor: Visitor) -> Shown {
    visitor.asked(&[]);
    Ok(answer(&visitor.frame, &Dropped::default(), None, Ok(None)))
}

/// Judges or reads what was dropped.
pub(super) async fn judge(State(desk): State<Arc<Desk>>, visitor: Visitor, form: Multipart) -> Shown {
    let frame = &visitor.frame;
    let dropped = Dropped::read(form).await.map_err(|why| {
        let is_large = why.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let because = frame.say(if is_large { "desk-drop-large" } else { "desk-unreadable-says" });
        frame.refuse(why.status(), "desk-not-taken", &because)
    })?;
    let csrf = visitor.came.as_ref().map(|came| &came.session.csrf);
    if !csrf.is_some_and(|csrf| is_form_proof(csrf, &dropped.proof)) {
        return Err(frame.refuse(StatusCode::FORBIDDEN, "desk-stale-form", &frame.say("desk-stale-form-says")));
    }
    if dropped.octets.is_empty() {
        return Ok(answer(
            frame,
            &dropped,
            None,
            Err(Untaken(StatusCode::BAD_REQUEST, "mail", Fault::new("desk-drop-empty", []))),
        ));
    }
    let octets = dropped.octets.clone();
    // What unpacks, and what has many rows, keeps a thread busy that no mail waits for.
    let glance = desk.aside(move || glance::look(&octets)).await.map_err(|why| frame.no_answer(&why))?;
    let is_mail = glance.as_ref().is_none_or(|glance| glance.is_mail);
    let found = if is_mail { dropped.judged(&desk, &visitor).await.map(Some) } else { Ok(None) };
    let read = glance.map(|glance| Read::of(frame, &glance));
    Ok(answer(frame, &dropped, read, found))
}

/// What could not be taken: the status of the page, the field where it is said, and why.
struct Untaken(StatusCode, &'static str, Fault);

/// Shows what came of it, and the form as it was sent.
fn answer(frame: &Frame, dropped: &Dropped, read: Option<Read>, found: Result<Option<Found>, Untaken>) -> Response {
    let (mut faults, mut status) = (Faults::default(), StatusCode::OK);
    let found = found.unwrap_or_else(|Untaken(refused, field, why)| {
        status = refused;
        faults.note(field, &why.say(&frame.talk));
        None
    });
    // A report that was read is not asked for again.
    let is_over = read.is_some() && found.is_none() && faults.are_none();
    let pasted = if is_over { "" } else { dropped.text().unwrap_or_default() };
    if !is_over && dropped.octets.len() > KEPT {
        faults.note("mail", &frame.tell("desk-drop-long", &[("most", shown::octets(KEPT as u64).into())]));
    }
    frame.show_as(status, &DropPage { frame, dropped, pasted, faults, read, found })
}

impl Dropped {
    /// Returns what was dropped as the form keeps it; nothing where it is no text, or too long.
    fn text(&self) -> Option<&str> {
        let is_text = |text: &&str| !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n'));
        str::from_utf8(&self.octets).ok().filter(|text| text.len() <= KEPT).filter(is_text)
    }

    /// Reads the form. A file goes before what is pasted.
    async fn read(mut form: Multipart) -> Result<Dropped, MultipartError> {
        let (mut dropped, mut pasted) = (Dropped::default(), Bytes::new());
        while let Some(field) = form.next_field().await? {
            let name = field.name().unwrap_or_default().to_owned();
            let octets = field.bytes().await?;
            let text = || String::from_utf8_lossy(&octets).trim().to_owned();
            match name.as_str() {
                "file" => dropped.octets = octets,
                "mail" => pasted = octets,
                "client" => dropped.client = text(),
                "helo" => dropped.helo = text(),
                "sender" => dropped.sender = text(),
                "what_if" => dropped.what_if = text(),
                "proof" => dropped.proof = text(),
                _ => {}
            }
        }
        if dropped.octets.is_empty() {
            dropped.octets = pasted;
        }
        // Mail programs save a mail behind a line that is no field of it (RFC 4155).
        if is_from_line(&dropped.octets) {
            let line =
                dropped.octets.iter().position(|octet| *octet == b'\n').map_or(dropped.octets.len(), |at| at + 1);
            drop(dropped.octets.split_to(line));
        }
        Ok(dropped)
    }

    /// Judges the mail, and once more with other records where some are proposed.
    async fn judged(&self, desk: &Desk, visitor: &Visitor) -> Result<Found, Untaken> {
        let frame = &visitor.frame;
        let refuse = |field: &'static str| move |why: Fault| Untaken(StatusCode::BAD_REQUEST, field, why);
        let envelope = self.envelope().map_err(refuse("client"))?;
        let proposals: Vec<String> =
            self.what_if.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let proposed = what_if::parse(&proposals).map_err(refuse("what_if"))?;
        let judge = Judge::over(desk.source_of(visitor), desk.front.gate().timeout());
        let message = Message::parse(&self.octets);
        if !message.is_plausible() {
            return Err(Untaken(StatusCode::UNPROCESSABLE_ENTITY, "mail", Fault::new("desk-drop-no-mail", [])));
        }
        let (policy, now) = (Arc::new(Policy::default()), Timestamp::now());
        let first = judge.prepare(&message, &envelope, &policy, now).hear(Layers::default()).await;
        if proposals.is_empty() {
            return Ok(Found::of(frame, &first, &[], false));
        }
        let layers = Layers { over: Some(&proposed), under: Some(&first.facts) };
        let second = judge.prepare(&message, &envelope, &policy, now).hear(layers).await;
        Ok(Found::of(frame, &second, &what_if::changes(&first.verdict, &second.verdict), true))
    }

    /// Returns the envelope, as far as it is known.
    fn envelope(&self) -> Result<Envelope, Fault> {
        let some = |text: &str| (!text.is_empty()).then(|| text.as_bytes().into());
        let client_ip = match self.client.as_str() {
            "" => None,
            text => Some(
                text.parse::<IpAddr>()
                    .map_err(|_| Fault::new("desk-drop-client", [("text", text.to_owned().into())]))?,
            ),
        };
        let sender = self.sender.trim_start_matches('<').trim_end_matches('>');
        let is_null = sender.is_empty() && !self.sender.is_empty();
        let mail_from = if is_null { Some(Box::default()) } else { some(sender) };
        Ok(Envelope { client_ip, helo: some(&self.helo), mail_from })
    }
}

impl Found {
    /// Draws what was found.
    fn of(frame: &Frame, heard: &Heard, changes: &[what_if::Change], is_compared: bool) -> Found {
        let (verdict, facts): (&Verdict, &Facts) = (&heard.verdict, &heard.facts);
        let grounds = verdict.grounds.iter().map(|ground| frame.say(&format!("ground-{ground}"))).collect();
        let author = verdict.author.domain.as_ref().map(|domain| shown::name(&domain.to_string())).unwrap_or_default();
        let results = [
            (Check::Author, Some(verdict.author.result.as_str())),
            (Check::Spf, verdict.spf.as_ref().map(|spf| spf.result.as_str())),
            (Check::SpfHelo, verdict.spf_helo.as_ref().map(|spf| spf.result.as_str())),
            (Check::Dkim, None),
            (Check::Arc, Some(verdict.arc.result.as_str())),
            (Check::Dmarc, Some(verdict.dmarc.result.as_str())),
            (Check::Verdict, None),
        ];
        let checks =
            results.into_iter().filter_map(|(check, result)| drawing::check(frame, check, result, &verdict.steps));
        let checks = checks.collect();
        Found {
            verdict: verdict.action.as_str(),
            grounds,
            author,
            checks,
            facts: drawing::facts(frame, facts),
            changes: changes.to_vec(),
            is_compared,
        }
    }
}
