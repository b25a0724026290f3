//! *Simulator*: proposed records on the left, what would become of every stream on the right, and what saves it
//!
//! What is asked stands in the address, so that it can be sent to a colleague.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::Desk;
use super::frame::{Frame, Shown};
use super::shown;
use super::visitor::Visitor;
use crate::simulate::forecast::{Asked, Forecast, Over, forecast};

/// The days that may be chosen.
const DAYS: [u32; 4] = [1, 7, 30, 90];

/// What is asked.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// The domain.
    domain: String,
    /// Records, one a line.
    records: String,
    /// Of how many days.
    days: Option<u32>,
}

/// *Simulator*.
#[derive(Template)]
#[template(path = "simulator.html")]
struct SimulatorPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// What is asked.
    wanted: &'a Wanted,
    /// Of how many days.
    days: u32,
    /// What it comes to.
    found: Option<Forecast>,
    /// Why it comes to nothing.
    refused: Option<String>,
}

/// Shows it.
pub(super) async fn show(State(desk): State<Arc<Desk>>, visitor: Visitor, Query(wanted): Query<Wanted>) -> Shown {
    let frame = &visitor.frame;
    let days = wanted.days.filter(|days| DAYS.contains(days)).unwrap_or(30);
    let (found, refused) = match desk.simulate(&visitor, &wanted, days).await {
        Ok(found) => (found, None),
        Err(why) => (None, Some(why)),
    };
    let is_asked = !wanted.domain.trim().is_empty();
    let refused = refused.or_else(|| {
        let named = [("domain", wanted.domain.trim().to_owned().into())];
        (is_asked && found.is_none()).then(|| frame.tell("desk-simulate-nothing", &named))
    });
    let page = SimulatorPage { frame, wanted: &wanted, days, found, refused };
    Ok(if page.refused.is_some() { frame.show_as(StatusCode::UNPROCESSABLE_ENTITY, &page) } else { frame.show(&page) })
}

impl Desk {
    /// Simulates what is asked, or says why that cannot be done; nothing where nothing is asked, or nothing is known.
    async fn simulate(&self, visitor: &Visitor, wanted: &Wanted, days: u32) -> Result<Option<Forecast>, String> {
        let domain = wanted.domain.trim();
        if domain.is_empty() {
            return Ok(None);
        }
        let talk = &visitor.frame.talk;
        let records: Vec<String> =
            wanted.records.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let asked = Asked::read(domain, &records, days).map_err(|why| why.say(talk))?;
        if !asked.is_within(&visitor.scope()) {
            return Err(visitor.frame.say("desk-not-yours-says"));
        }
        let (lake, source, config) = (self.lake_of(visitor), self.source_of(visitor), self.config_of(visitor));
        let _turn = self.line.turn().await.map_err(|closed| closed.0)?;
        forecast(asked, Over { lake, source, config }, talk).await.map_err(|why| {
            tracing::error!(error = %format!("{why:#}"), "a simulation failed");
            visitor.frame.say("desk-no-answer-says")
        })
    }
}
