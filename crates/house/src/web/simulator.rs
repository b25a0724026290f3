//! *Simulator*: proposed records on the left, what would become of every stream on the right, and what saves it
//!
//! What is asked stands in the address, so that it can be sent to a colleague.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::Desk;
use super::asked::{self, DAYS, Faults};
use super::frame::{Frame, Shown};
use super::shown;
use super::visitor::Visitor;
use crate::simulate::forecast::{Asked, Forecast, Over, forecast};

/// Of how many days it is where nobody says.
const USUAL: u32 = 30;

/// What is asked.
struct Wanted {
    /// The domain.
    domain: String,
    /// Records, one a line.
    records: String,
    /// Of how many days.
    days: u32,
}

/// *Simulator*.
#[derive(Template)]
#[template(path = "simulator.html")]
struct SimulatorPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// What is asked.
    wanted: &'a Wanted,
    /// What of it cannot be read.
    faults: &'a Faults,
    /// Of how many days.
    days: u32,
    /// What it comes to.
    found: Option<Forecast>,
    /// Why it comes to nothing.
    refused: Option<String>,
}

/// Shows it.
pub(super) async fn show(State(desk): State<Arc<Desk>>, mut visitor: Visitor) -> Shown {
    let mut asked = visitor.asked(&["domain", "records", "days"]);
    let (frame, wanted) = (&visitor.frame, Wanted::asked(&mut asked));
    let question = wanted.question(&mut asked, frame);
    let is_asked = question.is_some();
    let (found, refused) = match desk.simulate(&visitor, question).await {
        Ok(found) => (found, None),
        Err(why) => (None, Some(why)),
    };
    let refused = refused.or_else(|| {
        let named = [("domain", wanted.domain.clone().into())];
        (is_asked && found.is_none()).then(|| frame.tell("desk-simulate-nothing", &named))
    });
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { asked.faults.status() };
    let page = SimulatorPage { frame, wanted: &wanted, faults: &asked.faults, days: wanted.days, found, refused };
    Ok(frame.show_as(status, &page))
}

impl Wanted {
    /// Reads what is asked of the page, and notes what of it cannot be read.
    fn asked(asked: &mut asked::Asked) -> Wanted {
        asked.domain("domain");
        Wanted { domain: asked.text("domain"), records: asked.text("records"), days: asked.days(USUAL) }
    }

    /// Returns the question that it is; nothing where nothing is asked, or something of it cannot be read, which is noted.
    fn question(&self, asked: &mut asked::Asked, frame: &Frame) -> Option<Asked> {
        if self.domain.is_empty() || !asked.faults.are_none() {
            return None;
        }
        let lines = self.records.lines().map(str::trim).filter(|line| !line.is_empty());
        let records: Vec<String> = lines.map(str::to_owned).collect();
        let read = Asked::read(&self.domain, &records, self.days);
        read.map_err(|why| asked.faults.note("records", &why.say(&frame.talk))).ok()
    }
}

impl Desk {
    /// Simulates what is asked, or says why that cannot be done; nothing where nothing is asked, or nothing is known.
    async fn simulate(&self, visitor: &Visitor, asked: Option<Asked>) -> Result<Option<Forecast>, String> {
        let Some(asked) = asked else { return Ok(None) };
        let talk = &visitor.frame.talk;
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
