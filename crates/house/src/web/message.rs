//! *Message*: one verdict unfolded, its facts, and what other records would change

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sekisho_ask::{Errand, Source};
use sekisho_core::event::{FactEvent, MailEvent};
use sekisho_core::facts::{Answer, Facts, Kind, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::step::{Check, Step};
use sekisho_mail::policy::Policy;
use serde::Deserialize;

use super::Desk;
use super::drawing::{self, Drawn, DrawnFact};
use super::frame::{Frame, Shown};
use super::shown::{self, Moment};
use super::visitor::Visitor;
use crate::check::what_if;
use crate::lake::LakeError;
use crate::simulate::again::{self, Changed};
use crate::world::World;

/// How many questions a what-if may ask: it is one mail.
const QUESTIONS: usize = 200;
/// How long a kept answer is said to live, in seconds; no judge looks at it.
const TTL: u32 = 300;

/// What is asked of the page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// Records that are other ones: `TYPE NAME=DATA`, one a line.
    what_if: String,
}

/// *Message*.
#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// The mail.
    mail: &'a MailEvent,
    /// When it was judged.
    at: Moment,
    /// Its path, hop by hop.
    hops: Vec<Hop>,
    /// The checks.
    checks: Vec<Drawn>,
    /// What they rest on.
    facts: Vec<DrawnFact>,
    /// Whether facts that it rests on are gone.
    is_worn: bool,
    /// What the form says.
    what_if: &'a str,
    /// What other records would change.
    changed: Option<Changed>,
    /// Why they could not be judged.
    refused: Option<String>,
}

/// A place on a mail's path.
struct Hop {
    /// What it is.
    what: String,
    /// What it is called.
    name: String,
    /// What was found there.
    note: String,
}

/// Shows one.
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Shown {
    let frame = &visitor.frame;
    let within = visitor.within();
    let found = desk.ask(desk.lake_of(&visitor), move |lake| found(lake, &id, within.as_deref())).await;
    let Some((mail, kept)) = found.map_err(|why| frame.no_answer(&why))? else {
        return Err(frame.refuse(StatusCode::NOT_FOUND, "desk-no-such-mail", &frame.say("desk-no-such-mail-says")));
    };
    let (policy, nothing) = (Policy::default(), Facts::default());
    let now = Timestamp::from_microsecond(mail.at).unwrap_or_default();
    let world = World { replaced: &nothing, known: &kept, policy: &policy, now };
    let steps = again::steps(&mail, world).ok();
    let what_if = wanted.what_if.trim();
    let (changed, refused) = match ask_what_if(&mail, &kept, (&policy, now), what_if, desk.source_of(&visitor)).await {
        None => (None, None),
        Some(Ok(changed)) => (Some(changed), None),
        Some(Err(why)) => (None, Some(why.say(&frame.talk))),
    };
    let is_worn = steps.is_none() || kept.len() < mail.facts.len();
    let checks = steps.map(|steps| checks(frame, &mail, &steps)).unwrap_or_default();
    let (at, hops, facts) = (shown::moment(mail.at), hops(frame, &mail), drawing::facts(frame, &kept));
    let mail = &mail;
    Ok(frame.show(&MessagePage { frame, mail, at, hops, checks, facts, is_worn, what_if, changed, refused }))
}

/// Finds a mail and the facts that its verdict rests on.
fn found(
    lake: &dyn crate::lake::Lake,
    id: &str,
    within: Option<&[String]>,
) -> Result<Option<(MailEvent, Facts)>, LakeError> {
    let Some(mail) = lake.mail(id, within)? else { return Ok(None) };
    let day = |at: i64| Timestamp::from_microsecond(at).unwrap_or_default().to_zoned(TimeZone::UTC).date();
    let last: Date = day(mail.at);
    // A fact is told once a day; a mail around midnight may rest on one of the day before.
    let first = last.yesterday().unwrap_or(last);
    let kept = lake.facts(&mail.facts, first, last)?;
    Ok(Some((mail, kept.iter().filter_map(fact).collect())))
}

/// Reads a fact of the books; nothing where it is not one that this build knows.
fn fact(kept: &FactEvent) -> Option<(Question, Answer)> {
    let kind = Kind::parse(&kept.kind)?;
    let question = Question::new(kind, DomainName::from_presentation(&kept.name).ok()?);
    let outcome = match kept.outcome.as_str() {
        "answer" => {
            let records: Result<Vec<Record>, _> =
                kept.records.iter().map(|record| Record::from_presentation(kind, record)).collect();
            Outcome::Records(records.ok()?)
        }
        word => what_if::failure(word)?,
    };
    Some((question, Answer::new(outcome, TTL)))
}

/// Judges a mail with other records; nothing where none are proposed.
async fn ask_what_if(
    mail: &MailEvent,
    kept: &Facts,
    (policy, now): (&Policy, Timestamp),
    what_if: &str,
    source: Source,
) -> Option<Result<Changed, crate::fault::Fault>> {
    let proposals: Vec<String> =
        what_if.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if proposals.is_empty() {
        return None;
    }
    let proposed = match what_if::parse(&proposals) {
        Ok(proposed) => proposed,
        Err(why) => return Some(Err(why)),
    };
    let nothing = Facts::default();
    let mut known: Facts = kept
        .iter()
        .map(|(question, answer)| (question.clone(), Answer::new(answer.outcome.clone(), answer.ttl)))
        .collect();
    let mut errand = Errand::new(Errand::DEADLINE, QUESTIONS);
    let judged = source.satisfy(&mut known, &mut errand, |known| {
        let before = World { replaced: &nothing, known, policy, now };
        again::compare(mail, before, World { replaced: &proposed, ..before })
    });
    Some(judged.await.map_err(|_| crate::fault::Fault::new("desk-what-if-stuck", [])))
}

/// Draws the checks.
fn checks(frame: &Frame, mail: &MailEvent, steps: &[Step]) -> Vec<Drawn> {
    let spf = drawing::check(frame, Check::Spf, mail.spf_result.as_deref(), steps);
    let dmarc = drawing::check(frame, Check::Dmarc, Some(&mail.dmarc_result), steps);
    spf.into_iter().chain(dmarc).collect()
}

/// Returns a mail's path, as far as it is known.
fn hops(frame: &Frame, mail: &MailEvent) -> Vec<Hop> {
    let hop = |what: &str, name: String, note: String| Hop { what: frame.say(what), name, note };
    let mut hops = vec![hop(
        "desk-hop-author",
        mail.author_domain.as_deref().map_or_else(|| "–".to_owned(), shown::name),
        mail.author_reason.clone().unwrap_or_default(),
    )];
    hops.extend(
        mail.arc_sealers.iter().map(|sealer| hop("desk-hop-sealer", shown::name(sealer), mail.arc_result.clone())),
    );
    let client = mail.client_ip.as_deref().map_or_else(|| "–".to_owned(), shown::text);
    hops.push(hop("desk-hop-client", client, format!("HELO {}", shown::text(&mail.helo))));
    hops.push(hop("desk-hop-gate", shown::text(&mail.node), shown::text(&mail.queue_id)));
    let to: Vec<String> = mail.recipient_domains.iter().map(|domain| shown::name(domain)).collect();
    hops.push(hop("desk-hop-recipients", to.join(", "), frame.word("decision", &mail.decision)));
    hops
}
