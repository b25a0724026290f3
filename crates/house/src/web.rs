//! The web desk: what the books hold, for people with a browser
//!
//! A page is a struct, its template (`templates/`) is the HTML, its handler the shortest way between the books and the page.
//! Every page works without scripts; `assets/desk.js` only adds comfort. What everybody sees around a page is its
//! [`frame::Frame`]; who may see what is decided before a handler runs ([`visitor`]).

pub(crate) mod answers;
mod asked;
mod assets;
mod books;
mod chart;
pub(crate) mod domain;
mod drawing;
pub(crate) mod drop;
mod entrance;
mod frame;
mod health;
mod identity;
mod line;
mod live;
mod message;
pub(crate) mod messages;
mod people;
pub(crate) mod reports;
mod seen;
mod settings;
mod shown;
mod simulator;
mod start;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod today;
pub(crate) mod visitor;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, any, get, post};
use sekisho_core::speech::Lang;
use sekisho_core::zone::Zone;
use tokio::sync::watch;

use self::answers::Answers;
use self::line::Line;
use self::people::{account, audit, everybody, tokens};
use crate::gate::Front;
use crate::lake::{Lake, LakeError, OpenLake};
use crate::oidc::{Provider, Travelled};
use crate::people::People;
use crate::people::access::Need;
use crate::speech::Talk;
use crate::store::{Archive, DataFolder};
use crate::webhooks::Announcer;

/// The longest request body, in octets; what is dropped may be longer ([`mod@drop`]).
pub(crate) const BODY: usize = 64 << 10;

/// What every page is made of.
pub(crate) struct Desk {
    /// The daemon.
    pub(crate) front: Arc<Front>,
    /// The data folder.
    folder: DataFolder,
    /// Reports.
    pub(crate) archive: Archive,
    /// Events.
    pub(crate) lake: Arc<dyn Lake>,
    /// What opens a lake.
    open: OpenLake,
    /// The books of the sample day, once they are open.
    sample: books::SampleBooks,
    /// The DNS of the sample day, once it was needed.
    sample_zone: OnceLock<Zone>,
    /// Who may ask the lake just now.
    pub(crate) line: Arc<Line>,
    /// What was asked just now, and found.
    answers: Answers,
    /// Who may come in.
    pub(crate) people: People,
    /// The sentences.
    speech: frame::Sentences,
    /// Who vouches for people, where anybody does.
    provider: watch::Sender<Option<Arc<Provider>>>,
    /// Who came back from the provider.
    travelled: Travelled,
}

impl Desk {
    /// Sets the desk up over the books.
    pub(crate) fn new(front: Arc<Front>, books: DeskBooks) -> Desk {
        let DeskBooks { archive, lake, open, secret, announcer } = books;
        let people = People::of(archive.clone(), secret).announced_by(announcer);
        let folder = archive.folder().clone();
        let (line, answers) = (Arc::default(), Answers::default());
        let (speech, sample) = (frame::Sentences::new(), Default::default());
        let (provider, travelled) = (watch::Sender::new(None), Travelled::default());
        let sample_zone = OnceLock::new();
        Desk {
            front,
            folder,
            archive,
            lake,
            open,
            sample,
            sample_zone,
            line,
            answers,
            people,
            speech,
            provider,
            travelled,
        }
    }

    /// Lets another provider vouch for people from now on, or none.
    pub(crate) fn trust(&self, provider: Option<Arc<Provider>>) {
        self.provider.send_replace(provider);
    }

    /// Returns who vouches for people.
    fn provider(&self) -> Option<Arc<Provider>> {
        self.provider.borrow().clone()
    }

    /// Returns the sentences of a language.
    pub(crate) fn talk(&self, lang: Lang) -> Arc<Talk> {
        self.speech.of(lang)
    }

    /// Asks a lake, on a thread that may wait.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        lake: Arc<dyn Lake>,
        question: impl FnOnce(&dyn Lake) -> Result<T, LakeError> + Send + 'static,
    ) -> Result<T, LakeError> {
        self.aside(move || question(&*lake)).await?
    }

    /// Does something that takes a while on a thread that may wait; as with questions, few at a time.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LakeError> {
        let _turn = self.line.turn().await?;
        Desk::on_a_thread(work).await
    }

    /// Does something that takes a while on a thread that may wait.
    async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LakeError> {
        tokio::task::spawn_blocking(work).await.map_err(|broken| LakeError(broken.to_string()))
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
    /// What names are hashed with where failures to sign in are counted.
    pub(crate) secret: Arc<[u8]>,
    /// Who is told of what changes about people.
    pub(crate) announcer: Announcer,
}

/// A room: its path, what a visitor needs to enter, and who answers.
type Room = (&'static str, Need, MethodRouter<Arc<Desk>>);

/// The desk's table of contents: what is where, and what a visitor needs to enter.
fn rooms() -> Vec<Room> {
    vec![
        // What happens.
        ("/", Need::Look, get(today::show)),
        ("/live", Need::Look, get(live::tell)),
        ("/messages", Need::Look, get(messages::show)),
        ("/messages/{id}", Need::Look, get(message::show)),
        // In whose name.
        ("/domains", Need::Look, get(domain::list)),
        ("/domains/{domain}", Need::Look, get(domain::show)),
        ("/domains/{domain}/omissions", Need::Look, get(domain::omissions::show)),
        ("/domains/{domain}/{file}", Need::Export, get(domain::export)),
        // What others tell, and what we told them.
        ("/reports", Need::Look, get(reports::list)),
        // Beside /reports/tls, where programs post.
        ("/reports/{id}", Need::Look, get(reports::show)),
        ("/reports/{id}/evidence", Need::LookAtEvidence, get(reports::evidence)),
        // What would happen.
        ("/simulator", Need::Simulate, get(simulator::show)),
        ("/drop", Need::Drop, get(drop::show).post(drop::judge).layer(DefaultBodyLimit::max(drop::LONGEST))),
        // The desk itself.
        ("/start", Need::LookAtHouse, get(start::show)),
        ("/settings", Need::LookAtHouse, get(settings::show)),
        ("/health", Need::LookAtHouse, get(health::show)),
        ("/health/jobs/retry", Need::ChangeSettings, post(health::given_up::retry_all)),
        ("/health/jobs/{id}/retry", Need::ChangeSettings, post(health::given_up::retry)),
        ("/sample", Need::ChangeSettings, post(start::load)),
        ("/sample/enter", Need::OwnAccount, post(start::enter)),
        ("/sample/leave", Need::OwnAccount, post(start::leave)),
        ("/sample/remove", Need::ChangeSettings, post(start::remove)),
        ("/sign-out", Need::OwnAccount, post(entrance::sign_out)),
        // One's own account.
        ("/account", Need::OwnAccount, get(account::show)),
        ("/account/name", Need::OwnAccount, post(account::rename)),
        ("/account/password", Need::OwnAccount, post(account::change_password)),
        ("/account/second-factor", Need::OwnAccount, get(account::show_factor).post(account::set_factor)),
        ("/account/second-factor/remove", Need::OwnAccount, post(account::remove_factor)),
        ("/account/identity", Need::OwnAccount, post(identity::link)),
        ("/account/identity/remove", Need::OwnAccount, post(identity::unlink)),
        ("/account/sessions/{session}/end", Need::OwnAccount, post(account::end_session)),
        ("/account/tokens", Need::OwnAccount, post(tokens::add)),
        ("/account/tokens/{id}/revoke", Need::OwnAccount, post(tokens::revoke)),
        // Everybody's.
        ("/people", Need::ManagePeople, get(everybody::show)),
        ("/people/invite", Need::ManagePeople, post(everybody::invite)),
        ("/people/{login}/appoint", Need::ManagePeople, post(everybody::appoint)),
        ("/people/{login}/disable", Need::ManagePeople, post(everybody::disable)),
        ("/people/{login}/enable", Need::ManagePeople, post(everybody::enable)),
        ("/people/{login}/reset", Need::ManagePeople, post(everybody::reset)),
        ("/audit", Need::ReadAudit, get(audit::show)),
    ]
}

/// Returns the rooms, each behind its need, and the way in.
pub(crate) fn router(desk: &Arc<Desk>) -> Router {
    let mut router = Router::new();
    for (path, need, room) in rooms() {
        let admitted = middleware::from_fn_with_state((Arc::clone(desk), need), visitor::admit);
        router = router.route(path, room.layer(admitted));
    }
    // For everybody: the way in, and where there is none. Whoever has come in finds their way on from here, too.
    let doors = Router::new()
        .route("/sign-in", get(entrance::door).post(entrance::sign_in))
        .route("/sign-in/code", post(entrance::second_factor))
        .route("/sign-in/identity", get(identity::leave))
        .route(crate::oidc::BACK, get(identity::come_back))
        .route("/join/{link}", get(entrance::welcome).post(entrance::join))
        .route("/join/{link}/identity", get(identity::join))
        .route("/look", post(frame::look))
        .route("/{*nowhere}", any(frame::nowhere))
        .layer(middleware::from_fn_with_state(Arc::clone(desk), visitor::greet));
    router
        .merge(doors)
        // What pages are made of.
        .route("/assets/{name}", get(assets::give))
        .route("/favicon.ico", get(assets::icon))
        // Where reports were.
        .route("/report/{*report}", get(reports::moved))
        .layer(middleware::from_fn_with_state(Arc::clone(desk), visitor::same_origin))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(Arc::clone(desk))
}
