//! The web desk: what the books hold, for people with a browser
//!
//! A page is a struct, its template (`templates/`) is the HTML, its handler the shortest way between the books and the page.
//! Every page works without scripts; `assets/desk.js` only adds comfort. What everybody sees around a page is its
//! [`frame::Frame`]; who may see what is decided before a handler runs ([`visitor`]).

mod assets;
mod books;
mod chart;
mod domain;
mod drawing;
mod drop;
mod frame;
mod live;
mod message;
mod messages;
mod reports;
mod seen;
mod shown;
mod simulator;
mod start;
mod today;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use crate::gate::Front;
use crate::lake::{Lake, LakeError, OpenLake};
use crate::store::{Archive, DataFolder};

/// How many questions to the lake are under way at a time: mails go before readers.
const QUESTIONS: usize = 2;
/// The longest request body, in octets; a mail that is dropped may be longer ([`drop`]).
const BODY: usize = 64 << 10;

/// What every page is made of.
pub(crate) struct Desk {
    /// The daemon.
    front: Arc<Front>,
    /// The data folder.
    folder: DataFolder,
    /// Reports.
    archive: Archive,
    /// Events.
    lake: Arc<dyn Lake>,
    /// What opens a lake.
    open: OpenLake,
    /// The books of the sample day, once they are open.
    sample: books::SampleBooks,
    /// Who may ask the lake just now.
    questions: Semaphore,
    /// The sentences.
    speech: frame::Sentences,
}

impl Desk {
    /// Sets the desk up over the books.
    pub(crate) fn new(front: Arc<Front>, books: DeskBooks) -> Desk {
        let DeskBooks { archive, lake, open } = books;
        let folder = archive.folder().clone();
        let (questions, speech, sample) = (Semaphore::new(QUESTIONS), frame::Sentences::new(), Default::default());
        Desk { front, folder, archive, lake, open, sample, questions, speech }
    }

    /// Asks a lake, on a thread that may wait.
    async fn ask<T: Send + 'static>(
        &self,
        lake: Arc<dyn Lake>,
        question: impl FnOnce(&dyn Lake) -> Result<T, LakeError> + Send + 'static,
    ) -> Result<T, LakeError> {
        let _turn = self.questions.acquire().await.map_err(|closed| LakeError(closed.to_string()))?;
        let asked = tokio::task::spawn_blocking(move || question(&*lake)).await;
        asked.unwrap_or_else(|broken| Err(LakeError(broken.to_string())))
    }
}

/// The books that a desk shows.
pub(crate) struct DeskBooks {
    /// Reports.
    pub(crate) archive: Archive,
    /// Events.
    pub(crate) lake: Arc<dyn Lake>,
    /// What opens a lake.
    pub(crate) open: OpenLake,
}

/// The desk's table of contents.
pub(crate) fn router(desk: Arc<Desk>) -> Router {
    let rooms = Router::new()
        // What happens.
        .route("/", get(today::show))
        .route("/live", get(live::tell))
        .route("/messages", get(messages::show))
        .route("/messages/{id}", get(message::show))
        // In whose name.
        .route("/domains", get(domain::list))
        .route("/domains/{domain}", get(domain::show))
        .route("/domains/{domain}/{file}", get(domain::export))
        // What others tell, and what we told them.
        .route("/reports", get(reports::list))
        .route("/reports/{id}", get(reports::show))
        .route("/reports/{id}/evidence", get(reports::evidence))
        // What would happen.
        .route("/simulator", get(simulator::show))
        .route("/drop", get(drop::show).post(drop::judge).layer(DefaultBodyLimit::max(drop::LONGEST)))
        // The desk itself.
        .route("/start", get(start::show))
        .route("/sample", post(start::load))
        .route("/sample/enter", post(start::enter))
        .route("/sample/leave", post(start::leave))
        .route("/sample/remove", post(start::remove))
        .route("/look", post(frame::look))
        .fallback(frame::nowhere)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn(visitor::same_origin))
        .with_state(desk);
    // The same for everybody.
    rooms.route("/assets/{name}", get(assets::give))
}
