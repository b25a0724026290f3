//! *Message*: one verdict unfolded, its facts, and what other records would change

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sekisho_core::event::MailEvent;
use sekisho_core::step::Check;

use super::Desk;
use super::asked::Faults;
use super::drawing::{self, Drawn, DrawnFact};
use super::frame::{Frame, Shown};
use super::shown::{self, Moment};
use super::visitor::Visitor;
use crate::recall::{self, Recalled};
use crate::simulate::again::Changed;

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
    faults: &'a Faults,
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
pub(super) async fn show(State(desk): State<Arc<Desk>>, mut visitor: Visitor, Path(id): Path<String>) -> Shown {
    // Records that are other ones: `TYPE NAME=DATA`, one a line.
    let mut asked = visitor.asked(&["what_if"]);
    let what_if = asked.text("what_if");
    let frame = &visitor.frame;
    let within = visitor.within();
    let found = desk.ask(desk.lake_of(&visitor), move |lake| recall::find(lake, &id, within.as_deref())).await;
    let Some(recalled) = found.map_err(|why| frame.no_answer(&why))? else {
        return Err(frame.refuse(StatusCode::NOT_FOUND, "desk-no-such-mail", &frame.say("desk-no-such-mail-says")));
    };
    let proposals: Vec<String> =
        what_if.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let changed = if proposals.is_empty() || !asked.faults.are_none() {
        None
    } else {
        let changed = recalled.what_if(&proposals, desk.source_of(&visitor)).await;
        changed.map_err(|why| asked.faults.note("what_if", &why.say(&frame.talk))).ok()
    };
    let (is_worn, mail) = (recalled.is_worn(), &recalled.mail);
    let checks = checks(frame, &recalled);
    let (at, hops, facts) = (shown::moment(mail.at), hops(frame, mail), drawing::facts(frame, &recalled.kept));
    let (what_if, faults) = (what_if.as_str(), &asked.faults);
    let page = MessagePage { frame, mail, at, hops, checks, facts, is_worn, what_if, changed, faults };
    Ok(frame.show_as(faults.status(), &page))
}

/// Draws the checks: SPF and DMARC judged again, each signature as it was noted and its key as it is kept.
fn checks(frame: &Frame, recalled: &Recalled) -> Vec<Drawn> {
    let mail = &recalled.mail;
    let again = |check, result| recalled.steps.as_ref().and_then(|steps| drawing::check(frame, check, result, steps));
    let spf = again(Check::Spf, mail.spf_result.as_deref());
    let signatures = recalled.signatures().map(|(kept, retold)| drawing::signature(frame, kept, &retold));
    let dmarc = again(Check::Dmarc, Some(&*mail.dmarc_result));
    spf.into_iter().chain(signatures).chain(dmarc).collect()
}

/// Returns a mail's path, as far as it is known.
fn hops(frame: &Frame, mail: &MailEvent) -> Vec<Hop> {
    let hop = |what: &str, name: String, note: String| Hop { what: frame.say(what), name, note };
    let mut hops = vec![hop(
        "desk-hop-author",
        mail.author_domain.as_deref().map_or_else(|| "–".to_owned(), shown::name),
        mail.author_reason.as_deref().map(|why| frame.phrase(why)).unwrap_or_default(),
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
