//! Whom the SPF record of a domain misses, and the record that names those which are the domain's own
//!
//! Nobody but the operator knows whose a source is: each that is not confirmed has a box to tick, and the address of the page is
//! the answer.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sekisho_ask::Errand;

use super::super::Desk;
use super::super::asked::{Asked, Faults};
use super::super::frame::{Frame, Shown};
use super::super::shown;
use super::super::visitor::Visitor;
use super::{Known, USUAL, subject};
use crate::config::OwnSource;
use crate::lake::LakeError;
use crate::reports::omissions::{self, Inquiry, Missed, Omissions};
use crate::spf_record::quoted;

/// How many sources of a kind are listed.
const LISTED: usize = 100;
/// The most sources that one address can confirm.
const CONFIRMED: usize = 100;

/// *Whom SPF misses*.
#[derive(Template)]
#[template(path = "omissions.html")]
struct OmissionsPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// The domain.
    domain: String,
    /// Of how many days.
    days: u32,
    /// What was asked and cannot be read.
    faults: &'a Faults,
    /// How many sources there are, and how many of them SPF lets pass.
    sources: (usize, usize),
    /// The domain's own.
    own: Vec<Line>,
    /// Those that nobody confirmed.
    unconfirmed: Vec<Line>,
    /// Those that hand on what others sent.
    relayed: Vec<Line>,
    /// The record to publish, with what it costs.
    record: Option<(String, String)>,
    /// Why none can be proposed.
    hindrance: Option<String>,
    /// What keeps what was confirmed here.
    keep: Option<String>,
}

/// A source, as it is listed.
struct Line {
    /// What it is called.
    label: String,
    /// Its address.
    address: String,
    /// How many mails.
    mails: String,
    /// What SPF says of it.
    spf: &'static str,
    /// Why it looks as if it handed mails on.
    signals: String,
    /// Whether it was confirmed on this page.
    is_ticked: bool,
}

/// What is asked of the page.
struct Wanted {
    /// Of how many days.
    days: u32,
    /// The sources that were confirmed on it.
    own: Vec<String>,
}

impl Wanted {
    /// Reads what is asked, and notes what of it cannot be taken.
    fn asked(asked: &mut Asked) -> Wanted {
        let (days, mut own) = (asked.days(USUAL[1]), asked.texts("own"));
        if own.len() > CONFIRMED {
            own.truncate(CONFIRMED);
            asked.wrong("own", "desk-wrong-many", &[("most", CONFIRMED.into())]);
        }
        Wanted { days, own }
    }
}

/// Shows it.
pub(in crate::web) async fn show(
    State(desk): State<Arc<Desk>>,
    mut visitor: Visitor,
    Path(domain): Path<String>,
) -> Shown {
    let mut asked = visitor.asked(&["days", "own"]);
    let (frame, wanted) = (&visitor.frame, Wanted::asked(&mut asked));
    let Known { domain, told, sources, .. } = desk.known(&visitor, subject(&visitor, &domain)?, wanted.days).await?;
    let mut confirmed = Vec::new();
    for text in &wanted.own {
        let own = OwnSource::read(text)
            .map_err(|why| frame.refuse(StatusCode::BAD_REQUEST, "desk-no-such-source", &why.say(&frame.talk)))?;
        confirmed.push(own);
    }
    let config = desk.config_of(&visitor);
    let own: Vec<OwnSource> = config.names.own_of(&domain).into_iter().chain(confirmed.iter().cloned()).collect();
    let named = sources.into_iter().map(|(source, named)| (source.address, named)).collect();
    let rows = omissions::rows_of(told.rows.clone(), &domain);
    let policy = config.policy();
    let inquiry = Inquiry { domain: &domain, rows: &rows, named: &named, own: &own, policy: &policy };
    let errand: Errand = omissions::errand(config.dns.timeout);
    let found = inquiry.find(&desk.source_of(&visitor), errand).await;
    let found = found.map_err(|why| frame.no_answer(&LakeError(format!("{why:#}"))))?;
    let page = OmissionsPage::new((frame, &asked.faults), &domain.to_string(), &wanted, &confirmed, &found);
    Ok(frame.show_as(asked.faults.status(), &page))
}

impl<'a> OmissionsPage<'a> {
    /// Puts into words what was found.
    fn new(
        (frame, faults): (&'a Frame, &'a Faults),
        domain: &str,
        wanted: &Wanted,
        confirmed: &[OwnSource],
        found: &Omissions,
    ) -> Self {
        let lines = |list: &[Missed]| list.iter().take(LISTED).map(|missed| Line::of(frame, wanted, missed)).collect();
        let (record, hindrance) = match &found.record {
            Some(Ok(mended)) => {
                let cost = [("lookups", u64::from(mended.lookups).into())];
                let line = format!("{}. TXT {}", mended.name, quoted(&mended.text));
                (Some((frame.tell("omissions-publish", &cost), line)), None)
            }
            Some(Err(why)) => (None, Some(frame.say(&format!("omissions-hopeless-{}", why.as_str())))),
            None => (None, None),
        };
        OmissionsPage {
            frame,
            domain: domain.to_owned(),
            days: wanted.days,
            faults,
            sources: (found.sources, found.covered),
            own: lines(&found.own),
            unconfirmed: lines(&found.unconfirmed),
            relayed: lines(&found.relayed),
            record,
            hindrance,
            keep: (!confirmed.is_empty()).then(|| omissions::keep(domain, confirmed)),
        }
    }
}

impl Line {
    /// Puts a source into words.
    fn of(frame: &Frame, wanted: &Wanted, missed: &Missed) -> Line {
        let address = missed.address.to_string();
        let label = missed.named.label(frame.talk.lang()).unwrap_or_else(|| address.clone());
        let signals = missed.signals.iter().map(|signal| frame.say(&format!("signal-{}", signal.as_str())));
        Line {
            label: shown::text(&label),
            mails: shown::number(missed.mails),
            spf: missed.spf.as_str(),
            signals: signals.collect::<Vec<_>>().join(&frame.say("comma")),
            is_ticked: wanted.own.contains(&address),
            address,
        }
    }
}
